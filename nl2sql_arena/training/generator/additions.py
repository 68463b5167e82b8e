"""What people add to a question: "only unpaid ones", "sorted by name", "and their city", "just the number".

`extended` takes a question of the phrasebooks with its query, and adds one such wish to both. The queries are those of the phrasebooks
(one line, keywords in capitals, no aliases but of a table read twice), so their clauses are found by their keywords outside of quotes
and brackets. A question whose query is not plain enough to be extended truthfully is left alone.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from nl2sql_arena.training.generator.filters import any_filter, names
from nl2sql_arena.training.generator.scope import Scope
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import MARK, Field, Guide, plain

CLAUSES = ("FROM", "WHERE", "GROUP BY", "HAVING", "QUALIFY", "ORDER BY", "LIMIT")
CLAUSE = re.compile(r" (FROM|WHERE|GROUP BY|HAVING|QUALIFY|ORDER BY|LIMIT) ")
HIDDEN = re.compile(r"'(?:[^']|'')*'")
NOT_PLAIN = re.compile(r"\b(UNION|EXCEPT|INTERSECT|OVER|QUALIFY|LEFT|WITH|OFFSET|PIVOT)\b")
TABLE = re.compile(r"(?:FROM|JOIN) (\w+)")
AGGREGATE = re.compile(r"\b(COUNT|SUM|AVG|MIN|MAX|MEDIAN|STDDEV)\(")
COLUMN = re.compile(r"(?:(\w+)\.)?(\w+)")
ONLY = (
    "(Only|Consider only|Only consider|Count only|Look only at|Just|Use only|Only include|But only) {nouns} {post}"
    "|(Restrict|Limit) (it|this|that) to {nouns} {post}|I only (mean|want|care about) {nouns} {post}"
    "|(Ignore|Leave out) all {nouns}"
    " except those {post}"
)
AMONG = "(Among|For|Considering only|Looking only at|Out of|Taking only) {nouns} {post}: {question}"
MORE = (
    "(Also|Additionally) (show|give|list|include) (the|their|its|) {name}|(Add|Include) (the|) {name}|With (the|their|) {name}"
    "|And (the|their) {name}"
    "|(Show|Give me|I need) the {name} (as well|too|also)|Put the {name} next to it|Plus the {name}"
)
SORTED = (
    "(Sort|Order|Please sort|Arrange) (it|them|the list|the rows) by (the |){name}"
    "|(Sorted|Ordered|Ranked|Arranged|In order of|Order) by (the |){name}"
)
UP_DOWN = {
    "text": (
        (", alphabetically", ", A to Z", " from A to Z", " in alphabetical order"),
        (" in reverse order", " from Z to A", ", Z first"),
    ),
    "number": (
        (", lowest first", ", smallest first", ", from low to high", ", starting with the smallest"),
        (", highest first", ", largest first", ", biggest first", " from high to low", ", starting with the largest"),
    ),
    "time": (
        (", oldest first", ", earliest first", " in chronological order"),
        (", newest first", ", latest first", ", most recent first"),
    ),
}
"""Ways to say ascending and descending, by what is sorted, besides those that fit everything."""
UP, DOWN = ("", "", ", ascending", " in ascending order"), (", descending", " in descending order")
SORTED_AS = {"date": "time", "time": "time", "year": "time", "measure": "number", "key": "number"}
COUNT_NAMES = ("number", "count")
FIRST = "(Only|Just|Give me only|Show only|Limit it to|No more than) the (first|top) {n}|The first {n} (will do|are enough)|Stop after {n}"
NUMBER_ONLY = (
    "(Just|Only) (the|give me the|tell me the|) (number|count)(, please|)|How many (is that|are there|are these)?"
    "|I only need (to know how many|the number|the count)"
)
WITH_COUNT = (
    "(Only|Show only|Keep only|But only) (those|the ones|groups|where there are|) with {words}"
    "|(Leave out|Skip) (those|everything) with {opposite}"
)
COUNTS = (
    ("more than {n}", "{n} or fewer", "> {n}"), ("at least {n}", "fewer than {n}", ">= {n}"), ("fewer than {n}", "{n} or more", "< {n}"),
    ("{n} or more", "less than {n}", ">= {n}"), ("over {n}", "at most {n}", "> {n}"),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A question with its query in pieces: `parts` by keyword, "SELECT" among them, without the keyword."""

    question: str
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def sql(self) -> str:
        return " ".join(f"{word} {self.parts[word]}" for word in ("SELECT", *CLAUSES) if word in self.parts)

    @property
    def tables(self) -> list[str]:
        return TABLE.findall("FROM " + self.parts["FROM"])

    def written(self, marked: str) -> str:
        """Marked SQL in the query's own style: with table names where the query has them."""
        qualified = len(self.tables) > 1 or f"{self.tables[0]}." in _hidden(self.sql)
        return marked.replace(MARK, "") if qualified else plain(marked, self.tables)

    def with_part(self, word: str, text: str) -> "Asked":
        return replace(self, parts={**self.parts, word: text})


