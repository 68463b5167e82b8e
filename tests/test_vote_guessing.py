"""Whether voters can tell the models apart before the names: who is asked, what is kept of it, what is counted."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena.errors import BadInput, BadVote
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Prepared
from nl2sql_arena.votes import Store, exports
from nl2sql_arena.votes.ballots import CONTROL, swapped
from nl2sql_arena.votes.guessing import guesses, is_due
from tests.ballot_boxes import ALPHA, BETA, ballot, finite
from tests.test_vote_exports import SHOP, kept
from tests.test_votes import ANN, BOB, add, answer, battle, cast, ticket


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "votes.sqlite")


def asked(store: Store, name: str, **given: str) -> None:
    """A voted battle whose voter is asked."""
    add(store, name, **given)
    cast(store, name, "model_a", given.get("voter", ANN))
    store.ask_who(name)


def test_it_is_asked_about_once_in_so_many_votes_and_with_zero_never() -> None:
    rng = random.Random(5)
    one = battle("one")
    due = sum(is_due(one, "random", 20, rng) for _ in range(20_000))
    assert 850 < due < 1150, "a twentieth of 20,000, give or take five standard deviations"
    assert all(is_due(one, "random", 1, rng) for _ in range(1000))
    assert not any(is_due(one, "random", 0, rng) for _ in range(1000))


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({"blind": False}, "random"),
        ({"b": answer("alpha", "SELECT 2")}, "random"),
        ({"b": replace(answer("beta", "select 1"), prepared=Prepared("select 1", "SELECT 1"))}, "random"),
        ({}, CONTROL),
    ],
    ids=["names in sight", "a model against itself", "one query", "judged before"],
)
def test_nobody_is_asked_what_is_told_or_cannot_be(changes: dict[str, object], chosen: str) -> None:
    rng = random.Random(5)
    assert is_due(battle("one"), "random", 1, rng)
    assert not is_due(replace(battle("one"), **changes), chosen, 1, rng)  # type: ignore[arg-type]


def test_what_was_said_is_kept_as_events_of_its_own(store: Store) -> None:
    for name in ("right", "wrong", "no idea", "left"):
        asked(store, name)
    add(store, "not asked")
    cast(store, "not asked", "tie", ANN)
    for name, model in (("right", "alpha"), ("wrong", "beta"), ("no idea", "")):
        store.guess(name, model, *ticket(store, name))
    found = {vote["id"]: (vote["audit"], vote["guess"]) for vote in store.votes()}
    assert found == {
        "right": ("right", "alpha"),
        "wrong": ("wrong", "beta"),
        "no idea": ("no_idea", ""),
        "left": ("asked", ""),
        "not asked": ("", ""),
    }
    assert [event["kind"] for event in store.events() if event["battle_id"] == "right"] == ["vote", "who_asked", "guess"]
    assert all(vote["winner"] in ("model_a", "tie") and vote["comment"] == "" for vote in store.votes())


def test_a_guess_counts_once_and_only_where_it_was_asked(store: Store) -> None:
    add(store, "one")
    cast(store, "one", "model_a", ANN)
    with pytest.raises(BadVote, match="here it was not"):
        store.guess("one", "alpha", *ticket(store, "one"))
    store.ask_who("one")
    for voter, token, words in (
        (BOB, ticket(store, "one")[1], "not open for you"),
        (ANN, "", "needs the token"),
        (ANN, ticket(store, "one", BOB)[1], "not of this battle"),
    ):
        with pytest.raises(BadVote, match=words):
            store.guess("one", "alpha", voter, token)
    with pytest.raises(BadVote, match="none of the two models"):
        store.guess("one", "gamma", *ticket(store, "one"))
    store.guess("one", "beta", *ticket(store, "one"))
    with pytest.raises(BadVote, match="already which model"):
        store.guess("one", "alpha", *ticket(store, "one"))
    assert [vote["audit"] for vote in store.votes()] == ["wrong"]


def test_of_a_vote_that_was_taken_back_no_guess_is_kept(store: Store) -> None:
    asked(store, "one")
    store.undo("one", *ticket(store, "one"))
    with pytest.raises(BadVote, match="here it was not"):
        store.guess("one", "alpha", *ticket(store, "one"))


def test_of_many_guesses_at_once_one_is_kept(store: Store) -> None:
    asked(store, "one")

    def guess(model: str) -> bool:
        try:
            store.guess("one", model, *ticket(store, "one"))
        except BadVote:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(guess, ["alpha", "beta"] * 10)) == 1
    assert [event["kind"] for event in store.events()].count("guess") == 1


def test_the_hit_rate_is_of_guesses_alone_and_one_for_each_pair() -> None:
    said = ["right"] * 6 + ["wrong"] * 2 + ["no_idea"] * 3 + ["asked"] + [""] * 50
    box = [ballot("tie", audit=each, voter=f"v{number % 5}") for number, each in enumerate(said)]
    (found,) = guesses([*box, ballot("tie", b="gamma@3")])
    assert (found.first, found.second, found.guesses, found.hits) == (ALPHA, BETA, 8, wilson(6, 8))
    assert (found.no_idea, found.unanswered, found.voters) == (3, 1, 5)
    assert guesses([ballot("tie")]) == ()


def test_without_a_guess_the_rate_is_open() -> None:
    (found,) = guesses([ballot("tie", audit="no_idea")])
    assert (found.guesses, found.hits, found.no_idea) == (0, None, 1)
    assert finite(found)


def test_practice_and_real_guesses_are_never_in_one_rate() -> None:
    with pytest.raises(BadInput, match="never in one figure"):
        guesses([ballot("tie", audit="right"), ballot("tie", audit="right", kind="mini")])


def test_the_hit_rate_knows_no_left() -> None:
    box = [ballot("model_a", audit=each) for each in ("right", "wrong", "right", "no_idea", "asked")]
    assert guesses(map(swapped, box)) == guesses(box)


def test_exports_say_what_came_of_it(store: Store) -> None:
    kept(store, "one")
    store.ask_who("one")
    store.guess("one", "beta", *ticket(store, "one"))
    found = exports.rows(store.votes(), "real", SHOP)
    assert [(row["audit"], row["guess"]) for row in found] == [("wrong", "beta")]
    made = exports.export(found, "jsonl", "real", filtered=False, licences={})
    assert "- `audit`: whether the voter was asked" in made.card
    assert "- `guess`: the model that the voter took A for" in made.card


def test_a_copy_gives_guesses_back_once(store: Store, tmp_path: Path) -> None:
    asked(store, "one")
    store.guess("one", "alpha", *ticket(store, "one"))
    other = Store(tmp_path / "other.sqlite")
    for _ in range(2):
        other.restore(store.records(["one"]))
    assert other.votes() == store.votes()
    assert other.events() == store.events()
