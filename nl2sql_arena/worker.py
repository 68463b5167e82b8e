"""The process that runs untrusted SQL: one job at a time, each on a fresh hardened connection, under hard limits of the system.

What holds: the database file is opened read-only with files, network, extensions and settings closed, and only what `vetting` accepts runs.
The process starts in an empty folder, without the app's environment, and can write no byte to a file. Address space is 1 GiB, CPU time the
job's seconds + 2, and a query is interrupted at its limit; a parser that cannot be interrupted is killed by the parent (`sandbox`).
Not covered: the kernel's own isolation (use a container for that), and reading files through a bug of DuckDB that evades all of this.
Only `vetting` keeps the database file's path from a query: DuckDB 2.0 resolves links and relative names, and shows it in its system tables.

Protocol, over one socket (file descriptor 0): frames of four bytes length, big-endian, then JSON. A job names its kind, `run`, `prepare`,
`clauses`, `steps` or `check` (see `intake`); the reply is {"spent": bool} with "execution", "prepared", "clauses", "steps", "checked" or
"failure". `spent` asks the parent for a new worker.
"""

import ctypes
import json
import os
import re
import resource
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from nl2sql_arena import execution, intake, sql, vetting, wire
from nl2sql_arena.clauses import clauses
from nl2sql_arena.steps import steps

MAX_JOBS = 100
"""After so many a worker is replaced. A start costs as much processor time as a dozen jobs."""
MAX_IDLE_BYTES = 300_000_000
FILELESS = ("check", "clauses", "steps")
"""Kinds of jobs that open no database file."""


def confine() -> None:
    """Give up, for good, what no query needs. What a system lacks is skipped; `sandbox.limits_in_force` tells."""
    for name, limit in (("AS", wire.ADDRESS_SPACE), ("FSIZE", 0), ("NOFILE", 64), ("CORE", 0)):
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
        except (AttributeError, ValueError, OSError):
            continue
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS


@dataclass(frozen=True)
class Contents:
    """What a database holds, for vetting and for reading a model's text."""

    catalogue: vetting.Catalogue
    names: sql.Names


Stamp = tuple[str, int, int]


def stamp(path: str) -> Stamp:
    """What tells a file from another one that takes its place."""
    status = os.stat(path)
    return path, status.st_ino, status.st_mtime_ns


class Desk:
    """What the worker keeps between jobs: a connection to the last database that no query has used, and what databases hold."""

    def __init__(self) -> None:
        self.key: Stamp | None = None
        self.fresh: duckdb.DuckDBPyConnection | None = None
        self.known: dict[Stamp, Contents] = {}

    def clear(self) -> None:
        """Close the connection at hand: as long as one to a file is open, all to that file share its settings."""
        used, self.fresh = self.fresh, None
        if used:
            used.close()

    def renew(self, path: str) -> duckdb.DuckDBPyConnection:
        """Close the connection at hand and open another. Raises OSError, duckdb.Error."""
        self.clear()
        self.key, self.fresh = stamp(path), execution.open_hardened(path)
        return self.fresh

    def connection(self, path: str) -> duckdb.DuckDBPyConnection:
        """The connection at hand if it is to this file, else a new one; to be renewed after the job."""
        return self.fresh if self.fresh and self.key == stamp(path) else self.renew(path)

    def contents(self, path: str, connection: duckdb.DuckDBPyConnection) -> Contents:
        key = stamp(path)
        if key not in self.known:
            self.known[key] = read_contents(path, connection)
        return self.known[key]


def read_contents(path: str, connection: duckdb.DuckDBPyConnection) -> Contents:
    """Tables and views, all names, and the columns that are integers in every table; names in lower case."""
    tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()]
    tables += [name for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
    columns = connection.execute("SELECT lower(column_name), data_type LIKE '%INT%' FROM duckdb_columns() WHERE NOT internal").fetchall()
    stem = Path(path).stem
    elsewhere = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name <> 'main' AND NOT internal")
    others_than_main = tuple((schema, name) for schema, name in elsewhere.fetchall())
    catalogue = vetting.Catalogue(stem, re.sub(r"-[0-9a-f]{12}$", "", stem), tuple(tables), others_than_main)
    others = {name for name, is_integer in columns if not is_integer}
    identifiers = {name.lower() for name in tables} | {name for name, _ in columns}
    return Contents(catalogue, sql.Names(frozenset(identifiers), frozenset(name for name, _ in columns) - others))


def answer(desk: Desk, job: dict[str, Any]) -> dict[str, Any]:
    """The reply to one job."""
    path, seconds = job["path"], job["seconds"]
    if job["kind"] == "check":
        desk.clear()
        return {"checked": intake.check(job["items"], seconds), "spent": False}
    if job["kind"] == "clauses":
        with execution.alarm(None, seconds):
            found = [clauses(item["sql"], item["columns"]) for item in job["items"]]
        return {"clauses": [each and asdict(each) for each in found], "spent": False}
    if job["kind"] == "steps":
        with execution.alarm(None, seconds):
            told = [steps(text) for text in job["items"]]
        return {"steps": [parts and [asdict(part) for part in parts] for parts in told], "spent": False}
    connection = desk.connection(path)
    contents = desk.contents(path, connection)
    execution.lock(connection, seconds)
    if job["kind"] == "run":
        result, spent = execution.run(connection, contents.catalogue, job)
        return {"execution": result, "spent": spent}
    with execution.alarm(connection, seconds):
        binds = execution.binder(connection, contents.catalogue, path)
        prepared = sql.prepare(job["text"], job["dialect"], contents.names, binds, tuple(job["stop"]))
    return {"prepared": asdict(prepared), "spent": False}


def encoded(reply: dict[str, Any]) -> bytes:
    """A reply as JSON; the rows of an execution are JSON text already."""
    rows = reply.get("execution", {}).pop("rows", [])
    text = json.dumps(reply, ensure_ascii=False)[:-1] + ',"rows":[' + ",".join(rows) + "]}"
    return text.encode("utf-8", "replace")


def resident_bytes() -> int:
    """Memory held now, or the most ever held where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def serve(channel: socket.socket) -> None:
    """Answer jobs until the parent hangs up."""
    desk = Desk()
    jobs = 0
    while frame := wire.receive(channel):
        job = json.loads(frame)
        jobs += 1
        try:
            reply = answer(desk, job)
        except Exception as problem:  # noqa: BLE001  whatever a hostile text provokes, the parent gets a reply
            reply = {"failure": f"{type(problem).__name__}: {execution.scrub(str(problem), job['path'])[:200]}", "spent": True}
        reply["spent"] = reply["spent"] or jobs >= MAX_JOBS or resident_bytes() > MAX_IDLE_BYTES
        wire.send(channel, encoded(reply))
        if not reply["spent"] and job["kind"] not in FILELESS:
            with suppress(OSError, duckdb.Error):  # a file that has gone is news for the next job, if any asks for it
                desk.renew(job["path"])


def main() -> None:
    """Serve the socket that is file descriptor 0, for the process whose id is the argument."""
    channel = socket.socket(fileno=os.dup(0))
    confine()
    if os.getppid() == int(sys.argv[1]):
        wire.send(channel, b"ready")
        serve(channel)
