"""An SQL expression -> plain words, the same for the same meaning whoever wrote it; for `steps`. Names and SQL stand between backticks.

A rule names the arguments of sqlglot's node that it reads. A node with any other argument, or without a rule, is quoted as SQL and
`Phrases.unspoken` is set: nothing is guessed or passed over in silence.
"""

import re
from collections.abc import Callable, Sequence
from string import Formatter
from typing import Protocol

from sqlglot import exp

MOST_VALUES = 10
"""Values of a list that are written out."""
TYPES = {
    "whole number": exp.DataType.INTEGER_TYPES,
    "number": {*exp.DataType.REAL_TYPES} - {exp.DType.DECIMAL},
    "text": exp.DataType.TEXT_TYPES,
    "date": {exp.DType.DATE, exp.DType.DATE32},
    "date and time": {exp.DType.TIMESTAMP, exp.DType.DATETIME},
    "true or false": {exp.DType.BOOLEAN},
}


class Names(Protocol):
    """What an expression cannot know by itself."""

    def column(self, node: exp.Column) -> str:
        """A column in words."""

    def query(self, node: exp.Expr) -> str:
        """The name of what a query in an expression makes."""


def code(text: str) -> str:
    """A name or a piece of SQL as it is marked in a sentence."""
    return "`" + re.sub(r"\s+", " ", text.replace("`", "'")) + "`"


