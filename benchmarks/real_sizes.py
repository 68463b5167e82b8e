"""The real pair's sizes on this machine: load time, memory and speed of each model, then the app with both side by side.

The weights are random, of Phi-2's and SQLCoder-7B-2's full size, in sharded safetensors that take the arena's own path: speed and memory
do not depend on what weights say. Nothing here tells how good an answer is.

    .venv/bin/python benchmarks/real_sizes.py                     # on a GPU: bf16 and NF4, a LoRA merged and beside, then the app
    .venv/bin/python benchmarks/real_sizes.py --ways phi-2 --tokens 16 --no-app    # on a CPU: one of them, in bf16
    .venv/bin/python benchmarks/real_sizes.py --tiny              # that this script works, on any machine; nothing is written
"""

import argparse
import importlib
import json
import multiprocessing
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import record
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PhiConfig

from nl2sql_arena import catalog
from nl2sql_arena.engine import Engine
from nl2sql_arena.services import open_services
from nl2sql_arena.settings import ROOT, load
from nl2sql_arena.types import Generation, ModelCard, Request, Weights
from nl2sql_arena.ui.arena import BLIND, OPEN

PHI_2 = {
    "vocab_size": 51_200, "hidden_size": 2560, "intermediate_size": 10_240, "num_hidden_layers": 32, "num_attention_heads": 32,
    "max_position_embeddings": 2048, "partial_rotary_factor": 0.4,
}  # fmt: skip
SQLCODER = {
    "vocab_size": 32_016, "hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 32, "max_position_embeddings": 16_384, "rms_norm_eps": 1e-5, "rope_theta": 1e6,
}  # fmt: skip
TINY: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
}  # fmt: skip
SIZES: Mapping[str, tuple[type, dict[str, Any]]] = {"phi-2": (PhiConfig, PHI_2), "sqlcoder-7b-2": (LlamaConfig, SQLCODER)}
WAYS: Mapping[str, tuple[str, bool]] = {
    "phi-2": ("phi-2", False),
    "phi-2 + LoRA": ("phi-2", True),
    "sqlcoder-7b-2": ("sqlcoder-7b-2", False),
}
"""What is measured: whose size, and whether with an adapter."""
MODULES = ["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"]
QUESTIONS, BATTLES = 3, 20


def weights(folder: Path, size: str, is_tiny: bool, with_lora: bool) -> None:
    """A model of random weights, and the minis' tokenizer: what a token says does not matter here."""
    kind, sizes = SIZES[size]
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "mini-p")
    tokenizer.save_pretrained(folder)
    marks = {"bos_token_id": 1, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    config = kind(**sizes | (TINY | {"vocab_size": len(tokenizer)} if is_tiny else {}) | marks)
    build: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = build.from_config(config, dtype=torch.bfloat16)
    model.to_empty(device="cpu")
    for name, each in model.named_parameters():
        if each.dim() > 1:
            torch.nn.init.normal_(each, std=0.02)
        else:
            torch.nn.init.constant_(each, float(name.endswith("norm.weight")))
    model.tie_weights()
    model.save_pretrained(folder, max_shard_size="2GB")
    if with_lora:
        adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=MODULES, task_type="CAUSAL_LM"))
        for name, each in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(each, std=0.002)
        adapted.save_pretrained(folder / "adapter")


def card(way: str, folder: Path, precision: str, tokens: int) -> ModelCard:
    """The shipped card on the random weights."""
    size, with_lora = WAYS[way]
    found = catalog.read(ROOT / "models" / size / "card.toml")
    adapter = Weights(str(folder / "adapter")) if with_lora else None
    return replace(found, base=Weights(str(folder)), adapter=adapter, precision=precision, generation=Generation(tokens))


