"""Everyday vocabulary from which random databases are made, read from `words/*.txt`.

`domains.txt`: a domain a line, `name / kind noun,synonym: reference ... / ...`. Kinds: place, person, thing, group (of things), event.
References are `noun` or `noun(words for the way there;past/base)`. An event names who and what take part and the verb between them.
`*_columns.txt`: `names type data = words | where | key: words ...`; data is a range or `@pool`; the words are
in the form of `lexicon_text`.
`pools.txt`: `name: value,value`.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from nl2sql_arena.training.generator.lexicon import ColumnWords, Words, plural
from nl2sql_arena.training.generator.lexicon_text import column_words, nouns, split_outside

FOLDER = Path(__file__).parent / "words"
ROLES = {"BOOLEAN": "flag", "DATE": "date", "TIMESTAMP": "time"}


def lines(name: str) -> list[str]:
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True)
class ColumnKind:
    """A column that a table may get: its possible names, type, pool ("@city") or range, and words."""

    names: Words
    type: str
    data: str
    words: ColumnWords


@dataclass(frozen=True)
class Reference:
    noun: str
    by: Words
    does: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Entity:
    """A thing of a domain. Events carry their verb in `does`; `references` name what it belongs to, in order."""

    kind: str
    nouns: tuple[tuple[str, str], ...]
    references: tuple[Reference, ...]
    does: tuple[tuple[str, str], ...] = ()


@cache
def pools() -> dict[str, tuple[str, ...]]:
    """Values for text columns, by the name of the pool."""
    rows = (line.split(": ", 1) for line in lines("pools"))
    return {name: tuple(values.split(",")) for name, values in rows}


@cache
def demonyms() -> dict[str, Words]:
    """Country -> adjective."""
    return {country: (word,) for country, word in (pair.split("=") for pair in pools()["demonyms"])}


@cache
def column_kinds(kind: str) -> tuple[ColumnKind, ...]:
    """The columns that a table of the kind may get."""
    found = [*lines(f"{kind}_columns"), *(lines("any_columns") if kind != "event" else ())]
    return tuple(column_kind(line) for line in found)


def column_kind(line: str) -> ColumnKind:
    """One line of the vocabulary."""
    head, _, rest = line.partition(" = ")
    names, kind, *data = head.split()
    role = ROLES.get(kind, "")
    found = data[0] if data else ""
    if not role:
        role = "text" if found in ("@text", "@code", "@email", "@phone", "@street") else "category" if found.startswith("@") else "measure"
    if kind == "INTEGER" and found and int(found.split("-")[0] or 0) > 1800:
        role = "year"
    start = ColumnWords(role, ())
    parts = split_outside(rest, "|")
    if len(parts) > 1 and ":" in parts[1].split(";")[0] and "{" not in parts[1]:
        parts.insert(1, "")
    by_country = "adj: *country" in parts
    parts = [part for part in parts if part != "adj: *country"]
    words = column_words(start, parts)
    return ColumnKind(tuple(names.split(",")), kind, found, replace(words, adjectives=demonyms()) if by_country else words)


@cache
def domains() -> tuple[tuple[Entity, ...], ...]:
    """The everyday domains, each a list of things."""
    return tuple(tuple(entity(part.strip()) for part in line.split(" / ")[1:]) for line in lines("domains"))


def entity(text: str) -> Entity:
    """`thing book,title: author(by;wrote/write) genre(in)`; the last word of an event is its verb."""
    head, _, tail = text.partition(": ")
    kind, words = head.split(" ")
    pairs = tuple((word.replace("_", " "), plural(word.replace("_", " "))) for word in words.split(","))
    does: tuple[tuple[str, str], ...] = ()
    pieces = [piece for piece in split_outside(tail, " ") if piece]
    if kind == "event":
        does = nouns(pieces.pop())
    return Entity(kind, pairs, tuple(map(reference, pieces)), does)


def reference(text: str) -> Reference:
    """`author(written by;wrote/write)`: noun, words for the way there, verbs."""
    noun, _, inner = text.rstrip(")").partition("(")
    words = [word for word in inner.split(";") if word]
    verbs = tuple(pair for word in words if "/" in word for pair in nouns(word))
    by = tuple(f"{word} {{p}}" for word in words if "/" not in word)
    return Reference(noun, by, verbs)
