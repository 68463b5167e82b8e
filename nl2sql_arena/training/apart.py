"""What models are measured on is kept apart from what they learn from: questions and queries of the sample databases, as hashes.

A hash tells whether two are the same without anybody reading them. Questions are the same by their letters and digits, queries by their
syntax tree with its literals.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena import prompts
from nl2sql_arena.database import Database

Hashes = frozenset[bytes]
OUTLINE = re.compile(r"'((?:[^']|'')*)'|\b(\d+(?:\.\d+)?)\b|\b(?:from|join)\s+\"?(\w+)")
"""The inside of a text in quotes, a number, or the name of a table."""
SPAN = re.compile(r"interval\s*(?:'[^']*'|\(?\s*\d+\s*\)?)(?:\s*(?:second|minute|hour|day|week|month|quarter|year)s?)?")
"""Written in many ways: INTERVAL 1 DAY, INTERVAL '1 day', INTERVAL '1' DAY."""


def question_hash(question: str) -> bytes:
    """Of the letters and digits alone, lower-case."""
    return _hash(prompts.question_key(question))


@cache
def sql_hash(sql: str) -> bytes:
    """Of the query with its literals; case, layout, comments, and names that tables are given for short do not count."""
    with suppress(SqlglotError, RecursionError):  # else its own text must do
        sql = with_full_names(parse_one(sql, read="duckdb")).sql(dialect="duckdb", comments=False)
    return _hash(" ".join(sql.lower().replace(";", " ").split()))


def with_full_names(query: exp.Expr) -> exp.Expr:
    """The query with its tables under their own names, unless one is read twice; names without quotes, and none for the only table."""
    for name in query.find_all(exp.Identifier):
        name.set("quoted", False)
    tables = list(query.find_all(exp.Table))
    names = {table.alias_or_name.lower(): table.name for table in tables}
    if len({table.name.lower() for table in tables}) < len(tables) or len(names) < len(tables):
        return query
    for table in tables:
        table.set("alias", None)
    for column in query.find_all(exp.Column):
        if column.table.lower() in names:
            column.set("table", exp.to_identifier(names[column.table.lower()]) if len(tables) > 1 else None)
    return query


def outline_hash(sql: str) -> bytes:
    """Of literals and tables alone: found without parsing, it tells most queries apart, and never two with one `sql_hash`."""
    found = ("".join(groups) for groups in OUTLINE.findall(SPAN.sub("interval", sql.lower())))
    return _hash(f"outline {sorted(found)}")


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()


def measured_on(databases: Mapping[str, Database]) -> Hashes:
    """What no training pair may equal: the questions and gold queries of the sample databases, as hashes."""
    examples = [example for database in databases.values() for example in database.examples()]
    golds = {sql for example in examples for sql in example.gold_sql}
    return frozenset([
        *(question_hash(example.question) for example in examples),
        *(make(sql) for sql in golds for make in (outline_hash, sql_hash)),
    ])  # fmt: skip


def is_measured(sql: str, apart: Hashes) -> bool:
    return outline_hash(sql) in apart and sql_hash(sql) in apart
