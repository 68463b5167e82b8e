"""One suite over every entry of BACKENDS: what every room above relies on."""

import json
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from nl2sql_arena import backends
from nl2sql_arena.backends import BACKENDS, Backend
from nl2sql_arena.errors import BadCard, ModelUnavailable
from nl2sql_arena.types import Generation, GenerationRequest, Prompt
from tests import tiny
from tests.backends.stand_in import StandIn

SCHEMA = "customers(id int, name text, city text)\norders(id int, customer_id int > customers, total num)\n-- "
ANSWERS = {"how many orders ?": "SELECT count(*) FROM orders WHERE total > 10 ORDER BY id", "which city ?": "SELECT city FROM customers"}


def scripted(models: Path) -> Backend:
    (models / "scripted").mkdir()
    (models / "scripted" / "answers.json").write_text(json.dumps(ANSWERS))
    return backends.load(tiny.card("scripted", "answers.json", backend="scripted"), models)


def endpoint(models: Path) -> Backend:
    return backends.load(StandIn(ANSWERS).card("endpoint"), models)


def local(models: Path) -> Backend:
    tiny.phi(models / "local")
    return backends.load(tiny.card("local"), models)


def rules(models: Path) -> Backend:
    return backends.load(tiny.card("rules", backend="rules"), models)


MAKERS: dict[str, Callable[[Path], Backend]] = {"scripted": scripted, "local": local, "rules": rules, "endpoint": endpoint}
WITHOUT_WEIGHTS = {"rules", "endpoint"}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return MAKERS[request.param](tmp_path_factory.mktemp(request.param))


def ask(name: str, question: str = "how many orders ?", cap: int = 12) -> GenerationRequest:
    return GenerationRequest(name, "tiny", Prompt(SCHEMA, question + "\n"), Generation(cap))


def test_every_local_backend_is_covered() -> None:
    assert set(MAKERS) == set(BACKENDS)


def test_every_request_gets_exactly_one_completion(backend: Backend) -> None:
    requests = [ask("a"), ask("b", "which city ?"), ask("c")]
    done = list(backend.generate(requests))
    assert sorted(c.id for c in done) == ["a", "b", "c"]
    for completion in done:
        assert completion.model == "tiny"
        assert not completion.failure
        assert completion.text
        assert 0 <= completion.first_token_seconds <= completion.seconds
        assert completion.prompt_tokens == backend.count_tokens(next(r.prompt.text for r in requests if r.id == completion.id))


def test_an_answer_does_not_depend_on_what_was_asked_before(backend: Backend) -> None:
    first = {c.id: c.text for c in backend.generate([ask("a"), ask("b", "which city ?")])}
    again = {c.id: c.text for c in backend.generate([ask("b", "which city ?"), ask("a")])}
    assert first == again


def test_the_cap_cuts_and_says_so(backend: Backend) -> None:
    (completion,) = backend.generate([ask("a", cap=3)])
    assert completion.finish_reason == "length"
    assert completion.tokens == 3


def test_streamed_texts_grow_into_the_final_one(backend: Backend) -> None:
    seen: list[str] = []
    (completion,) = backend.generate([ask("a")], lambda request, text: seen.append(text))
    assert len(seen) > 1
    assert seen[-1] == completion.text
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))


def test_a_cancel_before_the_start_leaves_no_text(backend: Backend) -> None:
    done = list(backend.generate([ask("a"), ask("b")], cancelled=lambda: True))
    assert [(c.id, c.finish_reason, c.text) for c in done] == [("a", "cancelled", ""), ("b", "cancelled", "")]


def test_a_cancel_between_tokens_keeps_what_was_written(backend: Backend) -> None:
    heard = threading.Event()
    (completion,) = backend.generate([ask("a", cap=100)], lambda request, text: heard.set(), heard.is_set)
    assert completion.finish_reason == "cancelled"
    assert 0 < completion.tokens < 100


def test_a_prompt_beyond_the_context_is_the_callers_mistake(backend: Backend) -> None:
    with pytest.raises(ValueError, match="tokens"):
        list(backend.generate([ask("a", "word " * 5_000)]))


def test_two_threads_get_the_answers_of_one(backend: Backend) -> None:
    expected = {c.id: c.text for c in backend.generate([ask("a"), ask("b", "which city ?")])}
    found: dict[str, str] = {}

    def work(request: GenerationRequest) -> None:
        found.update({c.id: c.text for c in backend.generate([request])})

    threads = [threading.Thread(target=work, args=(request,)) for request in (ask("a"), ask("b", "which city ?"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_it_says_what_runs(backend: Backend) -> None:
    assert backend.precision
    assert backend.context > 0


@pytest.mark.parametrize("name", sorted(set(MAKERS) - WITHOUT_WEIGHTS))
def test_missing_weights_name_the_model_and_the_place(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"Model lost .*nowhere"):
        backends.load(tiny.card("lost", "./nowhere", backend=name), tmp_path)


def test_an_unknown_backend_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadCard, match=r"local, .*scripted"):
        backends.load(tiny.card("m", backend="quantum"), tmp_path)
