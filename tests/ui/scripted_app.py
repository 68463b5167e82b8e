"""The real app on a scripted pair: `python tests/ui/scripted_app.py DATA_FOLDER PORT`, or `serve_in` of a process that is one already. What
is scripted is only the models' words.
"""

import json
import os
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import app
from nl2sql_arena import backends
from nl2sql_arena.backends.scripted import Scripted
from nl2sql_arena.benchmark import runs
from nl2sql_arena.settings import load
from tests.scripted_model import write_scripted
from tests.ui.script import ANSWERS, BROKEN, DATABASES, FAILURE, PAIR, SAMPLE_DBS, SLOW, TITLES

CONTEXT = 16_384


class Gate:
    """Holds the models back: while there is the file, they give as many answers as it says, and wait until it says more or is gone."""

    def __init__(self, file):
        self.file, self.given = file, 0

    def wait(self, cancelled):
        while (limit := self._limit()) is not None and self.given >= limit and not (cancelled and cancelled()):
            time.sleep(0.02)
        self.given = 0 if limit is None else self.given + 1

    def _limit(self):
        try:
            return int(self.file.read_text())
        except FileNotFoundError:
            return None


class Moody(Scripted):
    """Slow on one question; if `flawed`, it fails on another when a battle asks it the first time. `delay` is for all questions."""

    def __init__(self, answers, gate, flawed, delay=0.0):
        super().__init__(answers, delay=delay, context=CONTEXT)
        self.gate = gate
        self.slow = Scripted(answers, delay=0.2, context=CONTEXT)
        self.failing = Scripted(answers, failure=FAILURE)
        self.flawed, self.failed = flawed, set()

    def generate(self, requests, on_token=None, cancelled=None):
        for request in requests:
            self.gate.wait(cancelled)
            if SLOW in request.prompt.text:
                yield from self.slow.generate([request], on_token, cancelled)
            elif self.flawed and BROKEN in request.prompt.text and request.id not in self.failed:
                self.failed.add(request.id)
                yield from self.failing.generate([request], on_token, cancelled)
            else:
                yield from super().generate([request], on_token, cancelled)


def load_moody(card, folder, gate):
    delay = 0.01 if card.name == os.environ.get("SCRIPTED_SLOW") else 0.0
    return Moody(json.loads((folder / card.base.id).read_text()), gate, flawed=card.name == PAIR[0], delay=delay)


def write_models(folder):
    for name, dialect in zip(PAIR, ("duckdb", "postgres"), strict=True):
        write_scripted(folder, name, ANSWERS[name], title=TITLES[name], backend="moody", dialect=dialect, context=CONTEXT)


def link_databases(folder):
    """Some of the sample databases, so that the app starts soon."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in DATABASES:
        if not (folder / name).exists():
            (folder / name).symlink_to(SAMPLE_DBS / name)


def serve(data, port):
    write_models(data / "models")
    link_databases(data / "sample_dbs")
    runs.SHIPPED = data / "shipped"  # the run that ships is of other models and databases
    backends.BACKENDS["moody"] = partial(load_moody, gate=Gate(data / "allowed"))
    os.environ.setdefault("ARENA_AUDIT_EVERY", "0")  # asked by chance it would be in the way of other tests
    folders = {"data": data, "models": data / "models", "sample_dbs": data / "sample_dbs"}
    app.main(replace(load(), **folders, host="127.0.0.1", port=port, profile="auto", chosen_models=PAIR))


def serve_in(environment, log, data, port):
    """Serve under these variables, with all that is printed in a file."""
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    serve(data, port)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
