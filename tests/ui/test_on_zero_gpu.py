"""The whole app as ZeroGPU starts it, with a stand-in for the package that forks a process for each call."""

import json
import os
from pathlib import Path

import pytest

from tests.ui.conftest import Server
from tests.ui.raw_page import RawPage
from tests.ui.script import PLAIN, SAME

STAND_IN = Path(__file__).parents[1] / "zero_gpu_stand_in"
VISITOR = "a visitor's token"


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """The running app, and what the stand-in saw of it."""
    home = tmp_path_factory.mktemp("zero")
    running = Server(home / "data", bare=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.fspath(STAND_IN))
        patch.setenv("SPACES_ZERO_GPU", "true")
        patch.setenv("ZERO_GPU_STAND_IN_LOG", str(home / "seen"))
        running.start()
    yield running, lambda event: [row for row in map(json.loads, (home / "seen").read_text().splitlines()) if row["event"] == event]
    running.stop()


def test_the_app_is_started_and_asked_as_zero_gpu_demands(space):
    server, seen = space
    (imported,) = seen("imported")
    assert not imported["torch"], "torch was there before spaces"
    (launched,) = seen("launched")
    assert launched["decorated"] == 1, "one decorated function, in place before the page launches"

    page = RawPage(server.url)
    page._http.headers["x-ip-token"] = VISITOR
    page.values["db"] = "shop"
    assert "Running on ZeroGPU." in page.values["header"]
    page.ask(PLAIN)
    assert page.shown["vote-tie"]["interactive"]
    (call,) = seen("call")
    assert call["payer"] == VISITOR, "else the Space pays, until its own share is spent"
    (forked,) = seen("forked")
    assert forked["pid"] != server.process.pid
    page.vote("tie")
    assert server.count("events") == 1, "the store is written by the app's own process"

    page.ask(PLAIN)
    assert page.shown["vote-tie"]["interactive"]
    assert len(seen("call")) == 1, "an answer from memory"
    page.ask(SAME)
    assert len(seen("call")) == 2
