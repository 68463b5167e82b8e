"""The Votes tab: what visitors preferred, real contestants and practice always apart."""

import gradio as gr

from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Services
from nl2sql_arena.ui import render

REAL = (
    "Every vote cast on the real models in this arena's own store. "
    "The win rate leaves ties and both-bad votes out; few votes mean a wide interval."
)
PRACTICE = (
    "Votes on the minis, small stand-ins trained by this project. They say nothing about Phi-2 or SQLCoder and enter no other figure."
)


def build(services: Services, tab: gr.Tab) -> None:
    board = gr.HTML(elem_id="leaderboard")
    refresh = gr.Button("Refresh", elem_id="refresh", size="sm")

    def show() -> str:
        try:
            real, practice = services.store.tallies("real"), services.store.tallies("mini")
        except ArenaError as problem:
            return render.note(str(problem), "bad")
        cards = dict(services.cards)
        return render.tallies("Votes", REAL, real, cards) + render.tallies("Practice votes", PRACTICE, practice, cards)

    gr.on([tab.select, refresh.click], show, None, board, api_visibility="private", queue=False, show_progress="hidden")
