"""What leaves the store, what does not, and which votes are flagged."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nl2sql_arena.errors import BadInput
from nl2sql_arena.votes import Store, exports
from nl2sql_arena.votes.details import Detail, Fix, Note
from nl2sql_arena.votes.flags import flags
from tests.test_votes import ANN, BOB, add, battle, cast


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "votes.sqlite")
    for name, winner in (("one", "model_a"), ("two", "model_b"), ("three", "tie"), ("four", "both_bad")):
        add(store, name, profile="real")
        cast(store, name, winner, ANN)
    add(store, "practice", voter=BOB)
    cast(store, "practice", "model_a", BOB)
    store.add_battle(battle("typed", profile="real"), BOB, "typed", ("r1", "r2"), "different")
    cast(store, "typed", "model_a", BOB)
    return store


def written(store: Store, form: str, out: Path) -> Path:
    return exports.write(exports.rows(store.votes(), "real", {"shop"}), form, out, "real", filtered=False, licences={"alpha": "MIT"})[0]


def test_practice_votes_own_databases_and_typed_texts_stay(store: Store) -> None:
    found = exports.rows(store.votes(), "real", {"shop"})
    assert [row["id"] for row in found] == ["one", "two", "three", "four", "typed"]
    assert {found[-1][name] for name in ("question", *exports.TEXTS)} == {""}
    assert exports.rows(store.votes(), "real", {"music"}) == []
    assert [row["id"] for row in exports.rows(store.votes(), "mini", {"shop"})] == ["practice"]


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_whole_rows_are_read_back(store: Store, tmp_path: Path, form: str) -> None:
    datasets = pytest.importorskip("datasets")
    path = written(store, form, tmp_path / "out")
    loader = {"parquet": "parquet", "csv": "csv", "jsonl": "json"}[form]
    found = datasets.load_dataset(loader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert found["winner"] == ["model_a", "model_b", "tie", "both_bad", "model_a"]
    assert found["revision_a"] == ["r1"] * 5
    card = (tmp_path / "out" / "README.md").read_text()
    assert "5 rows from 5 votes of 2 page sessions" in card
    assert "- alpha: MIT" in card


def test_preference_sets_say_what_votes_said(store: Store, tmp_path: Path) -> None:
    pairs = [json.loads(line) for line in written(store, "dpo", tmp_path).read_text().splitlines()]
    assert [(pair["chosen"], pair["rejected"]) for pair in pairs] == [("SELECT 1", "SELECT 2"), ("SELECT 2", "SELECT 1")]
    assert {pair["prompt"] for pair in pairs} == {"schema How many?"}
    verdicts = [json.loads(line)["label"] for line in written(store, "kto", tmp_path).read_text().splitlines()]
    assert verdicts == [True, False, False, True, False, False]


def added(store: Store, name: str, note: Note, voter: str = ANN) -> None:
    store.add_note(name, note, voter, store.token(name, voter))


def test_a_query_put_right_is_preferred_over_both_sides(store: Store, tmp_path: Path) -> None:
    added(store, "one", Fix("a", "SELECT 3", 1))
    added(store, "three", Fix("b", "SELECT 2", 1))
    pairs = [json.loads(line) for line in written(store, "dpo", tmp_path).read_text().splitlines()]
    assert [(pair["chosen"], pair["rejected"]) for pair in pairs] == [
        ("SELECT 1", "SELECT 2"), ("SELECT 3", "SELECT 1"), ("SELECT 3", "SELECT 2"),
        ("SELECT 2", "SELECT 1"), ("SELECT 2", "SELECT 1"),
    ]  # fmt: skip
    labels = [json.loads(line) for line in written(store, "kto", tmp_path).read_text().splitlines()]
    assert [(each["completion"], each["label"]) for each in labels[:3]] == [("SELECT 1", False), ("SELECT 2", False), ("SELECT 3", True)]


def test_what_a_voter_said_of_a_side_goes_before_what_the_vote_implies(store: Store, tmp_path: Path) -> None:
    added(store, "one", Detail(correct_a=False))
    added(store, "three", Detail(correct_a=True, correct_b=True))
    labels = [json.loads(line) for line in written(store, "kto", tmp_path).read_text().splitlines()]
    assert [(each["completion"], each["label"]) for each in labels] == [
        ("SELECT 1", False), ("SELECT 2", False), ("SELECT 1", False), ("SELECT 2", True),
        ("SELECT 1", True), ("SELECT 2", True), ("SELECT 1", False), ("SELECT 2", False),
    ]  # fmt: skip


def test_votes_on_readability_train_nothing_and_are_marked(store: Store) -> None:
    store.add_battle(battle("same", profile="real"), ANN, "example", ("r1", "r2"), "same")
    cast(store, "same", "model_a", ANN)
    added(store, "same", Detail(correct_a=True))
    found = exports.rows(store.votes(), "real", {"shop"})[-1:]
    assert [row["asks"] for row in found] == ["readability"]
    assert exports.dpo(found) == exports.kto(found) == exports.arena_rank(found) == []


def test_details_leave_with_their_vote_but_comments_only_when_wanted_and_no_text_about_typed_questions(store: Store) -> None:
    said = Detail(correct_a=False, reasons_a=("wrong_join", "missing_rows"), comment="ask Zorbelina")
    added(store, "one", said)
    added(store, "typed", said, BOB)
    added(store, "typed", Fix("a", "SELECT 'Zorbelina'", 1), BOB)
    plain = exports.rows(store.votes(), "real", {"shop"})
    wanted = exports.rows(store.votes(), "real", {"shop"}, comments=True)
    assert [(row["correct_a"], row["reasons_a"]) for row in (plain[0], plain[-1])] == [(False, "wrong_join,missing_rows")] * 2
    assert "Zorbelina" not in str(plain)
    assert [row["id"] for row in wanted if "Zorbelina" in str(row)] == ["one"]


def test_questions_that_are_measured_on_never_train(store: Store) -> None:
    found = [row | {"split": split} for row, split in zip(exports.rows(store.votes(), "real", {"shop"}), ("dev", "test"), strict=False)]
    assert exports.dpo(found) == exports.kto(found) == []


def test_arena_rank_gets_its_four_verdicts_by_revision(store: Store, tmp_path: Path) -> None:
    with written(store, "arena-rank", tmp_path).open(newline="") as file:
        found = list(csv.DictReader(file))
    assert {row["winner"] for row in found} == {"model_a", "model_b", "tie", "both_bad"}
    assert (found[0]["model_a"], found[0]["model_b"]) == ("alpha@r1", "beta@r2")


def test_nothing_to_export_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No vote of the real models"):
        exports.write([], "dpo", tmp_path, "real", filtered=False, licences={})


START = datetime(2026, 1, 1, tzinfo=UTC)


def vote(number: int, winner: str, after: float = 20, every: float = 60, left: str = "alpha") -> dict[str, str]:
    shown = START + timedelta(seconds=number * every)
    return {
        "id": str(number), "created": shown.isoformat(), "voted": (shown + timedelta(seconds=after)).isoformat(), "voter": ANN,
        "winner": winner, "model_a": left, "model_b": "beta" if left == "alpha" else "alpha", "revision_a": "r", "revision_b": "r",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([vote(0, "tie", after=0.5)], {"too_fast"}),
        ([vote(0, "tie", after=2.5)], set()),
        ([vote(i, "tie", every=5) for i in range(8)], {"burst"}),
        ([vote(i, "tie", every=5) for i in range(7)], set()),
        ([vote(i, "model_a", left=("alpha", "beta")[i % 2]) for i in range(10)], {"side_bias"}),
        ([vote(i, ("model_a", "model_b")[i % 2], left=("alpha", "beta")[i % 2]) for i in range(10)], {"one_sided"}),
        ([vote(i, "model_a") for i in range(9)], set()),
    ],
)
def test_odd_votes_are_flagged(votes: list[dict[str, str]], expected: set[str]) -> None:
    found = flags(votes)
    assert {name for names in found.values() for name in names} == expected
    assert len(found) == len(votes)


def test_flagged_votes_are_in_the_raw_figure_only(store: Store) -> None:
    assert all("too_fast" in each["flags"] for each in store.votes())
    assert store.votes(filtered=True) == []
    assert [tally.wins for tally in store.tallies("mini")] == [1]
    assert store.tallies("mini", filtered=True) == []
