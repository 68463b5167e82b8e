"""The Benchmark tab: a stored or live run, its figures, its questions one by one, and what changed since another run.

What a page looks at lives in its session (`state.Bench`); a handler changes that and sends what follows from it. Nothing here may reveal
the sides of an open blind battle: its question is in no list until the vote. HTML is made in `html`, charts in `benchmark.charts`.
"""

import csv
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from nl2sql_arena import hardware, sql
from nl2sql_arena.benchmark import changes, charts, sample
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.difficulty import Axis
from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import DISPLAY, Example, Execution
from nl2sql_arena.ui import render
from nl2sql_arena.ui.arena import OPEN, ArenaTab
from nl2sql_arena.ui.benchmark import html, questions
from nl2sql_arena.ui.benchmark.live import Live
from nl2sql_arena.ui.benchmark.questions import Question, Wanted
from nl2sql_arena.ui.benchmark.shelf import Shelf
from nl2sql_arena.ui.benchmark.state import Bench, Plan
from nl2sql_arena.ui.sessions import Session, Sessions

MAIN = "accuracy"
TICK, REFRESH = 0.4, 0.8
"""Seconds between two looks at a live run, and at least between two drawings of its charts."""
SPLITS = {"dev": "dev: for development", "test": "test: for figures that are published", "arena": "arena: the page's examples"}
AXES = {"spider": "Spider's rules", "duckdb": "DuckDB-aware"}
WAITING = "Waiting for a place: one run is at work at a time on this machine."
AT_WORK = "A run of this page is at work; cancel it or wait for its end."
KNOWN = "You came from the benchmark, which names who wrote what, so the next question is asked in open mode."
OPENER = """element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-key]');
  if (button) trigger('click', { key: button.dataset.key });
});"""
Update = dict[Any, Any]


