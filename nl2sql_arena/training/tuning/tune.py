"""`train sft`: a recipe -> a LoRA adapter that is a contestant, chosen by execution accuracy on schemas that it did not learn from.

trl's SFTTrainer does the steps; the loss counts completions alone, and packed rows keep their pairs apart by their positions. Killed at any
moment, the same command continues from the last whole checkpoint. Not covered: several GPUs.
"""

import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset as Rows
from trl import SFTConfig, SFTTrainer

from nl2sql_arena.backends.local import Local
from nl2sql_arena.errors import BadInput
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.training.recipe import Tuning
from nl2sql_arena.training.sets.datasets import Dataset, unchecked
from nl2sql_arena.training.tuning import checkpoints, contestant, estimate, student
from nl2sql_arena.training.tuning.exam import Exam, Figures, built
from nl2sql_arena.training.tuning.progress import Examiner, Log
from nl2sql_arena.training.tuning.prompted import Prompted, Room, prompt_hash, prompted
from nl2sql_arena.training.tuning.steps import Report, facts, follow, of_epochs, say_time, settings, trainer, verdict
from nl2sql_arena.training.tuning.student import Place
from nl2sql_arena.types import Generation, ModelCard, Weights

Build = Callable[[Path], Dataset]
"""The folder for held-out databases -> pairs and held-out questions."""


@dataclass(frozen=True)
class Folders:
    """Where a recipe lies (its base is relative to it), where the result goes, and where a run lives until it is done."""

    recipe: Path
    out: Path
    work: Path

    @property
    def data(self) -> Path:
        """The checked pairs and the held-out databases."""
        return self.work / "data"


def sft(tuning: Tuning, build: Build, folders: Folders, sandbox: Sandbox, log: Log, again: bool = False) -> Report:
    """Train the recipe's adapter into `folders.out`; returns what its `training.json` says. `again` lets a finished or begun one go.

    Raises BadInput (data, folder), ModelUnavailable (base) and Infrastructure (sandbox).
    """
    place = student.here()
    shape = student.config(tuning.base, folders.recipe)
    tokenizer = student.tokenizer(tuning.base, folders.recipe, shape.vocab_size)
    if tuning.max_length > shape.max_position_embeddings:
        raise BadInput(
            f"max_length = {tuning.max_length} is more than the {shape.max_position_embeddings} positions of the base; lower it."
        )
    card = card_of(tuning, folders, shape.model_type)
    contestant.check_target(folders.out, card, again)
    announce(tuning, folders.recipe, shape, place, log)

    resume = checkpoints.begin(folders.work, asdict(tuning), again)
    data = _once(folders.data, build)
    texts, counts = texts_of(data, tuning, tokenizer, log)
    torch.manual_seed(tuning.seed)
    base = student.base(tuning.base, folders.recipe, tuning.quantisation, place)
    model = student.continued(base, tuning.adapter, folders.recipe) if tuning.adapter else student.with_adapter(base, tuning.lora)
    ready = trainer_of(tuning, model, tokenizer, texts, folders.work, place)
    if texts.held_out:
        exam = Exam(_examined(card, tuning), data.held_out[: tuning.evaluation.questions], built(data.files, data.schemas), sandbox)
        plan = student.plan(model, tuning.quantisation, place)

        def examined(live: Any) -> Figures:
            """As the arena will compute it. The trainer lets the whole model compute under autocast, which on a GPU keeps the keys and
            values of a 4-bit base in fp32; not so the model inside, which has the adapter in it.
            """
            return exam(Local(live.get_base_model(), tokenizer, plan, shape.max_position_embeddings))

        ready.add_callback(Examiner(examined, log))
    seconds = timed(ready, tuning, place, log) if resume is None else 0.0
    ready.args.eval_on_start = resume is None and bool(texts.held_out)
    history = follow(ready, resume, log)
    step = checkpoints.best(history, checkpoints.by_step(folders.work))
    figures = (
        {"recipe": asdict(tuning)}
        | facts(tuning.format, place, ready.model, history, step)
        | {
            "data": {
                "sources": {name: dict(each) for name, each in data.counts.items()},
                "pairs": dict(counts),
                "overlap_not_checked": unchecked(tuning.data, tuning.measured),
                "sha256": _hash(texts.train),
            },
            "pass_seconds": round(seconds, 3),
        }
    )
    contestant.publish(folders.work, folders.out, card, history, step, figures)
    log(f"{card.name} is ready in {folders.out}: step {step} is kept, {verdict(history, step)}")
    return figures


def _once(folder: Path, build: Build) -> Dataset:
    """What `build` gives, kept for the same run after a kill: it takes long, and what passes a time limit once may not twice."""
    kept = folder / "dataset.pickle"
    if not kept.exists():
        folder.mkdir(exist_ok=True)
        draft = folder / "draft"
        draft.write_bytes(pickle.dumps(build(folder)))
        draft.replace(kept)
    found: Dataset = pickle.loads(kept.read_bytes())  # noqa: S301 - written by the lines above
    return found


