"""Questions over a table that meets itself: bosses and reports, flights from here to there, courses and their prerequisites."""

import random

from nl2sql_arena.schema import literal
from nl2sql_arena.training.generator.aggregates import append
from nl2sql_arena.training.generator.amounts import at_least_count, count_words
from nl2sql_arena.training.generator.filters import on_label, value_words
from nl2sql_arena.training.generator.lexicon import SelfRelation, both_roles
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope
from nl2sql_arena.training.generator.skeletons import SHOW, WHICH, Draft, draft, label_words, skeleton
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import MARK, Guide


@skeleton("self_reference", "hard", 2.5)
def self_reference(guide: Guide, rng: random.Random) -> Draft | None:
    """A table that refers to itself: bosses and reports."""
    if not guide.lexicon.selves:
        return None
    own = pick(rng, guide.lexicon.selves)
    return pick(
        rng, (self_up, self_up, self_down, self_down, self_pairs, self_pairs, self_count, self_count, self_top, self_top, self_none)
    )(guide, rng, own)


def aliased(guide: Guide, table: str, alias: str) -> str:
    return ", ".join(f"{alias}.{item.name}" for item in guide.label(table))


def self_named(guide: Guide, rng: random.Random, own: SelfRelation, alias: str) -> tuple[str, str] | None:
    """(condition, words) of one named row under an alias."""
    mod = on_label(Scope(guide, rng, own.table), own.table, f"{own.column}:{'down' if alias == 'a' else 'up'}")
    return (mod.sql.replace(f"\x01{own.table}.", f"{alias}."), mod.adjective) if mod else None


def self_source(own: SelfRelation) -> str:
    """The row is `a`, what it refers to `b`."""
    return f"FROM {own.table} a JOIN {own.table} b ON a.{own.column} = b.{own.key}"


def self_up(guide: Guide, rng: random.Random, own: SelfRelation) -> Draft | None:
    found = self_named(guide, rng, own, "a")
    if found is None:
        return None
    up = pick(rng, own.up)[0]
    question = say(
        "Who is {x}'s {u}?|Who is the {u} of {x}?|(What|Which) is the {u} of {x}?"
        "|" + SHOW + " the {u} of {x}|{u} of {x}|(Who|What) is the {u} for {x}?"
        "|name of {x}'s {u}",
        rng,
        x=found[1],
        u=up,
    )
    return Draft(question, f"SELECT {aliased(guide, own.table, 'b')} {self_source(own)} WHERE {found[0]}", (own.table, own.column, "up"))


def self_down(guide: Guide, rng: random.Random, own: SelfRelation) -> Draft | None:
    found = self_named(guide, rng, own, "b")
    if found is None:
        return None
    noun = pick(rng, guide.tables[own.table].nouns)[1]
    down = pick(rng, own.down)[1]
    by = pick(rng, own.by) if own.by else "under"
    counted = rng.random() < 0.35
    verb = pick(rng, own.verbs) if own.verbs else "have"
    if counted:
        question = say(
            "How many {d} does {x} have?|How many {n} (are|were) {b} {x}?|(number|count) of {d} of {x}|How many {n} (did|does) {x} {v}?",
            rng,
            d=down,
            x=found[1],
            n=noun,
            b=by,
            v=verb,
        )
        return Draft(question, f"SELECT COUNT(*) {self_source(own)} WHERE {found[0]}", (own.table, own.column, "down", "count"))
    question = say(
        WHICH + " {n} (are|were) {b} {x}?|" + SHOW + " (all|the|) {d} of {x}|Who (are|were) {x}'s {d}?"
        "|{d} of {x}|" + SHOW + " (all|the|) {n} {b} {x}|Who (is|was) {b} {x}?|{n} {b} {x}",
        rng,
        d=down,
        x=found[1],
        n=noun,
        b=by,
    )
    return Draft(question, f"SELECT {aliased(guide, own.table, 'a')} {self_source(own)} WHERE {found[0]}", (own.table, own.column, "down"))


