"""CREATE TABLE and INSERT statements of any dialect -> tables and rows as plain records, from which our own statements are written.

Nothing of the text survives but names, types of a closed list, and literal values, so that building a database from it runs no statement
of a stranger. Other statements (views, indexes, CREATE TABLE AS) are left out and named. Pure, but like `sql` not harmless: hostile text
can make sqlglot slow, so text of a stranger is read only inside the sandbox's worker.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena.schema import in_quotes, quoted
from nl2sql_arena.sql import first_statement
from nl2sql_arena.types import Column, ForeignKey, Table

DIALECTS = ("duckdb", "mysql", "postgres", "sqlite", "tsql")
"""Tried in this order for every statement."""
MOST_DIGITS = 38
TYPE = exp.DType
TYPES = {
    **dict.fromkeys((TYPE.TINYINT, TYPE.SMALLINT, TYPE.INT, TYPE.MEDIUMINT, TYPE.SERIAL, TYPE.SMALLSERIAL, TYPE.YEAR), "INTEGER"),
    **dict.fromkeys((TYPE.BIGINT, TYPE.BIGSERIAL, TYPE.UINT, TYPE.UTINYINT, TYPE.USMALLINT, TYPE.UMEDIUMINT), "BIGINT"),
    **dict.fromkeys((TYPE.UBIGINT, TYPE.INT128, TYPE.UINT128), "HUGEINT"),
    **dict.fromkeys((TYPE.FLOAT, TYPE.DOUBLE), "DOUBLE"),
    **dict.fromkeys((TYPE.MONEY, TYPE.SMALLMONEY), "DECIMAL(19,4)"),
    **dict.fromkeys((TYPE.TIMESTAMP, TYPE.DATETIME, TYPE.DATETIME2, TYPE.SMALLDATETIME, TYPE.TIMESTAMPNTZ, TYPE.TIMESTAMP_S), "TIMESTAMP"),
    **dict.fromkeys((TYPE.TIMESTAMPTZ, TYPE.TIMESTAMPLTZ), "TIMESTAMP WITH TIME ZONE"),
    **dict.fromkeys((TYPE.JSON, TYPE.JSONB), "JSON"),
    **dict.fromkeys((TYPE.BINARY, TYPE.VARBINARY, TYPE.BLOB, TYPE.LONGBLOB, TYPE.MEDIUMBLOB, TYPE.TINYBLOB), "BLOB"),
    TYPE.BOOLEAN: "BOOLEAN", TYPE.DATE: "DATE", TYPE.DATE32: "DATE", TYPE.TIME: "TIME", TYPE.UUID: "UUID", TYPE.INTERVAL: "INTERVAL",
}  # fmt: skip
"""What DuckDB calls a type; every other one, texts and enumerations above all, is VARCHAR."""
PLAIN_TYPE = re.compile(
    rf"\b(?:{'|'.join(map(re.escape, sorted({*TYPES.values(), 'VARCHAR'}, key=len, reverse=True)))}|DECIMAL\(\d+,\d+\))(?!\w)"
)
NESTED_TYPE = re.compile(r"""STRUCT\((?:(?:\w+|"(?:[^"]|"")*")\ \#(?:,\ )?)+\)|MAP\(\#,\ \#\)|\#\[\]""", re.VERBOSE)

Row = tuple[str | None, ...]
"""One row's values as text that DuckDB casts to the columns' types."""
Rows = Mapping[str, Sequence[Row]]
"""Table name -> its rows, with a value for each of its columns."""


@dataclass(frozen=True)
class Described:
    """Tables (referenced ones first) and rows of a text of statements, and what was left out of it."""

    tables: tuple[Table, ...]
    rows: Rows
    notes: tuple[str, ...] = ()


def read(text: str) -> Described:
    """What CREATE TABLE and INSERT statements describe; no table when none can be read."""
    tables: dict[str, Table] = {}
    rows: dict[str, list[Row]] = {}
    notes: dict[str, None] = {}
    for tree in _statements(text):
        table = _table(tree) if isinstance(tree, exp.Create) and tree.kind == "TABLE" else None
        if table and table.columns and table.name.lower() not in tables:
            tables[table.name.lower()] = table
        elif isinstance(tree, exp.Insert):
            into = tree.this.find(exp.Table)
            target = tables.get(into.name.lower()) if into else None
            found, missed = _rows(tree, target) if target else ([], True)
            if target:
                rows.setdefault(target.name, []).extend(found)
            if missed:
                notes["rows whose values are no literals left out"] = None
        else:
            notes["a statement that creates no table left out"] = None
    return Described(tuple(referenced_first(with_known_keys(list(tables.values())))), rows, tuple(notes))


