"""A hub in this process that serves folders of this disk, or files that are only told of, with the errors that the real one has."""

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SHA = "a" * 40
Files = Mapping[str, dict[str, Any] | int]
"""File -> what its JSON says, or how many bytes it is said to have."""


class HubStandIn:
    """Repositories as {id: folder or Files}. In `gated`: answer 403; in `broken`: half is sent; in `claimed`: these sizes are told."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path | Files] = {}
        self.licences: dict[str, str] = {}
        self.gated: set[str] = set()
        self.broken: set[str] = set()
        self.claimed: dict[str, int] = {}
        self.fetched: list[str] = []
        self.sha = SHA
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer_for_the_hub(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        """As HF_ENDPOINT and HF_HUB_CACHE would, which the library reads once when it is imported."""
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", self.url)
        template = self.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class Handler(BaseHTTPRequestHandler):
    hub: HubStandIn

    def log_message(self, *_: Any) -> None:
        """Silence."""

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def do_GET(self, body: bool = True) -> None:
        path = self.path.partition("?")[0].strip("/")
        if path.startswith("api/models/"):
            owner, name, *rest = path.removeprefix("api/models/").split("/")
            self._about(f"{owner}/{name}", rest)
        else:
            name, _, file = path.partition("/resolve/")
            self._file(self.hub.repositories[name], file.partition("/")[2], body)

    def _about(self, name: str, rest: list[str]) -> None:
        held = self.hub.repositories.get(name)
        if name in self.hub.gated:
            self._send(403, b"{}", {"X-Error-Code": "GatedRepo"})
        elif held is None:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif rest[:1] == ["revision"] and rest[1] not in ("main", self.hub.sha):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            sizes = {file: self.hub.claimed.get(file, size) for file, size in _sizes(held).items()}
            siblings = [{"rfilename": file, "size": size} for file, size in sizes.items()]
            said: Any = {"id": name, "sha": self.hub.sha, "siblings": siblings, "cardData": {"license": self.hub.licences.get(name)}}
            if rest[:1] == ["tree"]:
                said = [{"type": "file", "path": file, "size": size, "oid": _oid(_content(held, file))} for file, size in sizes.items()]
            self._send(200, json.dumps(said).encode(), {})

    def _file(self, held: Path | Files, file: str, body: bool) -> None:
        if file not in _sizes(held):
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        said = _content(held, file)
        if body:
            self.hub.fetched.append(file)
        sent = said[: len(said) // 2] if file in self.hub.broken else said
        self._send(200, sent if body else b"", {"ETag": f'"{_oid(said)}"', "X-Repo-Commit": self.hub.sha}, len(said))

    def _send(self, status: int, said: bytes, headers: dict[str, str], size: int | None = None) -> None:
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(said) if size is None else size)}).items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(said)


def _sizes(held: Path | Files) -> dict[str, int]:
    if isinstance(held, Path):
        return {path.name: path.stat().st_size for path in sorted(held.iterdir()) if path.is_file()}
    return {file: said if isinstance(said, int) else len(_content(held, file)) for file, said in held.items()}


def _content(held: Path | Files, file: str) -> bytes:
    """Of a file that is only told of with its size there is none."""
    if isinstance(held, Path):
        return (held / file).read_bytes()
    said = held[file]
    return b"" if isinstance(said, int) else json.dumps(said).encode()


def _oid(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
