"""`models/<name>/card.toml` -> ModelCard. Nothing is loaded here.

A card may have a `[fallback]` table: while the adapter that it names has no weights, those keys replace its own.
"""

import hashlib
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, get_args

from nl2sql_arena.errors import BadCard
from nl2sql_arena.prompts import FORMATS
from nl2sql_arena.types import Dialect, Generation, Kind, ModelCard, Weights

CARD = "card.toml"
TABLES = ("base", "adapter", "generation", "fallback")


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
    wrong += [f"{key} = {value!r}, not a whole number above 0" for key, value in numbers.items() if type(value) is not int or value < 1]
    if wrong:
        raise BadCard(f"{path} says {'; '.join(wrong)}.")
    return card


def _card(fields: dict[str, Any]) -> ModelCard:
    adapter = fields.pop("adapter", None)
    return ModelCard(
        **{key: value for key, value in fields.items() if key not in ("base", "generation", "learned")},
        base=Weights(**fields["base"]),
        adapter=Weights(**adapter) if adapter else None,
        generation=Generation(**fields.get("generation", {})),
        learned=tuple(fields.get("learned", ())),
    )


def has_weights(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.safetensors"))


def revision(card: ModelCard, models: Path) -> str:
    """What distinguishes these very weights: a hash of local files, else the pinned revisions, else `unpinned`."""
    marks = []
    for weights in (card.base, card.adapter):
        if weights is None:
            continue
        folder = models / card.name / weights.id
        local = has_weights(folder) or folder.is_file()
        marks.append(_files_hash(folder.resolve()) if local else weights.revision or "unpinned")
    return "+".join(marks)


@cache
def _files_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in [folder] if folder.is_file() else sorted(folder.glob("*.safetensors")):
        with path.open("rb") as weights:
            hashlib.file_digest(weights, lambda: digest)
    return digest.hexdigest()[:12]
