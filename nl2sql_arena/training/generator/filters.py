"""Filters in SQL and words: on a column, on what a row belongs to, on what belongs to it."""

import random
import re
from collections.abc import Callable

from nl2sql_arena.schema import literal
from nl2sql_arena.training.generator.amounts import amount, period, worded
from nl2sql_arena.training.generator.lexicon import Words
from nl2sql_arena.training.generator.scope import Mod, Scope, from_words
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Field, Guide, invented_word, plain

MARKED = re.compile(r"\b([a-z_]+)\.(?=[a-z_])")
GENERIC_VALUE = (
    "(with|where) (the |) {name} {v}|with {name} {v}|whose {name} is {v}|where (the |) {name} (is|=|equals|is set to) {v}"
    "|with {v} as (the |) {name}"
    "|of {name} {v}|having {name} {v}|for {name} {v}"
)
GENERIC_VERB = "have (the |){name} {v}"
GENERIC_AMOUNT = (
    "with (a|an|) {name} (of|) {n}|with (a|) {name} {n}|whose {name} is {n}|where (the |) {name} is {n}|having (a|) {name} of {n}"
    "|{name} {n}|with {name} {n}"
)
GENERIC_WHEN = "with (a|) {name} {w}|whose {name} (is|was|falls|lies) {w}|where (the |) {name} is {w}|{name} {w}|dated {w}"
GENERIC_NULL = (
    "without (a|an|any|) {name}|with no {name}|whose {name} is (missing|unknown|not known|empty|null|not recorded|blank)"
    "|where (the |) {name} is (missing|unknown|null|not set|not given)|with (a |)(missing|unknown|empty) {name}|that lack a {name}"
    "|lacking a {name}|missing a {name}"
)
GENERIC_SOME = (
    "(with|that have) (a|any) {name} (on record|on file|recorded|)|whose {name} is (known|not null|given|set|filled in)"
    "|with a known {name}|where (the |) {name} is (known|not null)"
)
GENERIC_YES = ("where {name} is true", "with {name}", "flagged as {name}", "that are {name}", "marked {name}")
GENERIC_NO = ("where {name} is false", "without {name}", "not flagged as {name}", "that are not {name}", "not marked {name}")
CONTAINS = (
    "whose {name} (contains|includes) {v}|with {v} in (the|their|its) {name}|containing {v} in the {name}|that have {v} in their {name}"
    "|with the word {v} in the {name}"
)
STARTS = "whose {name} (starts|begins) with {v}|with a {name} (starting|beginning) with {v}|where the {name} starts with {v}"
ENDS = "whose {name} ends (in|with) {v}|with a {name} ending in {v}"


def text_value(guide: Guide, item: Field, rng: random.Random) -> str:
    """A value of the column, frequent ones more often; made up with the world's rate."""
    pool = guide.pool(item)
    if not pool or rng.random() < guide.world.invented:
        word = invented_word(rng)
        return word if rng.random() < 0.75 else f"{word} {invented_word(rng)}"
    return pool[int(len(pool) * rng.random() ** 1.4)]


def value_words(item: Field, value: str, rng: random.Random) -> str:
    """The value as people type it: other spellings, case, quotes at times."""
    also = item.words.also.get(value)
    if also and rng.random() < 0.4:
        return pick(rng, also)
    chance = rng.random()
    if chance < 0.08:
        return value.lower()
    if chance < 0.12:
        return pick(rng, ("'{}'", '"{}"')).format(value)
    return value.capitalize() if chance < 0.14 else value


def names(item: Field, rng: random.Random) -> str:
    words = item.words.names
    return words[0 if rng.random() < 0.5 else int(rng.random() * len(words))]


def on_category(scope: Scope, item: Field) -> Mod:
    """Equality, inequality or membership of a text column."""
    guide, rng = scope.guide, scope.rng
    value = text_value(guide, item, rng)
    used = (f"{item.table}.{item.name}",)
    who = guide.tables[item.table].who
    name = names(item, rng)
    words: Words = item.words.where or (GENERIC_VALUE, GENERIC_VALUE, "+" + GENERIC_VERB)
    if item.words.where and rng.random() < 0.12:
        words = (GENERIC_VALUE,)
    chance = rng.random()
    if chance < 0.11 and len(guide.pool(item)) > 2:
        other = text_value(guide, item, rng)
        if other != value:
            return either(scope, item, words, who, name, value, other)
    text = value_words(item, value, rng)
    adjective = ""
    if value in item.words.adjectives:
        adjective = pick(rng, item.words.adjectives[value])
    elif "*" in item.words.adjectives and " " not in value:
        adjective = value.lower() if rng.random() < 0.8 else value
    if chance < 0.18:
        return not_value(item, words, who, name, value, text, adjective, rng)
    post, verb = from_words(words, who, rng, v=text, name=name)
    if adjective and rng.random() < 0.5:
        verb = f"{pick(rng, ('are', 'were', 'are', 'have been'))} {adjective}"
        post = f"{who} {verb}"
    return Mod(f"{item.sql} = {literal(value)}", post, verb, adjective, used)


