"""Questions about groups: one number per group, groups above a threshold, the group at the top, groups with nothing in them."""

import random

from nl2sql_arena.training.generator.aggregates import append, rounded, valued
from nl2sql_arena.training.generator.amounts import amount, at_least_count
from nl2sql_arena.training.generator.filters import any_filter
from nl2sql_arena.training.generator.groups import Group, Measure, any_group, any_measure, by_column, by_parent, by_time
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope, key_of
from nl2sql_arena.training.generator.skeletons import SHOW, Draft, draft, label_sql, skeleton, start
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Guide, plain

PER = (
    "(What is|What's|What was|Show (me|)|Give me|Tell me|List|I need|Calculate|Find|Get|Compute) the {m} (per|for each|by|in each"
    "|of each|for every|per) {g}(?|)|{m} (per|by|for each|in each|split by|grouped by|broken down by) {g}|For each {g}, (show|give"
    "|list|what is|find|calculate) the {m}"
    "|" + SHOW + " (each|every) {g} (with|and|together with) (its|the"
    "|their) {m}|" + SHOW + " the {m} (broken down by|split by|grouped by|by) {g}"
    "|{g} and {m}|(Per|By) {g}: {m}|{m} {g} wise|{m} per {g}"
    "|{m} by {g}|How does the {m} (differ|vary) (by|between"
    "|across) {gs}?"
    "|(What are|Show me|List) the {gs} and (their|the) {m}(?|)|Break down the {m} by {g}|Compare the {m} (across|between"
    "|of the different) {gs}|What {m} does each {g} have?"
)
PER_COUNT = (
    "How many {t} (are there|do we have|were there|) (per|for each|by|in each|of each|for every) {g}?|How many {t} per {g}?"
    "|{t} per {g}|{t} by {g}|(number|count) of {t} (per|by|for each) {g}|(Count|Count the) {t} (by|per|for each) {g}"
    "|For each {g}, how many {t} (are there|do we have|)?"
    "|" + SHOW + " (the|) (number|count) of {t} (per|by|for each|in each|broken down by|split by) {g}|How many {t} does each {g} have?"
    "|How are (the|our) {t} (distributed|spread|split) (over|across|by) {gs}?"
    "|" + SHOW + " (each|every|all the) {g} (with|and) (the|its) (number|count) of {t}"
    "|Break down (the|our) {t} by {g}"
    "|"
    + SHOW
    + " {g} and number of {t}|What's the (breakdown|distribution|split) of {t} by {g}?|Show how many {t} (there are|we have) (for each"
    "|per|in every) {g}|How many {t} do we have for each {g}?"
)
PER_VERB = (
    "How many {t} {v} (per|in each|each|by|for each|for every) {g}?|(Number|Count|number) of {t} {w} {v} (per|by|for each"
    "|in each) {g}|For each {g}, how many {t} {v}?|(Show|Tell me|Give me) how many {t} {v} (per|in each|by|for each) {g}"
    "|How many {t} {v}, (by|per) {g}?"
)


def ready(guide: Guide, rng: random.Random, most: int = 1, role: str = "") -> tuple[Scope, Group] | None:
    """A scope with its filters and a grouping."""
    scope = start(guide, rng, role)
    if scope is None:
        return None
    restrict(scope, most, 0, 0.15)
    if any("average" in mod.used for mod in scope.mods):
        return None
    group = any_group(scope)
    return (scope, group) if group else None


def order_tail(group: Group, sql: str, rng: random.Random, chance: float = 0.25) -> tuple[str, str]:
    """A sort order of groups at times."""
    if rng.random() >= chance:
        return "", ""
    if group.time or rng.random() < 0.25:
        words = say(
            ", (in chronological order|ordered by {g}|sorted by {g}|oldest first|in order)"
            if group.time
            else ", (sorted by {g}|in alphabetical order|ordered by {g}|alphabetically)",
            rng,
            g=group.one,
        )
        return f" ORDER BY {group.show}", words
    down = rng.random() < 0.8
    words = say(
        ", (highest first|largest first|most first|sorted by it descending|sorted from (highest|most|largest) to (lowest|least"
        "|smallest)|in descending order|biggest first|starting with the (highest|largest|biggest)|from high to low)"
        if down
        else ", (lowest first|smallest first|in ascending order|sorted from (lowest|smallest) to (highest|largest)|from low to high)",
        rng,
    )
    return f" ORDER BY {sql}{' DESC' if down else ''}", words


