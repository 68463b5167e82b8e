"""A model's text -> one DuckDB query: extract, translate, repair, format. Every change is named.

Pure, but not harmless: hostile text can make these parsers slow (sqlglot needs seconds for 1 kB of `(a).b`), so text of a model or visitor
is given to this module only inside the sandbox's worker. Nothing here decides whether a query may run; `vetting` does.
Not translated: regexp_match, width_bucket, justify_days, rare formats of to_char and other rare PostgreSQL functions, which DuckDB then
names in its error.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import ClassVar

import sqlparse
from sqlglot import exp, parse_one
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import TokenType

from nl2sql_arena.types import FIRST_ONLY, Prepared

Binds = Callable[[str], str | None]
"""Returns None when DuckDB accepts the query, else its error text."""

FORMAT_CHARS = 4_000
"""Longest query that is pretty-printed: sqlparse needs seconds beyond."""
QUERY_STARTS = (
    r"(?:SELECT\b|WITH\s+(?:RECURSIVE\s+)?[\w\"]+\s*(?:\([^()]*\)\s*)?AS\b|"
    r"(?:FROM|VALUES|PIVOT|UNPIVOT|SUMMARIZE|DESCRIBE|SHOW|EXPLAIN|INSERT|UPDATE|DELETE|CREATE|DROP|COPY)\b)"
)
FENCED = re.compile(r"```(?:\w+[ \t]*\n|(?:sql|duckdb|postgres(?:ql)?|sqlite)\b)?(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
UNKNOWING = r"i\s+(?:do\s+not|don(?:''|['’])t)\s+know\b"
ABSTAINS = re.compile(
    rf"{UNKNOWING}.*|select\s+(['\"])\s*{UNKNOWING}[^'\"]*\1(?:\s+(?:as\s+)?[\w\"]+)?(?:\s+from\s+[\w.\"]+)?(?:\s+limit\s+\d+)?",
    re.IGNORECASE | re.DOTALL,
)
NUMBER_STYLE = re.compile(r"(FM)?(9[9,]*)(0?)(?:\.(?:(0+)|(9+)))?", re.IGNORECASE)
"""to_char of a number, as far as it is translated: no leading zeros, and no FM with optional decimals."""
DATE_STYLE = re.compile(
    r"(FM)?(?:(MONTH|MON|DAY|DY)|(YYYY|IYYY|YY|MM|MI|DDD|DD|HH24|HH12|HH|SS|IW|Q|AM|PM))|\"([^\"]*)\"|(.)", re.IGNORECASE | re.DOTALL
)
NAMES_OF_DATES = {"MONTH": "%B", "MON": "%b", "DAY": "%A", "DY": "%a"}
NUMBERS_OF_DATES = {
    "YYYY": "%Y", "IYYY": "%G", "YY": "%y", "MM": "%m", "DDD": "%j", "DD": "%d", "IW": "%V", "HH24": "%H", "HH12": "%I", "HH": "%I",
    "MI": "%M", "SS": "%S", "AM": "%p", "PM": "%p",
}  # fmt: skip


RESERVED = frozenset(
    "SELECT DISTINCT ALL FROM WHERE GROUP BY HAVING QUALIFY WINDOW ORDER LIMIT OFFSET FETCH FIRST ROWS ROW ONLY NEXT WITH RECURSIVE AS ON "
    "USING JOIN INNER LEFT RIGHT FULL OUTER CROSS NATURAL LATERAL SEMI ANTI ASOF UNION INTERSECT EXCEPT AND OR NOT IN IS NULL LIKE ILIKE "
    "SIMILAR TO BETWEEN EXISTS ANY SOME CASE WHEN THEN ELSE END CAST OVER PARTITION RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT FILTER "
    "WITHIN ASC DESC NULLS LAST TRUE FALSE INTERVAL EXTRACT VALUES PIVOT UNPIVOT".split()
)
"""Words that are shown in capitals."""
FUNCTIONS = frozenset(
    "COUNT SUM AVG MIN MAX ROUND ABS COALESCE NULLIF LOWER UPPER LENGTH TRIM CONCAT SUBSTRING REPLACE DATE_TRUNC STRFTIME".split()
)
"""Those that are shown in capitals, too: translation writes all so, which would tell the models of other dialects apart."""


@dataclass(frozen=True)
class Names:
    """What a database calls things, lower case: all table and column names, and the columns that are integers in every table."""

    identifiers: frozenset[str]
    integers: frozenset[str] = frozenset()


class _Postgres(Postgres):
    """PostgreSQL whose to_char keeps its format as written: sqlglot's mapping of it lacks names and quarters and ignores case."""

    class Parser(PostgresParser):
        FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {
            **PostgresParser.FUNCTIONS,
            "TO_CHAR": lambda args: exp.Anonymous(this="TO_CHAR", expressions=args),
        }