def either(scope: Scope, item: Field, words: Words, who: str, name: str, value: str, other: str) -> Mod:
    rng = scope.rng
    text = say(
        "({a} or {b}|{a} or {b}|either {a} or {b}|{a} and {b}|{a} / {b})",
        rng,
        a=value_words(item, value, rng),
        b=value_words(item, other, rng),
    )
    post, verb = from_words(words, who, rng, v=text, name=name)
    return Mod(f"{item.sql} IN ({literal(value)}, {literal(other)})", post, verb, used=(f"{item.table}.{item.name}",))


def not_value(item: Field, words: Words, who: str, name: str, value: str, text: str, adjective: str, rng: random.Random) -> Mod:
    used = (f"{item.table}.{item.name}",)
    sql = f"{item.sql} <> {literal(value)}"
    if adjective and rng.random() < 0.7:
        verb = f"{pick(rng, ('are not', 'were not'))} {adjective}"
        return Mod(
            sql,
            say("{who} {verb}|other than {adj} ones|except {adj} ones|, not counting {adj} ones", rng, who=who, verb=verb, adj=adjective),
            verb,
            used=used,
        )
    plain_words = tuple(word for word in words if not word.startswith("+"))
    if plain_words and words is item.words.where:
        post, _ = from_words(plain_words, who, rng, v=text, name=name)
        return Mod(sql, say("not {p}|except (those|the ones) {p}|{who} are not {p}", rng, p=post, who=who), f"are not {post}", used=used)
    post = say("whose {name} is not {v}|with a {name} other than {v}|where {name} is not {v}|with {name} not {v}", rng, name=name, v=text)
    return Mod(sql, post, used=used)


def on_measure(scope: Scope, item: Field) -> Mod:
    """A comparison with a number, or with the average."""
    guide, rng = scope.guide, scope.rng
    who = guide.tables[item.table].who
    used = (f"{item.table}.{item.name}",)
    name = names(item, rng)
    if rng.random() < 0.1 and not scope.steps:
        return against_average(item, name, who, rng)
    drawn = amount(rng, guide.range_of(item) or stand_in(item), item.whole, item.words.unit)
    sql = f"{item.sql} {drawn.sql}"
    comparative = item.words.more if drawn.op == ">" else item.words.less if drawn.op == "<" else ()
    if comparative and rng.random() < 0.35:
        n = worded(float(drawn.sql.split()[-1]), rng, item.words.unit)
        verb = f"are {pick(rng, comparative)} than {n}"
        return Mod(sql, f"{who} {verb}" if rng.random() < 0.6 else verb[4:], verb, used=used)
    if item.words.verbs and rng.random() < 0.6:
        verb = verb_amount(item, drawn.words, rng)
        return Mod(sql, f"{who} {verb}", verb, used=used)
    if item.words.where and rng.random() < 0.7:
        post, verb = from_words(item.words.where, who, rng, n=drawn.words, name=name)
        return Mod(sql, post, verb, used=used)
    post = say(GENERIC_AMOUNT, rng, name=name, n=drawn.words)
    return Mod(sql, post, f"have a {name} of {drawn.words}", used=used)


def verb_amount(item: Field, words: str, rng: random.Random) -> str:
    """`cost` + "more than 5", or a verb with its own place for the amount: `have {n} seats`."""
    verb = pick(rng, item.words.verbs)
    return say(verb, rng, n=words) if "{n}" in verb else f"{verb} {words}"


def stand_in(item: Field) -> tuple[float, ...]:
    """Thresholds for a column whose data nobody sampled."""
    return (1, 2, 3, 5, 10, 20, 50, 100) if item.whole else (0.5, 2.5, 10, 50, 100, 500)


def against_average(item: Field, name: str, who: str, rng: random.Random) -> Mod:
    above = rng.random() < 0.65
    average = plain(f"(SELECT AVG({item.sql}) FROM {item.table})", [item.table])
    side = ("above", "higher than", "more than", "over") if above else ("below", "lower than", "less than", "under")
    word = pick(rng, side)
    comparative = item.words.more if above else item.words.less
    verb = (
        f"have {'an' if word == 'above' and rng.random() < 0.5 else 'a'} {name} {word} the average"
        if rng.random() < 0.7
        else f"have {word} average {name}"
    )
    if comparative and rng.random() < 0.6:
        verb = f"are {pick(rng, comparative)} than {pick(rng, ('average', 'the average', 'the average one', 'average'))}"
    elif item.words.verbs and "{n}" not in item.words.verbs[0] and rng.random() < 0.6:
        verb = f"{item.words.verbs[0]} {'more' if above else 'less'} than {pick(rng, ('average', 'the average'))}"
    post = (
        f"{who} {verb}"
        if rng.random() < 0.5
        else say(
            "with (a |){side} average {name}|with (a |) {name} {side} (the |) (overall |) average|whose {name} is {side} (the |)average",
            rng,
            side="above" if above else "below",
            name=name,
        )
    )
    return Mod(f"{item.sql} {'>' if above else '<'} {average}", post, verb, used=(f"{item.table}.{item.name}", "average"))


