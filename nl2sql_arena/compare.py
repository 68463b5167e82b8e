"""Whether two result tables say the same thing, and where they differ.

Rows are a multiset and stay together; columns match one to one whatever their names and order; the order of rows counts only where the gold
query sorts at its top level. Values: NULL only equals NULL, NaN only NaN; integers are exact, other numbers agree within 1e-6 relative or
1e-9 absolute; a date equals its midnight timestamp and its ISO text; true equals 1; text is exact. Not covered yet: ties under ORDER BY.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp, parse_one

from nl2sql_arena.types import Execution, Score, Value

RELATIVE, ABSOLUTE = 1e-6, 1e-9
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "BOOLEAN")
FRACTIONS = ("DECIMAL", "DOUBLE", "FLOAT")
Cell = str | int | float | None
Row = tuple[Cell, ...]
Grid = list[Row]


@dataclass(frozen=True)
class Difference:
    """How two results differ: `same` ignores row order unless `ordered` was asked; counts are of rows."""

    same: bool
    same_but_order: bool = False
    columns_a: int = 0
    columns_b: int = 0
    only_a: int = 0
    only_b: int = 0
    common: int = 0


def is_ordered(sql: str) -> bool:
    """Whether a (trusted) DuckDB query sorts at its top level."""
    tree = parse_one(sql, read="duckdb")
    while isinstance(tree, exp.Subquery) and not tree.args.get("order"):
        tree = tree.this
    return tree.args.get("order") is not None


def execution_match(golds: Sequence[tuple[Execution, bool]], predicted: Execution) -> Score:
    """1.0 when the predicted table equals any gold table (each with whether it is ordered), else 0.0; None when it cannot be judged."""
    usable = [(gold, ordered) for gold, ordered in golds if gold.outcome in ("ok", "empty") and not gold.truncated]
    if not usable:
        return Score(None, "gold_failed")
    if predicted.outcome == "infrastructure":
        return Score(None, "infrastructure")
    if predicted.outcome not in ("ok", "empty"):
        return Score(0.0, predicted.outcome)
    if predicted.truncated:
        return Score(None, "too_large")
    found = [difference(gold, predicted) for gold, _ in usable]
    if any(each.same or (each.same_but_order and not ordered) for each, (_, ordered) in zip(found, usable, strict=True)):
        return Score(1.0, "match")
    return Score(0.0, *_mismatch(found[0]))


def _mismatch(found: Difference) -> tuple[str, str]:
    if found.same_but_order:
        return "row_order", "the same rows in another order"
    if found.columns_a != found.columns_b:
        return "columns", f"{found.columns_b} columns where {found.columns_a} are right"
    return "rows", f"{found.only_a} rows missing, {found.only_b} rows too many, {found.common} right"


def difference(a: Execution, b: Execution) -> Difference:
    """How table b differs from table a."""
    sizes = len(a.columns), len(b.columns)
    if sizes[0] != sizes[1]:
        return Difference(False, columns_a=sizes[0], columns_b=sizes[1], only_a=len(a.rows), only_b=len(b.rows))
    kinds_a, kinds_b = ([_kind(column.type) for column in side.columns] for side in (a, b))
    order = _column_order(a, b, kinds_a, kinds_b)
    left, right, floats = _grids(a, b, kinds_a, kinds_b, order or list(range(sizes[0])))
    common = _common(left, right, floats)
    whole = common == len(left) == len(right)
    in_order = whole and all(_same_row(x, y, floats) for x, y in zip(left, right, strict=True))
    return Difference(in_order, whole and not in_order, sizes[0], sizes[1], len(left) - common, len(right) - common, common)


def _kind(type_name: str) -> str:
    if type_name.endswith("]"):
        return "nested"
    if type_name.startswith(FRACTIONS):
        return "fraction"
    if type_name in INTEGERS:
        return "integer"
    return "moment" if type_name.startswith(("DATE", "TIMESTAMP")) else "text"


def _grids(a: Execution, b: Execution, kinds_a: list[str], kinds_b: list[str], order: list[int]) -> tuple[Grid, Grid, list[bool]]:
    """Both tables in a's column order with comparable cells, and which columns are compared as floats."""
    readers: list[tuple[Callable[[Value], Cell], Callable[[Value], Cell]]] = []
    floats = []
    for i, j in enumerate(order):
        pair = {kinds_a[i], kinds_b[j]}
        floats.append("fraction" in pair and pair <= {"fraction", "integer"})
        readers.append(_readers(kinds_a[i], kinds_b[j], floats[-1]))
    left = [tuple(read[0](row[i]) for i, read in enumerate(readers)) for row in a.rows]
    right = [tuple(read[1](row[order[i]]) for i, read in enumerate(readers)) for row in b.rows]
    return left, right, floats


