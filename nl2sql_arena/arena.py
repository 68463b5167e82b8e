"""A battle: one question, two answers on sides shuffled here, one vote. Nothing in this room decides what a browser may see.

`fight` makes a battle, `keep` puts it on disk when both results are delivered; its vote goes to the store with the token of that.
"""

import secrets
from dataclasses import dataclass, replace
from typing import get_args

from nl2sql_arena import database
from nl2sql_arena.compare import Difference, difference
from nl2sql_arena.engine import Cancelled, refusing_too_long
from nl2sql_arena.errors import BadInput, Infrastructure
from nl2sql_arena.prompts import question_key
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import Answer, Battle, Decoding, Example, OnToken, Part, Request
from nl2sql_arena.votes.ballots import CONTROL
from nl2sql_arena.votes.choosing import PICKED, TYPED, Offer
from nl2sql_arena.votes.consent import UNKNOWN_ROWS, Consent, Kept, kept
from nl2sql_arena.votes.study import Seat

VOTES_ONLY = Consent("votes")
Words = tuple[Part, ...] | None
"""What a query does; None when that cannot be put in words."""


@dataclass(frozen=True)
class Ask:
    """What a visitor asked for; `example` when the question is one of the examples, word for word."""

    question: str
    db: str
    models: tuple[str, str]
    blind: bool
    voter: str
    example: Example | None = None
    decoding: Decoding = "greedy"
    chosen: str = ""
    """How the question was chosen, where the arena chose it (`votes.choosing`)."""


def new_ask(
    services: Services, profile: Profile, question: str, db: str, models: tuple[str, str], blind: bool, voter: str,
    decoding: str = "greedy", offer: Offer | None = None,
) -> Ask:  # fmt: skip
    """Validated, with sides shuffled when blind; of a control battle they are exchanged. `offer` is heeded where it is what is asked.

    Raises BadInput.
    """
    for name in models:
        if name not in profile.models:
            raise BadInput(f"The model '{name}' is not offered here; choose one of {', '.join(profile.models)}.")
    if models[0] == models[1]:
        raise BadInput("Choose two different models; a model cannot be compared with itself.")
    example = next((each for each in services.examples(db, "arena") if each.question == question.strip()), None)
    shuffled = models if not blind or secrets.randbelow(2) else (models[1], models[0])
    if decoding not in get_args(Decoding):
        raise BadInput(f"There is no decoding '{decoding}'; choose one of {', '.join(get_args(Decoding))}.")
    chosen = offer.chosen if offer and example and example.id == offer.question else ""
    if chosen == CONTROL:
        if blind and offer and offer.before and sorted(offer.before) == sorted(models):
            shuffled = offer.before[1], offer.before[0]
        else:
            chosen = ""  # other models or names in sight: nothing is repeated
    return Ask(question.strip(), db, shuffled, blind, voter, example, "card" if decoding == "card" else "greedy", chosen)


def fight(services: Services, profile: Profile, ask: Ask, on_token: OnToken | None = None, cancelled: Cancelled | None = None) -> Battle:
    """Both answers, run. Raises BadInput and ModelUnavailable."""
    battle_id = secrets.token_urlsafe(18)
    requests = [Request(battle_id, model, ask.db, ask.question) for model in ask.models]
    found = refusing_too_long(services.decoded(ask.decoding).engine.answers(requests, on_token, cancelled))
    answers = {answer.model: answer for answer in found}
    a, b = (answers[model] for model in ask.models)
    example = ask.example
    return Battle(
        id=battle_id,
        question=ask.question,
        db=ask.db,
        example_id=example.id if example else "",
        split=example.split if example else _split_of_typed(services, ask),
        blind=ask.blind,
        profile=profile.kind,
        a=a,
        b=b,
    )


def _split_of_typed(services: Services, ask: Ask) -> str:
    """A typed question that is a dev or test question keeps its split, so that it never becomes training data."""
    typed = question_key(ask.question)
    known = (each for name in services.databases for each in services.examples(name, "all"))
    return next((each.split for each in known if question_key(each.question) == typed), "")


