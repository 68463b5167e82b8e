"""How fast right answers run, held against their golds: BIRD's reward-based valid efficiency score (R-VES).

For a right answer r is the mean over all repeats of the gold's seconds by the answer's, without ratios that are three standard deviations
or more from their mean. Its reward is 1.25 for r >= 2, 1 for r >= 1, 0.75 for r >= 0.5, 0.5 for r >= 0.25, else 0.25; a wrong answer has 0.
R-VES is 100 times the mean over questions of the reward's square root (`bird-bench/mini_dev`, evaluation/evaluation_ves.py at bb37377,
which repeats 100 times; where all ratios are equal it divides by zero, and here all are kept). What right means is ours, not BIRD's; of
several golds the first is timed.

The steps have no room for noise: two equal queries are as likely to give 1 as 0.75. So the gold is timed against itself in the same way,
and its score, `ceiling`, stands beside: it is what the golds would get on this machine. Queries run one at a time after all is generated,
gold, answer and gold again in turn, in each of their six orders as often, after one round that does not count. Seconds are those inside
the sandbox's worker, from the query's text to its last row: our vetting of the text, a few milliseconds, is part of both sides and draws
the ratio of two short queries towards 1. Not covered: memory, and what a larger database would show.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from statistics import fmean, median, pstdev, stdev
from typing import Any

from nl2sql_arena.benchmark.metrics import GROUPS
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.difficulty import Axis
from nl2sql_arena.stats import t_quantile, wilson
from nl2sql_arena.types import Execution, Interval

REPEATS = 12
ORDERS = tuple(permutations(range(3)))
"""In which gold, answer and gold again follow each other, a repeat each: whoever comes in the middle finds a warmer machine."""
STEPS = ((2.0, 1.25), (1.0, 1.0), (0.5, 0.75), (0.25, 0.5))
"""(least ratio, reward), the best first."""
LEAST = 0.25
MOST = 100 * math.sqrt(STEPS[0][1])
"""What a question scores at most."""
Run = Callable[[str, str], Execution]
"""(database, SQL) -> what running it gave, with the seconds that it took."""


@dataclass(frozen=True)
class Timed:
    """A right answer beside its gold: median seconds of each, the ratio (above 1: the answer is faster) with its reward, and the ratio of
    the gold to itself, `control`, with the reward that this would have.
    """

    id: str
    db: str
    model: str
    gold_seconds: float
    seconds: float
    ratio: float
    reward: float
    control: float
    control_reward: float


@dataclass(frozen=True)
class Efficiency:
    """One model's R-VES (0..112) by level, a mean over questions with its 95 % t interval; `ceiling` is what the golds of its right
    answers would get; `untimed` are right answers that did not run again, which count on no side.
    """

    r_ves: Mapping[str, Interval]
    ceiling: Interval
    timed: tuple[Timed, ...]
    untimed: tuple[str, ...]


def reward(ratio: float) -> float:
    """BIRD's step for a right answer."""
    return next((given for least, given in STEPS if ratio >= least), LEAST)


def ratio(gold: Sequence[float], answer: Sequence[float]) -> float:
    """The mean of the paired ratios of seconds, without those three standard deviations or more from their mean."""
    found = [mine / theirs for mine, theirs in zip(gold, answer, strict=True)]
    middle, reach = fmean(found), 3 * pstdev(found)
    return fmean([each for each in found if abs(each - middle) < reach] or found)


def measure(
    run: Run, results: Sequence[Result], repeats: int = REPEATS, told: Callable[[int, int], None] = lambda _done, _total: None
) -> dict[str, Efficiency]:
    """Model -> its efficiency over the answerable questions that were scored. `told` hears how many of the right answers are timed."""
    asked = [each for each in results if each.example.gold_sql and each.score.value is not None]
    right = [each for each in asked if each.score.value == 1.0]
    found: dict[int, Timed | None] = {}
    for number, each in enumerate(right, 1):
        found[id(each)] = _time(run, each, repeats)
        told(number, len(right))
    models = dict.fromkeys(each.answer.model for each in results)
    return {model: _efficiency([each for each in asked if each.answer.model == model], found) for model in models}


