"""How others judge a prediction, in our own words: `RULES`, by which a stored prediction is scored beside our own `SCORERS`.

Each rule looks at one gold and one prediction that both ran; a prediction is right when it is right for any gold. They are here so that one
sees what a published figure means, not as advice: every docstring names the rule's known faults. Nothing here is code of those projects.
Not covered: Spider's several databases for one question, and whatever a harness did to a query before it compared results.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle

from nl2sql_arena.compare import INTEGERS
from nl2sql_arena.types import Execution, Value

Cell = Hashable
Row = tuple[Cell, ...]
RELATIVE, ABSOLUTE = 1e-5, 1e-8
"""How far numbers may be apart where sql-eval asks pandas whether two columns are equal."""
ASKS_FOR_ORDER = re.compile(r"\b(order|sort|arrange)\b", re.IGNORECASE)
FIRST_KEY = re.compile(r"order\s+by(.*?)(?:[;,)]|$)", re.IGNORECASE)
NO_COLUMN = frozenset({"asc", "desc", "nulls", "last", "first", "limit"})


@dataclass(frozen=True)
class Case:
    """One gold and one prediction for a question: both queries, what both return, and whether the prediction runs on empty tables."""

    question: str
    category: str
    gold_sql: str
    gold: Execution
    sql: str
    predicted: Execution
    runs_on_empty: bool = False


Rule = Callable[[Case], bool]


def spider(case: Case) -> bool:
    """Spider's test suite (taoyds/test-suite-sql-eval, exec_eval.py, result_eq) on one database, DISTINCT kept.

    Rows are a multiset under some order of columns; where the gold says ORDER BY anywhere, they are a sequence. Known faults: tied rows in
    another order are wrong, also where only a subquery or window sorts; numbers are compared to the last bit; a date is not its timestamp;
    two empty results are equal whatever their columns. The script itself removes DISTINCT from both queries unless told otherwise.
    """
    gold, predicted = _rows(case.gold), _rows(case.predicted)
    if not gold and not predicted:
        return True
    if len(gold) != len(predicted) or len(gold[0]) != len(predicted[0]):
        return False
    ordered = "order by" in case.gold_sql.lower()
    return _same_under_some_column_order(list(zip(*gold, strict=True)), list(zip(*predicted, strict=True)), ordered)


def bird(case: Case) -> bool:
    """BIRD's execution accuracy (bird-bench/mini_dev, calculate_ex): the same set of rows.

    Known faults: duplicates and order never count, so a lost DISTINCT, a join's fan-out and a reversed list pass; the order of columns
    does count; numbers are compared to the last bit; an empty result equals any empty result.
    """
    return set(_rows(case.gold)) == set(_rows(case.predicted))


def sql_eval_exact(case: Case) -> bool:
    """sql-eval's `exact` (defog-ai/sql-eval, eval.py, compare_df): the same table once duplicates are dropped and columns sorted by name.

    Known faults: numpy spreads a gold of one row over no row and over any repetition of it, so an empty answer passes; duplicates never
    count; order counts only where the category is order_by or the question says order, sort or arrange, and then only the direction of the
    first key as far as it is written out; a result that repeats a column's name is wrong.
    """
    gold, predicted = _rows(case.gold), _rows(case.predicted)
    if _spreads_equal(gold, len(case.gold.columns), predicted, len(case.predicted.columns)):
        return True
    left, right = _names(case.gold), _names(case.predicted)
    if len(set(left)) < len(left) or len(set(right)) < len(right):
        return False
    return _normal(gold, left, case, case.gold_sql) == _normal(predicted, right, case, case.sql)


def sql_eval(case: Case) -> bool:
    """sql-eval's `correct` (defog-ai/sql-eval, eval.py, compare_df or subset_df), by which SQLCoder's figures were made.

    Exact, or each column of the gold has one in the prediction with the same values within 1e-5, and the rows of those columns agree.
    Known faults: those of `sql_eval_exact`; columns are paired greedily, the first with the same values being taken.
    """
    return sql_eval_exact(case) or _is_subset(case)


def runs_on_empty(case: Case) -> bool:
    """The prediction runs on a copy of the database without rows (pavankumarbalijepalli/pr-phi2-vs-defog, there on SQLite).

    Known fault: it says nothing about the answer; `SELECT 1` is right for every question.
    """
    return case.runs_on_empty


RULES: dict[str, Rule] = {"spider": spider, "bird": bird, "sql-eval": sql_eval, "runs": runs_on_empty}
"""By the names of their columns in `bench score`."""


def _rows(done: Execution) -> list[Row]:
    """The rows as Python values, which is what all of these projects compare."""
    return [tuple(_value(cell, column.type) for cell, column in zip(row, done.columns, strict=True)) for row in done.rows]


def _value(cell: Value, kind: str) -> Cell:
    """Numbers as numbers, text as text, all else as its type and text, since a date never equals its text there."""
    if cell is None or isinstance(cell, bool):
        return cell
    if isinstance(cell, list | dict) or kind.endswith("]"):
        return ("nested", str(cell))
    if kind.startswith("DECIMAL"):
        return Decimal(str(cell))
    if kind in INTEGERS:
        return int(cell)
    if kind in ("DOUBLE", "FLOAT"):
        return float(cell)
    return str(cell) if kind.startswith(("VARCHAR", "ENUM", "JSON")) else (kind, str(cell))


def _names(done: Execution) -> list[str]:
    return [column.name for column in done.columns]


def _same_under_some_column_order(gold: Sequence[Row], predicted: Sequence[Row], ordered: bool) -> bool:
    """Whether the columns pair up one to one such that whole rows agree, as sequences or as multisets."""

    def agree(left: list[int], right: list[int]) -> bool:
        return left == right if ordered else Counter(left) == Counter(right)

    def extend(place: int, free: frozenset[int], left: list[int], right: list[int]) -> bool:
        if place == len(gold):
            return True
        tried: list[Row] = []
        for j in sorted(free):
            if predicted[j] in tried:
                continue
            tried.append(predicted[j])
            numbers: dict[tuple[int, Cell], int] = {}
            mine, theirs = (
                [numbers.setdefault(key, len(numbers)) for key in zip(groups, column, strict=True)]
                for groups, column in ((left, gold[place]), (right, predicted[j]))
            )
            if agree(mine, theirs) and extend(place + 1, free - {j}, mine, theirs):
                return True
        return False

    start = [0] * len(gold[0])
    return extend(0, frozenset(range(len(gold))), start, start)


def _spreads_equal(gold: list[Row], gold_width: int, predicted: list[Row], width: int) -> bool:
    """Whether two tables are equal as numpy compares them: a single row or column stands for as many as the other table has, even none."""
    if any(len(sizes) > 1 and 1 not in sizes for sizes in ({len(gold), len(predicted)}, {gold_width, width})):
        return False
    height = 0 if not gold or not predicted else max(len(gold), len(predicted))
    pairs = zip(range(height), cycle(gold or [()]), cycle(predicted or [()]))
    return all(x == y for _, a, b in pairs for _, x, y in zip(range(max(gold_width, width)), cycle(a), cycle(b)))


def _normal(rows: Iterable[Row], names: Sequence[str], case: Case, sql: str = "") -> tuple[int, list[Row]]:
    """A table's width and its rows as sql-eval compares them: where order counts, sorted again by the first key that `sql` sorts by."""
    order = sorted(range(len(names)), key=lambda i: names[i])
    kept = [tuple(row[i] for i in order) for row in dict.fromkeys(tuple(map(_filled, row)) for row in rows)]
    columns = [names[i] for i in order]
    if case.category == "order_by" or ASKS_FOR_ORDER.search(case.question):
        found = re.search(r"order\s+by[\s\S]*", sql, re.IGNORECASE)
        key = FIRST_KEY.search(found[0]) if found else None
        if key:
            words = [word.rsplit(".", 1)[-1].replace("(", "") for word in key[1].split()]
            upward = any(word.lower() == "asc" for word in words) and not any(word.lower() == "desc" for word in words)
            chosen = [columns.index(word) for word in words if word.lower() not in NO_COLUMN and word in columns]
            others = [i for i in range(len(columns)) if i not in chosen]
            kept.sort(key=lambda row: [_sort_key(row[i]) for i in chosen + others], reverse=not upward)
            kept = [tuple(row[i] for i in others + chosen) for row in kept]
    else:
        kept.sort(key=lambda row: list(map(_sort_key, row)))
    return len(names), kept


