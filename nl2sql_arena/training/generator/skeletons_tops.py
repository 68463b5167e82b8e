"""The group at the top, or the first n: by count, by sum, by verb."""

import random

from nl2sql_arena.training.generator.aggregates import append, is_money, only_named, tie_break, time_of, valued
from nl2sql_arena.training.generator.amounts import count_words
from nl2sql_arena.training.generator.filters import names
from nl2sql_arena.training.generator.groups import any_measure, by_parent, sum_of
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope, key_of, reverse
from nl2sql_arena.training.generator.skeletons import SHOW, Draft, draft, label_sql, skeleton, start
from nl2sql_arena.training.generator.skeletons_groups import order_tail, ready
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Guide

TOP = (
    "(Which|What) {g} (has|had|has got) {m}?|(Which|What) is the {g} with {m}?|"
    + SHOW
    + " the {g} (with|that has|having) {m}|{g} with {m}|In (which|what) {g} (are there|do we have|were there) {m}?|What {g} has {m}?"
    "|the {g} with {m}|Find the {g} with {m}|Which {g} comes out on top for {m}?"
)


TOP_BOTH = (
    "(Which|What) {g} (has|had) {m}, and (how many|what is it|how much is it)?|"
    + SHOW
    + " the {g} with {m} (and|together with|along with) (the|that) (number|figure|value)|(Which|What) {g} has {m} and what is the {w}?|"
    + SHOW
    + " the {g} with {m} and the {w}"
)


BEST = (
    "(Which|What|Who) are the {n} {gs} with {m}?|"
    + SHOW
    + " the {n} {gs} with {m}|(top|Top|the top) {n} {gs} by {w}|{n} {gs} with {m}|Which {n} {gs} (have|had) {m}?|"
    + SHOW
    + " the {side} {n} {gs} (by|in terms of|ranked by) {w}"
)


BEST_BOTH = (
    "(Which|What) are the {n} {gs} with {m}, and (how many|what are the numbers|what are the figures)?|"
    + SHOW
    + " the {n} {gs} with {m} (and|together with|along with) (the|their) {w}|(top|Top) {n} {gs} by {w}, with the {w}|(top"
    "|Top) {n} {gs} with their {w}|" + SHOW + " the {side} {n} {gs} by {w} and their {w}"
)


@skeleton("group_top", "hard", 6)
def group_top(guide: Guide, rng: random.Random) -> Draft | None:
    """The group (or the n groups) with the most or the least."""
    found = ready(guide, rng)
    if found is None:
        return None
    scope, by = found
    measure = any_measure(scope, by)
    down = rng.random() < 0.8
    n = 1 if rng.random() < 0.6 else 2 + int(rng.random() * 9)
    both = rng.random() < (0.25 if n == 1 else 0.4)
    listed = both and rng.random() < 0.4
    spoken = both and not listed
    wording = (TOP_BOTH if spoken else TOP) if n == 1 else (BEST_BOTH if spoken else BEST)
    if n > 1 and not down:
        wording = wording.replace("(top|Top|the top) {n} {gs} by {w}|", "").replace(
            "(top|Top) {n} {gs} by {w}, with the {w}|(top|Top) {n} {gs} with their {w}|", ""
        )
    side = measure.most if down else measure.least
    if measure.count and n == 1 and rng.random() < 0.15 and by.used.startswith(scope.table) and not by.time and down:
        question = say(
            "(Which|What) is the most (common|frequent|popular) {g} (among|of|for) (the|our|) {t}?|most (common|frequent) {g} of {t}"
            "|What {g} is (the |)most common among {t}?|Which {g} (occurs|appears) most often (among|in) the {t}?",
            rng,
            g=by.one,
            t=scope.phrase(),
        )
        both = False
    else:
        question = say(
            wording,
            rng,
            g=by.one,
            gs=by.all,
            m=side,
            w=measure.words,
            n=count_words(n, rng),
            side="top" if down else "bottom",
        )
    named = by.one if by.relation is None else "name"
    if listed and both:
        question = valued(question, f"with the {measure.words}", named, "number" if measure.count else measure.words, rng)
    elif not both and n > 1:
        question = only_named(question, f"{named}s", rng)
    tie, tie_words = tie_break(by.show, named, rng) if n > 1 else ("", "")
    enough, enough_words = at_least_rows(scope, measure.count)
    columns = f"{by.show}, {measure.sql}" if both else by.show
    extra = (f"{by.nullable} IS NOT NULL",) if by.nullable else ()
    tail = f" GROUP BY {by.by}{enough} ORDER BY {measure.sql}{' DESC' if down else ''}{tie} LIMIT {n}"
    return draft(
        scope,
        append(append(question, enough_words), tie_words),
        scope.sql(columns, tail, *extra),
        by.used,
        measure.used,
        "top" if n > 1 else "best",
    )


