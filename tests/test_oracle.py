"""The scorer on reference pairs with the verdicts of other scorers: which rule of docs/scoring.md explains each disagreement."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb
import pytest

from nl2sql_arena.benchmark.scorers import REASONS, RIGHT, SCORERS
from nl2sql_arena.golds import read
from nl2sql_arena.types import Example, Execution, Score
from tests.tables import ORACLE, ROOT, WITHOUT_ORACLE, database, executed

DOCS = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8")
RULES = {
    "columns": "empty tables", "no_rows": "empty tables", "duplicates": "multiset", "row_order": "order", "match_tied": "ties",
    "match_empty": "empty tables",
}  # fmt: skip
"""The rule that a reason by itself names; of columns only where there is no row."""
needs_oracle = pytest.mark.skipif(not ORACLE.exists(), reason=WITHOUT_ORACLE)


@cache
def connected(fixture: str) -> duckdb.DuckDBPyConnection:
    return database(ORACLE / fixture)


@cache
def run(fixture: str, sql: str) -> Execution:
    try:
        return executed(connected(fixture), sql)
    except duckdb.Error:
        return Execution("error")


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    for cached in (run, connected):
        cached.cache_clear()


def cases(name: str) -> list[dict[str, Any]]:
    path = ORACLE / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def judged(case: dict[str, Any]) -> Score:
    example = Example(case["id"], case["fixture"], "", tuple(case["gold_sql"]), "", "")
    return SCORERS["strict"](example, case["pred_sql"], run)


def kinds(table: Execution) -> Counter[str]:
    """How many columns are numbers, moments and texts."""
    words = {"DATE": "moment", "TIMESTAMP": "moment", "VARCHAR": "text", "DOUBLE": "fraction", "FLOAT": "fraction", "DECIMAL": "fraction"}
    return Counter(next((kind for word, kind in words.items() if column.type.startswith(word)), "whole") for column in table.columns)


def explanation(case: dict[str, Any], found: Score) -> str:
    """The rule by which we judge otherwise than the peer; empty when none does."""
    predicted = run(case["fixture"], case["pred_sql"])
    if found.reason != "match":
        return "" if found.reason == "columns" and predicted.rows else RULES.get(found.reason, "")
    number = int(found.difference.split()[1]) if found.difference else 1
    sql = case["gold_sql"][number - 1]
    gold = run(case["fixture"], sql)
    lost = kinds(gold) - kinds(predicted)
    if lost and set(kinds(predicted) - kinds(gold)) == {"text"}:
        return "dates" if "moment" in lost else "text and numbers"
    if gold.rows != predicted.rows and Counter(map(json.dumps, gold.rows)) == Counter(map(json.dumps, predicted.rows)):
        return "order" if "order by" in sql.lower() and not read(sql).ordered else ""
    return "numbers" if "fraction" in kinds(gold) else ""


@needs_oracle
@pytest.mark.parametrize("name", ["spider_pairs", "defog_pairs", "nsql_pairs"])
def test_every_disagreement_is_explained_by_a_rule(name: str) -> None:
    unanimous: dict[str, str] = {}
    for case in cases(name):
        found = judged(case)
        assert found.value is not None, case["id"]
        if found.value != float(case["expected_match"]):
            rule = explanation(case, found)
            assert rule, f"{case['id']}: {found} is not explained"
            assert f"**{rule}**" in DOCS, f"docs/scoring.md has no rule {rule}"
            unanimous |= {case["id"]: rule} if case["unanimous"] else {}
    assert unanimous == ({"defog_0039": "text and numbers", "defog_0139": "dates"} if name == "defog_pairs" else {})


@needs_oracle
@pytest.mark.parametrize("case", cases("tricky_cases"), ids=lambda case: case["id"])
def test_tricky_case(case: dict[str, Any]) -> None:
    assert judged(case).value == float(case["recommended_match"]), case["why"]


@needs_oracle
@pytest.mark.parametrize("case", cases("tie_cases"), ids=lambda case: case["id"])
def test_rows_that_tie_may_stand_in_any_order(case: dict[str, Any]) -> None:
    """But a prediction that does not sort at all is right only by luck: its rows move between keys that differ."""
    found = judged(case)
    if found.reason == "row_order":
        assert not read(case["pred_sql"]).ordered
        assert all(read(gold).ordered for gold in case["gold_sql"])
    else:
        assert found.reason in RIGHT


def test_the_reasons_are_those_of_the_documentation() -> None:
    assert re.findall(r"^\| `(\w+)` \|", DOCS, re.MULTILINE) == list(REASONS)
