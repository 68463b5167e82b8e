"""Durable votes a second: `Store.vote` against one bare INSERT a transaction into SQLite, interleaved, by one writer and by eight at once.

Baseline: Python's sqlite3, one connection a thread, the store's own pragmas (WAL, synchronous=FULL and the others), a row of a vote's size,
BEGIN IMMEDIATE. Each vote, on either side, is on disk when its call returns. The battles are there before the clock starts. Both write to
one folder of this disk; a busy machine shows in both, so the ratio is what counts.
"""

import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import record

from nl2sql_arena.types import Answer, Battle, Completion, Execution, Prepared, Prompt
from nl2sql_arena.votes import Store
from nl2sql_arena.votes.store import BUSY_SECONDS

ROUNDS, VOTES = 5, 200
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
ROW = "x" * 400
"""About what an event's row holds."""


def answer(model: str) -> Answer:
    written = Completion("b", model, "SELECT 1;", 300, 40, 0.1, 0.9, "stop")
    ran = Execution("ok", rows=((1,),), row_count=1)
    return Answer("b", model, "shop", "How many?", Prompt("schema " * 200, "How many?"), written, Prepared("SELECT 1", "SELECT 1"), ran)


def battle(name: str) -> Battle:
    return Battle(name, "How many?", "shop", "shop-002", "arena", blind=True, profile="mini", a=answer("one"), b=answer("other"))


class Bare:
    """A table and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path, self.own = path, threading.local()
        self.connection().execute("CREATE TABLE votes (id INTEGER PRIMARY KEY, battle TEXT, row TEXT)")

    def connection(self) -> sqlite3.Connection:
        if not hasattr(self.own, "connection"):
            self.own.connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            for pragma in PRAGMAS:
                self.own.connection.execute(f"PRAGMA {pragma}")
        found: sqlite3.Connection = self.own.connection
        return found

    def insert(self, name: str) -> None:
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO votes (battle, row) VALUES (?, ?)", (name, ROW))
        connection.execute("COMMIT")


def seconds(vote: Callable[[str], None], names: list[str], writers: int) -> float:
    """Wall time of all votes."""
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(vote, names[:writers]))  # connections are open
        began = time.perf_counter()
        list(pool.map(vote, names[writers:]))
        return time.perf_counter() - began


def measured(store: Store, bare: Bare, writers: int) -> dict[str, object]:
    ours, theirs = [], []
    for number in range(ROUNDS):
        names = [f"{writers} {number} {each}" for each in range(VOTES + writers)]
        tickets = {name: store.add_battle(battle(name), "ann", "random", ("r1", "r2"), "different") for name in names}

        def vote(name: str, tickets: dict[str, str] = tickets) -> None:
            store.vote(name, "model_a", "ann", tickets[name])

        theirs.append(seconds(bare.insert, names, writers))
        ours.append(seconds(vote, names, writers))
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    return {
        "votes_a_second": round(VOTES / statistics.median(ours), 1),
        "bare_inserts_a_second": round(VOTES / statistics.median(theirs), 1),
        "time_against_bare": round(statistics.median(ratios), 2),
        "of_each_round": [round(each, 2) for each in ratios],
    }


def main() -> None:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:  # this disk, not one in memory
        store, bare = Store(Path(folder) / "votes.sqlite"), Bare(Path(folder) / "bare.sqlite")
        figures: dict[str, object] = {"baseline": "one INSERT a transaction, sqlite3, the same pragmas", "rounds": ROUNDS, "votes": VOTES}
        for writers in (1, 8):
            figures[f"writers_{writers}"] = measured(store, bare, writers)
    record.save("votes", figures)


if __name__ == "__main__":
    main()