def self_pairs(guide: Guide, rng: random.Random, own: SelfRelation) -> Draft | None:
    up, noun = pick(rng, own.up)[0], pick(rng, guide.tables[own.table].nouns)
    question = say(
        SHOW + " (each|every|all the|the) {ns} (with|and|together with) (the name of |)(their|its) {u}"
        "|{ns} and their {u}s|" + SHOW + " the {l} of each {n1} and (of|) (their|its) {u}|For each {n1}, (show|list|give) (the|their) {u}"
        "|(every|each) {n1} (with|next to) (the|its) {u}",
        rng,
        ns=noun[1],
        n1=noun[0],
        u=up,
        l=label_words(guide, own.table, rng, 0),
    )
    question = question.replace("each " + noun[1], "each " + noun[0]).replace("every " + noun[1], "every " + noun[0])
    left = ""
    if rng.random() < 0.3:
        question = append(question, say(", (including|also) those without (one|a {u})|, even if they have (none|no {u})", rng, u=up))
        left = "LEFT "
    sql = f"SELECT {aliased(guide, own.table, 'a')}, {aliased(guide, own.table, 'b')} {self_source(own).replace(' JOIN', f' {left}JOIN')}"
    return Draft(question, sql, (own.table, own.column, "pairs", left))


def self_count(guide: Guide, rng: random.Random, own: SelfRelation) -> Draft | None:
    up, down = pick(rng, own.up), pick(rng, own.down)[1]
    label = aliased(guide, own.table, "b")
    group = ", ".join(dict.fromkeys([f"b.{own.key}", *label.split(", ")]))
    if rng.random() < 0.55:
        question = say(
            "How many {d} does each {u} have?|"
            + SHOW
            + " (each|every) {u} (with|and) the number of (their |its |){d}|number of {d} per {u}|{d} per {u}",
            rng,
            d=down,
            u=up[0],
        )
        return Draft(question, f"SELECT {label}, COUNT(*) {self_source(own)} GROUP BY {group}", (own.table, own.column, "per"))
    drawn = at_least_count(rng, (1, 2, 2, 3, 4, 5))
    question = say(
        WHICH + " {us} have {c} {d}?|" + SHOW + " (all|the|) {us} with {c} {d}|Who has {c} {d}?|{us} with {c} {d}",
        rng,
        d=down,
        us=up[1],
        c=drawn.words,
    )
    return Draft(
        question, f"SELECT {label} {self_source(own)} GROUP BY {group} HAVING COUNT(*) {drawn.sql}", (own.table, own.column, "having")
    )


def self_top(guide: Guide, rng: random.Random, own: SelfRelation) -> Draft | None:
    down, noun = pick(rng, own.down)[1], pick(rng, (*own.up, *guide.tables[own.table].nouns))
    label = aliased(guide, own.table, "b")
    group = ", ".join(dict.fromkeys([f"b.{own.key}", *label.split(", ")]))
    n = 1 if rng.random() < 0.7 else 2 + int(rng.random() * 5)
    with_count = rng.random() < 0.3
    if n == 1:
        question = say(
            "(Who|Which {n}) has the most {d}?|"
            + SHOW
            + " the {n} with the (most|largest number of|highest number of) {d}|{n} with the most {d}",
            rng,
            n=noun[0],
            d=down,
        )
    else:
        question = say(
            "(Which|What) {k} {n} have the most {d}?|(top|Top) {k} {n} by number of {d}|" + SHOW + " the {k} {n} with the most {d}",
            rng,
            n=noun[1],
            d=down,
            k=count_words(n, rng),
        )
    if with_count:
        question = append(question, ", and how many")
    columns = f"{label}, COUNT(*)" if with_count else label
    return Draft(
        question, f"SELECT {columns} {self_source(own)} GROUP BY {group} ORDER BY COUNT(*) DESC LIMIT {n}", (own.table, own.column, "top")
    )


def self_none(guide: Guide, rng: random.Random, own: SelfRelation) -> Draft | None:
    """Rows that nothing refers to."""
    noun, down, by = pick(rng, guide.tables[own.table].nouns)[1], pick(rng, own.down)[0], pick(rng, own.by or ("under",))
    condition = f"NOT EXISTS (SELECT 1 FROM {own.table} b WHERE b.{own.column} = a.{own.key})"
    verb = say("have no {d}|do not have any {d}s|have never had a {d}", rng, d=down)
    if rng.random() < 0.4:
        return Draft(
            say("How many {n} {v}?|(number|count) of {n} (who|that) {v}", rng, n=noun, v=verb),
            f"SELECT COUNT(*) FROM {own.table} a WHERE {condition}",
            (own.table, own.column, "none"),
        )
    question = say(
        WHICH + " {n} {v}?|" + SHOW + " (all|the|) {n} without (a|any) {d}|{n} (who|that) {v}|" + SHOW + " {n} nobody is {b}",
        rng,
        n=noun,
        v=verb,
        d=down,
        b=by,
    )
    return Draft(question, f"SELECT {aliased(guide, own.table, 'a')} FROM {own.table} a WHERE {condition}", (own.table, own.column, "none"))


