"""Whether two result tables say the same thing, and where they differ. docs/scoring.md has the rules and their reasons.

Rows are a multiset and stay together; columns match one to one whatever their names and order. Values: NULL only equals NULL, NaN only
NaN; integers are exact, other numbers agree within 1e-6 relative or 1e-9 absolute; a date equals its midnight timestamp and its ISO text, a
moment in UTC the same one without a zone; true equals 1; a number equals its text (to seven digits where it has a fraction); an interval
equals one of the same length; lists and structs are equal by value; text is exact. What a gold query's text adds to this (order, ties,
LIMIT, ROUND) is read by `golds` and reaches `agrees` as groups of rows and as slack.
The search for matching columns is bounded: tables made of many columns with the same values in other rows may count as different.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

from nl2sql_arena.types import Execution, Value

RELATIVE, ABSOLUTE = 1e-6, 1e-9
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "BOOLEAN")
FRACTIONS = ("DECIMAL", "DOUBLE", "FLOAT")
SEARCH_CELLS = 5_000_000
"""Cells that the search for matching columns reads at most, some seconds' worth."""
SHOWN_CHARS = 80
WHOLE = re.compile(r"([+-]?\d{1,40})(?:\.0*)?")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
SPAN = re.compile(r"(-?\d+) (year|month|day)s?|(-?)(\d+):(\d\d):(\d\d(?:\.\d+)?)")
DAYS = {"year": 360, "month": 30, "day": 1}
"""Days in a unit, as DuckDB compares intervals."""
T = TypeVar("T")
Cell = str | int | float | None
Row = tuple[Cell, ...]
Grid = list[Row]
Reader = Callable[[Value], Cell]
Groups = tuple[Sequence[int], Sequence[int]]
"""For each row of two tables the number of its group; rows only match within a group."""
Tolerances = list[float | None]
"""For each column how far two numbers may be apart; None where cells must be equal."""
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


def difference(a: Execution, b: Execution) -> Difference:
    """How table b differs from table a."""
    sizes = len(a.columns), len(b.columns)
    if sizes[0] != sizes[1]:
        return Difference(False, columns_a=sizes[0], columns_b=sizes[1], only_a=len(a.rows), only_b=len(b.rows))
    tables = _Tables(a, b)
    if len(a.rows) == len(b.rows) and _same_in_order(tables):
        return Difference(True, False, *sizes, common=len(a.rows))
    order = _column_order(tables, _one_group(a, b)) if len(a.rows) == len(b.rows) else None
    common = _common(*tables.grids(order or list(range(sizes[0])), _one_group(a, b)))
    return Difference(False, common == len(a.rows) == len(b.rows), *sizes, len(a.rows) - common, len(b.rows) - common, common)


def agrees_in_order(gold: Execution, predicted: Execution, slack: Mapping[int, float] | None = None) -> bool:
    """Whether the tables agree row by row; `predicted` may have further columns, which are left out."""
    return len(gold.rows) == len(predicted.rows) and _same_in_order(_Tables(gold, predicted, slack))


def agrees(gold: Execution, predicted: Execution, slack: Mapping[int, float] | None = None, groups: Groups | None = None) -> bool:
    """Whether each row of `predicted` is a row of `gold` of its own, in the same group; gold may have more rows, predicted more columns.

    `slack` is how far numbers in a column of gold may be off, where that is more than the tolerance.
    """
    return _column_order(_Tables(gold, predicted, slack), groups or _one_group(gold, predicted)) is not None


def distinct(table: Execution) -> Execution:
    """The table without repeated rows."""
    rows = tuple({json.dumps(row): row for row in table.rows}.values())
    return replace(table, rows=rows, row_count=len(rows))


def tied(table: Execution, keys: Sequence[int]) -> list[int]:
    """The number of each row's group of neighbours that tie on the key columns, from 0 on."""
    columns = []
    for key in keys:
        reader, as_float = _reader(*2 * (_kind(table.columns[key].type),))
        columns.append([None if row[key] is None else reader(row[key]) for row in table.rows])
        if as_float:
            numbers = _clusters(columns[-1], ABSOLUTE, chained=False)
            columns[-1] = [numbers[_sort_key(cell)] for cell in columns[-1]]
    rows = list(zip(*columns, strict=True)) if columns else [()] * len(table.rows)
    groups = [0] * bool(rows)
    for above, below in pairwise(rows):
        groups.append(groups[-1] + (above != below))
    return groups


