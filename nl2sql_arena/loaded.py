"""Models that are loaded: one for all cards of the same weights, and as many as memory holds."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nl2sql_arena import backends, catalog
from nl2sql_arena.errors import NoMemory
from nl2sql_arena.types import ModelCard


@dataclass
class _Model:
    backend: backends.Backend
    users: int = 0
    left: float = field(default_factory=time.monotonic)
    """When its last user left."""


class Loaded:
    """Safe to use from several threads. Where a further model has no room, those go that nobody uses, the longest unused first."""

    def __init__(self, models: Path) -> None:
        self._models = models
        self._by_weights: dict[catalog.Held, _Model] = {}
        self._by_name: dict[str, _Model] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        """Held while a model is loaded, which takes long: who asks only those that are loaded does not wait for it."""

    def get(self, card: ModelCard) -> backends.Backend:
        """The card's model, loaded if it is not. Raises ModelUnavailable."""
        if found := self.find(card.name):
            return found  # without the lock, which somebody may have held when a GPU's process was forked
        with self.in_use([card]) as models:
            return models[card.name]

    def find(self, name: str) -> backends.Backend | None:
        """The model that answers under a card's name, if it is loaded."""
        found = self._by_name.get(name)
        return found.backend if found else None

    def has(self, card: ModelCard) -> bool:
        """Whether the card's weights are loaded, maybe for another card."""
        return catalog.held(card, self._models) in self._by_weights

    def add(self, name: str, backend: backends.Backend) -> None:
        """Let a model that lives already answer under a name. It stays."""
        with self._lock:
            self._by_name[name] = _Model(backend)

    @contextmanager
    def in_use(self, cards: Iterable[ModelCard]) -> Iterator[Mapping[str, backends.Backend]]:
        """Name -> model, none of which goes before the end. Raises ModelUnavailable."""
        taken: dict[str, _Model] = {}
        try:
            for card in cards:
                taken[card.name] = self._take(card)
            yield {name: model.backend for name, model in taken.items()}
        finally:
            with self._lock:
                for model in taken.values():
                    model.users -= 1
                    model.left = time.monotonic()

    def _take(self, card: ModelCard) -> _Model:
        """The card's model with one user more."""
        if known := self._taken(card):
            return known
        with self._loading:
            if known := self._taken(card):
                return known
            model = _Model(self._load(card), users=1)
            with self._lock:
                self._by_weights[catalog.held(card, self._models)] = self._by_name[card.name] = model
            return model

    def _taken(self, card: ModelCard) -> _Model | None:
        with self._lock:
            known = self._by_name.get(card.name) or self._by_weights.get(catalog.held(card, self._models))
            if known:
                self._by_name[card.name] = known
                known.users += 1
            return known

    def _load(self, card: ModelCard) -> backends.Backend:
        while True:
            try:
                return backends.load(card, self._models)
            except NoMemory:
                if not self._let_one_go():
                    raise

    def _let_one_go(self) -> bool:
        """Give the memory of an unused model back; False where there is none."""
        with self._lock:
            unused = [
                (model.left, held, model.backend)
                for held, model in self._by_weights.items()
                if not model.users and isinstance(model.backend, backends.Weighed)
            ]
            if not unused:
                return False
            _, held, backend = min(unused, key=lambda each: each[0])
            gone = self._by_weights.pop(held)
            self._by_name = {name: model for name, model in self._by_name.items() if model is not gone}
        backend.release()
        return True
