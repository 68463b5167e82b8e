"""Questions that need windows: best per group, running totals, ranks, changes from one period to the next; and pivots of time."""

import random

from nl2sql_arena.training.generator.filters import on_moment
from nl2sql_arena.training.generator.groups import any_measure, by_time
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope
from nl2sql_arena.training.generator.skeletons import SHOW, Draft, draft, skeleton, start
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Guide


def within_a_year(scope: Scope, chance: float = 0.4) -> None:
    """Add a filter for one year at times, so that months of that year can be asked for."""
    rng = scope.rng
    events = [item for item in scope.guide.of_role[scope.table, "moment"] if "{w}" in item.words.where]
    if events and rng.random() < chance:
        scope.add(on_moment(scope, pick(rng, events), "Y"))


@skeleton("running", "extra", 2)
def running(guide: Guide, rng: random.Random) -> Draft | None:
    """A running total over months or years."""
    scope = start(guide, rng, "moment")
    if scope is None:
        return None
    within_a_year(scope)
    restrict(scope, 1, 0, 0.1)
    group = by_time(scope, "month_of_year" if scope.year and scope.year.within == "year" else pick(rng, ("year", "year", "month")))
    if group is None or (scope.year and scope.year.within != "year"):
        return None
    measure = any_measure(scope, group)
    if measure.function not in ("", "SUM"):
        return None
    what = f"number of {scope.phrase()}" if measure.count else measure.words
    total = f"SUM({measure.sql}) OVER (ORDER BY {group.by})"
    with_own = rng.random() < 0.35
    if with_own:
        question = say(
            SHOW + " the {m} per {g} (and|with|together with) (the|a|its) (running total|cumulative total|cumulative sum)"
            "|For each {g}, (show|give) the {m} and the (running|cumulative) total|{g}, {m} and running total",
            rng,
            m=what,
            g=group.one,
        )
        columns = f"{group.show}, {measure.sql}, {total}"
    else:
        question = say(
            "(running|cumulative) total of the {m} (by|per|over the) {g}|"
            + SHOW
            + " the (running|cumulative) (total of the |){m} (by|per|for each) {g}|(What is|How does) the (running total of the"
            "|cumulative) {m} (per|by) {g}?|{m} accumulated (by|per) {g}|How did the cumulative {m} (grow|develop) {g} by {g}?",
            rng,
            m=what,
            g=group.one,
        )
        columns = f"{group.show}, {total}"
    sql = scope.sql(columns, f" GROUP BY {group.by} ORDER BY {group.by}")
    return draft(scope, question, sql, group.used, measure.used, "running")


@skeleton("change", "extra", 2.5)
def change(guide: Guide, rng: random.Random) -> Draft | None:
    """The change from the period before, absolute or in percent."""
    scope = start(guide, rng, "moment")
    if scope is None:
        return None
    within_a_year(scope)
    restrict(scope, 1, 0, 0.1)
    group = by_time(scope, "month_of_year" if scope.year and scope.year.within == "year" else pick(rng, ("year", "year", "year", "month")))
    if group is None or (scope.year and scope.year.within != "year"):
        return None
    measure = any_measure(scope, group)
    if measure.function not in ("", "SUM", "AVG"):
        return None
    what = f"number of {scope.phrase()}" if measure.count else measure.words
    before = f"LAG({measure.sql}) OVER (ORDER BY {group.by})"
    percent = rng.random() < 0.35
    unit = "year" if "year" in group.used.split(":")[0] and "month" not in group.used else "month"
    if percent:
        sql = f"100.0 * ({measure.sql} - {before}) / {before}"
        question = say(
            "By (what|how many) percent did the {m} (change|grow|increase) (from {u} to {u}|compared (to|with) the (previous"
            "|year before|prior) {u}|each {u})?|{u}-over-{u} (growth|change) (of|in) the {m} in percent|"
            + SHOW
            + " the (percentage|percent) change (of|in) the {m} (from {u} to {u}|compared to the previous {u})"
            "|{u} on {u} growth of the {m} (in %|in percent)",
            rng,
            m=what,
            u=unit,
        ).replace("year before year", "year before")
    else:
        sql = f"{measure.sql} - {before}"
        question = say(
            "How did the {m} change (from {u} to {u}|compared (to|with) the previous {u}|each {u})?|{u}-over-{u} (change"
            "|difference) (of|in) the {m}|"
            + SHOW
            + " the (change|difference) in the {m} (from {u} to {u}|compared to the (previous|prior) {u}|vs the previous {u})"
            "|For each {u}, by how much did the {m} (change|differ) (from|against) the {u} before?|{u} on {u} change of the {m}",
            rng,
            m=what,
            u=unit,
        )
    columns = f"{group.show}, {sql}"
    if rng.random() < 0.35:
        question = say(
            "For each {u}, (show|give) the {m} and (the|its) (change|difference) (from|to|compared with) the (previous {u}|{u} before)|"
            + SHOW
            + " the {m} per {u} (and|with|together with) the (change|difference) (from|to) the previous {u}",
            rng,
            m=what,
            u=unit,
        )
        columns = f"{group.show}, {measure.sql}, {measure.sql} - {before}"
    return draft(scope, question, scope.sql(columns, f" GROUP BY {group.by} ORDER BY {group.by}"), group.used, measure.used, "change")


