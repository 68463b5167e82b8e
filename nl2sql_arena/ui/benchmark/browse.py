"""The list of questions with each contestant's verdict: filtered, a page at a time."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import gradio as gr

from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.ui.benchmark import html, questions
from nl2sql_arena.ui.benchmark.part import INSTANT, OPENER, Common, Update
from nl2sql_arena.ui.benchmark.state import Bench
from nl2sql_arena.ui.sessions import Session


class Browser:
    """Filters, list and page buttons. The question of an open blind battle is not listed: its verdicts would tell the sides apart."""

    def __init__(self, common: Common) -> None:
        self.common = common
        gr.HTML("<h2>Question by question</h2>", elem_id="bench-questions-title", padding=False)
        with gr.Row(elem_id="bench-filters"):
            self.a = gr.Dropdown([], label="A", elem_id="bench-a", min_width=150)
            self.b = gr.Dropdown([], label="B", elem_id="bench-b", min_width=150)
            verdicts = [(text, name) for name, text in questions.VERDICTS.items()]
            self.verdict = gr.Dropdown(verdicts, value="", label="Verdicts", elem_id="bench-verdict", min_width=150)
            self.level = gr.Dropdown(_offer("All levels", ()), value="", label="Level", elem_id="bench-level", min_width=130)
            self.db = gr.Dropdown(_offer("All databases", ()), value="", label="Database", elem_id="bench-db", min_width=130)
            self.feature = gr.Dropdown(_offer("All features", ()), value="", label="The gold has", elem_id="bench-feature", min_width=130)
            self.text = gr.Textbox("", label="Text", placeholder="in question or SQL", elem_id="bench-text", min_width=150)
        self.listing = gr.HTML(elem_id="bench-list", padding=False, js_on_load=OPENER)
        with gr.Row(elem_id="bench-pages"):
            self.back = gr.Button("Previous", size="sm", elem_id="bench-back", min_width=90)
            self.where = gr.HTML(elem_id="bench-where", padding=False)
            self.on = gr.Button("Next", size="sm", elem_id="bench-next", min_width=90)
            self.jsonl = gr.Button("This run as JSONL", size="sm", elem_id="bench-jsonl", min_width=140)
        self.filters = [self.verdict, self.level, self.db, self.feature, self.text]
        self.listed = [self.listing, self.where, self.back, self.on]
        for name, part in zip(("verdict", "level", "db", "feature", "text"), self.filters, strict=True):
            told = part.change if part is self.text else part.input  # a pasted text is no input
            told(self._filtering(name), part, self.listed, trigger_mode="multiple", **INSTANT)
        self.back.click(self._turning(-1), None, self.listed, **INSTANT)
        self.on.click(self._turning(1), None, self.listed, **INSTANT)

    def offer(self, run: StoredRun, bench: Bench) -> Update:
        """What the filters offer of a run, and what they are set to."""
        view, wanted = bench.view, bench.view.wanted
        names = [(said, name) for name, said in run.measured.names.items()]
        every = questions.grouped(run.results, view.axis)
        return {
            self.a: gr.update(choices=names, value=view.a or None),
            self.b: gr.update(choices=names, value=view.b or None),
            self.verdict: gr.update(value=wanted.verdict),
            self.level: gr.update(choices=_offer("All levels", questions.levels_in(every)), value=wanted.level),
            self.db: gr.update(choices=_offer("All databases", run.measured.databases), value=wanted.db),
            self.feature: gr.update(choices=_offer("All features", questions.features_in(every)), value=wanted.feature),
            self.text: gr.update(value=wanted.text),
        }

    def list(self, session: Session) -> Update:
        """The page of questions that the filter leaves."""
        bench, run = session.bench, session.bench.run
        if run is None:
            return {}
        view, every = bench.view, questions.grouped(run.results, bench.view.axis)
        seen = [each for each in every if not session.is_undecided(each.example)]
        found = questions.matching(seen, view.wanted, view.a, view.b)
        shown, at, pages = questions.page_of(found, view.page)
        if at != view.page:
            bench.view = replace(bench.view, page=at)  # the newest view: a live run lists while the visitor filters
        first = at * questions.PAGE + 1
        said = f"{first} to {first + len(shown) - 1} of {len(found)} questions" if found else "No question is like that"
        left_out = "; one is left out until you have voted on it in the arena" if len(seen) < len(every) else ""
        return {
            self.listing: html.listing(shown, run.measured.names, {view.a: "A", view.b: "B"}) if found else "",
            self.where: f'<p class="rows" role="status">{said}{left_out}.</p>',
            self.back: gr.update(interactive=at > 0),
            self.on: gr.update(interactive=at + 1 < pages),
        }

    def _filtering(self, name: str) -> Callable[[str, gr.Request], Update]:
        """The handler of one filter, which leaves the others as they are."""

        def filter_(value: str, request: gr.Request) -> Update:
            session = self.common.session(request)
            view = session.bench.view
            session.bench.view = replace(view, wanted=replace(view.wanted, **{name: value or ""}), page=0)
            return self.list(session)

        return filter_

    def _turning(self, by: int) -> Callable[[gr.Request], Update]:
        """The handler that goes so many pages on."""

        def turn(request: gr.Request) -> Update:
            session = self.common.session(request)
            session.bench.view = replace(session.bench.view, page=session.bench.view.page + by)
            return self.list(session)

        return turn


def _offer(every: str, names: Iterable[Any]) -> list[tuple[str, str]]:
    return [(every, ""), *((name.replace("_", " "), name) for name in names)]
