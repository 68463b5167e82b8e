"""What a gold query's text says of how its table is compared: whether it sorts, by what, where it is cut, which columns it rounds.

Rows that tie on the sort keys stand in no order, so `keyed` is the same query with its keys as further columns and without LIMIT: run, it
tells which rows tie and which a LIMIT could have kept instead. Parses trusted golds only; model text never comes here.
Not covered: ties inside a subquery, COLLATE (keys that differ only by case count as different), ROUND below the outermost SELECT.
"""

from dataclasses import dataclass

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena.errors import BadInput

KEY = "arena_sort_key_"


@dataclass(frozen=True)
class Gold:
    """One gold query as the scorer reads it.

    `keys` are the columns of `keyed` that sort it, the appended ones counted from the end (-1 is the last), of which there are `appended`.
    `keyed` is empty where the query need not be run again, or where its keys cannot be told. `slack` has half a unit of what a column
    was rounded to, by the number of the column.
    """

    ordered: bool
    cut: bool
    offset: int
    keyed: str
    keys: tuple[int, ...]
    appended: int
    slack: dict[int, float]


def read(sql: str) -> Gold:
    """Raises BadInput when the query does not parse."""
    try:
        tree = parse_one(sql, read="duckdb")
    except (SqlglotError, RecursionError) as problem:
        raise BadInput(f"The gold query does not parse ({str(problem).splitlines()[0]}); correct it: {sql[:200]}") from problem
    while isinstance(tree, exp.Subquery) and not any(tree.args.get(part) for part in ("order", "limit", "offset", "with_")):
        tree = tree.this
    order, slack = tree.args.get("order"), _slack(tree)
    cut = any(tree.args.get(part) for part in ("limit", "offset"))
    offset = _offset(tree)
    keys = _keys(tree, order.expressions if order else [])
    if not (order or cut) or keys is None or offset is None:
        return Gold(order is not None, cut, 0, "", (), 0, slack)
    positions, extra = keys
    keyed = tree.copy()
    for part in ("limit", "offset"):
        keyed.set(part, None)
    for number, key in enumerate(extra):
        keyed.append("expressions", exp.alias_(key.copy(), f"{KEY}{number}"))
    return Gold(order is not None, cut, offset, keyed.sql("duckdb"), tuple(positions), len(extra), slack)


def _offset(tree: exp.Expr) -> int | None:
    """Rows that are left out at the start; None when that is not a plain number."""
    offset = tree.args.get("offset")
    if offset is None:
        return 0
    return int(offset.expression.name) if isinstance(offset.expression, exp.Literal) and offset.expression.is_int else None


def _keys(tree: exp.Expr, ordered: list[exp.Ordered]) -> tuple[list[int], list[exp.Expr]] | None:
    """Where the sort keys stand among the output columns, and those to append as further ones; None when it cannot be told.

    Keys of a DISTINCT or a set operation are output columns; any other query may sort by what it does not show.
    """
    outputs = _outputs(tree)
    distinct = tree.args.get("distinct")
    shown_only = not isinstance(tree, exp.Select) or (isinstance(distinct, exp.Distinct) and not distinct.args.get("on"))
    named = {output.alias_or_name.lower(): output for output in reversed(outputs) if output.alias_or_name}
    positions: list[int] = []
    extra: list[exp.Expr] = []
    for key in (each.this for each in ordered):
        if isinstance(key, exp.Literal) and key.is_int:
            positions.append(int(key.name) - 1)
            continue
        alias = named.get(key.name.lower()) if isinstance(key, exp.Column) and not key.table else None
        meant = alias or next((output for output in outputs if output.unalias() == key), None)
        if meant is not None and not any(output.is_star for output in outputs[: _index(outputs, meant)]):
            positions.append(_index(outputs, meant))
        elif shown_only or isinstance(key, exp.Var):
            return None
        else:
            extra.append(meant.unalias() if meant else key)
    return positions + [number - len(extra) for number in range(len(extra))], extra


def _index(outputs: list[exp.Expr], wanted: exp.Expr) -> int:
    return next(number for number, output in enumerate(outputs) if output is wanted)


def _outputs(tree: exp.Expr) -> list[exp.Expr]:
    """The output columns as they are written; of a set operation those of its first query."""
    return list(tree.selects) if isinstance(tree, exp.Query) else []


def _slack(tree: exp.Expr) -> dict[int, float]:
    """Half a unit of the scale of each output column that ROUND made, as far as columns can be counted."""
    found = {}
    for number, output in enumerate(_outputs(tree)):
        if output.is_star:
            break
        value = output.unalias()
        while isinstance(value, exp.Cast | exp.Paren):
            value = value.this
        if isinstance(value, exp.Round):
            digits = value.args.get("decimals")
            if digits is None or digits.is_int:
                found[number] = 0.5 * 10.0 ** -(int(digits.to_py()) if digits else 0)
    return found
