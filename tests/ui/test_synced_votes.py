"""The real app on a machine whose disk dies with it: what the page called synced is there again."""

import shutil

import pytest

from nl2sql_arena.ui.words import KEPT
from tests.dataset_hub import NAME, TOKEN, running
from tests.ui.conftest import Server, wait_for
from tests.ui.raw_page import RawPage
from tests.ui.script import PLAIN


@pytest.fixture
def hub(monkeypatch):
    with running() as started:
        settings = {"HF_ENDPOINT": started.endpoint, "ARENA_SYNC_REPO": NAME, "HF_TOKEN": TOKEN, "ARENA_SYNC_SECONDS": "3600"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield started


def test_a_vote_is_sent_when_the_app_is_told_to_end_and_back_on_an_empty_machine(hub, tmp_path):
    with Server(tmp_path / "data", bare=True) as server:
        page = RawPage(server.url)
        page.ask(PLAIN)
        assert "Recorded" not in page.seen
        wait_for(lambda: hub.rows)
        page.vote("model_a")
        assert "Recorded" in page.seen
        assert hub.votes() == [], "the battle was sent, the vote waits for the next commit"
        assert KEPT["saved"] in page.shown["kept"]
        assert server.stop() == 0
        assert len(hub.votes()) == 1
        shutil.rmtree(server.data)
        server.start()
        assert server.count("battles") == 1
        assert server.count("events") == 1
        assert "From the synced copy: 1 battles, 1 votes and other events" in server.log.read_text()
    assert len(hub.votes()) == 1


def test_without_a_token_the_vote_is_kept_and_the_page_says_that_it_is_not_synced(monkeypatch, tmp_path):
    monkeypatch.setenv("ARENA_SYNC_REPO", NAME)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with Server(tmp_path / "data") as server:
        page = RawPage(server.url)
        page.ask(PLAIN)
        page.vote("model_a")
        assert "Recorded" in page.shown["reveal"]
        assert KEPT["alone"] in page.shown["kept"]
        assert server.count("events WHERE kind = 'vote'") == 1


def test_the_page_says_when_the_copy_has_its_vote(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("ARENA_SYNC_SECONDS", "1")
    with Server(tmp_path / "data", bare=True) as server:
        page = RawPage(server.url)
        page.ask(PLAIN)
        page.vote("model_a")
        (look,) = (each for each in page.config["dependencies"] if any(event == "tick" for _, event in each["targets"]))
        wait_for(lambda: page.call(look) and KEPT["synced"] in page.shown["kept"])
        assert len(hub.votes()) == 1
