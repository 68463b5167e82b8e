"""What is odd about a vote: a reason to look twice, never one to drop it. Pure; computed from all votes whenever they are read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

TOO_FAST_SECONDS = 2.0
"""Nobody reads two queries and two tables in less."""
BURST_VOTES, BURST_SECONDS = 8, 60.0
"""As many votes of one voter within this time are a burst."""
FEWEST = 10
"""Decisive votes of a voter below which nothing is said of a leaning: ten equal ones have a chance of 0.2 % under a fair coin."""
LEANING = 0.95
"""Share of a voter's decisive votes above which the voter leans."""


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def flags(votes: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Battle id -> its flags, sorted. Each vote needs `id`, `created`, `voted`, `voter`, `winner`, `model_*` and `revision_*`.

    What a voter does in a study (`study`, where a vote has it) flags no vote outside of it, and the reverse.
    """
    found: dict[str, set[str]] = {vote["id"]: set() for vote in votes}
    by_voter: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for vote in votes:
        by_voter[vote["voter"], vote.get("study", "")].append(vote)
        if seconds_between(vote["created"], vote["voted"]) < TOO_FAST_SECONDS:
            found[vote["id"]].add("too_fast")
    for own in by_voter.values():
        for identity in _bursts(own):
            found[identity].add("burst")
        for name, leaning in (("side_bias", _to_a_side(own)), ("one_sided", _to_a_model(own))):
            for identity in leaning:
                found[identity].add(name)
    return {identity: tuple(sorted(names)) for identity, names in found.items()}


def _decisive(votes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [vote for vote in votes if vote["winner"] in ("model_a", "model_b")]


def _to_a_side(votes: Iterable[Mapping[str, Any]]) -> set[str]:
    decisive = _decisive(votes)
    return {vote["id"] for vote in decisive} if _leans([vote["winner"] for vote in decisive]) else set()


def _to_a_model(votes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Those of a voter who always chooses the same of two models."""
    pairs: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for vote in _decisive(votes):
        pairs[tuple(sorted(_model(vote, side) for side in "ab"))].append(vote)
    leaning = (own for own in pairs.values() if _leans([_model(vote, vote["winner"][-1]) for vote in own]))
    return {vote["id"] for own in leaning for vote in own}


def _model(vote: Mapping[str, Any], side: str) -> str:
    return f"{vote[f'model_{side}']}@{vote[f'revision_{side}']}"


def _bursts(votes: Iterable[Mapping[str, Any]]) -> set[str]:
    ordered = sorted(votes, key=lambda vote: str(vote["voted"]))
    inside: set[str] = set()
    for first, last in zip(ordered, ordered[BURST_VOTES - 1 :], strict=False):
        if seconds_between(first["voted"], last["voted"]) < BURST_SECONDS:
            start = ordered.index(first)
            inside |= {vote["id"] for vote in ordered[start : start + BURST_VOTES]}
    return inside


def _leans(choices: Sequence[str]) -> bool:
    return len(choices) >= FEWEST and max(choices.count(each) for each in set(choices)) > LEANING * len(choices)
