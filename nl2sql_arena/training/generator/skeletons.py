"""The register of skeletons and what they share: a skeleton draws one question with its SQL, or nothing where it does not fit."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from nl2sql_arena.training.generator.filters import names
from nl2sql_arena.training.generator.lexicon import plural
from nl2sql_arena.training.generator.scope import Scope
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Field, Guide

SHOW = (
    "(Show|Show me|List|Give me|Find|Display|Get|Return|Print|Tell me|I need|I want|I'd like (to see|)|Can you (show me|list|give me"
    "|find|get me)"
    "|Could you (list|show me|give me)|Please (list|show|give me|find)|We need|Pull up|Fetch|Let me see|List|Show|Show me|Give me"
    "|Provide|Name|Find me"
    "|I'm looking for|Could I have|I would like|Get me|Send me)"
)
ASK = (
    "(What is|What's|What was|What is|What's|Tell me|Give me|Show (me|)|I need|Find|Calculate|Compute|Can you tell me"
    "|Could you tell me|Please give me"
    "|I'd like to know|Get|Work out|Determine|I want to know|Report|Do you know|Any idea what's|How about) the"
)
WHICH = "(Which|Which|What|Which)"


@dataclass(frozen=True)
class Draft:
    """A drawn question; `used` (tables, columns, kinds of filter) make the unit that is held out."""

    question: str
    sql: str
    used: tuple[str, ...]


@dataclass(frozen=True)
class Skeleton:
    name: str
    level: str
    weight: float
    make: Callable[[Guide, random.Random], Draft | None] = field(compare=False)


SKELETONS: list[Skeleton] = []
Maker = Callable[[Guide, random.Random], Draft | None]


def skeleton(name: str, level: str, weight: float) -> Callable[[Maker], Maker]:
    """Register a skeleton; `weight` is its relative frequency."""

    def register(make: Maker) -> Maker:
        SKELETONS.append(Skeleton(name, level, weight, make))
        return make

    return register


def draft(scope: Scope, question: str, sql: str, *used: str) -> Draft:
    return Draft(question, sql, (*scope.tables, *scope.used, *used))


def start(guide: Guide, rng: random.Random, role: str = "") -> Scope | None:
    """A scope on a random table, one that has a field of the role if one is asked for."""
    tables = guide.subjects
    if role:
        tables = [name for name in tables if guide.of_role[name, role]]
    return Scope(guide, rng, pick(rng, tables)) if tables else None


def entity(guide: Guide, rng: random.Random, role: str = "", named: bool | None = None) -> Scope | None:
    """A scope on a table whose rows can be told apart by one name or number."""
    tables = [name for name in guide.entities if (guide.named(name) if named else len(guide.keys[name]) == 1 or guide.named(name))]
    if role:
        tables = [name for name in tables if guide.of_role[name, role]]
    return Scope(guide, rng, pick(rng, tables)) if tables else None


def many(text: str) -> str:
    """The plural of a column's name: "price" -> "prices", "date of birth" -> "dates of birth"."""
    head, of, rest = text.partition(" of ")
    return plural(head) + of + rest if not head.endswith("s") else text


def column_words(item: Field, guide: Guide, rng: random.Random, number: int = 0) -> str:
    """A name of the column, for keys with the row's noun; plural when `number` is 1."""
    if item.role == "key" and item.name == "id":
        noun = guide.tables[item.table].nouns[0][0]
        word = pick(rng, ("id", "ID", "id", f"{noun} id", f"{noun} number", f"{noun} ID"))
    else:
        word = names(item, rng)
    return many(word) if number else word


def label_sql(guide: Guide, table: str) -> str:
    return ", ".join(item.sql for item in guide.label(table))


def label_words(guide: Guide, table: str, rng: random.Random, number: int = 1) -> str:
    """How the label is asked for: "names", "first and last names", "order ids"."""
    fields = guide.label(table)
    if [item.name for item in fields] == ["first_name", "last_name"]:
        if number:
            return say(
                "names|names|first and last names|full names|first names and last names|first name and last name|first and last name", rng
            )
        return say("name|name|first and last name|full name|first name and last name", rng)
    return joined([column_words(item, guide, rng, number) for item in fields], rng)


def joined(parts: list[str], rng: random.Random) -> str:
    """`a, b and c`."""
    if len(parts) == 1:
        return parts[0]
    last = pick(
        rng,
        (" and ", " and ", " and ", " plus ", ", ", " + ", " & ", " as well as ")
        if len(parts) == 2
        else (" and ", " and ", ", and ", ", "),
    )
    return ", ".join(parts[:-1]) + last + parts[-1]


ORDER_UP = (
    "(from (lowest|smallest) to (highest|largest) {name}|(ordered|sorted) by {name}|by {name} ascending|in ascending order of {name}"
    "|lowest {name} first|sorted by {name} (low to high|ascending|)|in increasing order of {name})"
)
ORDER_DOWN = (
    "(from (highest|largest) to (lowest|smallest) {name}|(ordered|sorted) by {name} (descending|desc|from high to low"
    "|in descending order)|by descending {name}|highest {name} first|in descending order of {name}|with the highest {name} first"
    "|largest {name} first|in decreasing order of {name})"
)
ORDER_NAME = (
    "(in alphabetical order|alphabetically|sorted by {name}|ordered by {name}|(A to Z|A-Z)|sorted alphabetically|by {name}"
    "|in alphabetical order (of|by) {name}|alphabetical)"
)
NEWEST = (
    "(newest|latest|most recent) first|from (newest|latest) to oldest|with the (newest|latest|most recent) first|(sorted"
    "|ordered) by {name}, (newest|latest) first|in reverse chronological order|by {name} descending"
)
OLDEST = (
    "(oldest|earliest) first|from oldest to newest|in chronological order|with the (oldest|earliest) first|(sorted|ordered) by {name}"
    "|chronologically|by {name}"
)


def order(scope: Scope) -> tuple[str, str, tuple[str, ...]] | None:
    """(SQL, words, used) of a random sort order of single rows."""
    guide, rng, table = scope.guide, scope.rng, scope.table
    chance = rng.random()
    if chance < 0.4 and guide.named(table):
        fields = guide.label(table)
        item = fields[-1]
        text = say(ORDER_NAME, rng, name=names(item, rng))
        sql = item.sql
        if len(fields) > 1 and rng.random() < 0.35:
            sql = f"{fields[1].sql}, {fields[0].sql}"
            text = say(
                "(sorted|ordered) by last name(, then| and| and then) first name|by last name, first name"
                "|alphabetically by last name, then first name",
                rng,
            )
        return f" ORDER BY {sql}", text, ("order", f"{item.table}.{item.name}")
    if chance < 0.7 and guide.of_role[table, "moment"]:
        item = pick(rng, guide.of_role[table, "moment"])
        down = rng.random() < 0.5
        return (
            f" ORDER BY {item.sql}{' DESC' if down else ''}",
            say(NEWEST if down else OLDEST, rng, name=names(item, rng)),
            ("order", f"{item.table}.{item.name}"),
        )
    if not guide.of_role[table, "measure"]:
        return None
    item = pick(rng, guide.of_role[table, "measure"])
    down = rng.random() < 0.55
    words = item.words.most if down else item.words.least
    text = (
        f"{pick(rng, words)} first" if words and rng.random() < 0.4 else say(ORDER_DOWN if down else ORDER_UP, rng, name=names(item, rng))
    )
    return f" ORDER BY {item.sql}{' DESC' if down else ''}", text, ("order", f"{item.table}.{item.name}")
