"""The same questions on a database that looks otherwise: tables and columns under other names, in another order, some left out, some added.

A model that has learned from these reads the schema in its prompt instead of knowing it by heart.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nl2sql_arena.schema import RESERVED, keys
from nl2sql_arena.training.generator.lexicon import Lexicon
from nl2sql_arena.training.generator.templates import pick
from nl2sql_arena.training.minis.pools import Asked
from nl2sql_arena.types import Column, ForeignKey, Link, Schema, Table

TOKEN = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][A-Za-z_0-9]*")
"""A text constant, which is left as it is, or a word."""
NAME = re.compile(r"[a-z][a-z_]{1,24}")
ADDED = (
    ("notes", "VARCHAR"), ("created_at", "TIMESTAMP"), ("updated_on", "DATE"), ("is_active", "BOOLEAN"), ("source", "VARCHAR"),
    ("external_id", "INTEGER"), ("priority", "INTEGER"), ("language", "VARCHAR"), ("currency", "VARCHAR"), ("version", "INTEGER"),
    ("score", "DOUBLE"), ("tag", "VARCHAR"), ("region", "VARCHAR"), ("comment", "VARCHAR"), ("created_by", "VARCHAR"),
)  # fmt: skip
KEEP_NAME = 0.4
"""Chance that a name stays as it is, so that the words of the originals are met too."""


def renamed(schema: Schema, lexicon: Lexicon, pairs: Sequence[Asked], rng: random.Random) -> tuple[Schema, list[Asked]]:
    """A variant of the schema with those of the pairs that it can still answer."""
    names = _names(schema, lexicon, rng)
    used = {word for _, sql, _ in pairs[: len(pairs) // 2] for word in TOKEN.findall(sql)}
    dropped = {
        (table.name, column.name)
        for table in schema.tables
        for column in table.columns
        if column.name not in used and column.name not in keys(schema, table) and rng.random() < 0.5
    }
    gone = {name for _, name in dropped} - {c.name for t in schema.tables for c in t.columns if (t.name, c.name) not in dropped}
    lost = {name for _, name in dropped}
    kept: list[Asked] = [
        (question, _renamed_sql(sql, names), _renamed_links(links, names, dropped))
        for question, sql, links in pairs
        if not gone & (words := set(TOKEN.findall(sql))) and not lost & words
    ]
    tables = [_renamed_table(table, names, dropped, rng) for table in schema.tables]
    rng.shuffle(tables)
    return replace(schema, tables=tuple(tables)), kept


def _names(schema: Schema, lexicon: Lexicon, rng: random.Random) -> dict[str, str]:
    """Old -> new name; one word has one new name wherever it stands, and no two become the same."""
    taken = {table.name for table in schema.tables} | {column.name for table in schema.tables for column in table.columns}
    names: dict[str, str] = {}
    plural = rng.random() < 0.5
    times = Counter(column.name for table in schema.tables for column in table.columns)
    for table in schema.tables:
        words = lexicon.tables.get(table.name)
        nouns = [noun[plural] for noun in words.nouns] if words else []
        _choose(table.name, nouns, names, taken, rng)
    for table in schema.tables:
        for column in table.columns:
            words_of = lexicon.columns.get((table.name, column.name)) if times[column.name] == 1 else None
            spoken = list(words_of.names) if words_of else []
            _choose(column.name, spoken, names, taken, rng)
    return names


def _choose(old: str, spoken: Sequence[str], names: dict[str, str], taken: set[str], rng: random.Random) -> None:
    if old in names or rng.random() < KEEP_NAME or (old == "id" and rng.random() < 0.7):
        names.setdefault(old, old)
        return
    if old == "name":
        spoken = ("title", "full_name", "label")
    ideas = [text.lower().replace("-", "_").replace(" ", "_") for text in spoken] + [_shortened(old)]
    usable = [idea for idea in ideas if NAME.fullmatch(idea) and idea not in taken and idea not in RESERVED]
    names[old] = pick(rng, usable) if usable else old
    taken.add(names[old])


def _shortened(name: str) -> str:
    """customer_id -> cust_id; a single word stays."""
    return "_".join(part[:4] if len(part) > 5 else part for part in name.split("_")) if "_" in name else name


def _renamed_sql(sql: str, names: Mapping[str, str]) -> str:
    return TOKEN.sub(lambda match: names.get(match[0], match[0]), sql)


def _renamed_links(links: Sequence[Link], names: Mapping[str, str], dropped: set[tuple[str, str]]) -> tuple[Link, ...]:
    kept = (link for link in links if (link.table, link.column) not in dropped)
    return tuple(Link(names[link.table], names[link.column], link.value) for link in kept)


def _renamed_table(table: Table, names: Mapping[str, str], dropped: set[tuple[str, str]], rng: random.Random) -> Table:
    columns = [replace(column, name=names[column.name]) for column in table.columns if (table.name, column.name) not in dropped]
    if rng.random() < 0.5:
        rng.shuffle(columns)
    for name, kind in rng.sample(ADDED, rng.choice((0, 0, 1, 2))):
        if name not in names.values():
            columns.insert(rng.randrange(len(columns) + 1), Column(name, kind))
    foreign = tuple(
        ForeignKey(tuple(names[name] for name in key.columns), names[key.table], tuple(names[name] for name in key.references))
        for key in table.foreign_keys
    )
    return replace(
        table, name=names[table.name], columns=tuple(columns), foreign_keys=foreign, primary_key=tuple(names[n] for n in table.primary_key)
    )
