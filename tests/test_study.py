"""A study's file and hash, its codes and secret, what a voter is asked, when it ends, and what the store keeps of it."""

import json
import multiprocessing
import random
import re
from dataclasses import replace
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from nl2sql_arena import catalog, database
from nl2sql_arena.cli import main
from nl2sql_arena.errors import BadInput, BadVote
from nl2sql_arena.services import open_services
from nl2sql_arena.settings import ROOT, load
from nl2sql_arena.types import Winner
from nl2sql_arena.votes import (
    Store,
    agreement,
    exports,
    guessing,
    meter,
    rating,
    reading,
    statistics,
    study,
    study_course,
    study_text,
    tables,
)
from nl2sql_arena.votes.consent import Consent
from nl2sql_arena.votes.flags import flags
from nl2sql_arena.votes.study import Seat, Study
from nl2sql_arena.votes.study_course import Next
from nl2sql_arena.votes.tables import MIGRATIONS
from tests.test_vote_stores import place, postgres  # noqa: F401 - both kinds of store
from tests.test_votes import battle

EXAMPLE = ROOT / "docs" / "study.toml"
TEXT = """
title = "Trust"
models = ["alpha", "beta"]
consent_version = "3"
consent = "You may stop at any time."
votes_per_question = 2
votes_per_voter = 2
invite_codes = ["ANNA-2026", "BOBS-2026"]
secret_hash = "HASH"
[stopping]
rule = "fixed"

[[questions]]
db = "shop"
id = "shop-001"
[[questions]]
db = "shop"
id = "shop-002"
[[questions]]   # the researcher's own
db = "shop"
id = "own-1"
question = "Who bought most?"
""".replace("HASH", study.secret_hash("a secret of some length"))
KNOWN = {"shop": {"shop-001": "What is sold out?", "shop-002": "How many?"}, "bank": {}}
AT = "2026-11-28T12:00:00.000+00:00"
ANN, BOB, CEM = "ann", "bob", "cem"


def read(old: str = "", new: str = "") -> Study:
    assert old in TEXT
    return study.read(TEXT.replace(old, new, 1) if old else TEXT)


def page(asked: Study, found: study_course.Progress) -> str:
    """What the researcher sees. It is imported here: the processes of a race import this file, and need no page."""
    from nl2sql_arena.ui.study_progress import page as drawn

    return drawn(asked, found)


# The file


def test_the_example_that_ships_loads_and_its_questions_are_the_arenas() -> None:
    found = study.load(EXAMPLE)
    databases = database.catalogue(load({})).items()
    texts = study.resolved(found, {name: {each.id: each.question for each in base.examples()} for name, base in databases})
    assert len(texts) == len(found.questions) > 2
    assert all(texts.values())
    assert set(found.models) <= set(catalog.load(ROOT / "models"))
    assert found.target == len(found.questions) * found.votes_per_question


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Trust"', "", "`title` is missing"),
        ('title = "Trust"', "title = 3", "line 2: `title` is missing or no text"),
        ('title = "Trust"', "title = ", "not TOML.*line 2"),
        ('"beta"]', '"alpha"]', "line 3: `models` does not name two different"),
        ("votes_per_question = 2", "votes_per_question = 0", "line 6: `votes_per_question` is missing or no whole number from 1"),
        ("votes_per_voter = 2", "votes_per_voter = true", "line 7: `votes_per_voter`"),
        ("votes_per_voter = 2", "votes_per_voter = 4", "there are 3; write at most that"),
        ("votes_per_voter", "votes_per_vote", "line 7: `votes_per_vote` is no field here|`votes_per_voter` is missing"),
        ('"ANNA-2026"', '"ANN"', "a code of 3 letters, number 1"),
        ('"BOBS-2026"', '"anna 2026"', "number 2 twice"),
        ('invite_codes = ["ANNA-2026", "BOBS-2026"]', "", "`invite_codes` is empty; `votes study codes 30`"),
        ('invite_codes = ["', 'open = true\ninvite_codes = ["', "`open` is true beside invite codes"),
        ('invite_codes = ["', 'invite_code_hashes = ["', "line 8: `invite_code_hashes` has no hash as number 1"),
        ('secret_hash = "', 'secret_hash = "x', "`secret_hash` is no hash"),
        ('rule = "fixed"', 'rule = "never"', r"line 11: \[stopping\] `rule` is 'never'; write one of fixed, settled"),
        ('rule = "fixed"', 'rule = "settled"\nmeter = "all"', r"line 12: \[stopping\] `meter`"),
        ('rule = "fixed"', 'rule = "fixed"\nvotes = 0', "`votes` is no whole number"),
        ("votes_per_voter = 2", "votes_per_voter = 2\ncontrol_share = 10", "line 8: `control_share` is no share from 0 to 1"),
        ("votes_per_voter = 2", "votes_per_voter = 2\ncontrol_share = true", "`control_share` is no share"),
        ("votes_per_voter = 2", "votes_per_voter = 2\naudit_share = nan", "`audit_share` is no share from 0 to 1; write 0.1"),
        ('id = "shop-002"', 'id = "shop-001"', "line 18: questions entry 2: `id` is that of line 13, too"),
        ('id = "shop-002"', 'name = "shop-002"', "line 16: questions entry 2: `id` is missing"),
        (
            'id = "shop-002"',
            'id = "shop-002"\nlevel = 1',
            "line 19: questions entry 2: `level` is no field here; known are db, id, question",
        ),
    ],
)
def test_a_bad_file_gets_one_sentence_with_the_place_and_the_next_step(old: str, new: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as found:
        read(old, new)
    assert str(found.value).startswith("study.toml")
    assert not any(code in str(found.value) for code in ("ANNA", "BOBS", "anna", study.secret_hash("a secret of some length")))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('db = "shop"', 'db = "shoe"', "line 13, questions entry 1: there is no database 'shoe'; use one of shop, bank"),
        ('id = "shop-002"', 'id = "shop-999"', "line 16, questions entry 2: shop has no question 'shop-999'"),
        ('id = "own-1"', 'id = "shop-001"\n', "is that of line 13, too"),
        ('"Who bought most?"', '"how many ?"', "the arena's own question shop-002"),
    ],
)
def test_a_question_that_cannot_be_asked_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        study.resolved(read(old, new), KNOWN)


