"""Makes the minis: tokenizer, data, weights, figures; from nothing, on two CPU cores or a GPU, within the minutes given.

Each chain of recipes (a base and what builds on it) is one process with one thread, because two threads on one small model mostly wait for
each other; all data is drawn before, so that nothing competes with the training. A stage ends after its processor time, which other work
on the machine does not shorten; the weights of two runs differ a little even with one seed, and figures say which data it was. What is
drawn, and a checkpoint a minute, are kept in a work folder until all is done: the same command goes on where an earlier one was ended.
"""

import json
import multiprocessing
import os
import platform
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PhiConfig, PhiForCausalLM

from nl2sql_arena import prompts, settings
from nl2sql_arena.database import Database
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import BadCard
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training import recipe
from nl2sql_arena.training.apart import Hashes, measured_on
from nl2sql_arena.training.minis import attention, data, evaluate, pools, tokenizer
from nl2sql_arena.training.minis.bars import Bars, line
from nl2sql_arena.training.minis.pools import LONGEST_ANSWER, LONGEST_PROMPT, Packer, Pool
from nl2sql_arena.training.recipe import Adapter, Architecture, Recipe, Stage
from nl2sql_arena.types import Column, ForeignKey, Generation, Link, ModelCard, Schema, Table, Weights

Log = Callable[[str], None]
POSITIONS = 512
"""Tokens for which a mini has positions, more than `CONTEXT` asks for."""
PAIRS_A_SECOND = 110
"""Pairs that one chain is expected to read at most; with fewer at hand it reads some twice."""
EVALUATED = 60
"""Held-out questions of each database that a finished mini is asked."""
RESERVE = 0.04
"""Share of all minutes that is kept for evaluating."""
TRAINED_BYTES = 4 * 4
"""A trained number: itself, its gradient and at most two moments."""
PROGRESS_SECONDS = 10.0
CHECKPOINT_SECONDS = 60.0
CONTEXT = LONGEST_PROMPT + LONGEST_ANSWER
"""Longest prompt plus answer of a mini, in tokens: no prompt is longer than those it learned from."""
TOKENIZER_GROUPS = 60
FORMAT = "mini-linked"
"""What a mini that is trained now reads; see `prompts.FORMATS`."""
FIGURES, PROGRESS, CHECKPOINT = "training.json", "training.jsonl", "checkpoint.pt"
LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "duckdb")
Report = dict[str, Any]


class Reports(Protocol):
    """Where a training process puts its progress."""

    def put(self, report: Report) -> None: ...


@dataclass(frozen=True)
class Job:
    """All that a training process needs; databases as (name, folder, cache), because a Database holds a lock."""

    work: Path
    models: Path
    places: tuple[tuple[str, Path, Path], ...]
    apart: Hashes
    seed: int
    evaluated: int = EVALUATED

    @property
    def databases(self) -> dict[str, Database]:
        return {name: Database(name, folder, cache) for name, folder, cache in self.places}

    @property
    def ground(self) -> data.Ground:
        return data.Ground(tuple(data.Sample(database) for database in self.databases.values()), self.apart)

    @property
    def tokenizer(self) -> Any:
        return AutoTokenizer.from_pretrained(self.work / "tokenizer")

    def pool(self, kind: str) -> Path:
        return self.work / f"{kind}.npz"


