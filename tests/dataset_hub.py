"""A local stand-in of the hub's HTTP API for one private dataset: a real server on a real port, with faults on demand.

It answers what huggingface_hub asks for repo_info, create_repo, list_repo_tree, create_commit, super_squash_history and downloads. It keeps
every commit, as git does, until the history is squashed.
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

NAME, TOKEN = "owner/votes", "hf_test_token"
Files = dict[str, bytes]
Commit = tuple[str, str, Files]
"""Its id, title and files."""


@dataclass
class Fault:
    """What happens to the next `times` requests of a sort (`commit`, `info`, `tree`, `resolve`, `preupload`, `squash`)."""

    sort: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    """How long the reply stays away, after the request was carried out."""
    is_lost: bool = False
    """The request is carried out and the connection closed without a reply."""


class Hub:
    """`commits` have the newest last."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.is_private = True
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.before_commit: Callable[[], None] | None = None
        self.lock = threading.RLock()
        self.endpoint = ""
        self._ids = count()

    @property
    def files(self) -> Files:
        return self.commits[-1][2]

    @property
    def segments(self) -> Files:
        return {path: data for path, data in self.files.items() if path.startswith("segments/")}

    @property
    def history(self) -> bytes:
        """Everything that any commit still holds."""
        return b"".join(data for _, _, files in self.commits for data in files.values())

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Each line of each segment as it is now."""
        return [json.loads(line) for _, data in sorted(self.segments.items()) for line in data.splitlines()]

    def votes(self) -> list[str]:
        """The battles of all votes in the copy, once for each line."""
        return [each["row"]["battle_id"] for each in self.rows if each["table"] == "events" and each["row"]["kind"] == "vote"]

    def add(self, title: str, files: Files) -> Commit:
        with self.lock:
            oid = hashlib.sha1(str(next(self._ids)).encode()).hexdigest()
            self.commits.append((oid, title, files))
            return self.commits[-1]

    def at(self, revision: str) -> Files | None:
        if revision == "main":
            return self.files if self.commits else None
        return next((files for oid, _, files in self.commits if oid == revision), None)

    def fault(self, sort: str) -> Fault | None:
        with self.lock:
            found = next((each for each in self.faults if each.sort == sort and each.times), None)
            if found:
                found.times -= 1
            return found


@contextmanager
def running(exists: bool = True) -> Iterator[Hub]:
    hub = Hub()
    if exists:
        hub.add("initial commit", {".gitattributes": b"*.parquet filter=lfs\n"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(hub))
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - the few routes of an API
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if found := re.fullmatch(f"/datasets/{NAME}/resolve/([^/]+)/(.+)", path):
                self.answer("resolve", lambda: self.file(found[1], found[2]))
            elif found := re.fullmatch(f"/api/datasets/{NAME}/tree/([^/]+)", path):
                self.answer("tree", lambda: self.tree(found[1]))
            elif path == f"/api/datasets/{NAME}":
                self.answer("info", self.info)
            else:
                self.answer("unknown", lambda: self.missing("RepoNotFound"))

        def do_POST(self) -> None:
            path = unquote(urlsplit(self.path).path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            routes: dict[str, tuple[str, Callable[[], Any]]] = {
                "/api/repos/create": ("create", lambda: self.create(json.loads(body))),
                f"/api/datasets/{NAME}/preupload/main": ("preupload", lambda: self.preupload(json.loads(body))),
                f"/api/datasets/{NAME}/commit/main": ("commit", lambda: self.commit([json.loads(line) for line in body.splitlines()])),
                f"/api/datasets/{NAME}/super-squash/main": ("squash", self.squash),
            }
            sort, work = routes.get(path, ("unknown", lambda: self.missing("RepoNotFound")))
            self.answer(sort, work)

        def answer(self, sort: str, work: Callable[[], tuple[int, bytes, dict[str, str]]]) -> None:
            hub.asked.append(sort)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.reply(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
                return
            fault = hub.fault(sort)
            if fault and fault.status:
                self.reply(fault.status, b"{}", fault.headers)
                return
            if sort == "commit" and hub.before_commit:
                work_before, hub.before_commit = hub.before_commit, None
                work_before()
            status, data, headers = work()
            if fault and fault.seconds:
                time.sleep(fault.seconds)
            if fault and fault.is_lost:
                self.close_connection = True
                self.connection.close()
                return
            self.reply(status, data, headers)

        def reply(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # the client gave up

        def missing(self, code: str) -> tuple[int, bytes, dict[str, str]]:
            return 404, b"{}", {"X-Error-Code": code, "X-Error-Message": code}

        def info(self) -> tuple[int, bytes, dict[str, str]]:
            if not hub.commits:
                return self.missing("RepoNotFound")
            return 200, json.dumps({"id": NAME, "sha": hub.commits[-1][0], "private": hub.is_private, "siblings": []}).encode(), {}

        def create(self, asked: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
            hub.is_private = asked.get("private", asked.get("visibility") == "private")
            hub.add("initial commit", {})
            return 200, json.dumps({"url": f"{hub.endpoint}/datasets/{NAME}"}).encode(), {}

        def tree(self, revision: str) -> tuple[int, bytes, dict[str, str]]:
            files = hub.at(revision)
            if files is None:
                return self.missing("RevisionNotFound")
            listed = [{"type": "file", "path": path, "size": len(data), "oid": git_id(data)} for path, data in files.items()]
            return 200, json.dumps(listed).encode(), {}

        def file(self, revision: str, path: str) -> tuple[int, bytes, dict[str, str]]:
            files = hub.at(revision) or {}
            return (200, files[path], {"ETag": f'"{git_id(files[path])}"'}) if path in files else self.missing("EntryNotFound")

        def preupload(self, asked: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
            modes = [
                {
                    "path": each["path"],
                    "uploadMode": "regular",
                    "shouldIgnore": False,
                    "oid": git_id(hub.files[each["path"]]) if each["path"] in hub.files else None,
                }
                for each in asked["files"]
            ]
            return 200, json.dumps({"files": modes}).encode(), {}

        def commit(self, lines: list[dict[str, Any]]) -> tuple[int, bytes, dict[str, str]]:
            with hub.lock:
                header = next(line["value"] for line in lines if line["key"] == "header")
                parent = header.get("parentCommit")
                if parent and parent != hub.commits[-1][0]:
                    return 412, b"{}", {"X-Error-Message": "A commit has happened since. Please refresh and try again."}
                files = dict(hub.files)
                for line in lines:
                    if line["key"] == "file":
                        files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                    elif line["key"] == "deletedFile":
                        del files[line["value"]["path"]]
                oid, _, _ = hub.add(header["summary"], files)
            return 200, json.dumps({"commitUrl": f"{hub.endpoint}/datasets/{NAME}/commit/{oid}", "commitOid": oid}).encode(), {}

        def squash(self) -> tuple[int, bytes, dict[str, str]]:
            with hub.lock:
                hub.commits[:] = [hub.add("Votes", hub.files)]  # whoever looks meanwhile finds the old ones or this
            return 200, b"", {}

    return Handler


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