def example_rows(gold: Execution, predicted: Execution) -> str:
    """A row that is missing and one that is too many, each cut to SHOWN_CHARS; only for tables of equal width."""
    tables = _Tables(gold, predicted)
    left, right, _ = tables.grids(list(range(tables.width)), _one_group(gold, predicted))
    rough = [Counter(tuple(_rough(cell) for cell in row) for row in side) for side in (left, right)]
    found = []
    for side, rows, table, word in ((0, left, gold, "missing"), (1, right, predicted, "too many")):
        extra = rough[side] - rough[1 - side]
        shown = next((raw for row, raw in zip(rows, table.rows, strict=True) if extra[tuple(_rough(cell) for cell in row)]), None)
        if shown is not None:
            text = ", ".join("NULL" if cell is None else str(cell) for cell in shown)
            found.append(f"{word}: {text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + '…'}")
    return "; ".join(found)


def _rough(cell: Cell) -> Cell:
    return f"{cell:.7g}" if isinstance(cell, float) else cell


def _one_group(a: Execution, b: Execution) -> Groups:
    return [0] * len(a.rows), [0] * len(b.rows)


def _kind(type_name: str) -> str:
    if type_name.endswith("]") or type_name.startswith(("STRUCT(", "MAP(")):
        return "nested text" if "VARCHAR" in type_name else "nested"
    if type_name.startswith(FRACTIONS):
        return "fraction"
    if type_name in INTEGERS:
        return "integer"
    if type_name == "INTERVAL":
        return "interval"
    return "moment" if type_name.startswith(("DATE", "TIMESTAMP")) else "text"


class _Tables:
    """Two tables by column, the second at least as wide; each pair of columns is read such that its cells can be compared."""

    def __init__(self, a: Execution, b: Execution, slack: Mapping[int, float] | None = None) -> None:
        self.width, self.wide = len(a.columns), len(b.columns)
        self.height, self.wanted = len(a.rows), len(b.rows)
        self._slack = slack or {}
        self._kinds = tuple([_kind(column.type) for column in side.columns] for side in (a, b))
        self._cells = tuple(list(zip(*side.rows, strict=True)) or [()] * len(side.columns) for side in (a, b))
        self._read = cache(self._read_anew)
        self.counts = cache(lambda side, column, reader: Counter(self._read(side, column, reader)))
        self.sorted = cache(lambda side, column: sorted(map(_sort_key, self._read(side, column, _float))))
        self.fits = cache(self._fits)

    def tolerance(self, i: int, j: int) -> float | None:
        """How far numbers in columns i of a and j of b may be apart; None where cells must be equal."""
        as_float = _reader(self._kinds[0][i], self._kinds[1][j])[1]
        return max(ABSOLUTE, self._slack.get(i, 0.0) * (1 + RELATIVE)) if as_float else None

    def pair(self, i: int, j: int) -> tuple[Sequence[Cell], Sequence[Cell]]:
        reader, _ = _reader(self._kinds[0][i], self._kinds[1][j])
        return self._read(0, i, reader), self._read(1, j, reader)

    def grids(self, order: list[int], groups: Groups) -> tuple[Grid, Grid, Tolerances]:
        """Both tables with their columns in a's order, each row's group first, and how exactly columns are compared."""
        pairs = [self.pair(i, j) for i, j in enumerate(order)]
        left, right = (list(zip(groups[side], *(pair[side] for pair in pairs), strict=True)) for side in (0, 1))
        return left, right, [None, *(self.tolerance(i, j) for i, j in enumerate(order))]

    def _read_anew(self, side: int, column: int, reader: Reader) -> list[Cell]:
        return [None if cell is None else reader(cell) for cell in self._cells[side][column]]

    def _fits(self, i: int, j: int) -> bool:
        """Whether column i of a holds the values of column j of b, in any order."""
        tolerance = self.tolerance(i, j)
        if tolerance is not None:
            mine, theirs = self.sorted(0, i), self.sorted(1, j)
            if self.height == self.wanted:
                return all(_close_keys(x, y, tolerance) for x, y in zip(mine, theirs, strict=True))
            return _found(mine, theirs, lambda x, y: _close_keys(x, y, tolerance), lambda key: key) == self.wanted
        reader, _ = _reader(self._kinds[0][i], self._kinds[1][j])
        return _holds(self.counts(0, i, reader), self.counts(1, j, reader), self.height == self.wanted)


