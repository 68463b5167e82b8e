"""What the server remembers of an open page: its battle, so that none of it lives in the browser.

Lost on a restart; votes are not.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nl2sql_arena.arena import Ask
from nl2sql_arena.types import Battle

CAPACITY = 1_000


@dataclass
class Session:
    """One open page. `lock` makes vote and ask of the same page take turns."""

    voter: str
    ask: Ask | None = None
    battle: Battle | None = None
    failure: str = ""
    voted: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Forget the previous battle."""
        self.ask = self.battle = None
        self.failure, self.voted = "", False
        self.stop = threading.Event()


class Sessions:
    """The newest sessions, by Gradio's session hash."""

    def __init__(self) -> None:
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

    @contextmanager
    def locked(self, session_hash: str | None) -> Iterator[Session]:
        session = self.of(session_hash)
        with session.lock:
            yield session
