"""What a battle can end with, on the arena's page and on a study's: four verdicts, skip, "I can't tell", the vote taken back; and where
that is kept.
"""

from typing import Any

import gradio as gr

from nl2sql_arena.services import Services
from nl2sql_arena.types import WINNERS
from nl2sql_arena.ui import render, sides
from nl2sql_arena.ui.sessions import Round, Sessions
from nl2sql_arena.ui.words import BUTTONS, KEPT, READING, READS

LOOK_SECONDS = 4
"""How often an open page asks whether its vote is synced, until it is."""
HINT = "The keys 1 to 4 vote, too."
Update = dict[Any, Any]


class VoteButtons:
    """Built in three steps, so that a page may put something between them."""

    def __init__(self, services: Services, sessions: Sessions, visible: bool = True) -> None:
        self.services, self.sessions = services, sessions
        with gr.Row(elem_id="votes", visible=visible) as self.row:
            self.verdicts = {
                winner: gr.Button(BUTTONS[winner], interactive=False, elem_id=f"vote-{winner}", min_width=120) for winner in WINNERS
            }

    def build_passing(self) -> None:
        with gr.Row(elem_id="passing", visible=False) as self.passing:
            self.skip = gr.Button("Skip", elem_id="skip", size="sm")
            self.cant_tell = gr.Button("I can't tell", elem_id="cant-tell", size="sm")
            self.undo = gr.Button("Take my vote back", elem_id="undo", size="sm", visible=False)
            self.hint = gr.HTML(f'<p class="hint">{HINT}</p>', elem_id="hint", padding=False)

    def build_kept(self) -> None:
        self.kept = gr.HTML(elem_id="kept", padding=False)
        self.waiting = gr.Timer(LOOK_SECONDS, active=False)

    @property
    def parts(self) -> list[Any]:
        """What `page` sets."""
        return [*self.verdicts.values(), self.passing, self.skip, self.cant_tell, self.undo, self.hint, *self.looked]

    @property
    def looked(self) -> list[Any]:
        """What `on_look` sets."""
        return [self.kept, self.waiting]

    def page(self, asked: Round) -> Update:
        """All of them as a round has them."""
        is_open, has_vote = asked.is_open, asked.end == "vote"
        labels = READS if asked.about_reading else BUTTONS
        update: Update = {self.passing: gr.update(visible=is_open or has_vote), self.undo: gr.update(visible=has_vote)}
        update |= {part: gr.update(visible=is_open) for part in (self.skip, self.cant_tell, self.hint)}
        for winner, button in self.verdicts.items():
            chosen = has_vote and asked.winner == winner
            can_win = winner in ("tie", "both_bad") or not sides.is_one_answer(asked)
            update[button] = gr.update(value=labels[winner], interactive=is_open and can_win, variant="primary" if chosen else "secondary")
        return update | self.where(asked)

    def where(self, asked: Round) -> Update:
        """Where the vote or what else ended the battle is; asked again while a copy lacks it."""
        if asked.battle is None or asked.end is None or asked.agreed is None:
            return {self.kept: "", self.waiting: gr.update(active=False)}
        where = self.services.kept(asked.battle.id)
        return {self.kept: f'<p class="rows" role="status">{KEPT[where]}</p>', self.waiting: gr.update(active=where == "saved")}

    def on_look(self, request: gr.Request) -> Update:
        return self.where(self.sessions.of(request.session_hash).round)


def on_equal_tables(asked: Round, same_query: str) -> str:
    """What an open battle is about where both tables are one; `same_query` where the two queries are, too."""
    if not asked.is_open or not asked.about_reading:
        return ""
    return render.note(same_query if sides.is_one_answer(asked) else READING)
