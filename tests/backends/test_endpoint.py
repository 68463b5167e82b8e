"""Models behind an OpenAI-compatible server, against one that misbehaves and a real one."""

import importlib.util
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena import catalog, settings
from nl2sql_arena.backends.endpoint import Endpoint, Patience, load, wire
from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.types import Completion, Generation, GenerationRequest, ModelCard, Prompt, Server
from tests import tiny
from tests.backends.stand_in import MODEL, StandIn, words
from tests.ports import free_port, wait_for_server

SQL = "SELECT count(*) FROM orders WHERE total > 10 ORDER BY id"
ANSWERS = {"how many?": SQL, "which?": "SELECT city FROM customers", "on and on": f"{SQL}\n```\nThis query counts."}
QUICK = Patience(attempts=3, first=0.01, longest=0.01, asked=0.02)
Serve = Callable[..., StandIn]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[StandIn] = []

    def start(*moods: str, **options: Any) -> StandIn:
        started.append(StandIn(ANSWERS, *moods, **options))
        return started[-1]

    yield start
    for server in started:
        server.close()


def ask(name: str = "a", question: str = "how many?", cap: int = 50, stop: tuple[str, ...] = ("```",)) -> GenerationRequest:
    return GenerationRequest(name, "tiny", Prompt("orders(id, total)\n", question + "\n", stop), Generation(cap))


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)


def one(server: StandIn, request: GenerationRequest | None = None, card: ModelCard | None = None) -> Completion:
    (completion,) = load(card or server.card(), patience=QUICK).generate([request or ask()])
    return completion


def test_the_raw_prompt_goes_out_greedy_with_its_cap_and_stops(serve: Serve) -> None:
    server = serve()
    completion = one(server)
    assert (completion.text, completion.finish_reason, completion.failure) == (SQL, "stop", "")
    assert (completion.prompt_tokens, completion.tokens) == (4, len(words(SQL)))
    assert server.paths == ["/v1/completions"]
    sent = {key: server.asked[0][key] for key in ("model", "prompt", "max_tokens", "temperature", "stop")}
    assert sent == {"model": MODEL, "prompt": "orders(id, total)\nhow many?\n", "max_tokens": 50, "temperature": 0, "stop": ["```"]}


@pytest.mark.parametrize("mood", ["busy", "broken", "gateway", "no json", "no json event", "no answer", "error event", "hang up", "cut"])
def test_what_passes_is_tried_again(serve: Serve, mood: str) -> None:
    server = serve(mood)
    completion = one(server)
    assert (completion.text, completion.failure) == (SQL, "")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        ("busy", "status 429: Too many requests"),
        ("broken", "status 500: Internal Server Error"),
        ("gateway", "status 502"),
        ("no json", "not JSON"),
        ("no answer", "no answer"),
        ("error event", "The engine died"),
        ("hang up", "ended the connection"),
        ("cut", "in the middle"),
    ],
)
def test_what_stays_is_our_failure_and_no_answer(serve: Serve, mood: str, says: str) -> None:
    server = serve(*[mood] * 9)
    completion = one(server)
    assert completion.text == ""
    assert says in completion.failure
    assert completion.failure.endswith("after 3 attempts.")
    assert "<" not in completion.failure
    assert len(server.asked) == QUICK.attempts


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        ("unknown", "does not answer for the model 'writer' at completions (404: The model `writer` does not exist)"),
        ("moved", "redirects elsewhere"),
        ("withheld", "content_filter"),
        ("small context", "cut the answer after 11 of 50 tokens"),
    ],
)
def test_what_would_come_again_is_not_tried_again(serve: Serve, mood: str, says: str) -> None:
    server = serve(mood)
    completion = one(server)
    assert completion.text == ""
    assert says in completion.failure
    assert len(server.asked) == 1


def test_an_outage_between_questions_is_a_failure_too(serve: Serve) -> None:
    server = serve()
    backend = load(server.card(), patience=QUICK)
    server.close()
    (completion,) = backend.generate([ask()])
    assert "cannot be reached after 3 attempts" in completion.failure


def test_an_answer_has_a_time_limit(serve: Serve) -> None:
    server = serve("slow")
    completion = one(server, card=server.card(seconds=1))
    assert completion.failure.endswith("gave no whole answer within 1 seconds.")
    wait_for(lambda: server.asked)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("mood", "requests"), [("no options", 2), ("no stream", 3), ("deaf to stream", 1)])
