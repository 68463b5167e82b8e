"""After the vote: a visitor puts one side's query right, runs it where models' queries run, and says that it is right."""

from typing import Any, Literal

import gradio as gr
from gradio.events import Dependency

from nl2sql_arena import compare
from nl2sql_arena.errors import ArenaError, BadVote
from nl2sql_arena.services import Services
from nl2sql_arena.types import Battle, Execution
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Round, Session, Sessions
from nl2sql_arena.votes import tokens
from nl2sql_arena.votes.details import Fix, checked

AFTER_THE_VOTE = "A query can be put right after the vote on it; vote first."
CHANGED = "This is not the query that ran last; run it, look at its table, then say that it is right."
SAVED = "Saved with your vote: this query is preferred over both sides."
Update = dict[Any, Any]
Side = Literal["a", "b"]
TABLES = ("ok", "empty")


class Fixing:
    """The box below the details."""

    def __init__(self, services: Services, sessions: Sessions) -> None:
        self.services, self.sessions = services, sessions
        with gr.Accordion("Put the SQL right", open=False, visible=False, elem_id="fix") as self.box:
            self.side = gr.Radio([("A", "a"), ("B", "b")], value="a", label="Start from the SQL of", elem_id="fix-side")
            self.sql = gr.Code(language="sql", label="Your SQL", interactive=True, elem_id="fix-sql", wrap_lines=True, lines=6)
            with gr.Row(elem_id="fix-row"):
                self.run = gr.Button("Run", elem_id="fix-run", size="sm")
                self.right = gr.Button("This is right", elem_id="fix-right", size="sm", interactive=False)
            self.told = gr.HTML(elem_id="fix-told", padding=False)
            self.table = gr.HTML(elem_id="fix-table", padding=False)
        self.parts = [self.box, self.side, self.sql, self.right, self.told, self.table]

    def wire(self, ticket: gr.Textbox, remembered: gr.BrowserState) -> Dependency:
        """Returns what saves."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        shown = [self.right, self.told, self.table]
        self.side.input(self.on_side, self.side, self.sql, queue=False, **private)
        self.run.click(self.on_run, [self.side, self.sql], shown, trigger_mode="once", concurrency_id="fix", concurrency_limit=2, **private)
        return self.right.click(
            self.on_right, [ticket, remembered, self.sql], [self.right, self.told], trigger_mode="once", queue=False, **private
        )

    def page(self, asked: Round) -> Update:
        """The box as a round has it; without a vote that stands it is empty and out of sight."""
        if asked.end == "vote" and asked.battle and not asked.is_guessing:
            better: Side = "b" if asked.winner == "model_b" else "a"
            return {self.box: gr.update(visible=asked.keeps_text), self.side: better, self.sql: _shown(asked.battle, better)}
        empty = {self.sql: "", self.told: "", self.table: "", self.right: gr.update(interactive=False)}
        return {self.box: gr.update(visible=False, open=False)} | empty

    def on_side(self, side: Side, request: gr.Request) -> Any:
        """The editor starts over from a side's query."""
        asked = self.sessions.of(request.session_hash).round
        return _shown(asked.battle, side) if asked.battle and asked.end == "vote" else gr.skip()

    def on_run(self, side: Side, sql: str | None, request: gr.Request) -> Update:
        """Run the query in the sandbox and remember it, should it have a table."""
        session = self.sessions.of(request.session_hash)
        asked = session.round
        try:
            if asked.end != "vote" or asked.battle is None:
                raise BadVote(AFTER_THE_VOTE)
            fix = Fix(side, (sql or "").strip(), 0)
            checked(fix)
            self.sessions.admit("query", request)
            done = self.services.engine.run(asked.battle.db, fix.fix_sql)
        except ArenaError as problem:
            return {self.told: render.note(str(problem), "bad")}
        has_table = done.outcome in TABLES
        asked.fix = Fix(side, fix.fix_sql, done.row_count) if has_table else None
        return {
            self.table: render.result(done),
            self.told: render.note(_against(asked.battle, done)) if has_table else "",
            self.right: gr.update(interactive=has_table),
        }

    def on_right(self, ticket: str | None, remembered: Any, sql: str | None, request: gr.Request) -> Update:
        """Keep the query that ran last as the right one."""
        with self.sessions.locked(request.session_hash) as session:
            self.sessions.recognise(session, remembered)
            try:
                self._keep(session, ticket, (sql or "").strip())
            except ArenaError as problem:
                return {self.told: render.note(str(problem), "bad")}
        return {self.told: render.note(SAVED, "good"), self.right: gr.update(interactive=False)}

    def _keep(self, session: Session, ticket: str | None, sql: str) -> None:
        battle_id, token = tokens.read(ticket or "")
        fix, battle = session.round.fix, session.round.battle
        if fix is None or battle is None or fix.fix_sql != sql or battle.id != battle_id:
            raise BadVote(CHANGED)
        self.services.store.add_note(battle_id, fix, session.voter, token)


def _shown(battle: Battle, side: Side) -> str:
    return (battle.a if side == "a" else battle.b).prepared.formatted


def _against(battle: Battle, done: Execution) -> str:
    """Whose table the visitor's own is."""
    alike = [
        letter
        for letter, answer in (("A", battle.a), ("B", battle.b))
        if answer.outcome in TABLES
        and not (answer.execution.truncated or done.truncated)
        and compare.difference(answer.execution, done).same
    ]
    return f"The same table as that of {' and '.join(alike)}." if alike else ""
