"""Nothing is generated twice: a run goes on where another was ended, at any moment."""

import contextvars
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nl2sql_arena.benchmark.log import CompletionLog, key, overlapping, remembering
from nl2sql_arena.engine import Cancelled
from nl2sql_arena.errors import BadInput
from nl2sql_arena.settings import ROOT
from nl2sql_arena.types import Completion, Generation, GenerationRequest, OnToken, Prompt


def request(number: int, model: str = "m", text: str = "", most: int = 9) -> GenerationRequest:
    return GenerationRequest(str(number), model, Prompt("schema ", text or f"question {number}", ("\n",)), Generation(most))


class Model:
    """Writes its requests down; fails where it is told to."""

    def __init__(self, failing: str = "") -> None:
        self.asked: list[str] = []
        self.failing = failing

    def __call__(
        self, requests: Sequence[GenerationRequest], on_token: OnToken | None = None, cancelled: Cancelled | None = None
    ) -> Iterator[Completion]:
        for each in requests:
            if cancelled and cancelled():
                yield Completion(each.id, each.model, "", 0, 0, 0.0, 0.0, "cancelled")
                continue
            self.asked.append(each.id)
            failure = "no memory" if each.id == self.failing else ""
            yield Completion(each.id, each.model, f"SELECT {each.id}", 3, 2, 0.1, 0.2, "stop", failure)


def run(model: Model, path: Path, requests: Sequence[GenerationRequest], identity: str = "r1") -> list[Completion]:
    return list(remembering(model, CompletionLog(path), lambda name: identity)(requests, None, None))


def test_a_second_run_is_answered_from_the_log(tmp_path: Path) -> None:
    model, asked = Model(), [request(i) for i in range(5)]
    first = run(model, tmp_path / "log.jsonl", asked)
    assert sorted(run(model, tmp_path / "log.jsonl", asked), key=lambda each: each.id) == first
    assert model.asked == ["0", "1", "2", "3", "4"]


def test_lines_from_before_memory_was_measured_are_still_read(tmp_path: Path) -> None:
    path, model = tmp_path / "log.jsonl", Model()
    run(model, path, [request(1)])
    row = json.loads(path.read_text())
    del row["peak_memory"]
    path.write_text(json.dumps(row) + "\n")
    (found,) = run(model, path, [request(1)])
    assert (found.text, found.peak_memory, model.asked) == ("SELECT 1", 0.0, ["1"])


def test_only_what_is_missing_is_generated_and_the_id_is_the_new_ones(tmp_path: Path) -> None:
    model = Model()
    run(model, tmp_path / "log.jsonl", [request(1, text="same")])
    found = run(model, tmp_path / "log.jsonl", [request(7, text="same"), request(8)])
    assert [(each.id, each.text) for each in found] == [("7", "SELECT 1"), ("8", "SELECT 8")]
    assert model.asked == ["1", "8"]


@pytest.mark.parametrize(
    ("other", "identity"),
    [(request(1, model="n"), "r1"), (request(1, text="question 1 "), "r1"), (request(1, most=8), "r1"), (request(1), "r2")],
)
def test_other_weights_prompts_and_settings_are_generated_anew(tmp_path: Path, other: GenerationRequest, identity: str) -> None:
    model = Model()
    run(model, tmp_path / "log.jsonl", [request(1)])
    run(model, tmp_path / "log.jsonl", [other], identity)
    assert model.asked == ["1", "1"]


def test_our_failures_and_what_was_cancelled_are_never_kept(tmp_path: Path) -> None:
    model = Model(failing="1")
    run(model, tmp_path / "log.jsonl", [request(1), request(2)])
    generate = remembering(model, CompletionLog(tmp_path / "log.jsonl"), lambda name: "r1")
    list(generate([request(3)], None, lambda: True))
    assert len(CompletionLog(tmp_path / "log.jsonl")) == 1


def test_a_line_that_was_not_written_whole_is_passed_over_and_harms_no_other(tmp_path: Path) -> None:
    path, model = tmp_path / "log.jsonl", Model()
    run(model, path, [request(1), request(2)])
    whole = path.read_bytes()
    for cut in range(len(whole) - 40, len(whole)):
        path.write_bytes(whole[:cut])
        again = Model()
        assert len(run(again, path, [request(1), request(2)])) == 2
        assert again.asked == ["2"]
        assert len(CompletionLog(path)) == 2


WRITER = """
import sys
from pathlib import Path
from tests.use_cases.test_run_log import Model, request
from nl2sql_arena.benchmark.log import CompletionLog, remembering
generate = remembering(Model(), CompletionLog(Path(sys.argv[1])), lambda name: "r1")
for done in generate([request(i) for i in range(100_000)], None, None):
    print(done.id, flush=True)
"""


def test_a_run_that_was_killed_loses_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seen = [next(process.stdout).strip() for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    model = Model()
    found = run(model, path, [request(i) for i in range(50)])
    assert sorted(each.id for each in found) == sorted(seen)
    assert model.asked == []


def test_two_processes_may_write_one_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    logs = [CompletionLog(path) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda log=log, n=n: list(remembering(Model(), log, str)([request(i + n) for i in range(200)], None, None)))
        for n, log in zip((0, 1000), logs, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(CompletionLog(path)) == 400
    assert all(json.loads(line) for line in path.read_bytes().split(b"\n") if line)


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(BadInput, match=r"log\.jsonl cannot be read .*ARENA_DATA"):
        CompletionLog(tmp_path / "log.jsonl")


def test_a_key_is_the_same_on_every_machine() -> None:
    assert key(request(1), "r1") == "64dd6c99e16021e9e02b763542570ea7"


def test_generation_runs_ahead_of_its_taker_by_so_many(tmp_path: Path) -> None:
    model = Model()
    taken = overlapping(model, most=3)([request(i) for i in range(50)], None, None)
    assert next(taken).id == "0"
    assert len(model.asked) < 10
    assert [each.id for each in taken] == [str(i) for i in range(1, 50)]


def test_a_taker_who_leaves_ends_the_generation() -> None:
    model, before = Model(), set(threading.enumerate())
    taken = overlapping(model, most=2)([request(i) for i in range(10_000)], None, None)
    next(taken)
    (working,) = set(threading.enumerate()) - before
    taken.close()
    assert len(model.asked) < 10_000
    assert not working.is_alive()


def test_a_failure_in_the_thread_reaches_the_taker() -> None:
    def broken(requests: object, on_token: object, cancelled: object) -> Iterator[Completion]:
        yield Completion("1", "m", "", 0, 0, 0.0, 0.0, "stop")
        raise BadInput("no model")

    taken = overlapping(broken)([], None, None)
    next(taken)
    with pytest.raises(BadInput, match="no model"):
        next(taken)


def test_a_thread_that_runs_ahead_knows_for_whom_it_works() -> None:
    visitor = contextvars.ContextVar("visitor", default="nobody")

    class Asking(Model):
        def __call__(
            self, requests: Sequence[GenerationRequest], on_token: OnToken | None = None, cancelled: Cancelled | None = None
        ) -> Iterator[Completion]:
            self.asked.append(visitor.get())
            return super().__call__(requests, on_token, cancelled)

    model = Asking()
    visitor.set("Ada")
    assert len(list(overlapping(model)([request(1)], None, None))) == 1
    assert model.asked == ["Ada", "1"]