def on_year(scope: Scope, item: Field) -> Mod:
    """A comparison of a year that is stored as a number."""
    guide, rng = scope.guide, scope.rng
    values = guide.range_of(item) or (2018, 2019, 2021, 2022, 2023, 2024)
    year = int(float(values[int(rng.random() * len(values))]))
    sql, words = pick(
        rng,
        (
            (f"= {year}", "in {y}"),
            (f"= {year}", "in {y}"),
            (f"= {year}", "in {y}"),
            (f"< {year + 1}", "before {y1}"),
            (f"> {year - 1}", "after {y0}"),
            (f">= {year}", "since {y}"),
        ),
    )
    text = say(words, rng, y=str(year), y1=str(year + 1), y0=str(year - 1))
    who = guide.tables[item.table].who
    post, verb = from_words(item.words.where or (GENERIC_WHEN,), who, rng, w=text, name=names(item, rng))
    return Mod(f"{item.sql} {sql}", dated(post), dated(verb), used=(f"{item.table}.{item.name}",))


def on_moment(scope: Scope, item: Field, kinds: str = "") -> Mod:
    """A stretch of time."""
    guide, rng = scope.guide, scope.rng
    drawn = period(rng, item, guide.range_of(item), kinds)
    who = guide.tables[item.table].who
    words = item.words.where or (GENERIC_WHEN,)
    if item.words.where and rng.random() < 0.12:
        words = ("{w}", "{w}", "from {w}", GENERIC_WHEN) if drawn.words.startswith(("in", "on", "during")) else (GENERIC_WHEN,)
    post, verb = from_words(words, who, rng, w=drawn.words, name=names(item, rng))
    return Mod(drawn.sql, dated(post), dated(verb), "", (f"{item.table}.{item.name}",), drawn.year, drawn.within)


BEGINNINGS = (
    "in ",
    "during ",
    "on ",
    "at ",
    "over ",
    "since ",
    "before ",
    "after ",
    "from ",
    "between ",
    "prior ",
    "earlier ",
    "later ",
    "up to ",
    "until ",
)


def dated(text: str) -> str:
    """The phrase with one preposition where `from` or `since` met a period with its own: "from in 2023" -> "from 2023"."""
    for mine in ("from ", "since "):
        for other in BEGINNINGS:
            if mine + other in text:
                kept = mine if other in BEGINNINGS[:2] and mine == "from " else other
                return text.replace(mine + other, kept)
    return text


def on_flag(scope: Scope, item: Field) -> Mod:
    rng = scope.rng
    who = scope.guide.tables[item.table].who
    true = rng.random() < 0.62
    words = (item.words.yes or GENERIC_YES) if true else (item.words.no or GENERIC_NO)
    post, verb = from_words(words, who, rng, name=names(item, rng))
    adjectives = item.words.adjectives.get("true" if true else "false", ())
    sql = item.sql if true else f"NOT {item.sql}"
    return Mod(sql, post, verb, pick(rng, adjectives) if adjectives else "", (f"{item.table}.{item.name}",))


def on_missing(scope: Scope, item: Field) -> Mod:
    """IS NULL and IS NOT NULL."""
    rng = scope.rng
    who = scope.guide.tables[item.table].who
    missing = rng.random() < 0.65
    words = (item.words.null or (GENERIC_NULL,)) if missing else (item.words.some or (GENERIC_SOME,))
    if rng.random() < 0.15:
        words = (GENERIC_NULL,) if missing else (GENERIC_SOME,)
    post, verb = from_words(words, who, rng, name=names(item, rng))
    return Mod(f"{item.sql} IS {'' if missing else 'NOT '}NULL", post, verb, used=(f"{item.table}.{item.name}", "null"))


