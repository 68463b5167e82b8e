"""Numbers and moments: a drawn threshold or period, as SQL and in words."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Field, Quantiles

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
SIGNS = {"euros": "€", "dollars": "$", "pounds": "£"}
OPERATORS = (">", ">", ">", "<", "<", "<", ">=", ">=", "<=", "<=", "BETWEEN", "=")

WORDED = {
    ">": "(more than|more than|over|above|exceeding|greater than|upwards of|higher than) {n}",
    "<": "(less than|less than|under|below|lower than|fewer than) {n}",
    ">=": "(at least {n}|{n} or more|at least {n}|no less than {n}|a minimum of {n}|not less than {n}|{n} and (up|above)|{n}+)",
    "<=": "(at most {n}|{n} or less|up to {n}|no more than {n}|a maximum of {n}|not more than {n}|max {n})",
    "BETWEEN": "(between {n} and {m}|from {n} to {m}|between {n} and {m}|{n} to {m}|{n}-{m}|in the range {n} to {m})",
    "=": "(exactly |exactly |just |){n}",
}


class Amount(NamedTuple):
    """`sql` follows the column (`> 100`); `words` the verb ("more than 100 euros")."""

    op: str
    sql: str
    words: str


class Period(NamedTuple):
    """`sql` is a whole condition; `words` follow a verb or noun ("in March 2023"). `year` is 0 unless it lies within one."""

    sql: str
    words: str
    year: int = 0
    within: str = ""


class Moment(NamedTuple):
    """A date column's SQL with two ISO days of its range; `timed` when it is a timestamp."""

    sql: str
    day: str
    other: str
    timed: bool


def point(rng: random.Random, range_: Quantiles, low: float = 0.08, high: float = 0.92) -> float | str:
    """A value from the middle of the range."""
    n = len(range_)
    return range_[min(n - 1, int(n * (low + (high - low) * rng.random())))]


def nice(value: float, whole: bool, rng: random.Random) -> float:
    """The value as a person would round it."""
    if rng.random() < 0.12:
        return round(value) if whole else round(value, 2)
    size = abs(value)
    step = (
        0.1 if size < 1 else 0.5 if size < 5 else 1 if size < 20 else 5 if size < 100 else 10 if size < 300 else 50 if size < 1500 else 500
    )
    if size >= 15000:
        step = 5000 if size < 150000 else 50000
    if whole:
        step = max(1, step)
    return round(round(value / step) * step, 2)


def number(value: float) -> str:
    """The number as SQL: no needless decimals."""
    return str(int(value)) if value == int(value) else f"{value:.10g}"


def worded(value: float, rng: random.Random, unit: Sequence[str] = ()) -> str:
    """The number as people write it, with its unit at times."""
    text = number(value)
    if value == int(value):
        if 0 <= value <= 12 and rng.random() < 0.3:
            text = SMALL[int(value)]
        elif value >= 1000 and rng.random() < 0.35:
            text = f"{int(value):,}"
        elif value >= 1000 and value % 1000 == 0 and rng.random() < 0.2:
            text = f"{int(value) // 1000}k"
    if not unit or rng.random() < 0.3:
        return text
    word = pick(rng, unit)
    if word in SIGNS:
        return pick(rng, (SIGNS[word] + text, f"{text} {word}", f"{text} {word}", text + SIGNS[word]))
    return f"{text} {word}"


def count_words(n: int, rng: random.Random) -> str:
    return SMALL[n] if n <= 12 and rng.random() < 0.55 else str(n)


def amount(rng: random.Random, range_: Quantiles, whole: bool, unit: Sequence[str] = (), ops: Sequence[str] = OPERATORS) -> Amount:
    """A comparison with a threshold that lies inside the range."""
    op = pick(rng, ops)
    if op == "=" and not whole:
        op = ">"
    value = float(point(rng, range_))
    value = float(round(value)) if op == "=" else nice(value, whole, rng)
    if op in ("<", "<=") and value <= float(range_[0]):
        op = ">" if op == "<" else ">="
    if op == ">" and value >= float(range_[-1]):
        op = ">="
    n = worded(value, rng, unit)
    if op == "BETWEEN":
        other = nice(float(point(rng, range_)), whole, rng)
        if other == value:
            other = value + (abs(value) if value else 10)
        low, high = min(value, other), max(value, other)
        bare = worded(low, rng)
        return Amount(op, f"BETWEEN {number(low)} AND {number(high)}", say(WORDED[op], rng, n=bare, m=worded(high, rng, unit)))
    return Amount(op, f"{op} {number(value)}", say(WORDED[op], rng, n=n))


