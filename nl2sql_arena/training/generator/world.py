"""One database as the generator sees it, and the index over it that makes drawing questions fast.

Columns inside SQL fragments are written with a mark, `MARK + "orders.status"`, and lose mark and table once it is known
that a query reads one table only (see `plain`).
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nl2sql_arena.schema import short_type
from nl2sql_arena.training.generator.lexicon import ColumnWords, Condition, Key, Lexicon, Relation, SelfRelation, TableWords
from nl2sql_arena.types import Column, Schema

MARK = "\x01"
Quantiles = Sequence[float] | Sequence[str]


@dataclass(frozen=True)
class World:
    """A schema, its text values, its words. `ranges` hold ascending sample points of numbers and ISO dates, by (table, column);
    of a derived measure by (table, its name); of the rows per parent of relation i by ("#", str(i)), of the sums per parent by
    ("+", "i:measure"). `invented` is the share of text values that are made up instead of taken from `values`. `labels` are the names
    of real rows, by table.
    """

    schema: Schema
    values: Mapping[Key, Sequence[str]]
    lexicon: Lexicon
    ranges: Mapping[Key, Quantiles] = field(default_factory=dict)
    invented: float = 0.0
    labels: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """A column, or a derived measure, ready for use: `sql` is its marked text."""

    table: str
    name: str
    sql: str
    words: ColumnWords
    nullable: bool
    whole: bool
    timed: bool

    @property
    def role(self) -> str:
        return self.words.role


class Guide:
    """The index over a world: fields by table and role, relations by either end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lexicon = world.lexicon
        self.tables: dict[str, TableWords] = dict(world.lexicon.tables)
        self.keys = {table.name: table.primary_key for table in world.schema.tables}
        self.fields: dict[str, list[Field]] = {name: [] for name in self.tables}
        self.by_name: dict[Key, Field] = {}
        types = {(table.name, column.name): column for table in world.schema.tables for column in table.columns}
        for (table, name), words in world.lexicon.columns.items():
            made = make_field(table, name, words, types.get((table, name)))
            self.fields[table].append(made)
            self.by_name[table, name] = made
        self.downs: dict[str, list[Relation]] = {name: [] for name in self.tables}
        self.ups: dict[str, list[Relation]] = {name: [] for name in self.tables}
        for relation in world.lexicon.relations:
            self.downs[relation.one].append(relation)
            self.ups[relation.many].append(relation)
        self.selves: dict[str, list[SelfRelation]] = {name: [] for name in self.tables}
        for own in world.lexicon.selves:
            self.selves[own.table].append(own)
        self.conditions: dict[str, list[Condition]] = {name: [] for name in self.tables}
        for condition in world.lexicon.conditions:
            self.conditions[condition.table].append(condition)
        self.number = {id(relation): str(i) for i, relation in enumerate(world.lexicon.relations)}
        self.entities = [name for name in self.tables if self.fields[name]]
        self.subjects = [name for name in self.entities for _ in range(3 if self.named(name) or len(self.keys[name]) == 1 else 1)]
        """Tables to ask about: those whose rows stand for themselves more often than links."""
        self.of_role: dict[tuple[str, str], list[Field]] = {}
        for name, fields in self.fields.items():
            for role in ("key", "name", "category", "text", "flag", "measure", "date", "time", "year"):
                self.of_role[name, role] = [item for item in fields if item.role == role]
            self.of_role[name, "moment"] = self.of_role[name, "date"] + self.of_role[name, "time"]
            self.of_role[name, "sum"] = [item for item in fields if item.role == "measure" and item.words.totals]
            self.of_role[name, "null"] = [item for item in fields if item.nullable and not item.words.expr]
            self.of_role[name, "real"] = [item for item in fields if not item.words.expr]

    @cached_property
    def known_words(self) -> set[str]:
        """All words by which the database's own things are called."""
        texts = [name for words in self.lexicon.columns.values() for name in (*words.names, *words.totals)]
        texts += [noun for words in self.tables.values() for pair in words.nouns for noun in pair]
        texts += [name.replace("_", " ") for _, name in self.by_name]
        return {word for text in texts for word in text.lower().split()}

    def label(self, table: str) -> list[Field]:
        """The fields by which people call a row of the table."""
        return [self.by_name[table, name] for name in self.tables[table].label]

    def named(self, table: str) -> bool:
        """Whether a row is called by a name rather than by its number."""
        return all(item.role == "name" for item in self.label(table))

    def range_of(self, item: Field) -> Quantiles:
        return self.world.ranges.get((item.table, item.name), ())

    def counts(self, relation: Relation) -> Quantiles:
        return self.world.ranges.get(("#", self.number[id(relation)]), ())

    def totals(self, relation: Relation, measure: str) -> Quantiles:
        """Sample points of the measure's sum per row of the relation's one side."""
        return self.world.ranges.get(("+", f"{self.number[id(relation)]}:{measure}"), ())

    def pool(self, item: Field) -> Sequence[str]:
        return self.world.values.get((item.table, item.name), ())


def make_field(table: str, name: str, words: ColumnWords, column: Column | None) -> Field:
    """The field of a column; of a derived measure when there is no such column."""
    if column is None:
        marked = re.sub(r"\b([a-z_]+)\.(?=[a-z_])", MARK + r"\1.", words.expr)
        return Field(table, name, marked, words, True, False, False)
    kind = short_type(column)
    return Field(table, name, f"{MARK}{table}.{column.name}", words, column.nullable, kind == "int", kind == "time")


def plain(sql: str, tables: Sequence[str]) -> str:
    """The SQL without marks: columns are bare when the query reads one table, else qualified."""
    if len(tables) == 1:
        sql = sql.replace(f"{MARK}{tables[0]}.", "")
    return sql.replace(MARK, "")


SYLLABLES = [
    "ba", "be", "bo", "da", "de", "di", "do", "fa", "fo", "ga", "go", "ha", "jo", "ka", "ke", "ki", "ko", "la", "le", "li", "lo", "lu",
    "ma", "me", "mi", "mo", "na", "ne", "no", "pa", "pe", "po", "ra", "re", "ri", "ro", "sa", "se", "so", "ta", "te", "ti", "to", "va",
    "vi", "wa", "ya", "zo",
]  # fmt: skip
ENDINGS = ("", "n", "r", "s", "l", "th", "x", "ck", "nd")


def invented_word(rng: random.Random) -> str:
    """A word that no pool holds, so that a model has to copy it."""
    parts = [SYLLABLES[int(rng.random() * len(SYLLABLES))] for _ in range(2 + (rng.random() < 0.4))]
    word = "".join(parts) + ENDINGS[int(rng.random() * len(ENDINGS))]
    return word.capitalize() if rng.random() < 0.8 else word
