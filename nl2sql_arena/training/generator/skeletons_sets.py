"""Questions that combine sets of rows: both-and, set operations, nested superlatives, all-of, tables that refer to themselves."""

import random

from nl2sql_arena.training.generator.aggregates import append
from nl2sql_arena.training.generator.amounts import at_least_count
from nl2sql_arena.training.generator.filters import any_filter, names, negated, on_label
from nl2sql_arena.training.generator.lexicon import Relation
from nl2sql_arena.training.generator.relations import exists, has, restrict
from nl2sql_arena.training.generator.scope import Mod, Scope
from nl2sql_arena.training.generator.skeletons import SHOW, WHICH, Draft, column_words, draft, entity, label_sql, label_words, skeleton
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Field, Guide, plain

VERB_LIST = (
    WHICH
    + " {t} {v}?|"
    + SHOW
    + " (all|the|) {t} {w} {v}|"
    + SHOW
    + " (the|) {n} of (all|the|) {t} {w} {v}|{t} {w} {v}|(Find|List|Name) {t} {w} {v}|Which of (our|the) {t} {v}?"
)
VERB_COUNT = (
    "How many {t} {v}?|(number|count) of {t} {w} {v}|(Count|Tell me the number of) {t} {w} {v}|How many of (our|the) {t} {v}?"
    "|How many {t} (are there|do we have) {w} {v}?"
)


def answered(scope: Scope, verb: str, skip: Mod | None = None) -> tuple[str, str]:
    """A list or a count of the scope's rows, the filter asked as a verb phrase: (question, SQL)."""
    rng = scope.rng
    things = scope.phrase(1, skip=skip)
    if rng.random() < 0.35:
        return say(VERB_COUNT, rng, t=things, v=verb, w=scope.who), scope.sql("COUNT(*)")
    called = label_words(scope.guide, scope.table, rng)
    wording = (
        VERB_LIST
        if scope.who != "who" or rng.random() < 0.6
        else "Who {v}?|(Find|List|Show me) (everyone|people|those) who {v}|" + VERB_LIST
    )
    return say(wording, rng, t=things, v=verb, w=scope.who, n=called), scope.sql(label_sql(scope.guide, scope.table))


@skeleton("never", "hard", 5)
def never(guide: Guide, rng: random.Random) -> Draft | None:
    """Rows without any related row."""
    scope = entity(guide, rng)
    if scope is None:
        return None
    mod = has(scope, plain_only=rng.random() < 0.65, negative=1.0)
    if mod is None:
        return None
    restrict(scope, 1, 0, 0.0)
    if any("exists" in word for other in scope.mods for word in other.used) or scope.steps:
        return None
    scope.add(mod)
    if mod.verb and rng.random() < 0.5:
        question, sql = answered(scope, mod.verb, mod)
        return draft(scope, question, sql, "never")
    called = label_words(guide, scope.table, rng)
    thing = scope.phrase(1, skip=mod)
    if rng.random() < 0.35:
        question = say("How many {t} {p} (are there|do we have|)?|(number|count) of {t} {p}|Count {t} {p}", rng, t=thing, p=mod.post)
        return draft(scope, question, scope.sql("COUNT(*)"), "never")
    question = say(
        SHOW + " (all|the|) {t} {p}|{t} {p}|" + SHOW + " (the|) {n} of (all|the|) {t} {p}|" + WHICH + " {t} are {p}?"
        if mod.post.startswith("with")
        else SHOW + " (all|the|) {t} {p}|{t} {p}|" + SHOW + " (the|) {n} of (all|the|) {t} {p}",
        rng,
        t=thing,
        p=mod.post,
        n=called,
    )
    return draft(scope, question, scope.sql(label_sql(guide, scope.table)), "never")


