"""The real app on a machine whose disk dies with it: what the page called synced is there again."""

import shutil

import pytest

from tests.dataset_hub import NAME, TOKEN, running
from tests.ui.conftest import Server
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
    server = Server(tmp_path / "data")
    server.data.mkdir()
    server.start()
    page = RawPage(server.url)
    page.ask(PLAIN)
    assert "Recorded" not in page.seen
    page.vote("model_a")
    assert "Recorded" in page.seen
    assert hub.votes() == [], "the battle was sent, the vote waits for the next commit"
    server.process.terminate()
    assert server.process.wait(timeout=30) == 0
    assert len(hub.votes()) == 1
    shutil.rmtree(server.data)
    server.data.mkdir()
    server.start()
    assert server.count("battles") == 1
    assert server.count("events") == 1
    assert "From the synced copy: 1 battles, 1 votes and other events" in server.log.read_text()
    server.stop()
    assert len(hub.votes()) == 1