def train_minis(
    models: Path,
    databases: Mapping[str, Database],
    minutes: float,
    seed: int,
    log: Log,
    work: Path,
    recipes: Mapping[str, Recipe] | None = None,
    evaluated: int = EVALUATED,
) -> dict[str, Report]:
    """Train every recipe of the project (or `recipes`) into `models/<name>/`; returns what each `training.json` says.

    Takes `minutes` in all on two idle cores, and longer on busy ones. What is half done is kept in `work` and gone on
    with by the next call with the same recipes, seed and minutes. Raises BadCard for a recipe and BadDatabase for a sample database that
    cannot be used.
    """
    began = time.monotonic()
    chosen = dict(recipes) if recipes is not None else recipe.load(settings.ROOT / "models")
    chains = recipe.chains(chosen)
    for database in databases.values():
        database.path()
    places = tuple((database.name, database.folder, database.cache) for database in databases.values())
    asked = f"{[asdict(chosen[name]) for name in sorted(chosen)]} {seed} {minutes} {places}"
    job = Job(work / sha256(asked.encode()).hexdigest()[:12], models, places, measured_on(databases), seed, evaluated)
    job.work.mkdir(parents=True, exist_ok=True)
    if not (job.work / "tokenizer").exists():
        make_tokenizer(job)
    log(f"tokenizer ready after {time.monotonic() - began:.0f} s")
    for each in chosen.values():
        trained, frozen = parameters(each, chosen, job.tokenizer)
        held = (trained * TRAINED_BYTES + frozen * 4) / 1e6
        log(f"{each.name}: {trained:,} parameters are trained, {frozen:,} stay frozen; with gradients and optimizer at most {held:.0f} MB")
    counts = {kind: max(64, round(PAIRS_A_SECOND * 60 * minutes * _longest(chains, kind))) for kind in data.KINDS}
    wanted = [(kind, count) for kind, count in counts.items() if _longest(chains, kind) and not job.pool(kind).exists()]
    # Two at a time, for two cores.
    for start in range(0, len(wanted), 2):
        _together([(make_pool, (job, *each)) for each in wanted[start : start + 2]], lambda report: log(line(report)), models)
    seconds = max(1.0, minutes * 60 * (1 - RESERVE) - (time.monotonic() - began))
    log(f"pairs ready after {time.monotonic() - began:.0f} s; training for {seconds:.0f} s")
    with Bars(chains, log) as bars:
        _together([(follow, (job, chain, seconds)) for chain in chains], bars.put, models)
    reports = measure(job, chosen.values(), log)
    shutil.rmtree(job.work)
    return reports


def _longest(chains: list[list[Recipe]], kind: str) -> float:
    """The largest share of the time that a chain spends on one kind of pairs."""
    return max(sum(stage.share * stage.mix.get(kind, 0.0) for each in chain for stage in each.stages) for chain in chains)


def _together(calls: list[tuple[Callable[..., None], tuple[Any, ...]]], show: Callable[[Report], None], models: Path) -> None:
    """Run the calls in a process each and show what they report. Raises RuntimeError when one of them fails."""
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    processes = [context.Process(target=function, args=(*arguments, reports), daemon=True) for function, arguments in calls]
    for process in processes:
        process.start()
    running = True
    while running or not reports.empty():
        running = any(process.is_alive() for process in processes)
        if failed := [(function, process) for process, (function, _) in zip(processes, calls, strict=True) if process.exitcode]:
            for process in processes:
                process.terminate()
            function, process = failed[0]
            raise RuntimeError(f"The process for {function.__name__} ended with code {process.exitcode}; its error is above.")
        if reports.empty():
            time.sleep(0.1)
        else:
            _pass_on(reports.get(), show, models)


def _pass_on(report: Report, show: Callable[[Report], None], models: Path) -> None:
    """To people, and of a model's own progress a line to its `training.jsonl`."""
    show(report)
    if "model" in report:
        with (models / report["model"] / PROGRESS).open("a", encoding="utf-8") as out:
            out.write(json.dumps(report) + "\n")


def make_tokenizer(job: Job) -> None:
    """Learned from pairs of every kind; names of the sample databases are whole tokens."""
    ground = job.ground
    known = [phrase for sample in ground.samples for phrase in tokenizer.names(sample.schema)]
    texts = data.texts(ground, random.Random(f"{job.seed} tokenizer"), TOKENIZER_GROUPS)
    tokenizer.build(texts, known=known).save_pretrained(job.work / "tokenizer")


def make_pool(job: Job, kind: str, count: int, reports: Reports) -> None:
    """Draw `count` pairs of a kind."""
    began = time.monotonic()
    seed = int.from_bytes(sha256(f"{job.seed} {kind}".encode()).digest()[:4], "big")
    made = data.pool(Packer(job.tokenizer), job.ground, kind, seed, count)
    draft = job.pool(kind).with_suffix(".draft.npz")
    made.save(draft)
    draft.replace(job.pool(kind))
    reports.put({"data": kind, "pairs": len(made), "schemas": len(made.prefix_ends), "seconds": time.monotonic() - began})


def follow(job: Job, chain: list[Recipe], seconds: float, reports: Reports) -> None:
    """Train the recipes of a chain one after the other and save each; `seconds` are for shares that sum to 1."""
    torch.set_num_threads(1)
    kinds = {kind for each in chain for stage in each.stages for kind in stage.mix}
    sources = {kind: pools.load(job.pool(kind)) for kind in sorted(kinds)}
    for each in chain:
        folder = job.models / each.name
        folder.mkdir(parents=True, exist_ok=True)
        done = job.work / f"{each.name}.json"
        if done.exists():
            continue
        torch.manual_seed(job.seed)
        model = new_model(each, job)
        curves = [
            train(model, stage, sources, stage.share * seconds, each, number, job, reports) for number, stage in enumerate(each.stages, 1)
        ]
        save(model, each, job)
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        _write(folder, _facts(job, each, sources) | {"parameters": trained, "stages": curves})
        shutil.copy(folder / FIGURES, done)


