"""A card for weights that somebody names, with what had to be guessed; and the pinning of cards to revisions.

A prompt cannot be read off weights: the format is guessed from names, and said to be. Weights are neither fetched nor opened here.
"""

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nl2sql_arena import catalog
from nl2sql_arena.errors import BadCard, BadInput, ModelUnavailable
from nl2sql_arena.hub import OFFLINE, Hub, Offline
from nl2sql_arena.prompts import FORMATS
from nl2sql_arena.types import Api, ModelCard, Server, Weights

KNOWN: tuple[tuple[str, str, str], ...] = (
    (r"phi-?2[-_]sqlcoder", "phi2-sqlcoder", "sqlite"),
    (r"llama-3-sqlcoder", "llama-3-sqlcoder-8b", "postgres"),
    (r"sqlcoder-7b-2", "sqlcoder-7b-2", "postgres"),
    (r"sqlcoder-7b", "sqlcoder-7b", "postgres"),
    (r"duckdb-nsql", "duckdb-nsql", "duckdb"),
    (r"sqlcoder", "sqlcoder-7b-2", "postgres"),
    (r"phi-2$", "phi2-base", "duckdb"),
)
"""Pattern in an id -> the format that such weights were tuned on, and the dialect that they write; the more special first."""
USUAL = ("phi2-sql", "duckdb")
"""Schema, question, and an opened fence: what a model that was tuned on no prompt of ours most likely goes on from."""
LICENCES = {"mit": "MIT", "apache-2.0": "Apache-2.0", "cc-by-sa-4.0": "CC BY-SA 4.0", "cc-by-4.0": "CC BY 4.0"}
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
CONTEXTS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length")
SHORT_CONTEXT = 2048
SERVED_CONTEXT = 4096
QUANTISED = re.compile(r"(?<![a-z0-9])i?q\d(?:_[a-z0-9]+)*|awq|gptq|fp8|int8|nf4|bf16|fp16", re.IGNORECASE)
"""How names of served weights state their precision."""


@dataclass(frozen=True)
class Source:
    """Weights before they have a card: `id` as the card will name them, `sizes` of their files in bytes, `read` a JSON file among them."""

    id: str
    sizes: Mapping[str, int]
    read: Callable[[str], dict[str, Any]]
    revision: str = ""
    licence: str = ""
    on_hub: bool = False

    @property
    def is_adapter(self) -> bool:
        return "adapter_config.json" in self.sizes and not _whole_weights(self.sizes)


@dataclass(frozen=True)
class Wishes:
    """What somebody says instead of leaving it to a guess; empty means guess."""

    name: str = ""
    format: str = ""
    dialect: str = ""
    base: str = ""
    kind: str = ""
    server_model: str = ""
    api: Api = "completions"
    key_variable: str = ""


@dataclass(frozen=True)
class Added:
    """A new card, and one line for each thing in it that was guessed."""

    card: ModelCard
    path: Path
    guesses: tuple[str, ...]


def add(named: str, models: Path, wishes: Wishes | None = None, hub: Hub | None = None) -> Added:
    """Write `models/<name>/card.toml` for a causal language model or a LoRA adapter in a folder or on the hub, or for a server's model.

    Raises BadInput for what cannot be a contestant, with the reason and the next step, and ModelUnavailable when the hub cannot be asked.
    """
    wishes, hub = wishes or Wishes(), hub or Hub()
    served = _served(named, wishes) if named.startswith(("http://", "https://")) else None
    found = None if served else _source(named, hub)
    name = wishes.name or _name(served.server.model if served and served.server else named)
    folder = models / name
    if (folder / catalog.CARD).exists():
        raise BadInput(f"There is already a model '{name}'; give the new one another name with --name.")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,80}", name):
        raise BadInput(f"'{name}' is no name for a model; use small letters, digits, dots and hyphens.")
    fields, guesses = _fields(found, name, folder, wishes, hub) if found else _served_fields(served, name, wishes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / catalog.CARD
        path.write_text(_toml(fields), encoding="utf-8")
    except OSError as problem:
        raise BadInput(
            f"The card cannot be written to {folder} ({problem.strerror}); choose another --name or free some space."
        ) from problem
    try:
        return Added(catalog.read(path), path, tuple(guesses))
    except BadCard:
        path.unlink()
        raise


def pin(models: Path, names: tuple[str, ...] = (), move: bool = False, hub: Hub | None = None) -> list[str]:
    """Write the newest revision into every card with unpinned weights from the hub (with `move`, also into pinned ones); a line for each.

    All are asked for before any card is changed. Raises BadInput, and ModelUnavailable when the hub cannot be reached.
    """
    hub, cards = hub or Hub(), catalog.load(models)
    if unknown := [name for name in names if name not in cards]:
        raise BadInput(f"There is no model '{unknown[0]}'; choose one of {', '.join(cards)}.")
    found: dict[str, str] = {}
    changes: list[tuple[Path, str]] = []
    lines = []
    for name in names or cards:
        card, path = cards[name], models / name / catalog.CARD
        if card.server:
            continue
        text = path.read_text(encoding="utf-8")
        for weights in filter(None, (card.base, card.adapter)):
            if "/" not in weights.id.removeprefix("../") or (models / name / weights.id).is_dir() or (weights.revision and not move):
                continue
            if weights.id not in found:
                found[weights.id] = _newest(name, weights.id, hub)
            text = _pinned(text, weights.id, weights.revision, found[weights.id], path)
            lines.append(f"{name}: {weights.id} at {found[weights.id]}")
        changes.append((path, text))
    for path, text in changes:
        if text != path.read_text(encoding="utf-8"):
            beside = path.with_suffix(".toml.new")
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, path)
    return lines


