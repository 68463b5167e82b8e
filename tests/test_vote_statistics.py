from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.errors import BadInput
from nl2sql_arena.stats import wilson
from nl2sql_arena.votes.ballots import CONTROL, Ballot, once, raw_and_filtered, swapped
from nl2sql_arena.votes.statistics import figures, side_bias, standings, standings_by
from tests.ballot_boxes import ALPHA, BETA, ballot, ballots, boxes, finite, renamed


def test_a_pair_is_counted_for_the_first_model_whichever_side_it_stood_on() -> None:
    box = [*ballots(3, 1, 2, 1), *ballots(1, 2, a=BETA, b=ALPHA, voter="bob")]
    (standing,) = standings(box)
    found = standing.raw
    assert (standing.first, standing.second, standing.kind, standing.blind) == (ALPHA, BETA, "real", True)
    assert (found.wins, found.losses, found.ties, found.both_bad, found.n, found.voters) == (5, 2, 2, 1, 10, 2)
    assert found.decisive == wilson(5, 7)
    assert (found.tie_rate, found.both_bad_rate) == (wilson(2, 10), wilson(1, 10))
    assert (found.side.left, found.side.right) == (4, 3)


def test_flagged_votes_are_in_the_raw_figures_and_not_in_the_filtered() -> None:
    box = [*ballots(4, 2), *ballots(10, 0, voter="bot", flagged=("fast", "burst")), ballot("tie", flagged=("fast",))]
    (standing,) = standings(box)
    assert (standing.raw.wins, standing.raw.losses, standing.raw.ties) == (14, 2, 1)
    assert (standing.filtered.wins, standing.filtered.losses, standing.filtered.ties) == (4, 2, 0)
    assert standing.flags == {"burst": 10, "fast": 11}
    assert raw_and_filtered(box, len) == (17, 6)


def test_a_heavy_voter_widens_the_interval_by_voter() -> None:
    """Twenty voters at 10 to 10, and one who votes forty times for the first."""
    crowd = [vote for n in range(20) for vote in ballots(n % 2, 1 - n % 2, voter=f"voter{n}")]
    (standing,) = standings([*crowd, *ballots(40, 0, voter="fan")])
    assert standing.raw.decisive is not None
    assert standing.raw.by_voter is not None
    assert standing.raw.decisive.low > 0.5
    assert standing.raw.by_voter.low < 0.5


def test_a_question_judged_five_times_by_one_voter_counts_once_in_once() -> None:
    again = [ballot("model_a", question="q", voter="fan") for _ in range(5)]
    others = [ballot("model_b", question="q", voter=name) for name in ("bob", "cem")]
    found = figures([*again, *others])
    assert found.once is not None
    assert (found.wins, found.once.n, found.once.value) == (5, 3, pytest.approx(1 / 3))


def test_a_visitors_own_questions_are_never_taken_for_one() -> None:
    assert len(once(ballots(5, 0, question=""))) == 5


def test_only_the_first_of_several_votes_counts_in_once() -> None:
    late, early = ballot("model_b", question="q", cast=2.0), ballot("model_a", question="q", cast=1.0)
    assert once([late, early]) == [early]


def test_repeated_battles_and_equal_tables_count_apart() -> None:
    box = [*ballots(3, 1), *ballots(2, 0, chosen=CONTROL), *ballots(0, 4, 1, same_result=True)]
    (correct,), (readable,) = standings(box), standings(box, same_result=True)
    assert (correct.raw.wins, correct.raw.losses, correct.controls, correct.apart) == (3, 1, 2, 5)
    assert (readable.raw.wins, readable.raw.losses, readable.raw.ties, readable.controls, readable.apart) == (0, 4, 1, 2, 4)


def test_what_must_not_be_pooled_stands_apart() -> None:
    box = [
        *ballots(1, 0),
        *ballots(2, 0, kind="mini"),
        *ballots(3, 0, blind=False),
        *ballots(4, 0, b="beta@other-revision"),
    ]
    found = {(each.kind, each.blind, each.second): each.raw.wins for each in standings(box)}
    assert found == {
        ("real", True, BETA): 1,
        ("mini", True, BETA): 2,
        ("real", False, BETA): 3,
        ("real", True, "beta@other-revision"): 4,
    }


def test_groups_have_figures_of_their_own() -> None:
    box = [*ballots(3, 0, level="easy", db="bank"), *ballots(1, 2, level="extra"), *ballots(0, 1)]
    levels, databases = standings_by(box, "level"), standings_by(box, "db")
    assert {level: (each.raw.wins, each.raw.losses) for level, (each,) in levels.items()} == {
        "easy": (3, 0),
        "extra": (1, 2),
        "unknown": (0, 1),
    }
    assert {db: each.raw.n for db, (each,) in databases.items()} == {"bank": 3, "shop": 4}


