"""An OpenAI-compatible server in this process that answers from a table and misbehaves on demand; its tokens are words."""

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nl2sql_arena.types import Api, ModelCard, Server
from tests import tiny

MODEL = "writer"


def words(text: str) -> list[str]:
    return re.findall(r"^\s+|\S+\s*", text)


class StandIn:
    """`moods` are how the next requests for an answer are treated, in order; after them all is well."""

    def __init__(
        self, answers: Mapping[str, str], *moods: str, tokenizes: bool = True, listed: Any = None, context: int = 0, loading: int = 0
    ) -> None:
        self.answers, self.moods, self.tokenizes, self.context = answers, list(moods), tokenizes, context
        self.listed = [{"id": MODEL, "owned_by": "vllm", "max_model_len": context or None}] if listed is None else listed
        self.loading = loading
        """So many requests of any kind are refused, as llama.cpp does while it loads its model."""
        self.key = ""
        """What it demands, when it demands one."""
        self.asked: list[dict[str, Any]] = []
        """The bodies of requests for an answer."""
        self.paths: list[str] = []
        self.go_on = threading.Event()
        """What `slow` and `stuck` wait for."""
        self.left = threading.Event()
        """Set once somebody left in the middle of an answer."""
        self.open, self.most_open, self.lock = 0, 0, threading.Lock()
        outer = self

        class Handler(_Handler):
            stand_in = outer

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def card(self, name: str = "tiny", api: Api = "completions", **server: Any) -> ModelCard:
        return replace(tiny.card(name, backend="endpoint"), server=Server(self.url, MODEL, api, **server))

    def close(self) -> None:
        self.go_on.set()
        self.http.shutdown()
        self.http.server_close()


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn
    is_open = False
    """Whether this request for an answer counts among the server's open ones."""

    def log_message(self, *_: Any) -> None:
        """Silence."""

    def do_GET(self) -> None:
        if not self._let_in():
            return
        if self.path == "/v1/models":
            self._send(200, {"data": self.stand_in.listed})
        else:
            self._send(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._let_in():
            return
        if self.path == "/tokenize" and self.stand_in.tokenizes:
            self._send(200, {"count": len(words(body["prompt"]))})
        elif self.path in ("/v1/completions", "/v1/chat/completions"):
            self._answer(body)
        else:
            self._send(404, {"detail": "Not Found"})

    def _let_in(self) -> bool:
        if self.stand_in.loading:
            self.stand_in.loading -= 1
            self._send(503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}})
            return False
        key = self.stand_in.key
        if key and self.headers.get("Authorization") != f"Bearer {key}":
            self._send(401, {"error": {"message": f"Wrong key: {self.headers.get('Authorization')}"}})
            return False
        return True

    def _answer(self, body: dict[str, Any]) -> None:
        server = self.stand_in
        with server.lock:
            server.asked.append(body)
            server.paths.append(self.path)
            mood = server.moods.pop(0) if server.moods else ""
            server.open += 1
            server.most_open = max(server.most_open, server.open)
            self.is_open = True
        try:
            getattr(self, f"_{mood.replace(' ', '_') or 'well'}")(body)
        except (BrokenPipeError, ConnectionResetError):
            server.left.set()
        finally:
            self._count_out()

    def _count_out(self) -> None:
        """Before the last words of an answer: whoever has read them may ask anew before this thread goes on."""
        with self.stand_in.lock:
            self.stand_in.open -= self.is_open
            self.is_open = False

    def _well(self, body: dict[str, Any], cut_after: int = 0, stuck_after: int = 0, finish: str = "") -> None:
        chat = "messages" in body
        prompt = body["messages"][0]["content"] if chat else body["prompt"]
        text = next((answer for question, answer in self.stand_in.answers.items() if question in prompt), "SELECT 1")
        text = text[: min((at for stop in body.get("stop", ()) if (at := text.find(stop)) >= 0), default=len(text))]
        whole = words(text)
        given = whole[: body["max_tokens"]]
        finish = finish or ("length" if len(whole) > len(given) else "stop")
        usage = {"prompt_tokens": len(words(prompt)), "completion_tokens": len(given)}
        if not body.get("stream"):
            text = "".join(given)
            part = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
            self._send(200, {"choices": [part | {"finish_reason": finish}], "usage": usage})
            return
        self._start_stream()
        for number, word in enumerate(given, 1):
            self._event({"choices": [{"delta": {"content": word}} if chat else {"text": word}]})
            if number == cut_after:
                return
            if number == stuck_after:
                while not self.stand_in.go_on.wait(0.05):
                    self._comment()
        last = {"delta": {}} if chat else {"text": ""}
        self._event({"choices": [last | {"finish_reason": finish}]})
        if body.get("stream_options", {}).get("include_usage"):
            self._event({"choices": [], "usage": usage})
        self._count_out()
        self.wfile.write(b"data: [DONE]\n\n")

    def _slow(self, body: dict[str, Any]) -> None:
        self.stand_in.go_on.wait(60)
        self._well(body)

    def _stuck(self, body: dict[str, Any]) -> None:
        self._well(body, stuck_after=2)

    def _cut(self, body: dict[str, Any]) -> None:
        self._well(body, cut_after=2)

    def _small_context(self, body: dict[str, Any]) -> None:
        self._well(body, finish="length")

    def _withheld(self, body: dict[str, Any]) -> None:
        self._well(body, finish="content_filter")

    def _busy(self, _: dict[str, Any]) -> None:
        self._send(429, {"error": {"message": "Too many requests"}}, {"Retry-After": "1"})

    def _broken(self, _: dict[str, Any]) -> None:
        self._send(500, {"detail": "Internal Server Error"})

    def _gateway(self, _: dict[str, Any]) -> None:
        self._send(502, "<html><h1>Bad gateway</h1></html>")

    def _no_json(self, _: dict[str, Any]) -> None:
        self._send(200, "this is no JSON")

    def _no_json_event(self, _: dict[str, Any]) -> None:
        self._start_stream()
        self.wfile.write(b'data: {"choices": [{"te\n\n')

    def _no_answer(self, _: dict[str, Any]) -> None:
        self._send(200, {"status": "warming up"})

    def _error_event(self, _: dict[str, Any]) -> None:
        self._start_stream()
        self._event({"error": {"message": "The engine died.", "code": 500}})

    def _crowded(self, _: dict[str, Any]) -> None:
        """As llama.cpp, whose shared context is full before two that came together have their answers."""
        until = time.monotonic() + 60
        while self.stand_in.most_open < 2 and time.monotonic() < until:
            time.sleep(0.01)
        self._count_out()
        self._start_stream()
        self._event({"error": {"message": "Context size has been exceeded.", "type": "server_error", "code": 500}})

    def _hang_up(self, _: dict[str, Any]) -> None:
        self.connection.close()

    def _unknown(self, body: dict[str, Any]) -> None:
        self._send(404, {"error": {"message": f"The model `{body['model']}` does not exist."}})

    def _moved(self, _: dict[str, Any]) -> None:
        self._send(307, {}, {"Location": "http://127.0.0.1:9/v1/completions"})

    def _no_options(self, body: dict[str, Any]) -> None:
        refused = "stream_options" in body
        self._send(400, {"detail": "Unknown field: stream_options"}) if refused else self._well(body)

    def _no_stream(self, body: dict[str, Any]) -> None:
        self._send(422, {"detail": "Streaming is not supported"}) if body.get("stream") else self._well(body)

    def _deaf_to_stream(self, body: dict[str, Any]) -> None:
        self._well(body | {"stream": False})

    def _deaf_to_stop(self, body: dict[str, Any]) -> None:
        self._well(body | {"stop": []})

    def _start_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()

    def _event(self, said: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(said)}\n\n".encode())
        self.wfile.flush()

    def _comment(self) -> None:
        self.wfile.write(b": still here\n\n")
        self.wfile.flush()

    def _send(self, status: int, said: Any, headers: Mapping[str, str] | None = None) -> None:
        self._count_out()
        raw = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html" if isinstance(said, str) else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