def _newest(card: str, name: str, hub: Hub) -> str:
    try:
        return hub.repository(name).revision
    except Offline as problem:
        raise ModelUnavailable(f"No card was pinned: {OFFLINE}.") from problem
    except (ModelUnavailable, BadInput) as problem:
        said = str(problem).rstrip(".")
        raise type(problem)(
            f"No card was pinned, because of {card}: {said}; or name the other cards, as in `models pin NAME`."
        ) from problem


def _pinned(text: str, name: str, old: str, revision: str, path: Path) -> str:
    """The card's text with a revision beside every mention of these weights. Raises BadCard where there is no place for it."""
    mention = rf"(\bid\s*=\s*\"{re.escape(name)}\")"
    given = rf"{mention}(\s*,?\s*revision\s*=\s*)\"{re.escape(old)}\""
    changed, count = re.subn(given, rf'\g<1>\g<2>"{revision}"', text)
    if not count:
        changed, count = re.subn(rf"{mention}(\s*\}})", rf'\g<1>, revision = "{revision}"\g<2>', text)
    if not count:
        raise BadCard(f'{path} has no place for the revision of {name}; write `revision = "{revision}"` beside its id.')
    return changed


def _source(named: str, hub: Hub) -> Source:
    folder = Path(named).expanduser()
    if folder.is_dir():
        return _on_disk(folder.resolve())
    if named.startswith((".", "/", "~")) or "/" not in named:
        raise BadInput(f"There is no folder '{named}'; name one with weights, or an id on the hub such as microsoft/phi-2.")
    return _on_hub(named, hub)


def _on_disk(folder: Path) -> Source:
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}

    def read(name: str) -> dict[str, Any]:
        try:
            said = json.loads((folder / name).read_text(encoding="utf-8")) if name in sizes else {}
        except (OSError, ValueError) as problem:
            raise BadInput(f"{folder / name} cannot be read ({problem}); copy it again.") from problem
        return said if isinstance(said, dict) else {}

    text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")[:4000] if "README.md" in sizes else ""
    licence = re.search(r"\A---\n(?:.*\n)*?license:\s*['\"]?([\w.-]+)", text)
    return Source(str(folder), sizes, read, licence=licence[1] if licence else "")


def _on_hub(name: str, hub: Hub, revision: str = "") -> Source:
    found = hub.repository(name, revision)
    return Source(name, found.sizes, lambda file: hub.json(found, file), found.revision, found.licence, on_hub=True)


def _whole_weights(sizes: Mapping[str, int]) -> list[str]:
    """Weights that can be loaded as they are, an adapter's aside."""
    return [name for name in sizes if name.endswith(".safetensors") and "/" not in name and not name.startswith("adapter_")]


