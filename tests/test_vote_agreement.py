import math
import random
from collections.abc import Hashable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2sql_arena.errors import BadInput
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Winner
from nl2sql_arena.votes.agreement import Agreement, alpha, among_voters, kappa, plausible_but_wrong, with_benchmark, with_oneself
from nl2sql_arena.votes.ballots import CONTROL, Ballot, Verdict, swapped
from tests.ballot_boxes import ALPHA, BETA, GAMMA, ballot, boxes, finite, renamed

Units = list[list[int]]


def by_unit(*judges: str) -> Units:
    """Tables as they are printed, a line for each judge, `.` for what is missing, turned into units."""
    return [[int(value) for value in column if value != "."] for column in zip(*(line.split() for line in judges), strict=True)]


KRIPPENDORFF = by_unit(
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
"""Four observers, twelve units: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011)."""
THREE_CODERS = by_unit(
    ". . . . . 3 4 1 2 1 1 3 3 . 3",
    "1 . 2 1 3 3 4 3 . . . . . . .",
    ". . 2 1 3 4 4 . 2 1 1 3 3 . 4",
)
"""Three coders, fifteen units, in many texts on the coefficient."""


@pytest.mark.parametrize(("units", "value", "pairable"), [(KRIPPENDORFF, 0.743, 40), (THREE_CODERS, 0.691, 26)])
def test_alpha_of_published_tables(units: Units, value: float, pairable: int) -> None:
    found = alpha(units)
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.votes == pairable
    assert found.low is not None
    assert found.high is not None
    assert -1 <= found.low < value < found.high <= 1


def test_alpha_agrees_with_evalica() -> None:
    import evalica
    import pandas as pd

    table = pd.DataFrame([[1, 2, 3, 3, 2], [1, 2, 3, 2, 2], [3, 2, 3, 1, None]])
    units = [[int(value) for value in table[column] if not math.isnan(value)] for column in table]
    assert alpha(units).value == pytest.approx(evalica.alpha(table, distance="nominal").alpha)


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ((20, 5, 10, 15), 0.4),  # (35/50 - 1/2) / (1 - 1/2)
        ((45, 15, 25, 15), 0.1304),  # (0.60 - 0.54) / 0.46
        ((25, 35, 5, 35), 0.2593),  # the same observed agreement, (0.60 - 0.46) / 0.54
        ((10, 0, 0, 10), 1.0),
        ((0, 10, 10, 0), -1.0),
    ],
)
def test_kappa_of_two_by_two(cells: tuple[int, int, int, int], value: float) -> None:
    ratings = [rating for rating, n in zip([("y", "y"), ("y", "n"), ("n", "y"), ("n", "n")], cells, strict=True) for _ in range(n)]
    found = kappa(ratings)
    assert found.value == pytest.approx(value, abs=5e-5)
    assert (found.votes, found.observed) == (sum(cells), pytest.approx((cells[0] + cells[3]) / sum(cells)))


def test_an_interval_of_kappa_against_its_large_sample_formula() -> None:
    """Fleiss, Cohen and Everitt (1969) for the first table above: standard error 0.127 by their formula, so 0.151..0.649."""
    ratings = [
        rating for rating, n in zip([("y", "y"), ("y", "n"), ("n", "y"), ("n", "n")], (20, 5, 10, 15), strict=True) for _ in range(n)
    ]
    found = kappa(ratings)
    assert found.low == pytest.approx(0.15, abs=0.05)
    assert found.high == pytest.approx(0.65, abs=0.05)


def test_perfect_agreement_of_a_few_is_no_certainty() -> None:
    for found in (alpha([[1, 1], [2, 2], [1, 1], [2, 2]]), kappa([(1, 1), (2, 2), (1, 1), (2, 2)])):
        assert (found.value, found.high) == (1.0, 1.0)
        assert found.low is not None
        assert found.low < 0.5


UNDEFINED = [[], [[1]], [[1, 1], [1, 1]], [[1], [2]]]


@pytest.mark.parametrize("units", UNDEFINED)
def test_where_nothing_could_have_disagreed_alpha_is_not_defined(units: Units) -> None:
    found = alpha(units)
    assert (found.value, found.low, found.high) == (None, None, None)


