"""A visitor who asks or votes too often reads how long to wait; nobody else is touched, and no address is on disk or in the log."""

import pytest

from tests.ui.conftest import Server
from tests.ui.raw_page import RawPage
from tests.ui.script import PLAIN

HOME, OTHER = "93.184.216.34", "8.8.8.8"
THIRD, FOURTH = "9.9.9.9", "149.112.112.112"
LIMITS = {"ASKS": 2, "VOTES": 1, "QUERIES": 1, "FILES": 1, "RUNS": 1}


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    limits = {f"ARENA_{action}_PER_HOUR": str(limit) for action, limit in LIMITS.items()}
    with Server(tmp_path_factory.mktemp("limited") / "data", **limits) as server:
        page_from(server, "").ask(PLAIN)  # what only the first question waits for: minutes are told from when a question begins
        yield server


def page_from(server, address):
    page = RawPage(server.url)
    if address:
        page._http.headers["X-Forwarded-For"] = address
    return page


def test_a_page_that_comes_too_often_is_told_to_wait(limited):
    events = limited.count("events")
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
    assert limited.count("events") == events + 2
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
    files = [path for path in limited.data.rglob("*") if path.is_file()]
    assert limited.data / "votes.sqlite" in files
    kept = b"".join(path.read_bytes() for path in files) + limited.log.read_bytes()
    assert HOME.encode() not in kept
    assert OTHER.encode() not in kept


def test_what_else_costs_something_is_limited_in_a_sentence(limited):
    page, other, here = (page_from(limited, address) for address in (THIRD, FOURTH, ""))
    page.values["db"] = "shop"
    page.ask(PLAIN)  # from here on the page is known by what its browser remembers
    page.vote("both_bad")
    for each in (page, other, here):
        each.values |= {"by-hand-db": "shop", "by-hand-sql": "SELECT 41 + 1 AS answer"}
        each.click("by-hand-run")
        assert "42" in each.shown["by-hand-table"]
    page.click("by-hand-run")
    assert "At most 1 queries in an hour are taken from one page; go on in 60 minutes." in page.shown["by-hand-table"]
    assert "42" not in page.shown["by-hand-table"]
    here.click("by-hand-run")
    assert "42" in here.shown["by-hand-table"], "whoever sits at the machine is not limited"
    page.values["fix-sql"] = "SELECT 41 + 1 AS answer"
    page.click("fix-run")
    assert "At most 1 queries in an hour" in page.shown["fix-told"]
    assert "42" not in page.shown.get("fix-table", "")
    save = page.handlers("votes-download")[0]
    page.values["votes-format"] = "jsonl"
    page.call(save)
    assert "rows in votes-" in page.shown["votes-told"]
    page.call(save)
    assert "At most 1 files in an hour" in page.shown["votes-told"]
    page.click("bench-quick")
    assert "bad" not in page.shown["bench-progress"]
    page.call(page.handlers("bench-quick")[0])
    assert "At most 1 benchmark runs in an hour" in page.shown["bench-progress"]
