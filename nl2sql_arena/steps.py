"""A query -> what it does, in plain sentences in the order in which it happens, for people who read no SQL.

The sentences come from sqlglot's tree alone, so that two queries of one meaning and shape get one wording whoever wrote them. What has no
words here is quoted as SQL and said to be so; a query that does not parse, or is none, has no steps.
Pure, but hostile text can make the parser slow: a model's text is read only inside the sandbox's worker (`Sandbox.steps`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena.phrases import Phrases, code, has_only, listed
from nl2sql_arena.types import Part

LONGEST = 4_000
"""Characters of a query beyond which nobody would read its steps."""
UNSPOKEN = "What stands here as SQL is not put in words."
CLAUSES = (
    "with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "qualify", "windows", "order", "limit", "offset",
)  # fmt: skip
SETS: dict[type[exp.Expr], tuple[str, str]] = {
    exp.Union: (
        "Put the rows of {lists} one below the other; rows that are equal are shown once.",
        "Put all rows of {lists} one below the other.",
    ),
    exp.Intersect: (
        "Keep the rows that are in {lists}; rows that are equal are shown once.",
        "Keep the rows that are in {lists}, each as often as it is in both.",
    ),
    exp.Except: (
        "Keep the rows of {first} that are not in {rest}; rows that are equal are shown once.",
        "Take the rows of {rest} away from those of {first}, one for one.",
    ),
}  # fmt: skip
"""Set operations, without and with ALL."""
ARMS = ("this", "expression", "distinct")
KINDS = ("", "INNER", "OUTER", "CROSS", "SEMI", "ANTI")
UNMATCHED = {
    "": "a row without any is left out",
    "LEFT": "a row without any stays, with missing values",
    "RIGHT": "a row without any is left out, and rows of {label} that were added to none stay, too",
    "FULL": "what has no counterpart on either side stays, with missing values",
}
"""What becomes of rows without a match, by the side of the join."""
SEVERAL = (exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple)


def steps(sql: str, dialect: str = "duckdb") -> tuple[Part, ...] | None:
    """What a query does: the parts it makes first, then its result (the part without a name). None when it has no steps."""
    if len(sql) > LONGEST:
        return None
    try:
        query = parse_one(sql, read=dialect)
        if not isinstance(query, exp.Select | exp.SetOperation | exp.Subquery):
            return None
        story = _Story()
        story.tell(query, _Scope(), "")
        return tuple(story.parts)
    except (SqlglotError, ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class _Scope:
    """What names mean in one SELECT: helper tables by their SQL names, sources by alias, and the SELECT around it."""

    ctes: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    outer: "_Scope | None" = None


class _Story:
    """Collects the parts of one query."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.names: set[str] = set()

    def tell(self, query: exp.Expr, outer: _Scope, name: str | None = None, before: str = "") -> str:
        """Add the part that a query makes, after the parts that it needs. Returns its name: the given one, or the next of the lists."""
        teller = _Teller(self, _Scope(outer.ctes, outer=outer))
        sentences = [before] if before else []
        sentences += teller.told(query)
        if teller.phrases.unspoken:
            sentences.append(UNSPOKEN)
        name = self.fresh() if name is None else name
        self.parts.append(Part(name, tuple(sentences), teller.is_anew))
        return name

    def fresh(self, wanted: str = "") -> str:
        """A name that no other part has."""
        name, number = wanted or "list 1", 1
        while name in self.names:
            number += 1
            name = f"{wanted} ({number})" if wanted else f"list {number}"
        self.names.add(name)
        return name


