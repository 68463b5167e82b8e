"""Models behind llama.cpp's own server, where an environment has it (PyPI's xllamacpp and gguf); LLAMA_PYTHON names its python."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from nl2sql_arena import backends, catalog, settings
from nl2sql_arena.backends.endpoint import Endpoint, Patience, load
from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.types import Generation, GenerationRequest, Prompt, Server
from tests.ports import free_port, wait_for_server

MINI = settings.ROOT / "models" / "mini-l"
CARD = catalog.read(MINI / catalog.CARD)
SCHEMA = "customers(id int, name text, city text)\norders(id int, customer_id int > customers, total num)\n-- "


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mini on llama.cpp's server, four slots of which share 256 tokens."""
    if not (python := os.environ.get("LLAMA_PYTHON")):
        pytest.skip("set LLAMA_PYTHON to the python of an environment with xllamacpp and gguf (0.2 GB, from PyPI)")
    import numpy as np
    from safetensors.torch import load_file

    folder = shutil.copytree(MINI, tmp_path_factory.mktemp("llama") / "mini")
    np.savez(folder / "weights.npz", **{name: weight.float().numpy() for name, weight in load_file(MINI / "model.safetensors").items()})
    script, port = Path(__file__).with_name("llama_cpp_server.py"), free_port()
    with subprocess.Popen([python, script, folder, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_server(process, port)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def served(url: str, model: str = "mini") -> Endpoint:
    return load(replace(CARD, backend="endpoint", server=Server(url, model)), patience=Patience(attempts=1))


def ask(name: str, text: str, cap: int, stop: tuple[str, ...] = ()) -> GenerationRequest:
    return GenerationRequest(name, "mini-l", Prompt(text, "", stop), Generation(cap))


def test_it_writes_what_the_model_writes_here(url: str) -> None:
    questions = ("How many customers are there?", "Which cities do customers live in?", "What is the highest total?")
    requests = [ask(question, f"{SCHEMA}{question}\n", 40, ("\n",)) for question in questions]
    there, here = ({c.id: c for c in model.generate(requests)} for model in (served(url), backends.load(CARD, settings.ROOT / "models")))
    assert {name: (c.text, c.prompt_tokens, c.failure) for name, c in there.items()} == {
        name: (c.text, c.prompt_tokens, "") for name, c in here.items()
    }


def test_questions_that_together_fill_its_context_are_all_answered(url: str) -> None:
    answers = list(served(url).generate([ask(f"{n}", f"{n} " + "customers " * 70, 100) for n in range(4)]))
    assert {(c.finish_reason, c.failure) for c in answers} <= {("stop", ""), ("length", "")}
    assert all(c.text for c in answers)


def test_a_cancel_ends_its_work(url: str) -> None:
    seen: list[str] = []
    (done,) = served(url).generate([ask("a", "SELECT SELECT", 240)], lambda _, text: seen.append(text), lambda: bool(seen))
    assert done.finish_reason == "cancelled"
    until = time.monotonic() + 60
    while (busy := any(slot["is_processing"] for slot in httpx.get(url.removesuffix("v1") + "slots").json())) and time.monotonic() < until:
        time.sleep(0.05)
    assert not busy


def test_it_is_refused_under_another_name_although_it_would_answer(url: str) -> None:
    assert served(url).context == 256
    with pytest.raises(ModelUnavailable, match="lists no model 'other' but mini"):
        served(url, "other")
