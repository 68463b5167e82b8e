"""R-VES: the steps and the outliers as BIRD has them, queries in turn, and what the golds themselves would get."""

import json
import math
from collections import Counter

import pytest

from nl2sql_arena.benchmark import efficiency
from nl2sql_arena.benchmark.efficiency import Run, ratio, reward
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.types import Execution
from tests.use_cases.judged import result

GOLD, FAST, SLOW = "SELECT 1", "SELECT 1 -- fast", "SELECT 1 -- slow"


def answer(number: int, sql: str, right: bool = True) -> Result:
    return result("m", number, right, GOLD, sql=sql)


def timing(seconds: dict[str, float], failing: str = "") -> tuple[Run, list[str]]:
    """A way to run that takes as long as it is told, and the queries in the order in which they ran."""
    ran: list[str] = []

    def run(_db: str, sql: str) -> Execution:
        ran.append(sql)
        return Execution("timeout" if sql == failing else "ok", seconds=seconds[sql])

    return run, ran


@pytest.mark.parametrize(
    ("found", "expected"),
    [(9.0, 1.25), (2.0, 1.25), (1.99, 1.0), (1.0, 1.0), (0.99, 0.75), (0.5, 0.75), (0.49, 0.5), (0.25, 0.5), (0.24, 0.25), (0.0, 0.25)],
)
def test_the_steps_are_birds(found: float, expected: float) -> None:
    assert reward(found) == expected


def test_a_ratio_is_the_mean_of_pairs_without_outliers() -> None:
    assert ratio([2.0, 4.0], [1.0, 1.0]) == 3.0
    assert ratio([1.0] * 3, [1.0] * 3) == 1.0, "equal ratios are no outliers"
    assert ratio([1.0] * 20 + [100.0], [1.0] * 21) == 1.0


def test_wrong_answers_have_nothing_and_right_ones_their_step() -> None:
    run, _ = timing({GOLD: 1.0, FAST: 0.4, SLOW: 3.0})
    results = [answer(1, FAST), answer(2, SLOW), answer(3, FAST, right=False)]
    (found,) = efficiency.measure(run, results, 6).values()
    expected = [100 * math.sqrt(1.25), 100 * math.sqrt(0.5), 0.0]
    assert found.r_ves["all"].value == pytest.approx(sum(expected) / 3)
    assert found.r_ves["all"].n == 3
    assert (found.ceiling.value, found.ceiling.n) == (100.0, 2)
    assert [(one.id, one.ratio) for one in found.timed] == [("shop-1", pytest.approx(2.5)), ("shop-2", pytest.approx(1 / 3))]
    assert found.r_ves["all"].low < found.r_ves["all"].value < found.r_ves["all"].high


def test_each_query_comes_first_second_and_third_as_often() -> None:
    run, ran = timing({GOLD: 1.0, FAST: 1.0})
    efficiency.measure(run, [answer(1, FAST)], 6)
    turns = [ran[start : start + 3] for start in range(0, len(ran), 3)][1:]
    assert len(turns) == 6
    assert Counter(turn.index(FAST) for turn in turns) == {0: 2, 1: 2, 2: 2}


def test_what_does_not_run_again_is_named_and_counts_on_no_side() -> None:
    run, _ = timing({GOLD: 1.0, FAST: 1.0, SLOW: 1.0}, failing=SLOW)
    results = [answer(1, FAST), answer(2, SLOW)]
    (found,) = efficiency.measure(run, results, 6).values()
    assert (found.untimed, found.r_ves["all"].n) == (("shop-2",), 1)
    assert "left out, since they did not run again: shop-2" in efficiency.as_text({"m": found}, 6)


def test_figures_are_plain_json_with_their_repeats() -> None:
    run, _ = timing({GOLD: 1.0, FAST: 1.0})
    found = efficiency.measure(run, [answer(1, FAST)], 6)
    shown = json.loads(json.dumps(efficiency.as_json(found, 6, "duckdb"), allow_nan=False))
    (model,) = shown["models"].values()
    assert shown["repeats"] == 6
    assert model["r_ves"]["all"] == {"value": 100.0, "low": None, "high": None, "n": 1}
    assert model["timed"][0]["control"] == 1.0


def test_an_interval_stays_within_what_a_score_can_be_and_is_never_without_width() -> None:
    some = efficiency.mean([0.0] * 8 + [100.0, 70.0])
    assert some.low == 0.0
    assert some.value < some.high < efficiency.MOST
    zeros = efficiency.mean([0.0, 0.0])
    assert (zeros.low, zeros.value) == (0.0, 0.0)
    assert efficiency.mean([0.0] * 100).high < zeros.high < efficiency.MOST
    best = efficiency.mean([efficiency.MOST] * 3)
    assert best.low < best.value == pytest.approx(best.high)
