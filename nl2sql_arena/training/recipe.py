"""`models/<name>/recipe.toml` -> how a model is made, so that its weights can be made again.

`trainer = "trl"` makes it a Tuning: a LoRA adapter for a model of others. Else it is a Recipe: a mini, trained from nothing.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from nl2sql_arena.errors import BadCard
from nl2sql_arena.prompts import FORMATS, LINKED
from nl2sql_arena.training.sets.datasets import Source
from nl2sql_arena.types import Kind, Weights

RECIPE = "recipe.toml"
Trainer = Literal["trl", "scratch"]
Quantisation = Literal["nf4", "none"]


@dataclass(frozen=True)
class Architecture:
    """Sizes of a model trained from nothing; `width` of the hidden state, `inner` of the feed-forward part."""

    family: Literal["phi", "llama"]
    width: int
    layers: int
    heads: int
    inner: int


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter on another recipe's model, which stays as it is."""

    base: str
    rank: int
    alpha: int
    modules: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """`share` of the training time on blocks of which `mix` says how often each kind of pairs is drawn (`data.KINDS`; shares sum to 1).

    Rates start at the given values and fall along a cosine to `final` of them; `matrices` is Muon's, for weight matrices (0 = AdamW too).
    """

    share: float
    mix: Mapping[str, float]
    rate: float
    matrices: float = 0.0
    final: float = 0.03
    warmup: float = 0.02


@dataclass(frozen=True)
class Recipe:
    name: str
    what: Architecture | Adapter
    stages: tuple[Stage, ...]
    blocks: int = 2
    """Blocks of a training step, each about one schema."""

    @property
    def base(self) -> str:
        return self.what.base if isinstance(self.what, Adapter) else ""