def keep(
    services: Services, battle: Battle, voter: str, agreed: Consent = VOTES_ONLY, chosen: str = "", delivered: str = "",
    seat: Seat | None = None,
) -> str:  # fmt: skip
    """Put a delivered battle on disk, once, and return the token of its vote; one that cannot be voted on is not kept and has none.

    How much of it is kept follows from what the voter `agreed` to and from whose database it is on. `delivered` is when its results
    were, empty: now; `seat` the voter's in a study. Raises StoreError, and BadVote where the battle was erased or the seat is taken.
    """
    if not votable(battle):
        return ""
    revisions = _as_run(services, battle.a), _as_run(services, battle.b)
    how, left = chosen or (PICKED if battle.example_id else TYPED), keeping(services, battle, agreed)
    content = services.databases[battle.db].content
    found = compared(battle.a, battle.b)
    only = (found.only_a, found.only_b) if found else (UNKNOWN_ROWS, UNKNOWN_ROWS)
    word = _in_a_word(battle, found)
    return services.store.add_battle(battle, voter, how, revisions, word, content, agreed, left, delivered, seat, only)


def keeping(services: Services, battle: Battle, agreed: Consent) -> Kept:
    """How much of a battle is kept under what its voter agreed to."""
    return kept(agreed, is_sample(services, battle.db), bool(battle.example_id))


def is_sample(services: Services, db: str) -> bool:
    """Whether a database is one of the arena's own by its content; a visitor's may have the name of one."""
    sample = database.catalogue(services.settings).get(db)
    return sample is not None and sample.content == services.databases[db].content


def _as_run(services: Services, answer: Answer) -> str:
    """A side's revision, which votes are counted by; beams make another contestant of the same weights."""
    revision = services.revision(answer.model)
    return f"{revision} with {answer.beams} beams" if answer.beams > 1 else revision


def retry(services: Services, battle: Battle, cancelled: Cancelled | None = None, decoding: str = "greedy") -> Battle:
    """Ask the sides that our machinery failed once more. Raises Infrastructure when there are none."""
    failed = [answer.model for answer in (battle.a, battle.b) if answer.outcome == "infrastructure"]
    if not failed:
        raise Infrastructure("Both sides have answered; there is nothing to retry.")
    requests = [Request(battle.id, model, battle.db, battle.question) for model in failed]
    engine = services.decoded(decoding).engine
    fresh = {answer.model: answer for answer in engine.answers(requests, cancelled=cancelled)}
    return replace(battle, a=fresh.get(battle.a.model, battle.a), b=fresh.get(battle.b.model, battle.b))


def votable(battle: Battle) -> bool:
    """Both sides delivered: a model's failure can be voted on, our own cannot."""
    return "infrastructure" not in (battle.a.outcome, battle.b.outcome)


def in_words(services: Services, battle: Battle) -> tuple[Words, Words]:
    """What each side's query does, in sentences; empty for a side that wrote none."""
    return _in_words(services, battle.a), _in_words(services, battle.b)


def _in_words(services: Services, answer: Answer) -> Words:
    if not answer.prepared.sql or answer.outcome in ("abstained", "infrastructure"):
        return ()
    try:
        return services.sandbox.steps(answer.prepared.sql)
    except Infrastructure:
        return None


def verdict(battle: Battle) -> str:
    """One word for how the results differ: same, order, different; too_long, or incomparable when a side has no table."""
    return _in_a_word(battle, compared(battle.a, battle.b))


def _in_a_word(battle: Battle, found: Difference | None) -> str:
    if found is None:
        tables = all(side.outcome in ("ok", "empty") for side in (battle.a, battle.b))
        return "too_long" if tables else "incomparable"
    return "same" if found.same else "order" if found.same_but_order else "different"


def compared(a: Answer, b: Answer) -> Difference | None:
    """How b's table differs from a's; None when one of them is no table or was cut."""
    if any(side.outcome not in ("ok", "empty") or side.execution.truncated for side in (a, b)):
        return None
    return difference(a.execution, b.execution)
