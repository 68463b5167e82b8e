"""What this machine can run models on, and the GPU decorator of a ZeroGPU Space. Importing this imports `spaces` first where it exists."""

import importlib.util
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

if importlib.util.find_spec("spaces"):
    import spaces
else:
    spaces = None

ZERO_GPU = "ZeroGPU"
"""The name of a device that each call gets for a short while."""
GPU_SECONDS = 40
"""What one question to both models asks of a ZeroGPU slot."""


@dataclass(frozen=True)
class Device:
    name: str
    has_gpu: bool
    zero_gpu: bool
    concurrency: int
    """Battles that may run at once: one on a GPU of one's own, several where each call gets a slot or models are tiny."""


def detect() -> Device:
    """Looks for CUDA through torch; on ZeroGPU the device only appears inside a call, so its variable decides."""
    zero = bool(os.environ.get("SPACES_ZERO_GPU")) and spaces is not None
    if zero:
        return Device(ZERO_GPU, True, True, 6)
    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return Device(f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB", True, False, 1)
    return Device(f"CPU ({platform.machine()}, {os.cpu_count()} cores)", False, False, 4)


@dataclass(frozen=True)
class Memory:
    """Bytes of a device's memory."""

    name: str
    free: int
    total: int


def memories() -> list[Memory]:
    """That of this machine, then that of each GPU that is there outside a ZeroGPU call."""
    import psutil  # type: ignore[import-untyped]  # accelerate brings it
    import torch

    main = psutil.virtual_memory()
    found = [Memory("main memory", main.available, main.total)]
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        found.append(Memory(torch.cuda.get_device_name(number), free, total))
    return found


def on_gpu(generate: Callable[..., Any]) -> Callable[..., Any]:
    """The generator that runs both sides, under one GPU decorator on ZeroGPU; unchanged elsewhere.

    Callbacks cannot cross to the GPU's process, so there they are left behind.
    """
    if spaces is None or not os.environ.get("SPACES_ZERO_GPU"):
        return generate

    @spaces.GPU(duration=GPU_SECONDS)  # type: ignore[untyped-decorator]
    def one_question(requests: Any) -> Any:
        yield from generate(requests, None, None)

    def all_questions(requests: Any, _on_token: Any = None, cancelled: Any = None) -> Any:
        """One slot for each question, which both models share; a cancelled run asks for no further slot."""
        for number, identity in enumerate(dict.fromkeys(request.id for request in requests)):
            if number and cancelled and cancelled():
                return
            yield from one_question([request for request in requests if request.id == identity])

    return all_questions
