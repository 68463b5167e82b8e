"""A model behind a server: requests in flight together, each tried a few times, an outage as a failure of the completion.

All conversations run on one loop in a thread of their own, so that a cancel is felt at once, however slow a server is. Not covered:
beams, sampling, several answers to one prompt, answers that call tools.
"""

import asyncio
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache

import httpx

from nl2sql_arena import catalog
from nl2sql_arena.backends.endpoint import wire
from nl2sql_arena.backends.endpoint.wire import Again, Crowded, Never, NoStreaming, Piece
from nl2sql_arena.types import Completion, FinishReason, GenerationRequest, ModelCard, OnToken

Cancelled = Callable[[], bool]
PIECES_PER_EVENT = 4
CONNECT_SECONDS = 5.0
LISTEN_SECONDS = 0.05
"""How long a cancel may go unnoticed."""


@dataclass(frozen=True)
class Patience:
    """How often a request is tried, and how long is waited before trying again.

    That is a random time up to `first` seconds, doubled each time up to `longest` (full jitter), or what the server asks for up to
    `asked`.
    """

    attempts: int = 4
    first: float = 0.5
    longest: float = 8.0
    asked: float = 30.0
    loading: float = 60.0
    """How long a server that is still loading its model is waited for before the first question, in seconds."""

    def wait(self, failed: int, after: float) -> float:
        if after:
            return min(after, self.asked)
        return random.uniform(0, min(self.longest, self.first * 2 ** (failed - 1)))


@dataclass(eq=False)
class Job:
    """One request on its way; written by the loop's thread, `so_far` in one go."""

    request: GenerationRequest
    prompt_tokens: int
    cap: int
    start: float = 0.0
    pieces: int = 0
    text: str = ""
    so_far: tuple[str, int, float] = ("", 0, 0.0)
    """Text that may be shown, its pieces, seconds to the first."""

    def begin(self) -> None:
        self.start, self.pieces, self.text, self.so_far = time.perf_counter(), 0, "", ("", 0, 0.0)

    def end(self, text: str, tokens: int, reason: FinishReason, failure: str = "", prompt_tokens: int = 0) -> Completion:
        seconds = time.perf_counter() - self.start if self.start else 0.0
        first = min(self.so_far[2] or seconds, seconds)
        read = prompt_tokens or self.prompt_tokens
        return Completion(self.request.id, self.request.model, text, read, tokens, first, seconds, reason, failure)


Event = tuple[Job, str, Completion | None]
"""A job with its text so far, at last with its completion."""


@dataclass(eq=False)
class Call:
    """What one call of `generate` shares with its conversations."""

    jobs: list[Job]
    events: "queue.SimpleQueue[Event]" = field(default_factory=queue.SimpleQueue)


