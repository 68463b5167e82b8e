"""A running app with scripted models, and browsers to look at it."""

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from nl2sql_arena import settings
from nl2sql_arena.services import open_services
from tests.ports import free_port
from tests.scripted_model import write_scripted
from tests.ui.looks import WAIT_MS
from tests.ui.script import ANSWERS, PAIR, SAMPLE_DBS, TITLES
from tests.ui.scripted_app import serve_in

SCRIPT = Path(__file__).with_name("scripted_app.py")
START_SECONDS = 240
INSTALL = "Chromium was not found; install it with: sudo apt install chromium"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def wait_for(condition, seconds=60):
    """Until something is so that no event of the page tells of."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["gradio", "torch", "nl2sql_arena.services", "nl2sql_arena.ui"])  # three quarters of a start


class Server:
    """The app as its own process on a data folder; `start` again after `kill` is a restart. As a context it starts, and ends at the end.

    It begins with its imports done, unless it is `bare`: as whoever starts it has it, and for variables that are read at an import.
    `variables` of its environment are for it alone, at each start.
    """

    def __init__(self, data, bare=False, **variables):
        self.data, self.bare, self.variables = data, bare, variables
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / f"{data.name}.log"

    def start(self):
        self.data.mkdir(exist_ok=True)
        environment = {"GRADIO_ANALYTICS_ENABLED": "False", **os.environ, **self.variables}
        if self.bare:
            with self.log.open("a") as log:
                command = [sys.executable, SCRIPT, self.data, str(self.port)]
                self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        else:
            self.process = FORKS.Process(target=serve_in, args=(environment, self.log, self.data, self.port), daemon=True)
            self.process.start()
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.runs():
            try:
                return httpx.get(f"{self.url}/config", verify=False).raise_for_status()  # no certificates to read
            except httpx.HTTPError:
                time.sleep(0.1)
        self.kill()
        raise AssertionError(f"The app did not start:\n{self.log.read_text()}")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def runs(self):
        return self.process.poll() is None if self.bare else self.process.is_alive()

    def ended(self):
        """Its exit status, once it has ended."""
        if self.bare:
            return self.process.wait(timeout=60)
        self.process.join(60)
        assert not self.runs(), "the app does not end"
        return self.process.exitcode

    def kill(self):
        self.process.kill()
        self.ended()

    def stop(self):
        """Tell it to end; its exit status."""
        self.process.terminate()
        return self.ended()

    def allow(self, answers=None):
        """How many answers the models give from now on, until more are allowed; None: all that are asked for."""
        file = self.data / "allowed"
        if answers is None:
            return file.unlink(missing_ok=True)
        new = file.with_suffix(".new")
        new.write_text(str(answers))
        return new.replace(file)

    def count(self, table):
        """Rows of the vote store, as another process finds them on disk."""
        with closing(sqlite3.connect(self.data / "votes.sqlite")) as store:
            return store.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """The scripted pair on one database, in this process and without a page."""
    home = tmp_path_factory.mktemp("scripted")
    for name in PAIR:
        write_scripted(home / "models", name, ANSWERS[name], title=TITLES[name])
    (home / "sample_dbs").mkdir()
    (home / "sample_dbs" / "shop").symlink_to(SAMPLE_DBS / "shop")
    folders = {"data": home / "data", "models": home / "models", "sample_dbs": home / "sample_dbs"}
    found = open_services(replace(settings.load({}), **folders, workers=1, audit_every=0))  # a guess asked by chance would be in the way
    yield found
    found.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("arena") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(INSTALL)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=2 * WAIT_MS)
        yield running
        running.close()


class Window:
    """One open page of the app; remembers errors of its console and every address that it asked for. Its visitor `agrees` to all."""

    def __init__(self, browser, server, width, height, scheme, agrees=True):
        self.server = server
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.context.set_default_timeout(WAIT_MS)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda problem: self.errors.append(str(problem)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(server.url)
        self.page.wait_for_selector("#ask:not([disabled])")
        self.page.wait_for_selector("#voter code")  # whoever chooses before has another id by then
        if agrees:
            self.page.click("#tier-change")
            self.page.click("#tier-questions")
            self.page.wait_for_selector("#voter:has-text('and the text of questions')")

    def strangers(self):
        """Addresses outside the app."""
        return [url for url in self.requests if not url.startswith((self.server.url + "/", "data:", "blob:"))]


@pytest.fixture(scope="module")
def open_window(browser, server):
    """A function that opens the app in a window of a size and colour scheme; the same one for the same size and scheme."""
    windows = {}

    def open_(width=1440, height=900, scheme="light"):
        key = (width, height, scheme)
        if key not in windows:
            windows[key] = Window(browser, server, *key)
        return windows[key]

    yield open_
    for window in windows.values():
        window.context.close()
