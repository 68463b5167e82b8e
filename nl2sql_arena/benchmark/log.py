"""What models have already written, on disk: an append-only log of completions, so that nothing is generated twice.

A completion is found again by all that decides it: the model's weights and precision, the exact prompt with its stop rules, and the
decoding settings. What follows (execution, verdict) is cheap and done anew, so that a mended scorer needs no new generation. A process may
end at any moment: a line that was not written whole is passed over. Several processes may append at once. Our failures are never kept.
"""

import contextvars
import json
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

from nl2sql_arena.engine import Cancelled, Generate
from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import Completion, GenerationRequest, OnToken

Identity = Callable[[str], str]
"""A model's name -> what distinguishes these very weights as they run here: revision and precision."""


def key(request: GenerationRequest, identity: str) -> str:
    """What a completion is found again by."""
    prompt = request.prompt
    decided = [request.model, identity, prompt.prefix, prompt.suffix, prompt.stop, asdict(request.generation)]
    return sha256(json.dumps(decided, ensure_ascii=False).encode()).hexdigest()[:32]


class CompletionLog:
    """The log in one file. Raises BadInput, with what to do, where it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Completion] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_bytes().splitlines() if path.exists() else []
        except OSError as problem:
            raise BadInput(f"The run log {path} cannot be read ({problem.strerror}); choose another ARENA_DATA.") from problem
        for line in lines:
            self._read(line)

    def _read(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            known_as = row.pop("key")
            self._known[known_as] = Completion(**row)
        except (ValueError, KeyError, TypeError):
            return  # the process that wrote it was ended; what it held is generated anew

    def __len__(self) -> int:
        return len(self._known)

    def get(self, known_as: str) -> Completion | None:
        return self._known.get(known_as)

    def add(self, known_as: str, completion: Completion) -> None:
        """Keep a completion; one line, written at once. A line that an ended process left open is closed first by the leading break."""
        self._known[known_as] = completion
        line = "\n" + json.dumps({"key": known_as, **asdict(completion)}, ensure_ascii=False)
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, line.encode())
            finally:
                os.close(handle)
        except OSError as problem:
            raise BadInput(
                f"The run log {self._path} cannot be written ({problem.strerror}); free space or choose another ARENA_DATA."
            ) from problem


def remembering(generate: Generate, log: CompletionLog, identity: Identity) -> Generate:
    """The same completions, those that the log holds from there, the others kept in it."""

    def call(requests: Sequence[GenerationRequest], on_token: OnToken | None, cancelled: Cancelled | None) -> Iterator[Completion]:
        keys = {(request.id, request.model): key(request, identity(request.model)) for request in requests}
        missing = []
        for request in requests:
            found = log.get(keys[request.id, request.model])
            if found is None:
                missing.append(request)
            else:
                yield replace(found, id=request.id)
        for completion in generate(missing, on_token, cancelled) if missing else ():
            if not completion.failure and completion.finish_reason != "cancelled":
                log.add(keys[completion.id, completion.model], completion)
            yield completion

    return call


def overlapping(generate: Generate, most: int = 64) -> Generate:
    """The same completions, made in a thread of its own, at most so many ahead of whoever takes them: scoring goes on beside generation."""

    def call(requests: Sequence[GenerationRequest], on_token: OnToken | None, cancelled: Cancelled | None) -> Iterator[Completion]:
        made: queue.Queue[Completion | None] = queue.Queue(most)
        left = threading.Event()

        def work() -> None:
            try:
                for completion in generate(requests, on_token, lambda: left.is_set() or bool(cancelled and cancelled())):
                    made.put(completion)
            finally:
                made.put(None)

        with ThreadPoolExecutor(1) as thread:
            working = thread.submit(contextvars.copy_context().run, work)  # on ZeroGPU the context says whose share of a GPU is used
            try:
                while (completion := made.get()) is not None:
                    yield completion
            finally:
                left.set()
                while not working.done():  # it may wait for room that nobody makes any more
                    with suppress(queue.Empty):
                        made.get(timeout=0.05)
            working.result()

    return call
