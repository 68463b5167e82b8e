"""The ballot below the results: one click for the vote, and what follows from it.

A vote must bring the ticket that came with the results. It is checked on the server against the page's own battle and by the store
against its key, so that a script without it, with an old one or with that of another page gets a sentence and leaves no trace.
"""

import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from nl2sql_arena import arena
from nl2sql_arena.benchmark.runner import judge
from nl2sql_arena.errors import ArenaError, BadVote
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import WINNERS, Winner
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Round, Session, Sessions
from nl2sql_arena.ui.words import BUTTONS, GOLD, SAID
from nl2sql_arena.votes import tokens

NO_BATTLE = "There is no open battle to vote on; ask a question first."
NOT_YET = "Both results are not here yet; vote when they are."
ANOTHER = "This ticket is of another battle than the one on this page; vote on the results that you see."
log = logging.getLogger(__name__)
Update = dict[Any, Any]
ShowPage = Callable[[Round], Update]
"""The whole page as a round has it."""


class Ballot:
    """Its components, and their handlers; the tab says what else a vote changes on the page."""

    def __init__(self, services: Services, profile: Profile, sessions: Sessions) -> None:
        self.services, self.profile, self.sessions = services, profile, sessions
        self.ticket = gr.Textbox(visible="hidden", elem_id="ticket", label="Ticket of the vote")
        with gr.Row(elem_id="votes"):
            self.buttons = {
                winner: gr.Button(BUTTONS[winner], interactive=False, elem_id=f"vote-{winner}", min_width=120) for winner in WINNERS
            }
        self.refusal = gr.HTML(elem_id="refusal", padding=False)
        self.reveal = gr.HTML(elem_id="reveal", padding=False)
        self.gold = gr.HTML(elem_id="gold", padding=False)
        self.parts = [self.ticket, *self.buttons.values(), self.refusal, self.reveal, self.gold]
        """What a round shows or hides."""

    def wire(self, shown: list[Any], page: ShowPage) -> None:
        instant: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        for winner, button in self.buttons.items():
            voted = button.click(self._voting(winner, page), self.ticket, shown, trigger_mode="once", **instant)
            voted.success(self.on_gold, None, self.gold, **instant)

    def issue(self, session: Session) -> None:
        """Both results leave for the page: their battle goes to disk, and the page gets the ticket of its vote."""
        asked = session.round
        if asked.battle is None or asked.ticket or not arena.votable(asked.battle):
            return
        try:
            arena.keep(self.services, asked.battle, session.voter)
        except ArenaError as problem:
            asked.failure = str(problem)  # a disk that is full now may have room when the vote comes
        asked.ticket = tokens.ticket(asked.battle.id, self.services.store.token(asked.battle.id, session.voter))

    def page(self, asked: Round) -> Update:
        """The ballot as a round has it."""
        open_ = asked.battle is not None and bool(asked.ticket) and not asked.end
        update: Update = {self.ticket: asked.ticket, self.refusal: "", self.reveal: "", self.gold: ""}
        if asked.battle and asked.end == "vote":
            update[self.reveal] = render.reveal(asked.battle, dict(self.services.cards), asked.said)
        return update | {button: gr.update(interactive=open_) for button in self.buttons.values()}

    def _voting(self, winner: Winner, page: ShowPage) -> Callable[[str | None, gr.Request], Update]:
        """The handler of one vote button."""

        def vote(ticket: str | None, request: gr.Request) -> Update:
            return self.on_vote(winner, ticket, request, page)

        return vote

    def on_vote(self, winner: Winner, ticket: str | None, request: gr.Request, page: ShowPage) -> Update:
        """Keep the vote, then show who was who. A second click finds the battle closed."""
        with self.sessions.locked(request.session_hash) as session:
            asked = session.round
            try:
                battle_id, token = _own(asked, ticket)
                if asked.battle:
                    arena.keep(self.services, asked.battle, session.voter)
                self.services.store.vote(battle_id, winner, session.voter, token)
                if asked.battle is None:
                    return {self.reveal: self._of_before(battle_id, winner)}
            except ArenaError as problem:
                return {self.refusal: render.note(str(problem), "bad")}
            asked.end, asked.said = "vote", f"Recorded: {SAID[winner]}. {self._thanks()}"
            return page(asked)

    def _thanks(self) -> str:
        return "A practice vote: these are minis." if self.profile.kind == "mini" else "Thank you."

    def _of_before(self, battle_id: str, winner: Winner) -> str:
        """What is said of a vote on a battle that this process has not seen: the app was restarted since."""
        battle = self.services.store.battle(battle_id) or {}
        titles = [card.title if (card := self.services.cards.get(battle.get(f"model_{side}", ""))) else "unknown" for side in "ab"]
        return render.note(f"Recorded: {SAID[winner]}. {self._thanks()} A was {titles[0]}, B was {titles[1]}.", "good")

    def on_gold(self, request: gr.Request) -> str:
        """After the vote on an example question, what the benchmark says of each side."""
        asked = self.sessions.of(request.session_hash).round
        if not (asked.end == "vote" and asked.battle and asked.ask and asked.ask.example):
            return ""
        example, sides = asked.ask.example, (asked.battle.a, asked.battle.b)
        try:
            verdicts = [GOLD.get(judge(self.services, example, answer).reason, "not scored") for answer in sides]
        except ArenaError:
            log.exception("the gold answer of %s could not be compared", example.id)
            return ""
        return render.note(f"Against the benchmark's gold answer, A is {verdicts[0]}; B is {verdicts[1]}.")


def _own(asked: Round, ticket: str | None) -> tuple[str, str]:
    """The battle and token that a ticket is good for on this page. Raises BadVote; whether the token is genuine the store says."""
    battle_id, token = tokens.read(ticket or "")
    if asked.end or (asked.ask is None and not battle_id):
        raise BadVote(NO_BATTLE)
    if asked.ask and not asked.ticket:
        raise BadVote(NOT_YET)
    if asked.battle and battle_id and battle_id != asked.battle.id:
        raise BadVote(ANOTHER)
    return battle_id or (asked.battle.id if asked.battle else ""), token
