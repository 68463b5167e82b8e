"""Fixtures that several rooms share."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import hypothesis
import pytest

from nl2sql_arena.sandbox import Sandbox

hypothesis.settings.load_profile("ci")  # the same examples in each run, however long they take

LONGEST = """
    training/test_mini ui/test_benchmark_tab ui/test_page training/test_phrasebook training/test_tune
    training/test_datasets use_cases/test_cli ui/test_study_page ui/test_blindness ui/test_synced_votes test_sandbox
    test_vote_stores test_vote_sync ui/test_visitor ui/test_guessing training/test_grammar test_study
    use_cases/test_bench_run training/test_prefer test_sample_dbs test_benchmark_databases backends/test_endpoint
    ui/test_payload_audit ui/test_limits ui/test_by_hand ui/test_on_zero_gpu test_vote_exports backends/test_batches
    use_cases/test_verify use_cases/test_benchmark test_zero_gpu ui/test_lost_disks
""".split()
"""Files by the time that they take: they begin first, so that at the end no process waits long for another one's file."""
TINY_SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, city VARCHAR, born DATE, tags VARCHAR[]);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES people (id), amount DECIMAL(10,2), status VARCHAR, placed TIMESTAMP
);
CREATE VIEW paid AS SELECT * FROM orders WHERE status = 'paid';
INSERT INTO people SELECT i, 'person ' || i, ['Rome', 'Oslo', NULL][i % 3 + 1], DATE '1990-01-01' + i::INT, ['a', 'b'] FROM range(30) r(i);
INSERT INTO orders SELECT i, i % 30, i / 4, ['paid', 'open'][i % 2 + 1], TIMESTAMP '2024-01-01' + to_hours(i) FROM range(3000) r(i);
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the tests of a file stay in their order."""
    here = Path(__file__).parent
    rank = {here / f"{name}.py": at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


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
    with Sandbox(workers=2, wait_seconds=60, prepare_seconds=30) as pool:
        yield pool


@pytest.fixture(scope="module")
def hasty() -> Iterator[Sandbox]:
    """A pool that gives up soon on a text that it is to read, for those that have no end."""
    with Sandbox(workers=1, wait_seconds=60, prepare_seconds=2) as pool:
        yield pool
