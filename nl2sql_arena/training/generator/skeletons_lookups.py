"""Look-ups that start from one named row."""

import random

from nl2sql_arena.schema import literal
from nl2sql_arena.training.generator.aggregates import append, time_of
from nl2sql_arena.training.generator.filters import names, on_label, text_value, value_words
from nl2sql_arena.training.generator.scope import Scope, reverse
from nl2sql_arena.training.generator.skeletons import (
    ASK,
    SHOW,
    WHICH,
    Draft,
    column_words,
    draft,
    entity,
    joined,
    label_sql,
    skeleton,
)
from nl2sql_arena.training.generator.templates import participle, pick, say
from nl2sql_arena.training.generator.world import Guide


@skeleton("lookup", "easy", 5)
def lookup(guide: Guide, rng: random.Random) -> Draft | None:
    """One attribute of one named row."""
    scope = entity(guide, rng, named=True)
    if scope is None:
        return None
    mod = on_label(scope, scope.table)
    pool = [item for item in guide.of_role[scope.table, "real"] if item not in guide.label(scope.table) and item.role != "key"]
    if mod is None or not pool:
        return None
    scope.add(mod)
    chosen = rng.sample(pool, 1 if rng.random() < 0.85 or len(pool) < 2 else 2)
    item = chosen[0]
    value = mod.adjective
    if rng.random() < 0.3:
        value = say("the {n} {v}|{n} {v}|the {n} (called|named) {v}", rng, n=scope.noun(0), v=value)
    if len(chosen) == 1 and item.words.ask and rng.random() < 0.6:
        question = say(pick(rng, item.words.ask), rng, x=value)
    else:
        cols = joined([column_words(x, guide, rng) for x in chosen], rng)
        question = say(
            ASK
            + " {c} of {x}(?|)|What {c} does {x} have?|"
            + SHOW
            + " (the|) {c} (of|for) {x}|{x}'s {c}?|{c} of {x}|What's {x}'s {c}?|{x} {c}|(Look up|Check) the {c} of {x}",
            rng,
            c=cols,
            x=value,
        )
    used = tuple(f"{x.table}.{x.name}" for x in chosen)
    return draft(scope, question, scope.sql(", ".join(x.sql for x in chosen)), *used)


@skeleton("parent_lookup", "medium", 2.5)
def parent_lookup(guide: Guide, rng: random.Random) -> Draft | None:
    """What a named row belongs to: "Which category is Pro Camera in?"."""
    scope = entity(guide, rng, named=True)
    if scope is None:
        return None
    found = [r for r in guide.ups[scope.table] if all(step.down for step in r.steps)]
    mod = on_label(scope, scope.table)
    if not found or mod is None:
        return None
    relation = pick(rng, found)
    scope.add(mod)
    scope.join(reverse(relation))
    noun = pick(rng, guide.tables[relation.one].nouns)[0]
    pool = [item for item in guide.of_role[relation.one, "real"] if item.role in ("category", "measure", "date", "year")]
    if (rng.random() < 0.7 and guide.named(relation.one)) or not pool:
        fields = guide.label(relation.one)
        question = say(
            "(Which|What) {p} (does|did) {x} belong to?|"
            + ASK
            + " {p} of {x}(?|)|(Which|What) {p} is {x} (in|at|with|from)?|{p} of {x}|(Who|What) is the {p} of {x}?|(Find|Show"
            "|Give) the (name of the {p}|{p} name) (of|for) {x}",
            rng,
            p=noun,
            x=mod.adjective,
        )
    else:
        fields = [pick(rng, pool)]
        question = say(
            ASK
            + " {c} of the {p} (of|that {x} belongs to|for) {x}(?|)|What is the {c} of {x}'s {p}?|{p} {c} of {x}|"
            + SHOW
            + " the {p} {c} for {x}",
            rng,
            c=column_words(fields[0], guide, rng),
            p=noun,
            x=mod.adjective,
        )
    used = tuple(f"{x.table}.{x.name}" for x in fields)
    return draft(scope, question, scope.sql(", ".join(x.sql for x in fields)), *used)