@skeleton("two_roles", "hard", 4)
def two_roles(guide: Guide, rng: random.Random) -> Draft | None:
    """Rows between two places: "flights from Lisbon to Paris"."""
    if not guide.lexicon.roles:
        return None
    roles = pick(rng, guide.lexicon.roles)
    scope = Scope(guide, rng, roles.table)
    restrict(scope, 1, 0, 0.0)
    if scope.steps or any("exists" in word or "average" in word for mod in scope.mods for word in mod.used):
        return None
    pool = [item for item in guide.fields[roles.first.parent] if guide.world.labels.get(f"{roles.table}:{item.name}")]
    if not pool:
        return None
    item = pick(rng, pool)
    pairs = guide.world.labels[f"{roles.table}:{item.name}"]
    here, there = pick(rng, pairs)
    words = say(pick(rng, roles.words), rng, a=value_words(item, here, rng), b=value_words(item, there, rng))
    things = scope.phrase()
    table = f"{MARK}{roles.table}."
    if item.name == roles.first.key:
        source = f"FROM {roles.table}"
        where = f"{table}{roles.first.column} = {literal(here)} AND {table}{roles.second.column} = {literal(there)}"
    else:
        source = both_roles(roles)
        where = f"a.{item.name} = {literal(here)} AND b.{item.name} = {literal(there)}"
    mods = "".join(f" AND {mod.sql}" for mod in scope.mods)
    chance = rng.random()
    measures = guide.of_role[roles.table, "measure"]
    if chance < 0.4:
        question = say(
            "How many {t} {w} (are there|do we have|were there|)?|(number|count) of {t} {w}|(Count|How many) {t} {w}"
            "|How many {t} (are|were) {w}?",
            rng,
            t=things,
            w=words,
        )
        columns = "COUNT(*)"
    elif chance < 0.65 and measures:
        measure = pick(rng, measures)
        function, said = pick(rng, (("AVG", "average"), ("AVG", "average"), ("MAX", "longest"), ("MAX", "maximum"), ("MIN", "minimum")))
        name = pick(rng, measure.words.names)
        question = say(
            "What is the {f} {n} of {t} {w}?|{f} {n} of {t} {w}|" + SHOW + " the {f} {n} (of|for) {t} {w}",
            rng,
            f=said.replace("longest", "maximum"),
            n=name,
            t=things,
            w=words,
        )
        columns = f"{function}({measure.sql})"
    else:
        shown = pick(rng, [x for x in guide.of_role[roles.table, "real"] if x.role in ("text", "key", "time", "date") and x.words.names])
        name = pick(rng, shown.words.names)
        question = say(
            SHOW + " the {n} of (all|the|) {t} {w}|{n} of (all|the|) {t} {w}|(What are|Give me) the {n} of {t} {w}(?|)",
            rng,
            n=name,
            t=things,
            w=words,
        )
        columns = shown.sql
    sql = f"SELECT {columns} {source} WHERE {where}{mods}"
    sql = sql.replace(table, "") if item.name == roles.first.key else sql.replace(MARK, "")
    return draft(scope, question, sql, "roles", item.name)