def _filled(cell: Cell) -> Cell:
    """NULL and NaN are one to pandas."""
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def _sort_key(cell: Cell) -> tuple[int, float, str]:
    if cell is None:
        return (2, 0.0, "")
    return (0, float(cell), "") if isinstance(cell, int | float | Decimal) else (1, 0.0, str(cell))


def _is_subset(case: Case) -> bool:
    gold, predicted = _rows(case.gold), _rows(case.predicted)
    if not gold or not predicted:
        return False
    places = _places(list(zip(*gold, strict=True)), list(zip(*predicted, strict=True)))
    if places is None:
        return False
    names = list(_unique(_names(case.gold)))
    left = _normal(gold, names, case)[1]
    right = _normal([tuple(row[j] for j in places) for row in predicted], names, case)[1]
    return len(left) == len(right) and all(_near(x, y) for a, b in zip(left, right, strict=True) for x, y in zip(a, b, strict=True))


def _unique(names: Iterable[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"


def _places(gold: Sequence[Row], predicted: Sequence[Row]) -> list[int] | None:
    """For each column of the gold the first free one of the prediction with the same values in some order; None when one lacks."""
    free = {j: sorted(map(_filled, column), key=_sort_key) for j, column in enumerate(predicted)}
    places: list[int] = []
    for column in gold:
        mine = sorted(map(_filled, column), key=_sort_key)
        place = next((j for j, theirs in free.items() if len(mine) == len(theirs) and all(map(_near, mine, theirs))), None)
        if place is None:
            return None
        del free[place]
        places.append(place)
    return places


def _near(x: Cell, y: Cell) -> bool:
    if isinstance(x, int | float | Decimal) and isinstance(y, int | float | Decimal):
        return math.isclose(float(x), float(y), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return x == y
