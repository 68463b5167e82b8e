"""Which question comes next, under seeded dice."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from nl2sql_arena.votes.ballots import CONTROL, RANDOM
from nl2sql_arena.votes.choosing import DIFFERS, FAR, LEAST_VOTED, RANDOM_SHARE, Judged, Offer, choose, counts, judged_by

QUESTIONS = [f"q{number}" for number in range(20)]
VOTES = {each: number for number, each in enumerate(QUESTIONS)}
MODELS = ("left", "right")
MANY = 4_000


def offers(seed: int = 0, **changes: object) -> list[Offer]:
    given: dict[str, object] = {"questions": QUESTIONS, "votes": VOTES, "differs": {}, "judged": (), "control_every": 0} | changes
    rng = random.Random(seed)
    found = [choose(rng=rng, **given) for _ in range(MANY)]  # type: ignore[arg-type]
    return [each for each in found if each]


def judged(*questions: str, chosen: str = RANDOM) -> list[Judged]:
    return [Judged(each, MODELS, chosen) for each in questions]


def test_one_in_four_is_drawn_at_random_from_all_whatever_is_known() -> None:
    found = offers(differs={"q3": True}, judged=judged(*QUESTIONS[:10]))
    drawn = [each.question for each in found if each.chosen == RANDOM]
    share = len(drawn) / len(found)
    assert abs(share - RANDOM_SHARE) < 4 * (RANDOM_SHARE * (1 - RANDOM_SHARE) / MANY) ** 0.5
    times = Counter(drawn)
    assert set(times) == set(QUESTIONS)
    expected = len(drawn) / len(QUESTIONS)
    chi_squared = sum((times[each] - expected) ** 2 / expected for each in QUESTIONS)
    assert chi_squared < 43.8, "19 degrees of freedom, one in a thousand"


def test_where_answers_are_known_to_differ_those_come_the_least_voted_first() -> None:
    found = offers(differs={"q9": True, "q4": True, "q1": False})
    assert {(each.question, each.chosen) for each in found if each.chosen != RANDOM} == {("q4", DIFFERS)}


def test_where_nothing_is_known_the_least_voted_come() -> None:
    votes = VOTES | {"q1": 0}
    found = [each for each in offers(votes=votes) if each.chosen != RANDOM]
    times = Counter((each.question, each.chosen) for each in found)
    assert set(times) == {("q0", LEAST_VOTED), ("q1", LEAST_VOTED)}
    assert min(times.values()) > 0.4 * len(found), "equals come alike"


def test_what_this_visitor_has_judged_or_passed_comes_later() -> None:
    found = offers(judged=judged("q0", "q1"), passed={"q2"})
    assert {each.question for each in found if each.chosen != RANDOM} == {"q3"}
    passed_all = offers(judged=judged("q0"), passed=set(QUESTIONS))
    assert {each.question for each in passed_all if each.chosen != RANDOM} == {"q1"}
    done = offers(judged=judged(*QUESTIONS))
    assert {each.question for each in done if each.chosen != RANDOM} == {"q0"}


def test_a_differing_question_that_was_judged_gives_way_to_one_that_was_not() -> None:
    found = offers(differs={"q9": True}, judged=judged("q9"))
    assert {(each.question, each.chosen) for each in found if each.chosen != RANDOM} == {("q0", LEAST_VOTED)}


def test_one_in_ten_repeats_an_own_vote_with_what_its_sides_were() -> None:
    found = offers(judged=judged(*QUESTIONS[:5]), control_every=10)
    again = [each for each in found if each.chosen == CONTROL]
    assert abs(len(again) / MANY - 0.1) < 4 * (0.09 / MANY) ** 0.5
    assert {each.question for each in again} == set(QUESTIONS[: 5 - FAR])
    assert {each.before for each in again} == {MODELS}
    assert all(each.before is None for each in found if each.chosen != CONTROL)


@pytest.mark.parametrize(
    ("own", "every"),
    [
        (judged(*QUESTIONS[:5]), 0),
        (judged(*QUESTIONS[:FAR]), 1),
        ([*judged("q0"), *judged("q0", chosen=CONTROL), *judged("q5", "q6", "q7")], 1),
        (judged("gone", "q5", "q6", "q7"), 1),
    ],
    ids=["turned off", "too near", "repeated already", "no question any more"],
)
def test_nothing_is_repeated(own: Sequence[Judged], every: int) -> None:
    assert CONTROL not in {each.chosen for each in offers(judged=own, control_every=every)}


def test_without_questions_there_is_no_next() -> None:
    assert choose([], {}, {}, [], random.Random(0)) is None


def test_the_same_seed_gives_the_same_questions() -> None:
    assert offers(seed=7) == offers(seed=7)
    assert offers(seed=7) != offers(seed=8)


def test_rows_are_counted_without_controls_and_ones_own_are_blind_ones() -> None:
    row = {"example_id": "q1", "chosen": RANDOM, "voter": "ann", "blind": True, "model_a": "left", "model_b": "right"}
    rows = [row, row | {"voter": "bob"}, row | {"chosen": CONTROL}, row | {"blind": False, "example_id": "q2"}]
    assert counts(rows) == {"q1": 2, "q2": 1}
    assert judged_by("ann", rows) == [Judged("q1", MODELS, RANDOM), Judged("q1", MODELS, CONTROL)]
