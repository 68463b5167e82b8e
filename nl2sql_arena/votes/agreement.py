"""Do voters agree with each other, with themselves, and with the benchmark? Pure.

Figures of agreement use only questions drawn at random (`chosen` = random): where the arena prefers questions on which the models differ,
agreement would be that of a selection. Control battles, which are chosen to be repeated, are used for self-consistency and for nothing
else. Every figure is of one pair of models, since "the first model" has no meaning across pairs.

Coefficients lie in -1..1: 1 is perfect agreement, 0 what chance would give. None where they are not defined, as when everybody always
gives the same verdict: then nothing could have shown disagreement. Intervals are 95 %: whole clusters are drawn again with replacement,
1,000 times, seeded, and no interval is narrower than the one that Wilson's of the observed agreement (for kappa clustered, for alpha over
independent comparisons, one fewer than votes in each unit) gives with the agreement by chance held fixed, since drawing again from clusters
that all agree would give one of width zero. With fewer than two clusters the interval is -1..1.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from nl2sql_arena.stats import clustered_wilson, wilson
from nl2sql_arena.types import Interval
from nl2sql_arena.votes.ballots import RANDOM, Ballot, Side, counted, of_one_kind, once, pair, side

Array = npt.NDArray[np.float64]

DRAWS = 1_000
SEED = 20


@dataclass(frozen=True)
class Agreement:
    """A coefficient with its interval (None: not defined), the observed share of agreement, the clusters that were drawn (`units`) and
    what was compared: pairable votes for alpha, votes with a verdict for kappa.
    """

    value: float | None
    low: float | None
    high: float | None
    observed: float | None
    units: int
    votes: int
    voters: int


@dataclass(frozen=True)
class WithBenchmark:
    """A pair's voters against the benchmark under one rule, on random questions that were scored for both models.

    `kappa` is over four verdicts: which model, tie where both are right, both bad where both are wrong. `decisive` is over two, where the
    voter chose a model and exactly one is right. Votes on equal tables are left out, since they judge readability.
    """

    first: str
    second: str
    rule: str
    kappa: Agreement
    decisive: Agreement


@dataclass(frozen=True)
class Voters:
    """Krippendorff's alpha of a pair's voters over random questions that at least two of them judged."""

    first: str
    second: str
    alpha: Agreement


@dataclass(frozen=True)
class Consistency:
    """One voter's verdicts on battles judged more than once: how many pairs of votes, how many agree, and the same for those with the
    sides swapped between the two; `same_side` of these went to the same side both times, which is another model.
    """

    voter: str
    pairs: int
    agree: int
    swapped: int
    swapped_agree: int
    same_side: int


@dataclass(frozen=True)
class SelfConsistency:
    """Each voter's, sorted by voter, and the share of agreeing pairs over all of them, clustered by voter; None without repeats."""

    voters: tuple[Consistency, ...]
    share: Interval | None
    swapped_share: Interval | None


@dataclass(frozen=True)
class Upset:
    """A vote for the answer that is wrong under the rule over the one that is right; `reason` is the scorer's word for what is wrong."""

    ballot: Ballot
    winner: str
    loser: str
    reason: str


@dataclass(frozen=True)
class PlausibleButWrong:
    """Under one rule: every such vote, in order of casting, and their share of the decisive votes on random questions where exactly one
    answer is right, clustered by voter (None: there are none).
    """

    rule: str
    upsets: tuple[Upset, ...]
    share: Interval | None


def among_voters(ballots: Iterable[Ballot], draws: int = DRAWS, seed: int = SEED) -> tuple[Voters, ...]:
    """One for each pair, sorted; each voter's first vote on a question counts. Raises BadInput where kinds are mixed."""
    found = []
    for (first, second), votes in _by_pair(once(_random(ballots))).items():
        units: dict[tuple[str, str], list[Ballot]] = {}
        for each in votes:
            if each.question:
                units.setdefault((each.db, each.question), []).append(each)
        shared = [unit for unit in units.values() if len(unit) > 1]
        voters = len({each.voter for unit in shared for each in unit})
        found.append(Voters(first, second, alpha([[side(each) for each in unit] for unit in shared], voters, draws, seed)))
    return tuple(found)


def alpha(units: Sequence[Sequence[Hashable]], voters: int = 0, draws: int = DRAWS, seed: int = SEED) -> Agreement:
    """Krippendorff's alpha for nominal values (K. Krippendorff, Content Analysis, 2004, chapter 11): each unit holds the values that its
    judges gave, in any order; units with fewer than two are not pairable. Units are the clusters.
    """
    pairable = [unit for unit in units if len(unit) > 1]
    values = _numbered(value for unit in pairable for value in unit)
    counts = np.zeros((len(pairable), len(values)))
    for row, unit in zip(counts, pairable, strict=True):
        for value in unit:
            row[values[value]] += 1
    votes = int(counts.sum())

    def plain(observed: float) -> Interval:
        return wilson(round(observed * (votes - len(pairable))), votes - len(pairable))

    return _resampled(counts, _alpha, plain, votes, voters, draws, seed)