def _holds(mine: Counter[Cell], theirs: Counter[Cell], equally: bool) -> bool:
    return mine == theirs if equally else theirs <= mine


def _reader(kind_a: str, kind_b: str) -> tuple[Reader, bool]:
    kinds = {kind_a, kind_b}
    if "fraction" in kinds and kinds <= {"fraction", "integer"}:
        return _float, True
    if kinds == {"integer"}:
        return _integer, False
    if "text" in kinds and len(kinds) == 2 and kinds & {"integer", "fraction"}:
        return (_whole_text if "integer" in kinds else _number_text), False
    if kinds == {"interval"}:
        return _length, False
    if kinds <= {"nested", "nested text"}:
        return (_nested if kinds == {"nested"} else _nested_text), False
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


def _length(cell: Value) -> Cell:
    """Microseconds of an interval's text."""
    microseconds = 0
    for count, unit, minus, hours, minutes, seconds in SPAN.findall(str(cell)):
        if unit:
            microseconds += int(count) * DAYS[unit] * 86_400_000_000
        else:
            clock = (int(hours) * 60 + int(minutes)) * 60_000_000 + round(float(seconds) * 1_000_000)
            microseconds += -clock if minus else clock
    return microseconds


def _nested(cell: Value) -> Cell:
    return json.dumps(_by_value(cell, texts=False))


def _nested_text(cell: Value) -> Cell:
    return json.dumps(_by_value(cell, texts=True))


def _by_value(cell: Value, texts: bool) -> Value:
    """A list or struct whose numbers are written one way; with `texts` a text is left as it is, else it may be a number."""
    if isinstance(cell, list):
        return [_by_value(item, texts) for item in cell]
    if isinstance(cell, dict):
        return {name: _by_value(item, texts) for name, item in cell.items()}
    if cell is None or (isinstance(cell, str) and (texts or not NUMBER.fullmatch(cell))):
        return cell
    whole = _whole_text(cell)
    return whole if isinstance(whole, str) and WHOLE.fullmatch(whole) else str(_number_text(cell))


def _same_row(x: Row, y: Row, tolerances: Tolerances) -> bool:
    return all(p == q if near is None else _close(p, q, near) for p, q, near in zip(x, y, tolerances, strict=True))


def _close(p: Cell, q: Cell, tolerance: float) -> bool:
    if p is None or q is None:
        return p is q
    assert isinstance(p, float)
    assert isinstance(q, float)
    return (math.isnan(p) and math.isnan(q)) or math.isclose(p, q, rel_tol=RELATIVE, abs_tol=tolerance)