def prepare(text: str, dialect: str, names: Names, binds: Binds, stop: tuple[str, ...] = ()) -> Prepared:
    """One query from a model's raw text, translated to DuckDB and, where it would not bind, repaired."""
    sql, repairs = extract(text, stop)
    if abstains(sql):
        return Prepared(sql=sql, formatted=sql, repairs=tuple(repairs), abstained=True)
    if dialect != "duckdb" and sql:
        sql, named = _translated(sql, dialect, names, binds)
        repairs += named
    if sql and binds(sql) is not None:
        repaired = literals_for_unknown_names(sql, names)
        if repaired != sql and binds(repaired) is None:
            sql, repairs = repaired, [*repairs, "text in double quotes read as a value"]
    return Prepared(sql=sql, formatted=pretty(sql), repairs=tuple(repairs))


def extract(text: str, stop: tuple[str, ...] = ()) -> tuple[str, list[str]]:
    """The first query in a text and what was removed to get it; the text itself when no query is recognised."""
    repairs: list[str] = []
    for mark in stop:
        text = text.split(mark, 1)[0] if not text.lstrip().startswith(mark) else text
    fenced = FENCED.search(text)
    if fenced and re.search(QUERY_STARTS, fenced[1], re.IGNORECASE):
        text, repairs = fenced[1], ["taken from a fenced block"]
    text = text.strip()
    start = re.search(rf"(?:^|\n|:)[ \t]*((?:\(\s*){{0,20}}{QUERY_STARTS})", text, re.IGNORECASE)
    if start and text[: start.start(1)].strip():
        text = text[start.start(1) :]
        repairs.append("words before the query removed")
    first, rest = first_statement(text)
    if rest.strip(" \n;"):
        repairs.append(FIRST_ONLY)
    return first, repairs


