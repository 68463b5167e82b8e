"""`data phrases`: whether phrasebooks can be read, what is wrong with their queries, and what they say."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from nl2sql_arena.database import Database, connect_trusted, failure
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.training.generator.phrasebook import Intent, Speaker
from nl2sql_arena.training.generator.templates import pick, variants

DRAWS = 3
"""Times that each intent is filled and run."""
SHOWN = 8


def check(database: Database, intents: Sequence[Intent]) -> Iterator[str]:
    """Lines for people: each intent whose query fails or never finds a row, then counts, levels, and some filled questions.

    Raises BadInput for a slot that cannot be filled.
    """
    speaker, rng = Speaker(database, intents), random.Random(0)
    levels: Counter[str] = Counter()
    with connect_trusted(database.path()) as connection:
        for intent in intents:
            drawn = [speaker.say(intent, rng) for _ in range(DRAWS)]
            problems = [failure(connection, sql) for _, sql in drawn]
            broken = next((i for i, why in enumerate(problems) if why and why != "no rows"), None)
            if broken is not None:
                yield f"{intent.place} fails: {problems[broken]}\n    {drawn[broken][1]}"
            elif all(problems):
                yield f"{intent.place} never finds a row: {drawn[0][1]}"
            levels[spider_level(drawn[0][1])] += 1
    wordings = sum(variants(question) for intent in intents for question in intent.questions)
    counts = ", ".join(f"{count} {level}" for level, count in sorted(levels.items()))
    lines = sum(len(intent.questions) for intent in intents)
    yield f"{len(intents)} intents ({counts}), {lines} lines of questions, {wordings} wordings before slots are filled"
    for intent in [pick(rng, intents) for _ in range(SHOWN)] if intents else []:
        yield "  {}\n      {}".format(*speaker.say(intent, rng))
