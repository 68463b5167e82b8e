"""Many requests to one tiny random model at once: what each alone would have got, whatever its company and the memory."""

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from nl2sql_arena import backends
from nl2sql_arena.backends.local import NOT_FINITE, Local, decoding
from nl2sql_arena.backends.local import batch as batches
from nl2sql_arena.types import Completion, Generation, GenerationRequest, Prompt
from tests import tiny

SCHEMAS = (
    "customers(id int, name text, city text)\norders(id int, customer_id int > customers, total num)\n-- ",
    "limit(order int, date text, sum num, avg num)\n-- ",
    "",
)
QUESTIONS = ("how many orders ?", "avg total by city and by name , the first 42 ?", "name from 'Oslo' ?", "é 東京 ?", "?", "which city ?")
KINDS = ("phi", "llama", "merged-lora", "nf4-lora")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny.phi(root / "phi")
    tiny.llama(root / "llama")
    tiny.lora(root / "phi", root / "lora")
    return root


def load(models: Path, kind: str) -> Local:
    cards = {
        "phi": tiny.card("phi"),
        "llama": tiny.card("llama"),
        "merged-lora": tiny.card("lora", "../phi", "."),
        "nf4-lora": tiny.card("lora", "../phi", ".", "nf4"),
    }
    backend = backends.load(cards[kind], models)
    assert isinstance(backend, Local)
    return backend


@pytest.fixture(scope="module")
def phi(models: Path) -> Local:
    return load(models, "phi")


def ask(name: str, schema: str, question: str, cap: int = 24, stop: tuple[str, ...] = (), beams: int = 1) -> GenerationRequest:
    return GenerationRequest(name, "m", Prompt(schema, question + "\n", stop), Generation(cap, beams))


def mixed() -> list[GenerationRequest]:
    """Eighteen requests over three prefixes, shuffled, of many lengths, caps and stop strings."""
    pairs = [(schema, question) for question in QUESTIONS for schema in SCHEMAS]
    stops = ((), ("e",), (" ", "never"), ("or", "\n"))
    return [ask(str(i), schema, question, 3 + 5 * i % 37, stops[i % 4]) for i, (schema, question) in enumerate(pairs)]


def one_by_one(backend: Local, requests: Sequence[GenerationRequest]) -> dict[str, Completion]:
    return {done.id: done for request in requests for done in backend.generate([request])}


def said(completions: dict[str, Completion]) -> dict[str, tuple[Any, ...]]:
    """Everything but the times."""
    return {c.id: (c.text, c.tokens, c.prompt_tokens, c.finish_reason, c.failure) for c in completions.values()}


