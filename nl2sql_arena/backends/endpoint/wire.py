"""What is sent to an OpenAI-compatible server and what comes back; nothing here opens a connection."""

import json
import re
from dataclasses import dataclass
from typing import Any

from nl2sql_arena import catalog
from nl2sql_arena.settings import secret
from nl2sql_arena.types import FinishReason, ModelCard, Prompt, Server

BUSY = (408, 409, 425, 429, 500, 502, 503, 504)
"""Statuses after which asking again may help."""
ENDED: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
}
"""How servers say that an answer is whole or cut; any other word means that there is no usable answer."""
QUERY = re.compile(r"(?:^|\n)\s*\(*\s*(?:SELECT|WITH|FROM|VALUES)\b", re.IGNORECASE)
CROWDED = "context size has been exceeded"
"""What llama.cpp tells all that it is answering once their shared context is full; a prompt too long by itself is refused otherwise."""
SAID_CHARS = 200


class Again(Exception):
    """An attempt gave nothing, another may; `after` is how many seconds the server asks to wait."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


class Crowded(Again):
    """The questions that are open at once fill the context that they share on the server; one after another they may fit."""


class Never(Exception):
    """Asking again would give the same: the reason."""


class NoStreaming(Exception):
    """The server refuses this way of streaming; ask for less."""


def headers(server: Server) -> dict[str, str]:
    """With the key, which is read here each time and kept nowhere."""
    key = secret(server.key_variable) if server.key_variable else ""
    return {"Authorization": f"Bearer {key}"} if key else {}


def without_key(text: str, server: Server) -> str:
    """A server's or library's words, should they repeat the key."""
    key = secret(server.key_variable) if server.key_variable else ""
    return text.replace(key, "[key]") if key else text


def body(server: Server, prompt: Prompt, cap: int, streaming: int) -> dict[str, Any]:
    """A request for a greedy answer of at most `cap` tokens. `streaming`: 2 with usage at its end, 1 without, 0 all at once.

    A chat model may open its answer with the fence that would end a continuation, so there no stop is sent.
    """
    found: dict[str, Any] = {"model": server.model, "max_tokens": cap, "temperature": 0}
    if server.api == "chat":
        found["messages"] = [{"role": "user", "content": prompt.text}]
    else:
        found["prompt"] = prompt.text
        if prompt.stop:
            found["stop"] = list(prompt.stop)
    if streaming:
        found["stream"] = True
    if streaming > 1:
        found["stream_options"] = {"include_usage": True}
    return found


@dataclass(frozen=True)
class Piece:
    """A part of an answer, or all of it; `finish` is the server's word for how it ended, counts are 0 where it does not say them."""

    text: str = ""
    finish: str = ""
    prompt_tokens: int = 0
    tokens: int = 0


def piece(data: str) -> Piece:
    """One event of a stream, or a whole answer. Raises Again for what is neither, also for an error that is sent as one."""
    try:
        said = json.loads(data)
    except ValueError as problem:
        raise Again("sent something that is not JSON") from problem
    if not isinstance(said, dict):
        raise Again("sent JSON that is no answer")
    if said.get("error"):
        raise _again(f"reports an error: {message(said)}")
    choices, usage = said.get("choices"), said.get("usage")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices) or not (choices or usage):
        raise Again("sent JSON that is no answer")
    usage = usage if isinstance(usage, dict) else {}
    choice = choices[0] if choices else {}
    part = choice.get("delta") or choice.get("message") or {}
    text = choice.get("text") or (part.get("content") if isinstance(part, dict) else "") or ""
    finish = choice.get("finish_reason") or ""
    if not isinstance(text, str) or not isinstance(finish, str):
        raise Again("sent JSON that is no answer")
    return Piece(text, finish, _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def refusal(card: ModelCard, status: int, said: str, after: str, streaming: int) -> Exception:
    """What to do about a status other than 200."""
    server = _server(card)
    text = _said(said)
    if status in (401, 403):
        step = (
            f"check the key in {server.key_variable}"
            if server.key_variable
            else "name its key's variable with --key-variable, or as server.key_variable in card.toml"
        )
        return Never(f"refuses access ({status}); {step}")
    if streaming and status in (400, 415, 422, 501) and "stream" in said.lower():
        return NoStreaming()
    if status in BUSY:
        return _again(f"answered with status {status}{text}", _seconds(after))
    if status in (404, 405):
        return Never(
            f"does not answer for the model '{server.model}' at {server.api} ({status}{text}); correct url, model or api in card.toml"
        )
    if 300 <= status < 400:
        return Never(f"redirects elsewhere ({status}); write the final address as url in card.toml")
    return Never(f"refused the request ({status}{text})")


def _again(reason: str, after: float = 0.0) -> Again:
    return Crowded(reason) if CROWDED in reason.lower() else Again(reason, after)


def _server(card: ModelCard) -> Server:
    assert card.server is not None
    return card.server


def failure(card: ModelCard, reason: str, attempts: int = 1) -> str:
    """The sentence for a completion without an answer, with no key in it."""
    tries = f" after {attempts} attempts" if attempts > 1 else ""
    return without_key(f"The server {catalog.host(card)} {reason}{tries}.", _server(card))


def message(said: Any) -> str:
    """A server's own words about an error, in whichever of the usual places."""
    found = said
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return " ".join(text.split())[:SAID_CHARS].rstrip(".")


def _said(text: str) -> str:
    """`: ` and the words of an error, where there are any that one can read."""
    try:
        words = message(json.loads(text))
    except (ValueError, RecursionError):
        words = "" if "<" in text else " ".join(text.split())[:SAID_CHARS].rstrip(".")
    return f": {words}" if words else ""


def _seconds(after: str) -> float:
    """A Retry-After header that gives seconds; a date is passed over."""
    return float(after) if after.isdecimal() else 0.0


def end(text: str, stops: tuple[str, ...], api: str) -> int | None:
    """Where an answer ends before a stop string, or None as long as none is in it.

    In chat a stop that comes before any query opens the answer (a fence, perhaps after a sentence), and the next one ends it.
    """
    found = min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)
    if found is None or api != "chat" or QUERY.search(text[:found]):
        return found
    after = found + max(len(stop) for stop in stops if text.startswith(stop, found))
    return min((at for stop in stops if (at := text.find(stop, after)) >= 0), default=None)


def shown(text: str, stops: tuple[str, ...]) -> str:
    """The text without an end that may turn out to be the beginning of a stop string."""
    held = (size for stop in stops for size in range(len(stop) - 1, 0, -1) if text.endswith(stop[:size]))
    return text[: len(text) - max(held, default=0)]


def estimate(text: str) -> int:
    """About how many tokens a text has, on the high side: four letters, one digit or one sign each, a byte of any other script.

    Published counts of SQL schemas lie near 3.3 characters a token; this gives fewer characters a token, so that a prompt that is said to
    fit does.
    """
    words = re.findall(r"[A-Za-z]+|\n| {2,}|[!-@\[-`{-~]|[^\x00-\x7f]", text)
    return 1 + sum(
        -(-len(word) // 4) if word[0].isascii() and word[0].isalpha() else len(word.encode()) if word[0] > "\x7f" else 1 for word in words
    )
