"""A model's text -> one DuckDB query: extract, translate, repair, format. Every change is named.

Pure, but not harmless: hostile text can make these parsers slow (sqlglot needs seconds for 1 kB of `(a).b`), so text of a model or visitor
is given to this module only inside the sandbox's worker. Nothing here decides whether a query may run; `vetting` does.
Not translated: regexp_match, width_bucket, justify_days and other rare PostgreSQL functions, which DuckDB then names in its error.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import sqlparse
from sqlglot import exp, parse_one
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Tokenizer, TokenType

from nl2sql_arena.types import Prepared

Binds = Callable[[str], str | None]
"""Returns None when DuckDB accepts the query, else its error text."""

PADDED = "\x01"
FORMAT_CHARS = 4_000
"""Longest query that is pretty-printed: sqlparse needs seconds beyond."""
QUERY_STARTS = r"(?:SELECT|WITH|FROM|VALUES|PIVOT|UNPIVOT|SUMMARIZE|DESCRIBE|SHOW|EXPLAIN|INSERT|UPDATE|DELETE|CREATE|DROP|COPY)\b"
ABSTAINS = re.compile(r"^(?:select\s+)?['\"`]?\s*i\s+(?:do\s+not|don''?t|don't)\s+know\b[^;]{0,20}$", re.IGNORECASE)


@dataclass(frozen=True)
class Names:
    """What a database calls things, lower case: all table and column names, and the columns that are integers in every table."""

    identifiers: frozenset[str]
    integers: frozenset[str] = frozenset()


class _Postgres(Postgres):
    """PostgreSQL with the month and day names that sqlglot's mapping lacks; `PADDED` marks what to_char pads to nine characters."""

    TIME_MAPPING: ClassVar[dict[str, str]] = {
        **Postgres.TIME_MAPPING,
        "Month": "%B" + PADDED, "month": "%B" + PADDED, "FMMonth": "%B", "Mon": "%b", "mon": "%b",
        "Day": "%A" + PADDED, "day": "%A" + PADDED, "FMDay": "%A", "Dy": "%a", "dy": "%a",
    }  # fmt: skip


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
    fenced = re.search(r"```(?:\w+)?[ \t]*\n?(.*?)(?:```|\Z)", text, re.DOTALL)
    if fenced and re.search(QUERY_STARTS, fenced[1], re.IGNORECASE):
        text, repairs = fenced[1], ["taken from a fenced block"]
    text = text.strip()
    start = re.search(rf"(?:^|\n|:)\s*\(*({QUERY_STARTS})", text, re.IGNORECASE)
    if start and text[: start.start(1)].strip(" \n("):
        text = text[start.start(1) :]
        repairs.append("words before the query removed")
    first, rest = first_statement(text)
    if rest.strip(" \n;"):
        repairs.append("only the first statement kept")
    return first, repairs


