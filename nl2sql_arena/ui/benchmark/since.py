"""What changed since another run of the same questions."""

import gradio as gr

from nl2sql_arena.benchmark import changes
from nl2sql_arena.benchmark.runs import Measured
from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.ui import render
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.benchmark.part import INSTANT, OPENER, Common, Update, seen

NONE = "No other stored run asked the same questions."


class Since:
    """The other run, and each contestant's gains and losses by question."""

    def __init__(self, common: Common) -> None:
        self.common = common
        gr.HTML("<h2>What changed since another run</h2>", elem_id="bench-since-title", padding=False)
        self.other = gr.Dropdown([], label="Another run of the same questions", elem_id="bench-other")
        self.found = gr.HTML(elem_id="bench-changes", padding=False, js_on_load=OPENER)
        self.other.input(self.on_other, self.other, self.found, **INSTANT)

    def offer(self, about: Measured) -> Update:
        choices = self.common.shelf.comparable(about)
        return {
            self.other: gr.update(choices=choices, value=None, visible=bool(choices)),
            self.found: "" if choices else f'<p class="rows">{NONE}</p>',
        }

    def on_other(self, name: str, request: gr.Request) -> str:
        session = self.common.session(request)
        try:
            if session.bench.run is None:
                raise BadInput("Open a run first.")
            before, after = self.common.shelf.get(name), session.bench.run
            found = changes.between(seen(session, before), seen(session, after))
        except ArenaError as problem:
            return render.note(str(problem), "bad")
        return html.changes(found, before.measured, after.measured)
