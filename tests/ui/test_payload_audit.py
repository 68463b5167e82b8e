"""Many blind battles of a fast and a slow contestant: nothing that reaches the browser before the vote tells which is which."""

import json
import re
from collections import defaultdict

import pytest

from tests.ui.conftest import Server
from tests.ui.raw_page import RawPage
from tests.ui.script import BIG, ODD, PAIR, PLAIN, SAME, TITLES
from tests.ui.test_blindness import EXAMPLE, secrets_in

QUESTIONS = (PLAIN, SAME, BIG, ODD, EXAMPLE)


@pytest.fixture(params=[PAIR[0], pytest.param(PAIR[1], marks=pytest.mark.long)])
def uneven(request, monkeypatch, tmp_path):
    """An app in which one of the pair takes its time over every answer."""
    monkeypatch.setenv("SCRIPTED_SLOW", request.param)
    with Server(tmp_path / "data") as server:
        yield server


def shape(page):
    """What an eavesdropper sees of a battle besides its texts: how many messages of which sort, and which outputs each fills."""
    found = []
    for handler in page.handlers("ask"):
        for message in page.call(handler):
            output = message.get("output") or message
            data = output.get("data") if isinstance(output, dict) else None
            if message.get("msg") not in ("heartbeat", "estimation", "progress"):
                found.append((message.get("msg"), tuple(bool(each) for each in data or ())[:2] if handler["queue"] else len(data or ())))
    return tuple(found)


@pytest.mark.parametrize("battles", [25, pytest.param(100, marks=pytest.mark.long)])
def test_neither_words_nor_shape_of_what_is_sent_tell_the_sides(uneven, battles):
    page = RawPage(uneven.url)
    page.values["db"] = "shop"
    shapes, lefts = defaultdict(set), 0
    for number in range(battles):
        question = QUESTIONS[number % len(QUESTIONS)]
        page.values["question"] = question
        page.seen = ""
        seen = shape(page)
        assert page.shown["vote-tie"]["interactive"], question
        assert not secrets_in(page.seen), question
        page.vote("both_bad")
        left = re.search("|".join(TITLES.values()), page.shown["title-a"])[0]
        lefts += left == TITLES[PAIR[0]]
        shapes[question].add(json.dumps(seen))
    assert 0 < lefts < battles, "both were on both sides: a fair coin fails in fewer than one of ten million runs"
    assert {question: len(found) for question, found in shapes.items()} == dict.fromkeys(QUESTIONS, 1)