def first_statement(text: str) -> tuple[str, str]:
    """The text before the first semicolon outside quotes and comments, and what follows it."""
    for found in re.finditer(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|;", text, re.DOTALL):
        if found[0] == ";":
            return text[: found.start()].strip(), text[found.end() :]
    return text.strip(), ""


def abstains(sql: str) -> bool:
    """Whether the answer is "I do not know", as words or as a SELECT of only that text."""
    return ABSTAINS.match(sql.strip().rstrip(";.")) is not None


def _translated(sql: str, dialect: str, names: Names, binds: Binds) -> tuple[str, list[str]]:
    """The query in DuckDB's words; the original where translation fails or would only break it."""
    try:
        result = translate(sql, dialect, names)
        unchanged = parse_one(sql, read="duckdb").sql("duckdb") == result
    except (SqlglotError, RecursionError):
        unchanged, result = False, ""
    if unchanged:
        return sql, []
    if not result:
        return sql, [f"not translated from {dialect}: it does not parse as {dialect}"]
    if binds(result) is not None and binds(sql) is None:
        return sql, [f"run as written: its translation from {dialect} does not bind"]
    return result, [f"translated from {dialect}"]


def translate(sql: str, dialect: str, names: Names) -> str:
    """A query of another dialect for DuckDB. Raises SqlglotError when it does not parse."""
    if dialect != "postgres":
        return parse_one(sql, read=dialect).sql("duckdb")
    tree = parse_one(_whole_intervals(sql), read=_Postgres)
    return tree.transform(_postgres_meaning, names).sql("duckdb")


def _whole_intervals(sql: str) -> str:
    """`interval 'text'` as a cast, since sqlglot reads '5 min' as 5 seconds and drops the end of '1 day 02:03:04'."""
    tokens = Tokenizer().tokenize(sql)
    pieces, end = [], 0
    for word, literal in pairwise(tokens):
        if word.token_type == TokenType.INTERVAL and literal.token_type == TokenType.STRING and not literal.text.strip().isdigit():
            pieces.append(sql[end : word.start] + f"CAST('{_sql_text(literal.text)}' AS INTERVAL)")
            end = literal.end + 1
    return "".join([*pieces, sql[end:]])


def _postgres_meaning(node: exp.Expr, names: Names) -> exp.Expr:
    """What sqlglot 30 leaves different: integer division, to_char, unbounded numeric, SIMILAR TO, substring by pattern, every."""
    if isinstance(node, exp.Div) and _is_integer(node.this, names) and _is_integer(node.expression, names):
        return exp.IntDiv(this=node.this, expression=node.expression)
    if isinstance(node, exp.TimeToStr) and isinstance(node.args["format"], exp.Literal):
        return _to_char(node, node.args["format"].name)
    if isinstance(node, exp.DataType) and node.this == exp.DType.DECIMAL and not node.expressions:
        return exp.DataType.build("DOUBLE")
    if isinstance(node, exp.SimilarTo) and isinstance(node.expression, exp.Literal):
        pattern = node.expression.name.replace("%", ".*").replace("_", ".")
        return exp.func("REGEXP_FULL_MATCH", node.this, exp.Literal.string(pattern), dialect="duckdb")
    if isinstance(node, exp.Substring) and isinstance(node.args.get("start"), exp.Literal) and node.args["start"].is_string:
        return exp.Anonymous(this="REGEXP_EXTRACT", expressions=[node.this, node.args["start"]])
    if isinstance(node, exp.Anonymous) and node.name.lower() == "every":
        return exp.Anonymous(this="BOOL_AND", expressions=node.expressions)
    return node


def _to_char(node: exp.TimeToStr, style: str) -> exp.Expr:
    """to_char of a date whose month or day name is padded, or of a number."""
    if re.fullmatch(r"(?:FM)?[90,]+(?:\.[90]+)?", style):
        decimals = len(style.partition(".")[2])
        template = "{:" + ("," if "," in style else "") + f".{decimals}f" + "}"
        number = exp.Anonymous(this="FORMAT", expressions=[exp.Literal.string(template), exp.cast(node.this, "DOUBLE")])
        width = exp.Literal.number(len(style) + 1)
        return number if style.startswith("FM") else exp.Anonymous(this="LPAD", expressions=[number, width, exp.Literal.string(" ")])
    if PADDED not in style:
        return node
    parts: list[exp.Expr] = []
    for piece in re.split(f"(%.{PADDED})", style):
        if not piece:
            continue
        shown = exp.Anonymous(this="STRFTIME", expressions=[node.this.copy(), exp.Literal.string(piece.rstrip(PADDED))])
        padding = [shown, exp.Literal.number(9), exp.Literal.string(" ")]
        parts.append(exp.Anonymous(this="RPAD", expressions=padding) if piece.endswith(PADDED) else shown)
    return parts[0] if len(parts) == 1 else exp.Anonymous(this="CONCAT", expressions=parts)


def _is_integer(node: exp.Expr, names: Names) -> bool:
    """Whether an expression is surely an integer, judged by names: PostgreSQL then divides without a fraction."""
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return node.is_int
    if isinstance(node, exp.Column):
        return node.name.lower() in names.integers
    if isinstance(node, exp.Cast):
        return node.to.this in exp.DataType.INTEGER_TYPES
    if isinstance(node, exp.Count | exp.CountIf | exp.Length | exp.Extract):
        return not isinstance(node, exp.Extract)
    if isinstance(node, exp.Sum | exp.Max | exp.Min | exp.Neg | exp.Abs | exp.Filter):
        return _is_integer(node.this, names)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Mod | exp.IntDiv):
        return _is_integer(node.left, names) and _is_integer(node.right, names)
    if isinstance(node, exp.Case):
        results = [branch.args["true"] for branch in node.args["ifs"]] + ([node.args["default"]] if node.args.get("default") else [])
        return all(_is_integer(result, names) for result in results)
    if isinstance(node, exp.Coalesce):
        return all(_is_integer(part, names) for part in [node.this, *node.expressions])
    return False


def literals_for_unknown_names(sql: str, names: Names) -> str:
    """Double-quoted words that name no table, column or alias, as string literals (models trained on SQLite text write `= "x"`)."""
    try:
        tokens = Tokenizer().tokenize(sql)
    except SqlglotError:
        return sql
    aliases = {after.text.lower() for before, after in pairwise(tokens) if before.token_type == TokenType.ALIAS}
    pieces, end = [], 0
    for token in tokens:
        if token.token_type == TokenType.IDENTIFIER and sql[token.start] == '"' and token.text.lower() not in names.identifiers | aliases:
            pieces.append(sql[end : token.start] + f"'{_sql_text(token.text)}'")
            end = token.end + 1
    return "".join([*pieces, sql[end:]])


def pretty(sql: str) -> str:
    """The query laid out for reading; one formatter for both sides of a battle."""
    if len(sql) > FORMAT_CHARS:
        return sql
    try:
        return str(sqlparse.format(sql, reindent=True, keyword_case="upper", use_space_around_operators=True)).strip()
    except sqlparse.exceptions.SQLParseError:
        return sql


def _sql_text(text: str) -> str:
    return text.replace("'", "''")
