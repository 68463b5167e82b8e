"""Filters over foreign keys: on what a row belongs to, and on what belongs to it."""

from nl2sql_arena.schema import literal
from nl2sql_arena.training.generator.amounts import period
from nl2sql_arena.training.generator.filters import any_filter, on_label, text_value, value_words
from nl2sql_arena.training.generator.lexicon import Relation
from nl2sql_arena.training.generator.scope import Mod, Scope, from_words, reverse
from nl2sql_arena.training.generator.templates import participle, pick, say
from nl2sql_arena.training.generator.world import plain


def belongs(scope: Scope) -> Mod | None:
    """A filter on a row that this one belongs to: "orders placed by customers from Germany"."""
    guide, rng = scope.guide, scope.rng
    found = [relation for relation in guide.ups[scope.table] if relation.by]
    if not found:
        return None
    relation = pick(rng, found)
    back = reverse(relation)
    if any(not step.down for step in relation.steps) or not scope.can_join(back):
        return None
    if relation.bare and rng.random() < 0.45:
        return bare_value(scope, relation)
    inner = Scope(guide, rng, relation.one)
    mod = on_label(inner, relation.one) if rng.random() < 0.45 else None
    if mod:
        called = guide.tables[relation.one]
        text = mod.adjective
        if rng.random() < 0.25:
            text = f"the {called.nouns[0][0]} {text}" if rng.random() < 0.5 else f"{called.nouns[0][0]} {text}"
        inner.add(mod)
    else:
        mod = any_filter(inner, relation.one)
        if mod is None:
            return None
        inner.add(mod)
        text = say("{x}|{x}|the {x}|a {y}", rng, x=inner.phrase(), y=inner.phrase(0))
    if scope.clashes(mod):
        return None
    scope.join(back)
    post, verb = from_words(relation.by, scope.who, rng, p=text)
    return Mod(mod.sql, post, verb, "", (*mod.used, relation.steps[-1].column), mod.year, mod.within)


def bare_value(scope: Scope, relation: Relation) -> Mod | None:
    """A value of the owner said as if it were the row's own: "orders from Germany"."""
    guide, rng = scope.guide, scope.rng
    name = pick(rng, tuple(relation.bare))
    item = guide.by_name[relation.one, name]
    value = text_value(guide, item, rng)
    post = f"{pick(rng, relation.bare[name])} {value_words(item, value, rng)}"
    used = (f"{item.table}.{item.name}", relation.steps[-1].column, "bare")
    mod = Mod(f"{item.sql} = {literal(value)}", post, f"{pick(rng, ('are', 'were'))} {post}", used=used)
    if scope.clashes(mod):
        return None
    scope.join(reverse(relation))
    return mod


def has(scope: Scope, plain_only: bool = False, negative: float = 0.4) -> Mod | None:
    """A filter on rows that belong to this one: "customers who never placed an order", "who bought Headphones"."""
    guide, rng = scope.guide, scope.rng
    found = guide.downs[scope.table]
    if not found:
        return None
    relation = pick(rng, found)
    if any(step.child in scope.tables or step.parent in scope.tables[1:] for step in relation.steps):
        return None
    return has_relation(scope, relation, None if plain_only else rng.random() < 0.6, rng.random() < negative)


def has_relation(scope: Scope, relation: Relation, filtered: bool | None, negative: bool) -> Mod | None:
    guide, rng = scope.guide, scope.rng
    inner = Scope(guide, rng, relation.many)
    if relation.steps[0].parent != scope.table or not inner.can_join(reverse(relation)[:-1]) or scope.table == relation.many:
        return None
    detail = ""
    if filtered:
        mod = on_label(inner, relation.many) if rng.random() < 0.5 else None
        named = mod is not None
        mod = mod or any_filter(inner, relation.many)
        if mod is None or "average" in mod.used:
            return None
        inner.add(mod)
        detail = mod.adjective if named else ""
    when = inner_time(scope, relation, inner)
    sql = exists(relation, inner, negative)
    verb, post = (text and f"{text} {when}" for text in has_words(scope, relation, inner, detail, negative))
    used = (*inner.used, *(step.column for step in relation.steps), "not exists" if negative else "exists")
    return Mod(sql, post, verb, "", used)


