"""Ballots -> who is preferred, how often, and how far that can be trusted. Pure.

With two models the decisive win rate is the whole finding: ratings of two are a monotone map of it. Every figure stands twice, over all
votes and over those without flags; votes are never dropped. Real and practice models, blind votes and open ones, and two revisions of a
model are always figures of their own. No figure depends on which model stood on which side, on the order of the ballots or on names.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from nl2sql_arena.stats import clustered_wilson, sign_test, wilson
from nl2sql_arena.types import Interval
from nl2sql_arena.votes.ballots import CONTROL, SIDES, Ballot, checked, counted, once, pair, side, unflagged

Field = Literal["level", "category", "db", "split"]
UNKNOWN = "unknown"
"""The group of votes whose level or category is not known, as on a question of a visitor's own."""


@dataclass(frozen=True)
class SideBias:
    """How many decisive votes went to the left answer and to the right one, the left's share (None: no decisive vote), and the exact
    two-sided binomial `p` of "the side does not matter". It presumes what the arena does: sides are drawn by a fair coin.
    """

    left: int
    right: int
    share: Interval | None
    p: float


@dataclass(frozen=True)
class Figures:
    """What n votes of one pair say, counted for the first model. A share of nothing is None.

    `decisive` is the first's share of wins and losses with Wilson's interval, which takes votes as independent. `by_voter` is the same
    share with the interval that it has when voters are the sample (`stats.clustered_wilson`): the one to quote. `once` is as `by_voter`
    over each voter's first vote on each question. `tie_rate` and `both_bad_rate` are shares of all n. `seconds` is the median time to vote.
    """

    n: int
    voters: int
    wins: int
    losses: int
    ties: int
    both_bad: int
    decisive: Interval | None
    by_voter: Interval | None
    once: Interval | None
    tie_rate: Interval | None
    both_bad_rate: Interval | None
    side: SideBias
    seconds: float | None


@dataclass(frozen=True)
class Standing:
    """Two models (sorted keys of name and revision) by all their votes (`raw`) and by those without flags (`filtered`).

    `flags` says how many votes have each flag. `controls` and `apart` are votes that count in neither: repeated battles, and those on
    the other sort of result (equal tables where different ones are counted, and the reverse).
    """

    first: str
    second: str
    kind: str
    blind: bool
    raw: Figures
    filtered: Figures
    flags: Mapping[str, int]
    controls: int
    apart: int


def standings(ballots: Iterable[Ballot], same_result: bool = False) -> tuple[Standing, ...]:
    """One for each kind, blindness and pair, sorted: on different tables which answer is better, or with `same_result` on equal tables
    which query reads better. Raises BadInput for a ballot that cannot be read.
    """
    groups: dict[tuple[str, bool, str, str], list[Ballot]] = {}
    for each in checked(ballots):
        groups.setdefault((each.kind, each.blind, *pair(each)), []).append(each)
    return tuple(_standing(*key, groups[key], same_result) for key in sorted(groups))


def standings_by(ballots: Iterable[Ballot], field: Field, same_result: bool = False) -> dict[str, tuple[Standing, ...]]:
    """The value of a field -> its standings, sorted. Ten groups are ten chances to see what is not there: read each with its interval."""
    groups: dict[str, list[Ballot]] = {}
    for each in checked(ballots):
        groups.setdefault(getattr(each, field) or UNKNOWN, []).append(each)
    return {value: standings(groups[value], same_result) for value in sorted(groups)}


def figures(ballots: Sequence[Ballot]) -> Figures:
    """The figures of one pair's ballots, all of them counted."""
    counts = Counter(map(side, ballots))
    wins, losses, ties, both_bad = (counts[each] for each in SIDES)
    n = len(ballots)
    return Figures(
        n=n,
        voters=len({each.voter for each in ballots}),
        wins=wins,
        losses=losses,
        ties=ties,
        both_bad=both_bad,
        decisive=_share(wins, wins + losses),
        by_voter=_by_voter(ballots),
        once=_by_voter(once(ballots)),
        tie_rate=_share(ties, n),
        both_bad_rate=_share(both_bad, n),
        side=side_bias(ballots),
        seconds=median(each.seconds for each in ballots) if ballots else None,
    )


def side_bias(ballots: Iterable[Ballot]) -> SideBias:
    """Over the decisive ones, of any number of pairs."""
    sides = Counter(each.winner for each in ballots)
    left, right = sides["model_a"], sides["model_b"]
    return SideBias(left, right, _share(left, left + right), sign_test(left, right))


def _standing(kind: str, blind: bool, first: str, second: str, ballots: list[Ballot], same_result: bool) -> Standing:
    kept = counted(ballots, same_result)
    controls = sum(each.chosen == CONTROL for each in ballots)
    flags = Counter(flag for each in kept for flag in set(each.flagged))
    return Standing(
        first=first,
        second=second,
        kind=kind,
        blind=blind,
        raw=figures(kept),
        filtered=figures(unflagged(kept)),
        flags=dict(sorted(flags.items())),
        controls=controls,
        apart=len(ballots) - controls - len(kept),
    )


def _by_voter(ballots: Iterable[Ballot]) -> Interval | None:
    counts: dict[str, Counter[str]] = {}
    for each in ballots:
        counts.setdefault(each.voter, Counter())[side(each)] += 1
    clusters = [(each["first"], each["first"] + each["second"]) for each in counts.values()]
    return clustered_wilson(clusters) if any(n for _, n in clusters) else None


def _share(part: int, n: int) -> Interval | None:
    return wilson(part, n) if n else None
