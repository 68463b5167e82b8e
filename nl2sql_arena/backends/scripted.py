"""A backend that answers from a table: for tests, demonstrations without weights, and rehearsing failures.

It keeps the contract of every backend (streaming, cancelling, token cap, infrastructure failures). Not covered: any understanding;
a question outside its table is answered with the abstention sentence.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.types import Completion, FinishReason, GenerationRequest, ModelCard, OnToken

UNKNOWN = "SELECT 'I do not know'"


class Scripted:
    """Answers each prompt with the text of the longest question that occurs in it; tokens are words.

    `delay` is seconds between tokens. With `failure`, every completion is an infrastructure failure of that message.
    """

    precision = "scripted"

    def __init__(self, answers: Mapping[str, str], delay: float = 0.0, failure: str = "", context: int = 4096) -> None:
        self.context = context
        self._answers = sorted(((" ".join(question.split()), text) for question, text in answers.items()), key=lambda item: -len(item[0]))
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
        words = _words(_until(self._answer(request.prompt.text), request.prompt.stop))
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

    def _answer(self, prompt: str) -> str:
        return next((text for question, text in self._answers if question in prompt), UNKNOWN)

    def _interrupted(self, cancelled: Callable[[], bool]) -> bool:
        """Wait one delay, in slices short enough that a cancel is felt at once."""
        until = time.perf_counter() + self._delay
        while (left := until - time.perf_counter()) > 0:
            time.sleep(min(left, 0.05))
            if cancelled():
                return True
        return False


def load(card: ModelCard, folder: Path) -> Scripted:
    """A scripted model whose `base.id` is a JSON file {question: answer} in the card's folder."""
    path = folder / card.base.id
    try:
        answers = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"Model {card.name} has no readable answers in {path}; write a JSON object of question to answer there."
        raise ModelUnavailable(message) from error
    return Scripted(answers, context=card.context)


def _until(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop string in it."""
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]


def _words(text: str) -> list[str]:
    """Words with the white space after them; joined again they are the text."""
    return re.findall(r"^\s+|\S+\s*", text)
