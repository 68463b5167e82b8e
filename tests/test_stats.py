import math
import random
from statistics import stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.stats import (
    clustered,
    clustered_wilson,
    holm,
    mcnemar_exact,
    newcombe_paired,
    resolvable,
    sign_test,
    t_quantile,
    wilson,
)

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


TABLES = st.tuples(*[st.integers(0, 60)] * 4)


@pytest.mark.parametrize(
    ("table", "difference", "low", "high"),
    [
        # Newcombe (1998), table II: 36, 12, 2, 0
        ((36, 12, 2, 0), 0.2, 0.0569, 0.3404),
        # Fagerland, Lydersen & Laake (2014), airway hyper-responsiveness before and after stem cell transplantation: 1, 1, 7, 12
        ((1, 1, 7, 12), -0.2857, -0.5069, -0.0256),
    ],
)
def test_known_paired_differences(table: tuple[int, int, int, int], difference: float, low: float, high: float) -> None:
    interval = newcombe_paired(*table)
    assert (round(interval.value, 4), round(interval.low, 4), round(interval.high, 4)) == (difference, low, high)


@given(TABLES)
def test_a_paired_difference_lies_in_its_interval_and_turns_with_its_sides(table: tuple[int, int, int, int]) -> None:
    both, only_a, only_b, neither = table
    interval, turned = newcombe_paired(*table), newcombe_paired(both, only_b, only_a, neither)
    assert interval.n == sum(table)
    if interval.n:
        assert -1 <= interval.low <= interval.value <= interval.high <= 1
        assert math.isclose(interval.low, -turned.high, abs_tol=1e-9)


@given(TABLES, st.integers(2, 9))
def test_more_questions_narrow_a_paired_difference(table: tuple[int, int, int, int], times: int) -> None:
    few, many = newcombe_paired(*table), newcombe_paired(*(times * each for each in table))
    assert many.high - many.low <= few.high - few.low + 1e-9


def test_no_questions_say_nothing_of_a_difference() -> None:
    interval = newcombe_paired(0, 0, 0, 0)
    assert (interval.low, interval.high, interval.n) == (-1.0, 1.0, 0)


# 9 of 2^8 outcomes of each tail lie as far out as 1 of 8, 11 of 2^10 as 1 of 10
@pytest.mark.parametrize(("only_a", "only_b", "p"), [(1, 7, 18 / 256), (0, 0, 1.0), (5, 5, 1.0), (0, 6, 2 / 64), (10, 1, 24 / 2048)])
def test_known_exact_p_values(only_a: int, only_b: int, p: float) -> None:
    assert math.isclose(mcnemar_exact(only_a, only_b), p)


@given(st.integers(0, 300), st.integers(0, 300))
def test_an_exact_p_is_a_chance_that_knows_no_side_and_falls_with_the_distance(a: int, b: int) -> None:
    assert 0 < mcnemar_exact(a, b) <= 1
    assert mcnemar_exact(a, b) == mcnemar_exact(b, a)
    assert mcnemar_exact(max(a, b) + 1, min(a, b)) <= mcnemar_exact(a, b)


def test_a_negative_count_is_refused() -> None:
    for call in (lambda: mcnemar_exact(-1, 2), lambda: newcombe_paired(1, 2, -3, 4), lambda: resolvable(10, 1.5)):
        with pytest.raises(ValueError, match="not"):
            call()


def test_holm_raises_every_p_by_how_many_are_left() -> None:
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.9, 0.4]) == [0.9, 0.8]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_never_lowers(ps: list[float]) -> None:
    raised = holm(ps)
    assert all(p <= r <= 1 for p, r in zip(ps, raised, strict=True))
    assert [r for _, r in sorted(zip(ps, raised, strict=True))] == sorted(raised)


@given(st.integers(20, 3000), st.floats(0.02, 1.0))
def test_what_can_be_resolved_has_the_power_that_connor_asks_for(n: int, discordance: float) -> None:
    difference = resolvable(n, discordance)
    differing = max(discordance, difference)
    needed = ((1.959964 * math.sqrt(differing) + 0.841621 * math.sqrt(max(0.0, differing - difference**2))) / difference) ** 2
    assert math.isclose(needed, n, rel_tol=1e-4)


def test_more_questions_resolve_more_and_a_few_resolve_nothing() -> None:
    assert resolvable(1000, 0.3) < resolvable(100, 0.3) < resolvable(20, 0.3)
    assert math.isnan(resolvable(3, 0.5))
    assert math.isnan(resolvable(0, 0.5))


# quantiles of Student's t as every table prints them
@pytest.mark.parametrize(("degrees", "t"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (10, 2.228), (30, 2.042)])
def test_known_quantiles_of_t(degrees: int, t: float) -> None:
    assert round(t_quantile(degrees), 3) == t