def tables_of(found: Iterable[Mapping[str, Any]]) -> tuple[Table, ...]:
    """Tables that a worker described, as records; it is not trusted with more than what these can hold."""
    return tuple(
        Table(
            each["name"],
            tuple(Column(**column | {"type": column["type"] if is_type(column["type"]) else "VARCHAR"}) for column in each["columns"]),
            tuple(each["primary_key"]),
            tuple(ForeignKey(tuple(key["columns"]), key["table"], tuple(key["references"])) for key in each["foreign_keys"]),
        )
        for each in found
    )


def with_known_keys(tables: Sequence[Table]) -> list[Table]:
    """The tables with those of their foreign keys that refer to columns that exist, in the spelling of the tables."""
    by_name = {table.name.lower(): table for table in tables}
    return [replace(table, foreign_keys=tuple(_known(table, by_name))) for table in tables]


def referenced_first(tables: Sequence[Table]) -> list[Table]:
    """The tables with those that others refer to before them; circles stay as they are."""
    by_name = {table.name: table for table in tables}
    done: dict[str, Table] = {}

    def take(table: Table, under_way: frozenset[str]) -> None:
        for key in table.foreign_keys:
            if key.table not in under_way and key.table not in done:
                take(by_name[key.table], under_way | {key.table})
        done.setdefault(table.name, table)

    for table in tables:
        take(table, frozenset({table.name}))
    return list(done.values())


def create_statements(tables: Sequence[Table]) -> Iterator[str]:
    """Our own CREATE TABLE of each, without keys, so that no row is refused for what its publisher did not check."""
    for table in tables:
        columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
        yield f"CREATE TABLE {quoted(table.name)} ({columns})"


def written(tables: Sequence[Table]) -> str:
    """The tables with all their keys, as text that `read` reads."""
    return "\n".join(f"CREATE TABLE {in_quotes(table.name)} ({', '.join(_parts(table))});" for table in tables)


def _parts(table: Table) -> Iterator[str]:
    yield from (f"{in_quotes(column.name)} {column.type}{'' if column.nullable else ' NOT NULL'}" for column in table.columns)
    if table.primary_key:
        yield f"PRIMARY KEY ({', '.join(map(in_quotes, table.primary_key))})"
    for key in table.foreign_keys:
        mine, theirs = (", ".join(map(in_quotes, names)) for names in (key.columns, key.references))
        yield f"FOREIGN KEY ({mine}) REFERENCES {in_quotes(key.table)} ({theirs})"


def insert_statement(table: str, rows: Sequence[Row]) -> str:
    """Our own INSERT, every value a text literal that DuckDB casts."""
    lines = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    return f"INSERT INTO {quoted(table)} VALUES {lines}"


def duckdb_type(kind: exp.DataType | None) -> str:
    """DuckDB's name of a column's type, of the closed list; VARCHAR where a type is missing or not known."""
    if kind is None:
        return "VARCHAR"
    inner = [node for node in kind.expressions if isinstance(node, exp.DataType)]
    if kind.this in (TYPE.ARRAY, TYPE.LIST) and inner:
        return f"{duckdb_type(inner[0])}[]"
    if kind.this == TYPE.MAP and len(inner) == 2:
        return f"MAP({duckdb_type(inner[0])}, {duckdb_type(inner[1])})"
    if kind.this == TYPE.STRUCT and kind.expressions and all(isinstance(part, exp.ColumnDef) for part in kind.expressions):
        fields = [f"{quoted(part.name)} {duckdb_type(part.args.get('kind'))}" for part in kind.expressions]
        return f"STRUCT({', '.join(fields)})"
    if kind.this == TYPE.DECIMAL:
        digits = [int(part.name) for part in kind.expressions if part.name.isdecimal()]
        fits = digits and digits[0] <= MOST_DIGITS and digits[-1] <= digits[0]
        return f"DECIMAL({digits[0]},{digits[1] if len(digits) > 1 else 0})" if fits else "DOUBLE"
    return TYPES.get(kind.this, "VARCHAR")


def is_type(text: str) -> bool:
    """Whether a text is a type as `duckdb_type` writes it; asked of what comes from a worker before it is part of a statement."""
    whole, text = text, PLAIN_TYPE.sub("#", text)
    while (shorter := NESTED_TYPE.sub("#", text)) != text:
        text = shorter
    return text == "#" and "#" not in whole


def _statements(text: str) -> Iterator[exp.Expr | None]:
    """The tree of each statement; None for one that no dialect reads."""
    while text.strip(" \n\t\r;"):
        statement, text = first_statement(text)
        if statement.strip():
            yield _parsed(statement)


def _parsed(statement: str) -> exp.Expr | None:
    """The tree as the first dialect reads it that knows all its types, else the first that reads it at all."""
    readings = list(_readings(statement))
    return next((tree for tree in readings if not _has_unknown_type(tree)), readings[0] if readings else None)