def test_questions_are_the_arenas_by_id_or_the_studys_own() -> None:
    assert study.resolved(read(), KNOWN) == {
        ("shop", "shop-001"): "What is sold out?", ("shop", "shop-002"): "How many?", ("shop", "own-1"): "Who bought most?",
    }  # fmt: skip
    with pytest.raises(BadInput, match="give this one another id"):
        study.resolved(read('id = "own-1"', 'id = "shop-003"'), {"shop": {**KNOWN["shop"], "shop-003": "Another"}})


def test_files_that_are_not_there_or_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.toml cannot be read .*--study"):
        study.load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes("title = 'Zürich'".encode("latin-1"))
    with pytest.raises(BadInput, match="UTF-8"):
        study.load(tmp_path / "latin.toml")


# The hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"Trust"', '"Trusted"'),
        ("at any time", "at all times"),
        ('consent_version = "3"', 'consent_version = "4"'),
        ('"alpha", "beta"', '"beta", "gamma"'),
        ("votes_per_question = 2", "votes_per_question = 3"),
        ("votes_per_voter = 2", "votes_per_voter = 1"),
        ("votes_per_voter = 2", "votes_per_voter = 2\ncontrol_share = 0"),
        ("votes_per_voter = 2", "votes_per_voter = 2\naudit_share = 0"),
        ('rule = "fixed"', 'rule = "settled"'),
        ("Who bought most?", "Who bought least?"),
        ('id = "shop-002"', 'id = "shop-003"'),
    ],
)
def test_the_hash_changes_with_what_the_study_is(old: str, new: str) -> None:
    assert read(old, new).hash != read().hash


def test_the_hash_is_that_of_its_published_text_and_not_of_codes_secret_or_layout() -> None:
    found = read()
    assert sha256(found.text.encode()).hexdigest() == found.hash
    assert read('"BOBS-2026"', '"BOBS-2026", "CEMS-2026"').hash == found.hash
    assert read(study.secret_hash("a secret of some length"), study.secret_hash("another of some length")).hash == found.hash
    assert read("[[questions]]   # the researcher's own", "\n[[questions]]").hash == found.hash
    assert "ANNA" not in found.text
    assert json.loads(found.text)["consent"] == "You may stop at any time."


# Codes and secret


def test_a_code_is_one_voter_in_any_browser_however_it_is_typed() -> None:
    found = read()
    ann = found.seat("ANNA-2026", "x" * 40)
    assert found.seat(" anna 2o26 ", "y" * 40) == ann
    assert found.seat("BOBS-2026", "x" * 40).voter != ann.voter
    assert read('"Trust"', '"Other"').seat("ANNA-2026", "x" * 40).voter != ann.voter, "nobody is followed from study to study"
    for wrong in ("", "ANNA-2027", study.code_hash("ANNA-2026")):
        with pytest.raises(BadInput, match="not one of this study's"):
            found.seat(wrong, "x" * 40)


def test_a_code_for_several_and_a_study_without_codes_tell_voters_by_their_browser() -> None:
    shared = read("votes_per_voter", "voters_per_code = 3\nvotes_per_voter")
    ann, bob = (shared.seat("ANNA-2026", secret * 40) for secret in "xy")
    assert (ann.invite, ann.places) == (bob.invite, 3)
    assert ann.voter != bob.voter
    free = read('invite_codes = ["ANNA-2026", "BOBS-2026"]', "open = true")
    assert free.seat("", "x" * 40).invite == ""
    assert free.seat("", "x" * 40).voter == ann.voter


def test_a_file_may_hold_hashes_in_place_of_codes() -> None:
    code = study.new_code()
    hashed = read('invite_codes = ["ANNA-2026", "BOBS-2026"]', f'invite_code_hashes = ["{study.code_hash(code)}"]')
    plain = read('"ANNA-2026"', f'"{code}"')
    assert hashed.seat(code.lower(), "") == plain.seat(code, "")


def test_the_secret_opens_and_nothing_else_does() -> None:
    key = study.key_of(read(), "")
    assert study.opens("a secret of some length", key)
    assert not any(study.opens(each, key) for each in ("", "a secret", key, "A secret of some length"))
    assert study.opens("from the environment", study.key_of(read(), "from the environment"))
    assert not study.opens("a secret of some length", study.key_of(read(), "from the environment")), "that of the environment comes first"
    assert not study.opens("", ""), "without a secret nobody gets in"
    with pytest.raises(BadInput, match="ARENA_STUDY_SECRET has 5 characters"):
        study.key_of(read(), "short")


