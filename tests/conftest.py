"""Fixtures that several rooms share."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from nl2sql_arena.sandbox import Sandbox

TINY_SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, city VARCHAR, born DATE, tags VARCHAR[]);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES people (id), amount DECIMAL(10,2), status VARCHAR, placed TIMESTAMP
);
CREATE VIEW paid AS SELECT * FROM orders WHERE status = 'paid';
INSERT INTO people SELECT i, 'person ' || i, ['Rome', 'Oslo', NULL][i % 3 + 1], DATE '1990-01-01' + i::INT, ['a', 'b'] FROM range(30) r(i);
INSERT INTO orders SELECT i, i % 30, i / 4, ['paid', 'open'][i % 2 + 1], TIMESTAMP '2024-01-01' + to_hours(i) FROM range(3000) r(i);
"""


@pytest.fixture(scope="session")
def db_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small database named `tiny`, as the app names its files; read only."""
    path = tmp_path_factory.mktemp("tiny") / "tiny-0123456789ab.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TINY_SCHEMA)
    return path


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One pool for all tests: whatever a test does to it, it must still answer the next one."""
    with Sandbox(workers=2, wait_seconds=60, prepare_seconds=1.5) as pool:
        yield pool
