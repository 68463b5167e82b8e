"""Runs contestants over examples and judges each answer against its golds. One path for the tab and the command line.

A run that was ended goes on where it was (`log`), and scoring goes on beside generation.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from nl2sql_arena import zero_gpu
from nl2sql_arena.benchmark.log import CompletionLog, Identity, overlapping, remembering
from nl2sql_arena.benchmark.scorers import SCORERS, Run, Scorer, once
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


def run(
    services: Services,
    models: Sequence[str],
    examples: Sequence[Example],
    cancelled: Callable[[], bool] = lambda: False,
    scorer: Scorer = SCORERS["strict"],
    again: bool = False,
) -> Iterator[Result]:
    """One result for each model and example, as they finish. Raises ModelUnavailable before the first of a model that cannot be loaded,
    which `runs.measured` finds for all of them.

    What these very models have written before is taken from the run log, unless everything is wanted `again`; what is new is kept there.
    """
    run_gold = once(services.engine.run)
    by_id = {example.id: example for example in examples}
    # On ZeroGPU one call answers a question for all models; elsewhere a model at a time: memory need not hold them all.
    groups = [models] if zero_gpu.is_here() else [[model] for model in models]
    generate = services.engine.generate if again else remembering(services.engine.generate, run_log(services), identity_of(services))
    at_once = services.settings.workers
    for group in groups:
        requests = [Request(example.id, model, example.db, example.question) for model in group for example in examples]
        answers = services.engine.answers(requests, cancelled=cancelled, limits=SCORE, generate=overlapping(generate), at_once=at_once)
        for answer in answers:
            if cancelled():
                return
            example = by_id[answer.id]
            level = spider_level(example.gold_sql[0]) if example.gold_sql else None
            yield Result(example, level, answer, score(example, answer, run_gold, scorer))


def run_log(services: Services) -> CompletionLog:
    """The log of this arena's data folder. Raises BadInput."""
    return CompletionLog(services.settings.data / "runs" / "completions.jsonl")


def identity_of(services: Services) -> Identity:
    """A model's revision and the precision it runs in."""

    def identity(model: str) -> str:
        precision = services.engine.backend(model).precision  # first: it may load the model, which settles the revision
        return f"{services.revision(model)} {precision}"

    return identity


def judge(services: Services, example: Example, answer: Answer) -> Score:
    """The verdict on one answer from the arena, whose query is run again without the display's cuts."""
    if answer.outcome in ("ok", "empty"):
        answer = replace(answer, execution=services.engine.run(example.db, answer.prepared.sql, SCORE))
    return score(example, answer, once(services.engine.run))


def score(example: Example, answer: Answer, run_gold: Run, scorer: Scorer = SCORERS["strict"]) -> Score:
    """The scorer's verdict on an answer that has run already; where there is no gold, abstaining is right."""
    if answer.outcome == "infrastructure":
        return Score(None, "infrastructure", answer.execution.message)
    if not example.gold_sql:
        right = answer.outcome == "abstained"
        return Score(float(right), "match" if right else "answered_unanswerable")

    def run(db: str, sql: str) -> Execution:
        """The answer's own query has run; it is told by identity, since an answer cut by the cap may spell a gold."""
        return answer.execution if sql is answer.prepared.sql else run_gold(db, sql)

    return scorer(example, answer.prepared.sql, run)


def dataset_hash(examples: Sequence[Example]) -> str:
    """What was asked and what counts as right, in twelve hexadecimal digits."""
    text = json.dumps([asdict(example) for example in examples], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