def first_statement(text: str) -> tuple[str, str]:
    """The text before the first semicolon outside quotes and comments, and what follows it."""
    for found in re.finditer(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|;", text, re.DOTALL):
        if found[0] == ";":
            return text[: found.start()].strip(), text[found.end() :]
    return text.strip(), ""


def abstains(sql: str) -> bool:
    """Whether the answer is "I do not know", as words or as a SELECT of only that text."""
    return ABSTAINS.fullmatch(sql.strip(" \n\t;.`")) is not None


def _translated(sql: str, dialect: str, names: Names, binds: Binds) -> tuple[str, list[str]]:
    """The query in DuckDB's words; the original where translation fails or would only break it."""
    try:
        result = translate(sql, dialect, names)
    except (SqlglotError, RecursionError):
        return sql, [f"not translated from {dialect}: it does not parse as {dialect}"]
    if _same_text(sql, result):
        return sql, []
    if binds(result) is not None and binds(sql) is None:
        return sql, [f"run as written: its translation from {dialect} does not bind"]
    return result, [f"translated from {dialect}"]


def _same_text(sql: str, translated: str) -> bool:
    """Whether translation changed no more than spelling."""
    try:
        return parse_one(sql, read="duckdb").sql("duckdb") == translated
    except (SqlglotError, RecursionError):
        return False


def translate(sql: str, dialect: str, names: Names) -> str:
    """A query of another dialect for DuckDB. Raises SqlglotError when it does not parse."""
    if dialect != "postgres":
        return parse_one(sql, read=dialect).sql("duckdb")
    tree = parse_one(_whole_intervals(sql), read=_Postgres)
    for node in reversed(list(tree.walk(bfs=False))):  # inner ones first: whether a/b/c divides integers depends on a/b
        meant = _postgres_meaning(node, names)
        if meant is not node:
            node.replace(meant)
    return tree.sql("duckdb")


def _whole_intervals(sql: str) -> str:
    """`interval 'text'` as a cast, since sqlglot reads '5 min' as 5 seconds and drops the end of '1 day 02:03:04'."""
    tokens = Postgres().tokenize(sql)
    pieces, end = [], 0
    for word, literal in pairwise(tokens):
        if word.token_type == TokenType.INTERVAL and literal.token_type == TokenType.STRING and re.search(r"[a-zA-Z:]", literal.text):
            pieces.append(sql[end : word.start] + f"CAST('{_sql_text(literal.text)}' AS INTERVAL)")
            end = literal.end + 1
    return "".join([*pieces, sql[end:]])


def _postgres_meaning(node: exp.Expr, names: Names) -> exp.Expr:
    """What sqlglot 30 leaves different: integer division, to_char, unbounded numeric, SIMILAR TO, substring by pattern, every."""
    if isinstance(node, exp.Div) and is_integer(node.this, names) and is_integer(node.expression, names):
        return exp.IntDiv(this=node.this, expression=node.expression)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "TO_CHAR" and len(node.expressions) == 2 and node.expressions[1].is_string:
        value, style = node.expressions
        return _number_to_char(value, style.name) or _date_to_char(value, style.name) or node
    if isinstance(node, exp.DataType) and node.this == exp.DType.DECIMAL and not node.expressions:
        return exp.DataType.build("DOUBLE")
    if isinstance(node, exp.SimilarTo) and isinstance(node.expression, exp.Literal):
        pattern = re.sub(r"[.^$\\]", r"\\\g<0>", node.expression.name).replace("%", ".*").replace("_", ".")
        return exp.func("REGEXP_FULL_MATCH", node.this, exp.Literal.string(pattern), dialect="duckdb")
    if isinstance(node, exp.Substring) and isinstance(node.args.get("start"), exp.Literal) and node.args["start"].is_string:
        return _substring_by_pattern(node.this, node.args["start"])
    if isinstance(node, exp.Anonymous) and node.name.lower() == "every":
        return exp.Anonymous(this="BOOL_AND", expressions=node.expressions)
    return node


def _substring_by_pattern(text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """The match, or its first group when there is one; NULL where nothing matches, also where an empty text does."""
    group = [exp.Literal.number(1)] if re.search(r"(?<!\\)\((?!\?)", pattern.name) else []
    return exp.Nullif(this=_call("REGEXP_EXTRACT", text, pattern, *group), expression=exp.Literal.string(""))


def _number_to_char(value: exp.Expr, style: str) -> exp.Expr | None:
    """to_char of a number, or None when this is no format that is translated."""
    found = NUMBER_STYLE.fullmatch(style)
    if not found or (found[1] and found[5]):
        return None
    decimals = len(found[4] or found[5] or "")
    template = "{:" + ("," if "," in style else "") + f".{decimals}f" + "}"
    number = _call("FORMAT", exp.Literal.string(template), exp.cast(value, "DOUBLE"))
    if decimals and not found[3]:
        number = _call("REGEXP_REPLACE", number, exp.Literal.string(r"^(-?)0\."), exp.Literal.string(r"\1."))
    return number if found[1] else _call("LPAD", number, exp.Literal.number(len(style) + 1), exp.Literal.string(" "))


def _date_to_char(value: exp.Expr, style: str) -> exp.Expr | None:
    """to_char of a date, its names padded to nine characters and cased as PostgreSQL does; None when a part is not known."""
    found = DATE_STYLE.findall(style)
    known = any(name or number for _, name, number, _, _ in found)
    if not known or any(other.isalpha() or number in ("am", "pm") for _, _, number, _, other in found):
        return None
    pieces: list[exp.Expr] = []
    code = ""
    for short, name, number, quoted, other in found:
        if name or number.upper() == "Q":
            named = _date_name(value, name, bool(short)) if name else exp.cast(_call("QUARTER", value.copy()), "TEXT")
            pieces, code = [*pieces, *_strftime(value, code), named], ""
        elif number:
            part = NUMBERS_OF_DATES[number.upper()]
            code += part.replace("%", "%-") if short and part in "%m%d%j%H%I%M%S%y" else part
        else:
            code += (quoted or other).replace("%", "%%")
    pieces += _strftime(value, code)
    return reduce(lambda left, right: exp.DPipe(this=left, expression=right, safe=True), pieces)


def _date_name(value: exp.Expr, name: str, short: bool) -> exp.Expr:
    """A month's or day's name in the case of its pattern, Month and Day in nine characters unless FM makes them short."""
    shown = _strftime(value, NAMES_OF_DATES[name.upper()])[0]
    if name.isupper() or name.islower():
        shown = _call("UPPER" if name.isupper() else "LOWER", shown)
    padded = name.upper() in ("MONTH", "DAY") and not short
    return _call("RPAD", shown, exp.Literal.number(9), exp.Literal.string(" ")) if padded else shown


def _strftime(value: exp.Expr, code: str) -> list[exp.Expr]:
    return [_call("STRFTIME", value.copy(), exp.Literal.string(code))] if code else []


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def is_integer(node: exp.Expr, names: Names) -> bool:
    """Whether an expression is surely an integer, judged by names: PostgreSQL then divides without a fraction."""
    node = node.unnest()
    if isinstance(node, exp.Select):
        return len(node.expressions) == 1 and is_integer(node.expressions[0].unalias(), names)
    if isinstance(node, exp.Literal):
        return node.is_int
    if isinstance(node, exp.Column):
        return node.name.lower() in names.integers
    if isinstance(node, exp.Cast):
        return node.to.this in exp.DataType.INTEGER_TYPES
    if isinstance(node, exp.Count | exp.CountIf | exp.Length | exp.Extract):
        return not isinstance(node, exp.Extract)
    if isinstance(node, exp.Sum | exp.Max | exp.Min | exp.Neg | exp.Abs | exp.Filter | exp.Window | exp.Nullif):
        return is_integer(node.this, names)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Mod | exp.IntDiv):
        return is_integer(node.left, names) and is_integer(node.right, names)
    if isinstance(node, exp.Case):
        results = [branch.args["true"] for branch in node.args["ifs"]] + ([node.args["default"]] if node.args.get("default") else [])
        return all(is_integer(result, names) for result in results)
    if isinstance(node, exp.Coalesce):
        return all(is_integer(part, names) for part in [node.this, *node.expressions])
    return False


def literals_for_unknown_names(sql: str, names: Names) -> str:
    """Double-quoted words that name no table, column or alias, as string literals (models trained on SQLite text write `= "x"`)."""
    try:
        tokens = DuckDB().tokenize(sql)
    except SqlglotError:
        return sql
    types = [None, *(token.token_type for token in tokens), None, None]
    known = set(names.identifiers)
    for i, token in enumerate(tokens):
        if _is_named_here(types[i], types[i + 2], types[i + 3]):
            known.add(token.text.lower())
    pieces, end = [], 0
    for token in tokens:
        if token.token_type == TokenType.IDENTIFIER and sql[token.start] == '"' and token.text.lower() not in known:
            pieces.append(sql[end : token.start] + f"'{_sql_text(token.text)}'")
            end = token.end + 1
    return "".join([*pieces, sql[end:]])


def _is_named_here(before: TokenType | None, after: TokenType | None, later: TokenType | None) -> bool:
    """Whether a word stands where only a name can: an alias, a CTE's name, or next to a dot."""
    names_it = (TokenType.ALIAS, TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN)
    return before in names_it or TokenType.DOT in (before, after) or (after == TokenType.ALIAS and later == TokenType.L_PAREN)


def pretty(sql: str) -> str:
    """The query laid out for reading; one formatter for both sides of a battle."""
    if len(sql) > FORMAT_CHARS:
        return sql
    try:
        laid_out = str(sqlparse.format(sql, reindent=True, use_space_around_operators=True)).strip()
        tokens = [*sqlparse.lexer.tokenize(laid_out), (None, "")]
        return "".join(_cased(kind, text, after) for (kind, text), (_, after) in pairwise(tokens))
    except sqlparse.exceptions.SQLParseError:
        return sql


def _cased(kind: object, text: str, after: str) -> str:
    """Reserved words and common functions in capitals, anything else as written: sqlparse also takes many column names for keywords."""
    if after == "(" and text.upper() in FUNCTIONS:
        return text.upper()
    return text.upper() if kind in sqlparse.tokens.Keyword and set(text.upper().split()) <= RESERVED else text


def _sql_text(text: str) -> str:
    return text.replace("'", "''")