@skeleton("both", "extra", 2.5)
def both(guide: Guide, rng: random.Random) -> Draft | None:
    """Two related-row conditions at once: both, or one without the other."""
    scope = entity(guide, rng)
    if scope is None or not guide.downs[scope.table]:
        return None
    relation = pick(rng, guide.downs[scope.table])
    if not relation.does or scope.table == relation.many:
        return None
    second_relation = relation if rng.random() < 0.6 else pick(rng, guide.downs[scope.table])
    first = detailed(scope, relation)
    second = detailed(scope, second_relation)
    if first is None or second is None or first[0] == second[0] or first[1] == second[1]:
        return None
    past, base = pick(rng, relation.does)
    other_past, other_base = (past, base) if second_relation is relation else pick(rng, second_relation.does or (("had", "have"),))
    negative = rng.random() < 0.45
    if negative:
        link = say(
            "but (never|not|did not {b}|didn't {b}|never {p})"
            if second_relation is relation
            else "but (never {p}|did not {b}|didn't {b}|have not {p})",
            rng,
            p=other_past,
            b=other_base,
        )
        verb = f"{past} {first[0]} {link} {second[0]}"
    elif second_relation is relation:
        verb = say("{p} both {x} and {y}|{p} {x} and also {y}|{p} {x} as well as {y}|{p} {x} and {y}", rng, p=past, x=first[0], y=second[0])
    else:
        verb = say("{p} {x} and (also |){q} {y}|both {p} {x} and {q} {y}", rng, p=past, x=first[0], q=other_past, y=second[0])
    scope.mods.append(Mod(f"{first[1]} AND {'NOT ' if negative else ''}{second[1]}", "", verb))
    question, sql = answered(scope, verb)
    return draft(scope, question, sql, "both", relation.many, second_relation.many, "not" if negative else "and", *first[2], *second[2])


def detailed(scope: Scope, relation: Relation) -> tuple[str, str, tuple[str, ...]] | None:
    """(words, EXISTS, used) of a related row that passes one filter."""
    guide, rng = scope.guide, scope.rng
    inner = Scope(guide, rng, relation.many)
    if scope.table in [step.child for step in relation.steps] + [step.parent for step in relation.steps[1:]]:
        return None
    named = on_label(inner, relation.many) if rng.random() < 0.6 else None
    mod = named or any_filter(inner, relation.many)
    if mod is None or "average" in mod.used:
        return None
    inner.add(mod)
    words = mod.adjective if named else inner.phrase()
    return words, exists(relation, inner, False), mod.used


@skeleton("set_operation", "hard", 2.5)
def set_operation(guide: Guide, rng: random.Random) -> Draft | None:
    """Values that two tables share, that only one has, or all of both."""
    pairs = shared_columns(guide)
    if not pairs:
        return None
    left, right = pick(rng, pairs)
    if rng.random() < 0.5:
        left, right = right, left
    a, b = Scope(guide, rng, left.table), Scope(guide, rng, right.table)
    if rng.random() < 0.35:
        restrict(a, 1, 1, 0.0)
    if a.steps or any("exists" in word or word == f"{left.table}.{left.name}" for mod in a.mods for word in mod.used):
        return None
    what = column_words(left, guide, rng, 1)
    operation = pick(rng, ("INTERSECT", "INTERSECT", "EXCEPT", "EXCEPT", "UNION"))
    x, y = a.phrase(), b.phrase()
    wordings = {
        "INTERSECT": WHICH + " {c} (have|do we have|are there) (both {x} and {y}|{x} as well as {y}) (in"
        "|)?|" + SHOW + " (the|all|) {c} (with|that have|where there are) both {x} and {y}"
        "|{c} (that occur|shared|found) (both among|among both) {x} and {y}"
        "|(In which|What) {c} are there both {x} and {y}?"
        "|{c} with {x} and also {y}|" + WHICH + " {c} appear (both for|for both) {x} and {y}?",
        "EXCEPT": WHICH
        + " {c} (have|are there with) {x} but no {y}?|"
        + SHOW
        + " (the|all|) {c} (with|that have|where there are) {x} but (no|not any|without any) {y}|{c} with {x} but (without|no) {y}"
        "|(In which|What) {c} are there {x} but no {y}?|" + WHICH + " {c} of {x} do not occur among {y}?",
        "UNION": SHOW + " all {c} (where we have|with|that have) (either |){x} or {y}"
        "|" + SHOW + " (the|all) {c} of {x} (and|together with those of"
        "|plus those of) {y} (in one list|combined"
        "|without duplicates|, each once)|all (distinct "
        "|different |){c} of {x} and {y} (combined|together"
        "|in one list)",
    }
    question = say(wordings[operation], rng, c=what, x=x, y=y)
    extra = (f"{left.sql} IS NOT NULL",) if left.nullable else ()
    more = f" WHERE {right.sql} IS NOT NULL" if right.nullable else ""
    sql = f"{a.sql(left.sql, '', *extra)} {operation} {plain(f'SELECT {right.sql} FROM {right.table}{more}', [right.table])}"
    return draft(a, question, sql, operation, f"{left.table}.{left.name}", f"{right.table}.{right.name}")


