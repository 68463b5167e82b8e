"""What a battle's row has of each side's result table: its columns, a hash of all its rows, and the first few. Pure.

Only where all of a battle may be kept (`consent.kept`): the columns and rows of a visitor's own database are the visitor's.
"""

import json
from hashlib import sha256

from nl2sql_arena.cells import cut
from nl2sql_arena.compare import FRACTIONS
from nl2sql_arena.types import Execution, Value

PREVIEW_ROWS, PREVIEW_CELL, PREVIEW_CHARS = 5, 80, 4_000
"""At most so many rows, characters of a cell, and characters in all."""
NOTHING = 1e-9
"""Below this a fraction counts as 0, as `compare` has it: what is left of a sum depends on the order of adding."""


def result_hash(table: Execution) -> str:
    """16 hexadecimal digits that are the same for the same rows in any order; empty where there is no table, or not all of it.

    A row counts as often as it is there. Columns stand in their order, their names do not count; fractions are read to nine digits. Tables
    of one hash hold the same; two that `compare` takes for the same may have two, as where their columns stand in another order.
    """
    if not table.columns or table.truncated:
        return ""
    fractions = [column.type.startswith(FRACTIONS) for column in table.columns]
    rows = sorted("\t".join(map(_cell, row, fractions)) for row in table.rows)
    return sha256("\n".join([str(len(fractions)), *rows]).encode()).hexdigest()[:16]


def columns(table: Execution) -> str:
    """JSON: [{"name", "type"}, ...]; empty where there is no table."""
    return json.dumps([{"name": each.name, "type": each.type} for each in table.columns], ensure_ascii=False) if table.columns else ""


def preview(table: Execution) -> str:
    """JSON: the first rows, as lists of cells; fewer, or none, where they are long, and empty where there is no table."""
    if not table.columns:
        return ""
    rows = [[cut(cell, PREVIEW_CELL) for cell in row] for row in table.rows[:PREVIEW_ROWS]]
    while len(text := json.dumps(rows, ensure_ascii=False)) > PREVIEW_CHARS:
        rows.pop()
    return text


def _cell(cell: Value, is_fraction: bool) -> str:
    if not is_fraction or cell is None or not isinstance(cell, int | float | str):
        return json.dumps(cell, ensure_ascii=False)
    number = float(cell)  # decimals and what is not finite are text
    return "0" if abs(number) < NOTHING else f"{number:.9g}"