def test_servers_that_stream_less_answer_all_the_same(serve: Serve, mood: str, requests: int) -> None:
    server = serve(*[mood] * 6)
    backend = load(server.card(), patience=QUICK)
    (first,) = backend.generate([ask()])
    assert (first.text, first.failure) == (SQL, "")
    assert len(server.asked) == requests
    (second,) = backend.generate([ask(question="which?")])
    assert second.text == "SELECT city FROM customers"
    assert len(server.asked) == requests + 1, "what a server cannot do is not asked of it again"


def test_stops_hold_where_the_server_ignores_them(serve: Serve) -> None:
    seen: list[str] = []
    server = serve("deaf to stop")
    (completion,) = load(server.card(), patience=QUICK).generate([ask(question="on and on")], lambda _, text: seen.append(text))
    assert (completion.text, completion.finish_reason) == (SQL + "\n", "stop")
    assert not any("`" in text for text in seen)


def test_chat_gets_the_prompt_as_the_users_words_and_may_fence_its_answer(serve: Serve) -> None:
    server = serve()
    server.answers = {"how many?": f"Here it is:\n```sql\n{SQL}\n```\nIt counts.", "which?": f"{SQL}\n```\nIt counts."}
    card = server.card(api="chat")
    fenced, bare = one(server, card=card), one(server, ask(question="which?"), card)
    assert fenced.text == f"Here it is:\n```sql\n{SQL}\n"
    assert bare.text == f"{SQL}\n"
    assert server.paths == ["/v1/chat/completions"] * 2
    assert server.asked[0]["messages"] == [{"role": "user", "content": "orders(id, total)\nhow many?\n"}]
    assert "stop" not in server.asked[0]


def test_a_cancel_is_felt_while_the_server_is_silent_and_leaves_it_alone(serve: Serve) -> None:
    server = serve("stuck", "slow")
    seen: list[str] = []
    backend = load(server.card(concurrency=1), patience=QUICK)
    done = list(backend.generate([ask("a"), ask("b")], lambda _, text: seen.append(text), lambda: bool(seen)))
    assert [(c.id, c.finish_reason) for c in done] == [("a", "cancelled"), ("b", "cancelled")]
    assert SQL.startswith(done[0].text)
    assert done[0].text
    assert server.left.wait(60), "the server is told to stop writing"


