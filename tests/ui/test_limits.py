"""A visitor who asks or votes too often reads how long to wait; nobody else is touched, and no address is on disk or in the log."""

import pytest

from tests.ui.conftest import Server
from tests.ui.raw_page import RawPage
from tests.ui.script import PLAIN

HOME, OTHER = "93.184.216.34", "8.8.8.8"


@pytest.fixture
def limited(monkeypatch, tmp_path):
    monkeypatch.setenv("ARENA_ASKS_PER_HOUR", "2")
    monkeypatch.setenv("ARENA_VOTES_PER_HOUR", "1")
    server = Server(tmp_path / "data")
    server.data.mkdir()
    server.start()
    yield server
    server.stop()


def page_from(server, address):
    page = RawPage(server.url)
    if address:
        page._http.headers["X-Forwarded-For"] = address
    return page


def test_a_page_that_comes_too_often_is_told_to_wait(limited):
    page = page_from(limited, HOME)
    page.ask(PLAIN)
    page.vote("model_a")
    assert "Recorded" in page.shown["reveal"]
    page.ask(PLAIN)
    page.vote("model_a")
    assert "At most 1 votes in an hour are taken from one page; go on in 60 minutes." in page.shown["told"]
    page.ask(PLAIN)
    assert "At most 2 questions in an hour are taken from one page; go on in 30 minutes." in page.shown["status"]
    other = page_from(limited, OTHER)
    other.ask(PLAIN)
    other.vote("model_b")
    assert "Recorded" in other.shown["reveal"]
    assert limited.count("events") == 2
    here = page_from(limited, "")
    for _ in range(3):
        here.ask(PLAIN)
        here.vote("tie")
        assert "Recorded" in here.shown["reveal"]
    strange = page_from(limited, "unknown")
    strange.ask(PLAIN)
    strange.vote("tie")
    assert "Recorded" in strange.shown["reveal"]
    assert limited.count("events WHERE flag = 'limiter_off'") == 1
    kept = b"".join(path.read_bytes() for path in limited.data.glob("votes.sqlite*")) + limited.log.read_bytes()
    assert HOME.encode() not in kept
    assert OTHER.encode() not in kept
