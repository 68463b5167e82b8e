"""What leaves the server before a vote, and what the server refuses, whatever a page sends to it."""

import itertools
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.ui.conftest import wait_for
from tests.ui.raw_page import RawPage
from tests.ui.script import BIG, BROKEN, FAILURE, ODD, PAIR, PLAIN, ROWS, SAME, SLOW, TITLES, WORDS

NOT_YET = "Both results are not here yet; vote when they are."
NO_BATTLE = "There is no open battle to vote on; ask a question first."
SECRETS = (*PAIR, WORDS, "tokens", "scripted", "changed before running", r"[0-9]\.[0-9]+ s\b")
"""Names (titles hold them), a model's own words, and what a reveal says of tokens, precision, repairs and time."""
EXAMPLE = next(row["question"] for row in ROWS if row["id"].startswith("shop") and row["split"] == "arena" and row["gold_sql"])
OPEN = "Open: names and live text"
SHARED = {"header", "first", "second", "bench-models", "cards"}
"""Elements that name both models, the same for every visitor."""

LONG_WORD = re.compile(r"[\w.-]{20,}")
"""Tickets and ids, in which a short word may stand by chance."""


def secrets_in(text):
    return [secret for secret in SECRETS if re.search(secret, text, re.IGNORECASE)]


@pytest.fixture
def page(server):
    opened = RawPage(server.url)
    opened.values["db"] = "shop"
    return opened


def is_open(page):
    """Whether the vote buttons of a page can be pressed."""
    return page.shown["vote-tie"]["interactive"]


def refused(page, winner, server):
    """Whether a vote is answered with a sentence and leaves the store as it was."""
    before = server.count("events")
    page.vote(winner)
    return 'class="note bad"' in page.shown["told"] and server.count("events") == before


def test_before_the_vote_no_byte_tells_which_model_is_which(page):
    for question in (PLAIN, SAME, BIG, ODD, EXAMPLE):
        page.seen = ""
        page.ask(question)
        assert is_open(page)
        assert not secrets_in(page.seen), question
    page.ask(SAME)
    page.vote("tie")
    assert secrets_in(page.shown["reveal"]) == list(SECRETS)


def test_no_part_of_the_ballot_tells_before_the_vote_nor_after_a_skip(page, server):
    presses = [("details-save", "click"), ("fix-run", "click"), ("fix-right", "click"), ("fix-side", "input"), ("undo", "click")]
    before = server.count("events")
    page.ask(EXAMPLE)
    page.seen = ""
    for until in ("before", "skipped"):
        page.values |= {"fix-sql": "SELECT 1", "comment": "who is it?", "fix-side": "b"}
        for element, event in presses:
            for handler in page.handlers(element, event):
                page.call(handler)
        page.call(page.handlers("vote-tie")[-1])
        assert "gold" not in LONG_WORD.sub("", page.seen), until
        page.click("skip")
    assert not secrets_in(page.seen)
    assert server.count("events") == before + 1, "the skip"


def test_both_sides_arrive_in_one_message(page):
    page.values["question"] = PLAIN
    begin, ask, results = page.handlers("ask")
    page.call(begin)
    texts = [each["output"]["data"] for each in page.call(ask) if each["msg"] == "process_generating"]
    page.call(results)
    assert [[bool(side) for side in both] for both in texts] == [[False, False], [True, True]]
    assert "<table>" in page.shown["table-a"]
    assert "<table>" in page.shown["table-b"]


def test_the_page_itself_names_models_only_where_they_are_chosen_and_described(page):
    props = [each["props"] for each in page.config["components"]]
    naming = {each.get("elem_id") for each in props if any(title in str(each) for title in TITLES.values())}
    assert naming <= SHARED
    other = RawPage(page._http.base_url)
    assert [each["props"] for each in other.config["components"]] == props


def test_sides_are_shuffled(page, server):
    firsts = []
    for _ in range(40):
        page.ask(SAME)
        page.vote("both_bad")
        firsts.append(re.findall("|".join(TITLES.values()), page.shown["title-a"])[0])
    left = firsts.count(TITLES["buffalo"])
    changes = sum(one != other for one, other in itertools.pairwise(firsts))
    # A fair coin leaves either range once in ten thousand runs.
    assert 8 <= left <= 32, firsts
    assert 8 <= changes <= 31, firsts


def test_a_vote_without_a_battle_is_refused(page, server):
    assert refused(page, "model_a", server)
    assert NO_BATTLE in page.shown["told"]


def test_a_vote_while_the_models_are_at_work_is_refused_and_stop_records_nothing(page, server):
    page.values["question"] = SLOW
    begin, ask, results = page.handlers("ask")
    page.call(begin)
    battles = server.count("battles")
    other = RawPage(page._http.base_url)
    other.session = page.session  # the same visitor, while the answer is awaited
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(page.call, ask)
        wait_for(lambda: "process_generating" in page.seen)
        assert refused(other, "model_a", server)
        assert NOT_YET in other.shown["told"]
        other.click("stop")
        messages = asking.result()
    page.call(results)
    assert [each["output"]["data"] for each in messages if each["msg"] == "process_generating"] == [["", ""]]
    assert "Stopped, and nothing was recorded" in page.shown["status"]
    assert not is_open(page)
    assert page.shown["ask"]["interactive"]
    assert refused(page, "model_a", server)
    assert server.count("battles") == battles


