"""Whether two result tables say the same thing, and where they differ.

Rows are a multiset and stay together; columns match one to one whatever their names and order; the order of rows counts only where the gold
query sorts at its top level. Values: NULL only equals NULL, NaN only NaN; integers are exact, other numbers agree within 1e-6 relative or
1e-9 absolute; a date equals its midnight timestamp and its ISO text, a moment in UTC the same one without a zone; true equals 1; a number
equals its text (to seven digits where it has a fraction); text is exact. Not covered yet: ties under ORDER BY.
The search for matching columns is bounded: tables made of many columns with the same values in other rows may count as different.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from sqlglot import exp, parse_one

from nl2sql_arena.types import Execution, Score, Value

RELATIVE, ABSOLUTE = 1e-6, 1e-9
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "BOOLEAN")
FRACTIONS = ("DECIMAL", "DOUBLE", "FLOAT")
SEARCH_CELLS = 5_000_000
"""Cells that the search for matching columns reads at most, some seconds' worth."""
WHOLE = re.compile(r"([+-]?\d{1,40})(?:\.0*)?")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
Cell = str | int | float | None
Row = tuple[Cell, ...]
Grid = list[Row]
Reader = Callable[[Value], Cell]
SortKey = tuple[int, float]
"""Numbers first, then NULL, then NaN."""


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
    tables = _Tables(a, b)
    if len(a.rows) == len(b.rows) and _same_in_order(tables):
        return Difference(True, False, *sizes, common=len(a.rows))
    order = _column_order(tables) if len(a.rows) == len(b.rows) else None
    common = _common(*tables.grids(order or list(range(sizes[0]))))
    return Difference(False, common == len(a.rows) == len(b.rows), *sizes, len(a.rows) - common, len(b.rows) - common, common)


def _kind(type_name: str) -> str:
    if type_name.endswith("]"):
        return "nested"
    if type_name.startswith(FRACTIONS):
        return "fraction"
    if type_name in INTEGERS:
        return "integer"
    return "moment" if type_name.startswith(("DATE", "TIMESTAMP")) else "text"


class _Tables:
    """Two tables of equal width by column; each pair of columns is read such that its cells can be compared."""

    def __init__(self, a: Execution, b: Execution) -> None:
        self.width, self.height = len(a.columns), len(a.rows)
        self._kinds = tuple([_kind(column.type) for column in side.columns] for side in (a, b))
        self._cells = tuple(list(zip(*side.rows, strict=True)) or [()] * self.width for side in (a, b))
        self._read = cache(self._read_anew)
        self.counts = cache(lambda side, column, reader: Counter(self._read(side, column, reader)))
        self.sorted = cache(lambda side, column: sorted(map(_sort_key, self._read(side, column, _float))))
        self.fits = cache(self._fits)

    def readers(self, i: int, j: int) -> tuple[Reader, bool]:
        """How columns i of a and j of b are read, and whether they are compared as floats."""
        return _reader(self._kinds[0][i], self._kinds[1][j])

    def pair(self, i: int, j: int) -> tuple[Sequence[Cell], Sequence[Cell]]:
        reader, _ = self.readers(i, j)
        return self._read(0, i, reader), self._read(1, j, reader)

    def grids(self, order: list[int]) -> tuple[Grid, Grid, list[bool]]:
        """Both tables with their columns in a's order, and which columns are floats."""
        pairs = [self.pair(i, j) for i, j in enumerate(order)]
        left, right = (list(zip(*(pair[side] for pair in pairs), strict=True)) for side in (0, 1))
        return left, right, [self.readers(i, j)[1] for i, j in enumerate(order)]

    def _read_anew(self, side: int, column: int, reader: Reader) -> list[Cell]:
        return [None if cell is None else reader(cell) for cell in self._cells[side][column]]

    def _fits(self, i: int, j: int) -> bool:
        """Whether the two columns hold the same values, in any order."""
        reader, as_float = self.readers(i, j)
        if not as_float:
            return bool(self.counts(0, i, reader) == self.counts(1, j, reader))
        return all(_close_keys(x, y) for x, y in zip(self.sorted(0, i), self.sorted(1, j), strict=True))


def _reader(kind_a: str, kind_b: str) -> tuple[Reader, bool]:
    kinds = {kind_a, kind_b}
    if "fraction" in kinds and kinds <= {"fraction", "integer"}:
        return _float, True
    if kinds == {"integer"}:
        return _integer, False
    if "text" in kinds and len(kinds) == 2 and kinds & {"integer", "fraction"}:
        return (_whole_text if "integer" in kinds else _number_text), False
    return (_moment if "moment" in kinds else _text), False


def _integer(cell: Value) -> Cell:
    return int(cell)  # type: ignore[arg-type]


def _float(cell: Value) -> Cell:
    return float(cell)  # type: ignore[arg-type]


def _text(cell: Value) -> Cell:
    return str(cell)


def _moment(cell: Value) -> Cell:
    return str(cell).removesuffix("+00").removesuffix(" 00:00:00")