def at_least_rows(scope: Scope, count: bool) -> tuple[str, str]:
    """(SQL, words) of a smallest number of rows for a group to count, now and then."""
    rng = scope.rng
    if count or rng.random() > 0.12:
        return "", ""
    n = pick(rng, (2, 3, 5, 5, 10, 10, 20, 50))
    words = say(
        "(with|having) at least {n} {t}|, (counting|considering) only those with at least {n} {t}|, if (it has"
        "|there are) at least {n} {t}|, (only|just) those with {n} or more {t}",
        rng,
        n=count_words(n, rng),
        t=scope.phrase(),
    )
    return f" HAVING COUNT(*) >= {n}", words


ACTIVE = (
    "(Which|What) {g} {p} the most {t}?|Who {p} the most {t}?|"
    + SHOW
    + " the {g} (who|that) {p} the most {t}|{g} (who|that) {p} most {t}|(Which|What) {g} {p} the (largest|highest"
    "|greatest) number of {t}?|Who {p} most {t}?|Which of our {gs} {p} the most {t}?"
)


@skeleton("active_top", "hard", 4)
def active_top(guide: Guide, rng: random.Random) -> Draft | None:
    """Who did something most often, or spent most: verbs of the relation."""
    found = [
        r
        for r in guide.lexicon.relations
        if r.does and all(step.down for step in r.steps) and (guide.named(r.one) or len(guide.keys[r.one]) == 1)
    ]
    if not found:
        return None
    relation = pick(rng, found)
    scope = Scope(guide, rng, relation.many)
    restrict(scope, 1, 0, 0.1)
    back = reverse(relation)
    if not scope.can_join(back) or any("average" in mod.used for mod in scope.mods):
        return None
    scope.join(back)
    nouns = relation.called or guide.tables[relation.one].nouns
    one, all_ = nouns[int(rng.random() * len(nouns))]
    who = guide.tables[relation.one].who
    keys = key_of(guide, relation.one)
    label = label_sql(guide, relation.one)
    by = ", ".join(dict.fromkeys([*keys, *label.split(", ")]))
    n = 1 if rng.random() < 0.65 else 2 + int(rng.random() * 9)
    both = rng.random() < 0.3
    number = count_words(n, rng)
    if relation.sums and rng.random() < 0.6:
        name = pick(rng, tuple(relation.sums))
        measure = sum_of(relation, name, scope).sql
        past, _ = pick(rng, relation.sums[name])
        item = guide.by_name[relation.many, name]
        total = pick(rng, item.words.totals)
        plain_only = not scope.mods
        on = "" if plain_only else f" on {scope.phrase()}"
        if n == 1:
            question = say(
                "(Which|What) {g} {p} the most (money|) {on}?|Who {p} (the|) most {on}?|"
                + SHOW
                + " the {g} {w} {p} (the|) most {on}|{g} with the (highest|largest|biggest) {t} {on}|(Which|What) {g} has the (highest"
                "|largest|biggest) {t} {on}?|(Who|Which {g}) {p} the most {on}?",
                rng,
                g=one,
                p=past,
                on=on,
                w=who,
                t=total,
            )
        else:
            question = say(
                "(Which|What) (are the|) {n} {g} {p} the most {on}?|Who are the {n} {g} {w} {p} (the|) most {on}?|(top"
                "|Top) {n} {g} by {t} {on}|"
                + SHOW
                + " the {n} {g} {w} {p} (the|) most {on}|(Our|The) top {n} {g} (in terms of|by) {t} {on}",
                rng,
                g=all_,
                p=past,
                on=on,
                n=number,
                w=who,
                t=total,
            )
        ask = (
            say("with (the amount|the total|their totals|how much)", rng)
            if n > 1
            else say(", and how much(| was it|?)", rng).replace("?", "")
        )
        if both:
            question = valued(question, ask, "name", "total" if rng.random() < 0.5 else total, rng)
    else:
        measure = "COUNT(*)"
        past, _ = pick(rng, relation.does)
        things = scope.phrase(1, pick(rng, relation.count)[1] if relation.count and rng.random() < 0.4 else "")
        if n == 1:
            question = say(
                ACTIVE if who == "who" else ACTIVE.replace("Who {p} the most {t}?|", "").replace("Who {p} most {t}?|", ""),
                rng,
                g=one,
                gs=all_,
                p=past,
                t=things,
            )
        else:
            question = say(
                "(Which|What) {n} {g} {p} the most {t}?|"
                + SHOW
                + " the {n} {g} {w} {p} the most {t}|(top|Top) {n} {g} by number of {t}|{n} {g} with the most {t}",
                rng,
                g=all_,
                p=past,
                t=things,
                n=number,
                w=who,
            )
        if both:
            ask = say(", and how many|, with the number(|s)", rng) if n > 1 else say(", and how many( was it| did they have|)", rng)
            question = valued(question, ask, "name", say("number|count|number of {t}", rng, t=things), rng)
    columns = f"{label}, {measure}" if both else label
    sql = scope.sql(columns, f" GROUP BY {by} ORDER BY {measure} DESC LIMIT {n}")
    return draft(scope, question, sql, f"{relation.one}.label", measure, "both" if both else "")


