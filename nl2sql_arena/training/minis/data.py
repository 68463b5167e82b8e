"""Where the minis' question/SQL pairs come from: drawn by the grammar, checked, kept apart from what they are measured on.

A pair is dropped when it belongs to a held-out combination, when its question or SQL equals one of `sample_dbs/*/questions.jsonl`
(seen here as hashes only), or when its SQL fails or finds nothing on the sample database that it is about.
"""

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from nl2sql_arena import prompts
from nl2sql_arena.database import Connection, Database, binds, connect_trusted, failure
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.errors import BadInput
from nl2sql_arena.linking import ValueIndex
from nl2sql_arena.training.apart import Hashes, is_measured, question_hash
from nl2sql_arena.training.generator import grammar, phrasebook
from nl2sql_arena.training.generator.additions import extended
from nl2sql_arena.training.generator.grammar import Pair
from nl2sql_arena.training.generator.phrasebook import Intent
from nl2sql_arena.training.generator.templates import pick
from nl2sql_arena.training.generator.voices import spoken_as
from nl2sql_arena.training.generator.world import Guide
from nl2sql_arena.training.minis import variants
from nl2sql_arena.training.minis.pools import Asked, Packer, Pool
from nl2sql_arena.types import Schema

CONSTANT = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
KINDS = ("phrases", "grammar", "renamed", "random")
"""phrases: phrasebooks on the sample databases; grammar: composed questions on them; renamed: both, on databases with other names and
columns in another order; random: composed questions on invented databases."""
RARE = re.compile(r"\b(UNION|EXCEPT|INTERSECT|OVER|LEFT JOIN)\b")
RARE_TIMES = 3
"""Intents with a construct that few have are drawn so many times as often: people ask for them more than the phrasebooks do."""
PAIRS_A_WORLD = 100
"""Pairs drawn on one random world: enough for some blocks."""
PAIRS_A_DRAW = 200
RENAMED_GROUP = 100
EXTENDED = 0.3
"""Share of the phrasebooks' questions to which a wish more is added, where one fits, tried twice."""


def unseen(pairs: Iterable[Pair], apart: Hashes) -> Iterator[Pair]:
    """The pairs that equal nothing in `apart`."""
    return (pair for pair in pairs if question_hash(pair.question) not in apart and not is_measured(pair.sql, apart))


def for_training(pairs: Iterable[Pair], apart: Hashes) -> Iterator[Pair]:
    """The pairs that a model may learn from."""
    return (pair for pair in unseen(pairs, apart) if not grammar.held_out(pair.combination))


class Binds:
    """Whether queries of our own fit a database; one that differs from a known one in its constants alone is not tried again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, bool] = {}

    def __call__(self, sql: str) -> bool:
        shape = CONSTANT.sub("?", sql)
        if shape not in self._known:
            self._known[shape] = binds(self._connection, sql)
        return self._known[shape]


class Finds:
    """Whether a query of our own grammar runs on a database and finds at least one row. Never given anything that a model wrote."""

    def __init__(self, path: Path) -> None:
        self._connection = connect_trusted(path)
        self._connection.execute("SET threads = 1")  # faster on tables this small
        self._known: dict[str, bool] = {}

    def __call__(self, sql: str) -> bool:
        if sql not in self._known:
            self._known[sql] = not failure(self._connection, sql)
        return self._known[sql]


class Sample:
    """A database with all that is needed to draw pairs about it."""

    def __init__(self, database: Database) -> None:
        self.database, self.schema = database, database.schema()
        self.world = grammar.sample_world(database)
        self.guide = Guide(self.world)
        self.speaker = phrasebook.Speaker(database, phrasebook.load(database.name))
        self.binds = Binds(connect_trusted(database.path()))

    @cached_property
    def _by_level(self) -> dict[str, list[Intent]]:
        """The phrasebooks' intents by level; parsing thousands of queries takes seconds, which not everybody needs."""
        found: dict[str, list[Intent]] = {}
        for intent in self.speaker.intents:
            sql = self.speaker.say(intent, random.Random(0))[1]
            found.setdefault(spider_level(sql), []).extend([intent] * (RARE_TIMES if RARE.search(sql) else 1))
        return found

    def said(self, rng: random.Random) -> Pair:
        """A question of the phrasebooks, of every level about as often, in a random voice, some with a wish more."""
        intent = pick(rng, self._by_level[pick(rng, sorted(self._by_level))])
        question, sql = self.speaker.say(intent, rng)
        for _ in range(2):
            if rng.random() < EXTENDED:
                question, sql = extended(question, sql, self.guide, rng)
        return Pair(spoken_as(question, rng), sql, "phrasebook", intent.place, "")