def at_least_count(rng: random.Random, range_: Quantiles) -> Amount:
    """A comparison for a number of rows."""
    range_ = range_ or (1, 1, 2, 2, 3, 4, 5, 8)
    exact = ("=",) if float(range_[len(range_) // 2]) < 8 else ()
    return amount(rng, range_, True, (), (">", ">", ">", ">=", ">=", ">=", "<", "<=", *exact))


def day_words(day: str, rng: random.Random) -> str:
    """An ISO day as people write it."""
    year, month, number_ = int(day[:4]), int(day[5:7]), int(day[8:10])
    name = MONTHS[month - 1]
    return pick(
        rng, (f"{number_} {name} {year}", f"{name} {number_}, {year}", f"{name} {number_} {year}", day[:10], f"{number_} {name[:3]} {year}")
    )


def period(rng: random.Random, item: Field, range_: Quantiles, kinds: str = "") -> Period:
    """A stretch of time for a date or timestamp column, lying inside its range."""
    range_ = range_ or ("2021-02-03", "2022-06-17", "2023-03-09", "2023-11-21", "2024-05-14", "2025-08-30")
    day = str(point(rng, range_, 0.04, 0.96))[:10]
    kind = pick(rng, kinds or ("YYYYYYYYYMMMMMBASSFQQHRNEDOTKXZ" + ("WWPP" if item.timed else "")))
    return PERIODS[kind](rng, Moment(item.sql, day, str(point(rng, range_))[:10], item.timed))


def _year(rng: random.Random, at: Moment) -> Period:
    year = int(at.day[:4])
    return Period(
        f"YEAR({at.sql}) = {year}", say("(in|in|in|in|during|in the year|over the course of) {y}", rng, y=str(year)), year, "year"
    )


def _month(rng: random.Random, at: Moment) -> Period:
    year, month = int(at.day[:4]), int(at.day[5:7])
    name = MONTHS[month - 1] if rng.random() < 0.85 else MONTHS[month - 1][:3]
    words = say("(in|in|in|during) (|the month of |)({m} {y}|{m} {y}|{m} of {y})", rng, m=name, y=str(year))
    return Period(f"YEAR({at.sql}) = {year} AND MONTH({at.sql}) = {month}", words, year, "month")


def _any_month(rng: random.Random, at: Moment) -> Period:
    month = int(at.day[5:7])
    words = say(
        "(in|in|during) (the month of |) {m} (|of any year|(regardless of|whatever) the year|in any year|,(all|any) years)",
        rng,
        m=MONTHS[month - 1],
    )
    return Period(f"MONTH({at.sql}) = {month}", words)


def _before(rng: random.Random, at: Moment) -> Period:
    year = int(at.day[:4]) + 1
    return Period(f"YEAR({at.sql}) < {year}", say("(before|before|prior to|earlier than) {y}", rng, y=str(year)))


def _after(rng: random.Random, at: Moment) -> Period:
    year = int(at.day[:4]) - 1
    return Period(f"YEAR({at.sql}) > {year}", say("(after|after|later than) (the end of |) {y}", rng, y=str(year)))


def _since(rng: random.Random, at: Moment) -> Period:
    year = int(at.day[:4])
    words = say(
        "(since {y}|since {y}|since the (start|beginning) of {y}|from {y} (on|onwards)|in {y} or later|in or after {y})", rng, y=str(year)
    )
    return Period(f"YEAR({at.sql}) >= {year}", words)


def _until(rng: random.Random, at: Moment) -> Period:
    year = int(at.day[:4])
    return Period(f"YEAR({at.sql}) <= {year}", say("(up to|until the end of|through|by the end of|in or before) {y}", rng, y=str(year)))


def _years(rng: random.Random, at: Moment) -> Period:
    low, high = sorted((int(at.day[:4]), int(at.other[:4])))
    high += low == high
    words = say(
        "(between {a} and {b}|from {a} to {b}|from {a} through {b}|in the years {a} to {b}|between {a} and {b})",
        rng,
        a=str(low),
        b=str(high),
    )
    if high == low + 1 and rng.random() < 0.6:
        words = say("in {a} (or|and) {b}", rng, a=str(low), b=str(high))
    return Period(f"YEAR({at.sql}) BETWEEN {low} AND {high}", words)


def _quarter(rng: random.Random, at: Moment) -> Period:
    year, quarter = int(at.day[:4]), (int(at.day[5:7]) + 2) // 3
    name = pick(rng, ("first", "second", "third", "fourth" if rng.random() < 0.4 else "last")[quarter - 1 : quarter])
    words = say("(in|during) (Q{q} {y}|Q{q} of {y}|the {n} quarter of {y}|{y} Q{q})", rng, q=str(quarter), n=name, y=str(year))
    return Period(f"YEAR({at.sql}) = {year} AND QUARTER({at.sql}) = {quarter}", words, year, "quarter")


def _half(rng: random.Random, at: Moment) -> Period:
    year, first = int(at.day[:4]), int(at.day[5:7]) <= 6
    words = say("(in|during) the {n} half of {y}", rng, n="first" if first else "second", y=str(year))
    return Period(f"YEAR({at.sql}) = {year} AND MONTH({at.sql}) {'<= 6' if first else '> 6'}", words, year, "half")


def _months(rng: random.Random, at: Moment) -> Period:
    year, low = int(at.day[:4]), min(int(at.day[5:7]), 10)
    high = low + 1 + int(rng.random() * (12 - low))
    words = say(
        "(from {a} to {b} {y}|between {a} and {b} {y}|from {a} through {b} {y}|in {a} to {b} {y})",
        rng,
        a=MONTHS[low - 1],
        b=MONTHS[high - 1],
        y=str(year),
    )
    return Period(f"YEAR({at.sql}) = {year} AND MONTH({at.sql}) BETWEEN {low} AND {high}", words, year, "months")


def _after_day(rng: random.Random, at: Moment) -> Period:
    if rng.random() < 0.5:
        return Period(f"{at.sql} >= '{at.day}'", say("(since|on or after|from) {d} (|on(|wards))", rng, d=day_words(at.day, rng)))
    return Period(f"{day_of(at)} > '{at.day}'", say("(after|after|later than) {d}", rng, d=day_words(at.day, rng)))


def _before_day(rng: random.Random, at: Moment) -> Period:
    return Period(f"{at.sql} < '{at.day}'", say("(before|before|earlier than|prior to) {d}", rng, d=day_words(at.day, rng)))


def _on_day(rng: random.Random, at: Moment) -> Period:
    return Period(f"{day_of(at)} = '{at.day}'", say("on {d}", rng, d=day_words(at.day, rng)))


def _between_days(rng: random.Random, at: Moment) -> Period:
    low, high = sorted((at.day, at.other if at.other != at.day else f"{at.day[:4]}-12-31"))
    words = say("(between {a} and {b}|from {a} to {b}|from {a} until {b})", rng, a=day_words(low, rng), b=day_words(high, rng))
    return Period(f"{day_of(at)} BETWEEN '{low}' AND '{high}'", words)


def _weekday(rng: random.Random, at: Moment) -> Period:
    name = pick(rng, WEEKDAYS)
    return Period(f"DAYNAME({at.sql}) = '{name}'", say("on (a {d}|{d}s|{d}s|any {d})", rng, d=name))


def _weekend(rng: random.Random, at: Moment) -> Period:
    if rng.random() < 0.7:
        return Period(f"DAYOFWEEK({at.sql}) IN (0, 6)", say("(on|at|over|during) (the|a) weekend|on weekends|on a Saturday or Sunday", rng))
    return Period(f"DAYOFWEEK({at.sql}) NOT IN (0, 6)", say("on (a weekday|weekdays|a working day)|from Monday to Friday", rng))


def _hour(rng: random.Random, at: Moment) -> Period:
    hour = 6 + int(rng.random() * 15)
    clock = pick(
        rng, (f"{hour}:00", f"{(hour - 1) % 12 + 1} {'am' if hour < 12 else 'pm'}", f"{(hour - 1) % 12 + 1}{'am' if hour < 12 else 'pm'}")
    )
    if hour == 12:
        clock = "noon"
    if rng.random() < 0.5:
        return Period(f"HOUR({at.sql}) < {hour}", say("(before|earlier (in the day|) than) {h}", rng, h=clock))
    return Period(f"HOUR({at.sql}) >= {hour}", say("(after|at or after|from) {h} (|on)", rng, h=clock))


def _part_of_day(rng: random.Random, at: Moment) -> Period:
    if rng.random() < 0.5:
        return Period(f"HOUR({at.sql}) < 12", say("(in the morning|before noon|before midday)", rng))
    if rng.random() < 0.5:
        return Period(f"HOUR({at.sql}) BETWEEN 12 AND 17", say("in the afternoon", rng))
    return Period(f"HOUR({at.sql}) >= 18", say("in the evening", rng))


def day_of(at: Moment) -> str:
    """The day of a moment: timestamps are cast, dates are days already."""
    return f"CAST({at.sql} AS DATE)" if at.timed else at.sql


PERIODS = {
    "Y": _year, "M": _month, "N": _any_month, "B": _before, "A": _after, "S": _since, "E": _until, "R": _years, "Q": _quarter,
    "H": _half, "F": _months, "D": _after_day, "O": _before_day, "T": _on_day, "P": _part_of_day, "K": _weekday, "W": _hour,
    "X": _weekend, "Z": _between_days,
}  # fmt: skip
