"""Where completions come from. A backend does no database work: `generate` is the one thing that a GPU decorator wraps.

Adding one is an entry in `BACKENDS`; `tests/backends/test_contract.py` runs over every entry. Nothing heavy is imported before `load`.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

from nl2sql_arena.errors import BadCard, ModelUnavailable
from nl2sql_arena.types import Completion, GenerationRequest, ModelCard, OnToken

Cancelled = Callable[[], bool]


class Backend(Protocol):
    """One loaded model; safe to call from several threads.

    `precision` says what runs, e.g. "bf16 on cuda"; `context` is the longest prompt plus answer in tokens.
    """

    @property
    def precision(self) -> str: ...

    @property
    def context(self) -> int: ...

    def generate(
        self, requests: Sequence[GenerationRequest], on_token: OnToken | None = None, cancelled: Cancelled | None = None
    ) -> Iterator[Completion]:
        """One completion for every request, in the order of finishing; after `cancelled()` the rest end as "cancelled".

        A backend may decode them together: hand over all there are.

        A failure of the machinery is a completion with `failure`. Raises ValueError for a prompt that leaves no room in `context`.
        """
        ...

    def count_tokens(self, text: str) -> int: ...


@runtime_checkable
class Weighed(Protocol):
    """A backend that holds weights in this process."""

    @property
    def marks(self) -> tuple[str, ...]:
        """Which they are: `catalog.mark` of each folder that was loaded, of the base first."""
        ...

    def release(self) -> None:
        """Give their memory back; nothing is asked of the backend any more."""
        ...


Loader = Callable[[ModelCard, Path], Backend]
"""(card, the folder of the card) -> a loaded model."""


def _entry(module: str, function: str) -> Loader:
    """A loader whose module is imported when it is first called."""

    def call(card: ModelCard, folder: Path) -> Backend:
        backend: Backend = getattr(import_module(f"{__name__}.{module}"), function)(card, folder)
        return backend

    return call


BACKENDS: dict[str, Loader] = {
    "endpoint": _entry("endpoint", "load"),
    "local": _entry("local", "load"),
    "rules": _entry("rules", "load"),
    "scripted": _entry("scripted", "load"),
}


def load(card: ModelCard, models_dir: Path) -> Backend:
    """The model of a card, ready to generate; ids of weights are hub ids or folders relative to `models_dir/<card.name>`.

    Raises BadCard for an unknown backend and ModelUnavailable, with the cause and the next step, when the model cannot run here and now:
    NoMemory where it could without others that are loaded.
    """
    if card.backend not in BACKENDS:
        raise BadCard(f"Model {card.name} asks for backend '{card.backend}'; use one of {', '.join(sorted(BACKENDS))}.")
    try:
        return BACKENDS[card.backend](card, models_dir / card.name)
    except ImportError as error:
        if not error.name:  # a package that is there and cannot start, such as bitsandbytes for another CUDA
            said = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
            raise ModelUnavailable(f"Model {card.name} cannot be loaded: {said}; install requirements.txt anew.") from error
        package = error.name.partition(".")[0]
        raise ModelUnavailable(f"Model {card.name} needs the package {package}; install it with `pip install {package}`.") from error
