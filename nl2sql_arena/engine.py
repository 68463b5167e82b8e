"""The one path from a question to a result table: `Engine.answers`. Arena, benchmark and command line all drain it.

`generate` holds no database work, so that it is the one thing a GPU decorator wraps. A model's mistake is an Answer; our own failure is an
Answer with outcome `infrastructure`, which counts for nobody.
"""

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from nl2sql_arena import backends, prompts
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadInput, Infrastructure
from nl2sql_arena.loaded import Loaded
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.settings import QUESTION_CHARS
from nl2sql_arena.types import (
    DISPLAY,
    FIRST_ONLY,
    Answer,
    Completion,
    Execution,
    GenerationRequest,
    Limits,
    ModelCard,
    OnToken,
    Prepared,
    Prompt,
    Request,
)

T = TypeVar("T")
R = TypeVar("R")
Cancelled = Callable[[], bool]
Generate = Callable[[Sequence[GenerationRequest], OnToken | None, Cancelled | None], Iterator[Completion]]
NOTHING = Prepared(sql="", formatted="")
STOPPED = "Stopped before this side had finished; ask again."
TOO_LONG = "Question and tables are too long for one of these models, even with columns left out; ask it shorter or choose other models."
"""The `failure` of an answer whose prompt does not fit. It names neither a model nor its room, which would tell blind sides apart."""
GARBLED = "The model wrote the same mark on and on, as models do whose numbers overflow in fp16; load it with precision bf16 or fp32."
"""The `failure` of a text that is no text: our side's or a server's fault, not a wrong answer."""
MARKS = 16
"""So many at the end of a text are no words: no query has them."""


