"""Ballots on three or more models -> one scale of strengths, with ties and honest intervals. Pure.

Model: R. R. Davidson's extension of Bradley and Terry to ties (Journal of the American Statistical Association 65, 1970). With strengths
t on a logarithmic scale, i beats j, loses and ties with weights exp((t_i - t_j) / 2), exp((t_j - t_i) / 2) and v, one tie parameter for all
pairs. Without ties and prior it is Bradley and Terry's (1952). Both-bad votes say nothing about who is better and are left out.

Prior: strengths are normal around their mean with standard deviation 2, log v around 0 with 2, independently. It keeps a model that won or
lost everything at a finite place, where the likelihood alone would send it to infinity, and weighs about as much as one vote. The estimate
is the mode, which is unique since the logarithm of the posterior is strictly concave.

Intervals: voters are drawn again with replacement, 1,000 times, seeded; the 2.5 % and 97.5 % quantiles are moved away from the estimate
by the quotient of Student's and the normal quantile for the number of voters; and no interval is narrower than that of the posterior's
curvature at the mode, which takes votes as independent: drawing again from votes that all agree would give an interval of width zero. With
one voter there is no interval.

Models are compared only where a chain of votes links them: each linked set is a ladder of its own, and nothing is said across ladders.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nl2sql_arena.errors import BadInput
from nl2sql_arena.stats import Z95, t_quantile
from nl2sql_arena.votes.ballots import SIDES, Ballot, counted, of_one_kind, pair, side

Array = npt.NDArray[np.float64]

PRIOR_SD = 2.0
DRAWS = 1_000
SEED = 20
POINTS = 400 / math.log(10)
"""Elo points for one unit of strength: 400 points are odds of ten to one."""


@dataclass(frozen=True)
class Rating:
    """One model's strength in log-odds, 0 is the ladder's mean; exp of a difference is the odds of winning a decisive vote.

    `low` and `high` bound 95 % (None with one voter). `best` and `worst` are the ranks that the votes leave open: only models whose
    difference from this one has an interval on one side of 0 are surely above or below. With `held_by_prior` the votes alone would put
    it at infinity (it won or lost everything against the rest, or belongs to a set that did): its place is the prior's, its order is not.
    """

    model: str
    strength: float
    low: float | None
    high: float | None
    best: int
    worst: int
    votes: int
    wins: int
    losses: int
    ties: int
    held_by_prior: bool

    @property
    def points(self) -> float:
        """The strength in Elo points, 1,000 is the mean."""
        return 1000 + POINTS * self.strength


@dataclass(frozen=True)
class Ladder:
    """Models that a chain of votes links, strongest first. `tie_rate` is the share of ties that the model gives two equal models."""

    ratings: tuple[Rating, ...]
    votes: int
    voters: int
    tie_rate: float


@dataclass(frozen=True)
class Board:
    """The ladders, longest first, each for itself; `unrated` are models with both-bad votes alone; `both_bad` votes are in no ladder."""

    ladders: tuple[Ladder, ...]
    unrated: tuple[str, ...]
    both_bad: int


def board(ballots: Iterable[Ballot], draws: int = DRAWS, seed: int = SEED, prior_sd: float = PRIOR_SD) -> Board:
    """All models of one kind. Two revisions of a name are two models. Raises BadInput where real and practice models, or blind and open
    votes, are mixed, and for a prior that is no positive number.
    """
    if not (0 < prior_sd < math.inf):
        raise BadInput(f"A prior standard deviation of {prior_sd} keeps no rating finite; give a positive number, such as {PRIOR_SD}.")
    votes = counted(of_one_kind(ballots))
    telling = [each for each in votes if each.winner != "both_bad"]
    sets = _linked(telling)
    rated = {model for each in sets for model in each}
    ladders = [_ladder(models, [each for each in telling if each.model_a in models], draws, seed, prior_sd) for models in sets]
    seen = {model for each in votes for model in pair(each)}
    return Board(
        ladders=tuple(sorted(ladders, key=lambda each: (-len(each.ratings), -each.votes, min(one.model for one in each.ratings)))),
        unrated=tuple(sorted(seen - rated)),
        both_bad=len(votes) - len(telling),
    )


def _ladder(models: Sequence[str], ballots: Sequence[Ballot], draws: int, seed: int, prior_sd: float) -> Ladder:
    counts, pairs = _counts(models, ballots)
    total = counts.sum(axis=0)
    (strengths,), (tie,) = fit(total[None], pairs, len(models), prior_sd)
    low, high, above = _bounds(counts, pairs, np.append(strengths, tie), draws, seed, prior_sd)
    held = _held(total, pairs, len(models))
    ratings = []
    for i, model in enumerate(models):
        ours, theirs = pairs[:, 0] == i, pairs[:, 1] == i
        wins, losses = total[ours, 0].sum() + total[theirs, 1].sum(), total[ours, 1].sum() + total[theirs, 0].sum()
        ties = total[ours | theirs, 2].sum()
        ratings.append(
            Rating(
                model=model,
                strength=float(strengths[i]),
                low=None if low is None else float(low[i]),
                high=None if high is None else float(high[i]),
                best=1 + int(above[:, i].sum()),
                worst=len(models) - int(above[i].sum()),
                votes=int(wins + losses + ties),
                wins=int(wins),
                losses=int(losses),
                ties=int(ties),
                held_by_prior=held[i],
            )
        )
    ratings.sort(key=lambda each: (-each.strength, each.model))
    odds = math.exp(tie)
    return Ladder(tuple(ratings), int(total.sum()), len(counts), odds / (2 + odds))


def fit(counts: Array, pairs: npt.NDArray[np.int64], models: int, prior_sd: float = PRIOR_SD) -> tuple[Array, Array]:
    """Strengths (draws x models, each with mean 0) and log tie parameters (draws) at the mode of the posterior.

    `counts` are draws x pairs x (first wins, second wins, ties), `pairs` the two models of each pair as numbers. Newton's method, with
    steps of at most half a unit: there the curvature changes little enough for each step to climb.
    """
    design = _design(pairs, models)
    at = np.zeros((len(counts), models + 1))
    for _ in range(500):
        gradient, curvature = _slopes(counts, design, at, prior_sd)
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        at = at + step * np.minimum(1.0, 0.5 / np.maximum(longest, 1e-300))
        if longest.max() < 1e-10:
            break
    return at[:, :models] - at[:, :models].mean(axis=1, keepdims=True), at[:, models]


def _slopes(counts: Array, design: Array, at: Array, prior_sd: float) -> tuple[Array, Array]:
    """Gradient and negative second derivative of the log posterior in (strengths, log tie parameter)."""
    models = design.shape[1]
    apart, tie = at[:, :models] @ design.T, at[:, models:]
    heights = np.stack([apart / 2, -apart / 2, np.broadcast_to(tie, apart.shape)], axis=-1)
    weights = np.exp(heights - heights.max(axis=-1, keepdims=True))
    chances = weights / weights.sum(axis=-1, keepdims=True)
    n = counts.sum(axis=-1)
    lean = (chances[..., 0] - chances[..., 1]) / 2
    tied = chances[..., 2]
    surplus = (counts[..., 0] - counts[..., 1]) / 2 - n * lean
    gradient = np.concatenate([surplus @ design, (counts[..., 2] - n * tied).sum(axis=1, keepdims=True)], axis=1) - at / prior_sd**2
    own, cross, ties = n * ((1 - tied) / 4 - lean**2), -n * lean * tied, n * tied * (1 - tied)
    curvature = np.zeros((len(counts), models + 1, models + 1))
    curvature[:, :models, :models] = np.einsum("bp,pi,pj->bij", own, design, design)
    curvature[:, :models, models] = curvature[:, models, :models] = cross @ design
    curvature[:, models, models] = ties.sum(axis=1)
    return gradient, curvature + np.eye(models + 1) / prior_sd**2


def _bounds(
    counts: Array, pairs: npt.NDArray[np.int64], mode: Array, draws: int, seed: int, prior_sd: float
) -> tuple[Array | None, Array | None, npt.NDArray[np.bool_]]:
    """Lower and upper bounds of the strengths, and whether model i is surely above model j (at i, j)."""
    voters, models = len(counts), len(mode) - 1
    if voters < 2:
        return None, None, np.zeros((models, models), dtype=bool)
    rng = np.random.default_rng(seed)
    again = rng.multinomial(voters, np.full(voters, 1 / voters), size=draws)
    drawn = np.tensordot(again.astype(float), counts, axes=1)
    strengths, _ = fit(drawn, pairs, models, prior_sd)
    _, curvature = _slopes(counts.sum(axis=0)[None], _design(pairs, models), mode[None], prior_sd)
    centred = np.eye(models) - 1 / models
    spread = centred @ np.linalg.inv(curvature[0])[:models, :models] @ centred
    stretch = _stretch(voters)

    def around(value: Array, found: Array, deviation: Array) -> tuple[Array, Array]:
        below, above = np.quantile(found, 0.025, axis=0), np.quantile(found, 0.975, axis=0)
        reach = Z95 * deviation
        return value - np.maximum(reach, stretch * (value - below)), value + np.maximum(reach, stretch * (above - value))

    low, high = around(mode[:models], strengths, np.sqrt(np.diag(spread)))
    apart = mode[:models, None] - mode[None, :models]
    variance = np.diag(spread)[:, None] + np.diag(spread)[None] - 2 * spread
    least, _ = around(apart, strengths[:, :, None] - strengths[:, None, :], np.sqrt(np.maximum(variance, 0.0)))
    return low, high, least > 0


def _stretch(voters: int) -> float:
    """Student's quantile over the normal one, with the correction of a variance for the mean that it is taken around."""
    return t_quantile(min(voters - 1, 100)) / Z95 * math.sqrt(voters / (voters - 1))


