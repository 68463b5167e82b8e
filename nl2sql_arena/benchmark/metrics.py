"""Results -> what else a run shows besides execution accuracy, for one model at a time. Pure.

Every share has its n and a Wilson interval; answers that our side lost (`infrastructure`) count only among the outcomes. Exact set match
and components follow Spider (see `clauses`): a component of an answer is right when it equals the gold's as a whole, so precision is over
the answers that have the clause and recall over the golds that have it; with several golds the nearest one counts. Queries are not parsed
here: the caller hands over the clauses of `queries(results)`.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from statistics import quantiles
from typing import Any, get_args

from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.clauses import COMPONENTS
from nl2sql_arena.difficulty import FEATURES, Axis, features, level
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import LEVELS, Clauses, Interval, Outcome

GROUPS = ("all", *LEVELS)
RAN = ("ok", "empty")
Read = Mapping[tuple[str, str], Clauses | None]
"""(database, query) -> its clauses."""


@dataclass(frozen=True)
class Component:
    """How often one clause is right: of the answers that have it, of the golds that have it, and the harmonic mean of both."""

    precision: Interval
    recall: Interval
    f1: float


@dataclass(frozen=True)
class Spread:
    """Half of n values lie below the median, nine in ten below `p90`; NaN where there are none."""

    n: int
    median: float
    p90: float


@dataclass(frozen=True)
class Effort:
    """Seconds until the first token and until the result table was there, tokens written, tokens a second of generation, and MB of memory
    at the fullest moment (see `Completion.peak_memory`; over the answers for which it was measured).

    Answers that were decoded together share the machine, so these seconds are those of an answer in its company.
    """

    first_token_seconds: Spread
    seconds: Spread
    tokens: Spread
    tokens_per_second: Spread
    peak_memory: Spread


@dataclass(frozen=True)
class Repairs:
    """What stood between a model's text and the query that ran: accuracy as written (an answer that was mended counts as wrong) against
    accuracy after repair, over the same answerable questions; how many answers needed any repair, and which.
    """

    n: int
    repaired: int
    as_written: Interval
    after_repair: Interval
    needed: Mapping[str, int]


@dataclass(frozen=True)
class Metrics:
    """One model's figures. Groups are `all` and the levels; outcomes have `unanswerable` beside them.

    `valid_sql`: a query that ran to its end, of all answers to answerable questions. `cut`: answers that the cap ended, of all answers;
    `uncut_accuracy`: execution accuracy without them. `right_abstentions` are of the unanswerable questions, `wrong_abstentions` of the
    answerable ones. `by_feature`: execution accuracy on questions whose gold has the feature.
    """

    model: str
    valid_sql: Mapping[str, Interval]
    exact_set_match: Mapping[str, Interval]
    components: Mapping[str, Component]
    outcomes: Mapping[str, Mapping[Outcome, int]]
    cut: Interval
    uncut_accuracy: Mapping[str, Interval]
    right_abstentions: Interval
    wrong_abstentions: Interval
    effort: Mapping[str, Effort]
    repairs: Repairs
    by_feature: Mapping[str, Interval]


def leveled(results: Sequence[Result], axis: Axis) -> list[Result]:
    """The results with the levels of an axis of difficulty."""
    return [replace(each, level=level(each.example.gold_sql[0], axis)) if each.example.gold_sql else each for each in results]


def queries(results: Sequence[Result]) -> list[tuple[str, str]]:
    """(database, query) of every gold and of every answer that is a query, each once."""
    golds = [(each.example.db, sql) for each in results for sql in each.example.gold_sql]
    return list(dict.fromkeys(golds + [(each.example.db, each.answer.prepared.sql) for each in results if _is_query(each)]))


def measure(results: Sequence[Result], read: Read) -> dict[str, Metrics]:
    """Model -> its metrics, in the order of the results."""
    models = dict.fromkeys(each.answer.model for each in results)
    return {model: _measured(model, [each for each in results if each.answer.model == model], read) for model in models}


def by_feature(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Feature -> the results whose first gold has it; a feature that none has is left out."""
    grouped = {
        name: [each for each in results if each.example.gold_sql and name in _made_of(each.example.gold_sql[0])] for name in FEATURES
    }
    return {name: group for name, group in grouped.items() if group}


