"""The arena on ZeroGPU, against a stand-in for its package that forks, pickles and refuses as that does."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gradio
import pytest

from nl2sql_arena import hardware, zero_gpu
from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.types import Completion, Generation, GenerationRequest, Prompt

STAND_IN = Path(__file__).parent / "zero_gpu_stand_in"
BOTH = ("left", "right")


@pytest.fixture
def on_zero_gpu(monkeypatch):
    """The stand-in as this process's `spaces`."""
    spec = importlib.util.spec_from_file_location("spaces_stand_in", STAND_IN / "spaces" / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(zero_gpu, "spaces", module)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    return module


@pytest.fixture
def log(monkeypatch, tmp_path):
    path = tmp_path / "log.jsonl"
    monkeypatch.setenv("ZERO_GPU_STAND_IN_LOG", str(path))
    return lambda event: [row for row in map(json.loads, path.read_text().splitlines()) if row["event"] == event] if path.exists() else []


def asked(question="1", models=BOTH, text="How many?", cap=100, beams=1):
    return [GenerationRequest(question, model, Prompt("schema ", text), Generation(cap, beams)) for model in models]


class Writer:
    """A generator whose answers say in which process they were made; `made` counts them there."""

    def __init__(self, failure="", reason="stop"):
        self.failure, self.reason, self.made = failure, reason, 0

    def __call__(self, requests, on_token, cancelled):
        assert on_token is None
        assert cancelled is None
        for request in requests:
            self.made += 1
            yield Completion(request.id, request.model, f"SELECT {os.getpid()}", 5, 3, 0.1, 0.2, self.reason, self.failure)


def drained(generate, requests, cancelled=None):
    return list(generate(requests, lambda *_: None, cancelled))


def test_elsewhere_the_generator_stays_itself(monkeypatch):
    monkeypatch.setattr(zero_gpu, "spaces", None)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert zero_gpu.decorated(len) is len


@pytest.mark.parametrize(("said", "here"), [("true", True), ("1", True), ("T", True), ("false", False), ("0", False), ("", False)])
def test_the_variable_is_read_as_the_package_reads_it(on_zero_gpu, monkeypatch, said, here):
    monkeypatch.setenv("SPACES_ZERO_GPU", said)
    assert zero_gpu.is_here() is here


def test_the_device_is_zero_gpu_without_asking_torch(on_zero_gpu):
    assert hardware.detect() == hardware.Device("ZeroGPU", True, True, 6)


def test_both_sides_share_one_call_in_another_process(on_zero_gpu, log):
    writer = Writer()
    found = drained(zero_gpu.decorated(writer), asked())
    assert [each.model for each in found] == list(BOTH)
    assert len({each.text for each in found}) == 1, "one process for both"
    assert found[0].text != f"SELECT {os.getpid()}"
    assert writer.made == 0, "what changes in there is lost, so nothing may depend on it"
    assert len(log("call")) == 1


def test_each_question_has_its_call_and_a_cancelled_run_makes_no_further_one(on_zero_gpu, log):
    requests = [*asked("1"), *asked("2", text="Who?"), *asked("3", text="When?")]
    generate = zero_gpu.decorated(Writer())
    assert [each.id for each in drained(generate, requests)] == ["1", "1", "2", "2", "3", "3"]
    assert len(log("call")) == 3
    assert [each.id for each in drained(generate, requests, cancelled=lambda: True)] == ["1", "1"]
    assert len(log("call")) == 4


def test_the_declared_time_covers_the_longest_answers_and_leaves_an_anonymous_visitor_a_question(on_zero_gpu, log):
    longest = asked(cap=600)
    drained(zero_gpu.decorated(Writer()), longest)
    (call,) = log("call")
    assert call["seconds"] == zero_gpu.seconds(longest)
    assert zero_gpu.seconds(longest[:1]) < zero_gpu.seconds(longest) < zero_gpu.seconds(asked(cap=600, beams=4))
    assert zero_gpu.seconds(longest) * 1.5 < 120


def test_a_question_that_was_answered_asks_for_no_gpu_again(on_zero_gpu, log):
    generate = zero_gpu.decorated(Writer())
    first = drained(generate, asked("1"))
    again = drained(generate, asked("2"))
    assert again == [replace(each, id="2") for each in first]
    assert len(log("call")) == 1


def test_what_was_asked_otherwise_is_asked_again(on_zero_gpu, log):
    generate = zero_gpu.decorated(Writer())
    drained(generate, asked())
    for other in (asked(text="How many more?"), asked(cap=50), asked(beams=4), asked(models=("left", "third"))):
        drained(generate, other)
    assert len(log("call")) == 5, "also where one side is known, or the two would not come at once"


@pytest.mark.parametrize("writer", [Writer(failure="The graphics card went away."), Writer(reason="cancelled")])
def test_no_failure_and_no_half_is_remembered(on_zero_gpu, log, writer):
    generate = zero_gpu.decorated(writer)
    drained(generate, asked())
    drained(generate, asked())
    assert len(log("call")) == 2


def test_the_oldest_answers_are_forgotten():
    answers = zero_gpu.Answers(most=2)
    for text in "abc":
        (request,) = asked(text=text, models=("left",))
        answers.keep([request], Completion("1", "left", text, 1, 1, 0.0, 0.0, "stop"))
    kept = {text: bool(answers.to(asked(text=text, models=("left",)))) for text in "abc"}
    assert kept == {"a": False, "b": True, "c": True}


def test_a_spent_quota_is_one_sentence(on_zero_gpu, monkeypatch):
    message = 'You have exceeded your ZeroGPU quota (57s requested vs. 20s left). Try again in 3:20:00. <a href="x">Sign up</a>'
    monkeypatch.setenv("ZERO_GPU_STAND_IN_REFUSES", message)
    with pytest.raises(ModelUnavailable) as caught:
        drained(zero_gpu.decorated(Writer(), refusals=(gradio.Error,)), asked())
    assert str(caught.value) == (
        "ZeroGPU could not answer: You have exceeded your ZeroGPU quota (57s requested vs. 20s left). Try again in 3:20:00. Sign up."
    )


def test_an_error_over_there_is_one_here(on_zero_gpu):
    def broken(requests, on_token, cancelled):
        yield from ()
        raise RuntimeError("CUDA error")

    with pytest.raises(ModelUnavailable, match=r"^ZeroGPU could not answer: RuntimeError\.$"):
        drained(zero_gpu.decorated(broken, refusals=(gradio.Error,)), asked())


def test_a_scheduler_out_of_order_is_one_sentence(on_zero_gpu, monkeypatch):
    def out_of_order(*_, **__):
        def call(_requests):
            yield from ()
            raise RuntimeError("ZeroGPU API /schedule error: 500 (Internal Server Error)")

        return lambda _task: call

    monkeypatch.setattr(on_zero_gpu, "GPU", out_of_order)
    with pytest.raises(ModelUnavailable, match=r"^ZeroGPU could not answer: ZeroGPU API /schedule error: 500 \(Internal Server Error\)\.$"):
        drained(zero_gpu.decorated(Writer(), refusals=(gradio.Error,)), asked())


def test_importing_the_app_imports_spaces_before_torch_and_gradio(tmp_path):
    """In a process of its own, as a Space starts it."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(STAND_IN), str(Path(__file__).parents[1])]),
        "SPACES_ZERO_GPU": "true",
        "ZERO_GPU_STAND_IN_LOG": str(tmp_path / "log"),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import nl2sql_arena.hardware"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (row,) = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert row == {"event": "imported", "torch": False, "gradio": False}