# What comes next, and when it ends


def row(voter: str, question: str, kind: str | None = "vote", winner: Winner | None = "model_a", minute: int = 0, **changes: Any) -> Any:
    """A battle of the study as the store gives it."""
    at = f"2026-11-{28 - minute // 600:02}T{10 - minute // 60 % 10:02}:{minute % 60:02}:00.000+00:00"
    return {
        "id": f"{voter}-{question}-{kind}", "created": at, "db": "shop", "question": question, "example_id": question, "split": "arena",
        "chosen": "study", "profile": "real", "voter": voter, "blind": True, "digests": "", "study": "s", "invite": "", "model_a": "alpha",
        "model_b": "beta", "revision_a": "1", "revision_b": "2", "kind": kind, "winner": winner, "asks": "better",
        "voted": at if kind else None,
    } | changes  # fmt: skip


def next_of(found: Study, rows: list[Any], voter: str = ANN, seed: int = 1) -> Any:
    """The question's key, or why there is none."""
    following = study_course.next_question(found, rows, voter, {}, random.Random(seed), AT)
    return following.key if isinstance(following, Next) else following


def test_the_questions_with_fewest_votes_come_first_and_none_twice() -> None:
    rows = [row(BOB, "shop-001"), row(BOB, "own-1", minute=1)]
    assert {next_of(read(), rows, seed=seed) for seed in range(20)} == {("shop", "shop-002")}
    assert {next_of(read(), [], seed=seed)[1] for seed in range(40)} == {"shop-001", "shop-002", "own-1"}
    assert {next_of(read(), [row(ANN, "shop-002"), *rows], seed=seed)[1] for seed in range(20)} == {"shop-001", "own-1"}


def test_what_others_are_about_to_judge_is_asked_last_until_they_have_gone() -> None:
    rows = [row(BOB, "shop-001", None, created="2026-11-28T11:55:00.000+00:00"), row(CEM, "shop-002")]
    assert {next_of(read(), rows, seed=seed)[1] for seed in range(20)} == {"own-1"}
    rows[0]["created"] = "2026-11-28T11:30:00.000+00:00"
    assert {next_of(read(), rows, seed=seed)[1] for seed in range(40)} == {"own-1", "shop-001"}


def test_an_open_question_comes_again_and_one_taken_back_may() -> None:
    assert {next_of(read(), [row(ANN, "own-1", None)], seed=seed)[1] for seed in range(20)} == {"own-1"}
    rows = [row(ANN, "shop-001", "undo"), row(BOB, "shop-002"), row(BOB, "own-1")]
    assert next_of(read(), rows) == ("shop", "shop-001")
    rows[0]["kind"] = "skip"
    assert next_of(read(), rows)[1] != "shop-001"


def test_a_voter_is_done_at_the_own_target_or_when_nothing_is_left() -> None:
    assert next_of(read(), [row(ANN, "shop-001"), row(ANN, "shop-002")]) == "yours"
    assert next_of(read(), [row(ANN, name, "cant_tell") for name in ("shop-001", "shop-002", "own-1")]) == "nothing_left"
    full = [row(voter, "shop-001") for voter in (BOB, CEM)]
    assert next_of(read(), [*full, row(ANN, "shop-002", "skip"), row(ANN, "own-1", "skip")]) == "nothing_left"


def course(share: float, count: int = 8, votes: int = 0) -> Study:
    """A study of some questions, of which each voter judges all, or so many `votes`."""
    questions = tuple(study.Question("shop", f"q{n}") for n in range(count))
    return replace(read(), questions=questions, votes_per_voter=votes or count, votes_per_question=9, control_share=share)


@pytest.mark.parametrize(
    ("votes", "share", "controls"), [(20, 0.1, 2), (30, 0.1, 3), (4, 0.1, 1), (3, 0.5, 0), (8, 0.0, 0), (8, 1.0, 5), (11, 0.1, 2)]
)
def test_a_share_of_controls_is_rounded_up_and_leaves_room_in_between(votes: int, share: float, controls: int) -> None:
    found = course(share, votes)
    assert (found.controls_per_voter, found.battles_per_voter) == (controls, votes + controls)
    assert study_text.sees(found).startswith(f"{votes + controls} battles")


def moment(minute: int, kind: str | None = "vote") -> dict[str, Any]:
    at = f"2026-11-28T{9 + minute // 60:02}:{minute % 60:02}:00.000+00:00"
    return {"created": at, "voted": at if kind else None}


def followed(found: Study, rng: random.Random) -> tuple[list[Any], str]:
    """All that one voter sees, each voted on, and why it ended there."""
    rows: list[Any] = []
    while True:
        following = study_course.next_question(found, rows, ANN, {}, rng, AT)
        if not isinstance(following, Next):
            return rows, following
        a, b = following.before[::-1] if following.before else rng.sample(["alpha", "beta"], 2)
        sides = {"model_a": a, "model_b": b, "revision_a": "1" if a == "alpha" else "2", "revision_b": "1" if b == "alpha" else "2"}
        number = len(rows)
        rows.append(row(ANN, following.key[1], chosen=following.chosen, id=str(number), **sides, **moment(number)))


