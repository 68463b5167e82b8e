"""Questions with one number (or a few) as the answer: counts, sums, averages, shares, differences."""

import random

from nl2sql_arena.training.generator.aggregates import AGGREGATES, Aggregate, aggregate, append, rounded
from nl2sql_arena.training.generator.filters import names
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope
from nl2sql_arena.training.generator.skeletons import ASK, SHOW, Draft, column_words, draft, skeleton, start
from nl2sql_arena.training.generator.templates import participle, pick, say
from nl2sql_arena.training.generator.world import Guide

COUNT = (
    "How many {np} (are there|do we have|exist|are in the (database|system)|have we got|are on record|are there in total|)?|(Count"
    "|Count up) (all|the|all the|) {np}|(What is|What's|Give me|Tell me|Show (me|)|I need) the (total |overall |)(number"
    "|count) of {np}"
    "|(total|) number of {np}|{np} count|count of {np}|how many {np}|(Can you tell me|Do you know|I'd like to know|Could you tell me"
    "|Tell me|I want to know|Find out) how many {np} (there are|we have|exist)|# of {np}"
    "|How many {np} in (total|all)?|How many {np} are there?|How many {np} do we have?"
)
COUNT_VERB = (
    "How many {rest} {verb}?|How many {rest} (in total|altogether|) {verb}?|How many of (the|our) {rest} {verb}?|(Count|Number of"
    "|count of) {rest} {who} {verb}|(Can you tell me|I'd like to know|Tell me|Could you check) how many {rest} {verb}"
    "|how many {rest} {verb}|What (is|'s) the number of {rest} {who} {verb}?"
)
COUNT_WHO = "How many (people|persons|) {verb}?|How many {rest} {verb}?"


def count_question(scope: Scope) -> str:
    rng = scope.rng
    found = scope.predicate()
    if found and rng.random() < 0.6:
        verb, mod = found
        wording = COUNT_WHO if scope.who == "who" and rng.random() < 0.15 and len(scope.mods) == 1 else COUNT_VERB
        return say(wording, rng, rest=scope.phrase(1, skip=mod), verb=verb, who=scope.who)
    return say(COUNT, rng, np=scope.phrase())


@skeleton("count", "easy", 9)
def count(guide: Guide, rng: random.Random) -> Draft | None:
    """How many rows pass the filters."""
    scope = start(guide, rng)
    if scope is None:
        return None
    restrict(scope, 3, 1 if rng.random() < 0.92 else 0)
    return draft(scope, count_question(scope), scope.sql("COUNT(*)"), "count")


@skeleton("aggregate", "easy", 6)
def one_number(guide: Guide, rng: random.Random) -> Draft | None:
    """One aggregate of a measure, or two, or several."""
    scope = start(guide, rng, "measure")
    if scope is None:
        return None
    first = aggregate(scope)
    if first is None or first.item is None:
        return None
    restrict(scope, 2, 1 if rng.random() < 0.75 else 0)
    if any(first.used.split(":")[1] in mod.used for mod in scope.mods):
        return None
    chance = rng.random()
    if chance < 0.14:
        others = pick(rng, (("MIN", "MAX"), ("MIN", "MAX"), ("AVG", "MAX"), ("MIN", "AVG", "MAX"), ("AVG", "MEDIAN"), ("MAX", "MIN")))
        sql = ", ".join(f"{name}({first.item.sql})" for name in others)
        parts = [say(AGGREGATES[name], rng) for name in others]
        listed = ", ".join(parts[:-1]) + " and " + parts[-1]
        question = say(
            ASK + " {l} {n} of {np}(?|)|(What are|Give me|Show) the {l} {n} of (all|the|) {np}(?|)|{l} {n} of {np}",
            rng,
            l=listed,
            n=names(first.item, rng),
            np=scope.phrase(),
        )
        return draft(scope, question, scope.sql(sql), *(f"{name}:{first.item.name}" for name in others))
    if chance < 0.2:
        sql = f"COUNT(*), {first.sql}"
        question = say(
            "How many {np} (are there|do we have), and what is (the"
            "|their) {w}?|" + SHOW + " the number of {np} and (the|their) {w}|number of {np} and "
            "{w}|count and {w} of {np}",
            rng,
            np=scope.phrase(),
            w=first.words,
        )
        return draft(scope, question, scope.sql(sql), "count", first.used)
    sql, words = rounded(first.sql, rng)
    return draft(scope, append(number_question(scope, first), words), scope.sql(sql), first.used)