@dataclass(frozen=True)
class Ground:
    """What pairs are drawn about, and the hashes of what none of them may equal."""

    samples: tuple[Sample, ...]
    apart: Hashes


Group = tuple[Schema, list[Asked]]


def groups(ground: Ground, kind: str, rng: random.Random) -> Iterator[Group]:
    """Endless groups of checked pairs of one of the `KINDS`, each on one schema. Raises BadInput where there is nothing to ask about."""
    if kind != "random" and not ground.samples:
        raise BadInput("There is no sample database to draw questions about; name a folder that holds some.")
    while True:
        if kind == "random":
            yield _random_group(ground, rng)
        for sample in ground.samples if kind != "random" else ():
            found = list(_of_sample(ground, sample, kind, rng))
            if kind != "renamed":
                yield sample.schema, found
            else:
                for start in range(0, len(found), RENAMED_GROUP):
                    yield variants.renamed(sample.schema, sample.world.lexicon, found[start : start + RENAMED_GROUP], rng)


def _of_sample(ground: Ground, sample: Sample, kind: str, rng: random.Random) -> Iterator[Asked]:
    """Pairs about a sample database as it is: from its phrasebooks, from the grammar, or from both."""
    spoken = PAIRS_A_DRAW if kind == "phrases" else 0 if kind == "grammar" else PAIRS_A_DRAW // 2
    if not sample.speaker.intents:
        spoken = 0
    if spoken:
        for pair in unseen((sample.said(rng) for _ in range(spoken)), ground.apart):
            if sample.binds(pair.sql):
                yield pair.question, pair.sql, sample.database.links(pair.question)
    for pair in for_training(grammar.pairs(sample.world, rng, PAIRS_A_DRAW - spoken), ground.apart):
        if sample.binds(pair.sql):
            yield pair.question, pair.sql, sample.database.links(pair.question)


def _random_group(ground: Ground, rng: random.Random) -> Group:
    """Pairs about an invented database, bound on its empty tables."""
    world = grammar.random_world(rng)
    index = ValueIndex(world.values)
    with connect_trusted() as connection:
        for statement in grammar.row_statements(world, rng, 0):
            connection.execute(statement)
        fits = Binds(connection)
        drawn = for_training(grammar.pairs(world, rng, PAIRS_A_WORLD), ground.apart)
        return world.schema, [(pair.question, pair.sql, index.links(pair.question)) for pair in drawn if fits(pair.sql)]


def pool(packer: Packer, ground: Ground, kind: str, seed: int, count: int) -> Pool:
    """At least `count` pairs of a kind, tokenised."""
    drawn = groups(ground, kind, random.Random(seed))
    while len(packer) < count:
        packer.add(*next(drawn))
    return packer.pool()


def texts(ground: Ground, rng: random.Random, count: int) -> Iterator[str]:
    """What a tokenizer is learned from: `count` groups of each kind as prompts and answers."""
    for kind in KINDS if ground.samples else ("random",):
        for schema, pairs in islice(groups(ground, kind, rng), count):
            for i, (question, sql, links) in enumerate(pairs):
                prompt = prompts.mini(question, schema, links=links)
                yield (prompt.suffix if i else prompt.text) + sql
