"""Does an answer survive another guise of its question? `SLICES`: the same questions reworded, or asked about a database that looks other.

Each slice is paired with the run's own answers: accuracy before and after on the same questions, the drop with Newcombe's paired interval,
and McNemar's exact p, raised after Holm over all slices and models of a run. Changes are made by rule and by seed (`rewording`,
`disguises`); the gold stays valid, as `disguises` proves by running it. The slices are of the kinds of Dr.Spider (S. Chang et al., ICLR
2023), and their figures are not comparable with its. Not covered: questions whose right answer is to abstain, and several changes at once.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nl2sql_arena.benchmark import disguises, rewording
from nl2sql_arena.benchmark.disguises import DISGUISES
from nl2sql_arena.benchmark.rewording import Reword, Wording
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadDatabase, BadInput, Infrastructure
from nl2sql_arena.services import Services
from nl2sql_arena.settings import QUESTION_CHARS
from nl2sql_arena.stats import holm, mcnemar_exact, newcombe_paired, wilson
from nl2sql_arena.types import SCORE, Example, Execution, Interval

SEED = 0
REWORDINGS: dict[str, Reword] = {
    "paraphrase": rewording.paraphrase, "synonyms": rewording.synonyms, "typos": rewording.typos
}  # fmt: skip
SLICES: dict[str, str] = {
    "paraphrase": "another frame around the question, or its sentences in another order",
    "synonyms": "phrases of general English exchanged",
    "typos": "a typo for every eight words, never in a value",
    "columns": "every column under another name",
    "distractors": "three further tables in the schema",
    "names": "unusual and non-Western names in the question and the rows",
}
"""Slice -> what is changed in it, by rule."""


@dataclass(frozen=True)
class Posed:
    """A question in another guise: the `example` to ask, the question it is of, by database and id, and what was changed."""

    slice: str
    original: tuple[str, str]
    example: Example
    change: str


@dataclass(frozen=True)
class Guises:
    """All that is to be asked, the databases that it is asked about, and for each slice why other questions are not in it."""

    posed: tuple[Posed, ...]
    databases: Mapping[str, Database]
    left: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Drop:
    """One model on one slice: n questions that were scored in both guises, accuracy before and after, before less after with its interval
    (-1..1), the questions that were `lost` and `gained`, and how many of the slice were `unscored` in one of the guises.
    """

    n: int
    before: Interval
    after: Interval
    drop: Interval
    p: float
    p_holm: float
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    unscored: int


@dataclass(frozen=True)
class Robustness:
    """`drops`: slice -> model -> what became of its answers; the guises and their answers stay, so that each can be looked at."""

    drops: Mapping[str, Mapping[str, Drop]]
    guises: Guises
    results: tuple[Result, ...] = field(repr=False)


def chosen(text: str) -> tuple[str, ...]:
    """The slices that a comma-separated list names; "all" are all. Raises BadInput."""
    wanted = tuple(SLICES) if text == "all" else tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in wanted if name not in SLICES]
    if unknown or not wanted:
        raise BadInput(f"There is no robustness slice '{', '.join(unknown)}'; choose of {', '.join(SLICES)}.")
    return wanted


def pose(services: Services, examples: Sequence[Example], slices: Sequence[str], seed: int = SEED) -> Guises:
    """The answerable examples in each of the guises. Copies of databases are built once. Raises BadDatabase for an original."""
    asked = [each for each in examples if each.gold_sql]
    by_db = {db: [each for each in asked if each.db == db] for db in dict.fromkeys(each.db for each in asked)}
    posed: list[Posed] = []
    databases: dict[str, Database] = {}
    left: dict[str, dict[str, str]] = {name: {} for name in slices}
    known = rewording.words(each.question for each in asked)
    for name in slices:
        for db, some in by_db.items():
            database = services.engine.database(db)
            if name in REWORDINGS:
                found = reworded(REWORDINGS[name], name, database, some, known, seed)
            else:
                found = _disguised(services, name, database, some, seed)
            databases |= found.databases
            left[name] |= found.left
            posed += [
                Posed(name, (db, original), replace(example, id=f"{original}~{name}"), change)
                for original, (example, change) in found.posed.items()
            ]
    return Guises(tuple(posed), databases, left)


def reworded(
    rule: Reword, name: str, database: Database, examples: Sequence[Example], known: frozenset[str], seed: int
) -> disguises.Disguised:
    """The examples of one database with their questions in other words; `known` are words that no typo may make."""
    tables = database.schema().tables
    schema = rewording.words(name for table in tables for name in (table.name, *(column.name for column in table.columns)))
    posed: dict[str, tuple[Example, str]] = {}
    left: dict[str, str] = {}
    for each in examples:
        values = [text for sql in each.gold_sql for text in disguises.texts_of(sql)]
        values += [link.value for link in database.links(each.question)]
        new = rule(Wording(each.question, values, schema, known | schema), random.Random(f"{seed} {name} {database.name} {each.id}"))
        if new is None or len(new[0]) > QUESTION_CHARS:
            left[each.id] = "the rule finds nothing in it to change" if new is None else "would become too long"
        else:
            posed[each.id] = replace(each, question=new[0]), new[1]
    return disguises.Disguised(posed, {}, left)


def _disguised(services: Services, name: str, database: Database, examples: Sequence[Example], seed: int) -> disguises.Disguised:
    """The examples of one database on a changed copy of it; none, with the reason, where it cannot be copied."""
    try:
        return DISGUISES[name](database, examples, _running(services), services.settings.data / "databases" / "copies", seed)
    except BadDatabase as problem:
        return disguises.Disguised({}, {}, {each.id: f"its database has no copy ({problem})" for each in examples})


def _running(services: Services) -> disguises.Run:
    """A way to run each query on each database once."""
    seen: dict[tuple[Path, str], Execution] = {}

    def run(database: Database, sql: str) -> Execution:
        key = database.path(), sql
        if key not in seen:
            try:
                seen[key] = services.sandbox.run(*key, SCORE)
            except Infrastructure as problem:
                return Execution("infrastructure", message=str(problem))
        return seen[key]

    return run


def paired(guises: Guises, before: Sequence[Result], after: Sequence[Result]) -> Robustness:
    """A run's results held against those of its questions in other guises, model by model."""
    first = {(each.answer.model, each.example.db, each.example.id): each.score.value for each in before}
    posed = {(each.example.db, each.example.id): each for each in guises.posed}
    sides: dict[str, dict[str, list[tuple[str, float | None, float | None]]]] = {name: {} for name in guises.left}
    for each in after:
        guise = posed[each.example.db, each.example.id]
        was = first.get((each.answer.model, *guise.original))
        sides[guise.slice].setdefault(each.answer.model, []).append((guise.original[1], was, each.score.value))
    drops = {name: {model: _drop(some) for model, some in models.items()} for name, models in sides.items()}
    places = [(name, model) for name, models in drops.items() for model in models]
    raised = holm([drops[name][model].p for name, model in places])
    for (name, model), p in zip(places, raised, strict=True):
        drops[name][model] = replace(drops[name][model], p_holm=p)
    return Robustness(drops, guises, tuple(after))