class Endpoint:
    """One model on a server. Safe to call from several threads; `concurrency` bounds all of their requests together.

    A server that has too little context for several at once is asked one after another from then on.
    Seconds are those of the attempt that gave the answer; waiting for a turn and for earlier attempts is no model's time.
    """

    def __init__(
        self, card: ModelCard, context: int, tokenize: Callable[[str], int] | None = None, patience: Patience | None = None
    ) -> None:
        """`tokenize` counts as the server does; without it an estimate on the high side is used."""
        assert card.server is not None
        stated = "precision not stated" if card.precision == "auto" else card.precision
        self.precision = f"{stated}, on {catalog.host(card)}"
        self.context = context
        self._card, self._server, self._patience = card, card.server, patience or Patience()
        self._gate = asyncio.Semaphore(card.server.concurrency)
        self._turn, self._crowded = asyncio.Lock(), False
        self._streaming = 2
        self.count_tokens: Callable[[str], int] = lru_cache(2048)(tokenize) if tokenize else wire.estimate

    def generate(
        self, requests: Sequence[GenerationRequest], on_token: OnToken | None = None, cancelled: Cancelled | None = None
    ) -> Iterator[Completion]:
        """See `Backend.generate`; every outage, refusal and unusable answer of the server is a failure of the completion."""
        stop = cancelled or (lambda: False)
        call = Call([self._job(request) for request in requests])
        if stop():
            yield from (job.end("", 0, "cancelled") for job in call.jobs)
            return
        running = asyncio.run_coroutine_threadsafe(self._converse(call), _loop())
        try:
            yield from self._listen(call, running, on_token, stop)
        finally:
            running.cancel()

    def _listen(self, call: Call, running: "Future[None]", on_token: OnToken | None, stop: Cancelled) -> Iterator[Completion]:
        """Completions as they come; callbacks are called from here, the caller's own thread."""
        waiting = list(call.jobs)
        while waiting:
            event = _next(call, running)
            if stop():
                running.cancel()
                yield from (job.end(*job.so_far[:2], "cancelled") for job in waiting)
                return
            if event is None:
                continue
            job, text, done = event
            if on_token and text:
                on_token(job.request, text)
            if done:
                waiting.remove(job)
                yield done

    def _job(self, request: GenerationRequest) -> Job:
        tokens = self.count_tokens(request.prompt.text)
        if tokens >= self.context:
            raise ValueError(f"The prompt of {request.id} has {tokens} tokens; {request.model} reads at most {self.context - 1}.")
        return Job(request, tokens, min(request.generation.max_new_tokens, self.context - tokens))

    async def _converse(self, call: Call) -> None:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)  # a whole answer has its own limit
        proxies = bool(catalog.elsewhere(self._card))
        async with httpx.AsyncClient(timeout=timeout, trust_env=proxies) as client, asyncio.TaskGroup() as group:
            for job in call.jobs:
                group.create_task(self._answer(client, job, call))

    async def _answer(self, client: httpx.AsyncClient, job: Job, call: Call) -> None:
        async with self._gate:
            if job.request.generation.num_beams > 1:
                done = self._failed(job, "is asked greedily here, never with beams")
            else:
                done = await self._tried(client, job, call)
        call.events.put((job, done.text, done))

    async def _tried(self, client: httpx.AsyncClient, job: Job, call: Call) -> Completion:
        failed = 0
        while True:
            streaming, alone = self._streaming, self._crowded
            try:
                async with self._turn if alone else nullcontext():
                    job.begin()
                    async with asyncio.timeout(self._server.seconds):
                        return await self._attempt(client, job, call, streaming)
            except NoStreaming:
                self._streaming = min(self._streaming, streaming - 1)
                continue
            except TimeoutError:
                return self._failed(job, f"gave no whole answer within {self._server.seconds} seconds", failed + 1)
            except Never as problem:
                return self._failed(job, str(problem), failed + 1)
            except (Again, httpx.RequestError) as problem:
                if isinstance(problem, Crowded) and not alone:
                    self._crowded = True
                    continue
                failed += 1
                if failed >= self._patience.attempts:
                    return self._failed(job, str(problem) if isinstance(problem, Again) else unreachable(problem), failed)
                await asyncio.sleep(self._patience.wait(failed, problem.after if isinstance(problem, Again) else 0.0))

    def _failed(self, job: Job, reason: str, attempts: int = 1) -> Completion:
        return job.end("", 0, "stop", wire.failure(self._card, reason, attempts))

    async def _attempt(self, client: httpx.AsyncClient, job: Job, call: Call, streaming: int) -> Completion:
        server = self._server
        path = "/chat/completions" if server.api == "chat" else "/completions"
        body = wire.body(server, job.request.prompt, job.cap, streaming)
        async with client.stream("POST", server.url.rstrip("/") + path, json=body, headers=wire.headers(server)) as reply:
            if reply.status_code != httpx.codes.OK:
                await reply.aread()
                raise wire.refusal(self._card, reply.status_code, reply.text, reply.headers.get("retry-after", ""), streaming)
            if "text/event-stream" in reply.headers.get("content-type", ""):
                return await self._streamed(reply, job, call)
            await reply.aread()
            return self._whole(wire.piece(reply.text), job)

    async def _streamed(self, reply: httpx.Response, job: Job, call: Call) -> Completion:
        """The answer from a stream of events; what the stream says last, such as counts, may come after the end of the text."""
        stops = job.request.prompt.stop
        finish, prompt_tokens, tokens, closed = "", 0, 0, False
        async for line in reply.aiter_lines():
            if not line.startswith("data:"):
                continue
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                closed = True
                break
            found = wire.piece(data)
            finish = found.finish or finish
            prompt_tokens, tokens = found.prompt_tokens or prompt_tokens, found.tokens or tokens
            if found.text:
                self._heard(job, found, call)
            if (at := wire.end(job.text, stops, self._server.api)) is not None:
                return job.end(job.text[:at], tokens or job.pieces, "stop", prompt_tokens=prompt_tokens)
        if not (finish or closed):
            raise Again("ended the answer in the middle")
        return self._ended(job, Piece(job.text, finish, prompt_tokens, tokens), tokens or job.pieces)

    def _heard(self, job: Job, found: Piece, call: Call) -> None:
        """Take in a piece of the text; every few of them can be shown."""
        job.text += found.text
        job.pieces += 1
        stops = job.request.prompt.stop
        at = wire.end(job.text, stops, self._server.api)
        text = job.text[:at] if at is not None else wire.shown(job.text, stops)
        job.so_far = text, job.pieces, job.so_far[2] or time.perf_counter() - job.start
        if (job.pieces - 1) % PIECES_PER_EVENT == 0:
            call.events.put((job, text, None))

    def _whole(self, found: Piece, job: Job) -> Completion:
        """The answer of a server that does not stream; its first token came with the last."""
        at = wire.end(found.text, job.request.prompt.stop, self._server.api)
        if at is not None:
            found = Piece(found.text[:at], "stop", found.prompt_tokens, found.tokens)
        return self._ended(job, found, found.tokens or wire.estimate(found.text) - 1)

    def _ended(self, job: Job, found: Piece, tokens: int) -> Completion:
        reason = wire.ENDED.get(found.finish) if found.finish else "length" if tokens >= job.cap else "stop"
        if reason is None:
            return self._failed(job, f"ended the answer with '{found.finish[:40]}'")
        if reason == "length" and found.tokens and found.tokens + 1 < job.cap:
            return self._failed(
                job,
                f"cut the answer after {found.tokens} of {job.cap} tokens; give the server a larger context, or the card a smaller one",
            )
        return job.end(found.text, tokens, reason, prompt_tokens=found.prompt_tokens)


def _next(call: Call, running: "Future[None]") -> Event | None:
    """What happens within the next moment, if anything. Raises what ended the conversations, should something of ours have."""
    try:
        return call.events.get(timeout=LISTEN_SECONDS)
    except queue.Empty:
        if running.done() and call.events.empty():
            running.result()
        return None


def unreachable(problem: httpx.RequestError) -> str:
    if isinstance(problem, httpx.ConnectError | httpx.ConnectTimeout):
        return "cannot be reached"
    return (
        "ended the connection" if isinstance(problem, httpx.RemoteProtocolError | httpx.ReadError) else f"failed ({type(problem).__name__})"
    )


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The loop of all conversations, in a thread that ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="endpoints", daemon=True).start()
    return loop


with suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=_loop.cache_clear)
