"""Results as a run would have them, made without running anything."""

from typing import Any

from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.runs import Contestant, Measured, StoredRun
from nl2sql_arena.types import Answer, Completion, Example, Execution, Generation, Kind, Outcome, Prepared, Prompt, Score

EASY = "SELECT name FROM customers WHERE city = 'Oslo'"
HARD = "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders)"
"""`hard` by Spider's rules."""
CTE = "WITH x AS (SELECT id FROM orders) SELECT id FROM x"
"""`easy` by Spider's rules, `hard` by the DuckDB-aware ones."""


def result(
    model: str,
    number: int,
    right: bool | None,
    gold: str = EASY,
    db: str = "shop",
    outcome: Outcome = "ok",
    sql: str = "",
    seconds: float = 1.0,
    tokens: int = 10,
    repairs: tuple[str, ...] = (),
) -> Result:
    """An answer to question `number`; the right answer to a question without a gold is to abstain."""
    name, question, written = f"{db}-{number}", f"Question {number}?", sql or gold
    completion = Completion(name, model, written, 50, tokens, 0.1, seconds, "length" if outcome == "cut" else "stop")
    prepared = Prepared(written, written, repairs, outcome == "abstained")
    answer = Answer(name, model, db, question, Prompt("", ""), completion, prepared, Execution(outcome), "fp32 on cpu", seconds)
    reason = "infrastructure" if right is None else "match" if right else "rows" if outcome == "ok" else outcome
    golds = (gold,) if gold else ()
    return Result(Example(name, db, question, golds, "filter", "dev"), None, answer, Score(None if right is None else float(right), reason))


def contestant(name: str, kind: Kind = "mini") -> Contestant:
    return Contestant(name, f"Title of {name}", kind, "Apache-2.0", "mini", f"revision-of-{name}", "fp32 on cpu", Generation(160))


def stored(*results: Result, kinds: dict[str, Kind] | None = None, data: str = "0123456789ab", name: str = "a-run") -> StoredRun:
    """A complete run of these results."""
    models = dict.fromkeys(each.answer.model for each in results)
    databases = tuple(dict.fromkeys(each.example.db for each in results))
    about = Measured(
        name, "2026-11-28T03:35:41+00:00", "all", data, "dev", len(results) // max(1, len(models)), "", databases, "strict",
        "CPU (2 cores)", {"duckdb": "2.0.0", "python": "3.11"}, tuple(contestant(each, (kinds or {}).get(each, "mini")) for each in models),
    )  # fmt: skip
    return StoredRun(about, tuple(results))


def found_by_passes(model: str) -> dict[str, Any]:
    """What all three passes over a run may have found for one model, as they are kept."""
    share = {"value": 0.5, "low": 0.1, "high": 0.9, "n": 4}
    luck = {"id": "shop-1", "db": "shop", "reasons": {"1": "match", "2": "rows"}}
    variants = {
        "seeds": [1, 2], "skipped": {"zoo": "no generator"}, "skipped_questions": 3,
        "models": {model: {"plain": share, "stricter": share | {"value": 0.25}, "held": 1, "lucky": [luck], "unproven": []}},
    }  # fmt: skip
    drop = {
        "n": 4, "before": share, "after": share | {"value": 0.25}, "drop": {"value": 0.25, "low": -0.1, "high": 0.5, "n": 4}, "p": 0.5,
        "p_holm": 1.0, "lost": ["shop-1"], "gained": [], "unscored": 1,
    }  # fmt: skip
    slices = {"typos": {"about": "a typo for every eight words", "models": {model: drop}, "left": {"shop-2": "too short"}, "questions": []}}
    spread = {"value": 61.25, "low": 40.0, "high": 82.5, "n": 4}
    timed = {"r_ves": {"all": spread, "easy": spread}, "ceiling": spread | {"low": None, "high": None, "n": 1}, "timed": [], "untimed": []}
    return {
        "variants": variants,
        "robustness": {"seed": 0, "slices": slices},
        "efficiency": {"repeats": 12, "models": {model: timed}},
    }
