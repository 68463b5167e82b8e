"""The ballot below the results: one click for the vote, and what follows from it.

A vote must bring the ticket that came with the results. It is checked on the server against the page's own battle and by the store
against its key, so that a script without it, with an old one or with that of another page gets a sentence and leaves no trace.
Names come with the vote alone: who skips or cannot tell learns nothing.
"""

import logging
from collections.abc import Callable
from typing import Any, Literal

import gradio as gr

from nl2sql_arena import arena
from nl2sql_arena.benchmark.runner import judge
from nl2sql_arena.errors import ArenaError, BadVote
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import Winner
from nl2sql_arena.ui import render
from nl2sql_arena.ui.details import Details
from nl2sql_arena.ui.fixing import Fixing
from nl2sql_arena.ui.guessing import Guessing
from nl2sql_arena.ui.sessions import Round, Session, Sessions
from nl2sql_arena.ui.sides import check_choice
from nl2sql_arena.ui.visitor import Visitor
from nl2sql_arena.ui.vote_buttons import VoteButtons, on_equal_tables
from nl2sql_arena.ui.words import CHOOSE_FIRST, GOLD, GUESSED, PASSED, SAID, SAID_READS, SAME_QUERY, UNDONE, WHO
from nl2sql_arena.votes import tokens
from nl2sql_arena.votes.tables import now

NO_BATTLE = "There is no open battle to vote on; ask a question first."
NOT_YET = "Both results are not here yet; vote when they are."
ANOTHER = "This ticket is of another battle than the one on this page; vote on the results that you see."
log = logging.getLogger(__name__)
Update = dict[Any, Any]
Passing = Literal["skip", "cant_tell"]
ShowPage = Callable[[Round], Update]
"""The whole page as a round has it."""
Handler = Callable[[str | None, Any, gr.Request], Update]


