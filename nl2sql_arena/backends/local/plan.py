"""In which precision, on what, a model is held."""

import logging
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from nl2sql_arena.memory import main_memory

SMALL = 100_000_000
"""Parameters below which a model runs in fp32 on one CPU thread, where more threads only wait for each other."""
GIGABYTE = 1 << 30
LARGE = 1_000_000_000
"""Parameters from which a model is held in 4 bits on a card that is too small for the pair."""
PAIR_BYTES = 20 * GIGABYTE
"""A card's memory, less what other programs hold, from which Phi-2 and a SQLCoder of 7 B both fit in 16 bits (19 GB of weights). Below it
both are quantised: one alone would make the precision a part of the comparison."""
ROOM_BYTES = 2 * GIGABYTE
"""What a model of the pair takes beside its weights: keys and values of its prompts and of kept schema prefixes, and a step's own."""
BITS = {"nf4": 4, "int8": 8, "fp16": 16, "bf16": 16, "fp32": 32}
BYTES = {"nf4": 0.65, "int8": 1.08, "fp16": 2.0, "bf16": 2.0, "fp32": 4.0}
"""Bytes a parameter; the quantised ones with embeddings and head at 16 bits, as counted for Phi-2 and the SQLCoders (0.57 to 0.71)."""
FULL = ("allocate memory", "MPS backend out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""What plain RuntimeErrors say of a memory that is full: a CPU's, a Mac's GPU's, and CUDA's where torch's own allocator did not ask."""
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True)
class Plan:
    """How a model's weights are held: `precision` is a key of BITS, `dtype` what it computes in, `threads` 0 means torch's own choice."""

    device: str
    precision: str
    dtype: torch.dtype
    threads: int = 0

    @property
    def quantised(self) -> bool:
        return BITS[self.precision] < 16

    def __str__(self) -> str:
        threads = f", {self.threads} thread" if self.threads else ""
        return f"{self.precision} on {self.device}{threads}"


def choose(precision: str, parameters: int) -> Plan:
    """What runs here: a card's precision, or with "auto" the best that the device and its free memory allow.

    CUDA: bf16, fp16 before Ampere, nf4 where 16 bits do not fit or the card is too small for the pair. CPU: fp32 on one thread when
    small, else bf16. A Mac's GPU takes only what is not small, which it would hold up more than help.
    """
    mps = parameters >= SMALL and torch.backends.mps.is_available()
    device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    threads = 1 if device == "cpu" and parameters < SMALL else 0
    sixteen = _sixteen_bits(device)
    if precision == "auto":
        four = device == "cuda" and (is_for_one(parameters) or not _fits(parameters))
        precision = "nf4" if four else "fp32" if threads else sixteen
    compute = ("fp32" if threads else sixteen) if precision in ("nf4", "int8") else precision
    return Plan(device, precision, DTYPES[compute], threads)


def _sixteen_bits(device: str) -> str:
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if device == "mps":
        return "bf16" if torch.backends.mps.is_macos_or_newer(14, 0) else "fp16"
    return "bf16"


def is_for_one(parameters: int) -> bool:
    """Whether this is a model of the pair on a card that cannot hold the pair at 16 bits, now that others hold what they hold of it."""
    found = _gpu_memory()
    return found is not None and parameters >= LARGE and found[1] < PAIR_BYTES


def _fits(parameters: int) -> bool:
    """Whether 16-bit weights leave room to answer; unknown free memory counts as enough."""
    found = _gpu_memory()
    return found is None or 2 * parameters + ROOM_BYTES < found[0]


def _gpu_memory() -> tuple[int, int] | None:
    """Bytes that are free, with what torch keeps without using it, and those with all that this process holds; None where not known.

    ZeroGPU tells outside a call what its whole card has.
    """
    try:
        free, _ = torch.cuda.mem_get_info()
    except RuntimeError:
        return None
    reserved, used = int(torch.cuda.memory_reserved()), int(torch.cuda.memory_allocated())
    return int(free) + reserved - used, int(free) + reserved


def needed_bytes(plan: Plan, parameters: int) -> int:
    """What must be free to load a model: its weights and, unless it is small, room to answer. Half of that does on a GPU, where too little
    ends an answer; a system whose main memory is full ends the app.
    """
    weights = int(parameters * BYTES[plan.precision])
    if parameters < SMALL:
        return weights
    room = min(ROOM_BYTES, weights // 2)
    return weights + (room // 2 if plan.device == "cuda" else room)


def free_bytes(device: str) -> int:
    """Free memory of the GPU, with what torch holds of it without using it; elsewhere main memory."""
    if device != "cuda":
        return main_memory()[0]
    found = _gpu_memory()
    return found[0] if found else 1 << 62  # not known


def outline(config: Any) -> Any:
    """The model of a configuration with its class, shapes and kind of attention, and no weights."""
    build: Any = AutoModelForCausalLM
    with torch.device("meta"):
        return build.from_config(config, trust_remote_code=False)


def parameters_of(drawn: Any) -> int:
    return sum(each.numel() for each in drawn.parameters())


def quantisation_of(plan: Plan) -> Any:
    """Double quantisation always: without it bitsandbytes 0.50 corrupts weights that are saved after a forward pass on CPU."""
    make: Any = BitsAndBytesConfig
    if plan.precision == "int8":
        logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)  # else a line for every layer of every token
        return make(load_in_8bit=True)
    return make(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=plan.dtype)


def out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in FULL)
