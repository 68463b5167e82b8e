"""Weights that a card names -> a folder on this disk that holds them whole, or one sentence with what is lacking and the next step.

Nothing of a model is opened here but JSON files and the headers of its safetensors files. Code of a repository and pickles, which can run
code, are never read. What is pinned and lies whole in the hub's cache is taken from there without asking anybody.
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from nl2sql_arena.backends.local import architectures
from nl2sql_arena.errors import BadInput, ModelUnavailable
from nl2sql_arena.hub import Hub, Offline, Repository
from nl2sql_arena.types import ModelCard, Weights

INDEX = "model.safetensors.index.json"
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
BASE_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
LEFT_OUT = ["adapter_*", "*/*"]
"""Not fetched with a base: a stray adapter_config.json in a merged repository sends transformers looking for an adapter."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
POINTER = b"version https://git-lfs"
GB = 1e9


@dataclass(frozen=True)
class Wanted:
    """Which files make up weights: patterns of the hub, what `whole` says of a folder with them."""

    files: Sequence[str]
    left_out: Sequence[str] = ()
    is_adapter: bool = False


BASE = Wanted(BASE_FILES, LEFT_OUT)
LORA = Wanted(ADAPTER, is_adapter=True)


def place(card: ModelCard, weights: Weights, folder: Path, wanted: Wanted) -> Path:
    """A folder with the whole weights: beside the card if there is one, else from the hub. Raises ModelUnavailable."""
    beside = (folder / weights.id).resolve()
    if not beside.is_dir() and not is_local(weights):
        return _from_the_hub(card, weights, wanted, Hub())
    if not any(beside.glob("*.safetensors")):
        raise ModelUnavailable(f"Model {card.name} has no safetensors weights in the folder {beside}{_no_weights(card, beside)}.")
    if lacking := lacks(beside, wanted):
        raise ModelUnavailable(f"Model {card.name} cannot be loaded: the folder {beside} {lacking}; copy its files again, all of them.")
    _check_architecture(card, weights, _json(beside / "config.json") if not wanted.is_adapter else {})
    return beside


def is_local(weights: Weights) -> bool:
    """Whether an id can only mean a folder."""
    return weights.id.startswith(".") or "/" not in weights.id or Path(weights.id).is_absolute()


def _no_weights(card: ModelCard, folder: Path) -> str:
    """What there is instead of safetensors, and what to do."""
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        return f", only pickles such as {pickles[0]}, which can run code when they are read; save them as safetensors or choose others"
    if card.kind == "mini":
        return "; train it with `python -m nl2sql_arena train mini`"
    return "; download them into it or correct the id in card.toml"


def _from_the_hub(card: ModelCard, weights: Weights, wanted: Wanted, hub: Hub) -> Path:
    held = hub.kept(weights.id, weights.revision, wanted.files, wanted.left_out)
    is_whole = held is not None and not lacks(held, wanted)
    if held is None or not is_whole or not weights.revision:
        try:
            found = hub.repository(weights.id, weights.revision)
        except (ModelUnavailable, BadInput) as problem:
            if held is None or not is_whole:
                said = _offline(weights, held, wanted) if isinstance(problem, Offline) else str(problem)
                raise ModelUnavailable(f"Model {card.name} cannot be loaded: {said}") from problem
        else:
            _check_repository(card, weights, found, wanted, hub)
            held = _download(card, weights, found, wanted, hub)
    if lacking := lacks(held, wanted):
        raise ModelUnavailable(f"Model {card.name} cannot be loaded: {weights.id} {lacking}; delete {held} and start again.")
    _check_architecture(card, weights, _json(held / "config.json") if not wanted.is_adapter else {})
    return held


def _download(card: ModelCard, weights: Weights, found: Repository, wanted: Wanted, hub: Hub) -> Path:
    try:
        return hub.fetch(found, weights.revision, wanted.files, wanted.left_out)
    except ModelUnavailable as problem:
        raise ModelUnavailable(f"Model {card.name} cannot be loaded: {problem}") from problem


def _offline(weights: Weights, held: Path | None, wanted: Wanted) -> str:
    """What is here without the hub, and what to do."""
    if held and (lacking := lacks(held, wanted)):
        return f"an earlier download in {held} {lacking}, and the hub cannot be reached; going online fetches the rest."
    return f"{weights.id} is not on this machine and the hub cannot be reached; go online once or copy the weights beside the card."


