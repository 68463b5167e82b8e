"""Which statements may run: an allow-list of statements, tables and table functions over DuckDB's own syntax tree.

Accepted is exactly one query that reads tables of this database, CTEs in scope, `information_schema.tables` and `.columns`, and the table
functions of `TABLE_FUNCTIONS`; EXPLAIN of such a query, and SUMMARIZE, DESCRIBE and SHOW of such tables. Refused is everything else: other
statements, writing CTEs, files, system tables, parameters, more than 10,000 characters, NUL. Other functions are a deny-list,
`DENIED_FUNCTIONS`, and a CTE may not be named like a system table: where its scope ends, that name would be the system's.
A dynamic PIVOT has no serialisable tree; DuckDB parses it as if its columns had values (`_pivot_values`), and that tree is judged.
Not covered: how long a query runs and how much it takes (`worker`), and settings of the connection, which are the second fence.
Runs only inside the worker: parsing hostile text can hang.
"""

import itertools
import json
import re
import string
from dataclasses import dataclass
from typing import Any, NamedTuple

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
RESERVED = re.compile("(?:duckdb|pg|pragma|sqlite)_")
"""How the names of all tables and views that DuckDB itself brings begin, but for those of the information schema."""
PIVOTS = frozenset({"PIVOT", "PIVOT_WIDER"})
AFTER_PIVOT_COLUMNS = frozenset({"USING", "GROUP", "ORDER", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", ";"})
OPENING = frozenset("([{")
CLOSING = frozenset(")]}")
COMMENT = duckdb.token_type.comment
AS_VALUE = ("(", ") IN (0) ")
"""What is put around a column of a dynamic PIVOT to have it parsed as one with values."""
FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
EXPLAIN = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b(\s+ANALYZE\b)?", re.IGNORECASE | re.DOTALL)


Scope = frozenset[tuple[str, ...]]
"""The CTEs that a place in a query sees, as folded paths: `("big",)`, or `("recurring", "big")`."""


def fold(name: str) -> str:
    """A name as DuckDB compares it: only A to Z lose their case. `str.lower` would also make a `k` of the Kelvin sign."""
    return name.translate(FOLDED)


@dataclass(frozen=True)
class Catalogue:
    """What a query may name: the file's name inside DuckDB, the name people use for it, and its tables and views.

    `elsewhere` has the tables outside the schema main, as (schema, table).
    """

    alias: str
    db: str
    tables: tuple[str, ...]
    elsewhere: tuple[tuple[str, str], ...] = ()

    def has(self, table: str) -> bool:
        return fold(table) in map(fold, self.tables)

    def has_in(self, schema: str, table: str) -> bool:
        return (fold(schema), fold(table)) in {(fold(first), fold(second)) for first, second in self.elsewhere}


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
    inserts: list[tuple[int, str]] = []
    try:
        statements = _statements(connection, sql)
        if statements is None:
            inserts = _pivot_values(sql)
            statements = _statements(connection, _with_inserts(sql, inserts))
        if statements is None:
            raise RejectedError("This PIVOT cannot be checked; name the values of its columns with IN (...).")
        if not statements:
            raise RejectedError("There is no query in this text.", "error", "syntax")
        if len(statements) > 1:
            raise RejectedError("Only one statement may be run at a time.")
        walk = _Walk(catalogue)
        walk.visit(statements, frozenset())
    except RecursionError:
        raise RejectedError("The query is nested too deeply.") from None
    places = [_place_without(inserts, place) for place in walk.qualified]
    return _without_qualifiers(sql, places, catalogue.db) if places else sql


def _statements(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any] | None:
    """The serialised trees of the statements in a text; None when one is no SELECT or does not parse."""
    answer = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree: dict[str, Any] = json.loads(answer[0]) if answer else {"error": True}
    return None if tree.get("error") else list(tree["statements"])


def _pivot_values(sql: str) -> list[tuple[int, str]]:
    """What to insert, at which byte offsets, to give every PIVOT column a value, so that DuckDB can serialise the text.

    Raises RejectedError when the text is no dynamic PIVOT, and DuckDB's ParserException when it does not parse.
    """
    try:
        kinds = [statement.type for statement in duckdb.extract_statements(sql)]
    except ValueError:  # a statement type that the client does not know
        raise RejectedError("Only queries that read may be run.") from None
    if len(kinds) > 1:
        raise RejectedError("Only one statement may be run at a time.")
    if kinds != [duckdb.StatementType.MULTI]:
        kind = f", not {kinds[0].name}" if kinds else ""
        raise RejectedError(f"Only queries that read may be run{kind}.")
    tokens = _tokens(sql)
    pivots = [i for i, token in enumerate(tokens) if token.word in PIVOTS]
    columns = {column for pivot in pivots for column in _pivot_columns(tokens[pivot + 1 :])}
    return sorted((place, text) for column in columns for place, text in zip(column, AS_VALUE, strict=True))


class _Token(NamedTuple):
    """One token of DuckDB's lexer: byte offsets of its start and end, and its text in upper case."""

    start: int
    end: int
    word: str


def _tokens(sql: str) -> list[_Token]:
    """All tokens but comments, and a semicolon at the end."""
    text = sql.encode()
    found = [*duckdb.tokenize(sql), (len(text), COMMENT)]
    # Only ASCII blanks are cut off: others belong to the token for this lexer, which thus never is the keyword that it looks like.
    spans = [(start, text[start:following].rstrip()) for (start, kind), (following, _) in itertools.pairwise(found) if kind != COMMENT]
    tokens = [_Token(start, start + len(raw), raw.decode("utf-8", "replace").upper()) for start, raw in spans]
    return [*tokens, _Token(len(text), len(text), ";")]


def _pivot_columns(tokens: list[_Token]) -> list[tuple[int, int]]:
    """Where the column expressions of a PIVOT start and end; `tokens` are those after its keyword."""
    columns: list[tuple[int, int]] = []
    depth, start, end = 0, None, 0
    for token in tokens:
        depth += (token.word in OPENING) - (token.word in CLOSING)
        is_last = depth < 0 or (depth == 0 and token.word in AFTER_PIVOT_COLUMNS)
        if start is not None and (is_last or (depth == 0 and token.word == ",")):
            columns.append((start, end))
            start = token.end
        if is_last:
            break
        if depth == 0 and token.word == "ON":  # the last one counts: those before it belong to joins
            columns, start = [], token.end
        end = token.end
    return columns


def _with_inserts(sql: str, inserts: list[tuple[int, str]]) -> str:
    text = sql.encode()
    for place, insert in reversed(inserts):
        text = text[:place] + insert.encode() + text[place:]
    return text.decode()


def _place_without(inserts: list[tuple[int, str]], place: int) -> int:
    """The byte offset in the original text of a place in the text with the inserts."""
    for start, insert in inserts:
        if start < place:
            place -= min(len(insert), place - start)
    return place


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

    def visit(self, node: Any, scope: Scope) -> None:
        """Check a node and all below it."""
        if isinstance(node, list):
            for item in node:
                self.visit(item, scope)
        elif isinstance(node, dict):
            scope = self.visit_ctes(node, scope)
            self.check(node, scope)
            itself = _itself(node)
            for key, value in node.items():
                if key != "cte_map":
                    self.visit(value, scope | itself if key == "right" else scope)

    def visit_ctes(self, node: dict[str, Any], scope: Scope) -> Scope:
        """The scope inside a query: each CTE sees those before it, and of a recursive one only the right branch sees itself."""
        for entry in (node.get("cte_map") or {"map": []})["map"]:
            self.visit(entry["value"], scope)
            scope |= {(_cte_name(entry["key"]),)}
        return scope

    def check(self, node: dict[str, Any], scope: Scope) -> None:
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
        elif kind == "SHOW_REF" and node.get("query") is None and fold(node["table_name"]) not in SHOW_TABLES:
            self.check_table(node, frozenset())
        elif kind == "COLUMN_REF":
            self.note_qualified_column(node)
        if node.get("class") == "PARAMETER":
            raise RejectedError("A query may not have parameters such as ? or $1.")
        if "function_name" in node:
            check_function(node["function_name"])

    def check_table(self, node: dict[str, Any], scope: Scope) -> None:
        """Raise RejectedError unless the name is a CTE in scope, or a table of the catalogue or the information schema."""
        written: list[str] = node["qualified_name"]["path"]
        names = tuple(map(fold, written))
        if names in scope:
            return
        if len(names) > 1 and names[0] in (fold(self.catalogue.db), fold(self.catalogue.alias)):
            if names[0] != fold(self.catalogue.alias):
                self.qualified.append(node["query_location"])
            names = names[1:]
        match names:
            case (name,) | ("main", name) if self.catalogue.has(name):
                return
            case ("information_schema", name) if name in INFORMATION_SCHEMA:
                return
            case (schema, name) if self.catalogue.has_in(schema, name):
                return
        if re.search(r"[/\\*:?]|\.\w+$", names[-1]):
            raise RejectedError("A query may not read files; only the tables of this database.")
        tables = ", ".join(self.catalogue.tables)
        raise RejectedError(f"There is no table {'.'.join(written)[:100]} in this database. Its tables are: {tables}.", "error", "catalog")

    def note_qualified_column(self, node: dict[str, Any]) -> None:
        """`shop.orders.id`: the database's name goes here too."""
        names = [fold(name) for name in node["column_names"]]
        if len(names) > 2 and names[0] == fold(self.catalogue.db) and (names[1] == "main" or self.catalogue.has(names[1])):
            self.qualified.append(node["query_location"])


def _itself(node: dict[str, Any]) -> Scope:
    """The names by which the right branch of a recursive CTE sees the CTE; of another node, none."""
    if node.get("type") != "RECURSIVE_CTE_NODE":
        return frozenset()
    name = _cte_name(node["cte_name"])
    return frozenset({(name,), ("recurring", name)})


def _cte_name(written: str) -> str:
    """A CTE's name, folded. Raises RejectedError for one that could be mistaken for a system table."""
    name = fold(written)
    if RESERVED.match(name):
        raise RejectedError(f"A WITH query may not be named {written[:100]}; such names are DuckDB's own.")
    return name


def check_table_function(name: str) -> None:
    if fold(name) not in TABLE_FUNCTIONS:
        raise RejectedError(f"The table function {name[:100]} is not allowed here; only {', '.join(sorted(TABLE_FUNCTIONS))}.")


def check_function(name: str) -> None:
    if fold(name) in DENIED_FUNCTIONS:
        raise RejectedError(f"The function {name[:100]} is not allowed here.")
