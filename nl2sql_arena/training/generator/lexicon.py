"""How people speak about one database: nouns for tables, names for columns, verbs for relations.

Records only; `lexicon_text` reads one from text, `derived` makes a plain one from a schema alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nl2sql_arena.schema import short_type
from nl2sql_arena.types import Column, Schema, Table

Words = tuple[str, ...]
Key = tuple[str, str]
"""(table, column)"""


@dataclass(frozen=True)
class TableWords:
    """`nouns` are (singular, plural); `label` the columns by which people call a row; `who` is "who" for persons, else "that"."""

    nouns: tuple[tuple[str, str], ...]
    who: str
    label: Words


@dataclass(frozen=True)
class ColumnWords:
    """How one column, or a derived measure (`expr`), is spoken of.

    `role`: key, name, category, text, flag, measure, date, time, year. `where` takes a value; `more`/`less` are comparatives,
    `most`/`least` superlatives, `verbs` take an amount ("cost 5 euros"), `totals` name the sum and allow it, `adjectives` ("German",
    or "*" when every value can stand before the noun) and `also` (other spellings) are by value, `ask` are whole questions.
    """

    role: str
    names: Words
    where: Words = ()
    unit: Words = ()
    more: Words = ()
    less: Words = ()
    most: Words = ()
    least: Words = ()
    verbs: Words = ()
    totals: Words = ()
    adjectives: Mapping[str, Words] = field(default_factory=dict)
    yes: Words = ()
    no: Words = ()
    null: Words = ()
    some: Words = ()
    ask: Words = ()
    also: Mapping[str, Words] = field(default_factory=dict)
    expr: str = ""


@dataclass(frozen=True)
class Condition:
    """A named condition of a table's rows, such as "sold out"; `yes` when it holds, `no` when it does not."""

    table: str
    sql: str
    yes: Words
    no: Words = ()
    adjectives: Words = ()


@dataclass(frozen=True)
class Step:
    """One foreign key: `child.column` refers to `parent.key`; `down` when it is walked from parent to child."""

    child: str
    column: str
    parent: str
    key: str
    down: bool

    @property
    def on(self) -> str:
        return f"{self.child}.{self.column} = {self.parent}.{self.key}"

    @property
    def target(self) -> str:
        return self.child if self.down else self.parent


@dataclass(frozen=True)
class Relation:
    """From rows of `one` to their `many` rows. `does` are (past, base) verbs with `one` as subject, `by` lead from many to one."""

    one: str
    many: str
    steps: tuple[Step, ...]
    does: tuple[tuple[str, str], ...] = ()
    by: Words = ()
    none: Words = ()
    some: Words = ()
    count: tuple[tuple[str, str], ...] = ()
    sums: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Measure of `many` -> (past, base) verbs by which `one` brings it about: customers *spent* the revenue."""
    bare: Mapping[str, Words] = field(default_factory=dict)
    """Column of `one` -> words that join its value directly to the many: orders *from* Germany."""
    each: Mapping[str, Words] = field(default_factory=dict)
    """Measure of `many` -> names of its sum for a single `one`: the *order value*."""
    called: tuple[tuple[str, str], ...] = ()
    """What `one` is called in this relation, where it has several to the same table: departure airport."""

    @property
    def through(self) -> bool:
        """Whether one row of `many` can be met twice, so that it has to be counted with DISTINCT."""
        return len(self.steps) > 1 and not all(step.down for step in self.steps)


@dataclass(frozen=True)
class SelfRelation:
    """A table that refers to itself: `column` holds the `key` of the row's `up` (its boss); the row is one of the `down` of that."""

    table: str
    column: str
    key: str
    up: tuple[tuple[str, str], ...]
    down: tuple[tuple[str, str], ...]
    by: Words = ()
    verbs: Words = ()


@dataclass(frozen=True)
class TwoRoles:
    """A table that refers to another one twice: flights from `first` to `second`; `words` hold {a} and {b}."""

    table: str
    first: Step
    second: Step
    words: Words


