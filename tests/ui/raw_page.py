"""An open page without a browser: what anybody can send to the server, and every byte that comes back."""

import json
import uuid

import httpx

from nl2sql_arena.votes.consent import VERSION

UNCHANGED = ({"__type__"}, {"__type__", "props"})
"""What the server sends for a component that stays as it is; the second for an HTML one."""


class RawPage:
    """One session of a visitor who lets all be kept.

    `values` is what its inputs hold, `seen` all that the server has sent, `shown` the newest value of each element.
    """

    def __init__(self, url):
        self.session = uuid.uuid4().hex
        self.seen, self.shown, self.values = "", {}, {}
        self._http = httpx.Client(base_url=url, timeout=60, verify=False)  # no certificates to read
        self.config = json.loads(self._text(self._http.get("/config")))
        self.names = {each["id"]: each["props"].get("elem_id") for each in self.config["components"]}
        self.names |= {each["id"]: "visitor" for each in self.config["components"] if each["type"] == "browserstate"}
        self.values = {self.names[each["id"]]: each["props"].get("value") for each in self.config["components"]}
        self.values["visitor"] = {"secret": uuid.uuid4().hex, "tier": "questions", "version": VERSION}

    def handlers(self, element, event="click"):
        """The handler of an event and those that follow it, by what /config tells everybody, private or not."""
        ids = [key for key, name in self.names.items() if name == element]
        found = [each for each in self.config["dependencies"] if any([key, event] in each["targets"] for key in ids)]
        while later := [each for each in self.config["dependencies"] if each["trigger_after"] == found[-1]["id"]]:
            found += later
        return found

    def click(self, element):
        for handler in self.handlers(element):
            if handler["backend_fn"]:  # others are the browser's alone
                self.call(handler)

    def ask(self, question):
        self.values["question"] = question
        self.click("ask")

    def vote(self, winner):
        self.click(f"vote-{winner}")

    def call(self, handler):
        """Run one handler; its messages. Raises httpx.HTTPStatusError when the server refuses the request."""
        data = [self.values[self.names[key]] for key in handler["inputs"]]
        body = {"fn_index": handler["id"], "session_hash": self.session, "data": data}
        if handler["queue"]:
            self._text(self._http.post("/gradio_api/queue/join", json=body))
            messages = self._messages()
            output = messages[-1]["output"].get("data")
        else:
            messages = [json.loads(self._text(self._http.post("/gradio_api/run/predict", json=body)))]
            output = messages[-1]["data"]
        shown = dict(zip((self.names[key] for key in handler["outputs"]), output or (), strict=False))
        shown = {name: value for name, value in shown.items() if not (isinstance(value, dict) and set(value) in UNCHANGED)}
        self.shown |= shown
        self.values |= {name: value for name, value in shown.items() if isinstance(value, str) or name == "visitor"}
        return messages

    def _messages(self):
        """The session's event stream up to the end of one event."""
        messages = []
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                self.seen += line + "\n"
                if line.startswith("data:"):
                    messages.append(json.loads(line.removeprefix("data:")))
                    if messages[-1]["msg"] == "process_completed":
                        break
        return messages

    def _text(self, response):
        self.seen += response.text + "\n"
        response.raise_for_status()
        return response.text
