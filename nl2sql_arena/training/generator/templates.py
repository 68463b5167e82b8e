"""A tiny language for wordings: `(a|b|)` picks one alternative, `{slot}` is filled by the caller; both nest.

`say("(Which|What) {things} (cost|are)", rng, things="books")` renders one of the sentences it describes. Parsing is cached
by the wording, so wordings must be constants: text that varies (values, names) belongs into slots.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Slot:
    name: str


@dataclass(frozen=True)
class Choice:
    options: "tuple[Parts, ...]"


Parts = tuple[str | Slot | Choice, ...]
Fill = Callable[[str], str]


def pick(rng: random.Random, options: Sequence[T]) -> T:
    """One option, each equally likely; several times faster than `rng.choice`."""
    return options[int(rng.random() * len(options))]


@cache
def parse(wording: str) -> Parts:
    """The wording as a tree; ValueError when brackets do not match."""
    options, end = _alternatives(wording, 0)
    if end != len(wording):
        raise ValueError(f"Unbalanced brackets in the wording {wording!r}; close every '(' once.")
    return options[0] if len(options) == 1 else (Choice(tuple(options)),)


def _alternatives(text: str, at: int) -> tuple[list[Parts], int]:
    options: list[Parts] = []
    parts: list[str | Slot | Choice] = []
    plain = at
    while at < len(text) and text[at] != ")":
        mark = text[at]
        if mark not in "(|{":
            at += 1
            continue
        if at > plain:
            parts.append(text[plain:at])
        if mark == "|":
            options.append(tuple(parts))
            parts, at = [], at + 1
        elif mark == "{":
            end = text.index("}", at)
            parts.append(Slot(text[at + 1 : end]))
            at = end + 1
        else:
            inner, end = _alternatives(text, at + 1)
            if end >= len(text):
                raise ValueError(f"Unbalanced brackets in the wording {text!r}; close every '(' once.")
            parts.append(Choice(tuple(inner)))
            at = end + 1
        plain = at
    if at > plain:
        parts.append(text[plain:at])
    return [*options, tuple(parts)], at


def _render(parts: Parts, rng: random.Random, fill: Fill, out: list[str]) -> None:
    for part in parts:
        if type(part) is str:
            out.append(part)
        elif type(part) is Slot:
            out.append(fill(part.name))
        elif type(part) is Choice:
            _render(pick(rng, part.options), rng, fill, out)


def filled(wording: str, rng: random.Random, fill: Fill) -> str:
    """One sentence of the wording as it stands; `fill` gives the text of a slot by its name."""
    out: list[str] = []
    _render(parse(wording), rng, fill, out)
    return "".join(out)


def say(wording: str, rng: random.Random, **slots: str) -> str:
    """One sentence of the wording, blanks tidied."""
    return tidy(filled(wording, rng, slots.__getitem__))


PARTICIPLES = {
    "wrote": "written", "gave": "given", "took": "taken", "saw": "seen", "went": "gone", "flew": "flown", "did": "done",
    "drove": "driven", "rode": "ridden", "chose": "chosen", "ran": "run", "were": "been", "came": "come", "wore": "worn",
}  # fmt: skip


def participle(past: str) -> str:
    """The form that follows "have": wrote -> written."""
    first, gap, rest = past.partition(" ")
    return PARTICIPLES.get(first, first) + gap + rest


def tidy(text: str) -> str:
    """Single blanks, none before punctuation."""
    text = " ".join(text.split())
    for mark in (",", "?", ".", ":", ";"):
        if " " + mark in text:
            text = text.replace(" " + mark, mark)
    return text


def variants(wording: str) -> int:
    """How many different sentences the wording describes, slots not counted."""
    return _count(parse(wording))


def _count(parts: Parts) -> int:
    total = 1
    for part in parts:
        if isinstance(part, Choice):
            total *= sum(_count(option) for option in part.options)
    return total
