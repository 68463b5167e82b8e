"""Questions whose answer is rows of one kind of thing: lists, the first few, look-ups."""

import random

from nl2sql_arena.training.generator.aggregates import append, only_named, tie_break, valued
from nl2sql_arena.training.generator.amounts import ORDINALS, count_words
from nl2sql_arena.training.generator.filters import names
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope, reverse
from nl2sql_arena.training.generator.skeletons import (
    SHOW,
    WHICH,
    Draft,
    column_words,
    draft,
    entity,
    joined,
    label_sql,
    label_words,
    many,
    order,
    skeleton,
    start,
)  # fmt: skip
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Field, Guide

LIST = (
    SHOW + " (all|the|all the|all|every one of the|) {np}|" + SHOW + " (the|all|) {names} of (all|the|) {np}|" + SHOW + " {np}"
    "|" + WHICH + " {np} (are there|do we have|exist|are on (file|record))?|{np}|all {np}|{np} {names}|{names} of {np}|who are the {np}?"
    "|What are the {names} of (the|all|) {np}?"
    "|(Are there|Do we have) any {np}? (Which ones|Who|List them|Names please)?"
)
LIST_VERB = (
    WHICH
    + " {rest} {verb}?|"
    + WHICH
    + " {rest} {verb}? (Give me|List|Show) (the|their) {names}|Which of (the|our) {rest} {verb}?|"
    + SHOW
    + " (the|) {names} of (the|all|) {rest} {who} {verb}|"
    + SHOW
    + " (all|every|the|) {rest} {who} {verb}"
)
WHO_VERB = (
    "Who (|all) {verb}?|Who {verb}?|(Find|List|Show|Give me) (everyone|everybody|all people|the people|people|those) who {verb}"
    "|Who are the {rest} who {verb}?"
)
COLUMNS = (
    SHOW + " (the|) {cols} (of|for) (all|the|all the|each of the|) {np}|What are the {cols} of (the|all"
    "|) {np}?|" + SHOW + " {cols} (of|for) {np}|{cols} of {np}|{np}: {cols}"
    "|For (all|the|each of the|) {np}, (show|list|give me|return) (the|their|) {cols}|{cols} for (all|) {np}|list {np} - {cols}"
    "|(I need|Give me) a list of {np} (showing|with|giving) {cols}"
)
WITH = (
    SHOW + " (all|the|) {np} (with|along with|together with|and|including|showing|plus) (their"
    "|the) {cols}|" + SHOW + " (all|the|) {np} and (their|the) {cols}|{np} (with|and) {cols}"
    "|"
    + SHOW
    + " the {names} and {cols} of (all|the|) {np}|(Which|What) {np} (are there|do we have), and what (is|are) (their|the) {cols}?"
    "|{names} and {cols} of {np}|" + SHOW + " {names} + {cols} for {np}"
)
EVERYTHING = (
    SHOW + " (all (details|information|columns|data|fields)|everything (we have|)|the (full|complete) (records|rows|details)|every detail"
    "|full details) (of|for|about|on) (the|all|) {np}"
    "|" + SHOW + " (all|the|) {np} with all (their|) (details|columns|data|information|fields)|(Show|Give) me everything (about|on) {np}"
    "|full (records|rows) of {np}|all columns (for|of) {np}"
)


def tail(scope: Scope, chance: float = 0.22) -> tuple[str, str]:
    """A sort order at times: (SQL, words with a leading comma or blank)."""
    if scope.rng.random() >= chance:
        return "", ""
    found = order(scope)
    if found is None:
        return "", ""
    scope.used.extend(found[2])
    return found[0], pick(scope.rng, (" ", ", ", ", ", " ")) + found[1]


def with_tail(question: str, words: str) -> str:
    """The sort order goes before the question mark."""
    if not words:
        return question
    return f"{question[:-1]}{words}?" if question.endswith("?") else question + words


