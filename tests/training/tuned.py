"""A small world to tune in: a tiny random Phi, a database of two tables, pairs to learn from and questions held out."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from nl2sql_arena.training.datasets import Dataset, Source
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.training.recipe import Evaluation, Lora, Schedule, Tuning
from nl2sql_arena.types import Column, Example, ForeignKey, Schema, Table, Weights
from tests import tiny

TOWNS = """
CREATE TABLE cities (id INTEGER PRIMARY KEY, name VARCHAR, people INTEGER);
CREATE TABLE shops (id INTEGER PRIMARY KEY, name VARCHAR, city_id INTEGER REFERENCES cities (id));
INSERT INTO cities VALUES (1, 'Oslo', 700), (2, 'Turin', 850);
INSERT INTO shops SELECT i, 'shop ' || i, 1 + i % 2 FROM range(9) r(i);
"""
SCHEMA = Schema(
    "towns",
    (
        Table("cities", (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("people", "INTEGER")), ("id",)),
        Table(
            "shops", (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("city_id", "INTEGER")), ("id",),
            (ForeignKey(("city_id",), "cities", ("id",)),),
        ),
    ),
)  # fmt: skip
LEARNED = (("how many cities ?", "SELECT COUNT(*) FROM cities"), ("name of shops ?", "SELECT name FROM shops"))
HELD_OUT = Example("h1", "towns", "count shops", ("SELECT COUNT(*) FROM shops",), "aggregate", "dev")


def pairs(copies: int = 8) -> tuple[TrainingPair, ...]:
    return tuple(TrainingPair(question, sql, SCHEMA, "test") for question, sql in LEARNED) * copies


def database(folder: Path) -> Path:
    """The DuckDB file of `towns`."""
    file = folder / "towns.duckdb"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(file)) as connection:
            connection.execute(TOWNS)
    return file


def dataset(folder: Path, train: Sequence[TrainingPair] = pairs(), held_out: tuple[Example, ...] = (HELD_OUT,)) -> Dataset:
    return Dataset(tuple(train), held_out, {"towns": database(folder)}, {"towns": SCHEMA}, {"test": {"train": len(train)}})


def recipe(**changes: object) -> Tuning:
    """A recipe for the tiny Phi beside it, in fp32 and six steps."""
    made = Tuning(
        name="tuned", base=Weights("../phi"), format="phi2-sql", data=(Source("test"),), max_length=384, max_new_tokens=64,
        lora=Lora(rank=4, alpha=8, dropout=0.0), quantisation="none", schedule=Schedule(epochs=1, batch=1, accumulate=1, rate=1e-2, steps=6),
        evaluation=Evaluation(every=3, questions=1), title="Tuned", kind="mini", licence="MIT",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def phi(models: Path) -> Path:
    """The tiny Phi, with room for a prompt of create-table statements."""
    folder = tiny.phi(models / "phi")
    settings = folder / "config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"max_position_embeddings": 512}))
    return folder
