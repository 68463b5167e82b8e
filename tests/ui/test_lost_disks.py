"""The real app is killed while votes come in over HTTP, and its data folder deleted: what the page called synced is back, none twice."""

import json
import random
import shutil
import sqlite3
import threading
import time
from contextlib import closing

import httpx
import pytest

from nl2sql_arena.ui.words import KEPT
from tests.dataset_hub import NAME, TOKEN, Fault, running
from tests.ui.conftest import Server
from tests.ui.raw_page import RawPage
from tests.ui.script import PLAIN, SAME

VISITORS = 4
UNFORESEEN = (httpx.HTTPError, json.JSONDecodeError, KeyError)
"""What a page may meet whose server dies in the middle of a reply."""


class Visitor(threading.Thread):
    """Asks and votes until the app is gone. `synced` are the battles of whose votes the page said that they are, `voted` all recorded."""

    def __init__(self, url, rng):
        super().__init__(daemon=True)
        self.url, self.rng = url, rng
        self.synced, self.voted, self.ends = set(), {}, threading.Event()

    def run(self):
        try:
            page = RawPage(self.url)
            (look,) = (each for each in page.config["dependencies"] if any(event == "tick" for _, event in each["targets"]))
            while not self.ends.is_set():
                self.vote(page, look)
        except UNFORESEEN:
            return

    def vote(self, page, look):
        page.ask(self.rng.choice((PLAIN, SAME)))
        battle, winner = page.values["ticket"].partition(".")[0], self.rng.choice(("model_a", "model_b", "tie", "both_bad"))
        page.vote(winner)
        assert "Recorded" in page.shown["reveal"]
        self.voted[battle] = winner
        for _ in range(self.rng.choice((0, 5, 80))):  # not all wait until it is synced
            if KEPT["synced"] in page.shown["kept"]:
                self.synced.add(battle)
                return
            time.sleep(0.1)
            page.call(look)


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path / "data", bare=True)
    made.data.mkdir()
    yield made
    made.kill()


def votes_in(server):
    """Battle -> each verdict that the rebuilt store has of it."""
    with closing(sqlite3.connect(server.data / "votes.sqlite")) as store:
        found = {}
        for battle, winner in store.execute("SELECT battle_id, winner FROM events WHERE kind = 'vote'"):
            found.setdefault(battle, []).append(winner)
        return found


@pytest.mark.long  # its short form is without a page, in test_vote_sync
@pytest.mark.parametrize(("seed", "kills"), [(5, 1), (6, 8)])
def test_after_a_kill_amid_votes_and_the_loss_of_the_disk_every_synced_vote_is_back(server, monkeypatch, seed, kills):
    rng = random.Random(seed)
    with running() as hub:
        given = {"HF_ENDPOINT": hub.endpoint, "ARENA_SYNC_REPO": NAME, "HF_TOKEN": TOKEN, "ARENA_SYNC_SECONDS": "0.3"}
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        server.start()
        synced, voted = set(), {}
        for _ in range(kills):
            hub.faults = [Fault("commit", times=2, seconds=0.2), Fault("commit", is_lost=True)]
            visitors = [Visitor(server.url, random.Random(rng.random())) for _ in range(VISITORS)]
            for each in visitors:
                each.start()
            until = time.monotonic() + 240  # half a minute where two busy processes are beside it
            while sum(len(each.synced) for each in visitors) < 3:
                assert time.monotonic() < until, server.log.read_text()
                time.sleep(0.05)
            time.sleep(rng.uniform(0, 1.5))
            server.kill()
            for each in visitors:
                each.ends.set()
                each.join(timeout=60)
                synced |= each.synced
                voted |= each.voted
            shutil.rmtree(server.data)
            server.data.mkdir()
            server.start()
            found = votes_in(server)
            assert synced <= set(found), "the page called them synced"
            assert all(found[battle] == [winner] for battle, winner in voted.items() if battle in found), "as it was cast"
            assert all(len(winners) == 1 for winners in found.values()), "none is there twice"
            assert len(found) <= len(voted) + VISITORS * kills, "besides those that were recorded only votes under way"
        assert len(hub.votes()) == len(set(hub.votes()))