def test_controls_come_between_the_others_with_sides_exchanged_and_none_twice() -> None:
    places = set()
    for seed in range(30):
        rows, why = followed(course(0.25), random.Random(seed))
        again = [n for n, each in enumerate(rows) if each["chosen"] == "control"]
        assert (len(rows), len(again), why) == (10, 2, "yours")
        assert len({each["example_id"] for each in rows if each["chosen"] == "study"}) == 8
        assert len({rows[n]["example_id"] for n in again}) == 2
        for n in again:
            first = next(at for at, each in enumerate(rows) if each["example_id"] == rows[n]["example_id"])
            assert n - first > 3, "three others lie in between"
            assert (rows[n]["model_a"], rows[n]["model_b"]) == (rows[first]["model_b"], rows[first]["model_a"])
        places |= set(again)
    assert places >= set(range(4, 10)), "anywhere once there is something to repeat"
    assert not [each for each in followed(course(0), random.Random(1))[0] if each["chosen"] == "control"]


def judged(voter: str, winners: str, start: int = 0) -> list[Any]:
    """A voter's votes on q0, q1, ...: one for each letter, a or b."""
    return [row(voter, f"q{n}", winner=f"model_{each}", id=f"{voter} {n}", **moment(start + n)) for n, each in enumerate(winners)]


def again(voter: str, question: int, winner: str | None, kind: str | None = "vote") -> Any:
    """The same question with the sides exchanged."""
    sides = {"model_a": "beta", "model_b": "alpha", "revision_a": "2", "revision_b": "1", "chosen": "control"}
    return row(
        voter, f"q{question}", kind, f"model_{winner}" if winner else None, id=f"{voter} {question} again", **sides, **moment(60, kind)
    )


def test_controls_count_towards_no_target_and_in_no_figure_but_their_own() -> None:
    found = replace(course(0.25), votes_per_question=2)
    texts = {each.key: each.id for each in found.questions}
    rows = [*judged(ANN, "aaaaaa"), again(ANN, 0, "b"), again(ANN, 1, "a"), *judged(BOB, "aab", 20), again(CEM, 3, None, "skip")]
    seen = study_course.progress(found, texts, rows, {"ann 0 again": ("burst",)}, {})
    assert (seen.votes, seen.flagged, seen.flags, seen.missing) == (9, 0, {}, 7)
    assert [(each.votes, each.skipped) for each in seen.questions[:4]] == [(2, 0), (2, 0), (2, 0), (1, 0)]
    assert sum(each.votes for each in seen.days) == 9
    assert seen.pairs == (("alpha@1 and beta@2", 9),)
    ann = next(each for each in seen.voters if each.name == exports.pseudonym(ANN))
    assert (ann.votes, ann.missing, ann.repeated, ann.agree) == (6, 2, 2, 1)
    assert seen.oneself
    assert (seen.oneself.value, seen.oneself.n, seen.oneself.low, seen.oneself.high) == (0.5, 2, 0.0, 1.0), "one voter tells of no other"
    without = study_course.progress(found, texts, [each for each in rows if each["chosen"] != "control"], {}, {})
    assert (without.meters, without.missing, without.oneself) == (seen.meters, 7, None)
    swapped = [each | {"winner": "model_a" if each["winner"] == "model_b" else "model_b"} for each in rows]
    assert study_course.progress(found, texts, swapped, {}, {}).oneself == seen.oneself
    full = [*judged(ANN, "a" * 8), *judged(BOB, "a" * 7, 20), *(again(BOB, n, "b") for n in range(4))]
    assert study_course.ended(found, full, {}) == "", "a repetition is not the vote that q7 lacks"


def test_who_gives_the_last_vote_of_a_study_still_gets_the_controls() -> None:
    found = replace(course(0.25), votes_per_question=1)
    rows = judged(ANN, "a" * 8)
    assert study_course.ended(found, rows, {}) == "target"
    assert next_of(found, rows)[1] in {f"q{n}" for n in range(5)}
    assert next_of(found, [*rows, again(ANN, 0, "b"), again(ANN, 1, None, "skip")]) == "yours", "one that is skipped is not asked for again"
    assert next_of(found, rows, BOB) == "ended"


def test_an_open_control_comes_again_as_it_was() -> None:
    rows = [*judged(ANN, "a" * 6), again(ANN, 1, None, None)]
    found = {study_course.next_question(course(0.25), rows, ANN, {}, random.Random(seed), AT) for seed in range(20)}
    assert found == {Next(("shop", "q1"), ("alpha", "beta"))}
    taken_back = {next_of(course(0.25), [*judged(ANN, "a" * 8), again(ANN, 1, "b", "undo"), again(ANN, 0, "b")], seed=n) for n in range(40)}
    assert ("shop", "q1") in taken_back, "one that was taken back may come again"
    assert ("shop", "q0") not in taken_back


