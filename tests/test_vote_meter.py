import math
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nl2sql_arena.errors import BadInput
from nl2sql_arena.stats import wilson
from nl2sql_arena.votes.ballots import CONTROL, Ballot, swapped
from nl2sql_arena.votes.meter import FEW, confidence_sequence, is_settled, meter, readings, sentence
from tests.ballot_boxes import ALPHA, BETA, ballot, ballots, boxes, finite, renamed

COUNTS = st.integers(0, 3000)


def bounds(looks: int) -> npt.NDArray[np.int64]:
    """For each number of votes up to `looks` the fewest wins of the leader that settle the race; n + 1 where none do."""
    needed, found = 0, []
    for n in range(1, looks + 1):
        needed = max(needed, (n + 1) // 2)
        while needed <= n and not is_settled(needed, n - needed):
            needed += 1
        found.append(needed)
    return np.array(found)


def ever_settled(runs: int, looks: int, share: float, seed: int) -> float:
    """Of `runs` seeded races the part that the meter calls settled at some look, looking after every vote."""
    rng, called = np.random.default_rng(seed), 0
    limits, votes = bounds(looks), np.arange(1, looks + 1)
    for _ in range(runs // 100):
        wins = (rng.random((100, looks)) < share).cumsum(axis=1)
        called += int((np.maximum(wins, votes - wins) >= limits).any(axis=1).sum())
    return called / runs


def test_an_even_race_is_rarely_called_settled_by_those_who_always_look() -> None:
    assert ever_settled(1_000, 1_000, 0.5, seed=1) < 0.05


@pytest.mark.long
def test_an_even_race_is_rarely_called_settled_in_ten_thousand_runs() -> None:
    assert ever_settled(10_000, 5_000, 0.5, seed=2) < 0.05


def test_a_plain_interval_would_call_far_more() -> None:
    """The same coins under Wilson's interval looked at after every vote: what the meter is there to prevent."""
    rng, votes, called = np.random.default_rng(1), np.arange(1, 1_001), 0
    edges = np.array([next(k for k in range(n // 2, n + 2) if k > n or wilson(k, n).low > 0.5) for n in votes])
    for _ in range(2):
        wins = (rng.random((100, 1_000)) < 0.5).cumsum(axis=1)
        called += int((np.maximum(wins, votes - wins) >= edges)[:, 9:].any(axis=1).sum())
    assert called / 200 > 0.3


def test_the_chance_of_a_false_alarm_is_under_five_percent_exactly() -> None:
    """Not drawn but summed: the weight of all fair paths of 2,000 votes that touch the bound."""
    alive, alarmed = np.array([1.0]), 0.0
    for n, needed in enumerate(bounds(2_000), 1):
        alive = (np.append(alive, 0.0) + np.append(0.0, alive)) / 2
        wins = np.arange(n + 1)
        touched = np.maximum(wins, n - wins) >= needed
        alarmed += float(alive[touched].sum())
        alive[touched] = 0.0
    assert 0.02 < alarmed < 0.05
    assert alarmed + alive.sum() == pytest.approx(1.0)


def test_a_clear_race_is_settled_soon() -> None:
    assert ever_settled(500, 400, 0.7, seed=3) > 0.99


def test_evidence_in_whole_numbers() -> None:
    """M(1/2) after eight wins is 2^8 / 9; after six wins and two losses 2^8 / (9 * 28)."""
    assert meter(8, 0).evidence == pytest.approx(256 / 9)
    assert meter(6, 2).evidence == pytest.approx(256 / 252)
    assert meter(0, 0).evidence == 1.0
    assert (meter(7, 0).settled, meter(8, 0).settled, meter(0, 8).settled) == (False, True, True)


def test_the_range_is_where_the_evidence_is_below_twenty() -> None:
    """Ten wins of ten exclude p where (1/11) / p^10 >= 20, that is below 220^(-1/10)."""
    found = confidence_sequence(10, 0)
    assert (found.value, found.high, found.n) == (1.0, 1.0, 10)
    assert found.low == pytest.approx(220 ** (-1 / 10))


@given(COUNTS, COUNTS)
def test_settled_means_that_the_range_leaves_one_half_out(wins: int, losses: int) -> None:
    assume(wins + losses)
    found = meter(wins, losses)
    assert found.range is not None
    assert found.settled == (not found.range.low < 0.5 < found.range.high)
    assert 0 <= found.range.low <= found.range.value <= found.range.high <= 1
    assert found.range.low <= wilson(wins, wins + losses).low + 1e-9


@given(COUNTS, COUNTS, st.integers(0, 50))
def test_the_other_side_of_a_race(wins: int, losses: int, undecided: int) -> None:
    one, other = meter(wins, losses, undecided), meter(losses, wins, undecided)
    assert (one.settled, one.more, one.more_votes, one.untold) == (other.settled, other.more, other.more_votes, other.untold)
    assert one.evidence == other.evidence
    assert {one.leader, other.leader} in ({"first", "second"}, {""})
    if one.range is not None and other.range is not None:
        assert one.range.low == pytest.approx(1 - other.range.high, abs=1e-9)
    assert finite(one)


@given(st.integers(FEW, 400), st.integers(1, 400))
def test_so_many_more_votes_do_settle_it_and_one_fewer_does_not(wins: int, losses: int) -> None:
    found = meter(wins, losses)
    assume(found.more is not None)
    assert found.more is not None
    n, share = wins + losses, wins / (wins + losses)
    assert is_settled(share * (n + found.more), (1 - share) * (n + found.more))
    assert not is_settled(share * (n + found.more - 1), (1 - share) * (n + found.more - 1))
    assert found.at_least is not None
    assert 1 <= found.at_least <= found.more
    assert found.at_most is None or found.at_most >= found.more


@pytest.mark.parametrize(
    ("wins", "losses", "untold"),
    [(0, 0, "no_votes"), (3, 0, "few_votes"), (20, 20, "even"), (500_001, 500_000, "too_many"), (30, 5, "settled"), (30, 20, "")],
)
def test_where_it_cannot_be_told_how_many_more_it_says_so(wins: int, losses: int, untold: str) -> None:
    found = meter(wins, losses, 10)
    assert found.untold == untold
    assert (found.more is None) == bool(untold)
    assert (found.more_votes is None) == bool(untold)


def test_ties_make_it_longer() -> None:
    plain, tied = meter(60, 40), meter(60, 40, undecided=50)
    assert plain.more is not None
    assert (tied.more, plain.more_votes) == (plain.more, plain.more)
    assert tied.more_votes == math.ceil(plain.more * 1.5)


def test_it_says_what_it_shows() -> None:
    assert sentence(meter(30, 5), "A", "B").startswith("Settled: A is preferred in 6")
    assert sentence(meter(5, 30), "A", "B").startswith("Settled: B is preferred in 6")
    assert sentence(meter(0, 0), "A", "B") == "Not settled: there is no decisive vote yet."
    assert sentence(meter(1, 0), "A", "B") == "Not settled: 1 decisive vote cannot tell how many more it takes."
    assert "even" in sentence(meter(20, 20), "A", "B")
    close = sentence(meter(30, 22), "A", "B")
    assert close.startswith("Not settled: about ")
    assert "if A stays as far ahead" in close
    assert "perhaps without end" in close
    assert "decisive ones, at most about 3,646." in sentence(meter(66, 40, 30), "A", "B")


def test_negative_votes_are_refused() -> None:
    with pytest.raises(BadInput, match="-1"):
        meter(3, -1)
    with pytest.raises(BadInput, match="at least one vote"):
        confidence_sequence(0, 0)


def test_one_busy_voter_settles_nothing_for_others() -> None:
    (found,) = readings([*ballots(30, 0, voter="fan"), ballot("model_b", voter="bob"), ballot("tie", voter="cem")])
    assert (found.first, found.second) == (ALPHA, BETA)
    assert (found.votes.wins, found.votes.losses, found.votes.undecided, found.votes.settled) == (30, 1, 1, True)
    assert (found.voters.wins, found.voters.losses, found.voters.settled) == (1, 1, False)


def test_the_first_decisive_vote_of_a_voter_is_the_earliest() -> None:
    late, early, tie = ballot("model_a", cast=9.0), ballot("model_b", cast=5.0), ballot("tie", cast=1.0)
    (found,) = readings([late, early, tie])
    assert (found.voters.wins, found.voters.losses) == (0, 1)


def test_repeated_battles_and_equal_tables_move_no_meter() -> None:
    (found,) = readings([*ballots(2, 0), *ballots(9, 0, chosen=CONTROL), *ballots(9, 0, same_result=True)])
    assert (found.votes.wins, found.votes.losses) == (2, 0)


@pytest.mark.parametrize("other", [{"kind": "mini"}, {"blind": False}])
def test_kinds_are_never_in_one_meter(other: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="never in one figure"):
        readings([*ballots(1, 0), *ballots(1, 0, **other)])


@given(boxes(), st.data())
def test_neither_sides_nor_order_nor_names_move_a_meter(box: list[Ballot], data: st.DataObject) -> None:
    flips = data.draw(st.lists(st.booleans(), min_size=len(box), max_size=len(box)))
    changed = data.draw(st.permutations([swapped(each) if flip else each for each, flip in zip(box, flips, strict=True)]))
    assert readings(changed) == readings(box)
    for before, after in zip(readings(box), readings(renamed(box, {ALPHA: "zeta@1", BETA: "eta@2"})), strict=True):
        assert (before.votes.wins, before.votes.more) == (after.votes.losses, after.votes.more)


def test_the_bound_used_in_these_simulations_is_the_meters_own() -> None:
    limits = bounds(60)
    assert list(accumulate(limits, max)) == list(limits)
    for n, needed in enumerate(limits, 1):
        assert [meter(wins, n - wins).settled for wins in range((n + 1) // 2, n + 1)] == [
            wins >= needed for wins in range((n + 1) // 2, n + 1)
        ]