def number_question(scope: Scope, first: Aggregate) -> str:
    """The question for one aggregate over the scope."""
    rng, item = scope.rng, first.item
    assert item is not None
    if first.function == "AVG" and item.words.verbs and "{n}" not in item.words.verbs[0] and rng.random() < 0.35:
        verb = pick(rng, item.words.verbs)
        return say(
            "(What|How much) do {np} {v} on average?|On average, (how much|what) do {np} {v}?|How much does (a|an|the) (typical"
            "|average) {one} {v}?|How much do {np} {v} (typically|on average)?",
            rng,
            np=scope.phrase(),
            one=scope.phrase(0),
            v=verb,
        ).replace("How much do", "How long do" if verb in ("last", "take", "run", "took", "lasted") else "How much do")
    if first.function == "SUM" and rng.random() < 0.3:
        total = pick(rng, item.words.totals)
        return say(
            "(What|How much) {w} (did|do) (the|) {np} (have|amount to)?|How much is the {w} of {np}?|{w} {np}|{w}: {np}|How (big|high"
            "|large) (is|was) the {w} (of|for|from) {np}?",
            rng,
            w=total,
            np=scope.phrase(),
        )
    if first.function == "AVG" and rng.random() < 0.15:
        return say(
            "How (high|big|large) is the {w} of {np}?|On average, what is the {n} of {np}?|What {n} do {np} have on average?"
            "|{n} of {np} on average",
            rng,
            w=first.words,
            n=names(item, rng),
            np=scope.phrase(),
        )
    return say(
        ASK
        + " {w} (of|for|across|over|among) (all|the|all the|) {np}(?|)|"
        + ASK
        + " {w} of {np}(?|)|{w} of {np}|{w} for {np}|{w}, {np}|What {w} do (the|) {np} have?|For {np}, what is the {w}?|{np}: {w}",
        rng,
        w=first.words,
        np=scope.phrase(),
    )


@skeleton("count_distinct", "medium", 3)
def count_distinct(guide: Guide, rng: random.Random) -> Draft | None:
    """How many different values of a column, or different parents, occur."""
    scope = start(guide, rng)
    if scope is None:
        return None
    if rng.random() < 0.5:
        return distinct_parents(guide, rng, scope)
    pool = guide.of_role[scope.table, "category"]
    if not pool:
        return None
    item = pick(rng, pool)
    restrict(scope, 1)
    question = say(
        "How many (different|distinct|unique) {c} (are there|do we have|occur|exist) (among|for|in|across) (the|our|) {np}?|(number"
        "|count) of (distinct|different|unique) {c} (of|among|for) {np}|(From|In) how many (different|distinct|) {c} (do|are) (the"
        "|our) {np} (come|)?"
        "|How many (different|distinct) {c} do (the|our|) {np} (have|cover|come from)?|(Count|Give me the number of) (the"
        "|) (different|distinct|unique) {c} of {np}|How many {c} are represented (among|by) (the|our|) {np}?"
        "|How many {c} do we have {np} in?",
        rng,
        c=column_words(item, guide, rng, 1),
        np=scope.phrase(),
    )
    return draft(scope, question, scope.sql(f"COUNT(DISTINCT {item.sql})"), f"distinct:{item.table}.{item.name}")


