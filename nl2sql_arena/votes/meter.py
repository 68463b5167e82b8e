"""Whether the question "who is preferred?" is settled, for people who look after every vote. Pure.

An ordinary 95 % interval is right once. Looked at after each of a thousand votes, it excludes an even race at some moment in about half of
all runs. This meter may be looked at after every vote: of races that are truly even, at most 5 % are ever called settled.

Method: the beta-binomial mixture with a uniform prior. After w wins and l losses the evidence against the share p is the ratio of
likelihoods M(p) = B(w + 1, l + 1) / (p^w (1 - p)^l), where B is the beta function. Under p it is a martingale that starts at 1, so the
chance that it ever reaches 1 / 0.05 is at most 0.05 (J. Ville, 1939); this is exact for any number of votes, not asymptotic. The shares
that it does not exclude are a confidence sequence (D. A. Darling and H. Robbins, PNAS 58, 1967; H. Robbins, Annals of Mathematical
Statistics 41, 1970; for the mixture, S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon, Annals of Statistics 49, 2021).

It takes decisive votes as independent. A voter who votes a hundred times is no hundred people, so `readings` gives a second meter over each
voter's first decisive vote alone. Only the counts matter, not their history: what later votes contradict is unsettled again.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from nl2sql_arena.errors import BadInput
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Interval
from nl2sql_arena.votes.ballots import SIDES, Ballot, counted, of_one_kind, pair, side

ALPHA = 0.05
"""The chance, over all looks together, that an even race is ever called settled."""
FEW = 10
"""With fewer decisive votes their share says too little for a forecast."""
MANY = 1_000_000
"""A forecast beyond this is none."""

Untold = Literal["", "settled", "no_votes", "few_votes", "even", "too_many"]


@dataclass(frozen=True)
class Meter:
    """One race. `settled` says that an even race is excluded, `leader` which of the two is ahead ("" while they are even).

    `range` is the confidence sequence: the share of the first, valid at any look; None without decisive votes. `evidence` is M(1/2); it
    settles at 20 and is capped at 1e300.

    `more` is about how many more decisive votes settle it if their share stays what it is, `more_votes` the same with ties and both-bad
    votes at their present rate. They are None where that cannot be told, `untold` says why. A share is known only roughly: if further
    votes come at the end of its Wilson interval that is further from even, it takes `at_least` so many decisive ones, at the other end
    `at_most`; that is None where the interval holds 1/2, when there may be no end to it. The sentence gives all three, since a single
    number would promise more than anybody knows.
    """

    wins: int
    losses: int
    undecided: int
    settled: bool
    leader: Literal["first", "second", ""]
    range: Interval | None
    evidence: float
    more: int | None
    more_votes: int | None
    at_least: int | None
    at_most: int | None
    untold: Untold


@dataclass(frozen=True)
class Readings:
    """The meter over all counted votes of a pair, and over each voter's first decisive one. Trust the first only where both agree."""

    first: str
    second: str
    votes: Meter
    voters: Meter


def readings(ballots: Iterable[Ballot]) -> tuple[Readings, ...]:
    """Two meters for each pair, sorted: votes on different tables, no repeated battles. Raises BadInput where kinds are mixed."""
    groups: dict[tuple[str, str], list[Ballot]] = {}
    for each in counted(of_one_kind(ballots)):
        groups.setdefault(pair(each), []).append(each)
    found = []
    for (first, second), votes in sorted(groups.items()):
        earliest: dict[str, Ballot] = {}
        for each in votes:
            if side(each) in {"first", "second"}:
                earliest.setdefault(each.voter, each)
        found.append(Readings(first, second, _read(votes), _read(earliest.values())))
    return tuple(found)


def meter(wins: int, losses: int, undecided: int = 0) -> Meter:
    """The meter after that many votes for the first, for the second, and for neither. Raises BadInput for negative counts."""
    if min(wins, losses, undecided) < 0:
        raise BadInput(f"{wins}, {losses} and {undecided} are not all numbers of votes; count them again.")
    n = wins + losses
    settled = is_settled(wins, losses)
    untold: Untold = "settled" if settled else "no_votes" if not n else "few_votes" if n < FEW else "even" if wins == losses else ""
    more = at_least = at_most = None
    if n and not settled:
        near, far = sorted((wilson(wins, n).low, wilson(wins, n).high), key=lambda share: abs(share - 0.5))
        straddles = (near - 0.5) * (far - 0.5) <= 0
        at_least, at_most = _more(far, wins, losses), None if straddles else _more(near, wins, losses)
        more = None if untold else _more(wins / n, wins, losses)
        untold = "too_many" if not untold and more is None else untold
    return Meter(
        wins=wins,
        losses=losses,
        undecided=undecided,
        settled=settled,
        leader="first" if wins > losses else "second" if losses > wins else "",
        range=confidence_sequence(wins, losses) if n else None,
        evidence=math.exp(min(690.0, _log_evidence(wins, losses, 0.5))),
        more=more,
        more_votes=None if more is None else math.ceil(more * (n + undecided) / n),
        at_least=at_least,
        at_most=at_most,
        untold=untold,
    )


