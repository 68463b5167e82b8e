"""Sums spoken of by verbs or alone, shares and differences."""

import random

from nl2sql_arena.schema import literal
from nl2sql_arena.training.generator.aggregates import aggregate, append, is_money, rounded, time_of
from nl2sql_arena.training.generator.filters import any_filter, names, on_label, text_value, value_words
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope, reverse
from nl2sql_arena.training.generator.skeletons import ASK, Draft, draft, skeleton, start
from nl2sql_arena.training.generator.templates import participle, pick, say
from nl2sql_arena.training.generator.world import Field, Guide


@skeleton("sum_by_verb", "medium", 3)
def sum_by_verb(guide: Guide, rng: random.Random) -> Draft | None:
    """How much somebody spent, earned, borrowed ..., over named or filtered subjects."""
    found = [(r, name) for r in guide.lexicon.relations for name in r.sums]
    if not found:
        return None
    relation, name = pick(rng, found)
    item = guide.by_name[relation.many, name]
    scope = Scope(guide, rng, relation.many)
    inner = Scope(guide, rng, relation.one)
    mod = on_label(inner, relation.one) if rng.random() < 0.55 else None
    named = mod is not None
    mod = mod or any_filter(inner, relation.one)
    if mod is None:
        return None
    inner.add(mod)
    scope.join(reverse(relation))
    who = mod.adjective if named else inner.phrase()
    past, base = pick(rng, relation.sums[name])
    when = time_of(scope)
    scope.mods.insert(0, mod)
    scope.used.extend(mod.used)
    function = "SUM" if rng.random() < 0.85 else "AVG"
    if function == "SUM":
        question = say(
            "How much (did|have) {x} {b} {w}?|How much (money|) (did) {x} {b} (in total|altogether|overall|) {w}?|(total|) {t} (of"
            "|for) {x} {w}|What (did) {x} {b} (in total|altogether"
            "|in all) {w}?|" + ASK + " {t} (of|for|from) {x} {w}|What is the total amount {x} {p} "
            "{w}?",
            rng,
            x=who,
            b=base,
            p=past,
            t=pick(rng, item.words.totals or item.words.names),
            w=when,
        ).replace(f"have {who} {base}", f"have {who} {participle(past)}")
    else:
        question = say(
            ASK + " average {n} (of|for|from) {x} {w}|How much (did) {x} {b} on average {w}?",
            rng,
            x=who,
            b=base,
            n=names(item, rng),
            w=when,
        )
    sql, words = rounded(f"{function}({item.sql})", rng)
    return draft(scope, append(question, words), scope.sql(sql), f"{function}:{name}")


@skeleton("total_when", "medium", 2.5)
def total_when(guide: Guide, rng: random.Random) -> Draft | None:
    """A total spoken of without its rows: "revenue in March 2024"."""
    scope = start(guide, rng, "sum")
    if scope is None:
        return None
    item = pick(rng, guide.of_role[scope.table, "sum"])
    function = "SUM" if rng.random() < 0.8 else "AVG"
    when = time_of(scope, 0.85)
    if not when and scope.steps:
        return None
    before = len(scope.mods)
    if rng.random() < 0.45:
        restrict(scope, 1, 1, 0.9)
    extra = " ".join(mod.post for mod in scope.mods[before:])
    if not when and not extra:
        return None
    total = pick(rng, item.words.totals) if function == "SUM" else f"average {names(item, rng)}"
    question = say(
        ASK + " {t} {e} {w}(?|)|{t} {e} {w}|{t} {w} {e}|How (high|big|large) was (the|our) {t} {e} {w}?|(our|) {t} {w} {e}|What (was"
        "|is) our {t} {e} {w}?" + ("|How much {t} (was there|did we (make|have)|came in) {e} {w}?" if is_money(item) else ""),
        rng,
        t=total,
        e=extra,
        w=when,
    )
    sql, words = rounded(f"{function}({item.sql})", rng)
    return draft(scope, append(question, words), scope.sql(sql), f"{function}:{item.table}.{item.name}")


