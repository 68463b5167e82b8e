"""What follows from each button of the ballot, seen from the server's side: what is kept, what is said, what stays secret."""

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from nl2sql_arena.errors import StoreError
from nl2sql_arena.services import Profile
from nl2sql_arena.ui.arena import BLIND, ArenaTab
from nl2sql_arena.ui.fixing import AFTER_THE_VOTE, CHANGED
from nl2sql_arena.ui.sessions import Sessions
from nl2sql_arena.ui.words import BUTTONS, KEPT, PASSED, READING, READS, REASONS, SAME_QUERY
from nl2sql_arena.votes import details
from nl2sql_arena.votes.consent import VERSION
from tests.ui.raw_page import RawPage
from tests.ui.script import BROKEN, ODD, PAIR, PLAIN, ROWS, SAME, TITLES

EXAMPLE = next(row["question"] for row in ROWS if row["id"].startswith("shop") and row["split"] == "arena" and row["gold_sql"])
NAMES = re.compile("|".join((*PAIR, *TITLES.values())))
GOLD_WORDS = re.compile("gold answer|right|wrong: ")


@pytest.fixture
def page(server):
    opened = RawPage(server.url)
    opened.values["db"] = "shop"
    opened.seen = ""
    return opened


def happened(server, page):
    """The events of a page's newest battle, as the disk has them."""
    battle = page.values["ticket"].partition(".")[0]
    with closing(sqlite3.connect(server.data / "votes.sqlite")) as store:
        store.row_factory = sqlite3.Row
        return [dict(row) for row in store.execute("SELECT * FROM events WHERE battle_id = ? ORDER BY id", [battle])]


def kinds(server, page):
    return [event["kind"] for event in happened(server, page)]


def labels(page):
    return [page.shown[f"vote-{winner}"]["value"] for winner in BUTTONS]


# While they are at work


def test_a_model_that_is_loaded_first_is_named_and_no_side_with_it(services):
    card = replace(services.cards[PAIR[1]], backend="local", licence="MIT", download_gb=5)
    cards = {**services.cards, PAIR[1]: card}
    with gr.Blocks():
        heavy = replace(services, cards=cards, engine=services.engine.under(cards))
        page = ArenaTab(heavy, Profile("mini", PAIR, PAIR, "a test machine"), Sessions(), 1, streams=True)
    said = page.on_begin(BLIND, *PAIR, SimpleNamespace(session_hash="me"))[page.status]
    assert f"Loading {TITLES[PAIR[1]]}, licence MIT" in said
    assert TITLES[PAIR[0]] not in said


# In words


def test_each_side_says_in_words_what_its_sql_does(page):
    page.ask(PLAIN)
    both = [page.shown[f"words-{side}"] for side in "ab"]
    assert all(words.count("<li>") > 1 and "Take the rows of <code>customers</code>." in words for words in both)
    assert sum("Make one group of rows for each <code>country</code>." in words for words in both) == 1
    assert sum("<code>country</code> equals “Germany”" in words for words in both) == 1
    assert not NAMES.search(page.seen)
    page.ask(EXAMPLE)
    assert sorted(bool(page.shown[f"words-{side}"]) for side in "ab") == [False, True], "who abstains has nothing to explain"
    page.ask(ODD)
    assert sum("This SQL cannot be put in words." in page.shown[f"words-{side}"] for side in "ab") == 1, "one side is a DROP"


# Skip, can't tell, undo


@pytest.mark.parametrize(("button", "kind"), [("skip", "skip"), ("cant-tell", "cant_tell")])
def test_to_pass_is_kept_as_no_tie_and_tells_nothing(server, page, button, kind):
    page.ask(EXAMPLE)
    page.click(button)
    (event,) = happened(server, page)
    assert (event["kind"], event["winner"]) == (kind, None)
    assert PASSED[kind] in page.shown["told"]
    assert page.shown["vote-tie"]["interactive"] is False
    page.vote("tie")
    page.click("undo")
    assert kinds(server, page) == [kind]
    assert not NAMES.search(page.seen)
    assert "gold answer" not in page.seen


