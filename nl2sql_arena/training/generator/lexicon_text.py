"""The reader of lexicons that are written as text.

A lexicon is written as text, one section a table (see `lexicons/*.txt`):

    [orders] order/orders; purchase/purchases | that | id
    status = status; state | | adj: cancelled=cancelled,canceled; delivered=delivered | total: ...
    spend := order_items.quantity * order_items.unit_price = amount spent; spend | | unit: euros | total: revenue; sales
    ? orders.coupon IS NOT NULL = with a coupon; +used a coupon | no: without a coupon; +used no coupon
    customers -> orders.customer_id = placed/place; made/make | by: placed by; of | none: who never ordered
    customers -> orders.customer_id, order_items.order_id = bought/buy | by: from | bare: country=from,in | sum revenue: spent/spend
    customers ~ customers.referrer_id = referrer/referrers | referral/referrals | by: referred by | verb: referred
    roles flight.origin flight.destination airport = from {a} to {b}; between {a} and {b}
    twins prerequisites.course_id prerequisites.required_id courses = prerequisite/prerequisites | needed for | require
    lacks = shoe size; customers: favourite colour

Phrases that start with `+` are verb phrases ("live in {v}", used as "who live in Rome"); the others follow the noun
directly ("from {v}"). A relation is a path of foreign-key columns from the table before `->`, comma-separated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nl2sql_arena.training.generator.lexicon import (
    ColumnWords,
    Condition,
    Key,
    Lexicon,
    Relation,
    SelfRelation,
    Step,
    TableWords,
    Twins,
    TwoRoles,
    Words,
    derived,
    derived_column,
    plural,
)
from nl2sql_arena.types import Schema, Table


def split_outside(text: str, mark: str) -> list[str]:
    """Split at the mark outside of brackets; the parts are stripped."""
    parts = [""]
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == mark and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def phrases(text: str) -> Words:
    return tuple(part for part in split_outside(text, ";") if part)


def comma_separated(text: str) -> Words:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def nouns(text: str) -> tuple[tuple[str, str], ...]:
    """`order/orders; buy` as pairs of singular and plural."""
    pairs = []
    for phrase in phrases(text):
        one, _, many = phrase.partition("/")
        pairs.append((one, many or plural(one)))
    return tuple(pairs)


def adjectives(text: str) -> dict[str, Words]:
    """`cancelled=cancelled,called off; Germany=German` as value -> adjectives."""
    return {value.strip(): comma_separated(words) for value, words in (phrase.split("=", 1) for phrase in phrases(text))}


def with_slot(words: Words, slot: str) -> Words:
    """The phrases, each with a place for the slot: at its end unless it says where."""
    return tuple(word if "{" in word else f"{word} {{{slot}}}" for word in words)


def extras(parts: list[str]) -> dict[str, str]:
    return {key.strip(): value.strip() for key, _, value in (part.partition(":") for part in parts)}


@dataclass
class Draft:
    """A lexicon while its lines are read; `here` is the table of the current section."""

    schema: Mapping[str, Table]
    tables: dict[str, TableWords]
    columns: dict[Key, ColumnWords]
    here: str = ""
    relations: list[Relation] = field(default_factory=list)
    selves: list[SelfRelation] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    roles: list[TwoRoles] = field(default_factory=list)
    twins: list[Twins] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)


def written(text: str, schema: Schema) -> Lexicon:
    """The lexicon of a text in the form above, on top of the derived one. KeyError when it names what the schema lacks."""
    base = derived(schema)
    made = Draft({table.name: table for table in schema.tables}, dict(base.tables), dict(base.columns))
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            read_line(made, line)
    return Lexicon(
        made.tables,
        made.columns,
        tuple(made.relations),
        tuple(made.selves),
        tuple(made.conditions),
        tuple(made.roles),
        tuple(made.twins),
        tuple(made.lacks),
    )


def read_line(made: Draft, line: str) -> None:
    """Add one line, told apart by its first letter or by the sign in its head."""
    if line.startswith("["):
        return read_table(made, line)
    if line.startswith("?"):
        return read_condition(made, line)
    head, _, rest = line.partition(" = ")
    parts = split_outside(rest, "|")
    if head == "lacks":
        made.lacks.extend(phrases(rest))
    elif head.startswith("roles "):
        made.roles.append(two_roles(head, parts, made.schema))
    elif head.startswith("twins "):
        made.twins.append(twin(head, parts, made.schema))
    elif " -> " in head:
        made.relations.append(relation(head, parts, made.schema))
    elif " ~ " in head:
        made.selves.append(self_relation(head, parts, made.schema))
    else:
        name, _, expr = (piece.strip() for piece in head.partition(":="))
        start = ColumnWords("measure", (), expr=expr) if expr else made.columns[made.here, name]
        made.columns[made.here, name] = column_words(start, parts)
    return None


def read_table(made: Draft, line: str) -> None:
    made.here, _, rest = line[1:].partition("]")
    table = made.schema[made.here]
    words, who, label = split_outside(rest, "|")
    made.tables[made.here] = TableWords(nouns(words), who, tuple(label.split()))
    for column in table.columns:
        made.columns[made.here, column.name] = derived_column(column, table, made.tables[made.here].label)


def read_condition(made: Draft, line: str) -> None:
    sql, _, rest = line[1:].partition(" == ")
    parts = split_outside(rest, "|")
    more = extras(parts[1:])
    no, adjective = phrases(more.get("no", "")), comma_separated(more.get("adj", ""))
    made.conditions.append(Condition(made.here, sql.strip(), phrases(parts[0]), no, adjective))


def column_words(start: ColumnWords, parts: list[str]) -> ColumnWords:
    """Names | where phrases | key: phrases | ... on top of what is known of the column."""
    more = extras(parts[2:])
    role = more.get("role", start.role)
    slot = {"measure": "n", "date": "w", "time": "w", "year": "w"}.get(role, "v")

    def listed(key: str) -> Words:
        return phrases(more.get(key, ""))

    return ColumnWords(
        role=role,
        names=phrases(parts[0]) or start.names,
        where=with_slot(phrases(parts[1]) if len(parts) > 1 else (), slot),
        unit=listed("unit"),
        more=listed("more"),
        less=listed("less"),
        most=listed("most"),
        least=listed("least"),
        verbs=listed("verb"),
        totals=listed("total"),
        adjectives={"*": ()} if more.get("adj") == "*" else adjectives(more.get("adj", "")),
        yes=listed("yes"),
        no=listed("no"),
        null=listed("null"),
        some=listed("some"),
        ask=listed("ask"),
        also=adjectives(more.get("also", "")),
        expr=start.expr,
    )


def walk(start: str, path: str, tables: Mapping[str, Table]) -> tuple[Step, ...]:
    """The steps of `orders.customer_id, order_items.order_id` from a table; the direction follows from where the walk stands."""
    steps = []
    at = start
    for piece in path.split(","):
        child, _, column = piece.strip().partition(".")
        key = next(key for key in tables[child].foreign_keys if key.columns[0] == column)
        step = Step(child, column, key.table, key.references[0], at == key.table)
        steps.append(step)
        at = step.target
    return tuple(steps)


def relation(head: str, parts: list[str], tables: Mapping[str, Table]) -> Relation:
    one, _, path = (piece.strip() for piece in head.partition("->"))
    steps = walk(one, path, tables)
    more = extras(parts[1:])
    does = nouns(parts[0])
    none, some = (phrases(more.get(name, "")) for name in ("none", "some"))
    by = with_slot(phrases(more.get("by", "")), "p")
    sums = {name.removeprefix("sum "): nouns(words) for name, words in more.items() if name.startswith("sum ")}
    return Relation(
        one,
        steps[-1].target,
        steps,
        does,
        by,
        none,
        some,
        nouns(more.get("count", "")),
        sums,
        adjectives(more.get("bare", "")),
        adjectives(more.get("each", "")),
        nouns(more.get("as", "")),
    )


def self_relation(head: str, parts: list[str], tables: Mapping[str, Table]) -> SelfRelation:
    table, _, column = (piece.strip() for piece in head.partition("~"))
    more = extras(parts[2:])
    key = tables[table].primary_key[0]
    return SelfRelation(
        table, column.partition(".")[2], key, nouns(parts[0]), nouns(parts[1]), phrases(more.get("by", "")), phrases(more.get("verb", ""))
    )


def two_roles(head: str, parts: list[str], tables: Mapping[str, Table]) -> TwoRoles:
    _, first, second, _ = head.split()
    table = first.partition(".")[0]
    return TwoRoles(table, walk(table, first, tables)[0], walk(table, second, tables)[0], phrases(parts[0]))


def twin(head: str, parts: list[str], tables: Mapping[str, Table]) -> Twins:
    _, column, other, table = head.split()
    link, _, name = column.partition(".")
    return Twins(
        link, name, other.partition(".")[2], table, tables[table].primary_key[0], nouns(parts[0]), phrases(parts[1]), phrases(parts[2])
    )