def extended(question: str, sql: str, guide: Guide, rng: random.Random) -> tuple[str, str]:
    """The question and its query with one more wish, or as they are where none fits."""
    asked = _taken_apart(question, sql, guide)
    if asked is None:
        return question, sql
    for _ in range(3):
        found = pick(rng, WISHES)(asked, guide, rng)
        if found is not None:
            return found.question, found.sql
    return question, sql


def _taken_apart(question: str, sql: str, guide: Guide) -> Asked | None:
    """None where the query is one of several arms, or reads anything but plain tables, each once."""
    hidden = _hidden(sql)
    if not hidden.startswith("SELECT ") or NOT_PLAIN.search(hidden) or " FROM " not in hidden:
        return None
    cuts = [match.span(1) for match in CLAUSE.finditer(hidden)]
    ends = [start - 1 for start, _ in cuts[1:]] + [len(sql)]
    parts = {"SELECT": sql[len("SELECT ") : cuts[0][0] - 1]}
    parts |= {sql[start:stop]: sql[stop + 1 : end] for (start, stop), end in zip(cuts, ends, strict=True)}
    asked = Asked(question, parts)
    source = "FROM " + parts["FROM"]
    steps = re.fullmatch(r"FROM \w+(?: JOIN \w+ ON \w+\.\w+ = \w+\.\w+)*", source)
    tables = asked.tables
    everywhere = TABLE.findall(HIDDEN.sub("", sql))
    plain_tables = steps and all(name in guide.tables and everywhere.count(name) == 1 for name in tables)
    return asked if plain_tables else None


def _hidden(sql: str) -> str:
    """The query with everything in quotes or brackets overwritten, letter for letter."""
    text = HIDDEN.sub(lambda match: "_" * len(match.group()), sql)
    out, depth = [], 0
    for letter in text:
        depth -= letter == ")"
        out.append("_" if depth else letter)
        depth += letter == "("
    return "".join(out)


def _said(asked: Asked, addition: str, rng: random.Random) -> str:
    """The addition as a sentence after the question, or after a comma."""
    question = asked.question
    if question.endswith(("?", ".", "!")):
        return f"{question} {addition}"
    if rng.random() < 0.5:
        return f"{question}, {addition[:1].lower()}{addition[1:]}"
    return f"{question}. {addition}"


def _columns(asked: Asked) -> list[str]:
    """What the query selects, piece by piece."""
    text, hidden = asked.parts["SELECT"], _hidden(asked.parts["SELECT"])
    cuts = [-2, *(match.start() for match in re.finditer(", ", hidden)), len(text)]
    return [text[start + 2 : end] for start, end in pairwise(cuts)]


def _field(asked: Asked, guide: Guide, text: str) -> Field | None:
    """The field that a selected column is."""
    match = COLUMN.fullmatch(text)
    return guide.by_name.get((match[1] or asked.tables[0], match[2])) if match else None


def _only(asked: Asked, guide: Guide, rng: random.Random) -> Asked | None:
    """A condition more."""
    table = pick(rng, asked.tables)
    scope = Scope(guide, rng, table)
    mod = any_filter(scope, table)
    where = asked.parts.get("WHERE", "")
    if mod is None or not mod.post or "SELECT" in mod.sql or " OR " in where or " OR " in mod.sql or "LIMIT" in asked.parts:
        return None
    if any(word.partition(".")[2] in where for word in mod.used if "." in word):
        return None
    condition = asked.written(mod.sql)
    if rng.random() < 0.25:
        question = asked.question[:1].lower() + asked.question[1:] if asked.question[:2] not in ("I ", "I'") else asked.question
        said = say(AMONG, rng, nouns=scope.noun(), post=mod.post, question=question)
    else:
        said = _said(asked, say(ONLY, rng, nouns=scope.noun(), post=mod.post), rng)
    return replace(asked.with_part("WHERE", f"{where} AND {condition}" if where else condition), question=said)


