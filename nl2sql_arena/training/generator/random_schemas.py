"""Random databases: a domain, some of its tables, random columns, names in one of several styles, and words for all of it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from nl2sql_arena.sampledata import FIRST_NAMES, LAST_NAMES
from nl2sql_arena.schema import RESERVED, literal
from nl2sql_arena.training.generator.lexicon import ColumnWords, Key, Lexicon, Relation, Step, TableWords, Words
from nl2sql_arena.training.generator.templates import pick
from nl2sql_arena.training.generator.vocabulary import ColumnKind, Entity, Reference, column_kinds, domains, pools
from nl2sql_arena.training.generator.world import Quantiles, World, invented_word
from nl2sql_arena.types import Column, ForeignKey, Schema, Table

Pairs = tuple[tuple[str, str], ...]
MOST_COLUMNS = 38
WHEN_NAMES = ("date", "day", "created_at", "made_on", "booked_on", "started_at", "happened_on", "event_date", "time", "logged_at")
HAD: Pairs = (("had", "have"),)
DO_WORDS: Pairs = (("made", "make"), ("had", "have"), ("had", "have"))


@dataclass
class Draft:
    """A random world under construction."""

    rng: random.Random
    key_style: str
    plural_names: bool
    tables: dict[str, Table]
    names: dict[str, str]
    words: dict[str, TableWords]
    columns: dict[Key, ColumnWords]
    relations: list[Relation]
    values: dict[Key, Sequence[str]]
    ranges: dict[Key, Quantiles]
    places: set[str]


def random_world(rng: random.Random) -> World:
    """A database of 3-8 tables of one everyday domain, at most 42 columns, no name of which needs quotes."""
    while True:
        world = _any_world(rng)
        names = {name for table in world.schema.tables for name in (table.name, *(column.name for column in table.columns))}
        if not names & RESERVED:
            return world


def _any_world(rng: random.Random) -> World:
    chosen = pick(rng, domains())
    made = Draft(rng, pick(rng, ("id", "id", "noun_id")), rng.random() < 0.6, {}, {}, {}, {}, [], {}, {}, set())
    wanted = 3 + int(rng.random() * 4)
    order = choose(chosen, wanted, rng)
    share = max(2, (MOST_COLUMNS - 3 * len(order)) // len(order))
    for item in order:
        add_table(made, item, share)
    schema = Schema("world", tuple(made.tables.values()))
    lexicon = Lexicon(made.words, made.columns, tuple(made.relations), lacks=())
    return World(schema, made.values, lexicon, made.ranges, 0.3)


def choose(entities: tuple[Entity, ...], wanted: int, rng: random.Random) -> list[Entity]:
    """Some of the entities with all that events need, referenced ones first."""
    by_noun = {item.nouns[0][0].replace(" ", "_"): item for item in entities}
    events = [item for item in entities if item.kind == "event"]
    rng.shuffle(events)
    taken: list[Entity] = []

    def take(item: Entity) -> None:
        if item in taken:
            return
        for ref in item.references:
            target = by_noun.get(ref.noun)
            if target is not None and (item.kind == "event" or rng.random() < 0.85):
                take(target)
        taken.append(item)

    take(events[0])
    rest = [item for item in entities if item not in taken]
    rng.shuffle(rest)
    for item in rest:
        if len(taken) < wanted:
            take(item)
    return taken[:8]


def add_table(made: Draft, item: Entity, share: int) -> None:
    rng = made.rng
    nouns_ = list(item.nouns)
    rng.shuffle(nouns_)
    one, all_ = nouns_[0]
    name = (all_ if made.plural_names else one).replace(" ", "_")
    if name in made.tables or name in ("match", "group", "order", "date", "text", "set"):
        name = all_.replace(" ", "_") + ("_list" if all_.replace(" ", "_") in made.tables else "")
    base = one.replace(" ", "_")
    key = "id" if made.key_style == "id" else f"{base}_id"
    columns = [Column(key, "INTEGER", nullable=False)]
    words: dict[str, ColumnWords] = {key: ColumnWords("key", (f"{one} id", f"{one} number", "id"))}
    label = add_label(made, item, name, key, columns, words)
    foreign = add_references(made, item, columns, words)
    if item.kind == "event":
        add_moment(made, name, columns, words)
    kinds = list(column_kinds(item.kind))
    rng.shuffle(kinds)
    for kind in kinds[: 1 + int(rng.random() * share)]:
        add_column(made, kind, name, columns, words)
    made.tables[name] = Table(name, tuple(columns), (key,), tuple(foreign))
    if item.kind == "place":
        made.places.add(name)
    made.names[item.nouns[0][0].replace(" ", "_")] = name
    made.words[name] = TableWords(tuple(nouns_), "who" if item.kind == "person" else "that", label)
    for column, spoken in words.items():
        made.columns[name, column] = spoken
    for target, ref, foreign_key in zip([key_.table for key_ in foreign], resolved(made, item), foreign, strict=True):
        add_relation(made, item, name, target, ref, foreign_key)
    add_verb(made, item, name, foreign)


def resolved(made: Draft, item: Entity) -> list[Reference]:
    return [ref for ref in item.references if ref.noun in made.names]


def add_label(made: Draft, item: Entity, table: str, key: str, columns: list[Column], words: dict[str, ColumnWords]) -> Words:
    rng = made.rng
    if item.kind == "event":
        return (key,)
    if item.kind == "person" and rng.random() < 0.55:
        for column, spoken, pool in (("first_name", "first name", FIRST_NAMES), ("last_name", "last name", LAST_NAMES)):
            columns.append(Column(column, "VARCHAR", nullable=False))
            words[column] = ColumnWords("name", (spoken, "surname" if column == "last_name" and rng.random() < 0.3 else spoken))
            made.values[table, column] = rng.sample(pool, 14)
        return ("first_name", "last_name")
    column = pick(rng, ("name", "name", "name", "title" if item.kind == "thing" else "full_name" if item.kind == "person" else "name"))
    columns.append(Column(column, "VARCHAR", nullable=False))
    words[column] = ColumnWords("name", (column.replace("_", " "), "name"))
    made.values[table, column] = [title(item.kind, rng) for _ in range(10)]
    return (column,)


def title(kind: str, rng: random.Random) -> str:
    """A name for a person, thing or place."""
    if kind == "person":
        return f"{pick(rng, FIRST_NAMES)} {pick(rng, LAST_NAMES)}"
    if kind == "group":
        return pick(rng, pools()["group"]) if rng.random() < 0.7 else invented_word(rng)
    words = f"{pick(rng, pools()['adjective'])} {pick(rng, pools()['thing'])}"
    chance = rng.random()
    return (
        words
        if chance < 0.5
        else f"The {words}"
        if chance < 0.6
        else invented_word(rng)
        if chance < 0.8
        else f"{pick(rng, pools()['city'])} {pick(rng, pools()['thing'])}"
    )


def add_references(made: Draft, item: Entity, columns: list[Column], words: dict[str, ColumnWords]) -> list[ForeignKey]:
    found = []
    for ref in resolved(made, item):
        target = made.names[ref.noun]
        key = made.tables[target].primary_key[0]
        one = made.words[target].nouns[0][0]
        column = f"{one.replace(' ', '_')}_id"
        if column in words:
            column = f"{ref.noun}_id"
        columns.append(Column(column, "INTEGER", nullable=False))
        words[column] = ColumnWords("key", (f"{one} id", one))
        found.append(ForeignKey((column,), target, (key,)))
    return found


def add_moment(made: Draft, table: str, columns: list[Column], words: dict[str, ColumnWords]) -> None:
    """The date or time of an event."""
    rng = made.rng
    name = pick(rng, WHEN_NAMES)
    timed = name.endswith(("_at", "time")) or (name == "date" and rng.random() < 0.2)
    if name in words:
        return
    columns.append(Column(name, "TIMESTAMP" if timed else "DATE", nullable=False))
    words[name] = ColumnWords(
        "time" if timed else "date",
        ("date", "day") if not timed else ("date", "time", "date and time"),
        where=("{w}", "{w}", "made {w}", "from {w}" if rng.random() < 0.1 else "{w}"),
        most=("latest", "most recent", "last", "newest"),
        least=("first", "earliest", "oldest"),
    )
    made.ranges[table, name] = days(rng, 2018 + int(rng.random() * 4), 2025, timed)


def days(rng: random.Random, first: int, last: int, timed: bool) -> list[str]:
    """Ascending ISO days (or moments) between two years."""
    start, end = date(first, 1, 1), date(last, 12, 28)
    span = (end - start).days
    found = sorted(start + timedelta(days=int(rng.random() * span)) for _ in range(12))
    return [f"{day} {8 + day.day % 12:02}:{day.month * 4:02}:00" if timed else str(day) for day in found]


def add_column(made: Draft, kind: ColumnKind, table: str, columns: list[Column], words: dict[str, ColumnWords]) -> None:
    rng = made.rng
    name = pick(rng, kind.names)
    if name in words:
        return
    nullable = (rng.random() < 0.35 and kind.words.role not in ("flag", "category")) or bool(kind.words.null)
    columns.append(Column(name, kind.type, nullable=nullable))
    said = name.replace("_", " ")
    words[name] = kind.words if said in kind.words.names else replace(kind.words, names=(said, *kind.words.names))
    if kind.words.role == "flag" and name != kind.words.names[0]:
        words[name] = ColumnWords("flag", (said.removeprefix("is "),))
    if kind.data.startswith("@"):
        made.values[table, name] = column_values(kind.data[1:], rng)
    elif kind.type == "DATE":
        low, _, high = kind.data.partition("-")
        made.ranges[table, name] = days(rng, int(low), int(high), False)
    elif kind.data:
        made.ranges[table, name] = numbers(kind.data, kind.type, rng)


def column_values(pool: str, rng: random.Random) -> list[str]:
    if pool == "email":
        return [f"{invented_word(rng).lower()}@{pick(rng, ('mail', 'post', 'inbox'))}.example" for _ in range(5)]
    if pool == "phone":
        return [f"+{int(rng.random() * 90) + 10} {int(rng.random() * 9e6) + 1000000}" for _ in range(5)]
    if pool in ("text", "street", "code"):
        return [
            f"{invented_word(rng)} {invented_word(rng)}" if pool == "text" else f"{invented_word(rng)[:3].upper()}{int(rng.random() * 900)}"
            for _ in range(5)
        ]
    values = pools()[pool]
    found = rng.sample(values, min(len(values), 3 + int(rng.random() * 6)))
    return [value.capitalize() for value in found] if rng.random() < 0.3 and pool != "gender" else found


def numbers(data: str, kind: str, rng: random.Random) -> list[float]:
    """Ascending sample points of a range such as `2-900`, small ones denser when it is wide."""
    low_text, _, high_text = data[1:].partition("-")
    low, high = float(data[0] + low_text), float(high_text)
    if kind == "INTEGER" and low > 1800:
        return sorted(float(int(low + (high - low) * rng.random())) for _ in range(12))
    power = 2.2 if high > 20 * max(1.0, abs(low)) else 1.0
    points = sorted(low + (high - low) * rng.random() ** power for _ in range(12))
    return [float(int(x)) for x in points] if kind == "INTEGER" else [round(x, 2) for x in points]


def add_relation(made: Draft, item: Entity, table: str, target: str, ref: Reference, key: ForeignKey) -> None:
    step = Step(table, key.columns[0], target, key.references[0], True)
    own = made.words[target]
    does, by = ref.does or HAD, ref.by or ("in {p}", "of {p}")
    if item.kind == "event" and own.who == "who":
        does, by = DO_WORDS, ("by {p}", "made by {p}", "of {p}", "from {p}")
    elif item.kind == "event":
        does, by = HAD, ("for {p}", "of {p}", "at {p}" if target in made.places else "concerning {p}")
    made.relations.append(Relation(target, table, (step,), does, by))


def add_verb(made: Draft, item: Entity, table: str, foreign: list[ForeignKey]) -> None:
    """An event with two parties relates them to each other: members borrowed books."""
    if not item.does or len(foreign) < 2:
        return
    left, right = foreign[0], foreign[1]
    if left.table == right.table:
        return
    steps = (
        Step(table, left.columns[0], left.table, left.references[0], True),
        Step(table, right.columns[0], right.table, right.references[0], False),
    )
    made.relations.append(Relation(left.table, right.table, steps, item.does, tuple(f"{past} by {{p}}" for past, _ in item.does)))


def row_statements(world: World, rng: random.Random, rows: int = 30) -> Iterator[str]:
    """CREATE TABLE and INSERT statements that fill a random world, so that its pairs can be executed."""
    for table in world.schema.tables:
        columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        yield f"CREATE TABLE {table.name} ({columns})"
        foreign = {key.columns[0] for key in table.foreign_keys}
        lines = [
            "(" + ", ".join(cell(world, table, column, column.name in foreign, number, rows, rng) for column in table.columns) + ")"
            for number in range(1, rows + 1)
        ]
        if lines:
            yield f"INSERT INTO {table.name} VALUES {', '.join(lines)}"


def cell(world: World, table: Table, column: Column, foreign: bool, number: int, rows: int, rng: random.Random) -> str:
    """One value as SQL."""
    if column.name in table.primary_key:
        return str(number)
    if foreign:
        return str(1 + int(rows * rng.random() ** 1.5))
    if column.nullable and rng.random() < 0.15:
        return "NULL"
    if column.type == "BOOLEAN":
        return "TRUE" if rng.random() < 0.6 else "FALSE"
    values = world.values.get((table.name, column.name))
    if values:
        return literal(pick(rng, values))
    points: Sequence[float | str] = world.ranges[table.name, column.name]
    point = pick(rng, points)
    if isinstance(point, str):
        return literal(point)
    return str(int(point)) if column.type == "INTEGER" else f"{point:g}"
