"""A Space simulated on this machine: the published files alone, a Space's variables, a home that cannot be written, a disk that is lost."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx

from nl2sql_arena.publishing import needed
from nl2sql_arena.settings import ROOT
from tests.ports import free_port

START_SECONDS = 300
HOME = "/dev/null/home"
"""A folder that nobody can make, the superuser included."""


class SimulatedSpace:
    """`start` and `stop` are wake and sleep, `lose_disk` what a restart of the container does besides."""

    def __init__(self, folder: Path, python: Path, **variables: str) -> None:
        self.app, self.disk, self.python, self.variables = folder / "app", folder / "disk", python, variables
        for path in needed():
            (self.app / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, self.app / path)
        (self.app / "var").write_text("a file where the data folder would be, so that nothing is written beside the app")
        self.log = folder / "log"
        self.disk.mkdir()

    def start(self) -> str:
        """The page's address, once it answers."""
        port = free_port()
        environment = {
            "ARENA_AUDIT_EVERY": "0",  # asked by chance it would be in the way
            "PATH": os.defpath,
            "HOME": HOME,
            "TMPDIR": str(self.disk),
            "SYSTEM": "spaces",
            "SPACE_ID": "me/arena",
            "SPACE_HOST": "me-arena.hf.space",
            "SPACE_AUTHOR_NAME": "me",
            "GRADIO_SERVER_NAME": "0.0.0.0",
            "GRADIO_SERVER_PORT": str(port),
            **self.variables,
        }
        with self.log.open("a") as log:
            self.process = subprocess.Popen([self.python, "app.py"], cwd=self.app, env=environment, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            time.sleep(0.5)  # each look costs what the start lacks meanwhile
            try:
                httpx.get(f"{url}/config", verify=False).raise_for_status()
            except httpx.HTTPError:
                continue
            return url
        self.process.kill()
        raise AssertionError(f"The Space did not start:\n{self.log.read_text()}")

    def stop(self) -> int:
        """How it ends when it is told to, as before it sleeps."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=180)

    def lose_disk(self) -> None:
        shutil.rmtree(self.disk)
        self.disk.mkdir()

    def written(self) -> set[str]:
        """What lies beside the published files now."""
        there = {path.relative_to(self.app) for path in self.app.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        return {path.as_posix() for path in there} - {path.as_posix() for path in needed()}
