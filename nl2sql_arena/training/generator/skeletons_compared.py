"""Questions that compare: groups with the average group, one year with another, numbers of different things with a threshold."""

import random

from nl2sql_arena.training.generator.amounts import at_least_count
from nl2sql_arena.training.generator.lexicon import Relation
from nl2sql_arena.training.generator.relations import exists
from nl2sql_arena.training.generator.scope import Mod, Scope, key_of, reverse
from nl2sql_arena.training.generator.skeletons import SHOW, WHICH, Draft, draft, label_sql, skeleton
from nl2sql_arena.training.generator.skeletons_sets import answered
from nl2sql_arena.training.generator.skeletons_totals import owner_group
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import MARK, Field, Guide, plain


@skeleton("above_average_owner", "extra", 2)
def above_average_owner(guide: Guide, rng: random.Random) -> Draft | None:
    """Owners with more rows, or a larger sum, than the average owner."""
    found = [
        r for r in guide.lexicon.relations if all(step.down for step in r.steps) and (guide.named(r.one) or len(guide.keys[r.one]) == 1)
    ]
    if not found:
        return None
    relation = pick(rng, found)
    scope = Scope(guide, rng, relation.many)
    scope.join(reverse(relation))
    name = pick(rng, tuple(relation.sums)) if relation.sums and rng.random() < 0.5 else ""
    measure = f"SUM({guide.by_name[relation.many, name].sql})" if name else "COUNT(*)"
    one, all_ = pick(rng, relation.called or guide.tables[relation.one].nouns)
    above = rng.random() < 0.75
    side = ("more" if above else "less") if name else ("more" if above else "fewer")
    if name:
        past, _ = pick(rng, relation.sums[name])
        verb = say("{p} {s} than (the average {o}|average|an average {o})", rng, p=past, s=side, o=one)
    else:
        past, _ = pick(rng, relation.does or (("had", "have"),))
        things = pick(rng, relation.count or guide.tables[relation.many].nouns)[1]
        verb = say(
            "{p} {s} {t} than (the average {o}|average|an average {o})|have {s} {t} than (the average {o}|average)",
            rng,
            p=past,
            s=side,
            t=things,
            o=one,
        )
    shown, by = owner_group(guide, relation)
    key = key_of(guide, relation.one)[0]
    inner = scope.sql(f"{measure} AS n", f" GROUP BY {key}")
    who = guide.tables[relation.one].who
    question = say(WHICH + " {g} {v}?|" + SHOW + " (all|the|) {g} {w} {v}|{g} {w} {v}", rng, g=all_, v=verb, w=who)
    sql = scope.sql(shown, f" GROUP BY {by} HAVING {measure} {'>' if above else '<'} (SELECT AVG(n) FROM ({inner}))")
    return draft(scope, question, sql, measure[:3], "above average owner")


@skeleton("one_year_not_other", "extra", 2)
def one_year_not_other(guide: Guide, rng: random.Random) -> Draft | None:
    """Owners with rows in one year but not in another, or in both: "ordered in 2023 but not in 2024"."""
    found = [(r, event_of(guide, r)) for r in guide.lexicon.relations if r.does and (guide.named(r.one) or len(guide.keys[r.one]) == 1)]
    dated = [(relation, item) for relation, item in found if item is not None]
    if not dated:
        return None
    relation, item = pick(rng, dated)
    if relation.one in [step.child for step in relation.steps] or relation.one == relation.many or item is None:
        return None
    years = sorted({str(day)[:4] for day in guide.range_of(item)}) or ["2022", "2023", "2024"]
    if len(years) < 2:
        return None
    first, second = rng.sample(years, 2)
    scope = Scope(guide, rng, relation.one)
    parts = []
    for year in (first, second):
        inner = Scope(guide, rng, relation.many)
        inner.mods.append(Mod(f"YEAR({item.sql}) = {year}", ""))
        parts.append(exists(relation, inner, False))
    past, base = pick(rng, relation.does)
    things = pick(rng, relation.count or guide.tables[relation.many].nouns)[1]
    negative = rng.random() < 0.6
    verb = say(
        "{p} {t} in {a} but (not|none|no more|nothing|not any more) in {b}|{p} {t} in {a} but did not {x} any in {b}"
        "|had {t} in {a} but none in {b}|{p} {t} in {a} and not in {b}"
        if negative
        else "{p} {t} (both |)in {a} and (in |){b}|{p} {t} in both {a} and {b}|{p} {t} in {a} as well as (in |){b}"
        "|had {t} in {a} and also in {b}",
        rng,
        p=past,
        t=things,
        a=first,
        b=second,
        x=base,
    )
    scope.mods.append(Mod(f"{parts[0]} AND {'NOT ' if negative else ''}{parts[1]}", "", verb))
    question, sql = answered(scope, verb)
    return draft(scope, question, sql, relation.many, f"{item.table}.{item.name}", "not" if negative else "and")


def event_of(guide: Guide, relation: Relation) -> Field | None:
    """The date at which rows of the relation happen: that of the first table below the owner that has one."""
    for step in relation.steps:
        for item in guide.of_role[step.child, "moment"]:
            if "{w}" in item.words.where:
                return item
    return None


@skeleton("many_different", "extra", 1.2)
def many_different(guide: Guide, rng: random.Random) -> Draft | None:
    """Owners that have to do with at least n different things."""
    found = [r for r in guide.lexicon.relations if r.through and len(r.steps) == 2 and r.does]
    if not found:
        return None
    relation = pick(rng, found)
    first, second = relation.steps
    if first.child != second.child:
        return None
    drawn = at_least_count(rng, (1, 2, 2, 3, 3, 5))
    past, _ = pick(rng, relation.does)
    things = pick(rng, guide.tables[relation.many].nouns)[1]
    one = pick(rng, guide.tables[relation.one].nouns)[1]
    who = guide.tables[relation.one].who
    clause = say("{c} (different|distinct|different) {t}", rng, c=drawn.words, t=things)
    question = say(WHICH + " {g} {p} {c}?|" + SHOW + " (all|the|) {g} {w} {p} {c}|{g} {w} {p} {c}", rng, g=one, p=past, c=clause, w=who)
    label = label_sql(guide, relation.one)
    by = ", ".join(dict.fromkeys([*key_of(guide, relation.one), *label.split(", ")]))
    tables = [first.child, relation.one]
    sql = (
        f"SELECT {label} FROM {first.child} JOIN {relation.one} ON {first.on} GROUP BY {by} HAVING COUNT(DISTINCT "
        f"{MARK}{second.child}.{second.column}) {drawn.sql}"
    )
    return Draft(question, plain(sql, tables), (*tables, second.column, "many different"))
