"""A voter's two ids: a random secret that only the voter's browser keeps, and the id made of it, under which votes are kept. Pure.

The id is shown and may be told to whoever runs the arena, who can erase by it; nobody votes or erases under an id without its secret,
and the secret cannot be found from the id.
"""

import re
import secrets
from hashlib import sha256

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, without I, L, O and U, which are misread."""
SIZE, GROUP = 12, 4
MARK = "voter "
SECRET = re.compile(r"[\w-]{32,64}", re.ASCII)


def new_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def is_secret(given: object) -> bool:
    return isinstance(given, str) and SECRET.fullmatch(given) is not None


def voter(secret: str) -> str:
    """The id of a secret, such as 7F3K-9QXA-2MPB: 60 bits of its hash."""
    number = int.from_bytes(sha256(f"voter {secret}".encode()).digest()[:8]) >> 4
    return _grouped("".join(SYMBOLS[number >> 5 * place & 31] for place in reversed(range(SIZE))))


def as_kept(typed: str) -> str:
    """An id as it is kept, of one that a person typed, with small letters or without dashes; anything else as it is."""
    found = re.sub(r"[\s-]", "", typed.upper()).translate(str.maketrans("OIL", "011"))
    return _grouped(found) if len(found) == SIZE and set(found) <= set(SYMBOLS) else typed.strip()


def mark(voter: str) -> str:
    """What stands among the tombstones for a voter whose votes were erased; the id itself cannot be found from it."""
    return MARK + sha256(f"erased {voter}".encode()).hexdigest()[:32]


def _grouped(symbols: str) -> str:
    return "-".join(symbols[at : at + GROUP] for at in range(0, SIZE, GROUP))
