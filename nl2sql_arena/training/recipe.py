"""`models/<name>/recipe.toml` -> Recipe: how a mini is made, so that its weights can be made again."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nl2sql_arena.errors import BadCard

RECIPE = "recipe.toml"


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
    """`share` of the training time on rows of which the share `sample` is about the sample databases, the rest about random ones.

    Rates start at the given values and fall along a cosine to `final` of them; `matrices` is Muon's, for weight matrices (0 = AdamW too).
    """

    share: float
    sample: float
    rate: float
    matrices: float = 0.0
    final: float = 0.03
    warmup: float = 0.02


@dataclass(frozen=True)
class Recipe:
    name: str
    what: Architecture | Adapter
    stages: tuple[Stage, ...]
    rows: int = 8
    """Rows of a training step."""

    @property
    def base(self) -> str:
        return self.what.base if isinstance(self.what, Adapter) else ""


def load(models: Path) -> dict[str, Recipe]:
    """All recipes by name. Raises BadCard naming the file."""
    return {path.parent.name: read(path) for path in sorted(models.glob(f"*/{RECIPE}"))}


def read(path: Path) -> Recipe:
    """One recipe. Raises BadCard."""
    try:
        fields: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        stages = tuple(Stage(**stage) for stage in fields.pop("stages"))
        made = fields.pop("adapter", None)
        what = Adapter(**made | {"modules": tuple(made["modules"])}) if made else Architecture(**fields.pop("architecture"))
        return Recipe(path.parent.name, what, stages, **fields)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as problem:
        raise BadCard(f"{path} is not a usable recipe ({problem}); compare it with another one.") from problem


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