def test_a_vote_counts_once_however_often_it_is_sent(page, server):
    before = server.count("events")
    page.ask(SAME)
    handler = page.handlers("vote-tie")[0]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(page.call, [handler] * 8))
    assert server.count("events") == before + 1
    assert refused(page, "model_a", server)


def test_another_page_cannot_vote_on_a_battle(page, server):
    page.ask(PLAIN)
    stranger = RawPage(server.url)
    assert refused(stranger, "model_a", server)
    page.vote("model_a")
    assert "Recorded: A is better." in page.shown["reveal"]


def test_nobody_votes_before_both_results_were_delivered_not_even_with_an_old_ticket(page, server):
    page.ask(SAME)
    page.vote("tie")
    old = page.values["ticket"]
    battles = server.count("battles")
    _, ask, results = page.handlers("ask")
    page.call(ask)
    assert server.count("battles") == battles, "a battle is kept when its results leave, not before"
    for ticket in ("", old):
        page.values["ticket"] = ticket
        assert refused(page, "model_a", server)
        assert NOT_YET in page.shown["told"]
    page.call(results)
    assert server.count("battles") == battles + 1
    page.vote("tie")
    assert "Recorded: " in page.shown["reveal"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda own, other: "", "A vote needs the token that came with its battle"),
        (lambda own, other: other, "This ticket is of another battle"),
        (lambda own, other: own.partition(".")[0] + "." + other.partition(".")[2], "This token is not of this battle and visitor"),
        (lambda own, other: own[:-1] + ("0" if own[-1] != "0" else "1"), "This token is not of this battle and visitor"),
    ],
)
def test_a_vote_without_its_own_ticket_is_refused_in_a_sentence(page, server, wrong, sentence):
    other = RawPage(server.url)
    other.values["db"] = "shop"
    for each in (page, other):
        each.ask(SAME)
    own = page.values["ticket"]
    page.values["ticket"] = wrong(own, other.values["ticket"])
    assert refused(page, "model_a", server)
    assert page.shown["told"].count(sentence) == 1
    page.values["ticket"] = own
    page.vote("tie")
    assert "Recorded: " in page.shown["reveal"]


def test_a_ticket_outlives_a_restart_but_not_its_vote(page, server):
    page.ask(SAME)
    before = server.count("events")
    server.kill()
    server.start()
    page.vote("tie")
    assert all(title in page.shown["told"] for title in TITLES.values())
    assert server.count("events") == before + 1
    assert refused(page, "model_a", server)
    assert "already has its vote" in page.shown["told"]


def test_asking_again_without_the_first_step_is_blind_again(page):
    page.ask(SAME)
    page.vote("tie")
    page.seen = ""
    _, ask, results = page.handlers("ask")
    page.call(ask)
    page.call(results)
    assert is_open(page)
    assert not secrets_in(page.seen)


def test_asking_again_stops_the_question_before_and_shows_the_new_one(page, server):
    page.values["question"] = SLOW
    begin, ask, results = page.handlers("ask")
    page.call(begin)
    again = RawPage(server.url)
    again.session, again.values = page.session, page.values | {"question": SAME}
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(page.call, ask)
        wait_for(lambda: "process_generating" in page.seen)
        again.call(begin)
        slow.result()
    page.call(results)
    again.call(ask)
    again.call(results)
    assert is_open(again)
    assert "Both results are the same table." in again.shown["strip"]


def test_our_own_failure_blocks_the_vote_until_that_side_is_retried(page, server):
    page.seen = ""
    page.ask(BROKEN)
    assert FAILURE in page.shown["table-a"] + page.shown["table-b"]
    assert not is_open(page)
    assert page.shown["retry"]["visible"]
    assert refused(page, "tie", server)
    page.click("retry")
    assert is_open(page)
    assert not page.shown["retry"]["visible"]
    assert not secrets_in(page.seen)
    page.vote("tie")
    assert "Recorded: both read equally well." in page.shown["reveal"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"first": PAIR[0], "second": PAIR[0]}, "Choose two different models"),
        ({"question": " \n"}, "The question is empty"),
        ({"question": "x" * 10_000}, "The question has 10,000 characters"),
    ],
)
def test_bad_input_gets_one_sentence(page, server, wrong, sentence):
    battles = server.count("battles")
    page.values |= {"question": SAME} | wrong
    page.click("ask")
    assert page.shown["status"].count(sentence) == 1
    assert page.shown["ask"]["interactive"]
    assert not is_open(page)
    assert server.count("battles") == battles


def test_a_database_or_model_that_is_not_offered_is_refused(page, server):
    battles = server.count("battles")
    for wrong in ({"db": "../../etc"}, {"first": "sqlcoder-7b-2"}):
        page.values |= {"question": SAME, "db": "shop", "first": PAIR[0]} | wrong
        page.seen = ""
        _, ask, results = page.handlers("ask")
        page.call(ask)
        page.call(results)
        assert "not in the list of choices" in page.seen
        assert not is_open(page)
    assert server.count("battles") == battles


def test_open_mode_keeps_the_sides_as_chosen_and_names_them(page):
    page.values["mode"] = OPEN
    for pair in (PAIR, PAIR[::-1]):
        page.values |= dict(zip(("first", "second"), pair, strict=True))
        page.ask(SAME)
        assert [TITLES[name] in page.shown[title] for name, title in zip(pair, ("title-a", "title-b"), strict=True)] == [True, True]
