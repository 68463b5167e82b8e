import json
import runpy
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import get_args

import duckdb

from nl2sql_arena import sampledata
from nl2sql_arena.compare import difference
from nl2sql_arena.database import build_from
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.golds import read
from nl2sql_arena.settings import ROOT
from nl2sql_arena.types import Category
from tests.tables import executed

FOLDER = ROOT / "benchmarks" / "databases" / "cinema"
ROWS = [json.loads(line) for line in (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
README = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())


def test_seed_0_gives_the_files_byte_for_byte(tmp_path: Path) -> None:
    sampledata.write(runpy.run_path(str(FOLDER / "generate.py"))["generate"](0), tmp_path)
    kept = {path.name: path.read_bytes() for path in (FOLDER / "data").glob("*")}
    assert {path.name for path in tmp_path.glob("*")} == set(kept)
    assert [name for name, content in kept.items() if (tmp_path / name).read_bytes() != content] == []
    assert sum(map(len, kept.values())) < 1_000_000


def test_golds_give_rows_and_the_same_on_two_threads_and_in_another_load_order(tmp_path: Path) -> None:
    data = runpy.run_path(str(FOLDER / "generate.py"))["generate"](0)
    sampledata.write({table: (columns, rows[::-1]) for table, (columns, rows) in data.items()}, tmp_path / "turned")
    build_from(FOLDER, FOLDER / "data", tmp_path / "a.duckdb")
    build_from(FOLDER, tmp_path / "turned", tmp_path / "b.duckdb")
    one, two = (duckdb.connect(str(tmp_path / f"{name}.duckdb"), read_only=True, config={"threads": n}) for name, n in (("a", 1), ("b", 2)))
    with closing(one), closing(two):
        for row in ROWS:
            for sql in row["gold_sql"]:
                first = executed(one, sql)
                assert first.rows, row["id"]
                found = difference(first, executed(two, sql))
                assert found.same or (found.same_but_order and not read(sql).ordered), row["id"]


def test_ids_and_questions_are_unique_and_are_no_questions_of_the_samples() -> None:
    samples = [path.read_text(encoding="utf-8").splitlines() for path in (ROOT / "sample_dbs").glob("*/questions.jsonl")]
    known = {json.loads(line)["question"].lower() for lines in samples for line in lines}
    assert len({row["id"] for row in ROWS}) == len({row["question"].lower() for row in ROWS}) == len(ROWS) == 60
    assert [row["id"] for row in ROWS if row["question"].lower() in known] == []
    assert {row["split"] for row in ROWS} == {"test"}
    assert {row["category"] for row in ROWS} <= set(get_args(Category))


def test_levels_are_those_of_the_readme() -> None:
    levels = Counter(spider_level(row["gold_sql"][0]) for row in ROWS if row["gold_sql"])
    stated = f"{levels['easy']} easy, {levels['medium']} medium, {levels['hard']} hard, {levels['extra']} extra hard"
    assert stated in README
    assert f"{levels.total()} questions have" in README
    assert f"{len(ROWS) - levels.total()} cannot be answered" in README