@skeleton("busiest_time", "hard", 3)
def busiest_time(guide: Guide, rng: random.Random) -> Draft | None:
    """The year, month, weekday or day with the most rows or the largest sum."""
    scope = start(guide, rng, "moment")
    if scope is None:
        return None
    within_a_year(scope)
    restrict(scope, 1, 0, 0.1)
    group = by_time(scope)
    if group is None or any("average" in mod.used for mod in scope.mods):
        return None
    measure = any_measure(scope, group)
    down = rng.random() < 0.8
    both = rng.random() < 0.3
    side = measure.most if down else measure.least
    busy = pick(rng, ("busiest", "strongest", "best")) if down else pick(rng, ("slowest", "quietest", "weakest"))
    question = say(
        "(In which|Which|What) {g} (had|saw|has|were there|did we have) {m}?|(Which|What) (was|is) the {b} {g} (for|in terms of) {t}?"
        "|"
        + SHOW
        + " the {g} with {m}|{g} with {m}|When (did we have|were there) {m}: which {g}?|In (which|what) {g} (were|are|did) (there"
        "|we have) {m}?"
        if measure.count
        else "(In which|Which|What) {g} (had|saw|has|was there) {m}?|"
        + SHOW
        + " the {g} with {m}|{g} with {m}|In (which|what) {g} was {m2} the (highest"
        "|largest)?"
        if down
        else "(In which|Which|What) {g} (had|saw|has) {m}?|" + SHOW + " the {g} with {m}|{g} with {m}",
        rng,
        g=group.one,
        m=side,
        b=busy,
        t=scope.phrase(),
        m2=f"the {measure.words}",
    )
    if both:
        question = (
            (question[:-1] if question.endswith("?") else question) + ", and how many?"
            if measure.count
            else question + " And how much was it?"
        )
    extra = (f"{group.nullable} IS NOT NULL",) if group.nullable else ()
    sql = scope.sql(
        f"{group.show}, {measure.sql}" if both else group.show,
        f" GROUP BY {group.by} ORDER BY {measure.sql}{' DESC' if down else ''} LIMIT 1",
        *extra,
    )
    return draft(scope, question, sql, group.used, measure.used, "busiest")


@skeleton("averages_over_time", "extra", 1.2)
def average_per_period(guide: Guide, rng: random.Random) -> Draft | None:
    """How many rows there are per month or year on average."""
    scope = start(guide, rng, "moment")
    if scope is None:
        return None
    restrict(scope, 1, 0, 0.1)
    group = by_time(scope, pick(rng, ("year", "month")))
    if group is None or scope.year:
        return None
    measure = any_measure(scope, group)
    if measure.function not in ("", "SUM"):
        return None
    what = f"number of {scope.phrase()}" if measure.count else measure.words
    question = say(
        "(What is|What's|Tell me|Give me) the average {m} per {g}(?|)|average {m} per {g}|(How many|What number of) {t} (do"
        "|did) we have per {g} on average?|On average, how many {t} (are|were) there per {g}?"
        if measure.count
        else "(What is|What's|Tell me|Give me) the average {m} per {g}(?|)|average {m} per {g}|average {g}ly {m}",
        rng,
        m=what.replace("average ", ""),
        g=group.one,
        t=scope.phrase(),
    )
    inside = scope.sql(f"{measure.sql} AS n", f" GROUP BY {group.by}", *((f"{group.nullable} IS NOT NULL",) if group.nullable else ()))
    return draft(scope, question, f"SELECT AVG(n) FROM ({inside})", group.used, measure.used, "per period")
