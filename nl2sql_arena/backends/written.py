"""A backend whose text a plain function writes, for contestants without weights; it keeps the contract of every backend.

Streaming, cancelling, the token cap and infrastructure failures are those of a model; tokens are words.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence

from nl2sql_arena.types import Completion, FinishReason, GenerationRequest, OnToken


class Written:
    """Answers each prompt with `write(prompt)`; `delay` is seconds between tokens.

    With `failure`, every completion is an infrastructure failure of that message.
    """

    def __init__(self, write: Callable[[str], str], precision: str, context: int = 4096, delay: float = 0.0, failure: str = "") -> None:
        self.precision = precision
        self.context = context
        self._write = write
        self._delay = delay
        self._failure = failure

    def count_tokens(self, text: str) -> int:
        return len(_words(text))

    def generate(
        self, requests: Sequence[GenerationRequest], on_token: OnToken | None = None, cancelled: Callable[[], bool] | None = None
    ) -> Iterator[Completion]:
        for request in requests:
            yield self._complete(request, on_token, cancelled or (lambda: False))

    def _complete(self, request: GenerationRequest, on_token: OnToken | None, cancelled: Callable[[], bool]) -> Completion:
        start = time.perf_counter()
        prompt_tokens = self.count_tokens(request.prompt.text)
        room = self.context - prompt_tokens
        if room <= 0:
            raise ValueError(f"The prompt has {prompt_tokens} tokens; the context is {self.context}.")
        if self._failure:
            return Completion(request.id, request.model, "", prompt_tokens, 0, 0.0, 0.0, "stop", self._failure)
        words = _words(_until(self._write(request.prompt.text), request.prompt.stop))
        cap = min(request.generation.max_new_tokens, room)
        reason: FinishReason = "length" if len(words) > cap else "stop"
        text, first, count = "", 0.0, 0
        for word in words[:cap]:
            if cancelled() or self._interrupted(cancelled):
                reason = "cancelled"
                break
            text, count = text + word, count + 1
            first = first or time.perf_counter() - start
            if on_token:
                on_token(request, text)
        return Completion(request.id, request.model, text, prompt_tokens, count, first, time.perf_counter() - start, reason)

    def _interrupted(self, cancelled: Callable[[], bool]) -> bool:
        """Wait one delay, in slices short enough that a cancel is felt at once."""
        until = time.perf_counter() + self._delay
        while (left := until - time.perf_counter()) > 0:
            time.sleep(min(left, 0.05))
            if cancelled():
                return True
        return False


def _until(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop string in it."""
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]


def _words(text: str) -> list[str]:
    """Words with the white space after them; joined again they are the text."""
    return re.findall(r"^\s+|\S+\s*", text)
