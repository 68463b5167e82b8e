"""Questions that the database cannot answer; their query says so."""

import random

from nl2sql_arena.training.generator.filters import on_label
from nl2sql_arena.training.generator.relations import restrict
from nl2sql_arena.training.generator.scope import Scope
from nl2sql_arena.training.generator.skeletons import ASK, SHOW, WHICH, Draft, skeleton
from nl2sql_arena.training.generator.templates import pick, say
from nl2sql_arena.training.generator.world import Guide

ABSTAIN = "SELECT 'I do not know' AS answer"

OF_PERSONS = (
    "shoe size", "favourite colour", "favorite color", "marital status", "number of children", "hobby", "hobbies", "eye colour",
    "blood type", "religion", "passport number", "credit score", "mother tongue", "favourite food", "home address", "Twitter handle",
    "LinkedIn profile", "driving licence number", "height", "weight", "political party", "emergency contact", "education level",
    "allergies", "phone number", "bank details", "social security number", "monthly income", "favourite song", "star sign", "mood",
    "tax number", "car", "pet's name", "middle name", "job satisfaction",
)  # fmt: skip
OF_THINGS = (
    "carbon footprint", "profit margin", "supplier", "warranty", "warranty period", "country of origin", "insurance value", "barcode",
    "colour", "resale value", "production cost", "serial number", "inventor", "energy consumption", "noise level", "ingredients",
    "expiry date", "target audience", "marketing budget", "instruction manual", "photo", "designer", "failure rate", "recycling rate",
    "temperature", "manufacturing date", "competitor price", "electricity bill", "wifi password", "number of likes", "tax rate",
    "parking fee", "opening hours", "phone number", "website", "square footage", "owner's nationality", "logo colour",
)  # fmt: skip
OF_ANYTHING = (
    "reason", "weather", "exchange rate", "customer satisfaction score", "carbon emissions", "profit", "advertising cost",
    "GPS coordinates", "number of website clicks", "response time", "satisfaction", "net promoter score", "insurance cost",
    "employee turnover", "CO2 emissions", "energy cost", "rainfall", "stock market price", "waiting list length", "internet speed",
    "sentiment", "fuel consumption", "queue length", "number of complaints by e-mail",
)  # fmt: skip
FORECASTS = (
    "(How many|What number of) {t} will (there be|we have) (next year|next month|in 2030|in five years|tomorrow)?|(Predict|Forecast"
    "|Estimate) the number of {t} for (next year|next month|the next quarter|2030)|Will (the number of {t}|there be more {t}) (go up"
    "|rise|increase|next year|) (next year|in the future|soon)?"
    "|What will the (number|share) of {t} be (next year|in 2030)?|Which {one} (will be|is going to be) the (most popular|best"
    "|biggest) (next year|in the future)?"
)
OPINIONS = (
    "Which {one} is the (nicest|friendliest|funniest|prettiest|coolest|most beautiful|kindest|smartest|most likeable)?"
    "|Which {t} (should we (hire|buy|close|promote|drop|keep)|do you (like|recommend|prefer))?|Why (do|did) (so many"
    "|so few) {t} (leave|complain|fail|change)?|What do (people|customers) think (of|about) (the|our) {t}?"
    "|Who is the (best looking|most handsome|happiest|most honest) {one}?|Why are there (so many|so few) {t}?|Is it (worth it"
    "|a good idea) to (keep|add|have) more {t}?|How can we (improve|increase|get more) (the|our|) {t}?|What is the (best"
    "|easiest) way to (get|find) more {t}?|Are (the|our) {t} happy?"
)
ENTITIES = (
    "parking spaces", "vending machines", "security cameras", "solar panels", "company cars", "board members", "shareholders", "lawsuits",
    "coffee machines", "fire drills", "press releases", "job applicants", "interns", "swimming pools", "helicopters", "satellites",
    "competitors", "patents", "newspapers", "charging points", "elevators", "printers", "warehouses", "franchises", "sponsors", "drones",
    "robots", "laptops", "meeting rooms", "strikes", "trade unions", "podcasts",
)  # fmt: skip
ALIEN = (
    ASK + " {a} of {x}(?|)|What {a} does {x} have?|{x}'s {a}|" + SHOW + " (me|) the {a} of {x}",
    ASK
    + " average {a} of (the|all|our|) {np}(?|)|"
    + SHOW
    + " (the|all|) {np} (with|and) (their|the) {a}|"
    + WHICH
    + " {one} has the (highest|lowest|best|worst|longest) {a}?|{a} of {np}|List the {a} of (all|the|) {np}|How does the {a} (differ"
    "|vary) between {np}?"
    "|" + SHOW + " the {a} (per|for each|by) {one}|{np} by {a}|How many {np} (are there|do we have) (per|by|for each) {a}?"
    "|What is the {a} of {np}?|total {a} of {np}|top 5 {np} by {a}|Do we know the {a} of (the|our) {np}?",
)


def missing(guide: Guide, rng: random.Random, pool: tuple[str, ...]) -> str:
    """An attribute or thing of which no word is known here; empty when none was found."""
    known = guide.known_words
    for _ in range(6):
        text = pick(rng, pool)
        if not known & set(text.lower().replace("'s", "").split()) and text.rstrip("s") not in known:
            return text
    return ""


@skeleton("unknown", "easy", 6)
def unknown(guide: Guide, rng: random.Random) -> Draft | None:
    """An attribute or a kind of thing that the database does not hold, a forecast, an opinion."""
    scope = Scope(guide, rng, pick(rng, guide.entities))
    nouns = pick(rng, guide.tables[scope.table].nouns)
    chance = rng.random()
    if chance < 0.1:
        return Draft(say(FORECASTS, rng, t=nouns[1], one=nouns[0]), ABSTAIN, (scope.table, "forecast"))
    if chance < 0.2:
        return Draft(say(OPINIONS, rng, t=nouns[1], one=nouns[0]), ABSTAIN, (scope.table, "opinion"))
    if chance < 0.33:
        thing = missing(guide, rng, ENTITIES)
        return (
            Draft(
                say(
                    "How many {e} (do we have|are there)?|"
                    + SHOW
                    + " (all|the|our|) {e}|(number|count) of {e} (per|by) {one}|Which {one} has the most {e}?"
                    "|Which {t} have {e}?",
                    rng,
                    e=thing,
                    one=nouns[0],
                    t=nouns[1],
                ),
                ABSTAIN,
                (scope.table, "entity"),
            )
            if thing
            else None
        )
    if guide.lexicon.lacks and rng.random() < 0.5:
        table, _, text = pick(rng, guide.lexicon.lacks).rpartition(":")
        if table.strip():
            scope = Scope(guide, rng, table.strip())
            nouns = pick(rng, guide.tables[scope.table].nouns)
        attribute = text.strip()
    else:
        pool = OF_ANYTHING if rng.random() < 0.2 else OF_PERSONS if scope.who == "who" else OF_THINGS
        attribute = missing(guide, rng, pool)
    if not attribute:
        return None
    mod = on_label(scope, scope.table) if rng.random() < 0.3 else None
    if mod:
        return Draft(say(ALIEN[0], rng, a=attribute, x=mod.adjective), ABSTAIN, (scope.table, "attribute"))
    restrict(scope, 1, 0, 0.1)
    return Draft(say(ALIEN[1], rng, a=attribute, np=scope.phrase(), one=nouns[0]), ABSTAIN, (scope.table, "attribute"))
