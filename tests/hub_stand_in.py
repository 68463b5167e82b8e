"""A hub in this process that serves folders of this disk, with the errors that the real one has."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SHA = "a" * 40


class HubStandIn:
    """Repositories as {id: folder}. Those in `gated` answer 403; of files in `broken` half is sent; sizes in `claimed` are told instead."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
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
            self._file(self.hub.repositories[name] / file.partition("/")[2], body)

    def _about(self, name: str, rest: list[str]) -> None:
        folder = self.hub.repositories.get(name)
        if name in self.hub.gated:
            self._send(403, b"{}", {"X-Error-Code": "GatedRepo"})
        elif folder is None:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif rest[:1] == ["revision"] and rest[1] not in ("main", self.hub.sha):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            files = sorted(path for path in folder.iterdir() if path.is_file())
            sizes = {path.name: self.hub.claimed.get(path.name, path.stat().st_size) for path in files}
            said: Any = {"id": name, "sha": self.hub.sha, "siblings": [{"rfilename": file, "size": size} for file, size in sizes.items()]}
            if rest[:1] == ["tree"]:
                said = [{"type": "file", "path": file, "size": size, "oid": _oid(folder / file)} for file, size in sizes.items()]
            self._send(200, json.dumps(said).encode(), {})

    def _file(self, path: Path, body: bool) -> None:
        if not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        said = path.read_bytes()
        if body:
            self.hub.fetched.append(path.name)
        sent = said[: len(said) // 2] if path.name in self.hub.broken else said
        self._send(200, sent if body else b"", {"ETag": f'"{_oid(path)}"', "X-Repo-Commit": self.hub.sha}, len(said))

    def _send(self, status: int, said: bytes, headers: dict[str, str], size: int | None = None) -> None:
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(said) if size is None else size)}).items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(said)


def _oid(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