def test_clusters_that_differ_widen_an_interval_and_those_that_agree_never_narrow_it() -> None:
    differing, agreeing = clustered([(40, 40), (0, 40), (20, 40)]), clustered([(20, 40)] * 3)
    assert (differing.low, differing.high) == (0.0, 1.0)
    assert (agreeing.low, agreeing.high) == (wilson(60, 120).low, wilson(60, 120).high)


def test_an_interval_over_clusters_of_equal_size_is_the_t_interval_of_their_shares() -> None:
    counts = [30, 40, 50, 60, 45]
    shares = [each / 100 for each in counts]
    half = 2.776445 * stdev(shares) / math.sqrt(5)
    interval = clustered([(each, 100) for each in counts])
    assert math.isclose(interval.low, sum(shares) / 5 - half, abs_tol=1e-6)
    assert math.isclose(interval.high, sum(shares) / 5 + half, abs_tol=1e-6)


@pytest.mark.parametrize("counts", [[], [(3, 4)], [(3, 4), (0, 0)]])
def test_one_cluster_says_nothing_of_another(counts: list[tuple[int, int]]) -> None:
    assert (clustered(counts).low, clustered(counts).high) == (0.0, 1.0)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_sign_test_is_mcnemars_and_knows_no_sides(one: int, other: int) -> None:
    assert math.isclose(sign_test(one, other), mcnemar_exact(one, other), rel_tol=1e-9)
    assert sign_test(one, other) == sign_test(other, one)


def test_the_sign_test_of_many_votes() -> None:
    """P(60,000 or more heads of 119,000), which whole numbers would take minutes for: z = 2.899, with continuity 2.896."""
    assert math.isclose(sign_test(60_000, 59_000), 0.00378, rel_tol=0.01)


@given(SHARES)
def test_one_vote_a_voter_is_wilsons_interval(share: tuple[int, int]) -> None:
    k, n = min(share[0], 200), min(share[1], 200)
    k = min(k, n)
    if n > 1:
        one_each, plain = clustered_wilson([(1, 1)] * k + [(0, 1)] * (n - k)), wilson(k, n)
        assert math.isclose(one_each.low, plain.low, abs_tol=1e-9)
        assert math.isclose(one_each.high, plain.high, abs_tol=1e-9)


def test_voters_of_one_mind_widen_the_interval() -> None:
    """Ten voters with ten equal votes each are worth no more than ten votes, for which Wilson's interval of 6 is 0.3127..0.8318."""
    interval = clustered_wilson([(10, 10)] * 6 + [(0, 10)] * 4)
    assert (interval.value, interval.n) == (0.6, 100)
    assert 0.25 < interval.low < 0.3127
    assert 0.8318 < interval.high < 0.88


def test_one_voter_says_nothing_about_others() -> None:
    assert clustered_wilson([(10, 10), (0, 0)]) == clustered_wilson([(10, 10)])
    assert (clustered_wilson([(10, 10)]).low, clustered_wilson([(10, 10)]).high) == (0.0, 1.0)


@given(st.lists(st.integers(0, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=30))
def test_clustered_wilson_holds_its_share_and_mirrors(counts: list[tuple[int, int]]) -> None:
    interval, mirrored = clustered_wilson(counts), clustered_wilson([(n - k, n) for k, n in counts])
    plain = wilson(sum(k for k, _ in counts), sum(n for _, n in counts))
    assert 0 <= interval.low <= plain.low + 1e-9
    assert plain.high - 1e-9 <= interval.high <= 1
    assert math.isclose(interval.low, 1 - mirrored.high, abs_tol=1e-9)


@pytest.mark.parametrize(("voters", "heavy"), [(10, 3), (40, 10)])
def test_the_true_share_is_inside_where_voters_differ(voters: int, heavy: int) -> None:
    """1,000 seeded polls of voters who each have a taste of their own (Beta(3, 2)) and cast 1 to 40 votes: the true share, 0.6, is in the
    interval in about 19 of 20 polls; Wilson's own interval, which takes votes for independent, misses it in more than three of ten.
    """
    rng, held, naive = random.Random(f"{voters}"), 0, 0
    for _ in range(1000):
        counts = []
        for voter in range(voters):
            taste, n = rng.betavariate(3, 2), rng.randint(10, 40) if voter < heavy else rng.randint(1, 5)
            counts.append((sum(rng.random() < taste for _ in range(n)), n))
        clustered_, plain = clustered_wilson(counts), wilson(sum(k for k, _ in counts), sum(n for _, n in counts))
        held += clustered_.low <= 0.6 <= clustered_.high
        naive += plain.low <= 0.6 <= plain.high
    assert held >= 930
    assert naive < 700
