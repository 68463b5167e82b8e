"""What proves that a vote is on a battle that this arena delivered to this voter: an HMAC (RFC 2104, SHA-256) of both."""

import hashlib
import hmac

from nl2sql_arena.errors import BadVote


def token(key: bytes, battle_id: str, voter: str) -> str:
    """64 hexadecimal digits. That it is used once is the store's business."""
    return hmac.new(key, f"{len(battle_id)}:{battle_id}:{voter}".encode(), hashlib.sha256).hexdigest()


def check(key: bytes, battle_id: str, voter: str, given: str) -> None:
    """Raises BadVote for no token, and for one of another battle, voter or arena."""
    if not given:
        raise BadVote("A vote needs the token that came with its battle; ask a question first.")
    if not hmac.compare_digest(token(key, battle_id, voter).encode(), given.encode()):
        raise BadVote("This token is not of this battle and visitor; ask a question first.")


def ticket(battle_id: str, given: str) -> str:
    """What a page brings along with its vote: the battle and its token, so that a vote outlives a restart of the app."""
    return f"{battle_id}.{given}"


def read(text: str) -> tuple[str, str]:
    """The battle and token of a ticket; empty ones where it is none."""
    battle_id, _, given = text.rpartition(".")
    return battle_id, given if battle_id else ""
