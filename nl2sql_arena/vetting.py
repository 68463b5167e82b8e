"""Which statements may run: an allow-list over DuckDB's own syntax tree.

Accepted is exactly one query that reads tables of this database, CTEs in scope, `information_schema.tables` and `.columns`, and the table
functions of `TABLE_FUNCTIONS`; EXPLAIN of such a query, and SUMMARIZE, DESCRIBE and SHOW of such tables. Refused is everything else: other
statements, writing CTEs, files, system tables, functions of `DENIED_FUNCTIONS`, parameters, more than 10,000 characters, NUL.
A dynamic PIVOT has no serialisable tree; its text is judged by the same rules on sqlglot's tree.
Not covered: how long a query runs and how much it takes (`worker`), and settings of the connection, which are the second fence.
Runs only inside the worker: parsing hostile text can hang.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import duckdb

from nl2sql_arena.types import ErrorKind, Outcome

MAX_CHARS = 10_000
QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
TABLE_REFERENCES = frozenset(
    {"EMPTY", "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "PIVOT", "SHOW_REF"},
)
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
DENIED_FUNCTIONS = frozenset(
    {
        "sleep_ms", "pg_sleep", "nextval", "currval", "setval", "setseed", "write_log", "current_setting", "getvariable", "getenv",
        "current_query", "current_query_id", "current_connection_id", "current_transaction_id", "txid_current", "stats", "vector_type",
        "json_execute_serialized_sql", "json_serialize_plan", "which_secret",
    }
)  # fmt: skip
INFORMATION_SCHEMA = frozenset({"tables", "columns"})
SHOW_TABLES = frozenset({"tables", '"tables"'})
EXPLAIN = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b(\s+ANALYZE\b)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Catalogue:
    """What a query may name: the file's name inside DuckDB, the name people use for it, and its tables and views."""

    alias: str
    db: str
    tables: tuple[str, ...]

    def has(self, table: str) -> bool:
        return table.lower() in {name.lower() for name in self.tables}


class RejectedError(Exception):
    """A statement that is not run; the message is one sentence for the user."""

    def __init__(self, message: str, outcome: Outcome = "refused", kind: ErrorKind | None = None) -> None:
        super().__init__(message)
        self.outcome: Outcome = outcome
        self.kind = kind


def vet(connection: duckdb.DuckDBPyConnection, sql: str, catalogue: Catalogue) -> str:
    """The text to run: the statement, but for the database's name before tables. Raises RejectedError, or DuckDB's ParserException."""
    if len(sql) > MAX_CHARS:
        raise RejectedError(f"The query has more than {MAX_CHARS:,} characters.")
    if "\0" in sql or not _is_unicode(sql):
        raise RejectedError("The query holds a character that is not text.")
    explain = EXPLAIN.match(sql)
    if explain:
        inner = sql[explain.end() :]
        return f"EXPLAIN{(explain[1] or '').upper()} " + _vet_query(connection, inner, catalogue).strip()
    return _vet_query(connection, sql, catalogue)


