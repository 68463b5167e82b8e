"""The About tab: what runs here, under which licences, and how answers are treated."""

from html import escape

import gradio as gr

from nl2sql_arena import sandbox
from nl2sql_arena.benchmark import verify
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import ModelCard
from nl2sql_arena.ui import render

TEXT = """
**What this is.** One question goes to two text-to-SQL models. Each reads the prompt it was tuned on, both get the same cap on
length, and both answers run on the same read-only DuckDB database in disposable worker processes. You see both tables and say
which is better.

**What is done to an answer.** The SQL is taken out of the model's words, translated to DuckDB where the model writes another
dialect, and text in double quotes that names no column is read as a value.
Each change is named after the vote, beside the model's own words.

**What the databases are.** Synthetic data from seeded generators. Their questions and gold answers were written with a language
model for this project; they were not collected from people.

**What is kept.** Nothing before you say what may be, beside your first vote: your votes, or also the text of questions that you type,
under a random id that your browser keeps, and published for research under that id. Below the vote buttons you change that or erase
all of it. Please type nothing personal.
"""


HEAD = ("Model", "Kind", "Weights", "Revision", "Licence", "On this page", "Notes")


def build(services: Services, profile: Profile) -> None:
    gr.Markdown(TEXT, elem_id="about-text")
    gr.HTML(_cards(services, profile), elem_id="cards")
    gr.Markdown("**Limits on every query here:** " + "; ".join(sandbox.limits_in_force()) + ".", elem_id="limits")


def _cards(services: Services, profile: Profile) -> str:
    """All cards, those of this page's models first."""
    checks = verify.read(services.settings.data / verify.FILE, verify.SHIPPED)
    rows = "".join(
        _card(card, revision := services.revision(card.name), card.name in profile.models, verify.told(card.name, revision, checks))
        for card in sorted(services.cards.values(), key=lambda card: card.name not in profile.models)
    )
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    return render.grid(head, rows, "Models")


def _card(card: ModelCard, revision: str, offered: bool, verified: str) -> str:
    ids = " + ".join(each.id for each in (card.base, card.adapter) if each)
    weights = {"real": ids, "mini": "trained here", "baseline": "none"}[card.kind]
    kind = {"real": f"real; {verified}", "mini": "mini, a practice stand-in", "baseline": "baseline"}[card.kind]
    cells = (card.title, kind, weights, revision, card.licence, "yes" if offered else "no", card.notes)
    return "<tr>" + "".join(f'<td data-of="{of}">{escape(text)}</td>' for of, text in zip(HEAD, cells, strict=True)) + "</tr>"
