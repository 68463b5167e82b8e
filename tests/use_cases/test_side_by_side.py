"""Completions judged by several threads: each once, in their order, and whoever leaves ends the writing."""

import contextvars
import threading
import time
from collections.abc import Iterator

import pytest

from nl2sql_arena.engine import side_by_side
from nl2sql_arena.services import Services
from nl2sql_arena.types import Completion, GenerationRequest, Request
from tests.use_cases.scripted_models import LEFT, RIGHT

SOON = 120.0


def test_every_item_is_worked_on_once_and_keeps_its_place() -> None:
    found = side_by_side(lambda each: each * 10, iter(range(200)), 3, threading.Event())
    assert list(found) == [each * 10 for each in range(200)]


def test_others_are_worked_on_beside_a_slow_one() -> None:
    last = threading.Event()

    def work(item: str) -> str:
        if item == "c":
            last.set()
        assert item != "slow" or last.wait(SOON)
        return item

    assert list(side_by_side(work, iter(["slow", "a", "b", "c"]), 2, threading.Event())) == ["slow", "a", "b", "c"]


def test_what_is_done_does_not_wait_for_what_is_still_being_written() -> None:
    written = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert written.wait(SOON)
        yield 2

    found = side_by_side(lambda each: each, items(), 2, threading.Event())
    assert next(found) == 1
    written.set()
    assert list(found) == [2]


def test_whoever_leaves_ends_the_writing() -> None:
    left, ended = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert left.wait(SOON)
        ended.set()

    found = side_by_side(lambda each: each, items(), 2, left)
    assert next(found) == 1
    found.close()  # type: ignore[attr-defined]
    assert ended.is_set()


def test_whoever_takes_slowly_slows_the_work_down_and_may_leave() -> None:
    begun: list[int] = []
    found = side_by_side(lambda each: begun.append(each) or each, iter(range(1000)), 2, threading.Event())
    next(found)
    time.sleep(0.2)
    assert len(begun) < 20
    found.close()  # type: ignore[attr-defined]


def test_a_breakdown_comes_after_what_the_others_did_and_ends_the_writing() -> None:
    left, first = threading.Event(), threading.Event()

    def work(item: int) -> int:
        if item == 2:
            assert first.wait(SOON)
            raise ZeroDivisionError("told")
        first.set()
        return item

    def items() -> Iterator[int]:
        yield from (1, 2)
        assert left.wait(SOON)

    found = side_by_side(work, items(), 2, left)
    assert next(found) == 1
    with pytest.raises(ZeroDivisionError, match="told"):
        next(found)


def test_the_context_goes_along() -> None:
    """On ZeroGPU it says whose share of a GPU is used."""
    whose = contextvars.ContextVar("whose", default="nobody")
    whose.set("visitor")
    assert set(side_by_side(lambda _: whose.get(), iter(range(1, 9)), 3, threading.Event())) == {"visitor"}


def test_answers_judged_at_once_are_those_judged_one_by_one(shared: Services) -> None:
    questions = ["How many customers live in Germany?", "Who lives on the moon?", "Throw everything away", "Give up in words"]
    requests = [Request(str(n), model, "shop", question) for model in (LEFT, RIGHT) for n, question in enumerate(questions)]

    def outcomes(at_once: int) -> dict[tuple[str, str], tuple[str, str]]:
        found = shared.engine.answers(requests, at_once=at_once)
        return {(each.model, each.id): (each.outcome, each.prepared.sql) for each in found}

    assert outcomes(3) == outcomes(1)
    assert len(outcomes(3)) == len(requests)


def test_a_run_that_is_left_stops_its_models(shared: Services) -> None:
    told = threading.Event()

    def generate(requests: object, on_token: object, cancelled: object) -> Iterator[Completion]:
        assert callable(cancelled)
        for each in requests:  # type: ignore[attr-defined]
            assert isinstance(each, GenerationRequest)
            yield Completion(each.id, each.model, "SELECT 1", 1, 1, 0.1, 0.1, "stop")
            if each.id == "1":
                while not cancelled():
                    time.sleep(0.01)
                told.set()
                return

    answers = shared.engine.answers([Request(str(n), LEFT, "shop", "How many?") for n in range(5)], generate=generate, at_once=2)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert told.is_set()
