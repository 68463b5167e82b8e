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
