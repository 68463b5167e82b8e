import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.stats import wilson

SHARES = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Wilson intervals as published in statistics texts and reproduced by R's prop.test(..., correct = FALSE)
        (10, 10, 0.7225, 1.0),
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_known_intervals(successes: int, n: int, low: float, high: float) -> None:
    interval = wilson(successes, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)
    assert interval.value == successes / n
    assert interval.n == n


@given(SHARES)
def test_losses_mirror_wins(share: tuple[int, int]) -> None:
    k, n = share
    wins, losses = wilson(k, n), wilson(n - k, n)
    assert math.isclose(wins.low, 1 - losses.high, abs_tol=1e-12)
    assert math.isclose(wins.high, 1 - losses.low, abs_tol=1e-12)


@given(SHARES)
def test_the_interval_holds_its_share_and_stays_a_share(share: tuple[int, int]) -> None:
    interval = wilson(*share)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.high - interval.low > 0


@given(st.integers(1, 400), st.integers(2, 20))
def test_more_votes_narrow_it(n: int, times: int) -> None:
    few, many = wilson(n // 2, n), wilson(times * (n // 2), times * n)
    assert many.high - many.low < few.high - few.low


def test_no_votes_say_nothing() -> None:
    interval = wilson(0, 0)
    assert (interval.low, interval.high, interval.n) == (0.0, 1.0, 0)
    assert math.isnan(interval.value)


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (1, 0)])
def test_what_is_no_share_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="not a share"):
        wilson(successes, n)
