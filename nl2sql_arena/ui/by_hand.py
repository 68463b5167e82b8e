"""The SQL tab: a database's tables and a query of one's own, run where models' queries run. It needs no model at all."""

from typing import Any

import gradio as gr

from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.services import Services
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Sessions

LONGEST = 20_000
"""Characters of a query that is accepted."""
Update = dict[Any, Any]


class ByHand:
    """The tab's components and handlers; nothing is kept of what is run here."""

    def __init__(self, services: Services, sessions: Sessions) -> None:
        self.services, self.sessions = services, sessions
        names = list(services.databases)
        first = names[0] if names else None
        self.db = gr.Dropdown(names, value=first, label="Database", elem_id="by-hand-db")
        self.sql = gr.Code(
            self._start(first), language="sql", label="Your SQL", interactive=True, elem_id="by-hand-sql", wrap_lines=True, lines=6
        )
        self.run = gr.Button("Run", variant="primary", elem_id="by-hand-run")
        self.table = gr.HTML(elem_id="by-hand-table", padding=False)
        with gr.Accordion("Tables and columns", open=True, elem_id="by-hand-schema-box"):
            self.schema = gr.HTML(self._schema(first), elem_id="by-hand-schema")
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.db.change(self.on_db, self.db, [self.sql, self.schema, self.table], queue=False, **private)
        self.run.click(
            self.on_click, [self.db, self.sql], self.table, trigger_mode="once", concurrency_id="by-hand", concurrency_limit=2, **private
        )

    def on_db(self, db: str) -> Update:
        """Another database's tables, and a query that runs on it."""
        return {self.sql: self._start(db), self.schema: self._schema(db), self.table: ""}

    def on_click(self, db: str | None, sql: str | None, request: gr.Request) -> str:
        """One of so many queries in an hour."""
        try:
            self.sessions.admit("query", request)
        except ArenaError as problem:
            return render.note(str(problem), "bad")
        return self.on_run(db, sql)

    def on_run(self, db: str | None, sql: str | None) -> str:
        """The result table of a query, or why there is none."""
        text = (sql or "").strip()
        try:
            if not db:
                raise BadInput("There is no database to ask; put one into sample_dbs and start again.")
            if not text:
                raise BadInput("The query is empty; write one.")
            if len(text) > LONGEST:
                raise BadInput(f"The query has {len(text):,} characters; write at most {LONGEST:,}.")
            return render.result(self.services.engine.run(db, text))
        except ArenaError as problem:
            return render.note(str(problem), "bad")

    def _start(self, db: str | None) -> str:
        """Any table's first rows."""
        tables = self.services.databases[db].schema().tables if db else ()
        return f'SELECT * FROM "{tables[0].name}" LIMIT 10' if tables else ""

    def _schema(self, db: str | None) -> str:
        if not db:
            return ""
        database = self.services.databases[db]
        found = database.schema()
        return render.schema(found, {table.name: database.preview(table.name) for table in found.tables})
