"""A model in training answers questions on schemas that it does not learn from; its queries are run and scored as the benchmark's are.

The engine asks, so that prompt, stop, repairs and sandbox are those of the arena; only the weights are the ones in training.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nl2sql_arena.backends import Backend
from nl2sql_arena.benchmark.runner import score
from nl2sql_arena.benchmark.scorers import once
from nl2sql_arena.database import Database
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import Infrastructure
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.types import SCORE, Example, ModelCard, Request, Schema

Figures = dict[str, float]


NOWHERE = Schema("", ())


@dataclass(frozen=True)
class Built(Database):
    """A DuckDB file that is there already, with its schema."""

    file: Path = Path()
    known: Schema = NOWHERE

    def path(self) -> Path:
        return self.file

    def schema(self) -> Schema:
        return self.known


def built(files: Mapping[str, Path], schemas: Mapping[str, Schema]) -> dict[str, Database]:
    """Databases for the engine, by name."""
    return {name: Built(name, file.parent, file.parent, file=file, known=schemas[name]) for name, file in files.items()}


class Exam:
    """Questions with their gold results, which are run once."""

    def __init__(self, card: ModelCard, examples: Sequence[Example], databases: Mapping[str, Database], sandbox: Sandbox) -> None:
        self.examples = tuple(examples)
        self._card, self._databases, self._sandbox = card, databases, sandbox
        self._run = once(self._engine().run)

    def _engine(self) -> Engine:
        return Engine({self._card.name: self._card}, Path(), self._databases, self._sandbox)

    def __call__(self, backend: Backend) -> Figures:
        """Execution accuracy and the share of valid SQL (0..1) over the `scored` questions, and the seconds all answers took.

        Raises Infrastructure when none could be judged.
        """
        began = time.monotonic()
        # Anew: what a backend keeps of prompts, gigabytes with a large model, must not stay while the training goes on.
        engine = self._engine()
        engine.add(self._card.name, backend)
        by_id = {example.id: example for example in self.examples}
        requests = [Request(each.id, self._card.name, each.db, each.question) for each in self.examples]
        answers = list(engine.answers(requests, limits=SCORE))
        scored = [(answer, found.value) for answer in answers if (found := score(by_id[answer.id], answer, self._run)).value is not None]
        if not scored:
            why = answers[0].execution.message.rstrip(".") if answers else "none was asked"
            raise Infrastructure(f"No held-out question could be judged ({why}); mend that and give the same command again.")
        correct = sum(value for _, value in scored if value)
        valid = sum(answer.outcome in ("ok", "empty") for answer, _ in scored)
        return {
            "execution_accuracy": round(correct / len(scored), 4),
            "valid_sql": round(valid / len(scored), 4),
            "scored": len(scored),
            "exam_seconds": round(time.monotonic() - began, 1),
        }
