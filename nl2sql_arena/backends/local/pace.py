"""How long an answer takes at the least, from what this machine's memory and arithmetic do at this moment; no model is loaded for it.

A token is written by reading all weights once, a prompt is read by two operations a weight and token. What a layer costs besides (starting
kernels, attention, Python), beams and the sandbox come on top, so that the truth is above this.
"""

import time
from dataclasses import dataclass

import torch
from torch.nn.functional import linear

from nl2sql_arena.backends.local.plan import LARGE, choose, out_of_memory

READ, WRITTEN = 1_250, 70
"""Tokens of the prompt and the answer that are meant."""
INNER, OUTER = 4_096, 16_384
"""A layer's shape: 134 MB at 16 bits, more than any cache holds."""
TRIES = 3


@dataclass(frozen=True)
class Pace:
    """Bytes of weights read and floating point operations, each a second; `dtype` and `device` are what they were measured in and on."""

    bytes: float
    operations: float
    dtype: str
    device: str

    def least_seconds(self, parameters: int, size: float) -> float:
        """For one answer of a model whose weights have `size` bytes."""
        return READ * 2 * parameters / self.operations + WRITTEN * size / self.bytes


def measure() -> Pace | None:
    """In the 16-bit type that large models compute in here; None where there is no memory for it."""
    plan = choose("auto", LARGE)
    rows = 1_024 if plan.device == "cuda" else 64
    try:
        weights = torch.ones(OUTER, INNER, dtype=plan.dtype, device=plan.device)
        one, many = (torch.ones(count, INNER, dtype=plan.dtype, device=plan.device) for count in (1, rows))
        with torch.inference_mode():
            read, computed = (min(_seconds(given, weights) for _ in range(TRIES)) for given in (one, many))
    except (MemoryError, RuntimeError) as problem:
        if not out_of_memory(problem):
            raise
        return None
    return Pace(weights.nbytes / read, 2 * rows * INNER * OUTER / computed, str(plan.dtype).rpartition(".")[2], plan.device)


def _seconds(given: torch.Tensor, weights: torch.Tensor) -> float:
    began = time.perf_counter()
    linear(given, weights)[0, 0].item()  # waits for the device
    return time.perf_counter() - began
