"""What rows can be grouped by, and what is computed of each group."""

from dataclasses import dataclass

from nl2sql_arena.training.generator.aggregates import Aggregate, aggregate, over
from nl2sql_arena.training.generator.filters import names
from nl2sql_arena.training.generator.lexicon import Relation
from nl2sql_arena.training.generator.scope import Mod, Scope, key_of, reverse
from nl2sql_arena.training.generator.skeletons import column_words, label_sql, many
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Field


@dataclass(frozen=True)
class Group:
    """`show` is selected, `by` grouped by; `one` and `all` are words for a group; `parts` words for the pieces of time."""

    show: str
    by: str
    one: str
    all: str
    who: str
    used: str
    nullable: str = ""
    time: bool = False
    relation: Relation | None = None
    only_counts: bool = False


@dataclass(frozen=True)
class Measure:
    """What is computed of a group: `words` as noun phrase, `most`/`least` as object of "has" ("the most orders")."""

    sql: str
    words: str
    most: str
    least: str
    used: str
    count: bool
    item: Field | None = None
    function: str = ""


def by_column(scope: Scope, role: str = "category") -> Group | None:
    """Groups by one of the table's own columns."""
    guide, rng = scope.guide, scope.rng
    pool = [item for item in guide.of_role[scope.table, role] if not any(f"{item.table}.{item.name}" in mod.used for mod in scope.mods)]
    if not pool:
        return None
    item = pick(rng, pool)
    word = column_words(item, guide, rng)
    return Group(item.sql, item.sql, word, many(word), "that", f"{item.table}.{item.name}", item.sql if item.nullable else "")


TIME_PARTS = {
    "year": ("YEAR({})", ("year", "calendar year")),
    "month_of_year": ("MONTH({})", ("month", "calendar month")),
    "month": ("DATE_TRUNC('month', {})", ("month",)),
    "quarter_of_year": ("QUARTER({})", ("quarter",)),
    "weekday": ("DAYNAME({})", ("weekday", "day of the week", "weekday")),
    "hour": ("HOUR({})", ("hour of the day", "hour")),
}


def by_time(scope: Scope, only: str = "") -> Group | None:
    """Groups by a piece of one of the table's dates; months are of the year when the rows lie within one."""
    guide, rng = scope.guide, scope.rng
    pool = guide.of_role[scope.table, "moment"]
    if not pool:
        return None
    limited = scope.year
    events = [x for x in pool if "{w}" in x.words.where]
    item = pick(rng, events) if events and rng.random() < 0.8 else pick(rng, pool)
    if limited:
        item = next((x for x in pool if f"{x.table}.{x.name}" in limited.used), item)
        parts = ["month_of_year", "month_of_year", "quarter_of_year", "weekday"] if limited.within == "year" else ["weekday"]
    else:
        if any(f"{item.table}.{item.name}" in mod.used for mod in scope.mods):
            return None
        parts = ["year", "year", "year", "year", "month", "weekday"]
    if item.timed and not limited:
        parts.append("hour")
    part = only or pick(rng, parts)
    form, words = TIME_PARTS[part]
    sql = form.format(item.sql)
    word = pick(rng, words)
    if len(pool) > 1 and item.words.where and rng.random() < 0.3 and part == "year":
        word = f"year of {names(item, rng)}" if rng.random() < 0.5 else f"{names(item, rng)} year"
    if not limited and item not in events:
        happened(scope, item)
    return Group(sql, sql, word, many(word), "that", f"{part}:{item.table}.{item.name}", item.sql if item.nullable else "", True)


def happened(scope: Scope, item: Field) -> None:
    """Say of which of its dates the rows are grouped: "customers *who joined*"; a filter in words only."""
    verbs = [word for word in item.words.where if word.endswith(" {w}") and not word.startswith("{") and len(word.split()) < 4]
    if not verbs:
        scope.mods.append(Mod("", "by " + names(item, scope.rng)))
        return
    word = pick(scope.rng, verbs)[:-4]
    verb = word[1:] if word.startswith("+") else f"were {word}"
    scope.mods.append(Mod("", f"{scope.who} {verb}" if word.startswith("+") or scope.rng.random() < 0.5 else word, verb))