@skeleton("share", "hard", 5)
def share(guide: Guide, rng: random.Random) -> Draft | None:
    """The percentage of the rows that pass one more filter."""
    scope = start(guide, rng)
    if scope is None:
        return None
    restrict(scope, 1, 0, 0.2)
    part = Scope(guide, rng, scope.table)
    mod = any_filter(part, scope.table)
    if mod is None or "average" in mod.used or any(set(mod.used) & set(x.used) for x in scope.mods):
        return None
    verb = mod.verb or f"are {mod.post}"
    thing = scope.phrase()
    adjective = mod.adjective
    fraction = rng.random() < 0.12
    if fraction:
        question = say(
            "What (fraction|proportion) of (all|the|) {np} {v}, (as a (number between 0 and 1|decimal)|between 0 and 1)?",
            rng,
            np=thing,
            v=verb,
        )
        sql = f"1.0 * COUNT(*) FILTER (WHERE {mod.sql}) / COUNT(*)"
    elif adjective and rng.random() < 0.5:
        question = say(
            "What (percentage|share|percent|proportion) of (all|the|our|) {np} (is|are|was|were) {a}?|(percentage|share) of {a} {np}"
            "|How many percent of (the|all|) {np} (are|were) {a}?|What's the (percentage|share|rate) of {a} {np}?",
            rng,
            np=thing,
            a=adjective,
        )
        sql = f"100.0 * COUNT(*) FILTER (WHERE {mod.sql}) / COUNT(*)"
    else:
        question = say(
            "What (percentage|share|percent|proportion) of (all|the|our|) {np} {v}?|(percentage|share|% | pct) of {np} {w} {v}"
            "|How many percent of (the|all|our|) {np} {v}?|(Calculate|Give me|Show|Tell me|What is|I need) the (percentage|share"
            "|proportion) of {np} {w} {v}|In percent, how many (of the|) {np} {v}?|What % of {np} {v}?|What share of (all|the"
            "|our) {np} {v} (in percent|in %|as a percentage)?",
            rng,
            np=thing,
            v=verb,
            w=scope.who,
        )
        sql = f"100.0 * COUNT(*) FILTER (WHERE {mod.sql}) / COUNT(*)"
    sql, words = rounded(sql, rng, 0.3)
    scope.used.extend(mod.used)
    return draft(scope, append(question, words), scope.sql(sql), "share")


@skeleton("two_counts", "hard", 2.5)
def two_counts(guide: Guide, rng: random.Random) -> Draft | None:
    """Two conditional counts or averages side by side, or their difference."""
    scope = start(guide, rng, "category")
    if scope is None:
        return None
    item = pick(rng, guide.of_role[scope.table, "category"])
    first, second = text_value(guide, item, rng), text_value(guide, item, rng)
    if first == second:
        return None
    restrict(scope, 1, 0, 0.2)
    if any(f"{item.table}.{item.name}" in mod.used for mod in scope.mods):
        return None
    a, b = worded_value(scope, item, first), worded_value(scope, item, second)
    filters = (f"{item.sql} = {literal(first)}", f"{item.sql} = {literal(second)}")
    thing = scope.phrase()
    made = aggregate(scope, "AVG") if rng.random() < 0.4 else None
    if made and made.item:
        parts = [f"{made.sql} FILTER (WHERE {text})" for text in filters]
        if rng.random() < 0.5:
            question = say(
                "(What is|What's|Calculate|Give me) the difference (between|in) the {w} of {np} (between|for|with|of) {a} and {b}(?|)"
                "|How much (higher|bigger|larger) is the {w} of {np} (for|with) {a} than (for|with) {b}?"
                "|difference in {w} between {a} and {b} {np}",
                rng,
                w=made.words,
                np=thing,
                a=a,
                b=b,
            )
            return draft(scope, question, scope.sql(" - ".join(parts)), f"{item.name}:difference", made.used)
        question = say(
            "(Compare|Show|Give me) the {w} of {np} (for|with) {a} and (for|with) {b} (side by side|in two columns|)"
            "|{w} of {np}: {a} vs {b}",
            rng,
            w=made.words,
            np=thing,
            a=a,
            b=b,
        )
        return draft(scope, question, scope.sql(", ".join(parts)), f"{item.name}:both", made.used)
    parts = [f"COUNT(*) FILTER (WHERE {text})" for text in filters]
    if rng.random() < 0.25:
        question = say(
            "How many more {np} (with|for|are|have) {a} than {b} (are there|do we have|)?|(What is"
            "|What's) the difference between the number of {a} and {b} {np}?",
            rng,
            np=thing,
            a=a,
            b=b,
        )
        return draft(scope, question, scope.sql(" - ".join(parts)), f"{item.name}:difference")
    question = say(
        "How many {np} (are|have|with|were) {a} and how many (are|have|with|were|) {b}?|(Show|Give me"
        "|Count) the number of {a} and (of|) {b} {np} (side by side|in two columns|)|{np}: how many {a}, how many {b}?"
        "|number of {a} vs {b} {np}|(Compare|Show) how many {np} are {a} and how many {b}, (in one row|side by side)",
        rng,
        np=thing,
        a=a,
        b=b,
    )
    return draft(scope, question, scope.sql(", ".join(parts)), f"{item.name}:both")


def worded_value(scope: Scope, item: Field, value: str) -> str:
    found = item.words.adjectives.get(value)
    return pick(scope.rng, found) if found and scope.rng.random() < 0.6 else value_words(item, value, scope.rng)
