import json
import runpy
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from nl2sql_arena import sampledata
from nl2sql_arena.compare import difference
from nl2sql_arena.database import build_from
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.golds import read
from nl2sql_arena.settings import ROOT
from nl2sql_arena.types import LEVELS, Category
from tests.tables import executed

FOLDERS = sorted(path.parent for path in (ROOT / "sample_dbs").glob("*/schema.sql"))
QUESTIONS = {
    folder.name: [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()] for folder in FOLDERS
}
ALL = [row for rows in QUESTIONS.values() for row in rows]
ANSWERABLE = [row for row in ALL if row["gold_sql"]]
SHARES = {"arena": 0.2, "dev": 0.3, "test": 0.5}
each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@cache
def generated(folder: Path, seed: int = 0) -> sampledata.Data:
    data: sampledata.Data = runpy.run_path(str(folder / "generate.py"))["generate"](seed)
    return data


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any, Any]]:
    """A folder, its database on one thread, and one on two threads whose rows were loaded in reverse."""
    folder, made = request.param, tmp_path_factory.mktemp(request.param.name)
    turned = {table: (columns, rows[::-1]) for table, (columns, rows) in generated(folder).items()}
    sampledata.write(turned, made / "turned")
    build_from(folder, folder / "data", made / "a.duckdb")
    build_from(folder, made / "turned", made / "b.duckdb")
    one, two = (duckdb.connect(str(made / name), read_only=True, config={"threads": n}) for name, n in (("a.duckdb", 1), ("b.duckdb", 2)))
    with closing(one), closing(two):
        yield folder, one, two


def test_there_are_five() -> None:
    assert len(FOLDERS) == 5


# Data


@each_folder
def test_seed_0_gives_the_files_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    sampledata.write(generated(folder), tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    kept = {path.name: path.read_bytes() for path in (folder / "data").glob("*")}
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == []


def test_another_seed_gives_other_data_on_which_the_questions_still_make_sense(tmp_path: Path) -> None:
    folder = ROOT / "sample_dbs" / "shop"
    data = generated(folder, 1)
    assert data.keys() == generated(folder).keys()
    assert data["orders"] != generated(folder)["orders"]
    sampledata.write(data, tmp_path)
    build_from(folder, tmp_path, tmp_path / "shop.duckdb")
    golds = [row["gold_sql"][0] for row in QUESTIONS["shop"] if row["gold_sql"] and not row["may_be_empty"]]
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as connection:
        empty = [sql for sql in golds if not connection.execute(sql).fetchall()]
    assert len(empty) <= len(golds) // 20


def test_size_in_all() -> None:
    files = [path for folder in FOLDERS for path in (folder / "data").glob("*.csv")]
    assert sum(path.stat().st_size for path in files) < 15_000_000


def test_rows_in_all() -> None:
    rows = sum(len(table_rows) for folder in FOLDERS for _, table_rows in generated(folder).values())
    assert 100_000 <= rows <= 500_000


def test_every_table_and_column_is_explained(loaded: tuple[Path, Any, Any]) -> None:
    _, connection, _ = loaded
    silent = connection.execute(
        "SELECT table_name || '.' || column_name FROM duckdb_columns() WHERE NOT internal AND coalesce(comment, '') = '' "
        "UNION ALL SELECT table_name FROM duckdb_tables() WHERE coalesce(comment, '') = ''"
    ).fetchall()
    assert silent == []


@each_folder
def test_the_readme_says_where_data_and_questions_come_from(folder: Path) -> None:
    readme = (folder / "README.md").read_text(encoding="utf-8").lower()
    assert "synthetic" in readme
    assert "language model" in readme


def test_names_carry_apostrophes_and_accents(loaded: tuple[Path, Any, Any]) -> None:
    folder, _, _ = loaded
    text = "".join(path.read_text(encoding="utf-8") for path in (folder / "data").glob("*.csv"))
    assert "'" in text
    assert not text.isascii()
    assert sampledata.NULL in text


# Questions


@each_folder
def test_questions_have_the_fields_of_the_contract(folder: Path) -> None:
    rows = QUESTIONS[folder.name]
    assert len(rows) == 120
    for row in rows:
        assert set(row) == {"id", "question", "gold_sql", "category", "split", "may_be_empty"}
        assert row["id"].startswith(f"{folder.name}-")
        assert row["question"].strip() == row["question"] != ""
        assert isinstance(row["gold_sql"], list)
        assert row["split"] in SHARES
        assert isinstance(row["may_be_empty"], bool)
    assert {row["category"] for row in rows if row["gold_sql"]} <= set(get_args(Category))


def test_ids_and_questions_are_unique() -> None:
    for field in ("id", "question"):
        repeated = {value: n for value, n in Counter(row[field].lower() for row in ALL).items() if n > 1}
        assert repeated == {}


def test_golds_use_neither_clock_nor_chance() -> None:
    for row in ANSWERABLE:
        for sql in map(str.lower, row["gold_sql"]):
            assert not any(word in sql for word in ("current_date", "current_timestamp", "now(", "today(", "random(", "uuid(")), row["id"]


def test_golds_run_give_rows_and_match_themselves_over_threads_and_load_order(loaded: tuple[Path, Any, Any]) -> None:
    folder, one, two = loaded
    for row in QUESTIONS[folder.name]:
        for sql in row["gold_sql"]:
            first, second = executed(one, sql), executed(two, sql)
            assert first.rows or row["may_be_empty"], row["id"]
            assert len(first.rows) <= 5_000, row["id"]
            found = difference(first, second)
            assert found.same or (found.same_but_order and not read(sql).ordered), row["id"]


def test_every_level_has_at_least_120_questions() -> None:
    levels = Counter(spider_level(row["gold_sql"][0]) for row in ANSWERABLE)
    assert set(levels) == set(LEVELS)
    assert min(levels.values()) >= 120, levels


def test_one_question_in_twenty_has_no_answer() -> None:
    for name, rows in QUESTIONS.items():
        assert sum(not row["gold_sql"] for row in rows) == 6, name
    assert len(ALL) - len(ANSWERABLE) == len(ALL) // 20


@pytest.mark.parametrize("level", ["all", *LEVELS])
def test_splits_are_a_fifth_three_tenths_and_a_half(level: str) -> None:
    rows = ALL if level == "all" else [row for row in ANSWERABLE if spider_level(row["gold_sql"][0]) == level]
    for split, share in SHARES.items():
        assert abs(sum(row["split"] == split for row in rows) / len(rows) - share) <= 0.02, split


# Words


def test_nobody_claims_to_have_written_by_hand() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout, so there is no list of the project's files")
    word = "hand" + "-written"
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert [path.name for path in files if path.is_file() and word in path.read_text(encoding="utf-8", errors="ignore").lower()] == []
