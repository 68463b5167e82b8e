"""Predictions that somebody stored, scored without a model under several rules at once: ours (`SCORERS`) and those of others (`RULES`).

All rules judge the same questions: those whose golds all ran. A prediction that is missing, failed or was cut is wrong under every rule,
but for "runs", which asks only whether it runs on tables without rows. Our own failures, and results too large to compare, are unscored.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nl2sql_arena.benchmark.files import Dataset, Unusable, in_order, ready
from nl2sql_arena.benchmark.rules import RULES, Case
from nl2sql_arena.benchmark.scorers import SCORERS, Run, once
from nl2sql_arena.errors import BadInput, Infrastructure
from nl2sql_arena.published.files import build_empty
from nl2sql_arena.published.records import records
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Example, Execution, Interval, Limits

ALL_RULES = (*SCORERS, *RULES)
RAN = ("ok", "empty")
NOT_RUN = ("cut", "abstained", "infrastructure")
"""Outcomes that `ask --jsonl` gives to an answer whose query was not run."""


@dataclass(frozen=True)
class Prediction:
    """A stored query; `outcome` where it is known already that it must not be run."""

    sql: str
    outcome: str = ""


@dataclass(frozen=True)
class Scoring:
    """Predictions' names -> question -> the verdict of each rule, None where unscored; what was left out; how golds were mended."""

    verdicts: Mapping[str, Mapping[str, Mapping[str, bool] | None]]
    unusable: tuple[Unusable, ...]
    unanswerable: int
    missing: Mapping[str, int]
    repairs: Mapping[str, tuple[str, ...]]

    def interval(self, name: str, rule: str) -> Interval:
        found = [each[rule] for each in self.verdicts[name].values() if each is not None]
        return wilson(sum(found), len(found))


# Reading


def read(path: Path, examples: Sequence[Example]) -> dict[str, dict[str, Prediction]]:
    """Predictions by contestant and question: JSON lines or CSV with id and sql (also of `ask --jsonl`), BIRD's JSON, or a query a line.

    Raises BadInput.
    """
    if path.suffix in (".txt", ".sql"):
        return {path.stem: _in_dataset_order(_text(path).rstrip("\n").split("\n"), path, examples)}
    if path.suffix == ".json" and (text := _text(path)).lstrip().startswith("{"):
        return {path.stem: _in_dataset_order(in_order(_object(text, path), path), path, examples)}
    known = {example.id for example in examples}
    found: dict[str, dict[str, Prediction]] = {}
    for number, row in enumerate(records(path), 1):
        sql, identity, name = row.get("sql"), str(row.get("id", "")), str(row.get("model") or path.stem)
        if not isinstance(sql, str):
            raise BadInput(f'{path} line {number} is not {{"id", "sql"}}; write one object a question, or one query a line in a .txt file.')
        if identity not in known:
            raise BadInput(f"{path} line {number} answers a question {identity!r} that the data set lacks; name the set that was asked.")
        if identity in found.setdefault(name, {}):
            raise BadInput(f"{path} line {number} answers the question {identity!r} a second time; keep one answer.")
        found[name][identity] = Prediction(sql, str(row.get("outcome", "")) if row.get("outcome") in NOT_RUN else "")
    if not found:
        raise BadInput(f"{path} holds no prediction; name a file with some.")
    return found


def read_all(paths: Sequence[Path], examples: Sequence[Example]) -> dict[str, dict[str, Prediction]]:
    """The predictions of several files, a name that two of them use made longer by its file. Raises BadInput."""
    files = [(path, read(path, examples)) for path in paths]
    names = [name for _, found in files for name in found]
    return {
        name if names.count(name) == 1 else f"{path}:{name}": predictions for path, found in files for name, predictions in found.items()
    }


def _in_dataset_order(lines: Sequence[Any], path: Path, examples: Sequence[Example]) -> dict[str, Prediction]:
    """One prediction a question, whatever follows a TAB left out."""
    if len(lines) != len(examples):
        raise BadInput(f"{path} holds {len(lines)} predictions for {len(examples)} questions; give one for each, in the data set's order.")
    return {example.id: Prediction(str(line).split("\t")[0]) for example, line in zip(examples, lines, strict=True)}