class Ballot:
    """Its components, and their handlers; the tab says what else a vote changes on the page."""

    def __init__(self, services: Services, profile: Profile, sessions: Sessions) -> None:
        self.services, self.profile, self.sessions = services, profile, sessions
        self.ticket = gr.Textbox(visible="hidden", elem_id="ticket", label="Ticket of the vote")
        self.told = gr.HTML(elem_id="told", padding=False)
        self.visitor = Visitor(services, sessions)
        self.buttons = VoteButtons(services, sessions)
        self.buttons.build_passing()
        self.guessing = Guessing(services, sessions, services.settings.audit_every, WHO, GUESSED, sessions.recognise)
        self.visitor.build_choice()
        self.buttons.build_kept()
        self.visitor.build_id()
        self.reveal = gr.HTML(elem_id="reveal", padding=False)
        self.gold = gr.HTML(elem_id="gold", padding=False)
        self.details = Details(services, sessions)
        self.fixing = Fixing(services, sessions)
        own = [self.ticket, self.told, *self.buttons.parts, *self.visitor.parts]
        self.parts = [*own, self.reveal, self.gold, *self.guessing.parts, *self.details.parts, *self.fixing.parts]
        """What a round shows or hides."""

    def wire(self, shown: list[Any], page: ShowPage) -> None:
        instant: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        proof = [self.ticket, self.visitor.remembered]
        for winner, button in self.buttons.verdicts.items():
            voted = button.click(self._voting(winner, page), proof, shown, trigger_mode="once", **instant)
            voted.success(self.on_gold, None, self.gold, **instant)
        self.buttons.skip.click(self._passing("skip", page), proof, shown, trigger_mode="once", **instant)
        self.buttons.cant_tell.click(self._passing("cant_tell", page), proof, shown, trigger_mode="once", **instant)
        self.buttons.undo.click(self._undoing(page), proof, shown, trigger_mode="once", **instant)
        for told in self.guessing.wire(proof, self.told, shown, lambda session: page(session.round)):
            told.success(self.on_gold, None, self.gold, **instant)
        look, looked = self.buttons.on_look, self.buttons.looked
        self.buttons.waiting.tick(look, None, looked, **instant)
        for said in self.visitor.wire(shown, page):
            answered = said.success(self._answering(page), proof, shown, **instant)
            answered.success(self.on_gold, None, self.gold, **instant)
        for saved in (self.details.wire(*proof), self.fixing.wire(*proof)):
            saved.then(look, None, looked, **instant)

    def issue(self, session: Session) -> None:
        """Both results leave for the page, which gets the ticket of its vote; their battle goes to disk as far as the visitor allows."""
        asked = session.round
        if asked.battle is None or asked.ticket or not arena.votable(asked.battle):
            return
        asked.about_reading = arena.verdict(asked.battle) == "same"
        asked.delivered, asked.asks_consent = now(), session.consent is None and not session.declined
        try:
            self._keep(session)
        except ArenaError as problem:
            asked.failure = str(problem)  # a disk that is full now may have room when the vote comes
        asked.ticket = tokens.ticket(asked.battle.id, self.services.store.token(asked.battle.id, session.voter))

    def _keep(self, session: Session) -> None:
        """The battle is on disk, as far as the visitor allows, unless nothing may be. Raises BadVote and StoreError."""
        asked = session.round
        agreed = asked.agreed or session.consent
        if asked.battle and agreed:
            chosen = asked.ask.chosen if asked.ask else ""
            arena.keep(self.services, asked.battle, session.voter, agreed, chosen, asked.delivered)
            asked.agreed, asked.keeps_text = agreed, arena.keeping(self.services, asked.battle, agreed) == "all"
            asked.failure = ""  # of a disk that was full then

    def page(self, asked: Round) -> Update:
        """The ballot as a round has it."""
        update: Update = {self.ticket: asked.ticket, self.told: self._told(asked), self.reveal: "", self.gold: ""}
        if asked.battle and asked.end in ("vote", "undo") and not asked.is_guessing:
            update[self.reveal] = render.reveal(asked.battle, dict(self.services.cards), asked.said)
        update |= self.buttons.page(asked) | self.guessing.page(asked) | self.visitor.page(asked)
        return update | self.details.page(asked) | self.fixing.page(asked)

    def _told(self, asked: Round) -> str:
        if asked.end in PASSED:
            return render.note(asked.said)
        return render.note(asked.said, "good") if asked.is_guessing else on_equal_tables(asked, SAME_QUERY)

    def _voting(self, winner: Winner, page: ShowPage) -> Handler:
        """The handler of one vote button."""

        def vote(ticket: str | None, remembered: Any, request: gr.Request) -> Update:
            return self.on_vote(winner, ticket, remembered, request, page)

        return vote

    def _answering(self, page: ShowPage) -> Handler:
        """The handler of the answer to what may be kept: the vote that waited for it is cast, or given up."""

        def answer(ticket: str | None, remembered: Any, request: gr.Request) -> Update:
            with self.sessions.locked(request.session_hash) as session:
                asked, wanted = session.round, session.round.wanted
                asked.wanted = None
                if wanted is None or asked.end:
                    return {self.told: gr.update()}
                if session.consent is None:
                    return {self.told: self._told(asked)}
            return self.on_vote(wanted, ticket, remembered, request, page)

        return answer

    def on_vote(self, winner: Winner, ticket: str | None, remembered: Any, request: gr.Request, page: ShowPage) -> Update:
        """Keep the vote, then show who was who. A second click finds the battle closed; without consent nothing is kept or shown."""
        with self.sessions.locked(request.session_hash) as session:
            self.sessions.recognise(session, remembered)
            asked = session.round
            try:
                battle_id, token = _own(asked, ticket)
                check_choice(asked, winner)
                if session.consent is None:
                    asked.asks_consent, asked.wanted = True, winner
                    return self.visitor.page(asked) | {self.told: render.note(CHOOSE_FIRST, "warn")}
                is_limited = self.sessions.admit("vote", request)
                self._keep(session)
                self.services.store.vote(battle_id, winner, session.voter, token)
                if not is_limited:
                    self._flag(battle_id, "limiter_off")
                if asked.battle is None:
                    return {self.told: self._of_before(battle_id, winner)}
            except ArenaError as problem:
                return {self.told: render.note(str(problem), "bad")}
            said = SAID_READS if asked.about_reading else SAID
            asked.end, asked.winner, asked.said = "vote", winner, f"Recorded: {said[winner]}. {self._thanks()}"
            asked.asks_guess = self.guessing.ask(asked)
            return page(asked)

    def _flag(self, battle_id: str, flag: str) -> None:
        """The vote stands, whether or not this can be noted."""
        try:
            self.services.store.flag(battle_id, flag)
        except ArenaError:
            log.exception("battle %s could not be flagged", battle_id)

    def _passing(self, kind: Passing, page: ShowPage) -> Handler:
        def pass_over(ticket: str | None, remembered: Any, request: gr.Request) -> Update:
            """End the battle without a verdict; nothing is revealed. Where nothing may be kept, that it was ended is not either."""
            with self.sessions.locked(request.session_hash) as session:
                self.sessions.recognise(session, remembered)
                asked = session.round
                try:
                    battle_id, token = _own(asked, ticket)
                    if session.consent or asked.battle is None:
                        self._keep(session)
                        self.services.store.pass_over(battle_id, kind, session.voter, token)
                except ArenaError as problem:
                    return {self.told: render.note(str(problem), "bad")}
                asked.end, asked.said = kind, PASSED[kind]
                return page(asked) if asked.battle else {self.told: render.note(asked.said)}

        return pass_over

    def _undoing(self, page: ShowPage) -> Handler:
        def undo(ticket: str | None, remembered: Any, request: gr.Request) -> Update:
            """Take the vote back, which closes its battle: the names are known."""
            with self.sessions.locked(request.session_hash) as session:
                self.sessions.recognise(session, remembered)
                asked = session.round
                battle_id, token = tokens.read(ticket or "")
                try:
                    self.services.store.undo(battle_id, session.voter, token)
                except ArenaError as problem:
                    return {self.told: render.note(str(problem), "bad")}
                if asked.battle is None or asked.battle.id != battle_id:
                    return {self.told: render.note(UNDONE)}
                asked.end, asked.said = "undo", UNDONE
                return page(asked)

        return undo

    def _thanks(self) -> str:
        return "A practice vote: these are minis." if self.profile.kind == "mini" else "Thank you."

    def _of_before(self, battle_id: str, winner: Winner) -> str:
        """What is said of a vote on a battle that this process has not seen: the app was restarted since."""
        battle = self.services.store.battle(battle_id) or {}
        said = SAID_READS if battle.get("difference") == "same" else SAID
        titles = [card.title if (card := self.services.cards.get(battle.get(f"model_{side}", ""))) else "unknown" for side in "ab"]
        return render.note(f"Recorded: {said[winner]}. {self._thanks()} A was {titles[0]}, B was {titles[1]}.", "good")

    def on_gold(self, request: gr.Request) -> str:
        """After the vote on an example question, what the benchmark says of each side."""
        asked = self.sessions.of(request.session_hash).round
        if not (asked.end == "vote" and not asked.is_guessing and asked.battle and asked.ask and asked.ask.example):
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
