"""Runs contestants over examples and judges each answer against its golds. One path for the tab and the command line.

Not covered yet: a run log to resume from, stored predictions and other benchmarks' files.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from nl2sql_arena.compare import execution_match, is_ordered
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.services import Services
from nl2sql_arena.types import SCORE, Answer, Example, Execution, Level, Request, Score


@dataclass(frozen=True)
class Result:
    """One model's answer to one question with its verdict; `level` is None for a question whose right answer is to abstain."""

    example: Example
    level: Level | None
    answer: Answer
    score: Score


class Golds:
    """Gold results, run once each."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: dict[str, list[tuple[Execution, bool]]] = {}

    def of(self, example: Example) -> list[tuple[Execution, bool]]:
        if example.id not in self._seen:
            run = self._services.engine.run
            self._seen[example.id] = [(run(example.db, sql, SCORE), is_ordered(sql)) for sql in example.gold_sql]
        return self._seen[example.id]


def run(
    services: Services, models: Sequence[str], examples: Sequence[Example], cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Result]:
    """One result for each model and example, as they finish. Raises ModelUnavailable before the first."""
    golds = Golds(services)
    by_id = {example.id: example for example in examples}
    requests = [Request(example.id, model, example.db, example.question) for model in models for example in examples]
    for answer in services.engine.answers(requests, cancelled=cancelled, limits=SCORE):
        if cancelled():
            return
        example = by_id[answer.id]
        level = spider_level(example.gold_sql[0]) if example.gold_sql else None
        yield Result(example, level, answer, score(example, answer, golds.of(example)))


def judge(services: Services, example: Example, answer: Answer) -> Score:
    """The verdict on one answer from the arena, whose query is run again without the display's cuts."""
    if answer.outcome in ("ok", "empty"):
        answer = Answer(**{**answer.__dict__, "execution": services.engine.run(example.db, answer.prepared.sql, SCORE)})
    return score(example, answer, Golds(services).of(example))


def score(example: Example, answer: Answer, golds: Sequence[tuple[Execution, bool]]) -> Score:
    """Execution match against any gold; where there is none, abstaining is right."""
    if answer.outcome == "infrastructure":
        return Score(None, "infrastructure", answer.execution.message)
    if not example.gold_sql:
        right = answer.outcome == "abstained"
        return Score(float(right), "match" if right else "answered_unanswerable")
    if answer.outcome == "abstained":
        return Score(0.0, "abstained")
    found = execution_match(golds, answer.execution)
    lost = any(gold.outcome not in ("ok", "empty") or gold.truncated for gold, _ in golds)
    if found.value == 0.0 and lost and answer.outcome in ("ok", "empty"):  # it might have matched the gold that we could not run
        return Score(None, "gold_failed")
    return found


def dataset_hash(examples: Sequence[Example]) -> str:
    """What was asked and what counts as right, in twelve hexadecimal digits."""
    text = json.dumps([asdict(example) for example in examples], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
