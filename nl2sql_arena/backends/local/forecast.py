"""What would happen if a model were loaded here and now, without loading it: whether its weights are there, in which precision, and why."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import try_to_load_from_cache
from transformers import AutoConfig

from nl2sql_arena.backends.local.fetching import is_local
from nl2sql_arena.backends.local.plan import BYTES, Plan, choose, free_bytes, is_for_one, needed_bytes, outline, parameters_of
from nl2sql_arena.types import ModelCard, Weights

State = Literal["ready", "to download", "missing", "too large"]


@dataclass(frozen=True)
class Forecast:
    """`precision` is empty where nothing can be said; `gigabytes` (10^9 bytes) that weights need in it and their number, 0 if not known."""

    state: State
    precision: str
    why: str
    gigabytes: float = 0.0
    parameters: int = 0


def forecast(card: ModelCard, folder: Path) -> Forecast:
    """For a card of this backend; `folder` is the card's. Other loaded models count as memory that is taken."""
    lacking = [weights for weights in (card.base, card.adapter) if weights and not _lies_here(weights, folder)]
    lost = [weights for weights in lacking if is_local(weights)]
    if lost:
        return Forecast("missing", "", f"no safetensors weights in {(folder / lost[0].id).resolve()}")
    place = _place(card.base, folder)
    try:
        parameters = _parameters(place) if place else int(card.download_gb * 1e9 / 2)
    except (OSError, ValueError) as problem:
        return Forecast("missing", "", f"its configuration cannot be read ({str(problem).splitlines()[0]})")
    if not parameters:
        return Forecast("to download", "", f"{' and '.join(weights.id for weights in lacking)} must come from the hub; size not known")
    plan = choose(card.precision, parameters)
    size, free = parameters * BYTES[plan.precision] / 1e9, free_bytes(plan.device) / 1e9
    reason = _why(card, plan, parameters, free)
    needed = needed_bytes(plan, parameters) / 1e9
    if needed > free:
        why = f"{reason}; weights and answers need {needed:.1f} GB, of which {free:.1f} are free"
        return Forecast("too large", str(plan), why, size, parameters)
    if lacking:
        named = " and ".join(weights.id for weights in lacking)
        amount = f", about {card.download_gb} GB" if card.download_gb and not place else ""
        return Forecast("to download", str(plan), f"{reason}; the first start downloads {named}{amount}", size, parameters)
    return Forecast("ready", str(plan), reason, size, parameters)


def _why(card: ModelCard, plan: Plan, parameters: int, free: float) -> str:
    if card.precision != "auto":
        return f"{plan.precision} because the card says so"
    if plan.quantised and is_for_one(parameters):
        return (
            f"{plan.precision} because {free:.1f} GB of free GPU memory cannot hold Phi-2 and SQLCoder at 16 bits, and both sides run alike"
        )
    if plan.quantised:
        whole = 2 * parameters / 1e9
        return f"{plan.precision} because {whole:.1f} GB of 16-bit weights and room to work do not fit {free:.1f} GB of free memory"
    if plan.threads:
        return f"{plan.precision} on one thread because it is small ({parameters / 1e6:.0f} million parameters)"
    if plan.device == "cpu":
        return f"{plan.precision} because no GPU was found"
    return f"{plan.precision} because 16-bit weights fit {free:.1f} GB of free memory"


def _lies_here(weights: Weights, folder: Path) -> bool:
    place = _place(weights, folder)
    return place is not None and any(place.glob("*.safetensors"))


def _place(weights: Weights, folder: Path) -> Path | None:
    """The folder of weights that are on this machine, beside the card or in the hub's cache."""
    beside = (folder / weights.id).resolve()
    if is_local(weights) or beside.is_dir():
        return beside if beside.is_dir() else None
    for name in ("config.json", "adapter_config.json"):
        cached = try_to_load_from_cache(weights.id, name, revision=weights.revision or None)
        if isinstance(cached, str):
            return Path(cached).parent
    return None


def _parameters(place: Path) -> int:
    return parameters_of(outline(AutoConfig.from_pretrained(str(place), trust_remote_code=False)))