def _drop(sides: Sequence[tuple[str, float | None, float | None]]) -> Drop:
    scored = [(name, was == 1.0, now == 1.0) for name, was, now in sides if was is not None and now is not None]
    counts = Counter((was, now) for _, was, now in scored)
    both, lost, gained, neither = counts[True, True], counts[True, False], counts[False, True], counts[False, False]
    return Drop(
        n=len(scored),
        before=wilson(both + lost, len(scored)),
        after=wilson(both + gained, len(scored)),
        drop=newcombe_paired(both, lost, gained, neither),
        p=mcnemar_exact(lost, gained),
        p_holm=1.0,
        lost=tuple(name for name, was, now in scored if was and not now),
        gained=tuple(name for name, was, now in scored if now and not was),
        unscored=len(sides) - len(scored),
    )


def as_json(found: Robustness, seed: int = SEED) -> dict[str, Any]:
    """The `robustness` object of `bench run --json`: figures by slice and model, and every question with its answers."""
    answers: dict[tuple[str, str], dict[str, Any]] = {}
    for each in found.results:
        said = {"sql": each.answer.prepared.sql, "right": each.score.value, "reason": each.score.reason}
        answers.setdefault((each.example.db, each.example.id), {})[each.answer.model] = said
    return {
        "seed": seed,
        "slices": {
            name: {
                "about": SLICES[name],
                "models": {model: _drop_json(drop) for model, drop in models.items()},
                "left": dict(found.guises.left[name]),
                "questions": [
                    {
                        "id": each.original[1],
                        "db": each.original[0],
                        "question": each.example.question,
                        "gold_sql": list(each.example.gold_sql),
                        "change": each.change,
                        "answers": answers.get((each.example.db, each.example.id), {}),
                    }
                    for each in found.guises.posed
                    if each.slice == name
                ],
            }
            for name, models in found.drops.items()
        },
    }


def _drop_json(drop: Drop) -> dict[str, Any]:
    return {
        "n": drop.n,
        "before": _interval(drop.before),
        "after": _interval(drop.after),
        "drop": _interval(drop.drop),
        "p": drop.p,
        "p_holm": drop.p_holm,
        "lost": list(drop.lost),
        "gained": list(drop.gained),
        "unscored": drop.unscored,
    }


def _interval(found: Interval) -> dict[str, float | int | None]:
    return {"value": found.value if found.n else None, "low": found.low, "high": found.high, "n": found.n}


def as_text(found: Robustness, seed: int = SEED) -> str:
    """For people: a slice and model a line."""
    lines = [
        f"robustness, changes made by rule (seed {seed}): accuracy before and after on the same questions, the drop with Newcombe's "
        "paired 95 % interval, McNemar's exact p raised after Holm"
    ]
    for name, models in found.drops.items():
        left = Counter(found.guises.left[name].values())
        lines.append(f"  {name}: {SLICES[name]}" + "".join(f"; {count} without: {reason}" for reason, count in left.most_common()))
        lines += [f"    {model:14} {_said(drop)}" for model, drop in models.items()]
    return "\n".join(lines)


def _said(drop: Drop) -> str:
    if not drop.n:
        return f"no question was scored in both guises ({drop.unscored} were not)"
    points, low, high = (100 * each for each in (drop.drop.value, drop.drop.low, drop.drop.high))
    unscored = f"; {drop.unscored} unscored" if drop.unscored else ""
    return (
        f"{drop.before.value:.1%} -> {drop.after.value:.1%} of {drop.n}, drop {points:+.1f} points ({low:+.1f} to {high:+.1f}), "
        f"p {drop.p_holm:.2g}; lost {len(drop.lost)}, gained {len(drop.gained)}{unscored}"
    )
