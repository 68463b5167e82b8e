"""A warm pool of worker processes for SQL of models and visitors; no such text is parsed, bound or run in this process.

What holds: at most `workers` jobs at once, others wait at most `wait_seconds`; a job that outlives its limit is killed with its worker; a
worker that was used hard is replaced by a spare that waits already; a job whose worker was killed from outside is tried once more; rows of
two threads never mix, since a worker answers one job at a time. Needs Linux or macOS (there with fewer limits: `limits_in_force`).
Not covered: who may ask how often. Two endless queries fill a pool of two for their time limit; the wait and its message are the answer.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nl2sql_arena import wire
from nl2sql_arena.errors import Infrastructure
from nl2sql_arena.types import Clauses, Columns, Execution, Limits, Part, Prepared, ResultColumn

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from nl2sql_arena.worker import main; main()"
START_SECONDS = 30.0
KILL_SECONDS = 1.5
"""How long after a query's limit its worker is killed; before, DuckDB's own deadline and interrupts have had their turn."""
HEAD_BYTES = 4_000_000
"""Bytes of a reply besides its rows."""
CHECK_SECONDS = 90.0
"""How long a batch of pairs may take to be checked, several times what 40 ordinary ones take on a busy machine."""
CHECK_BYTES = 64_000_000
CLAUSES_AT_ONCE = 40
PREPARE_CHARS = 100_000
FALLBACK_CHARS = 10_000
NOT_PREPARED = {
    "late": "not parsed in time, kept as written",
    "memory": "parsing it took too much memory, kept as written",
    "too_long": "it became too long by parsing, kept as written",
    "crashed": "the parser broke down on it, kept as written",
}
"""What is said of a text whose parsing cost a worker its life, by `LostError.why`; "killed" never gets here."""
FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)


def limits_in_force() -> tuple[str, ...]:
    """The limits that this system enforces on a worker, for a banner."""
    everywhere = ("wall time", "CPU time", "no file written", "64 open files", "no core dump")
    if sys.platform == "linux":
        return (*everywhere, "1 GiB of address space", "ends with the app", "no new privileges")
    return (*everywhere, "1 GiB of memory, checked 20 times a second") if sys.platform == "darwin" else everywhere


class LostError(Exception):
    """A worker that gave no reply for so many seconds. `why` is late, memory, killed (from outside), crashed or too_long."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.why = why
        self.seconds = seconds


class Worker:
    """One worker process and the socket to it. Raises Infrastructure when it cannot start."""

    def __init__(self, folder: Path) -> None:
        self.channel, theirs = socket.socketpair()
        environment = {"MALLOC_ARENA_MAX": "2", "TZ": "UTC", "LANG": "C.UTF-8"}
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", BOOT, str(PACKAGE_ROOT), str(os.getpid())],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                cwd=folder, env=environment, close_fds=True, start_new_session=True,
            )  # fmt: skip
        try:
            ready = wire.receive(self.channel, cap=100, deadline=time.monotonic() + START_SECONDS)
        except OSError:
            ready = None
        if ready is None:
            self.stop()
            raise Infrastructure(f"The SQL worker could not start (exit status {self.process.returncode}); check that duckdb is installed.")

    def ask(self, job: dict[str, Any], seconds: float, cap: int) -> dict[str, Any]:
        """The reply to a job of at most `cap` bytes within `seconds`. Raises LostError; the worker is of no use then."""
        started = time.monotonic()
        try:
            wire.send(self.channel, json.dumps(job).encode(), seconds)
            frame = wire.receive(self.channel, cap, started + seconds)
            if frame is not None:
                reply: dict[str, Any] = json.loads(frame)
                return reply
            why = self.cause_of_death()
        except TimeoutError:
            why = "late"
        except (wire.TooLongError, ValueError, RecursionError):
            why = "too_long"
        except OSError:
            why = self.cause_of_death()
        raise LostError(why, time.monotonic() - started)

    def cause_of_death(self) -> str:
        try:
            status = self.process.wait(timeout=KILL_SECONDS)
        except subprocess.TimeoutExpired:
            return "crashed"
        if status in FROM_OUTSIDE:
            return "killed"
        return {-signal.SIGXCPU: "late", wire.MEMORY_EXIT: "memory"}.get(status, "crashed")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.channel.close()


