"""What must not be learned: questions and queries that a model is measured on, and pairs that are nearly the same as others.

Two keys. A question is its letters and digits in lower case. A skeleton is a query with its literals masked, its tables under their own
names, without regard to case, quotes, layout and words that change nothing (INNER, ASC, parentheses around a whole condition): one query
asked with other values, of tables and columns of the same names. Nearly the same are pairs with one skeleton whose questions differ in
those values and in digits alone. Only texts that a worker of the gate has parsed within its limits are parsed here.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena import prompts
from nl2sql_arena.training.apart import Hashes, outline_hash, question_hash, sql_hash, with_full_names
from nl2sql_arena.training.sets.gate import Judged
from nl2sql_arena.types import Schema

LITERAL = re.compile(r"'((?:[^']|'')+)'|\b(\d+(?:\.\d+)?)\b")
OUR_QUESTION = "question of a sample database"
OUR_QUERY = "query of a sample database"
THEIR_QUESTION = "question of an evaluation set"
THEIR_QUERY = "query of an evaluation set"
THEIR_SCHEMA = "schema of an evaluation set"
TWICE = "near-duplicate"

Signature = frozenset[tuple[str, frozenset[str]]]
"""Tables and the names of their columns, lower case."""


@dataclass(frozen=True)
class Measured:
    """What other evaluation sets hold: hashes of questions, skeletons, schemas."""

    questions: Hashes = frozenset()
    skeletons: frozenset[str] = frozenset()
    schemas: frozenset[Signature] = frozenset()


@cache
def skeleton(sql: str) -> str:
    """The query without its values; its own text, in lower case, when it does not parse."""
    try:
        tree = with_full_names(parse_one(sql, read="duckdb"))
        for literal in list(tree.find_all(exp.Literal)):
            signed = literal.parent if isinstance(literal.parent, exp.Neg) else literal
            signed.replace(exp.Placeholder())
        _drop_idle_words(tree)
        return tree.sql("duckdb", comments=False).lower()
    except (SqlglotError, RecursionError):
        return LITERAL.sub("?", " ".join(sql.lower().split()))


def _drop_idle_words(tree: exp.Expr) -> None:
    for join in tree.find_all(exp.Join):
        if join.kind == "INNER":
            join.set("kind", None)
    for ordered in tree.find_all(exp.Ordered):
        if not ordered.args.get("desc"):
            ordered.set("desc", None)
    for paren in list(tree.find_all(exp.Paren)):
        if isinstance(paren.parent, exp.Where | exp.Having | exp.Select | exp.Join | exp.Ordered):
            paren.replace(paren.this)


def signature(schema: Schema) -> Signature:
    return frozenset((table.name.lower(), frozenset(column.name.lower() for column in table.columns)) for table in schema.tables)


def masked(question: str, sql: str) -> str:
    """The question's letters with the query's values and all digits masked: what is left when only the values change."""
    text = question.lower()
    values = sorted({(a or b).lower().strip("%").replace("''", "'") for a, b in LITERAL.findall(sql)} - {""}, key=len, reverse=True)
    for value in values:
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "0", text)
    return re.sub(r"\d+", "0", prompts.question_key(text))


def measured(found: Iterable[Judged]) -> Measured:
    """The keys of evaluation sets. Those of their queries that do not run here count too, as far as a worker could read them."""
    rows = list(found)
    return Measured(
        frozenset(question_hash(each.question) for each in rows),
        frozenset(skeleton(each.sql) for each in rows if each.sql),
        frozenset(signature(each.schema) for each in rows if each.schema.tables),
    )


def apart(pairs: Iterable[Judged], ours: Hashes, theirs: Measured, drop: Callable[[Judged, str], None]) -> Iterator[Judged]:
    """The pairs that no evaluation knows and no earlier pair nearly equals; `drop` is told of the others, with the reason."""
    seen: set[tuple[str, str]] = set()
    for each in pairs:
        if reason := _overlap(each, ours, theirs):
            drop(each, reason)
            continue
        key = masked(each.question, each.sql), skeleton(each.sql)
        if key in seen:
            drop(each, TWICE)
            continue
        seen.add(key)
        yield each


def _overlap(each: Judged, ours: Hashes, theirs: Measured) -> str:
    asked = question_hash(each.question)
    if asked in ours:
        return OUR_QUESTION
    if outline_hash(each.sql) in ours and sql_hash(each.sql) in ours:
        return OUR_QUERY
    if asked in theirs.questions:
        return THEIR_QUESTION
    if signature(each.schema) in theirs.schemas:
        return THEIR_SCHEMA
    return THEIR_QUERY if theirs.skeletons and skeleton(each.sql) in theirs.skeletons else ""