class _Teller:
    """Writes the sentences of one part, and knows its names."""

    def __init__(self, story: _Story, scope: _Scope) -> None:
        self.story, self.scope = story, scope
        self.phrases = Phrases(self)
        self.is_anew = False
        """Whether it uses the row at hand of a query around it."""

    def column(self, node: exp.Column) -> str:
        name = "all columns" if isinstance(node.this, exp.Star) else code(node.name)
        alias = node.table.lower()
        if not alias:
            return name
        if alias in self.scope.sources:
            alone = len(self.scope.sources) == 1 and not isinstance(node.this, exp.Star)
            return name if alone else f"{name} of {self.scope.sources[alias]}"
        around = self.scope.outer
        while around and alias not in around.sources:
            around = around.outer
        if around:
            self.is_anew = True
            return f"{name} of {around.sources[alias]} in the row at hand"
        return f"{name} of {code(node.table)}"

    def query(self, node: exp.Expr, wanted: str = "") -> str:
        """The name of the part that a query in this one makes, as it stands in a sentence."""
        return code(self.story.tell(node, self.scope, self.story.fresh(wanted) if wanted else None))

    def told(self, query: exp.Expr) -> list[str]:
        while isinstance(query, exp.Subquery) and has_only(query, "this"):
            query = query.this
        self._with(query)
        if isinstance(query, exp.SetOperation):
            return self._set(query)
        if isinstance(query, exp.Subquery):
            return [f"Take the rows of {self.query(query.this)}.", *self._tail(query, (), ("this", "with_"))]
        return self._select(query)

    def _with(self, query: exp.Expr) -> None:
        clause = query.args.get("with_")
        if clause is None:
            return
        for cte in clause.expressions:
            if not has_only(cte, "this", "alias", "materialized") or not has_only(clause, "expressions", "recursive"):
                raise ValueError("a helper table in a form without words")
            name, columns = self.story.fresh(cte.alias), cte.args["alias"].args.get("columns")
            known = {**self.scope.ctes, cte.alias.lower(): name}
            repeats = any(table.name.lower() == cte.alias.lower() for table in cte.this.find_all(exp.Table))
            before = f"Its columns are called {listed([code(each.name) for each in columns])}." if columns else ""
            if repeats and clause.args.get("recursive"):
                before += f" This is repeated until no new rows come; {code(name)} then means the rows of the round before."
            inner = known if clause.args.get("recursive") else self.scope.ctes
            self.story.tell(cte.this, replace(self.scope, ctes=inner), name, before.strip())
            self.scope = replace(self.scope, ctes=known)

    def _set(self, query: exp.SetOperation) -> list[str]:
        kind, distinct = type(query), query.args.get("distinct")
        if kind not in SETS:
            return [f"Join two results in a way that is not put in words: {self.phrases.quoted(query)}."]
        arms: list[exp.Expr] = [query.expression]
        left = query.this
        while kind is not exp.Except and type(left) is kind and left.args.get("distinct") == distinct and has_only(left, *ARMS):
            arms.insert(0, left.expression)
            left = left.this
        names = [self.query(arm) for arm in (left, *arms)]
        said = SETS[kind][0 if distinct else 1].format(lists=listed(names), first=names[0], rest=listed(names[1:]))
        by_name = ["Their columns are matched by name."] if query.args.get("by_name") else []
        return [said, *by_name, *self._tail(query, (), (*ARMS, "with_", "by_name"))]

    def _select(self, query: exp.Expr) -> list[str]:
        shown = query.expressions
        said = self._sources(query)
        if where := query.args.get("where"):
            said.append(f"Keep only rows where {self.phrases.condition(where.this)}.")
        group = query.args.get("group")
        if group:
            said.append(self._group(group, shown))
        if having := query.args.get("having"):
            said.append(f"Keep only {'groups' if group else 'the result'} where {self.phrases.condition(having.this)}.")
        if qualify := query.args.get("qualify"):
            said.append(f"Keep only rows where {self.phrases.condition(qualify.this)}.")
        sums_up = any(map(_sums_up, [*shown, *filter(None, [query.args.get("having"), query.args.get("order")])]))
        each = "for each group" if group else "in one row, over all these rows" if sums_up else "for each row"
        said.append(f"Show {each}: {'; '.join(map(self.phrases.say, shown))}.")
        distinct = query.args.get("distinct")
        if distinct and not distinct.args.get("on"):
            said.append("Leave out repeated rows.")
        return said + self._tail(query, shown, CLAUSES)

    def _sources(self, query: exp.Expr) -> list[str]:
        first = query.args.get("from_")
        if first is None:
            return ["Start with a single row that comes from no table."]
        joins = query.args.get("joins") or ()
        names = [part.this.name.lower() for part in (first, *joins)]
        twice = {name for name in names if name and names.count(name) > 1}
        said = [f"Take the rows of {self._source(first.this, twice)}."]
        said += [self._join(join, self._source(join.this, twice)) for join in joins]
        return said

    def _source(self, node: exp.Expr, twice: set[str]) -> str:
        """What a part of FROM is called; from now on its columns are known."""
        alias = node.args.get("alias")
        is_plain = not alias or has_only(alias, "this")
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and is_plain and has_only(node, "this", "alias", "db"):
            name = self.scope.ctes.get(node.name.lower(), node.name) if not node.db else f"{node.db}.{node.name}"
            label = code(name) + (f" (as {code(node.alias)})" if node.name.lower() in twice and node.alias else "")
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query) and is_plain and has_only(node, "this", "alias"):
            label = self.query(node.this, node.alias)
        else:
            label = self.phrases.quoted(node)
        if node.alias_or_name:
            self.scope = replace(self.scope, sources={**self.scope.sources, node.alias_or_name.lower(): label})
        return label

    def _join(self, join: exp.Expr, label: str) -> str:
        method, side, kind = (str(join.args.get(name) or "").upper() for name in ("method", "side", "kind"))
        on, using = join.args.get("on"), join.args.get("using")
        if not has_only(join, "this", "on", "using", "side", "kind", "method") or method not in ("", "NATURAL") or kind not in KINDS:
            return f"Join {label} in a way that is not put in words: {self.phrases.quoted(join)}."
        if method:
            match = "all columns of the same name are equal"
        elif using:
            match = f"{listed([code(each.name) for each in using])} {'are' if len(using) > 1 else 'is'} the same in both"
        else:
            match = self.phrases.condition(on) if on else ""
        if kind in ("SEMI", "ANTI"):
            return f"Keep only rows for which {label} has {'a' if kind == 'SEMI' else 'no'} row where {match}."
        if not match:
            return f"Put each row of {label} beside each row so far."
        return f"To each row add the rows of {label} where {match}; {UNMATCHED[side].format(label=label)}."

    def _group(self, group: exp.Expr, shown: Sequence[exp.Expr]) -> str:
        if group.args.get("all") and has_only(group, "all"):
            return "Make one group of rows for each combination of the shown columns that sum nothing up."
        if not has_only(group, "expressions") or any(isinstance(each, SEVERAL) for each in group.expressions):
            return f"Make groups of rows in a way that is not put in words: {self.phrases.quoted(group)}."
        return f"Make one group of rows for each {listed([self.phrases.key(each, shown) for each in group.expressions])}."

    def _tail(self, query: exp.Expr, shown: Sequence[exp.Expr], told: Sequence[str]) -> list[str]:
        """Sorting, cutting, and what else there is."""
        said = []
        order, limit, offset = query.args.get("order"), query.args.get("limit"), query.args.get("offset")
        distinct = query.args.get("distinct")
        if order:
            said.append(self._order(order, shown))
        if isinstance(distinct, exp.Distinct) and (on := distinct.args.get("on")):
            said.append(f"Of the rows with the same {listed([self.phrases.say(each) for each in on.expressions])} keep only the first.")
        if offset:
            said.append(f"Leave out the first {self._rows(offset.expression)}.")
        if limit:
            said.append(self._limit(limit, bool(order)))
        known = {*told, "order", "limit", "offset"}
        for name, value in query.args.items():
            parts = value if isinstance(value, list) else [value]
            if name not in known and any(parts):
                more = ", ".join(self.phrases.quoted(each) if isinstance(each, exp.Expr) else code(name) for each in parts)
                said.append(f"There is more to it that is not put in words: {more}.")
        return said

    def _order(self, order: exp.Expr, shown: Sequence[exp.Expr]) -> str:
        if order.sql("duckdb").strip() == "ORDER BY ALL":
            return "Sort by all columns, from left to right, from low to high."
        keys = self.phrases.ordered(order, shown) if isinstance(order, exp.Order) and has_only(order, "expressions") else None
        return f"Sort by {keys}." if keys else f"Sort in a way that is not put in words: {self.phrases.quoted(order)}."

    def _limit(self, limit: exp.Expr, is_sorted: bool) -> str:
        options = limit.args.get("limit_options")
        if isinstance(limit, exp.Fetch):
            count = limit.args.get("count")
            plain = has_only(limit, "direction", "count", "limit_options")
        else:
            count, plain = limit.expression, has_only(limit, "expression", "limit_options")
        if not plain or count is None or (options and (options.args.get("percent") or options.args.get("with_ties"))):
            return f"Keep only some rows in a way that is not put in words: {self.phrases.quoted(limit)}."
        which = "" if is_sorted else "; which ones, the query does not say"
        return f"Keep only {'the first ' if is_sorted else ''}{self._rows(count)}{which}."

    def _rows(self, count: exp.Expr) -> str:
        said = self.phrases.say(count)
        return f"{said} row" if said == "1" else f"{said} rows"


def _sums_up(node: exp.Expr) -> bool:
    """Whether an aggregate of this SELECT is in it, that is no window's function and in no inner query."""
    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        function = node.this
        while isinstance(function, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
            function = function.this
        around = [*(node.args.get("partition_by") or ()), *filter(None, [node.args.get("order")])]
        return any(map(_sums_up, [*function.iter_expressions(), *around]))
    return isinstance(node, exp.AggFunc) or any(_sums_up(part) for part in node.iter_expressions())
