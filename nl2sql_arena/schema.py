"""Schema -> text, without ever touching a connection.

`create_tables` is the DDL that published models were tuned on; `compact` is the short form of our own minis.
Comments come from the database and are data, not instructions: they are put on one line and cut.
"""

import re

from nl2sql_arena.types import Column, Schema, Table

COMMENT_CHARS = 120
NUMBER_TYPES = ("DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "REAL")
KEYWORDS = """
all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast check collate collation column
concurrently constraint create cross default deferrable desc describe distinct do else end except false fetch for foreign freeze from
full glob group having ilike in initially inner intersect into is isnull join lambda lateral leading left like limit natural not notnull
null offset on only or order outer overlaps pivot pivot_longer pivot_wider placing positional primary qualify references returning right
select semi show similar some summarize symmetric table tablesample then to trailing true union unique unpack unpivot using variadic
verbose when where window with
"""
"""Words that DuckDB 2.0 does not accept bare as the name of a table or column."""
RESERVED = frozenset(KEYWORDS.split())


def one_line(text: str, limit: int = COMMENT_CHARS) -> str:
    """Text without control characters or line breaks, cut to `limit` characters."""
    flat = re.sub(r"[\x00-\x1f\x7f\s]+", " ", text).strip()
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def quoted(name: str) -> str:
    """The name as SQL can carry it: bare when it is a plain lower-case word without a meaning of its own."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in RESERVED else in_quotes(name)


def in_quotes(name: str) -> str:
    """The name as every parser takes it, whatever words it reserves."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text value as SQL carries it, every character kept."""
    return "'" + value.replace("'", "''") + "'"


def create_table(table: Table, comments: bool = True) -> str:
    """One `CREATE TABLE` with a column a line and trailing comments."""
    lines: list[tuple[str, str]] = []
    for column in table.columns:
        key = " PRIMARY KEY" if table.primary_key == (column.name,) else ""
        lines.append((f"  {quoted(column.name)} {column.type}{key}", column.comment))
    if len(table.primary_key) > 1:
        lines.append((f"  PRIMARY KEY ({', '.join(map(quoted, table.primary_key))})", ""))
    body = [
        text + ("," if i < len(lines) - 1 else "") + (f" -- {one_line(comment)}" if comments and comment else "")
        for i, (text, comment) in enumerate(lines)
    ]
    head = f"CREATE TABLE {quoted(table.name)} (" + (f" -- {one_line(table.comment)}" if comments and table.comment else "")
    return "\n".join([head, *body, ");"])


def keys(schema: Schema, table: Table) -> set[str]:
    """The columns by which a table is joined: its own keys, and those that others refer to."""
    mine = {name for key in table.foreign_keys for name in key.columns} | set(table.primary_key)
    return mine | {name for other in schema.tables for key in other.foreign_keys if key.table == table.name for name in key.references}


def joins(schema: Schema) -> list[str]:
    """`a.x can be joined with b.y`, one per foreign-key column, the form of Defog's published metadata."""
    return [
        f"{table.name}.{mine} can be joined with {key.table}.{theirs}"
        for table in schema.tables
        for key in table.foreign_keys
        for mine, theirs in zip(key.columns, key.references, strict=True)
    ]


def create_tables(schema: Schema, comments: bool = True) -> str:
    """The whole schema as DDL, then its joins as comment lines."""
    tables = "\n\n".join(create_table(table, comments) for table in schema.tables)
    hints = "\n".join(f"-- {one_line(line, len(line))}" for line in joins(schema))
    return f"{tables}\n\n{hints}" if hints else tables


def short_type(column: Column) -> str:
    """One word for a column's type: int, num, text, date, time, bool or other."""
    kind = column.type.upper()
    if "[" in kind or kind.startswith(("STRUCT", "MAP")):
        return "other"
    for word, starts in (
        ("bool", ("BOOL",)),
        ("time", ("TIMESTAMP", "TIME", "DATETIME")),
        ("date", ("DATE",)),
        ("text", ("VARCHAR", "TEXT", "CHAR")),
    ):
        if kind.startswith(starts):
            return word
    if kind.endswith("INT") or kind.startswith("INTEGER"):
        return "int"
    return "num" if kind.startswith(NUMBER_TYPES) else "other"


def keyed(schema: Schema) -> str:
    """One line a table with primary keys and what foreign keys refer to: `orders(id int key, customer_id int > customers.id)`."""
    lines = []
    for table in schema.tables:
        refers = {
            mine: f" > {quoted(key.table)}.{quoted(theirs)}"
            for key in table.foreign_keys
            for mine, theirs in zip(key.columns, key.references, strict=True)
        }
        columns = ", ".join(
            f"{quoted(column.name)} {short_type(column)}{' key' if column.name in table.primary_key else ''}{refers.get(column.name, '')}"
            for column in table.columns
        )
        lines.append(f"{quoted(table.name)}({columns})")
    return "\n".join(lines)


def compact(schema: Schema) -> str:
    """One line a table: `orders(id int, customer_id int > customers, status text)`."""
    lines = []
    for table in schema.tables:
        refers = {key.columns[0]: key.table for key in table.foreign_keys}
        columns = ", ".join(
            f"{column.name} {short_type(column)}" + (f" > {refers[column.name]}" if column.name in refers else "")
            for column in table.columns
        )
        lines.append(f"{table.name}({columns})")
    return "\n".join(lines)
