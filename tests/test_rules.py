"""How others judge: the faults that evaluation of them found, and agreement with what their own functions answered."""

import json
from collections.abc import Sequence
from functools import cache

import duckdb
import pytest

from nl2sql_arena.benchmark import rules
from nl2sql_arena.benchmark.rules import Case, Rule
from nl2sql_arena.types import Value
from tests.tables import ORACLE, WITHOUT_ORACLE, database, executed, table

PEERS: dict[str, Rule] = {
    "spider_ts": rules.spider,
    "bird_ex": rules.bird,
    "defog_exact": rules.sql_eval_exact,
    "defog_correct": rules.sql_eval,
}
EXPLAINED = {
    (
        "defog_0111",
        "defog_exact",
    ): "numpy spreads the gold's one column over two, if the rows of a DISTINCT happen to come in the same order",
    ("tricky_ty12", "defog_correct"): "pandas takes a moment in UTC and the same one without a zone for equal",
}
Rows = Sequence[Sequence[Value]]


def verdicts(gold: Rows, predicted: Rows, types: Sequence[str] = ("INTEGER",), other: Sequence[str] = (), sql: str = "") -> str:
    """One digit each for Spider, BIRD, sql-eval exact and correct."""
    case = Case("?", "", sql or "SELECT 1", table(types, gold), "SELECT 2", table(other or types, predicted))
    return "".join(str(int(rule(case))) for rule in PEERS.values())


def test_the_same_table_is_right_everywhere_and_another_value_nowhere() -> None:
    assert verdicts([[1], [2]], [[1], [2]]) == "1111"
    assert verdicts([[1], [2]], [[2], [1]]) == "1111"
    assert verdicts([[1], [2]], [[1], [3]]) == "0000"
    assert verdicts([[None]], [[0]]) == "0000"
    assert verdicts([[None]], [[None]]) == "1111"


def test_the_known_faults_are_there() -> None:
    pair = ("INTEGER", "VARCHAR")
    assert verdicts([[1], [2]], [[1], [1], [2]]) == "0111", "duplicates"
    assert verdicts([[1], [2]], [[2], [1]], sql="SELECT a FROM t ORDER BY a") == "0111", "order"
    assert verdicts([[1]], []) == "0011", "an empty answer passes for a gold of one row"
    assert verdicts([[1]], [[1], [1]]) == "0111", "a fan-out of the only row"
    assert verdicts([[1, "a"], [2, "b"]], [["a", 1], ["b", 2]], pair, pair[::-1]) == "1001", "columns swapped under the same names"
    assert verdicts([[1], [2]], [[1, "a"], [2, "b"]], ("INTEGER",), pair) == "0001", "a further column"
    assert verdicts([[1, "a"], [2, "b"]], [[1, "b"], [2, "a"]], pair) == "0000", "rows stay together"
    assert verdicts([], [], ("INTEGER",), pair) == "1111", "nothing equals nothing, whatever its columns"
    assert verdicts([["NaN"]], [["NaN"]], ("DOUBLE",)) == "0011"
    assert verdicts([[0.1 + 0.2], [1.0]], [[0.3], [1.0]], ("DOUBLE",)) == "0001"
    assert verdicts([[3]], [[3.0]], ("INTEGER",), ("DOUBLE",)) == "1111"
    assert verdicts([["2020-01-15"]], [["2020-01-15 00:00:00"]], ("DATE",), ("TIMESTAMP",)) == "0000"


def test_a_query_that_runs_on_empty_tables_is_right_for_any_question() -> None:
    gold, other = table(("INTEGER",), [[1]]), table(("INTEGER",), [])
    assert rules.runs_on_empty(Case("?", "", "", gold, "", other, runs_on_empty=True))
    assert not rules.runs_on_empty(Case("?", "", "", gold, "", gold))


def test_where_sql_eval_asks_for_order_the_direction_of_the_first_key_counts() -> None:
    gold, turned = (table(("INTEGER",), rows) for rows in ([[1], [2]], [[2], [1]]))
    up, down = "SELECT c0 FROM t ORDER BY c0 ASC", "SELECT c0 FROM t ORDER BY c0 DESC"
    assert not rules.sql_eval_exact(Case("Sort them", "", up, gold, down, turned))
    assert rules.sql_eval_exact(Case("List them", "", up, gold, down, turned))


def test_many_equal_columns_are_compared_at_once() -> None:
    rows = [[i % 2] * 26 for i in range(40)]
    assert verdicts(rows, rows[::-1], ("INTEGER",) * 26).startswith("1")
    assert verdicts(rows, [[*row[:-1], 5] for row in rows], ("INTEGER",) * 26).startswith("0")


@pytest.mark.parametrize("name", ["defog_pairs", "nsql_pairs", "spider_pairs", "tricky_cases"])
def test_the_rules_agree_with_what_their_authors_functions_answer(name: str) -> None:
    if not ORACLE.is_dir():
        pytest.skip(WITHOUT_ORACLE)

    @cache
    def connection(fixture: str) -> duckdb.DuckDBPyConnection:
        return database(ORACLE / fixture)

    judged, wrong = 0, {}
    for line in (ORACLE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["pred_status"] != "ok":
            continue
        opened = connection(row["fixture"])
        predicted = executed(opened, row["pred_sql"])
        golds = [(sql, executed(opened, sql)) for sql in row["gold_sql"]]
        for label, rule in PEERS.items():
            if isinstance(row["labels"][label], int):  # else their function raised
                category = "order_by" if row["ordered"] and name != "defog_pairs" else row.get("category", "")  # as they were called
                cases = [Case(row.get("question", ""), category, sql, gold, row["pred_sql"], predicted) for sql, gold in golds]
                judged += 1
                if any(map(rule, cases)) != bool(row["labels"][label]):
                    wrong[row["id"], label] = row["labels"][label]
    assert judged > 100
    assert {key: value for key, value in wrong.items() if key not in EXPLAINED} == {}
