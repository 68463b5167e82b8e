"""Rows for schemas that were published without any, so that answers on them can be executed and compared.

Values are drawn around those that the schema's gold queries ask for, so that the golds find something; columns of one name share a
small set of values, so that joins do. A row says nothing true, but two queries that differ in meaning mostly give different tables.
"""

import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena.ddl import Row, Rows
from nl2sql_arena.schema import short_type
from nl2sql_arena.types import Column, Schema, Table

ROWS = 24
NULLS = 0.06
WORDS = ("amber", "birch", "copper", "delta", "ember", "fjord", "garnet", "harbour", "iris", "juniper")
FIRST_DAY = date(2018, 1, 1)
DAYS = 365 * 7
DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def invented(schema: Schema, golds: Iterable[str], seed: str) -> Rows:
    """`ROWS` rows a table; the same for the same arguments."""
    rng = random.Random(seed)
    asked = _asked(golds)
    return {table.name: _rows(table, asked, rng) for table in schema.tables}


def _asked(golds: Iterable[str]) -> dict[str, list[str]]:
    """Column name, lower case -> the literals that golds compare it with."""
    found: dict[str, list[str]] = {}
    for sql in golds:
        try:
            tree = parse_one(sql, read="duckdb")
        except (SqlglotError, RecursionError):
            continue
        for literal in tree.find_all(exp.Literal):
            place = literal.find_ancestor(exp.Predicate)
            column = place.find(exp.Column) if place else None
            if column is not None:
                found.setdefault(column.name.lower(), []).append(literal.name.replace("%", "").replace("_", " ").strip() or "x")
    return found


def _rows(table: Table, asked: Mapping[str, Sequence[str]], rng: random.Random) -> list[Row]:
    alone = table.primary_key if len(table.primary_key) == 1 else ()
    columns = [(column, asked.get(column.name.lower(), ()), column.name in alone) for column in table.columns]
    return [tuple(_cell(column, values, number if key else 0, rng) for column, values, key in columns) for number in range(1, ROWS + 1)]


def _cell(column: Column, asked: Sequence[str], key: int, rng: random.Random) -> str | None:
    """A value as text: the row's number for a key, often one that is asked for, else one of the type; at times NULL."""
    kind = short_type(column)
    if key and kind in ("int", "num"):
        return str(key)
    if column.nullable and rng.random() < NULLS:
        return None
    number = rng.randrange(ROWS) + 1
    wanted = rng.choice(asked) if asked and rng.random() < 0.5 else ""
    if kind in ("int", "num"):
        return _fitting(_near(wanted, rng, kind) or str(number if kind == "int" else number + rng.randrange(100) / 100), column.type)
    if kind == "bool":
        return rng.choice(("true", "false"))
    if kind in ("date", "time"):
        if column.type == "TIME":
            return f"{number % 24:02}:{number * 2:02}:00"
        return _day(wanted) or str(FIRST_DAY + timedelta(days=rng.randrange(DAYS)))
    if kind == "text":
        return wanted or f"{WORDS[number % len(WORDS)]} {number % 12}"
    return None


def _near(wanted: str, rng: random.Random, kind: str) -> str:
    """The number asked for, or one beside it; nothing when it is no number or too large for any column."""
    try:
        value = float(wanted)
    except ValueError:
        return ""
    if not abs(value) <= 1_000_000:  # nor is it one when it is not a number
        return ""
    near = value + rng.choice((-1, 0, 0, 1))
    return str(round(near)) if kind == "int" else str(near)


def _fitting(number: str, kind: str) -> str:
    """The number, without digits for which a decimal type has no place."""
    digits = DECIMAL.fullmatch(kind)
    if not digits:
        return number
    places = int(digits[2])
    most = 10.0 ** (int(digits[1]) - places)
    return f"{math.trunc(math.fmod(float(number), most) * 10**places) / 10**places:.{places}f}"


def _day(wanted: str) -> str:
    try:
        return str(date.fromisoformat(wanted[:10]))
    except ValueError:
        return f"{wanted}-06-15" if re.fullmatch("[0-9]{4}", wanted) else ""
