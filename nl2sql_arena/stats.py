"""Honest statistics on plain counts. Intervals are 95 % unless told otherwise."""

import math
from collections.abc import Sequence

from nl2sql_arena.types import Interval

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
Z80 = 0.8416212335729143
"""Its 80 % quantile."""


def wilson(successes: int, n: int, z: float = Z95) -> Interval:
    """Wilson's score interval of a share (E. B. Wilson, 1927); for n = 0 it is the whole range 0..1 around nothing.

    Raises ValueError unless 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, 0)
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Interval(share, 0.0 if successes == 0 else max(0.0, low), 1.0 if successes == n else min(1.0, high), n)


def newcombe_paired(both: int, only_a: int, only_b: int, neither: int, z: float = Z95) -> Interval:
    """The difference of two shares of the same n questions, A's less B's, in -1..1, with the interval that puts both Wilson intervals
    together: method 10 of R. G. Newcombe, Improved confidence intervals for the difference between binomial proportions based on paired
    data, Statistics in Medicine 17 (1998). For n = 0 it is the whole range -1..1 around nothing. Raises ValueError for negative counts.
    """
    if min(both, only_a, only_b, neither) < 0:
        raise ValueError(f"{both}, {only_a}, {only_b}, {neither} are not all counts")
    n = both + only_a + only_b + neither
    if n == 0:
        return Interval(math.nan, -1.0, 1.0, 0)
    a, b = wilson(both + only_a, n, z), wilson(both + only_b, n, z)
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    cross = both * neither - only_a * only_b
    corrected = max(cross - n / 2, 0.0) if cross > 0 else cross  # a positive correlation is taken with a continuity correction
    phi = corrected / math.sqrt(margins) if margins else 0.0

    def reach(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))

    difference = (only_a - only_b) / n
    low, high = difference - reach(a.value - a.low, b.high - b.value), difference + reach(a.high - a.value, b.value - b.low)
    return Interval(difference, max(-1.0, low), min(1.0, high), n)


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """The two-sided p of "A and B are right equally often" from the questions that one of them alone has right: the binomial form of
    Q. McNemar's test (1947). 1 where there are none. Raises ValueError for negative counts.
    """
    if min(only_a, only_b) < 0:
        raise ValueError(f"{only_a} and {only_b} are not counts")
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / (1 << n))


def holm(ps: Sequence[float]) -> list[float]:
    """The p values in the same order, raised so that all of them may be read together (S. Holm, 1979)."""
    raised, worst = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda each: ps[each])):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[index]))
        raised[index] = worst
    return raised


def resolvable(n: int, discordance: float) -> float:
    """The smallest true difference of two shares of the same n questions that a two-sided test at 5 % finds in four of five runs, where
    `discordance` is the share of questions that one of the two alone has right. NaN where n is too small to find any.

    R. J. Connor's sample size for paired proportions (Biometrics 43, 1987), solved for the difference. A difference needs as many
    questions on which the two differ, so that where fewer were seen the discordance is taken to be the difference itself.
    """
    if not 0.0 <= discordance <= 1.0:
        raise ValueError(f"{discordance} is not a share")

    def is_found(difference: float) -> bool:
        differing = max(discordance, difference)
        return difference * math.sqrt(n) >= Z95 * math.sqrt(differing) + Z80 * math.sqrt(differing - difference * difference)

    if not is_found(1.0):
        return math.nan
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high


def clustered(counts: Sequence[tuple[int, int]]) -> Interval:
    """The share over clusters (right, n), such as one for each database, with the interval that it has when the clusters are the sample:
    the t interval of the ratio estimator for clusters of unequal size (W. G. Cochran, Sampling Techniques, 1977, section 9A), never
    narrower than Wilson's, since a handful of clusters can agree by luck. With fewer than two it is the whole range 0..1.
    """
    used = [(right, n) for right, n in counts if n]
    total = wilson(sum(right for right, _ in used), sum(n for _, n in used))
    if len(used) < 2:
        return Interval(total.value, 0.0, 1.0, total.n)
    k = len(used)
    squares = sum((right - total.value * n) ** 2 for right, n in used)
    spread = t_quantile(k - 1) * math.sqrt(k / (k - 1) * squares) / total.n
    return Interval(total.value, max(0.0, min(total.low, total.value - spread)), min(1.0, max(total.high, total.value + spread)), total.n)


def t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t, by bisection over the closed form for whole degrees of freedom (Abramowitz & Stegun 26.7.3-4)."""
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_within(middle, degrees) < 0.95 else (low, middle)
    return high


def _t_within(t: float, degrees: int) -> float:
    """The chance that |T| < t."""
    angle = math.atan(t / math.sqrt(degrees))
    term, total = 1.0, 0.0
    if degrees % 2:
        term = math.cos(angle)
        for j in range(1, degrees - 1, 2):
            total += term
            term *= math.cos(angle) ** 2 * (j + 1) / (j + 2)
        return 2 / math.pi * (angle + math.sin(angle) * total)
    for j in range(0, degrees - 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (j + 1) / (j + 2)
    return math.sin(angle) * total
