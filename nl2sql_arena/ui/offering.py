"""The button "Next question": the arena chooses among the examples of the database at hand, and remembers how it chose."""

import logging
import random
from typing import Any

import gradio as gr

from nl2sql_arena.benchmark.differing import Differing
from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Services
from nl2sql_arena.ui.sessions import Session, Sessions
from nl2sql_arena.votes.choosing import Offer, choose, counts, judged_by

log = logging.getLogger(__name__)


class Offering:
    """The button, and what stands behind it."""

    def __init__(self, services: Services, sessions: Sessions, rng: random.Random | None = None) -> None:
        self.services, self.sessions = services, sessions
        self.differing = Differing(services)
        self.rng = rng or random.SystemRandom()
        self.button = gr.Button("Next question", elem_id="next", min_width=130)

    def wire(self, inputs: list[Any], outputs: list[Any]) -> None:
        """`inputs`: database, both models, what the browser remembers; `outputs`: question, examples."""
        self.button.click(self.on_next, inputs, outputs, trigger_mode="once", queue=False, api_visibility="private", show_progress="hidden")

    def on_next(self, db: str, first: str, second: str, remembered: Any, request: gr.Request) -> Any:
        with self.sessions.locked(request.session_hash) as session:
            self.sessions.recognise(session, remembered)
            try:
                offer = self._offer(session, db, (first, second))
            except ArenaError as problem:
                gr.Warning(str(problem))
                return gr.skip(), gr.skip()
            if offer is None:
                gr.Info("This database has no example questions; type one.")
                return gr.skip(), gr.skip()
            session.offer = offer
            session.passed.add((db, offer.question))
        examples = self.services.examples(db, "arena")
        question = next(each.question for each in examples if each.id == offer.question)
        return question, gr.update(choices=[each.question for each in examples], value=question)

    def _offer(self, session: Session, db: str, pair: tuple[str, str]) -> Offer | None:
        """Raises ArenaError."""
        rows = self.services.store.votes_on(db, self.services.databases[db].content, pair)
        return choose(
            [each.id for each in self.services.examples(db, "arena")],
            counts(rows),
            {identity: differs for (name, identity), differs in self.differing.between(pair).items() if name == db},
            judged_by(session.voter, rows),
            self.rng,
            self.services.settings.control_every,
            {identity for name, identity in session.passed if name == db},
        )
