"""SQLite databases of published sets -> DuckDB files of our own making, whole or as a sample of `most` rows a table.

The file is only read, as data; every statement is ours. Left out are views and virtual tables, which run what their author wrote, and
tables and columns without a name, which SQLite allows and DuckDB does not. SQLite lets any value into any column, so a declared type is
kept only if all values fit it. Of a sample, gold and prediction are compared on the same rows, but not on all that the authors had.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nl2sql_arena import ddl
from nl2sql_arena.errors import BadInput
from nl2sql_arena.published.files import build_file
from nl2sql_arena.schema import in_quotes
from nl2sql_arena.types import Column, ForeignKey, Table

SAMPLE = 10_000
"""Rows of a table that are enough to tell whether a query runs and finds something."""
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name <> '' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
"""A virtual table has no page of its own."""
INTEGER = 2**31
MOMENTS = {"DATE": r"\d{4}-\d\d-\d\d", "TIMESTAMP": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?"}


def convert(source: Path, target: Path, most: int = 0) -> list[Table]:
    """Build the DuckDB file `target` from the tables of an SQLite file; returns them, referenced ones first. Raises BadInput."""
    with _opened(source) as connection:
        ordered = _tables(connection, most or -1)
        build_file(target, ordered, {table.name: _rows(connection, table, most or -1) for table in ordered})
    return ordered


def described(source: Path) -> list[Table]:
    """The tables with their keys, referenced ones first; types are guessed from a single row. Raises BadInput."""
    with _opened(source) as connection:
        return _tables(connection, 1)


@contextmanager
def _opened(source: Path) -> Iterator[sqlite3.Connection]:
    """An SQLite file, to be read alone. Raises BadInput, also for what the block comes across in it."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(source.resolve()))}?mode=ro&immutable=1", uri=True)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            yield connection
    except sqlite3.Error as problem:
        raise BadInput(f"{source} is not a readable SQLite database ({problem}); unpack it again.") from problem


def _tables(connection: sqlite3.Connection, most: int) -> list[Table]:
    tables = [table for (name,) in connection.execute(TABLES).fetchall() if (table := _table(connection, name, most)).columns]
    return ddl.referenced_first(ddl.with_known_keys(tables))


def _table(connection: sqlite3.Connection, name: str, most: int) -> Table:
    """A table as its first `most` rows allow to describe it: a column has its declared type if all values fit it."""
    described = connection.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?) WHERE name <> ?', [name, ""]).fetchall()
    columns = []
    for each, declared, needed, _ in described:
        found = connection.execute(f"SELECT DISTINCT v FROM (SELECT {in_quotes(each)} AS v FROM {in_quotes(name)} LIMIT ?)", [most])
        columns.append(Column(each, _type(declared, [value for (value,) in found]), nullable=not needed))
    primary = tuple(each for _, each in sorted((place, each) for each, _, _, place in described if place))
    keys: dict[int, list[tuple[str, str, str]]] = {}
    for number, other, mine, theirs in connection.execute('SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?)', [name]):
        keys.setdefault(number, []).append((other, mine, theirs or ""))
    foreign = tuple(ForeignKey(tuple(m for _, m, _ in parts), parts[0][0], tuple(t for _, _, t in parts)) for parts in keys.values())
    return Table(name, tuple(columns), primary, foreign)


def _rows(connection: sqlite3.Connection, table: Table, most: int) -> Iterator[ddl.Row]:
    """A table's rows as text, read as they are asked for."""
    wanted = ", ".join(in_quotes(column.name) for column in table.columns)
    for row in connection.execute(f"SELECT {wanted} FROM {in_quotes(table.name)} LIMIT ?", [most]):
        yield tuple(map(_text, row))


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
