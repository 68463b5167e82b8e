"""How hard a gold query is (Spider's official levels, and the same rules with DuckDB's constructs counted), and what it is made of.

`spider_level` follows `eval_hardness` of taoyds/test-suite-sql-eval (evaluation.py, commit e97acc5), quirks included: only the outermost
SELECT counts (the left arm of a set operation), HAVING itself does not, NOT counts as an aggregate, a subquery in FROM is a table.
Those rules do not see CTEs, windows or CASE, so `duckdb_level` counts each CTE and derived table and any window as nesting, and
CASE, FILTER and QUALIFY as components. Parses trusted golds only; model text never comes here.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import Level

Axis = Literal["spider", "duckdb"]
FEATURES = (
    "aggregate", "case", "cte", "date", "distinct", "group", "having", "join", "like", "limit", "nested", "null", "order", "outer_join",
    "qualify", "ratio", "self_join", "set_operation", "window",
)  # fmt: skip
DATE_WORDS = re.compile(r"date|time|year|quarter|month|week|day|hour|minute|second|^age$|^now$|^epoch|interval")
ISO_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}.*)?")
CONNECTORS = (exp.And, exp.Or)
PATTERNS = (exp.Like, exp.ILike)
NULL_FUNCTIONS = (exp.Coalesce, exp.Nullif, exp.NullSafeEQ, exp.NullSafeNEQ)


def spider_level(sql: str, dialect: str = "duckdb") -> Level:
    """Spider's level of a query. Raises BadInput when it does not parse or is not a query."""
    query = _parse(sql, dialect)
    return _level(*_counts(query))


def duckdb_level(sql: str, dialect: str = "duckdb") -> Level:
    """Spider's rules with CTE, derived table, window, CASE, FILTER and QUALIFY counted."""
    query = _parse(sql, dialect)
    components, nested, others = _counts(query)
    outer = _outermost(query)
    choices = sum(isinstance(node, exp.Case) or not isinstance(node.parent, exp.Case) for node in query.find_all(exp.Case, exp.If))
    components += choices + len(list(query.find_all(exp.Filter))) + bool(outer.args.get("qualify"))
    derived = [node for node in query.find_all(exp.Subquery) if isinstance(node.parent, exp.From | exp.Join)]
    nested += len(list(query.find_all(exp.CTE))) + len(derived) + (query.find(exp.Window) is not None)
    return _level(components, nested, others)


AXES: dict[Axis, Callable[[str, str], Level]] = {"spider": spider_level, "duckdb": duckdb_level}


@lru_cache(maxsize=8192)
def level(sql: str, axis: Axis = "spider", dialect: str = "duckdb") -> Level:
    """A query's level on the axis, remembered, since charts are drawn often. Raises BadInput like `spider_level`."""
    return AXES[axis](sql, dialect)


def features(sql: str, dialect: str = "duckdb") -> list[str]:
    """Which of FEATURES occur anywhere in a query, sorted. Raises BadInput like `spider_level`.

    `ratio` is a division or the average of a condition; `date` a date type, function, interval or ISO date text; `nested` a SELECT inside
    another one that is neither a CTE nor an arm of a set operation; `null` a test for NULL or a function that stands in for it; `like` any
    pattern, regular ones included. An ORDER BY of a window or an aggregate is no `order`.
    """
    query = _parse(sql, dialect)
    queries = list(query.find_all(exp.Query))
    found = {
        "aggregate": any(_is_aggregate(node) for node in query.find_all(exp.AggFunc)),
        "case": query.find(exp.Case, exp.If) is not None,
        "cte": query.find(exp.CTE) is not None,
        "date": any(map(_is_date, query.walk())),
        "distinct": query.find(exp.Distinct) is not None,
        "group": query.find(exp.Group) is not None,
        "having": query.find(exp.Having) is not None,
        "join": query.find(exp.Join) is not None,
        "like": query.find(*PATTERNS, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.Glob) is not None,
        "limit": any(each.args.get("limit") for each in queries),
        "nested": any(map(_is_inner, queries)),
        "null": any(map(_minds_null, query.walk())),
        "order": any(each.args.get("order") for each in queries),
        "outer_join": any(join.side for join in query.find_all(exp.Join)),
        "qualify": query.find(exp.Qualify) is not None,
        "ratio": any(map(_is_ratio, query.find_all(exp.Div, exp.IntDiv, exp.Avg))),
        "self_join": any(map(_joins_itself, queries)),
        "set_operation": query.find(exp.SetOperation) is not None,
        "window": query.find(exp.Window) is not None,
    }
    return [name for name in FEATURES if found[name]]