def test_where_nothing_could_have_disagreed_kappa_is_not_defined() -> None:
    assert kappa([]) == Agreement(None, None, None, None, 0, 0, 0)
    assert kappa([("y", "y")] * 5) == Agreement(None, None, None, 1.0, 5, 5, 0)


def test_one_question_has_no_interval() -> None:
    found = alpha([[1, 1, 2]])
    assert (found.low, found.high) == (-1.0, 1.0)


TABLES = st.lists(st.lists(st.integers(1, 3), max_size=5), max_size=12)


@settings(max_examples=50)
@given(TABLES, st.data())
def test_alpha_knows_no_order_and_no_labels(units: Units, data: st.DataObject) -> None:
    found = alpha(units, draws=50)
    shuffled: list[list[Hashable]] = [data.draw(st.permutations(unit)) for unit in data.draw(st.permutations(units))]
    assert alpha(shuffled, draws=50) == found
    named = alpha([["xyz"[value - 1] * value for value in reversed(unit)] for unit in units], draws=50)
    assert (named.value is None) == (found.value is None)
    if found.value is not None:
        assert named.value == pytest.approx(found.value, abs=1e-12)
        assert found.low is not None
        assert found.high is not None
        assert -1 <= found.low <= found.value <= found.high <= 1
    assert finite(found)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=20))
def test_kappa_is_the_same_for_both_raters_and_any_order(ratings: list[tuple[int, int]]) -> None:
    found, turned = kappa(ratings, draws=50), kappa([(other, one) for one, other in reversed(ratings)], draws=50)
    assert kappa(ratings[::-1], draws=50) == found
    assert (turned.value is None) == (found.value is None)
    if found.value is not None:
        assert turned.value == pytest.approx(found.value, abs=1e-12)
    assert finite(found)


def judged(letters: str, question: str, **changes: object) -> list[Ballot]:
    """One ballot a letter by voters of their own: A, B, T(ie), N(either)."""
    words: dict[str, Winner] = {"A": "model_a", "B": "model_b", "T": "tie", "N": "both_bad"}
    return [ballot(words[letter], voter=f"voter{n}", question=question, **changes) for n, letter in enumerate(letters)]


def test_voters_are_compared_on_random_questions_they_share() -> None:
    box = [*judged("AA", "q1"), *judged("BB", "q2"), *judged("AB", "q3"), *judged("A", "alone")]
    (found,) = among_voters(box)
    assert (found.first, found.second) == (ALPHA, BETA)
    assert (found.alpha.units, found.alpha.votes, found.alpha.voters) == (3, 6, 2)
    assert found.alpha.value == alpha([[1, 1], [2, 2], [1, 2]]).value
    noise = [*judged("AB" * 5, "q4", chosen="differing"), *judged("AB", "q5", same_result=True), *judged("AB", "q6", chosen=CONTROL)]
    assert among_voters([*box, *noise]) == (found,)


def test_the_same_words_about_another_database_are_another_question() -> None:
    (found,) = among_voters([*judged("A", "q1", db="shop"), *judged("B", "q1", db="bank")])
    assert found.alpha.value is None
    assert found.alpha.units == 0


def test_nobody_is_a_voter_of_his_own() -> None:
    (found,) = among_voters([ballot("model_a", question="q1"), ballot("model_b", question="q1")])
    assert found.alpha.votes == 0


def verdict(a: bool | None, b: bool | None, rule: str = "strict") -> tuple[Verdict, ...]:
    return (Verdict(rule, a, b, "duplicates", "row_order"),)