def per_question(scope: Scope, group: Group, measure: Measure) -> str:
    rng = scope.rng
    found = scope.predicate()
    if measure.count and found and rng.random() < 0.5:
        verb, mod = found
        return say(PER_VERB, rng, t=scope.phrase(1, skip=mod), v=verb, g=group.one, w=scope.who)
    if measure.count:
        return say(PER_COUNT, rng, t=scope.phrase(), g=group.one, gs=group.all)
    return say(PER, rng, m=measure.words, g=group.one, gs=group.all)


@skeleton("group", "medium", 9)
def group(guide: Guide, rng: random.Random) -> Draft | None:
    """One number per group."""
    found = ready(guide, rng)
    if found is None:
        return None
    scope, by = found
    measure = any_measure(scope, by)
    question = per_question(scope, by, measure)
    sql, tail = measure.sql, ""
    if not measure.count:
        sql, tail = rounded(sql, rng, 0.1)
    order, words = order_tail(by, measure.sql, rng)
    columns = f"{by.show}, {sql}"
    if measure.count and rng.random() < 0.12:
        other = any_measure(scope, by)
        if not other.count:
            question = say(
                SHOW + " the number of {t} and the {m} (per|for each|by) {g}|For each {g}, how many {t} are there and what is the {m}?"
                "|number of {t} and {m} by {g}",
                rng,
                t=scope.phrase(),
                m=other.words,
                g=by.one,
            )
            columns = f"{by.show}, COUNT(*), {other.sql}"
    return draft(scope, append(append(question, tail), words), scope.sql(columns, f" GROUP BY {by.by}{order}"), by.used, measure.used)


@skeleton("group_two", "hard", 2)
def group_two(guide: Guide, rng: random.Random) -> Draft | None:
    """One number per combination of two keys."""
    scope = start(guide, rng)
    if scope is None:
        return None
    restrict(scope, 1, 0, 0.1)
    first = by_column(scope) or by_parent(scope)
    second = by_time(scope) if rng.random() < 0.6 else by_column(scope)
    if first is None or second is None or first.used == second.used:
        return None
    measure = any_measure(scope, first)
    a, b = (first, second) if rng.random() < 0.6 else (second, first)
    what = f"number of {scope.phrase()}" if measure.count else measure.words
    question = say(
        "(What is|Show (me|)|Give me|List) the {m} (per|by|for each) {a} and {b}(?|)|{m} (per|by) {a} and (per|) {b}"
        "|{m} by {a} and {b}|For (each|every) {a} and {b}, (what is|show"
        "|give) the {m}|" + SHOW + " the {m} for (each|every) combination of {a} and {b}|{m} per {a} per {b}"
        "|Break the {m} down by {a} and {b}|{m}, split by {a} and {b}",
        rng,
        m=what,
        a=a.one,
        b=b.one,
    )
    order, words = ("", "")
    if rng.random() < 0.2:
        order, words = f" ORDER BY {a.show}, {b.show}", say(", (sorted|ordered) by {a} and (then |){b}", rng, a=a.one, b=b.one)
    sql = scope.sql(f"{a.show}, {b.show}, {measure.sql}", f" GROUP BY {a.by}, {b.by}{order}")
    return draft(scope, append(question, words), sql, a.used, b.used, measure.used)


