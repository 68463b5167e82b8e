"""Results -> numbers: accuracy by difficulty and feature, models held against each other on the same questions, and how much any of it
can tell apart. Pure.

Every share is over answerable questions that could be scored, with its n and a 95 % Wilson interval. A pair of models is compared on the
questions where both were scored. `charts` draws these numbers, the report prints them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from nl2sql_arena.benchmark import metrics
from nl2sql_arena.benchmark.metrics import GROUPS
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.stats import clustered, holm, mcnemar_exact, newcombe_paired, resolvable, wilson
from nl2sql_arena.types import LEVELS, Interval

FEW = 100
"""A share over fewer questions is drawn hollow."""


@dataclass(frozen=True)
class Paired:
    """Two models on the same n questions: how many both have right, one alone, or neither; A's accuracy less B's with Newcombe's interval
    (in -1..1); McNemar's exact two-sided `p`, and `p_holm`, the same raised for how many were looked at (see `paired`); and the smallest
    difference that could have been `resolvable` (0..1, NaN: none).
    """

    n: int
    both: int
    only_a: int
    only_b: int
    neither: int
    difference: Interval
    p: float
    p_holm: float
    resolvable: float


@dataclass(frozen=True)
class ByDatabase:
    """Accuracy over a handful of databases: `interval` takes them as the sample (see `stats.clustered`), for what another database may
    bring; `shares` are those of each. With fewer than two databases the interval is the whole range.
    """

    databases: int
    interval: Interval
    shares: Mapping[str, Interval]


def of(results: Sequence[Result], model: str) -> list[Result]:
    """A model's results that count for accuracy."""
    return [r for r in results if r.answer.model == model and r.level is not None and r.score.value is not None]


def in_group(results: Sequence[Result], group: str) -> list[Result]:
    """Those of a level, or of `all`."""
    return [each for each in results if group in ("all", each.level)]


def accuracy(results: Sequence[Result]) -> dict[str, dict[str, Interval]]:
    """Model -> level (and all) -> execution accuracy over answerable, scored questions."""
    models = dict.fromkeys(result.answer.model for result in results)
    return {model: {group: _share(in_group(of(results, model), group)) for group in GROUPS} for model in models}


def by_feature(results: Sequence[Result]) -> dict[str, dict[str, Interval]]:
    """Model -> feature of the first gold -> execution accuracy; features that no gold has are left out."""
    models = dict.fromkeys(result.answer.model for result in results)
    return {model: {name: _share(group) for name, group in metrics.by_feature(of(results, model)).items()} for model in models}


def by_count(found: Mapping[str, Mapping[str, Interval]]) -> list[str]:
    """The features of `by_feature`, those of the most questions first."""
    most: dict[str, int] = {}
    for shares in found.values():
        for name, share in shares.items():
            most[name] = max(most.get(name, 0), share.n)
    return sorted(most, key=lambda name: -most[name])


def by_database(results: Sequence[Result]) -> dict[str, ByDatabase]:
    """Model -> its accuracy with the databases as the sample."""
    found = {}
    for model in dict.fromkeys(result.answer.model for result in results):
        mine = of(results, model)
        shares = {db: _share([each for each in mine if each.example.db == db]) for db in dict.fromkeys(each.example.db for each in mine)}
        counts = [(sum(each.score.value == 1.0 for each in mine if each.example.db == db), share.n) for db, share in shares.items()]
        found[model] = ByDatabase(len(shares), clustered(counts), shares)
    return found


def paired(results: Sequence[Result], a: str, b: str, among: Sequence[str] = ()) -> dict[str, Paired]:
    """Level (and all) -> the two models on the questions where both were scored. A question is told by database and id.

    `p_holm` is raised after S. Holm, A simple sequentially rejective multiple test procedure (Scandinavian Journal of Statistics 6, 1979):
    that of `all` over all pairs of the models `among` which these two are looked at, those of levels over all pairs and levels.
    """
    others = [pair for pair in pairs(among) if set(pair) != {a, b}]
    tables = [_table(results, *pair) for pair in ((a, b), *others)]
    raised: dict[str, float] = {}
    for groups in (("all",), LEVELS):
        counted = [(index, group) for index, table in enumerate(tables) for group in groups if table[group].n]
        for (index, group), p in zip(counted, holm([tables[index][group].p for index, group in counted]), strict=True):
            if index == 0:
                raised[group] = p
    return {group: replace(each, p_holm=raised.get(group, 1.0)) for group, each in tables[0].items()}


def _table(results: Sequence[Result], a: str, b: str) -> dict[str, Paired]:
    ours = {_key(each): each for each in of(results, a)}
    theirs = {_key(each): each for each in of(results, b)}
    sides = [(each, theirs[key]) for key, each in ours.items() if key in theirs]
    return {group: _paired([(x.score.value, y.score.value) for x, y in sides if group in ("all", x.level)]) for group in GROUPS}


def pairs(models: Sequence[str]) -> list[tuple[str, str]]:
    """Each two of the models once."""
    return list(combinations(models, 2))


def resolution(results: Sequence[Result]) -> dict[str, float]:
    """Level (and all) -> the smallest difference of two of these models that their number of questions can resolve, taken for the pair
    that needs most, so that it holds for every pair. NaN where none can be, or with fewer than two models.
    """
    tables = [_table(results, a, b) for a, b in pairs(list(dict.fromkeys(result.answer.model for result in results)))]
    found = {group: [table[group].resolvable for table in tables] for group in GROUPS}
    return {group: math.nan if not each or any(map(math.isnan, each)) else max(each) for group, each in found.items()}


def abstentions(results: Sequence[Result], model: str) -> tuple[int, int, int, int]:
    """(abstained rightly, unanswerable questions, abstained wrongly, answerable questions)."""
    mine = [r for r in results if r.answer.model == model and r.score.value is not None]
    hard = [r for r in mine if r.level is None]
    easy = [r for r in mine if r.level is not None]
    return sum(r.score.value == 1.0 for r in hard), len(hard), sum(r.answer.outcome == "abstained" for r in easy), len(easy)


def p_said(p: float) -> str:
    """A p in words; 0.000 would claim more than any test can."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def as_json(figures: Mapping[str, Mapping[str, Interval]]) -> dict[str, Any]:
    """The `models` object of `bench run --json`."""
    return {
        model: {
            group: {
                "n": i.n,
                "correct": round(i.value * i.n) if i.n else 0,
                "accuracy": i.value if i.n else None,
                "low": i.low,
                "high": i.high,
            }
            for group, i in groups.items()
        }
        for model, groups in figures.items()
    }


def _key(result: Result) -> tuple[str, str]:
    return result.example.db, result.example.id


def _share(results: Sequence[Result]) -> Interval:
    return wilson(sum(each.score.value == 1.0 for each in results), len(results))


def _paired(sides: Sequence[tuple[float | None, float | None]]) -> Paired:
    both, only_a, only_b, neither = (sides.count(each) for each in ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)))
    n = both + only_a + only_b + neither
    found = newcombe_paired(both, only_a, only_b, neither)
    least = resolvable(n, (only_a + only_b) / n) if n else math.nan
    p = mcnemar_exact(only_a, only_b)
    return Paired(n, both, only_a, only_b, neither, found, p, p, least)
