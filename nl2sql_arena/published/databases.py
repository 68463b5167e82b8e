"""A published database, whatever its form, as a DuckDB file: a .duckdb file as it lies, an SQLite file or a script built into a cache.

A file or script is trusted as far as it is the user's own: an SQLite file is read as data, a script runs without files and network.
"""

import re
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from nl2sql_arena import ddl
from nl2sql_arena.database import connect_trusted, failure, whole
from nl2sql_arena.errors import BadDatabase
from nl2sql_arena.published import sqlite_files
from nl2sql_arena.published.files import build_file
from nl2sql_arena.types import Table

CREATE_TABLE = re.compile(r"\bCREATE\s+TABLE\b[^;]*;", re.IGNORECASE)
SUFFIXES = (".duckdb", ".sqlite", ".sql")
BUILDER = b"1"
"""Part of a built file's name; raised when building changes what it contains."""


def duckdb_file(source: Path, cache: Path) -> Path:
    """The DuckDB file of a database, built if it is not there. Raises BadInput, BadDatabase."""
    if source.suffix == ".duckdb":
        return source.resolve()
    target = cache / f"{source.stem}-{sha256(BUILDER + source.read_bytes()).hexdigest()[:12]}.duckdb"
    if not target.is_file():
        (sqlite_files.convert if source.suffix == ".sqlite" else _run_script)(source, target)
    return target


def described(source: Path) -> tuple[Table, ...]:
    """The tables as an SQLite file or a script describes them, with keys that a built file does not hold. Raises BadInput."""
    if source.suffix == ".sqlite":
        return tuple(sqlite_files.described(source))
    if source.suffix == ".sql":  # rows are left out, which take long to read
        return ddl.read("\n".join(CREATE_TABLE.findall(source.read_text(encoding="utf-8")))).tables
    return ()


def _run_script(script: Path, target: Path) -> None:
    """A script of statements as DuckDB runs it or, if it is of another dialect and holds literals alone, what it describes."""
    text = script.read_text(encoding="utf-8")
    with whole(target) as draft:
        with closing(connect_trusted(draft, read_only=False)) as connection:
            connection.execute("SET enable_external_access = false")
            connection.execute("SET TimeZone = 'UTC'")
            problem = failure(connection, text)
        if problem in ("", "no rows"):
            return
        draft.unlink()
        described = ddl.read(text)
        if described.notes or not described.tables:
            why = "; ".join((problem, *described.notes))
            raise BadDatabase(f"{script} does not build a database ({why}); write it in DuckDB's SQL.")
        build_file(draft, described.tables, described.rows)
