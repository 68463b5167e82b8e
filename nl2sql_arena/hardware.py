"""What this machine can run models on. Importing this imports `spaces` first where it exists, as ZeroGPU demands (`zero_gpu`)."""

import os
import platform
from dataclasses import dataclass

from nl2sql_arena import zero_gpu
from nl2sql_arena.memory import main_memory


@dataclass(frozen=True)
class Device:
    name: str
    has_gpu: bool
    """A CUDA GPU, on which the real pair opens by itself."""
    zero_gpu: bool
    concurrency: int
    """Battles that may run at once: one on a GPU of one's own, several where each call gets a slot or models are tiny."""


def detect() -> Device:
    """Looks for CUDA through torch; on ZeroGPU the device only appears inside a call, so its variable decides."""
    if zero_gpu.is_here():
        return Device(zero_gpu.NAME, True, True, zero_gpu.CONCURRENCY)
    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return Device(f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB", True, False, 1)
    if torch.backends.mps.is_available():  # which torch does not let several threads use at once
        return Device(f"Apple GPU ({platform.machine()}, {os.cpu_count()} cores)", False, False, 1)
    return Device(f"CPU ({platform.machine()}, {os.cpu_count()} cores)", False, False, 4)


@dataclass(frozen=True)
class Memory:
    """Bytes of a device's memory."""

    name: str
    free: int
    total: int


def memories() -> list[Memory]:
    """That of this machine or container, then that of each GPU that is there outside a ZeroGPU call."""
    import torch

    found = [Memory("main memory", *main_memory())]
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        found.append(Memory(torch.cuda.get_device_name(number), free, total))
    return found