@skeleton("list", "easy", 9)
def listing(guide: Guide, rng: random.Random) -> Draft | None:
    """Names (or numbers) of the rows that pass the filters."""
    scope = entity(guide, rng)
    if scope is None:
        return None
    restrict(scope, 3 if rng.random() < 0.4 else 2, 1 if rng.random() < 0.93 else 0)
    sql_tail, words = tail(scope)
    called = label_words(guide, scope.table, rng)
    found = scope.predicate()
    if found and rng.random() < 0.6:
        verb, mod = found
        wording = WHO_VERB if scope.who == "who" and rng.random() < 0.5 and len(scope.mods) == 1 else LIST_VERB
        question = say(wording, rng, rest=scope.phrase(1, skip=mod), verb=verb, names=called, who=scope.who)
    elif guide.named(scope.table):
        question = say(LIST, rng, np=scope.phrase(), names=called)
    else:
        question = say(COLUMNS, rng, np=scope.phrase(), cols=called)
    if not guide.named(scope.table) and called not in question:
        question += " " + say("(Give me|Show me|List|Show|Give) (the|their) {names}", rng, names=called) if rng.random() < 0.5 else ""
    columns = label_sql(guide, scope.table)
    return draft(scope, with_tail(question, words), scope.sql(columns, sql_tail), "label")


@skeleton("columns", "easy", 8)
def columns(guide: Guide, rng: random.Random) -> Draft | None:
    """Chosen columns of the rows that pass the filters."""
    scope = start(guide, rng)
    if scope is None:
        return None
    pool = [item for item in guide.of_role[scope.table, "real"] if item.role != "key" or item.name in guide.tables[scope.table].label]
    if not pool:
        return None
    chosen = rng.sample(pool, min(len(pool), 1 + int(rng.random() * 3)))
    with_label = rng.random() < 0.55 and (guide.named(scope.table) or len(guide.keys[scope.table]) == 1)
    label = guide.label(scope.table)
    if with_label:
        chosen = [item for item in chosen if item not in label][:2]
        if not chosen:
            return None
    restrict(scope, 2, 1 if rng.random() < 0.8 else 0)
    sql_tail, words = tail(scope)
    text = joined([column_words(item, guide, rng, 1 if rng.random() < 0.5 else 0) for item in chosen], rng)
    wording = WITH if with_label else COLUMNS
    question = say(wording, rng, np=scope.phrase(), cols=text, names=label_words(guide, scope.table, rng))
    fields = [*label, *chosen] if with_label else chosen
    used = tuple(f"{item.table}.{item.name}" for item in chosen)
    return draft(scope, with_tail(question, words), scope.sql(", ".join(item.sql for item in fields), sql_tail), *used)


@skeleton("everything", "easy", 1.3)
def everything(guide: Guide, rng: random.Random) -> Draft | None:
    """Whole rows."""
    scope = start(guide, rng)
    if scope is None:
        return None
    restrict(scope, 2, 1 if rng.random() < 0.8 else 0)
    sql_tail, words = tail(scope, 0.15)
    star = "*" if len(scope.tables) == 1 else f"{scope.table}.*"
    return draft(scope, with_tail(say(EVERYTHING, rng, np=scope.phrase()), words), scope.sql(star, sql_tail), "*")


@skeleton("with_parent", "medium", 4)
def with_parent(guide: Guide, rng: random.Random) -> Draft | None:
    """Rows together with the name of what they belong to."""
    scope = start(guide, rng)
    if scope is None:
        return None
    found = [r for r in guide.ups[scope.table] if all(step.down for step in r.steps) and guide.named(r.one)]
    if not found:
        return None
    relation = pick(rng, found)
    scope.join(reverse(relation))
    own = [item for item in guide.of_role[scope.table, "real"] if item.role not in ("key", "name", "text")]
    label = guide.label(scope.table) if guide.named(scope.table) or (len(guide.keys[scope.table]) == 1 and rng.random() < 0.6) else []
    chosen = rng.sample(own, min(len(own), int(rng.random() * 3)))
    if not label and not chosen:
        return None
    restrict(scope, 1, 0 if rng.random() < 0.4 else 1)
    parent = guide.tables[relation.one].nouns
    noun = pick(rng, parent)[0]
    other = say("(name of (the|their|its) {p}|{p} name|{p}|{p}|{p}'s name|(the|their) {p})", rng, p=noun)
    parts = [label_words(guide, scope.table, rng)] if label else []
    parts += [column_words(item, guide, rng) for item in chosen]
    question = say(
        SHOW + " (the|) {cols} (of|for) (each|all|the|) {np} (together with|along with|with|and) (the"
        "|) {other}|" + SHOW + " (all|the|each|) {np} with (the|their|) {cols} and {other}|{cols} and {other} (of"
        "|for) {np}"
        "|For each (of the|) {np}, (show|give|list) (the|) {cols} and (the|) {other}|" + SHOW + " {cols} and {other} for (all|the|) {np}",
        rng,
        cols=joined(parts, rng),
        np=scope.phrase(),
        other=other,
    )
    sql_tail, words = tail(scope, 0.15)
    fields = [*label, *chosen, *guide.label(relation.one)]
    used = tuple(f"{item.table}.{item.name}" for item in fields)
    return draft(scope, with_tail(question, words), scope.sql(", ".join(item.sql for item in fields), sql_tail), *used)


