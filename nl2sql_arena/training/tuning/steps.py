"""What every training by trl has in common here: settings, our own progress, and what `training.json` says of it afterwards."""

import errno
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, ProgressCallback, TrainerState

from nl2sql_arena.errors import BadInput, Infrastructure
from nl2sql_arena.training.tuning import checkpoints, estimate, student
from nl2sql_arena.training.tuning.checkpoints import History
from nl2sql_arena.training.tuning.progress import Bar, Keeper, Log
from nl2sql_arena.training.tuning.prompted import prompt_hash
from nl2sql_arena.training.tuning.student import Place

# trl 1.16 still sets it by the old name.
warnings.filterwarnings("ignore", message="`gradient_checkpointing` is deprecated")

LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "duckdb")
Report = dict[str, Any]
TRAINER_STATE = "trainer_state.json"


@contextmanager
def understood(work: Path) -> Iterator[None]:
    """Says in one sentence what ends a training for want of memory or disk. Raises BadInput and Infrastructure."""
    try:
        yield
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        raise Infrastructure(f"The disk of {work} is full; free some space and give the same command again: it continues.") from problem
    except (torch.OutOfMemoryError, MemoryError) as problem:
        smaller = "lower batch or max_length, or hold the base in nf4"
        raise BadInput(f"The training does not fit the memory; {smaller}, and give the command again with --again.") from problem


def settings(work: Path, seed: int, rate: float, every: int, place: Place) -> dict[str, Any]:
    """Of every trainer: precision, optimizer, a cosine, and checkpoints, which `checkpoints` looks after."""
    return {
        "output_dir": str(work),
        "learning_rate": rate,
        "lr_scheduler_type": "cosine",
        "max_grad_norm": 0.3,
        "optim": "adamw_torch_fused",
        "bf16": place.dtype == torch.bfloat16,
        "fp16": place.dtype == torch.float16,
        "use_cpu": not place.on_gpu,
        "logging_steps": max(1, every // 20),
        "logging_first_step": True,
        "save_strategy": "steps",
        "save_steps": every,
        "seed": seed,
        "report_to": "none",
    }


def of_epochs(batches: int, accumulate: int, epochs: float) -> int:
    """How many steps so many passes over the data take, the last of a pass on what is left of it."""
    return ceil(ceil(batches / accumulate) * epochs)


def trainer(kind: type[Any], model: Any, work: Path, **arguments: Any) -> Any:
    """A trainer of trl that reports to nobody, shows our own progress instead of its own, and trains the very weights given, in fp32."""
    quiet = type(kind.__name__, (kind,), {"_send_telemetry": lambda _self: None})
    weights = student.trained(model)
    options = arguments["args"]
    options._n_gpu = min(options.n_gpu, 1)  # of several GPUs the first one: trl refuses to spread one process over them
    made = quiet(model=model, **arguments)
    student.restore(made.model, weights)
    for callback in (ProgressCallback, PrinterCallback):
        made.remove_callback(callback)
    for callback in (Bar(), Keeper(work)):
        made.add_callback(callback)
    return made


def say_time(ready: Any, loss: Callable[[Mapping[str, Any]], torch.Tensor], steps: int, note: str, place: Place, log: Log) -> float:
    """Measures one pass over the first batch and says how long the steps will take; returns the seconds of a pass."""
    batches = ready.get_train_dataloader()
    inputs = {key: value.to(place.device) if hasattr(value, "to") else value for key, value in next(iter(batches)).items()}
    ready.model.activation_checkpointing_enable(ready.args.gradient_checkpointing_kwargs)  # as the trainer will
    with ready.accelerator.autocast(), understood(Path(ready.args.output_dir)):
        seconds, peak = estimate.pass_seconds(ready.model.train(), lambda: loss(inputs), place)
    total = seconds * ready.args.gradient_accumulation_steps * steps
    log(
        f"time: about {estimate.duration(total)} for {steps} steps ({len(batches)} batches), {note}; "
        f"one forward and backward pass took {seconds:.2f} s here" + (f" and {peak / estimate.GIGABYTE:.1f} GB at its peak" if peak else "")
    )
    return seconds


def follow(trainer: Any, resume: Path | None, log: Log) -> History:
    """Train to the end, from the checkpoint if there is one; returns what was logged from the first step on."""
    if resume:
        state = TrainerState.load_from_json(str(resume / TRAINER_STATE))
        log(f"continuing from step {state.global_step} of {state.max_steps}")
        if state.global_step >= state.max_steps:  # the trainer would take one step more
            history: History = state.log_history
            return history
    with understood(Path(trainer.args.output_dir)):
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return list(trainer.state.log_history)


def facts(format_name: str, place: Place, model: Any, history: Sequence[Mapping[str, Any]], step: int) -> Report:
    """What `training.json` says of any training here."""
    return {
        "prompt": prompt_hash(format_name),
        "trained_parameters": trained_parameters(model),
        "kept": {"step": step, "of": history[-1]["step"], "because": verdict(history, step)},
        "evaluations": [dict(entry) for entry in history if any(key.startswith("eval_") for key in entry)],
        "device": torch.cuda.get_device_name(0) if place.on_gpu else f"CPU ({platform.machine()})",
        "precision": student.PRECISIONS[place.dtype],
        "libraries": {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def trained_parameters(model: Any) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def verdict(history: Sequence[Mapping[str, Any]], step: int) -> str:
    """Why this step's weights are the ones that are kept."""
    found = [entry for entry in history if entry["step"] == step and checkpoints.ACCURACY in entry]
    if not found:
        return "the last weights; none were examined"
    accuracy, asked = found[-1][checkpoints.ACCURACY], f"{found[-1]['eval_scored']:.0f} held-out questions"
    return f"the best execution accuracy: {accuracy:.1%} of {asked}" if accuracy else f"the lowest loss; none answered any of {asked} right"