def test_progress_tells_how_often_a_was_named_rightly() -> None:
    rows = [*judged(ANN, "aaa"), *judged(BOB, "ab", 20)]
    audits: Any = {"ann 0": "right", "ann 1": "wrong", "ann 2": "no_idea", "bob 0": "right", "bob 1": "asked"}
    found = course(0.25)
    seen = study_course.progress(found, {}, rows, {}, {}, audits)
    (told,) = seen.audit
    assert (told.guesses, told.no_idea, told.unanswered, told.voters) == (3, 1, 1, 2)
    assert told.hits
    assert round(told.hits.value, 3) == 0.667
    said = "A was named rightly in 67% (21% to 94%) of 3 guesses (a coin: 50%); 1 had no idea, 1 gave no answer; 2 voters"
    assert f"do names stay hidden: {said}\n" in study_text.lines(found, seen)
    assert said in unescape(re.sub(r"<[^>]+>", " ", page(found, seen)))
    assert study_text.plain(found, seen)["audit"][0]["guesses"] == 3


def test_a_fixed_study_ends_when_every_question_has_its_votes_or_at_a_number() -> None:
    rows = [row(voter, name) for name in ("shop-001", "shop-002", "own-1") for voter in (BOB, CEM)]
    assert study_course.ended(read(), rows, {}) == "target"
    assert next_of(read(), rows) == "ended"
    assert study_course.ended(read(), [*rows[:-1], row(CEM, "own-1", "undo")], {}) == ""
    assert study_course.ended(read('"fixed"', '"fixed"\nvotes = 3'), rows[:3], {}) == "votes"
    assert study_course.ended(read('"fixed"', '"fixed"\nvotes = 4'), rows[:3], {}) == ""


def test_a_settled_study_ends_when_the_chosen_meter_says_so() -> None:
    many = [row(f"voter-{n}", "shop-001", minute=n) for n in range(8)]
    by_voters, by_votes = (read("votes_per_question = 2", "votes_per_question = 99") for _ in range(2))
    by_voters = replace(by_voters, stopping=study.Stopping("settled"))
    by_votes = replace(by_votes, stopping=study.Stopping("settled", "votes"))
    assert study_course.ended(by_voters, many, {}) == study_course.ended(by_votes, many, {}) == "settled"
    assert study_course.ended(by_voters, many[:7], {}) == "", "seven to nothing excludes no even race"
    one = [row(ANN, f"q{n}", minute=n) for n in range(8)]
    assert study_course.ended(by_voters, one, {}) == "", "one voter is one voter"
    assert study_course.ended(by_votes, one, {}) == "settled"
    assert study_course.ended(by_votes, [each | {"asks": "readability"} for each in many], {}) == ""
    swapped = [each | {"model_a": "beta", "model_b": "alpha", "revision_a": "2", "revision_b": "1"} for each in many[::2]]
    assert study_course.ended(by_votes, [*swapped, *many[1::2]], {}) == "", "half of the wins are the other model's"
    older = [each | {"revision_a": "0", "voted": "2026-11-01T10:00:00+00:00", "id": f"old {each['id']}"} for each in many]
    assert study_course.ended(by_votes, [*older, many[0]], {}) == "", "votes on other weights settle nothing about these"


def test_progress_counts_questions_voters_days_and_what_is_missing() -> None:
    found, texts = read(), study.resolved(read(), KNOWN)
    rows = [
        row(ANN, "shop-001"), row(ANN, "shop-002", winner="tie"), row(ANN, "own-1", "skip", None),
        row(BOB, "shop-001", minute=700), row(BOB, "own-1", "undo"), row(CEM, "own-1", None, None),
    ]  # fmt: skip
    seen = study_course.progress(found, texts, rows, {"ann-shop-001-vote": ("burst", "too_fast")}, {})
    assert (seen.votes, seen.target, seen.missing, seen.flagged, seen.flags) == (3, 6, 3, 1, {"burst": 1, "too_fast": 1})
    assert [(each.key[1], each.votes, each.missing, each.skipped) for each in seen.questions] == [
        ("shop-001", 2, 0, 0), ("shop-002", 1, 1, 0), ("own-1", 0, 2, 1),
    ]  # fmt: skip
    ann, bob, cem = seen.voters[0], *sorted(seen.voters[1:], key=lambda each: -each.votes)
    assert (ann.name, ann.votes, ann.missing, ann.flags) == (exports.pseudonym(ANN), 2, 0, {"burst": 1, "too_fast": 1})
    assert (bob.votes, bob.taken_back, cem.votes, cem.missing) == (1, 1, 0, 2)
    assert [(each.day, each.votes, each.voters) for each in seen.days] == [("2026-11-27", 1, 1), ("2026-11-28", 2, 1)]
    assert seen.voters_missing == 2, "two on `own-1`, since nobody votes twice on a question"
    assert seen.pairs == (("alpha@1 and beta@2", 3),)
    assert all("Not settled" in each for each in seen.meters)
    empty = study_course.progress(found, texts, [], {}, {})
    assert (empty.votes, empty.missing, empty.voters, empty.meters[0]) == (0, 6, (), "Not settled: there is no vote yet.")


# The store


def keep(store: Store, name: str, seat: Seat, example: str = "shop-002", chosen: str = "study") -> str:
    each = replace(battle(name, profile="real"), example_id=example)
    agreed = Consent("votes", "3")
    return store.add_battle(each, seat.voter, chosen, ("r1", "r2"), "different", "content", agreed, "all", "", seat)


