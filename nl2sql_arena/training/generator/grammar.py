"""Synthetic training pairs: English questions with their DuckDB SQL, drawn over any described database.

`pairs` draws from the skeletons, which compose filters, joins and columns of a world with wordings. The unit that can be held
out of training is the `combination`: skeleton, tables and columns. Not covered: whether a pair gives rows (run it to know).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from zlib import crc32

from nl2sql_arena.training.generator import (  # noqa: F401 - they register their skeletons
    skeletons_compared,
    skeletons_counts,
    skeletons_groups,
    skeletons_lookups,
    skeletons_ranks,
    skeletons_rows,
    skeletons_self,
    skeletons_sets,
    skeletons_sums,
    skeletons_tops,
    skeletons_totals,
    skeletons_unknown,
    skeletons_windows,
)
from nl2sql_arena.training.generator.random_schemas import random_world, row_statements
from nl2sql_arena.training.generator.samples import LEXICONS, sample_world
from nl2sql_arena.training.generator.skeletons import SKELETONS
from nl2sql_arena.training.generator.voices import spoken_as
from nl2sql_arena.training.generator.world import Guide, World

HELD_OUT_PERCENT = 8
TRIES = 5
"""How often a chosen skeleton may fail to fit before another is chosen, so that demanding ones keep their share."""

__all__ = ["LEXICONS", "Pair", "World", "held_out", "pairs", "random_world", "row_statements", "sample_world"]


@dataclass(frozen=True)
class Pair:
    """One question and its query. `level` is rough, by skeleton; the real one is computed from the SQL."""

    question: str
    sql: str
    skeleton: str
    combination: str
    level: str


def held_out(combination: str) -> bool:
    """Whether the combination belongs to the share that is never trained; the same on every machine and run."""
    return crc32(combination.encode()) % 100 < HELD_OUT_PERCENT


def pairs(world: World, rng: random.Random, count: int, free_text: bool = True) -> Iterator[Pair]:
    """`count` pairs over the world; `free_text` adds fillers, case noise and typos to the questions."""
    guide = Guide(world)
    skeletons = sorted(SKELETONS, key=lambda item: item.name)  # not the order of imports, so that a seed means the same everywhere
    weights = list(accumulate(item.weight for item in skeletons))
    made = misses = 0
    while made < count and misses < 200 + 50 * count:
        skeleton = rng.choices(skeletons, cum_weights=weights)[0]
        drawn = next(filter(None, (skeleton.make(guide, rng) for _ in range(TRIES))), None)
        if drawn is None:
            misses += 1
            continue
        question = spoken_as(drawn.question, rng) if free_text else drawn.question
        combination = f"{skeleton.name}|{'+'.join(sorted(set(drawn.used)))}"
        yield Pair(question, drawn.sql, skeleton.name, combination, skeleton.level)
        made += 1