@lru_cache(maxsize=8192)
def _made_of(sql: str) -> frozenset[str]:
    return frozenset(features(sql))


def _measured(model: str, results: Sequence[Result], read: Read) -> Metrics:
    ours = [each for each in results if each.answer.outcome != "infrastructure"]
    asked = [each for each in ours if each.level is not None]
    unanswerable = [each for each in ours if each.level is None]
    compared = [(each, pair) for each in asked if (pair := _compared(each, read))]
    exact = {id(each): answer == gold for each, (answer, gold) in compared}
    return Metrics(
        model=model,
        valid_sql=_shares(asked, lambda each: each.answer.outcome in RAN),
        exact_set_match=_shares([each for each, _ in compared], lambda each: exact[id(each)]),
        components={name: _component(name, [pair for _, pair in compared]) for name in COMPONENTS},
        outcomes={
            group: _outcomes(each for each in results if group in ("all", each.level or "unanswerable"))
            for group in (*GROUPS, "unanswerable")
        },
        cut=_share([each.answer.outcome == "cut" for each in ours]),
        uncut_accuracy=_accuracies([each for each in asked if each.answer.outcome != "cut"]),
        right_abstentions=_share([each.answer.outcome == "abstained" for each in unanswerable]),
        wrong_abstentions=_share([each.answer.outcome == "abstained" for each in asked]),
        effort={group: effort([each for each in ours if group in ("all", each.level)]) for group in GROUPS},
        repairs=_repairs(asked),
        by_feature={name: _accuracy(group) for name, group in by_feature(ours).items()},
    )


def _is_query(result: Result) -> bool:
    return bool(result.answer.prepared.sql) and result.answer.outcome not in ("infrastructure", "abstained", "cut")


def _compared(result: Result, read: Read) -> tuple[Clauses, Clauses] | None:
    """The answer's clauses (none where it is no query) and those of the nearest gold; None when no gold could be read."""
    db, sql = result.example.db, result.answer.prepared.sql
    answer = (read.get((db, sql)) if _is_query(result) else None) or Clauses()
    golds = [gold for each in result.example.gold_sql if (gold := read.get((db, each)))]
    if not golds:
        return None
    return answer, max(golds, key=lambda gold: (gold == answer, sum(getattr(gold, name) == getattr(answer, name) for name in COMPONENTS)))


def _component(name: str, pairs: Sequence[tuple[Clauses, Clauses]]) -> Component:
    sides = [(getattr(answer, name), getattr(gold, name)) for answer, gold in pairs]
    precision = _share([answer == gold for answer, gold in sides if answer])
    recall = _share([answer == gold for answer, gold in sides if gold])
    both = (precision.value if precision.n else 0.0) + (recall.value if recall.n else 0.0)
    f1 = 2 * precision.value * recall.value / both if both else 0.0
    return Component(precision, recall, f1 if precision.n or recall.n else math.nan)


def effort(results: Sequence[Result]) -> Effort:
    """What some answers of one model took."""
    done = [(each.answer.completion, each.answer.seconds) for each in results if each.answer.completion.finish_reason != "cancelled"]
    return Effort(
        first_token_seconds=_spread([completion.first_token_seconds for completion, _ in done if completion.tokens]),
        seconds=_spread([seconds for _, seconds in done]),
        tokens=_spread([completion.tokens for completion, _ in done]),
        tokens_per_second=_spread([completion.tokens / completion.seconds for completion, _ in done if completion.seconds > 0]),
        peak_memory=_spread([completion.peak_memory for completion, _ in done if completion.peak_memory]),
    )


def _repairs(asked: Sequence[Result]) -> Repairs:
    mended = [each for each in asked if each.answer.prepared.repairs]
    return Repairs(
        n=len(asked),
        repaired=len(mended),
        as_written=_share([each.score.value == 1.0 and not each.answer.prepared.repairs for each in asked if each.score.value is not None]),
        after_repair=_accuracy(asked),
        needed=dict(Counter(name for each in mended for name in dict.fromkeys(each.answer.prepared.repairs)).most_common()),
    )


