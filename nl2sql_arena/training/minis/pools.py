"""Tokenised training pairs, and the blocks of them that a training step reads: one schema, then pairs of about one length.

Only the SQL and the end token are learned.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nl2sql_arena import prompts
from nl2sql_arena.types import Link, Schema

LONGEST_PROMPT = 256
LONGEST_ANSWER = 160
BLOCK = 2_048
"""Tokens of a block at most, its schema among them."""
STEP = 8
"""Pairs of a block are as long as the next multiple of it: a kernel is made anew for each shape, so there are to be few."""
RUN = 512
"""Pairs that are sorted by length together, so that little is padding while blocks stay mixed."""
Integers = np.ndarray[Any, np.dtype[Any]]
Asked = tuple[str, str, Sequence[Link]]
"""(question, SQL, the values that the question names)"""


@dataclass(frozen=True)
class Pool:
    """`prefixes` and `tokens` are joined token ids, `prefix_ends` [schemas] and `ends` [pairs] where each ends; of each pair `asked` is
    the number of tokens before its SQL and `schema` the number of its schema.
    """

    prefixes: Integers
    prefix_ends: Integers
    tokens: Integers
    ends: Integers
    asked: Integers
    schema: Integers

    def __len__(self) -> int:
        return len(self.ends)

    def save(self, path: Path) -> None:
        np.savez(path, **{each.name: getattr(self, each.name) for each in fields(self)})

    def prefix(self, schema: int) -> Integers:
        return self.prefixes[self.prefix_ends[schema - 1] if schema else 0 : self.prefix_ends[schema]]

    def pair(self, number: int) -> Integers:
        """Token ids of question, SQL and end."""
        return self.tokens[self.ends[number - 1] if number else 0 : self.ends[number]]

    @property
    def lengths(self) -> Integers:
        """[pairs]: tokens of each."""
        return np.diff(self.ends, prepend=0)


def load(path: Path) -> Pool:
    with np.load(path) as arrays:
        return Pool(**{each.name: arrays[each.name] for each in fields(Pool)})


def joined(parts: Sequence[Pool]) -> Pool:
    """The pairs of all parts, in turn."""
    shift = {name: np.cumsum([0, *(len(getattr(part, name)) for part in parts[:-1])]) for name in ("prefixes", "tokens", "prefix_ends")}
    return Pool(
        prefixes=np.concatenate([part.prefixes for part in parts]),
        prefix_ends=np.concatenate([part.prefix_ends + by for part, by in zip(parts, shift["prefixes"], strict=True)]),
        tokens=np.concatenate([part.tokens for part in parts]),
        ends=np.concatenate([part.ends + by for part, by in zip(parts, shift["tokens"], strict=True)]),
        asked=np.concatenate([part.asked for part in parts]),
        schema=np.concatenate([part.schema + by for part, by in zip(parts, shift["prefix_ends"], strict=True)]),
    )


class Packer:
    """Collects groups of pairs into a pool; pairs that are too long for a model are left out."""

    def __init__(self, tokenizer: Any, linked: bool = True) -> None:
        self._tokenizer, self._linked = tokenizer, linked
        self._prefixes: list[list[int]] = []
        self._numbers: dict[str, int] = {}
        self._pairs: list[list[int]] = []
        self._asked: list[int] = []
        self._schema: list[int] = []

    def __len__(self) -> int:
        return len(self._pairs)

    def add(self, schema: Schema, pairs: Iterable[Asked]) -> None:
        """Pairs on one schema."""
        pairs = list(pairs)
        built = [prompts.mini(question, schema, links=links if self._linked else ()) for question, _, links in pairs]
        if not built:
            return
        text = built[0].prefix
        if text not in self._numbers:
            self._numbers[text] = len(self._prefixes)
            self._prefixes += self._encode([text])
        number = self._numbers[text]
        room = LONGEST_PROMPT - len(self._prefixes[number])
        asked, answers = self._encode([prompt.suffix for prompt in built]), self._encode([sql for _, sql, _ in pairs])
        for question, answer in zip(asked, answers, strict=True):
            if len(question) <= room and len(answer) < LONGEST_ANSWER:
                self._pairs.append([*question, *answer, self._tokenizer.eos_token_id])
                self._asked.append(len(question))
                self._schema.append(number)

    def pool(self) -> Pool:
        return Pool(
            prefixes=np.array([token for each in self._prefixes for token in each], np.uint16),
            prefix_ends=np.cumsum([len(each) for each in self._prefixes], dtype=np.int64),
            tokens=np.array([token for each in self._pairs for token in each], np.uint16),
            ends=np.cumsum([len(each) for each in self._pairs], dtype=np.int64),
            asked=np.array(self._asked, np.uint16),
            schema=np.array(self._schema, np.int32),
        )

    def _encode(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return ids


@dataclass(frozen=True)
class Block:
    """tokens and positions [1, BLOCK] (longer where one pair is); `learn` [1, BLOCK - 1]: the next token is learned.

    The schema's `prefix` tokens, then `pairs` of `length` tokens each, then padding.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    learn: torch.Tensor
    prefix: int
    pairs: int
    length: int


def block(pool: Pool, chosen: Integers, padding: int) -> Block:
    """The chosen pairs, which are on one schema."""
    prefix = pool.prefix(int(pool.schema[chosen[0]]))
    length = int(_stepped(pool.lengths[chosen].max()))
    tokens = np.full((len(chosen), length), padding, np.int64)
    learn = np.zeros((len(chosen), length), bool)
    for row, number in enumerate(chosen):
        pair = pool.pair(int(number))
        tokens[row, : len(pair)] = pair
        learn[row, pool.asked[number] : len(pair)] = True
    end = len(prefix) + tokens.size
    total = max(BLOCK, end)
    every, positions, learned = np.full(total, padding, np.int64), np.zeros(total, np.int64), np.zeros(total, bool)
    every[:end] = np.concatenate([prefix.astype(np.int64), tokens.reshape(-1)])
    positions[:end] = np.concatenate([np.arange(len(prefix)), np.tile(len(prefix) + np.arange(length), len(chosen))])
    learned[len(prefix) : end] = learn.reshape(-1)
    row, places, targets = (torch.from_numpy(each)[None] for each in (every, positions, learned[1:]))
    return Block(row, places, targets, len(prefix), len(chosen), length)


def _stepped(lengths: Any) -> Any:
    """Rounded up to a multiple of STEP."""
    return -(-lengths // STEP) * STEP


def epoch(pool: Pool, rng: np.random.Generator) -> Iterator[Integers]:
    """All pairs once, as the numbers of each block's pairs, in random order."""
    lengths, sizes = pool.lengths, np.diff(pool.prefix_ends, prepend=0)
    order = rng.permutation(len(pool))
    order = order[np.argsort(pool.schema[order], kind="stable")]
    cuts = np.flatnonzero(np.diff(pool.schema[order])) + 1
    blocks: list[Integers] = []
    for group in np.split(order, cuts):
        room = BLOCK - int(sizes[pool.schema[group[0]]])
        for start in range(0, len(group), RUN):
            run = group[start : start + RUN]
            run = run[np.argsort(lengths[run], kind="stable")]
            while len(run):
                # ascending lengths: the block's last pair sets its width
                fits = int(np.searchsorted(_stepped(lengths[run]) * np.arange(1, len(run) + 1), room, side="right"))
                blocks.append(run[: max(1, fits)])
                run = run[max(1, fits) :]
    yield from (blocks[i] for i in rng.permutation(len(blocks)))