def test_no_more_requests_are_open_than_the_card_says(serve: Serve) -> None:
    server = serve(*["slow"] * 6)
    backend = load(server.card(concurrency=2), patience=QUICK)
    found: list[Completion] = []
    threads = [threading.Thread(target=lambda: found.extend(backend.generate([ask(f"{n}") for n in range(3)]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: server.open == 2)
    server.go_on.set()
    for thread in threads:
        thread.join()
    assert [c.text for c in found] == [SQL] * 6
    assert server.most_open == 2


def test_a_server_whose_context_several_questions_fill_is_asked_one_after_another(serve: Serve) -> None:
    server = serve("crowded", "crowded")
    backend = load(server.card(concurrency=2), patience=replace(QUICK, attempts=1))
    assert [(c.text, c.failure) for c in backend.generate([ask("a"), ask("b")])] == [(SQL, "")] * 2
    assert len(server.asked) == 4
    server.most_open = 0
    assert [c.text for c in backend.generate([ask(f"{n}") for n in range(4)])] == [SQL] * 4
    assert server.most_open == 1


def test_a_question_that_fills_the_context_alone_is_a_failure(serve: Serve) -> None:
    server = serve(*["crowded"] * 9)
    server.most_open = 2
    completion = one(server)
    assert completion.failure.endswith("reports an error: Context size has been exceeded after 3 attempts.")
    assert len(server.asked) == 1 + QUICK.attempts


def test_a_server_that_still_loads_its_model_is_waited_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    server = serve(listed=[{"id": MODEL, "owned_by": "llamacpp", "meta": {"n_ctx": 100}}], loading=2)
    backend = load(server.card(), patience=QUICK)
    assert (backend.context, backend.count_tokens("one two")) == (100, 2)
    with pytest.raises(ModelUnavailable, match="lists no model 'writer' but other"):
        load(serve(listed=[{"id": "other", "owned_by": "llamacpp"}], loading=2).card(), patience=QUICK)


def test_a_server_that_does_not_get_ready_says_what_it_is_at(serve: Serve) -> None:
    with pytest.raises(ModelUnavailable, match=r"status 503: Loading model for 0 seconds; try again once it has loaded its model"):
        load(serve(loading=99).card(), patience=replace(QUICK, loading=0))


def test_beams_are_not_asked_of_a_server(serve: Serve) -> None:
    server = serve()
    completion = one(server, replace(ask(), generation=Generation(50, num_beams=4)))
    assert "never with beams" in completion.failure
    assert server.asked == []


def test_the_shorter_of_both_contexts_holds(serve: Serve) -> None:
    assert load(serve(context=100).card()).context == 100
    assert load(serve(context=100_000).card()).context == tiny.CONTEXT


def test_without_the_servers_tokenizer_counts_err_on_the_high_side(serve: Serve) -> None:
    backend = load(serve(tokenizes=False).card())
    ddl = "CREATE TABLE customers (\n    customer_id INTEGER PRIMARY KEY,\n    joined_on DATE -- 2024-01-31\n);\n"
    assert len(ddl) / 4 < backend.count_tokens(ddl) < len(ddl) / 2
    assert backend.count_tokens("東京") >= 6


KEY = "sk-a-very-secret-key"


def test_the_key_comes_from_the_environment_and_shows_up_nowhere(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve()
    card = server.card(key_variable="WRITER_KEY")
    monkeypatch.setenv("WRITER_KEY", KEY)
    server.key = KEY
    backend = load(card, patience=QUICK)
    (completion,) = backend.generate([ask()])
    assert completion.text == SQL
    server.key = "another"
    (refused,) = backend.generate([ask()])
    assert "check the key in WRITER_KEY" in refused.failure
    with pytest.raises(ModelUnavailable, match="WRITER_KEY") as caught:
        load(card)
    assert all(KEY not in text for text in (str(caught.value), repr(card), repr(vars(backend)), refused.failure, caplog.text))


def test_a_server_that_repeats_the_key_does_not_make_us_repeat_it(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRITER_KEY", KEY)
    card = serve().card(key_variable="WRITER_KEY")
    problem = wire.refusal(card, 422, f'{{"detail": "what is {KEY}?"}}', "", 0)
    assert wire.failure(card, str(problem)) == f"The server {catalog.host(card)} refused the request (422: what is [key]?)."


@pytest.mark.parametrize(("key", "says"), [("", "set the environment variable WRITER_KEY"), ("two words", "no key has")])
def test_a_key_that_cannot_be_used_is_named_before_anything_is_sent(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, key: str, says: str
) -> None:
    monkeypatch.setenv("WRITER_KEY", key)
    with pytest.raises(ModelUnavailable, match=says):
        load(serve().card(key_variable="WRITER_KEY"))


def test_a_server_that_is_not_there_says_what_to_do() -> None:
    card = replace(tiny.card("lost", backend="endpoint"), server=Server("http://127.0.0.1:9/v1", "m"))
    with pytest.raises(ModelUnavailable, match=r"lost .*127.0.0.1:9 cannot be reached; start it"):
        load(card)


@pytest.mark.parametrize("owner", ["vllm", "llamacpp", "library"])
def test_another_model_never_answers_under_this_name(serve: Serve, owner: str) -> None:
    server = serve(listed=[{"id": "other:latest", "owned_by": owner}])
    with pytest.raises(ModelUnavailable, match="lists no model 'writer' but other:latest"):
        load(server.card())


@pytest.mark.parametrize("listed", [[{"id": "writer:latest", "owned_by": "library"}], [{"id": "other"}], [], "nonsense", [3]])
def test_lists_that_say_nothing_against_it_do_not_stand_in_the_way(serve: Serve, listed: Any) -> None:
    assert one(serve(listed=listed)).text == SQL


CARD = """
name = "served"
title = "Served"
kind = "real"
family = "llama"
backend = "endpoint"
format = "sqlcoder-7b-2"
dialect = "postgres"
base = { id = "defog/sqlcoder-7b-2" }
licence = "CC BY-SA 4.0"
context = 8192
[server]
url = "https://models.example.org/v1"
model = "sqlcoder"
"""


def read(folder: Path, text: str) -> ModelCard:
    path = folder / "served" / catalog.CARD
    path.parent.mkdir()
    path.write_text(text)
    return catalog.read(path)


def test_a_card_names_the_host_that_its_questions_go_to(tmp_path: Path) -> None:
    card = read(tmp_path, CARD + 'key_variable = "MODELS_KEY"\nconcurrency = 8\n')
    assert card.server == Server("https://models.example.org/v1", "sqlcoder", "completions", "MODELS_KEY", 8)
    assert catalog.elsewhere(card) == "models.example.org"
    assert catalog.revision(card, tmp_path) == "unpinned: sqlcoder at models.example.org (completions)"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8080/v1", ""),
        ("http://localhost:11434/v1", ""),
        ("http://[::1]:8000/v1", ""),
        ("http://192.168.1.7:8000/v1", "192.168.1.7:8000"),
        ("http://gpu-box:8000/v1", "gpu-box:8000"),
        ("https://127.0.0.1.example.org/v1", "127.0.0.1.example.org"),
    ],
)
def test_only_this_machine_is_not_another_host(url: str, host: str) -> None:
    assert catalog.elsewhere(replace(tiny.card("m", backend="endpoint"), server=Server(url, "m"))) == host


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("https://models.example.org/v1", "models.example.org", "http://127.0.0.1:8080/v1"),
        ("https://models.example.org/v1", "https://models.example.org:port/v1", "http://127.0.0.1:8080/v1"),
        ("https://models.example.org/v1", f"https://me:{KEY}@models.example.org/v1", "password"),
        ('model = "sqlcoder"', 'model = "sqlcoder"\nkey_variable = "K"\nurl = "x"', "cannot be read"),
        ('url = "https://models.example.org/v1"', 'url = "http://models.example.org/v1"\nkey_variable = "K"', "https"),
        ('model = "sqlcoder"', f'model = "sqlcoder"\nkey_variable = "{KEY}"', "no name of an environment variable"),
        ('model = "sqlcoder"', 'model = "sqlcoder"\napi = "responses"', "completions, chat"),
        ('model = "sqlcoder"', 'model = ""', "server.model"),
        ('model = "sqlcoder"', 'model = "sqlcoder"\nconcurrency = 0', "server.concurrency"),
        ('model = "sqlcoder"', 'model = "sqlcoder"\ntemperature = 1', "temperature"),
        ("[server]", "generation = { num_beams = 4 }\n[server]", "beams"),
        ('backend = "endpoint"', 'backend = "local"', "[server]"),
    ],
)
def test_a_card_with_a_wrong_server_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in CARD
    with pytest.raises(catalog.BadCard) as caught:
        read(tmp_path, CARD.replace(old, new))
    assert says in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def real_server() -> Iterator[str]:
    """`transformers serve` with a mini; its base URL."""
    if importlib.util.find_spec("openai") is None:
        pytest.skip("transformers serve needs the package openai; install requirements-dev.txt")
    port = free_port()
    command = [Path(sys.executable).with_name("transformers"), "serve", str(settings.ROOT / "models" / "mini-l")]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            wait_for_server(process, port)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def test_a_real_server_writes_what_the_model_writes_here(real_server: str) -> None:
    from nl2sql_arena import backends

    card = catalog.read(settings.ROOT / "models" / "mini-l" / catalog.CARD)
    model = str(settings.ROOT / "models" / "mini-l")
    served: Endpoint = load(replace(card, backend="endpoint", server=Server(real_server, model)), patience=QUICK)
    schema = "customers(id int, name text, city text)\norders(id int, customer_id int > customers, total num)\n-- "
    questions = ["How many customers are there?", "What is the average total of all orders?", "Which cities do customers live in?"]
    requests = [
        GenerationRequest(str(n), "mini-l", Prompt(schema, text + "\n", ("\n",)), Generation(40)) for n, text in enumerate(questions)
    ]
    seen: list[str] = []
    answers = {c.id: c for c in served.generate(requests, lambda _, text: seen.append(text))}
    here = {c.id: c for c in backends.load(card, settings.ROOT / "models").generate(requests)}
    assert {name: (c.text, c.finish_reason, c.failure) for name, c in answers.items()} == {
        name: (c.text, c.finish_reason, "") for name, c in here.items()
    }
    assert {c.prompt_tokens for c in answers.values()} == {c.prompt_tokens for c in here.values()}
    assert seen

    wrong = load(replace(card, backend="endpoint", server=Server(real_server, "somebody/else")), patience=QUICK)
    (refused,) = wrong.generate(requests[:1])
    assert "somebody/else" in refused.failure