def inner_time(scope: Scope, relation: Relation, inner: Scope) -> str:
    """At times a period for the link in between: "who bought headphones *in 2023*"; added to the conditions of `inner`."""
    guide, rng = scope.guide, scope.rng
    if len(relation.steps) < 2 or rng.random() > 0.3:
        return ""
    moments = [
        item
        for step in relation.steps
        for item in guide.of_role[step.child, "moment"]
        if "{w}" in item.words.where and step.child != relation.many
    ]
    if not moments:
        return ""
    drawn = period(rng, moments[0], guide.range_of(moments[0]), "YYYYYMMQSRH")
    inner.mods.append(Mod(drawn.sql, "", used=(f"{moments[0].table}.{moments[0].name}",)))
    inner.used.append(f"{moments[0].table}.{moments[0].name}")
    return drawn.words


def exists(relation: Relation, inner: Scope, negative: bool) -> str:
    """EXISTS over the first table below the outer row; further tables are joined in walking order."""
    first = relation.steps[0]
    joins = "".join(f" JOIN {step.target} ON {step.on}" for step in relation.steps[1:])
    conditions = "".join(f" AND {mod.sql}" for mod in inner.mods)
    return plain(f"{'NOT ' if negative else ''}EXISTS (SELECT 1 FROM {first.child}{joins} WHERE {first.on}{conditions})", ())


def has_words(scope: Scope, relation: Relation, inner: Scope, detail: str, negative: bool) -> tuple[str, str]:
    """(verb phrase, post) of a relation in the perfect or past, positive or negative."""
    rng, who = scope.rng, scope.who
    if not any(mod.post for mod in inner.mods) and negative and relation.none and rng.random() < 0.6:
        post, verb = from_words(relation.none, who, rng)
        return verb, post
    if not any(mod.post for mod in inner.mods) and not negative and relation.some and rng.random() < 0.6:
        post, verb = from_words(relation.some, who, rng)
        return verb, post
    past, base = pick(rng, relation.does) if relation.does else ("had", "have")
    done = participle(past)
    if detail:
        thing = scope.guide.tables[relation.many].nouns[0][0]
        objects = say("{d}|{d}|{d}|the {t} {d}", rng, d=detail, t=thing)
        article = objects
    else:
        objects = inner.phrase()
        one = inner.phrase(0)
        article = f"{'an' if one[:1].lower() in 'aeiou' else 'a'} {one}"
        if relation.count and not any(mod.post for mod in inner.mods):
            objects = pick(rng, relation.count)[1]
            article = f"a {pick(rng, relation.count)[0]}"
    if negative:
        verb = say(
            "have never {done} {a}|never {past} {a}|(did not|didn't) {base} (any|) {o}|have not {done} any {o}|never {past} {any} {o}"
            "|have {done} no {o}",
            rng,
            past=past,
            done=done,
            base=base,
            a=article,
            o=objects,
            any="" if detail else "any",
        )
        if detail:
            verb = verb.replace(" any ", " ").replace("have " + done + " no ", "have not " + done + " ")
    else:
        verb = say(
            "have {done} {a}|{past} {a}|{past} {o}|{past} (at least one {one}|{a})|have {done} {o}",
            rng,
            past=past,
            done=done,
            a=article,
            o=objects,
            one=objects if detail else inner.phrase(0),
        )
        if detail:
            verb = verb.replace("at least one ", "")
    post = f"{who} {verb}"
    if past == "had" and rng.random() < 0.6 and not detail:
        post = say(
            "(without|with no|with zero) {o}|without any {o}" if negative else "with {o}|with at least one {one}|having {o}",
            rng,
            o=objects,
            one=inner.phrase(0),
        )
    return verb, post


def restrict(scope: Scope, most: int = 2, least: int = 0, deep: float = 0.3) -> None:
    """Add a random number of filters to the scope."""
    rng = scope.rng
    wanted = least + int(rng.random() ** 1.5 * (most - least + 1))
    for _ in range(wanted):
        chance = rng.random()
        mod = belongs(scope) if chance < deep else has(scope) if chance < deep * 1.3 and not scope.mods else any_filter(scope, scope.table)
        if mod is None:
            mod = any_filter(scope, scope.table)
        if mod is not None and not scope.clashes(mod):
            scope.add(mod)
