"""Pairs of a published data set, judged one by one: does the query run on DuckDB over its schema, as it is or mended? Only in the worker.

Both the schema and the query are somebody else's text. Of a schema only names, types and literals are kept (`ddl`), and our own statements
build a throwaway database in memory from them; a query passes `vetting` on a hardened connection like any stranger's. What holds: files,
network, extensions and settings are closed, each step has a deadline, a parser that hangs costs the worker its life (`sandbox`), and a
database in memory goes with its item. Not covered: whether a query means what its question asks.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, NamedTuple

import duckdb

from nl2sql_arena import ddl, execution, mending, vetting
from nl2sql_arena.ddl import Rows
from nl2sql_arena.schema import quoted, short_type
from nl2sql_arena.sql import Names, first_statement, literals_for_unknown_names
from nl2sql_arena.types import Table

ALIAS = "memory"
QUERY = re.compile(r"\(*\s*(?:SELECT|WITH|FROM|VALUES|PIVOT|UNPIVOT)\b", re.IGNORECASE)
BLANKS = re.compile(r"""(\b[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\2\$)|--[^\n]*|/\*.*?\*/|\s+""", re.DOTALL)
"""Comments and white space, or, as the first group, quoted text in which they are none."""
REASONS = {
    "syntax": "does not parse", "catalog": "names what its schema lacks", "type": "types do not fit", "other": "does not bind",
    "refused": "refused by the sandbox", "timeout": "too slow", "memory": "needs too much memory",
}  # fmt: skip
"""Why a query is dropped, by the kind of its error or its outcome."""
UNREAD = frozenset({"timeout", "memory"})
"""Those after which sqlglot was not asked."""
NO_SCHEMA = "its schema cannot be built"


class Trouble(NamedTuple):
    """Why a query does not run, in a word of `REASONS`."""

    why: str


class Bench:
    """One database after the other: a connection, what is on it, and what its queries may name."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.path = ""
        self.connection: duckdb.DuckDBPyConnection | None = None
        self.tables: tuple[Table, ...] = ()
        self.catalogue = vetting.Catalogue(ALIAS, ALIAS, ())
        self.names = Names(frozenset())

    def open(self, path: str) -> duckdb.DuckDBPyConnection:
        """The connection to a file, or to memory; the one at hand where it will do."""
        if self.connection is None or path != self.path:
            self.close()
            self.path, self.connection = path, execution.open_hardened(path)
            execution.lock(self.connection, self.seconds)
        return self.connection

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection, self.tables = None, ()

    def lay(self, path: str, tables: tuple[Table, ...], rows: Rows) -> dict[str, list[ddl.Row]]:
        """Put the tables on the bench; in memory, with those of the rows that fit, which are returned. Raises duckdb.Error."""
        connection = self.open(path)
        kept: dict[str, list[ddl.Row]] = {}
        if path == execution.MEMORY:
            for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                connection.execute(f"DROP TABLE {quoted(name)}")
            for statement in ddl.create_statements(tables):
                connection.execute(statement)
            kept = {table.name: _filled(connection, table.name, rows.get(table.name, ())) for table in tables}
        self.tables = tables
        self.catalogue = vetting.Catalogue(ALIAS, ALIAS, tuple(table.name for table in tables))
        columns = {(column.name.lower(), short_type(column) == "int") for table in tables for column in table.columns}
        others = {name for name, is_integer in columns if not is_integer}
        identifiers = frozenset(table.name.lower() for table in tables) | {name for name, _ in columns}
        self.names = Names(identifiers, frozenset(name for name, _ in columns) - others)
        return kept

    def trouble(self, sql: str, run: bool = False) -> tuple[Trouble | None, bool]:
        """Why a query does not bind (or run), and whether it finds a row. A connection that broke on it is replaced by a new one."""
        connection = self.open(self.path)
        try:
            text = vetting.vet(connection, sql, self.catalogue)
            if run:
                return None, bool(connection.execute(text).fetchmany(1))
            connection.execute(f"EXPLAIN {text}")
        except (duckdb.Error, vetting.RejectedError, MemoryError, RecursionError, RuntimeError) as problem:
            found, spent = execution.failed(problem, self.path, self.seconds)
            if spent:
                self.close()
            return Trouble(found["error_kind"] or (found["outcome"] if found["outcome"] != "error" else "other")), False
        return None, False


def check(items: Sequence[Mapping[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """The verdict on each item, which is a schema with its queries.

    An item has `ddl` (statements), `path` (a file that holds its tables and rows, else ""), `dialects` (to read its queries in, best
    first), `guessed` (whether its types are guesses that a query may correct), perhaps `nulls_kept` (they sort where the dialect has
    them), and `queries` (texts). A verdict has `tables`, `rows` by table and `notes`, and for each query `sql` (empty: too odd to be
    read), `reason` (empty: it runs), `repairs`, `tables` (None: the item's) and `found` (whether it finds a row; None: there are none to
    find).
    """
    bench = Bench(seconds)
    try:
        return [_verdict(bench, item) for item in items]
    finally:
        bench.close()


def _verdict(bench: Bench, item: Mapping[str, Any]) -> dict[str, Any]:
    path = item["path"] or execution.MEMORY
    try:
        with execution.alarm(bench.open(path), bench.seconds):
            described = ddl.read(item["ddl"])
            rows = bench.lay(path, described.tables, described.rows)
    except (duckdb.Error, RecursionError):
        bench.close()
        described, rows = ddl.Described((), {}), {}
    if not described.tables:
        return {"tables": [], "rows": {}, "notes": [], "queries": [_dropped(NO_SCHEMA) for _ in item["queries"]]}
    misfits = sum(map(len, described.rows.values())) > sum(map(len, rows.values())) and not item["path"]
    return {
        "tables": [asdict(table) for table in described.tables],
        "rows": rows,
        "notes": [*described.notes, *(["rows that do not fit their table left out"] if misfits else [])],
        "queries": [_judged(bench, sql, path, described.tables, rows, item) for sql in item["queries"]],
    }


def _dropped(reason: str, sql: str = "") -> dict[str, Any]:
    return {"sql": sql, "reason": reason, "repairs": [], "tables": None, "found": None}


def _judged(
    bench: Bench, sql: str, path: str, tables: tuple[Table, ...], rows: dict[str, list[ddl.Row]], item: Mapping[str, Any]
) -> dict[str, Any]:
    """One query, mended if it must be; its database is laid out anew when the last query broke or changed it."""
    text, rest = first_statement(sql)
    if rest.strip(" \n\t\r;"):
        return _dropped("more than one statement")
    if not QUERY.match(_on_one_line(text)):
        return _dropped("not a query")
    if bench.connection is None or bench.tables != tables:
        bench.lay(path, tables, rows)
    with execution.alarm(bench.open(path), bench.seconds):
        sql, repairs, trouble = _mended(bench, text, rows, item)
        found = None
        if not trouble:
            sql, trouble, found = _settled(bench, sql, bool(item["path"]) or any(rows.values()))
    if trouble:
        return _dropped(REASONS[trouble.why], sql)
    changed = None if bench.tables == tables else [asdict(table) for table in bench.tables]
    return {"sql": sql, "reason": "", "repairs": repairs, "tables": changed, "found": found}


def _mended(bench: Bench, text: str, rows: Rows, item: Mapping[str, Any]) -> tuple[str, list[str], Trouble | None]:
    """The first reading of the text that binds, with its repairs; else the first reading, if it was read, and what is wrong with it."""
    failed: tuple[str, list[str], Trouble] | None = None
    tables = bench.tables
    for sql, repairs in _readings(text, item, bench.names):
        mended, done, trouble = _repaired(bench, sql, rows, bool(item["guessed"]))
        if trouble is None:
            return mended, repairs + done, None
        failed = failed or ("" if trouble.why in UNREAD else mended, repairs + done, trouble)
        if bench.connection is None or bench.tables != tables:
            bench.lay(bench.path, tables, rows)
    return failed or (text, [], Trouble("syntax"))


def _settled(bench: Bench, sql: str, run: bool) -> tuple[str, Trouble | None, bool | None]:
    """A query that binds, in the one style of all unless it would not do so written, and, if there are rows, whether it finds one."""
    tidy, trouble, found = sql, None, False
    with suppress(mending.UnreadableError):
        tidy = mending.tidied(sql)
    for text in dict.fromkeys((tidy, sql)):
        if text == sql and not run:
            return sql, None, None
        trouble, found = bench.trouble(text, run)
        if trouble is None:
            return text, None, found if run else None
        if bench.connection is None:
            break
    return sql, trouble, None


def _readings(text: str, item: Mapping[str, Any], names: Names) -> Iterator[tuple[str, list[str]]]:
    """The text as each dialect reads it, in DuckDB's words. DuckDB's own is taken as it stands, for sqlglot drops what it does not know."""
    dialects = item["dialects"]
    for dialect in dialects:
        if dialect == "duckdb":
            yield _on_one_line(text), []
            continue
        with suppress(mending.UnreadableError):
            sql, repairs = mending.translated(text, dialect, names, item.get("nulls_kept", False))
            yield sql, repairs + ([f"translated from {dialect}"] if dialect != dialects[0] else [])


def _on_one_line(text: str) -> str:
    """The text without comments, blanks between its words alone."""
    return BLANKS.sub(lambda match: match[1] or " ", text).strip()


def _repaired(bench: Bench, sql: str, rows: Rows, guessed: bool) -> tuple[str, list[str], Trouble | None]:
    """The query after as many of the named repairs as it needs to bind."""
    trouble, _ = bench.trouble(sql)
    repairs: list[str] = []
    for mend in (_quotes, _types if guessed else _casts, _groups):
        if trouble is None or bench.connection is None:
            break
        with suppress(mending.UnreadableError):
            mended, done = mend(bench, sql, rows)
            if done:
                sql, repairs = mended, repairs + done
                trouble, _ = bench.trouble(sql)
    if trouble is None and guessed and mending.TYPES not in repairs:
        repairs += _foreseen(bench, sql, rows)
    return sql, repairs, trouble


def _foreseen(bench: Bench, sql: str, rows: Rows) -> list[str]:
    """The repair of types that bind only as long as their table is empty, such as a number column compared with words."""
    tables = bench.tables
    with suppress(mending.UnreadableError):
        _, done = _types(bench, sql, rows)
        if mending.TYPES in done and bench.trouble(sql)[0] is None:
            return done
    if bench.tables != tables:
        bench.lay(bench.path, tables, rows)
    return []


def _quotes(bench: Bench, sql: str, _rows: Rows) -> tuple[str, list[str]]:
    mended = literals_for_unknown_names(sql, bench.names)
    return mended, [mending.QUOTES] if mended != sql else []


def _types(bench: Bench, sql: str, rows: Rows) -> tuple[str, list[str]]:
    """Types are guesses: those that the query needs are put in their place, unless a row shows that they are none."""
    before, tables = bench.tables, mending.retyped(sql, bench.tables)
    if tables == before:
        return sql, []
    if bench.lay(bench.path, tables, rows) == rows:
        return sql, [mending.TYPES]
    bench.lay(bench.path, before, rows)
    return _casts(bench, sql, rows)


def _casts(bench: Bench, sql: str, _rows: Rows) -> tuple[str, list[str]]:
    return mending.cast(sql, bench.tables)


def _groups(bench: Bench, sql: str, _rows: Rows) -> tuple[str, list[str]]:
    return mending.grouped(sql, bench.tables)


def _filled(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[ddl.Row]) -> list[ddl.Row]:
    """Insert the rows, all at once or, if one of them does not fit, one by one; those that are in."""
    if not rows:
        return []
    try:
        connection.execute(ddl.insert_statement(table, rows))
    except duckdb.Error:
        if len(rows) == 1:
            return []
        return [row for each in rows for row in _filled(connection, table, [each])]
    return list(rows)