def _check_repository(card: ModelCard, weights: Weights, found: Repository, wanted: Wanted, hub: Hub) -> None:
    """Refuses before anything is downloaded. Raises ModelUnavailable."""
    names = _matching(found.sizes, wanted.files) - _matching(found.sizes, wanted.left_out)
    if not any(name.endswith(".safetensors") for name in names):
        pickles = sorted(_matching(found.sizes, PICKLES))
        what = f" but only pickles such as {pickles[0]}, which can run code when they are read" if pickles else ""
        raise ModelUnavailable(f"Model {card.name} cannot be loaded: {weights.id} has no safetensors weights{what}; {_other(wanted)}.")
    if not wanted.is_adapter:
        _check_architecture(card, weights, hub.json(found, "config.json"))
    missing = sum(found.sizes[name] for name in names if not hub.has(found, name))
    home = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(each for each in (home, *home.parents) if each.is_dir())).free
    if missing > free:
        raise ModelUnavailable(
            f"Model {card.name} cannot be loaded: {weights.id} needs {missing / GB:.1f} GB more on the disk of {home}, where "
            f"{free / GB:.1f} GB are free; free some space or set HF_HOME to a larger disk."
        )


def _matching(names: Iterable[str], patterns: Sequence[str]) -> set[str]:
    """As the hub's library chooses files."""
    return {name for name in names if any(fnmatch(name, pattern) for pattern in patterns)}


def _other(wanted: Wanted) -> str:
    kind = "adapter" if wanted.is_adapter else "revision or another repository"
    return f"choose {'an' if wanted.is_adapter else 'a'} {kind} that has them"


def _check_architecture(card: ModelCard, weights: Weights, config: dict[str, Any]) -> None:
    """Raises ModelUnavailable for what transformers cannot load with its own code as a causal language model."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or (architectures.is_known(kind) and architectures.causal_classes(kind)):
        return
    if architectures.is_known(kind):
        said = f"is a {kind} model, which does not write text; choose a causal language model"
    elif config.get("auto_map"):
        said = f"needs code of its own repository for its architecture {kind}, and such code is never run here; choose other weights"
    else:
        release = f"transformers {architectures.VERSION}"
        said = f"has the architecture {kind}, which {release} does not know; update transformers or choose other weights"
    raise ModelUnavailable(f"Model {card.name} cannot be loaded: {weights.id} {said}.")


# Whole or not


def lacks(folder: Path, wanted: Wanted) -> str:
    """What keeps a folder from holding whole weights, as a predicate; empty when nothing does."""
    if wanted.is_adapter:
        gone = [name for name in ADAPTER if not (folder / name).is_file()]
        return f"lacks {' and '.join(gone)}" if gone else _cut(folder / ADAPTER[1])
    if not (folder / "config.json").is_file():
        return "lacks config.json"
    if not any((folder / name).is_file() for name in TOKENIZERS):
        return "has no tokenizer (tokenizer.json, tokenizer.model or vocab.json)"
    shards = sorted(folder.glob("*.safetensors"))
    if (folder / INDEX).is_file():
        named = sorted(set(_json(folder / INDEX).get("weight_map", {}).values()))
        gone = [name for name in named if not (folder / name).is_file()]
        if gone:
            return f"lacks {len(gone)} of {len(named)} files of its weights, such as {gone[0]}"
        shards = [folder / name for name in named]
    elif not shards:
        return "has no safetensors weights"
    elif "-of-" in shards[0].name:
        return f"lacks {INDEX}, which says what lies in which file of its weights"
    return next(filter(None, map(_cut, shards)), "")


def _cut(path: Path) -> str:
    """That a safetensors file ends before what its header announces; a header that makes no sense is left to the library."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if POINTER.startswith(start):
            return f"holds a Git LFS pointer in place of {path.name} (`git lfs pull` gets it)"
        length = int.from_bytes(start, "little")
        try:
            header = json.loads(file.read(length)) if 0 < length <= size else {}
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return ""
    whole = 8 + length + max(ends, default=0)
    return f"has only {size:,} of the {whole:,} bytes of {path.name}" if ends and size < whole else ""


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; empty for what is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