@dataclass(frozen=True)
class Lora:
    """The adapter: `rank` of its matrices, `alpha` / rank the factor on what they add, `modules` the layers that get one."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2")


@dataclass(frozen=True)
class Schedule:
    """`batch` rows are read at once and `accumulate` such passes make a step; the rate rises over the share `warmup` of all steps,
    then falls along a cosine to zero. `steps` ends the training earlier than `epochs` passes over the data do (0 = by epochs alone).
    """

    epochs: float = 1.0
    batch: int = 1
    accumulate: int = 16
    rate: float = 2e-4
    warmup: float = 0.03
    steps: int = 0


@dataclass(frozen=True)
class Evaluation:
    """Every so many steps, so many held-out questions are answered, in at most `max_new_tokens` each, and executed.

    With 0 questions the last weights are kept unexamined.
    """

    every: int = 200
    questions: int = 150
    max_new_tokens: int = 256


@dataclass(frozen=True)
class Tuning:
    """A LoRA adapter on `base` for the prompt `format`, trained on the mix `data` by trl.

    A prompt has at most `max_length` - `max_new_tokens` tokens, in training as in serving; an answer `max_new_tokens`, end marker included.
    """

    name: str
    base: Weights
    format: str
    data: tuple[Source, ...]
    measured: tuple[Source, ...] = ()
    """Evaluation sets that the data are kept apart from; none of their rows is learned."""
    max_length: int = 1024
    max_new_tokens: int = 256
    lora: Lora = Lora()
    adapter: Weights | None = None
    """One that is continued, by its own settings, instead of a new one by those of `lora`."""
    quantisation: Quantisation = "nf4"
    schedule: Schedule = Schedule()
    evaluation: Evaluation = Evaluation()
    packing: bool = True
    seed: int = 0
    title: str = ""
    kind: Kind = "real"
    licence: str = "that of the base model and of the training data"


def trainer(path: Path) -> Trainer:
    """Which trainer a recipe is for. Raises BadCard."""
    named = _fields(path).get("trainer", "scratch")
    if named not in get_args(Trainer):
        raise BadCard(f"{path} asks for the trainer {named!r}; use one of {', '.join(get_args(Trainer))}.")
    return "trl" if named == "trl" else "scratch"


def read_tuning(path: Path) -> Tuning:
    """A recipe for the trainer trl. Raises BadCard."""
    fields = _fields(path)
    if trainer(path) != "trl":
        raise BadCard(f'{path} makes a mini; a recipe for an adapter says trainer = "trl".')
    fields.pop("trainer")
    try:
        lora, adapter = fields.pop("lora", {}), fields.pop("adapter", None)
        found = Tuning(
            name=path.resolve().parent.name,
            base=Weights(**fields.pop("base")),
            data=tuple(Source(**source) for source in fields.pop("data")),
            measured=tuple(Source(**source) for source in fields.pop("measured", ())),
            lora=Lora(**lora | ({"modules": tuple(lora["modules"])} if "modules" in lora else {})),
            adapter=Weights(**adapter) if adapter else None,
            schedule=Schedule(**fields.pop("schedule", {})),
            evaluation=Evaluation(**fields.pop("evaluation", {})),
            **fields,
        )
        wrong = _wrong(found) + (["[lora] beside an adapter that is continued, which has its own settings"] if lora and adapter else [])
    except (KeyError, TypeError) as problem:
        raise _unusable(path, problem) from problem
    if wrong:
        raise BadCard(f"{path} says {'; '.join(wrong)}.")
    return found


def _wrong(made: Tuning) -> list[str]:
    """What cannot be, in words."""
    formats = tuple(name for name in FORMATS if name not in LINKED)  # those name values of a database, which a pair does not have
    named = (("format", made.format, formats), ("quantisation", made.quantisation, get_args(Quantisation)))
    wrong = [f"{key} = {value!r}, not one of {', '.join(allowed)}" for key, value, allowed in named if value not in allowed]
    schedule, lora, evaluation = made.schedule, made.lora, made.evaluation
    wrong += ["no [[data]] to learn from"] if not made.data else []
    wrong += ["no modules for the adapter"] if not lora.modules else []
    above = {
        "rank": lora.rank, "alpha": lora.alpha, "epochs": schedule.epochs, "batch": schedule.batch,
        "accumulate": schedule.accumulate, "rate": schedule.rate, "every": evaluation.every,
        "max_new_tokens": min(made.max_new_tokens, evaluation.max_new_tokens),
    }  # fmt: skip
    wrong += [f"{key} = {value}, not above 0" for key, value in above.items() if value <= 0]
    shares = {"warmup": schedule.warmup, "dropout": lora.dropout}  # a trainer would take a warmup of 1 or more for steps
    wrong += [f"{key} = {value}, not a share from 0 to below 1" for key, value in shares.items() if not 0 <= value < 1]
    if made.max_length <= made.max_new_tokens:
        wrong.append(f"max_length = {made.max_length}, which leaves no room for a prompt beside max_new_tokens = {made.max_new_tokens}")
    return wrong


def _fields(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise _unusable(path, problem) from problem


def _unusable(path: Path, problem: Exception) -> BadCard:
    return BadCard(f"{path} is not a usable recipe ({problem}); compare it with another one.")


def load(models: Path) -> dict[str, Recipe]:
    """All recipes of minis by name. Raises BadCard naming the file."""
    return {path.parent.name: read(path) for path in sorted(models.glob(f"*/{RECIPE}")) if trainer(path) == "scratch"}


def read(path: Path) -> Recipe:
    """One recipe of a mini. Raises BadCard."""
    fields = _fields(path)
    fields.pop("trainer", None)
    try:
        stages = tuple(Stage(**stage) for stage in fields.pop("stages"))
        made = fields.pop("adapter", None)
        what = Adapter(**made | {"modules": tuple(made["modules"])}) if made else Architecture(**fields.pop("architecture"))
        return Recipe(path.parent.name, what, stages, **fields)
    except (KeyError, TypeError) as problem:
        raise _unusable(path, problem) from problem


def with_base(path: Path) -> dict[str, Recipe]:
    """A mini's recipe, after that of the model it builds on. Raises BadCard."""
    last = read(path)
    first = {last.base: read(path.parent.parent / last.base / RECIPE)} if last.base else {}
    return first | {last.name: last}


def chains(recipes: dict[str, Recipe]) -> list[list[Recipe]]:
    """Recipes that can be followed side by side, each chain in the order in which it must be: an adapter after its base.

    Raises BadCard for an adapter whose base has no recipe.
    """
    found = {name: [recipe] for name, recipe in recipes.items() if not recipe.base}
    for recipe in recipes.values():
        if recipe.base:
            if recipe.base not in found:
                raise BadCard(f"The recipe of {recipe.name} builds on '{recipe.base}', which has none; correct its base.")
            found[recipe.base].append(recipe)
    return list(found.values())
