"""The rows a question is about: a table, its joins and filters, kept as SQL and as words side by side."""

import random
from dataclasses import dataclass, field

from nl2sql_arena.training.generator.lexicon import Relation, Step, Words
from nl2sql_arena.training.generator.templates import pick, say, tidy
from nl2sql_arena.training.generator.world import MARK, Guide, plain


@dataclass(frozen=True)
class Mod:
    """One filter: SQL, and its words as adjective (before the noun), `post` (after it) and `verb` (plural verb phrase)."""

    sql: str
    post: str
    verb: str = ""
    adjective: str = ""
    used: Words = ()
    year: int = 0
    within: str = ""


@dataclass
class Scope:
    """A query under construction about rows of `table`; `used` collects the columns that decide the held-out unit."""

    guide: Guide
    rng: random.Random
    table: str
    steps: list[Step] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    mods: list[Mod] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tables.append(self.table)

    def can_join(self, steps: tuple[Step, ...]) -> bool:
        """Whether every step is already there or leads to a table that is not read yet."""
        new = [step for step in steps if step not in self.steps]
        targets = [self.target(step) for step in new]
        return len(set(targets)) == len(targets) and not any(target in self.tables for target in targets)

    @staticmethod
    def target(step: Step) -> str:
        return step.target

    def join(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            if step not in self.steps:
                self.steps.append(step)
                self.tables.append(step.target)

    def clashes(self, mod: Mod) -> bool:
        """Whether a filter of the scope already speaks of one of the filter's columns."""
        taken = {word for other in self.mods for word in other.used if "." in word}
        return any(word in taken for word in mod.used)

    def add(self, mod: Mod) -> None:
        self.mods.append(mod)
        self.used.extend(mod.used)

    def source(self) -> str:
        """The FROM clause."""
        return " JOIN ".join([self.table, *(f"{step.target} ON {step.on}" for step in self.steps)])

    def where(self, *more: str) -> str:
        """The WHERE clause with a leading blank, or nothing."""
        conditions = [mod.sql for mod in self.mods if mod.sql] + list(more)
        if not conditions:
            return ""
        if len(conditions) > 1:
            conditions = [f"({text})" if " OR " in text and not text.startswith("EXISTS") else text for text in conditions]
        return " WHERE " + " AND ".join(conditions)

    def sql(self, columns: str, tail: str = "", *more: str, distinct: bool = False) -> str:
        """The finished query."""
        return plain(f"SELECT {'DISTINCT ' if distinct else ''}{columns} FROM {self.source()}{self.where(*more)}{tail}", self.tables)

    def noun(self, number: int = 1) -> str:
        """The bare noun: 0 singular, 1 plural."""
        words = self.guide.tables[self.table].nouns
        return words[0 if self.rng.random() < 0.6 else int(self.rng.random() * len(words))][number]

    @property
    def who(self) -> str:
        return self.guide.tables[self.table].who

    def phrase(self, number: int = 1, noun: str = "", skip: Mod | None = None) -> str:
        """The noun with all filters as modifiers: "cancelled orders placed in 2023"."""
        before, after = "", []
        for mod in self.mods:
            if mod is skip:
                continue
            if mod.adjective and not before and (self.rng.random() < 0.75 or not mod.post):
                before = mod.adjective
            elif mod.post:
                after.append(mod.post)
        if len(after) > 1 and self.rng.random() < 0.25:
            after.reverse()
        link = " and " if len(after) > 1 and self.rng.random() < 0.35 else " "
        return tidy(f"{before} {noun or self.noun(number)} {link.join(after)}")

    def predicate(self) -> tuple[str, Mod] | None:
        """A filter that can be asked as a verb phrase, and which one it is."""
        found = [mod for mod in self.mods if mod.verb]
        if not found:
            return None
        mod = pick(self.rng, found)
        return mod.verb, mod

    @property
    def year(self) -> Mod | None:
        """The filter that keeps the rows within one year, if there is one."""
        return next((mod for mod in self.mods if mod.year), None)


def reverse(relation: Relation) -> tuple[Step, ...]:
    """The steps of the relation from its many side back to its one side."""
    return tuple(Step(s.child, s.column, s.parent, s.key, not s.down) for s in reversed(relation.steps))


def from_words(words: Words, who: str, rng: random.Random, **slots: str) -> tuple[str, str]:
    """One of the phrases as (post, verb): `+` marks verb phrases, others follow the noun."""
    text = pick(rng, words)
    if text.startswith("+"):
        verb = say(text[1:], rng, **slots)
        return f"{who} {verb}", verb
    post = say(text, rng, **slots)
    if post.startswith(("that ", "who ")):
        return post, post.partition(" ")[2]
    if post.startswith(("with", "whose", "where", "of ", "having")):
        return post, ""
    return post, ("are " if rng.random() < 0.5 else "were ") + post


def key_of(guide: Guide, table: str) -> list[str]:
    """The marked key columns of a table."""
    return [f"{MARK}{table}.{name}" for name in guide.keys[table]]