def test_people_and_benchmark() -> None:
    """Four cells of a table: the voter is right about A twice, about B once, and takes a wrong answer once."""
    box = [
        *judged("A", "q1", verdicts=verdict(True, False)),
        *judged("A", "q2", verdicts=verdict(True, False)),
        *judged("B", "q3", verdicts=verdict(False, True)),
        *judged("A", "q4", verdicts=verdict(False, True)),
        *judged("T", "q5", verdicts=verdict(True, True)),
        *judged("N", "q6", verdicts=verdict(False, False)),
        *judged("A", "q7", verdicts=verdict(True, True)),
        *judged("A", "q8", verdicts=verdict(None, True)),
        *judged("A", "q9"),
    ]
    (found,) = with_benchmark(box, "strict")
    assert (found.kappa.votes, found.decisive.votes) == (7, 4)
    assert found.kappa.observed == pytest.approx(5 / 7)
    pairs = [("A", "A"), ("A", "A"), ("B", "B"), ("A", "B"), ("T", "T"), ("N", "N"), ("A", "T")]
    assert found.kappa.value == pytest.approx(kappa(pairs).value)
    assert found.decisive.value == pytest.approx(0.5)
    assert with_benchmark(box, "relaxed") == ()


def test_people_and_benchmark_meet_on_random_questions_only() -> None:
    box = judged("AB", "q1", verdicts=verdict(True, False)) + judged("BB", "q2", verdicts=verdict(False, True))
    chosen = [replace(each, chosen="differing", battle=f"{each.battle}x") for each in box]
    assert with_benchmark([*box, *chosen], "strict") == with_benchmark(box, "strict")
    assert with_benchmark(chosen, "strict") == ()


def poll(seed: int) -> list[Ballot]:
    """Twelve voters of unlike skill on eight of forty questions of unlike difficulty, one answer right and the other wrong."""
    rng, box = random.Random(seed), []
    right = [rng.random() < 0.5 for _ in range(40)]
    ease = [rng.betavariate(4, 1.5) for _ in range(40)]
    for number in range(12):
        skill = rng.uniform(0.8, 1.0)
        for question in rng.sample(range(40), 8):
            left = right[question] == (rng.random() < ease[question] * skill)
            judged_ = verdict(right[question], not right[question])
            box.append(ballot("model_a" if left else "model_b", voter=f"v{number}", question=f"q{question}", verdicts=judged_))
    return box


def test_intervals_of_agreement_hold_what_many_polls_find() -> None:
    """The mean over 80 seeded polls stands for the true coefficient."""
    polls = [poll(seed) for seed in range(80)]
    for found in (
        [with_benchmark(box, "strict", draws=200)[0].decisive for box in polls],
        [among_voters(box, draws=200)[0].alpha for box in polls],
    ):
        truth = sum(each.value or 0.0 for each in found) / len(found)
        held = [each.low <= truth <= each.high for each in found if each.low is not None and each.high is not None]
        assert len(held) == len(polls)
        assert sum(held) / len(held) >= 0.9


def test_one_voter_against_the_benchmark_says_nothing_of_others() -> None:
    box = [ballot("model_a" if n % 2 else "model_b", verdicts=verdict(bool(n % 2), not n % 2)) for n in range(20)]
    (found,) = with_benchmark(box, "strict")
    assert (found.kappa.value, found.kappa.low, found.kappa.high) == (1.0, -1.0, 1.0)


def test_self_consistency_tells_a_taste_from_a_side() -> None:
    """Ann means the same answer both times, Bob the same side."""
    box = [
        ballot("model_a", voter="ann", question="q1"),
        ballot("model_b", a=BETA, b=ALPHA, voter="ann", question="q1", chosen=CONTROL),
        ballot("model_a", voter="bob", question="q1"),
        ballot("model_a", a=BETA, b=ALPHA, voter="bob", question="q1", chosen=CONTROL),
        ballot("tie", voter="bob", question="q2"),
        ballot("tie", voter="bob", question="q2", chosen=CONTROL),
        ballot("tie", voter="cem", question="q2"),
        ballot("tie", voter="dee", question=""),
        ballot("both_bad", voter="dee", question=""),
    ]
    found = with_oneself(box)
    ann, bob = found.voters
    assert (ann.voter, ann.pairs, ann.agree, ann.swapped, ann.swapped_agree, ann.same_side) == ("ann", 1, 1, 1, 1, 0)
    assert (bob.voter, bob.pairs, bob.agree, bob.swapped, bob.swapped_agree, bob.same_side) == ("bob", 2, 1, 1, 0, 1)
    assert found.share is not None
    assert (found.share.value, found.share.n) == (pytest.approx(2 / 3), 3)
    assert found.swapped_share is not None
    assert (found.swapped_share.value, found.swapped_share.n) == (0.5, 2)
    assert with_oneself(box[:1]).share is None


