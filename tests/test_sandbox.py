"""The pool from outside: outcomes, limits, hostile queries, dying workers, and what a caller is told."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena import database, wire
from nl2sql_arena import sandbox as sandbox_module
from nl2sql_arena.errors import Infrastructure
from nl2sql_arena.sandbox import Sandbox, Worker
from nl2sql_arena.types import DISPLAY, SCORE, Execution, Limits
from nl2sql_arena.ui import render
from nl2sql_arena.worker import MAX_JOBS

SHORT, LONG = replace(DISPLAY, seconds=0.5), replace(DISPLAY, seconds=600)
ENDLESS = "SELECT sum(hash(range)) FROM range(1000000000000)"
DOUBLED = "WITH c0 AS (SELECT 1 AS x), " + ", ".join(f"c{i} AS (SELECT * FROM c{i - 1} a, c{i - 1} b)" for i in range(1, 26)) + " FROM c25"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a limit that only Linux has")


def values(execution: Execution) -> list[object]:
    return [row[0] for row in execution.rows]


def pids(pool: Sandbox) -> list[int]:
    return [worker.process.pid for worker in pool._workers]


def until(condition: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def idle(pool: Sandbox) -> list[Worker]:
    """The workers once all have started, the one that gets the next job first."""
    assert until(lambda: len(pool._idle) == pool._wanted)
    return list(pool._idle)


def taken(pool: Sandbox, threads: ThreadPoolExecutor, sql: str, path: Path) -> Future[Execution]:
    """A query with much time that a worker of an idle pool has taken on."""
    first = idle(pool)[0]
    running = threads.submit(pool.run, path, sql, LONG)
    assert until(lambda: first not in pool._idle)
    return running


def test_a_query_gives_its_rows_and_types(sandbox: Sandbox, db_file: Path) -> None:
    result = sandbox.run(db_file, "SELECT id, amount, placed, status FROM orders WHERE id = 7", DISPLAY)
    assert result.outcome == "ok"
    assert [(column.name, column.type) for column in result.columns] == [
        ("id", "INTEGER"), ("amount", "DECIMAL(10,2)"), ("placed", "TIMESTAMP"), ("status", "VARCHAR"),
    ]  # fmt: skip
    assert result.rows == ((7, "1.75", "2024-01-01 07:00:00", "open"),)
    assert (result.row_count, result.truncated) == (1, False)


def test_no_rows_is_empty_and_keeps_the_columns(sandbox: Sandbox, db_file: Path) -> None:
    result = sandbox.run(db_file, "SELECT id FROM orders WHERE false", DISPLAY)
    assert (result.outcome, [column.name for column in result.columns], result.rows) == ("empty", ["id"], ())


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELEC 1", "syntax"),
        ("", "syntax"),
        ("SELECT * FROM", "syntax"),
        ("SELECT * FROM custmers", "catalog"),
        ("SELECT nam FROM people", "catalog"),
        ("SELECT foo(1)", "catalog"),
        ("SELECT p.id FROM people", "catalog"),
        ("SELECT sum(name) FROM people", "type"),
        ("SELECT name::INT FROM people", "type"),
        ("SELECT DATE '2024-13-01'", "type"),
        ("SELECT name FROM people GROUP BY city", "other"),
        ("SELECT (SELECT id FROM people)", "other"),
        ("SELECT 1 // 0", "other"),
    ],
)
def test_errors_have_a_kind_and_say_what_is_wrong(sandbox: Sandbox, db_file: Path, sql: str, kind: str) -> None:
    result = sandbox.run(db_file, sql, DISPLAY)
    assert (result.outcome, result.error_kind) == ("error", kind)
    assert result.message
    assert "Traceback" not in result.message
    assert str(db_file.parent) not in result.message


def test_an_error_shows_where_in_the_query(sandbox: Sandbox, db_file: Path) -> None:
    message = sandbox.run(db_file, "SELECT nam FROM people", DISPLAY).message
    assert "LINE 1: SELECT nam FROM people\n               ^" in message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '{secret}'",
        "FROM read_csv('{secret}')",
        "SELECT read_text('{secret}')",
        "COPY people TO '{out}'",
        "COPY people FROM '{secret}'",
        "WITH x AS (COPY people TO '{out}') SELECT * FROM x",
        "EXPLAIN ANALYZE COPY people TO '{out}'",
        "ATTACH '{out}' AS x",
        "INSTALL httpfs",
        "SET memory_limit = '8GB'",
        "PRAGMA database_list",
        "SELECT 1; DROP TABLE orders",
        "DROP TABLE orders",
        "UPDATE orders SET amount = 0",
        "WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x",
        "SELECT getenv('ARENA_SECRET')",
        "SELECT sleep_ms(100000)",
        "SELECT * FROM enable_logging('QueryLog', storage_path := '{out}')",
        "FROM duckdb_databases()",
        "SELECT " + "1," * 6000 + "1",
    ],
)
def test_harm_is_refused_without_a_trace(sandbox: Sandbox, db_file: Path, tmp_path: Path, sql: str) -> None:
    (tmp_path / "secret.csv").write_text("a\nforbidden\n")
    before = db_file.read_bytes()
    result = sandbox.run(db_file, sql.format(secret=tmp_path / "secret.csv", out=tmp_path / "out"), LONG)
    assert result.outcome in ("refused", "error")
    assert result.rows == ()
    assert "forbidden" not in result.message
    assert not (tmp_path / "out").exists()
    assert db_file.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS,
        "SELECT count(*) FROM orders a, orders b, orders c WHERE a.amount * b.amount > c.amount + 1",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        DOUBLED,
        "SELECT " + "(" * 9_000,
        "SELECT max(levenshtein(repeat('ab', 100000 + i::INT), repeat('ba', 100000))) FROM range(9) r(i)",
        "SELECT lpad('x', 2000000000, 'y')",
    ],
    ids=["scan", "cross join", "recursion", "doubled CTEs", "parentheses", "levenshtein", "lpad"],
)
def test_what_does_not_end_is_ended(sandbox: Sandbox, db_file: Path, sql: str) -> None:
    result = sandbox.run(db_file, sql, SHORT)
    assert result.outcome in ("timeout", "memory")
    assert result.message.endswith(".")
    assert values(sandbox.run(db_file, "SELECT 42", DISPLAY)) == [42]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 3000000000)",
        "SELECT array_agg(repeat('x', 100000) || i) FROM range(100000) r(i)",
        "SELECT * FROM range(100000000) ORDER BY hash(range)",
        "SELECT format('{:>2000000000}', 'x')",
    ],
    ids=["repeat", "array_agg", "sort", "format"],
)
def test_memory_bombs_do_not_go_off(sandbox: Sandbox, db_file: Path, sql: str) -> None:
    result = sandbox.run(db_file, sql, replace(DISPLAY, seconds=3))
    assert result.outcome in ("memory", "timeout", "error")
    assert result.rows == ()
    assert values(sandbox.run(db_file, "SELECT 42", DISPLAY)) == [42]


def test_a_visitor_waits_behind_no_attack(db_file: Path) -> None:
    """While one worker is kept busy another answers."""
    with ThreadPoolExecutor() as threads, Sandbox(workers=2, wait_seconds=60) as pool:
        attack = taken(pool, threads, ENDLESS, db_file)
        answers = [values(pool.run(db_file, f"SELECT {i}", DISPLAY)) for i in range(5)]
        assert not attack.done()
        pool.close()
        with pytest.raises(Infrastructure, match="closed"):
            attack.result()
    assert answers == [[0], [1], [2], [3], [4]]


def test_two_threads_never_see_each_others_rows(sandbox: Sandbox, db_file: Path) -> None:
    def ask(i: int) -> bool:
        return values(sandbox.run(db_file, f"SELECT {i} FROM range(20)", DISPLAY)) == [i] * 20

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, range(80)))


def test_nothing_of_one_query_is_left_for_the_next(sandbox: Sandbox, db_file: Path) -> None:
    for sql in ("CREATE TEMP TABLE people AS SELECT 1", "SET VARIABLE x = 1", "CREATE TEMP MACRO abs(x) AS 0", "BEGIN"):
        assert sandbox.run(db_file, sql, DISPLAY).outcome == "refused"
    for _ in range(4):
        assert sandbox.run(db_file, "SELECT count(*), abs(-1) FROM people", DISPLAY).rows == ((30, 1),)


@pytest.mark.parametrize(
    ("expression", "type_", "cell"),
    [
        ("9007199254740992", "BIGINT", 9007199254740992),
        ("9007199254740993", "BIGINT", "9007199254740993"),
        ("-170141183460469231731687303715884105727::HUGEINT", "HUGEINT", "-170141183460469231731687303715884105727"),
        ("1.50::DECIMAL(10,2)", "DECIMAL(10,2)", "1.50"),
        ("0.0000000001::DECIMAL(38,20)", "DECIMAL(38,20)", "0.00000000010000000000"),
        ("0.1::DOUBLE + 0.2::DOUBLE", "DOUBLE", 0.30000000000000004),
        ("5e-324::DOUBLE", "DOUBLE", 5e-324),
        ("'nan'::DOUBLE", "DOUBLE", "NaN"),
        ("'-inf'::FLOAT", "FLOAT", "-Infinity"),
        ("'inf'::DOUBLE", "DOUBLE", "Infinity"),
        ("true", "BOOLEAN", True),
        ("NULL", '"NULL"', None),
        ("'it''s é'", "VARCHAR", "it's é"),
        ("DATE '2024-02-29'", "DATE", "2024-02-29"),
        ("DATE '0044-03-15 (BC)'", "DATE", "0044-03-15 (BC)"),
        ("DATE 'infinity'", "DATE", "infinity"),
        ("DATE '9999-12-31'", "DATE", "9999-12-31"),
        ("TIMESTAMP '-infinity'", "TIMESTAMP", "-infinity"),
        ("TIMESTAMP '2024-01-02 03:04:05.25'", "TIMESTAMP", "2024-01-02 03:04:05.25"),
        ("TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", "TIMESTAMP_NS", "2024-01-02 03:04:05.123456789"),
        ("TIMESTAMPTZ '2024-01-02 03:04:05+02'", "TIMESTAMP WITH TIME ZONE", "2024-01-02 01:04:05+00"),
        ("TIME '24:00:00'", "TIME", "24:00:00"),
        ("INTERVAL '1 month 2 days 3 hours'", "INTERVAL", "1 month 2 days 03:00:00"),
        ("[INTERVAL 1 MONTH, NULL]", "INTERVAL[]", ["1 month", None]),
        ("'0b5c5d8e-3f0b-4ab3-8b4f-0a2f4d1f9c11'::UUID", "UUID", "0b5c5d8e-3f0b-4ab3-8b4f-0a2f4d1f9c11"),
        (r"'\xAA\x00b'::BLOB", "BLOB", "aa0062"),
        ("'101'::BIT", "BIT", "101"),
        ("[1, NULL, 3]", "INTEGER[]", [1, None, 3]),
        ("[1, 2]::INTEGER[2]", "INTEGER[2]", [1, 2]),
        ("{'size': 1, 'b': [DATE '2024-01-01']}", "STRUCT(size INTEGER, b DATE[])", {"size": 1, "b": ["2024-01-01"]}),
        ("MAP {1: 'x', 2: 'y'}", "MAP(INTEGER, VARCHAR)", [[1, "x"], [2, "y"]]),
        ("MAP {[1]: 2}", "MAP(INTEGER[], INTEGER)", [[[1], 2]]),
        ("row(1, 'x')", "TUPLE(INTEGER, VARCHAR)", [1, "x"]),
        ("'b'::ENUM('INTERVAL', 'b')", "ENUM('INTERVAL', 'b')", "b"),
    ],
)  # fmt: skip
def test_cells_lose_nothing(sandbox: Sandbox, db_file: Path, expression: str, type_: str, cell: object) -> None:
    result = sandbox.run(db_file, f"SELECT {expression} AS x; -- a comment", SCORE)
    assert (result.columns[0].name, result.columns[0].type, result.rows) == ("x", type_, ((cell,),))
    assert type(result.rows[0][0]) is type(cell)


def test_order_survives_types_that_need_a_cast(sandbox: Sandbox, db_file: Path) -> None:
    result = sandbox.run(db_file, "SELECT placed - TIMESTAMP '2024-01-01' AS age, id FROM orders ORDER BY id DESC", SCORE)
    assert result.row_count == 3000
    assert [row[1] for row in result.rows] == list(range(2999, -1, -1))


def test_display_is_cut_and_says_so(sandbox: Sandbox, db_file: Path) -> None:
    exact = sandbox.run(db_file, "SELECT * FROM range(1000)", DISPLAY)
    assert (exact.row_count, exact.truncated) == (1000, False)
    more = sandbox.run(db_file, "SELECT * FROM range(1001)", DISPLAY)
    assert (more.outcome, more.row_count, more.truncated) == ("ok", 1000, True)
    cell = values(sandbox.run(db_file, "SELECT repeat('é', 5000)", DISPLAY))[0]
    assert cell == "é" * 1999 + "…"
    nested = values(sandbox.run(db_file, "SELECT range(5000)", DISPLAY))[0]
    assert isinstance(nested, str)
    assert nested.endswith("…")
    wide = sandbox.run(db_file, "SELECT " + ", ".join(f"{i} AS c{i}" for i in range(250)), DISPLAY)
    assert (len(wide.columns), len(wide.rows[0]), wide.truncated) == (200, 200, True)
    assert wide.message == "Too wide: only the first 200 of 250 columns were fetched, of the only row."
    assert wide.message in render.result(wide)
    assert "more than" not in render.result(wide)
    both = sandbox.run(db_file, "SELECT " + ", ".join(f"1 AS c{i}" for i in range(201)) + " FROM range(1001)", DISPLAY)
    assert both.message == "Too wide: only the first 200 of 201 columns were fetched, of the first 1,000 rows."
    assert f"First 200 rows. {both.message}" in render.result(both)
    heavy = sandbox.run(db_file, "SELECT repeat('x', 1900), repeat('y', 1900) FROM range(900)", DISPLAY)
    assert heavy.truncated
    assert 400 < heavy.row_count < 530


def test_scores_are_cut_nowhere_but_at_their_limits(sandbox: Sandbox, db_file: Path) -> None:
    whole = sandbox.run(db_file, "SELECT i, repeat('x', 5000) FROM range(1500) r(i)", SCORE)
    assert (whole.row_count, whole.truncated, len(str(whole.rows[-1][1]))) == (1500, False, 5000)
    few = Limits("few", rows=10, bytes=1_000, cell_chars=0)
    assert sandbox.run(db_file, "SELECT * FROM range(11)", few).truncated
    huge = sandbox.run(db_file, "SELECT repeat('x', 2000)", few)
    assert (huge.outcome, huge.row_count, huge.truncated) == ("ok", 0, True)


# Preparing a model's text


def test_a_models_text_becomes_a_query_and_repairs_are_named(sandbox: Sandbox, db_file: Path) -> None:
    text = 'Here you are:\n```sql\nSELECT name FROM people WHERE city = "Rome";\n```'
    prepared = sandbox.prepare(db_file, text, "duckdb")
    assert prepared.sql == "SELECT name FROM people WHERE city = 'Rome'"
    assert len(prepared.repairs) == 2
    assert sandbox.run(db_file, prepared.sql, DISPLAY).row_count == 10


def test_stop_marks_and_dialect_reach_the_parser(sandbox: Sandbox, db_file: Path) -> None:
    prepared = sandbox.prepare(db_file, "SELECT to_char(placed, 'YYYY') FROM orders<end> and so on", "postgres", ("<end>",))
    assert "to_char" not in prepared.sql.lower()
    assert sandbox.run(db_file, prepared.sql, DISPLAY).outcome == "ok"


@pytest.mark.parametrize("text", ["SELECT " + "(a).b" * 3000, "SELECT " + "(" * 9000, "x" * 200_000], ids=["fields", "parentheses", "long"])
def test_a_text_that_costs_too_much_comes_back_as_it_is(hasty: Sandbox, db_file: Path, text: str) -> None:
    prepared = hasty.prepare(db_file, f" {text}\n", "postgres")
    assert prepared.sql == prepared.formatted == text[:10_000]
    assert len(prepared.repairs) == 1
    assert values(hasty.run(db_file, "SELECT 42", DISPLAY)) == [42]


@pytest.mark.parametrize(
    ("ending", "seconds", "said"),
    [
        ("time.sleep(600)", 0.3, "not parsed in time"),
        (f"os._exit({wire.MEMORY_EXIT})", 60, "too much memory"),
        ("os.abort()", 60, "broke down"),
        ("s.sendall(b'\\x7f' * 100); time.sleep(600)", 60, "too long"),
    ],
)
def test_why_a_text_was_not_prepared_is_said(
    db_file: Path, monkeypatch: pytest.MonkeyPatch, ending: str, seconds: float, said: str
) -> None:
    ready = "import os, socket, time; s = socket.socket(fileno=0); s.sendall(b'\\0\\0\\0\\5ready'); s.recv(9); "
    monkeypatch.setattr(sandbox_module, "BOOT", ready + ending)
    with Sandbox(workers=1, prepare_seconds=seconds) as pool:
        prepared = pool.prepare(db_file, "SELECT 1", "duckdb")
    assert prepared.sql == "SELECT 1"
    assert said in prepared.repairs[0]


def test_preparing_runs_nothing(sandbox: Sandbox, db_file: Path, tmp_path: Path) -> None:
    for text in (f"COPY people TO '{tmp_path}/out'", f"EXPLAIN ANALYZE COPY people TO '{tmp_path}/out'", "SELECT sleep_ms(100000)"):
        assert sandbox.prepare(db_file, text, "postgres").sql
    assert list(tmp_path.iterdir()) == []


# Workers that die, lie or do not start


def test_workers_killed_while_idle_are_replaced(sandbox: Sandbox, db_file: Path) -> None:
    processes = [worker.process for worker in sandbox._workers]
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    assert until(lambda: all(process.poll() is not None for process in processes))
    assert values(sandbox.run(db_file, "SELECT 42", DISPLAY)) == [42]


def test_a_query_whose_worker_is_killed_is_run_again(db_file: Path) -> None:
    with ThreadPoolExecutor() as threads, Sandbox(workers=1) as pool:
        victim = idle(pool)[0].process.pid
        os.kill(victim, signal.SIGSTOP)  # it answers nothing before it is killed
        running = taken(pool, threads, "SELECT 42", db_file)
        os.kill(victim, signal.SIGKILL)
        assert values(running.result()) == [42]


def test_a_full_queue_says_so(db_file: Path) -> None:
    with ThreadPoolExecutor() as threads, Sandbox(workers=1, wait_seconds=0.2) as pool:
        busy = idle(pool)[0].process.pid
        os.kill(busy, signal.SIGSTOP)
        running = taken(pool, threads, "SELECT 42", db_file)
        with pytest.raises(Infrastructure, match="queue is full"):
            pool.run(db_file, "SELECT 1", DISPLAY)
        os.kill(busy, signal.SIGCONT)
        assert values(running.result()) == [42]


def test_a_worker_that_cannot_start_is_our_failure(db_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "BOOT", "raise SystemExit(3)")
    with Sandbox(workers=1) as pool, pytest.raises(Infrastructure, match=r"could not start \(exit status 3\)"):
        pool.run(db_file, "SELECT 1", DISPLAY)


@pytest.mark.parametrize("reply", ["b'\\xff' * 100", "(3).to_bytes(4, 'big') + b'{\"x'", "(9000).to_bytes(4, 'big') + b'[' * 9000"])
def test_a_worker_that_lies_is_not_believed(db_file: Path, monkeypatch: pytest.MonkeyPatch, reply: str) -> None:
    """A reply that is too long, broken or nested without end is an error of this query, not of the app."""
    boot = f"import socket; s = socket.socket(fileno=0); s.sendall(b'\\0\\0\\0\\5ready'); s.recv(9); s.sendall({reply}); s.recv(9000)"
    monkeypatch.setattr(sandbox_module, "BOOT", boot)
    with Sandbox(workers=1) as pool:
        result = pool.run(db_file, "SELECT 1", DISPLAY)
    assert (result.outcome, result.error_kind) == ("error", "other")


def test_a_missing_database_file_is_our_failure(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(Infrastructure) as caught:
        sandbox.run(tmp_path / "nothing.duckdb", "SELECT 1", DISPLAY)
    assert str(tmp_path) not in str(caught.value)


def test_a_file_that_takes_anothers_place_is_read_afresh(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "upload.duckdb"
    for table in ("first", "second"):
        draft = tmp_path / "draft"
        with database.connect_trusted(draft, read_only=False) as connection:
            connection.execute(f"CREATE TABLE {table} AS SELECT '{table}' AS name")
        draft.replace(path)
        for _ in range(5):
            assert values(sandbox.run(path, f"SELECT name FROM {table}", DISPLAY)) == [table]
    path.unlink()
    with pytest.raises(Infrastructure):
        sandbox.run(path, "SELECT 1", DISPLAY)


def test_workers_outlive_the_thread_that_asked_first(db_file: Path) -> None:
    with Sandbox(workers=1) as pool:
        thread = threading.Thread(target=pool.run, args=(db_file, "SELECT 1", DISPLAY))
        thread.start()
        thread.join()
        idle(pool)
        before = sorted(pids(pool))
        time.sleep(0.1)
        assert values(pool.run(db_file, "SELECT 42", DISPLAY)) == [42]
        assert sorted(pids(pool)) == before


def test_a_worker_is_replaced_after_many_jobs(db_file: Path) -> None:
    with Sandbox(workers=1, wait_seconds=60) as pool:
        idle(pool)
        before = set(pids(pool))
        for _ in range(2 * MAX_JOBS + 1):
            assert pool.run(db_file, "SELECT 42", DISPLAY).outcome == "ok"
        idle(pool)
        assert not before & set(pids(pool))


def test_closing_ends_all_workers_and_their_folder(db_file: Path) -> None:
    with Sandbox(workers=1) as pool:
        pool.run(db_file, "SELECT 1", DISPLAY)
        processes, folder = [worker.process for worker in pool._workers], pool._folder
        assert list(folder.iterdir()) == []
    assert all(process.poll() is not None for process in processes)
    assert not folder.exists()
    with pytest.raises(Infrastructure, match="closed"):
        pool.run(db_file, "SELECT 1", DISPLAY)
    pool.close()


@linux_only
def test_workers_end_with_an_app_that_is_killed(db_file: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from nl2sql_arena.sandbox import Sandbox; from nl2sql_arena.types import DISPLAY\n"
        "pool = Sandbox(); pool.run(Path(sys.argv[1]), 'SELECT 1', DISPLAY)\n"
        "print(*[worker.process.pid for worker in pool._workers], flush=True); time.sleep(60)"
    )
    app = subprocess.Popen([sys.executable, "-c", code, str(db_file)], stdout=subprocess.PIPE, text=True)
    assert app.stdout
    workers = [int(pid) for pid in app.stdout.readline().split()]
    assert workers
    app.kill()
    app.communicate()

    def gone(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    assert until(lambda: all(gone(pid) for pid in workers))


def open_file(descriptor: Path) -> str | None:
    """What an entry of /proc/PID/fd is open on; None where it was closed since the folder was listed."""
    try:
        return os.readlink(descriptor).split(":")[0]
    except FileNotFoundError:
        return None


@linux_only
def test_the_limits_that_are_named_hold(db_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "forbidden")
    with Sandbox(workers=1) as pool:
        worker = idle(pool)[0]
        pool.run(db_file, "SELECT 1", DISPLAY)
        for _ in pool._workers:
            pool.steps("SELECT 1")  # each answers once it has opened its next connection, and is at rest then
        process = Path(f"/proc/{worker.process.pid}")
        limits = {line[:25].strip(): line[26:46].strip() for line in (process / "limits").read_text().splitlines()}
        status = (process / "status").read_text()
        assert b"forbidden" not in (process / "environ").read_bytes()
        assert Path(os.readlink(process / "cwd")) == pool._folder
        descriptors = set(filter(None, map(open_file, (process / "fd").iterdir())))
    assert limits["Max address space"] == str(2**30)
    assert limits["Max file size"] == limits["Max core file size"] == "0"
    assert limits["Max open files"] == "64"
    assert limits["Max cpu time"] != "unlimited"
    assert "NoNewPrivs:\t1" in status
    assert descriptors <= {"socket", "/dev/null", str(db_file), "pipe", "anon_inode"}
    assert {"1 GiB of address space", "CPU time", "no file written", "64 open files"} <= set(sandbox_module.limits_in_force())


@linux_only
@pytest.mark.parametrize("ask", [lambda pool: pool.steps("SELECT 1"), lambda pool: pool.clauses([("SELECT 1", {})])])
def test_text_that_is_only_explained_or_taken_apart_has_a_limit_of_time_too(ask: Callable[[Sandbox], object]) -> None:
    with Sandbox(workers=1, prepare_seconds=30) as pool:
        assert ask(pool)
        limits = [Path(f"/proc/{pid}/limits").read_text() for pid in pids(pool)]
    assert any("Max cpu time" in line and "unlimited" not in line[:46] for each in limits for line in each.splitlines())


def test_where_the_system_limits_no_memory_a_watchdog_does(db_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, with a limit that any process passes."""
    mac = "from nl2sql_arena import execution; sys.platform = 'darwin'; execution.ADDRESS_SPACE = 1; main()"
    monkeypatch.setattr(sandbox_module, "BOOT", sandbox_module.BOOT.replace("main()", mac))
    with Sandbox(workers=1) as pool:
        execution = pool.run(db_file, ENDLESS, DISPLAY)
    assert execution.outcome == "memory"


def test_this_process_loads_no_parser_for_strangers_text() -> None:
    """The pool itself imports neither DuckDB nor a SQL parser."""
    code = "import sys, nl2sql_arena.sandbox; assert not {'duckdb', 'sqlglot', 'sqlparse', 'torch', 'gradio'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
