"""What is kept of a visitor, by what the visitor has said; seen from the server's side, then in Chromium."""

import sqlite3
from contextlib import closing

import pytest

from nl2sql_arena.ui.words import CHOOSE_FIRST, NOTHING_LEFT, RECHOSEN
from nl2sql_arena.votes.consent import VERSION
from nl2sql_arena.votes.voters import voter
from tests.ui.conftest import Window
from tests.ui.looks import check
from tests.ui.raw_page import RawPage
from tests.ui.script import PLAIN, ROWS, SAME

EXAMPLES = [row["question"] for row in ROWS if row["id"].startswith("shop") and row["split"] == "arena"]


def opened(server, tier="", secret=""):
    """A page of a visitor who has said this; of one who comes the first time, nothing is remembered."""
    page = RawPage(server.url)
    page.values["db"] = "shop"
    page.values["visitor"] = {"secret": secret, "tier": tier, "version": VERSION} if secret else None
    (load,) = (each for each in page.config["dependencies"] if [page.names[key] for key in each["outputs"]] == ["visitor", "voter"])
    page.call(load)
    return page


def kept_of(server, page, table="battles"):
    with closing(sqlite3.connect(server.data / "votes.sqlite")) as store:
        store.row_factory = sqlite3.Row
        own = voter(page.values["visitor"]["secret"])
        return [dict(row) for row in store.execute(f"SELECT * FROM {table} WHERE voter = ? ORDER BY created", [own])]


def test_without_consent_one_looks_and_nothing_is_kept(server):
    page = opened(server)
    before = server.count("battles"), server.count("events")
    page.ask(PLAIN)
    assert page.shown["tier-box"]["visible"]
    assert "<table>" in page.shown["table-a"] + page.shown["table-b"]
    page.vote("model_a")
    assert CHOOSE_FIRST in page.shown["told"]
    assert "Recorded" not in page.seen
    page.click("skip")
    assert "Skipped" in page.shown["told"]
    page.click("tier-none")
    page.ask(PLAIN)
    assert not page.shown["tier-box"]["visible"], "who has said no is not asked at each question"
    page.vote("tie")
    assert page.shown["tier-box"]["visible"], "but a vote asks again"
    assert (server.count("battles"), server.count("events")) == before


@pytest.mark.parametrize(("tier", "text"), [("votes", ""), ("questions", PLAIN)])
def test_a_vote_that_waited_for_the_choice_counts_once_it_is_made(server, tier, text):
    page = opened(server)
    page.ask(PLAIN)
    page.vote("both_bad")
    assert kept_of(server, page, "events") == []
    page.click(f"tier-{tier}")
    assert "Recorded" in page.shown["reveal"]
    (battle,), (event,) = kept_of(server, page), kept_of(server, page, "events")
    assert (battle["question"], event["consent"], event["winner"]) == (text, tier, "both_bad")
    page.click("tier-votes")
    page.click("tier-questions")
    assert len(kept_of(server, page, "events")) == 1


def test_a_vote_that_waited_is_given_up_where_nothing_may_be_kept_or_the_battle_has_ended(server):
    page = opened(server)
    page.ask(PLAIN)
    page.vote("tie")
    page.click("tier-none")
    assert CHOOSE_FIRST not in page.shown["told"]
    page.click("tier-votes")
    assert kept_of(server, page, "events") == []
    other = opened(server)
    other.ask(PLAIN)
    other.vote("tie")
    other.ask(SAME)
    other.click("tier-votes")
    assert kept_of(server, other, "events") == [], "it was about the other question"


@pytest.mark.parametrize(("tier", "text"), [("votes", ""), ("questions", PLAIN)])
def test_a_vote_after_the_choice_is_kept_as_chosen(server, tier, text):
    page = opened(server)
    page.ask(PLAIN)
    page.click(f"tier-{tier}")
    assert page.values["visitor"]["tier"] == tier
    page.vote("model_a")
    assert "Recorded" in page.shown["reveal"]
    (battle,), (event,) = kept_of(server, page), kept_of(server, page, "events")
    assert (battle["question"], battle["consent"], battle["consent_version"], event["consent"]) == (text, tier, VERSION, tier)
    assert bool(battle["sql_a"] + battle["raw_a"] + battle["prompt_a"]) == bool(text)
    assert battle["created"] < event["created"], "since the results were shown, not since the choice"
    assert page.shown["fix"]["visible"] == page.shown["comment"]["visible"] == bool(text)
    page.values |= {"comment": "about Germany", "correct-a": "Yes"}
    page.click("details-save")
    assert ("Saved" in page.shown["details-told"]) == bool(text)
    again = opened(server, tier, page.values["visitor"]["secret"])
    again.ask(EXAMPLES[0])
    assert not again.shown["tier-box"]["visible"]
    again.vote("tie")
    assert kept_of(server, again)[-1]["question"] == EXAMPLES[0], "an example is ours"


