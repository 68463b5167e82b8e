"""All `arena` questions to each mini in one call against one call each, interleaved: wall time as a ratio, and whether the texts are equal.

Generation only; no SQL is run. A busy machine shows in both, so the ratio is what counts.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import record

from nl2sql_arena.backends import Backend
from nl2sql_arena.services import MINI_PAIR, Services, open_services
from nl2sql_arena.settings import load
from nl2sql_arena.types import Completion, GenerationRequest, Request

ROUNDS = 3


def requests(services: Services, model: str) -> list[GenerationRequest]:
    """What the engine hands to a backend for all the questions."""
    engine, handed = services.engine, list[GenerationRequest]()
    whole = engine.generate

    def keep(ready: Sequence[GenerationRequest], *_: object) -> Iterator[Completion]:
        handed.extend(ready)
        return iter(())

    engine.generate = keep
    try:
        asked = [Request(each.id, model, db, each.question) for db in services.databases for each in services.examples(db, "arena")]
        list(engine.answers(asked))
    finally:
        engine.generate = whole
    return handed


def timed(backend: Backend, calls: Sequence[Sequence[GenerationRequest]]) -> tuple[float, dict[str, Completion]]:
    """Seconds for all calls, and the completions by id."""
    began = time.perf_counter()
    done = {each.id: each for call in calls for each in backend.generate(call)}
    return time.perf_counter() - began, done


def main() -> None:
    services = open_services(load())
    figures: dict[str, object] = {"baseline": "one request a call, schema prefixes kept as in the batch", "rounds": ROUNDS}
    for model in MINI_PAIR:
        asked, backend = requests(services, model), services.engine.backend(model)
        timed(backend, [asked])  # warm up
        together, apart, ratios, unequal = 0.0, 0.0, [], 0
        for _ in range(ROUNDS):
            batched, found = timed(backend, [asked])
            single, expected = timed(backend, [[request] for request in asked])
            together, apart = together + batched, apart + single
            ratios.append(batched / single)
            unequal += sum(found[name].text != expected[name].text for name in expected)
        figures[model] = {
            "questions": len(asked),
            "answers_per_s": round(ROUNDS * len(asked) / together, 1),
            "baseline_answers_per_s": round(ROUNDS * len(asked) / apart, 1),
            "ratio_of_time": {"median": round(statistics.median(ratios), 3), "worst": round(max(ratios), 3)},
            "texts_that_differ": unequal,
        }
    record.save("batching", figures)
    services.close()


if __name__ == "__main__":
    main()