def both_roles(roles: TwoRoles) -> str:
    """The FROM clause that reads the table with both of its parents, `a` and `b`."""
    one, two = roles.first, roles.second
    first = f"JOIN {one.parent} a ON {roles.table}.{one.column} = a.{one.key}"
    return f"FROM {roles.table} {first} JOIN {two.parent} b ON {roles.table}.{two.column} = b.{two.key}"


@dataclass(frozen=True)
class Twins:
    """A link table between rows of one table: courses and their prerequisites. `by` leads from what is needed to what needs it."""

    link: str
    column: str
    other: str
    table: str
    key: str
    up: tuple[tuple[str, str], ...]
    by: Words
    verbs: Words


@dataclass(frozen=True)
class Lexicon:
    tables: Mapping[str, TableWords]
    columns: Mapping[Key, ColumnWords]
    relations: tuple[Relation, ...] = ()
    selves: tuple[SelfRelation, ...] = ()
    conditions: tuple[Condition, ...] = ()
    roles: tuple[TwoRoles, ...] = ()
    twins: tuple[Twins, ...] = ()
    lacks: Words = ()


PERSONS = frozenset([
    "customer", "client", "patient", "doctor", "student", "professor", "teacher", "employee", "member", "person", "user", "passenger",
    "author", "player", "crew", "staff", "guest",
])  # fmt: skip
YEAR_NAMES = ("year", "built", "start_year", "founded", "published", "made", "since")


def plural(noun: str) -> str:
    """The regular English plural."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    return noun + "s"


def singular(noun: str) -> str:
    """The noun without a regular plural ending."""
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if noun.endswith(("sses", "xes", "ches", "shes")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) else noun


def spoken(name: str) -> str:
    """A column or table name as words."""
    return name.replace("_", " ").strip()


def column_role(column: Column, table: Table, label: Words) -> str:
    """What a column is good for, from its type and name."""
    foreign = {name for key in table.foreign_keys for name in key.columns}
    kind = short_type(column)
    if column.name in label and kind == "text":
        return "name"
    if kind in ("date", "time"):
        return kind
    if kind == "text" and column.name in table.primary_key and len(table.primary_key) > 1 and column.name not in foreign:
        return "category"
    if column.name in foreign or column.name in table.primary_key or column.name.endswith("_id"):
        return "category" if kind == "text" and column.name in foreign else "key"
    if kind in ("int", "num"):
        return "year" if kind == "int" and column.name in YEAR_NAMES else "measure"
    return {"bool": "flag", "text": "category"}.get(kind, "text")


def derived(schema: Schema) -> Lexicon:
    """A plain lexicon from the names of a schema alone, for a database that nobody has described."""
    tables: dict[str, TableWords] = {}
    columns: dict[Key, ColumnWords] = {}
    relations: list[Relation] = []
    for table in schema.tables:
        tables[table.name] = derived_table(table)
        for column in table.columns:
            columns[table.name, column.name] = derived_column(column, table, tables[table.name].label)
        for key in table.foreign_keys:
            if len(key.columns) == 1 and key.table != table.name:
                step = Step(table.name, key.columns[0], key.table, key.references[0], True)
                relations.append(Relation(key.table, table.name, (step,), (("had", "have"),), ("of {p}", "for {p}")))
    return Lexicon(tables, columns, tuple(relations))


def derived_table(table: Table) -> TableWords:
    """Nouns from the name; the label is a name-like column, else the key."""
    noun = singular(spoken(table.name))
    names = {column.name for column in table.columns}
    if {"first_name", "last_name"} <= names:
        label: Words = ("first_name", "last_name")
    else:
        found = next((name for name in ("name", "title", "full_name", f"{noun}_name") if name in names), "")
        label = (found,) if found else table.primary_key
    return TableWords(((noun, plural(noun)),), "who" if noun in PERSONS else "that", label or (table.columns[0].name,))


def derived_column(column: Column, table: Table, label: Words) -> ColumnWords:
    """The column's name as words, with the role that its type gives it."""
    role = column_role(column, table, label)
    name = spoken(column.name)
    return ColumnWords(role, (name,), totals=(f"total {name}",) if role == "measure" else ())
