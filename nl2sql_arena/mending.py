"""A query that somebody published with a data set -> one that DuckDB binds, by named repairs that keep its meaning.

Differs from `sql`, which reads a model's text: here the author's schema is known to be a guess at times, and a query that cannot be
mended is dropped rather than shown. Pure; like `sql` it runs on a stranger's text only inside the sandbox's worker.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena.schema import short_type
from nl2sql_arena.sql import Names, is_integer, translate
from nl2sql_arena.types import Table

QUOTES = "text in double quotes read as a value"
TYPES = "guessed type of a column changed to fit its query"
TO_TEXT = "number compared with a text column put in quotes"
TO_NUMBER = "text column cast to a number"
FROM_NUMBER = "number or date column cast to text"
GROUPED = "column that depends on a grouped key added to GROUP BY"
ANY_CASE = "LIKE, which ignores case in SQLite, written as ILIKE"
NULL_ORDER = "order of NULLs left to DuckDB"
NUMBERS = frozenset({"int", "num"})
NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")
UNITS = frozenset(
    f"{unit}{s}"
    for unit in "MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR DECADE CENTURY MILLENNIUM".split()
    for s in ("", "S")
)
ORDERED = (exp.GT, exp.GTE, exp.LT, exp.LTE)
EQUAL = (exp.EQ, exp.NEQ)
SUMS = (exp.Sum, exp.Avg)
SUMMED = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Abs, exp.Round)

Key = tuple[str, str]
"""A table's and a column's name, lower case."""


@dataclass(frozen=True)
class Mismatch:
    """A column used as what it is not: `wanted` is the type that would fit, `place` the expression around it."""

    column: exp.Column
    key: Key
    wanted: str
    place: exp.Expr


def tidied(sql: str) -> str:
    """A DuckDB query in one style, on one line, without comments. Raises UnreadableError."""
    return _read(sql).sql("duckdb", comments=False)


class UnreadableError(Exception):
    """A query that does not parse in the dialect."""


def translated(sql: str, dialect: str, names: Names, nulls_kept: bool = False) -> tuple[str, list[str]]:
    """A query of another dialect in DuckDB's words, on one line without comments, and its repairs. Raises UnreadableError.

    Where NULLs sort is left to DuckDB unless it is to be kept, as in an evaluation, or the author said it: a NULLS FIRST behind every
    ORDER BY would only teach a bad habit.
    """
    try:
        tree = parse_one(translate(sql, dialect, names), read="duckdb") if dialect == "postgres" else parse_one(sql, read=dialect)
    except (SqlglotError, ValueError, RecursionError) as problem:
        raise UnreadableError from problem
    if not isinstance(tree, exp.Query):
        raise UnreadableError
    _keep_divisions(tree, names)
    repairs = []
    if dialect == "sqlite":
        for like in list(tree.find_all(exp.Like)):
            like.replace(exp.ILike(**like.args))
            repairs = [ANY_CASE]
    if not nulls_kept and "nulls" not in sql.lower():
        for ordered in tree.find_all(exp.Ordered):
            if ordered.args.get("nulls_first"):
                ordered.set("nulls_first", False)
                repairs.append(NULL_ORDER)
    return tree.sql("duckdb", comments=False), list(dict.fromkeys(repairs))


def _keep_divisions(tree: exp.Expr, names: Names) -> None:
    """Have integers divided without a fraction where the author's dialect does so, and NULLIF around a divisor that may be zero alone."""
    for node in reversed(list(tree.find_all(exp.Div))):  # inner ones first: whether a/b/c divides integers depends on a/b
        divisor = node.expression
        if isinstance(divisor, exp.Literal) and NUMBER.fullmatch(divisor.name) and float(divisor.name):
            node.set("safe", False)
        if node.args.get("typed") and is_integer(node.this, names) and is_integer(divisor, names):
            if node.args.get("safe"):
                divisor = exp.Nullif(this=divisor, expression=exp.Literal.number(0))
            node.replace(exp.IntDiv(this=node.this, expression=divisor))


def _read(sql: str) -> exp.Expr:
    """The tree of a query that sqlglot writes again without loss."""
    try:
        tree = parse_one(sql, read="duckdb")
    except (SqlglotError, ValueError, RecursionError) as problem:
        raise UnreadableError from problem
    if tree.find(exp.ToChar):  # its format would be dropped
        raise UnreadableError
    if any(span.unit and span.unit.name.upper() not in UNITS for span in tree.find_all(exp.Interval)):  # '5 min' would be 5 seconds
        raise UnreadableError
    return tree


def _mismatches(tree: exp.Expr, tables: Sequence[Table]) -> list[Mismatch]:
    """Text columns used as numbers, and number or date columns used as text; by names alone, without regard to scopes."""
    kinds = {(table.name.lower(), column.name.lower()): short_type(column) for table in tables for column in table.columns}
    aliases = {table.alias_or_name.lower(): table.name.lower() for table in tree.find_all(exp.Table)}
    found = []
    for column in tree.find_all(exp.Column):
        key = _key(column, aliases, kinds)
        wanted = _wanted(column, kinds[key], aliases, kinds) if key else ""
        if key and wanted:
            found.append(Mismatch(column, key, wanted, _around(column)))
    return found


def retyped(sql: str, tables: Sequence[Table]) -> tuple[Table, ...]:
    """The tables with the types that a query needs: right where types were guessed by whoever published them."""
    wanted: dict[Key, str] = {}
    for each in _mismatches(_read(sql), tables):
        wanted[each.key] = each.wanted if wanted.get(each.key, each.wanted) == each.wanted else "DOUBLE"
    return tuple(
        replace(
            table,
            columns=tuple(
                replace(column, type=wanted.get((table.name.lower(), column.name.lower()), column.type)) for column in table.columns
            ),
        )
        for table in tables
    )


