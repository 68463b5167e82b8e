"""Between the vote and the names: which model do you think A was? From the server's side, then in Chromium."""

import json
import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import expect

from nl2sql_arena.ui.words import NO_GUESS, NO_IDEA, WHO
from tests.ui.conftest import Server, Window
from tests.ui.looks import check
from tests.ui.raw_page import RawPage
from tests.ui.script import BROKEN, PLAIN, ROWS, TITLES

EXAMPLE = next(row["question"] for row in ROWS if row["id"].startswith("shop") and row["split"] == "arena" and row["gold_sql"])
NAMES = sorted(TITLES.values())
TOLD = r"[0-9]\.[0-9]+ s\b|scripted|changed before running"
"""What a reveal says besides names."""


@pytest.fixture(scope="module")
def auditing(tmp_path_factory):
    """An app that asks after each blind vote."""
    with Server(tmp_path_factory.mktemp("auditing") / "data", ARENA_AUDIT_EVERY="1") as running:
        yield running


@pytest.fixture
def page(auditing):
    opened = RawPage(auditing.url)
    opened.values["db"] = "shop"
    return opened


def happened(server, page):
    battle = page.values["ticket"].partition(".")[0]
    with closing(sqlite3.connect(server.data / "votes.sqlite")) as store:
        return store.execute("SELECT kind, note FROM events WHERE battle_id = ? ORDER BY id", [battle]).fetchall()


def test_after_the_vote_and_before_any_name_it_is_asked(page, auditing):
    page.ask(EXAMPLE)
    page.seen = ""
    page.vote("model_a")
    assert [kind for kind, _ in happened(auditing, page)] == ["vote", "who_asked"], "the vote is on disk before it is asked"
    assert page.shown["guess-box"]["visible"]
    assert [page.shown[f"guess-{number}"]["value"] for number in (1, 2)] == NAMES, "sorted, whatever the sides"
    assert "Recorded: A is better." in page.shown["told"]
    assert page.shown["reveal"] == page.shown["gold"] == ""
    assert not re.search(TOLD, page.seen)
    assert not any(name in page.shown[f"title-{side}"] for name in NAMES for side in "ab")
    assert page.shown["details"]["visible"] is page.shown["fix"]["visible"] is False
    page.click("guess-1")
    _, _, (kind, note) = happened(auditing, page)
    named = re.search("|".join(NAMES), page.shown["title-a"])[0]
    assert (kind, TITLES[json.loads(note)["guess"]]) == ("guess", NAMES[0])
    told = f"You took A for {NAMES[0]}, {'and so it was' if named == NAMES[0] else 'which was B'}."
    assert told in page.shown["reveal"]
    assert re.search(r"A is (right|wrong).*B is (right|wrong)", page.shown["gold"])
    assert page.shown["guess-box"]["visible"] is False
    assert page.shown["details"]["visible"] is True


def test_guesses_are_right_as_often_as_they_name_side_a(page, auditing):
    rights = 0
    for _ in range(30):
        page.ask(PLAIN)
        page.vote("tie")
        page.click("guess-1")
        is_right = "and so it was" in page.shown["reveal"]
        assert is_right == (NAMES[0] in page.shown["title-a"])
        rights += is_right
    assert 4 <= rights <= 26, "a fair coin leaves this range once in ten thousand runs: sides are shuffled"


def test_it_can_be_passed_over_and_answered_once(page, auditing):
    page.ask(PLAIN)
    page.vote("tie")
    page.click("guess-none")
    assert [json.loads(note)["guess"] for kind, note in happened(auditing, page) if kind == "guess"] == [""]
    assert all(name in page.shown["reveal"] for name in NAMES)
    assert "You took" not in page.shown["reveal"]
    page.click("guess-1")
    assert NO_GUESS in page.shown["told"]
    assert [kind for kind, _ in happened(auditing, page)] == ["vote", "who_asked", "guess"]


def test_a_guess_needs_the_ticket_and_a_question(page, auditing):
    page.ask(PLAIN)
    page.seen = ""
    page.click("guess-1")
    assert NO_GUESS in page.shown["told"]
    assert happened(auditing, page) == []
    page.vote("tie")
    ticket = page.values["ticket"]
    for wrong in ("", ticket[:-1] + ("0" if ticket[-1] != "0" else "1")):
        page.values["ticket"] = wrong
        page.click("guess-2")
        assert 'class="note bad"' in page.shown["told"]
    assert not re.search(TOLD, page.seen)
    page.values["ticket"] = ticket
    assert [kind for kind, _ in happened(auditing, page)] == ["vote", "who_asked"]
    page.click("guess-2")
    assert "You took A for" in page.shown["reveal"]


def test_taking_the_vote_back_ends_the_question(page, auditing):
    page.ask(PLAIN)
    page.vote("tie")
    page.click("undo")
    assert "Taken back" in page.shown["reveal"]
    assert page.shown["guess-box"]["visible"] is False
    page.click("guess-1")
    assert NO_GUESS in page.shown["told"]
    assert [kind for kind, _ in happened(auditing, page)] == ["vote", "who_asked", "undo"]


def test_with_names_in_sight_and_on_one_query_it_is_not_asked(page, auditing):
    page.values["mode"] = "Open: names and live text"
    page.ask(PLAIN)
    page.vote("tie")
    assert [kind for kind, _ in happened(auditing, page)] == ["vote"]
    page.values["mode"] = "Blind: names after the vote"
    page.ask(BROKEN)
    if page.shown["retry"]["visible"]:
        page.click("retry")
    page.vote("tie")
    assert [kind for kind, _ in happened(auditing, page)] == ["vote"]
    assert "Recorded" in page.shown["reveal"]


def test_while_it_is_asked_the_question_stays_out_of_the_files_of_votes(page, auditing):
    page.ask(EXAMPLE)
    page.vote("tie")
    page.values |= {"votes-format": "jsonl"}
    page.call(page.handlers("votes-download")[0])
    assert "Votes on the question of your open battle are left out" in page.shown["votes-told"]
    page.click("guess-none")
    page.call(page.handlers("votes-download")[0])
    assert "left out until" not in page.shown["votes-told"]


@pytest.mark.browser
@pytest.mark.parametrize(("size", "scheme"), [pytest.param((1440, 900), "light", marks=pytest.mark.long), ((390, 844), "dark")])
def test_one_click_guesses_and_the_votes_tab_tells_how_often_that_is_right(browser, auditing, tmp_path, size, scheme):
    window = Window(browser, auditing, *size, scheme)
    page = window.page
    page.fill("#question textarea", PLAIN)
    page.click("#ask")
    page.wait_for_selector("#vote-model_a:not([disabled])")
    page.click("#vote-model_a")
    page.wait_for_selector("#guess-1")
    expect(page.locator("#guess-words")).to_contain_text(WHO)
    expect(page.locator("#guess-none")).to_have_text(NO_IDEA)
    expect(page.locator("#reveal .recorded")).to_have_count(0)
    check(page, tmp_path / "1-asked.png")
    page.click("#guess-2")
    page.wait_for_selector("#reveal .recorded:has-text('You took A for')")
    page.wait_for_selector("#guess-1", state="hidden")
    page.click("button[role=tab]:has-text('Votes')")
    page.wait_for_selector("#leaderboard :text('Do names stay hidden?')")
    check(page, tmp_path / "2-votes.png")
    told = page.locator("#leaderboard section", has_text="Do names stay hidden?").locator("tbody tr")
    expect(told).to_contain_text(re.compile(r"[0-9]+% \([0-9]+% to [0-9]+%\)"))
    assert not window.errors
    window.context.close()
