"""What tuning Phi-2 takes on this GPU: seconds a step, tokens a second and peak memory, NF4 and 16-bit, each with a stop and a resume.

The weights are random ones of Phi-2's full size, since speed and memory do not depend on what they are; the steps are those of `train sft`.

    .venv/bin/python benchmarks/fine_tuning.py                      # 200 steps of packed rows of 1,024 tokens, both ways
    .venv/bin/python benchmarks/fine_tuning.py --tiny --steps 4 --length 160    # that this script works, on any machine
"""

import argparse
import gc
import json
import random
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import record
import torch
from transformers import AutoTokenizer, PhiConfig, PhiForCausalLM

from nl2sql_arena import settings
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training import recipe
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.training.recipe import Tuning
from nl2sql_arena.training.sets.datasets import Dataset
from nl2sql_arena.training.tuning import student, tune
from nl2sql_arena.training.tuning.progress import Keeper
from nl2sql_arena.training.tuning.prompted import EXAMPLE
from nl2sql_arena.types import Weights

PHI_2 = {
    "vocab_size": 51_200, "hidden_size": 2560, "intermediate_size": 10_240, "num_hidden_layers": 32, "num_attention_heads": 32,
    "max_position_embeddings": 2048, "partial_rotary_factor": 0.4, "resid_pdrop": 0.1,
}  # fmt: skip
TINY = PHI_2 | {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}


class Stop(Exception):
    """Ends the first half of a run."""


def base(folder: Path, sizes: dict[str, Any]) -> None:
    """A Phi with random weights, and the minis' tokenizer: packed rows are equally long with any."""
    tokenizer = AutoTokenizer.from_pretrained(settings.ROOT / "models" / "mini-p")
    tokenizer.save_pretrained(folder)
    build: Any = PhiForCausalLM
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(student.here().device):
        model = build(PhiConfig(**sizes, bos_token_id=1, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id))
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)


def pairs(count: int) -> Dataset:
    rng = random.Random(0)
    made = (
        TrainingPair(
            "how many " + " ".join(rng.choices(("big", "small", "old", "new"), k=rng.randrange(20))), "SELECT COUNT(*)", EXAMPLE, ""
        )
        for _ in range(count)
    )
    return Dataset(tuple(made), (), {}, {}, {})


def run(tuning: Tuning, home: Path, data: Dataset, sandbox: Sandbox) -> dict[str, Any]:
    """Half the steps, a stop, the other half; figures are of the second."""
    folders = tune.Folders(home / "made", home / tuning.name, home / f"{tuning.name}-work")
    folders.recipe.mkdir(exist_ok=True)
    saved = Keeper.on_save

    def stop(keeper: Keeper, *arguments: Any, **named: Any) -> None:
        saved(keeper, *arguments, **named)
        raise Stop

    said: list[str] = []
    Keeper.on_save = stop  # type: ignore[method-assign, assignment]
    try:
        tune.sft(tuning, lambda _folder: data, folders, sandbox, said.append)
    except Stop:
        pass
    finally:
        Keeper.on_save = saved  # type: ignore[method-assign]
    on_gpu = torch.cuda.is_available()
    gc.collect()  # the first half's model and trainer know each other
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    tune.sft(tuning, lambda _folder: data, folders, sandbox, said.append)
    history = [json.loads(line) for line in (folders.out / "training.jsonl").read_text().splitlines()]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    seconds = history[-1]["train_runtime"] / (tuning.schedule.steps - tuning.schedule.steps // 2)
    row_tokens = tuning.max_length * tuning.schedule.batch * tuning.schedule.accumulate
    return {
        "base": tuning.quantisation, "precision": student.PRECISIONS[student.here().dtype], "tokens_a_step": row_tokens,
        "seconds_a_step": round(seconds, 3), "tokens_a_second": round(row_tokens / seconds),
        "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if on_gpu else None,
        "reserved_gb": round(torch.cuda.max_memory_reserved() / 1e9, 2) if on_gpu else None,
        "first_loss": round(losses[0], 3), "last_loss": round(losses[-1], 3),
        "estimated": [line for line in said if line.startswith(("memory", "time"))][:2],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tiny", action="store_true", help="a tiny Phi instead; nothing is written to results/")
    parser.add_argument("--length", type=int, default=1024, help="tokens of a packed row")
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    wanted = recipe.read_tuning(settings.ROOT / "models" / "phi-2-nl2sql" / "recipe.toml")
    wanted = replace(
        wanted, base=Weights("../base"), max_length=options.length, max_new_tokens=options.length // 4,
        schedule=replace(wanted.schedule, steps=options.steps, epochs=1_000.0),
        evaluation=replace(wanted.evaluation, questions=0, every=options.steps // 2),
    )  # fmt: skip
    home = Path(tempfile.mkdtemp())
    try:
        base(home / "base", TINY if options.tiny else PHI_2)
        with Sandbox(workers=1) as sandbox:
            found = [run(replace(wanted, name=way, quantisation=way), home, pairs(2_000), sandbox) for way in ("nf4", "none")]
    finally:
        shutil.rmtree(home)
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    figures = {"device": device, "model": "tiny" if options.tiny else "Phi-2, random weights", "steps": options.steps, "runs": found}
    if options.tiny:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    else:
        record.save("fine_tuning", figures)


if __name__ == "__main__":
    main()
