"""The verdict of `strict` and `relaxed`, on small tables, on reference pairs of other scorers, and as properties."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.benchmark.scorers import RIGHT, SCORERS, UNSCORED, once
from nl2sql_arena.types import Example, Execution, Limits, Score
from tests.tables import any_table, executed, memory, table, with_columns, with_rows

STAFF = """
    CREATE TABLE staff AS FROM (VALUES
        (1, 'Ann', 'red', 50, 10.125), (2, 'Bea', 'red', 40, 20.5), (3, 'Cid', 'blue', 40, NULL), (4, 'Dov', 'blue', 30, 1.0),
        (5, 'Eve', NULL, 30, 2.25)
    ) v(id, name, team, pay, share)
"""


@pytest.fixture(scope="module")
def staff() -> Iterator[duckdb.DuckDBPyConnection]:
    with memory(STAFF) as connection:
        yield connection


def ran(connection: duckdb.DuckDBPyConnection, sql: str) -> Execution:
    try:
        return executed(connection, sql)
    except duckdb.Error:
        return Execution("error")


def verdicts(connection: duckdb.DuckDBPyConnection, sql: str, *golds: str) -> tuple[Score, Score]:
    example = Example("1", "staff", "?", golds, "filter", "dev")
    strict, relaxed = (SCORERS[name](example, sql, lambda _db, query: ran(connection, query)) for name in ("strict", "relaxed"))
    return strict, relaxed


TOP = "SELECT name FROM staff ORDER BY pay DESC LIMIT 2"
NEXT = "SELECT name FROM staff ORDER BY pay, pay % 2 LIMIT 2 OFFSET 1"
RULES = [
    ("SELECT name FROM staff", "SELECT name AS who FROM staff ORDER BY name DESC", "match"),
    ("SELECT name, pay FROM staff", "SELECT pay, name FROM staff", "match"),
    ("SELECT name FROM staff ORDER BY id", "SELECT name FROM staff ORDER BY id DESC", "row_order"),
    ("SELECT name FROM staff ORDER BY pay", "SELECT name FROM staff ORDER BY pay, name DESC", "match_tied"),
    ("SELECT name FROM staff ORDER BY pay", "SELECT name FROM staff ORDER BY pay DESC", "row_order"),
    ("SELECT name, pay FROM staff ORDER BY pay", "SELECT pay, name FROM staff ORDER BY pay, name DESC", "match_tied"),
    ("SELECT DISTINCT pay FROM staff ORDER BY pay", "SELECT DISTINCT pay FROM staff ORDER BY pay DESC", "row_order"),
    (TOP, "SELECT name FROM staff WHERE name IN ('Ann', 'Cid') ORDER BY pay DESC", "match_tied"),
    (TOP, "SELECT name FROM staff WHERE name IN ('Ann', 'Cid') ORDER BY pay", "rows"),
    (TOP, "SELECT name FROM staff WHERE name IN ('Ann', 'Dov') ORDER BY pay DESC", "rows"),
    (TOP, "SELECT name FROM staff WHERE pay >= 40 ORDER BY pay DESC", "rows"),
    (NEXT, "SELECT name FROM staff WHERE name IN ('Eve', 'Bea') ORDER BY pay", "match_tied"),
    (NEXT, "SELECT name FROM staff WHERE name IN ('Dov', 'Cid') ORDER BY pay", "match_tied"),
    (NEXT, "SELECT name FROM staff WHERE name IN ('Dov', 'Eve') ORDER BY pay", "rows"),
    ("SELECT name FROM staff LIMIT 2", "SELECT name FROM staff ORDER BY id DESC LIMIT 2", "match_tied"),
    ("SELECT team FROM staff WHERE pay > 20 LIMIT 2", "SELECT 'blue' FROM range(2)", "match_tied"),
    ("SELECT name FROM staff LIMIT 2", "SELECT 'Ann' FROM range(2)", "rows"),
    ("SELECT name FROM staff WHERE id = 1", "SELECT * FROM staff WHERE id = 1", "extra_columns"),
    ("SELECT name FROM staff ORDER BY pay", "SELECT id, name FROM staff ORDER BY pay, name DESC", "extra_columns"),
    ("SELECT name, pay FROM staff", "SELECT name FROM staff", "columns"),
    ("SELECT name FROM staff", "SELECT id, team FROM staff", "columns"),
    ("SELECT team FROM staff", "SELECT DISTINCT team FROM staff", "duplicates"),
    ("SELECT name FROM staff WHERE id = 1", "SELECT name FROM staff, range(3) WHERE id = 1", "duplicates"),
    ("SELECT team FROM staff", "SELECT team FROM (FROM staff UNION ALL FROM staff WHERE id = 1) WHERE id < 5 OR team = 'x'", "rows"),
    ("SELECT count(*) FROM staff", "SELECT count(*) FROM staff HAVING count(*) > 9", "no_rows"),
    ("SELECT name FROM staff WHERE id > 9", "SELECT team FROM staff WHERE id > 9", "match_empty"),
    ("SELECT name FROM staff WHERE id > 9", "SELECT name, id FROM staff WHERE id > 9", "columns"),
    ("SELECT name FROM staff WHERE id > 9", "SELECT name FROM staff", "rows"),
    ("SELECT round(avg(share), 1) FROM staff", "SELECT avg(share) FROM staff", "match"),
    ("SELECT avg(share) FROM staff", "SELECT round(avg(share), 1) FROM staff", "rows"),
    ("SELECT round(avg(share), 1) FROM staff", "SELECT avg(share) + 0.1 FROM staff", "rows"),
    ("SELECT name FROM staff", "SELECT nothing FROM staff", "error"),
    ("SELECT nothing FROM staff", "SELECT name FROM staff", "gold_failed"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "sql", "reason"), RULES)
def test_each_rule_gives_its_verdict_and_reason(staff: duckdb.DuckDBPyConnection, gold: str, sql: str, reason: str) -> None:
    strict, relaxed = verdicts(staff, sql, gold)
    assert strict.reason == relaxed.reason
    assert strict.reason == reason or (reason == "match_tied" and strict.reason == "match"), "how ties stand is the engine's affair"
    assert strict.value == (None if reason in UNSCORED else float(reason in RIGHT))
    assert relaxed.value == (1.0 if reason == "extra_columns" else strict.value)


def test_any_gold_will_do_and_the_nearest_one_tells_the_difference(staff: duckdb.DuckDBPyConnection) -> None:
    golds = "SELECT id FROM staff", "SELECT name FROM staff ORDER BY id"
    assert verdicts(staff, "SELECT name FROM staff ORDER BY id", *golds)[0] == Score(1.0, "match", "gold 2 of 2")
    assert verdicts(staff, "SELECT name FROM staff ORDER BY id DESC", *golds)[0].reason == "row_order"
    lost = "SELECT nothing FROM staff"
    assert verdicts(staff, "SELECT id FROM staff", lost, *golds)[0] == Score(1.0, "match", "gold 2 of 3")
    assert verdicts(staff, "SELECT 1", lost, *golds)[0] == Score(None, "gold_failed"), "it might have matched"
    assert verdicts(staff, "SELECT nothing", lost, *golds)[0] == Score(0.0, "error")


def test_a_wrong_table_says_how(staff: duckdb.DuckDBPyConnection) -> None:
    wrong = verdicts(staff, "SELECT name FROM staff WHERE id > 1 AND id < 5 UNION ALL SELECT 'Zoe'", "SELECT name FROM staff")[0]
    assert wrong.difference == "2 rows missing, 1 rows too many, 3 right; missing: Ann; too many: Zoe"
    assert verdicts(staff, "SELECT name, id FROM staff", "SELECT id FROM staff")[0].difference == "2 columns where 1 are right"


ONE = table(["INTEGER"], [[1]])


@pytest.mark.parametrize("outcome", ["error", "timeout", "memory", "refused", "cut"])
def test_a_model_s_failure_is_wrong_by_its_own_name(outcome: Any) -> None:
    example = Example("1", "staff", "?", ("SELECT 1",), "filter", "dev")
    for scorer in SCORERS.values():
        assert scorer(example, "x", lambda _, sql: Execution(outcome) if sql == "x" else ONE) == Score(0.0, outcome)


def test_what_cannot_be_judged_counts_for_nobody() -> None:
    def found(gold: Execution, predicted: Execution, sql: str = "SELECT 1") -> Score:
        example = Example("1", "staff", "?", (sql,), "filter", "dev")
        return SCORERS["strict"](example, "x", lambda _, query: predicted if query == "x" else gold)

    assert found(ONE, Execution("infrastructure")) == Score(None, "infrastructure")
    assert found(ONE, replace(ONE, truncated=True)) == Score(None, "too_large")
    assert found(replace(ONE, truncated=True), ONE) == Score(None, "gold_failed")
    assert found(Execution("infrastructure"), ONE) == Score(None, "gold_failed")
    assert found(ONE, ONE, "SELECT 1 FRM (") == Score(None, "gold_failed"), "nothing is known of how it sorts"


def test_a_tie_that_cannot_be_looked_into_leaves_the_order_of_the_gold(staff: duckdb.DuckDBPyConnection) -> None:
    gold = "SELECT name FROM staff ORDER BY pay"
    example = Example("1", "staff", "?", (gold,), "filter", "dev")

    def run(_db: str, sql: str) -> Execution:
        return Execution("timeout") if "arena_sort_key" in sql else ran(staff, sql)

    assert SCORERS["strict"](example, "SELECT name FROM staff ORDER BY pay, name DESC", run) == Score(
        0.0, "row_order", "the same rows in another order"
    )


def test_once_runs_a_query_once_but_tries_our_own_failures_again() -> None:
    asked: list[str] = []

    def run(_db: str, sql: str, limits: Limits) -> Execution:
        asked.append(f"{sql} {limits.name}")
        return Execution("infrastructure") if len(asked) == 1 else ONE

    run_once = once(run)
    assert [run_once("staff", "q").outcome for _ in range(3)] == ["infrastructure", "ok", "ok"]
    assert asked == ["q score", "q score"]
    run_once("other", "q")
    assert len(asked) == 3


# Properties of the strict verdict


def on(gold: Execution, predicted: Execution, sql: str = "SELECT * FROM t") -> Score:
    example = Example("1", "t", "?", (sql,), "filter", "dev")
    return SCORERS["strict"](example, "x", lambda _, query: predicted if query == "x" else gold)


@given(any_table(), st.sampled_from(["SELECT * FROM t", "SELECT * FROM t ORDER BY 1", "SELECT * FROM t LIMIT 9"]))
def test_a_gold_is_right(a: Execution, sql: str) -> None:
    assert on(a, a, sql).value == 1.0
    assert on(a, a, sql).reason == ("match" if a.rows else "match_empty")


@given(any_table(), any_table())
def test_gold_and_prediction_may_change_places(a: Execution, b: Execution) -> None:
    assert on(a, b).value == on(b, a).value


@given(any_table(), st.data())
def test_order_of_rows_and_columns_and_names_do_not_count(a: Execution, data: st.DataObject) -> None:
    order, rows = data.draw(st.permutations(range(len(a.columns)))), data.draw(st.permutations(a.rows))
    moved = with_columns(with_rows(a, list(rows)), list(order))
    renamed = replace(moved, columns=tuple(replace(column, name=data.draw(st.text(max_size=3))) for column in moved.columns))
    assert on(a, renamed).value == 1.0


@given(any_table(min_rows=1), st.data(), st.sampled_from(["SELECT * FROM t", "SELECT * FROM t ORDER BY 1"]))
def test_a_changed_cell_a_dropped_duplicate_and_a_lost_row_are_seen(a: Execution, data: st.DataObject, sql: str) -> None:
    place = data.draw(st.integers(0, len(a.rows) - 1))
    twice = with_rows(a, [*a.rows, a.rows[place]])
    assert on(twice, a, sql).value == on(a, twice, sql).value == 0.0
    assert on(twice, a, sql).reason == "duplicates"
    assert on(a, with_rows(a, [row for i, row in enumerate(a.rows) if i != place]), sql).value == 0.0
    column = data.draw(st.integers(0, len(a.columns) - 1))
    others = {"BOOLEAN": "7", "VARCHAR": "zzz", "DATE": "1999-12-31", "TIMESTAMP": "1999-12-31 00:00:00", "INTEGER[]": [9]}
    changed = list(a.rows[place])
    changed[column] = others.get(a.columns[column].type, 77)
    assert on(a, with_rows(a, [*a.rows[:place], tuple(changed), *a.rows[place + 1 :]]), sql).value == 0.0
