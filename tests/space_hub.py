"""A stand-in of the hub's HTTP API for one user's Spaces: a real server on a real port that huggingface_hub talks to, unpatched.

It answers what publishing a Space asks for. Large files come by git LFS (`lfs`: names that must), as where hf_xet is switched off; with
`lfs` empty all files come in the commit, since the protocol of hf_xet is not stood in for.
"""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN = "hf_test_token"


@dataclass
class HeldSpace:
    """What the hub keeps of a Space. `set` is what was asked of it besides its files."""

    files: dict[str, bytes] = field(default_factory=dict)
    hardware: str = "cpu-basic"
    set: dict[str, Any] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)


class SpaceHub:
    """`answers` gives the status with which the next requests of a sort (info, create, commit, hardware ...) are refused."""

    def __init__(self, lfs: tuple[str, ...] = ()) -> None:
        self.spaces: dict[str, HeldSpace] = {}
        self.models: dict[str, list[str]] = {}
        self.lfs = lfs
        self.large: dict[str, bytes] = {}
        self.answers: dict[str, int] = {}
        self.asked: list[str] = []
        self.yaml_error = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Silence."""

            def do_GET(self) -> None:
                outer._answer(self, "GET")

            def do_POST(self) -> None:
                outer._answer(self, "POST")

            def do_PUT(self) -> None:
                outer._answer(self, "PUT")

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = urlsplit(handler.path).path.strip("/")
        sort, status, said, headers = self._said(method, path, body, handler.headers.get("Authorization", ""))
        self.asked.append(sort)
        sent = json.dumps(said).encode()
        handler.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(len(sent)), **headers}.items():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(sent)

    def _said(self, method: str, path: str, body: bytes, authorization: str) -> tuple[str, int, Any, dict[str, str]]:
        """(sort of the request, status, JSON, headers)."""
        parts = path.split("/")
        if parts[:2] == ["api", "models"]:
            return "model", *self._model("/".join(parts[2:4]))
        if parts[0] == "upload":
            self.large[parts[1]] = body
            return "upload", 200, {}, {}
        sort = self._sort(parts)
        if authorization != f"Bearer {TOKEN}":
            return sort, 401, {"error": "Invalid credentials"}, {}
        if refused := self.answers.get(sort):
            return sort, refused, {"error": "said the stand-in"}, {}
        if sort == "yaml":
            status = 400 if self.yaml_error else 200
            return sort, status, {"errors": [{"message": self.yaml_error}] if self.yaml_error else [], "warnings": []}, {}
        if sort == "create":
            return sort, *self._create(json.loads(body))
        repo = "/".join(parts[1:3]).removesuffix(".git") if sort == "lfs" else "/".join(parts[2:4])
        space = self.spaces.get(repo)
        if space is None:
            return sort, 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        return sort, 200, self._done(sort, repo, space, body), {}

    @staticmethod
    def _sort(parts: list[str]) -> str:
        if parts == ["api", "repos", "create"]:
            return "create"
        if parts == ["api", "validate-yaml"]:
            return "yaml"
        if parts[0] == "spaces":
            return "lfs"
        return parts[4] if len(parts) > 4 else "info"

    def _model(self, name: str) -> tuple[int, Any, dict[str, str]]:
        if name not in self.models:
            return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        siblings = [{"rfilename": file, "size": 1} for file in self.models[name]]
        return 200, {"id": name, "sha": hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(), "siblings": siblings}, {}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        repo = f"{asked['organization']}/{asked['name']}"
        self.spaces[repo] = HeldSpace(set={key: value for key, value in asked.items() if key not in ("name", "organization")})
        return 200, {"url": f"{self.url}/spaces/{repo}"}, {}

    def _done(self, sort: str, repo: str, space: HeldSpace, body: bytes) -> Any:
        asked = json.loads(body) if body and sort != "commit" else {}
        match sort:
            case "info":
                siblings = [{"rfilename": name} for name in space.files]
                runtime = {"stage": "RUNNING", "hardware": {"current": space.hardware, "requested": space.hardware}}
                return {"id": repo, "sha": "b" * 40, "siblings": siblings, "runtime": runtime}
            case "tree":
                return [{"type": "file", "path": name, "size": len(data), "oid": "c" * 40} for name, data in space.files.items()]
            case "hardware":
                space.hardware, space.set["sleep"] = asked["flavor"], asked.get("sleepTimeSeconds")
                return {"stage": "BUILDING", "hardware": {"current": None, "requested": space.hardware}}
            case "variables":
                space.set["variables"] = {asked["key"]: asked["value"]}
                return {asked["key"]: {"value": asked["value"]}}
            case "volumes":
                space.set["volumes"] = asked["volumes"]
                return {}
            case "preupload":
                return {
                    "files": [
                        {"path": each["path"], "uploadMode": self._mode(each["path"]), "shouldIgnore": False} for each in asked["files"]
                    ]
                }
            case "lfs":
                upload = [{**each, "actions": {"upload": {"href": f"{self.url}/upload/{each['oid']}"}}} for each in asked["objects"]]
                return {"transfer": "basic", "objects": upload}
            case "commit":
                return self._commit(repo, space, [json.loads(line) for line in body.splitlines()])
        raise AssertionError(f"nothing asks for {sort}")

    def _mode(self, path: str) -> str:
        return "lfs" if any(fnmatch(path, pattern) for pattern in self.lfs) else "regular"

    def _commit(self, repo: str, space: HeldSpace, lines: list[dict[str, Any]]) -> Any:
        for line in lines:
            value = line["value"]
            match line["key"]:
                case "header":
                    space.commits.append(value["summary"])
                case "file":
                    space.files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    space.files[value["path"]] = self.large[value["oid"]]
                case "deletedFile":
                    del space.files[value["path"]]
        return {"commitUrl": f"{self.url}/spaces/{repo}/commit/{'d' * 40}", "commitOid": "d" * 40}
