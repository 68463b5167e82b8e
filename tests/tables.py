"""Result tables for tests: from values, from a trusted query on a plain connection, or of any shape (Hypothesis)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
from hypothesis import strategies as st

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


def database(path: Path) -> duckdb.DuckDBPyConnection:
    """A database file, or one in memory, in UTC, made by a trusted `.sql` script.

    One thread, because rows without an ORDER BY may come in another order each time with two, and some rules judge by it.
    """
    if path.suffix != ".sql":
        return duckdb.connect(str(path), read_only=True, config={"threads": 1})
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(path.read_text(encoding="utf-8"))
    return connection


VALUES: dict[str, st.SearchStrategy[Value]] = {
    "BIGINT": st.integers(-5, 5) | st.just(2**53) | st.just(str(2**53 + 1)),
    "DOUBLE": st.sampled_from([0.0, 0.5, 1.5, -2.25, 1e300, "NaN", "Infinity"]),
    "DECIMAL(10,2)": st.sampled_from(["0.00", "1.50", "-2.25", "10.10"]),
    "VARCHAR": st.sampled_from(["", "a", "A", "a ", "1", "é", "2024-01-01 00:00:00"]),
    "DATE": st.sampled_from(["2024-01-01", "2024-02-29"]),
    "TIMESTAMP": st.sampled_from(["2024-01-01 00:00:00", "2024-01-01 10:00:00.5"]),
    "BOOLEAN": st.booleans(),
    "INTEGER[]": st.lists(st.integers(0, 2), max_size=2),
}


@st.composite
def any_table(draw: st.DrawFn, min_rows: int = 0) -> Execution:
    types = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    row = st.tuples(*(st.none() | VALUES[kind] for kind in types))
    return table(types, draw(st.lists(row, min_size=min_rows, max_size=6)))


def with_columns(given_table: Execution, order: list[int]) -> Execution:
    columns = tuple(given_table.columns[i] for i in order)
    return replace(given_table, columns=columns, rows=tuple(tuple(row[i] for i in order) for row in given_table.rows))


def with_rows(given_table: Execution, rows: list[tuple[Value, ...]]) -> Execution:
    return replace(given_table, outcome="ok" if rows else "empty", rows=tuple(rows), row_count=len(rows))
