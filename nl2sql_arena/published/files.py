"""DuckDB files that queries are executed on, built by our own statements from tables and rows."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from nl2sql_arena import ddl
from nl2sql_arena.database import connect_trusted, whole
from nl2sql_arena.schema import quoted
from nl2sql_arena.types import Table

ROWS_AT_ONCE = 5_000


def build_file(target: Path, tables: Sequence[Table], rows: Mapping[str, Iterable[ddl.Row]]) -> None:
    """A DuckDB file with the tables and rows, whole or not at all; values are cast to their columns' types and stand in no statement."""
    with whole(target) as draft, closing(connect_trusted(draft, read_only=False)) as connection:
        for statement in ddl.create_statements(tables):
            connection.execute(statement)
        for table in tables:
            left = iter(rows.get(table.name, ()))
            while some := list(islice(left, ROWS_AT_ONCE)):
                values = ", ".join("unnest(?::VARCHAR[])" for _ in table.columns)
                connection.execute(f"INSERT INTO {quoted(table.name)} SELECT {values}", list(map(list, zip(*some, strict=True))))
        connection.execute("CHECKPOINT")


def build_empty(source: Path, target: Path) -> None:
    """A DuckDB file with all that a file holds but its rows."""
    with whole(target) as draft, closing(connect_trusted()) as connection:
        for name, path, how in (("full", source, " (READ_ONLY)"), ("empty", draft, "")):
            connection.execute(f'ATTACH {ddl.literal(str(path))} AS "{name}"{how}')
        connection.execute('COPY FROM DATABASE "full" TO "empty" (SCHEMA)')
        connection.execute('DETACH "empty"')