def with_benchmark(ballots: Iterable[Ballot], rule: str, draws: int = DRAWS, seed: int = SEED) -> tuple[WithBenchmark, ...]:
    """One for each pair that has votes with a verdict under the rule, sorted; each voter's first vote on a question counts.

    Votes on one question share its verdict, and votes of one voter a taste: the interval is the wider of the two that come of drawing
    questions and of drawing voters. Raises BadInput where kinds are mixed.
    """
    found = []
    for (first, second), votes in _by_pair(once(_random(ballots))).items():
        judged = [(each, verdict) for each in votes if (verdict := _benchmark(each, rule)) is not None]
        if judged:
            clear = [(each, verdict) for each, verdict in judged if {side(each), verdict} <= {"first", "second"}]
            found.append(WithBenchmark(first, second, rule, _kappa_of(judged, draws, seed), _kappa_of(clear, draws, seed)))
    return tuple(found)


def kappa(
    ratings: Sequence[tuple[Hashable, Hashable]],
    clusters: Sequence[Hashable] | None = None,
    voters: int = 0,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Agreement:
    """J. Cohen's kappa of two raters (Educational and Psychological Measurement 20, 1960). Each rating is its own cluster unless named."""
    values = _numbered(value for rating in ratings for value in rating)
    names = list(range(len(ratings))) if clusters is None else clusters
    places = {name: number for number, name in enumerate(dict.fromkeys(names))}
    counts = np.zeros((len(places), len(values), len(values)))
    for name, (one, other) in zip(names, ratings, strict=True):
        counts[places[name], values[one], values[other]] += 1

    def plain(_observed: float) -> Interval:
        return clustered_wilson([(int(np.trace(each)), int(each.sum())) for each in counts])

    return _resampled(counts, _kappa, plain, len(ratings), voters, draws, seed)


def with_oneself(ballots: Iterable[Ballot]) -> SelfConsistency:
    """Over all pairs of votes that one voter cast on one question and pair of models. Raises BadInput where kinds are mixed."""
    groups: dict[str, dict[tuple[str, ...], list[Ballot]]] = {}
    for each in of_one_kind(ballots):
        if each.question:
            groups.setdefault(each.voter, {}).setdefault((*pair(each), each.db, each.question), []).append(each)
    voters = tuple(found for voter in sorted(groups) if (found := _consistency(voter, groups[voter].values())).pairs)
    return SelfConsistency(
        voters=voters,
        share=_clustered([(each.agree, each.pairs) for each in voters]),
        swapped_share=_clustered([(each.swapped_agree, each.swapped) for each in voters]),
    )


def plausible_but_wrong(ballots: Iterable[Ballot]) -> tuple[PlausibleButWrong, ...]:
    """One for each rule, sorted by name. Control battles and votes on equal tables are left out. Raises BadInput where kinds are mixed."""
    upsets: dict[str, list[Upset]] = {}
    random: dict[str, dict[str, list[bool]]] = {}
    for each in counted(of_one_kind(ballots)):
        for verdict in each.verdicts:
            mine = upsets.setdefault(verdict.rule, [])
            if (
                each.winner not in {"model_a", "model_b"}
                or None in (verdict.right_a, verdict.right_b)
                or verdict.right_a == verdict.right_b
            ):
                continue
            left = each.winner == "model_a"
            wrong = verdict.right_b if left else verdict.right_a
            if wrong:
                winner, loser = (each.model_a, each.model_b) if left else (each.model_b, each.model_a)
                mine.append(Upset(each, winner, loser, verdict.reason_a if left else verdict.reason_b))
            if each.chosen == RANDOM:
                random.setdefault(verdict.rule, {}).setdefault(each.voter, []).append(bool(wrong))
    return tuple(
        PlausibleButWrong(
            rule=rule,
            upsets=tuple(upsets[rule]),
            share=_clustered([(sum(votes), len(votes)) for votes in random.get(rule, {}).values()]),
        )
        for rule in sorted(upsets)
    )


def _random(ballots: Iterable[Ballot]) -> list[Ballot]:
    return [each for each in counted(of_one_kind(ballots)) if each.chosen == RANDOM]


def _by_pair(ballots: Iterable[Ballot]) -> dict[tuple[str, str], list[Ballot]]:
    groups: dict[tuple[str, str], list[Ballot]] = {}
    for each in ballots:
        groups.setdefault(pair(each), []).append(each)
    return dict(sorted(groups.items()))


def _benchmark(ballot: Ballot, rule: str) -> Side | None:
    """The benchmark's verdict in a voter's words; None where it has none for both answers."""
    verdict = next((each for each in ballot.verdicts if each.rule == rule), None)
    if verdict is None or verdict.right_a is None or verdict.right_b is None:
        return None
    if verdict.right_a == verdict.right_b:
        return "tie" if verdict.right_a else "both_bad"
    won = ballot.model_a if verdict.right_a else ballot.model_b
    return "first" if won == pair(ballot)[0] else "second"


def _kappa_of(judged: Sequence[tuple[Ballot, Side]], draws: int, seed: int) -> Agreement:
    ratings = [(side(each), verdict) for each, verdict in judged]
    questions = [(each.db, each.question or each.battle) for each, _ in judged]
    voters = [each.voter for each, _ in judged]
    n = len(set(voters))
    by_question, by_voter = (kappa(ratings, clusters, n, draws, seed) for clusters in (questions, voters))
    if by_question.low is None or by_question.high is None or by_voter.low is None or by_voter.high is None:
        return by_question
    low, high = min(by_question.low, by_voter.low), max(by_question.high, by_voter.high)
    return Agreement(by_question.value, low, high, by_question.observed, by_question.units, by_question.votes, n)


def _consistency(voter: str, questions: Iterable[Sequence[Ballot]]) -> Consistency:
    twice = [two for votes in questions for two in combinations(votes, 2)]
    crossed = [(one, other) for one, other in twice if one.model_a != other.model_a]
    return Consistency(
        voter=voter,
        pairs=len(twice),
        agree=sum(side(one) == side(other) for one, other in twice),
        swapped=len(crossed),
        swapped_agree=sum(side(one) == side(other) for one, other in crossed),
        same_side=sum(one.winner == other.winner and one.winner in {"model_a", "model_b"} for one, other in crossed),
    )


def _numbered(values: Iterable[Hashable]) -> dict[Hashable, int]:
    """Each distinct value's place, which does not depend on the order in which they come."""
    return {value: number for number, value in enumerate(sorted(set(values), key=repr))}


def _clustered(counts: Sequence[tuple[int, int]]) -> Interval | None:
    return clustered_wilson(counts) if any(n for _, n in counts) else None


def _alpha(weights: Array, counts: Array) -> tuple[Array, Array]:
    """Draws x units and units x values -> observed agreement and that by chance, for each draw."""
    sizes = counts.sum(axis=1)
    matching = (counts * (counts - 1)).sum(axis=1) / np.maximum(sizes - 1, 1)
    n, totals = weights @ sizes, weights @ counts
    with np.errstate(divide="ignore", invalid="ignore"):
        return (weights @ matching) / n, (totals * (totals - 1)).sum(axis=1) / (n * (n - 1))


def _kappa(weights: Array, counts: Array) -> tuple[Array, Array]:
    """Draws x clusters and clusters x values x values -> observed agreement and that by chance, for each draw."""
    tables = np.tensordot(weights, counts, axes=1)
    n = tables.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = np.trace(tables, axis1=1, axis2=2) / n
        return observed, (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1) / (n * n)


def _resampled(
    counts: Array,
    shares: Callable[[Array, Array], tuple[Array, Array]],
    plain: Callable[[float], Interval],
    votes: int,
    voters: int,
    draws: int,
    seed: int,
) -> Agreement:
    """The coefficient (observed - chance) / (1 - chance) with its interval over clusters, the first axis of the counts."""
    units = len(counts)
    if not units:
        return Agreement(None, None, None, None, 0, 0, voters)
    counts = counts[np.lexsort(counts.reshape(units, -1).T)]
    (observed,), (chance,) = shares(np.ones((1, units)), counts)
    if not chance < 1 - 1e-12:
        return Agreement(None, None, None, float(observed), units, votes, voters)
    value = float((observed - chance) / (1 - chance))
    low, high = -1.0, 1.0
    if units > 1:
        again = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=draws).astype(float)
        drawn, by_chance = shares(again, counts)
        known = by_chance < 1 - 1e-12
        found = (drawn[known] - by_chance[known]) / (1 - by_chance[known])
        if 2 * len(found) >= draws:
            least, most = ((each - chance) / (1 - chance) for each in (plain(float(observed)).low, plain(float(observed)).high))
            low, high = min(value, float(np.quantile(found, 0.025)), least), max(value, float(np.quantile(found, 0.975)), most)
    return Agreement(value, max(-1.0, float(low)), min(1.0, float(high)), float(observed), units, votes, voters)
