"""`SCORERS`: the rules by which an answer's query is judged, by name. A scorer gets an example, the SQL and a way to run SQL.

`strict` is execution match, `relaxed` the same with further columns allowed; docs/scoring.md has their rules and the reasons they give.
A verdict of None is unscored: it is never averaged. Not covered: whether a query is right on other data.
"""

from collections.abc import Callable
from dataclasses import replace

from nl2sql_arena import compare, golds
from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import SCORE, Example, Execution, Limits, Score

Run = Callable[[str, str], Execution]
"""(database, SQL) -> all that the query returns, within SCORE."""
Scorer = Callable[[Example, str, Run], Score]
"""(example with golds, the query to judge, a way to run SQL) -> the verdict. Raises what running raises."""
TABLE = ("ok", "empty")
REASONS = {
    "match": "the same table",
    "match_tied": "the same but for rows that tie in the gold's order",
    "match_empty": "no rows, as the gold: weak evidence",
    "extra_columns": "the gold's table with further columns",
    "row_order": "the right rows in another order than the gold's",
    "duplicates": "the right rows, but some more or less often",
    "no_rows": "no rows where the gold has some",
    "rows": "other rows",
    "columns": "another number of columns",
    "answered_unanswerable": "a query where the right answer is to abstain",
    "abstained": "no query where the tables can answer",
    "error": "does not run",
    "timeout": "takes too long",
    "memory": "takes too much memory",
    "refused": "is refused by the sandbox",
    "cut": "was cut off by the token cap",
    "gold_failed": "unscored: a gold that might have matched cannot be run whole",
    "too_large": "unscored: the result is too large to compare",
    "infrastructure": "unscored: our own failure",
}
"""Every reason of a verdict, what is best first."""
RIGHT = ("match", "match_tied", "match_empty")
UNSCORED = ("gold_failed", "too_large", "infrastructure")


def once(run: Callable[[str, str, Limits], Execution]) -> Run:
    """A way to run SQL that runs each query once, as golds are for many contestants; our own failures are tried again."""
    seen: dict[tuple[str, str], Execution] = {}

    def run_once(db: str, sql: str) -> Execution:
        done = seen.get((db, sql)) or run(db, sql, SCORE)
        if done.outcome != "infrastructure":
            seen[db, sql] = done
        return done

    return run_once


def strict(example: Example, sql: str, run: Run) -> Score:
    """Execution match with any gold: as many columns, the same rows, in the gold's order where it sorts."""
    return _verdict(example, sql, run, RIGHT)


def relaxed(example: Example, sql: str, run: Run) -> Score:
    """The same; the query may give more columns than the gold."""
    return _verdict(example, sql, run, (*RIGHT, "extra_columns"))


SCORERS: dict[str, Scorer] = {"strict": strict, "relaxed": relaxed}


def _verdict(example: Example, sql: str, run: Run, right: tuple[str, ...]) -> Score:
    """The best verdict over all golds. One gold that fails leaves the others, but nothing is wrong that it might have matched."""
    tables = [(_read(gold), run(example.db, gold)) for gold in example.gold_sql]
    usable = [(number, gold, table) for number, (gold, table) in enumerate(tables, 1) if gold and _is_whole(table)]
    if not usable:
        return Score(None, "gold_failed")
    predicted = run(example.db, sql)
    if predicted.outcome not in TABLE:
        return Score(None if predicted.outcome in UNSCORED else 0.0, predicted.outcome)
    if predicted.truncated:
        return Score(None, "too_large")
    found = [(_against(gold, table, predicted, example.db, run), number, table) for number, gold, table in usable]
    reason, number, table = min(found, key=lambda each: list(REASONS).index(each[0]))
    if reason in right:
        return Score(1.0, reason, f"gold {number} of {len(tables)}" if len(tables) > 1 else "")
    if len(usable) < len(tables):
        return Score(None, "gold_failed")
    return Score(0.0, reason, _difference(reason, table, predicted))


def _read(sql: str) -> golds.Gold | None:
    try:
        return golds.read(sql)
    except BadInput:
        return None


def _is_whole(table: Execution) -> bool:
    return table.outcome in TABLE and not table.truncated


def _against(gold: golds.Gold, table: Execution, predicted: Execution, db: str, run: Run) -> str:
    """The reason of the verdict against one gold and its table."""
    further = len(predicted.columns) - len(table.columns)
    reason = _rows(gold, table, predicted, db, run) if further >= 0 else "columns"
    if further > 0:
        return "extra_columns" if reason in ("match", "match_tied") else "columns"
    return reason


def _rows(gold: golds.Gold, table: Execution, predicted: Execution, db: str, run: Run) -> str:
    if not table.rows or not predicted.rows:
        return "no_rows" if table.rows else "rows" if predicted.rows else "match_empty"
    if len(table.rows) == len(predicted.rows):
        if compare.agrees_in_order(table, predicted, gold.slack):
            return "match"
        same = compare.agrees(table, predicted, gold.slack)
        if same and not gold.ordered:
            return "match"
        if gold.keyed and (same or gold.cut) and _is_tied(gold, table, predicted, run(db, gold.keyed)):
            return "match_tied"
        if same:
            return "row_order"
    once_each = compare.distinct(table), compare.distinct(predicted)
    return "duplicates" if len(once_each[0].rows) == len(once_each[1].rows) and compare.agrees(*once_each, gold.slack) else "rows"


def _is_tied(gold: golds.Gold, table: Execution, predicted: Execution, full: Execution) -> bool:
    """Whether the prediction differs from the gold only in rows that tie, given the gold with its sort keys and without LIMIT.

    Where a LIMIT cuts a tie, any choice among its rows will do. A full table that does not even contain the gold's says nothing.
    """
    width, height = len(table.columns), len(table.rows)
    if full.outcome not in TABLE or len(full.columns) != width + gold.appended:
        return False
    groups = compare.tied(full, gold.keys)
    window = groups[gold.offset : gold.offset + height]
    if len(window) < height:
        return False
    kept = [(row[:width], group) for row, group in zip(full.rows, groups, strict=True) if window[0] <= group <= window[-1]]
    reference = replace(full, columns=full.columns[:width], rows=tuple(row for row, _ in kept))
    sides = [group for _, group in kept], window
    return compare.agrees(reference, table, groups=sides) and compare.agrees(reference, predicted, gold.slack, sides)


def _difference(reason: str, table: Execution, predicted: Execution) -> str:
    """A few words on how the tables differ."""
    if reason in ("columns", "extra_columns"):
        return f"{len(predicted.columns)} columns where {len(table.columns)} are right"
    if reason == "row_order":
        return "the same rows in another order"
    found = compare.difference(table, predicted)
    counts = f"{found.only_a} rows missing, {found.only_b} rows too many, {found.common} right"
    return "; ".join(filter(None, (counts, compare.example_rows(table, predicted))))