def parameters(each: Recipe, recipes: Mapping[str, Recipe], made: Any) -> tuple[int, int]:
    """How many numbers of a recipe's model are trained and how many stay frozen, by shapes; `made` is the tokenizer. Raises BadCard."""
    with torch.device("meta"):
        whole = recipes[each.base].what if each.base else each.what
        if isinstance(whole, Adapter):
            raise BadCard(f"The recipe of {each.name} builds on '{each.base}', which is an adapter itself; name a whole model as base.")
        model = _adapted(_from_nothing(whole, made), each.what) if isinstance(each.what, Adapter) else _from_nothing(whole, made)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return trained, sum(p.numel() for p in model.parameters()) - trained


def new_model(each: Recipe, job: Job) -> Any:
    """A model with random weights, or its base with a new adapter."""
    if isinstance(each.what, Adapter):
        base = AutoModelForCausalLM.from_pretrained(job.models / each.what.base, dtype=torch.float32, attn_implementation=attention.NAME)
        return _adapted(base, each.what)
    return _from_nothing(each.what, job.tokenizer)


def _adapted(base: Any, what: Adapter) -> Any:
    from peft import LoraConfig, get_peft_model  # here: most of the processes train no adapter, and it takes a while

    lora = LoraConfig(r=what.rank, lora_alpha=what.alpha, target_modules=list(what.modules), lora_dropout=0.0, task_type="CAUSAL_LM")
    return get_peft_model(base, lora)


def _from_nothing(what: Architecture, made: Any) -> Any:
    """All widths are multiples of 32, which 4-bit kernels need; the tanh GELU is the fused form of Phi's own."""
    common = {
        "vocab_size": len(made) + -len(made) % 32,
        "hidden_size": what.width,
        "num_hidden_layers": what.layers,
        "num_attention_heads": what.heads,
        "intermediate_size": what.inner,
        "max_position_embeddings": POSITIONS,
        "tie_word_embeddings": True,
        "pad_token_id": made.pad_token_id,
        "bos_token_id": made.bos_token_id,
        "eos_token_id": made.eos_token_id,
        "attn_implementation": attention.NAME,
    }
    builders: dict[str, Callable[[], Any]] = {
        "phi": lambda: PhiForCausalLM(PhiConfig(**common, hidden_act="gelu_pytorch_tanh", resid_pdrop=0.0)),
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**common)),
    }
    return builders[what.family]()