def _is_unicode(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def _vet_query(connection: duckdb.DuckDBPyConnection, sql: str, catalogue: Catalogue) -> str:
    answer = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    try:
        tree: dict[str, Any] = json.loads(answer[0]) if answer else {}
        if not tree or tree.get("error"):
            return _vet_unserialisable(sql, catalogue)
        if not tree["statements"]:
            raise RejectedError("There is no query in this text.", "error", "syntax")
        if len(tree["statements"]) > 1:
            raise RejectedError("Only one statement may be run at a time.")
        walk = _Walk(catalogue)
        walk.visit(tree["statements"], frozenset())
    except RecursionError:
        raise RejectedError("The query is nested too deeply.") from None
    return _without_qualifiers(sql, walk.qualified, catalogue.db) if walk.qualified else sql


def _without_qualifiers(sql: str, places: list[int], db: str) -> str:
    """The text without the database's everyday name, by which DuckDB does not know it, at these byte offsets."""
    text = sql.encode()
    name = re.escape(db.encode())
    for place in sorted(places, reverse=True):
        found = re.compile(rb'(?:"%s"|%s)\s*\.\s*' % (name, name), re.IGNORECASE).match(text, min(place, len(text)))
        if not found:
            raise RejectedError("Write tables and columns without the database's name.")
        text = text[:place] + text[found.end() :]
    return text.decode()


class _Walk:
    """One pass over the serialised tree. `qualified` collects the byte offsets of names that carry the database's everyday name."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.qualified: list[int] = []

    def visit(self, node: Any, scope: frozenset[str]) -> None:
        """Check a node and all below it; `scope` holds the CTE names that it sees, lower case."""
        if isinstance(node, list):
            for item in node:
                self.visit(item, scope)
        elif isinstance(node, dict):
            scope = self.visit_ctes(node, scope)
            self.check(node, scope)
            for key, value in node.items():
                if key != "cte_map":
                    self.visit(value, scope)

    def visit_ctes(self, node: dict[str, Any], scope: frozenset[str]) -> frozenset[str]:
        """The scope inside a query: each CTE sees those before it, and a recursive one itself."""
        if node.get("type") == "RECURSIVE_CTE_NODE":
            scope |= {node["cte_name"].lower()}
        for entry in (node.get("cte_map") or {"map": []})["map"]:
            self.visit(entry["value"], scope)
            scope |= {entry["key"].lower()}
        return scope

    def check(self, node: dict[str, Any], scope: frozenset[str]) -> None:
        kind = str(node.get("type"))
        if kind.endswith("_NODE") and kind not in QUERY_NODES:
            raise RejectedError("A query may only read; this one holds a statement that writes.")
        is_reference = "sample" in node and "class" not in node and kind not in QUERY_NODES
        if is_reference and kind not in TABLE_REFERENCES:
            raise RejectedError("The query reads from something that is not a table.")
        if kind == "BASE_TABLE":
            self.check_table(node, scope)
        elif kind == "TABLE_FUNCTION":
            check_table_function(node["function"]["function_name"])
        elif kind == "SHOW_REF" and node.get("query") is None and node["table_name"].lower() not in SHOW_TABLES:
            self.check_table(node, frozenset())
        elif kind == "COLUMN_REF":
            self.note_qualified_column(node)
        if node.get("class") == "PARAMETER":
            raise RejectedError("A query may not have parameters such as ? or $1.")
        if "function_name" in node:
            check_function(node["function_name"])

    def check_table(self, node: dict[str, Any], scope: frozenset[str]) -> None:
        path: list[str] = node["qualified_name"]["path"]
        names = [name.lower() for name in path]
        if len(names) > 1 and names[0] in (self.catalogue.db.lower(), self.catalogue.alias.lower()):
            if names[0] != self.catalogue.alias.lower():
                self.qualified.append(node["query_location"])
            names = names[1:]
        check_table(names, path, scope, self.catalogue)

    def note_qualified_column(self, node: dict[str, Any]) -> None:
        """`shop.orders.id`: the database's name goes here too."""
        names = [name.lower() for name in node["column_names"]]
        if len(names) > 2 and names[0] == self.catalogue.db.lower() and (names[1] == "main" or self.catalogue.has(names[1])):
            self.qualified.append(node["query_location"])


def check_table(names: list[str], written: list[str], scope: frozenset[str], catalogue: Catalogue) -> None:
    """Raise RejectedError unless a qualified name, lower case, is a table of the catalogue or information schema, or a CTE in scope."""
    match names:
        case [name] if name in scope or catalogue.has(name):
            return
        case ["main", name] if catalogue.has(name):
            return
        case ["recurring", name] if name in scope:
            return
        case ["information_schema", name] if name in INFORMATION_SCHEMA:
            return
    if re.search(r"[/\\*:?]|\.\w+$", names[-1]):
        raise RejectedError("A query may not read files; only the tables of this database.")
    tables = ", ".join(catalogue.tables)
    raise RejectedError(f"There is no table {'.'.join(written)[:100]} in this database. Its tables are: {tables}.", "error", "catalog")


def check_table_function(name: str) -> None:
    if name.lower() not in TABLE_FUNCTIONS:
        raise RejectedError(f"The table function {name[:100]} is not allowed here; only {', '.join(sorted(TABLE_FUNCTIONS))}.")


def check_function(name: str) -> None:
    if name.lower() in DENIED_FUNCTIONS:
        raise RejectedError(f"The function {name[:100]} is not allowed here.")


def _vet_unserialisable(sql: str, catalogue: Catalogue) -> str:
    """A dynamic PIVOT that passes, else RejectedError; text that does not parse raises DuckDB's ParserException."""
    try:
        kinds = [statement.type for statement in duckdb.extract_statements(sql)]
    except ValueError:  # a statement type that the client does not know
        raise RejectedError("Only queries that read may be run.") from None
    if len(kinds) > 1:
        raise RejectedError("Only one statement may be run at a time.")
    if kinds != [duckdb.StatementType.MULTI]:
        kind = f", not {kinds[0].name}" if kinds else ""
        raise RejectedError(f"Only queries that read may be run{kind}.")
    _vet_pivot(sql, catalogue)
    return sql


def _vet_pivot(sql: str, catalogue: Catalogue) -> None:
    """The same rules on sqlglot's tree. Raises RejectedError, also when sqlglot cannot read the text."""
    import sqlglot  # only here, and slow to import
    from sqlglot import exp

    unreadable = RejectedError("This PIVOT cannot be checked; name the values of its columns with IN (...).")
    try:
        roots = [root for root in sqlglot.parse(sql, read="duckdb") if root and not isinstance(root, exp.Semicolon)]
    except sqlglot.errors.SqlglotError:
        raise unreadable from None
    if len(roots) != 1 or not isinstance(roots[0], exp.Query | exp.Pivot):
        raise unreadable
    for node in roots[0].walk():
        if isinstance(node, exp.DDL | exp.DML | exp.Command | exp.Copy) and not isinstance(node, exp.Query):
            raise RejectedError("A query may only read; this one holds a statement that writes.")
        if isinstance(node, exp.Placeholder | exp.Parameter):
            raise RejectedError("A query may not have parameters such as ? or $1.")
        if isinstance(node, exp.Func):
            check_function(node.name if isinstance(node, exp.Anonymous) else node.sql_name())
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
            name = node.this.name if isinstance(node.this, exp.Anonymous) else node.this.sql_name()
            check_table_function(name)
        elif isinstance(node, exp.Table):
            written = [part.name for part in node.parts]
            check_table([name.lower() for name in written], written, _visible_ctes(node), catalogue)


def _visible_ctes(node: Any) -> frozenset[str]:
    """Names of the CTEs before a node of sqlglot's tree in each WITH around it, lower case."""
    names: set[str] = set()
    inner = node
    while node := inner.parent:
        ctes = node.expressions if inner.arg_key == "expressions" and node.key == "with" else ()
        for cte in ctes:
            if cte is inner:
                break
            names.add(cte.alias.lower())
        with_ = node.args.get("with_")
        if with_ is not None and with_ is not inner:
            names |= {cte.alias.lower() for cte in with_.expressions}
        inner = node
    return frozenset(names)
