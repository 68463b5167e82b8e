"""Where the minis' question/SQL pairs come from: drawn by the grammar, checked, kept apart from what they are measured on.

A pair is dropped when it belongs to a held-out combination, when its question or SQL equals one of `sample_dbs/*/questions.jsonl`
(seen here as hashes only), or when its SQL fails or finds nothing on the sample database that it is about.
"""

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena import prompts
from nl2sql_arena.database import Database, connect_trusted, finds_rows
from nl2sql_arena.training import grammar
from nl2sql_arena.training.grammar import Pair
from nl2sql_arena.training.rows import Packer, Rows
from nl2sql_arena.training.world import World

Hashes = frozenset[bytes]
OUTLINE = re.compile(r"'((?:[^']|'')*)'|\b(\d+(?:\.\d+)?)\b|\b(?:from|join)\s+\"?(\w+)")
"""The inside of a text in quotes, a number, or the name of a table."""
PAIRS_A_WORLD = 20
"""Pairs drawn on one random world: enough to fill a row."""
PAIRS_A_DRAW = 200


def question_hash(question: str) -> bytes:
    """Of the letters and digits alone, lower-case."""
    return _hash(prompts.question_key(question))


@cache
def sql_hash(sql: str) -> bytes:
    """Of the query with its literals; case, layout, comments, and names that tables are given for short do not count."""
    with suppress(SqlglotError):  # else its own text must do
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
    found = ("".join(groups) for groups in OUTLINE.findall(sql.lower()))
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


def unseen(pairs: Iterable[Pair], apart: Hashes) -> Iterator[Pair]:
    """The pairs that equal nothing in `apart`."""
    return (pair for pair in pairs if question_hash(pair.question) not in apart and not _is_measured(pair.sql, apart))


def _is_measured(sql: str, apart: Hashes) -> bool:
    return outline_hash(sql) in apart and sql_hash(sql) in apart


def for_training(pairs: Iterable[Pair], apart: Hashes) -> Iterator[Pair]:
    """The pairs that a model may learn from."""
    return (pair for pair in unseen(pairs, apart) if not grammar.held_out(pair.combination))


def texts(worlds: Iterable[World], rng: random.Random, count: int, apart: Hashes) -> Iterator[str]:
    """What a tokenizer is learned from: prompts and answers, `count` pairs a world."""
    for world in worlds:
        for i, pair in enumerate(for_training(grammar.pairs(world, rng, count), apart)):
            prompt = prompts.mini(pair.question, world.schema)
            yield (prompt.suffix if i else prompt.text) + pair.sql


def random_rows(packer: Packer, seed: int, count: int, apart: Hashes) -> Rows:
    """`count` rows, each about a random world of its own."""
    rng = random.Random(seed)
    made: list[Any] = []
    while len(made) < count:
        world = grammar.random_world(rng)
        drawn = for_training(grammar.pairs(world, rng, PAIRS_A_WORLD), apart)
        made += islice(packer.rows(world.schema, ((pair.question, pair.sql) for pair in drawn)), 1)
    return packer.stack(made)


def sample_rows(packer: Packer, seed: int, count: int, apart: Hashes, databases: Mapping[str, Database]) -> Rows:
    """`count` rows about the sample databases in turn, of pairs whose SQL finds something there."""
    rng = random.Random(seed)
    sources = {name: (grammar.sample_world(database), Finds(database.path())) for name, database in databases.items()}
    made: list[Any] = []
    while len(made) < count:
        for world, finds in sources.values():
            drawn = for_training(grammar.pairs(world, rng, PAIRS_A_DRAW), apart)
            kept = ((pair.question, pair.sql) for pair in drawn if finds(pair.sql))
            made += packer.rows(world.schema, kept)
    rng.shuffle(made)
    return packer.stack(made[:count])


class Finds:
    """Whether a query of our own grammar runs on a database and finds at least one row. Never given anything that a model wrote."""

    def __init__(self, path: Path) -> None:
        self._connection = connect_trusted(path)
        self._connection.execute("SET threads = 1")  # faster on tables this small
        self._known: dict[str, bool] = {}

    def __call__(self, sql: str) -> bool:
        if sql not in self._known:
            self._known[sql] = finds_rows(self._connection, sql)
        return self._known[sql]
