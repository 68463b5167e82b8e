"""A tuned adapter or merged model -> a folder in `models/` that the arena loads like any other.

Weights come first, then the card, so that a half of it is never a contestant; figures come last and mark a training as finished.
"""

import json
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nl2sql_arena.catalog import CARD
from nl2sql_arena.errors import BadInput
from nl2sql_arena.training.tuning import checkpoints, curves
from nl2sql_arena.training.tuning.checkpoints import History, write_whole
from nl2sql_arena.training.tuning.progress import METRICS
from nl2sql_arena.types import ModelCard, Weights

ADAPTER = "adapter"
FIGURES = "training.json"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def relative(weights: Weights, folder: Path, out: Path) -> Weights:
    """Weights named relative to `folder` as seen from `out`; hub ids stay."""
    beside = (folder / weights.id).resolve()
    return replace(weights, id=os.path.relpath(beside, out.resolve())) if beside.is_dir() else weights


def check_target(out: Path, card: ModelCard, again: bool) -> None:
    """Raises BadInput when the folder holds a finished model (unless `again`), or a card that says something else than `card` will."""
    if (out / FIGURES).exists() and not again:
        raise BadInput(f"{out} holds a finished training already; give --again to train it anew, or another folder with --out.")
    if not (out / CARD).exists():
        return
    stated, wanted = (_essence(tomllib.loads(text)) for text in ((out / CARD).read_text(encoding="utf-8"), card_text(card)))
    wrong = [f"{key} is {stated[key]!r} there and would be {wanted[key]!r}" for key in wanted if stated[key] != wanted[key]]
    if wrong:
        raise BadInput(f"{out / CARD} describes another model: {'; '.join(wrong)}; correct it or the recipe.")


def _essence(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says of the weights and of how they are asked."""
    weights = {key: fields.get(key, {}).get("id", "") for key in ("base", "adapter")}
    return weights | {key: fields.get(key) for key in ("format", "context")} | dict(fields.get("generation", {}))


def publish(work: Path, out: Path, card: ModelCard, history: History, step: int, figures: Mapping[str, Any]) -> None:
    """The kept checkpoint of a run that is done, with its card and curves, and last its figures; the run's folder goes."""
    _place_adapter(out, checkpoints.by_step(work)[step], card)
    shutil.copyfile(work / METRICS, out / METRICS)
    curves.write(out / curves.REPORT, card.title, history, step)
    write_card(out / CARD, card)
    write_figures(out, figures)
    shutil.rmtree(work)


def _place_adapter(out: Path, checkpoint: Path, card: ModelCard) -> None:
    out.mkdir(parents=True, exist_ok=True)
    draft = out / f".{ADAPTER}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name in ADAPTER_FILES:
        shutil.copyfile(checkpoint / name, draft / name)
    _name_base(draft / ADAPTER_FILES[0], card.base.id)
    shutil.rmtree(out / ADAPTER, ignore_errors=True)
    draft.rename(out / ADAPTER)


def write_figures(out: Path, figures: Mapping[str, Any]) -> None:
    write_whole(out / FIGURES, json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def write_card(path: Path, card: ModelCard) -> None:
    """A new card; of one that is there, only the hash of the training prompt is set."""
    if path.exists():
        text = re.sub(r"(?m)^training_prompt_hash = .*\n", "", path.read_text(encoding="utf-8"))
        write_whole(path, re.sub(r"(?m)^name = .*\n", rf'\g<0>training_prompt_hash = "{card.training_prompt_hash}"\n', text, count=1))
    else:
        write_whole(path, card_text(card))


def card_text(card: ModelCard) -> str:
    """The card as TOML. JSON's texts and numbers are TOML's too."""
    tables = {
        "base": _table(card.base),
        "adapter": _table(card.adapter) if card.adapter else "",
        "generation": f"{{ max_new_tokens = {card.generation.max_new_tokens}, num_beams = {card.generation.num_beams} }}",
    }
    plain = {
        "name": card.name, "title": card.title, "kind": card.kind, "family": card.family, "backend": card.backend, "format": card.format,
        "dialect": card.dialect, "precision": card.precision, "context": card.context, "licence": card.licence,
        "training_prompt_hash": card.training_prompt_hash, "learned": list(card.learned), "unlearned": card.unlearned, "notes": card.notes,
    }  # fmt: skip
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items() if value not in ("", [])]
    return "\n".join([*lines, *(f"{key} = {value}" for key, value in tables.items() if value)]) + "\n"


def _table(weights: Weights) -> str:
    return f"{{ id = {json.dumps(weights.id, ensure_ascii=False)}, revision = {json.dumps(weights.revision)} }}"


def _name_base(path: Path, base: str) -> None:
    """The base as the card names it, instead of a path on the machine that trained."""
    fields = json.loads(path.read_text(encoding="utf-8")) | {"base_model_name_or_path": base}
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", encoding="utf-8")