def test_the_hash_stands_in_every_row_of_a_study_in_copies_and_in_exports(place: Path | str, tmp_path: Path) -> None:  # noqa: F811
    store, seat = Store(place), read().seat("ANNA-2026", "")
    token = keep(store, "one", seat)
    store.vote("one", "model_a", seat.voter, token)
    store.pass_over("two", "skip", seat.voter, keep(store, "two", seat, "own-1"))
    keep(store, "three", seat, "shop-001")
    (vote,) = store.votes()
    assert (vote["study"], vote["consent"], vote["consent_version"], vote["chosen"]) == (read().hash, "votes", "3", "study")
    assert {event["study"] for event in store.events()} == {read().hash}
    assert [(each["id"], each["kind"]) for each in store.of_study(read().hash)] == [("one", "vote"), ("two", "skip"), ("three", None)]
    assert store.of_study("") == store.of_study("0" * 64) == []
    other = Store(tmp_path / "other.sqlite")
    other.restore(store.records(store.battle_ids()))
    assert other.of_study(read().hash) == store.of_study(read().hash)
    (out,) = exports.rows(store.votes(), "real", exports.Samples({"shop": "content"}, {}))
    assert out["study"] == read().hash
    assert "invite" not in out
    made = exports.export([out], "csv", "real", filtered=False, licences={})
    assert f"- studies: {read().hash} 1\n" in made.card
    store.undo("one", seat.voter, token)
    assert [each["kind"] for each in store.of_study(read().hash)] == ["undo", "skip", None]


def test_votes_of_a_study_count_nowhere_else(place: Path | str) -> None:  # noqa: F811
    store, seat = Store(place), read().seat("ANNA-2026", "")
    store.vote("one", "model_a", seat.voter, keep(store, "one", seat))
    public = replace(battle("two", profile="real"), example_id="shop-002")
    store.vote("two", "model_b", BOB, store.add_battle(public, BOB, "random", ("r1", "r2"), "different", "content"))
    assert [(tally.wins, tally.losses) for tally in store.tallies("real")] == [(0, 1)]
    assert [(tally.wins, tally.losses) for tally in store.tallies("real", study=read().hash)] == [(1, 0)]
    models = public.a.model, public.b.model
    assert [each["voter"] for each in store.votes_on("shop", "content", models)] == [BOB], "which question comes next follows public votes"
    both = [reading.ballot(vote, {}) for vote in store.votes()]
    for figure in (statistics.standings, meter.readings, rating.board, agreement.with_oneself, guessing.guesses):
        with pytest.raises(BadInput, match="never in one figure with public ones"):
            figure(both)  # type: ignore[operator]
        assert figure(both[:1]) is not None  # type: ignore[operator]


def test_a_voter_is_flagged_for_what_happened_in_a_study_there_alone() -> None:
    sides = {f"{name}_{side}": side for name in ("model", "revision") for side in "ab"}
    votes = [
        {"id": str(n), "created": f"2026-11-28T{n:02}:00:00+00:00", "voted": f"2026-11-28T{n:02}:01:00+00:00", "voter": ANN, **sides,
         "winner": "model_a" if n < 10 else ("model_a", "model_b")[n % 2], "study": "s" if n < 10 else ""}
        for n in range(24)
    ]  # fmt: skip
    found = flags(votes)
    assert all(found[str(n)] == ("one_sided", "side_bias") for n in range(10))
    assert not any(found[str(n)] for n in range(10, 24))


def test_a_study_keeps_its_title_where_it_was_opened(place: Path | str) -> None:  # noqa: F811
    store = Store(place)
    assert store.study_titles() == {}
    for _ in range(2):
        store.name_study(read().hash, "Trust")
    assert Store(place).study_titles() == {read().hash: "Trust"}


def test_no_code_is_in_the_store(tmp_path: Path) -> None:
    keep(Store(tmp_path / "votes.sqlite"), "one", read().seat("ANNA-2026", ""))
    disk = b"".join(path.read_bytes() for path in tmp_path.glob("votes.sqlite*"))
    assert b"ANNA" not in disk
    assert study.code_hash("ANNA-2026").encode() not in disk


def test_a_voter_judges_a_question_once_in_however_many_windows(place: Path | str) -> None:  # noqa: F811
    store, seat = Store(place), read().seat("ANNA-2026", "")
    tickets = [keep(store, name, seat) for name in ("one", "two")]
    store.vote("one", "model_a", seat.voter, tickets[0])
    with pytest.raises(BadVote, match="judged this question of the study already"):
        store.vote("two", "model_b", seat.voter, tickets[1])
    store.undo("one", seat.voter, tickets[0])
    store.vote("two", "model_b", seat.voter, tickets[1])
    assert [vote["winner"] for vote in store.votes()] == ["model_b"]


def test_a_code_admits_as_many_voters_as_the_study_says(place: Path | str) -> None:  # noqa: F811
    store, shared = Store(place), read("votes_per_voter", "voters_per_code = 2\nvotes_per_voter")
    first, second, third = (shared.seat("ANNA-2026", secret * 40) for secret in "xyz")
    keep(store, "one", first)
    keep(store, "two", second)
    with pytest.raises(BadVote, match="taken every place of this invite code"):
        keep(store, "three", third)
    keep(store, "four", first, "own-1")
    keep(store, "five", shared.seat("BOBS-2026", "z" * 40))
    assert [each["id"] for each in store.of_study(shared.hash)] == ["one", "two", "four", "five"]
    store.erase(first.voter)
    keep(store, "six", third)


RACES = 10
"""Without the store's lock both get in nearly every time."""