@skeleton("twins", "hard", 3.5)
def twins(guide: Guide, rng: random.Random) -> Draft | None:
    """A link from a table to itself: "What are the prerequisites of Databases?"."""
    if not guide.lexicon.twins:
        return None
    twin = pick(rng, guide.lexicon.twins)
    chance = rng.random()
    mod = on_label(Scope(guide, rng, twin.table), twin.table, twin.column if chance < 0.25 else twin.other)
    if mod is None:
        return None
    up, noun, name = pick(rng, twin.up), pick(rng, guide.tables[twin.table].nouns), mod.adjective
    label_a, label_b = (", ".join(f"{alias}.{item.name}" for item in guide.label(twin.table)) for alias in "ab")
    source = (
        f"FROM {twin.link} JOIN {twin.table} a ON {twin.link}.{twin.column} = a.{twin.key} JOIN {twin.table} b ON "
        f"{twin.link}.{twin.other} = b.{twin.key}"
    )
    here = mod.sql.replace(f"{MARK}{twin.table}.", "a.")
    there = mod.sql.replace(f"{MARK}{twin.table}.", "b.")
    by, verb = pick(rng, twin.by), pick(rng, twin.verbs)
    used = (twin.link, twin.column)
    if chance < 0.25:
        question = say(
            "(What|Which) are the {u} (of|for) {x}?|"
            + SHOW
            + " (all|the|) {u} (of|for) {x}|(Which|What) {n} (are|is) {b} {x}?|{u} of {x}|What (do I|must I|should I) (take"
            "|pass) before {x}?|(Which|What) {n} does {x} {v}?",
            rng,
            u=up[1],
            x=name,
            n=noun[1],
            b=by,
            v=verb,
        )
        return Draft(question, f"SELECT {label_b} {source} WHERE {here}", (*used, "up"))
    if chance < 0.5:
        question = say(
            WHICH
            + " {n} {v} {x}?|"
            + SHOW
            + " (all|the|) {n} that {v} {x}|{n} that {v} {x}|For which {n} is {x} (a|the) {u}?|"
            + WHICH
            + " {n} have {x} as (a|their) {u}?|What (can I take|opens up) after {x}?",
            rng,
            n=noun[1],
            v=verb,
            x=name,
            u=up[0],
        )
        return Draft(question, f"SELECT {label_a} {source} WHERE {there}", (*used, "down"))
    if chance < 0.65:
        question = say(
            SHOW
            + " (all|each|every|the) {ns} (with|and|together with) (their|its) {u}|{ns} and their {u}|"
            + SHOW
            + " the {l} of each {n} and (the {l} of |) (its|their) {u}",
            rng,
            ns=noun[1],
            n=noun[0],
            u=pick(rng, up),
            l=label_words(guide, twin.table, rng, 0),
        )
        return Draft(question, f"SELECT {label_a}, {label_b} {source}", (*used, "pairs"))
    side, label, group_label = (twin.column, label_a, "a") if rng.random() < 0.55 else (twin.other, label_b, "b")
    group = ", ".join(dict.fromkeys([f"{group_label}.{twin.key}", *label.split(", ")]))
    joins = f"FROM {twin.link} JOIN {twin.table} {group_label} ON {twin.link}.{side} = {group_label}.{twin.key}"
    what = f"{up[1]}" if group_label == "a" else f"{noun[1]} that {verb} it"
    if chance < 0.8:
        top = "the most {w}" if group_label == "a" else "the most other {n}"
        question = say(
            "(Which|What) {n1} (has|"
            + ("has" if group_label == "a" else "is required by|is a prerequisite (for|of)|is needed for")
            + ") "
            + top
            + "?"
            if group_label == "a"
            else "(Which|What) {n1} is (a {u} for|required by|needed for) the most (other |){n}?",
            rng,
            n1=noun[0],
            n=noun[1],
            w=up[1],
            u=up[0],
        )
        return Draft(question, f"SELECT {label} {joins} GROUP BY {group} ORDER BY COUNT(*) DESC LIMIT 1", (*used, side, "top"))
    if group_label == "a" and chance < 0.9:
        drawn = at_least_count(rng, (1, 1, 2, 2, 3))
        question = say(
            WHICH + " {n} have {c} {u}?|" + SHOW + " (all|the|) {n} with {c} {u}|{n} with {c} {u}", rng, n=noun[1], c=drawn.words, u=up[1]
        )
        return Draft(question, f"SELECT {label} {joins} GROUP BY {group} HAVING COUNT(*) {drawn.sql}", (*used, side, "having"))
    question = (
        say("How many {w} (does each|per) {n1} (have|)?|(number|count) of {w} (per|for each|by) {n1}", rng, n1=noun[0], w=what)
        if group_label == "a"
        else say(
            "For each {n1}, how many (other |){n} {v} it?|" + SHOW + " each {u} (and|with) the number of {n} that {v} it",
            rng,
            n1=noun[0],
            n=noun[1],
            v=verb,
            u=up[0],
        )
    )
    return Draft(question, f"SELECT {label}, COUNT(*) {joins} GROUP BY {group}", (*used, side, "per"))