class BenchmarkTab:
    """The tab's components and handlers; one live run at a time for each page, and for the machine."""

    def __init__(self, services: Services, profile: Profile, sessions: Sessions, tab: gr.Tab) -> None:
        self.services, self.profile, self.sessions = services, profile, sessions
        self.shelf = Shelf(services)
        self._build()
        self._wire(tab)

    def _build(self) -> None:
        with gr.Row(elem_id="bench-row"):
            self.pick = gr.Dropdown([], label="Run shown", elem_id="bench-pick", scale=5, min_width=260)
            self.quick = gr.Button("Quick sample", variant="primary", elem_id="bench-quick", scale=1, min_width=130)
            self.full = gr.Button("Full run…", elem_id="bench-full", scale=1, min_width=110)
            self.resume = gr.Button("Resume", elem_id="bench-resume", scale=1, min_width=110, visible=False)
            self.cancel = gr.Button("Cancel", elem_id="bench-cancel", scale=1, min_width=110, visible=False)
        self.estimate = gr.HTML(elem_id="bench-estimate", padding=False)
        with gr.Accordion("What a live run asks, and whom", open=False, elem_id="bench-options"):
            self._build_options()
        with gr.Column(visible=False, elem_id="bench-confirm") as self.confirm:
            self.confirmation = gr.HTML(elem_id="bench-confirmation", padding=False)
            with gr.Row():
                self.start = gr.Button("Start the full run", variant="primary", elem_id="bench-start")
                self.not_now = gr.Button("Not now", elem_id="bench-not-now")
        self.progress = gr.HTML(elem_id="bench-progress", padding=False)
        self.head = gr.HTML(elem_id="bench-head", padding=False)
        with gr.Column(visible=False, elem_id="bench-body") as self.body:
            self._build_charts()
            self._build_questions()
            self._build_open_question()
            gr.HTML("<h2>What changed since another run</h2>", elem_id="bench-changes-title", padding=False)
            self.other = gr.Dropdown([], label="Another run of the same questions", elem_id="bench-other")
            self.changes = gr.HTML(elem_id="bench-changes", padding=False, js_on_load=OPENER)
        self.file = gr.JSON(label="File", visible="hidden", elem_id="bench-file")

    def _build_options(self) -> None:
        cards, databases = self.services.cards, list(self.services.databases)
        choices = [(cards[name].title, name) for name in self.profile.models]
        floor = [name for name in self.profile.models if cards[name].kind == "baseline" and name not in self.profile.pair]
        with gr.Row():
            self.models = gr.CheckboxGroup(choices, value=[*self.profile.pair, *floor], label="Contestants", elem_id="bench-models")
            self.databases = gr.CheckboxGroup(databases, value=databases, label="Databases", elem_id="bench-dbs")
            self.split = gr.Radio([(text, name) for name, text in SPLITS.items()], value="dev", label="Questions", elem_id="bench-split")

    def _build_charts(self) -> None:
        others = [(chart.title, name) for name, chart in charts.CHARTS.items() if name != MAIN]
        with gr.Row(elem_id="bench-charts"):
            with gr.Column(min_width=320):
                self.axis = gr.Radio(
                    [(text, name) for name, text in AXES.items()], value="spider", label="Levels of difficulty by", elem_id="bench-axis"
                )
                self.plot, self.numbers, self.csv = self._chart("")
            with gr.Column(min_width=320):
                self.chart = gr.Dropdown(others, value=others[0][1], label="Beside it", elem_id="bench-chart")
                self.plot_2, self.numbers_2, self.csv_2 = self._chart("-2")
        self.caveats = gr.HTML(elem_id="bench-caveats", padding=False)

    def _chart(self, suffix: str) -> tuple[gr.Plot, gr.HTML, gr.Button]:
        """A chart with its numbers and files. PNG and SVG are made by the browser, from what it shows."""
        plot = gr.Plot(_blank(), show_label=False, elem_id=f"bench-plot{suffix}", elem_classes=["bench-plot"])
        numbers = gr.HTML(elem_id=f"bench-numbers{suffix}", padding=False)
        with gr.Row(elem_classes=["bench-files"]):
            for kind in ("png", "svg"):
                button = gr.Button(kind.upper(), size="sm", min_width=60, elem_id=f"bench-{kind}{suffix}")
                button.click(None, None, None, js=f"() => benchImage('bench-plot{suffix}', 'bench-numbers{suffix}', '{kind}')")
            rows = gr.Button("CSV", size="sm", min_width=60, elem_id=f"bench-csv{suffix}")
        return plot, numbers, rows

    def _build_questions(self) -> None:
        gr.HTML("<h2>Question by question</h2>", elem_id="bench-questions-title", padding=False)
        with gr.Row(elem_id="bench-filters"):
            self.a = gr.Dropdown([], label="A", elem_id="bench-a", min_width=150)
            self.b = gr.Dropdown([], label="B", elem_id="bench-b", min_width=150)
            self.verdict = gr.Dropdown(_choices(questions.VERDICTS), value="", label="Verdicts", elem_id="bench-verdict", min_width=150)
            self.level = gr.Dropdown([("All levels", "")], value="", label="Level", elem_id="bench-level", min_width=130)
            self.db = gr.Dropdown([("All databases", "")], value="", label="Database", elem_id="bench-db", min_width=130)
            self.feature = gr.Dropdown([("All features", "")], value="", label="The gold has", elem_id="bench-feature", min_width=130)
            self.text = gr.Textbox("", label="Text", placeholder="in question or SQL", elem_id="bench-text", min_width=150)
        self.listing = gr.HTML(elem_id="bench-list", padding=False, js_on_load=OPENER)
        with gr.Row(elem_id="bench-pages"):
            self.back = gr.Button("Previous", size="sm", elem_id="bench-back", min_width=90)
            self.where = gr.HTML(elem_id="bench-where", padding=False)
            self.on = gr.Button("Next", size="sm", elem_id="bench-next", min_width=90)
            self.jsonl = gr.Button("This run as JSONL", size="sm", elem_id="bench-jsonl", min_width=140)

    def _build_open_question(self) -> None:
        with gr.Column(visible=False, elem_id="bench-detail") as self.detail:
            self.asked = gr.HTML(elem_id="bench-asked", padding=False)
            with gr.Row(elem_id="bench-sides"):
                self.gold_title, self.gold_sql, self.gold_table, _ = self._side("gold", "Gold query")
                self.title_a, self.sql_a, self.table_a, self.facts_a = self._side("a", "SQL of contestant A")
                self.title_b, self.sql_b, self.table_b, self.facts_b = self._side("b", "SQL of contestant B")
            with gr.Row():
                self.to_arena = gr.Button("Ask it in the arena", elem_id="bench-to-arena")
                self.close = gr.Button("Back to the list", elem_id="bench-close")

    def _side(self, name: str, label: str) -> tuple[gr.HTML, gr.Code, gr.HTML, gr.HTML]:
        with gr.Column(min_width=280, elem_classes=["bench-side"]):
            title = gr.HTML(elem_id=f"bench-title-{name}", padding=False)
            query = gr.Code(language="sql", label=label, interactive=False, elem_id=f"bench-sql-{name}", wrap_lines=True, buttons=["copy"])
            table = gr.HTML(elem_id=f"bench-table-{name}", padding=False)
            facts = gr.HTML(elem_id=f"bench-facts-{name}", padding=False)
        return title, query, table, facts

    def _wire(self, tab: gr.Tab) -> None:
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        instant = private | {"queue": False}
        drawn = [self.plot, self.numbers, self.plot_2, self.numbers_2]
        listed = [self.listing, self.where, self.back, self.on]
        opened = [self.detail, self.asked, self.gold_title, self.gold_sql, self.gold_table, self.title_a, self.sql_a, self.table_a]
        opened += [self.facts_a, self.title_b, self.sql_b, self.table_b, self.facts_b, self.to_arena]
        chosen = [self.a, self.b, self.verdict, self.level, self.db, self.feature, self.text]
        buttons = [self.pick, self.quick, self.full, self.resume, self.cancel, self.confirm]
        page = [
            self.head,
            *buttons,
            self.estimate,
            self.body,
            *drawn,
            self.caveats,
            *chosen,
            *listed,
            self.detail,
            self.other,
            self.changes,
        ]
        options = [self.models, self.databases, self.split]

        tab.select(self.on_open_tab, options, [*page, self.progress], **instant)
        self.pick.input(self.on_pick, [self.pick, *options], [*page, self.progress], **instant)
        gr.on([each.change for each in options], self.on_options, options, [self.estimate, self.confirm], **instant)
        self.axis.input(self.on_axis, self.axis, [*drawn, *listed, self.level], **instant)
        self.chart.input(self.on_chart, self.chart, [self.plot_2, self.numbers_2], **instant)
        gr.on([self.a.input, self.b.input], self.on_pair, [self.a, self.b], [*drawn, *listed, self.b, self.detail], **instant)
        filters = [self.verdict.input, self.level.input, self.db.input, self.feature.input, self.text.input]
        gr.on(filters, self.on_filter, chosen[2:], listed, trigger_mode="always_last", **instant)
        self.back.click(self._turning(-1), None, listed, **instant)
        self.on.click(self._turning(1), None, listed, **instant)

        begun = [*buttons, self.progress]
        limits: dict[str, Any] = {
            "concurrency_id": "benchmark",
            "concurrency_limit": 1,
        }  # of its own, so that nobody who asks waits for a run
        for button, handler in ((self.quick, self.on_quick), (self.start, self.on_start), (self.resume, self.on_resume)):
            beginning = button.click(handler, options, begun, trigger_mode="once", **instant)
            ran = beginning.success(self.on_run, None, [*page, self.progress], **private, **limits)
            ran.then(self.on_ended, options, page, **instant)
        self.full.click(self.on_full, options, [self.confirm, self.confirmation, self.start], **instant)
        self.not_now.click(lambda: gr.update(visible=False), None, self.confirm, **instant)
        self.cancel.click(self.on_cancel, None, self.progress, **instant)

        look: dict[str, Any] = {"concurrency_id": "look", "concurrency_limit": 4}
        to_detail = "() => benchShow('bench-detail')"
        for source in (self.listing, self.changes):
            source.click(self.on_open, None, opened, **private, **look).success(None, None, None, js=to_detail)
        self.close.click(self.on_close, None, self.detail, **instant).then(None, None, None, js="() => benchShow('bench-questions-title')")
        self.other.input(self.on_compare, self.other, self.changes, **instant)
        for button, which in ((self.csv, MAIN), (self.csv_2, "")):
            made = button.click(self._csv_of(which), None, self.file, **instant)
            made.success(None, self.file, None, js="(file) => benchSave(file)")
        self.jsonl.click(self.on_jsonl, None, self.file, **instant).success(None, self.file, None, js="(file) => benchSave(file)")

    def connect(self, arena: ArenaTab, tabs: gr.Tabs) -> None:
        """Let the open question be asked in the arena."""
        outputs = [tabs, arena.db, arena.question, arena.mode, arena.first, arena.second, arena.status]

        def ask_there(request: gr.Request) -> Update:
            bench = self._session(request).bench
            question = self._question(self._session(request), bench.opened)
            models = {arena.first: bench.view.a, arena.second: bench.view.b}
            offered = all(name in self.profile.models for name in models.values())
            return {
                tabs: gr.Tabs(selected="arena"),
                arena.db: question.example.db,
                arena.question: question.example.question,
                arena.mode: OPEN,
                arena.status: render.note(KNOWN),
            } | (models if offered else {})

        self.to_arena.click(ask_there, None, outputs, api_visibility="private", queue=False, show_progress="hidden")

    # What a run is and what the page shows of it

    def on_open_tab(self, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        """The latest stored run, or what the page showed before."""
        bench = self._session(request).bench
        try:
            if bench.run is None and not bench.at_work:
                bench.show(self.shelf.latest())
        except ArenaError as problem:
            return {self.progress: render.note(str(problem), "bad")}
        return self._page(request) | {self.estimate: self._estimate(models, databases, split)}

    def on_pick(self, name: str, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        bench = self._session(request).bench
        try:
            if bench.at_work:
                raise BadInput(AT_WORK)
            bench.show(self.shelf.get(name))
        except ArenaError as problem:
            return {self.progress: render.note(str(problem), "bad")}
        return self._page(request) | {self.estimate: self._estimate(models, databases, split), self.progress: ""}

    def _page(self, request: gr.Request) -> Update:
        """Everything that follows from what the session looks at."""
        session = self._session(request)
        bench, run = session.bench, session.bench.run
        update = self._buttons(bench) | {self.body: gr.update(visible=run is not None), self.detail: gr.update(visible=False)}
        if run is None:
            return update | {self.head: html.EMPTY}
        about, all_of = run.measured, questions.grouped(run.results, bench.view.axis)
        names = [(html.short(title), name) for name, title in about.titles.items()]
        return (
            update
            | self._drawn(bench)
            | self._listed(session)
            | {
                self.head: html.head(run, bench.at_work),
                self.caveats: html.caveats(about),
                self.a: gr.update(choices=names, value=bench.view.a or None),
                self.b: gr.update(choices=names, value=bench.view.b or None),
                self.verdict: gr.update(value=bench.view.wanted.verdict),
                self.level: gr.update(choices=_offer("All levels", questions.levels_in(all_of)), value=bench.view.wanted.level),
                self.db: gr.update(choices=_offer("All databases", about.databases), value=bench.view.wanted.db),
                self.feature: gr.update(choices=_offer("All features", questions.features_in(all_of)), value=bench.view.wanted.feature),
                self.text: gr.update(value=bench.view.wanted.text),
                self.other: gr.update(choices=self.shelf.comparable(about), value=None),
                self.changes: "" if self.shelf.comparable(about) else render.note("No other stored run asked the same questions."),
            }
        )

    def _buttons(self, bench: Bench) -> Update:
        run, working = bench.run, bench.at_work
        choices = self.shelf.choices()
        shown = run.measured.name if run else None
        return {
            self.pick: gr.update(choices=choices, value=shown if shown in {name for _, name in choices} else None, interactive=not working),
            self.quick: gr.update(visible=not working),
            self.full: gr.update(visible=not working),
            self.cancel: gr.update(visible=working),
            self.resume: gr.update(visible=not working and self._rest(run) is not None),
            self.confirm: gr.update(visible=False),
        }

    def _drawn(self, bench: Bench, with_numbers: bool = True) -> Update:
        """Both charts; while a run is at work without their numbers, so that the page is not closed under a reader's eyes."""
        run, view = bench.run, bench.view
        if run is None:
            return {}
        update: Update = {}
        for name, plot, numbers in ((MAIN, self.plot, self.numbers), (view.chart, self.plot_2, self.numbers_2)):
            shown = self._shown(bench, run)
            update[plot] = charts.CHARTS[name].figure(shown)
            if with_numbers:
                update[numbers] = html.numbers(charts.CHARTS[name].rows(shown), _stem(run, name, view.axis), charts.CHARTS[name].title)
        return update

    def _shown(self, bench: Bench, run: StoredRun) -> charts.Shown:
        pair = (bench.view.a, bench.view.b) if bench.view.a and bench.view.b else None
        return charts.shown(run.measured, run.results, bench.view.axis, stored=not bench.at_work, pair=pair)

    def _listed(self, session: Session) -> Update:
        """The page of questions that the filter leaves. The question of an open blind battle is not among them."""
        bench, run = session.bench, session.bench.run
        if run is None:
            return {}
        view, every = bench.view, questions.grouped(run.results, bench.view.axis)
        seen = [each for each in every if not session.is_undecided(each.example)]
        found = questions.matching(seen, view.wanted, view.a, view.b)
        shown, at, pages = questions.page_of(found, view.page)
        bench.view = replace(view, page=at)
        letters = {view.a: "A", view.b: "B"}
        first = at * questions.PAGE + 1
        said = f"{first} to {first + len(shown) - 1} of {len(found)} questions" if found else "No question is like that"
        left_out = "; one is left out until you have voted on it in the arena" if len(seen) < len(every) else ""
        return {
            self.listing: html.listing(shown, run.measured.titles, letters),
            self.where: f'<p class="rows" role="status">{said}{left_out}.</p>',
            self.back: gr.update(interactive=at > 0),
            self.on: gr.update(interactive=at + 1 < pages),
        }

    def on_axis(self, axis: Axis, request: gr.Request) -> Update:
        session = self._session(request)
        bench = session.bench
        bench.view = replace(bench.view, axis=axis, page=0, wanted=replace(bench.view.wanted, level=""))
        if bench.run is None:
            return {}
        levels = questions.levels_in(questions.grouped(bench.run.results, axis))
        return self._drawn(bench) | self._listed(session) | {self.level: gr.update(choices=_offer("All levels", levels), value="")}

    def on_chart(self, chart: str, request: gr.Request) -> Update:
        bench = self._session(request).bench
        bench.view = replace(bench.view, chart=chart)
        drawn = self._drawn(bench)
        return {part: drawn[part] for part in (self.plot_2, self.numbers_2) if part in drawn}

    def on_pair(self, a: str, b: str, request: gr.Request) -> Update:
        """A and B are two; where one takes the other's place, they change places."""
        session = self._session(request)
        view, run = session.bench.view, session.bench.run
        names = list(run.measured.titles) if run else []
        if a not in names or (b or a) not in names:
            return {}
        if a == b:
            a, b = (view.b, view.a) if view.b else (a, "")
        session.bench.view = replace(view, a=a, b=b or "", page=0)
        return self._drawn(session.bench) | self._listed(session) | {self.a: a, self.b: b or None, self.detail: gr.update(visible=False)}

    def on_filter(self, verdict: str, level: str, db: str, feature: str, text: str, request: gr.Request) -> Update:
        session = self._session(request)
        wanted = Wanted(verdict or "", level or "", db or "", feature or "", text or "")
        session.bench.view = replace(session.bench.view, wanted=wanted, page=0)
        return self._listed(session)

    def _turning(self, by: int) -> Callable[[gr.Request], Update]:
        """The handler that goes so many pages on."""

        def turn(request: gr.Request) -> Update:
            session = self._session(request)
            session.bench.view = replace(session.bench.view, page=session.bench.view.page + by)
            return self._listed(session)

        return turn

    # One question

    def on_open(self, event: gr.EventData, request: gr.Request) -> Update:
        """The question with its golds and both answers; their queries run again where the database is at hand."""
        session = self._session(request)
        bench, view = session.bench, session.bench.view
        try:
            question = self._question(session, str(event._data.get("key", "")))
        except BadInput as problem:
            gr.Warning(str(problem))
            return {}
        bench.opened = question.key
        titles = bench.run.measured.titles if bench.run else {}
        example = question.example
        update: Update = {
            self.detail: gr.update(visible=True),
            self.asked: html.question_head(question),
            self.gold_title: html.gold_head(len(example.gold_sql)),
            self.gold_sql: "\n\n-- or\n\n".join(map(sql.pretty, example.gold_sql)) or "-- None: these tables cannot answer the question.",
            self.gold_table: self._gold_table(example),
            self.to_arena: gr.update(interactive=example.db in self.services.databases),
        }
        sides = (
            ("A", view.a, self.title_a, self.sql_a, self.table_a, self.facts_a),
            ("B", view.b, self.title_b, self.sql_b, self.table_b, self.facts_b),
        )
        for letter, name, title, query, table, facts in sides:
            result = question.results.get(name)
            update |= {
                title: html.side_head(letter, titles.get(name, "(nobody)"), result),
                query: result.answer.prepared.formatted if result else "",
                table: self._answer_table(example, result.answer.prepared.sql, result.answer.execution) if result else "",
                facts: html.side_facts(result),
            }
        return update

    def _question(self, session: Session, key: str) -> Question:
        """Raises BadInput for a key that the shown run has not, and for the question of an open battle."""
        run = session.bench.run
        all_of = questions.grouped(run.results, session.bench.view.axis) if run else []
        found = next((each for each in all_of if each.key == key), None)
        if found is None:
            raise BadInput("That question is not in the run shown; choose one from the list.")
        if session.is_undecided(found.example):
            raise BadInput("This question is in your open battle; vote on that first.")
        return found

    def _gold_table(self, example: Example) -> str:
        if not example.gold_sql:
            return '<p class="rows">The right answer is to abstain.</p>'
        if example.db not in self.services.databases:
            return '<p class="rows">The database is not here, so its result cannot be shown.</p>'
        return render.result(self.services.engine.run(example.db, example.gold_sql[0], DISPLAY))

    def _answer_table(self, example: Example, query: str, stored: Execution) -> str:
        """The answer's result: run again where there was one and the database is at hand, else what the run's file keeps of it."""
        if stored.outcome not in ("ok", "empty") or example.db not in self.services.databases:
            return render.result(stored)
        now = self.services.engine.run(example.db, query, DISPLAY)
        changed = not now.truncated and not stored.truncated and (now.outcome, now.row_count) != (stored.outcome, stored.row_count)
        said = render.note(f"Now the query gives this; in the run it gave {stored.row_count:,} rows.", "warn") if changed else ""
        return said + render.result(now)

    def on_close(self, request: gr.Request) -> Update:
        self._session(request).bench.opened = ""
        return {self.detail: gr.update(visible=False)}

    def on_compare(self, name: str, request: gr.Request) -> str:
        session = self._session(request)
        run = session.bench.run
        try:
            if run is None:
                raise BadInput("Open a run first.")
            before = self.shelf.get(name)
            found = [self._without_undecided(session, each) for each in changes.between(before, run)]
        except ArenaError as problem:
            return render.note(str(problem), "bad")
        return html.changes(found, before.measured, run.measured)

    def _without_undecided(self, session: Session, change: changes.Change) -> changes.Change:
        gains, losses = (
            tuple(pair for pair in pairs if not session.is_undecided(pair[1].example)) for pairs in (change.gains, change.losses)
        )
        return replace(change, gains=gains, losses=losses)

    # Live runs

    def on_options(self, models: list[str], databases: list[str], split: str) -> Update:
        return {self.estimate: self._estimate(models, databases, split), self.confirm: gr.update(visible=False)}

    def on_quick(self, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        return self._begin(request, lambda: self._plan(models, databases, split, is_quick=True))

    def on_full(self, models: list[str], databases: list[str], split: str) -> Update:
        """Ask first: how much it is, and how long it takes; on ZeroGPU, how to do it elsewhere."""
        try:
            plan = self._plan(models, databases, split, is_quick=False)
        except ArenaError as problem:
            said, may = render.note(str(problem), "bad"), False
        else:
            answers = len(plan.examples) * len(plan.models)
            text = (
                f"All {len(plan.examples)} {split} questions to {len(plan.models)} contestants are {answers} answers, {self._time(plan)}."
            )
            may = self.profile.hardware != hardware.ZERO_GPU
            command = f"python -m nl2sql_arena bench run --models {','.join(plan.models)} --split {split}"
            where = f"On ZeroGPU that is more than a visitor's share; run it on a machine of your own: {command}"
            also = "It goes on while this page is open; cancelled or ended, it can be resumed, and nothing is written twice."
            said = render.note(f"{text} {also if may else where}")
        return {self.confirm: gr.update(visible=True), self.confirmation: said, self.start: gr.update(visible=may)}

    def on_start(self, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        def plan() -> Plan:
            if self.profile.hardware == hardware.ZERO_GPU:
                raise BadInput("A full run is more than ZeroGPU gives a visitor; run it with bench run on a machine of your own.")
            return self._plan(models, databases, split, is_quick=False)

        return self._begin(request, plan)

    def on_resume(self, _models: list[str], _databases: list[str], _split: str, request: gr.Request) -> Update:
        def plan() -> Plan:
            rest = self._rest(self._session(request).bench.run)
            if rest is None:
                raise BadInput("There is nothing to resume; start a new run.")
            return rest

        return self._begin(request, plan)

    def _begin(self, request: gr.Request, make: Callable[[], Plan]) -> Update:
        """Take the page's one place for a live run. Whoever waits for the machine is told so."""
        with self.sessions.locked(request.session_hash) as session:
            try:
                if session.bench.at_work:
                    raise BadInput(AT_WORK)
                session.bench.begin(make())
            except ArenaError as problem:
                return {self.progress: render.note(str(problem), "bad")}
            return self._buttons(session.bench) | {self.progress: render.note(WAITING, "busy")}

    def _plan(self, models: list[str], databases: list[str], split: str, is_quick: bool) -> Plan:
        chosen = tuple(name for name in self.profile.models if name in (models or ()))
        names = [name for name in self.services.databases if name in (databases or ())]
        if not chosen or not names:
            raise BadInput("Choose at least one contestant and one database, then run.")
        if split not in SPLITS:
            raise BadInput(f"There are no '{split}' questions; choose one of {', '.join(SPLITS)}.")
        examples = [example for db in names for example in self.services.examples(db, split)]
        if is_quick:
            examples = sample.quick(examples)
        if not examples:
            raise BadInput(f"These databases have no {split} questions; choose others.")
        dataset = "all" if len(names) == len(self.services.databases) else ",".join(names)
        return Plan(chosen, examples, dataset, split, sample.CHOSEN if is_quick else "")

    def _rest(self, run: StoredRun | None) -> Plan | None:
        """How a run that was ended goes on; None where it is whole, or where its models or questions are not these any more."""
        if run is None or run.complete:
            return None
        about = run.measured
        examples = sample.questions(self.services, about)
        if examples is None or any(each.name not in self.profile.models for each in about.contestants):
            return None
        same = all(self.services.revision(each.name) == each.revision for each in about.contestants)
        names = tuple(about.titles)
        return Plan(names, examples, about.dataset, about.split, about.chosen, len(run.results) if same else 0)

    def _estimate(self, models: list[str], databases: list[str], split: str) -> str:
        try:
            plan = self._plan(models, databases, split, is_quick=True)
        except BadInput as problem:
            return render.note(str(problem), "warn")
        contestants = f"{len(plan.models)} contestant{'s' * (len(plan.models) != 1)}"
        said = f"Quick sample: {len(plan.examples)} {split} questions to {contestants}, {self._time(plan)}."
        return f'<p class="rows">{said}</p>'

    def _time(self, plan: Plan) -> str:
        revisions = {name: self.services.revision(name) for name in plan.models}
        seconds = sample.seconds(self.shelf.newest(), revisions, self.profile.hardware, len(plan.examples))
        return "how long that takes here is not known yet" if seconds is None else f"{html.duration(seconds)} by earlier runs here"

    def on_run(self, request: gr.Request) -> Iterator[Update]:
        """The page as the answers arrive, until all are there or the run is ended."""
        bench = self._session(request).bench
        plan, bench.plan = bench.plan, None
        if plan is None:
            return
        stop = bench.stop
        live = Live(self.services, plan, self.profile.hardware, stop.is_set)
        try:
            live.start()
            yield from self._watch(request, live)
        finally:
            stop.set()

    def _watch(self, request: gr.Request, live: Live) -> Iterator[Update]:
        session = self._session(request)
        bench, said = session.bench, ""
        if live.plan.before:
            said = f"{live.plan.before} of them were written before and come from the run log."
        drawn, drawn_at = -1, 0.0
        while not live.ended.wait(TICK):
            run = live.run()
            if run is None:
                yield {self.progress: html.bar(0, live.total, live.seconds, "Loading")}
                continue
            update: Update = {self.progress: html.bar(len(run.results), live.total, live.seconds, "Running", live.left, said)}
            if drawn < 0:
                bench.show(run)
                update |= self._page(request)
            elif len(run.results) > drawn and time.monotonic() - drawn_at > REFRESH:
                bench.run = run
                update |= self._drawn(bench, with_numbers=False) | self._listed(session) | {self.head: html.head(run, live=True)}
            else:
                yield update
                continue
            drawn, drawn_at = len(run.results), time.monotonic()
            yield update
        yield {self.progress: self._ended(request, live, said)}

    def _ended(self, request: gr.Request, live: Live, said: str) -> str:
        """The last word on a run, which the page shows from now on as a stored one."""
        bench, run = self._session(request).bench, live.run()
        stopped = bench.stop.is_set()
        if run is not None:
            if bench.run is None or bench.run.measured.name != run.measured.name:
                bench.show(run)
            bench.run = run
        if live.failure:
            return render.note(live.failure, "bad")
        word = "Done" if run and run.complete else "Cancelled" if stopped else "Ended"
        more = f"Kept as {run.measured.name}." if run and run.complete else "Resume goes on from here, and writes nothing twice."
        return html.bar(len(live.results), live.total, live.seconds, word, None, f"{said} {more}".strip())

    def on_ended(self, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        bench = self._session(request).bench
        if bench.at_work:
            return {}
        return self._page(request) | {self.estimate: self._estimate(models, databases, split)}

    def on_cancel(self, request: gr.Request) -> str:
        stop = self._session(request).bench.stop
        if stop.is_set():
            return render.note("Nothing is running.")
        stop.set()
        return render.note("Cancelling…", "busy")

    # Files

    def _csv_of(self, which: str) -> Callable[[gr.Request], dict[str, str]]:
        """The handler that gives a chart's rows as a file; the second chart is the one that is shown now."""

        def file(request: gr.Request) -> dict[str, str]:
            bench = self._session(request).bench
            if bench.run is None:
                raise gr.Error("Open a run first.")
            name = which or bench.view.chart
            rows = charts.CHARTS[name].rows(self._shown(bench, bench.run))
            out = io.StringIO()
            writer = csv.DictWriter(out, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            return {"name": f"{_stem(bench.run, name, bench.view.axis)}.csv", "type": "text/csv", "text": out.getvalue()}

        return file

    def on_jsonl(self, request: gr.Request) -> dict[str, str]:
        run = self._session(request).bench.run
        if run is None or run.path is None or not run.path.is_file():
            raise gr.Error("This run has no file yet; start a run first.")
        return {"name": run.path.name, "type": "application/x-ndjson", "text": run.path.read_text(encoding="utf-8")}

    def _session(self, request: gr.Request) -> Session:
        return self.sessions.of(request.session_hash)


def _stem(run: StoredRun, chart: str, axis: str) -> str:
    """A file's name without its ending."""
    return f"{run.measured.name}-{chart}" + (f"-{axis}" if chart in charts.LEVELED else "")


def _offer(every: str, names: Any) -> list[tuple[str, str]]:
    return [(every, ""), *((name.replace("_", " "), name) for name in names)]


def _choices(words: dict[str, str]) -> list[tuple[str, str]]:
    return [(text, name) for name, text in words.items()]


def _blank() -> go.Figure:
    """What is drawn before there is anything, so that the browser has loaded its plotting by then."""
    return go.Figure(layout={"template": "none", "height": 420, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"})
