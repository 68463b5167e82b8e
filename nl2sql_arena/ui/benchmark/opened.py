"""One question: its golds, A's and B's answer, all three results, why the verdicts are as they are, and the way into the arena."""

import gradio as gr

from nl2sql_arena import sql
from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import DISPLAY, Example, Execution
from nl2sql_arena.ui import render
from nl2sql_arena.ui.arena import OPEN, ArenaTab
from nl2sql_arena.ui.benchmark import html, questions
from nl2sql_arena.ui.benchmark.part import INSTANT, PRIVATE, Common, Update
from nl2sql_arena.ui.benchmark.questions import Question
from nl2sql_arena.ui.sessions import Session

KNOWN = "You come from the benchmark, which names who wrote what, so this question is asked in open mode."
NO_GOLD = "-- None: these tables cannot answer the question."


class Side:
    """A column: a title, a query, its result, and how it came about."""

    def __init__(self, name: str, label: str) -> None:
        with gr.Column(min_width=280, elem_classes=["bench-side"]):
            self.title = gr.HTML(elem_id=f"bench-title-{name}", padding=False)
            self.query = gr.Code(
                language="sql", label=label, interactive=False, elem_id=f"bench-sql-{name}", wrap_lines=True, buttons=["copy"]
            )
            self.table = gr.HTML(elem_id=f"bench-table-{name}", padding=False)
            self.facts = gr.HTML(elem_id=f"bench-facts-{name}", padding=False)
        self.parts = [self.title, self.query, self.table, self.facts]


class OpenQuestion:
    """Its queries run again where the database is at hand; else it shows the rows that the run's file keeps."""

    def __init__(self, common: Common) -> None:
        self.common = common
        with gr.Column(visible=False, elem_id="bench-detail") as self.box:
            self.asked = gr.HTML(elem_id="bench-asked", padding=False)
            with gr.Row(elem_id="bench-sides"):
                self.gold = Side("gold", "Gold query")
                self.a = Side("a", "SQL of contestant A")
                self.b = Side("b", "SQL of contestant B")
            with gr.Row():
                self.to_arena = gr.Button("Ask it in the arena", elem_id="bench-to-arena")
                self.back = gr.Button("Back to the list", elem_id="bench-close")
        self.parts = [self.box, self.asked, *self.gold.parts, *self.a.parts, *self.b.parts, self.to_arena]
        closed = self.back.click(self.on_close, None, self.box, **INSTANT)
        closed.then(None, None, None, js="() => benchShow('bench-questions-title')")

    def opens_from(self, *sources: gr.HTML) -> None:
        """Let the questions named in these be opened."""
        for source in sources:
            opened = source.click(self.on_open, None, self.parts, concurrency_id="look", concurrency_limit=4, **PRIVATE)
            opened.success(None, None, None, js="() => benchShow('bench-detail')")

    def connect(self, arena: ArenaTab, tabs: gr.Tabs) -> None:
        """Let the open question be asked in the arena, by A and B where both are offered there."""

        def ask_there(request: gr.Request) -> Update:
            session = self.common.session(request)
            view = session.bench.view
            try:
                example = self._question(session, session.bench.opened).example
            except BadInput as problem:
                gr.Warning(str(problem))
                return {tabs: gr.skip()}  # for Gradio an empty dictionary is a mistake
            offered = all(name in self.common.profile.models for name in (view.a, view.b))
            return {
                tabs: gr.Tabs(selected="arena"),
                arena.db: example.db,
                arena.question: example.question,
                arena.mode: OPEN,
                arena.status: render.note(KNOWN),
            } | ({arena.first: view.a, arena.second: view.b} if offered else {})

        outputs = [tabs, arena.db, arena.question, arena.mode, arena.first, arena.second, arena.status]
        self.to_arena.click(ask_there, None, outputs, **INSTANT)

    def shown(self, session: Session) -> Update:
        """Whether a question is still open: the page may come back from another tab, where its question may have been asked blind."""
        try:
            self._question(session, session.bench.opened)
        except BadInput:
            session.bench.opened = ""
        return {self.box: gr.update(visible=bool(session.bench.opened))}

    def on_open(self, event: gr.EventData, request: gr.Request) -> Update:
        session = self.common.session(request)
        bench = session.bench
        try:
            question = self._question(session, str(event._data.get("key", "")))
        except BadInput as problem:
            gr.Warning(str(problem))
            return {self.box: gr.skip()}
        bench.opened = question.key
        example = question.example
        titles = bench.run.measured.titles if bench.run else {}
        update: Update = {
            self.box: gr.update(visible=True),
            self.asked: html.question_head(question),
            self.gold.title: html.gold_head(len(example.gold_sql)),
            self.gold.query: "\n\n-- or\n\n".join(map(sql.pretty, example.gold_sql)) or NO_GOLD,
            self.gold.table: self._gold_table(example),
            self.to_arena: gr.update(interactive=example.db in self.common.services.databases),
        }
        for letter, name, side in (("A", bench.view.a, self.a), ("B", bench.view.b, self.b)):
            result = question.results.get(name)
            update |= {
                side.title: html.side_head(letter, titles.get(name, "no contestant"), result),
                side.query: result.answer.prepared.formatted if result else "",
                side.table: self._answer_table(example, result.answer.prepared.sql, result.answer.execution) if result else "",
                side.facts: html.side_facts(result),
            }
        return update

    def on_close(self, request: gr.Request) -> Update:
        self.common.session(request).bench.opened = ""
        return {self.box: gr.update(visible=False)}

    def _question(self, session: Session, key: str) -> Question:
        """Raises BadInput for a key that the shown run has not, and for the question of an open battle."""
        run = session.bench.run
        every = questions.grouped(run.results, session.bench.view.axis) if run else []
        found = next((each for each in every if each.key == key), None)
        if found is None:
            raise BadInput("That question is not in the run shown; choose one from the list.")
        if session.is_undecided(found.example):
            raise BadInput("This question is in your open battle; vote on that first.")
        return found

    def _gold_table(self, example: Example) -> str:
        """What the first gold gives; runs do not keep it."""
        if not example.gold_sql:
            return '<p class="rows">The right answer is to abstain.</p>'
        if example.db not in self.common.services.databases:
            return '<p class="rows">Its database is not here, so its result cannot be shown.</p>'
        return render.result(self.common.services.engine.run(example.db, example.gold_sql[0], DISPLAY))

    def _answer_table(self, example: Example, query: str, stored: Execution) -> str:
        if stored.outcome not in ("ok", "empty") or example.db not in self.common.services.databases:
            return render.result(stored)
        now = self.common.services.engine.run(example.db, query, DISPLAY)
        changed = not now.truncated and not stored.truncated and (now.outcome, now.row_count) != (stored.outcome, stored.row_count)
        said = render.note(f"This is what the query gives now; in the run it gave {stored.row_count:,} rows.", "warn") if changed else ""
        return said + render.result(now)
