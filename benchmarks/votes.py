"""Durable votes a second: `Store.vote` against one bare INSERT a transaction, on SQLite and PostgreSQL, by one writer and by eight at once.

Baseline: a table and nothing else. On SQLite Python's sqlite3, one connection a thread, the store's own pragmas (WAL, synchronous=FULL and
the others) and BEGIN IMMEDIATE; on PostgreSQL psycopg, one connection a thread, synchronous_commit on. A row is of a vote's size. Each
vote, on either side, is on disk when its call returns. The battles are there before the clock starts. All four take turns in one run and
write to one disk; a busy machine shows in all, so the ratios are what counts. PostgreSQL is a server of its own (`tests/postgres.py`) with
its defaults, on a socket; where none can be started, its figures are missing.
"""

import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pytest
import record

from nl2sql_arena.types import Answer, Battle, Completion, Execution, Prepared, Prompt
from nl2sql_arena.votes import Store
from nl2sql_arena.votes.store import BUSY_SECONDS
from tests import postgres

ROUNDS, VOTES = 9, 200
WRITERS = (1, 8)
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
ROW = "x" * 400
"""About what an event's row holds."""
Vote = Callable[[str], object]


def answer(model: str) -> Answer:
    written = Completion("b", model, "SELECT 1;", 300, 40, 0.1, 0.9, "stop")
    ran = Execution("ok", rows=((1,),), row_count=1)
    return Answer("b", model, "shop", "How many?", Prompt("schema " * 200, "How many?"), written, Prepared("SELECT 1", "SELECT 1"), ran)


def battle(name: str) -> Battle:
    return Battle(name, "How many?", "shop", "shop-002", "arena", blind=True, profile="mini", a=answer("one"), b=answer("other"))


class Bare:
    """A table and nothing else; `open_` makes a thread's connection, `begin` and `insert` are its statements."""

    def __init__(self, open_: Callable[[], Any], key: str, begin: str, insert: str) -> None:
        self.open_, self.begin, self.statement, self.own = open_, begin, insert, threading.local()
        self.connection().execute(f"CREATE TABLE bare (id {key} PRIMARY KEY, battle TEXT, row TEXT)")

    def connection(self) -> Any:
        if not hasattr(self.own, "connection"):
            self.own.connection = self.open_()
        return self.own.connection

    def insert(self, name: str) -> None:
        connection = self.connection()
        connection.execute(self.begin)
        connection.execute(self.statement, (name, ROW))
        connection.execute("COMMIT")


def bare_file(path: Path) -> Bare:
    def open_() -> sqlite3.Connection:
        made = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        for pragma in PRAGMAS:
            made.execute(f"PRAGMA {pragma}")
        return made

    return Bare(open_, "INTEGER", "BEGIN IMMEDIATE", "INSERT INTO bare (battle, row) VALUES (?, ?)")


def bare_server(url: str) -> Bare:
    import psycopg

    def open_() -> Any:
        return psycopg.connect(url, autocommit=True, options="-c synchronous_commit=on")

    return Bare(open_, "SERIAL", "BEGIN", "INSERT INTO bare (battle, row) VALUES (%s, %s)")


def seconds(vote: Vote, names: list[str], writers: int) -> float:
    """Wall time of all votes."""
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(vote, names[:writers]))  # connections are open
        began = time.perf_counter()
        list(pool.map(vote, names[writers:]))
        return time.perf_counter() - began


def voting(store: Store, names: list[str]) -> Vote:
    """Votes on battles of these names, which are there when this returns; each is of another voter, since one voter's take turns."""
    tickets = {name: store.add_battle(battle(name), f"of {name}", "random", ("r1", "r2"), "different") for name in names}
    return lambda name: store.vote(name, "model_a", f"of {name}", tickets[name])


def measured(places: dict[str, tuple[Store, Bare]], writers: int) -> dict[str, object]:
    """All places take turns in each round."""
    times: dict[str, list[tuple[float, float]]] = {place: [] for place in places}
    for number in range(ROUNDS):
        names = [f"{writers} {number} {each}" for each in range(VOTES + writers)]
        for place, (store, bare) in places.items():
            vote = voting(store, names)
            theirs = seconds(bare.insert, names, writers)
            times[place].append((seconds(vote, names, writers), theirs))
    return {place: _figures(found) for place, found in times.items()}


def _figures(times: list[tuple[float, float]]) -> dict[str, object]:
    ratios = [ours / theirs for ours, theirs in times]
    return {
        "votes_a_second": round(VOTES / statistics.median(ours for ours, _ in times), 1),
        "bare_inserts_a_second": round(VOTES / statistics.median(theirs for _, theirs in times), 1),
        "time_against_bare": round(statistics.median(ratios), 2),
        "of_each_round": [round(each, 2) for each in ratios],
    }


@contextmanager
def server() -> Iterator[tuple[str, str]]:
    """The URL of a PostgreSQL server and its version; both empty, with a word on standard error, where none can be started."""
    try:
        running = postgres.server()
        found = running.__enter__()
    except pytest.skip.Exception as problem:
        print(f"SQLite alone: {problem}", file=sys.stderr)
        yield "", ""
        return
    try:
        import psycopg

        with psycopg.connect(found.url) as connection:
            version = str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]
        yield found.url, version
    finally:
        running.__exit__(None, None, None)


def main() -> None:
    load = round(os.getloadavg()[0], 2)
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder, server() as (url, version):  # this disk, not one in memory
        places = {"sqlite": (Store(Path(folder) / "votes.sqlite"), bare_file(Path(folder) / "bare.sqlite"))}
        if url:
            places["postgresql"] = (Store(url), bare_server(url))
        figures: dict[str, object] = {
            "baseline": "one INSERT a transaction, sqlite3 with the same pragmas or psycopg", "rounds": ROUNDS, "votes": VOTES,
            "load_at_start": load, "sqlite": sqlite3.sqlite_version, "postgresql": version or "none could be started",
        }  # fmt: skip
        for writers in WRITERS:
            figures[f"writers_{writers}"] = measured(places, writers)
    record.save("votes", figures)


if __name__ == "__main__":
    main()