def _time(run: Run, result: Result, repeats: int) -> Timed | None:
    """None where one of the queries does not run this time."""
    example = result.example
    queries = [example.gold_sql[0], result.answer.prepared.sql, example.gold_sql[0]]
    seconds: list[list[float]] = [[], [], []]
    for turn in range(repeats + 1):
        for place in ORDERS[turn % len(ORDERS)]:
            done = run(example.db, queries[place])
            if done.outcome not in ("ok", "empty"):
                return None
            if turn:  # the first round warms up
                seconds[place].append(max(done.seconds, 1e-9))
    gold, answer, again = seconds
    against, control = ratio(gold, answer), ratio(gold, again)
    return Timed(
        example.id, example.db, result.answer.model, median(gold), median(answer), against, reward(against), control, reward(control)
    )


def _efficiency(asked: Sequence[Result], found: Mapping[int, Timed | None]) -> Efficiency:
    timed = [(each, one) for each in asked if (one := found.get(id(each)))]
    lost = {key for key, one in found.items() if one is None}
    by_result = {id(each): one.reward for each, one in timed}
    counted = [each for each in asked if id(each) not in lost]
    return Efficiency(
        r_ves={group: mean([_score(by_result.get(id(each), 0.0)) for each in counted if group in ("all", each.level)]) for group in GROUPS},
        ceiling=mean([_score(one.control_reward) for _, one in timed]),
        timed=tuple(one for _, one in timed),
        untimed=tuple(each.example.id for each in asked if id(each) in lost),
    )


def _score(rewarded: float) -> float:
    return 100 * math.sqrt(rewarded)


def mean(values: Sequence[float]) -> Interval:
    """A mean of scores (0..`MOST`) with its 95 % t interval, cut to that range. Where all scores are equal a t interval would have no
    width: then the share that may still be other, by Wilson's bound for none of n, may be anything. With fewer than two values it is
    unbounded.
    """
    if len(values) < 2:
        return Interval(values[0] if values else math.nan, -math.inf, math.inf, len(values))
    spread, n = stdev(values), len(values)
    reach = t_quantile(n - 1) * spread / math.sqrt(n) if spread else MOST * wilson(0, n).high
    middle = fmean(values)
    return Interval(middle, max(0.0, middle - reach), min(MOST, middle + reach), n)


def as_json(found: Mapping[str, Efficiency], repeats: int, axis: Axis) -> dict[str, Any]:
    """The `efficiency` object of `bench run --json`; `axis` is whose levels the results have."""
    return {
        "repeats": repeats,
        "axis": axis,
        "models": {
            model: {
                "r_ves": {group: _interval(share) for group, share in each.r_ves.items()},
                "ceiling": _interval(each.ceiling),
                "timed": [asdict(one) for one in each.timed],
                "untimed": list(each.untimed),
            }
            for model, each in found.items()
        },
    }


def _interval(found: Interval) -> dict[str, float | int | None]:
    return {
        "value": found.value if found.n else None,
        "low": found.low if math.isfinite(found.low) else None,
        "high": found.high if math.isfinite(found.high) else None,
        "n": found.n,
    }


def as_text(found: Mapping[str, Efficiency], repeats: int) -> str:
    """For people."""
    lines = [f"R-VES after BIRD ({repeats} repeats, one query at a time; 0 for a wrong answer), with 95 % t interval"]
    for model, each in found.items():
        groups = ", ".join(f"{group} {_said(share)}" for group, share in each.r_ves.items() if share.n)
        lines.append(f"  {model:14} {groups or 'no question was scored'}")
        if each.timed:
            against, control = median(one.ratio for one in each.timed), median(one.control for one in each.timed)
            taken = 1000 * median(one.gold_seconds for one in each.timed)
            lines.append(
                f"  {model:14} its {len(each.timed)} right answers: median ratio {against:.2f}, golds take {taken:.1f} ms; "
                f"these golds against themselves: median ratio {control:.2f}, R-VES {_said(each.ceiling)}"
            )
        if each.untimed:
            lines.append(f"  {model:14} left out, since they did not run again: {', '.join(each.untimed)}")
    return "\n".join(lines)


def _said(found: Interval) -> str:
    bounds = f" ({found.low:.1f} to {found.high:.1f})" if found.n > 1 else ""
    return f"{found.value:.1f}{bounds} of {found.n}" if found.n else "none of 0"
