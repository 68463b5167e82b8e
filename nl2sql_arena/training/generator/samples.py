"""The world of a real database: its schema and values, the lexicon written for it, and thresholds drawn from its data."""

from dataclasses import replace
from pathlib import Path

from nl2sql_arena.database import Connection, Database, connect_trusted
from nl2sql_arena.errors import BadInput
from nl2sql_arena.schema import quoted, short_type
from nl2sql_arena.training.generator.lexicon import Key, Lexicon, both_roles, derived
from nl2sql_arena.training.generator.lexicon_text import written
from nl2sql_arena.training.generator.world import MARK, Quantiles, World, make_field, plain
from nl2sql_arena.types import ForeignKey, Schema

FOLDER = Path(__file__).parent / "lexicons"
LEXICONS = {path.stem: path for path in sorted(FOLDER.glob("*.txt"))}
"""Database name -> the text that says how people speak about it; the form is described in `lexicon`."""

POINTS = [i / 40 for i in range(41)]


def lexicon_of(schema: Schema) -> Lexicon:
    """The lexicon written for the database, else one derived from its names."""
    path = LEXICONS.get(schema.db)
    return written(path.read_text(encoding="utf-8"), schema) if path else derived(schema)


def sample_world(database: Database) -> World:
    """The world of a database, its thresholds measured on the data. Raises BadInput when it has nothing to ask about."""
    schema = askable(database.schema())
    lexicon = lexicon_of(schema)
    connection = connect_trusted(database.path())
    try:
        ranges = measured(connection, schema, lexicon)
        labels = named_rows(connection, lexicon)
        values = {**text_values(connection, schema), **database.values()}
    finally:
        connection.close()
    return World(schema, values, lexicon, ranges, 0.01, labels)


def askable(schema: Schema) -> Schema:
    """The tables and columns whose names need no quotes, since queries are composed with bare names. Raises BadInput for none."""
    columns = {table.name: tuple(each for each in table.columns if _bare(each.name)) for table in schema.tables if _bare(table.name)}
    names = {table: {each.name for each in found} for table, found in columns.items()}

    def known(key: ForeignKey) -> bool:
        return names.get(key.table, set()).issuperset(key.references)

    tables = tuple(
        replace(
            table,
            columns=columns[table.name],
            primary_key=table.primary_key if names[table.name].issuperset(table.primary_key) else (),
            foreign_keys=tuple(key for key in table.foreign_keys if names[table.name].issuperset(key.columns) and known(key)),
        )
        for table in schema.tables
        if columns.get(table.name)
    )
    if not tables:
        raise BadInput(f"The database {schema.db} has no table and column whose names need no quotes; rename some to ask about them.")
    return replace(schema, tables=tables)


def _bare(name: str) -> bool:
    return quoted(name.lower()) == name.lower()


def measured(connection: Connection, schema: Schema, lexicon: Lexicon) -> dict[Key, Quantiles]:
    """Sample points of every number, date and derived measure, and of the rows per parent of every relation."""
    ranges: dict[Key, Quantiles] = {}
    columns = {(table.name, column.name): column for table in schema.tables for column in table.columns}
    for (table, name), words in lexicon.columns.items():
        column = columns.get((table, name))
        if column is not None and (short_type(column) not in ("int", "num", "date", "time") or words.role == "key"):
            continue
        sql = plain(make_field(table, name, words, column).sql, [table])
        points = quantiles(connection, f"SELECT {sql} AS x FROM {table} WHERE x IS NOT NULL")
        if points:
            ranges[table, name] = (
                [str(point) for point in points]
                if column is not None and short_type(column) in ("date", "time")
                else [float(point) for point in points]
            )
    for i, relation in enumerate(lexicon.relations):
        joins = "".join(f" JOIN {step.target} ON {step.on}" for step in relation.steps)
        key = f"{relation.one}.{relation.steps[0].key}"
        points = quantiles(connection, f"SELECT COUNT(*) AS x FROM {relation.one}{joins} GROUP BY {key}")
        if points:
            ranges["#", str(i)] = [float(point) for point in points]
        for name in {**relation.sums, **relation.each}:
            words = lexicon.columns[relation.many, name]
            sql = make_field(relation.many, name, words, columns.get((relation.many, name))).sql.replace(MARK, "")
            points = quantiles(connection, f"SELECT SUM({sql}) AS x FROM {relation.one}{joins} GROUP BY {key} HAVING x IS NOT NULL")
            if points:
                ranges["+", f"{i}:{name}"] = [float(point) for point in points]
    return ranges