def test_another_pair_on_the_same_question_is_no_repeat() -> None:
    assert with_oneself([ballot("model_a", question="q"), ballot("model_b", b=GAMMA, question="q")]).voters == ()


def test_plausible_but_wrong_is_told_for_each_rule() -> None:
    fooled = ballot("model_b", verdicts=(*verdict(True, False), *verdict(True, True, "relaxed")))
    turned = ballot("model_a", voter="bob", chosen="differing", verdicts=verdict(False, True))
    right = ballot("model_a", voter="cem", verdicts=verdict(True, False))
    unmoved = [
        ballot("tie", verdicts=verdict(True, False)),
        ballot("model_a", verdicts=verdict(False, False)),
        ballot("model_a", verdicts=verdict(False, None)),
        ballot("model_b", verdicts=verdict(True, False), chosen=CONTROL),
        ballot("model_b", verdicts=verdict(True, False), same_result=True),
    ]
    relaxed, strict = plausible_but_wrong([fooled, turned, right, *unmoved])
    assert (relaxed.rule, relaxed.upsets, relaxed.share) == ("relaxed", (), None)
    assert [each.ballot for each in strict.upsets] == [fooled, turned]
    assert [(each.winner, each.loser, each.reason) for each in strict.upsets] == [(BETA, ALPHA, "row_order"), (ALPHA, BETA, "duplicates")]
    assert strict.share is not None
    assert (strict.share.value, strict.share.n) == (0.5, 2)
    assert strict.share.low <= wilson(1, 2).low


@pytest.mark.parametrize("figure", [among_voters, with_oneself, plausible_but_wrong, lambda box: with_benchmark(box, "strict")])
def test_kinds_are_never_in_one_figure_of_agreement(figure: object) -> None:
    assert callable(figure)
    with pytest.raises(BadInput, match="never in one figure"):
        figure([ballot("tie"), ballot("tie", kind="mini")])


@settings(max_examples=30)
@given(boxes((ALPHA, BETA, GAMMA)), st.data())
def test_neither_sides_nor_order_change_agreement(box: list[Ballot], data: st.DataObject) -> None:
    flips = data.draw(st.lists(st.booleans(), min_size=len(box), max_size=len(box)))
    flipped = [swapped(each) if flip else each for each, flip in zip(box, flips, strict=True)]
    shuffled = data.draw(st.permutations(flipped))
    assert among_voters(shuffled, draws=20) == among_voters(box, draws=20)
    assert with_benchmark(shuffled, "strict", draws=20) == with_benchmark(box, "strict", draws=20)
    for before, after in zip(plausible_but_wrong(box), plausible_but_wrong(shuffled), strict=True):
        assert [(each.winner, each.loser, each.reason) for each in after.upsets] == [(e.winner, e.loser, e.reason) for e in before.upsets]
        assert after.share == before.share
    assert with_oneself([swapped(each) for each in shuffled[::-1]]) == with_oneself(flipped)
    assert with_oneself(shuffled).share == with_oneself(box).share


@settings(max_examples=30)
@given(boxes((ALPHA, BETA, GAMMA)))
def test_names_do_not_change_agreement(box: list[Ballot]) -> None:
    names = {ALPHA: "zeta@1", BETA: "eta@1", GAMMA: "epsilon@1"}

    def values(votes: list[Ballot]) -> list[float | None]:
        found = [each.alpha.value for each in among_voters(votes, draws=5)]
        found += [value for each in with_benchmark(votes, "strict", draws=5) for value in (each.kappa.value, each.decisive.value)]
        return sorted((None if value is None else round(value, 9) for value in found), key=repr)

    assert values(renamed(box, names)) == values(box)


@settings(max_examples=30)
@given(boxes((ALPHA, BETA, GAMMA)))
def test_no_figure_of_agreement_is_nan_or_infinite(box: list[Ballot]) -> None:
    found = [among_voters(box, draws=20), with_benchmark(box, "strict", draws=20), with_oneself(box), plausible_but_wrong(box)]
    assert finite(found)