def listed(parts: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return f" {last} ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else ""


def has_only(node: exp.Expr, *names: str) -> bool:
    """Whether a node has no argument besides these."""
    return all(value is None or value is False or value == [] for name, value in node.args.items() if name not in names)


def bare(node: exp.Expr) -> exp.Expr:
    """An expression without the brackets around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


TEMPLATES: dict[type[exp.Expr], str] = {
    exp.EQ: "{this} equals {expression}",
    exp.NEQ: "{this} differs from {expression}",
    exp.GT: "{this} is greater than {expression}",
    exp.GTE: "{this} is at least {expression}",
    exp.LT: "{this} is less than {expression}",
    exp.LTE: "{this} is at most {expression}",
    exp.NullSafeEQ: "{this} equals {expression} or both are missing",
    exp.NullSafeNEQ: "{this} differs from {expression} (missing values count as a value)",
    exp.Between: "{this} is between {low} and {high}, both included",
    exp.Add: "{this} + {expression}",
    exp.Sub: "{this} - {expression}",
    exp.Mul: "{this} times {expression}",
    exp.Div: "{this} divided by {expression}",
    exp.IntDiv: "{this} divided by {expression} without the remainder",
    exp.Mod: "the remainder of {this} divided by {expression}",
    exp.DPipe: "{this} followed by {expression}",
    exp.Sum: "the sum of {this}",
    exp.Avg: "the average of {this}",
    exp.Min: "the smallest {this}",
    exp.Max: "the largest {this}",
    exp.Median: "the median of {this}",
    exp.Mode: "the most frequent {this}",
    exp.AnyValue: "any one {this}",
    exp.Stddev: "the standard deviation of {this}",
    exp.StddevSamp: "the standard deviation of {this}",
    exp.ArgMax: "{this} in the row with the largest {expression}",
    exp.ArgMin: "{this} in the row with the smallest {expression}",
    exp.Nullif: "{this}, or missing where it equals {expression}",
    exp.Lower: "{this} in lower case",
    exp.Upper: "{this} in upper case",
    exp.Trim: "{this} without blanks at either end",
    exp.Length: "the number of characters of {this}",
    exp.Abs: "{this} without its sign",
    exp.Floor: "{this} rounded down",
    exp.Ceil: "{this} rounded up",
    exp.Sqrt: "the square root of {this}",
    exp.Pow: "{this} to the power of {expression}",
    exp.StartsWith: "{this} starts with {expression}",
    exp.Contains: "{this} contains {expression}",
    exp.Year: "the year of {this}",
    exp.Quarter: "the quarter of {this}",
    exp.Month: "the month of {this}",
    exp.Week: "the week of {this}",
    exp.Day: "the day of {this}",
    exp.Hour: "the hour of {this}",
    exp.Minute: "the minute of {this}",
    exp.Second: "the second of {this}",
    exp.Dayname: "the name of the weekday of {this}",
    exp.Monthname: "the name of the month of {this}",
    exp.LastDay: "the last day of the month of {this}",
    exp.DayOfWeek: "the number of the weekday of {this} (Sunday is 0)",
    exp.DayOfWeekIso: "the number of the weekday of {this} (Monday is 1)",
    exp.DateFromParts: "the date of year {year}, month {month} and day {day}",
    exp.CurrentDate: "today",
    exp.CurrentTimestamp: "now",
    exp.RowNumber: "the row's place, counted from 1",
    exp.Rank: "the row's rank (equal rows share it, and ranks are left out after them)",
    exp.DenseRank: "the row's rank (equal rows share it, and no rank is left out)",
    exp.FirstValue: "the first {this}",
    exp.LastValue: "the last {this}",
    exp.Ntile: "which of {this} parts of about the same size the row is in",
}
"""What needs no more than its parts."""
IGNORED: dict[type[exp.Expr], tuple[str, ...]] = {exp.Div: ("typed", "safe"), exp.DPipe: ("safe",), exp.Count: ("big_int",)}
"""Arguments that say how other systems would read it."""
BRACKETED = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe, exp.Predicate, exp.Connector, exp.Not),
    *(exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Filter, exp.Window),
)
"""What stands in brackets as a part of something else."""
STATEMENTS = (exp.Predicate, exp.Connector, exp.Not, exp.StartsWith, exp.Contains)
CHAINS = (exp.Add, exp.Mul, exp.DPipe)
UNITS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
CODES = {
    "Y": "year", "m": "month", "d": "day", "H": "hour", "M": "minute", "S": "second", "B": "name of the month",
    "b": "short name of the month", "A": "weekday", "a": "short weekday", "j": "day of the year", "V": "week",
}  # fmt: skip
"""Codes of STRFTIME."""
PLACES = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead)
"""Functions of a window that look at all of it, whatever its frame."""


class Phrases:
    """Words for the expressions of one SELECT, whose names it is given."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.unspoken = False
        """Whether anything was quoted as SQL."""

    def say(self, node: exp.Expr) -> str:
        """Any expression in words."""
        if type(node) in TEMPLATES:
            said = self._from_template(node)
        else:
            rule = RULES.get(type(node))
            said = rule(self, node) if rule else None
        return said or self.quoted(node)

    def condition(self, node: exp.Expr) -> str:
        """As `say`; what is not a statement by itself is said to be true."""
        inner = bare(node)
        if isinstance(inner, exp.Boolean):
            return "nothing more is asked" if inner.this else "never is true"
        said = self.say(node)
        return said if isinstance(inner, STATEMENTS) else f"{said} is true"

    def quoted(self, node: exp.Expr) -> str:
        """As SQL."""
        self.unspoken = True
        return f"(in SQL: {code(node.sql('duckdb'))})"

    def ordered(self, order: exp.Order, shown: Sequence[exp.Expr] = ()) -> str | None:
        """`a from low to high, then b from high to low`; a number stands for the column `shown` at its place."""
        parts = []
        for each in order.expressions:
            if not isinstance(each, exp.Ordered) or not has_only(each, "this", "desc", "nulls_first") or isinstance(each.this, exp.Var):
                return None
            way = "from high to low" if each.args.get("desc") else "from low to high"
            missing = ", missing ones first" if each.args.get("nulls_first") else ""
            parts.append(f"{self.key(each.this, shown)} {way}{missing}")
        return ", then by ".join(parts)

    def key(self, node: exp.Expr, shown: Sequence[exp.Expr]) -> str:
        """What is sorted or grouped by."""
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal():
            place = int(node.name)
            return self.say(shown[place - 1].unalias()) if 0 < place <= len(shown) else f"column {place}"
        return self.say(node)

    def _from_template(self, node: exp.Expr) -> str | None:
        template = TEMPLATES[type(node)]
        read = [name for _, name, _, _ in Formatter().parse(template) if name]
        if not has_only(node, *read, *IGNORED.get(type(node), ())) or any(not isinstance(node.args.get(name), exp.Expr) for name in read):
            return None
        return template.format(**{name: self._part(node.args[name], node) for name in read})

    def _part(self, node: exp.Expr, whole: exp.Expr) -> str:
        """A part of something else: brackets go by what it is, not by those that the query has."""
        inner = bare(node)
        chained = isinstance(whole, CHAINS) and type(inner) is type(whole) and node.arg_key == "this"
        said = self.say(inner)
        return f"({said})" if isinstance(inner, BRACKETED) and not chained else said


def _column(p: Phrases, node: exp.Expr) -> str | None:
    return p.names.column(node) if isinstance(node, exp.Column) and has_only(node, "this", "table") else None


def _star(_p: Phrases, node: exp.Expr) -> str | None:
    if not has_only(node, "except_"):
        return None
    left = [code(each.name) for each in node.args.get("except_") or ()]
    return "all columns" + (f" except {listed(left)}" if left else "")


def _literal(_p: Phrases, node: exp.Expr) -> str:
    return f"“{node.name}”" if node.is_string else node.name


def _paren(p: Phrases, node: exp.Expr) -> str:
    return p.say(bare(node))


def _alias(p: Phrases, node: exp.Expr) -> str:
    return f"{p.say(node.this)}, called {code(node.alias)}"


def _all_of(word: str) -> "Rule":
    """AND and OR: a chain of the same is one list, the other kind stands in brackets."""

    def rule(p: Phrases, node: exp.Expr) -> str:
        said = [(part, p.condition(part)) for part in _chain(node, type(node))]
        return f" {word} ".join(f"({words})" if isinstance(part, exp.Connector) else words for part, words in said)

    return rule


def _chain(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    inner = bare(node)
    return [*_chain(inner.this, kind), *_chain(inner.expression, kind)] if type(inner) is kind else [inner]


def _not(p: Phrases, node: exp.Expr) -> str | None:
    inner = bare(node.this)
    negated = NEGATED.get(type(inner))
    if negated:
        return negated(p, inner, True)
    if isinstance(inner, exp.Column):
        return f"{p.say(inner)} is not true"
    return f"it is not so that ({p.condition(inner)})"


def _is(p: Phrases, node: exp.Expr, negated: bool = False) -> str | None:
    what = node.expression
    words = "missing" if isinstance(what, exp.Null) else str(what.this).lower() if isinstance(what, exp.Boolean) else ""
    return f"{p.say(node.this)} is {'not ' if negated else ''}{words}" if words else None


def _in(p: Phrases, node: exp.Expr, negated: bool = False) -> str | None:
    among = "none of" if negated else "one of"
    if not has_only(node, "this", "expressions", "query"):
        return None
    if query := node.args.get("query"):
        return f"{p.say(node.this)} is {among} the values of {p.names.query(query)}"
    values = [p.say(each) for each in node.expressions[:MOST_VALUES]]
    more = len(node.expressions) - len(values)
    return f"{p.say(node.this)} is {among} {listed([*values, f'{more} more'] if more else values)}"


def _between(p: Phrases, node: exp.Expr, negated: bool = False) -> str | None:
    if not has_only(node, "this", "low", "high"):
        return None
    low, high = p.say(node.args["low"]), p.say(node.args["high"])
    return f"{p.say(node.this)} is {'not ' if negated else ''}between {low} and {high}, both included"


def _like(p: Phrases, node: exp.Expr, negated: bool = False) -> str | None:
    pattern = node.expression
    if not has_only(node, "this", "expression", "negate") or not (isinstance(pattern, exp.Literal) and pattern.is_string):
        return None
    text = pattern.name
    negated = negated != bool(node.args.get("negate"))
    core = text.strip("%")
    case = " (capitals or not)" if isinstance(node, exp.ILike) else ""
    known = "%" not in core and "_" not in core and "\\" not in core and bool(core)
    verbs = {
        (False, False): ("equals", "differs from"),
        (True, False): ("ends with", "does not end with"),
        (False, True): ("starts with", "does not start with"),
        (True, True): ("contains", "does not contain"),
    }
    if known:
        verb = verbs[text.startswith("%"), text.endswith("%")][negated]
        return f"{p.say(node.this)} {verb} “{core}”{case}"
    verb = "does not match" if negated else "matches"
    return f"{p.say(node.this)} {verb} the pattern “{text}” (% is any text, _ any one character){case}"


def _exists(p: Phrases, node: exp.Expr, negated: bool = False) -> str | None:
    return f"{p.names.query(node.this)} has {'no row' if negated else 'at least one row'}" if has_only(node, "this") else None


def _quantified(word: str) -> "Rule":
    def rule(p: Phrases, node: exp.Expr) -> str | None:
        return f"{word} value of {p.names.query(node.this)}" if isinstance(node.this, exp.Query) else None

    return rule


def _subquery(p: Phrases, node: exp.Expr) -> str:
    return f"the value of {p.names.query(node)}"


def _case(p: Phrases, node: exp.Expr) -> str | None:
    tested = node.args.get("this")
    parts = []
    for branch in node.args["ifs"]:
        test = f"{p.say(tested)} equals {p.say(branch.this)}" if tested else p.condition(branch.this)
        parts.append(f"{p.say(branch.args['true'])} if {test}")
    default = node.args.get("default")
    return f"{', '.join(parts)}, else {p.say(default) if default else 'missing'}"


def _if(p: Phrases, node: exp.Expr) -> str:
    other = node.args.get("false")
    return f"{p.say(node.args['true'])} if {p.condition(node.this)}, else {p.say(other) if other else 'missing'}"


def _cast(p: Phrases, node: exp.Expr) -> str | None:
    kind = node.args["to"]
    if not has_only(node, "this", "to", "safe"):
        return None
    name = next((words for words, kinds in TYPES.items() if kind.this in kinds and not kind.expressions), "")
    if kind.this == exp.DType.DECIMAL and len(kind.expressions) == 2:
        name = f"number with {kind.expressions[1].name} decimals"
    if not name:
        return None
    if name.startswith("date") and isinstance(node.this, exp.Literal) and node.this.is_string:
        return str(node.this.name)
    unfit = " (missing where it is none)" if isinstance(node, exp.TryCast) else ""
    return f"{p.say(node.this)} as a {name}{unfit}" if name != "text" else f"{p.say(node.this)} as text"


def _interval(_p: Phrases, node: exp.Expr) -> str | None:
    unit, count = node.args.get("unit"), node.this
    if not isinstance(unit, exp.Var) or not isinstance(count, exp.Literal):
        return None
    name = unit.name.lower().removesuffix("s")
    return f"{count.name} {name}{'' if count.name == '1' else 's'}" if name in UNITS else None


def _count(p: Phrases, node: exp.Expr) -> str | None:
    counted = node.this
    if not has_only(node, "this", "big_int") or counted is None:
        return None
    if isinstance(counted, exp.Star):
        return "the number of rows"
    if isinstance(counted, exp.Distinct):
        if not has_only(counted, "expressions"):
            return None
        parts = [p.say(each) for each in counted.expressions]
        return f"the number of different {'combinations of ' if len(parts) > 1 else ''}{listed(parts)}"
    return f"the number of rows in which {p.say(counted)} is not missing"


def _distinct(p: Phrases, node: exp.Expr) -> str | None:
    inner = node.expressions
    return f"the different values of {p.say(inner[0])}" if len(inner) == 1 and has_only(node, "expressions") else None


def _count_if(p: Phrases, node: exp.Expr) -> str:
    return f"the number of rows in which {p.condition(node.this)}"


def _filter(p: Phrases, node: exp.Expr) -> str:
    return f"{p.say(node.this)}, only over rows where {p.condition(node.expression.this)}"


def _bare(p: Phrases, node: exp.Expr) -> str:
    return p.say(node.this)


def _coalesce(p: Phrases, node: exp.Expr) -> str | None:
    if not has_only(node, "this", "expressions"):
        return None
    return ", or where that is missing ".join(p.say(each) for each in (node.this, *node.expressions))


def _concat(p: Phrases, node: exp.Expr) -> str:
    return " followed by ".join(p.say(each) for each in node.expressions)


def _round(p: Phrases, node: exp.Expr) -> str | None:
    places = node.args.get("decimals")
    if not has_only(node, "this", "decimals") or (places is not None and not isinstance(places, exp.Literal)):
        return None
    to = "a whole number" if places is None or places.name == "0" else f"{places.name} decimal{'' if places.name == '1' else 's'}"
    return f"{p.say(node.this)} rounded to {to}"


def _neg(p: Phrases, node: exp.Expr) -> str:
    return f"-{p.say(node.this)}"


def _unit(node: exp.Expr | None) -> str:
    name = node.name.lower() if isinstance(node, exp.Var | exp.Literal) else ""
    return name if name in UNITS else ""


def _extract(p: Phrases, node: exp.Expr) -> str | None:
    unit = _unit(node.this)
    return f"the {unit} of {p.say(node.expression)}" if unit else None


def _truncated(p: Phrases, node: exp.Expr) -> str | None:
    unit = _unit(node.args.get("unit"))
    return f"the start of the {unit} of {p.say(node.this)}" if unit and has_only(node, "this", "unit", "input_type_preserved") else None


def _written(p: Phrases, node: exp.Expr) -> str | None:
    """STRFTIME with a format of known codes."""
    style = node.args.get("format")
    if not has_only(node, "this", "format") or not isinstance(style, exp.Literal):
        return None
    words = re.sub(r"%(.)", lambda code: CODES.get(code[1], "%"), style.name)
    return None if "%" in words else f"{p.say(node.this)} written as “{words}”"


def _substring(p: Phrases, node: exp.Expr) -> str | None:
    if not has_only(node, "this", "start", "length"):
        return None
    start, length = node.args.get("start"), node.args.get("length")
    if not (isinstance(start, exp.Literal) and start.name.isdecimal() and start.name != "0"):
        return None
    many = f"{p.say(length)} characters of {p.say(node.this)}" if length else f"what {p.say(node.this)} holds"
    return f"{many} from character {start.name} on"


def _date_diff(p: Phrases, node: exp.Expr) -> str | None:
    unit = _unit(node.args.get("unit"))
    if not unit or not has_only(node, "this", "expression", "unit", "date_part_boundary"):
        return None
    return f"how many times a new {unit} begins from {p.say(node.expression)} to {p.say(node.this)}"


def _beside(word: str) -> "Rule":
    """LAG and LEAD."""

    def rule(p: Phrases, node: exp.Expr) -> str | None:
        offset, default = node.args.get("offset"), node.args.get("default")
        if not has_only(node, "this", "offset", "default") or (offset is not None and not isinstance(offset, exp.Literal)):
            return None
        where = f"the row {word}" if offset is None or offset.name == "1" else f"the row {offset.name} places {word}"
        return f"{p.say(node.this)} of {where}" + (f", or {p.say(default)} where there is none" if default else "")

    return rule


def _window(p: Phrases, node: exp.Expr) -> str | None:
    if not has_only(node, "this", "partition_by", "order", "spec", "alias", "over"):
        return None
    if node.args.get("alias"):
        named = next((each for each in _windows(node) if each.name == node.args["alias"].name), None)
        if named is None or not has_only(named, "this", "partition_by", "order", "spec", "alias", "over") or named.args.get("alias"):
            return None
        inner = named
    else:
        inner = node
    places = isinstance(bare(node.this), PLACES)
    return _over(p, p.say(node.this), inner, places)


def _windows(node: exp.Expr) -> Sequence[exp.Expr]:
    select = node.find_ancestor(exp.Select)
    return (select.args.get("windows") or ()) if select else ()


def _over(p: Phrases, said: str, window: exp.Expr, places: bool) -> str | None:
    order, spec = window.args.get("order"), window.args.get("spec")
    keys = [p.say(each) for each in window.args.get("partition_by") or ()]
    rows = f"{', among' if places else ' over'} {f'the rows with the same {listed(keys)}' if keys else 'all rows'}"
    sorted_ = p.ordered(order) if order else ""
    frame = "" if places or not (order or spec) else _frame(spec)
    if sorted_ is None or frame is None:
        return None
    return f"{said}{rows}" + (f", sorted by {sorted_}" if sorted_ else "") + (f", {frame}" if frame else "")


def _frame(spec: exp.Expr | None) -> str | None:
    """Which rows a function of a window looks at; without one, SQL's default under an order."""
    if spec is None:
        return "from the first row to this one and its equals"
    start, end = _edge(spec, "start"), _edge(spec, "end")
    by_rows = str(spec.args.get("kind")).upper() == "ROWS"
    by_equals = str(spec.args.get("kind")).upper() == "RANGE" and not {"before", "after"} & {*start.split(), *end.split()}
    if spec.args.get("exclude") or not start or not end or not (by_rows or by_equals):
        return None
    equals = " and its equals"
    both = (start + equals * (start == "this one"), end + equals * (end == "this one")) if by_equals else (start, end)
    return f"from {both[0]} to {both[1]}"


def _edge(spec: exp.Expr, name: str) -> str:
    """One end of a frame, empty when it has no words."""
    edge, side = spec.args.get(name), str(spec.args.get(f"{name}_side") or "").upper()
    if edge is None or (isinstance(edge, str) and edge.upper() == "CURRENT ROW"):
        return "this one"
    if isinstance(edge, str) and edge.upper() == "UNBOUNDED":
        return "the first row" if side == "PRECEDING" else "the last row"
    counted = isinstance(edge, exp.Literal) and edge.name.isdecimal()
    word = {"PRECEDING": "before", "FOLLOWING": "after"}.get(side)
    return f"the row {edge.name} {word}" if counted and word and isinstance(edge, exp.Literal) else ""


Rule = Callable[[Phrases, exp.Expr], str | None]
"""Words for a node, None where it has a form without words."""
NEGATED: dict[type[exp.Expr], Callable[[Phrases, exp.Expr, bool], str | None]] = {
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Exists: _exists,
}
RULES: dict[type[exp.Expr], Rule] = {
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Exists: _exists,
    exp.Column: _column,
    exp.Star: _star,
    exp.Literal: _literal,
    exp.Boolean: lambda _p, node: "true" if node.this else "false",
    exp.Null: lambda _p, _node: "missing",
    exp.Paren: _paren,
    exp.Alias: _alias,
    exp.And: _all_of("and"),
    exp.Or: _all_of("or"),
    exp.Not: _not,
    exp.Any: _quantified("at least one"),
    exp.All: _quantified("every"),
    exp.Subquery: _subquery,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Interval: _interval,
    exp.Count: _count,
    exp.Distinct: _distinct,
    exp.CountIf: _count_if,
    exp.Filter: _filter,
    exp.IgnoreNulls: _bare,
    exp.Coalesce: _coalesce,
    exp.Concat: _concat,
    exp.Round: _round,
    exp.Neg: _neg,
    exp.Extract: _extract,
    exp.DateTrunc: _truncated,
    exp.TimestampTrunc: _truncated,
    exp.DateDiff: _date_diff,
    exp.TimeToStr: _written,
    exp.Substring: _substring,
    exp.Lag: _beside("before"),
    exp.Lead: _beside("after"),
    exp.Window: _window,
}
