"""The Benchmark tab: a stored or live run, its figures, its questions one by one, and what changed since another run.

What a page looks at lives in its session (`state.Bench`); a handler changes that and sends what follows from it. Nothing here may reveal
the sides of an open blind battle: its question is in no list, figure or file until the vote (`part.seen`). HTML is made in `html`, charts
in `benchmark.charts`.
"""

from dataclasses import replace

import gradio as gr

from nl2sql_arena.benchmark import runs
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.difficulty import Axis
from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.ui import render
from nl2sql_arena.ui.arena import ArenaTab
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.benchmark.browse import Browser
from nl2sql_arena.ui.benchmark.controls import AT_WORK, Controls
from nl2sql_arena.ui.benchmark.further import Further
from nl2sql_arena.ui.benchmark.opened import OpenQuestion
from nl2sql_arena.ui.benchmark.part import INSTANT, Common, Update, seen
from nl2sql_arena.ui.benchmark.pictures import Pictures
from nl2sql_arena.ui.benchmark.shelf import Shelf
from nl2sql_arena.ui.benchmark.since import Since
from nl2sql_arena.ui.sessions import Session, Sessions


class BenchmarkTab:
    """The parts in their order, and the events that concern several of them."""

    def __init__(self, services: Services, profile: Profile, sessions: Sessions, tab: gr.Tab) -> None:
        self.common = common = Common(services, profile, sessions, Shelf(services))
        self.controls = Controls(common)
        self.head = gr.HTML(elem_id="bench-head", padding=False)
        with gr.Column(visible=False, elem_id="bench-body") as self.body:
            self.pictures = Pictures(common)
            self.contestants = gr.HTML(elem_id="bench-contestants", padding=False)
            self.further = Further(common, self.pictures)
            self.browser = Browser(common)
            self.opened = OpenQuestion(common)
            self.since = Since(common)
        self._wire(tab)

    def _wire(self, tab: gr.Tab) -> None:
        controls, pictures, browser, opened, since = self.controls, self.pictures, self.browser, self.opened, self.since
        listed = [browser.a, browser.b, *browser.filters, *browser.listed]
        heads = [self.head, self.body, self.contestants, *self.further.parts]
        page = [*controls.buttons, *heads, *pictures.drawn, *listed, opened.box, since.other, since.found]
        both = [controls.progress, controls.estimate]
        tab.select(self.on_select, controls.options, [*page, *both], **INSTANT)
        controls.pick.input(self.on_pick, [controls.pick, *controls.options], [*page, *both], **INSTANT)
        controls.wire(page, self.show, self.refresh)
        pictures.axis.input(self.on_axis, pictures.axis, [*pictures.drawn, *listed], **INSTANT)
        pair = [*pictures.drawn, *listed, opened.box]
        browser.a.input(self.on_a, browser.a, pair, **INSTANT)
        browser.b.input(self.on_b, browser.b, pair, **INSTANT)
        opened.opens_from(browser.listing, since.found, self.further.luck)
        pictures.saving(browser.jsonl, self.on_jsonl)

    def connect(self, arena: ArenaTab, tabs: gr.Tabs) -> None:
        """Let a question be asked in the arena."""
        self.opened.connect(arena, tabs)

    def show(self, session: Session) -> Update:
        """Everything that follows from what the session looks at."""
        bench, run = session.bench, session.bench.run
        update = self.controls.offer(bench) | self.opened.shown(session) | {self.body: gr.update(visible=run is not None)}
        if run is None:
            return update | {self.head: html.EMPTY}
        heads = {self.head: html.head(run, bench.at_work), self.contestants: html.contestants(seen(session, run), self._is_ours(run))}
        drawn = self.pictures.draw(session) | self.browser.offer(run, bench) | self.browser.list(session)
        return update | heads | drawn | self.further.show(session) | self.since.offer(run.measured)

    def refresh(self, session: Session) -> Update:
        """What further answers of a live run change."""
        run = session.bench.run
        heads = {self.contestants: html.contestants(seen(session, run), self._is_ours(run))} if run else {}
        return heads | self.pictures.draw(session, with_numbers=False) | self.browser.list(session)

    def _is_ours(self, run: StoredRun) -> bool:
        """Whether it asked the sample databases' questions."""
        ours = {folder.name for folder in self.common.services.settings.sample_dbs.iterdir()}
        return run.measured.dataset == "all" or set(run.measured.dataset.split(",")) <= ours

    def on_select(self, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        """The latest stored run, or what the page showed before."""
        session = self.common.session(request)
        try:
            if session.bench.run is None and not session.bench.at_work:
                session.bench.show(self.common.shelf.latest(), self.common.profile.pair)
        except ArenaError as problem:
            return {self.controls.progress: render.note(str(problem), "bad")}
        return self.show(session) | {self.controls.estimate: self.controls.estimated(models, databases, split)}

    def on_pick(self, name: str, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        session = self.common.session(request)
        try:
            if session.bench.at_work:
                raise BadInput(AT_WORK)
            session.bench.show(self.common.shelf.get(name), self.common.profile.pair)
        except ArenaError as problem:
            return {self.controls.progress: render.note(str(problem), "bad")}
        said = {self.controls.progress: "", self.controls.estimate: self.controls.estimated(models, databases, split)}
        return self.show(session) | said

    def on_axis(self, axis: Axis, request: gr.Request) -> Update:
        """Charts and list by other levels; a level that was filtered by is not one of them."""
        session = self.common.session(request)
        bench = session.bench
        bench.view = replace(bench.view, axis=axis, page=0, wanted=replace(bench.view.wanted, level=""))
        return self._seen_anew(session)

    def on_a(self, name: str, request: gr.Request) -> Update:
        """Another contestant as A; where it was B, the two change places."""
        view = self.common.session(request).bench.view
        return self._paired(name, view.a if name == view.b else view.b, request)

    def on_b(self, name: str, request: gr.Request) -> Update:
        """The same for B."""
        view = self.common.session(request).bench.view
        return self._paired(view.b if name == view.a else view.a, name, request)

    def _paired(self, a: str, b: str, request: gr.Request) -> Update:
        session = self.common.session(request)
        bench = session.bench
        names = bench.run.measured.titles if bench.run else {}
        if a not in names or b not in names:  # the browser tells some choices twice, and a single contestant has no other
            return {self.opened.box: gr.skip()}
        bench.view, bench.opened = replace(bench.view, a=a, b=b, page=0), ""
        return self._seen_anew(session) | {self.opened.box: gr.update(visible=False)}

    def _seen_anew(self, session: Session) -> Update:
        offered = self.browser.offer(session.bench.run, session.bench) if session.bench.run else {}
        return offered | self.pictures.draw(session) | self.browser.list(session)

    def on_jsonl(self, request: gr.Request) -> dict[str, str]:
        """The shown run's file, but for the question of an open blind battle."""
        session = self.common.session(request)
        run = session.bench.run
        if run is None or run.path is None or not run.path.is_file():
            raise gr.Error("This run has no file yet; start a run first.")
        try:
            self.common.sessions.admit("file", request)
        except ArenaError as problem:
            raise gr.Error(str(problem)) from problem
        waits = len(seen(session, run).results) < len(run.results)
        name = f"{run.path.stem}-without-your-open-question.jsonl" if waits else run.path.name
        return {"name": name, "type": "application/x-ndjson", "text": runs.text(run.path, session.is_undecided)}