def _design(pairs: npt.NDArray[np.int64], models: int) -> Array:
    design = np.zeros((len(pairs), models))
    design[np.arange(len(pairs)), pairs[:, 0]] = 1.0
    design[np.arange(len(pairs)), pairs[:, 1]] = -1.0
    return design


def _counts(models: Sequence[str], ballots: Sequence[Ballot]) -> tuple[Array, npt.NDArray[np.int64]]:
    """Voters x pairs x (first wins, second wins, ties), and the pairs as numbers of models. Voters stand in an order that no name sets."""
    places = {model: number for number, model in enumerate(models)}
    pairs = sorted({pair(each) for each in ballots})
    rows, voters = {each: number for number, each in enumerate(pairs)}, {each.voter: None for each in ballots}
    numbers = {voter: number for number, voter in enumerate(voters)}
    counts = np.zeros((len(voters), len(pairs), 3))
    for each in ballots:
        counts[numbers[each.voter], rows[pair(each)], SIDES.index(side(each))] += 1
    order = np.lexsort(counts.reshape(len(voters), -1).T)
    return counts[order], np.array([(places[first], places[second]) for first, second in pairs])


def _linked(ballots: Sequence[Ballot]) -> list[list[str]]:
    """The sets of models that chains of votes link, each sorted."""
    leader: dict[str, str] = {}

    def top(model: str) -> str:
        while leader.setdefault(model, model) != model:
            model = leader[model]
        return model

    for first, second in {pair(each) for each in ballots}:
        leader[top(first)] = top(second)
    sets: dict[str, list[str]] = {}
    for model in sorted(leader):
        sets.setdefault(top(model), []).append(model)
    return list(sets.values())


def _held(total: Array, pairs: npt.NDArray[np.int64], models: int) -> list[bool]:
    """Whether a model's distance from the largest set of models that win or tie among each other in circles is the prior's alone: the
    likelihood has a finite maximum only over such a set (L. R. Ford's condition, American Mathematical Monthly 64, 1957). Where several
    sets are the largest, it is so for all.
    """
    reach = np.eye(models, dtype=bool)
    for (first, second), (wins, losses, ties) in zip(pairs, total, strict=True):
        reach[first, second] |= wins + ties > 0
        reach[second, first] |= losses + ties > 0
    for middle in range(models):
        reach |= reach[:, middle, None] & reach[None, middle]
    sizes = (reach & reach.T).sum(axis=1)
    largest = sizes == sizes.max()
    return [bool(not mine or largest.sum() > sizes.max()) for mine in largest]
