"""Numbers behind the charts: what is compared with what, and what a handful of questions or databases can tell."""

import math
from dataclasses import replace

import pytest

from nl2sql_arena.benchmark import figures, metrics
from nl2sql_arena.benchmark.metrics import leveled
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.stats import mcnemar_exact, newcombe_paired, wilson
from nl2sql_arena.types import Score
from tests.use_cases.judged import CTE, EASY, HARD, result

A_RIGHT, B_RIGHT = (True, True, True, False, True, False), (True, False, False, True, True, False)


def two(gold: str = EASY, start: int = 0) -> list[Result]:
    a = [result("a", start + n, right, gold) for n, right in enumerate(A_RIGHT)]
    return a + [result("b", start + n, right, gold) for n, right in enumerate(B_RIGHT)]


def test_two_models_are_held_against_each_other_on_the_same_questions() -> None:
    found = figures.paired(metrics.leveled(two() + two(HARD, 100), "spider"), "a", "b")
    easy = found["easy"]
    assert (easy.n, easy.both, easy.only_a, easy.only_b, easy.neither) == (6, 2, 2, 1, 1)
    assert easy.difference == newcombe_paired(2, 2, 1, 1)
    assert easy.p == mcnemar_exact(2, 1)
    assert found["all"].n == 12
    assert found["hard"] == easy
    assert found["medium"].n == 0
    assert math.isnan(found["medium"].resolvable)


def test_the_order_of_answers_does_not_matter_and_ids_may_repeat_in_another_database() -> None:
    results = two() + [replace(each, example=replace(each.example, db="bank")) for each in two()]
    shuffled = sorted(results, key=lambda each: (each.score.value or 0, each.answer.model, each.example.id))
    assert figures.paired(metrics.leveled(shuffled, "spider"), "a", "b")["all"].n == 12
    assert figures.paired(metrics.leveled(shuffled, "spider"), "a", "b") == figures.paired(metrics.leveled(results, "spider"), "a", "b")


def test_what_one_side_has_not_been_scored_on_is_not_compared() -> None:
    lost = [result("a", 1, True), result("b", 1, None), result("a", 2, True), result("a", 3, True, ""), result("b", 3, False, "")]
    assert figures.paired(metrics.leveled([*two()[:0], *lost], "spider"), "a", "b")["all"].n == 0


def test_levels_follow_the_axis() -> None:
    results = [result("a", 1, True, CTE), result("b", 1, False, CTE)]
    assert figures.paired(metrics.leveled(results, "spider"), "a", "b")["easy"].only_a == 1
    assert figures.paired(metrics.leveled(results, "duckdb"), "a", "b")["hard"].only_a == 1


def test_the_pair_that_needs_most_says_what_can_be_resolved() -> None:
    results = [result(model, n, (n * step) % 3 == 0) for model, step in (("a", 1), ("b", 1), ("c", 2)) for n in range(60)]
    differing = [result("d", n, n % 3 != 0) for n in range(60)]
    near, far = (figures.resolution(metrics.leveled(each, "spider")) for each in (results, results + differing))
    assert 0 < near["all"] < far["all"] < 1
    assert near["all"] == near["easy"]
    assert math.isnan(near["extra"])
    assert math.isnan(figures.resolution(metrics.leveled(results[:60], "spider"))["all"]), "one model differs from none"


def test_an_interval_over_databases_is_wider_where_they_differ_and_says_how_few_they_are() -> None:
    same = [result("a", n, n % 2 == 0, db=db) for db in ("shop", "bank", "clinic") for n in range(20)]
    apart = [result("a", n, right, db=db) for db, right in (("shop", True), ("bank", False), ("clinic", True)) for n in range(20)]
    agreeing, differing = (figures.by_database(metrics.leveled(each, "spider"))["a"] for each in (same, apart))
    assert (agreeing.databases, differing.databases) == (3, 3)
    assert agreeing.interval.high - agreeing.interval.low < differing.interval.high - differing.interval.low
    assert differing.shares["bank"] == wilson(0, 20)
    one = figures.by_database(metrics.leveled(same[:20], "spider"))["a"]
    assert (one.databases, one.interval.low, one.interval.high) == (1, 0.0, 1.0)


def test_a_feature_has_its_own_accuracy() -> None:
    results = [result("a", 1, True, HARD), result("a", 2, False, HARD), result("a", 3, True), result("a", 4, None, HARD)]
    assert figures.by_feature(metrics.leveled(results, "spider")) == {"a": {"nested": wilson(1, 2)}}


def test_unscored_answers_count_nowhere() -> None:
    results = metrics.leveled([result("a", 1, True), replace(result("a", 2, False), score=Score(None, "too_large"))], "spider")
    assert figures.accuracy(results)["a"]["all"] == wilson(1, 1)


def test_a_p_among_several_pairs_is_raised_after_holm_for_all_and_for_levels_apart() -> None:
    results = leveled([result(model, n, n < right) for model, right in (("a", 9), ("b", 1), ("c", 3)) for n in range(12)], "spider")
    alone = figures.paired(results, "a", "b")
    assert alone["all"].p_holm == alone["all"].p == pytest.approx(2 / 2**8)
    found = {pair: figures.paired(results, *pair, among=["a", "b", "c"]) for pair in figures.pairs(["a", "b", "c"])}
    ps = {pair: each["all"].p for pair, each in found.items()}
    assert ps == pytest.approx({("a", "b"): 2 / 2**8, ("a", "c"): 2 / 2**6, ("b", "c"): 0.5})
    raised = {pair: each["all"].p_holm for pair, each in found.items()}
    assert raised == pytest.approx({("a", "b"): 6 / 2**8, ("a", "c"): 4 / 2**6, ("b", "c"): 0.5})
    turned = figures.paired(results, "c", "a", among=["a", "b", "c"])["all"]
    assert turned.p_holm == raised["a", "c"]
    assert found["a", "b"]["easy"].p_holm == raised["a", "b"], "all are easy: levels without a question are not counted"


def test_a_p_of_nothing_is_never_said() -> None:
    assert [figures.p_said(p) for p in (1.0, 0.0484, 0.001, 0.00099, 0.0)] == ["1.000", "0.048", "0.001", "<0.001", "<0.001"]


def test_features_stand_by_how_many_questions_have_them() -> None:
    results = leveled([result("a", 1, True, HARD), result("a", 2, False, HARD), result("a", 3, True, CTE)], "spider")
    shares = figures.by_feature(results)
    counts = [shares["a"][name].n for name in figures.by_count(shares)]
    assert counts == sorted(counts, reverse=True)
    assert set(counts) == {1, 2}