def largest_size() -> int:
    """Bytes of this process's largest resident size; what `resource` tells begins with its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measured(asked: ModelCard) -> dict[str, Any]:
    """Seconds to load, GB held and at the peak, and the speed of a few answers. In a process of its own."""
    services = open_services(load())
    try:
        if torch.cuda.is_available():
            torch.cuda.init()
        engine = Engine({asked.name: asked}, services.settings.models, services.databases, services.sandbox)
        began = time.perf_counter()
        backend = engine.backend(asked.name)
        seconds = time.perf_counter() - began
        on_gpu = torch.cuda.is_available()
        held = torch.cuda.memory_allocated() if on_gpu else 0
        examples = services.examples("shop", "arena")[:QUESTIONS]
        answers = [next(iter(engine.answers([Request(each.id, asked.name, "shop", each.question)]))).completion for each in examples]
        peak = torch.cuda.max_memory_allocated() if on_gpu else largest_size()
    finally:
        services.close()
    later = [(each.tokens - 1) / (each.seconds - each.first_token_seconds) for each in answers if each.tokens > 1]
    return {
        "held": str(backend.precision),
        "load_s": round(seconds, 1),
        "weights_gb": round(held / 1e9, 2) if on_gpu else None,
        "peak_gb": round(peak / 1e9, 2),
        "peak_is": "most that was allocated on the GPU" if on_gpu else "the process's largest resident size",
        "prompt_tokens": round(statistics.median(each.prompt_tokens for each in answers)),
        "first_token_s": [round(each.first_token_seconds, 3) for each in answers],
        "tokens_a_second": round(statistics.median(later), 1) if later else None,
        "answers": len(answers),
        "failures": sorted({each.failure for each in answers if each.failure}),
    }


def alone(asked: ModelCard) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(measured, (asked,))


def app_folder(home: Path, precision: str, tokens: int) -> Path:
    """The app with the two models of random weights as its only cards."""
    folder = home / "app"
    shutil.copytree(ROOT / "nl2sql_arena", folder / "nl2sql_arena", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "app.py", folder)
    for name in ("sample_dbs", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    for size in SIZES:
        text = (ROOT / "models" / size / catalog.CARD).read_text(encoding="utf-8")
        changes = {"base": f'{{ id = "{home / size}" }}', "precision": f'"{precision}"', "generation": f"{{ max_new_tokens = {tokens} }}"}
        for key, value in changes.items():
            text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        (folder / "models" / size).mkdir(parents=True)
        (folder / "models" / size / catalog.CARD).write_text(text, encoding="utf-8")
    return folder


def started(folder: Path, port: int) -> tuple[float, subprocess.Popen[bytes]]:
    """Seconds until the page answers, and the server."""
    environment = os.environ | {"PORT": str(port), "ARENA_DATA": str(folder / "var"), "ARENA_MODELS": ",".join(SIZES)}
    began = time.perf_counter()
    server = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment | {"PYTHONPATH": str(folder)})
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return time.perf_counter() - began, server
        time.sleep(0.1)
    raise SystemExit("The app did not start; its reason stands above.")


def served(folder: Path) -> dict[str, Any]:
    """Twenty battles, half of them blind, each voted on; the app killed and started again, and the votes that are there then."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    ready, server = started(folder, port)
    seconds: dict[str, list[float]] = {BLIND: [], OPEN: []}
    page = importlib.import_module("tests.ui.raw_page").RawPage(f"http://127.0.0.1:{port}")
    page.values["db"] = "shop"
    seen = 0
    for number in range(BATTLES):
        page.values["mode"] = mode = (BLIND, OPEN)[number % 2]
        began = time.perf_counter()
        page.ask(f"How many orders cost more than {number}?")
        seconds[mode].append(time.perf_counter() - began)
        page.vote("tie")
        seen += "Recorded" in str(page.shown.get("reveal"))
    on_gpu = torch.cuda.is_available()
    free_gb, total_gb = (each / 1e9 for each in torch.cuda.mem_get_info()) if on_gpu else (0.0, 0.0)
    server.kill()
    server.wait()
    again, server = started(folder, port)
    with closing(sqlite3.connect(folder / "var" / "votes.sqlite")) as store:
        (kept,) = store.execute("SELECT COUNT(*) FROM battles").fetchone()
    server.terminate()
    server.wait()
    return {
        "ready_s": round(ready, 1), "ready_after_a_kill_s": round(again, 1),
        "gpu_memory_in_use_gb": round(total_gb - free_gb, 2) if on_gpu else None,
        "both_sides_s": {mode: round(statistics.median(each), 2) for mode, each in seconds.items()},
        "battles": BATTLES, "votes_shown_as_recorded": seen, "battles_on_disk_after_the_kill": kept,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tiny", action="store_true", help="two-layer models instead; nothing is written to results/")
    parser.add_argument("--ways", default=",".join(WAYS), help="comma-separated")
    parser.add_argument("--precisions", default="bf16,nf4" if torch.cuda.is_available() else "bf16", help="comma-separated")
    parser.add_argument("--tokens", type=int, default=64, help="of an answer; random weights never end one by themselves")
    parser.add_argument("--no-app", action="store_true", help="measure the models alone")
    options = parser.parse_args()
    ways, precisions = options.ways.split(","), options.precisions.split(",")
    home = Path(tempfile.mkdtemp())
    found: dict[str, Any] = {}
    try:
        for size in dict.fromkeys(WAYS[way][0] for way in ways):
            weights(home / size, size, options.tiny, with_lora=any(WAYS[way] == (size, True) for way in ways))
        for precision in precisions:
            for way in ways:
                found[f"{way}, {precision}"] = alone(card(way, home / WAYS[way][0], precision, options.tokens))
        if not options.no_app:
            found[f"the app on both, {precisions[-1]}"] = served(app_folder(home, precisions[-1], options.tokens))
    finally:
        shutil.rmtree(home)
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    figures = {"device": device, "models": "two layers" if options.tiny else "full size", "weights": "random", "found": found}
    if options.tiny:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    else:
        record.save("real_sizes", figures)


if __name__ == "__main__":
    main()