def shared_columns(guide: Guide) -> list[tuple[Field, Field]]:
    """Pairs of text columns of two tables that speak of the same thing: cities, countries."""
    places = [
        item
        for name in guide.entities
        for item in guide.of_role[name, "category"]
        if item.name in ("city", "country", "town", "nationality")
    ]
    return [(x, y) for i, x in enumerate(places) for y in places[i + 1 :] if x.name == y.name and x.table != y.table]


@skeleton("of_the_best", "extra", 3)
def of_the_best(guide: Guide, rng: random.Random) -> Draft | None:
    """Rows that belong to the row at the top: "orders of the customer who joined first"."""
    found = [r for r in guide.lexicon.relations if len(r.steps) == 1 and r.by]
    if not found:
        return None
    relation = pick(rng, found)
    step = relation.steps[0]
    scope = Scope(guide, rng, relation.many)
    pool = [item for item in guide.fields[relation.one] if item.role in ("measure", "date", "time", "year")]
    restrict(scope, 1, 0, 0.0)
    if scope.steps or any("exists" in word for mod in scope.mods for word in mod.used):
        return None
    down = rng.random() < 0.65
    one = guide.tables[relation.one].nouns[0][0]
    if pool and rng.random() < 0.65:
        item = pick(rng, pool)
        words = item.words.most if down else item.words.least
        who = (
            say("the {w} {o}", rng, w=pick(rng, words), o=one)
            if words and not words[0].startswith("+")
            else say("the {o} with the {s} {n}", rng, o=one, s="highest" if down else "lowest", n=names(item, rng))
        )
        inner = plain(f"SELECT {step.key} FROM {relation.one} ORDER BY {item.sql}{' DESC' if down else ''} LIMIT 1", [relation.one])
        used: tuple[str, ...] = (f"{item.table}.{item.name}",)
    else:
        others = [r for r in guide.downs[relation.one] if len(r.steps) == 1]
        other = pick(rng, others)
        who = say("the {o} with the (most|highest number of) {t}", rng, o=one, t=pick(rng, guide.tables[other.many].nouns)[1])
        inner = f"SELECT {other.steps[0].column} FROM {other.many} GROUP BY {other.steps[0].column} ORDER BY COUNT(*) DESC LIMIT 1"
        if guide.by_name[other.many, other.steps[0].column].nullable:
            inner = inner.replace(" GROUP BY", f" WHERE {other.steps[0].column} IS NOT NULL GROUP BY")
        used = ("most", other.many)
    mod_words = say(pick(rng, relation.by).removeprefix("+"), rng, p=who)
    condition = f"\x01{step.child}.{step.column} = ({inner})"
    things = scope.phrase()
    if rng.random() < 0.35 or not (guide.named(scope.table) or len(guide.keys[scope.table]) == 1):
        question = say(
            "How many {t} {m} (are there|do we have|)?|(number|count) of {t} {m}|How many {t} (are|were) {m}?", rng, t=things, m=mod_words
        )
        return draft(scope, question, scope.sql("COUNT(*)", "", condition), "of best", *used)
    question = say(
        SHOW + " (all|the|) {t} {m}|" + WHICH + " {t} (are|were) {m}?|{t} {m}|" + SHOW + " (the|) {n} of (the|all|) {t} {m}",
        rng,
        t=things,
        m=mod_words,
        n=label_words(guide, scope.table, rng),
    )
    return draft(scope, question, scope.sql(label_sql(guide, scope.table), "", condition), "of best", *used)


