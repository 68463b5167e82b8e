"""On which questions two models are known to answer differently: from the newest kept runs of both under their present revisions.

A run's file keeps the first rows of each result. Where a result has more, two of the same size whose kept rows agree count as alike.
"""

from collections.abc import Mapping
from pathlib import Path

from nl2sql_arena import compare
from nl2sql_arena.benchmark import runs
from nl2sql_arena.benchmark.runs import KEPT_ROWS, Measured, StoredRun
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Services
from nl2sql_arena.types import Answer

TABLES = ("ok", "empty")
Questions = Mapping[tuple[str, str], bool]
"""(database, id of a question) -> whether the two answers differ."""


class Differing:
    """Looks for new runs each time it is asked, and reads each file once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._read: dict[tuple[str, tuple[str, str]], Questions] = {}

    def between(self, pair: tuple[str, str]) -> dict[tuple[str, str], bool]:
        """What all kept runs of both models tell, the newest last word; empty where there is none."""
        found: dict[tuple[str, str], bool] = {}
        folders = (runs.folder_of(self._services), runs.SHIPPED)
        for about in reversed(runs.listed(*folders)):
            if self._is_of(about, pair):
                found |= self._of(about, pair, folders)
        return found

    def _is_of(self, about: Measured, pair: tuple[str, str]) -> bool:
        ran = {each.name: each.revision for each in about.contestants}
        return all(name in self._services.cards and ran.get(name) == self._services.revision(name) for name in pair)

    def _of(self, about: Measured, pair: tuple[str, str], folders: tuple[Path, ...]) -> Questions:
        key = (about.name, pair)
        if key not in self._read:
            try:
                run = runs.find(about.name, *folders)
            except BadInput:
                return {}  # a file that is broken or gone tells nothing
            if not run.complete:
                return differing(run, pair)
            self._read[key] = differing(run, pair)
        return self._read[key]


def differing(run: StoredRun, pair: tuple[str, str]) -> dict[tuple[str, str], bool]:
    """The questions that both models answered in a run."""
    answers: dict[tuple[str, str], dict[str, Answer]] = {}
    for result in run.results:
        if result.answer.model in pair and result.answer.outcome != "infrastructure":
            answers.setdefault((result.example.db, result.example.id), {})[result.answer.model] = result.answer
    return {question: _differ(*found.values()) for question, found in answers.items() if len(found) == len(set(pair)) == 2}


def _differ(a: Answer, b: Answer) -> bool:
    if a.prepared.sql == b.prepared.sql:
        return False
    if a.outcome not in TABLES or b.outcome not in TABLES:
        return a.outcome != b.outcome
    if a.execution.row_count != b.execution.row_count or len(a.execution.columns) != len(b.execution.columns):
        return True
    if a.execution.row_count > KEPT_ROWS:
        return a.execution.rows != b.execution.rows
    found = compare.difference(a.execution, b.execution)
    return not (found.same or found.same_but_order)