def race(where: Path | str, who: str, start: Any, said: Any) -> None:
    """A process that wants a place under each code at the very moment when another one does; says of which races it got in."""
    store, shared = Store(where), _raced()
    got_in = []
    try:
        for number in range(RACES):
            seat = shared.seat(f"code-number-{number}", who * 40)
            start.wait(timeout=60)
            try:
                keep(store, f"{who} {number}", seat)
            except BadVote:
                continue
            got_in.append(number)
    finally:
        said.put((who, got_in))


def _raced() -> Study:
    """A study whose codes admit two voters each."""
    codes = ", ".join(f'"code-number-{number}"' for number in range(RACES))
    return read('"ANNA-2026", "BOBS-2026"]', f"{codes}]\nvoters_per_code = 2")


def test_of_two_processes_that_race_for_a_code_s_last_place_exactly_one_gets_in(place: Path | str) -> None:  # noqa: F811
    store, shared = Store(place), _raced()
    for number in range(RACES):
        keep(store, f"first {number}", shared.seat(f"code-number-{number}", "first" * 8))
    spawn = multiprocessing.get_context("spawn")
    start, said = spawn.Barrier(2), spawn.Queue()
    racers = [spawn.Process(target=race, args=(place, who, start, said)) for who in "xy"]
    for each in racers:
        each.start()
    got_in = dict(said.get(timeout=120) for _ in racers)
    for each in racers:
        each.join(timeout=60)
    assert sorted(got_in["x"] + got_in["y"]) == list(range(RACES)), "each last place has one taker"
    kept = sorted(each["id"] for each in store.of_study(shared.hash) if not each["id"].startswith("first"))
    assert kept == sorted(f"{who} {number}" for who, races in got_in.items() for number in races)


def test_a_store_of_before_studies_keeps_its_votes(place: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("nl2sql_arena.votes.tables.MIGRATIONS", MIGRATIONS[:5])
    before = Store(place)
    monkeypatch.undo()
    old = tables._tables(sa.MetaData(), 5)
    assert "study" not in old.battles.c
    with before._writing() as connection:
        connection.execute(old.battles.insert(), [_blank(old.battles) | {"id": "old", "voter": ANN}])
        connection.execute(old.events.insert(), [_blank(old.events) | {"battle_id": "old", "kind": "vote", "winner": "tie", "voter": ANN}])
    for _ in range(2):
        store = Store(place)
        assert [(vote["id"], vote["winner"], vote["study"], vote["invite"]) for vote in store.votes()] == [("old", "tie", "", "")]
    seat = read().seat("ANNA-2026", "")
    store.vote("new", "model_b", seat.voter, keep(store, "new", seat))
    assert [vote["study"] for vote in store.votes()] == ["", read().hash]


def _blank(table: sa.Table) -> dict[str, Any]:
    """A row of nothing in particular."""
    values: dict[type, Any] = {str: "", int: 0, float: 0.0, bool: True}
    return {each.name: values[each.type.python_type] for each in table.columns if each.name != "id"} | {"created": AT}


def test_a_control_is_judged_once_beside_the_question_itself(place: Path | str) -> None:  # noqa: F811
    store, seat = Store(place), read().seat("ANNA-2026", "")
    tickets = [keep(store, "one", seat), *(keep(store, name, seat, chosen="control") for name in ("again", "window"))]
    store.vote("one", "model_a", seat.voter, tickets[0])
    store.vote("again", "model_b", seat.voter, tickets[1])
    with pytest.raises(BadVote, match="judged this question of the study already"):
        store.vote("window", "model_b", seat.voter, tickets[2])
    assert [(vote["id"], vote["chosen"]) for vote in store.votes()] == [("one", "study"), ("again", "control")]
    assert [each["chosen"] for each in store.of_study(read().hash)] == ["study", "control", "control"]


# The command line


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    main(["votes", *arguments])
    return capsys.readouterr().out


def test_check_prints_the_hash_and_the_text_that_has_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_STUDY_SECRET", "from the environment")
    found = study.load(EXAMPLE)
    told = run("study", "check", str(EXAMPLE), capsys=capsys)
    assert told.startswith(f"{found.title}: {found.hash}\n")
    assert "12 at most, of 3 voters at least; 2 codes for 1 each" in told
    assert "a voter sees: 5 battles: 4 questions, 1 of them twice" in told
    assert "asked which model A was: after 5% of the votes" in told
    assert "they admit 2 voters, and 3 are needed" in told
    assert "opens with the secret" in told
    assert sha256(run("study", "check", str(EXAMPLE), "--text", capsys=capsys).encode()).hexdigest() == found.hash


@pytest.mark.parametrize(
    ("models", "said"), [('"mini-l", "nobody"', "`models` names nobody"), ('"mini-l", "sqlcoder-7b-2"', "mixes a mini with a real model")]
)
def test_check_knows_the_contestants(tmp_path: Path, models: str, said: str) -> None:
    file = tmp_path / "study.toml"
    file.write_text(EXAMPLE.read_text().replace('"mini-p-lora", "mini-l"', models))
    with pytest.raises(SystemExit, match=said):
        main(["votes", "study", "check", str(file)])


def test_new_codes_and_secrets_go_with_their_hashes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split() for line in run("study", "codes", "5", capsys=capsys).splitlines()]
    assert len({code for code, _ in lines}) == 5
    assert all(study.code_hash(code) == hashed for code, hashed in lines)
    found = re.fullmatch(r'secret: (\S+)\nsecret_hash = "(\w+)"\n', run("study", "secret", capsys=capsys))
    assert found
    assert study.opens(found[1], found[2])


