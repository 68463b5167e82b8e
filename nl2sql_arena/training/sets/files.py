"""DuckDB files that answers are executed on, built by our own statements from tables and rows."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from nl2sql_arena import ddl
from nl2sql_arena.database import connect_trusted
from nl2sql_arena.types import Table

ROWS_AT_ONCE = 500


def build_file(target: Path, tables: Sequence[Table], rows: ddl.Rows) -> None:
    """A DuckDB file with the tables and rows, in place of what was there; values are cast to their columns' types."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with closing(connect_trusted(target, read_only=False)) as connection:
        for statement in ddl.create_statements(tables):
            connection.execute(statement)
        for table in tables:
            found = rows.get(table.name, ())
            for start in range(0, len(found), ROWS_AT_ONCE):
                connection.execute(ddl.insert_statement(table.name, found[start : start + ROWS_AT_ONCE]))
        connection.execute("CHECKPOINT")
