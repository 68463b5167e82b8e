"""What is left of a battle's row under each consent, and a voter's two ids."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena.errors import BadVote
from nl2sql_arena.types import ResultColumn
from nl2sql_arena.votes import Store, consent, exports, voters
from nl2sql_arena.votes.consent import OWN, UNKNOWN_ROWS, Consent, Kept
from nl2sql_arena.votes.details import Detail, Fix
from nl2sql_arena.votes.records import written
from nl2sql_arena.votes.tables import prompt_hash
from nl2sql_arena.votes.voters import as_kept, is_secret, new_secret, voter
from tests.test_votes import battle

QUESTION = "How much does Zorbelina Quux earn?"
TELLING = ("Zorbelina", "zorbelina", "Quux", "payroll")
ANN = "ANNA-0000-0001"


def typed(name: str = "one", db: str = "shop", question: str = QUESTION) -> Any:
    """A battle whose every text tells something."""
    found = battle(name)
    sides = []
    for side in (found.a, found.b):
        told = f"SELECT salary FROM payroll WHERE name = 'Zorbelina' -- {side.model}"
        sides.append(
            replace(
                side,
                prompt=replace(side.prompt, prefix=f"payroll: {question}"),
                completion=replace(side.completion, text=told),
                prepared=replace(side.prepared, sql=told, formatted=told),
                execution=replace(
                    side.execution,
                    columns=(ResultColumn("salary_of_Zorbelina", "VARCHAR"),),
                    rows=(("earned by Quux",),) * 7,
                    message="no column Zorbelina",
                    row_count=7,
                ),
            )
        )
    return replace(found, db=db, question=question, example_id="", split="", a=sides[0], b=sides[1])


def add(store: Store, each: Any, keeping: Kept, agreed: Consent | None = None, content: str = "content") -> str:
    return store.add_battle(each, ANN, "typed", ("r1", "r2"), "different", content, agreed or Consent("votes"), keeping)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "votes.sqlite")


def everything(store: Store, tmp_path: Path) -> str:
    """All that is on disk and all that would be synced."""
    disk = b"".join(path.read_bytes() for path in tmp_path.glob("votes.sqlite*"))
    return (disk + written(store.records(store.battle_ids()))).decode(errors="replace")


@pytest.mark.parametrize(
    ("tier", "is_sample", "is_example", "expected"),
    [
        ("votes", True, True, "all"),
        ("votes", True, False, "hashes"),
        ("questions", True, False, "all"),
        ("questions", False, False, "verdict"),
        ("questions", False, True, "verdict"),
    ],
)
def test_how_much_is_kept(tier: consent.Tier, is_sample: bool, is_example: bool, expected: Kept) -> None:
    assert consent.kept(Consent(tier), is_sample, is_example) == expected


@pytest.mark.parametrize("keeping", ["hashes", "verdict"])
def test_of_a_typed_question_no_text_reaches_disk_copy_or_export(store: Store, tmp_path: Path, keeping: Kept) -> None:
    db = "shop" if keeping == "hashes" else "payroll_of_quux"
    each = typed(db=db)
    token = add(store, each, keeping)
    store.vote("one", "model_a", ANN, token)
    store.add_note("one", Detail(correct_b=False, reasons_b=("wrong_filter",)), ANN, token)
    for note in (Fix("a", "SELECT 'Zorbelina'", 1), Detail(comment="Zorbelina is my boss")):
        with pytest.raises(BadVote, match="as you chose"):
            store.add_note("one", note, ANN, token)
    assert not [word for word in TELLING if word in everything(store, tmp_path)]
    (vote,) = store.votes()
    assert (vote["winner"], vote["model_a"], vote["consent"], vote["consent_version"]) == ("model_a", "alpha", "votes", consent.VERSION)
    assert (vote["reasons_b"], vote["db_content"]) == (("wrong_filter",), "content")
    assert vote["prompt_hash_a"] == prompt_hash(each.a.prompt.text)
    assert {vote[f"{name}_{side}"] for name in ("columns", "preview", "result_hash", "formatted") for side in "ab"} == {""}
    known = exports.Samples({"shop": "content"}, {})
    assert "Zorbelina" not in json.dumps(exports.rows(store.votes(), "mini", known, comments=True))


def test_hashes_tell_whether_two_texts_are_the_same_and_lengths_stay_with_samples_only(store: Store) -> None:
    add(store, typed("one"), "hashes")
    add(store, typed("two", question=QUESTION.upper() + "?"), "hashes")
    add(store, typed("three", question="Another one?"), "verdict")
    one, two, three = (store.battle(name) or {} for name in ("one", "two", "three"))
    assert consent.digest_of(one, "question") == consent.digest_of(two, "question") != consent.digest_of(three, "question")
    assert json.loads(one["digests"])["question"][1] == len(QUESTION)
    assert {len(each) for each in json.loads(three["digests"]).values()} == {1}
    assert (one["db"], one["row_count_a"]) == ("shop", 7)
    assert (three["db"], three["row_count_a"], three["row_count_b"]) == (OWN, UNKNOWN_ROWS, UNKNOWN_ROWS)


@pytest.mark.parametrize(
    ("keeping", "expected"),
    [
        ("all", ("catalog", True, "mended", 2, 7)),
        ("hashes", ("catalog", True, "mended", 2, 7)),
        ("verdict", ("", None, "", UNKNOWN_ROWS, UNKNOWN_ROWS)),
    ],
)
def test_of_an_answer_from_an_own_database_not_even_its_kind_of_error_or_counts_stay(
    store: Store, keeping: Kept, expected: tuple[object, ...]
) -> None:
    each = typed()
    odd = replace(
        each.a,
        prepared=replace(each.a.prepared, repairs=("mended",)),
        execution=replace(each.a.execution, error_kind="catalog", truncated=True),
    )
    store.add_battle(
        replace(each, a=odd), ANN, "typed", ("r1", "r2"), "different", "content", Consent("questions"), keeping, only_rows=(2, 0)
    )
    row = store.battle("one") or {}
    assert tuple(row[f"{name}_a"] for name in ("error_kind", "truncated", "repairs", "only_rows", "row_count")) == expected
    assert (row["decoding_a"], row["max_new_tokens_a"]) == ("greedy", 300), "how a model writes is nothing of the visitor's"


def test_with_leave_the_text_is_kept_and_exported(store: Store) -> None:
    token = add(store, typed(), "all", Consent("questions"))
    store.vote("one", "model_a", ANN, token)
    store.add_note("one", Fix("a", "SELECT 1", 1), ANN, token)
    known = exports.Samples({"shop": "content"}, {})
    (row,) = exports.rows(store.votes(), "mini", known)
    assert (row["question"], row["fix_sql"], row["consent"]) == (QUESTION, "SELECT 1", "questions")
    assert "digests" not in row
    assert [event["consent"] for event in store.events()] == ["questions", "questions"]


@pytest.mark.parametrize(
    ("tier", "version", "expected"),
    [
        ("votes", consent.VERSION, Consent("votes")),
        ("questions", consent.VERSION, Consent("questions")),
        ("questions", "0", None),
        ("none", consent.VERSION, None),
        (None, None, None),
        ({"a": []}, consent.VERSION, None),
    ],
)
def test_consent_to_another_text_is_none(tier: object, version: object, expected: Consent | None) -> None:
    assert consent.read(tier, version) == expected


def test_a_new_text_needs_a_new_version() -> None:
    told = sha256((consent.ASKED + consent.MEANING).encode()).hexdigest()[:8]
    assert (consent.VERSION, told) == ("1", "29f94995"), "the words have changed: raise VERSION, so that everybody is asked again"


# Ids


def test_an_id_is_short_legible_and_of_one_secret() -> None:
    found = [voter(new_secret()) for _ in range(300)]
    assert len(set(found)) == 300
    assert all(len(each) == 14 and each.count("-") == 2 and set(each) <= set(voters.SYMBOLS + "-") for each in found)
    assert {symbol for each in found for symbol in each} == set(voters.SYMBOLS + "-")
    assert voter("x" * 40) == voter("x" * 40)


@pytest.mark.parametrize("typed_id", ["7f3k-9qxa-2mpb", "7F3K9QXA2MPB", " 7F3K 9QXA 2MPB ", "7F3K-9QXA-2MPB"])
def test_an_id_is_known_however_it_is_typed(typed_id: str) -> None:
    assert as_kept(typed_id) == "7F3K-9QXA-2MPB"


def test_letters_that_look_like_digits_are_read_as_digits_and_other_ids_stay() -> None:
    assert as_kept("OIL0-0000-0000") == "0110-0000-0000"
    assert as_kept("3f2a9c0d1b4e5f60") == "3f2a9c0d1b4e5f60"


@pytest.mark.parametrize("given", [None, "", "short", 7, ["x" * 40], "x" * 65, "ö" * 40, "x" * 20 + " " + "x" * 20])
def test_what_is_no_secret(given: object) -> None:
    assert not is_secret(given)


def test_what_a_voter_left_is_counted(store: Store) -> None:
    assert store.count_of(ANN) == 0
    add(store, typed("one"), "hashes")
    add(store, typed("two"), "hashes")
    assert (store.count_of(ANN), store.count_of("another")) == (2, 0)
    assert store.erase(ANN) == 2
    assert store.count_of(ANN) == 0


def test_votes_on_a_databases_examples_between_two_models_are_found(store: Store) -> None:
    pair = ("beta", "alpha")
    for number, (name, content) in enumerate((("one", "content"), ("two", "content"), ("three", "other"))):
        token = store.add_battle(battle(name), ANN, "random", ("r1", "r2"), "different", content)
        store.vote(name, "tie", ANN, token)
        if number == 1:
            store.undo(name, ANN, token)
    add(store, typed("four"), "hashes")
    (found,) = store.votes_on("shop", "content", pair)
    assert (found["voter"], found["chosen"], found["model_a"]) == (ANN, "random", "alpha")
    assert store.votes_on("shop", "content", ("alpha", "gamma")) == []
