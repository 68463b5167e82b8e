"""`train adapt`: teaches a mini a database that it has never seen, from pairs generated over the schema and values of that database.

The adapter of a mini is continued; a part of what it reads is replayed from the sample databases, so that those are not forgotten. The
result is a contestant of its own. What it learns are generated questions with the names of the schema: other words for the same things it
can only know from the sample databases.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from nl2sql_arena import prompts
from nl2sql_arena.catalog import CARD
from nl2sql_arena.database import Database
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import BadInput
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training.apart import measured_on
from nl2sql_arena.training.minis import attention, data, evaluate, mini
from nl2sql_arena.training.minis.bars import Bars
from nl2sql_arena.training.minis.pools import Packer, Pool
from nl2sql_arena.training.recipe import Adapter, Recipe, Stage
from nl2sql_arena.training.tuning import contestant
from nl2sql_arena.types import ModelCard, Weights

MIX = {"new": 0.7, "phrases": 0.2, "grammar": 0.1}
"""How often a block is about the new database, and how often replayed from the phrasebooks and the grammar of the sample databases."""
STAGE = Stage(1.0, MIX, 1e-3)
PAIRS_A_SECOND = 60
"""Pairs that are expected to be read at most; with fewer at hand some are read twice."""
STAND_IN = "A stand-in that shows the machine at work; it says nothing about Phi-2 or SQLCoder."
MINUTES = 4.0
"""Of training, when nobody says how many."""
ASKED = 60
"""Generated questions of each database that are asked before and after."""


@dataclass(frozen=True)
class Adapted:
    """A mini's card and folder of models, the database to learn, those that are replayed, and where things go."""

    card: ModelCard
    models: Path
    database: Database
    known: Mapping[str, Database]
    out: Path
    work: Path


def adapt(adapted: Adapted, minutes: float, seed: int, log: mini.Log, asked: int = ASKED, again: bool = False) -> mini.Report:
    """Train for `minutes` of one core into `adapted.out`; returns what its `training.json` says. `again` lets a finished or begun one go.

    Raises BadInput for a model that is no adapted mini, for a folder that is taken, and for a database without enough to ask about.
    """
    card = adapted.card
    if card.kind != "mini" or card.adapter is None:
        raise BadInput(
            f"{card.name} is no mini with an adapter, nor does its folder hold a recipe for one; name mini-p-lora or phi-2-nl2sql."
        )
    if again:
        shutil.rmtree(adapted.work, ignore_errors=True)
    elif (adapted.out / mini.FIGURES).exists():
        raise BadInput(f"{adapted.out} holds a finished training already; give --again to train it anew, or another folder with --out.")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    base, adapter = adapted.models / card.name / card.base.id, adapted.models / card.name / card.adapter.id
    sources = _pools(adapted, base, minutes, seed)
    log(f"{len(sources['new']):,} pairs about {adapted.database.name} and {len(sources['phrases']) + len(sources['grammar']):,} others")

    frozen = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation=attention.NAME)
    model: Any = PeftModel.from_pretrained(frozen, adapter, is_trainable=True)
    each = Recipe(adapted.out.name, Adapter(base.resolve().name, 0, 0, ()), (STAGE,))
    adapted.work.mkdir(parents=True, exist_ok=True)
    job = mini.Job(adapted.work, adapted.out.parent, (), frozenset(), seed)
    adapted.out.mkdir(parents=True, exist_ok=True)
    with Bars([[each]], log) as bars:
        stage = mini.train(model, STAGE, sources, minutes * 60, each, 1, job, bars)
    mini.save(model, each, job)
    made = replace(
        card,
        name=adapted.out.name,
        title=f"{card.title}, adapted to {adapted.database.name}",
        base=contestant.relative(card.base, adapted.models / card.name, adapted.out),
        adapter=Weights("."),
        learned=(*card.learned, adapted.database.name),
        notes=f"{card.name}, its adapter continued on generated questions about the database {adapted.database.name}. {STAND_IN}",
    )
    contestant.write_card(adapted.out / CARD, made)
    figures = _figures(adapted, made, seed, asked) | {"stage": stage, "seed": seed, "from": card.name, "database": adapted.database.name}
    contestant.write_figures(adapted.out, figures)
    for path in adapted.work.glob("*.pt"):
        path.unlink()
    return figures


def _pools(adapted: Adapted, base: Path, minutes: float, seed: int) -> dict[str, Pool]:
    """The pairs of each part of the mix. Raises BadInput when the new database has too little to ask about."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    apart = measured_on({**adapted.known, adapted.database.name: adapted.database})
    new = data.Ground((data.Sample(adapted.database),), apart)
    known = data.Ground(tuple(data.Sample(database) for database in adapted.known.values()), apart)
    linked = adapted.card.format in prompts.LINKED
    count = max(64, round(PAIRS_A_SECOND * 60 * minutes))
    kinds = {"new": (new, "grammar"), "phrases": (known, "phrases"), "grammar": (known, "grammar")}
    return {
        name: data.pool(Packer(tokenizer, linked), ground, kind, seed, round(count * MIX[name])) for name, (ground, kind) in kinds.items()
    }


def _figures(adapted: Adapted, made: ModelCard, seed: int, asked: int) -> mini.Report:
    """Execution accuracy on generated questions of held-out combinations, before and after, on the new database and on the known ones."""
    databases = {**adapted.known, adapted.database.name: adapted.database}
    apart = measured_on(databases)
    groups = {"new": {adapted.database.name: adapted.database}, "known": adapted.known}
    questions = {name: evaluate.held_out(group, seed, asked, apart) for name, group in groups.items()}
    found: mini.Report = {}
    with Sandbox() as sandbox:
        for when, card, models in (("before", adapted.card, adapted.models), ("after", made, adapted.out.parent)):
            engine = Engine({card.name: card}, models, databases, sandbox)
            found[when] = {name: evaluate.accuracy(engine, card.name, group) for name, group in questions.items() if group}
    return {"held_out_combinations": found}
