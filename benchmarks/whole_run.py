"""The two minis and the base over all test questions, generated and judged: the run that everybody makes against one question at a time.

The command's whole time is measured first, start and loading included, in a data folder that holds nothing but the sample databases.
Then, both with models loaded and nothing taken from a log, the run's own path (questions in batches, judged beside generation by all
workers) and the plain one (a question written, run and judged before the next), interleaved. What is asked and how it is judged is the
same for both.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import record

from nl2sql_arena.benchmark import runner
from nl2sql_arena.services import Services, open_services
from nl2sql_arena.settings import load
from nl2sql_arena.types import SCORE, Request

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("mini-p-lora", "mini-l", "mini-p")
ROUNDS = 2


def command(data: str) -> float:
    """Seconds of `bench run`, from start to exit, with no answer in the log."""
    call = [sys.executable, "-m", "nl2sql_arena", "bench", "run", "--models", ",".join(MODELS), "--dataset", "all", "--split", "test"]
    began = time.perf_counter()
    subprocess.run(call, cwd=ROOT, env=os.environ | {"ARENA_DATA": data}, check=True, capture_output=True)
    return time.perf_counter() - began


def whole(services: Services) -> tuple[float, int]:
    """Seconds of the run's own path, and how many answers were right."""
    began = time.perf_counter()
    examples = [each for db in services.databases for each in services.examples(db, "test")]
    results = list(runner.run(services, MODELS, examples, again=True))
    return time.perf_counter() - began, sum(each.score.value == 1 for each in results)


def one_at_a_time(services: Services) -> tuple[float, int]:
    """Seconds of the plain path, and how many answers were right."""
    began = time.perf_counter()
    right = 0
    for model in MODELS:
        for db in services.databases:
            for example in services.examples(db, "test"):
                (answer,) = services.engine.answers([Request(example.id, model, db, example.question)], limits=SCORE)
                right += runner.score(example, answer, services.engine.run).value == 1
    return time.perf_counter() - began, right


def main() -> None:
    with tempfile.TemporaryDirectory() as data:
        os.environ["ARENA_DATA"] = data
        services = open_services(load())
        for model in MODELS:
            services.engine.backend(model)
        for db in services.databases:
            services.engine.database(db)
        first = command(data)
        rounds = [(whole(services), one_at_a_time(services)) for _ in range(ROUNDS)]
        questions = sum(len(services.examples(db, "test")) for db in services.databases)
        services.close()
    record.save(
        "whole_run",
        {
            "baseline": "one question at a time: written, run and judged before the next; golds run anew for each",
            "models": MODELS,
            "questions": questions,
            "command_seconds": round(first, 1),
            "rounds": ROUNDS,
            "seconds": [round(batched, 1) for (batched, _), _ in rounds],
            "baseline_seconds": [round(plain, 1) for _, (plain, _) in rounds],
            "ratio_of_time": round(statistics.median(batched / plain for (batched, _), (plain, _) in rounds), 3),
            "right": [right for (_, right), _ in rounds],
            "baseline_right": [right for _, (_, right) in rounds],
        },
    )


if __name__ == "__main__":
    main()