def _readers(kind_a: str, kind_b: str, as_float: bool) -> tuple[Callable[[Value], Cell], Callable[[Value], Cell]]:
    if as_float:
        return _float, _float
    if kind_a == kind_b == "integer":
        return _integer, _integer
    if "text" in (kind_a, kind_b) and {kind_a, kind_b} & {"integer", "fraction"}:
        return _number_text, _number_text
    return _text, _text


def _integer(cell: Value) -> Cell:
    return None if cell is None else int(cell)  # type: ignore[arg-type]


def _float(cell: Value) -> Cell:
    return None if cell is None else float(cell)  # type: ignore[arg-type]


def _text(cell: Value) -> Cell:
    if cell is None:
        return None
    if isinstance(cell, float):
        return repr(float(f"{cell:.7g}"))
    return str(cell).removesuffix(" 00:00:00")


def _number_text(cell: Value) -> Cell:
    if cell is None or isinstance(cell, bool):
        return None if cell is None else str(int(cell))
    text = str(cell)
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:.7g}" if math.isfinite(number) else text


def _same_row(x: Row, y: Row, floats: list[bool]) -> bool:
    return all(_close(p, q) if is_float else p == q for p, q, is_float in zip(x, y, floats, strict=True))


def _close(p: Cell, q: Cell) -> bool:
    if p is None or q is None:
        return p is q
    assert isinstance(p, float)
    assert isinstance(q, float)
    return (math.isnan(p) and math.isnan(q)) or math.isclose(p, q, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _common(left: Grid, right: Grid, floats: list[bool]) -> int:
    """How many rows of the two multisets pair up."""
    exact = [i for i, is_float in enumerate(floats) if not is_float]
    if len(exact) == len(floats):
        return (Counter(left) & Counter(right)).total()
    groups: defaultdict[Row, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, grid in enumerate((left, right)):
        for row in grid:
            groups[tuple(row[i] for i in exact)][side].append(row)
    return sum(_paired(mine, theirs, floats) for mine, theirs in groups.values())


def _paired(mine: Grid, theirs: Grid, floats: list[bool]) -> int:
    """Rows that agree within tolerance, walking both groups in sorted order."""
    keys = [i for i, is_float in enumerate(floats) if is_float]

    def sort_key(row: Row) -> tuple[tuple[bool, bool, float], ...]:
        numbers = [row[i] for i in keys]
        return tuple(
            (c is None, c is not None and math.isnan(float(c)), 0.0 if c is None or math.isnan(float(c)) else float(c)) for c in numbers
        )

    mine, theirs = sorted(mine, key=sort_key), sorted(theirs, key=sort_key)
    i = j = found = 0
    while i < len(mine) and j < len(theirs):
        if _same_row(mine[i], theirs[j], floats):
            i, j, found = i + 1, j + 1, found + 1
        elif sort_key(mine[i]) < sort_key(theirs[j]):
            i += 1
        else:
            j += 1
    return found


def _column_order(a: Execution, b: Execution, kinds_a: list[str], kinds_b: list[str]) -> list[int] | None:
    """For each column of a the column of b that it matches such that whole rows agree; None when there is no such mapping."""
    width = len(kinds_a)
    if len(a.rows) != len(b.rows):
        return None

    def agrees(order: list[int]) -> bool:
        shown = list(range(len(order)))
        part_a = Execution("ok", a.columns[: len(order)], tuple(tuple(row[i] for i in shown) for row in a.rows))
        left, right, floats = _grids(part_a, b, kinds_a, kinds_b, order)
        return _common(left, right, floats) == len(left)

    def extend(order: list[int]) -> list[int] | None:
        if len(order) == width:
            return order
        ahead = sorted(set(range(width)) - set(order), key=lambda j: j != len(order))
        for j in ahead:
            longer = [*order, j]
            if column_fits(len(order), j) and agrees(longer):
                done = extend(longer)
                if done is not None:
                    return done
        return None

    fits: dict[tuple[int, int], bool] = {}

    def column_fits(i: int, j: int) -> bool:
        if (i, j) not in fits:
            one_a = Execution("ok", (a.columns[i],), tuple((row[i],) for row in a.rows))
            one_b = Execution("ok", (b.columns[j],), tuple((row[j],) for row in b.rows))
            left, right, floats = _grids(one_a, one_b, [kinds_a[i]], [kinds_b[j]], [0])
            fits[i, j] = _common(left, right, floats) == len(left)
        return fits[i, j]

    return extend([])
