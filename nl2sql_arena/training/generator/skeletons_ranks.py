"""Questions about the best of each group and about ranks."""

import random

from nl2sql_arena.training.generator.amounts import count_words
from nl2sql_arena.training.generator.filters import names
from nl2sql_arena.training.generator.groups import any_group, any_measure, by_column, by_parent, by_time
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.skeletons import SHOW, Draft, draft, label_sql, skeleton, start
from nl2sql_arena.training.generator.skeletons_rows import extreme, rankable
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Guide


@skeleton("best_per_group", "extra", 4)
def best_per_group(guide: Guide, rng: random.Random) -> Draft | None:
    """The row at the top of each group, or its first n."""
    scope = start(guide, rng)
    if scope is None or not rankable(guide, scope.table) or not (guide.named(scope.table) or len(guide.keys[scope.table]) == 1):
        return None
    item = pick(rng, rankable(guide, scope.table))
    restrict(scope, 1, 0, 0.0)
    group = by_parent(scope) if rng.random() < 0.6 else by_column(scope)
    if group is None or any(f"{item.table}.{item.name}" in mod.used for mod in scope.mods):
        return None
    down = rng.random() < 0.7
    n = 1 if rng.random() < 0.7 else 2 + int(rng.random() * 3)
    nth = n == 1 and rng.random() < 0.12
    before, after = extreme(item, down, rng)
    if nth:
        before, after = (f"second {before}", after) if before else ("", after.replace("the ", "the second ", 1))
    value = names(item, rng)
    with_value = rng.random() < 0.4
    label = label_sql(guide, scope.table)
    partition = group.by.split(", ")[0]
    direction = " DESC" if down else ""
    if n == 1:
        question = say(
            "(What|Which) is the {b} {t} {a} (in|of|for|per|within) each {g}?"
            "|" + SHOW + " the {b} {t} {a} (of|in|for|per) (each|every) {g}"
            "|For each {g}, (show|find|list|give|what is) the {b} {t} {a}"
            "|{b} {t} {a} (per|by|for each|in each) {g}|(For every"
            "|Per) {g}, the {b} {t} {a}",
            rng,
            b=before,
            t=scope.phrase(0),
            a=after,
            g=group.one,
        )
    else:
        question = say(
            "(What|Which) are the {n} {b} {t} {a} (in|of|for"
            "|per) each {g}?|" + SHOW + " the {n} {b} {t} {a} (of|in|for|per) (each|every) {g}"
            "|(top|Top) {n} {t} by {v} (per|in each|for each) {g}"
            if down
            else "(What|Which) are the {n} {b} {t} {a} (in|of|for"
            "|per) each {g}?|" + SHOW + " the {n} {b} {t} {a} (of|in|for|per) (each|every) {g}",
            rng,
            n=count_words(n, rng),
            b=before,
            t=scope.phrase(),
            a=after,
            g=group.one,
            v=value,
        )
    if with_value:
        question = (
            f"{question[:-1]}, with (the|its) {value}?".replace("(the|its)", "the")
            if question.endswith("?")
            else f"{question} with {pick(rng, ('the', 'its', 'their'))} {value}"
        )
    function = "DENSE_RANK" if nth else "RANK" if n == 1 else "ROW_NUMBER"
    columns = f"{group.show}, {label}" + (f", {item.sql}" if with_value else "")
    extra = tuple(f"{sql} IS NOT NULL" for sql in ((group.nullable,) if group.nullable else ()))
    limit = "= 2" if nth else "= 1" if n == 1 else f"<= {n}"
    sql = scope.sql(columns, f" QUALIFY {function}() OVER (PARTITION BY {partition} ORDER BY {item.sql}{direction}) {limit}", *extra)
    return draft(scope, question, sql, group.used, f"{item.table}.{item.name}", "best per")


@skeleton("best_group_per_group", "extra", 1)
def best_group_per_group(guide: Guide, rng: random.Random) -> Draft | None:
    """The sub-group with the most rows in each group: the most frequent status of every year."""
    scope = start(guide, rng)
    if scope is None:
        return None
    restrict(scope, 1, 0, 0.0)
    first = by_time(scope, "year") if rng.random() < 0.35 else by_column(scope) if rng.random() < 0.5 else by_parent(scope, False)
    second = by_column(scope) if rng.random() < 0.4 else by_parent(scope)
    if first is None or second is None or first.used == second.used or second.by == first.by:
        return None
    measure = any_measure(scope, second)
    question = say(
        "(Which|What) {s} (has|had) {m} (in|for) each {g}?|For each {g}, (which|what) {s} (has|had) {m}?|"
        + SHOW
        + " the {s} with {m} (for|in|of) (each|every) {g}|{s} with {m} per {g}|For (each|every) {g}, the {s} with {m}",
        rng,
        s=second.one,
        m=measure.most,
        g=first.one,
    )
    if measure.count and rng.random() < 0.25:
        question = say(
            "What is the most (common|frequent|popular) {s} (of|among) {t} (in|for) each {g}?",
            rng,
            s=second.one,
            t=scope.phrase(),
            g=first.one,
        )
    partition = first.by.split(", ")[0]
    sql = scope.sql(
        f"{first.show}, {second.show}",
        f" GROUP BY {first.by}, {second.by} QUALIFY RANK() OVER (PARTITION BY {partition} ORDER BY {measure.sql} DESC) = 1",
    )
    return draft(scope, question, sql, first.used, second.used, "best of")


