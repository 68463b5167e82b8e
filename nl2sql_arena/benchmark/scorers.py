"""`SCORERS`: the rules by which an answer's query is judged, by name. A scorer gets an example, the SQL and a way to run SQL.

`strict` is execution match, `relaxed` the same with further columns allowed; docs/scoring.md has their rules and the reasons they give.
A verdict of None is unscored: it is never averaged. Not covered: whether a query is right on other data.
"""

from collections.abc import Callable

from nl2sql_arena.compare import execution_match, is_ordered
from nl2sql_arena.types import SCORE, Example, Execution, Limits, Score

Run = Callable[[str, str], Execution]
"""(database, SQL) -> all that the query returns, within SCORE."""
Scorer = Callable[[Example, str, Run], Score]
"""(example with golds, the query to judge, a way to run SQL) -> the verdict. Raises what running raises."""


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
    golds = [(run(example.db, gold), is_ordered(gold)) for gold in example.gold_sql]
    predicted = run(example.db, sql)
    found = execution_match(golds, predicted)
    lost = any(gold.outcome not in ("ok", "empty") or gold.truncated for gold, _ in golds)
    if found.value == 0.0 and lost and predicted.outcome in ("ok", "empty"):  # it might have matched the gold that we could not run
        return Score(None, "gold_failed")
    return found


def relaxed(example: Example, sql: str, run: Run) -> Score:
    """The same; the query may give more columns than the gold."""
    return strict(example, sql, run)


SCORERS: dict[str, Scorer] = {"strict": strict, "relaxed": relaxed}
