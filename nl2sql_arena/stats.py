"""Honest statistics on plain counts. Intervals are 95 % unless told otherwise."""

import math

from nl2sql_arena.types import Interval

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


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
