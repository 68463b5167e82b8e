"""One untrusted query on one connection: hardened, vetted, timed; its rows as JSON text, its failure as an outcome. Only in the worker.

The connection is read-only; files, network, extensions, Python's variables and all settings are closed before the query is seen.
Not covered: some of DuckDB's functions keep neither its memory limit nor its deadline; the worker's limits are the backstop.
"""

import json
import math
import os
import re
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from nl2sql_arena import cells, vetting
from nl2sql_arena.sql import first_statement
from nl2sql_arena.types import ErrorKind
from nl2sql_arena.wire import ADDRESS_SPACE, MEMORY_EXIT

MEMORY = ":memory:"
DISPLAY_COLUMNS = 200
MESSAGE_CHARS = 2_000
FETCH_ROWS = 256
GRACE_SECONDS = 0.2
"""How long after its own deadline DuckDB is left alone before it is interrupted."""

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_extension_repositories": "forbidden",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "memory_limit": "256MB",
    "threads": "1",
    "async_threads": "1",
    "temp_directory": "",
    "max_temp_directory_size": "0B",
    "max_expression_depth": "250",
    "pivot_limit": "1000",
    "secret_directory": "/nonexistent",
    "home_directory": "/nonexistent",
}
SETTINGS = (
    "SET enable_external_access=false",
    "SET disabled_filesystems='LocalFileSystem'",
    "SET streaming_buffer_size='1MB'",
    "SET TimeZone='UTC'",
)

ABSOLUTE_PATH = re.compile(r"(?<![\w.)\]])/(?:[^\s\"'/]+/)+[^\s\"']*")
SYNTAX = (duckdb.ParserException, duckdb.SyntaxException)
TYPE = (duckdb.ConversionException, duckdb.TypeMismatchException, duckdb.InvalidTypeException, duckdb.OutOfRangeException)
BROKEN = (duckdb.InternalException, duckdb.IOException, duckdb.FatalException)


def open_hardened(path: str) -> duckdb.DuckDBPyConnection:
    """A read-only connection that can reach nothing but this file, or an empty database in `MEMORY`; still to be locked, see `lock`."""
    connection = duckdb.connect(path, read_only=path != MEMORY, config=CONFIG)
    for setting in SETTINGS:
        connection.execute(setting)
    return connection


def lock(connection: duckdb.DuckDBPyConnection, seconds: float) -> None:
    """Set the time limit, then close all settings."""
    connection.execute(f"SET max_execution_time={max(1, int(seconds * 1000))}")
    connection.execute("SET lock_configuration=true")


@contextmanager
def alarm(connection: duckdb.DuckDBPyConnection | None, seconds: float) -> Iterator[None]:
    """Interrupt the connection, if any, again and again from `seconds` + GRACE_SECONDS on: a single interrupt can be lost. The process may
    use two more seconds of CPU time than `seconds`; where the system does not limit memory, it ends when it took too much.
    """
    done = threading.Event()

    def watch() -> None:
        deadline = time.monotonic() + seconds + GRACE_SECONDS
        while not done.wait(0.05):
            if sys.platform == "darwin" and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > ADDRESS_SPACE:
                os._exit(MEMORY_EXIT)
            if connection and time.monotonic() > deadline:
                connection.interrupt()

    used = resource.getrusage(resource.RUSAGE_SELF)
    budget = math.ceil(used.ru_utime + used.ru_stime + seconds + 2)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (budget if hard == resource.RLIM_INFINITY else min(budget, hard), hard))
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class DeadlineError(Exception):
    """The time limit passed between two chunks of rows."""


