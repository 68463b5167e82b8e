"""What a visitor may add to a vote, once it is cast: a closer look at each side. Closed until it is wanted, and never asked for."""

from typing import Any

import gradio as gr
from gradio.events import Dependency

from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Services
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Round, Sessions
from nl2sql_arena.ui.words import REASONS
from nl2sql_arena.votes import tokens
from nl2sql_arena.votes.details import COMMENT_CHARS, Detail

CORRECT = {"Yes": True, "No": False, "Not sure": None}
SAVED = "Saved with your vote. What you save later takes its place."
Update = dict[Any, Any]


class Details:
    """The box below the reveal."""

    def __init__(self, services: Services, sessions: Sessions) -> None:
        self.services, self.sessions = services, sessions
        with gr.Accordion("Say more about this vote", open=False, visible=False, elem_id="details") as self.box:
            with gr.Row():
                self.correct_a, self.reasons_a = self._side("A")
                self.correct_b, self.reasons_b = self._side("B")
            self.comment = gr.Textbox(
                label="Comment", placeholder="Anything else", lines=1, max_lines=4, max_length=COMMENT_CHARS, elem_id="comment"
            )
            self.save = gr.Button("Save", elem_id="details-save", size="sm")
            self.told = gr.HTML(elem_id="details-told", padding=False)
        self.inputs = [self.correct_a, self.correct_b, self.reasons_a, self.reasons_b, self.comment]
        self.parts = [self.box, *self.inputs, self.told]

    def _side(self, letter: str) -> tuple[gr.Radio, gr.CheckboxGroup]:
        side = letter.lower()
        with gr.Column(min_width=280):
            correct = gr.Radio(list(CORRECT), value="Not sure", label=f"Is {letter} correct?", elem_id=f"correct-{side}")
            choices = [(words, reason) for reason, words in REASONS.items()]
            reasons = gr.CheckboxGroup(choices, label=f"What is wrong with {letter}?", elem_id=f"reasons-{side}")
        return correct, reasons

    def wire(self, ticket: gr.Textbox, remembered: gr.BrowserState) -> Dependency:
        """Returns what saves."""
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        return self.save.click(self.on_save, [ticket, remembered, *self.inputs], self.told, trigger_mode="once", **hidden)

    def page(self, asked: Round) -> Update:
        """The box as a round has it; without a vote that stands it is empty and out of sight."""
        if asked.end == "vote" and not asked.is_guessing:
            return {self.box: gr.update(visible=True), self.comment: gr.update(visible=asked.keeps_text)}
        cleared = {self.correct_a: "Not sure", self.correct_b: "Not sure", self.reasons_a: [], self.reasons_b: [], self.comment: ""}
        return {self.box: gr.update(visible=False, open=False), self.told: ""} | cleared

    def on_save(
        self,
        ticket: str | None,
        remembered: Any,
        correct_a: str | None,
        correct_b: str | None,
        reasons_a: list[str] | None,
        reasons_b: list[str] | None,
        comment: str | None,
        request: gr.Request,
    ) -> str:
        battle_id, token = tokens.read(ticket or "")
        said = Detail(
            CORRECT.get(correct_a or ""),
            CORRECT.get(correct_b or ""),
            tuple(reasons_a or ()),
            tuple(reasons_b or ()),
            (comment or "").strip(),
        )
        with self.sessions.locked(request.session_hash) as session:
            self.sessions.recognise(session, remembered)
            try:
                self.services.store.add_note(battle_id, said, session.voter, token)
            except ArenaError as problem:
                return render.note(str(problem), "bad")
        return render.note(SAVED, "good")
