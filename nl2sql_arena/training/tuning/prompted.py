"""Question/SQL pairs -> the very texts that are learned: the prompt that serving builds, pruned by the same function, and its completion.

A completion begins at a token boundary and closes with the format's own stop mark and the end-of-text token: a tuned model stops by either.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from nl2sql_arena import prompts
from nl2sql_arena.errors import BadInput
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.types import Column, ForeignKey, Prompt, Schema, Table

Count = Callable[[str], int]
"""Text -> its length in tokens."""


@dataclass(frozen=True)
class Room:
    """How long texts may be, in tokens: a prompt, and an answer with the end-of-text token."""

    prompt: int
    answer: int


@dataclass(frozen=True)
class Prompted:
    """What a trainer reads: two texts that follow each other without a gap."""

    prompt: str
    completion: str


def completion(prompt: Prompt, sql: str) -> str:
    """What the model is to write after a prompt; the end-of-text token is the trainer's to add."""
    begin = "" if prompt.text.endswith("\n") else "\n"
    mark = prompt.stop[0] if prompt.stop else ""
    return f"{begin}{sql}\n{mark}" if mark.strip() else f"{begin}{sql}"


def prompted(pairs: Iterable[TrainingPair], format_name: str, count_tokens: Count, room: Room) -> tuple[list[Prompted], Counter[str]]:
    """The pairs as texts, and how many were `kept`, of them `pruned`, and left out as `question too long` or `answer too long`."""
    made: list[Prompted] = []
    counts: Counter[str] = Counter(kept=0)
    for pair in pairs:
        try:
            prompt = prompts.build(format_name, pair.question, pair.schema, count_tokens, room.prompt)
        except BadInput:
            counts["question too long"] += 1
            continue
        answer = completion(prompt, pair.sql)
        if count_tokens(answer) >= room.answer:
            counts["answer too long"] += 1
            continue
        counts["kept"] += 1
        counts["pruned"] += bool(prompt.pruned)
        made.append(Prompted(prompt.text, answer))
    return made, counts


def prompt_hash(format_name: str) -> str:
    """Of a format's prompt for a fixed schema and question: one that differs from `training.json` asks for a new training."""
    prompt = prompts.FORMATS[format_name]("How many  orders?", EXAMPLE, True)
    return sha256(repr((prompt.prefix, prompt.suffix, prompt.stop)).encode()).hexdigest()[:16]


def _example() -> Schema:
    """A schema with every kind of column and a key."""
    keys = (ForeignKey(("customer_id",), "customers", ("id",)),)
    names = ("INTEGER", "VARCHAR", "DECIMAL(10,2)", "DATE", "TIMESTAMP", "BOOLEAN", "INTEGER[]")
    columns = tuple(Column(f"c{i}", kind, "a comment") for i, kind in enumerate(names))
    customers = Table("customers", (Column("id", "BIGINT"), *columns), ("id",))
    orders = Table("orders", (Column("id", "BIGINT"), Column("customer_id", "BIGINT")), ("id",), keys, "a comment", 3)
    return Schema("shop", (customers, orders))


EXAMPLE = _example()
