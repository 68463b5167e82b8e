"""`python -m nl2sql_arena.training.phrasebook_check shop [FILE]`: whether phrasebooks can be read and their queries run, and what they say."""

import os
import random
import sys
from collections import Counter
from pathlib import Path

from nl2sql_arena import database, settings
from nl2sql_arena.database import connect_trusted, failure
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.errors import ArenaError
from nl2sql_arena.training import phrasebook
from nl2sql_arena.training.templates import variants

DRAWS = 6
"""Times that each intent is filled and run."""


def main(name: str, path: Path | None = None) -> None:
    """Print every query that fails, those that never find a row, levels, and some filled questions."""
    about = database.catalogue(settings.load(os.environ))[name]
    intents = phrasebook.read(path) if path else phrasebook.load(name)
    speaker, rng, levels, shown = phrasebook.Speaker(about, intents), random.Random(0), Counter[str](), []
    with connect_trusted(about.path()) as connection:
        for intent in intents:
            drawn = [speaker.say(intent, rng) for _ in range(DRAWS)]
            problems = [(failure(connection, sql), sql) for _, sql in drawn]
            if broken := next(((why, sql) for why, sql in problems if why and why != "no rows"), None):
                print(f"{intent.place} FAILS: {broken[0]}\n    {broken[1]}")
            elif all(why for why, _ in problems):
                print(f"{intent.place} never finds a row: {drawn[0][1]}")
            else:
                levels[spider_level(drawn[0][1])] += 1
                shown.append(drawn[0])
    wordings = sum(variants(question) for intent in intents for question in intent.questions)
    lines = sum(len(intent.questions) for intent in intents)
    print(f"{len(intents)} intents, {lines} question lines, {wordings} wordings before slots; levels {dict(levels)}")
    for question, sql in rng.sample(shown, min(8, len(shown))):
        print(f"  {question}\n      {sql}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    except ArenaError as problem:
        sys.exit(str(problem))