class Sandbox:
    """The pool; a context manager, safe to share between threads."""

    def __init__(self, workers: int = 2, wait_seconds: float = 20, prepare_seconds: float = 5) -> None:
        self.wait_seconds = wait_seconds
        self.prepare_seconds = prepare_seconds
        self._wanted = workers + 1
        self._slots = threading.BoundedSemaphore(workers)
        self._changed = threading.Condition()
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []
        self._failure = ""
        self._closed = False
        self._folder = Path(tempfile.mkdtemp(prefix="arena-sql-"))
        # All workers are started by this one thread: Linux ends them with the thread that started them, not with the process.
        self._keeper = threading.Thread(target=self._keep, name="sandbox", daemon=True)
        self._keeper.start()
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all workers; jobs under way raise Infrastructure."""
        with self._changed:
            self._closed = True
            for worker in self._workers:
                worker.process.kill()
            self._changed.notify_all()
        self._keeper.join()
        with self._changed:
            while self._idle:
                self._drop(self._idle.pop())
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.close)

    def run(self, path: Path, sql: str, limits: Limits) -> Execution:
        """Run one query of a stranger on a database file. Raises Infrastructure only for our own failures, such as a full queue."""
        job = {
            "kind": "run", "path": str(path), "sql": sql[: FALLBACK_CHARS + 1], "rows": limits.rows, "bytes": limits.bytes,
            "cell_chars": limits.cell_chars, "seconds": limits.seconds,
        }  # fmt: skip
        try:
            reply = self._reply(job, limits.seconds + KILL_SECONDS, limits.bytes + limits.rows + HEAD_BYTES)
        except LostError as lost:
            return _lost_execution(lost, limits)
        fields = reply["execution"]
        columns = tuple(ResultColumn(name, kind) for name, kind in fields.pop("columns", ()))
        return Execution(columns=columns, rows=tuple(map(tuple, reply["rows"])), **fields)

    def prepare(self, path: Path, text: str, dialect: str, stop: tuple[str, ...] = ()) -> Prepared:
        """`sql.prepare` on a model's text, in a worker; text that costs too much comes back as it is. Raises Infrastructure."""
        if len(text) > PREPARE_CHARS:
            return _unprepared(text, "the text is too long to be parsed")
        job = {"kind": "prepare", "path": str(path), "text": text, "dialect": dialect, "stop": stop, "seconds": self.prepare_seconds}
        try:
            fields = self._reply(job, self.prepare_seconds, HEAD_BYTES)["prepared"]
        except LostError as lost:
            return _unprepared(text, NOT_PREPARED[lost.why])
        return Prepared(**fields | {"repairs": tuple(fields["repairs"])})

    def check(self, items: Sequence[Mapping[str, Any]], seconds: float) -> list[dict[str, Any]]:
        """`intake.check` on schemas and queries of a data set, in a worker, with `seconds` for each query. Raises Infrastructure.

        When the worker fails or dies on a batch its items are tried one by one; the one that it cannot bear comes back as {"lost": why}.
        """
        job = {"kind": "check", "path": "the data set", "items": items, "seconds": seconds}
        try:
            reply = self._any_reply(job, CHECK_SECONDS, CHECK_BYTES)
        except LostError as lost:
            reply = {"failure": lost.why}
        if "failure" not in reply:
            checked: list[dict[str, Any]] = reply["checked"]
            return checked
        if len(items) == 1:
            return [{"lost": reply["failure"]}]
        return [verdict for item in items for verdict in self.check([item], seconds)]

    def clauses(self, queries: Sequence[tuple[str, Columns]]) -> list[Clauses | None]:
        """`clauses.clauses` of queries, each with its database's columns, in a worker; None also for one that costs too much.

        Raises Infrastructure for our own failures, such as a full queue.
        """
        starts = range(0, len(queries), CLAUSES_AT_ONCE)
        return [each for start in starts for each in self._clauses(queries[start : start + CLAUSES_AT_ONCE])]

    def _clauses(self, queries: Sequence[tuple[str, Columns]]) -> list[Clauses | None]:
        items = [
            {"sql": sql if len(sql) <= FALLBACK_CHARS else "", "columns": {name: list(held) for name, held in columns.items()}}
            for sql, columns in queries
        ]
        job = {"kind": "clauses", "path": "the queries", "items": items, "seconds": self.prepare_seconds}
        try:
            reply = self._any_reply(job, self.prepare_seconds, HEAD_BYTES)
        except LostError as lost:
            reply = {"failure": lost.why}
        if "failure" not in reply:
            return [each and Clauses(**{name: tuple(texts) for name, texts in each.items()}) for each in reply["clauses"]]
        return [None] if len(queries) == 1 else [each for query in queries for each in self._clauses([query])]

    def steps(self, sql: str) -> tuple[Part, ...] | None:
        """`steps.steps` of a query, in a worker; None also for one that costs too much. Raises Infrastructure as `clauses`."""
        job = {"kind": "steps", "path": "the query", "items": [sql], "seconds": self.prepare_seconds}
        try:
            reply = self._any_reply(job, self.prepare_seconds, HEAD_BYTES)
        except LostError:
            return None
        parts = None if "failure" in reply else reply["steps"][0]
        return parts and tuple(Part(**part | {"sentences": tuple(part["sentences"])}) for part in parts)

    def _reply(self, job: dict[str, Any], seconds: float, cap: int) -> dict[str, Any]:
        """A worker's reply. Raises LostError when the job cost the worker its life, Infrastructure for our own failures."""
        reply = self._any_reply(job, seconds, cap)
        if "failure" in reply:
            raise Infrastructure(f"The SQL worker failed ({reply['failure']}); try again.")
        return reply

    def _any_reply(self, job: dict[str, Any], seconds: float, cap: int) -> dict[str, Any]:
        """The same, a failure that the worker itself reports included."""
        deadline = time.monotonic() + self.wait_seconds
        if not self._slots.acquire(timeout=self.wait_seconds):
            raise Infrastructure("All SQL workers are busy and the queue is full; try again in a few seconds.")
        try:
            try:
                return self._ask(job, seconds, cap, deadline)
            except LostError as lost:
                if lost.why != "killed":
                    raise
                return self._ask(job, seconds, cap, deadline)
        except LostError as lost:
            if lost.why == "killed":
                raise Infrastructure("The SQL worker was ended from outside twice; try again.") from None
            raise
        finally:
            self._slots.release()

    def _ask(self, job: dict[str, Any], seconds: float, cap: int, deadline: float) -> dict[str, Any]:
        worker = self._take(deadline)
        spent = True
        try:
            reply = worker.ask(job, seconds, cap)
            spent = reply["spent"]
            return reply
        finally:
            with self._changed:
                if spent or self._closed:
                    self._drop(worker)
                else:
                    self._idle.append(worker)
                self._changed.notify_all()

    def _take(self, deadline: float) -> Worker:
        """The worker that is idle for longest: the last one may still be opening its next connection. Raises Infrastructure."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._idle or self._failure or self._closed, deadline - time.monotonic())
                if self._closed:
                    raise Infrastructure("The SQL workers are closed; restart the app.")
                if not self._idle:
                    raise Infrastructure(self._failure or "No SQL worker is free and the queue is full; try again in a few seconds.")
                worker = self._idle.pop(0)
                if worker.process.poll() is None:
                    return worker
                self._drop(worker)
                self._changed.notify_all()

    def _drop(self, worker: Worker) -> None:
        worker.stop()
        self._workers.remove(worker)

    def _keep(self) -> None:
        """Start workers until there are as many as wanted, and again whenever one is dropped."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or len(self._workers) < self._wanted)
                if self._closed:
                    return
            try:
                worker, failure = Worker(self._folder), ""
            except (Infrastructure, OSError) as problem:
                worker, failure = None, str(problem)
            with self._changed:
                self._failure = failure
                if worker:
                    self._workers.append(worker)
                    self._idle.append(worker)
                self._changed.notify_all()
                if failure:
                    self._changed.wait_for(lambda: self._closed, timeout=1)


def _lost_execution(lost: LostError, limits: Limits) -> Execution:
    """The outcome of a query that took its worker with it."""
    match lost.why:
        case "late":
            return Execution("timeout", seconds=lost.seconds, message=f"The query was stopped after {limits.seconds:g} s.")
        case "memory":
            return Execution("memory", seconds=lost.seconds, message="The query needed more memory than a query may use.")
        case "too_long":
            return Execution("error", seconds=lost.seconds, error_kind="other", message="The result is too large to deliver.")
    return Execution("error", seconds=lost.seconds, error_kind="other", message="DuckDB broke down on this query.")


def _unprepared(text: str, why: str) -> Prepared:
    kept = text.strip()[:FALLBACK_CHARS]
    return Prepared(sql=kept, formatted=kept, repairs=(why,))
