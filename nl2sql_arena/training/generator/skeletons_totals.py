"""Questions about sums that belong to one thing (order values, what a customer spent) and about shares of a sum; first and last times."""

import random

from nl2sql_arena.training.generator.aggregates import append, rounded, time_of, valued
from nl2sql_arena.training.generator.amounts import Amount, amount, count_words
from nl2sql_arena.training.generator.filters import any_filter, names
from nl2sql_arena.training.generator.groups import by_column, by_parent, by_time
from nl2sql_arena.training.generator.lexicon import Relation
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope, key_of, reverse
from nl2sql_arena.training.generator.skeletons import SHOW, WHICH, Draft, draft, label_sql, skeleton, start
from nl2sql_arena.training.generator.templates import participle, pick, say
from nl2sql_arena.training.generator.world import MARK, Field, Guide


def owner_group(guide: Guide, relation: Relation) -> tuple[str, str]:
    """(shown, grouped by) for one group per row of the relation's one side."""
    label = label_sql(guide, relation.one)
    return label, ", ".join(dict.fromkeys([*key_of(guide, relation.one), *label.split(", ")]))


def threshold(guide: Guide, relation: Relation, name: str, item: Field, rng: random.Random) -> Amount | None:
    """A comparison for the sum per owner, from measured sums."""
    points = [float(point) for point in guide.totals(relation, name)]
    return amount(rng, points[len(points) // 3 :], item.whole, item.words.unit, (">", ">", ">", "<", ">=")) if points else None


@skeleton("spent_more", "hard", 2.5)
def spent_more(guide: Guide, rng: random.Random) -> Draft | None:
    """Owners whose sum passes a threshold: "customers who spent more than 500 euros in 2023"."""
    found = [(r, name) for r in guide.lexicon.relations for name in r.sums if all(step.down for step in r.steps)]
    if not found:
        return None
    relation, name = pick(rng, found)
    item = guide.by_name[relation.many, name]
    drawn = threshold(guide, relation, name, item, rng)
    if drawn is None:
        return None
    scope = Scope(guide, rng, relation.many)
    scope.join(reverse(relation))
    when = time_of(scope, 0.35)
    past, _ = pick(rng, relation.sums[name])
    nouns = pick(rng, relation.called or guide.tables[relation.one].nouns)
    verb = say(
        "{p} {c} {w}|have {d} {c} {w}|{p} {c} (in total|altogether|overall) {w}", rng, p=past, d=participle(past), c=drawn.words, w=when
    )
    shown, by = owner_group(guide, relation)
    measure = f"SUM({item.sql})"
    if rng.random() < 0.25:
        inside = scope.sql(key_of(guide, relation.one)[0], f" GROUP BY {key_of(guide, relation.one)[0]} HAVING {measure} {drawn.sql}")
        question = say("How many {g} {v}?|(number|count) of {g} (who|that) {v}|(Count|Tell me how many) {g} {v}", rng, g=nouns[1], v=verb)
        return draft(scope, question, f"SELECT COUNT(*) FROM ({inside})", name, "spent")
    who = guide.tables[relation.one].who
    question = say(
        WHICH + " {g} {v}?|" + SHOW + " (all|the|) {g} {who} {v}|{g} {who} {v}|" + SHOW + " the names of {g} {who} {v}",
        rng,
        g=nouns[1],
        v=verb,
        who=who,
    )
    columns = shown
    if rng.random() < 0.35:
        columns = f"{shown}, {measure}"
        question = valued(
            question,
            say(", and how much|, with the (total|amount|sum)|, with their totals", rng),
            "name",
            pick(rng, ("total", "amount", "sum")),
            rng,
        )
    return draft(scope, question, scope.sql(columns, f" GROUP BY {by} HAVING {measure} {drawn.sql}"), name, "spent more")


@skeleton("value_of_each", "extra", 3)
def value_of_each(guide: Guide, rng: random.Random) -> Draft | None:
    """The named sum of each single thing: "average order value", "orders with a value above 500"."""
    found = [(r, name) for r in guide.lexicon.relations for name in r.each if all(step.down for step in r.steps)]
    if not found:
        return None
    relation, name = pick(rng, found)
    item = guide.by_name[relation.many, name]
    scope = Scope(guide, rng, relation.many)
    scope.join(reverse(relation))
    when = time_of(scope, 0.35)
    value = pick(rng, relation.each[name])
    measure = f"SUM({item.sql})"
    shown, by = owner_group(guide, relation)
    noun = pick(rng, guide.tables[relation.one].nouns)
    chance = rng.random()
    if chance < 0.35:
        function, said = pick(
            rng, (("AVG", "average"), ("AVG", "average"), ("AVG", "mean"), ("MAX", "highest"), ("MIN", "lowest"), ("MEDIAN", "median"))
        )
        key = key_of(guide, relation.one)[0]
        step = relation.steps[0]
        if len(relation.steps) == 1 and not when:
            scope = Scope(guide, rng, relation.many)
            key = f"{MARK}{step.child}.{step.column}"
        inside = scope.sql(f"{measure} AS n", f" GROUP BY {key}")
        outer, words = rounded(f"{function}(n)", rng, 0.2)
        own = any(word in value.split() for word in noun[0].split())  # "order value" says whose it is
        owner = f"(per {{g}}|of (a|an|one) {{g}}|of {{gs}}|for {{gs}}{'|' if own else ''})"
        question = say(
            f"(What is|What's|What was|Tell me|Calculate|Give me) the {{f}} {{v}} {owner} {{w}}(?|)|{{f}} {{v}} {owner} {{w}}",
            rng,
            f=said,
            v=value,
            g=noun[0],
            gs=noun[1],
            w=when,
        )
        return draft(scope, append(question, words), f"SELECT {outer} FROM ({inside})", name, function)
    if chance < 0.55:
        question = say(
            "(What is|Show (me|)|Give me|List|Calculate) the {v} of (each|every) {g} {w}(?|)|{v} (per|of each|for every) {g} {w}"
            "|For each {g}, (show|what is|compute) (the|its) {v} {w}|" + SHOW + " (all|the|) {gs} (with|and) their {v} {w}",
            rng,
            v=value,
            g=noun[0],
            gs=noun[1],
            w=when,
        )
        return draft(scope, question, scope.sql(f"{shown}, {measure}", f" GROUP BY {by}"), name, "each")
    if chance < 0.78:
        n = 1 if rng.random() < 0.5 else 2 + int(rng.random() * 9)
        both = rng.random() < 0.4
        if n == 1:
            question = say(
                "(Which|What) {g} (has|had) the (highest|largest|biggest) {v} {w}?|"
                + SHOW
                + " the {g} with the (highest|largest|biggest) {v} {w}|{g} with the highest {v} {w}",
                rng,
                g=noun[0],
                v=value,
                w=when,
            )
        else:
            question = say(
                "(Which|What) {n} {g} (have|had) the (highest|largest) {v} {w}?|(top|Top) {n} {g} by {v} {w}|"
                + SHOW
                + " the {n} {g} with the (highest|largest) {v} {w}",
                rng,
                g=noun[1],
                v=value,
                w=when,
                n=count_words(n, rng),
            )
        if both:
            ending = say(
                ", and how much is it|, with the (amount|value)" if n == 1 else ", with (the|that) (value|amount)|and their {v}",
                rng,
                v=value,
            )
            question = valued(question, ending, "name" if guide.named(relation.one) else "id", value, rng)
        columns = f"{shown}, {measure}" if both else shown
        return draft(scope, question, scope.sql(columns, f" GROUP BY {by} ORDER BY {measure} DESC LIMIT {n}"), name, "top")
    drawn = threshold(guide, relation, name, item, rng)
    if drawn is None:
        return None
    question = say(
        WHICH
        + " {g} have (a|an|) {v} (of|) {c} {w}?|"
        + SHOW
        + " (all|the|) {g} with (a|an|) {v} (of|) {c} {w}|{g} with (a|) {v} {c} {w}|{g} whose {v} is {c} {w}",
        rng,
        g=noun[1],
        v=value,
        c=drawn.words,
        w=when,
    )
    return draft(scope, question, scope.sql(shown, f" GROUP BY {by} HAVING {measure} {drawn.sql}"), name, "having")


@skeleton("share_of_sum", "extra", 2.5)
def share_of_sum(guide: Guide, rng: random.Random) -> Draft | None:
    """The part of a sum that some rows make up, or that each group makes up."""
    scope = start(guide, rng, "sum")
    if scope is None:
        return None
    item = pick(rng, guide.of_role[scope.table, "sum"])
    total = pick(rng, item.words.totals).removeprefix("total ")
    when = time_of(scope, 0.25)
    if rng.random() < 0.5:
        group = by_parent(scope) if rng.random() < 0.6 else by_column(scope)
        if group is None:
            return None
        question = say(
            "What (share|percentage|part) of the (total |){t} {w} (does each {g} (have|make up|account for|bring in)"
            "|comes from each {g}|is due to each {g})?|(share|percentage) of (total |){t} (per|by|for each) {g} {w}|"
            + SHOW
            + " (each|every) {g}'s (share|percentage) of the {t} {w} (in percent|)|{g} and its share of the {t} {w} in percent",
            rng,
            t=total,
            g=group.one,
            w=when,
        )
        sql, words = rounded(f"100.0 * SUM({item.sql}) / SUM(SUM({item.sql})) OVER ()", rng, 0.25)
        return draft(
            scope, append(question, words), scope.sql(f"{group.show}, {sql}", f" GROUP BY {group.by}"), group.used, f"share:{item.name}"
        )
    part = Scope(guide, rng, scope.table, list(scope.steps), list(scope.tables[1:]))
    part.tables = list(scope.tables)
    restrict(part, 1, 1, 0.6)
    if len(part.mods) != 1 or not part.mods[0].post or any("average" in word or "exists" in word for word in part.mods[0].used):
        return None
    mod = part.mods[0]
    if any(set(mod.used) & set(other.used) for other in scope.mods):
        return None
    scope.join(tuple(part.steps))
    question = say(
        "What (share|percentage|percent|part|proportion) of (the|our|) (total |){t} {w} (comes from|is from|is due to|was from) {np}?"
        "|(share|percentage) of (the |){t} {w} (that comes |)from {np}|How many percent of the {t} {w} (come|comes) from {np}?|"
        "(Calculate|Give me|Tell me) the (share|percentage) of {np} in the (total |){t} {w}",
        rng,
        t=total,
        np=part.phrase(),
        w=when,
    )
    sql, words = rounded(f"100.0 * SUM({item.sql}) FILTER (WHERE {mod.sql}) / SUM({item.sql})", rng, 0.25)
    scope.used.extend(mod.used)
    return draft(scope, append(question, words), scope.sql(sql), f"share:{item.name}")


@skeleton("first_per_group", "medium", 2)
def first_per_group(guide: Guide, rng: random.Random) -> Draft | None:
    """The first or last date of each owner: "When did each customer place the first order?"."""
    scope = start(guide, rng, "moment")
    if scope is None:
        return None
    events = [item for item in guide.of_role[scope.table, "moment"] if "{w}" in item.words.where] or guide.of_role[scope.table, "moment"]
    item = pick(rng, events)
    restrict(scope, 1, 0, 0.0)
    if any(f"{item.table}.{item.name}" in mod.used for mod in scope.mods):
        return None
    group = by_parent(scope) if rng.random() < 0.75 else by_column(scope)
    if group is None:
        return None
    down = rng.random() < 0.5
    side = pick(rng, ("last", "latest", "most recent") if down else ("first", "earliest"))
    base = pick(rng, group.relation.does)[1] if group.relation and group.relation.does else "have"
    question = say(
        "When did (each|every) {g} {b} (the|their|its) {s} {t}?|(When was|What is|Show|Give me) the (date of the {s} {t}"
        "|{s} {n} of {ts}) (of|for) (each|every) {g}(?|)|{s} {n} of {ts} (per|by|for each) {g}|For each {g}, (when was"
        "|show) the {s} {t}|" + SHOW + " (each|every) {g} with the date of (their|its|the) {s} {t}|date of the {s} {t} per {g}",
        rng,
        g=group.one,
        b=base,
        s=side,
        t=scope.phrase(0),
        ts=scope.phrase(),
        n=names(item, rng),
    )
    sql = scope.sql(f"{group.show}, {'MAX' if down else 'MIN'}({item.sql})", f" GROUP BY {group.by}")
    return draft(scope, question, sql, group.used, f"{'max' if down else 'min'}:{item.name}")


@skeleton("moving_average", "extra", 0.7)
def moving_average(guide: Guide, rng: random.Random) -> Draft | None:
    """An average over the last few months or years."""
    scope = start(guide, rng, "moment")
    if scope is None:
        return None
    mod = any_filter(scope, scope.table) if rng.random() < 0.3 else None
    if mod is not None and not mod.year and "average" not in mod.used:
        scope.add(mod)
    group = by_time(scope, pick(rng, ("month", "month", "year")))
    if group is None:
        return None
    n = 3 if rng.random() < 0.8 else pick(rng, (2, 4, 6, 12))
    unit = "month" if "month" in group.used else "year"
    sums = guide.of_role[scope.table, "sum"]
    item = pick(rng, sums) if sums and rng.random() < 0.5 else None
    measure = f"SUM({item.sql})" if item else "COUNT(*)"
    what = f"number of {scope.phrase()}"
    if item:
        what = pick(rng, item.words.totals) + (f" of {scope.phrase()}" if scope.mods else "")
    question = say(
        "({n}|{k})-{u} moving average of the {w}|"
        + SHOW
        + " the ({n}|{k})-{u} (moving|rolling) average of the {w} (by|per) {u}|(moving|rolling) average of the {w} over ({n}|{k}) {u}s",
        rng,
        n=str(n),
        k=count_words(n, rng),
        u=unit,
        w=what,
    )
    columns = f"{group.show}, AVG({measure}) OVER (ORDER BY {group.by} ROWS BETWEEN {n - 1} PRECEDING AND CURRENT ROW)"
    return draft(scope, question, scope.sql(columns, f" GROUP BY {group.by} ORDER BY {group.by}"), group.used, f"moving:{measure[:3]}")
