"""Training rows: one schema followed by as many question/SQL pairs as fit, so that the schema is read once for all of them.

A block mask keeps the pairs apart and each pair's positions restart after the schema, so every pair sees exactly what it would see alone:
its prompt. Only the SQL and the end token are learned.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nl2sql_arena import prompts
from nl2sql_arena.types import Schema

LENGTH = 384
"""Tokens of a row; a longer one holds more pairs to a schema, but attention then costs more than is saved."""
LONGEST_PROMPT = 256
PADDING = 255
Integers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Rows:
    """All arrays are [rows, LENGTH]. `segments`: 0 schema, 1.. pairs, PADDING; `answers`: True where the token is to be learned."""

    tokens: Integers
    positions: Integers
    segments: Integers
    answers: Integers

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def pairs(self) -> Integers:
        """[rows]: how many pairs each holds."""
        counts: Integers = np.where(self.segments == PADDING, 0, self.segments).max(axis=1).astype(np.int64)
        return counts

    def save(self, path: Path) -> None:
        np.savez(path, tokens=self.tokens, positions=self.positions, segments=self.segments, answers=self.answers)


def load(path: Path) -> Rows:
    with np.load(path) as arrays:
        return Rows(arrays["tokens"], arrays["positions"], arrays["segments"], arrays["answers"])


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, in turn."""
    names = ("tokens", "positions", "segments", "answers")
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Batch:
    """Of some rows: ids and positions [b, t]; mask [b, 1, t, t], added to attention scores; learn [b, t - 1]: the next token is learned."""

    tokens: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    learn: torch.Tensor


def batch(rows: Rows, chosen: Integers) -> Batch:
    """The chosen rows, cut to the longest of them."""
    segments = torch.from_numpy(rows.segments[chosen])
    used = int((segments != PADDING).sum(1).max())
    segments = segments[:, :used]
    tokens, positions, answers = (torch.from_numpy(a[chosen, :used]) for a in (rows.tokens, rows.positions, rows.answers))
    alike = (segments[:, :, None] == segments[:, None, :]) | (segments[:, None, :] == 0)
    visible = (alike & torch.ones(used, used, dtype=torch.bool).tril())[:, None]
    mask = torch.zeros(visible.shape, dtype=torch.bfloat16).masked_fill(~visible, -1e9)
    return Batch(tokens.long(), positions.long(), mask, answers[:, 1:])


class Packer:
    """Turns (question, SQL) pairs on a schema into rows."""

    def __init__(self, tokenizer: Any, length: int = LENGTH, longest_prompt: int = LONGEST_PROMPT) -> None:
        self._tokenizer, self._length, self._longest = tokenizer, length, longest_prompt

    def rows(self, schema: Schema, pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[int, int, int, bool]]]:
        """Rows as lists of (token, position, segment, learned); a pair whose prompt is too long is left out."""
        pairs = list(pairs)
        built = [prompts.mini(question, schema) for question, _ in pairs]
        if not built:
            return
        prefix = self._encode([built[0].prefix])[0]
        asked = self._encode([prompt.suffix for prompt in built])
        answers = self._encode([sql for _, sql in pairs])
        head = [(token, i, 0, False) for i, token in enumerate(prefix)]
        row, segment = list(head), 0
        for question, answer in zip(asked, answers, strict=True):
            size = len(question) + len(answer) + 1
            if len(prefix) + len(question) > self._longest or len(prefix) + size > self._length:
                continue
            if len(row) + size > self._length or segment == PADDING - 1:
                yield row
                row, segment = list(head), 0
            segment += 1
            ids = [*question, *answer, self._tokenizer.eos_token_id]
            row += [(token, len(prefix) + i, segment, i >= len(question)) for i, token in enumerate(ids)]
        if segment:
            yield row

    def stack(self, rows: Sequence[list[tuple[int, int, int, bool]]]) -> Rows:
        """Rows of one length, padded."""
        shape = (len(rows), self._length)
        made = Rows(
            np.full(shape, self._tokenizer.pad_token_id, np.int32),
            np.zeros(shape, np.int16),
            np.full(shape, PADDING, np.uint8),
            np.zeros(shape, np.bool_),
        )
        for i, row in enumerate(rows):
            for array, column in zip((made.tokens, made.positions, made.segments, made.answers), zip(*row, strict=True), strict=True):
                array[i, : len(row)] = column
        return made

    def _encode(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return ids
