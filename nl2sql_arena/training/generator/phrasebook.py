"""Phrasebooks: questions as people put them, with their SQL, about one sample database; `phrasebooks/<db>/*.txt`.

A file is a list of intents, separated by blank lines. Lines of an intent:

    $n = 2..15                              a slot; one given before the first intent is for all of the file
    ? (Which|What) {n} customers have spent the most
    ? top {n} customers by money spent
    = SELECT ... LIMIT {n}                  the one query for all wordings of the intent

`(a|b|)` is one of the alternatives, both nest; `{n2}` is another draw from slot `n`, other than `{n}`. A slot is one of

    $city = customers.city                  a value of the column
    $who = customers.first_name + customers.last_name    a row's values: "{who}" in a question, {who.1} and {who.2} in the query
    $n = 2..15                              a number
    $cap = 10 ; 25 ; 100                    one of these
    $adj = German => Germany ; French => France          said => written; both sides may hold slots, the left one alternatives
    $day = day 2021..2025                   said "5 March 2023" and the like; {day} in the query is 2023-03-05, {day.next} the day after
    $month = month 2021..2025               said "March 2023"; {month.start}, {month.end} (the first day after it), .year, .number
    $quarter = quarter 2021..2025           the same

In the query a drawn value's quotes are doubled; the quotes around it are written by the author: city = '{city}'.
"""

import calendar
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadInput
from nl2sql_arena.training.generator.amounts import SMALL
from nl2sql_arena.training.generator.templates import filled, parse, pick, tidy

FOLDER = Path(__file__).parent / "phrasebooks"
SLOT = re.compile(r"\{(\w+?)(\d?)(?:\.(\w+))?\}")
MOST_VALUES = 2_000
"""Values of a column that are kept for its slots."""
Row = tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """What a slot was drawn as: `said` in questions; `written` in the query, by part ("" for the plain slot)."""

    said: str
    written: Mapping[str, str]


@dataclass(frozen=True)
class Values:
    """Rows of a database."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    low: int
    high: int


@dataclass(frozen=True)
class Words:
    """(said, written) alternatives."""

    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Times:
    """A day, month or quarter from the first to the last year."""

    kind: str
    first: int
    last: int


Source = Values | Numbers | Words | Times


@dataclass(frozen=True)
class Intent:
    """One thing to ask, in several wordings; `place` is file and line, for messages."""

    place: str
    questions: tuple[str, ...]
    sql: str
    slots: Mapping[str, Source] = field(default_factory=dict)


def load(database: str) -> list[Intent]:
    """The intents of all of a database's phrasebooks. Raises BadInput naming the line."""
    return [intent for path in sorted((FOLDER / database).glob("*.txt")) for intent in read(path)]


