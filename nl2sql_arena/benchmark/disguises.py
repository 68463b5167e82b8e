"""A question on a database that looks otherwise: columns renamed, further tables beside its own, unusual names in its rows.

The gold is rewritten with the database, and a question stays only if each of its golds, run on the copy, gives the original's table (with
its values exchanged) by the strict rules of the scorer; the others are left out with the reason. New names of columns are words of a list
and shortened forms, one for each old name in the whole database; comments stay as they are.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nl2sql_arena.benchmark.copies import Change, copied, holders
from nl2sql_arena.benchmark.scorers import strict
from nl2sql_arena.benchmark.wardrobe import KINDS, POOL, UNUSUAL, WORDS
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadInput
from nl2sql_arena.rewriting import names_of, renamed, revalued, values_of
from nl2sql_arena.schema import RESERVED
from nl2sql_arena.types import Example, Execution, Schema

Run = Callable[[Database, str], Execution]
"""(database, query) -> all that the query returns, in the sandbox."""
PREDICTED = "the copy's"
DISTRACTORS = 3


@dataclass(frozen=True)
class Disguised:
    """Examples on changed copies, by the original's id, with what was changed; the copies; and why the others have none."""

    posed: Mapping[str, tuple[Example, str]]
    databases: Mapping[str, Database]
    left: Mapping[str, str] = field(default_factory=dict)


Disguise = Callable[[Database, Sequence[Example], Run, Path, int], Disguised]
"""(database, its answerable examples, a way to run, a folder for copies, seed) -> the examples on a copy of it."""


def columns(database: Database, examples: Sequence[Example], run: Run, cache: Path, seed: int) -> Disguised:
    """Every column under another name; the question keeps its words."""
    schema = database.schema()
    names = new_names(schema, _used(schema, examples), random.Random(f"{seed} columns {database.name}"))
    copy = copied(database, f"{database.name}, renamed columns", Change(columns=names), cache)
    said = f"{len(names)} columns renamed"
    return _proved(database, copy, [(each, each.question, said) for each in examples], lambda sql: renamed(sql, names), {}, run)


def distractors(database: Database, examples: Sequence[Example], run: Run, cache: Path, seed: int) -> Disguised:
    """Further tables, which no question is about, put among the others."""
    schema, rng = database.schema(), random.Random(f"{seed} distractors {database.name}")
    used = _used(schema, examples)
    chosen = rng.sample([table for table in POOL if table.name not in used], DISTRACTORS)
    places = tuple((rng.randrange(len(schema.tables) + 1), replace(table, row_count=0)) for table in chosen)
    copy = copied(database, f"{database.name}, further tables", Change(tables=places), cache)
    said = f"further tables: {', '.join(table.name for _, table in places)}"
    return _proved(database, copy, [(each, each.question, said) for each in examples], lambda sql: sql, {}, run)


def names(database: Database, examples: Sequence[Example], run: Run, cache: Path, seed: int) -> Disguised:
    """Names that a question spells as its gold does are unusual ones instead, in the question, the gold and all rows."""
    left: dict[str, str] = {}
    named: dict[str, list[str]] = {}
    texts = {each.id: [text for sql in each.gold_sql for text in texts_of(sql)] for each in examples}
    places = holders(database, [text for some in texts.values() for text in some])
    for each in examples:
        exchangeable = [
            text for text in dict.fromkeys(texts[each.id]) if _kind(text, places[text]) and _spelled(text).search(each.question)
        ]
        if exchangeable:
            named[each.id] = exchangeable
        else:
            left[each.id] = "names no name that its gold spells in the same way"
    values = _exchanged(
        database, [text for some in named.values() for text in some], places, random.Random(f"{seed} names {database.name}")
    )
    wanted = []
    for each in examples:
        mine = {text: values[text] for text in texts[each.id] if text in values}
        if each.id in named and not mine:
            left[each.id] = "there are not enough unusual names"
        elif each.id in named and not all(_spelled(text).search(each.question) for text in mine):
            left[each.id] = "its gold spells a name otherwise than it does"
        elif each.id in named:
            wanted.append((each, _respelled(each.question, mine), "; ".join(f"{old} -> {new}" for old, new in mine.items())))
    if not wanted:
        return Disguised({}, {}, left)
    copy = copied(database, f"{database.name}, unusual names", Change(values=values), cache)
    found = _proved(database, copy, wanted, lambda sql: revalued(sql, values), values, run)
    return replace(found, left={**left, **found.left})


def new_names(schema: Schema, used: frozenset[str], rng: random.Random) -> dict[str, str]:
    """Old column name, lower case, -> a new one that is not in use; one for each name in the whole schema."""
    taken = set(used)
    found: dict[str, str] = {}
    for old in dict.fromkeys(column.name for table in schema.tables for column in table.columns):
        new = _reworded(old, rng)
        while new in taken or new in RESERVED:
            new = f"{new}_{rng.choice('fvx')}"
        found.setdefault(old.lower(), new)
        taken.add(new)
    return found


