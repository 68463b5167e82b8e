"""A query -> its clauses as texts that can be compared: what exact set match and component scores rest on.

The definitions are Spider's (taoyds/test-suite-sql-eval evaluation.py, commit e97acc5, with its defaults; own code over sqlglot's tree):
values and DISTINCT are not compared; SELECT, WHERE, the keys of GROUP BY with HAVING, and tables are sets; ORDER BY is one unit with
whether there is a LIMIT; a join is its tables, not its ON; the other arm of a set operation is compared as a whole.
Where Spider's grammar ends, ours goes on: aliases, ordinals and CTEs are read as what they stand for, expressions (CASE, windows) are
texts, outer joins and QUALIFY count. Not followed: Spider holds both ends of a foreign key for the same column.

Pure, but hostile text can make the parser slow: a model's text is read only inside the sandbox's worker (`Sandbox.clauses`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena.types import Clauses, Columns

COMPONENTS = ("select", "where", "group", "order", "join", "keywords")
VALUE = "_"
CONNECTORS = (exp.And, exp.Or)


def clauses(sql: str, columns: Columns, dialect: str = "duckdb") -> Clauses | None:
    """The clauses of a query, None when it does not parse or is none."""
    try:
        query = parse_one(sql, read=dialect)
        return _read(query, _Scope({name: frozenset(held) for name, held in columns.items()})) if isinstance(query, exp.Query) else None
    except (SqlglotError, ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class _Scope:
    """What names mean: tables of the database, CTEs, sources by alias (those of queries around, too), output columns by theirs."""

    tables: Mapping[str, frozenset[str]]
    ctes: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)

    def column(self, node: exp.Column) -> str:
        """`table.column`, or only its name where the table cannot be told or is a query."""
        name, alias = node.name.lower(), node.table.lower()
        if name == "*" and len(self.own) == 1:
            return name
        if not alias and name in self.outputs:
            return self.outputs[name]
        owners = [self.aliases.get(alias, alias)] if alias else [own for own in self.own if name in self.tables.get(own, ())] or self.own
        return f"{owners[0]}.{name}" if len(owners) == 1 and not owners[0].startswith("(") else name


def _read(query: exp.Expr, scope: _Scope) -> Clauses:
    while isinstance(query, exp.Subquery):
        scope, query = _with_ctes(query, scope), query.this
    scope = _with_ctes(query, scope)
    if isinstance(query, exp.SetOperation):
        left = _read(query.left, scope)
        name = query.key
        tail = (*_order(query, [], scope), *(["limit"] if query.args.get("limit") else []))
        return replace(
            left, keywords=tuple(sorted({*left.keywords, name})), rest=(*left.rest, f"{name} {_digest(query.right, scope)}", *tail)
        )
    return _select(query, scope)


def _select(query: exp.Expr, scope: _Scope) -> Clauses:
    sources = _sources(query, scope)
    aliases = {alias: name for alias, name, _ in sources}
    scope = replace(scope, aliases={**scope.aliases, **aliases}, own=tuple(dict.fromkeys(aliases.values())), outputs={})
    chosen = [_text(each.unalias(), scope) for each in query.expressions]
    outputs = {each.alias.lower(): text for each, text in zip(query.expressions, chosen, strict=True) if each.alias}
    late = replace(scope, outputs=outputs)
    conditions = {key: _leaves(query.args[key].this) if query.args.get(key) else [] for key in ("where", "having", "qualify")}
    group = query.args.get("group")
    keys = [_key(each, chosen, late) for each in group.expressions] if group else []
    if group and group.args.get("all"):
        keys = [text for each, text in zip(query.expressions, chosen, strict=True) if not each.find(exp.AggFunc)]
    having = [f"having {_text(leaf, late)}" for leaf in conditions["having"]]
    order = _order(query, chosen, late)
    tables = tuple(sorted(f"{side} {name}".strip() for _, name, side in sources))
    return Clauses(
        select=tuple(sorted(chosen)),
        where=tuple(sorted(_text(leaf, scope) for leaf in conditions["where"])),
        group=tuple(sorted(keys) + sorted(having)),
        order=order,
        join=tables if len(tables) > 1 else (),
        keywords=tuple(sorted(_keywords(query, conditions))),
        rest=(
            *(tables if len(tables) == 1 else ()),
            *(["and"] if query.args.get("where") and query.args["where"].find(exp.And) else []),
            *sorted(f"qualify {_text(leaf, late)}" for leaf in conditions["qualify"]),
        ),
    )


def _with_ctes(query: exp.Expr, scope: _Scope) -> _Scope:
    for cte in query.ctes if isinstance(query, exp.Query) else ():
        scope = replace(scope, ctes={**scope.ctes, cte.alias.lower(): _digest(cte.this, scope)})
    return scope


def _sources(query: exp.Expr, scope: _Scope) -> list[tuple[str, str, str]]:
    """(alias, name, side of an outer join) of what stands in FROM; a derived table or CTE is named by its clauses."""
    found = []
    first = query.args.get("from_")
    for part in [first, *(query.args.get("joins") or ())] if first else []:
        node, name = part.this, part.this.name.lower()
        if isinstance(node, exp.Table) and name:
            name = scope.ctes.get(name, name)
        else:
            name = _digest(node, scope) if isinstance(node, exp.Query) else f"({node.unalias().sql('duckdb').lower()})"
        found.append(((node.alias_or_name or name).lower(), name, part.side.lower() if isinstance(part, exp.Join) else ""))
    return found


def _digest(query: exp.Expr, scope: _Scope) -> str:
    """A whole query as one short word, so that queries in queries stay small."""
    return f"({sha256(repr(_read(query, scope)).encode()).hexdigest()[:16]})"


def _text(node: exp.Expr, scope: _Scope) -> str:
    """An expression with columns in full, values and DISTINCT left out."""

    def plain(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Query):
            return exp.Var(this=_digest(part, scope))
        if isinstance(part, exp.Column):
            return exp.Var(this=scope.column(part))
        if isinstance(part, exp.Literal | exp.Boolean) or (isinstance(part, exp.Neg | exp.Cast) and isinstance(part.this, exp.Literal)):
            return exp.Var(this=VALUE)
        if isinstance(part, exp.Distinct) and len(part.expressions) == 1:
            inner: exp.Expr = part.expressions[0]
            return inner.transform(plain)
        if isinstance(part, exp.In) and part.expressions:
            part.set("expressions", [exp.Var(this=VALUE)])
        return part.unnest().transform(plain) if isinstance(part, exp.Paren) else part

    return node.transform(plain).sql("duckdb").lower()


def _key(node: exp.Expr, chosen: list[str], scope: _Scope) -> str:
    """A key of GROUP BY or ORDER BY; a number stands for the output column at its place."""
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal() and 0 < int(node.name) <= len(chosen):
        return chosen[int(node.name) - 1]
    return _text(node, scope)


def _order(query: exp.Expr, chosen: list[str], scope: _Scope) -> tuple[str, ...]:
    order = query.args.get("order")
    keys = [f"{_key(each.this, chosen, scope)} {'desc' if each.args.get('desc') else 'asc'}" for each in order.expressions] if order else []
    return (*keys, "limit") if keys and query.args.get("limit") else tuple(keys)


def _leaves(condition: exp.Expr) -> list[exp.Expr]:
    condition = condition.unnest()
    return _leaves(condition.left) + _leaves(condition.right) if isinstance(condition, CONNECTORS) else [condition]


def _keywords(query: exp.Expr, conditions: Mapping[str, list[exp.Expr]]) -> set[str]:
    """Spider's list of words, as far as the query uses them."""
    found = {key for key in ("where", "group", "having", "order", "limit") if query.args.get(key)}
    if order := query.args.get("order"):
        found.add("desc" if any(each.args.get("desc") for each in order.expressions) else "asc")
    ons = [leaf for join in query.args.get("joins") or () if join.args.get("on") for leaf in _leaves(join.args["on"])]
    leaves = ons + conditions["where"] + conditions["having"]
    parts = [query.args.get("where"), query.args.get("having"), *(join.args.get("on") for join in query.args.get("joins") or ())]
    found |= {"or"} if any(part is not None and _has_or(part) for part in parts) else set()
    bare = [leaf.this.unnest() if isinstance(leaf, exp.Not) else leaf for leaf in leaves]
    found |= {"not"} if any(isinstance(leaf, exp.Not) for leaf in leaves) else set()
    found |= {"in"} if any(isinstance(leaf, exp.In) for leaf in bare) else set()
    return found | ({"like"} if any(isinstance(leaf, exp.Like | exp.ILike) for leaf in bare) else set())


def _has_or(clause: exp.Expr) -> bool:
    node = (clause.this if isinstance(clause, exp.Where | exp.Having) else clause).unnest()
    return isinstance(node, exp.Or) or (isinstance(node, exp.And) and (_has_or(node.left) or _has_or(node.right)))