def by_parent(scope: Scope, named: bool = True) -> Group | None:
    """Groups by the row that the rows belong to, or by one of its columns; joins what it needs."""
    guide, rng = scope.guide, scope.rng
    found = [r for r in guide.ups[scope.table] if all(step.down for step in r.steps)]
    if not found:
        return None
    relation = pick(rng, found)
    back = reverse(relation)
    if not scope.can_join(back):
        return None
    only_counts = bool(relation.called and relation.count) and rng.random() < 0.35
    nouns = relation.called if relation.called and not only_counts else guide.tables[relation.one].nouns
    one, all_ = nouns[0 if rng.random() < 0.6 else int(rng.random() * len(nouns))]
    label = guide.label(relation.one)
    if named and (guide.named(relation.one) or rng.random() < 0.1):
        scope.join(back)
        keys = key_of(guide, relation.one)
        by = ", ".join(dict.fromkeys([*keys, *(item.sql for item in label)]))
        return Group(
            label_sql(guide, relation.one),
            by,
            one,
            all_,
            guide.tables[relation.one].who,
            f"{relation.one}.label",
            relation=relation,
            only_counts=only_counts,
        )
    pool = guide.of_role[relation.one, "category"]
    if not pool:
        return None
    one = pick(rng, relation.called or nouns)[0]
    scope.join(back)
    item = pick(rng, pool)
    column = column_words(item, guide, rng)
    word = say("{o} {c}|{c} of the {o}|{o}'s {c}" + ("" if relation.called else "|{c}"), rng, o=one, c=column)
    return Group(
        item.sql,
        item.sql,
        word,
        f"{one} {many(column)}" if rng.random() < 0.5 else many(column),
        "that",
        f"{item.table}.{item.name}",
        item.sql if item.nullable else "",
    )


def any_group(scope: Scope) -> Group | None:
    chance = scope.rng.random()
    if chance < 0.35:
        return by_column(scope)
    if chance < 0.52:
        return by_time(scope)
    if chance < 0.55:
        return by_column(scope, "year")
    return by_parent(scope, scope.rng.random() < 0.72)


def any_measure(scope: Scope, group: Group) -> Measure:
    """A count, mostly; else a sum or average of a measure. The filters of the scope must be complete."""
    rng = scope.rng
    if not group.only_counts and rng.random() < 0.45:
        made = aggregate(scope, "AVG AVG AVG AVG SUM SUM SUM SUM MAX MIN MEDIAN")
        if made:
            return of_aggregate(made, scope)
    return of_count(scope, group)


def of_count(scope: Scope, group: Group) -> Measure:
    rng = scope.rng
    noun = ""
    if group.relation and group.relation.count and (group.only_counts or rng.random() < 0.4):
        noun = pick(rng, group.relation.count)[1]
    things = scope.phrase(1, noun)
    words = say("number of {t}|number of {t}|{t} count|count of {t}|total number of {t}", rng, t=things)
    most = say("the most {t}|the (highest|largest|greatest) number of {t}|most {t}|the biggest number of {t}", rng, t=things)
    least = say("the fewest {t}|the (lowest|smallest) number of {t}|fewest {t}|the least {t}", rng, t=things)
    return Measure("COUNT(*)", words, most, least, "count", True)


def of_aggregate(made: Aggregate, scope: Scope) -> Measure:
    rng = scope.rng
    thing = scope.phrase()
    words = made.words
    plain = (
        words
        if not scope.mods and rng.random() < 0.55
        else say("{w} (of|for) (its|the|all|) {t}|{w} of {t}|{w} for {t}", rng, w=words, t=thing)
    )
    most = say("the (highest|largest|biggest|greatest|most) {w}", rng, w=plain)
    least = say("the (lowest|smallest|least) {w}", rng, w=plain)
    return Measure(made.sql, plain, most, least, made.used, False, made.item, made.function)


def sum_of(relation: Relation, name: str, scope: Scope) -> Aggregate:
    return over(scope.guide.by_name[relation.many, name], "SUM", scope.rng)