class Engine:
    """Loaded models and databases behind one call. Safe to use from several threads."""

    def __init__(self, cards: Mapping[str, ModelCard], models: Path, databases: Mapping[str, Database], sandbox: Sandbox) -> None:
        self._cards, self._models, self._databases, self._sandbox = cards, models, databases, sandbox
        self._loaded = Loaded(models)
        self.generate: Generate = self._generate
        """Completions for requests, in order of finishing; a Space replaces it by the same generator under its GPU decorator."""

    def backend(self, model: str) -> backends.Backend:
        """The model, loaded at first use and once for all cards of its weights. Raises BadInput (an unknown name), ModelUnavailable."""
        return self._loaded.get(self._card(model))

    def _card(self, model: str) -> ModelCard:
        if model not in self._cards:
            raise BadInput(f"There is no model '{model}'; choose one of {', '.join(self._cards)}.")
        return self._cards[model]

    def is_ready(self, model: str) -> bool:
        """Whether the model answers without further weights being loaded: they are, maybe for another card, or it has none here."""
        card = self._cards[model]
        return card.backend != "local" or self._loaded.has(card)

    def marks(self, model: str) -> tuple[str, ...]:
        """What tells the loaded weights of a model from others of its name; empty where none are loaded, or they do not say."""
        found = self._loaded.find(model)
        return found.marks if isinstance(found, backends.Weighed) else ()

    def add(self, model: str, backend: backends.Backend) -> None:
        """Let a model that lives already, such as one in training, answer under a card's name."""
        self._loaded.add(model, backend)

    def on(self, databases: Mapping[str, Database]) -> "Engine":
        """The same models, with those that are loaded or will be, over other databases."""
        return self._sharing(self._cards, databases)

    def under(self, cards: Mapping[str, ModelCard]) -> "Engine":
        """The same models over the same databases under cards that say otherwise how they decode."""
        return self._sharing(cards, self._databases)

    def _sharing(self, cards: Mapping[str, ModelCard], databases: Mapping[str, Database]) -> "Engine":
        other = Engine(cards, self._models, databases, self._sandbox)
        other._loaded, other.generate = self._loaded, self.generate
        return other

    def answers(
        self,
        requests: Sequence[Request],
        on_token: OnToken | None = None,
        cancelled: Cancelled | None = None,
        limits: Limits = DISPLAY,
        generate: Generate | None = None,
        at_once: int = 1,
    ) -> Iterator[Answer]:
        """One answer a request, as they finish; `id` and `model` together tell requests apart. `generate` takes the place of the engine's.
        So many completions are judged at once, of which the sandbox runs as many as it has workers.

        Those that are too long come first, with `completion.failure` TOO_LONG, before anything is generated.
        Raises BadInput (question, names), ModelUnavailable and BadDatabase before the first answer.
        """
        for request in requests:
            check_question(request.question)
        cards = [self._card(model) for model in dict.fromkeys(request.model for request in requests)]
        with self._loaded.in_use(cards) as models:
            yield from self._answers(requests, models, on_token, cancelled, limits, generate or self.generate, at_once)

    def _answers(
        self,
        requests: Sequence[Request],
        models: Mapping[str, backends.Backend],
        on_token: OnToken | None,
        cancelled: Cancelled | None,
        limits: Limits,
        write: Generate,
        at_once: int,
    ) -> Iterator[Answer]:
        prompted = [(request, self._prompt(request, models[request.model])) for request in requests]
        ready: list[GenerationRequest] = []
        wanted: dict[tuple[str, str], tuple[Request, Prompt]] = {}
        for request, prompt in prompted:
            if prompt:
                ready.append(GenerationRequest(request.id, request.model, prompt, self._cards[request.model].generation))
                wanted[request.id, request.model] = request, prompt
            else:
                unasked = Completion(request.id, request.model, "", 0, 0, 0.0, 0.0, "stop", TOO_LONG)
                yield self._answer(request, models[request.model], Prompt("", ""), unasked, limits)

        def judged(completion: Completion) -> Answer:
            request, prompt = wanted[completion.id, completion.model]
            return self._answer(request, models[request.model], prompt, completion, limits)

        if at_once == 1:
            yield from map(judged, write(ready, on_token, cancelled))
            return
        left = threading.Event()
        completions = write(ready, on_token, lambda: left.is_set() or bool(cancelled and cancelled()))
        yield from side_by_side(judged, completions, at_once, left)

    def _prompt(self, request: Request, backend: backends.Backend) -> Prompt | None:
        """None when no prompt fits this model."""
        database, card = self.database(request.db), self._cards[request.model]
        room = _context(backend, card) - card.generation.max_new_tokens
        try:
            return prompts.build(card.format, request.question, database.schema(), backend.count_tokens, room, database.links)
        except BadInput:
            return None

    def database(self, name: str) -> Database:
        """Raises BadInput for an unknown name."""
        if name not in self._databases:
            raise BadInput(f"There is no database '{name}'; choose one of {', '.join(self._databases)}.")
        return self._databases[name]

    def run(self, db: str, sql: str, limits: Limits = DISPLAY) -> Execution:
        """One query in the sandbox. Our own failure is an outcome too, so that no result is lost."""
        try:
            return self._sandbox.run(self.database(db).path(), sql, limits)
        except Infrastructure as problem:
            return Execution("infrastructure", message=str(problem))

    def _generate(
        self, requests: Sequence[GenerationRequest], on_token: OnToken | None, cancelled: Cancelled | None
    ) -> Iterator[Completion]:
        for model in dict.fromkeys(request.model for request in requests):
            mine = [request for request in requests if request.model == model]
            for completion in self.backend(model).generate(mine, on_token, cancelled):
                garbled = not completion.failure and is_garbled(completion.text)
                yield replace(completion, failure=GARBLED) if garbled else completion

    def _answer(self, request: Request, backend: backends.Backend, prompt: Prompt, completion: Completion, limits: Limits) -> Answer:
        """The completion with what became of it."""
        card = self._cards[request.model]
        began = time.perf_counter()
        prepared, execution = NOTHING, Execution("infrastructure", message=completion.failure or STOPPED)
        if not completion.failure and completion.finish_reason != "cancelled":
            try:
                prepared, execution = self._judged(request, completion, prompt, limits)
            except Infrastructure as problem:
                execution = Execution("infrastructure", message=str(problem))
        return Answer(
            id=request.id,
            model=request.model,
            db=request.db,
            question=request.question,
            prompt=prompt,
            completion=completion,
            prepared=prepared,
            execution=execution,
            precision=backend.precision,
            beams=card.generation.num_beams,
            max_new_tokens=card.generation.max_new_tokens,
            context=_context(backend, card),
            seconds=completion.seconds + time.perf_counter() - began,
        )

    def _judged(self, request: Request, completion: Completion, prompt: Prompt, limits: Limits) -> tuple[Prepared, Execution]:
        path = self.database(request.db).path()
        card = self._cards[request.model]
        # A chat model may open its answer with what ends others' answers; its backend has cut it already.
        stop = () if card.server and card.server.api == "chat" else prompt.stop
        prepared = self._sandbox.prepare(path, completion.text, card.dialect, stop)
        if completion.finish_reason == "length" and FIRST_ONLY not in prepared.repairs:  # else the query was whole before the cap
            cap = card.generation.max_new_tokens
            return prepared, Execution("cut", message=f"The answer was cut at the cap of {cap} tokens.")
        if prepared.abstained:
            return prepared, Execution("abstained", message="The model says that it does not know.")
        if not prepared.sql:
            return prepared, Execution("error", error_kind="syntax", message="The model wrote no SQL.")
        return prepared, self._sandbox.run(path, prepared.sql, limits)


