"""One cast vote as the statistics read it, and the few ways to look at many of them. Pure.

Every statistic on votes takes ballots and nothing else, so that a store only has to map its rows to this record.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import WINNERS, Winner

RANDOM = "random"
"""`chosen` of a question drawn at random: the only ones behind figures of agreement."""
CONTROL = "control"
"""`chosen` of a battle that a voter has judged before: it measures the voter and counts in no other figure."""

Side = Literal["first", "second", "tie", "both_bad"]
"""A verdict without sides: `first` is the model whose key sorts first."""
SIDES: tuple[Side, ...] = ("first", "second", "tie", "both_bad")

Audit = Literal["", "asked", "no_idea", "right", "wrong"]
"""What came of asking a voter, before the names, which model A was: not asked, not answered, no idea, or a guess."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Verdict:
    """What the benchmark says of the two answers under one rule of scoring (`strict`, `relaxed`); None is unscored."""

    rule: str
    right_a: bool | None
    right_b: bool | None
    reason_a: str = ""
    reason_b: str = ""


@dataclass(frozen=True)
class Ballot:
    """One vote on one battle. Models are keys of name and revision, `name@revision`, so that two revisions never share a figure.

    `cast` is seconds since 1970, `seconds` from the delivery of both results to the vote. `kind` is the battle's profile (`real`, `mini`).
    `question` tells whether two votes were on one question of `db`; empty where that cannot be told. `level` and `category` are empty
    where there is no gold. With `same_result` both tables were alike, so that only readability was asked. `audit` says whether the voter
    could tell which model was which (`guessing`). `study` is the hash of the study that it was cast in; empty: in none.
    """

    battle: str
    model_a: str
    model_b: str
    winner: Winner
    voter: str
    cast: float
    kind: str
    db: str
    question: str
    split: str
    chosen: str
    level: str = ""
    category: str = ""
    seconds: float = 0.0
    flagged: tuple[str, ...] = ()
    blind: bool = True
    same_result: bool = False
    audit: Audit = ""
    study: str = ""
    verdicts: tuple[Verdict, ...] = ()


def checked(ballots: Iterable[Ballot]) -> list[Ballot]:
    """The ballots in the order of casting. Raises BadInput where one has no revision, the same model twice, no known verdict or no time,
    and where votes of a study stand among others.
    """
    kept = list(ballots)
    if len({each.study for each in kept}) > 1:
        raise BadInput("Votes of a study are never in one figure with public ones or those of another study; choose one of them.")
    for each in kept:
        if not (math.isfinite(each.cast) and math.isfinite(each.seconds)):
            raise BadInput(f"The vote on battle {each.battle} has no time of casting or no duration; give both in seconds.")
        if "@" not in each.model_a or "@" not in each.model_b:
            raise BadInput(f"The vote on battle {each.battle} names a model without revision; write both models as name@revision.")
        if each.model_a == each.model_b:
            raise BadInput(f"The vote on battle {each.battle} is on {each.model_a} against itself; leave it out.")
        if each.winner not in WINNERS:
            raise BadInput(f"The vote on battle {each.battle} has the verdict '{each.winner}'; known are {', '.join(WINNERS)}.")
    return _in_order(kept)


def of_one_kind(ballots: Iterable[Ballot]) -> list[Ballot]:
    """As `checked`. Raises BadInput where real and practice battles, or blind ones and those with names in sight, are mixed."""
    kept = checked(ballots)
    kinds = sorted({each.kind for each in kept})
    if len(kinds) > 1:
        raise BadInput(f"Battles of {' and '.join(kinds)} models are never in one figure; choose one kind.")
    if len({each.blind for each in kept}) > 1:
        raise BadInput("Blind votes and votes with the names in sight are never in one figure; choose one of the two.")
    return kept


def counted(ballots: Iterable[Ballot], same_result: bool = False) -> list[Ballot]:
    """Those that count for the models: no control battles, and only different tables (or, with `same_result`, only equal ones)."""
    return [each for each in ballots if each.chosen != CONTROL and each.same_result == same_result]


def unflagged(ballots: Iterable[Ballot]) -> list[Ballot]:
    """Those without any flag."""
    return [each for each in ballots if not each.flagged]


def raw_and_filtered(ballots: Sequence[Ballot], figure: Callable[[Sequence[Ballot]], Result]) -> tuple[Result, Result]:
    """Any figure over all ballots and over those without flags, in this order."""
    return figure(ballots), figure(unflagged(ballots))


def once(ballots: Iterable[Ballot]) -> list[Ballot]:
    """Each voter's earliest vote on each question and pair; where the question cannot be told, every vote."""
    seen: dict[tuple[str, ...], Ballot] = {}
    for each in _in_order(ballots):
        own = "" if each.question else each.battle
        seen.setdefault((each.voter, *pair(each), each.db, each.question, own), each)
    return list(seen.values())


def pair(ballot: Ballot) -> tuple[str, str]:
    """Its two models, sorted."""
    return (ballot.model_a, ballot.model_b) if ballot.model_a < ballot.model_b else (ballot.model_b, ballot.model_a)


def side(ballot: Ballot) -> Side:
    """Its verdict in terms of `pair`."""
    if ballot.winner == "tie":
        return "tie"
    if ballot.winner == "both_bad":
        return "both_bad"
    won = ballot.model_a if ballot.winner == "model_a" else ballot.model_b
    return "first" if won == pair(ballot)[0] else "second"


def swapped(ballot: Ballot) -> Ballot:
    """The same vote as it would have been cast with the sides exchanged."""
    exchanged: dict[Winner, Winner] = {"model_a": "model_b", "model_b": "model_a"}
    verdicts = tuple(Verdict(each.rule, each.right_b, each.right_a, each.reason_b, each.reason_a) for each in ballot.verdicts)
    winner = exchanged.get(ballot.winner, ballot.winner)
    return replace(ballot, model_a=ballot.model_b, model_b=ballot.model_a, winner=winner, verdicts=verdicts)


def _in_order(ballots: Iterable[Ballot]) -> list[Ballot]:
    return sorted(ballots, key=lambda each: (each.cast, each.battle, each.voter))
