"""Seconds per answer of each mini, its table included; and the sandbox against a bare in-process DuckDB connection, interleaved."""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import record

from nl2sql_arena.database import connect_trusted
from nl2sql_arena.services import MINI_PAIR, open_services
from nl2sql_arena.settings import load
from nl2sql_arena.types import DISPLAY, Request

QUERY = "SELECT status, COUNT(*) FROM orders GROUP BY status ORDER BY 2 DESC"
ROUNDS = 60


def main() -> None:
    services = open_services(load())
    examples = [example for db in services.databases for example in services.examples(db, "arena")]
    figures: dict[str, object] = {"questions": len(examples)}
    for model in MINI_PAIR:
        services.engine.backend(model)
        asked = (Request(e.id, model, e.db, e.question) for e in examples)
        seconds = [a.seconds for request in asked for a in services.engine.answers([request])]  # one at a time, as a visitor asks
        ordered = sorted(seconds)
        figures[f"{model}_answer_s"] = {
            "median": round(statistics.median(ordered), 3),
            "p95": round(ordered[int(0.95 * len(ordered))], 3),
            "max": round(ordered[-1], 3),
        }
    path = services.databases["shop"].path()
    sandboxed, bare = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        services.sandbox.run(path, QUERY, DISPLAY)
        sandboxed.append(time.perf_counter() - began)
        began = time.perf_counter()
        with connect_trusted(path) as connection:
            connection.execute(QUERY).fetchall()
        bare.append(time.perf_counter() - began)
    ours, baseline = statistics.median(sandboxed), statistics.median(bare)
    figures["sandbox"] = {
        "baseline": "a fresh in-process connection for each query, without limits",
        "median_ms": round(1000 * ours, 2),
        "baseline_median_ms": round(1000 * baseline, 2),
        "ratio": round(ours / baseline, 2),
        "n": ROUNDS,
    }
    record.save("answers", figures)
    services.close()


if __name__ == "__main__":
    main()