def _context(backend: backends.Backend, card: ModelCard) -> int:
    """Tokens that prompt and answer may have together."""
    return min(backend.context, card.context)


def side_by_side(work: Callable[[T], R], items: Iterator[T], at_once: int, left: threading.Event) -> Iterator[R]:
    """`work` of each item, in their order, by so many threads, each of which takes its next item when it has done one.

    `left` is set when whoever takes the results leaves, or when a thread breaks down, whose exception comes after the results before it.
    """
    done: queue.Queue[tuple[int, R] | None] = queue.Queue(2 * at_once)  # whoever takes results slowly slows the work down
    numbered, turn = enumerate(items), threading.Lock()

    def take() -> tuple[int, T] | None:
        with turn:
            return next(numbered, None)

    def serve() -> None:
        is_whole = False
        try:
            while not left.is_set() and (taken := take()) is not None:
                done.put((taken[0], work(taken[1])))
            is_whole = True
        finally:
            if not is_whole:
                left.set()
            done.put(None)

    with ThreadPoolExecutor(at_once) as threads:
        serving = [threads.submit(contextvars.copy_context().run, serve) for _ in range(at_once)]
        early: dict[int, R] = {}
        following = 0
        try:
            for _ in serving:
                while (found := done.get()) is not None:
                    early[found[0]] = found[1]
                    while following in early:
                        yield early.pop(following)
                        following += 1
        finally:
            left.set()
            while not all(each.done() for each in serving):  # they may wait for room that nobody makes any more
                with suppress(queue.Empty):
                    done.get(timeout=0.05)
    for each in serving:
        each.result()


def is_garbled(text: str) -> bool:
    """Whether a text ends in the marks that models write when their scores are no numbers: the first token of the vocabulary, on and on.

    That is "!" for the tokenizers of Phi-2 and Llama 3 and "<unk>" for those of Llama 2 and Mistral. The in-process backend looks at the
    scores themselves; a server does not say.
    """
    end = text.rstrip()
    return end.endswith(("!" * MARKS, "<unk>" * MARKS))


def refusing_too_long(answers: Iterable[Answer]) -> Iterator[Answer]:
    """The answers to one question. Raises BadInput before anything is generated when it is too long for one of its models."""
    for answer in answers:
        if answer.completion.failure == TOO_LONG:
            raise BadInput(TOO_LONG)
        yield answer


def check_question(question: str) -> None:
    """Raises BadInput unless it can be asked."""
    if not question.strip():
        raise BadInput("The question is empty; type one or choose an example.")
    if any("\ud800" <= char <= "\udfff" for char in question):
        raise BadInput("The question holds half a character, which is no text; type it again.")
    if len(question) > QUESTION_CHARS:
        raise BadInput(f"The question has {len(question):,} characters; ask it in at most {QUESTION_CHARS:,}.")
