"""The page of a study: consent and invite code, then one question after another until the voter or the study is done.

Blind to its end: unlike the arena's, this page tells of no answer whose it was, nor what the gold answer is, since who has learned a
model's hand votes for a name. Where it asks now and then which model A was, it names the two and says not which is which. What the server
does not know after a restart the browser brings along: its code and its consent, which are checked each time.
"""

import secrets
from collections.abc import Callable
from html import escape
from typing import Any, Literal

import gradio as gr

from nl2sql_arena import arena
from nl2sql_arena.errors import ArenaError, BadInput, BadVote
from nl2sql_arena.prompts import question_key
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import Answer, Example, Winner
from nl2sql_arena.ui import render, sides
from nl2sql_arena.ui.ballot import ANOTHER, NO_BATTLE
from nl2sql_arena.ui.guessing import Guessing
from nl2sql_arena.ui.sessions import End, Round, Session, Sessions, Visit
from nl2sql_arena.ui.sides import Sides, check_choice
from nl2sql_arena.ui.vote_buttons import VoteButtons, on_equal_tables
from nl2sql_arena.ui.words import SAID, SAID_READS, TAKEN_FOR, WHO_IN_A_STUDY
from nl2sql_arena.votes import study_course, tokens
from nl2sql_arena.votes.consent import Consent
from nl2sql_arena.votes.study import Opened, Seat
from nl2sql_arena.votes.study_course import Done, Next
from nl2sql_arena.votes.tables import now
from nl2sql_arena.votes.voters import is_secret, new_secret

STORAGE = "nl2sql-arena-study"
SECRET, CODE, STUDY_HASH = "secret", "code", "study"
WRITING = "Two models are answering; this may take a while…"
UNFINISHED = "A side did not finish, so this question cannot be judged yet; try again."
SAME_QUERY = "Both sides wrote the very same query; vote “Equal”."
BEGUN_ELSEWHERE = "Give your consent first, on top of this page."
PASSED = {"skip": "Skipped; it counts for nobody.", "cant_tell": "Noted that you cannot tell; that is no tie and counts for nobody."}
UNDONE = "Taken back; this vote counts nowhere. Its question may come again."
DONE: dict[Done, str] = {
    "yours": "You have answered all questions that you were to get.",
    "ended": "The study has all the votes that it needs.",
    "nothing_left": "There is no question left that you have not seen.",
}
FULL = "Others have taken every place of this invite code; ask whoever invited you for another code."
LEFT = "Erased: {count}. To take part again, begin anew."
Update = dict[Any, Any]
Passing = Literal["skip", "cant_tell"]
Handler = Callable[[str | None, Any, gr.Request], Update]


