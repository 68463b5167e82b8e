"""The blindness audit: now and then a voter is asked, after the vote and before the names, which model A was. Pure.

Where names stay hidden, guesses are right as often as a coin. Whoever can tell the models by the look of their answers may vote for a name.
Nobody is asked where nothing could be told or something was told before: with the names in sight, where both sides wrote the same query,
where a model would meet itself, and on a battle that the voter has judged before.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Battle, Interval
from nl2sql_arena.votes.ballots import CONTROL, Audit, Ballot, of_one_kind, pair

ASKED, GUESS = "who_asked", "guess"
"""Kinds of events: that the voter was asked, and what the voter said."""


@dataclass(frozen=True)
class Guesses:
    """Of a pair's voters: how often A was named rightly, as a share of the guesses with Wilson's interval (None: no guess); how often
    nobody had an idea, or the question was left alone.
    """

    first: str
    second: str
    guesses: int
    hits: Interval | None
    no_idea: int
    unanswered: int
    voters: int


def is_due(battle: Battle, chosen: str, every: float, rng: random.Random) -> bool:
    """Whether this vote is one of `every` after which the voter is asked; 0 for none."""
    is_told = not battle.blind or chosen == CONTROL
    is_alike = battle.a.model == battle.b.model or battle.a.prepared.formatted == battle.b.prepared.formatted
    return every > 0 and not is_told and not is_alike and rng.random() * every < 1


def guessed(model: str) -> str:
    """The note of a guess; empty for no idea."""
    return json.dumps({"guess": model}, ensure_ascii=False)


def outcome(events: Iterable[tuple[str, str]], model_a: str) -> dict[str, Any]:
    """`audit` and `guess` of a vote, from the kinds and notes of its events in their order; the first guess counts."""
    found: Audit = ""
    for kind, note in events:
        if kind == GUESS:
            guess = str(json.loads(note).get("guess") or "")
            return {"audit": "no_idea" if not guess else "right" if guess == model_a else "wrong", "guess": guess}
        found = "asked"
    return {"audit": found, "guess": ""}


def guesses(ballots: Iterable[Ballot]) -> tuple[Guesses, ...]:
    """One for each pair of which a voter was asked, sorted. Raises BadInput where kinds are mixed."""
    groups: dict[tuple[str, str], list[Ballot]] = {}
    for each in of_one_kind(ballots):
        if each.audit:
            groups.setdefault(pair(each), []).append(each)
    return tuple(_guesses(*key, groups[key]) for key in sorted(groups))


def _guesses(first: str, second: str, ballots: list[Ballot]) -> Guesses:
    said = [each.audit for each in ballots]
    right, wrong = said.count("right"), said.count("wrong")
    voters = len({each.voter for each in ballots})
    hits = wilson(right, right + wrong) if right + wrong else None
    return Guesses(first, second, right + wrong, hits, said.count("no_idea"), said.count("asked"), voters)