def _object(text: str, path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as problem:
        raise BadInput(f"{path} is not JSON ({problem}); JSON lines go into a .jsonl file.") from problem
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadInput(f"{path} cannot be read ({problem}); name a file of predictions.") from problem


# Scoring


def score(
    dataset: Dataset,
    contestants: Mapping[str, Mapping[str, Prediction]],
    dialect: str,
    sandbox: Sandbox,
    workers: int = 1,
    log: Callable[[str], None] = lambda _line: None,
) -> Scoring:
    """Every prediction under every rule. Raises BadDatabase, Infrastructure."""

    def run_in(paths: Mapping[str, Path]) -> Run:
        def run(db: str, sql: str, limits: Limits) -> Execution:
            try:
                return sandbox.run(paths[db], sql, limits)
            except Infrastructure as problem:
                return Execution("infrastructure", message=str(problem))

        return once(run)

    answerable = [example for example in dataset.examples if example.gold_sql]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        run = run_in({name: each.path() for name, each in dataset.databases.items()})
        empty = run_in(_empty_twins(dataset, Path(folder)))
        known = {each.id for each in dataset.unusable}
        failed = pool.map(lambda each: list(_gold_failures(each, run)), [each for each in answerable if each.id not in known])
        unusable = (*dataset.unusable, *(each for some in failed for each in some))
        left_out = {each.id for each in unusable}
        asked = [example for example in answerable if example.id not in left_out]
        verdicts = {}
        for name, predictions in contestants.items():
            log(f"{name}: questions to judge: {len(asked)}")
            queries = _prepared(dataset, asked, predictions, dialect, sandbox)
            judged = pool.map(lambda each, queries=queries: _judged(each, queries[each.id], run, empty), asked)
            verdicts[name] = dict(zip((each.id for each in asked), judged, strict=True))
    missing = {name: sum(each.id not in found for each in asked) for name, found in contestants.items()}
    return Scoring(verdicts, unusable, len(dataset.examples) - len(answerable), missing, dataset.repairs)


def _empty_twins(dataset: Dataset, folder: Path) -> dict[str, Path]:
    """A file without rows for each database."""
    paths = {name: folder / f"{number}" / f"{name}.duckdb" for number, name in enumerate(dataset.databases)}
    for name, path in paths.items():
        build_empty(dataset.databases[name].path(), path)
    return paths


def _gold_failures(example: Example, run: Run) -> Iterator[Unusable]:
    for sql in example.gold_sql:
        done = run(example.db, sql)
        if done.outcome not in RAN or done.truncated:
            said = " ".join(done.message.split("\n\n")[0].split())
            yield Unusable(example.id, example.db, sql, f"{done.outcome}: {said}" if done.outcome not in RAN else "its result is too large")


def _prepared(
    dataset: Dataset, asked: Sequence[Example], predictions: Mapping[str, Prediction], dialect: str, sandbox: Sandbox
) -> dict[str, Prediction]:
    """Every question's prediction in DuckDB's words; without a query where there is none to run."""
    found = {example.id: predictions.get(example.id, Prediction("")) for example in asked}
    by_db: dict[str, list[str]] = {}
    for example in asked:
        each = found[example.id]
        if each.sql.strip() and not each.outcome:
            text = sandbox.prepare(dataset.databases[example.db].path(), each.sql, "duckdb")
            found[example.id] = Prediction(text.sql, "abstained" if text.abstained else "")
            by_db.setdefault(example.db, []).append(example.id)
    if dialect != "duckdb":
        for db, ids in by_db.items():
            queries = ready([found[identity].sql for identity in ids], dataset.databases[db], (dialect,), sandbox)
            found |= {identity: Prediction(each.sql, found[identity].outcome) for identity, each in zip(ids, queries, strict=True)}
    return found


def _judged(example: Example, prediction: Prediction, run: Run, empty: Run) -> dict[str, bool] | None:
    """The verdict of each rule on a prediction for a question whose golds all run; None when our side failed."""
    if prediction.outcome == "infrastructure":
        return None
    if prediction.outcome or not prediction.sql.strip():
        return dict.fromkeys(ALL_RULES, False)
    done, on_empty = run(example.db, prediction.sql), empty(example.db, prediction.sql)
    if "infrastructure" in (done.outcome, on_empty.outcome) or done.truncated:
        return None
    scores = {name: scorer(example, prediction.sql, run) for name, scorer in SCORERS.items()}
    if any(each.value is None for each in scores.values()):
        return None
    golds = [(sql, run(example.db, sql)) for sql in example.gold_sql]
    runs = on_empty.outcome in RAN
    cases = [Case(example.question, example.category, sql, gold, prediction.sql, done, runs) for sql, gold in golds]
    ours = {name: each.value == 1.0 for name, each in scores.items()}
    if done.outcome not in RAN:
        return ours | dict.fromkeys(RULES, False) | {"runs": runs}
    return ours | {name: any(map(rule, cases)) for name, rule in RULES.items()}


# Showing


def as_json(scoring: Scoring) -> dict[str, Any]:
    """What `bench score --predictions --json` says of the predictions."""
    return {
        "unanswerable": scoring.unanswerable,
        "unusable": [{"id": each.id, "db": each.db, "sql": each.sql, "reason": each.reason} for each in scoring.unusable],
        "gold_repairs": {identity: list(named) for identity, named in scoring.repairs.items()},
        "predictions": {
            name: {
                "missing": scoring.missing[name],
                "unscored": sum(each is None for each in found.values()),
                "rules": {rule: _figure(scoring.interval(name, rule)) for rule in ALL_RULES},
            }
            for name, found in scoring.verdicts.items()
        },
        "questions": [
            {"id": identity, "verdicts": {name: found[identity] for name, found in scoring.verdicts.items()}}
            for identity in next(iter(scoring.verdicts.values()), {})
        ],
    }


def _figure(found: Interval) -> dict[str, Any]:
    correct = round(found.value * found.n) if found.n else 0
    return {"n": found.n, "correct": correct, "accuracy": found.value if found.n else None, "low": found.low, "high": found.high}


def as_text(scoring: Scoring) -> str:
    """A table of predictions and rules, each share with its Wilson interval and, among several, its rank under that rule."""
    ranks = {rule: _ranks({name: scoring.interval(name, rule) for name in scoring.verdicts}) for rule in ALL_RULES}
    rows = [["predictions", "n", *ALL_RULES]]
    for name, found in scoring.verdicts.items():
        n = sum(each is not None for each in found.values())
        shares = [(scoring.interval(name, rule), ranks[rule][name]) for rule in ALL_RULES]
        rows.append([name, str(n), *[_share(each, rank if len(ranks[ALL_RULES[0]]) > 1 else 0) for each, rank in shares]])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{name}: questions without a prediction, which count as wrong: {count}" for name, count in scoring.missing.items() if count]
    for name, found in scoring.verdicts.items():
        if unscored := sum(each is None for each in found.values()):
            lines.append(f"{name}: {unscored} unscored, for results too large or failures of ours")
    if scoring.unanswerable:
        lines.append(f"questions that cannot be answered, which are left out: {scoring.unanswerable}")
    mended = Counter(repair for named in scoring.repairs.values() for repair in named)
    lines += [f"golds mended: {count} ({repair})" for repair, count in sorted(mended.items())]
    lines += [f"question {each.id} ({each.db}) left out, its gold is unusable: {each.reason}" for each in scoring.unusable]
    return "\n".join(lines)


def _ranks(found: Mapping[str, Interval]) -> dict[str, int]:
    """Place by share, the best first; equal shares share a place."""
    return {name: 1 + sum(other.value > each.value for other in found.values()) for name, each in found.items()}


def _share(found: Interval, rank: int) -> str:
    if not found.n:
        return "-"
    return f"{f'#{rank} ' if rank else ''}{found.value:.1%} ({100 * found.low:.0f}-{100 * found.high:.0f})"