def _outcomes(results: Any) -> dict[Outcome, int]:
    """Every outcome, also those that did not occur."""
    counted = Counter(each.answer.outcome for each in results)
    return {name: counted[name] for name in get_args(Outcome)}


def _spread(values: Sequence[float]) -> Spread:
    if len(values) < 2:
        only = values[0] if values else math.nan
        return Spread(len(values), only, only)
    tenths = quantiles(values, n=10, method="inclusive")
    return Spread(len(values), tenths[4], tenths[8])


def _share(right: Sequence[bool]) -> Interval:
    return wilson(sum(right), len(right))


def _accuracy(results: Sequence[Result]) -> Interval:
    return _share([each.score.value == 1.0 for each in results if each.score.value is not None])


def _accuracies(results: Sequence[Result]) -> dict[str, Interval]:
    return {group: _accuracy([each for each in results if group in ("all", each.level)]) for group in GROUPS}


def _shares(results: Sequence[Result], right: Callable[[Result], bool]) -> dict[str, Interval]:
    return {group: _share([right(each) for each in results if group in ("all", each.level)]) for group in GROUPS}


def as_json(figures: Any) -> Any:
    """Metrics, or any part of them, as plain JSON: records as objects, NaN as null."""
    if is_dataclass(figures):
        return {each.name: as_json(getattr(figures, each.name)) for each in fields(figures)}
    if isinstance(figures, Mapping):
        return {name: as_json(figure) for name, figure in figures.items()}
    return None if isinstance(figures, float) and math.isnan(figures) else figures


def as_text(metrics: Metrics) -> str:
    """One model's figures for people, a subject a line."""
    repairs, effort = metrics.repairs, metrics.effort["all"]
    lines = [
        ("valid SQL", _groups(metrics.valid_sql)),
        ("exact set match", _groups(metrics.exact_set_match)),
        *((f"component {name}", _component_text(part)) for name, part in metrics.components.items()),
        ("outcomes", ", ".join(f"{name} {count}" for name, count in metrics.outcomes["all"].items() if count)),
        ("cut by the cap", f"{_said(metrics.cut)}; accuracy without them {_said(metrics.uncut_accuracy['all'])}"),
        ("abstained", f"rightly {_said(metrics.right_abstentions)}, wrongly {_said(metrics.wrong_abstentions)}"),
        ("accuracy as written", f"{_said(repairs.as_written)}; after repair {_said(repairs.after_repair)}"),
        ("repaired answers", "; ".join([f"{repairs.repaired} of {repairs.n}", *(f"{name}: {n}" for name, n in repairs.needed.items())])),
        ("median (90 %)", _effort_text(effort)),
        *((f"median, {group}", _effort_text(metrics.effort[group])) for group in LEVELS if metrics.effort[group].seconds.n),
        ("accuracy by feature", ", ".join(f"{name} {_said(share)}" for name, share in metrics.by_feature.items())),
    ]
    return "\n".join(f"  {metrics.model:14} {name:20} {said}" for name, said in lines if said)


def _said(share: Interval) -> str:
    return f"{share.value:.0%} of {share.n} ({share.low:.0%} to {share.high:.0%})" if share.n else "none of 0"


def _groups(shares: Mapping[str, Interval]) -> str:
    return ", ".join(f"{group} {_said(share)}" for group, share in shares.items() if share.n)


def _component_text(part: Component) -> str:
    return f"precision {_said(part.precision)}, recall {_said(part.recall)}" + ("" if math.isnan(part.f1) else f", F1 {part.f1:.2f}")


def _effort_text(effort: Effort) -> str:
    first, whole, tokens, speed = effort.first_token_seconds, effort.seconds, effort.tokens, effort.tokens_per_second
    if not whole.n:
        return ""
    return (
        f"first token {first.median:.2g} s ({first.p90:.2g}), total {whole.median:.2g} s ({whole.p90:.2g}), "
        f"{tokens.median:.0f} tokens ({tokens.p90:.0f}), {speed.median:.0f} tokens/s, "
        + (f"peak memory {effort.peak_memory.median:,.0f} MB ({effort.peak_memory.p90:,.0f}), " if effort.peak_memory.n else "")
        + f"n={whole.n}"
    )