@skeleton("having", "hard", 5)
def having(guide: Guide, rng: random.Random) -> Draft | None:
    """Groups whose number of rows, sum or average passes a threshold."""
    scope = start(guide, rng)
    if scope is None:
        return None
    restrict(scope, 1, 0, 0.05)
    by = by_parent(scope) if rng.random() < 0.7 else by_column(scope)
    if by is None or any("average" in mod.used for mod in scope.mods):
        return None
    measure = any_measure(scope, by)
    relation = by.relation
    if measure.count:
        points = [float(x) for x in (guide.counts(relation) if relation else ()) or (1, 1, 2, 2, 3, 5)]
        filtered = any(mod.sql for mod in scope.mods)
        drawn = at_least_count(rng, [max(1.0, x // 4) for x in points] if filtered else points)
        things = scope.phrase(1, pick(rng, relation.count)[1] if relation and relation.count and rng.random() < 0.4 else "")
        clause = f"{drawn.words} {things}"
        past = pick(rng, relation.does)[0] if relation and relation.does else "had"
        question = say(
            "(Which|What) {gs} (have|had|{p}) {c}?|" + SHOW + " (all|the|) {gs} (with|{w} have|{w} {p}) {c}|{gs} with {c}|(Who"
            "|Which {gs}) {p} {c}?"
            if by.who == "who"
            else "(Which|What) {gs} (have|had|{p}) {c}?|" + SHOW + " (all|the|) {gs} (with|that have|that {p}) {c}|{gs} with {c}"
            "|" + SHOW + " {gs} having {c}",
            rng,
            gs=by.all,
            p=past,
            c=clause,
            w=by.who,
        )
    else:
        assert measure.item is not None
        values = [float(x) for x in guide.range_of(measure.item) or (1, 2, 5, 10)]
        third = len(values) // 3
        usual = (
            [x * 4 for x in values[third:]]
            if measure.function == "SUM"
            else values[third:]
            if measure.function == "MAX"
            else values[third : 2 * third + 1]
        )
        drawn = amount(rng, usual, measure.item.whole, measure.item.words.unit, (">", ">", ">", "<", ">="))
        question = say(
            "(Which|What) {gs} have (a|an|) {m} (of|) {c}?|"
            + SHOW
            + " (the|all|) {gs} (with|whose|having) (a|) {m} (of|is|) {c}|{gs} (with|where) {m} (is|) {c}|(Which"
            "|What) {gs} have a {m} {c}?",
            rng,
            gs=by.all,
            m=measure.words,
            c=drawn.words,
        )
    columns = by.show
    if rng.random() < 0.35:
        columns = f"{by.show}, {measure.sql}"
        ending = say(
            "with (the|that) (number|figure)|, and how many|, with the (number|count)"
            if measure.count
            else ", with (the|that) (value|figure)|, and what is it",
            rng,
        )
        question = valued(question, ending, by.one if relation is None else "name", "number" if measure.count else measure.words, rng)
    extra = (f"{by.nullable} IS NOT NULL",) if by.nullable else ()
    sql = scope.sql(columns, f" GROUP BY {by.by} HAVING {measure.sql} {drawn.sql}", *extra)
    return draft(scope, question, sql, by.used, measure.used, "having")


@skeleton("with_zero", "extra", 2.5)
def with_zero(guide: Guide, rng: random.Random) -> Draft | None:
    """Counts per parent that include parents with nothing."""
    found = [r for r in guide.lexicon.relations if len(r.steps) == 1 and (guide.named(r.one) or len(guide.keys[r.one]) == 1)]
    if not found:
        return None
    relation = pick(rng, found)
    step = relation.steps[0]
    scope = Scope(guide, rng, relation.one)
    restrict(scope, 1, 0, 0.0)
    if scope.steps or any("exists" in word for mod in scope.mods for word in mod.used):
        return None
    inner = Scope(guide, rng, relation.many)
    if rng.random() < 0.35:
        mod = any_filter(inner, relation.many)
        if mod and "average" not in mod.used:
            inner.add(mod)
    condition = "".join(f" AND {mod.sql}" for mod in inner.mods)
    key = guide.keys[relation.many][0]
    label = label_sql(guide, relation.one)
    by = ", ".join(dict.fromkeys([*key_of(guide, relation.one), *label.split(", ")]))
    scope.tables.append(relation.many)
    order = f" ORDER BY COUNT(\x01{relation.many}.{key}) DESC" if rng.random() < 0.2 else ""
    sql = plain(
        f"SELECT {label}, COUNT(\x01{relation.many}.{key}) FROM {relation.one} LEFT JOIN {relation.many} ON "
        f"{step.on}{condition}{scope.where()} GROUP BY {by}{order}",
        scope.tables,
    )
    things = inner.phrase(1, pick(rng, relation.count)[1] if relation.count and not inner.mods and rng.random() < 0.4 else "")
    zero = say(
        "(including|also|counting) (those|the ones) (with|without any|with none)|(including|with) zeros|, even if (it is"
        "|there are) (zero|none)|(also|including) (if|when) there are none|including zero|, zero if none|, 0 if none"
        "|, including {gs} (without|with no) {t}",
        rng,
        gs=scope.noun(),
        t=things,
    )
    question = say(
        "How many {t} does (each|every) {g} have {z}?|"
        + SHOW
        + " (all|every) {g} (with|and) (the|their) number of {t} {z}|For (each|every) {g}, (how many|count the) {t} {z}(?|)"
        "|number of {t} per {g} {z}|"
        + SHOW
        + " (all|the) {gs} and (how many|the number of) {t} (they have|each has|) {z}|(Count|How many) {t} per {g} {z}",
        rng,
        t=things,
        g=scope.phrase(0),
        gs=scope.phrase(),
        z=zero,
    )
    question = question.replace("every " + scope.noun(1), "every " + scope.noun(0))
    return draft(scope, append(question, ", most first" if order else ""), sql, *inner.used, "zero")


@skeleton("group_share", "extra", 2.5)
def group_share(guide: Guide, rng: random.Random) -> Draft | None:
    """Each group's share of all rows, or the share within each group that passes a filter."""
    found = ready(guide, rng)
    if found is None:
        return None
    scope, by = found
    if rng.random() < 0.5:
        question = say(
            "What (percentage|share|percent) of (all|the|) {t} (does each {g} have|is (in|from|of) each {g}|falls on each {g}"
            "|does each {g} account for)?|(percentage|share) of {t} (per|by|for each) {g}|"
            + SHOW
            + " (each|every) {g}'s share of (all|the|) {t} (in percent|)|What is the percentage (distribution|breakdown) of {t} by {g}?"
            "|{g} shares of {t} in percent",
            rng,
            t=scope.phrase(),
            g=by.one,
        )
        sql, words = rounded("100.0 * COUNT(*) / SUM(COUNT(*)) OVER ()", rng, 0.2)
        return draft(scope, append(question, words), scope.sql(f"{by.show}, {sql}", f" GROUP BY {by.by}"), by.used, "share")
    part = Scope(guide, rng, scope.table)
    mod = any_filter(part, scope.table)
    if mod is None or "average" in mod.used or by.used in mod.used or any(set(mod.used) & set(x.used) for x in scope.mods):
        return None
    verb = mod.verb or f"are {mod.post}"
    question = say(
        "What (percentage|share|percent|proportion) of {t} {v} (per|for each|in each|by) {g}?|For each {g}, what (percentage|share"
        "|percent) of {t} {v}?|"
        + SHOW
        + " the (percentage|share) of {t} {w} {v} (per|by|for each) {g}|(percentage|share|%) of {t} {w} {v} by {g}",
        rng,
        t=scope.phrase(),
        v=verb,
        g=by.one,
        w=scope.who,
    )
    if mod.adjective and rng.random() < 0.4:
        question = say(
            "(share|percentage|rate) of {a} {t} (per|by|for each) {g}|What is the (percentage|share) of {a} {t} (per|by|for each) {g}?",
            rng,
            a=mod.adjective,
            t=scope.phrase(),
            g=by.one,
        )
    sql, words = rounded(f"100.0 * COUNT(*) FILTER (WHERE {mod.sql}) / COUNT(*)", rng, 0.2)
    order, tail = order_tail(by, sql, rng, 0.15)
    scope.used.extend(mod.used)
    return draft(
        scope, append(append(question, words), tail), scope.sql(f"{by.show}, {sql}", f" GROUP BY {by.by}{order}"), by.used, "share"
    )


@skeleton("distinct_per_group", "extra", 2)
def distinct_per_group(guide: Guide, rng: random.Random) -> Draft | None:
    """How many different things each group has to do with, across a link table."""
    found = [r for r in guide.lexicon.relations if r.through and len(r.steps) == 2 and r.does]
    if not found:
        return None
    relation = pick(rng, found)
    first, second = relation.steps
    turned = rng.random() < 0.4
    one, other = (relation.many, relation.one) if turned else (relation.one, relation.many)
    step, counted = (second, first) if turned else (first, second)
    if counted.child != step.child:
        return None
    past, _ = pick(rng, relation.does)
    scope = Scope(guide, rng, step.child)
    restrict(scope, 1, 0, 0.0)
    if len(scope.steps) or any("exists" in word for mod in scope.mods for word in mod.used):
        return None
    words = guide.tables[one]
    g = pick(rng, words.nouns)[0]
    things = pick(rng, guide.tables[other].nouns)[1]
    extra = f" ({scope.phrase()} only)" if scope.mods else ""
    label = label_sql(guide, one)
    by = ", ".join(dict.fromkeys([*key_of(guide, one), *label.split(", ")]))
    scope.tables.append(one)
    measure = f"COUNT(DISTINCT \x01{counted.child}.{counted.column})"
    source = f"FROM {step.child} JOIN {one} ON {step.child}.{step.column} = {step.parent}.{step.key}{scope.where()} GROUP BY {by}"
    if rng.random() < 0.55:
        question = say(
            "How many (different|distinct|unique) {t} (are there|) per {g}{e}?|(number|count) of (different|distinct|unique) {t} (per"
            "|by|for each) {g}{e}|For each {g}, (how many|count the) (different|distinct) {t}{e}(?|)"
            + ("" if turned else "|How many (different|distinct) {t} has each {g} {p}{e}?"),
            rng,
            t=things,
            g=g,
            p=past,
            e=extra,
        )
        sql = f"SELECT {label}, {measure} {source}"
    else:
        question = say(
            "(Which|What) {g} has the (most|largest number of) (different|distinct) {t}{e}?|"
            + SHOW
            + " the {g} with the most (different|distinct) {t}{e}"
            + ("" if turned else "|(Which|What) {g} {p} the most (different|distinct) {t}{e}?"),
            rng,
            t=things,
            g=g,
            p=past,
            e=extra,
        )
        sql = f"SELECT {label} {source} ORDER BY {measure} DESC LIMIT 1"
    return draft(scope, question, plain(sql, scope.tables), counted.column, "distinct")