def test_nothing_is_said_of_no_votes() -> None:
    assert standings([]) == ()
    found = figures([])
    assert (found.decisive, found.by_voter, found.once, found.tie_rate, found.side.share, found.seconds) == (None,) * 6
    assert found.side.p == 1.0


def test_ten_to_nothing_is_no_certainty_and_no_tie() -> None:
    (standing,) = standings([ballot("model_a", voter=f"voter{n}") for n in range(10)])
    assert standing.raw.decisive is not None
    assert (standing.raw.decisive.value, standing.raw.decisive.high) == (1.0, 1.0)
    assert standing.raw.decisive.low == pytest.approx(0.7225, abs=1e-4)
    assert standing.raw.by_voter is not None
    assert standing.raw.by_voter.low == pytest.approx(standing.raw.decisive.low)
    assert standing.raw.tie_rate is not None
    assert standing.raw.tie_rate.value == 0.0


def test_one_voter_says_nothing_of_others() -> None:
    (standing,) = standings(ballots(10, 0))
    assert standing.raw.by_voter is not None
    assert (standing.raw.by_voter.value, standing.raw.by_voter.low, standing.raw.by_voter.high) == (1.0, 0.0, 1.0)


def test_all_ties_are_no_win_rate() -> None:
    (standing,) = standings(ballots(0, 0, 12))
    assert (standing.raw.decisive, standing.raw.by_voter) == (None, None)
    assert standing.raw.tie_rate == wilson(12, 12)


@pytest.mark.parametrize(("left", "right", "p"), [(8, 2, 0.109375), (10, 0, 0.001953125), (5, 5, 1.0), (0, 0, 1.0)])
def test_the_side_test_is_exact(left: int, right: int, p: float) -> None:
    """Twice the tail of the binomial in 1,024ths: 56 and 1."""
    found = side_bias(ballots(left, right, 3))
    assert (found.left, found.right) == (left, right)
    assert found.p == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (ballot("model_a", a="alpha"), "without revision"),
        (ballot("model_a", a=BETA), "against itself"),
        (ballot("tie", seconds=float("nan")), "no time of casting"),
        (ballot("tie", cast=float("inf")), "no time of casting"),
        (ballot("first"), "verdict 'first'"),  # type: ignore[arg-type]
    ],
)
def test_a_ballot_that_cannot_be_read_is_refused(wrong: Ballot, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        standings([wrong])


@given(boxes(), st.data())
def test_neither_sides_nor_order_nor_time_of_day_change_a_standing(box: list[Ballot], data: st.DataObject) -> None:
    flips = data.draw(st.lists(st.booleans(), min_size=len(box), max_size=len(box)))
    changed = [swapped(each) if flip else each for each, flip in zip(box, flips, strict=True)]
    moved = data.draw(st.permutations([replace(each, cast=each.cast + 1e6) for each in changed]))
    for before, after in zip(standings(box), standings(moved), strict=True):
        assert replace(before.raw, side=None) == replace(after.raw, side=None)
        assert replace(before.filtered, side=None) == replace(after.filtered, side=None)
        assert (before.flags, before.controls, before.apart) == (after.flags, after.controls, after.apart)


@given(boxes())
def test_the_side_test_knows_no_left(box: list[Ballot]) -> None:
    before, after = side_bias(box), side_bias(map(swapped, box))
    assert (before.left, before.right, before.p) == (after.right, after.left, after.p)


@given(boxes())
def test_names_do_not_matter(box: list[Ballot]) -> None:
    """Under names that sort the other way wins are losses and every interval is mirrored."""
    other = standings(renamed(box, {ALPHA: "zeta@1", BETA: "eta@2"}))
    for before, after in zip(standings(box), other, strict=True):
        a, b = before.raw, after.raw
        assert (a.wins, a.losses, a.ties, a.both_bad, a.voters) == (b.losses, b.wins, b.ties, b.both_bad, b.voters)
        for one, two in ((a.decisive, b.decisive), (a.by_voter, b.by_voter), (a.once, b.once)):
            assert (one is None) == (two is None)
            if one is not None and two is not None:
                assert (one.low, one.high) == pytest.approx((1 - two.high, 1 - two.low), abs=1e-9)
        assert (a.tie_rate, a.both_bad_rate, a.side) == (b.tie_rate, b.both_bad_rate, b.side)


@given(boxes())
def test_every_number_is_finite_and_every_vote_is_somewhere(box: list[Ballot]) -> None:
    found = standings(box)
    assert finite(found)
    assert sum(each.raw.n + each.controls + each.apart for each in found) == len(box)
    assert swapped(swapped(box[0])) == box[0] if box else not found