def _fields(found: Source, name: str, folder: Path, wishes: Wishes, hub: Hub) -> tuple[dict[str, Any], list[str]]:
    """The card's keys, and what was guessed. Raises BadInput for weights that cannot be a contestant."""
    adapter = found if found.is_adapter else None
    base = _base_of(found, wishes, hub) if adapter else found
    _check_weights(found)
    if base is not found:
        _check_weights(base)
    config = base.read("config.json")
    _check_architecture(base.id, config)
    guesses: list[str] = []
    format_name, dialect = _format(found, base, wishes, guesses)
    kind = wishes.kind or _kind(found, base, guesses)
    context = _context(base, config, guesses)
    if found.licence:
        licence = LICENCES.get(found.licence, found.licence)
    else:
        licence = "not stated"
        guesses.append("licence: none is stated with the weights; look it up before you publish answers, and write it into the card")
    fields: dict[str, Any] = {
        "name": name,
        "title": f"{name} (added)",
        "kind": kind,
        "family": str(config.get("model_type")),
        "backend": "local",
        "format": format_name,
        "dialect": dialect,
        "base": _weights(base, folder),
    }
    if adapter:
        fields["adapter"] = _weights(adapter, folder)
    size = sum(base.sizes[file] for file in _whole_weights(base.sizes)) if base.on_hub else 0
    return fields | {
        "precision": "auto",
        "context": context,
        "generation": {"max_new_tokens": min(600, max(1, context // 3)), "num_beams": 1},
        "licence": licence,
        "download_gb": math.ceil(size / 1e9),
        "notes": "Added by `models add`. " + ("Guessed: " + "; ".join(guesses) + "." if guesses else "Nothing was guessed."),
    }, guesses


def _served(url: str, wishes: Wishes) -> ModelCard:
    """The model of a server that is meant, with the longest prompt that the server states. Raises BadInput and ModelUnavailable."""
    from nl2sql_arena.backends import endpoint

    server = Server(url, wishes.server_model or "unknown", wishes.api, wishes.key_variable)
    card = ModelCard(
        wishes.name or "to add", "", "real", "", "endpoint", USUAL[0], "duckdb", Weights(""), "", SERVED_CONTEXT, server=server
    )
    if wrong := catalog.wrong_server(card):
        raise BadInput(f"The server would give {wrong[0]}.")
    listed = endpoint.offered(card)
    if not wishes.server_model and len(listed) != 1:
        names = ", ".join(list(listed)[:5]) or "none"
        raise BadInput(f"The server {catalog.host(card)} lists {len(listed)} models ({names}); name one with --server-model.")
    model = wishes.server_model or next(iter(listed))
    return replace(card, server=replace(server, model=model), context=listed.get(model) or 0)


def _served_fields(card: ModelCard | None, name: str, wishes: Wishes) -> tuple[dict[str, Any], list[str]]:
    assert card is not None
    assert card.server is not None
    model, guesses = card.server.model, list[str]()
    named = Source(model, {}, lambda _: {})
    format_name, dialect = _format(named, named, wishes, guesses)
    if not card.context:
        guesses.append(f"context {SERVED_CONTEXT}: the server states none; give it at least that, since some cut longer prompts silently")
    if quantised := QUANTISED.search(model):
        guesses.append(f"precision {quantised[0].lower()}: by the name")
    guesses.append("licence: look it up before you publish answers, and write it into the card")
    context = card.context or SERVED_CONTEXT
    server = {"url": card.server.url, "model": model, "api": card.server.api, "key_variable": card.server.key_variable}
    return {
        "name": name,
        "title": f"{name} (on {catalog.host(card)})",
        "kind": wishes.kind or "real",
        "family": "not stated",
        "backend": "endpoint",
        "format": format_name,
        "dialect": dialect,
        "base": {"id": model},
        "precision": quantised[0].lower() if quantised else "auto",
        "context": context,
        "generation": {"max_new_tokens": min(600, max(1, context // 3)), "num_beams": 1},
        "licence": "not stated",
        "notes": "Added by `models add`. Guessed: " + "; ".join(guesses) + ".",
        "server": {key: value for key, value in server.items() if value},
    }, guesses


def _base_of(adapter: Source, wishes: Wishes, hub: Hub) -> Source:
    """The model that an adapter was trained on."""
    config = adapter.read("adapter_config.json")
    if (method := config.get("peft_type")) != "LORA":
        raise BadInput(f"{adapter.id} is an adapter by {method}; only LoRA adapters can be added.")
    if "adapter_model.safetensors" not in adapter.sizes:
        raise BadInput(f"{adapter.id} has no adapter_model.safetensors; save it again with peft's save_pretrained.")
    named = wishes.base or str(config.get("base_model_name_or_path") or "")
    if not named:
        raise BadInput(f"{adapter.id} does not say which model it was trained on; name that with --base.")
    beside = Path(adapter.id) / named
    if not adapter.on_hub and beside.is_dir():
        return _on_disk(beside.resolve())
    try:
        found = _source(named, hub)
    except BadInput as problem:
        raise BadInput(f"The adapter {adapter.id} was trained on '{named}', which is not here; name its base with --base.") from problem
    if found.is_adapter:
        raise BadInput(f"The base {named} is an adapter itself; merge it first with `train merge`.")
    return found


def _check_weights(found: Source) -> None:
    """Raises BadInput unless there are safetensors and, for whole weights, a configuration and a tokenizer."""
    if found.is_adapter:
        return
    if "config.json" not in found.sizes:
        gguf = any(name.endswith(".gguf") for name in found.sizes)
        step = "serve the GGUF file with llama.cpp, see docs/endpoints.md" if gguf else "name the folder or repository of its weights"
        raise BadInput(f"{found.id} has no config.json, so that nothing says what model it is; {step}.")
    if not _whole_weights(found.sizes):
        if any(name.endswith(PICKLED) for name in found.sizes):
            raise BadInput(f"{found.id} has only pickled weights, which can run code when they are opened; name a version in safetensors.")
        raise BadInput(f"{found.id} has no safetensors weights; name the folder or repository that has.")
    if not any(name in found.sizes for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise BadInput(f"{found.id} has no tokenizer; copy its base model's tokenizer.json and tokenizer_config.json beside the weights.")


def _check_architecture(name: str, config: dict[str, Any]) -> None:
    """Raises BadInput for what transformers cannot load as a causal language model with its own code."""
    from nl2sql_arena.backends.local import architectures

    kind = str(config.get("model_type") or "")
    classes = architectures.causal_classes(kind)
    named = [str(each) for each in config.get("architectures") or ()]
    if not architectures.is_known(kind):
        if config.get("auto_map"):
            raise BadInput(f"{name} needs code from its own repository (trust_remote_code), which is never run here; choose another model.")
        known = f"transformers {architectures.VERSION}"
        raise BadInput(f"{name} has the architecture '{kind or 'not stated'}', which {known} does not know; choose another model.")
    if not classes or (named and not set(named) & set(classes)):
        raise BadInput(f"{name} is a {' or '.join(named) or kind}, no causal language model; only those write text that is SQL.")
    if method := (config.get("quantization_config") or {}).get("quant_method"):
        raise BadInput(f"{name} is quantised already ({method}); name the original, which is quantised here where memory asks for it.")


def _format(found: Source, base: Source, wishes: Wishes, guesses: list[str]) -> tuple[str, str]:
    """(format, dialect), by wish, else by the weights' name."""
    if wishes.format and wishes.format not in FORMATS:
        raise BadInput(f"There is no prompt format '{wishes.format}'; use one of {', '.join(FORMATS)}.")
    name = found.id.rstrip("/").lower()
    known = next(((form, dialect) for sign, form, dialect in KNOWN if form in FORMATS and re.search(sign, name)), None)
    format_name, dialect = known or USUAL
    if wishes.format:
        format_name = wishes.format
        dialect = next((of for _, form, of in KNOWN if form == format_name), "duckdb")
    elif known:
        guesses.append(f"format {format_name}: by the name; check that these weights were tuned on this prompt")
    else:
        origin = f", nor does that of its base {base.id}" if base is not found else ""
        guesses.append(f"format {format_name}: the name does not tell which prompt the weights were tuned on{origin}; set it with --format")
    if not wishes.dialect:
        guesses.append(f"dialect {dialect}: what such a format is usually answered in")
    return format_name, wishes.dialect or dialect


def _kind(found: Source, base: Source, guesses: list[str]) -> str:
    """Weights that lie beside the card of a mini are those of a mini, whatever they are called now."""
    for folder in (Path(each.id) for each in (found, base) if not each.on_hub):
        if (folder / catalog.CARD).is_file() and catalog.read(folder / catalog.CARD).kind == "mini":
            guesses.append(f"kind mini: {folder} holds a practice model")
            return "mini"
    return "real"


def _context(base: Source, config: dict[str, Any], guesses: list[str]) -> int:
    """The longest prompt and answer in tokens: the configuration's, where the tokenizer does not say less."""
    inner = config.get("text_config")
    said = config | inner if isinstance(inner, dict) else config
    stated: list[int] = [said[key] for key in CONTEXTS if type(said.get(key)) is int and said[key] > 0]
    tokenizer = base.read("tokenizer_config.json").get("model_max_length")
    if type(tokenizer) is int and 0 < tokenizer < 10_000_000:
        stated.append(tokenizer)
    if not stated:
        guesses.append(f"context {SHORT_CONTEXT}: the configuration states none")
        return SHORT_CONTEXT
    return min(stated)


def _weights(found: Source, folder: Path) -> dict[str, str]:
    if found.on_hub:
        return {"id": found.id, "revision": found.revision}
    place = Path(found.id)
    near = place.is_relative_to(folder.resolve().parent)
    return {"id": os.path.relpath(place, folder.resolve()) if near else str(place)}


def _name(named: str) -> str:
    last = Path(named).expanduser().resolve().name if Path(named).expanduser().is_dir() else named.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^a-z0-9._-]+", "-", last.lower()).strip("-._")


def _toml(fields: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value.replace("\x7f", ""), ensure_ascii=False) if isinstance(value, str) else str(value)
