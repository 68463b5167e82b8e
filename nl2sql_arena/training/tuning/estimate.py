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

import psutil  # type: ignore[import-untyped]  # accelerate brings it
import torch
from transformers import AutoModelForCausalLM

from nl2sql_arena.training.recipe import Tuning
from nl2sql_arena.training.tuning import student
from nl2sql_arena.training.tuning.student import Place

NF4_BYTES = 4.127 / 8
INNER_BYTES = {2: 106, 4: 165}
"""By the bytes of a number: what one layer keeps for its backward pass, a token and unit of width. Counted by hooks on all tensors that
autograd saves in one layer of Phi-2's size with its adapter and dropout (torch 2.13, peft 0.21, on a CPU with a GPU's autocast rules, the
masks of dropout at one byte).
"""
TRAINED_BYTES = 4 * 4
"""A trained number: itself, its gradient and the optimizer's two moments."""
GIGABYTE = 1e9


@dataclass(frozen=True)
class Parameters:
    """How many numbers stay as they are and how many are trained; `linear` of the frozen ones are held in 4 bits under NF4."""

    frozen: int
    trained: int
    linear: int


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    weights: float
    adapter: float
    activations: float

    @property
    def total(self) -> float:
        return self.weights + self.adapter + self.activations

    def __str__(self) -> str:
        parts = (f"{name} {value / GIGABYTE:.2f}" for name, value in vars(self).items())
        return f"about {self.total / GIGABYTE:.2f} GB ({', '.join(parts)})"


def parameters(tuning: Tuning, folder: Path) -> Parameters:
    """Counted on the base's shapes alone, before any weight is read. Raises ModelUnavailable."""
    build: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = build.from_config(student.config(tuning.base, folder), trust_remote_code=False)
        frozen = sum(p.numel() for p in model.parameters())
        head = model.get_output_embeddings()
        linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head)
        adapted = student.with_adapter(model, tuning.lora)
    return Parameters(frozen, sum(p.numel() for p in adapted.parameters() if p.requires_grad), linear)


def memory(tuning: Tuning, counts: Parameters, shape: Any, place: Place) -> Memory:
    """From the counts and the configuration `shape` of the base."""
    each = place.dtype.itemsize
    weights = counts.frozen * each
    if tuning.quantisation == "nf4":
        weights = (counts.frozen - counts.linear) * each + counts.linear * NF4_BYTES
    tokens = tuning.schedule.batch * tuning.max_length
    between = 4 if tuning.quantisation == "nf4" else each
    activations = tokens * shape.hidden_size * (between * shape.num_hidden_layers + INNER_BYTES[each])
    return Memory(weights, counts.trained * TRAINED_BYTES, activations)


def available(place: Place) -> int:
    """Bytes free for a training."""
    if place.on_gpu:
        free, _ = torch.cuda.mem_get_info()
        return int(free)
    return int(psutil.virtual_memory().available)


def pass_seconds(model: Any, inputs: dict[str, Any], loss: Callable[[Any], torch.Tensor], place: Place) -> tuple[float, float]:
    """Seconds of one forward and backward pass, the second of two, and the peak of GPU memory in bytes (0 on a CPU); nothing is learned."""
    state = torch.random.get_rng_state(), torch.cuda.get_rng_state() if place.on_gpu else None
    seconds = 0.0
    if place.on_gpu:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        began = time.perf_counter()
        loss(model(**inputs)).backward()
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
