"""SQLite databases of published sets -> DuckDB files of our own making, at most `MOST_ROWS` rows a table.

The file is only read, as data; every statement is ours. SQLite lets any value into any column, so a declared type is kept only if all
values fit it. What is built is a sample: gold and prediction are compared on the same rows, but not on all that the authors had.
"""

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nl2sql_arena import ddl
from nl2sql_arena.errors import BadInput
from nl2sql_arena.training.sets.files import build_file
from nl2sql_arena.types import Column, ForeignKey, Table

MOST_ROWS = 10_000
INTEGER = 2**31
MOMENTS = {"DATE": r"\d{4}-\d\d-\d\d", "TIMESTAMP": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?"}


def convert(source: Path, target: Path) -> list[Table]:
    """Build the DuckDB file `target` from the tables of an SQLite file; returns them, referenced ones first. Raises BadInput."""
    tables, rows = [], {}
    try:
        with closing(sqlite3.connect(f"file:{quote(str(source.resolve()))}?mode=ro&immutable=1", uri=True)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            listed = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
            for (name,) in listed.fetchall():
                table, found = _read(connection, name)
                tables.append(table)
                rows[name] = found
    except sqlite3.Error as problem:
        raise BadInput(f"{source} is not a readable SQLite database ({problem}); unpack it again.") from problem
    ordered = ddl.referenced_first(ddl.with_known_keys(tables))
    build_file(target, ordered, rows)
    return ordered


def _read(connection: sqlite3.Connection, name: str) -> tuple[Table, list[ddl.Row]]:
    """A table and its rows as text; a column has its declared type if all values fit it."""
    described = connection.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', [name]).fetchall()
    wanted = ", ".join(_quoted(column[0]) for column in described)
    values = connection.execute(f"SELECT {wanted} FROM {_quoted(name)} LIMIT {MOST_ROWS}").fetchall()
    kinds = [_type(declared, [row[i] for row in values]) for i, (_, declared, _, _) in enumerate(described)]
    columns = tuple(Column(each, kind, nullable=not needed) for (each, _, needed, _), kind in zip(described, kinds, strict=True))
    primary = tuple(each for _, each in sorted((place, each) for each, _, _, place in described if place))
    keys: dict[int, list[tuple[str, str, str]]] = {}
    for number, other, mine, theirs in connection.execute('SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?)', [name]):
        keys.setdefault(number, []).append((other, mine, theirs or ""))
    foreign = tuple(ForeignKey(tuple(m for _, m, _ in parts), parts[0][0], tuple(t for _, _, t in parts)) for parts in keys.values())
    return Table(name, columns, primary, foreign), [tuple(map(_text, row)) for row in values]


def _type(declared: str, values: Iterable[Any]) -> str:
    """By SQLite's rules of affinity; dates and times where every value is one."""
    kind, found = declared.upper(), [value for value in values if value is not None]
    if "INT" in kind or "BOOL" in kind:
        wanted = "INTEGER"
    elif "DATE" in kind or "TIME" in kind:
        return next((name for name, form in MOMENTS.items() if found and all(_is_moment(value, form) for value in found)), "VARCHAR")
    elif any(word in kind for word in ("CHAR", "TEXT", "CLOB", "BLOB")) or not kind:
        return "VARCHAR"
    else:
        wanted = "DOUBLE"
    if not all(isinstance(value, int | float) for value in found):
        return "VARCHAR"
    if wanted == "INTEGER" and all(isinstance(value, int) for value in found):
        return "INTEGER" if all(-INTEGER <= value < INTEGER for value in found) else "BIGINT"
    return "DOUBLE"


def _is_moment(value: Any, form: str) -> bool:
    """Whether a value is an ISO date or time of the form, of a day that exists."""
    if not isinstance(value, str) or not re.fullmatch(form, value):
        return False
    try:
        return bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _text(value: Any) -> str | None:
    """A value as text; SQLite's blobs in hexadecimal."""
    return value.hex() if isinstance(value, bytes) else None if value is None else str(value).replace("\0", "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