class StudyTab:
    """The tab's components and handlers; what it knows of an open page lives in `Sessions`."""

    def __init__(self, services: Services, profile: Profile, sessions: Sessions, opened: Opened, concurrency: int) -> None:
        self.services, self.profile, self.sessions, self.opened = services, profile, sessions, opened
        self.study, self.concurrency = opened.study, concurrency
        self.rng = secrets.SystemRandom()
        self.remembered = gr.BrowserState(None, storage_key=f"{STORAGE}-{self.study.hash[:16]}", secret=STORAGE)
        # Outside of all that is shown and hidden: Gradio shows a hidden field when it shows the column around it.
        self.ticket = gr.Textbox(visible="hidden", elem_id="ticket", label="Ticket of the vote")
        self._build_entrance()
        self._build_work()
        self._build_end()
        self._wire()

    def _build_entrance(self) -> None:
        with gr.Column(visible=False, elem_id="study-entrance") as self.entrance:
            paragraphs = "".join(f"<p>{escape(each)}</p>" for each in self.study.consent.split("\n\n") if each.strip())
            gr.HTML(f'<div class="consent">{paragraphs}</div>', elem_id="study-consent", padding=False)
            with gr.Row(elem_id="study-enter"):
                self.code = gr.Textbox(
                    label="Invite code", placeholder="As it was given to you", max_lines=1, max_length=100, elem_id="study-code",
                    visible=not self.study.is_open, min_width=200, autofocus=True,
                )  # fmt: skip
                self.begin = gr.Button("I agree and begin", variant="primary", elem_id="study-begin", min_width=180)
            self.refused = gr.HTML(elem_id="study-refused", padding=False)

    def _build_work(self) -> None:
        with gr.Column(visible=False, elem_id="study-work") as self.work:
            self.head = gr.HTML(elem_id="study-head", padding=False)
            with gr.Accordion("Tables and columns", open=False, elem_id="schema-box"):
                self.schema = gr.HTML(elem_id="schema")
            self.status = gr.HTML(elem_id="status", padding=False)
            with gr.Column(visible=False, elem_id="study-results") as self.results:
                self.sides = Sides()
            self.told = gr.HTML(elem_id="told", padding=False)
            self.buttons = VoteButtons(self.services, self.sessions, visible=False)
            every = 1 / self.study.audit_share if self.study.audit_share else 0
            self.guessing = Guessing(self.services, self.sessions, every, WHO_IN_A_STUDY, TAKEN_FOR, self._recognise)
            with gr.Row(elem_id="study-next-row", visible=False) as self.onward:
                self.next = gr.Button("Next question", variant="primary", elem_id="study-next", min_width=180)
            self.buttons.build_passing()
            self.buttons.build_kept()

    def _build_end(self) -> None:
        self.thanks = gr.HTML(visible=False, elem_id="study-thanks", padding=False)
        with gr.Row(visible=False, elem_id="voter-row") as self.foot:
            self.voter = gr.HTML(elem_id="voter", padding=False)
            self.erase = gr.Button("Stop, and erase my votes", elem_id="voter-erase", size="sm")
        with gr.Row(visible=False, elem_id="erase-row") as self.confirm:
            gr.HTML("<p>Erase all that you have given to this study, for good?</p>", elem_id="erase-asks", padding=False)
            self.yes = gr.Button("Erase", elem_id="erase-yes", size="sm")
            self.no = gr.Button("Keep them", elem_id="erase-no", size="sm")

    def connect(self, demo: gr.Blocks) -> None:
        """A voter who comes back goes on where he or she was."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        self._asking(demo.load(self.on_open, self.remembered, self._parts, **private))

    def _wire(self) -> None:
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self._instant = private | {"queue": False, "trigger_mode": "once"}
        self._queued = private | {"concurrency_id": "models", "concurrency_limit": self.concurrency}
        self._parts = [
            self.entrance, self.refused, self.work, self.head, self.schema, self.status, self.results, *self.sides.parts, self.ticket,
            self.told, self.buttons.row, *self.buttons.parts, *self.guessing.parts, self.onward, self.next, self.thanks, self.foot,
            self.voter, self.confirm,
        ]  # fmt: skip
        own, proof = [self.remembered, self.code, *self._parts], [self.ticket, self.remembered]
        self._asking(gr.on([self.begin.click, self.code.submit], self.on_begin, [self.code, self.remembered], own, **self._instant))
        self._asking(self.next.click(self.on_next, self.remembered, self._parts, **self._instant))
        for winner, button in self.buttons.verdicts.items():
            button.click(self._voting(winner), proof, self._parts, **self._instant)
        self.buttons.skip.click(self._passing("skip"), proof, self._parts, **self._instant)
        self.buttons.cant_tell.click(self._passing("cant_tell"), proof, self._parts, **self._instant)
        self.buttons.undo.click(self.on_undo, proof, self._parts, **self._instant)
        self.buttons.waiting.tick(self.buttons.on_look, None, self.buttons.looked, **private, queue=False)
        self.guessing.wire(proof, self.told, self._parts, self._page)
        self.erase.click(lambda: gr.update(visible=True), None, self.confirm, **self._instant)
        self.no.click(lambda: gr.update(visible=False), None, self.confirm, **self._instant)
        self.yes.click(self.on_erase, self.remembered, own, **self._instant)

    def _asking(self, chosen: Any) -> None:
        """After a question was chosen both models answer it, and the page shows both answers in one update."""
        asked = chosen.success(self.on_ask, None, self.sides.sql, **self._queued)
        asked.then(self.on_results, None, self._parts, api_visibility="private", show_progress="hidden", queue=False)

    # Who it is

    def _seat(self, remembered: Any) -> Seat | None:
        """Whose browser this is; None where no consent to this very study was given there, or its code is none any more."""
        if not isinstance(remembered, dict) or remembered.get(STUDY_HASH) != self.study.hash or not is_secret(remembered.get(SECRET)):
            return None
        try:
            return self.study.seat(str(remembered.get(CODE, "")), remembered[SECRET])
        except BadInput:
            return None

    def _recognise(self, session: Session, remembered: Any) -> Visit | None:
        """The visit of this page, made anew after a restart of the app."""
        seat = self._seat(remembered)
        if seat and (session.visit is None or session.visit.seat != seat):
            session.visit, session.voter = Visit(seat), seat.voter
        return session.visit if seat else None

    def on_open(self, remembered: Any, request: gr.Request) -> Update:
        with self.sessions.locked(request.session_hash) as session:
            if self._recognise(session, remembered):
                self._choose(session)
            return self._page(session)

    def on_begin(self, code: str | None, remembered: Any, request: gr.Request) -> Update:
        """Consent, under a code of this study; the click on the button below the text is the consent."""
        with self.sessions.locked(request.session_hash) as session:
            found = remembered.get(SECRET) if isinstance(remembered, dict) else None
            secret = str(found) if is_secret(found) else new_secret()
            typed = "" if self.study.is_open else (code or "").strip()
            try:
                self.sessions.admit("enter", request)
                seat = self.study.seat(typed, secret)
                if study_course.is_full(seat, self.services.store.of_study(self.study.hash)):
                    raise BadInput(FULL)
            except ArenaError as problem:
                return {self.refused: render.note(str(problem), "bad")}
            kept = {SECRET: secret, CODE: typed, STUDY_HASH: self.study.hash}
            self._recognise(session, kept)
            self._choose(session)
            return self._page(session) | {self.remembered: kept, self.code: "", self.refused: ""}

    def on_erase(self, remembered: Any, request: gr.Request) -> Update:
        """What the voter gave is deleted, and the consent with it."""
        with self.sessions.locked(request.session_hash) as session:
            visit = self._recognise(session, remembered)
            if visit is None:
                return self._page(session)
            try:
                count = self.services.store.erase(visit.seat.voter)
            except ArenaError as problem:
                return {self.told: render.note(str(problem), "bad"), self.confirm: gr.update(visible=False)}
            session.begin()
            session.visit = None
            follows = " The synced copy follows by itself." if self.services.sync else ""
            said = LEFT.format(count=f"{count} {'question' if count == 1 else 'questions'} with all that you said of them") + follows
            kept = {SECRET: new_secret()}  # the old id takes no more votes
            return self._page(session) | {self.refused: render.note(said, "good"), self.remembered: kept}

    # The next question

    def on_next(self, remembered: Any, request: gr.Request) -> Update:
        with self.sessions.locked(request.session_hash) as session:
            if self._recognise(session, remembered) is None:
                session.visit = None
            else:
                self._choose(session)
            return self._page(session)

    def _choose(self, session: Session) -> None:
        """A new round for the next question, or the reason why there is none; unless one is being answered or waits for its vote."""
        visit = session.visit
        if visit is None or session.round.at_work or session.round.is_open:
            return
        session.begin()
        try:
            rows = self.services.store.of_study(self.study.hash)
        except ArenaError as problem:
            session.round.failure = str(problem)
            return
        visit.given = len(study_course.standing(study_course.of_voter(rows, visit.seat.voter)))
        found = study_course.next_question(self.study, rows, visit.seat.voter, self.services.cards, self.rng, now())
        visit.done = None if isinstance(found, Next) else found
        if isinstance(found, Next):
            session.round.ask = self._ask(found, visit.seat.voter)

    def _ask(self, found: Next, voter: str) -> arena.Ask:
        """Blind, on shuffled sides; of a control on those that it did not have before.

        A question of the study's own has the split of the arena's question that it repeats, if any.
        """
        key, (db, name), text = found.key, found.key, self.opened.texts[found.key]
        first, second = found.before or self.study.models
        models = (second, first) if found.before or secrets.randbelow(2) else (first, second)
        known = [each for base in self.services.databases for each in self.services.examples(base, "all")]
        example = next((each for each in known if (each.db, each.id) == key), None)
        split = next((each.split for each in known if question_key(each.question) == question_key(text)), "")
        return arena.Ask(text, db, models, True, voter, example or Example(name, db, text, (), "", split), chosen=found.chosen)

    def on_ask(self, request: gr.Request) -> tuple[Any, Any]:
        """Both SQL texts at once, in one layout."""
        session = self.sessions.of(request.session_hash)
        asked = session.round
        if asked.ask is None or asked.ended:
            return gr.skip(), gr.skip()
        with sides.failing(asked):
            self.sessions.admit("ask", request)
            battle = arena.fight(self.services, self.profile, asked.ask, cancelled=asked.stop.is_set)
            if arena.votable(battle) or asked.stop.is_set():
                sides.take(self.services, asked, battle)
            else:
                asked.failure = UNFINISHED
        return sides.texts(asked.battle) if asked.battle and session.round is asked else ("", "")

    def on_results(self, request: gr.Request) -> Update:
        """Both answers and the ticket of the vote; here the battle goes to disk."""
        with self.sessions.locked(request.session_hash) as session:
            self._issue(session)
            return self._page(session)

    def _issue(self, session: Session) -> None:
        asked, visit = session.round, session.visit
        if asked.battle is None or asked.ask is None or asked.ticket or asked.failure or visit is None:
            return
        asked.about_reading, asked.delivered = arena.verdict(asked.battle) == "same", now()
        asked.agreed = Consent("votes", self.study.consent_version)
        try:
            token = arena.keep(self.services, asked.battle, visit.seat.voter, asked.agreed, asked.ask.chosen, asked.delivered, visit.seat)
            asked.ticket = tokens.ticket(asked.battle.id, token)
        except ArenaError as problem:
            asked.failure = str(problem)

    # The vote

    def _voting(self, winner: Winner) -> Handler:
        def vote(ticket: str | None, remembered: Any, request: gr.Request) -> Update:
            """Keep the vote; nothing is revealed."""
            with self.sessions.locked(request.session_hash) as session:
                asked = session.round
                try:
                    battle_id, token, visit = self._own(session, ticket, remembered)
                    check_choice(asked, winner)
                    is_limited = self.sessions.admit("vote", request)
                    self.services.store.vote(battle_id, winner, visit.seat.voter, token)
                    if not is_limited:
                        self.services.store.flag(battle_id, "limiter_off")
                except ArenaError as problem:
                    return {self.told: render.note(str(problem), "bad")}
                said = SAID_READS if asked.about_reading else SAID
                visit.given += 1
                asked.asks_guess = self.guessing.ask(asked)
                return self._ended(session, "vote", f"Recorded: {said[winner]}.", winner)

        return vote

    def _passing(self, kind: Passing) -> Handler:
        def pass_over(ticket: str | None, remembered: Any, request: gr.Request) -> Update:
            with self.sessions.locked(request.session_hash) as session:
                try:
                    battle_id, token, visit = self._own(session, ticket, remembered)
                    self.services.store.pass_over(battle_id, kind, visit.seat.voter, token)
                except ArenaError as problem:
                    return {self.told: render.note(str(problem), "bad")}
                return self._ended(session, kind, PASSED[kind])

        return pass_over

    def on_undo(self, ticket: str | None, remembered: Any, request: gr.Request) -> Update:
        with self.sessions.locked(request.session_hash) as session:
            visit, (battle_id, token) = self._recognise(session, remembered), tokens.read(ticket or "")
            try:
                self.services.store.undo(battle_id, visit.seat.voter if visit else "", token)
            except ArenaError as problem:
                return {self.told: render.note(str(problem), "bad")}
            if visit:
                visit.given = max(0, visit.given - 1)
            return self._ended(session, "undo", UNDONE)

    def _own(self, session: Session, ticket: str | None, remembered: Any) -> tuple[str, str, Visit]:
        """The battle and token of a ticket that is good on this page. Raises BadVote; whether the token is genuine the store says."""
        asked, visit, (battle_id, token) = session.round, self._recognise(session, remembered), tokens.read(ticket or "")
        if visit is None:
            raise BadVote(BEGUN_ELSEWHERE)
        if asked.end or not battle_id:
            raise BadVote(NO_BATTLE)
        if asked.ask and (asked.battle is None or battle_id != asked.battle.id):
            raise BadVote(ANOTHER)
        return battle_id, token, visit

    def _ended(self, session: Session, end: End, said: str, winner: Winner | None = None) -> Update:
        """The page after a question was judged or passed; of one from before a restart only the message and the way on."""
        asked = session.round
        asked.end, asked.said, asked.winner = end, said, winner
        if asked.battle is None:
            shown = {part: gr.update(visible=False) for part in (self.buttons.row, self.buttons.passing)}
            return (
                shown
                | {self.onward: gr.update(visible=True)}
                | {self.told: render.note(said, "good"), self.next: gr.update(value="Next question")}
            )
        return self._page(session)

    # What the page shows

    def _page(self, session: Session) -> Update:
        """Everything that depends on the visit and its round."""
        visit, asked = session.visit, session.round
        is_done = visit is not None and visit.done is not None and asked.ask is None and not asked.failure
        update: Update = {
            self.entrance: gr.update(visible=visit is None),
            self.work: gr.update(visible=visit is not None and not is_done),
            self.thanks: gr.update(visible=is_done, value=self._thanks(visit) if visit and is_done else ""),
            self.foot: gr.update(visible=visit is not None),
            self.voter: f'<p class="rows">You take part as <code>{escape(visit.seat.voter)}</code>.</p>' if visit else "",
            self.confirm: gr.update(visible=False),
        }
        update |= self._question(visit, asked) | self._ballot(asked) | self.guessing.page(asked)
        shown = asked if asked.ticket else Round()  # what nobody can vote on is not shown
        return update | {self.results: gr.update(visible=shown is asked)} | self.sides.page(shown, _table)

    def _question(self, visit: Visit | None, asked: Round) -> Update:
        status = ""
        if asked.at_work:
            status = render.note(WRITING, "busy")
        elif asked.failure:
            status = render.note(asked.failure, "bad")
        elif asked.battle and not asked.end:
            status = sides.question(asked)
        if asked.ask is None or visit is None:
            return {self.head: "", self.schema: "", self.status: status}
        tables = sides.schema(self.services.databases[asked.ask.db])
        return {self.head: self._head(visit, asked), self.schema: tables, self.status: status}

    def _head(self, visit: Visit, asked: Round) -> str:
        """How far the voter is, and the question."""
        target, done = self.study.battles_per_voter, visit.given
        number = min(target, done + (asked.end != "vote"))
        words = f"<span>Question {number} of {target}</span>"
        bar = f'<div class="bar" role="status"><div style="width:{100 * done / target:.0f}%"></div>{words}</div>'
        asks = f'<p class="rows">A question to the database <b>{escape(asked.ask.db)}</b></p>' if asked.ask else ""
        return f"{bar}{asks}<h2>{escape(asked.ask.question if asked.ask else '')}</h2>"

    def _ballot(self, asked: Round) -> Update:
        said = render.note(asked.said, "good" if asked.end == "vote" else "plain") if asked.end else on_equal_tables(asked, SAME_QUERY)
        return self.buttons.page(asked) | {
            self.ticket: asked.ticket,
            self.told: said,
            self.buttons.row: gr.update(visible=asked.is_open or asked.end == "vote"),
            self.onward: gr.update(visible=bool(asked.end or asked.failure) and not asked.is_guessing),
            self.next: gr.update(value="Try again" if asked.failure else "Next question"),
        }

    def _thanks(self, visit: Visit) -> str:
        given = f"You have given {visit.given} {'vote' if visit.given == 1 else 'votes'}."
        paragraphs = "".join(f"<p>{escape(each)}</p>" for each in self.study.thanks.split("\n\n") if each.strip())
        why = DONE[visit.done] if visit.done else ""
        return f'<div class="thanks" role="status"><h2>Thank you</h2><p>{why} {given}</p>{paragraphs}</div>'


def _table(answer: Answer) -> str:
    return render.result(answer.execution)