def read(path: Path) -> list[Intent]:
    """The intents of one file. Raises BadInput naming the line."""
    shared: dict[str, Source] = {}
    found: list[Intent] = []
    lines = [(number, line.strip()) for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    for block in _blocks(lines):
        place = f"{path.name}:{block[0][0]}"
        slots: dict[str, Source] = {}
        questions: list[str] = []
        queries: list[str] = []
        for number, line in block:
            try:
                mark, text = line[0], line[1:].strip()
                if mark == "$":
                    name, _, described = text.partition("=")
                    slots[name.strip()] = source(described.strip())
                elif mark in "?=":
                    (questions if mark == "?" else queries).append(text)
                    if mark == "?":
                        parse(text)
                else:
                    raise ValueError("a line starts with $, ?, = or #")  # noqa: TRY301 - said like the other problems of a line
            except ValueError as problem:
                raise BadInput(f"{path.name} line {number} cannot be read ({problem}); correct it.") from problem
        if not questions and not queries:
            shared |= slots
        elif not questions or len(queries) != 1:
            raise BadInput(f"{path.name} line {block[0][0]} begins an intent without a question or without exactly one query; complete it.")
        else:
            found.append(Intent(place, tuple(questions), queries[0].removesuffix(";"), shared | slots))
    return found


def _blocks(lines: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    block: list[tuple[int, str]] = []
    for number, line in [*lines, (0, "")]:
        if line.startswith("#"):
            continue
        if line:
            block.append((number, line))
        elif block:
            yield block
            block = []


def source(text: str) -> Source:
    """What a slot's description means. Raises ValueError."""
    if "=>" in text:
        pairs = [part.partition("=>") for part in text.split(" ; ")]
        if not all(arrow for _, arrow, _ in pairs):
            raise ValueError("each alternative of a said => written slot needs its =>")
        for said, _, _ in pairs:
            parse(said.strip())
        return Words(tuple((said.strip(), written.strip()) for said, _, written in pairs))
    if times := re.fullmatch(r"(day|month|quarter) (\d{4})\.\.(\d{4})", text):
        return Times(times[1], int(times[2]), int(times[3]))
    if numbers := re.fullmatch(r"(\d+)\.\.(\d+)", text):
        return Numbers(int(numbers[1]), int(numbers[2]))
    if re.fullmatch(r"\w+\.\w+( \+ \w+\.\w+)*", text) and not text[0].isdigit():
        return Values(tuple(text.split(" + ")))
    if not text:
        raise ValueError("a slot needs a description")
    return Words(tuple((part.strip(), part.strip()) for part in text.split(" ; ")))


class Speaker:
    """Fills the intents of one database with its values. Raises BadInput for a slot that cannot be filled."""

    def __init__(self, database: Database, intents: Sequence[Intent]) -> None:
        self.intents = intents
        self._rows: dict[tuple[str, ...], list[Row]] = {}
        for intent in intents:
            for described in intent.slots.values():
                if isinstance(described, Values) and described.columns not in self._rows:
                    table = described.columns[0].partition(".")[0]
                    columns = [column.partition(".")[2] for column in described.columns]
                    try:
                        self._rows[described.columns] = database.distinct_rows(table, columns, MOST_VALUES)
                    except BadInput as problem:
                        raise BadInput(f"{intent.place}: {problem}") from problem

    def say(self, intent: Intent, rng: random.Random) -> tuple[str, str]:
        """(question, SQL) with every slot filled."""
        filling = Filling(intent, self._rows, rng)
        question = tidy(filling.question(pick(rng, intent.questions)))
        return question, filling.query(intent.sql)


class Filling:
    """The slots of one question as they were drawn; each is drawn once, at its first use."""

    def __init__(self, intent: Intent, rows: Mapping[tuple[str, ...], list[Row]], rng: random.Random) -> None:
        self._intent, self._rows, self._rng = intent, rows, rng
        self._drawn: dict[str, Drawn] = {}

    def question(self, wording: str) -> str:
        return filled(wording, self._rng, lambda name: self._of(name).said)

    def query(self, sql: str) -> str:
        return SLOT.sub(self._written, sql)

    def _written(self, match: re.Match[str]) -> str:
        drawn = self._of(match[1] + match[2])
        part = match[3] or ""
        if part not in drawn.written:
            raise BadInput(f"{self._intent.place}: slot {{{match[1]}}} has no part '{part}' for a query; use {sorted(drawn.written)}.")
        return drawn.written[part]

    def _of(self, name: str) -> Drawn:
        if name not in self._drawn:
            slots = self._intent.slots
            plain = name if name in slots else re.sub(r"\d$", "", name)
            if plain not in slots:
                raise BadInput(f"{self._intent.place}: there is no slot {{{name}}}; describe it with $.")
            others = {drawn.said for key, drawn in self._drawn.items() if re.sub(r"\d$", "", key) == plain}
            for _ in range(20):
                drawn = self._draw(slots[plain])
                if drawn.said not in others:
                    break
            self._drawn[name] = drawn
        return self._drawn[name]

    def _draw(self, described: Source) -> Drawn:
        rng = self._rng
        if isinstance(described, Values):
            row = pick(rng, self._rows[described.columns])
            parts = {str(i): value.replace("'", "''") for i, value in enumerate(row, 1)}
            return Drawn(" ".join(row), parts if len(row) > 1 else {"": parts["1"]})
        if isinstance(described, Numbers):
            number = rng.randint(described.low, described.high)
            return Drawn(SMALL[number] if number < len(SMALL) and rng.random() < 0.4 else str(number), {"": str(number)})
        if isinstance(described, Words):
            said, written = pick(rng, described.options)
            return Drawn(self.question(said), {"": self.query(written)})
        return _time(described, rng)


def _time(described: Times, rng: random.Random) -> Drawn:
    year, number = rng.randint(described.first, described.last), rng.randint(1, 12)
    name = calendar.month_name[number]
    if described.kind == "day":
        day = date(year, number, rng.randint(1, calendar.monthrange(year, number)[1]))
        forms = (f"{name} {day.day}, {year}", f"{day.day} {name} {year}", f"{name} {_th(day.day)}, {year}", f"{day.day} {name[:3]} {year}")
        said = pick(rng, (*forms, *forms, f"the {_th(day.day)} of {name} {year}", day.isoformat()))
        return Drawn(said, {"": day.isoformat(), "next": (day + timedelta(days=1)).isoformat(), "year": str(year)})
    if described.kind == "month":
        said = pick(rng, (f"{name} {year}",) * 6 + (f"{name} of {year}", f"{name[:3]} {year}"))
        return Drawn(said, _span(year, number, 1) | {"number": str(number)})
    number = 1 + (number - 1) // 3
    said = pick(rng, (f"Q{number} {year}", f"the {NTH[number]} quarter of {year}", f"Q{number} of {year}", f"{NTH[number]} quarter {year}"))
    return Drawn(said, _span(year, 3 * number - 2, 3) | {"number": str(number)})


NTH = {1: "first", 2: "second", 3: "third", 4: "fourth"}


def _span(year: int, month: int, months: int) -> dict[str, str]:
    after = month + months
    end = date(year + (after > 12), after - 12 * (after > 12), 1)
    return {"start": date(year, month, 1).isoformat(), "end": end.isoformat(), "year": str(year)}


def _th(number: int) -> str:
    ending = "th" if 10 < number < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