def _reworded(name: str, rng: random.Random) -> str:
    parts = [part.lower() for part in re.findall(r"[^\W\d_]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))] or ["f"]
    new = [rng.choice(WORDS.get(part.removesuffix("s"), WORDS.get(part, (_short(part),)))) for part in parts]
    text = "_".join(new)
    return f"f_{text}" if text[0].isdigit() else text


def _short(word: str) -> str:
    """A word without its vowels but the first letter, as databases have them; short words stay."""
    return word[0] + re.sub("[aeiou]", "", word[1:]) if len(word) > 4 else word


def _used(schema: Schema, examples: Sequence[Example]) -> frozenset[str]:
    """All names of the schema and of the golds, lower case."""
    ours = {name.lower() for table in schema.tables for name in (table.name, *(column.name for column in table.columns))}
    return frozenset(ours.union(*(_names(sql) for each in examples for sql in each.gold_sql)))


def _names(sql: str) -> frozenset[str]:
    try:
        return names_of(sql)
    except BadInput:
        return frozenset()


def texts_of(sql: str) -> tuple[str, ...]:
    """The text constants of a gold; none where it cannot be read."""
    try:
        return values_of(sql)
    except BadInput:
        return ()


def _kind(text: str, places: Sequence[tuple[str, str]]) -> str:
    """What kind of name a value is, if each column that holds it is of names; nothing for other values, such as a status."""
    kinds = {_kind_of(column) for _, column in places}
    if not kinds or "" in kinds or not text[:1].isupper():
        return ""
    return kinds.pop() if len(kinds) == 1 else "name"


def _kind_of(column: str) -> str:
    parts = set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower().split("_"))
    return next((kind for kind, words in KINDS.items() if parts & set(words)), "")


def _spelled(text: str) -> re.Pattern[str]:
    """The value as whole words in a question."""
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")


def _exchanged(
    database: Database, texts: Sequence[str], places: Mapping[str, Sequence[tuple[str, str]]], rng: random.Random
) -> dict[str, str]:
    """Value -> an unusual one of its kind that the database does not hold, as long as there are some."""
    free = {kind: rng.sample(some, len(some)) for kind, some in UNUSUAL.items()}
    in_use = {text for text, held in holders(database, [name for some in UNUSUAL.values() for name in some]).items() if held}
    found: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        kind = _kind(text, places[text])
        while free[kind] and text not in found:
            if (new := free[kind].pop()) not in in_use:
                found[text] = new
    return found


def _respelled(question: str, values: Mapping[str, str]) -> str:
    """The question with the values exchanged, longer ones first, so that none is exchanged twice."""
    ordered = sorted(values, key=len, reverse=True)
    pattern = re.compile("|".join(_spelled(text).pattern for text in ordered))
    return pattern.sub(lambda found: values[found[0]], question)


def _proved(
    database: Database,
    copy: Database,
    wanted: Sequence[tuple[Example, str, str]],
    rewrite: Callable[[str], str],
    values: Mapping[str, str],
    run: Run,
) -> Disguised:
    """Those of the examples (with their new questions and what was changed) whose golds give on the copy what they give on the original."""
    posed: dict[str, tuple[Example, str]] = {}
    left: dict[str, str] = {}
    for example, question, said in wanted:
        new = [_rewritten(sql, rewrite) for sql in example.gold_sql]
        reasons = [
            _differs(example, old, theirs, database, copy, values, run) if theirs else "its gold cannot be rewritten"
            for old, theirs in zip(example.gold_sql, new, strict=True)
        ]
        if failed := next(filter(None, reasons), ""):
            left[example.id] = failed
        else:
            posed[example.id] = replace(example, db=copy.name, question=question, gold_sql=tuple(new)), said
    return Disguised(posed, {copy.name: copy}, left)


def _rewritten(sql: str, rewrite: Callable[[str], str]) -> str:
    try:
        return rewrite(sql)
    except BadInput:
        return ""


def _differs(example: Example, old: str, new: str, database: Database, copy: Database, values: Mapping[str, str], run: Run) -> str:
    """Why the new gold on the copy is not what the old one is on the original; nothing when it is."""

    def tables(_db: str, sql: str) -> Execution:
        return run(copy, new) if sql is PREDICTED else _with_values(run(database, sql), values)

    score = strict(replace(example, gold_sql=(old,)), PREDICTED, tables)
    return "" if score.value == 1.0 else f"its gold gives another table on the copy ({score.reason})"


def _with_values(table: Execution, values: Mapping[str, str]) -> Execution:
    rows = (
        tuple(tuple(values.get(cell, cell) if isinstance(cell, str) else cell for cell in row) for row in table.rows)
        if values
        else table.rows
    )
    return replace(table, rows=rows)


DISGUISES: dict[str, Disguise] = {"columns": columns, "distractors": distractors, "names": names}