def train(
    model: Any, stage: Stage, sources: Mapping[str, Pool], seconds: float, each: Recipe, number: int, job: Job, reports: Reports
) -> Report:
    """Stage `number` (from 1) of a recipe, for `seconds` of processor time; returns what was read, and the loss along the way."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).train()
    optimizers = _optimizers(model, stage)
    state = Progress(job.work / f"{each.name}-{number}-{CHECKPOINT}", seconds)
    state.restore(model, optimizers)
    rng = np.random.default_rng([job.seed, number, state.steps])
    feeds = {kind: _endless(sources[kind], rng) for kind in stage.mix}
    kinds, shares = list(stage.mix), list(stage.mix.values())
    losses: list[float] = []
    began = last = kept = time.process_time()
    before = state.spent
    while (done := state.spent / seconds) < 1:
        drawn = rng.choice(kinds, each.blocks, p=shares)
        blocks = [pools.block(sources[kind], next(feeds[kind]), model.config.pad_token_id) for kind in drawn]
        losses.append(step(model, blocks, optimizers, rate(done, stage), device))
        state.steps += 1
        state.tokens += sum(block.tokens.numel() for block in blocks)
        state.pairs += sum(block.pairs for block in blocks)
        now = time.process_time()
        state.spent = before + now - began
        if now - last > PROGRESS_SECONDS:
            last = now
            state.curve.append(round(sum(losses) / len(losses), 4))
            losses = []
            reports.put({
                "model": each.name, "stage": number, "done": round(done, 3), "steps": state.steps, "pairs": state.pairs,
                "loss": state.curve[-1], "pairs_a_second": round(state.pairs / state.spent),
            })  # fmt: skip
        if now - kept > CHECKPOINT_SECONDS:
            kept = now
            state.keep(model, optimizers)
    state.curve += [round(sum(losses) / len(losses), 4)] if losses else []
    state.keep(model, optimizers)
    seen = {"minutes": round(state.spent / 60, 2), "steps": state.steps, "pairs": state.pairs, "tokens": state.tokens}
    return asdict(stage) | seen | {"device": str(device), "loss": _thinned(state.curve)}


class Progress:
    """How far a stage has come, in memory and in a file that survives the end of the process at any moment."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self.steps = self.tokens = self.pairs = 0
        self.spent = 0.0
        self.curve: list[float] = []

    def keep(self, model: Any, optimizers: "Optimizers") -> None:
        counted = {name: getattr(self, name) for name in ("steps", "tokens", "pairs", "curve")} | {"share": self.spent / self._seconds}
        learned = {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}
        draft = self._path.with_suffix(".draft")
        torch.save({"counted": counted, "learned": learned, "optimizers": [each.state_dict() for each, _ in optimizers]}, draft)
        os.replace(draft, self._path)

    def restore(self, model: Any, optimizers: "Optimizers") -> None:
        if not self._path.exists():
            return
        kept = torch.load(self._path, weights_only=True)
        parameters = dict(model.named_parameters())
        with torch.no_grad():
            for name, value in kept["learned"].items():
                parameters[name].copy_(value)
        for (optimizer, _), state in zip(optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.spent = kept["counted"].pop("share") * self._seconds
        for name, value in kept["counted"].items():
            setattr(self, name, value)


def _thinned(curve: list[float], most: int = 24) -> list[float]:
    """At most `most` points of a curve, its last among them."""
    stride = max(1, -(-len(curve) // most))
    return curve[::-1][::stride][::-1]


def _endless(source: Pool, rng: np.random.Generator) -> Iterator[pools.Integers]:
    while True:
        yield from pools.epoch(source, rng)


def rate(done: float, stage: Stage) -> float:
    """The factor on the learning rates when `done` (0..1) of the stage's time is over: a short rise, then a cosine to `final`."""
    if done < stage.warmup:
        return (done + 0.001) / (stage.warmup + 0.001)
    return stage.final + (1 - stage.final) * 0.5 * (1 + float(np.cos(np.pi * (done - stage.warmup) / (1 - stage.warmup))))


Optimizers = list[tuple[torch.optim.Optimizer, float]]


def _optimizers(model: Any, stage: Stage) -> Optimizers:
    """Each optimizer with its full learning rate."""
    learned = {name: p for name, p in model.named_parameters() if p.requires_grad}
    matrices = [p for name, p in learned.items() if stage.matrices and p.dim() == 2 and "embed" not in name and "lm_head" not in name]
    kept = {id(p) for p in matrices}
    others = [p for p in learned.values() if id(p) not in kept]
    adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    return [(adam, stage.rate), *([(torch.optim.Muon(matrices, weight_decay=0.0), stage.matrices)] if matrices else [])]


def step(model: Any, blocks: list[pools.Block], optimizers: Optimizers, factor: float, device: torch.device | None = None) -> float:
    """One training step; returns the mean loss a learned token. Scores are computed only where something is learned."""
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    learned = sum(int(block.learn.sum()) for block in blocks)
    device = device or torch.device("cpu")
    total = 0.0
    for block in blocks:
        tokens, learn = block.tokens.to(device), block.learn.to(device)
        with torch.autocast(device.type, torch.bfloat16):
            read = core.model(
                input_ids=tokens,
                attention_mask=torch.zeros(1, 1, 1, 1, device=device),  # four dimensions: left to the attention function, which needs none
                position_ids=block.positions.to(device),
                use_cache=False,
                prefix=block.prefix,
                pairs=block.pairs,
                length=block.length,
            )
            scores = core.lm_head(read.last_hidden_state[:, :-1][learn])
        loss = torch.nn.functional.cross_entropy(scores.float(), tokens[:, 1:][learn], reduction="sum") / learned
        loss.backward()
        total += float(loss.item())
    torch.nn.utils.clip_grad_norm_([p for optimizer, _ in optimizers for group in optimizer.param_groups for p in group["params"]], 1.0)
    for optimizer, full in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = full * factor
        optimizer.step()
        optimizer.zero_grad()
    return total


def save(model: Any, each: Recipe, job: Job) -> None:
    """Weights as bf16 safetensors; the tokenizer beside whole models."""
    folder = job.models / each.name
    if isinstance(each.what, Adapter):
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.data = parameter.data.to(torch.bfloat16)
        model.save_pretrained(str(folder))
        (folder / "README.md").unlink(missing_ok=True)
        config = folder / "adapter_config.json"
        fields = json.loads(config.read_text(encoding="utf-8")) | {"base_model_name_or_path": f"../{each.what.base}"}
        config.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    else:
        model.to(torch.bfloat16).save_pretrained(folder)
        job.tokenizer.save_pretrained(folder)
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)  # written for the owner alone, but meant to be shipped


def card(each: Recipe) -> ModelCard:
    """The recipe's model as the engine loads it."""
    adapted = isinstance(each.what, Adapter)
    return ModelCard(
        name=each.name,
        title=each.name,
        kind="mini",
        family=each.what.family if isinstance(each.what, Architecture) else "adapter",
        backend="local",
        format=FORMAT,
        dialect="duckdb",
        licence="Apache-2.0",
        base=Weights(f"../{each.base}" if adapted else "."),
        adapter=Weights(".") if adapted else None,
        context=CONTEXT,
        generation=Generation(LONGEST_ANSWER),
    )


def measure(job: Job, recipes: Iterable[Recipe], log: Log) -> dict[str, Report]:
    """Ask every finished model the same held-out questions and add what it answers to its `training.json`."""
    from nl2sql_arena.training.tuning import curves  # here: the processes that train draw nothing

    recipes = list(recipes)
    questions = evaluate.held_out(job.databases, job.seed, job.evaluated, job.apart)
    reports = {}
    with Sandbox() as sandbox:
        engine = Engine({each.name: card(each) for each in recipes}, job.models, job.databases, sandbox)
        for each in recipes:
            path = job.models / each.name / FIGURES
            found = evaluate.accuracy(engine, each.name, questions)
            reports[each.name] = json.loads(path.read_text(encoding="utf-8")) | {"held_out_combinations": found}
            _write(path.parent, reports[each.name])
            curves.write(path.parent / curves.REPORT, each.name, *history(reports[each.name]["stages"]))
            log(f"{each.name}: " + ", ".join(f"{key} {group['accuracy']:.1%} of {group['n']:.0f}" for key, group in found.items()))
    return reports


def history(stages: Iterable[Report]) -> tuple[list[Report], int]:
    """The losses of all stages with the steps at which they were, and how many steps those are in all."""
    found: list[Report] = []
    before = 0
    for stage in stages:
        points = stage["loss"]
        found += [{"step": before + round(stage["steps"] * place / len(points)), "loss": loss} for place, loss in enumerate(points, 1)]
        before += stage["steps"]
    return found, before


def _facts(job: Job, each: Recipe, sources: Mapping[str, Pool]) -> Report:
    return {
        "name": each.name,
        "seed": job.seed,
        "recipe": asdict(each.what),
        "prompt": prompt_hash(),
        "data": {
            kind: {"pairs": len(source), "schemas": len(source.prefix_ends), "sha256": _hash(job.pool(kind))}
            for kind, source in sources.items()
        },
        "libraries": {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        "threads": 1,
    }


def prompt_hash(format_name: str = FORMAT) -> str:
    """Of a mini's prompt for a fixed schema and question: other than in `training.json` means that the minis must be trained again."""
    keys = (ForeignKey(("customer_id",), "customers", ("id",)),)
    names = ("INTEGER", "VARCHAR", "DECIMAL(10,2)", "DATE", "TIMESTAMP", "BOOLEAN", "INTEGER[]")
    columns = tuple(Column(f"c{i}", kind, "a comment") for i, kind in enumerate(names))
    customers = Table("customers", (Column("id", "BIGINT"), *columns), ("id",))
    orders = Table("orders", (Column("id", "BIGINT"), Column("customer_id", "BIGINT")), ("id",), keys, "a comment", 3)
    links = (Link("customers", "c1", "O'Neill"), Link("customers", "c1", "x")) if format_name in prompts.LINKED else ()
    prompt = prompts.mini("How many  orders?", Schema("shop", (customers, orders)), links=links)
    return sha256(repr((prompt.prefix, prompt.suffix, prompt.stop)).encode()).hexdigest()[:16]


def _hash(path: Path) -> str:
    """Of the arrays' content; an archive's own bytes hold times."""
    digest = sha256()
    with np.load(path) as arrays:
        for name in sorted(arrays.files):
            digest.update(arrays[name].tobytes())
    return digest.hexdigest()[:16]


def _write(folder: Path, report: Report) -> None:
    (folder / FIGURES).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
