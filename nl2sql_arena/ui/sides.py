"""Two answers beside each other, on the arena's page and on a study's: their components, and what these show of a battle.

Both answers of a battle come at once, and only whole: of one that was stopped half way the page shows and remembers nothing.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr

from nl2sql_arena import arena
from nl2sql_arena.database import Database
from nl2sql_arena.errors import ArenaError, BadVote
from nl2sql_arena.services import Services
from nl2sql_arena.types import Answer, Battle, Winner
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Round

STOPPED = "Stopped, and nothing was recorded; try again when you like."
UNEXPECTED = "Something failed on our side, and nothing was counted; try again. The server's log has the details."
log = logging.getLogger(__name__)
Update = dict[Any, Any]


@dataclass(frozen=True)
class Side:
    """One answer's components."""

    title: gr.HTML
    sql: gr.Code
    words: gr.HTML
    table: gr.HTML


class Sides:
    """Both, and the strip below them that compares the two tables."""

    def __init__(self) -> None:
        with gr.Row(elem_id="sides"):
            self.a, self.b = _side("a"), _side("b")
        self.strip = gr.HTML(elem_id="strip", padding=False)
        self.sql = [self.a.sql, self.b.sql]
        self.parts = [self.a.words, self.b.words, self.a.table, self.b.table, self.strip]
        """What `page` sets."""

    def page(self, asked: Round, result: Callable[[Answer], str]) -> Update:
        """Steps and tables of a round's battle; `result` is an answer's table as HTML."""
        if asked.battle is None:
            return dict.fromkeys(self.parts, "")
        found: Update = {self.strip: _strip(asked.battle)}
        for side, answer, words in zip((self.a, self.b), (asked.battle.a, asked.battle.b), asked.words, strict=True):
            found |= {side.words: render.steps(words), side.table: result(answer)}
        return found


def _side(letter: str) -> Side:
    with gr.Column(min_width=300, elem_classes=["side-column"]):
        title = gr.HTML(render.side_title(letter.upper()), elem_id=f"title-{letter}", padding=False)
        sql = gr.Code(
            language="sql", label=f"SQL of model {letter.upper()}", interactive=False, elem_id=f"sql-{letter}", wrap_lines=True,
            buttons=["copy"],
        )  # fmt: skip
        words = gr.HTML(elem_id=f"words-{letter}", padding=False)
        table = gr.HTML(elem_id=f"table-{letter}", padding=False)
    return Side(title, sql, words, table)


def _strip(battle: Battle) -> str:
    found = arena.compared(battle.a, battle.b)
    if found is None:
        return render.comparison(arena.verdict(battle))
    return render.comparison(arena.verdict(battle), found.only_a, found.only_b, found.common, (found.columns_a, found.columns_b))


def texts(battle: Battle) -> tuple[str, str]:
    """Both SQL texts in one layout, whatever the models' own."""
    return battle.a.prepared.formatted, battle.b.prepared.formatted


def schema(database: Database) -> str:
    """Tables and columns with their first rows."""
    found = database.schema()
    return render.schema(found, {table.name: database.preview(table.name) for table in found.tables})


def question(asked: Round) -> str:
    """What a voter is asked of an open battle."""
    if is_one_answer(asked):
        return render.note("Both sides wrote the very same query. Go on below the results.")
    which = "Both results are the same table: which query reads better?" if asked.about_reading else "Which answer is better?"
    return render.note(f"{which} Vote below the results.")


def is_one_answer(asked: Round) -> bool:
    """Whether both queries are one, laid out alike, and so are both tables: then neither side can be the better one."""
    battle = asked.battle
    return battle is not None and asked.about_reading and battle.a.prepared.formatted == battle.b.prepared.formatted


def check_choice(asked: Round, winner: Winner) -> None:
    """Raises BadVote for a preference where there is nothing to prefer."""
    if winner in ("model_a", "model_b") and is_one_answer(asked):
        raise BadVote("Both sides wrote the very same query, so neither is better; vote “Equal” or skip it.")


def take(services: Services, asked: Round, battle: Battle) -> None:
    """The round has its battle, unless that was stopped half way: half a battle would tell which side was the faster."""
    if asked.stop.is_set() and not arena.votable(battle):
        asked.failure = STOPPED
        return
    asked.words = arena.in_words(services, battle)
    asked.battle = battle


@contextmanager
def failing(asked: Round) -> Iterator[None]:
    """What goes wrong inside becomes the round's failure."""
    try:
        yield
    except ArenaError as problem:
        asked.failure = str(problem)
    except Exception:  # noqa: BLE001 - the UI's edge: the page says something, the log says what
        log.exception("a question failed")
        asked.failure = UNEXPECTED
