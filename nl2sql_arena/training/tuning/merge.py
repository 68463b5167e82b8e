"""`train merge`: a base and its adapter -> whole 16-bit weights, for servers that load no adapters.

Made from a 16-bit base, never from a 4-bit one, whose rounding would stay in the weights. What is written is read again and compared with
the adapter beside its base: rounding to 16 bits is all that may differ.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from nl2sql_arena import catalog, prompts
from nl2sql_arena.catalog import CARD
from nl2sql_arena.errors import BadInput
from nl2sql_arena.training.tuning import contestant, student
from nl2sql_arena.training.tuning.progress import Log
from nl2sql_arena.training.tuning.prompted import EXAMPLE
from nl2sql_arena.training.tuning.student import Place
from nl2sql_arena.types import ModelCard, Weights

TOLERANCE = 0.05
"""Share of the largest score by which rounding may move any score; a bf16 number has eight bits, and a model adds up many."""


@dataclass(frozen=True)
class Agreement:
    """How far the merged model's scores are from the adapter's: the `largest` difference, on scores of at most `scale`."""

    largest: float
    scale: float
    same_token: float
    """Share (0..1) of places where both find the same token most probable."""

    def __str__(self) -> str:
        share = f"{self.same_token:.1%} of places have the same most probable token"
        return f"scores differ by at most {self.largest:.3g} where the largest is {self.scale:.3g}; {share}"


def merge(model: Path, out: Path, log: Log, again: bool = False) -> Agreement:
    """Write the merged model of the folder `model` into `out`, a contestant of its own; returns how well the two agree.

    Raises BadInput (no adapter, a 4-bit base, folders, scores that differ by more than rounding), BadCard and ModelUnavailable.
    """
    old = catalog.read(model / CARD)
    if old.adapter is None:
        raise BadInput(f"Model {old.name} has no adapter to merge.")
    config = student.config(old.base, model)
    if getattr(config, "quantization_config", None):
        raise BadInput(f"The base {old.base.id} is quantised; merge into its 16-bit original, whose id goes into {model / CARD}.")
    card = replace(
        old, name=out.resolve().name, title=f"{old.title} (merged)", base=Weights("."), adapter=None,
        notes=f"{old.title}, its adapter merged into its base; training.json says how well the two agree.",
    )  # fmt: skip
    contestant.check_target(out, card, again)
    dtype = config.dtype if config.dtype in (torch.float16, torch.bfloat16) else torch.bfloat16
    place = replace(student.here(), dtype=dtype)
    tokenizer = student.tokenizer(old.base, model, config.vocab_size)
    ids = torch.tensor([tokenizer(prompts.FORMATS[old.format]("How many?", EXAMPLE, True).text)["input_ids"]], device=place.device)
    ids = ids[:, : config.max_position_embeddings]
    adapted: Any = PeftModel.from_pretrained(student.base(old.base, model, "none", place), student.source(old.adapter, model)).eval()
    before = _scores(adapted, ids)
    draft = out.with_name(f".{out.name}")
    shutil.rmtree(draft, ignore_errors=True)
    adapted.merge_and_unload(safe_merge=True).save_pretrained(draft)
    tokenizer.save_pretrained(draft)
    del adapted
    found = _agreement(before, _scores(_read(draft, place), ids))
    log(f"{old.name} merged in {student.PRECISIONS[dtype]}: {found}")
    if found.largest > TOLERANCE * found.scale:
        shutil.rmtree(draft)
        raise BadInput(f"The merged weights were not kept, since {found}; check that the adapter was trained on {old.base.id}.")
    _place(draft, out, card, old, found)
    return found


def _read(folder: Path, place: Place) -> Any:
    made = AutoModelForCausalLM.from_pretrained(folder, dtype=place.dtype, attn_implementation="sdpa", use_safetensors=True)
    return made.to(place.device).eval()


def _scores(model: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=ids).logits
    return logits.float()


def _agreement(before: torch.Tensor, after: torch.Tensor) -> Agreement:
    same = (before.argmax(-1) == after.argmax(-1)).float().mean()
    return Agreement(float((before - after).abs().max()), float(before.abs().max()), float(same))


def _place(draft: Path, out: Path, card: ModelCard, old: ModelCard, found: Agreement) -> None:
    """The draft becomes the folder."""
    for path in draft.glob("*.safetensors"):
        path.chmod(0o644)  # written for the owner alone, but meant to be shipped
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)
    contestant.write_card(out / CARD, card)
    contestant.write_figures(out, {"merged": old.name, "prompt": old.training_prompt_hash, "agreement": vars(found)})
