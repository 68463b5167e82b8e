"""A database again, changed in one respect: its columns renamed, tables added among its own, or values exchanged; rows keep their order.

A copy is built once by our own statements and named by what it is made of. It holds the tables of `main` and their rows, comments and, for
prompts, keys. Not covered: views, and tables of other schemas.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from nl2sql_arena.database import Connection, Database, connect_trusted, made
from nl2sql_arena.published.invented_rows import invented
from nl2sql_arena.schema import in_quotes, literal
from nl2sql_arena.types import ForeignKey, Schema, Table

BUILDER = "1"
"""Part of a copy's name; raised when building changes what it contains."""


@dataclass(frozen=True)
class Change:
    """What a copy has otherwise: old column name, lower case, -> the new one in every table; text value -> the new one in every column;
    and further tables, each with the place among the tables at which it is put.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[tuple[int, Table], ...] = ()


def copied(database: Database, name: str, change: Change, cache: Path) -> Database:
    """The copy under that name, built in the cache if it is not there. Raises BadDatabase."""
    source = database.path()
    stamp = source.stat()
    content = [BUILDER, str(source), stamp.st_size, stamp.st_mtime_ns, asdict(change)]
    target = cache / f"{database.name}-{sha256(json.dumps(content).encode()).hexdigest()[:12]}.duckdb"
    schema = database.schema()
    if not target.is_file():
        with made(target) as connection:
            connection.execute(f"ATTACH {literal(str(source))} AS source (READ_ONLY)")
            for table in schema.tables:
                _copy(connection, table, change)
            _add(connection, [table for _, table in change.tables], schema.db)
            connection.execute("DETACH source")
            connection.execute("CHECKPOINT")
    tables = [_renamed(table, change.columns) for table in schema.tables]
    for place, table in change.tables:
        tables.insert(place, table)
    return Database(name, target.with_suffix(""), cache, target, tuple(tables))


def holders(database: Database, texts: Iterable[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Text -> the (table, column) pairs of text columns that hold it as a value. Raises BadDatabase."""
    wanted = list(dict.fromkeys(texts))
    found: dict[str, list[tuple[str, str]]] = {text: [] for text in wanted}
    with closing(connect_trusted(database.path())) as connection:
        for table in database.schema().tables:
            for column in (each.name for each in table.columns if each.type == "VARCHAR"):
                query = f"SELECT DISTINCT {in_quotes(column)} FROM {in_quotes(table.name)} WHERE list_contains(?, {in_quotes(column)})"
                for (text,) in connection.execute(query, [wanted]).fetchall():
                    found[text].append((table.name, column))
    return {text: tuple(places) for text, places in found.items()}


def _renamed(table: Table, names: Mapping[str, str]) -> Table:
    def new(columns: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.get(each.lower(), each) for each in columns)

    return replace(
        table,
        columns=tuple(replace(column, name=names.get(column.name.lower(), column.name)) for column in table.columns),
        primary_key=new(table.primary_key),
        foreign_keys=tuple(ForeignKey(new(key.columns), key.table, new(key.references)) for key in table.foreign_keys),
    )


def _copy(connection: Connection, table: Table, change: Change) -> None:
    renamed = _renamed(table, change.columns)
    _create(connection, renamed)
    wanted, values = [], []
    for column in table.columns:
        name = in_quotes(column.name)
        if column.type == "VARCHAR" and change.values:
            wanted.append(f"CASE {name} {'WHEN ? THEN ? ' * len(change.values)}ELSE {name} END")
            values += [text for pair in change.values.items() for text in pair]
        else:
            wanted.append(name)
    connection.execute(f"INSERT INTO {in_quotes(table.name)} SELECT {', '.join(wanted)} FROM source.main.{in_quotes(table.name)}", values)


def _create(connection: Connection, table: Table) -> None:
    columns = ", ".join(f"{in_quotes(each.name)} {each.type}{'' if each.nullable else ' NOT NULL'}" for each in table.columns)
    connection.execute(f"CREATE TABLE {in_quotes(table.name)} ({columns})")
    for statement in _comments(table):
        connection.execute(statement)


def _comments(table: Table) -> Iterator[str]:
    if table.comment:
        yield f"COMMENT ON TABLE {in_quotes(table.name)} IS {literal(table.comment)}"
    for column in table.columns:
        if column.comment:
            yield f"COMMENT ON COLUMN {in_quotes(table.name)}.{in_quotes(column.name)} IS {literal(column.comment)}"


def _add(connection: Connection, tables: Sequence[Table], seed: str) -> None:
    """Further tables with rows that we invent."""
    rows = invented(Schema(seed, tuple(tables)), (), seed)
    for table in tables:
        _create(connection, table)
        places = ", ".join("?" for _ in table.columns)
        connection.executemany(f"INSERT INTO {in_quotes(table.name)} VALUES ({places})", [list(row) for row in rows[table.name]])