def cast(sql: str, tables: Sequence[Table]) -> tuple[str, list[str]]:
    """The query with its mismatched columns or values cast, and what was done; for types that the author chose, and rows that hold them."""
    tree = _read(sql)
    repairs: list[str] = []
    for each in _mismatches(tree, tables):
        literals = [node for node in _others(each) if isinstance(node, exp.Literal) and not node.is_string]
        if each.wanted == "VARCHAR":
            each.column.replace(exp.cast(each.column.copy(), "VARCHAR"))
            repairs.append(FROM_NUMBER)
        elif isinstance(each.place, (*EQUAL, exp.In)) and literals:
            for literal in literals:
                literal.replace(exp.Literal.string(literal.name))
            repairs.append(TO_TEXT)
        else:
            each.column.replace(exp.cast(each.column.copy(), "DOUBLE"))
            repairs.append(TO_NUMBER)
    return tree.sql("duckdb", comments=False), list(dict.fromkeys(repairs))


def grouped(sql: str, tables: Sequence[Table]) -> tuple[str, list[str]]:
    """The query with selected columns added to a GROUP BY that holds their table's whole primary key, on which they depend.

    A table that is read twice is left alone: of one row's key the other row's columns know nothing.
    """
    tree, repairs = _read(sql), []
    keys = {table.name.lower(): {name.lower() for name in table.primary_key} for table in tables if table.primary_key}
    kinds = {(table.name.lower(), column.name.lower()): "" for table in tables for column in table.columns}
    for select in tree.find_all(exp.Select):
        group = select.args.get("group")
        if not group:
            continue
        aliases = {each.alias_or_name.lower(): each.name.lower() for each in select.find_all(exp.Table)}
        by = [_key(column, aliases, kinds) for column in group.expressions if isinstance(column, exp.Column)]
        once = {table for table, times in Counter(aliases.values()).items() if times == 1}
        whole = {table for table in once & keys.keys() if {(table, name) for name in keys[table]} <= set(by)}
        for column in _ungrouped(select):
            key = _key(column, aliases, kinds)
            if key and key[0] in whole and key not in by:
                group.append("expressions", column.copy())
                by.append(key)
                repairs = [GROUPED]
    return tree.sql("duckdb", comments=False), repairs


def _ungrouped(select: exp.Select) -> Iterator[exp.Column]:
    """Columns of the select list, ORDER BY and HAVING that stand outside aggregates and subqueries."""
    for part in [*select.expressions, select.args.get("order"), select.args.get("having")]:
        for column in part.find_all(exp.Column) if part else ():
            if column.find_ancestor(exp.AggFunc, exp.Select) is select:
                yield column


def _key(column: exp.Column, aliases: Mapping[str, str], kinds: Mapping[Key, str]) -> Key | None:
    """The column's table and name: by its qualifier, else by the only table of the query that has it."""
    name = column.name.lower()
    tables = [aliases.get(column.table.lower(), "")] if column.table else list(dict.fromkeys(aliases.values()))
    found = [(table, name) for table in tables if (table, name) in kinds]
    return found[0] if len(found) == 1 else None


def _around(column: exp.Expr) -> exp.Expr:
    """What a column is compared or computed in, out of parentheses."""
    place = column.parent
    while isinstance(place, exp.Paren):
        place = place.parent
    return place or column


def _wanted(column: exp.Column, kind: str, aliases: Mapping[str, str], kinds: Mapping[Key, str]) -> str:
    """The type that the column's use asks for, if its own is another kind; else nothing."""
    place = _around(column)
    if isinstance(place, exp.Like | exp.ILike) and place.this is column:
        return "VARCHAR" if kind != "text" else ""
    if isinstance(place, SUMS + SUMMED):
        return "DOUBLE" if kind == "text" else ""
    if not isinstance(place, ORDERED + EQUAL + (exp.Between, exp.In)):
        return ""
    others = [_side(node, aliases, kinds) for node in _others(Mismatch(column, ("", ""), "", place))]
    if kind == "text":
        numbers = [other for other in others if other in NUMBERS]
        return ("INTEGER" if set(numbers) == {"int"} else "DOUBLE") if numbers else ""
    unfit = {"int": ("words", "day"), "num": ("words", "day"), "date": ("words",), "time": ("words",)}
    return "VARCHAR" if set(others) & set(unfit.get(kind, ())) else ""


def _others(each: Mismatch) -> list[exp.Expr]:
    """What a column is compared with."""
    place = each.place
    parts = [place.args.get(name) for name in ("this", "expression", "low", "high")]
    listed = place.expressions if isinstance(place, exp.In) else []
    nodes = [part.unnest() for part in [*parts, *listed] if part is not None]
    return [node for node in nodes if node is not each.column]


def _side(node: exp.Expr, aliases: Mapping[str, str], kinds: Mapping[Key, str]) -> str:
    """What stands there: int or num for a number; words, or day when it may be a date, for a text that is no number; the kind of a
    column; else nothing.
    """
    if isinstance(node, exp.Neg):
        return _side(node.this, aliases, kinds)
    if isinstance(node, exp.Literal):
        if node.is_string:
            return "" if NUMBER.fullmatch(node.name) else "day" if any(map(str.isdigit, node.name)) else "words"
        return "int" if node.is_int else "num"
    if isinstance(node, exp.Column):
        key = _key(node, aliases, kinds)
        return kinds[key] if key else ""
    if isinstance(node, (*SUMS, exp.Count)):
        return "num"
    return ""