def limited(backend: Local, monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """Memory for at most so many rows: more raise as torch does. -> the rows of each forward pass, as they happen."""
    whole, rows = backend._model.forward, list[int]()

    def forward(*args: Any, **inputs: Any) -> Any:
        rows.append(inputs["input_ids"].shape[0])
        if rows[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(*args, **inputs)

    monkeypatch.setattr(backend._model, "forward", forward)
    return rows


@pytest.mark.parametrize("places", [3, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_answers_as_each_request_alone(models: Path, monkeypatch: pytest.MonkeyPatch, kind: str, places: int) -> None:
    monkeypatch.setattr(decoding, "MOST_ROWS", places)
    backend, requests = load(models, kind), mixed()
    expected = said(one_by_one(backend, requests))
    rows = limited(backend, monkeypatch, 10**6)
    done = list(backend.generate(requests))
    assert len(done) == len(requests)
    assert said({each.id: each for each in done}) == expected
    assert places // 2 < max(rows) <= places
    assert len({each.finish_reason for each in done}) == 2


def test_the_first_to_finish_comes_first_while_the_rest_go_on(phi: Local) -> None:
    caps = {"long": 40, "short": 2, "middle": 20}
    done = phi.generate([ask(name, SCHEMAS[0], QUESTIONS[0], cap) for name, cap in caps.items()])
    assert [(each.id, each.tokens) for each in done] == [("short", 2), ("middle", 20), ("long", 40)]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_batch_too_large_for_the_memory_fails_no_request(models: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    backend, requests = load(models, "llama"), mixed()
    expected = said(one_by_one(backend, requests))
    limited(backend, monkeypatch, most)
    assert said({each.id: each for each in backend.generate(requests)}) == expected


def test_memory_that_runs_out_halfway_loses_nothing_that_was_written(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = load(models, "phi")
    requests = [ask(question, SCHEMAS[0], question, 40) for question in QUESTIONS]
    expected = said(one_by_one(backend, requests))
    rows = limited(backend, monkeypatch, 10**6)
    whole, seen = backend._model.forward, {question: [""] for question in QUESTIONS}

    def forward(*args: Any, **inputs: Any) -> Any:
        if len(rows) == 20:
            rows.append(0)
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return whole(*args, **inputs)

    monkeypatch.setattr(backend._model, "forward", forward)
    done = {each.id: each for each in backend.generate(requests, lambda request, text: seen[request.id].append(text))}
    assert said(done) == expected
    assert len(set(rows)) > 3
    assert all(later.startswith(earlier) for texts in seen.values() for earlier, later in pairwise(texts))


def test_memory_that_runs_out_as_a_row_leaves_fails_no_request(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = load(models, "phi")
    requests = [ask(str(cap), SCHEMAS[0], QUESTIONS[0], cap) for cap in (4, 9, 14)]
    expected = said(one_by_one(backend, requests))
    whole, left = batches.Batch._select, [True]

    def select(*given: Any) -> None:
        if left:
            left.pop()
            raise torch.OutOfMemoryError("CUDA out of memory.")
        whole(*given)

    monkeypatch.setattr(batches.Batch, "_select", select)
    assert said({each.id: each for each in backend.generate(requests)}) == expected


def test_little_free_memory_means_few_rows_and_one_at_the_least(phi: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [phi._row(request, None) for request in mixed()]
    token = 2 * 2 * 64 * 4
    longest = max(len(row.ids) + row.cap for row in rows)
    for free, places in ((0, 1), (2 * 5 * token * longest, 5), (1 << 40, decoding.MOST_ROWS)):
        monkeypatch.setattr(decoding, "free_bytes", lambda device, free=free: free)
        assert phi._most_rows(rows) == places


def test_scores_that_are_not_finite_fail_their_own_row_only(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, requests = load(models, "phi"), [ask(question, "", question) for question in QUESTIONS]
    expected = said(one_by_one(backend, requests))
    whole = backend._model.forward

    def forward(*args: Any, **inputs: Any) -> Any:
        output = whole(*args, **inputs)
        if inputs["input_ids"].shape[0] == len(requests):
            output.logits[2] = float("nan")
        return output

    monkeypatch.setattr(backend._model, "forward", forward)
    found = {each.id: each for each in backend.generate(requests)}
    assert found.pop(QUESTIONS[2]).failure == NOT_FINITE
    del expected[QUESTIONS[2]]
    assert said(found) == expected


def test_a_cancel_keeps_what_is_done_and_ends_the_rest(phi: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MOST_ROWS", 3)
    caps = (4, 40, 40, 40, 40)
    found: list[Completion] = []
    for each in phi.generate([ask(str(i), SCHEMAS[0], QUESTIONS[0], cap) for i, cap in enumerate(caps)], None, lambda: bool(found)):
        found.append(each)  # noqa: PERF402 - looked at while it grows
    assert [(each.id, each.finish_reason) for each in found] == [("0", "length"), *((name, "cancelled") for name in "1234")]
    assert [each.tokens for each in found] == [4, 4, 4, 0, 0]


def test_each_request_of_a_batch_streams_its_own_text(phi: Local) -> None:
    seen: dict[str, list[str]] = {question: [] for question in QUESTIONS}
    requests = [ask(question, SCHEMAS[0], question) for question in QUESTIONS]
    for each in phi.generate(requests, lambda request, text: seen[request.id].append(text)):
        texts = seen[each.id]
        assert len(texts) > 3
        assert texts[-1] == each.text
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


def test_between_completions_others_get_the_model_and_no_time_is_counted(phi: Local) -> None:
    expected = said(one_by_one(phi, [ask("other", SCHEMAS[1], QUESTIONS[1])]))
    first, second = ask("short", SCHEMAS[0], QUESTIONS[0], 2), ask("long", SCHEMAS[0], QUESTIONS[0], 30)
    began, batch = time.perf_counter(), phi.generate([first, second])
    assert next(batch).id == "short"
    assert said(one_by_one(phi, [ask("other", SCHEMAS[1], QUESTIONS[1])])) == expected
    time.sleep(2)
    last = next(batch)
    assert last.id == "long"
    assert 0 < last.first_token_seconds <= last.seconds <= time.perf_counter() - began - 2


def test_beams_and_greedy_requests_may_come_together(phi: Local) -> None:
    requests = [ask(str(i), SCHEMAS[0], question, beams=1 + 2 * (i % 2)) for i, question in enumerate(QUESTIONS)]
    assert said({each.id: each for each in phi.generate(requests)}) == said(one_by_one(phi, requests))


def test_peak_memory_is_the_weights_and_the_states_of_all_that_decode_together(models: Path) -> None:
    phi = load(models, "phi")
    config = phi._model.config
    column = 2 * config.num_hidden_layers * config.hidden_size * 4  # keys and values of one token in fp32
    weights = sum(each.nbytes for each in phi._model.parameters()) + sum(each.nbytes for each in phi._model.buffers())
    alone = one_by_one(phi, [ask("alone", "", QUESTIONS[0])])["alone"]
    assert alone.peak_memory == pytest.approx((weights + column * (alone.prompt_tokens + alone.tokens - 1)) / 1e6, abs=0.001)
    together = list(phi.generate([ask(str(number), "", QUESTIONS[0]) for number in range(3)]))
    states = 3 * column * (alone.prompt_tokens + alone.tokens - 1)
    assert together[-1].peak_memory == pytest.approx((weights + states) / 1e6, abs=0.001)
    (beam,) = phi.generate([ask("beam", "", QUESTIONS[0], beams=2)])
    assert beam.peak_memory == 0, "not seen, so not told"


def test_a_prompt_without_room_is_said_before_anything_is_generated(phi: Local) -> None:
    seen: list[str] = []
    with pytest.raises(ValueError, match="tokens"):
        next(phi.generate([ask("a", SCHEMAS[0], "?"), ask("b", SCHEMAS[0], "word " * 500)], lambda request, text: seen.append(text)))
    assert not seen