def test_an_undone_vote_closes_the_battle(server, page):
    page.ask(PLAIN)
    page.vote("model_a")
    page.click("undo")
    assert kinds(server, page) == ["vote", "undo"]
    assert "Taken back" in page.shown["reveal"]
    assert "Recorded" not in page.shown["reveal"]
    assert page.shown["undo"]["visible"] is False
    assert page.shown["details"]["visible"] is False
    page.vote("model_b")
    page.click("skip")
    page.click("undo")
    assert kinds(server, page) == ["vote", "undo"]


def test_nobody_takes_back_another_pages_vote(server, page):
    page.ask(PLAIN)
    page.vote("model_a")
    stranger = RawPage(server.url)
    for ticket in ("", page.values["ticket"]):
        stranger.values["ticket"] = ticket
        stranger.click("undo")
        assert 'class="note bad"' in stranger.shown["told"]
    assert kinds(server, page) == ["vote"]
    assert not NAMES.search(stranger.shown["told"])


def test_the_page_says_where_a_vote_is(page):
    page.ask(PLAIN)
    assert page.shown["kept"] == ""
    page.vote("tie")
    assert KEPT["here"] in page.shown["kept"]
    page.ask(PLAIN)
    assert page.shown["kept"] == ""


# Two equal tables


def test_on_equal_tables_the_vote_is_about_reading_and_is_kept_as_such(server, page):
    page.ask(SAME)
    assert labels(page) == list(READS.values())
    assert READING in page.shown["told"]
    page.vote("model_b")
    assert "Recorded: B reads better." in page.shown["reveal"]
    assert [event["asks"] for event in happened(server, page)] == ["readability"]
    page.ask(PLAIN)
    assert labels(page) == list(BUTTONS.values())
    assert page.shown["told"] == ""
    page.vote("model_b")
    assert "Recorded: B is better." in page.shown["reveal"]
    assert [event["asks"] for event in happened(server, page)] == ["better"]


def test_on_one_and_the_same_query_there_is_nothing_to_choose(page):
    page.ask(BROKEN)
    page.click("retry")
    assert page.shown["words-a"] == page.shown["words-b"] != ""
    assert SAME_QUERY in page.shown["told"]
    assert "very same query" in page.shown["status"]
    assert "which query reads better" not in page.shown["status"]
    can = {winner: page.shown[f"vote-{winner}"]["interactive"] for winner in BUTTONS}
    assert can == {"model_a": False, "model_b": False, "tie": True, "both_bad": True}
    page.vote("model_a")
    assert "neither is better" in page.shown["told"], "not even a page that is not ours may say so"
    page.vote("tie")
    assert "Recorded: both read equally well." in page.shown["reveal"]


# A disk without room


def full_disk(*_, **__):
    raise StoreError("The disk is full.")


def test_once_a_vote_is_kept_the_page_no_longer_says_that_the_disk_is_full(services, monkeypatch):
    with gr.Blocks():
        page = ArenaTab(services, Profile("mini", PAIR, PAIR, "a test machine"), Sessions(), 1, streams=False)
    me = SimpleNamespace(session_hash="me", headers={}, client=None)
    remembered = {"secret": "0123456789abcdef0123456789abcdef", "tier": "questions", "version": VERSION}
    for _ in page.on_ask(PLAIN, "shop", *PAIR, BLIND, "greedy", remembered, me):
        pass
    with monkeypatch.context() as full:
        full.setattr("nl2sql_arena.arena.keep", full_disk)
        assert "The disk is full." in page.on_results(me)[page.status]
    voted = page.ballot.on_vote("tie", page.sessions.of("me").round.ticket, remembered, me, page._page)
    assert "Recorded: a tie." in voted[page.ballot.reveal]
    assert voted[page.status] == ""


# The gold's verdict