@skeleton("all_of", "extra", 1.2)
def all_of(guide: Guide, rng: random.Random) -> Draft | None:
    """Rows all of whose related rows pass a filter."""
    found = [r for r in guide.lexicon.relations if len(r.steps) == 1 and (guide.named(r.one) or len(guide.keys[r.one]) == 1)]
    if not found:
        return None
    relation = pick(rng, found)
    scope, inner = Scope(guide, rng, relation.one), Scope(guide, rng, relation.many)
    mod = any_filter(inner, relation.many)
    if mod is None or "average" in mod.used or "null" in mod.used or not mod.verb:
        return None
    past, _ = pick(rng, relation.does) if relation.does else ("had", "have")
    things = inner.noun()
    verb = say(
        "only {p} {t} {w} {v}|{p} {t} all of which {v}|have only {t} {w} {v}|{p} nothing but {t} {w} {v}",
        rng,
        p=past,
        t=things,
        w=inner.who,
        v=mod.verb,
    )
    on = relation.steps[0].on
    sql_parts = (
        f"EXISTS (SELECT 1 FROM {relation.many} WHERE {on}) AND NOT EXISTS (SELECT 1 FROM {relation.many} WHERE {on} AND "
        f"{negated(mod.sql)})"
    )
    scope.mods.append(Mod(plain(sql_parts, ()), "", verb))
    question, sql = answered(scope, verb)
    return draft(scope, question, sql, "all", *mod.used)


@skeleton("many_related", "hard", 2.5)
def many_related(guide: Guide, rng: random.Random) -> Draft | None:
    """How many rows have at least n related rows."""
    found = [r for r in guide.lexicon.relations if all(step.down for step in r.steps)]
    if not found:
        return None
    relation = pick(rng, found)
    scope = Scope(guide, rng, relation.many)
    restrict(scope, 1, 0, 0.0)
    if scope.steps or any("exists" in word for mod in scope.mods for word in mod.used) or len(relation.steps) > 1:
        return None
    step = relation.steps[0]
    points = [float(x) for x in guide.counts(relation) or (1, 2, 3, 5)]
    drawn = at_least_count(rng, [max(1.0, x // 4) for x in points] if scope.mods else points)
    past = pick(rng, relation.does)[0] if relation.does else "had"
    things = scope.phrase(1, pick(rng, relation.count)[1] if relation.count and rng.random() < 0.4 else "")
    nouns = pick(rng, guide.tables[relation.one].nouns)
    question = say(
        "How many {g} (have|{p}) {c} {t}?|(number|count) of {g} with {c} {t}|How many {g} (have|) {p} {c} {t}?|(Count"
        "|Tell me how many) {g} (that|who) (have |){p} {c} {t}",
        rng,
        g=nouns[1],
        p=past,
        c=drawn.words,
        t=things,
    )
    extra = (f"{step.column} IS NOT NULL",) if guide.by_name[step.child, step.column].nullable else ()
    inside = scope.sql(step.column, f" GROUP BY {step.column} HAVING COUNT(*) {drawn.sql}", *extra)
    return draft(scope, question, f"SELECT COUNT(*) FROM ({inside})", step.column, "many")


@skeleton("duplicates", "medium", 0.7)
def duplicates(guide: Guide, rng: random.Random) -> Draft | None:
    """Names that occur more than once."""
    tables = [name for name in guide.entities if guide.named(name)]
    if not tables:
        return None
    scope = Scope(guide, rng, pick(rng, tables))
    label = label_sql(guide, scope.table)
    what = label_words(guide, scope.table, rng)
    question = say(
        "(Which|What) {n} (are shared by|belong to|are used by) (more than one|several|two or more|multiple) {t}?"
        "|" + SHOW + " {n} of {t} that (occur|appear) (more than once|several times|at least twice)|(Are there"
        "|Find) {t} with the same {n}? (Which|List the) {n}|duplicate {t} {n}|{n} that more than one {t1} has"
        "|" + SHOW + " duplicate {n} (of|among) {t}",
        rng,
        n=what,
        t=scope.noun(),
        t1=scope.noun(0),
    )
    columns = f"{label}, COUNT(*)" if rng.random() < 0.25 else label
    if columns != label:
        question = append(question, say(", and how often|, with the number of times|, and how many times", rng))
    return draft(scope, question, scope.sql(columns, f" GROUP BY {label} HAVING COUNT(*) > 1"), "duplicates")