@dataclass(frozen=True)
class Texts:
    train: Sequence[Prompted]
    held_out: Sequence[Prompted]


def card_of(tuning: Tuning, folders: Folders, family: str) -> ModelCard:
    """The contestant that will be."""
    sources = ", ".join(each.title for each in tuning.data)
    return ModelCard(
        name=folders.out.resolve().name,
        title=tuning.title or folders.out.resolve().name,
        kind=tuning.kind,
        family=family,
        backend="local",
        format=tuning.format,
        dialect="duckdb",
        base=contestant.relative(tuning.base, folders.recipe, folders.out),
        adapter=Weights(contestant.ADAPTER),
        licence=tuning.licence,
        context=tuning.max_length,
        generation=Generation(tuning.max_new_tokens),
        notes=f"LoRA adapter tuned with `train sft` on {sources}; training.json has the figures.",
        training_prompt_hash=prompt_hash(tuning.format),
    )


def _examined(card: ModelCard, tuning: Tuning) -> ModelCard:
    """The contestant with the shorter answers that an examination allows, and so with the same room for prompts."""
    cap = tuning.evaluation.max_new_tokens
    return replace(card, context=tuning.max_length - tuning.max_new_tokens + cap, generation=Generation(cap))


def texts_of(data: Dataset, tuning: Tuning, tokenizer: Any, log: Log) -> tuple[Texts, Counter[str]]:
    """What is learned and what the held-out loss is taken on. Raises BadInput where nothing is left of either."""
    room = Room(tuning.max_length - tuning.max_new_tokens, tuning.max_new_tokens)
    train, counts = prompted(data.train, tuning.format, lambda text: len(tokenizer(text)["input_ids"]), room)
    log("pairs: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))
    asked = data.held_out[: tuning.evaluation.questions]
    golds = [TrainingPair(each.question, each.gold_sql[0], data.schemas[each.db], "held out") for each in asked if each.gold_sql]
    held_out, _ = prompted(golds, tuning.format, lambda text: len(tokenizer(text)["input_ids"]), room)
    if not train:
        raise BadInput("No pair is left to learn from; name other data in the recipe or raise its max_length.")
    if tuning.evaluation.questions and not held_out:
        raise BadInput(
            "No question is held out to choose a checkpoint by; add data with more schemas, or set questions = 0 in [evaluation]."
        )
    return Texts(train, held_out), counts


def announce(tuning: Tuning, folder: Path, shape: Any, place: Place, log: Log) -> None:
    """Parameters, memory and what the data are not kept apart from, before anything is loaded."""

    def adapted(model: Any) -> Any:
        return student.shaped(model, tuning.adapter, folder) if tuning.adapter else student.with_adapter(model, tuning.lora)

    counts = estimate.parameters(tuning.base, folder, adapted)
    needed = estimate.memory(counts, shape, place, tuning.quantisation, tuning.schedule.batch * tuning.max_length)
    estimate.announce(tuning.name, counts, needed, place, 'lower batch or max_length, or set quantisation = "nf4"', log)
    if missing := unchecked(tuning.data, tuning.measured):
        log(f"data: {missing}")


def trainer_of(tuning: Tuning, model: Any, tokenizer: Any, texts: Texts, work: Path, place: Place) -> Any:
    """A trainer that is ready to start."""
    schedule = tuning.schedule
    config = SFTConfig(
        max_length=tuning.max_length,
        packing=tuning.packing,
        packing_strategy="bfd",
        completion_only_loss=True,
        per_device_train_batch_size=schedule.batch,
        per_device_eval_batch_size=schedule.batch,
        gradient_accumulation_steps=schedule.accumulate,
        num_train_epochs=schedule.epochs,
        max_steps=schedule.steps or -1,
        warmup_steps=schedule.warmup,
        eval_strategy="steps" if texts.held_out else "no",
        eval_steps=tuning.evaluation.every,
        **settings(work, tuning.seed, schedule.rate, tuning.evaluation.every, place),
    )
    held_out = Rows.from_list([asdict(each) for each in texts.held_out]) if texts.held_out else None
    learned = Rows.from_list([asdict(each) for each in texts.train])
    return trainer(SFTTrainer, model, work, args=config, train_dataset=learned, eval_dataset=held_out, processing_class=tokenizer)


def timed(ready: Any, tuning: Tuning, place: Place, log: Log) -> float:
    """Says how long the steps will take; returns the seconds of a pass."""
    schedule = tuning.schedule
    steps = schedule.steps or of_epochs(len(ready.get_train_dataloader()), schedule.accumulate, schedule.epochs)

    return say_time(
        ready, lambda inputs: -ready.model(**inputs, fused_lm_head=True).log_probs.sum(), steps, "without evaluations", place, log
    )


def _hash(texts: Sequence[Prompted]) -> str:
    digest = sha256()
    for each in texts:
        digest.update(repr((each.prompt, each.completion)).encode())
    return digest.hexdigest()[:16]