@skeleton("distinct", "easy", 3.5)
def distinct(guide: Guide, rng: random.Random) -> Draft | None:
    """The different values of a column."""
    scope = start(guide, rng, "category")
    if scope is None:
        return None
    item = pick(rng, guide.of_role[scope.table, "category"])
    restrict(scope, 1)
    cond = (f"{item.sql} IS NOT NULL",) if item.nullable else ()
    one, all_ = column_words(item, guide, rng), column_words(item, guide, rng, 1)
    question = say(
        SHOW + " (all|) (the|) (different|distinct|unique|various) {c} (of|among|for|found among) (the|all"
        "|) {np}|" + WHICH + " (different|distinct|) {c} (do|did) (the|our|) {np} (have|come with|use)?"
        "|"
        + WHICH
        + " {c} (are there|occur|appear|exist) (among|for|in) (the|) {np}?|What are the (different|distinct|possible|unique) {c} (of"
        "|for) (the|) {np}?|(distinct|unique|different) {c} of {np}"
        "|" + WHICH + " {c} (are|were) (represented|present) among (the|our|) {np}?"
        "|" + SHOW + " (each|every) {one} (only|just) once for (the|) {np}|" + SHOW + " the {c} of {np}, (without (duplicates|repeats)"
        "|no duplicates|each (only|) once)",
        rng,
        c=all_,
        one=one,
        np=scope.phrase(),
    )
    ordered = rng.random() < 0.15
    sql = scope.sql(item.sql, f" ORDER BY {item.sql}" if ordered else "", *cond, distinct=True)
    return draft(
        scope,
        with_tail(question, pick(rng, (" in alphabetical order", ", alphabetically", " sorted alphabetically")) if ordered else ""),
        sql,
        f"{item.table}.{item.name}",
    )


def extreme(item: Field, down: bool, rng: random.Random) -> tuple[str, str]:
    """(before the noun, after the noun) of a superlative: ("most expensive", "") or ("", "with the highest price")."""
    words = item.words.most if down else item.words.least
    if words and rng.random() < 0.7:
        word = pick(rng, words)
        return ("", word[1:]) if word.startswith("+") else (word, "")
    name = names(item, rng)
    if item.role in ("date", "time", "year"):
        side = "(latest|most recent|newest|last)" if down else "(earliest|oldest|first)"
        return "", say(f"with the {side} {{name}}", rng, name=name)
    side = "(highest|largest|greatest|biggest|highest|maximum|most|top)" if down else "(lowest|smallest|least|lowest|minimum)"
    return "", say(f"(with|having) the {side} {{name}}", rng, name=name)


def rankable(guide: Guide, table: str) -> list[Field]:
    return [item for item in guide.fields[table] if item.role in ("measure", "date", "time") or (item.role == "year" and item.words.most)]