def named_rows(connection: Connection, lexicon: Lexicon) -> dict[str, list[tuple[str, ...]]]:
    """Names of rows of every table whose rows have names, mostly of rows that others refer to."""
    found = {}
    for table, words in lexicon.tables.items():
        if all(lexicon.columns[table, name].role == "name" for name in words.label):
            columns = ", ".join(words.label)
            active = next((r.steps[0] for r in lexicon.relations if r.one == table), None)
            some = f" WHERE {active.key} IN (SELECT {active.column} FROM {active.child})" if active else ""
            rows = [
                connection.execute(
                    f"SELECT DISTINCT {columns} FROM {table}{where} ORDER BY HASH({words.label[-1]}), {columns} LIMIT {limit}"
                ).fetchall()
                for where, limit in ((some, 400), ("", 60))
            ]
            found[table] = [tuple(map(str, row)) for part in rows for row in part]
    for own in lexicon.selves:
        shown = ", ".join(f"{{}}.{name}" for name in lexicon.tables[own.table].label)
        source = f"FROM {own.table} a JOIN {own.table} b ON a.{own.column} = b.{own.key}"
        found[f"{own.column}:down"] = names_of(connection, shown.format(*"a" * len(lexicon.tables[own.table].label)), source)
        found[f"{own.column}:up"] = names_of(connection, shown.format(*"b" * len(lexicon.tables[own.table].label)), source)
    for twin in lexicon.twins:
        shown = ", ".join(lexicon.tables[twin.table].label)
        for column in (twin.column, twin.other):
            found[column] = names_of(connection, shown, f"FROM {twin.table} WHERE {twin.key} IN (SELECT {column} FROM {twin.link})")
    for roles in lexicon.roles:
        for item in lexicon.columns:
            if item[0] == roles.first.parent and lexicon.columns[item].role in ("category", "name", "text"):
                query = f"SELECT DISTINCT a.{item[1]} AS x, b.{item[1]} AS y {both_roles(roles)} ORDER BY HASH(x || y) LIMIT 300"
                found[f"{roles.table}:{item[1]}"] = [tuple(map(str, row)) for row in connection.execute(query).fetchall()]
    return found


def names_of(connection: Connection, columns: str, source: str) -> list[tuple[str, ...]]:
    rows = connection.execute(f"SELECT DISTINCT {columns} {source} ORDER BY ALL LIMIT 300").fetchall()
    return [tuple(map(str, row)) for row in rows]


def text_values(connection: Connection, schema: Schema) -> dict[Key, list[str]]:
    """Up to 200 values of every text column, the most frequent first."""
    found: dict[Key, list[str]] = {}
    for table in schema.tables:
        for column in table.columns:
            if short_type(column) == "text":
                query = f"SELECT {column.name} AS x FROM {table.name} WHERE x IS NOT NULL GROUP BY x ORDER BY COUNT(*) DESC, x LIMIT 200"
                found[table.name, column.name] = [row[0] for row in connection.execute(query).fetchall()]
    return found


def quantiles(connection: Connection, query: str) -> list[float]:
    """Ascending sample points of the query's column `x`; none for an empty result."""
    row = connection.execute(f"SELECT QUANTILE_DISC(x, {POINTS}) FROM ({query})").fetchone()
    return list(row[0]) if row and row[0] else []