def _is_aggregate(node: exp.Expr) -> bool:
    """Whether an aggregate function is not the function of a window."""
    while isinstance(node.parent, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
        node = node.parent
    return not (isinstance(node.parent, exp.Window) and node.arg_key == "this")


def _is_date(node: exp.Expr) -> bool:
    if isinstance(node, exp.DataType):
        return node.this in exp.DataType.TEMPORAL_TYPES or node.this == exp.DType.INTERVAL
    if isinstance(node, exp.Literal):
        return node.is_string and ISO_DATE.fullmatch(node.name) is not None
    if isinstance(node, exp.Interval | exp.Extract):
        return True
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name() if isinstance(node, exp.Func) else ""
    return DATE_WORDS.search(name.lower()) is not None


def _minds_null(node: exp.Expr) -> bool:
    return isinstance(node, NULL_FUNCTIONS) or (isinstance(node, exp.Is) and isinstance(node.expression, exp.Null))


def _joins_itself(query: exp.Expr) -> bool:
    """Whether one FROM clause holds a table twice."""
    sources = [part.this for part in (query.args.get("from_"), *(query.args.get("joins") or ())) if part]
    names = [source.name.lower() for source in sources if isinstance(source, exp.Table)]
    return len(set(names)) < len(names)


def _is_inner(query: exp.Expr) -> bool:
    while isinstance(query.parent, exp.SetOperation | exp.Subquery):
        query = query.parent
    return not (query.parent is None or isinstance(query.parent, exp.CTE))


def _is_ratio(node: exp.Expr) -> bool:
    return not isinstance(node, exp.Avg) or node.find(exp.Predicate, exp.Case, exp.If) is not None


def _parse(sql: str, dialect: str) -> exp.Query:
    try:
        query = parse_one(sql, read=dialect)
    except (SqlglotError, ValueError) as problem:
        raise BadInput(f"The query does not parse ({str(problem).splitlines()[0]}); check its dialect.") from problem
    if not isinstance(query, exp.Query):
        raise BadInput("Only a query has a difficulty; this is another kind of statement.")
    return query


def _outermost(query: exp.Expr) -> exp.Expr:
    """The SELECT that Spider looks at: the left arm of set operations, out of parentheses."""
    while isinstance(query, exp.SetOperation | exp.Subquery):
        query = query.this
    return query


def _counts(query: exp.Expr) -> tuple[int, int, int]:
    """Spider's three numbers: components 1, components 2 (nesting), others."""
    select = _outermost(query)
    where, having = (_leaves(select.args[key].this) if select.args.get(key) else [] for key in ("where", "having"))
    joins: list[exp.Expr] = select.args.get("joins") or []
    ons = [leaf for join in joins if join.args.get("on") for leaf in _leaves(join.args["on"])]
    conditions = ons + where + having
    order, group = select.args.get("order"), select.args.get("group")
    keys = group.expressions if group else []
    components = sum(bool(select.args.get(key)) for key in ("where", "group")) + bool(order) + bool(select.args.get("limit"))
    components += (
        len(joins) + sum(_ors(select.args.get(key)) for key in ("where", "having")) + sum(_ors(join.args.get("on")) for join in joins)
    )
    components += sum(isinstance(_bare(leaf), PATTERNS) for leaf in conditions)
    nested = sum(_nested(leaf) for leaf in conditions) + isinstance(query.unnest(), exp.SetOperation)
    aggregates = sum(_aggregate(column) for column in select.expressions) + sum(isinstance(leaf, exp.Not) for leaf in where)
    aggregates += sum(isinstance(leaf, exp.Not) for leaf in having) + max(0, len(having) - 1)
    aggregates += sum(1 for key in (order.expressions if order else []) for _ in key.find_all(exp.AggFunc))
    others = (aggregates > 1) + (len(select.expressions) > 1) + (len(where) > 1) + (len(keys) > 1)
    return components, nested, others


def _level(components: int, nested: int, others: int) -> Level:
    if components <= 1 and others == 0 and nested == 0:
        return "easy"
    if nested == 0 and ((others <= 2 and components <= 1) or (components <= 2 and others < 2)):
        return "medium"
    if nested == 0 and ((others > 2 and components <= 2) or (2 < components <= 3 and others <= 2)):
        return "hard"
    return "hard" if components <= 1 and others == 0 and nested <= 1 else "extra"


def _leaves(condition: exp.Expr) -> list[exp.Expr]:
    """The conditions between AND and OR."""
    condition = condition.unnest()
    if isinstance(condition, CONNECTORS):
        return _leaves(condition.left) + _leaves(condition.right)
    return [condition]


def _ors(clause: exp.Expr | None) -> int:
    if clause is None:
        return 0
    node = (clause.this if isinstance(clause, exp.Where | exp.Having) else clause).unnest()
    return isinstance(node, exp.Or) + sum(_ors(side) for side in (node.left, node.right)) if isinstance(node, CONNECTORS) else 0


def _bare(leaf: exp.Expr) -> exp.Expr:
    return leaf.this.unnest() if isinstance(leaf, exp.Not) else leaf


def _nested(leaf: exp.Expr) -> int:
    """Subqueries in one condition that do not lie inside another of its subqueries."""
    return sum(
        1 for node in leaf.find_all(exp.Select) if node.find_ancestor(exp.Select) is leaf.find_ancestor(exp.Select) and _first_arm(node)
    )


def _first_arm(select: exp.Expr) -> bool:
    parent = select.parent
    return not (isinstance(parent, exp.SetOperation) and parent.expression is select)


def _aggregate(column: exp.Expr) -> bool:
    return column.find(exp.AggFunc) is not None
