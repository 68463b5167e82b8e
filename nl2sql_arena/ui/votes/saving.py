"""Votes as a file, with one click: a zip of the data set and its card, of the kind of contestants that the page shows, of public
votes or of the study that is chosen.

The question of this page's open blind battle is left out: its answers, found by their text, would tell which side is which.
"""

import base64
from collections.abc import Callable
from typing import Any

import gradio as gr

from nl2sql_arena import database
from nl2sql_arena.benchmark.voted import Reader
from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Services
from nl2sql_arena.types import Example
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Session, Sessions
from nl2sql_arena.ui.votes.groups import SHORT
from nl2sql_arena.votes import exports

INTRODUCTION = (
    "<h2>Take the votes along</h2><p>A zip file with the votes and a card that says what is in it, under which licences. Real and practice "
    "models are never in one file, nor are votes of a study and others. Left out: databases that are no samples, all text of typed "
    "questions, comments.</p>"
)
SAVE = """(file) => {
  if (!file || !file.name) return;
  const bytes = Uint8Array.from(atob(file.text), (letter) => letter.charCodeAt(0));
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([bytes], { type: file.type })), download: file.name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""  # noqa: E501 - a line of JavaScript
Which = Callable[[str | None], tuple[str, str]]
"""The chosen group's key -> `real`, `mini` or `baseline`, and the hash of its study, empty for public votes."""
Update = dict[Any, Any]


class Saving:
    """The menu of formats and the button; `group` and `flags` are the tab's own controls, as is the `reader`, which knows verdicts."""

    def __init__(self, services: Services, sessions: Sessions, reader: Reader) -> None:
        self.services, self.sessions, self.reader = services, sessions, reader
        gr.HTML(INTRODUCTION, padding=False)
        with gr.Row(elem_id="votes-saving"):
            choices = [(each.title, name) for name, each in exports.FORMATS.items()]
            self.form = gr.Dropdown(choices, value="parquet", label="Format", elem_id="votes-format", scale=3, min_width=240)
            self.button = gr.Button("Download", elem_id="votes-download", size="sm", min_width=120)
        self.told = gr.HTML(elem_id="votes-told", padding=False)
        self.file = gr.JSON(label="File", visible="hidden", elem_id="votes-file")

    def wire(self, group: gr.Dropdown, flags: gr.Radio, unflagged: str, which: Which) -> None:
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

        def save(form: str, key: str | None, counted: str, request: gr.Request) -> Update:
            try:
                self.sessions.admit("file", request)
            except ArenaError as problem:
                return {self.file: {}, self.told: render.note(str(problem), "bad")}
            return self.on_save(form, *which(key), counted == unflagged, self.sessions.of(request.session_hash))

        made = self.button.click(save, [self.form, group, flags], [self.file, self.told], concurrency_limit=2, **private)
        made.success(None, self.file, None, js=SAVE)
        gr.on([group.input, flags.input], lambda: "", None, self.told, queue=False, **private)  # it was of a file of other votes

    def on_save(self, form: str, profile: str, study: str, is_filtered: bool, session: Session) -> Update:
        """The file in base64, and what was left out of it; `study` is a hash, empty for public votes."""
        services = self.services
        try:
            known = exports.samples(database.catalogue(services.settings))
            of_kind = [vote for vote in services.store.votes(is_filtered) if vote["profile"] == profile]
            votes = [vote for vote in of_kind if vote["study"] == study]
            told = [vote for vote in votes if not session.is_undecided(_asked(vote))]
            hidden = len(votes) - len(told)
            others = [each for each in services.store.unvoted(is_filtered) if (each["study"], each["profile"]) == (study, profile)]
            others = [each for each in others if not session.is_undecided(_asked(each))]
            if exports.FORMATS[form].is_whole:
                told, others = self.reader.with_gold(told), self.reader.with_gold(others)
            licences = {name: card.licence for name, card in services.cards.items()}
            found, events = (exports.rows(some, profile, known) for some in (told, others))
            made = exports.export(found, form, profile, is_filtered, licences, events)
            content = exports.zipped(made)
        except ArenaError as problem:
            return {self.file: {}, self.told: render.note(str(problem), "bad")}
        held = " Votes on the question of your open battle are left out until you have voted." if hidden else ""
        if elsewhere := len(of_kind) - len(votes):
            where = "outside of this study" if study else "of studies"
            held += f" Left out: {elsewhere:,} {'vote' if elsewhere == 1 else 'votes'} {where}, which are files of their own."
        of_study = f"-study-{study[:SHORT]}" if study else ""
        name = f"votes{of_study}-{profile}-{form}{'-filtered' if is_filtered else ''}.zip"
        file = {"name": name, "type": "application/zip", "text": base64.b64encode(content).decode()}
        return {self.file: file, self.told: render.note(f"{made.count:,} rows in {name}.{held}", "good")}


def _asked(vote: dict[str, Any]) -> Example:
    """The question of a vote, as a session knows questions."""
    return Example(vote["example_id"], vote["db"], vote["question"], (), "", vote["split"])
