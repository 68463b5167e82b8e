"""A small world to tune in: a tiny random Phi, databases of one or two tables, pairs to learn from and questions held out."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nl2sql_arena import catalog
from nl2sql_arena.database import Database
from nl2sql_arena.engine import Engine
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.training.recipe import Evaluation, Lora, Schedule, Tuning
from nl2sql_arena.training.sets.datasets import Dataset, Source
from nl2sql_arena.types import Answer, Example, Request, Weights
from tests import tiny

TOWNS = """
CREATE TABLE cities (id INTEGER PRIMARY KEY, name VARCHAR, people INTEGER);
CREATE TABLE shops (id INTEGER PRIMARY KEY, name VARCHAR, city_id INTEGER REFERENCES cities (id));
"""
CITIES = "id,name,people\n1,Oslo,700\n2,Turin,850\n"
SHOPS = "id,name,city_id\n" + "".join(f"{i},shop {i},{1 + i % 2}\n" for i in range(9))
MEASURED = {
    "id": "q1", "question": "Which city has most people?", "gold_sql": ["SELECT name FROM cities ORDER BY people DESC LIMIT 1"],
    "category": "order", "split": "test",
}  # fmt: skip
LEARNED = (("how many cities ?", "SELECT COUNT(*) FROM cities"), ("name of shops ?", "SELECT name FROM shops"))
HELD_OUT = Example("h1", "towns", LEARNED[0][0], (LEARNED[0][1],), "aggregate", "held-out")
"""Learned too, so that a tiny model can be seen to get it right."""
RAW = """
trainer = "trl"
base = {{ id = "../phi" }}
format = "phi2-sql"
quantisation = "none"
max_length = 320
max_new_tokens = 64
kind = "mini"
data = [{{ source = "{rows}" }}]
lora = {{ rank = 8, alpha = 16, dropout = 0.1 }}
schedule = {{ rate = 1e-2, accumulate = 1, epochs = 2 }}
evaluation = {{ every = 8, questions = 2, max_new_tokens = 16 }}
"""
TABLE = "CREATE TABLE {0}s ({0}_id INTEGER, {0}_size INTEGER)"


def towns(folder: Path) -> Database:
    """A sample database with one question that models are measured on."""
    (folder / "towns" / "data").mkdir(parents=True, exist_ok=True)
    (folder / "towns" / "schema.sql").write_text(TOWNS)
    (folder / "towns" / "data" / "cities.csv").write_text(CITIES)
    (folder / "towns" / "data" / "shops.csv").write_text(SHOPS)
    (folder / "towns" / "questions.jsonl").write_text(json.dumps(MEASURED) + "\n")
    return Database("towns", folder / "towns", folder / "cache")


def pairs(database: Database, copies: int = 2) -> tuple[TrainingPair, ...]:
    return tuple(TrainingPair(question, sql, database.schema(), "test") for question, sql in LEARNED) * copies


def dataset(database: Database, train: Sequence[TrainingPair] = (), held_out: tuple[Example, ...] = (HELD_OUT,)) -> Dataset:
    files, schemas = {"towns": database.path()}, {"towns": database.schema()}
    return Dataset(tuple(train) or pairs(database), held_out, files, schemas, {"test": {"train": 4}})


def recipe(**changes: object) -> Tuning:
    """A recipe for the tiny Phi beside it, in which it learns both pairs by heart."""
    made = Tuning(
        name="tuned", base=Weights("../phi"), format="phi2-sql", data=(Source("test"),), max_length=384, max_new_tokens=64,
        lora=Lora(rank=16, alpha=32, dropout=0.0), quantisation="none", title="Tuned", kind="mini", licence="MIT",
        schedule=Schedule(epochs=100, accumulate=1, rate=1e-2, steps=60), evaluation=Evaluation(every=30, questions=1, max_new_tokens=32),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def short(**changes: object) -> Tuning:
    """The same for six steps."""
    return recipe(schedule=Schedule(epochs=10, accumulate=1, rate=1e-2, steps=6), evaluation=Evaluation(3, 1, 8), **changes)


def phi(models: Path) -> Path:
    """The tiny Phi, with room for a prompt of create-table statements."""
    folder = tiny.phi(models / "phi")
    settings = folder / "config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"max_position_embeddings": 512}))
    return folder


def raw(models: Path) -> Path:
    """A recipe over a file of raw rows on ten schemas."""
    rows = [
        {"question": question.format(noun), "sql": sql.format(noun), "schema": TABLE.format(noun)}
        for noun in "town lake road ship tree fish bird song game tool".split()
        for question, sql in (
            ("how many {0}s ?", "SELECT COUNT(*) FROM {0}s"),
            ("sum of size of {0}s ?", "SELECT SUM({0}_size) FROM {0}s"),
            ("size of all {0}s ?", "SELECT {0}_size FROM {0}s"),
        )
    ]  # fmt: skip
    file = models.parent / "raw.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = models / "tuned" / "recipe.toml"
    path.parent.mkdir()
    path.write_text(RAW.format(rows=file))
    return path


def ask(models: Path, name: str, question: str, database: Database, sandbox: Sandbox) -> Answer:
    """The answer of a contestant, loaded as the arena loads it."""
    engine = Engine(catalog.load(models), models, {database.name: database}, sandbox)
    (answer,) = engine.answers([Request("1", name, database.name, question)])
    return answer