def test_a_changed_choice_holds_from_the_next_question(server):
    page = opened(server, "questions", "q" * 40)
    page.ask(PLAIN)
    page.click("tier-votes")
    assert RECHOSEN in page.shown["voter-told"]
    page.ask(PLAIN)
    assert [each["question"] for each in kept_of(server, page)] == [PLAIN, ""]


def test_an_id_is_kept_changed_and_erased_by_its_own_browser_only(server):
    page, other = opened(server), opened(server)
    for each in (page, other):
        each.click("tier-questions")
        each.ask(SAME)
        each.vote("tie")
    secret = page.values["visitor"]["secret"]
    mine = voter(secret)
    assert mine in page.shown["voter"]
    assert mine not in other.seen
    page.click("voter-erase")
    assert "Erase 1 battle, votes and all" in page.shown["erase-asks"]
    assert len(kept_of(server, page)) == 1, "it is asked once more"
    impostor = opened(server, "questions", mine)
    impostor.click("erase-yes")
    assert len(kept_of(server, page)) == 1, "the shown id erases nothing"
    page.click("erase-yes")
    assert "Erased: 1 battle" in page.shown["voter-told"]
    assert kept_of(server, page) == kept_of(server, page, "events") == []
    assert len(kept_of(server, other)) == 1
    assert mine not in page.shown["voter"], "the old id takes no more votes"
    stale = opened(server, "questions", secret)
    stale.ask(SAME)
    stale.vote("tie")
    assert "it takes no more; take a new id to vote." in stale.shown["told"]
    assert kept_of(server, stale) == []
    mine = voter(page.values["visitor"]["secret"])
    page.click("voter-erase")
    assert NOTHING_LEFT in page.shown["voter-told"]
    page.ask(SAME)
    page.click("voter-reset")
    assert mine in page.shown["voter-told"]
    assert voter(page.values["visitor"]["secret"]) in page.shown["voter"]
    assert voter(page.values["visitor"]["secret"]) != mine
    page.vote("tie")
    assert kept_of(server, page) == [], "the open battle was of the old id"


def test_a_returning_visitor_can_vote_after_a_restart(server):
    page = opened(server, "votes", "r" * 40)
    page.ask(SAME)
    server.kill()
    server.start()
    page.vote("tie")
    assert "Recorded" in page.shown["told"]
    page.values["correct-a"] = "Yes"
    page.click("details-save")
    assert "Saved" in page.shown["details-told"]


def test_the_next_question_is_an_example_and_its_battle_says_how_it_was_chosen(server):
    page = opened(server, "votes", "n" * 40)
    for _ in range(3):
        page.click("next")
        assert page.values["question"] in EXAMPLES
        page.ask(page.values["question"])
    page.ask(EXAMPLES[0])
    page.ask(PLAIN)
    chosen = [each["chosen"] for each in kept_of(server, page)]
    assert set(chosen[:3]) <= {"random", "least_voted"}
    assert chosen[3:] == ["picked", "typed"]


@pytest.mark.browser
@pytest.mark.parametrize(("size", "scheme"), [pytest.param((1440, 900), "light", marks=pytest.mark.long), ((390, 844), "dark")])
def test_from_the_choice_to_the_vote_to_the_erasure(browser, server, tmp_path, size, scheme):
    window = Window(browser, server, *size, scheme, agrees=False)
    page = window.page
    shown = page.inner_text("#voter code")
    page.click("#next")
    page.wait_for_function("() => document.querySelector('#question textarea').value === document.querySelector('#example input').value")
    page.click("#ask")
    page.wait_for_selector("#tier-box")
    check(page, tmp_path / "1-choice.png")
    before = server.count("events")
    page.click("#vote-tie")
    page.wait_for_selector(f"#told:has-text('{CHOOSE_FIRST}')")
    assert server.count("events") == before
    page.click("#tier-votes")
    page.wait_for_selector("#reveal .recorded")
    page.wait_for_selector("#tier-box", state="hidden")
    check(page, tmp_path / "2-voted.png")
    page.reload()
    page.wait_for_selector("#voter:has-text('Kept: your votes')")
    assert page.inner_text("#voter code") == shown, "the browser remembers"
    assert server.count(f"events WHERE voter = '{shown}' AND consent = 'votes'") == 1
    page.click("#voter-erase")
    page.wait_for_selector("#erase-yes")
    check(page, tmp_path / "3-erase.png")
    page.click("#erase-yes")
    page.wait_for_selector("#voter-told:has-text('Erased: 1 battle')")
    assert server.count(f"events WHERE voter = '{shown}'") == 0
    assert not window.errors
    assert not window.strangers()
    window.context.close()
