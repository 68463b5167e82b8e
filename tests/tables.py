"""Result tables for tests: from values, or from a trusted query on a plain connection."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from nl2sql_arena import cells
from nl2sql_arena.types import Execution, ResultColumn, Value

ROOT = Path(__file__).resolve().parent.parent
ORACLE = ROOT.parent / "shared" / "oracle"
WITHOUT_ORACLE = "the reference results (../shared/oracle) are not on this machine"


def table(types: Sequence[str], rows: Sequence[Sequence[Value]]) -> Execution:
    columns = tuple(ResultColumn(f"c{i}", kind) for i, kind in enumerate(types))
    return Execution("ok" if rows else "empty", columns, tuple(tuple(row) for row in rows), len(rows))


def executed(connection: duckdb.DuckDBPyConnection, sql: str) -> Execution:
    """What the sandbox gives for a query, without its limits."""
    connection.execute(sql)
    described = [(name, kind) for name, kind, *_ in connection.description or ()]
    casts = [cells.exact_type(kind) for _, kind in described]
    if any(casts):
        columns = ", ".join(f"CAST(#{i} AS {cast})" if cast else f"#{i}" for i, cast in enumerate(casts, 1))
        connection.execute(f"SELECT {columns} FROM ({sql})")
    encoders = [cells.encoder(kind) for _, kind, *_ in connection.description or ()]
    rows = tuple(tuple(encode(cell) for encode, cell in zip(encoders, row, strict=True)) for row in connection.fetchall())
    return Execution("ok" if rows else "empty", tuple(ResultColumn(n, str(k)) for n, k in described), rows, len(rows))


@contextmanager
def memory(script: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory, made by a trusted text."""
    connection = duckdb.connect()
    connection.execute(script)
    yield connection
    connection.close()


def database(script: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory, in UTC, made by a trusted script."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(script.read_text(encoding="utf-8"))
    return connection
