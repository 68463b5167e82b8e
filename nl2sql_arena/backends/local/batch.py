"""Requests that decode together: rows join a batch, leave it when they are done, and wait for a place."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import pad
from transformers import DynamicCache

from nl2sql_arena.backends.local.text import Text
from nl2sql_arena.types import Completion, FinishReason, GenerationRequest, OnToken

TOKENS_PER_EVENT = 4
Mask = npt.NDArray[np.bool_]


@dataclass(eq=False)
class Row:
    """One request on its way to its completion: `ids` is its prompt, `prefix` what is kept of that, `cap` the most tokens to write."""

    request: GenerationRequest
    ids: list[int]
    prefix: tuple[int, ...]
    cap: int
    text: Text
    on_token: OnToken | None
    start: float = 0.0
    first: float = 0.0

    @property
    def unread(self) -> list[int]:
        """What must be read after the prefix: the prompt's rest, and what was written before memory made the row leave a batch."""
        return self.ids[len(self.prefix) :] + self.text.ids

    def begin(self) -> None:
        self.start = self.start or time.perf_counter()

    def heard(self) -> None:
        """Note the time of the first token; every few tokens tell the text."""
        self.first = self.first or time.perf_counter() - self.start
        if self.on_token and self.text.ids and (len(self.text.ids) - 1) % TOKENS_PER_EVENT == 0:
            self.on_token(self.request, self.text.shown)

    def end(self, reason: FinishReason = "stop", failure: str = "") -> Completion:
        request, text = self.request, self.text.finish()
        if self.on_token and self.text.ids and not failure:
            self.on_token(request, text)
        seconds = time.perf_counter() - self.start if self.start else 0.0
        tokens = len(self.text.ids)
        return Completion(request.id, request.model, text, len(self.ids), tokens, self.first or seconds, seconds, reason, failure)


class Batch:
    """Rows that decode together, and those that wait for a place.

    Keys and values in `cache` are [rows, heads, columns, size]; `mask` [rows, columns] is true where a column holds a token of its row
    and false where it only fills up. It is no tensor, so that looking at it makes no GPU wait.
    """

    def __init__(self, waiting: Sequence[Row], limit: int) -> None:
        self.limit = limit
        order = {prefix: place for place, prefix in enumerate(dict.fromkeys(row.prefix for row in waiting))}
        self.waiting = deque(sorted(waiting, key=lambda row: order[row.prefix]))
        self.rows: list[Row] = []
        self.cache, self.mask = DynamicCache(), np.ones((0, 0), bool)
        self.most_bytes = 0
        """Of keys and values, at the fullest moment so far."""

    @property
    def open(self) -> list[Row]:
        return [*self.rows, *self.waiting]

    def coming(self) -> list[Row]:
        """Takes from the waiting rows those to read in now: of one prefix, and not before a quarter of the places is free."""
        room = self.limit - len(self.rows)
        if not self.waiting or room < max(1, self.limit // 4):
            return []
        taken = [self.waiting.popleft()]
        while self.waiting and len(taken) < room and self.waiting[0].prefix == taken[0].prefix:
            taken.append(self.waiting.popleft())
        return taken

    def join(self, rows: list[Row], cache: DynamicCache, mask: Mask) -> None:
        """Put rows that have been read below the others, all filled up on the left to the longest."""
        if self.rows:
            columns = max(self.mask.shape[1], mask.shape[1])
            for mine, theirs in zip(self.cache.layers, cache.layers, strict=True):
                theirs.keys = torch.cat([_filled(mine.keys, columns), _filled(theirs.keys, columns)])
                theirs.values = torch.cat([_filled(mine.values, columns), _filled(theirs.values, columns)])
            mask = np.concatenate([np.pad(each, ((0, 0), (columns - each.shape[1], 0))) for each in (self.mask, mask)])
        self.rows, self.cache, self.mask = [*self.rows, *rows], cache, mask

    def leave(self, rows: Sequence[Row]) -> None:
        """Forget rows, and once they are an eighth the columns in which no row has a token."""
        self.most_bytes = max(self.most_bytes, bytes_of(self.cache))  # they only grow until somebody leaves
        stay = [place for place, row in enumerate(self.rows) if row not in rows]
        self.rows, self.mask = [self.rows[place] for place in stay], self.mask[stay]
        if not stay:
            self.cache = DynamicCache()
            return
        self._select(0, stay)
        used = self.mask.any(0)
        if used.mean() < 7 / 8:
            self._select(2, np.flatnonzero(used).tolist())
            self.mask = self.mask[:, used]

    def _select(self, dim: int, places: list[int]) -> None:
        for layer in self.cache.layers:
            index = torch.tensor(places, device=layer.keys.device)
            layer.keys, layer.values = layer.keys.index_select(dim, index), layer.values.index_select(dim, index)

    def halve(self, rows: list[Row]) -> None:
        """After running out of memory: these rows wait again, to go on in a batch of half their number."""
        self.leave(self.rows)
        self.waiting.extendleft(reversed(rows))
        self.limit = max(1, len(rows) // 2)


def bytes_of(cache: DynamicCache) -> int:
    """What the keys and values take; 0 before the first token."""
    return sum(states.nbytes for layer in cache.layers if layer.is_initialized for states in (layer.keys, layer.values))


def _filled(states: torch.Tensor, columns: int) -> torch.Tensor:
    return pad(states, (0, 0, columns - states.shape[-2], 0))
