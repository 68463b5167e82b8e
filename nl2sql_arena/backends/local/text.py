"""Token ids -> text as they come, and what ends a text: stop strings, a cancel, scores that are no numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria

Cancelled = Callable[[], bool]


class NotFinite(ArithmeticError):
    """Scores that are NaN or infinite."""


@dataclass
class Text:
    """Token ids -> text, a token at a time, up to the first stop string; looks back only at the last few tokens."""

    tokenizer: Any
    stops: tuple[str, ...]
    text: str = ""
    ids: list[int] = field(default_factory=list)
    _start: int = 0
    _read: int = 0

    def add(self, token: int) -> bool:
        """Whether the text is complete because a stop string appeared; that string and what follows are cut off."""
        self.ids.append(token)
        before, after = self._decode(self.ids[self._start : self._read]), self._decode(self.ids[self._start :])
        if after.endswith("\ufffd"):
            return False  # the first bytes of a character; the rest comes with the next token
        old = len(self.text)
        self.text += after[len(before) :]
        self._start, self._read = self._read, len(self.ids)
        return self._cut(old)

    def finish(self) -> str:
        """The whole text, with what a character left unfinished at the end."""
        self.text += self._decode(self.ids[self._start :])[len(self._decode(self.ids[self._start : self._read])) :]
        self._start = self._read = len(self.ids)
        return self.text

    @property
    def shown(self) -> str:
        """The text without an end that may turn out to be the beginning of a stop string."""
        held = (size for stop in self.stops for size in range(len(stop) - 1, 0, -1) if self.text.endswith(stop[:size]))
        return self.text[: len(self.text) - max(held, default=0)]

    def _cut(self, old: int) -> bool:
        found = [at for stop in self.stops if (at := self.text.find(stop, max(0, old - len(stop) + 1))) >= 0]
        if found:
            self.text = self.text[: min(found)]
            self._start = self._read = len(self.ids)
        return bool(found)

    def _decode(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class Halt(StoppingCriteria):
    """Ends a beam at a stop string, and all of them on cancel."""

    def __init__(self, tokenizer: Any, stops: tuple[str, ...], prompt_tokens: int, cancelled: Cancelled) -> None:
        self._tokenizer, self._stops, self._from, self._cancelled = tokenizer, stops, prompt_tokens, cancelled
        self._tail = 1 + max(map(len, stops), default=0)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> Any:  # noqa: ARG002
        rows = [self._cancelled()] * input_ids.shape[0]
        if self._stops and not rows[0]:
            tails = self._tokenizer.batch_decode(input_ids[:, self._from :][:, -self._tail :], skip_special_tokens=True)
            rows = [any(stop in tail for stop in self._stops) for tail in tails]
        return torch.tensor(rows, device=input_ids.device)


class Finite(LogitsProcessor):
    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        if not bool(torch.isfinite(scores).any(-1).all()) or bool(torch.isnan(scores).any()):
            raise NotFinite
        return scores
