"""How a trained mini is measured before it is kept: questions of held-out combinations, answered and executed by the engine itself.

These questions come from the grammar that also made the training pairs; they say whether learning worked, not how the model does on
questions that people ask. That is what the benchmark measures.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from nl2sql_arena.benchmark.runner import score
from nl2sql_arena.benchmark.scorers import once
from nl2sql_arena.database import Database
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.engine import Engine
from nl2sql_arena.sql import abstains
from nl2sql_arena.training.apart import Hashes, question_hash
from nl2sql_arena.training.generator import grammar
from nl2sql_arena.training.generator.grammar import Pair
from nl2sql_arena.training.minis.data import Finds, unseen
from nl2sql_arena.types import SCORE, Answer, Example, Request, Score

MOST_DRAWS = 20_000
"""Pairs drawn per database in search of held-out ones."""


@dataclass(frozen=True)
class HeldOut:
    """A question that no mini has learned from."""

    id: str
    db: str
    pair: Pair


def held_out(databases: Mapping[str, Database], seed: int, count: int, apart: Hashes) -> list[HeldOut]:
    """Up to `count` questions a database, all different, whose SQL finds something."""
    found = []
    for name, database in databases.items():
        drawn = islice(_of(database, random.Random(f"{seed} {name}"), apart), count)
        found += [HeldOut(f"{name}-{i}", name, pair) for i, pair in enumerate(drawn)]
    return found


def _of(database: Database, rng: random.Random, apart: Hashes) -> Iterator[Pair]:
    finds, asked = Finds(database.path()), set(apart)
    for pair in unseen(grammar.pairs(grammar.sample_world(database), rng, MOST_DRAWS), apart):
        key = question_hash(pair.question)
        if key not in asked and grammar.held_out(pair.combination) and finds(pair.sql):
            asked.add(key)
            yield pair


def _score(engine: Engine, question: HeldOut, answer: Answer) -> Score:
    """The benchmark's verdict."""
    sql = question.pair.sql
    example = Example(question.id, question.db, question.pair.question, () if abstains(sql) else (sql,), "", "train")
    return score(example, answer, once(engine.run))


def accuracy(engine: Engine, model: str, questions: list[HeldOut]) -> dict[str, dict[str, float]]:
    """Execution accuracy over all questions, by level and by database: {"all": {"n", "correct", "accuracy"}, ...}."""
    by_id = {question.id: question for question in questions}
    tallies: dict[str, list[float]] = {}
    for answer in engine.answers([Request(q.id, model, q.db, q.pair.question) for q in questions], limits=SCORE):
        question = by_id[answer.id]
        found = _score(engine, question, answer)
        if found.value is not None:
            for key in ("all", spider_level(question.pair.sql), question.db):
                tallies.setdefault(key, []).append(found.value)
    return {
        key: {"n": len(values), "correct": sum(values), "accuracy": round(sum(values) / len(values), 4)}
        for key, values in sorted(tallies.items())
    }
