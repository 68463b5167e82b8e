"""A card -> a server that answers: whether it can be reached, which models it lists, how long a prompt it reads, how it counts tokens.

Lists and counts go beyond what OpenAI's routes promise; each server (vLLM, llama.cpp, Ollama, transformers serve) has some of them.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from nl2sql_arena import catalog
from nl2sql_arena.backends.endpoint import wire
from nl2sql_arena.backends.endpoint.client import CONNECT_SECONDS, Endpoint, Patience, unreachable
from nl2sql_arena.errors import BadCard, ModelUnavailable
from nl2sql_arena.settings import secret
from nl2sql_arena.types import ModelCard

READ_SECONDS = 20.0
CHAT_TOKENS = 64
"""Room for what a chat template puts around a prompt."""
WHOLE_LISTS = ("vllm", "llamacpp", "library")
"""Owners of models whose server (vLLM, llama.cpp, Ollama) lists all that it serves; llama.cpp answers for any name with what it holds."""
PROBE = "SELECT 1"


def load(card: ModelCard, _folder: object = None, patience: Patience | None = None) -> Endpoint:
    """Raises ModelUnavailable for a server that cannot be reached, wants another key, does not get ready, or lists other models alone."""
    if card.server is None:
        raise BadCard(f"Model {card.name} has backend 'endpoint' but no [server] table; docs/endpoints.md shows one.")
    _check_key(card)
    client = _client(card)
    listed = _models(card, client, patience or Patience())
    mine = [entry for entry in listed if _same(str(entry.get("id", "")), card.server.model)]
    if listed and not mine and all(entry.get("owned_by") in WHOLE_LISTS for entry in listed):
        names = ", ".join(str(entry.get("id"))[:100] for entry in listed[:5])
        raise _unavailable(card, f"lists no model '{card.server.model}' but {names}; correct server.model in card.toml")
    context = min([card.context, *_contexts(mine, card, client)])
    return Endpoint(card, context - CHAT_TOKENS * (card.server.api == "chat"), _tokenizer(card, client), patience)


def offered(card: ModelCard) -> dict[str, int]:
    """The models that a card's server lists, each with its longest prompt and answer in tokens, 0 where it says none.

    Raises ModelUnavailable when the server cannot be reached, wants another key or does not get ready.
    """
    _check_key(card)
    client = _client(card)
    bounds = {}
    for entry in _models(card, client, Patience()):
        bounds[str(entry.get("id", ""))] = min(_contexts([entry], card, client), default=0)
    return bounds


def _client(card: ModelCard) -> httpx.Client:
    """Not through a proxy to this machine's own server, and without connections that a forked process would share."""
    return httpx.Client(
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        trust_env=bool(catalog.elsewhere(card)),
        limits=httpx.Limits(max_keepalive_connections=0),
    )


def _check_key(card: ModelCard) -> None:
    variable = card.server.key_variable if card.server else ""
    if not variable:
        return
    key = secret(variable)
    if not key:
        raise ModelUnavailable(f"Model {card.name} needs its server's key; set the environment variable {variable} to it.")
    if not key.isascii() or any(not "!" <= char <= "~" for char in key):
        raise ModelUnavailable(f"Model {card.name} cannot use the key in {variable}, which holds blanks or letters that no key has.")


def _unavailable(card: ModelCard, reason: str) -> ModelUnavailable:
    return ModelUnavailable(f"Model {card.name} is not available: {wire.failure(card, reason)}")


def _models(card: ModelCard, client: httpx.Client, patience: Patience) -> list[dict[str, Any]]:
    """What the server lists, once it is ready; empty where it lists nothing that can be read."""
    assert card.server is not None
    until = time.monotonic() + patience.loading
    while True:
        try:
            reply = client.get(card.server.url.rstrip("/") + "/models", headers=wire.headers(card.server))
        except httpx.ReadTimeout:
            return []  # busy, or waking up: the first question will tell
        except httpx.RequestError as problem:
            step = "start it, or correct its address (server.url of a card)"
            raise _unavailable(card, f"{unreachable(problem)}; {step}") from problem
        if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        # llama.cpp loads its model and refuses even its list meanwhile; what it holds and how much it reads must not stay unknown
        if time.monotonic() >= until:
            said = str(wire.refusal(card, reply.status_code, reply.text, "", 0))
            raise _unavailable(card, f"{said} for {patience.loading:.0f} seconds; try again once it has loaded its model")
        time.sleep(min(1.0, patience.loading / 10))
    if reply.status_code in (401, 403):
        raise _unavailable(card, str(wire.refusal(card, reply.status_code, "", "", 0)))
    rows = _json(reply).get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _same(listed: str, named: str) -> bool:
    """Ollama lists `name:latest` for `name`."""
    return listed in (named, f"{named}:latest")


def _contexts(mine: list[dict[str, Any]], card: ModelCard, client: httpx.Client) -> Iterator[int]:
    """Every bound on prompt and answer together that the server states."""
    for entry in mine:
        meta = entry.get("meta")
        yield from _whole(entry.get("max_model_len"), meta.get("n_ctx") if isinstance(meta, dict) else None)
    settings = _json(_ask(card, client, "GET", "/props")).get("default_generation_settings")
    yield from _whole(settings.get("n_ctx") if isinstance(settings, dict) else None)


def _whole(*values: Any) -> Iterator[int]:
    yield from (value for value in values if type(value) is int and value > CHAT_TOKENS)


def _tokenizer(card: ModelCard, client: httpx.Client) -> Callable[[str], int] | None:
    """Counts by the server's own tokenizer, or by estimate at a moment when that does not answer; None where it has none to ask."""

    def count(text: str) -> int:
        """Of the two names for the text vLLM reads the first and llama.cpp the second."""
        said = _json(_ask(card, client, "POST", "/tokenize", {"prompt": text, "content": text, "add_special": True}))
        tokens = said.get("tokens")
        found = said.get("count") if type(said.get("count")) is int else len(tokens) if isinstance(tokens, list) else 0
        return int(found or 0)

    return (lambda text: count(text) or wire.estimate(text)) if 0 < count(PROBE) <= 2 * len(PROBE) else None


def _ask(card: ModelCard, client: httpx.Client, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response | None:
    """A route beside `/v1`; None when nothing comes back."""
    assert card.server is not None
    url = card.server.url.rstrip("/").removesuffix("/v1") + path
    try:
        sent = body and body | {"model": card.server.model}
        return client.request(method, url, json=sent, headers=wire.headers(card.server))
    except httpx.RequestError:
        return None


def _json(reply: httpx.Response | None) -> dict[str, Any]:
    """Empty for anything but an object with status 200."""
    if reply is None or reply.status_code != httpx.codes.OK:
        return {}
    try:
        said = reply.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