@skeleton("superlative", "medium", 6)
def superlative(guide: Guide, rng: random.Random) -> Draft | None:
    """The one row at the top or bottom, or the n-th."""
    scope = entity(guide, rng)
    if scope is None or not rankable(guide, scope.table):
        return None
    item = pick(rng, rankable(guide, scope.table))
    down = rng.random() < 0.6
    restrict(scope, 1, 0)
    if any(f"{item.table}.{item.name}" in mod.used for mod in scope.mods):
        return None
    before, after = extreme(item, down, rng)
    rank = 1 if rng.random() < 0.9 else 2 + int(rng.random() * 2)
    if rank > 1:
        before = f"{ORDINALS[rank]} {before}" if before else before
        after = after.replace("the ", f"the {ORDINALS[rank]} ", 1) if after else after
    thing = scope.phrase(0, noun=f"{scope.noun(0)}")
    both = rng.random() < 0.25
    value = names(item, rng)
    label = label_words(guide, scope.table, rng, 0)
    what = say("{b} {t} {a}", rng, b=before, t=thing, a=after)
    if both:
        question = say(
            "{w} {what}, and what is (its|the|their) {v}?|"
            + SHOW
            + " the {what} (and|with|along with) (its|the|their) {v}|What is the {what} and (its|the) {v}?|{what} and {v}|(What is"
            "|Give me|Show) the {n} and {v} of the {what}(?|)"
            "|{w2} the {what}, and (what's|what is) the {v}?",
            rng,
            w="Which is the",
            w2="Who is" if scope.who == "who" else "Which is",
            what=what,
            v=value,
            n=label,
        )
    elif scope.who == "who" and rng.random() < 0.5:
        question = say(
            "Who is the {what}?|Who's (our|the) {what}?|{what}|(name|who) of the {what}|Who (has|had) {a}?|Who is (our|the) {what}?"
            if after.startswith("with") and not thing.strip().count(" ")
            else "Who is the {what}?|Who's our {what}?|Who is the {what}?|name of the {what}",
            rng,
            what=what,
            a=after[5:],
        )
    else:
        question = say(
            "(What|Which) is the {n} of the {what}?|What is the {what}?|Which (is the"
            "|) {what}?|" + SHOW + " the {what}|" + SHOW + " the {n} of the {what}|{what}|the {what}|(Which|What) {t} (is|was) (the"
            "|) {b} {a}?" + ("|Which {t} (has|had|is the one with) {a2}?" if after.startswith("with") else ""),
            rng,
            what=what,
            n=label,
            t=thing,
            b=before,
            a=after,
            a2=after[5:],
        )
    fields = [*guide.label(scope.table), *([item] if both else [])]
    offset = f" OFFSET {rank - 1}" if rank > 1 else ""
    sql = scope.sql(", ".join(x.sql for x in fields), f" ORDER BY {item.sql}{' DESC' if down else ''} LIMIT 1{offset}")
    return draft(scope, question, sql, f"{item.table}.{item.name}", "desc" if down else "asc")


@skeleton("top_n", "medium", 5)
def top_n(guide: Guide, rng: random.Random) -> Draft | None:
    """The first n rows by a measure or date."""
    scope = entity(guide, rng)
    if scope is None or not rankable(guide, scope.table):
        return None
    item = pick(rng, rankable(guide, scope.table))
    down = rng.random() < 0.65
    restrict(scope, 1, 0)
    n = 2 + int(rng.random() * 9) if rng.random() < 0.85 else pick(rng, (15, 20, 25, 50))
    text = count_words(n, rng)
    before, after = extreme(item, down, rng)
    value = names(item, rng)
    both = rng.random() < 0.4
    what = say("{n} {b} {t} {a}", rng, n=text, b=before, t=scope.phrase(), a=after)
    top = "top" if down else "bottom"
    short = say(
        "(top|" + top + ") {n} {t} by {v}|" + top + " {n} {t} (by|in terms of|on|according to) {v}" if down else top + " {n} {t} by {v}",
        rng,
        n=text,
        t=scope.phrase(),
        v=value,
    )
    label = label_words(guide, scope.table, rng)
    core = what if rng.random() < 0.65 else short
    if both and rng.random() < 0.35:
        question = valued(
            say("(What|Which) are the {core}?|" + SHOW + " the {core}|{core}", rng, core=core), f"with {value}", label, value, rng
        )
    elif both:
        question = say(
            SHOW + " the {core} (with|and|along with|together with) (their|the) {v}|(What|Which) are the {core}, (and"
            "|with) their {v}?|" + SHOW + " the {l} and {v} of the {core}|{core} with {v}|{l} and {v} of the {core}",
            rng,
            core=core,
            v=many(value),
            l=label,
        )
    else:
        question = say(
            "(What|Which) are the {core}?|"
            + SHOW
            + " the {core}|"
            + SHOW
            + " the {l} of the {core}|{core}|(Who|Which) are (our|the) {core}?|the {core}|{l} of the {core}",
            rng,
            core=core,
            l=label,
        )
    fields = [*guide.label(scope.table), *([item] if both else [])]
    tie, tie_words = tie_break(label_sql(guide, scope.table), "name", rng) if guide.named(scope.table) else ("", "")
    question = append(question if both else only_named(question, label, rng), tie_words)
    sql = scope.sql(", ".join(x.sql for x in fields), f" ORDER BY {item.sql}{' DESC' if down else ''}{tie} LIMIT {n}")
    return draft(scope, question, sql, f"{item.table}.{item.name}", "desc" if down else "asc")