@skeleton("sum_per", "hard", 3)
def sum_per(guide: Guide, rng: random.Random) -> Draft | None:
    """A total per group within a period: "revenue per category in 2023"."""
    scope = start(guide, rng, "sum")
    if scope is None:
        return None
    item = pick(rng, guide.of_role[scope.table, "sum"])
    when = time_of(scope, 0.5)
    by = by_parent(scope, rng.random() < 0.75)
    if by is None:
        return None
    function = "SUM" if rng.random() < 0.8 else "AVG"
    total = pick(rng, item.words.totals) if function == "SUM" else f"average {names(item, rng)}"
    sql = f"{function}({item.sql})"
    chance = rng.random()
    if chance < 0.6:
        question = say(
            "(What is|What was|Show (me|)|Give me|List|I need) the {m} (per|by|for each|of each|in each) {g} {w}(?|)|{m} (per|by) {g} {w}|"
            + ("How much {m} did each {g} (make|bring in|generate|have) {w}?|" if is_money(item) else "")
            + "For each {g}, (what is|show) the {m} {w}(?|)|"
            + SHOW
            + " {gs} (with|and) (their|the) {m} {w}",
            rng,
            m=total,
            g=by.one,
            gs=by.all,
            w=when,
        )
        order, words = order_tail(by, sql, rng, 0.3)
        return draft(
            scope, append(question, words), scope.sql(f"{by.show}, {sql}", f" GROUP BY {by.by}{order}"), by.used, f"{function}:{item.name}"
        )
    n = 1 if rng.random() < 0.55 else 2 + int(rng.random() * 9)
    both = rng.random() < 0.35
    if n == 1:
        question = say(
            "(Which|What) {g} (has|had|made|brought in|generated) the (highest|most|largest|biggest) {m} {w}?|{g} with the highest {m} {w}|"
            + SHOW
            + " the {g} with the (highest|largest|most) {m} {w}",
            rng,
            m=total,
            g=by.one,
            w=when,
        )
        question = valued(question, ", and how much", by.one, total, rng) if both else question
    else:
        question = say(
            "(top|Top|The top) {n} {gs} by {m} {w}|(Which|What) {n} {gs} (have|had) the (highest|most|largest) {m} {w}?|"
            + SHOW
            + " the {n} {gs} with the (highest|largest) {m} {w}",
            rng,
            m=total,
            gs=by.all,
            w=when,
            n=count_words(n, rng),
        )
        ending = say(", with (the amounts|their totals|the total|the figures)", rng)
        question = valued(question, ending, by.one, total, rng) if both else only_named(question, "names", rng)
    extra = (f"{by.nullable} IS NOT NULL",) if by.nullable else ()
    columns = f"{by.show}, {sql}" if both else by.show
    return draft(
        scope,
        question,
        scope.sql(columns, f" GROUP BY {by.by} ORDER BY {sql} DESC LIMIT {n}", *extra),
        by.used,
        f"{function}:{item.name}",
        "top",
    )
