"""The Votes tab: what visitors preferred, real contestants and practice always apart."""

import gradio as gr

from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Services
from nl2sql_arena.ui import render
from nl2sql_arena.votes.tables import READABILITY

REAL = (
    "Every vote cast on the real models in this arena's own store. "
    "The win rate leaves ties and both-bad votes out; few votes mean a wide interval."
)
PRACTICE = (
    "Votes on the minis, small stand-ins trained by this project. They say nothing about Phi-2 or SQLCoder and enter no other figure."
)
READING = "Votes on answers whose result tables were the same: they tell only which query reads better and enter no other figure."
APART = (("Votes on readability", "real"), ("Practice votes on readability", "mini"))


def build(services: Services, tab: gr.Tab) -> None:
    board = gr.HTML(elem_id="leaderboard")
    refresh = gr.Button("Refresh", elem_id="refresh", size="sm")

    def show() -> str:
        try:
            real, practice = services.store.tallies("real"), services.store.tallies("mini")
            reading = {kind: services.store.tallies(kind, asks=READABILITY) for kind in ("real", "mini")}
        except ArenaError as problem:
            return render.note(str(problem), "bad")
        cards = dict(services.cards)
        boards = [("Votes", REAL, real), ("Practice votes", PRACTICE, practice)]
        boards += [(title, READING, reading[kind]) for title, kind in APART if reading[kind]]
        return "".join(render.tallies(*board, cards) for board in boards)

    gr.on([tab.select, refresh.click], show, None, board, api_visibility="private", queue=False, show_progress="hidden")