def test_what_the_benchmark_says_comes_after_the_vote_only(page):
    page.ask(EXAMPLE)
    _, gold = page.handlers("vote-tie")
    page.call(gold)
    assert not GOLD_WORDS.search(page.seen)
    page.vote("tie")
    assert re.search(r"A is (right|wrong).*B is (right|wrong)", page.shown["gold"])
    page.ask(EXAMPLE)
    assert page.shown["gold"] == ""


# Details


def test_details_are_kept_with_the_vote(server, page):
    page.ask(PLAIN)
    said = {"correct-a": "Yes", "correct-b": "No", "reasons-b": ["wrong_filter", "wrong_columns"], "comment": " only Germany "}
    page.values |= said
    page.click("details-save")
    assert "no vote that stands" in page.shown["details-told"]
    page.vote("model_a")
    page.values |= said
    page.click("details-save")
    assert "Saved" in page.shown["details-told"]
    vote, detail = happened(server, page)
    assert (vote["kind"], detail["kind"]) == ("vote", "detail")
    assert json.loads(detail["note"]) == {
        "correct_a": True, "correct_b": False, "reasons_a": [], "reasons_b": ["wrong_filter", "wrong_columns"], "comment": "only Germany",
    }  # fmt: skip


def test_the_next_battle_starts_with_empty_details(page):
    page.ask(PLAIN)
    page.vote("model_a")
    page.values |= {"comment": "of the last one", "reasons-a": ["wrong_join"], "correct-a": "No"}
    page.ask(SAME)
    assert (page.shown["comment"], page.shown["reasons-a"], page.shown["correct-a"]) == ("", [], "Not sure")
    assert page.shown["details"]["visible"] is False


def test_every_reason_has_its_words():
    assert tuple(REASONS) == details.REASONS


# A query put right


def test_a_query_put_right_is_run_and_kept(server, page):
    page.ask(PLAIN)
    page.values["fix-sql"] = "SELECT 1"
    page.click("fix-run")
    assert AFTER_THE_VOTE in page.shown["fix-told"]
    assert "fix-table" not in page.shown or "<table>" not in page.shown["fix-table"]
    page.vote("both_bad")
    assert page.values["fix-sql"].startswith("SELECT")
    page.values |= {"fix-side": "b", "fix-sql": " SELECT 41 + 1 AS answer "}
    page.click("fix-run")
    assert "42" in page.shown["fix-table"]
    page.values["fix-sql"] = "SELECT 43"
    page.click("fix-right")
    assert CHANGED in page.shown["fix-told"]
    page.values["fix-sql"] = "SELECT 41 + 1 AS answer"
    page.click("fix-right")
    assert "Saved" in page.shown["fix-told"]
    vote, fix = happened(server, page)
    assert (vote["kind"], fix["kind"]) == ("vote", "fix")
    assert json.loads(fix["note"]) == {"fix_side": "b", "fix_sql": "SELECT 41 + 1 AS answer", "fix_rows": 1}


@pytest.mark.parametrize(
    ("sql", "said"), [("DROP TABLE customers", "Not run"), ("SELECT nothing", "does not run"), ("SELECT * FROM '/etc/passwd'", "Not run")]
)
def test_a_query_put_right_runs_under_the_same_rules_and_without_a_table_is_not_right(server, page, sql, said):
    page.ask(PLAIN)
    page.vote("both_bad")
    page.values["fix-sql"] = sql
    page.click("fix-run")
    assert said in page.shown["fix-table"]
    assert page.shown["fix-right"]["interactive"] is False
    page.click("fix-right")
    assert kinds(server, page) == ["vote"]


def test_the_page_says_whose_table_a_query_put_right_gives(page):
    page.ask(SAME)
    page.vote("tie")
    page.values["fix-sql"] = "SELECT COUNT(*) AS orders FROM orders"
    page.click("fix-run")
    assert "The same table as that of A and B." in page.shown["fix-told"]
