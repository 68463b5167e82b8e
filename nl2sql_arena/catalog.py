"""`models/<name>/card.toml` -> ModelCard. Nothing is loaded here.

A card may have a `[fallback]` table: while the adapter that it names has no weights, those keys replace its own.
"""

import hashlib
import ipaddress
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import SplitResult, urlsplit

from nl2sql_arena.errors import BadCard
from nl2sql_arena.hub import Hub
from nl2sql_arena.prompts import FORMATS
from nl2sql_arena.types import Api, Dialect, Generation, Kind, ModelCard, Server, Weights

CARD = "card.toml"
TABLES = ("base", "adapter", "generation", "fallback", "server")
COMMIT = re.compile(r"[0-9a-f]{40}")
UNPINNED = "unpinned"


def load(models: Path) -> dict[str, ModelCard]:
    """All cards, by name, in the order of their folders. Raises BadCard naming the file and what is wrong."""
    return {card.name: card for card in (read(path) for path in sorted(models.glob(f"*/{CARD}")))}


def read(path: Path) -> ModelCard:
    """One card. Raises BadCard."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise BadCard(f"{path} cannot be read ({problem}); correct it or remove its folder.") from problem
    for key in TABLES:
        if not isinstance(fields.get(key, {}), dict):
            raise BadCard(f"{path} gives {key} as a plain value; write it as a table.")
    fallback = fields.pop("fallback", None)
    if fallback and not has_weights(path.parent / fields.get("adapter", {}).get("id", "adapter")):
        fields.pop("adapter", None)
        fields |= fallback
    try:
        card = _card(fields)
    except (KeyError, TypeError) as problem:
        raise BadCard(f"{path} lacks or misnames a field ({problem}); compare it with another card.") from problem
    wrong = [
        f"{key} = {value!r}, not one of {', '.join(allowed)}"
        for key, value, allowed in (
            ("format", card.format, tuple(FORMATS)),
            ("kind", card.kind, get_args(Kind)),
            ("dialect", card.dialect, get_args(Dialect)),
            ("name", card.name, (path.parent.name,)),
        )
        if value not in allowed
    ]
    numbers = {"context": card.context, "max_new_tokens": card.generation.max_new_tokens, "num_beams": card.generation.num_beams}
    numbers |= {"published_beams": card.published_beams}
    if card.server:
        numbers |= {"server.concurrency": card.server.concurrency, "server.seconds": card.server.seconds}
    wrong += [f"{key} = {value!r}, not a whole number above 0" for key, value in numbers.items() if type(value) is not int or value < 1]
    wrong += wrong_server(card)
    if wrong:
        raise BadCard(f"{path} says {'; '.join(wrong)}.")
    return card


def _card(fields: dict[str, Any]) -> ModelCard:
    adapter = fields.pop("adapter", None)
    server = fields.pop("server", None)
    return ModelCard(
        **{key: value for key, value in fields.items() if key not in ("base", "generation", "learned")},
        server=Server(**server) if server else None,
        base=Weights(**fields["base"]),
        adapter=Weights(**adapter) if adapter else None,
        generation=Generation(**fields.get("generation", {})),
        learned=tuple(fields.get("learned", ())),
    )


def wrong_server(card: ModelCard) -> list[str]:
    """What is wrong with where a card's model answers. A value that may be a key is never repeated."""
    server = card.server
    if (card.backend == "endpoint") != (server is not None):
        return ["backend = 'endpoint' without a [server] table, or one without the other"]
    if server is None:
        return []
    wrong = []
    parts = _address(server.url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        wrong.append("a server.url that is not like http://127.0.0.1:8080/v1")
    elif "@" in parts.netloc:
        wrong.append("a server.url that holds a name or password; name the variable of a key as server.key_variable")
    elif server.key_variable and parts.scheme == "http" and not _is_near(parts.hostname):
        wrong.append("a server.url that would send the key unencrypted; write https")
    if server.api not in get_args(Api):
        wrong.append(f"server.api = {server.api!r}, not one of {', '.join(get_args(Api))}")
    if not isinstance(server.model, str) or not server.model.strip():
        wrong.append("an empty server.model, which must be the model's id on the server")
    if not isinstance(server.key_variable, str) or not re.fullmatch(r"(?:[A-Z_][A-Z0-9_]{0,63})?", server.key_variable):
        wrong.append("a server.key_variable that is no name of an environment variable, such as MY_SERVER_KEY")
    if card.adapter or card.generation.num_beams > 1:
        wrong.append("an adapter or beams, which cannot be asked of a server")
    return wrong


def _address(url: Any) -> SplitResult | None:
    """None for what is no address."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no number
    except ValueError:
        return None
    return parts


def host(card: ModelCard) -> str:
    """`name:port` of the server that a card's model answers on; empty for a model of this process."""
    return urlsplit(card.server.url).netloc if card.server else ""


def elsewhere(card: ModelCard) -> str:
    """The host that gets question, schema and values when it is another machine than this one; else empty."""
    return host(card) if card.server and not _is_here(urlsplit(card.server.url).hostname or "") else ""


def _is_here(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _ip(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _is_near(name: str) -> bool:
    """Whether that is this machine or one of a private network."""
    address = _ip(name)
    return _is_here(name) or "." not in name or name.endswith((".local", ".internal")) or (address is not None and address.is_private)


def _ip(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def has_weights(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.safetensors"))


Held = tuple[object, ...]


def held(card: ModelCard, models: Path) -> Held:
    """What two cards share that can answer from one loaded model: the same weights in the same precision, whatever their prompts."""
    places: list[object] = []
    for weights in (card.base, card.adapter):
        beside = models / card.name / weights.id if weights else None
        places += [beside.resolve() if beside and beside.exists() else weights]
    sole = "" if card.backend == "local" else card.name
    return (card.backend, *places, card.precision, card.context, sole)


def revision(card: ModelCard, models: Path) -> str:
    """What distinguishes the weights that the card would load here and now: a hash of local files, else the commit that is pinned or, of a
    branch or none, the one that the hub's cache has; `unpinned` where it has none. Of those that are loaded see `Services.revision`.

    Of a server's weights nothing is known but what the card says.
    """
    if card.server:
        return f"{card.base.revision or UNPINNED}: {card.server.model} at {host(card)} ({card.server.api})"
    marks = []
    for weights in (card.base, card.adapter):
        if weights is None:
            continue
        folder = models / card.name / weights.id
        local = has_weights(folder) or folder.is_file()
        marks.append(mark(folder.resolve()) if local else _commit(weights) or weights.revision or UNPINNED)
    return "+".join(marks)


def mark(place: Path) -> str:
    """What tells the weights in a folder (or file) from others of their name: the commit where the folder is a snapshot in the hub's cache,
    else a hash of the files as they are now.
    """
    if place.parent.name == "snapshots" and COMMIT.fullmatch(place.name):
        return place.name
    files = [place] if place.is_file() else sorted(place.glob("*.safetensors"))
    return _hash(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


def _commit(weights: Weights) -> str:
    """The commit of weights from the hub as far as that can be told without asking it; else empty."""
    if COMMIT.fullmatch(weights.revision) or "/" not in weights.id or weights.id.startswith("."):
        return weights.revision
    snapshot = Hub().kept(weights.id, weights.revision, ["config.json", "adapter_config.json"], [])
    return snapshot.name if snapshot and COMMIT.fullmatch(snapshot.name) else ""


@cache
def _hash(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Of files with their sizes and times of change, so that a file that was written anew is read anew."""
    digest = hashlib.sha256()
    for path, *_ in files:
        with path.open("rb") as weights:
            hashlib.file_digest(weights, lambda: digest)
    return digest.hexdigest()[:12]
