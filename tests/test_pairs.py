"""Stored golds and predictions with databases of their own: what is built, what is run, what is said."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql_arena.benchmark import pairs
from nl2sql_arena.benchmark.pairs import Scored
from nl2sql_arena.errors import BadDatabase, BadInput
from nl2sql_arena.sandbox import Sandbox

SCRIPT = """
    CREATE TABLE cities (name VARCHAR, people INTEGER);
    INSERT INTO cities VALUES ('Oslo; Norway', 7), ('Rome', 28), ('Bonn', NULL);
    CREATE SCHEMA far;
    CREATE TABLE far.islands AS SELECT 'Malta' AS name;
"""
ROME = "SELECT name FROM cities WHERE people > 10"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as pool:
        yield pool


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same cities as a script, a DuckDB file and an SQLite file."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "cities.sql").write_text(SCRIPT)
    (folder / "broken.sql").write_text("CREATE TABLE cities (name VARCHAR); INSERT INTO towns VALUES (1)")
    (folder / "curious.sql").write_text(f"CREATE TABLE cities AS SELECT content AS name FROM read_text('{folder}/cities.sql')")
    with closing(duckdb.connect(str(folder / "towns.duckdb"))) as connection:
        connection.execute(SCRIPT)
    with closing(sqlite3.connect(folder / "old.sqlite")) as connection:
        connection.executescript("CREATE TABLE cities (name TEXT, people INT); INSERT INTO cities VALUES ('Rome', 28), ('Bonn', 1)")
    return folder


def scored(sandbox: Sandbox, root: Path, tmp_path: Path, *rows: dict[str, Any]) -> list[Scored]:
    file = tmp_path / "pairs.jsonl"
    defaults = {"id": "p", "gold_sql": [ROME], "pred_sql": ROME, "fixture": "cities.sql"}
    file.write_text("\n".join(json.dumps(defaults | row) for row in rows) + "\n")
    return list(pairs.score(pairs.read(file), root, tmp_path / "cache", sandbox))


def test_a_pair_is_judged_on_its_own_database(sandbox: Sandbox, root: Path, tmp_path: Path) -> None:
    found = scored(
        sandbox, root, tmp_path,
        {"id": 7},
        {"fixture": "towns.duckdb", "pred_sql": "SELECT 'Rome' AS x"},
        {"fixture": "towns.duckdb", "pred_sql": "SELECT name, people FROM cities WHERE people > 10"},
        {"pred_sql": "SELECT name FROM cities"},
        {"gold_sql": ["SELECT name FROM far.islands"], "pred_sql": "SELECT islands.name FROM far.islands"},
        {"gold_sql": ROME, "pred_sql": "SELECT 'Rome'"},
    )  # fmt: skip
    assert found == [
        Scored(7, True, True, "ok", "match"), Scored("p", True, True, "ok", "match"), Scored("p", False, True, "ok", "extra_columns"),
        Scored("p", False, False, "ok", "rows"), Scored("p", True, True, "ok", "match"), Scored("p", True, True, "ok", "match"),
    ]  # fmt: skip
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".duckdb"]


def test_queries_of_another_dialect_are_translated(sandbox: Sandbox, root: Path, tmp_path: Path) -> None:
    found = scored(
        sandbox, root, tmp_path,
        {"fixture": "old.sqlite", "dialect": "sqlite", "gold_sql": ["SELECT IFNULL(name, '') FROM cities WHERE name = \"Rome\""]},
        {"fixture": "old.sqlite", "dialect": "sqlite", "pred_sql": 'SELECT name FROM cities WHERE name = "Rome"'},
        {"dialect": "postgres", "gold_sql": ["SELECT people / 8 FROM cities WHERE name = 'Rome'"], "pred_sql": "SELECT 3"},
        {"dialect": "duckdb", "gold_sql": ["SELECT 28 / 8"], "pred_sql": "SELECT people / 8 FROM cities WHERE name = 'Rome'"},
    )  # fmt: skip
    assert [(each.strict, each.outcome) for each in found] == [(True, "ok")] * 4


def test_golds_and_predictions_pass_the_sandbox(sandbox: Sandbox, root: Path, tmp_path: Path) -> None:
    theft = f"SELECT content FROM read_text('{root}/cities.sql')"
    found = scored(
        sandbox, root, tmp_path,
        {"pred_sql": "DROP TABLE cities"},
        {"pred_sql": theft},
        {"gold_sql": [theft], "pred_sql": theft},
        {"pred_sql": "SELECT nothing"},
        {"pred_sql": ""},
        {"pred_sql": "SELECT name FROM far.nowhere"},
    )  # fmt: skip
    assert [(each.strict, each.outcome, each.reason) for each in found] == [
        (False, "refused", "refused"), (False, "refused", "refused"), (None, "refused", "gold_failed"), (False, "error", "error"),
        (False, "error", "error"), (False, "error", "error"),
    ]  # fmt: skip


def test_where_there_is_no_gold_abstaining_is_right(sandbox: Sandbox, root: Path, tmp_path: Path) -> None:
    unknown = "SELECT 'I do not know' AS answer"
    found = scored(sandbox, root, tmp_path, {"gold_sql": [], "pred_sql": unknown}, {"gold_sql": []}, {"pred_sql": unknown})
    assert [(each.strict, each.relaxed, each.outcome, each.reason) for each in found] == [
        (True, True, "abstained", "match"), (False, False, "ok", "answered_unanswerable"), (False, False, "abstained", "abstained"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"fixture": "missing.sql"}, "There is no fixture .*missing.sql; name one that ends in .duckdb, .sqlite, .sql"),
        ({"fixture": "cities.csv"}, "There is no fixture"),
        ({"fixture": "broken.sql"}, "broken.sql does not build a database .*towns"),
        ({"fixture": "curious.sql"}, "curious.sql does not build a database"),
        ({"dialect": "oracle"}, "Line 1 has the dialect 'oracle'; known are duckdb, postgres, sqlite"),
        ({"gold_sql": [1]}, "Line 1 has a gold_sql that is no list of texts"),
        ({"pred_sql": None}, "Line 1 has a gold_sql that is no list of texts, or a pred_sql"),
    ],
)
def test_what_cannot_be_used_is_named(sandbox: Sandbox, root: Path, tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises((BadInput, BadDatabase), match=said):
        scored(sandbox, root, tmp_path, row)


def test_a_line_that_is_no_pair_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"id": 1, "gold_sql": [], "pred_sql": "", "fixture": ""}\n\n{"id": 2}\n')
    with pytest.raises(BadInput, match=r'Line 3 is not {"id", "gold_sql", "pred_sql", "fixture"}'):
        pairs.read(file)
    file.write_text("nonsense\n")
    with pytest.raises(BadInput, match="Line 1 is not JSON"):
        pairs.read(file)
    with pytest.raises(BadInput, match="cannot be read"):
        pairs.read(tmp_path / "missing.jsonl")
