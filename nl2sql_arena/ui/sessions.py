"""What the server remembers of an open page: its battle and its benchmark, so that none of it lives in the browser.

Lost on a restart; votes are not.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from nl2sql_arena.arena import Ask, Words
from nl2sql_arena.types import Battle, Example, Winner
from nl2sql_arena.ui.benchmark.state import Bench
from nl2sql_arena.votes import consent
from nl2sql_arena.votes.choosing import Offer
from nl2sql_arena.votes.consent import Consent
from nl2sql_arena.votes.details import Fix
from nl2sql_arena.votes.limits import Action, Limits, origin
from nl2sql_arena.votes.study import Seat
from nl2sql_arena.votes.study_course import Done
from nl2sql_arena.votes.voters import is_secret, voter

CAPACITY = 1_000
End = Literal["vote", "skip", "cant_tell", "undo"]
"""What closed a battle. Each but an undo comes to an open one; an undo takes a vote back and does not open it again."""


@dataclass
class Round:
    """One question, from Ask to vote. A page that asks again gets a new one, so that a late answer to the old one is never shown as its."""

    ask: Ask | None = None
    battle: Battle | None = None
    words: tuple[Words, Words] = ((), ())
    """What each side's query does."""
    failure: str = ""
    ticket: str = ""
    """What a vote must bring along; made when both results leave for the page, so that nobody votes before."""
    about_reading: bool = False
    """Whether both results are the same table, so that a vote tells only which query reads better."""
    end: End | None = None
    winner: Winner | None = None
    said: str = ""
    """What the page says of the end, once it is on disk."""
    fix: Fix | None = None
    """The query that the visitor ran last after the vote, if it gave a table."""
    delivered: str = ""
    """When both results left for the page; UTC, ISO 8601."""
    agreed: Consent | None = None
    """Under what the battle was put on disk when it was delivered; None: it was not, for the visitor had not said what may be kept."""
    asks_guess: bool = False
    """Whether the page asks which model A was; until that is answered, skipped or the vote taken back, it tells no name."""
    keeps_text: bool = False
    """Whether all of it was, so that queries and comments may be added to its vote."""
    asks_consent: bool = False
    """Whether the page asks what may be kept."""
    wanted: Winner | None = None
    """A vote that waits for that answer."""
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def ended(self) -> bool:
        return self.battle is not None or bool(self.failure)

    @property
    def named(self) -> bool:
        """Whether the page may say which model is which: once the vote is on disk, and a guess is, or where it was not blind at all."""
        return self.battle is not None and ((self.end in ("vote", "undo") and not self.is_guessing) or not self.battle.blind)

    @property
    def is_guessing(self) -> bool:
        return self.asks_guess and self.end == "vote"

    @property
    def is_open(self) -> bool:
        """Whether it waits for its vote."""
        return bool(self.battle and self.ticket and not self.end)

    @property
    def at_work(self) -> bool:
        return self.ask is not None and not self.ended


@dataclass
class Visit:
    """A voter of a study: the seat, the votes that stand, and why no further question comes; None while one may."""

    seat: Seat
    given: int = 0
    done: Done | None = None


@dataclass
class Session:
    """One open page. `lock` makes vote and ask of the same page take turns."""

    voter: str
    may_send: bool = False
    """Whether questions and schemas may go to the other hosts that the page names."""
    consent: Consent | None = None
    declined: bool = False
    """Whether the visitor has said that nothing may be kept."""
    offer: Offer | None = None
    """What the arena chose as the next question, until something is asked."""
    passed: set[tuple[str, str]] = field(default_factory=set)
    """Database and id of each question that it has offered."""
    round: Round = field(default_factory=Round)
    bench: Bench = field(default_factory=Bench)
    visit: Visit | None = None
    """Of the study that the page is for, once its consent and invite code are given."""
    is_researcher: bool = False
    """Whether the study's secret was given here."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """Nobody looks any more: whatever is at work ends."""
        self.round.stop.set()
        self.bench.stop.set()

    def is_undecided(self, example: Example) -> bool:
        """Whether an open blind battle asks this question: what is known of it would tell which side is which."""
        ask = self.round.ask
        if ask is None or not ask.blind or (self.round.end and not self.round.is_guessing):
            return False
        return (ask.db, ask.question) == (example.db, example.question.strip())

    def begin(self) -> Round:
        """A new round; the one before is stopped, should it still be at work."""
        self.round.stop.set()
        self.round = Round()
        return self.round


class Sessions:
    """The newest sessions, by Gradio's session hash; and how often each may ask and vote."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits({})
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, session_hash: str | None) -> Session:
        key = session_hash or "none"
        with self._lock:
            session = self._sessions.pop(key, None) or Session(voter=hashlib.sha256(key.encode()).hexdigest()[:16])
            self._sessions[key] = session
            while len(self._sessions) > CAPACITY:
                self._sessions.popitem(last=False)
            return session

    def recognise(self, session: Session, remembered: Any) -> bool:
        """Take over what the visitor's browser remembers: who it is and what may be kept.

        Returns False, and changes nothing, for anything else.
        """
        if not isinstance(remembered, dict) or not is_secret(remembered.get("secret")):
            return False
        session.voter = voter(remembered["secret"])
        session.consent = consent.read(remembered.get("tier"), remembered.get("version"))
        session.declined = remembered.get("tier") == "none"
        return True

    def admit(self, action: Action, request: Any) -> bool:
        """Count an ask or a vote. Returns False where the visitor's address is unknown. Raises BadInput when it is one too many."""
        client, headers = getattr(request, "client", None), getattr(request, "headers", None)
        forwarded = ",".join(headers.getlist("x-forwarded-for")) if headers is not None and hasattr(headers, "getlist") else ""
        return self._limits.admit(action, self.of(request.session_hash).voter, origin(client.host if client else "", forwarded))

    @contextmanager
    def locked(self, session_hash: str | None) -> Iterator[Session]:
        session = self.of(session_hash)
        with session.lock:
            yield session
