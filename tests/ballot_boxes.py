"""Ballots for the tests of vote statistics: made one by one, in bulk, or drawn by Hypothesis; and ways to change what must not matter."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import count
from typing import Any

from hypothesis import strategies as st

from nl2sql_arena.types import WINNERS, Winner
from nl2sql_arena.votes.ballots import Ballot, Verdict

ALPHA, BETA, GAMMA, DELTA = (f"{name}@{revision}" for name, revision in zip(("alpha", "beta", "gamma", "delta"), "1234", strict=True))
MODELS = (ALPHA, BETA, GAMMA, DELTA)
NUMBERS = count()


def ballot(winner: Winner, a: str = ALPHA, b: str = BETA, voter: str = "ann", **changes: Any) -> Ballot:
    """A ballot with a battle and a moment of its own."""
    number = next(NUMBERS)
    defaults: dict[str, Any] = {
        "battle": f"battle-{number:06}",
        "cast": float(number),
        "kind": "real",
        "db": "shop",
        "question": f"q{number}",
        "split": "arena",
        "chosen": "random",
    }
    return Ballot(model_a=a, model_b=b, winner=winner, voter=voter, **(defaults | changes))


def ballots(wins: int, losses: int, ties: int = 0, both_bad: int = 0, **changes: Any) -> list[Ballot]:
    """That many votes of each sort, counted for the left model."""
    counts = zip(WINNERS, (wins, losses, ties, both_bad), strict=True)
    return [ballot(winner, **changes) for winner, n in counts for _ in range(n)]


@st.composite
def boxes(draw: st.DrawFn, models: Sequence[str] = MODELS[:2], max_size: int = 40) -> list[Ballot]:
    """Up to `max_size` ballots of a few voters on a few questions, some flagged, repeated, or judged by the benchmark."""
    rights = st.sampled_from([True, False, None])
    made = []
    for number in range(draw(st.integers(0, max_size))):
        a, b = draw(st.permutations(models))[:2]
        verdict = Verdict("strict", draw(rights), draw(rights), "rows", "match")
        made.append(
            ballot(
                draw(st.sampled_from(WINNERS)),
                a,
                b,
                draw(st.sampled_from(["ann", "bob", "cem", "dee"])),
                battle=f"b{number:03}",
                cast=float(number),
                question=draw(st.sampled_from(["", "q1", "q2", "q3"])),
                chosen=draw(st.sampled_from(["random", "random", "differing", "control"])),
                level=draw(st.sampled_from(["", "easy", "extra"])),
                seconds=draw(st.floats(0, 500)),
                flagged=draw(st.sampled_from([(), (), ("fast",)])),
                same_result=draw(st.sampled_from([False, False, True])),
                verdicts=(verdict,),
            )
        )
    return made


def renamed(box: Iterable[Ballot], names: dict[str, str]) -> list[Ballot]:
    return [replace(each, model_a=names[each.model_a], model_b=names[each.model_b]) for each in box]


def numbers(record: Any) -> list[float]:
    """Every number in a record and in what it holds."""
    if is_dataclass(record):
        return [found for field in fields(record) for found in numbers(getattr(record, field.name))]
    if isinstance(record, dict):
        return [found for each in record.values() for found in numbers(each)]
    if isinstance(record, list | tuple):
        return [found for each in record for found in numbers(each)]
    return [float(record)] if isinstance(record, int | float) else []


def finite(record: Any) -> bool:
    """Whether no number in it is NaN or infinite."""
    return all(map(math.isfinite, numbers(record)))
