"""`train adapt` for a model of others: the recipe in its folder, turned to a database of one's own, for `train sft` to follow.

What the mini's `adapt` does, with trl: pairs that our grammar composes over the database's schema and values, and a replay of what the
recipe names, so that the rest is not forgotten. The model's adapter is continued where it has one; else a new one is trained.
"""

import os
from dataclasses import replace
from pathlib import Path

from nl2sql_arena import catalog
from nl2sql_arena.catalog import CARD
from nl2sql_arena.database import Database
from nl2sql_arena.training.recipe import Tuning
from nl2sql_arena.training.sets.datasets import Source
from nl2sql_arena.training.tuning import contestant

PAIRS = 3_000
"""About the database, when nobody says how many."""
REPLAYED = 2
"""Rows of the recipe's own sources for each of them, in equal parts."""


def recipe_for(tuning: Tuning, folder: Path, database: Database, pairs: int, seed: int, out: Path) -> Tuning:
    """The recipe of the model in `folder` for `database`, as it would stand in the folder `out`. Raises BadCard."""
    card = folder / CARD
    adapter = catalog.read(card).adapter if card.is_file() else None
    share = max(1, REPLAYED * pairs // len(tuning.data))
    replayed = (replace(each, most=min(each.most or share, share)) for each in tuning.data)
    return replace(
        tuning,
        name=out.resolve().name,
        title=f"{tuning.title or tuning.name}, adapted to {database.name}",
        base=contestant.relative(tuning.base, folder, out),
        adapter=contestant.relative(adapter, folder, out) if adapter else None,
        data=(Source("database", os.path.relpath(database.file or database.folder), most=pairs), *replayed),
        seed=seed,
    )
