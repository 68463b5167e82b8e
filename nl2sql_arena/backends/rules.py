"""The floor: a rule-based baseline without weights, in the oldest way to turn text into SQL (keywords, names of the schema, templates).

It reads only its prompt (format `rules`). Templates: list, count, sum, average, minimum, maximum, filters by linked value or number, the
first n by a column, counts and aggregates by group, and one join along a foreign key. A name is mentioned when its last word is in the
question. Where no table can be told it abstains. Not covered, on purpose: nesting, set operations, HAVING, dates, negation, synonyms.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nl2sql_arena.backends.written import Written
from nl2sql_arena.prompts import ABSTENTION
from nl2sql_arena.types import ModelCard

NAME = r'(?:"(?:[^"]|"")*"|\w+)'
TABLE = re.compile(rf"({NAME})\((.*)\)")
FIELD = re.compile(rf"({NAME}) (\w+)( key)?(?: > ({NAME})(?:\.({NAME}))?)?")
VALUE = re.compile(rf"({NAME})\.({NAME}) = ('(?:[^']|'')*')")
WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+")
NUMBERS = dict(zip("one two three four five six seven eight nine ten".split(), range(1, 11), strict=True))
AGGREGATES = {
    "average": "avg", "mean": "avg", "total": "sum", "sum": "sum", "maximum": "max", "max": "max", "minimum": "min", "min": "min",
}  # fmt: skip
MOST = frozenset("most highest largest biggest greatest longest top best latest newest last".split())
LEAST = frozenset("least lowest smallest fewest shortest worst earliest first".split())
TIMELY = frozenset("latest newest last earliest first".split())
DIFFERENT = frozenset("different distinct unique".split())
ABOVE = r"more than|greater than|higher than|larger than|over|above|exceed(?:s|ing)?"
COMPARISON = re.compile(
    rf"\b(?:({ABOVE})|(at least)|(less than|fewer than|lower than|under|below)|(at most|up to)) ([0-9]+(?:\.[0-9]+)?)\b"
)
OPERATORS = (">", ">=", "<", "<=")


@dataclass(frozen=True)
class Field:
    """A column as the prompt shows it; names are as SQL writes them."""

    table: str
    name: str
    kind: str
    is_key: bool = False
    refers: tuple[str, str] | None = None

    @property
    def sql(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Mention:
    """A name in the question: how many of its words stand there, the last of them at `at`."""

    count: int
    at: int


@dataclass
class Asked:
    """What the prompt says."""

    tables: dict[str, list[Field]]
    words: list[str]
    text: str
    values: list[tuple[Field, str]]
    mentioned: dict[str, Mention] = field(default_factory=dict)

    def has(self, words: Iterable[str]) -> bool:
        return any(word in self.words for word in words)

    def join(self, one: str, other: str) -> tuple[Field, Field] | None:
        """(the referring column, the column that it refers to) between two tables, in either direction."""
        for table, target in ((one, other), (other, one)):
            for mine in self.tables[table]:
                if mine.refers and mine.refers[0] == target:
                    theirs = [each for each in self.tables[target] if each.name == mine.refers[1]] or self.tables[target]
                    return mine, theirs[0]
        return None


def answer(prompt: str) -> str:
    """One query for the question in the prompt, always the same."""
    asked = read(prompt)
    group_at = _group_at(asked)
    subject = _subject(asked, group_at)
    return _query(asked, subject, group_at) if subject else f"SELECT '{ABSTENTION}'"


def read(prompt: str) -> Asked:
    """Tables, question and linked values of a prompt in the format `rules`."""
    tables: dict[str, list[Field]] = {}
    notes: list[str] = []
    for line in prompt.splitlines():
        if line.startswith("-- "):
            notes.append(line[3:])
        elif (found := TABLE.fullmatch(line)) and not notes:
            tables[found[1]] = [
                Field(found[1], name, kind, bool(key), (other, column) if other else None)
                for name, kind, key, other, column in FIELD.findall(found[2])
            ]
    text = notes[0] if notes else ""
    fields = {(each.table, each.name): each for held in tables.values() for each in held}
    values = [(fields[table, name], value) for table, name, value in VALUE.findall("".join(notes[1:])) if (table, name) in fields]
    asked = Asked(tables, [_singular(word) for word in WORD.findall(text.lower())], text.lower(), values)
    taken: set[int] = set()
    found_tables = [(mention, name) for name in tables if tables[name] and (mention := _mention(name, asked.words))]
    for mention, name in sorted(found_tables, key=lambda item: (-item[0].count, item[0].at)):
        span = set(range(mention.at - mention.count + 1, mention.at + 1))
        if not span & taken:
            taken |= span
            asked.mentioned[name] = mention
    return asked


def _singular(word: str) -> str:
    for ending, kept in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch")):
        if len(word) > len(ending) + 1 and word.endswith(ending):
            return word.removesuffix(ending) + kept
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _name_words(name: str) -> list[str]:
    return [_singular(word) for word in WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())]


def _mention(name: str, words: list[str]) -> Mention | None:
    """The longest place, else the first, where the end of a name stands in the question."""
    parts = _name_words(name)
    best = None
    for at, word in enumerate(words):
        count = 0
        while parts and word == parts[-1] and count < min(len(parts), at + 1) and words[at - count] == parts[-1 - count]:
            count += 1
        if count and (best is None or count > best.count):
            best = Mention(count, at)
    return best


def _group_at(asked: Asked) -> range:
    """The places after "per", "for each", "by", or of X in "which X has the most Y"; empty when nothing is grouped."""
    words = asked.words
    for at, word in enumerate(words[:-1]):
        by = word == "by" and not (words[at - 1].endswith("ed") or asked.has(MOST | LEAST))
        if by or word in ("per", "each", "every"):
            return range(at + 1, min(at + 4, len(words)))
    for at, word in enumerate(words):
        most = word in MOST | LEAST and any(mention.at - mention.count == at for mention in asked.mentioned.values())
        if most and words[0] in ("which", "what", "who"):
            return range(1, min(4, at))
    return range(0)


def _subject(asked: Asked, group_at: range) -> str | None:
    """The table that the question is about: the first that it names outside its group, else that of a column or value which it names."""
    named = sorted(asked.mentioned, key=lambda name: (asked.mentioned[name].at in group_at, asked.mentioned[name].at))
    if named:
        return named[0]
    columns = [each for held in asked.tables.values() for each in held if not each.is_key and not each.refers]
    found = [(mention, each) for each in columns if (mention := _mention(each.name, asked.words))]
    if found:
        return max(found, key=lambda item: item[0].count)[1].table
    return asked.values[0][0].table if asked.values else None


@dataclass
class Reach:
    """The subject and at most one table that a foreign key joins to it."""

    asked: Asked
    subject: str
    partner: str | None = None

    def takes(self, table: str) -> bool:
        """Whether the query can use a table; the first other one that a key reaches becomes the partner."""
        if table in (self.subject, self.partner):
            return True
        if self.partner is None and self.asked.join(self.subject, table):
            self.partner = table
            return True
        return False

    def fans_out(self) -> bool:
        """Whether one row of the subject may meet many of the partner."""
        keys = self.asked.join(self.subject, self.partner) if self.partner else None
        return bool(keys) and keys[0].table == self.partner if keys else False


def _query(asked: Asked, subject: str, group_at: range) -> str:
    reach = Reach(asked, subject)
    columns = _columns(asked, subject)
    group = _group(asked, reach, columns, group_at)
    conditions, used = _conditions(asked, reach, columns)
    open_columns = [each for at, each in columns.items() if at not in group_at and each not in used]
    measure = next((each for each in open_columns if each.kind in ("int", "num") and reach.takes(each.table)), None)
    when = next((each for each in open_columns if each.kind in ("date", "time")), None) or next(
        (each for each in asked.tables[subject] if each.kind in ("date", "time")), None
    )
    counts = asked.has(["many", "number", "count"])
    first, limit = _superlative(asked)
    named = [(at in columns, AGGREGATES[word]) for at, word in enumerate(asked.words) if word in AGGREGATES]  # "total" may be a column, too
    function = next((name for is_column, name in sorted(named, key=lambda item: item[0]) if not (is_column and first)), None)
    key = next((each.sql for each in asked.tables[subject] if each.is_key), None)
    rows = f"count(DISTINCT {key})" if key and reach.fans_out() and not group else "count(*)"
    value = f"{function}({measure.sql})" if function and measure and not counts else rows
    tail = f" ORDER BY {{}} {first} LIMIT {limit}" if first else ""
    if group:
        shown = ", ".join(each.sql for each in group)
        only = first and not (counts or function)
        return _assembled(reach, shown if only else f"{shown}, {value}", conditions, f" GROUP BY {shown}{tail.format(value)}")
    if counts:
        different = next((each for each in open_columns if reach.takes(each.table)), None) if asked.has(DIFFERENT) else None
        return _assembled(reach, f"count(DISTINCT {different.sql})" if different else rows, conditions)
    if function and measure:
        return _assembled(reach, value, conditions)
    if first and measure and not asked.mentioned and asked.words[:1] == ["what"]:
        return _assembled(reach, f"{'max' if first == 'DESC' else 'min'}({measure.sql})", conditions)
    by = when if asked.has(TIMELY) and when and when.table == subject else measure
    shown_columns = [each for each in open_columns if each != by and reach.takes(each.table)] or _labels(asked, subject)
    distinct = "DISTINCT " if not (first and by) and (asked.has(DIFFERENT) or reach.fans_out()) else ""
    return _assembled(reach, distinct + ", ".join(each.sql for each in shown_columns), conditions, tail.format(by.sql) if by else "")


def _columns(asked: Asked, subject: str) -> dict[int, Field]:
    """Place in the question -> the column that stands there: the most words of it, then the nearest to the subject."""
    found: dict[int, tuple[tuple[int, int, int], Field]] = {}
    for table, held in asked.tables.items():
        near = 2 if table == subject else bool(asked.join(subject, table))
        for each in held:
            mention = None if each.is_key or each.refers else _mention(each.name, asked.words)
            if mention and near:
                before = asked.words[mention.at - mention.count] if mention.at >= mention.count else ""
                owned = before in _name_words(table)
                rank = (mention.count + owned, near, -len(found))
                if mention.at not in found or rank[:2] > found[mention.at][0][:2]:
                    found[mention.at] = rank, each
    return {at: found[at][1] for at in sorted(found)}


def _group(asked: Asked, reach: Reach, columns: dict[int, Field], group_at: range) -> list[Field]:
    """The columns to group by: the one named there, else what a table named there is called by."""
    for at in group_at:
        if at in columns and reach.takes(columns[at].table):
            return [columns[at]]
        for table, mention in asked.mentioned.items():
            if mention.at == at and reach.takes(table):
                return _labels(asked, table)
    return []


def _labels(asked: Asked, table: str) -> list[Field]:
    """What a row is called by: its columns that end in name or title, else its key, else its first column."""
    held = asked.tables[table]
    named = [each for each in held if _name_words(each.name)[-1:] in (["name"], ["title"])]
    return named or [each for each in held if each.is_key] or held[:1]


def _conditions(asked: Asked, reach: Reach, columns: dict[int, Field]) -> tuple[list[str], list[Field]]:
    """WHERE, and the columns in it: a value once, in the column nearest to the subject; numbers against the column named before them."""
    chosen: dict[str, Field] = {}
    for each, value in sorted(asked.values, key=lambda item: (item[0].table != reach.subject, item[0] not in columns.values())):
        if value not in chosen and reach.takes(each.table):
            chosen[value] = each
    by_field: dict[Field, list[str]] = {}
    for value, each in chosen.items():
        by_field.setdefault(each, []).append(value)
    conditions = [f"{each.sql} IN ({', '.join(held)})" if len(held) > 1 else f"{each.sql} = {held[0]}" for each, held in by_field.items()]
    used = list(by_field)
    for found in COMPARISON.finditer(asked.text):
        at = len(WORD.findall(asked.text[: found.start()]))
        numeric = [(abs(place - at), each) for place, each in columns.items() if each.kind in ("int", "num") and reach.takes(each.table)]
        if numeric:
            nearest = min(numeric, key=lambda item: item[0])[1]
            operator = next(sign for sign, words in zip(OPERATORS, found.groups(), strict=False) if words)
            conditions.append(f"{nearest.sql} {operator} {found[5]}")
            used.append(nearest)
    return conditions, used


def _superlative(asked: Asked) -> tuple[str, int]:
    """(DESC, ASC or nothing, how many rows)."""
    for at, word in enumerate(asked.words):
        if word in MOST | LEAST:
            before = [mention.at - mention.count for mention in asked.mentioned.values()]
            near = [asked.words[place] for place in (at + 1, at - 1, *before) if 0 <= place < len(asked.words)]
            number = next((int(each) if each.isdecimal() else NUMBERS[each] for each in near if each.isdecimal() or each in NUMBERS), 1)
            rising = word in LEAST and not (word == "first" and "top" in asked.words)
            return "ASC" if rising else "DESC", number
    return "", 0


def _assembled(reach: Reach, shown: str, conditions: list[str], tail: str = "") -> str:
    keys = reach.asked.join(reach.subject, reach.partner) if reach.partner else None
    joined = f" JOIN {reach.partner} ON {keys[0].sql} = {keys[1].sql}" if keys else ""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {shown} FROM {reach.subject}{joined}{where}{tail}"


def load(card: ModelCard, _folder: Path) -> Written:
    """The rules; what runs is named after this very file, so that a run log tells one version from the next."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    return Written(answer, f"rules {version}", card.context)
