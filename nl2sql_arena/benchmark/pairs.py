"""`bench score --pairs`: anybody's golds and predictions, each pair with the database that both run on.

A fixture is trusted as far as it is the user's own: a script is run by us, without files and network, an SQLite file is read as data.
Golds and predictions run in the sandbox alone, of another dialect than DuckDB's after translation there; golds are also read by `golds`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from nl2sql_arena.benchmark.scorers import SCORERS, once
from nl2sql_arena.errors import BadInput, Infrastructure
from nl2sql_arena.published.databases import SUFFIXES, duckdb_file
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.sql import abstains
from nl2sql_arena.types import Dialect, Example, Execution, Limits, Score


@dataclass(frozen=True)
class Pair:
    """One line of the file; no gold means that the right answer is to abstain."""

    id: Any
    gold_sql: tuple[str, ...]
    pred_sql: str
    fixture: str
    dialect: str = "duckdb"


@dataclass(frozen=True)
class Scored:
    """The verdicts on a pair: None is unscored; `outcome` is the prediction's, `reason` that of the strict verdict."""

    id: Any
    strict: bool | None
    relaxed: bool | None
    outcome: str
    reason: str


def read(path: Path) -> list[Pair]:
    """The pairs of a JSONL file. Raises BadInput naming the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise BadInput(f"{path} cannot be read ({problem}); name a JSONL file.") from problem
    return [_pair(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _pair(number: int, line: str) -> Pair:
    wanted = '"id", "gold_sql", "pred_sql", "fixture"'
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise BadInput(f"Line {number} is not JSON ({problem}); write {{{wanted}}} there.") from problem
    if not isinstance(row, dict) or any(field not in row for field in ("id", "gold_sql", "pred_sql", "fixture")):
        raise BadInput(f"Line {number} is not {{{wanted}}}; correct it and run again.")
    golds = [row["gold_sql"]] if isinstance(row["gold_sql"], str) else row["gold_sql"]
    dialect = row.get("dialect", "duckdb")
    texts = (*golds, row["pred_sql"], row["fixture"]) if isinstance(golds, list) else (None,)
    if not all(isinstance(text, str) for text in texts):
        raise BadInput(f"Line {number} has a gold_sql that is no list of texts, or a pred_sql or fixture that is no text; correct it.")
    if dialect not in get_args(Dialect):
        raise BadInput(f"Line {number} has the dialect {dialect!r}; known are {', '.join(get_args(Dialect))}.")
    return Pair(row["id"], tuple(golds), row["pred_sql"], row["fixture"], dialect)


def score(pairs: list[Pair], root: Path, cache: Path, sandbox: Sandbox) -> Iterator[Scored]:
    """The verdicts in the order of the pairs; fixtures are below `root`, built files in `cache`. Raises BadInput, BadDatabase."""
    files = {fixture: _file(root / fixture, cache) for fixture in dict.fromkeys(pair.fixture for pair in pairs)}
    for pair in pairs:
        yield _scored(pair, files[pair.fixture], sandbox)


def _scored(pair: Pair, file: Path, sandbox: Sandbox) -> Scored:
    def run(_db: str, sql: str, limits: Limits) -> Execution:
        if abstains(sql):
            return Execution("abstained")
        try:
            return sandbox.run(file, sql, limits)
        except Infrastructure as problem:
            return Execution("infrastructure", message=str(problem))

    try:
        golds, predicted = tuple(_duckdb(pair, sql, file, sandbox) for sql in pair.gold_sql), _duckdb(pair, pair.pred_sql, file, sandbox)
    except Infrastructure:
        return Scored(pair.id, None, None, "infrastructure", "infrastructure")
    run_once = once(run)
    outcome = run_once(pair.fixture, predicted).outcome
    if not golds:
        right = None if outcome == "infrastructure" else outcome == "abstained"
        return Scored(pair.id, right, right, outcome, "infrastructure" if right is None else "match" if right else "answered_unanswerable")
    example = Example(str(pair.id), pair.fixture, "", golds, "", "")
    strict, relaxed = (SCORERS[rule](example, predicted, run_once) for rule in ("strict", "relaxed"))
    return Scored(pair.id, _verdict(strict), _verdict(relaxed), outcome, strict.reason)


def _verdict(score: Score) -> bool | None:
    return None if score.value is None else score.value == 1.0


def _duckdb(pair: Pair, sql: str, file: Path, sandbox: Sandbox) -> str:
    """A query in DuckDB's words; DuckDB's own is taken as it stands. Raises Infrastructure."""
    return sql if pair.dialect == "duckdb" or abstains(sql) else sandbox.prepare(file, sql, pair.dialect).sql


def _file(fixture: Path, cache: Path) -> Path:
    """The DuckDB file of a fixture, built in the cache if it must be. Raises BadInput, BadDatabase."""
    if fixture.suffix not in SUFFIXES or not fixture.is_file():
        raise BadInput(f"There is no fixture {fixture}; name one that ends in {', '.join(SUFFIXES)}, relative to --db-root.")
    return duckdb_file(fixture, cache)
