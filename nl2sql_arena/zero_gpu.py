"""ZeroGPU, the GPUs that Hugging Face shares among Spaces: each call of one decorated generator gets one for a short while.

What the `spaces` package asks for (read in its version 0.51.3): it is imported before torch; models are put on "cuda" before the page
launches, in the thread that imported it; the decorator is in place by then. A call forks a process, in which the device is real: arguments
and results are pickled, callbacks cannot cross, what changes in there is lost. Whose quota pays is read from the calling event's context,
so the call comes from the event's thread or one with its context. No compiling and no CUDA graphs: nothing in this package does either.
Importing this module imports `spaces` where that is installed. Never run on a real ZeroGPU Space so far.
"""

import html
import importlib.util
import math
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.types import Completion, Generation, GenerationRequest, OnToken

if importlib.util.find_spec("spaces"):
    import spaces
else:
    spaces = None

NAME = "ZeroGPU"
"""The name of a device that each call gets for a short while."""
CONCURRENCY = 6
"""Battles that may run at once, each with a GPU of its own."""
START_SECONDS = 8.0
SECONDS_PER_TOKEN = 0.025
"""Not measured: what both models' weights may need to reach the GPU, and a 7 B model for one token there, so that an answer of the longest
length is not cut off. Only what is used is charged; what is declared must be left of the visitor's quota, times 1.5 on some cards.
"""
KEPT_ANSWERS = 1_000
Cancelled = Callable[[], bool]
Generate = Callable[[Sequence[GenerationRequest], OnToken | None, Cancelled | None], Iterator[Completion]]


def is_here(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process runs on ZeroGPU, by the very words that `spaces` accepts."""
    return spaces is not None and environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def seconds(requests: Sequence[GenerationRequest]) -> int:
    """What a call is declared to take: the longest that its answers can be."""
    tokens = sum(request.generation.max_new_tokens * (2 if request.generation.num_beams > 1 else 1) for request in requests)
    return math.ceil(START_SECONDS + SECONDS_PER_TOKEN * tokens)


def decorated(generate: Generate, refusals: tuple[type[Exception], ...] = ()) -> Generate:
    """The generator with both sides of a question in one call, under the one GPU decorator; itself elsewhere.

    `refusals` are what `spaces` raises for a visitor to read (Gradio's own error), such as a quota that is spent, and what the HTTP library
    raises by which it asks; they become ModelUnavailable, as do the plain RuntimeErrors by which it says that its scheduler failed. What
    was answered once is remembered, so that an example costs its quota once; it keeps the times of that once.
    """
    if not is_here():
        return generate

    @spaces.GPU(duration=seconds)  # type: ignore[untyped-decorator]
    def one_question(requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        yield from generate(requests, None, None)

    answers = Answers()
    expected: tuple[type[Exception], ...] = (RuntimeError, *refusals)

    def all_questions(
        requests: Sequence[GenerationRequest], _on_token: OnToken | None = None, cancelled: Cancelled | None = None
    ) -> Iterator[Completion]:
        """One call for each question; a cancelled run makes no further one."""
        identities = list(dict.fromkeys(request.id for request in requests))
        for number, identity in enumerate(identities):
            if number and cancelled and cancelled():
                return
            both = [request for request in requests if request.id == identity]
            if len(identities) == 1 and (known := answers.to(both)):
                yield from known
                continue
            try:
                for completion in one_question(both):
                    answers.keep(both, completion)
                    yield completion
            except expected as problem:
                raise ModelUnavailable(f"ZeroGPU could not answer: {_sentence(problem)}") from problem

    return all_questions


class Answers:
    """What models wrote, by the exact text that they read. Decoding is greedy or by beams, so the same text has the same answer."""

    def __init__(self, most: int = KEPT_ANSWERS) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, str, Generation], Completion] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, requests: Sequence[GenerationRequest], completion: Completion) -> None:
        """Unless it is no answer: a failure or a half."""
        if completion.failure or completion.finish_reason == "cancelled":
            return
        request = next(each for each in requests if each.model == completion.model)
        with self._lock:
            self._known[_key(request)] = completion
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def to(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        """One for each request, or none at all: an answer that comes sooner than the other would tell the sides apart."""
        with self._lock:
            found = [self._known.get(_key(request)) for request in requests]
        known = [replace(each, id=request.id) for each, request in zip(found, requests, strict=True) if each]
        return known if len(known) == len(requests) else []


def _key(request: GenerationRequest) -> tuple[str, str, Generation]:
    return request.model, request.prompt.text, request.generation


def _sentence(problem: Exception) -> str:
    """The message without its HTML, as one line that ends."""
    said = html.unescape(re.sub(r"<[^>]*>", "", str(getattr(problem, "message", problem))))
    said = " ".join(said.split()).rstrip(".")
    return f"{said}."