def _whole_text(cell: Value) -> Cell:
    found = WHOLE.fullmatch(str(int(cell)) if isinstance(cell, bool) else str(cell))
    return str(int(found[1])) if found else str(cell)


def _number_text(cell: Value) -> Cell:
    return f"{float(str(cell)) + 0.0:.7g}" if NUMBER.fullmatch(str(cell)) else str(cell)


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
    """Rows that agree within tolerance: walking both groups in sorted order, or where noise upsets that order, by clusters of values."""
    keys = [i for i, is_float in enumerate(floats) if is_float]
    walked = _walked(mine, theirs, floats, lambda row: tuple(_sort_key(row[i]) for i in keys))
    if walked == min(len(mine), len(theirs)) or len(keys) == 1:
        return walked
    clusters = {i: _clusters([row[i] for row in mine + theirs], chained=False) for i in keys}
    coarse_mine, coarse_theirs = ([tuple(clusters[i][_sort_key(row[i])] for i in keys) for row in side] for side in (mine, theirs))
    return max(walked, (Counter(coarse_mine) & Counter(coarse_theirs)).total())


def _walked(mine: Grid, theirs: Grid, floats: list[bool], sort_key: Callable[[Row], tuple[SortKey, ...]]) -> int:
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


def _sort_key(cell: Cell) -> SortKey:
    if cell is None:
        return (1, 0.0)
    assert isinstance(cell, float)
    return (2, 0.0) if math.isnan(cell) else (0, cell)


def _close_keys(x: SortKey, y: SortKey) -> bool:
    return x[0] == y[0] and math.isclose(x[1], y[1], rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _clusters(cells: Sequence[Cell], *, chained: bool) -> dict[SortKey, int]:
    """Value -> number of its cluster: chained, neighbours within tolerance share one; else all of a cluster are close to its smallest."""
    numbers: dict[SortKey, int] = {}
    anchor: SortKey = (-1, 0.0)
    for key in sorted(set(map(_sort_key, cells))):
        fresh = not _close_keys(anchor, key)
        numbers[key] = len(numbers) if fresh else numbers[anchor]
        anchor = key if fresh or chained else anchor
    return numbers


def _same_in_order(tables: _Tables) -> bool:
    """Whether the tables agree row by row, for some order of columns."""
    free = list(range(tables.width))
    for i in range(tables.width):
        match = next((j for j in sorted(free, key=lambda j: j != i) if _same_column(tables, i, j)), None)
        if match is None:
            return False
        free.remove(match)
    return True


def _same_column(tables: _Tables, i: int, j: int) -> bool:
    left, right = tables.pair(i, j)
    return all(map(_close, left, right)) if tables.readers(i, j)[1] else left == right


def _column_order(tables: _Tables) -> list[int] | None:
    """For each column of a the column of b that it matches such that whole rows agree; None when no such mapping is found.

    Columns that few others fit are placed first, and rows are told apart by what is placed already, so that a wrong choice shows at once.
    """
    fitting = [[j for j in sorted(range(tables.width), key=lambda j: j != i) if tables.fits(i, j)] for i in range(tables.width)]
    positions = sorted(range(tables.width), key=lambda i: (len(fitting[i]), -len(set(tables.pair(i, i)[0]))))
    budget = iter(range(max(2 * tables.width, SEARCH_CELLS // max(1, tables.height))))

    def extend(chosen: dict[int, int], left: list[int], right: list[int]) -> list[int] | None:
        if len(chosen) == tables.width:
            order = [chosen[i] for i in range(tables.width)]
            return order if _common(*tables.grids(order)) == tables.height else None
        i = positions[len(chosen)]
        tried: list[Sequence[Cell]] = []
        for j in fitting[i]:
            cells = tables.pair(i, j)[1]
            if j in chosen.values() or cells in tried or next(budget, None) is None:
                continue
            tried.append(cells)
            split = _split(left, right, tables, i, j)
            found = extend({**chosen, i: j}, *split) if split else None
            if found is not None:
                return found
        return None

    return extend({}, [0] * tables.height, [0] * tables.height) if all(fitting) else None


def _split(left: list[int], right: list[int], tables: _Tables, i: int, j: int) -> tuple[list[int], list[int]] | None:
    """Groups of rows divided further by one more pair of columns; None when the groups of the two tables then differ in size."""
    pair: Sequence[Sequence[Cell]] = tables.pair(i, j)
    if tables.readers(i, j)[1]:
        clusters = _clusters([*pair[0], *pair[1]], chained=True)
        pair = [[clusters[_sort_key(cell)] for cell in cells] for cells in pair]
    numbers: dict[tuple[int, Cell], int] = {}
    groups = [
        [numbers.setdefault(key, len(numbers)) for key in zip(before, cells, strict=True)]
        for before, cells in zip((left, right), pair, strict=True)
    ]
    return (groups[0], groups[1]) if Counter(groups[0]) == Counter(groups[1]) else None