def run(connection: duckdb.DuckDBPyConnection, catalogue: vetting.Catalogue, job: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """One query on a locked connection: its Execution as a dictionary, rows as JSON text, and whether the worker is spent by it."""
    started = time.monotonic()
    try:
        with alarm(connection, job["seconds"]):
            text = vetting.vet(connection, job["sql"], catalogue)
            execution, spent = fetch(connection, text, job, started + job["seconds"]), False
    except (duckdb.Error, vetting.RejectedError, DeadlineError, MemoryError, RecursionError, RuntimeError) as problem:
        execution, spent = failed(problem, job["path"], job["seconds"])
    return execution | {"seconds": time.monotonic() - started}, spent


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, job: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Run a vetted query and fetch what the limits allow. Types that Python would blur are cast inside DuckDB, in a second run."""
    connection.execute(sql)
    described = [(column[0], column[1]) for column in connection.description or ()]
    casts = [cells.exact_type(kind) for _, kind in described]
    try:
        if any(casts):
            connection.execute(cast_query(sql, casts))
        rows, truncated = fetch_rows(connection, job, deadline)
    except cells.InfiniteDateError:
        connection.execute(cast_query(sql, [cells.exact_type(kind, dates=True) for _, kind in described]))
        rows, truncated = fetch_rows(connection, job, deadline)
    shown = described[:DISPLAY_COLUMNS] if job["cell_chars"] else described
    narrowed = len(shown) < len(described)
    return {
        "outcome": "ok" if rows or truncated else "empty",
        "columns": [[name, str(kind)] for name, kind in shown],
        "rows": rows,
        "row_count": len(rows),
        "truncated": truncated or narrowed,
        "message": columns_words(len(shown), len(described), len(rows), truncated) if narrowed else "",
    }


def columns_words(shown: int, columns: int, rows: int, truncated: bool) -> str:
    """What a result that is too wide holds."""
    count = f"the first {rows:,} rows" if truncated else "the only row" if rows == 1 else f"all {rows:,} rows"
    return f"Too wide: only the first {shown} of {columns:,} columns were fetched, of {count}."


def cast_query(sql: str, casts: list[str | None]) -> str:
    """A query around a vetted one that casts some of its columns."""
    columns = ", ".join(f"CAST(#{i} AS {kind})" if kind else f"#{i}" for i, kind in enumerate(casts, 1))
    return f"SELECT {columns} FROM (\n{first_statement(sql)[0]}\n)"


def fetch_rows(connection: duckdb.DuckDBPyConnection, job: dict[str, Any], deadline: float) -> tuple[list[str], bool]:
    """Rows as JSON text, and whether there were more. Raises DeadlineError, InfiniteDateError."""
    dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
    encoders = [cells.encoder(column[1]) for column in connection.description or ()]
    chars: int = job["cell_chars"]
    if chars:
        encoders = encoders[:DISPLAY_COLUMNS]
    rows: list[str] = []
    size = 0
    while chunk := connection.fetchmany(FETCH_ROWS):
        if time.monotonic() > deadline:
            raise DeadlineError
        for row in chunk:
            text = dump([cells.cut(encode(cell), chars) for encode, cell in zip(encoders, row, strict=False)])
            size += len(text) if text.isascii() else len(text.encode())
            if len(rows) == job["rows"] or size > job["bytes"]:
                return rows, True
            rows.append(text)
    return rows, False


def failed(problem: Exception, path: str, seconds: float) -> tuple[dict[str, Any], bool]:
    """What a query's failure is called, and whether the worker must go."""
    outcome, kind, spent = "error", None, False
    if isinstance(problem, vetting.RejectedError):
        outcome, kind, message = problem.outcome, problem.kind, str(problem)
    elif isinstance(problem, duckdb.InterruptException | DeadlineError):
        outcome, message, spent = "timeout", f"The query was stopped after {seconds:g} s.", True
    elif isinstance(problem, MemoryError | duckdb.OutOfMemoryException) or "bad_alloc" in str(problem):
        outcome, message, spent = "memory", "The query needed more memory than a query may use.", True
    elif isinstance(problem, duckdb.PermissionException):
        outcome, message = "refused", "The query asks for something that is not allowed here."
    elif isinstance(problem, RecursionError):
        outcome, message = "refused", "The query or its result is nested too deeply."
    elif isinstance(problem, BROKEN):
        kind, message, spent = "other", "DuckDB failed inside on this query.", True
    else:
        message = scrub(str(problem), path)
        kind = error_kind(problem, message)
    return {"outcome": outcome, "error_kind": kind, "message": message}, spent


def error_kind(problem: Exception, message: str) -> ErrorKind:
    if isinstance(problem, SYNTAX):
        return "syntax"
    if isinstance(problem, TYPE):
        return "type"
    if isinstance(problem, duckdb.CatalogException):
        return "catalog"
    if isinstance(problem, duckdb.BinderException):
        if re.search(r"not found|does not exist|does not have a column|Ambiguous reference|Candidate (?:bindings|tables)", message):
            return "catalog"
        if re.search(r"\btypes?\b|cast|Cannot compare", message):
            return "type"
    return "other"


def scrub(message: str, path: str) -> str:
    """An error text without file paths, cut; the lines that show the query itself stay."""
    lines = message.replace(path, "the database").splitlines()
    scrubbed = [line if line.startswith("LINE ") else ABSOLUTE_PATH.sub("…", line) for line in lines]
    return "\n".join(scrubbed)[:MESSAGE_CHARS].strip()


def binder(connection: duckdb.DuckDBPyConnection, catalogue: vetting.Catalogue, path: str) -> Callable[[str], str | None]:
    """A function that says why a query would not run, or None if it passes vetting and binds."""

    def binds(query: str) -> str | None:
        try:
            text = vetting.vet(connection, query, catalogue)
            connection.execute(text if vetting.EXPLAIN.match(text) else f"EXPLAIN {text}")
        except vetting.RejectedError as problem:
            return str(problem)
        except (duckdb.Error, RuntimeError) as problem:
            return scrub(str(problem), path)
        return None

    return binds