def is_settled(wins: float, losses: float) -> bool:
    """Whether so many decisive votes exclude an even race at any look. Fractions of votes are allowed, for forecasts."""
    return _log_evidence(wins, losses, 0.5) >= math.log(1 / ALPHA)


def confidence_sequence(wins: int, losses: int) -> Interval:
    """The share of wins, in 0..1, with the shares that are not excluded: the true one is inside at all looks together in 95 % of races.

    Raises BadInput without votes.
    """
    n = wins + losses
    if n < 1 or min(wins, losses) < 0:
        raise BadInput(f"{wins} wins and {losses} losses have no share; count at least one vote.")
    return Interval(wins / n, _low(wins, losses), 1 - _low(losses, wins), n)


def sentence(reading: Meter, first: str, second: str) -> str:
    """The meter in one or two sentences; `first` and `second` are the models as the reader knows them."""
    ahead = {"first": first, "second": second}.get(reading.leader, "")
    n = reading.wins + reading.losses
    if reading.untold == "settled" and reading.range is not None:
        low, high = reading.range.low, reading.range.high
        low, high = (low, high) if reading.leader == "first" else (1 - high, 1 - low)
        return f"Settled: {ahead} is preferred in {low:.0%} to {high:.0%} of decisive votes (n = {n}, valid at any look)."
    why = {
        "no_votes": "there is no decisive vote yet",
        "few_votes": f"{n} decisive vote{'s' * (n != 1)} cannot tell how many more it takes",
        "even": f"the {n} decisive votes are even, so nobody can tell how many more it takes",
        "too_many": f"at the present share it would take more than {MANY:,} further votes",
    }.get(reading.untold)
    if why is not None:
        return f"Not settled: {why}."
    most = "perhaps without end, since the race may be even" if reading.at_most is None else f"at most about {reading.at_most:,}"
    plural = "" if reading.more_votes == 1 else "s"
    return (
        f"Not settled: about {reading.more_votes:,} more vote{plural} ({reading.more:,} decisive) if {ahead} stays as far ahead; "
        f"at least about {reading.at_least or 0:,} decisive ones, {most}."
    )


def _read(ballots: Iterable[Ballot]) -> Meter:
    sides = [side(each) for each in ballots]
    wins, losses, ties, both_bad = (sides.count(each) for each in SIDES)
    return meter(wins, losses, ties + both_bad)


def _log_evidence(wins: float, losses: float, share: float) -> float:
    """The logarithm of M(share). The larger count goes first, so that the two sides of a race see the same rounding."""
    if (losses, 1 - share) > (wins, share):
        wins, losses, share = losses, wins, 1 - share
    mixed = math.lgamma(wins + 1) + math.lgamma(losses + 1) - math.lgamma(wins + losses + 2)
    return mixed - (wins * math.log(share) if wins else 0.0) - (losses * math.log1p(-share) if losses else 0.0)


def _low(wins: int, losses: int) -> float:
    """The lower end: M falls from infinity at 0 to its least value at the share itself."""
    if not wins:
        return 0.0
    low, high = 0.0, wins / (wins + losses)
    for _ in range(60):
        middle = (low + high) / 2
        excluded = middle <= 0.0 or _log_evidence(wins, losses, middle) >= math.log(1 / ALPHA)
        low, high = (middle, high) if excluded else (low, middle)
    return low


def _more(share: float, wins: int, losses: int) -> int | None:
    """How many further votes settle the race if they are won at a share; None where none up to MANY do."""

    def settles(further: int) -> bool:
        return is_settled(wins + share * further, losses + (1 - share) * further)

    low, high = 0, 1
    while not settles(high):
        if high >= MANY:
            return None
        low, high = high, min(2 * high, MANY)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settles(middle) else (middle, high)
    return high
