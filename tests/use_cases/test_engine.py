"""One path from a question to an answer, with every way it can end."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena.engine import GARBLED, TOO_LONG, Engine, is_garbled, refusing_too_long
from nl2sql_arena.errors import BadInput, ModelUnavailable
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.services import Services
from nl2sql_arena.types import DISPLAY, Completion, GenerationRequest, Request

GERMANY = "How many customers live in Germany?"


def engine(services: Services, sandbox: Sandbox | None = None) -> Engine:
    """A fresh engine, whose parts a test may replace."""
    return Engine(services.cards, services.settings.models, services.databases, sandbox or services.sandbox)


def germans(services: Services) -> int:
    (row,) = services.engine.run("shop", "SELECT count(*) FROM customers WHERE country = 'Germany'").rows
    return int(str(row[0]))


def test_an_answer_holds_every_step(ask: Any, shared: Services) -> None:
    answer = ask(GERMANY)
    assert (answer.outcome, answer.id, answer.model, answer.db, answer.question) == ("ok", "1", "left", "shop", GERMANY)
    assert GERMANY in answer.prompt.text
    assert "CREATE TABLE customers" in answer.prompt.text
    assert answer.completion.text == "SELECT COUNT(*) FROM customers WHERE country = 'Germany'"
    assert answer.prepared.sql == answer.completion.text
    assert "\n" in answer.prepared.formatted
    assert answer.prepared.repairs == ()
    assert answer.execution.rows == ((germans(shared),),)
    assert germans(shared) > 0
    assert answer.precision == "scripted"
    assert answer.seconds >= answer.completion.seconds + answer.execution.seconds


@pytest.mark.parametrize(
    ("question", "outcome", "kind", "said"),
    [
        ("Who lives on the moon?", "empty", None, ""),
        ("Say something unparsable", "error", "syntax", "syntax error"),
        ("Use a table that is missing", "error", "catalog", "nowhere"),
        ("Compare apples and dates", "error", "type", "cast"),
        ("Throw everything away", "refused", None, ""),
        ("Talk without end", "cut", None, "100 tokens"),
        ("Give up in words", "abstained", None, "does not know"),
        ("Give up as a query", "abstained", None, "does not know"),
        ("Say nothing at all", "error", "syntax", "no SQL"),
    ],
)
def test_every_way_in_which_a_model_can_fail_is_an_outcome_with_its_reason(
    ask: Any, question: str, outcome: str, kind: str | None, said: str
) -> None:
    answer = ask(question)
    assert (answer.outcome, answer.execution.error_kind) == (outcome, kind)
    assert said.lower() in answer.execution.message.lower()
    assert answer.execution.rows == ()
    if outcome not in ("empty",):
        assert answer.execution.message


def test_a_query_that_does_not_end_is_stopped_at_its_limit(ask: Any) -> None:
    answer = ask("Count for ever", limits=replace(DISPLAY, seconds=0.3))
    assert answer.outcome == "timeout"
    assert "0.3 s" in answer.execution.message


class Saying:
    """A loaded model that answers everything with one text."""

    precision, context = "fp16 on cuda", 4096

    def __init__(self, text: str) -> None:
        self.text = text

    def count_tokens(self, text: str) -> int:
        return len(text) // 4

    def generate(self, requests: Sequence[GenerationRequest], *_: object) -> Iterator[Completion]:
        for each in requests:
            yield Completion(each.id, each.model, self.text, 100, 600, 0.1, 1.0, "length")


@pytest.mark.parametrize("text", ["!" * 600, "SELECT count(*) FROM cust" + "!" * 300 + "\n", "<unk>" * 40])
def test_marks_without_end_are_a_failure_of_the_machinery_not_a_wrong_answer(shared: Services, text: str) -> None:
    fresh = engine(shared)
    fresh.add("left", Saying(text))
    (answer,) = fresh.answers([Request("1", "left", "shop", GERMANY)])
    assert (answer.outcome, answer.execution.message) == ("infrastructure", GARBLED)
    assert answer.completion.failure == GARBLED, "so that no run log keeps it"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("SELECT 1;\n\nThis query returns the number one. It is", "ok"),
        ("SELECT ';' AS mark, 1 AS", "cut"),
        ("SELECT count(*) FROM customers WHERE country", "cut"),
    ],
)
def test_an_answer_that_goes_on_after_its_query_is_not_cut(shared: Services, text: str, outcome: str) -> None:
    fresh = engine(shared)
    fresh.add("left", Saying(text))
    (answer,) = fresh.answers([Request("1", "left", "shop", GERMANY)])
    assert answer.outcome == outcome


@pytest.mark.parametrize("text", ["SELECT 'Stop!!!!!!!!'", "SELECT " + "1 + " * 200, "SELECT '" + "!" * 40 + "' AS loud"])
def test_a_query_with_marks_in_it_is_a_query(text: str) -> None:
    assert not is_garbled(text)


def test_a_long_result_is_cut_and_says_so(ask: Any) -> None:
    answer = ask("List the order numbers", limits=replace(DISPLAY, rows=10))
    assert (answer.outcome, answer.execution.row_count, answer.execution.truncated) == ("ok", 10, True)
    assert len(answer.execution.rows) == 10


def test_repairs_are_named_and_the_raw_answer_is_kept(ask: Any, shared: Services) -> None:
    answer = ask("Explain it at length")
    assert answer.completion.text.startswith("Here is")
    assert answer.prepared.sql == "SELECT COUNT(*) FROM customers WHERE country = 'Germany'"
    assert answer.prepared.repairs == (
        "words before the query removed", "only the first statement kept", "text in double quotes read as a value",
    )  # fmt: skip
    assert answer.execution.rows == ((germans(shared),),)


def test_only_the_postgres_contestant_is_translated(ask: Any) -> None:
    """PostgreSQL divides whole numbers without a fraction, DuckDB with one; the same words mean different queries."""
    here, there = ask("Divide pieces by two", "left"), ask("Divide pieces by two", "right")
    assert here.completion.text == there.completion.text
    assert here.prepared.repairs == ()
    assert there.prepared.repairs == ("translated from postgres",)
    assert "//" in there.prepared.sql
    assert here.execution.columns[0].type == "DOUBLE"
    assert "INT" in there.execution.columns[0].type


@pytest.mark.parametrize(
    ("question", "said"),
    [("", "empty"), (" \n\t", "empty"), ("x" * 2_001, "2,001 characters"), ("x" * 10_000, "10,000 characters"), ("\ud83d", "character")],
)
def test_a_question_that_cannot_be_asked_is_one_sentence(ask: Any, question: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        ask(question)


def test_the_longest_question_and_any_script_are_welcome(ask: Any) -> None:
    assert ask("x" * 2_000).outcome == "abstained"
    assert ask("どの顧客が 🛒 'nichts' gekauft?").outcome == "abstained"


def test_unknown_names_are_refused_before_anything_is_generated(shared: Services) -> None:
    fresh = engine(shared)
    fresh.generate = lambda *_: pytest.fail("nothing may be generated")
    for request, said in (
        (Request("1", "left", "shopp", GERMANY), "no database 'shopp'; choose one of airline"),
        (Request("1", "gpt", "shop", GERMANY), "no model 'gpt'; choose one of"),
    ):
        with pytest.raises(BadInput, match=said):
            list(fresh.answers([Request("0", "left", "shop", GERMANY), request]))


def test_a_model_that_cannot_be_loaded_says_why_and_what_to_do(ask: Any) -> None:
    with pytest.raises(ModelUnavailable, match=r"broken has no readable answers in .*; write a JSON object"):
        ask(GERMANY, "broken")


def test_a_prompt_that_fits_no_context_is_our_failure_and_not_the_models(ask: Any) -> None:
    answer = ask("Which of these many words fit? " * 20, "small")
    assert answer.outcome == "infrastructure"
    assert answer.completion.failure == answer.execution.message == TOO_LONG
    assert not any(char.isdigit() for char in TOO_LONG), "a number would tell one side of a battle from the other"
    assert (answer.completion.text, answer.prepared.sql) == ("", "")


def test_a_question_too_long_for_one_side_still_gets_the_other_side(ask: Any) -> None:
    question = GERMANY + " Germany" * 100
    answers = {each.model: each.outcome for each in ask.many([Request("1", model, "shop", question) for model in ("small", "left")])}
    assert answers == {"small": "infrastructure", "left": "ok"}


def test_a_question_too_long_for_one_model_is_refused_before_any_model_writes(shared: Services) -> None:
    fresh = engine(shared)
    fresh.generate = lambda *_: pytest.fail("nothing may be generated")
    requests = [Request("1", model, "shop", GERMANY + " Germany" * 100) for model in ("left", "small")]
    with pytest.raises(BadInput, match="ask it shorter"):
        list(refusing_too_long(fresh.answers(requests)))


def test_what_is_left_out_of_a_schema_is_named(ask: Any) -> None:
    answer = ask("How many customers live in Germany?", "small")
    assert answer.prompt.pruned
    assert "column comments" in answer.prompt.pruned
    assert "customers" in answer.prompt.text


def test_a_backend_that_fails_is_nobodys_verdict(shared: Services) -> None:
    def failing(requests: Sequence[GenerationRequest], *_: object) -> Iterator[Completion]:
        for each in requests:
            yield Completion(each.id, each.model, "", 9, 0, 0.0, 0.0, "stop", "The GPU ran out of memory; ask again.")

    fresh = engine(shared)
    fresh.generate = failing
    (answer,) = fresh.answers([Request("1", "left", "shop", GERMANY)])
    assert (answer.outcome, answer.execution.message) == ("infrastructure", "The GPU ran out of memory; ask again.")
    assert GERMANY in answer.prompt.text


def test_a_sandbox_that_cannot_serve_is_nobodys_verdict(shared: Services) -> None:
    closed = Sandbox(workers=1)
    closed.close()
    fresh = engine(shared, closed)
    (answer,) = fresh.answers([Request("1", "left", "shop", GERMANY)])
    assert answer.outcome == "infrastructure"
    assert "workers are closed" in answer.execution.message
    assert answer.completion.text.startswith("SELECT"), "what the model said is kept"
    assert fresh.run("shop", "SELECT 1").outcome == "infrastructure"


def test_stopping_before_the_first_word_gives_an_answer_for_every_request(shared: Services) -> None:
    requests = [Request(str(number), model, "shop", GERMANY) for number in range(2) for model in ("left", "right")]
    answers = list(shared.engine.answers(requests, cancelled=lambda: True))
    assert {(each.id, each.model) for each in answers} == {(each.id, each.model) for each in requests}
    assert {each.outcome for each in answers} == {"infrastructure"}
    assert "ask again" in answers[0].execution.message


def test_stopping_between_two_sides_keeps_the_first(shared: Services) -> None:
    stop = threading.Event()
    pairs = shared.engine.answers([Request("1", model, "shop", GERMANY) for model in ("left", "right")], cancelled=stop.is_set)
    first = next(pairs)
    stop.set()
    (second,) = pairs
    assert (first.model, first.outcome) == ("left", "ok")
    assert (second.model, second.outcome) == ("right", "infrastructure")


def test_answers_come_as_they_finish(shared: Services) -> None:
    """The first side is judged before the second has begun to write."""
    begun: list[str] = []
    answers = shared.engine.answers(
        [Request("1", model, "shop", GERMANY) for model in ("left", "right")], on_token=lambda request, _: begun.append(request.model)
    )
    assert next(answers).model == "left"
    assert set(begun) == {"left"}
    assert next(answers).model == "right"
    assert set(begun) == {"left", "right"}


def test_ids_and_models_that_run_together_are_kept_apart(shared: Services, tmp_path: Path) -> None:
    cards = {name: replace(shared.cards["left"], name=name) for name in ("t", "ft")}
    fresh = Engine(cards, tmp_path, shared.databases, shared.sandbox)
    for name in cards:
        fresh.add(name, shared.engine.backend("left"))
    requests = [Request("lef", "t", "shop", GERMANY), Request("le", "ft", "shop", "Give up in words")]
    assert {each.id: each.question for each in fresh.answers(requests)} == {"lef": GERMANY, "le": "Give up in words"}


def test_several_threads_get_their_own_answers(shared: Services) -> None:
    found: dict[str, list[str]] = {}

    def ask_all(name: str, question: str) -> None:
        found[name] = [each.outcome for each in shared.engine.answers([Request(name, "left", "shop", question)] * 1)]

    questions = {"a": GERMANY, "b": "Give up in words", "c": "Throw everything away", "d": "Who lives on the moon?"}
    threads = [threading.Thread(target=ask_all, args=pair) for pair in questions.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": ["ok"], "b": ["abstained"], "c": ["refused"], "d": ["empty"]}