def test_progress_on_the_command_line_is_what_the_page_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    monkeypatch.setattr("nl2sql_arena.votes.store.now", lambda: AT)  # each vote comes at once
    found, store = study.load(EXAMPLE), Store(tmp_path / "votes.sqlite")
    first, second = found.questions[:2]
    seats = [Seat(found.hash, "", 1, voter) for voter in (ANN, BOB)]
    for name, seat, question in (("one", seats[0], first), ("two", seats[1], first), ("three", seats[0], second)):
        each = replace(battle(name), db=question.db, example_id=question.id)
        token = store.add_battle(each, seat.voter, "study", ("r1", "r2"), "different", "content", None, "all", "", seat)
        if name == "three":
            store.pass_over(name, "skip", seat.voter, token)
        else:
            store.vote(name, "model_a", seat.voter, token)
    other = replace(battle("four"), db=first.db, example_id=first.id)
    store.vote("four", "model_b", CEM, store.add_battle(other, CEM, "random", ("r1", "r2"), "different"))
    told = json.loads(run("study", "progress", str(EXAMPLE), "--json", capsys=capsys))
    services = open_services(replace(load({}), data=tmp_path))
    opened = study.opened(found, services.databases, services.cards)
    seen = study_course.progress_in(services.store, opened, services.cards)
    services.close()
    assert (told["hash"], told["votes"], told["target"], told["missing"], told["end"]) == (found.hash, 2, 12, 10, "")
    assert [(each["id"], each["votes"], each["skipped"]) for each in told["questions"][:2]] == [(first.id, 2, 0), (second.id, 0, 1)]
    assert [(each["name"], each["votes"]) for each in told["voters"]] == [(each.name, each.votes) for each in seen.voters]
    assert {each["name"] for each in told["voters"]} == {exports.pseudonym(ANN), exports.pseudonym(BOB)}
    assert told["flags"] == {"too_fast": 2}
    assert tuple(told["meters"].values()) == seen.meters
    lines = run("study", "progress", str(EXAMPLE), capsys=capsys)
    assert lines.startswith(f"{found.title}: {found.hash}\n2 of 12 votes, of 2 voters. It goes on.\nmissing: 10 votes, of at least ")
    assert "flagged: 2 (2 too fast)\n" in lines
    assert f"Over all votes: {seen.meters[0]}\n" in lines
    shown = re.sub(r"<[^>]+>", " ", page(found, seen))
    for each in (*(question.text for question in seen.questions), *(voter.name for voter in seen.voters), seen.days[0].day):
        assert each in unescape(shown)
        assert each in lines


def test_one_study_is_exported_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    content = database.catalogue(load({}))["shop"].content
    store = Store(tmp_path / "votes.sqlite")
    for name, seat in (("one", read().seat("ANNA-2026", "")), ("two", read('"Trust"', '"Other"').seat("ANNA-2026", ""))):
        each = battle(name, profile="real")
        store.vote(name, "tie", ANN, store.add_battle(each, ANN, "study", ("r1", "r2"), "different", content, None, "all", "", seat))
    assert run("export", "--format", "jsonl", "--out", str(tmp_path / "o"), "--study", read().hash, capsys=capsys).startswith("1 rows")
    assert f"- studies: {read().hash} 1\n" in (tmp_path / "o" / "README.md").read_text()
    assert {vote["study"] for vote in json.loads(run("list", "--json", capsys=capsys))} == {vote["study"] for vote in store.votes()}
    for option in ((), ("--study", "public")):
        with pytest.raises(SystemExit, match="No vote of the real models is left"):
            main(["votes", "export", "--format", "arena-rank", "--out", str(tmp_path / "public"), *option])
        assert "Left out: 2 votes of 2 studies (--study with the file, hash or title of one).\n" in capsys.readouterr().err
    ranked = run("export", "--format", "arena-rank", "--out", str(tmp_path / "ranked"), "--study", read().hash, capsys=capsys)
    assert ranked.startswith("1 rows")


def test_a_study_brings_its_contestants_and_allows_no_others() -> None:
    settings = load({})
    assert study.under(read(), settings).chosen_models == ("alpha", "beta")
    assert study.under(read(), replace(settings, chosen_models=("beta", "alpha"))).chosen_models == ("alpha", "beta")
    with pytest.raises(BadInput, match="ARENA_MODELS is gamma,delta, but the study compares alpha,beta"):
        study.under(read(), replace(settings, chosen_models=("gamma", "delta")))


def test_a_full_code_is_known_before_anything_is_asked() -> None:
    shared = read("votes_per_voter", "voters_per_code = 2\nvotes_per_voter")
    ann, bob, cem = (shared.seat("ANNA-2026", secret * 40) for secret in "xyz")
    rows = [{"voter": each.voter, "invite": each.invite} for each in (ann, bob, ann)]
    assert study_course.is_full(cem, rows)
    assert not study_course.is_full(bob, rows)
    assert not study_course.is_full(cem, rows[:1])
    assert not study_course.is_full(shared.seat("BOBS-2026", "z" * 40), rows)
