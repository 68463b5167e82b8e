"""What a training will need, said before it starts: parameters counted, memory computed from shapes, time measured on one full pass.

Memory follows the usual accounting: NF4 with double quantisation stores 4.127 bits a weight (Dettmers et al. 2023, arXiv 2305.14314) in
linear layers and 16 bits elsewhere; a trained weight takes 4 bytes each for itself, its gradient and two moments of AdamW; with
checkpointing each layer keeps its input and one layer at a time what its backward pass needs. Under autocast that is more than 16 bits
suggest: norms and Phi's GELU compute in fp32, and 4-bit layers answer in the precision of their input, so that with NF4 all between the
layers is fp32 too. Not in it: the CUDA context, fragmentation, gradients on their way through a layer, the tile of scores (at most 64 KiB a
token of an answer), and the key/value states of held-out answers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from nl2sql_arena.memory import main_memory
from nl2sql_arena.training.recipe import Quantisation
from nl2sql_arena.training.tuning import student
from nl2sql_arena.training.tuning.progress import Log
from nl2sql_arena.training.tuning.student import Place
from nl2sql_arena.types import Weights

NF4_BYTES = 4.127 / 8
INNER_BYTES = {2: 106, 4: 165}
"""By the bytes of a number: what one layer keeps for its backward pass, a token and unit of width. Counted by hooks on all tensors that
autograd saves in one layer of Phi-2's size with its adapter and dropout (torch 2.13, peft 0.21, on a CPU with a GPU's autocast rules, the
masks of dropout at one byte).
"""
TRAINED_BYTES = 4 * 4
"""A trained number: itself, its gradient and the optimizer's two moments."""
REFERENCE_BYTES = 4
"""A number of the frozen copy of the adapter that `train dpo` and `train kto` compare with: trl holds no second base (trl 1.16)."""
GIGABYTE = 1e9


@dataclass(frozen=True)
class Parameters:
    """How many numbers stay as they are and how many are trained; `linear` of the frozen ones are held in 4 bits under NF4."""

    frozen: int
    trained: int
    linear: int


@dataclass(frozen=True)
class Memory:
    """Bytes; `reference` only where one is held."""

    weights: float
    adapter: float
    activations: float
    reference: float = 0.0

    @property
    def total(self) -> float:
        return self.weights + self.adapter + self.activations + self.reference

    def __str__(self) -> str:
        parts = (f"{name} {value / GIGABYTE:.2f}" for name, value in vars(self).items() if value)
        return f"about {self.total / GIGABYTE:.2f} GB ({', '.join(parts)})"


def parameters(base: Weights, folder: Path, adapted: Callable[[Any], Any]) -> Parameters:
    """Counted on the base's shapes alone, before any weight is read; `adapted` puts the adapter on. Raises ModelUnavailable."""
    build: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = build.from_config(student.config(base, folder), trust_remote_code=False)
        frozen = sum(p.numel() for p in model.parameters())
        head = model.get_output_embeddings()
        linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head)
        trained = sum(p.numel() for p in adapted(model).parameters() if p.requires_grad)
    return Parameters(frozen, trained, linear)


def memory(counts: Parameters, shape: Any, place: Place, quantisation: Quantisation, tokens: int, against_itself: bool = False) -> Memory:
    """From the counts and the base's configuration `shape`; `tokens` are read at once, `against_itself` beside a copy of the adapter."""
    each = place.dtype.itemsize
    weights = counts.frozen * each
    if quantisation == "nf4":
        weights = (counts.frozen - counts.linear) * each + counts.linear * NF4_BYTES
    between = 4 if quantisation == "nf4" else each
    activations = tokens * shape.hidden_size * (between * shape.num_hidden_layers + INNER_BYTES[each])
    return Memory(weights, counts.trained * TRAINED_BYTES, activations, counts.trained * REFERENCE_BYTES * against_itself)


def announce(name: str, counts: Parameters, needed: Memory, place: Place, advice: str, log: Log) -> None:
    """Parameters and memory, before anything is loaded; `advice` where that hardly fits."""
    free = available(place)
    log(f"{name}: {counts.trained:,} parameters are trained, {counts.frozen:,} stay frozen")
    log(f"memory: {needed}, computed from shapes; {free / GIGABYTE:.1f} GB are free on this {place.device}")
    if needed.total > free:
        log(f"memory: this will hardly fit; {advice}")


def available(place: Place) -> int:
    """Bytes free for a training."""
    if place.on_gpu:
        free, _ = torch.cuda.mem_get_info()
        return int(free)
    return main_memory()[0]


def pass_seconds(model: Any, loss: Callable[[], torch.Tensor], place: Place) -> tuple[float, float]:
    """Seconds of one forward and backward pass, the second of two, and the peak of GPU memory in bytes (0 on a CPU); nothing is learned."""
    state = torch.random.get_rng_state(), torch.cuda.get_rng_state() if place.on_gpu else None
    seconds = 0.0
    if place.on_gpu:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        began = time.perf_counter()
        loss().backward()
        if place.on_gpu:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        model.zero_grad(set_to_none=True)
    torch.random.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1])
    return seconds, float(torch.cuda.max_memory_allocated()) if place.on_gpu else 0.0


def duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