def _common(left: Grid, right: Grid, tolerances: Tolerances) -> int:
    """How many rows of the two multisets pair up."""
    exact = [i for i, near in enumerate(tolerances) if near is None]
    if len(exact) == len(tolerances):
        return (Counter(left) & Counter(right)).total()
    groups: defaultdict[Row, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, grid in enumerate((left, right)):
        for row in grid:
            groups[tuple(row[i] for i in exact)][side].append(row)
    return sum(_paired(mine, theirs, tolerances) for mine, theirs in groups.values())


def _paired(mine: Grid, theirs: Grid, tolerances: Tolerances) -> int:
    """Rows that agree within tolerance: walking both groups in sorted order, or where noise upsets that order, by clusters of values."""
    near = {i: tolerance for i, tolerance in enumerate(tolerances) if tolerance is not None}
    walked = _found(mine, theirs, lambda x, y: _same_row(x, y, tolerances), lambda row: tuple(_sort_key(row[i]) for i in near))
    if walked == min(len(mine), len(theirs)) or len(near) == 1:
        return walked
    clusters = {i: _clusters([row[i] for row in mine + theirs], tolerance, chained=False) for i, tolerance in near.items()}
    coarse_mine, coarse_theirs = ([tuple(clusters[i][_sort_key(row[i])] for i in near) for row in side] for side in (mine, theirs))
    return max(walked, (Counter(coarse_mine) & Counter(coarse_theirs)).total())


def _found(mine: Sequence[T], theirs: Sequence[T], same: Callable[[T, T], bool], key: Callable[[T], Any]) -> int:
    """How many pairs a walk through both sides in sorted order finds."""
    mine, theirs = sorted(mine, key=key), sorted(theirs, key=key)
    i = j = found = 0
    while i < len(mine) and j < len(theirs):
        if same(mine[i], theirs[j]):
            i, j, found = i + 1, j + 1, found + 1
        elif key(mine[i]) < key(theirs[j]):
            i += 1
        else:
            j += 1
    return found


def _sort_key(cell: Cell) -> SortKey:
    if cell is None:
        return (1, 0.0)
    assert isinstance(cell, float)
    return (2, 0.0) if math.isnan(cell) else (0, cell)


def _close_keys(x: SortKey, y: SortKey, tolerance: float) -> bool:
    return x[0] == y[0] and math.isclose(x[1], y[1], rel_tol=RELATIVE, abs_tol=tolerance)


def _clusters(cells: Sequence[Cell], tolerance: float, *, chained: bool) -> dict[SortKey, int]:
    """Value -> number of its cluster: chained, neighbours within tolerance share one; else all of a cluster are close to its smallest."""
    numbers: dict[SortKey, int] = {}
    anchor: SortKey = (-1, 0.0)
    for key in sorted(set(map(_sort_key, cells))):
        fresh = not _close_keys(anchor, key, tolerance)
        numbers[key] = len(numbers) if fresh else numbers[anchor]
        anchor = key if fresh or chained else anchor
    return numbers


def _same_in_order(tables: _Tables) -> bool:
    """Whether the tables agree row by row, for some choice of columns."""
    free = list(range(tables.wide))
    for i in range(tables.width):
        match = next((j for j in sorted(free, key=lambda j: j != i) if _same_column(tables, i, j)), None)
        if match is None:
            return False
        free.remove(match)
    return True


def _same_column(tables: _Tables, i: int, j: int) -> bool:
    left, right = tables.pair(i, j)
    tolerance = tables.tolerance(i, j)
    if tolerance is None:
        return left == right
    return all(_close(x, y, tolerance) for x, y in zip(left, right, strict=True))


def _column_order(tables: _Tables, groups: Groups) -> list[int] | None:
    """For each column of a the column of b that it matches such that whole rows of b are in a; None when no such choice is found.

    Columns that few others fit are placed first, and rows are told apart by what is placed already, so that a wrong choice shows at once.
    """
    fitting = [[j for j in sorted(range(tables.wide), key=lambda j: j != i) if tables.fits(i, j)] for i in range(tables.width)]
    positions = sorted(range(tables.width), key=lambda i: (len(fitting[i]), -len(set(tables.pair(i, i)[0]))))
    budget = iter(range(max(2 * tables.wide, SEARCH_CELLS // max(1, tables.height))))

    def extend(chosen: dict[int, int], split: Groups) -> list[int] | None:
        if len(chosen) == tables.width:
            order = [chosen[i] for i in range(tables.width)]
            return order if _common(*tables.grids(order, groups)) == tables.wanted else None
        i = positions[len(chosen)]
        tried: list[Sequence[Cell]] = []
        for j in fitting[i]:
            cells = tables.pair(i, j)[1]
            if j in chosen.values() or cells in tried or next(budget, None) is None:
                continue
            tried.append(cells)
            further = _split(split, tables, i, j)
            found = extend({**chosen, i: j}, further) if further else None
            if found is not None:
                return found
        return None

    return extend({}, groups) if all(fitting) else None


def _split(groups: Groups, tables: _Tables, i: int, j: int) -> Groups | None:
    """Groups of rows divided further by one more pair of columns; None when a group of b then has more rows than that of a."""
    pair: Sequence[Sequence[Cell]] = tables.pair(i, j)
    tolerance = tables.tolerance(i, j)
    if tolerance is not None:
        clusters = _clusters([*pair[0], *pair[1]], tolerance, chained=True)
        pair = [[clusters[_sort_key(cell)] for cell in cells] for cells in pair]
    numbers: dict[tuple[int, Cell], int] = {}
    left, right = (
        [numbers.setdefault(key, len(numbers)) for key in zip(before, cells, strict=True)]
        for before, cells in zip(groups, pair, strict=True)
    )
    return (left, right) if _holds(Counter(left), Counter(right), tables.height == tables.wanted) else None