def _more(asked: Asked, guide: Guide, rng: random.Random) -> Asked | None:
    """A column more, of a table whose label is shown."""
    shown = [item for text in _columns(asked) if (item := _field(asked, guide, text))]
    if not shown or "DISTINCT" in asked.parts["SELECT"]:
        return None
    table = pick(rng, shown).table
    free = [item for item in guide.of_role[table, "real"] if item.role != "key" and item not in shown]
    grouped = asked.parts.get("GROUP BY", "")
    if not free or (grouped and not all(asked.written(item.sql) in grouped for item in guide.label(table))):
        return None
    item = pick(rng, free)
    column = asked.written(item.sql)
    if AGGREGATE.search(asked.parts["SELECT"]) and not grouped:
        return None
    longer = asked.with_part("SELECT", f"{asked.parts['SELECT']}, {column}")
    if grouped and column not in grouped.split(", "):
        longer = longer.with_part("GROUP BY", f"{grouped}, {column}")
    return replace(longer, question=_said(asked, say(MORE, rng, name=names(item, rng)), rng))


def _sorted(asked: Asked, guide: Guide, rng: random.Random) -> Asked | None:
    """An order, where there is none."""
    columns = _columns(asked)
    if "ORDER BY" in asked.parts or "LIMIT" in asked.parts or (AGGREGATE.search(asked.parts["SELECT"]) and "GROUP BY" not in asked.parts):
        return None
    text = pick(rng, columns).removeprefix("DISTINCT ")
    item = _field(asked, guide, text)
    if item is not None:
        kind, name = SORTED_AS.get(item.role, "text"), names(item, rng)
    elif text == "COUNT(*)":
        kind, name = "number", pick(rng, COUNT_NAMES)
    else:
        return None
    down = rng.random() < 0.5
    way = pick(rng, UP_DOWN[kind][down] + (DOWN if down else UP))
    said = say(SORTED, rng, name=name) + way
    return replace(asked.with_part("ORDER BY", f"{text}{' DESC' if down else ''}"), question=_said(asked, said, rng))


def _first(asked: Asked, _guide: Guide, rng: random.Random) -> Asked | None:
    """The first rows of an ordered list."""
    if "ORDER BY" not in asked.parts or "LIMIT" in asked.parts:
        return None
    count = str(rng.randint(2, 12))
    return replace(asked.with_part("LIMIT", count), question=_said(asked, say(FIRST, rng, n=count), rng))


def _number(asked: Asked, _guide: Guide, rng: random.Random) -> Asked | None:
    """How many rows instead of the rows."""
    if (
        {"GROUP BY", "ORDER BY", "LIMIT", "HAVING"} & asked.parts.keys()
        or AGGREGATE.search(asked.parts["SELECT"])
        or "DISTINCT" in asked.parts["SELECT"]
    ):
        return None
    return replace(asked.with_part("SELECT", "COUNT(*)"), question=_said(asked, say(NUMBER_ONLY, rng), rng))


def _with_count(asked: Asked, _guide: Guide, rng: random.Random) -> Asked | None:
    """Only the groups of a certain size."""
    if "COUNT(*)" not in _columns(asked) or "GROUP BY" not in asked.parts or {"HAVING", "LIMIT"} & asked.parts.keys():
        return None
    count = str(pick(rng, (2, 3, 4, 5, 8, 10, 12, 15, 20, 25, 30, 50, 100)))
    words, opposite, test = (each.format(n=count) for each in pick(rng, COUNTS))
    said = say(WITH_COUNT, rng, words=words, opposite=opposite)
    return replace(asked.with_part("HAVING", f"COUNT(*) {test}"), question=_said(asked, said, rng))


Wish = Callable[[Asked, Guide, random.Random], Asked | None]
WISHES: tuple[Wish, ...] = (_only, _only, _only, _more, _more, _sorted, _sorted, _first, _number, _with_count)
