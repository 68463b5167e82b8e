"""Right, or matched by luck? Right answers are held against their golds again, on the same databases with other rows.

A query may give the gold's table by chance: a missing condition that no row breaks, a constant in the place of a count. Running both
queries on several databases of one schema finds most of these (the distilled test suites of R. Zhong, T. Yu, D. Klein, Semantic evaluation
for text-to-SQL, EMNLP 2020). Here the databases are the sample databases as their own generators make them from other seeds; a database
without a generator is left out with its reason. The rows are not chosen to tell queries apart, so that what holds may still be luck.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.scorers import SCORERS, Run, once
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadDatabase
from nl2sql_arena.services import Services
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Example, Execution, Interval

SEEDS = (1, 2)
"""Of the other rows; the sample databases themselves have seed 0."""
NOTHING = (None, 0, "0", "0.0", "0.00", False)
Standing = Literal["held", "lucky", "unproven"]


@dataclass(frozen=True)
class Retried:
    """A right answer on other rows: it `held` on some and failed on none, was `lucky` (wrong on some), or is `unproven`, since on all of
    them the gold found nothing or could not be compared with. `reasons` has the verdict's word for each seed.
    """

    id: str
    db: str
    model: str
    standing: Standing
    reasons: Mapping[int, str]


@dataclass(frozen=True)
class Stricter:
    """One model's accuracy over the questions whose databases have other rows: `plain` as in the run, `stricter` without what was lucky."""

    plain: Interval
    stricter: Interval
    held: int
    lucky: tuple[Retried, ...]
    unproven: tuple[Retried, ...]


@dataclass(frozen=True)
class Variants:
    """`skipped`: database -> why it has no other rows; its questions, `skipped_questions` in all, count on neither side."""

    seeds: tuple[int, ...]
    models: Mapping[str, Stricter]
    skipped: Mapping[str, str] = field(default_factory=dict)
    skipped_questions: int = 0


def check(services: Services, results: Sequence[Result], seeds: Sequence[int] = SEEDS) -> Variants:
    """A run's right answers on other rows; builds those once."""
    asked = [each for each in results if each.example.gold_sql and each.score.value is not None]
    variants: dict[str, Database] = {}
    skipped: dict[str, str] = {}
    for db in dict.fromkeys(each.example.db for each in asked):
        try:
            made = {seed: services.engine.database(db).variant(seed) for seed in seeds}
        except BadDatabase as problem:
            skipped[db] = f"its generator fails ({problem})"
            continue
        found = {_name(db, seed): variant for seed, variant in made.items() if variant}
        variants |= found
        if not found:
            skipped[db] = "no generator of other rows (generate.py in its folder)"
    run = once(services.joined(variants).engine.run)
    counted = [each for each in asked if each.example.db not in skipped]
    retried = {id(each): _retry(each, run, seeds) for each in counted if each.score.value == 1.0}
    models = dict.fromkeys(each.answer.model for each in results)
    return Variants(
        seeds=tuple(seeds),
        models={model: _stricter([each for each in counted if each.answer.model == model], retried) for model in models},
        skipped=skipped,
        skipped_questions=len({(each.example.db, each.example.id) for each in asked if each.example.db in skipped}),
    )


def _name(db: str, seed: int) -> str:
    """What a variant is called among the databases."""
    return f"{db}, seed {seed}"


def _retry(result: Result, run: Run, seeds: Sequence[int]) -> Retried:
    verdicts = {
        seed: _verdict(replace(result.example, db=_name(result.example.db, seed)), result.answer.prepared.sql, run) for seed in seeds
    }
    standings = [standing for standing, _ in verdicts.values()]
    standing: Standing = "lucky" if "lucky" in standings else "held" if "held" in standings else "unproven"
    reasons = {seed: reason for seed, (_, reason) in verdicts.items()}
    return Retried(result.example.id, result.example.db, result.answer.model, standing, reasons)


def _verdict(example: Example, sql: str, run: Run) -> tuple[Standing, str]:
    score = SCORERS["strict"](example, sql, run)
    if score.value is None:
        return "unproven", score.reason
    if score.value == 0.0:
        return "lucky", score.reason
    if _is_hollow(run(example.db, example.gold_sql[0])):
        return "unproven", "gold_finds_nothing"
    return "held", score.reason


def _is_hollow(table: Execution) -> bool:
    """Whether a gold's table is what also a wrong query gives when nothing is found: no rows, or a single one of zeros and NULLs."""
    return not table.rows or (len(table.rows) == 1 and all(cell in NOTHING for cell in table.rows[0]))


def _stricter(counted: Sequence[Result], retried: Mapping[int, Retried]) -> Stricter:
    mine = [retried[id(each)] for each in counted if id(each) in retried]
    lucky = tuple(each for each in mine if each.standing == "lucky")
    return Stricter(
        plain=wilson(len(mine), len(counted)),
        stricter=wilson(len(mine) - len(lucky), len(counted)),
        held=sum(each.standing == "held" for each in mine),
        lucky=lucky,
        unproven=tuple(each for each in mine if each.standing == "unproven"),
    )


def as_json(found: Variants) -> dict[str, Any]:
    """The `variants` object of `bench run --json`."""
    return {
        "seeds": list(found.seeds),
        "models": {
            model: {
                "plain": _interval(each.plain),
                "stricter": _interval(each.stricter),
                "held": each.held,
                "lucky": [_retried(one) for one in each.lucky],
                "unproven": [_retried(one) for one in each.unproven],
            }
            for model, each in found.models.items()
        },
        "skipped": dict(found.skipped),
        "skipped_questions": found.skipped_questions,
    }


def _retried(each: Retried) -> dict[str, Any]:
    return {"id": each.id, "db": each.db, "reasons": {str(seed): reason for seed, reason in each.reasons.items()}}


def _interval(share: Interval) -> dict[str, float | int | None]:
    return {"value": share.value if share.n else None, "low": share.low, "high": share.high, "n": share.n}


def as_text(found: Variants) -> str:
    """For people."""
    seeds = ", ".join(map(str, found.seeds))
    lines = [f"right also on other rows (the databases made from the seeds {seeds}), with 95 % Wilson interval"]
    for model, each in found.models.items():
        lucky = ", ".join(one.id for one in each.lucky) or "none"
        lines += [
            f"  {model:14} {_said(each.stricter)}; on the run's own rows {_said(each.plain)}",
            f"  {model:14} matched by luck: {lucky}; held: {each.held}; no evidence, since golds find nothing there: {len(each.unproven)}",
        ]
    for reason in dict.fromkeys(found.skipped.values()):
        databases = ", ".join(db for db, why in found.skipped.items() if why == reason)
        lines.append(f"  left out ({found.skipped_questions} questions), {reason}: {databases}")
    return "\n".join(lines)


def _said(share: Interval) -> str:
    return f"{share.value:.1%} of {share.n} ({share.low:.1%} to {share.high:.1%})" if share.n else "none of 0"
