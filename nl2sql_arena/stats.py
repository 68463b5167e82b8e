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


def sign_test(one: int, other: int) -> float:
    """The two-sided exact binomial p of "both are equally likely" where one came up `one` times and the other `other` times; 1 for none.

    In logarithms, so that thousands of votes take no time (`mcnemar_exact` is the same test in whole numbers). Raises ValueError for
    negative counts.
    """
    if min(one, other) < 0:
        raise ValueError(f"{one} and {other} are not counts")
    n, few = one + other, min(one, other)
    if one == other:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(few + 1)]
    return min(1.0, 2 * math.fsum(math.exp(each) for each in logs))


def clustered_wilson(counts: Sequence[tuple[int, int]]) -> Interval:
    """The share over clusters (successes, n), such as one for each voter, with Wilson's interval at the number of independent votes that
    they are worth: E. L. Korn and B. I. Graubard's effective sample size (Survey Methodology 24, 1998) with Wilson's bounds, as compared
    by N. Dean and M. Pagano (Journal of Survey Statistics and Methodology 3, 2015).

    The design effect is that of the ratio estimator over simple sampling, taken as 1 where it is less, since a handful of voters can agree
    by luck; t quantiles make up for few clusters. Clusters are counted as Kish does, n^2 over the sum of their squared sizes, since two
    heavy voters among fifty light ones are hardly more than two (compare the effective number of clusters of A. V. Carter, K. T. Schnepel
    and D. G. Steigerwald, Review of Economics and Statistics 99, 2017). With one vote for each cluster it is Wilson's interval. With
    fewer than two clusters it is the whole range 0..1, since nothing is known of others; value NaN where there are no votes.
    """
    used = [(right, n) for right, n in counts if n]
    total = wilson(sum(right for right, _ in used), sum(n for _, n in used))
    if len(used) < 2:
        return Interval(total.value, 0.0, 1.0, total.n)
    n, share = total.n, total.value
    k = n * n / sum(each * each for _, each in used)
    simple = share * (1 - share) / (n - 1)
    spread = k / (k - 1) * math.fsum((right - share * each) ** 2 for right, each in used) / (n * n)
    effect = max(1.0, spread / simple) if simple else 1.0
    worth = min(float(n), n / effect * (_t_975(n - 1) / _t_975(max(1, int(k + 1e-9) - 1))) ** 2)
    z2 = Z95 * Z95
    centre = share + z2 / (2 * worth)
    reach = Z95 * math.sqrt(share * (1 - share) / worth + z2 / (4 * worth * worth))
    low, high = (centre - reach) / (1 + z2 / worth), (centre + reach) / (1 + z2 / worth)
    return Interval(share, 0.0 if share == 0 else max(0.0, low), 1.0 if share == 1 else min(1.0, high), n)


def _t_975(degrees: int) -> float:
    """As `t_quantile`; for many degrees by its expansion (Abramowitz & Stegun 26.7.5), which is exact to six digits there."""
    if degrees <= 100:
        return t_quantile(degrees)
    z = Z95
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