def distinct_parents(guide: Guide, rng: random.Random, scope: Scope) -> Draft | None:
    """How many different customers placed the filtered orders."""
    found = [r for r in guide.ups[scope.table] if len(r.steps) == 1 and r.does]
    if not found:
        return None
    relation = pick(rng, found)
    restrict(scope, 2, 1, 0.0)
    if not scope.mods:
        return None
    past, _ = pick(rng, relation.does)
    one = pick(rng, guide.tables[relation.one].nouns)[1]
    question = say(
        "How many (different|distinct|unique|) {one} {past} {np}?|How many (different|distinct|unique) {one} have {done} {np}?"
        "|(number|count) of (distinct|different|unique) {one} (who|with|that) {past} {np}|(Count|Give me the number of) (the"
        "|) (different|distinct|unique) {one} (of|behind|with) {np}",
        rng,
        one=one,
        past=past,
        done=participle(past),
        np=scope.phrase(),
    )
    if relation.one in scope.tables:
        return None
    step = relation.steps[0]
    return draft(scope, question, scope.sql(f"COUNT(DISTINCT \x01{step.child}.{step.column})"), f"distinct:{step.column}")


@skeleton("first_last", "easy", 2)
def first_last(guide: Guide, rng: random.Random) -> Draft | None:
    """The first or last date."""
    scope = start(guide, rng, "moment")
    if scope is None:
        return None
    item = pick(rng, guide.of_role[scope.table, "moment"])
    restrict(scope, 1)
    if any(f"{item.table}.{item.name}" in mod.used for mod in scope.mods):
        return None
    down = rng.random() < 0.5
    done = [word for word in item.words.where if word.endswith(" {w}") and not word.startswith(("{", "from", "on", "in", "with", "due"))]
    verb = pick(rng, done)[:-4] if done and rng.random() < 0.75 else ""
    side = pick(rng, ("last", "latest", "most recent", "newest") if down else ("first", "earliest", "very first", "oldest"))
    if verb:
        verb = verb[1:] if verb.startswith("+") else "was " + verb
        aux, rest = ("was", verb.split(" ", 1)[1]) if verb.startswith(("was ", "were ")) else ("", verb)
        question = (
            say(
                "When was the {s} {t} {r}?|(What is|What's|Tell me|Give me|Show) the date (on which|when) the {s} {t} was {r}(?|)"
                "|When was the {s} of the {ts} {r}?|On (what|which) (day"
                "|date) was the {s} {t} {r}?",
                rng,
                s=side,
                t=scope.phrase(0),
                ts=scope.phrase(),
                r=rest,
            )
            if aux
            else say("When did the {s} {t} (who|that) {r}?|Date the {s} {t} {r}", rng, s=side, t=scope.phrase(0), r=rest).replace(
                "When did the", "When was the date the"
            )
            if rng.random() < 0.1
            else say(
                "(What is|When was|Tell me|Give me|Find) the {s} {n} (of|among|for) (all|the|) {ts}?",
                rng,
                s=side,
                n=names(item, rng),
                ts=scope.phrase(),
            )
        )
    else:
        question = say(
            "(What is|When was|Tell me|Give me|What's|Find) the {s} {n} (of|among|for) (all|the|) {ts}(?|)|{s} {n} of {ts}",
            rng,
            s=side,
            n=names(item, rng),
            ts=scope.phrase(),
        )
    if rng.random() < 0.15:
        question = say(
            "(What are|Give me|Show) the (first and last|earliest and latest) {n} of {ts}(?|)|From when to when do the {ts} (go"
            "|range) (by {n}|in terms of {n})?|{n} range of {ts}",
            rng,
            n=names(item, rng),
            ts=scope.phrase(),
        )
        return draft(scope, question, scope.sql(f"MIN({item.sql}), MAX({item.sql})"), f"minmax:{item.name}")
    return draft(
        scope, question, scope.sql(f"{'MAX' if down else 'MIN'}({item.sql})"), f"{'max' if down else 'min'}:{item.table}.{item.name}"
    )