def on_pattern(scope: Scope, item: Field) -> Mod:
    """A piece of a text column: contains, starts with, ends in."""
    guide, rng = scope.guide, scope.rng
    value = text_value(guide, item, rng)
    words = [word for word in value.replace("'", " ").replace("%", " ").split() if len(word) > 2] or ["an"]
    chance = rng.random()
    used = (f"{item.table}.{item.name}", "like")
    name = names(item, rng)
    if chance < 0.55:
        word = pick(rng, words)
        word = word.lower() if rng.random() < 0.4 else word
        return Mod(f"{item.sql} ILIKE '%{word}%'", say(CONTAINS, rng, name=name, v=quoted(word, rng)), used=used)
    if chance < 0.85:
        start = words[0][: 1 + (rng.random() < 0.3)]
        shown = start if rng.random() < 0.5 else quoted(start, rng)
        return Mod(f"{item.sql} ILIKE '{start}%'", say(STARTS, rng, name=name, v=shown), used=used)
    end = words[-1][-2 + (rng.random() < 0.5) :]
    return Mod(f"{item.sql} ILIKE '%{end}'", say(ENDS, rng, name=name, v=quoted(end, rng)), used=used)


def quoted(text: str, rng: random.Random) -> str:
    return pick(rng, ("{}", "'{}'", '"{}"', "'{}'")).format(text)


def on_condition(scope: Scope, table: str) -> Mod | None:
    """One of the named conditions of the table."""
    found = scope.guide.conditions[table]
    if not found:
        return None
    rng = scope.rng
    condition = pick(rng, found)
    true = not condition.no or rng.random() < 0.7
    from_table = scope.guide.tables[table]
    post, verb = from_words(condition.yes if true else condition.no, from_table.who, rng)
    sql = marked(condition.sql if true else negated(condition.sql))
    adjective = pick(rng, condition.adjectives) if true and condition.adjectives else ""
    columns = (match.group() for match in re.finditer(r"\b[a-z_]+\.[a-z_]+", condition.sql))
    return Mod(sql, post, verb, adjective, (f"{table}:{condition.sql}", *dict.fromkeys(columns)))


def marked(sql: str) -> str:
    """The lexicon's SQL with its columns marked."""
    return MARKED.sub("\x01\\1.", sql)


OPPOSITES = (
    (" IS NOT NULL", " IS NULL"), (" IS NULL", " IS NOT NULL"), (" <> ", " = "), (" >= ", " < "), (" <= ", " > "), (" = ", " <> "),
    (" > ", " <= "), (" < ", " >= "),
)  # fmt: skip


def negated(sql: str) -> str:
    """The opposite of a condition, in the form people write."""
    if sql.startswith("NOT "):
        return sql.removeprefix("NOT ")
    simple = " AND " not in sql and " OR " not in sql
    found = next(((this, that) for this, that in OPPOSITES if this in sql), None)
    return sql.replace(*found) if simple and found else f"NOT {sql}" if " " not in sql else f"NOT ({sql})"


def on_label(scope: Scope, table: str, among: str = "") -> Mod | None:
    """One row called by its name: `first_name = .. AND last_name = ..`; `among` names a narrower pool of rows, if the world has it."""
    guide, rng = scope.guide, scope.rng
    if not guide.named(table):
        return None
    fields = guide.label(table)
    rows = guide.world.labels.get(among, ()) or guide.world.labels.get(table, ())
    values = list(pick(rng, rows)) if rows and rng.random() >= guide.world.invented else [text_value(guide, item, rng) for item in fields]
    sql = " AND ".join(f"{item.sql} = {literal(value)}" for item, value in zip(fields, values, strict=True))
    text = " ".join(values)
    shown = text.lower() if rng.random() < 0.07 else quoted(text, rng) if rng.random() < 0.1 else text
    post = say("named {v}|called {v}|with (the|) name {v}|named {v}", rng, v=shown)
    return Mod(sql, post, f"are called {shown}", shown, tuple(f"{item.table}.{item.name}" for item in fields))


def any_filter(scope: Scope, table: str) -> Mod | None:
    """A filter on one of the table's own columns."""
    guide, rng = scope.guide, scope.rng
    chance = rng.random()
    if chance < 0.1 and guide.conditions[table]:
        return on_condition(scope, table)
    kind, make = pick(rng, KINDS)
    fields = guide.of_role[table, kind]
    if not fields:
        return None
    item = pick(rng, fields)
    if any(f"{item.table}.{item.name}" in mod.used for mod in scope.mods):
        return None
    return make(scope, item)


Maker = Callable[[Scope, Field], Mod]
KINDS: tuple[tuple[str, Maker], ...] = (
    ("category", on_category), ("category", on_category), ("category", on_category), ("category", on_category),
    ("measure", on_measure), ("measure", on_measure), ("measure", on_measure),
    ("moment", on_moment), ("moment", on_moment), ("moment", on_moment),
    ("year", on_year), ("flag", on_flag), ("flag", on_flag), ("null", on_missing), ("name", on_pattern), ("text", on_pattern),
)  # fmt: skip