@skeleton("rank", "extra", 2)
def rank(guide: Guide, rng: random.Random) -> Draft | None:
    """Rows or groups with their rank."""
    scope = start(guide, rng)
    if scope is None:
        return None
    restrict(scope, 1, 0, 0.1)
    if rng.random() < 0.5:
        group = any_group(scope)
        if group is None or group.time or any("average" in mod.used for mod in scope.mods):
            return None
        measure = any_measure(scope, group)
        what = f"number of {scope.phrase()}" if measure.count else measure.words
        question = say(
            "Rank (the|all|) {g} by (the |their |){m}|(What is|Show|Give me) the rank(ing|) of (the|each) {g1} by {m}(?|)"
            "|ranking of {g} by {m}|" + SHOW + " (the|all|) {g} with (the|their) {m} and (their |)rank|{g} ranked by {m}",
            rng,
            g=group.all,
            g1=group.one,
            m=what,
        )
        extra = (f"{group.nullable} IS NOT NULL",) if group.nullable else ()
        sql = scope.sql(f"{group.show}, {measure.sql}, RANK() OVER (ORDER BY {measure.sql} DESC)", f" GROUP BY {group.by}", *extra)
        return draft(scope, question, sql, group.used, measure.used, "rank")
    pool = guide.of_role[scope.table, "measure"]
    if not pool or not (guide.named(scope.table) or len(guide.keys[scope.table]) == 1):
        return None
    item = pick(rng, pool)
    value = names(item, rng)
    label = label_sql(guide, scope.table)
    if rng.random() < 0.6:
        question = say(
            "Rank (the|all|all the|) {t} by {v}|"
            + SHOW
            + " (the|all|) {t} with (the|their) {v} and (their |)rank|{t} ranked by {v} (from highest to lowest|)|(Give|Show) (each"
            "|every) {t1} (its|a) rank by {v}|ranking of {t} by {v}",
            rng,
            t=scope.phrase(),
            t1=scope.phrase(0),
            v=value,
        )
        sql = scope.sql(f"{label}, {item.sql}, RANK() OVER (ORDER BY {item.sql} DESC)")
        return draft(scope, question, sql, f"{item.table}.{item.name}", "rank")
    group = by_column(scope) or by_parent(scope)
    if group is None:
        return None
    partition = group.by.split(", ")[0]
    question = say(
        "Rank (the|all|) {t} by {v} within (each|their|every) {g}|"
        + SHOW
        + " (the|all|) {t} with (their |)rank by {v} (within|inside|in) (each|their) {g}|For each {g}, rank (the|its) {t} by {v}",
        rng,
        t=scope.phrase(),
        v=value,
        g=group.one,
    )
    sql = scope.sql(f"{group.show}, {label}, {item.sql}, RANK() OVER (PARTITION BY {partition} ORDER BY {item.sql} DESC)")
    return draft(scope, question, sql, f"{item.table}.{item.name}", group.used, "rank within")


@skeleton("above_group_average", "extra", 1.8)
def above_group_average(guide: Guide, rng: random.Random) -> Draft | None:
    """Rows above the average of their own group."""
    scope = start(guide, rng, "measure")
    if scope is None or not (guide.named(scope.table) or len(guide.keys[scope.table]) == 1):
        return None
    item = pick(rng, guide.of_role[scope.table, "measure"])
    if item.words.expr:
        return None
    group = by_column(scope) or by_parent(scope)
    if group is None:
        return None
    above = rng.random() < 0.7
    partition = group.by.split(", ")[0]
    compare = say(
        "(is |)(above|higher than|more than|greater than) the average" if above else "(is |)(below|lower than|less than) the average", rng
    )
    side = item.words.more if above else item.words.less
    if side and rng.random() < 0.5:
        question = say(
            "(Which|What) {t} are {s} than (the average|average) (of|in|for) (their|its|the same) {g}?|"
            + SHOW
            + " (all|the|) {t} {w} are {s} than (the |)average (of|in|for) their {g}|{t} {s} than the average of their {g}",
            rng,
            t=scope.noun(),
            s=pick(rng, side),
            g=group.one,
            w=scope.who,
        )
    else:
        question = say(
            "(Which|What) {t} have a {n} {c} (of|in|for) (their|its|the same) {g}?|"
            + SHOW
            + " (all|the|) {t} whose {n} is {c} (of|in|for|within) their {g}|{t} with {n} {c} of their {g}",
            rng,
            t=scope.noun(),
            n=names(item, rng),
            c=compare.removeprefix("is "),
            g=group.one,
        )
    sql = scope.sql(
        label_sql(guide, scope.table), f" QUALIFY {item.sql} {'>' if above else '<'} AVG({item.sql}) OVER (PARTITION BY {partition})"
    )
    return draft(scope, question, sql, f"{item.table}.{item.name}", group.used, "above group")