@skeleton("per_parent_average", "extra", 2.5)
def per_parent_average(guide: Guide, rng: random.Random) -> Draft | None:
    """An average, minimum or maximum of counts or sums per group."""
    found = [r for r in guide.lexicon.relations if len(r.steps) == 1]
    if not found:
        return None
    relation = pick(rng, found)
    scope = Scope(guide, rng, relation.many)
    restrict(scope, 1, 0, 0.0)
    step = relation.steps[0]
    function = pick(rng, ("AVG", "AVG", "AVG", "MAX", "MIN"))
    one = pick(rng, relation.called or guide.tables[relation.one].nouns)[0]
    made = aggregate(scope, "SUM") if rng.random() < 0.3 else None
    inner = made.sql if made else "COUNT(*)"
    what = f"number of {scope.phrase()}"
    if made:
        what = f"{made.words} of {scope.phrase()}" if scope.mods else made.words
    side = {"AVG": "average", "MAX": pick(rng, ("highest", "largest", "maximum")), "MIN": pick(rng, ("lowest", "smallest", "minimum"))}[
        function
    ]
    past, base = pick(rng, relation.does) if relation.does else ("had", "have")
    if made is None and function == "AVG" and rng.random() < 0.5:
        question = say(
            "How many {np} (does|did) (a|an|each|the average|a typical) {one} {b} on average?|On average, how many {np} (does"
            "|did) (each|a|one) {one} {b}?|How many {np} per {one} (are there|do we have|) on average?|average {np} per {one}",
            rng,
            np=scope.phrase(),
            one=one,
            b=base,
        )
    elif made is None and function == "MAX" and rng.random() < 0.4:
        question = say(
            "What is the (most|highest number of|largest number of) {np} (any|a single|one) {one} (has|) {p}?|(maximum"
            "|most) {np} by a single {one}",
            rng,
            np=scope.phrase(),
            one=one,
            p=past,
        )
    else:
        question = say(
            ASK + " {s} {w} per {one}(?|)|" + ASK + " {s} {w} (for|of) (a|one|a single) {one}|{s} {w} per {one}",
            rng,
            s=side,
            w=what,
            one=one,
        )
    nullable = guide.by_name[step.child, step.column].nullable
    inside = scope.sql(
        f"{inner} AS n",
        f" GROUP BY {step.column}" if len(scope.tables) == 1 else f" GROUP BY {step.child}.{step.column}",
        *((f"\x01{step.child}.{step.column} IS NOT NULL",) if nullable else ()),
    )
    return draft(scope, question, f"SELECT {function}(n) FROM ({inside})", step.column, f"{function}:{inner[:3]}")


@skeleton("spread", "medium", 0.8)
def spread(guide: Guide, rng: random.Random) -> Draft | None:
    """The gap between the largest and the smallest value."""
    scope = start(guide, rng, "measure")
    if scope is None:
        return None
    item = pick(rng, guide.of_role[scope.table, "measure"])
    restrict(scope, 1)
    most = item.words.most[0] if item.words.most and not item.words.most[0].startswith("+") else "highest"
    least = item.words.least[0] if item.words.least and not item.words.least[0].startswith("+") else "lowest"
    question = say(
        ASK + " (difference|gap) (in {n}|) between the {a} and (the|) {b} {t}(?"
        "|)|" + ASK + " (difference|gap) between the (highest|largest) and (lowest"
        "|smallest) {n} of {np}(?|)|" + ASK + " (range|spread) of {n} (of|among|for) {np}",
        rng,
        a=most,
        b=least,
        n=names(item, rng),
        t=scope.phrase(0),
        np=scope.phrase(),
    )
    return draft(scope, question, scope.sql(f"MAX({item.sql}) - MIN({item.sql})"), f"spread:{item.name}")
