"""How often one page and one address may do what costs something. Held in memory alone, under a salted hash whose salt is new every day.

A limit is a bucket that leaks (the generic cell rate algorithm): so many at once at most, after that evenly over the hour. Covered: a
script that floods the arena from few addresses. Not covered: many addresses; those votes are flagged by what they look like (`flags`).
"""

import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Literal

from nl2sql_arena.errors import BadInput

Action = Literal["ask", "vote", "query", "file", "run", "enter"]
"""A question to two models, a vote, a query of one's own, a file of votes or of a run, a benchmark run, a try of a study's code."""
WORDS: dict[Action, str] = {
    "ask": "questions", "vote": "votes", "query": "queries", "file": "files", "run": "benchmark runs", "enter": "codes",
}  # fmt: skip
HOUR, DAY = 3600.0, 86400.0
FOR_AN_ADDRESS = 5
"""How many pages' worth one address has: several people may share it."""
MOST_KEYS = 20_000
LOCAL = "local"
"""The origin of whoever sits at this machine, and is not limited."""


class Limits:
    """Safe for several threads. `an_hour` is for each page; 0 is no limit."""

    def __init__(
        self,
        an_hour: Mapping[Action, int],
        clock: Callable[[], float] = time.monotonic,
        new_salt: Callable[[], bytes] = lambda: secrets.token_bytes(32),
    ) -> None:
        self._an_hour, self._clock, self._new_salt = an_hour, clock, new_salt
        self._full: dict[bytes, float] = {}
        """When each bucket is empty again; those of earlier salts are gone with their salt."""
        self._salt, self._salted = new_salt(), clock()
        self._lock = threading.Lock()

    def admit(self, action: Action, voter: str, origin: str) -> bool:
        """Count one action. Returns False where the address is unknown, so that only the page was limited.

        Raises BadInput with how long to wait; what is refused is not counted.
        """
        count = self._an_hour.get(action, 0)
        if not count or origin == LOCAL:
            return True
        with self._lock:
            now = self._clock()
            self._forget(now)
            buckets = [(self._key(action, "page", voter), count, "page")]
            if origin:
                buckets.append((self._key(action, "address", origin), count * FOR_AN_ADDRESS, "address"))
            for key, most, whose in buckets:
                if (wait := self._wait(key, most, now)) > 0:
                    raise BadInput(f"At most {most} {WORDS[action]} in an hour are taken from one {whose}; go on in {_spoken(wait)}.")
            for key, most, _ in buckets:
                self._full[key] = max(self._full.get(key, now), now) + HOUR / most
        return bool(origin)

    def _wait(self, key: bytes, most: int, now: float) -> float:
        """Seconds until there is room for one more."""
        return self._full.get(key, now) - now + HOUR / most - HOUR - 1e-6

    def _key(self, action: Action, kind: str, name: str) -> bytes:
        return hmac.new(self._salt, f"{action}:{kind}:{name}".encode(), hashlib.sha256).digest()[:16]

    def _forget(self, now: float) -> None:
        if now - self._salted >= DAY:
            self._salt, self._salted = self._new_salt(), now
            self._full.clear()
        if len(self._full) >= MOST_KEYS:
            self._full = {key: full for key, full in self._full.items() if full > now}
            for key in sorted(self._full, key=self._full.__getitem__)[: max(0, len(self._full) - MOST_KEYS // 2)]:
                del self._full[key]  # the emptiest


def origin(peer: str, forwarded: str) -> str:
    """Where a request comes from: an address, `LOCAL`, or empty where that is unknown.

    `forwarded` is the header X-Forwarded-For, to which each proxy appends whom it speaks with; what stands left of that anybody can write.
    So the right-most public address counts, else, without a proxy, the peer. Of an IPv6 address the network (/64) counts.
    """
    hops = [address for text in (*forwarded.split(","), peer) if (address := _address(text))]
    public = [address for address in hops if address.is_global]
    if public:
        return _network(public[-1])
    if forwarded.strip() or not hops:
        return ""
    return LOCAL if hops[-1].is_loopback else _network(hops[-1])


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes"
