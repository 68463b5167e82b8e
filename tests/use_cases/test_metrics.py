"""What a run shows besides execution accuracy: what is counted, over what, and what stays out."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from nl2sql_arena.benchmark import metrics
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.clauses import clauses
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Answer, Completion, Example, Execution, Outcome, Prepared, Prompt, Score

COLUMNS = {"customers": ("id", "name", "city"), "orders": ("id", "customer_id", "total")}
OSLO = "SELECT name FROM customers WHERE city = 'Oslo'"
NESTED = "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders)"


def result(sql: str, *golds: str, right: bool | None = False, outcome: Outcome = "ok", model: str = "m", **fields: Any) -> Result:
    completion = Completion("1", model, sql, 100, fields.get("tokens", 10), fields.get("first", 0.1), fields.get("seconds", 0.5), "stop")
    prepared = Prepared(sql, sql, fields.get("repairs", ()), outcome == "abstained")
    answer = Answer("1", model, "shop", "q", Prompt("", ""), completion, prepared, Execution(outcome), seconds=fields.get("total", 0.6))
    score = Score(None if right is None else float(right), "match" if right else "rows")
    return Result(Example("1", "shop", "q", golds, "filter", "dev"), None, answer, score)


def measured(*results: Result) -> metrics.Metrics:
    leveled = metrics.leveled(results, "spider")
    read = {query: clauses(query[1], COLUMNS) for query in metrics.queries(leveled)}
    (found,) = metrics.measure(leveled, read).values()
    return found


def test_outcomes_are_counted_apart_and_our_failures_count_nowhere_else() -> None:
    found = measured(
        result(OSLO, OSLO, right=True),
        result(OSLO, OSLO, outcome="empty"),
        result("SELEC", OSLO, outcome="error"),
        result("SELECT 1 +", NESTED, outcome="cut"),
        result("", OSLO, outcome="infrastructure", right=None),
        result("SELECT 'I do not know'", OSLO, outcome="abstained"),
        result("SELECT 'I do not know'", outcome="abstained", right=True),
        result(OSLO),
    )
    everything = found.outcomes["all"]
    assert {name: count for name, count in everything.items() if count} == {
        "ok": 2, "empty": 1, "error": 1, "cut": 1, "infrastructure": 1, "abstained": 2,
    }  # fmt: skip
    assert found.outcomes["hard"]["cut"] == 1
    assert found.outcomes["unanswerable"]["abstained"] == 1
    assert found.valid_sql["all"] == wilson(2, 5)
    assert found.cut == wilson(1, 7)
    assert found.uncut_accuracy["all"] == wilson(1, 4)
    assert (found.right_abstentions, found.wrong_abstentions) == (wilson(1, 2), wilson(1, 5))


def test_exact_match_and_components_follow_the_clauses_of_the_nearest_gold() -> None:
    other = "SELECT name FROM customers WHERE id > 3 ORDER BY id"
    found = measured(
        result("SELECT c.name FROM customers AS c WHERE c.city = 'Rome'", other, OSLO),
        result("SELECT city FROM customers WHERE city = 'Oslo'", OSLO),
        result("SELEC", other, outcome="error"),
    )
    assert found.exact_set_match["all"] == wilson(1, 3)
    assert found.components["select"].precision == wilson(1, 2)
    assert found.components["select"].recall == wilson(1, 3)
    assert found.components["where"].precision == wilson(2, 2)
    assert math.isclose(found.components["where"].f1, 2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert found.components["order"].precision.n == 0
    assert (found.components["order"].recall, found.components["order"].f1) == (wilson(0, 1), 0.0)
    assert math.isnan(found.components["group"].f1), "no query has the clause"


def test_an_unreadable_gold_leaves_exact_match_out() -> None:
    leveled = metrics.leveled([result(OSLO, OSLO)], "spider")
    (found,) = metrics.measure(leveled, {}).values()
    assert found.exact_set_match["all"].n == 0


def test_raw_is_held_against_repaired() -> None:
    fenced, quotes = "taken from a fenced block", "text in double quotes read as a value"
    found = measured(
        result(OSLO, OSLO, right=True),
        result(OSLO, OSLO, right=True, repairs=(fenced, quotes)),
        result(OSLO, OSLO, repairs=(fenced,)),
        result(OSLO, OSLO, right=None),
    ).repairs
    assert (found.n, found.repaired) == (4, 2)
    assert (found.as_written, found.after_repair) == (wilson(1, 3), wilson(2, 3))
    assert found.needed == {fenced: 2, quotes: 1}


def test_effort_is_shown_by_level() -> None:
    found = measured(
        result(OSLO, OSLO, tokens=10, seconds=0.5, first=0.1, total=0.6),
        result(OSLO, OSLO, tokens=30, seconds=0.5, first=0.3, total=1.0),
        result(NESTED, NESTED, tokens=100, seconds=2.0, first=0.2, total=2.5),
    )
    easy, everything = found.effort["easy"], found.effort["all"]
    assert (easy.tokens.n, easy.tokens.median, easy.tokens_per_second.median) == (2, 20, 40)
    assert (everything.first_token_seconds.median, everything.seconds.median) == (0.2, 1.0)
    assert found.effort["extra"].seconds.n == 0


def test_peak_memory_is_over_the_answers_for_which_it_was_measured() -> None:
    results = [result(OSLO, OSLO), result(OSLO, OSLO), result(OSLO, OSLO)]
    measured_ones = [
        replace(each, answer=replace(each.answer, completion=replace(each.answer.completion, peak_memory=megabytes)))
        for each, megabytes in zip(results, (0.0, 400.0, 600.0), strict=True)
    ]
    memory = measured(*measured_ones).effort["all"].peak_memory
    assert (memory.n, memory.median) == (2, 500.0)
    assert "peak memory 500 MB" in metrics.as_text(measured(*measured_ones))
    assert "peak memory" not in metrics.as_text(measured(*results))


def test_results_are_grouped_by_what_the_gold_is_made_of() -> None:
    found = measured(result(OSLO, OSLO), result(NESTED, NESTED, right=True), result(OSLO))
    assert found.by_feature == {"nested": wilson(1, 1)}


def test_levels_change_with_the_axis() -> None:
    cte = "WITH x AS (SELECT id FROM orders) SELECT id FROM x"
    assert [metrics.leveled([result(cte, cte)], axis)[0].level for axis in ("spider", "duckdb")] == ["easy", "hard"]  # type: ignore[arg-type]


def test_models_are_measured_apart_and_everything_can_be_said_as_json_and_as_text() -> None:
    results = metrics.leveled([result(OSLO, OSLO, right=True), result(NESTED, OSLO, model="other", repairs=("cut short",))], "spider")
    found = metrics.measure(results, {query: clauses(query[1], COLUMNS) for query in metrics.queries(results)})
    shown = json.loads(json.dumps({model: metrics.as_json(each) for model, each in found.items()}, allow_nan=False))
    assert list(shown) == ["m", "other"]
    assert set(shown["m"]["valid_sql"]["all"]) == {"value", "low", "high", "n"}
    assert shown["m"]["valid_sql"]["hard"]["value"] is None
    text = metrics.as_text(found["other"])
    assert "exact set match      all 0% of 1" in text
    assert "cut short: 1" in text


@pytest.mark.parametrize("count", [0, 1])
def test_a_run_without_answers_or_with_one_has_figures(count: int) -> None:
    found = metrics.measure([replace(result(OSLO, OSLO), level="easy")] * count, {})
    assert [metrics.as_text(each).count("\n") > 3 for each in found.values()] == [True] * count
