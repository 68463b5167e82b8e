"""`train dpo` and `train kto`: preference rows move an adapter that is there already, and the result is a contestant of its own.

Both hold the new adapter close to a frozen copy of the old one (Rafailov et al. 2023, arXiv 2305.18290; Ethayarajh et al. 2024, arXiv
2402.01306). Nothing is examined on the way: compare the new model with the old one by `bench run --split dev`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset as Rows
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

from nl2sql_arena import catalog, prompts
from nl2sql_arena.catalog import CARD
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadInput
from nl2sql_arena.training.recipe import Quantisation
from nl2sql_arena.training.tuning import checkpoints, contestant, estimate, preference, student
from nl2sql_arena.training.tuning.preference import Pair, Row, Verdict
from nl2sql_arena.training.tuning.progress import Log
from nl2sql_arena.training.tuning.prompted import completion
from nl2sql_arena.training.tuning.steps import Report, facts, follow, of_epochs, say_time, settings, trainer
from nl2sql_arena.training.tuning.student import Place
from nl2sql_arena.types import ModelCard, Prompt, Weights

Method = Literal["dpo", "kto"]
METHODS: dict[Method, tuple[type[Any], type[Any]]] = {"dpo": (DPOTrainer, DPOConfig), "kto": (KTOTrainer, KTOConfig)}
CHECKPOINTS = 4
"""Saved on the way, so that a kill costs a quarter of the time at most."""


@dataclass(frozen=True)
class Choices:
    """How: `beta` says how closely the new adapter is held to the old one; a step reads `batch` x `accumulate` rows."""

    method: Method
    beta: float = 0.1
    rate: float = 5e-6
    epochs: float = 1.0
    batch: int = 2
    accumulate: int = 8
    seed: int = 0
    quantisation: Quantisation = "none"


@dataclass(frozen=True)
class Places:
    """The folder of the model that is continued, that of the new one, and where a run lives until it is done."""

    model: Path
    out: Path
    work: Path


def prefer(
    choices: Choices, rows: Sequence[Row], places: Places, databases: Mapping[str, Database], log: Log, again: bool = False
) -> Report:
    """Continue the adapter of `places.model` into `places.out`; returns what its `training.json` says.

    Raises BadInput (rows, folders), BadCard and ModelUnavailable.
    """
    old = catalog.read(places.model / CARD)
    if old.adapter is None:
        raise BadInput(f"Model {old.name} has no adapter to continue; make one with `train sft` first.")
    usable = _usable(choices.method, rows)
    preference.check(usable, preference.measured_questions(databases))
    card = _card(choices.method, old, places)
    contestant.check_target(places.out, card, again)
    place = student.here()
    shape = student.config(old.base, places.model)
    tokenizer = student.tokenizer(old.base, places.model, shape.vocab_size)
    texts = texts_of(usable, old, tokenizer, databases)
    announce(choices, old, places.model, shape, _longest(texts, tokenizer, old.context), place, log)
    resume = checkpoints.begin(places.work, {"choices": asdict(choices), "model": _hash(places.model, old), "texts": texts}, again)
    torch.manual_seed(choices.seed)
    base = student.base(old.base, places.model, choices.quantisation, place)
    model = student.continued(base, old.adapter, places.model)
    steps = of_epochs(ceil(len(texts) / choices.batch), choices.accumulate, choices.epochs)
    ready = _trainer(choices, model, tokenizer, texts, places.work, place, steps, old.context)
    seconds = timed(ready, steps, place, log) if resume is None else 0.0
    history = follow(ready, resume, log)
    step = checkpoints.best(history, checkpoints.by_step(places.work))
    figures = {
        "choices": asdict(choices),
        "continues": {"model": old.name, "adapter": _hash(places.model, old)},
        "rows": dict(Counter(row.source for row in usable)),
        "pass_seconds": round(seconds, 3),
    } | facts(old.format, place, ready.model, history, step)
    contestant.publish(places.work, places.out, card, history, step, figures)
    log(f"{card.name} is ready in {places.out}; compare it: bench run --models {old.name},{card.name} --split dev")
    return figures


def _usable(method: Method, rows: Sequence[Row]) -> list[Row]:
    """DPO reads pairs alone; KTO reads a pair as two verdicts."""
    return [*preference.verdicts(rows)] if method == "kto" else [row for row in rows if isinstance(row, Pair)]


def _card(method: Method, old: ModelCard, places: Places) -> ModelCard:
    return replace(
        old,
        name=places.out.resolve().name,
        title=f"{old.title} + {method.upper()}",
        base=contestant.relative(old.base, places.model, places.out),
        adapter=Weights(contestant.ADAPTER),
        notes=f"{old.title}, its adapter continued with `train {method}`; training.json has the figures.",
    )


def texts_of(rows: Sequence[Row], card: ModelCard, tokenizer: Any, databases: Mapping[str, Database]) -> list[dict[str, Any]]:
    """The rows as a trainer reads them, each in the prompt that the model is asked with. Raises BadInput for an unknown database."""
    texts = []
    for row in rows:
        if row.db not in databases:
            raise BadInput(f"A row is about the database '{row.db}', which is not here; use rows about {', '.join(databases)}.")
        prompt = _prompt(row, card, tokenizer, databases[row.db])
        if isinstance(row, Verdict):
            texts.append({"prompt": prompt.text, "completion": completion(prompt, row.completion), "label": row.label})
        else:
            texts.append(
                {"prompt": prompt.text, "chosen": completion(prompt, row.chosen), "rejected": completion(prompt, row.rejected)}
            )  # fmt: skip
    return texts


def _prompt(row: Row, card: ModelCard, tokenizer: Any, database: Database) -> Prompt:
    """What serving would ask."""
    room = card.context - card.generation.max_new_tokens
    return prompts.build(
        card.format, row.question, database.schema(), lambda text: len(tokenizer(text)["input_ids"]), room, database.links
    )  # fmt: skip


def _longest(texts: Sequence[Mapping[str, Any]], tokenizer: Any, most: int) -> int:
    """Tokens of the longest row with its end, as far as a trainer reads it."""
    wholes = (text["prompt"] + text[key] for text in texts for key in ("completion", "chosen", "rejected") if key in text)
    return min(most, 1 + max(len(tokenizer(whole)["input_ids"]) for whole in wholes))


def announce(choices: Choices, old: ModelCard, folder: Path, shape: Any, longest: int, place: Place, log: Log) -> None:
    """Parameters and memory, before anything is loaded. DPO reads both answers of a row at once. Raises ModelUnavailable."""
    assert old.adapter
    adapter, rows = old.adapter, choices.batch * (2 if choices.method == "dpo" else 1)
    counts = estimate.parameters(old.base, folder, lambda model: student.shaped(model, adapter, folder))
    needed = estimate.memory(counts, shape, place, choices.quantisation, rows * longest, against_itself=True)
    advice = "close what else uses it, or leave out the longest rows"
    estimate.announce(old.name, counts, needed, place, advice if choices.quantisation == "nf4" else "give --quantisation nf4", log)


def timed(ready: Any, steps: int, place: Place, log: Log) -> float:
    """Says how long the steps will take; returns the seconds of a pass, that of the reference included."""
    counted = deepcopy(ready._metrics), ready._total_train_tokens  # trl counts every loss as one of the training
    seconds = say_time(ready, lambda inputs: ready.compute_loss(ready.model, inputs), steps, "its reference included", place, log)
    ready._metrics, ready._total_train_tokens = counted
    return seconds


def _trainer(
    choices: Choices, model: Any, tokenizer: Any, texts: list[dict[str, Any]], work: Path, place: Place, steps: int, longest: int
) -> Any:
    kind, config = METHODS[choices.method]
    every = max(1, ceil(steps / CHECKPOINTS))
    made = config(
        beta=choices.beta,
        max_length=longest,
        per_device_train_batch_size=choices.batch,
        gradient_accumulation_steps=choices.accumulate,
        max_steps=steps,
        **settings(work, choices.seed, choices.rate, every, place),
    )
    shuffled = Rows.from_list(texts).shuffle(seed=choices.seed)
    return trainer(kind, model, work, args=made, train_dataset=shuffled, processing_class=tokenizer)


def _hash(folder: Path, card: ModelCard) -> str:
    return catalog.revision(card, folder.parent)
