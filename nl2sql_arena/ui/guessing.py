"""Now and then after a vote: which model do you think A was? One click, or none at all. The arena asks it before it tells the names, a
study, which never tells them, before the next question.
"""

import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.events import Dependency

from nl2sql_arena.errors import ArenaError, BadVote
from nl2sql_arena.services import Services
from nl2sql_arena.types import Battle
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Round, Session, Sessions
from nl2sql_arena.ui.words import NO_GUESS, NO_IDEA
from nl2sql_arena.votes import tokens
from nl2sql_arena.votes.guessing import is_due

log = logging.getLogger(__name__)
Update = dict[Any, Any]
ShowPage = Callable[[Session], Update]
Recognise = Callable[[Session, Any], object]
"""Takes over what a browser remembers, as who its visitor is."""
Handler = Callable[[str | None, Any, gr.Request], Update]


class Guessing:
    """The box, and what follows from its buttons."""

    def __init__(
        self, services: Services, sessions: Sessions, every: float, asks: str, answers: Mapping[bool, str], recognise: Recognise
    ) -> None:
        """It comes after one vote in `every` (0: never) and `asks`; `answers` is what follows of a right and of a wrong guess."""
        self.services, self.sessions, self.every, self.answers, self.recognise = services, sessions, every, answers, recognise
        self.rng = random.SystemRandom()
        with gr.Column(visible=False, elem_id="guess-box") as self.box:
            gr.HTML(f'<p role="status">{asks}</p>', elem_id="guess-words", padding=False)
            with gr.Row(elem_id="guess-row"):
                self.models = [gr.Button(f"Model {number}", elem_id=f"guess-{number}", size="sm") for number in (1, 2)]
                self.no_idea = gr.Button(NO_IDEA, elem_id="guess-none", size="sm")
        self.parts = [self.box, *self.models]

    def wire(self, proof: list[Any], told: gr.HTML, shown: list[Any], page: ShowPage) -> list[Dependency]:
        """`proof` is the ticket and what the browser remembers, `shown` what `page` changes, `told` where a refusal is read.

        Returns what may tell the names.
        """
        instant: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False, "trigger_mode": "once"}
        buttons = [(self.models[0], 0), (self.models[1], 1), (self.no_idea, None)]
        return [button.click(self._guessing(number, told, page), proof, shown, **instant) for button, number in buttons]

    def page(self, asked: Round) -> Update:
        """The box as a round has it. The order of the two names says nothing of the sides."""
        if not asked.is_guessing or asked.battle is None:
            return {self.box: gr.update(visible=False)}
        titles = [gr.update(value=self.services.cards[name].title) for name in self._models(asked.battle)]
        return {self.box: gr.update(visible=True), **dict(zip(self.models, titles, strict=True))}

    def ask(self, asked: Round) -> bool:
        """Whether the voter is asked after this vote, which is then on disk. A store that fails here costs only the question."""
        if asked.battle is None:
            return False
        chosen = asked.ask.chosen if asked.ask else ""
        if not is_due(asked.battle, chosen, self.every, self.rng):
            return False
        try:
            self.services.store.ask_who(asked.battle.id)
        except ArenaError:
            log.exception("nobody was asked about battle %s", asked.battle.id)
            return False
        return True

    def _models(self, battle: Battle) -> list[str]:
        return sorted((battle.a.model, battle.b.model), key=lambda name: (self.services.cards[name].title, name))

    def _guessing(self, number: int | None, told: gr.HTML, page: ShowPage) -> Handler:
        def guess(ticket: str | None, remembered: Any, request: gr.Request) -> Update:
            """Keep the guess, then go on."""
            with self.sessions.locked(request.session_hash) as session:
                self.recognise(session, remembered)
                asked = session.round
                battle_id, token = tokens.read(ticket or "")
                if asked.battle is None or not asked.is_guessing or battle_id != asked.battle.id:
                    return {told: render.note(NO_GUESS, "bad")}
                model = "" if number is None else self._models(asked.battle)[number]
                try:
                    self.services.store.guess(battle_id, model, session.voter, token)
                except BadVote as problem:
                    return {told: render.note(str(problem), "bad")}
                except ArenaError:
                    log.exception("a guess about battle %s could not be kept", battle_id)
                asked.asks_guess = False
                if model:
                    words = self.answers[model == asked.battle.a.model].format(title=self.services.cards[model].title)
                    asked.said = f"{asked.said} {words}"
                return page(session)

        return guess
