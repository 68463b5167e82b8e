"""Which questions a run asks when it does not ask all, and how long a run may take here. No model is asked in here."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime

from nl2sql_arena.benchmark.runner import dataset_hash
from nl2sql_arena.benchmark.runs import Measured, StoredRun
from nl2sql_arena.difficulty import level
from nl2sql_arena.services import Services
from nl2sql_arena.types import LEVELS, Example

QUICK = 20
"""Questions of a quick sample."""
SEED = 7
CHOSEN = f"a sample stratified over levels and databases, seed {SEED}"
"""How a quick sample was drawn, in the words that its run keeps."""
LOADING = 60.0
"""Seconds at most that loading takes, for what a run's file tells of its time."""


def quick(examples: Sequence[Example], count: int = QUICK, seed: int = SEED) -> list[Example]:
    """So many answerable examples, as evenly from Spider's levels and the databases as there are some, in the order given.

    The same examples and seed give the same sample, so that two runs of it compare. Where a level of a database is used up, others go on.
    """
    databases = list(dict.fromkeys(example.db for example in examples))
    cells: dict[tuple[str, str], list[int]] = {}
    for place, example in enumerate(examples):
        if example.gold_sql:
            cells.setdefault((level(example.gold_sql[0]), example.db), []).append(place)
    draw = random.Random(seed)
    for places in cells.values():
        draw.shuffle(places)
    # Diagonally, so that any four in a row are of four levels and of as many databases as there are.
    order = [(LEVELS[at % 4], databases[(at // 4 + at % 4) % len(databases)]) for at in range(4 * len(databases))]
    taken: list[int] = []
    while any(cells.values()) and len(taken) < count:
        taken += [cells[cell].pop() for cell in order if cells.get(cell)]
    return [examples[place] for place in sorted(taken[:count])]


def questions(services: Services, about: Measured) -> list[Example] | None:
    """The questions that a run of the sample databases asked, found again; None where they are not the same any more."""
    if set(about.databases) - set(services.databases):
        return None
    each = [services.examples(db, about.split) for db in about.databases]
    whole = [example for examples in each for example in examples]
    first = about.questions // max(1, len(each))
    for candidate in (whole, quick(whole), [example for examples in each for example in examples[:first]]):
        if dataset_hash(candidate) == about.dataset_hash:
            return candidate
    return None


def seconds(runs: Sequence[StoredRun], revisions: Mapping[str, str], hardware: str, count: int) -> float | None:
    """About how long `count` questions to each model take (revision by name), from complete runs of these very weights on this hardware.

    A run's time is from its start to the last change of its file (but no more than its answers one after the other, should the file be
    a copy), shared out among its models by what their answers took. Runs that were
    answered from the log were faster, so the slowest counts, of those with at least so many questions where there are any: in a small run
    loading weighs more. None where a model is not known.
    """
    larger = [run for run in runs if run.measured.questions >= count]
    paces = _paces(runs, revisions, hardware) | _paces(larger, revisions, hardware)
    return count * sum(paces.values()) if set(paces) == set(revisions) else None


def _paces(runs: Sequence[StoredRun], revisions: Mapping[str, str], hardware: str) -> dict[str, float]:
    """Model -> the most seconds a question that it took."""
    slowest: dict[str, float] = {}
    for run in runs:
        if run.path is None or not run.complete or not run.results or run.measured.hardware != hardware:
            continue
        wall = run.path.stat().st_mtime - datetime.fromisoformat(run.measured.at).timestamp()
        took = {each.name: 0.0 for each in run.measured.contestants}
        for result in run.results:
            took[result.answer.model] += result.answer.seconds
        wall = min(wall, LOADING + sum(took.values()))
        for each in run.measured.contestants:
            if wall > 0 and revisions.get(each.name) == each.revision:
                share = took[each.name] / (sum(took.values()) or 1.0)
                slowest[each.name] = max(slowest.get(each.name, 0.0), wall * share / run.measured.questions)
    return slowest