@skeleton("related", "medium", 4)
def related(guide: Guide, rng: random.Random) -> Draft | None:
    """The different things related to one named row or to filtered rows: "Which products did Anna Chen buy?"."""
    found = [r for r in guide.lexicon.relations if r.does and guide.named(r.one) and guide.named(r.many) and r.through]
    if not found:
        return None
    relation = pick(rng, found)
    if rng.random() < 0.5:
        scope = Scope(guide, rng, relation.many)
        steps, other = reverse(relation), relation.one
    else:
        scope = Scope(guide, rng, relation.one)
        steps, other = relation.steps, relation.many
    if not scope.can_join(steps):
        return None
    scope.join(steps)
    inner = Scope(guide, rng, other)
    mod = on_label(inner, other)
    if mod is None:
        return None
    scope.mods.append(mod)
    scope.used.extend(mod.used)
    past, base = pick(rng, relation.does)
    when = time_of(scope, 0.25)
    if scope.table == relation.many:
        question = say(
            "(Which|What) {t} did {x} {b}?|(Which|What) {t} has {x} "
            "{d}?|" + SHOW + " (all|) (the|) (different|distinct|) {t} (that"
            "|) {x} {p}|{t} {p} by {x}|" + SHOW + " (the names of|) (all|the|) {t} {x} {p}|What "
            "(all|) did {x} {b}?",
            rng,
            t=scope.noun(),
            x=mod.adjective,
            b=base,
            p=past,
            d=participle(past),
        )
    else:
        question = say(
            "(Which|What) {t} {p} {x}?|"
            + SHOW
            + " (all|the|) {t} {who} {p} {x}|"
            + ("Who {p} {x}?|" if scope.who == "who" else "")
            + "{t} {who} {p} {x}",
            rng,
            t=scope.noun(),
            x=mod.adjective,
            p=past,
            who=scope.who,
        )
    return draft(scope, append(question, when), scope.sql(label_sql(guide, scope.table), distinct=True), "related")


@skeleton("same_as", "hard", 1.2)
def same_as(guide: Guide, rng: random.Random) -> Draft | None:
    """Rows that share a value with, or exceed, a named row."""
    scope = entity(guide, rng, named=True)
    if scope is None or len(guide.label(scope.table)) > 1:
        return None
    label = guide.label(scope.table)[0]
    rows = guide.world.labels.get(scope.table)
    value = pick(rng, rows)[0] if rows else text_value(guide, label, rng)
    shown = value_words(label, value, rng)
    measure = guide.of_role[scope.table, "measure"]
    if measure and rng.random() < 0.6:
        item = pick(rng, [x for x in measure if not x.words.expr] or measure)
        more = rng.random() < 0.65
        side = item.words.more if more else item.words.less
        compare = (
            say("that are {s} than {x}", rng, s=pick(rng, side), x=shown)
            if side and rng.random() < 0.6
            else say(
                "(with|that have) a {s} {n} than {x}|whose {n} is {s} than (that of|) {x}|with a {s} {n} than {x}",
                rng,
                s="higher" if more else "lower",
                n=names(item, rng),
                x=shown,
            )
        )
        sql = (
            f"SELECT {label.sql} FROM {scope.table} WHERE {item.sql} {'>' if more else '<'} (SELECT "
            f"{'MAX' if more else 'MIN'}({item.sql}) FROM {scope.table} WHERE {label.sql} = {literal(value)})"
        )
        question = say(WHICH + " {t} (are there|do we have|) {c}?|" + SHOW + " (all|the|) {t} {c}|{t} {c}", rng, t=scope.noun(), c=compare)
    else:
        pool = guide.of_role[scope.table, "category"]
        if not pool:
            return None
        item = pick(rng, pool)
        sql = (
            f"SELECT {label.sql} FROM {scope.table} WHERE {item.sql} IN (SELECT {item.sql} FROM {scope.table} WHERE {label.sql} = "
            f"{literal(value)}) AND {label.sql} <> {literal(value)}"
        )
        question = say(
            WHICH
            + " other {t} have the same {n} as {x}?|"
            + SHOW
            + " (all|the|) other {t} with the same {n} as {x}|other {t} sharing the {n} of {x}|Which {t} (apart from|besides"
            "|other than) {x} share its {n}?",
            rng,
            t=scope.noun(),
            n=names(item, rng),
            x=shown,
        )
    return Draft(question, sql.replace(f"\x01{scope.table}.", ""), (scope.table, f"{item.table}.{item.name}", "same"))
