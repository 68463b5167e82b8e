"""DuckDB values -> cells that JSON carries without loss (`types.Value`), and back-readable by the column's type.

Integers beyond 2^53, DECIMAL, DATE, TIME, TIMESTAMP, INTERVAL, UUID are DuckDB's own text; NaN and the infinities are "NaN", "Infinity",
"-Infinity"; a BLOB is hex digits; lists, arrays and tuples are lists; structs are objects; a MAP is a list of [key, value] pairs.
DuckDB's Python client loses something of a few types (months of an INTERVAL, nanoseconds, the tag of a UNION, infinite dates): for those
`exact_type` names the type to cast the column to inside the engine first.
"""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from nl2sql_arena.types import Value

Encode = Callable[[Any], Value]

SAFE_INTEGER = 2**53
ELLIPSIS = "…"
NESTED = ("list", "array", "struct", "map", "tuple")
WHOLE = r"\b(?:UNION|VARIANT|GEOMETRY)\b"
INEXACT = r"\b(?:INTERVAL|TIMESTAMP WITH TIME ZONE|TIME WITH TIME ZONE|TIMESTAMP_NS|TIME_NS)\b"
DATES = r"\b(?:DATE|TIMESTAMP(?:_S|_MS)?)\b"
QUOTED = r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'"
INFINITE = (date.min, date.max, datetime.min, datetime.max)


class InfiniteDateError(Exception):
    """A date that Python shows alike for infinity and for its own limit; the column must be cast to tell."""


def exact_type(kind: Any, dates: bool = False) -> str | None:
    """The type to cast a column to before it is fetched, or None if Python holds its values; `dates` includes dates and timestamps."""
    text = str(kind)
    bare = re.sub(QUOTED, "", text)
    inexact = f"{INEXACT}|{DATES}" if dates else INEXACT
    if re.search(WHOLE, bare):
        return "VARCHAR"
    if not re.search(inexact, bare):
        return None
    if kind.id not in NESTED:
        return "VARCHAR"
    return re.sub(f"{QUOTED}|{inexact}", lambda found: found[0] if found[0][0] in "\"'" else "VARCHAR", text)


def encoder(kind: Any) -> Encode:
    """How cells of one DuckDB type (a DuckDBPyType) are written. Raises InfiniteDateError from the returned function."""
    encode = _SCALARS.get(kind.id, str)
    if kind.id in NESTED:
        children = [(name, encoder(child)) for name, child in kind.children if isinstance(child, type(kind))]  # an array also has its size
        encode = _map(children, kind.children[0][1].id in NESTED) if kind.id == "map" else _NESTED[kind.id](children)
    return lambda cell: None if cell is None else encode(cell)


def cut(cell: Value, chars: int) -> Value:
    """The cell, or its text cut to `chars` characters with an ellipsis at the end (0 = uncut)."""
    if not chars or cell is None or isinstance(cell, bool | int | float):
        return cell
    text = cell if isinstance(cell, str) else str(cell)
    return text[: chars - 1] + ELLIPSIS if len(text) > chars else cell


def _same(cell: Any) -> Value:
    return cell  # type: ignore[no-any-return]


def _integer(cell: int) -> Value:
    return cell if -SAFE_INTEGER <= cell <= SAFE_INTEGER else str(cell)


def _double(cell: float) -> Value:
    if math.isfinite(cell):
        return cell
    return "NaN" if math.isnan(cell) else "Infinity" if cell > 0 else "-Infinity"


def _date(cell: date | str) -> Value:
    if cell in INFINITE:
        raise InfiniteDateError
    return str(cell)


def _moment(cell: datetime | time | str) -> Value:
    if cell in INFINITE:
        raise InfiniteDateError
    text = str(cell)
    return text.rstrip("0") if "." in text else text


_SCALARS: dict[str, Encode] = {
    "boolean": _same,
    "varchar": _same,
    "enum": _same,
    "float": _double,
    "double": _double,
    "date": _date,
    "decimal": lambda cell: format(cell, "f"),
    "blob": lambda cell: cell.hex(),
    **dict.fromkeys(("timestamp", "timestamp_s", "timestamp_ms", "time"), _moment),
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "hugeint"), _integer),
    **dict.fromkeys(("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"), _integer),
}


Children = list[tuple[str, Encode]]


def _list(children: Children) -> Encode:
    encode = children[0][1]
    return lambda cell: [encode(item) for item in cell]


def _tuple(children: Children) -> Encode:
    return lambda cell: [encode(item) for (_, encode), item in zip(children, cell, strict=True)]


def _struct(children: Children) -> Encode:
    return lambda cell: {name: encode(cell[name]) for name, encode in children}


def _map(children: Children, nested_keys: bool) -> Encode:
    """Nested keys cannot be a dict's: for them the client gives {"key": [...], "value": [...]}."""
    key, value = children[0][1], children[1][1]
    if nested_keys:
        return lambda cell: [[key(k), value(v)] for k, v in zip(cell["key"], cell["value"], strict=True)]
    return lambda cell: [[key(k), value(v)] for k, v in cell.items()]


_NESTED: dict[str, Callable[[Children], Encode]] = {"list": _list, "array": _list, "tuple": _tuple, "struct": _struct}