def _readings(statement: str) -> Iterator[exp.Expr]:
    for dialect in DIALECTS:
        try:
            tree = parse_one(statement, read=dialect)
        except (SqlglotError, ValueError, RecursionError):
            continue
        if isinstance(tree, exp.Create | exp.Insert):
            yield tree
            if not _has_unknown_type(tree):
                return


def _has_unknown_type(tree: exp.Expr) -> bool:
    return any(kind.this == TYPE.USERDEFINED for kind in tree.find_all(exp.DataType))


def _table(tree: exp.Create) -> Table | None:
    if not isinstance(tree.this, exp.Schema) or not tree.this.this.name:
        return None
    parts = [part for node in tree.this.expressions for part in (node.expressions if isinstance(node, exp.Constraint) else [node])]
    columns: dict[str, Column] = {}
    primary: tuple[str, ...] = ()
    foreign: list[ForeignKey] = []
    for part in parts:
        if isinstance(part, exp.ColumnDef) and part.name:
            kinds = [constraint.kind for constraint in part.constraints]
            primary = (*primary, part.name) if any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds) else primary
            foreign += [_foreign_key((part.name,), kind) for kind in kinds if isinstance(kind, exp.Reference)]
            not_null = any(isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds)
            comment = next((kind.name for kind in kinds if isinstance(kind, exp.CommentColumnConstraint)), "")
            column = Column(part.name, duckdb_type(part.args.get("kind")), comment, not not_null)
            columns.setdefault(part.name.lower(), column)
        elif isinstance(part, exp.PrimaryKey):
            primary = tuple(column.name for column in part.expressions)
        elif isinstance(part, exp.ForeignKey) and isinstance(part.args.get("reference"), exp.Reference):
            foreign.append(_foreign_key(tuple(column.name for column in part.expressions), part.args["reference"]))
    primary = tuple(columns[name.lower()].name for name in primary if name.lower() in columns)
    return Table(tree.this.this.name, tuple(columns.values()), primary, tuple(foreign))


def _foreign_key(columns: tuple[str, ...], reference: exp.Reference) -> ForeignKey:
    target = reference.this
    names = tuple(column.name for column in target.expressions) if isinstance(target, exp.Schema) else ()
    return ForeignKey(columns, target.this.name if isinstance(target, exp.Schema) else target.name, names)


def _known(table: Table, tables: Mapping[str, Table]) -> Iterator[ForeignKey]:
    mine = {column.name.lower(): column.name for column in table.columns}
    for key in table.foreign_keys:
        target = tables.get(key.table.lower())
        if not target:
            continue
        theirs = {column.name.lower(): column.name for column in target.columns}
        references = key.references if any(key.references) else target.primary_key
        found = [theirs.get(name.lower(), "") for name in references]
        columns = [mine.get(name.lower(), "") for name in key.columns]
        if len(found) == len(columns) and all(found) and all(columns):
            yield ForeignKey(tuple(columns), target.name, tuple(found))


def _rows(tree: exp.Insert, table: Table) -> tuple[list[Row], bool]:
    """The rows of an INSERT, and whether some were left out for what they hold."""
    if not isinstance(tree.expression, exp.Values):
        return [], True
    named = [column.name.lower() for column in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
    columns = [column.name.lower() for column in table.columns]
    given = named or columns
    rows: list[Row] = []
    for line in tree.expression.expressions:
        cells = line.expressions if isinstance(line, exp.Tuple) else [line]
        try:
            values = {name: _value(cell) for name, cell in zip(given, cells, strict=True)}
        except ValueError:
            continue
        rows.append(tuple(values.get(name) for name in columns))
    return rows, len(rows) < len(tree.expression.expressions)


def _value(cell: exp.Expr) -> str | None:
    """A literal as text. Raises ValueError for what is computed."""
    cell = cell.unnest()
    if isinstance(cell, exp.Null):
        return None
    if isinstance(cell, exp.Boolean):
        return "true" if cell.this else "false"
    if isinstance(cell, exp.Neg) and isinstance(cell.this, exp.Literal):
        return f"-{cell.this.name}"
    if isinstance(cell, exp.Cast):
        return _value(cell.this)
    if isinstance(cell, exp.Array):
        return "[" + ", ".join("NULL" if (item := _value(each)) is None else literal(item) for each in cell.expressions) + "]"
    if isinstance(cell, exp.Literal) or (isinstance(cell, exp.Column) and cell.this.args.get("quoted") and not cell.table):
        return cell.name
    raise ValueError("computed")


def literal(value: str | None) -> str:
    """A text as SQL writes it."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
