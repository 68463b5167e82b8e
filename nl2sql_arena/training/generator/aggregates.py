"""Aggregates in SQL and words, and the pieces that go with them: rounding, bare periods."""

import random
from dataclasses import dataclass

from nl2sql_arena.training.generator.amounts import SIGNS
from nl2sql_arena.training.generator.filters import names, on_moment
from nl2sql_arena.training.generator.scope import Mod, Scope, reverse
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Field

AGGREGATES = {
    "AVG": "(average|average|average|mean|avg|typical)",
    "SUM": "(total|total|total|sum of the|overall|combined|summed)",
    "MIN": "(lowest|smallest|minimum|minimal|min)",
    "MAX": "(highest|largest|maximum|max|biggest|greatest)",
    "MEDIAN": "median",
}


ROUND = (
    "(, rounded to|, rounded to|rounded to|(round(ed|) to)) {d} (decimals|decimal places|decimals|digits)",
    "(to the (nearest|closest) (whole number|integer)|rounded to (a|the nearest) whole number|without decimals|as a whole number)",
)


@dataclass(frozen=True)
class Aggregate:
    sql: str
    words: str
    function: str
    item: Field | None
    used: str


def aggregate(scope: Scope, functions: str = "AVG AVG AVG SUM SUM MIN MAX MEDIAN") -> Aggregate | None:
    """A random aggregate over a measure of the scope's table."""
    guide, rng = scope.guide, scope.rng
    pool = guide.of_role[scope.table, "measure"]
    if not pool:
        return None
    function = pick(rng, functions.split())
    if function == "SUM":
        pool = guide.of_role[scope.table, "sum"]
        if not pool:
            return None
    item = pick(rng, pool)
    return over(item, function, rng)


def over(item: Field, function: str, rng: random.Random) -> Aggregate:
    name = names(item, rng)
    if function == "SUM" and rng.random() < 0.7:
        words = pick(rng, item.words.totals)
    elif function == "SUM":
        words = f"{say(AGGREGATES['SUM'], rng)} {name}".replace("sum of the", "sum of the")
    else:
        superlative = item.words.most if function == "MAX" else item.words.least if function == "MIN" else ()
        words = f"{say(AGGREGATES[function], rng)} {name}"
        if superlative and rng.random() < 0.1:
            words = f"{say(AGGREGATES[function], rng)} {name}"
    return Aggregate(f"{function}({item.sql})", words, function, item, f"{function}:{item.table}.{item.name}")


def is_money(item: Field) -> bool:
    return bool(item.words.unit) and item.words.unit[0] in SIGNS


def rounded(sql: str, rng: random.Random, chance: float = 0.12) -> tuple[str, str]:
    """(SQL, words) of the number, rounded at times."""
    if rng.random() >= chance:
        return sql, ""
    if rng.random() < 0.25:
        return f"ROUND({sql})", say(ROUND[1], rng)
    digits = pick(rng, (1, 2, 2, 2))
    return f"ROUND({sql}, {digits})", say(ROUND[0], rng, d=pick(rng, (str(digits), ("one", "two")[digits - 1]))).replace(
        "1 decimals", "1 decimal"
    ).replace("one decimals", "one decimal")


def append(question: str, words: str) -> str:
    """Words before the question mark."""
    if not words:
        return question
    gap = "" if words.startswith(",") else " "
    return f"{question[:-1]}{gap}{words}?" if question.endswith("?") else f"{question}{gap}{words}"


def valued(question: str, ending: str, label: str, value: str, rng: random.Random) -> str:
    """Ask for the value beside the name: by the ending, or by listing what is wanted after the question."""
    chance = rng.random()
    if chance < 0.55:
        return append(question, ending)
    shown = say("{l} and {v}|{l} and {v}|the {l} and the {v}|{l}, {v}|{l} plus {v}|both the {l} and the {v}", rng, l=label, v=value)
    if chance < 0.7:
        return f"{question.rstrip('?')} ({shown})" + ("?" if question.endswith("?") else "")
    if chance < 0.8:
        return f"{question.rstrip('?')} - {shown}"
    closing = (
        say("(Give me|Show|List|Return|I need|Please show|Show me|Please give|I want) {s}", rng, s=shown)
        if chance < 0.93
        else shown.capitalize()
    )
    return f"{question}{'' if question.endswith('?') else '.'} {closing}"


def only_named(question: str, label: str, rng: random.Random) -> str:
    """Say now and then that nothing but the name is wanted."""
    if rng.random() > 0.06:
        return question
    return question.rstrip("?") + pick(
        rng, (f" - just the {label}", f" ({label} only)", f", only the {label}", f" (just the {label})", f", {label} only")
    )


def tie_break(label: str, words: str, rng: random.Random) -> tuple[str, str]:
    """(SQL, words) of a second sort key for ties, now and then."""
    if rng.random() > 0.07:
        return "", ""
    said = say(
        ", ties (broken |sorted |)by {w}|, (in case of ties|on a tie|for ties) by {w}|, ties in alphabetical order"
        "|, alphabetically if tied|, and by {w} if they are equal",
        rng,
        w=words,
    )
    return f", {label}", said


def time_of(scope: Scope, chance: float = 0.45) -> str:
    """A bare period ("in 2023") on the scope's own moment or on that of a row it belongs to; joins what it needs."""
    guide, rng = scope.guide, scope.rng
    if rng.random() >= chance:
        return ""
    moments = [item for table in scope.tables for item in guide.of_role[table, "moment"] if "{w}" in item.words.where]
    if not moments:
        for relation in guide.ups[scope.table]:
            back = reverse(relation)
            found = [item for item in guide.of_role[relation.one, "moment"] if "{w}" in item.words.where]
            if len(relation.steps) == 1 and found and scope.can_join(back):
                scope.join(back)
                moments = found
                break
    if not moments:
        return ""
    item = moments[0]
    probe = Scope(guide, rng, item.table)
    for _ in range(4):
        mod = on_moment(probe, item, "YYYYYYMMQSRH")
        if mod.post.startswith(("in", "during", "since", "from", "between", "over")):
            scope.add(Mod(mod.sql, "", "", "", mod.used, mod.year, mod.within))
            return mod.post
    return ""
