"""The Arena tab: one question, two sides, one vote.

Blind, nothing that links a side to a model leaves the server before the vote: no name, timing, raw text, repair or queue place,
and both sides appear in one update. The ask stream yields only the two SQL texts, at most every `TICK` seconds; the rest comes
in chained events.
"""

import json
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from nl2sql_arena import arena, catalog
from nl2sql_arena.engine import Cancelled
from nl2sql_arena.errors import BadInput
from nl2sql_arena.prompts import LINKED
from nl2sql_arena.services import Profile, Services, loading_line
from nl2sql_arena.types import Answer, Battle, GenerationRequest
from nl2sql_arena.ui import render
from nl2sql_arena.ui.ballot import Ballot
from nl2sql_arena.ui.offering import Offering
from nl2sql_arena.ui.sessions import Round, Session, Sessions
from nl2sql_arena.ui.sides import STOPPED, Sides, failing, question, schema, take, texts

TICK = 0.08
BLIND, OPEN = "Blind: names after the vote", "Open: names and live text"
DECODINGS = [
    ("Greedy: one best word at a time, live", "greedy"),
    ("As the cards ask: 4 beams for SQLCoder-7B and 7B-2, slower; the others stay greedy", "card"),
]
WRITING = "Both models are writing their SQL and running it…"
STOPPING = "Stopping…"
CONSENT = "My questions and this database's tables and columns may go there"
Update = dict[Any, Any]
Texts = Generator[tuple[str, str], None, Battle]
"""Both SQL texts as they grow, and at its end the battle."""


class ArenaTab:
    """The tab's components and handlers. Every handler takes and returns values; what a page knows lives in `Sessions`."""

    def __init__(self, services: Services, profile: Profile, sessions: Sessions, concurrency: int, streams: bool) -> None:
        self.services, self.profile, self.sessions = services, profile, sessions
        self.concurrency, self.streams = concurrency, streams
        self.cards = dict(services.cards)
        self._build()
        self._wire()

    def _build(self) -> None:
        names = list(self.services.databases)
        models = [(self.cards[name].title, name) for name in self.profile.models]
        with gr.Row(elem_id="question-row"):
            self.db = gr.Dropdown(names, value=names[0], label="Database", elem_id="db", scale=1, min_width=160)
            self.example = gr.Dropdown(
                self._examples(names[0]), value=None, label="Example questions", elem_id="example", scale=4, min_width=260
            )
            self.offering = Offering(self.services, self.sessions)
        self.notice = gr.HTML(self._notice(names[0]), elem_id="notice", padding=False)
        self.consent = gr.Checkbox(label=CONSENT, elem_id="consent") if self._hosts(self.profile.models) else None
        with gr.Row(elem_id="ask-row"):
            self.question = gr.Textbox(
                next(iter(self._examples(names[0])), ""),
                label="Question",
                placeholder="Ask this database something in English",
                lines=2,
                max_lines=4,
                elem_id="question",
                scale=6,
                min_width=260,
            )
            with gr.Column(scale=1, min_width=130):
                self.ask = gr.Button("Ask", variant="primary", elem_id="ask")
                self.stop = gr.Button("Stop", elem_id="stop", interactive=False)
        with gr.Row(elem_id="options-row"):
            with gr.Accordion("Tables and columns", open=False, elem_id="schema-box"):
                self.schema = gr.HTML(schema(self.services.databases[names[0]]), elem_id="schema")
            with gr.Accordion("Contestants and mode", open=False, elem_id="mode-box"):
                self.mode = gr.Radio([BLIND, OPEN], value=BLIND, label="Mode", elem_id="mode")
                has_beams = any(self.cards[name].published_beams > 1 and not self.cards[name].server for name in self.profile.models)
                self.decoding = gr.Radio(DECODINGS, value="greedy", label="Decoding", elem_id="decoding", visible=has_beams)
                with gr.Row():
                    self.first = gr.Dropdown(models, value=self.profile.pair[0], label="One contestant", elem_id="first")
                    self.second = gr.Dropdown(models, value=self.profile.pair[1], label="The other", elem_id="second")
        self.status = gr.HTML(elem_id="status", padding=False)
        self.sides = Sides()
        self.retry = gr.Button("Try the failed side again", visible=False, elem_id="retry")
        self.ballot = Ballot(self.services, self.profile, self.sessions)

    def _wire(self) -> None:
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        instant = private | {"queue": False}
        self.db.change(self.on_db, [self.db, self.question], [self.example, self.schema, self.question, self.notice], **instant)
        self.example.input(lambda chosen: chosen or "", self.example, self.question, **instant)
        shown = [
            self.status,
            self.sides.a.title,
            self.sides.b.title,
            *self.sides.parts,
            self.retry,
            self.ask,
            self.stop,
            *self.ballot.parts,
        ]
        inputs = [self.question, self.db, self.first, self.second, self.mode, self.decoding, self.ballot.visitor.remembered]
        self.offering.wire([self.db, self.first, self.second, self.ballot.visitor.remembered], [self.question, self.example])
        contest = [self.mode, self.first, self.second]
        begun = gr.on([self.ask.click, self.question.submit], self.on_begin, contest, shown, trigger_mode="once", **instant)
        limits: dict[str, Any] = {"concurrency_id": "models", "concurrency_limit": self.concurrency}
        asked = begun.success(self.on_ask, inputs, self.sides.sql, **private, **limits)
        asked.then(self.on_results, None, shown, **instant)
        if self.consent:
            self.consent.change(self.on_consent, self.consent, None, **instant)
        # By the browser itself: as a reply it might come after the battle's last word.
        self.stop.click(None, None, self.status, js=f"() => {json.dumps(render.note(STOPPING, 'busy'))}", **instant)
        self.stop.click(self.on_stop, None, None, **instant)
        retrying = self.retry.click(self.on_retrying, None, [self.status, self.retry, self.stop], trigger_mode="once", **instant)
        retried = retrying.success(self.on_retry, None, self.sides.sql, **private, **limits)
        retried.then(self.on_results, None, shown, **instant)
        self.ballot.wire(shown, self._page)

    def _examples(self, db: str) -> list[str]:
        return [example.question for example in self.services.examples(db, "arena")]

    def _hosts(self, models: Iterable[str]) -> str:
        """The other machines that these models answer on."""
        return ", ".join(dict.fromkeys(filter(None, (catalog.elsewhere(self.cards[name]) for name in models if name in self.cards))))

    def _notice(self, db: str) -> str:
        return self._sent() + self._unlearned(db)

    def _sent(self) -> str:
        """What leaves this machine, and whereto."""
        away = [card for name in self.profile.models if catalog.elsewhere(card := self.cards[name])]
        if not away:
            return ""
        values = ", and stored values that a question names" if any(card.format in LINKED for card in away) else ""
        titles = ", ".join(card.title for card in away)
        return render.note(
            f"{titles}: questions go to {self._hosts(self.profile.models)}, with this database's tables and columns and what is written "
            f"about them{values}. No other rows are sent, and the answers run here.",
            "warn",
        )

    def _check_consent(self, session: Session, models: tuple[str, str]) -> None:
        """Raises BadInput when a question would leave this machine without leave."""
        if not session.may_send and (hosts := self._hosts(models)):
            raise BadInput(f"A model that you chose answers on {hosts}; allow that above the question, or choose others.")

    def on_consent(self, given: bool, request: gr.Request) -> None:
        self.sessions.of(request.session_hash).may_send = given

    def _unlearned(self, db: str) -> str:
        """What to expect on a database that none of this page's models has learned; nothing on one that some know."""
        cards = [card for name in self.profile.models if (card := self.cards[name]).kind != "baseline"]
        if not cards or not all(card.learned and db not in card.learned for card in cards):
            return ""
        known = ", ".join(dict.fromkeys(name for card in cards for name in card.learned))
        said = "".join(f" {card.title}: {card.unlearned}." for card in cards if card.unlearned)
        return render.note(
            f"These models have learned only {known}; here expect wrong answers.{said} `train adapt` teaches them one.", "warn"
        )

    def on_db(self, db: str, question: str) -> Update:
        """The new database's examples and tables; a question that the visitor typed stays, as does one of this database."""
        examples = self._examples(db)
        typed = question.strip() and not any(question in self._examples(name) for name in self.services.databases if name != db)
        return {
            self.example: gr.update(choices=examples, value=None),
            self.schema: schema(self.services.databases[db]),
            self.notice: self._notice(db),
            self.question: question if typed else next(iter(examples), ""),
        }

    def on_begin(self, mode: str, first: str, second: str, request: gr.Request) -> Update:
        """Clear the previous battle away and say that both are at work."""
        with self.sessions.locked(request.session_hash) as session:
            session.begin()
        page = self._page(Round(), working=True) | {self.status: render.note(self._waiting_for(first, second), "busy")}
        if mode == OPEN:
            page |= {
                self.sides.a.title: render.side_title("A", self.cards.get(first)),
                self.sides.b.title: render.side_title("B", self.cards.get(second)),
            }
        return page

    def _waiting_for(self, *models: str) -> str:
        """What takes its time now. Which models are loaded first tells nothing of the sides."""
        engine = self.services.engine
        unloaded = [self.cards[name] for name in models if name in self.cards and not engine.is_ready(name)]
        return " ".join([*(loading_line(card, self.services.settings.models) for card in unloaded), WRITING])

    def on_ask(
        self, question: str, db: str, first: str, second: str, mode: str, decoding: str, remembered: Any, request: gr.Request
    ) -> Iterator[tuple[str, str]]:
        """The two SQL texts: live in open mode, both at once when blind."""
        with self.sessions.locked(request.session_hash) as session:
            asked = session.begin() if session.round.ask or session.round.ended else session.round
            self.sessions.recognise(session, remembered)
            offer, session.offer = session.offer, None
        yield "", ""
        with failing(asked):
            self.sessions.admit("ask", request)
            self._check_consent(session, (first, second))
            pair, is_blind = (first, second), mode != OPEN
            asked.ask = arena.new_ask(self.services, self.profile, question, db, pair, is_blind, session.voter, decoding, offer)
            if self.streams and not asked.ask.blind:
                battle = yield from self._live(asked.ask, asked.stop.is_set)
            else:
                battle = arena.fight(self.services, self.profile, asked.ask, cancelled=asked.stop.is_set)
            take(self.services, asked, battle)
        if asked.battle and session.round is asked:
            yield texts(asked.battle)

    def _live(self, ask: arena.Ask, stopped: Cancelled) -> Texts:
        """What both models have written so far, every `TICK`; then the battle."""
        written = dict.fromkeys(ask.models, "")
        battles: list[Battle] = []
        failures: list[Exception] = []

        def note_token(request: GenerationRequest, text: str) -> None:
            written[request.model] = text

        def work() -> None:
            try:
                battles.append(arena.fight(self.services, self.profile, ask, note_token, stopped))
            except Exception as problem:  # noqa: BLE001 - carried to the handler's own edge
                failures.append(problem)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        last = ("", "")
        while worker.is_alive():
            time.sleep(TICK)
            now = (written[ask.models[0]], written[ask.models[1]])
            if now != last:
                last = now
                yield now
        if failures:
            raise failures[0]
        return battles[0]

    def on_results(self, request: gr.Request) -> Update:
        """Tables, difference, vote buttons and the ticket of the vote, all in one update: here both results are delivered."""
        with self.sessions.locked(request.session_hash) as session:
            self.ballot.issue(session)
            return self._page(session.round)

    def on_stop(self, request: gr.Request) -> None:
        self.sessions.of(request.session_hash).round.stop.set()

    def on_retrying(self, request: gr.Request) -> Update:
        asked = self.sessions.of(request.session_hash).round
        asked.stop, asked.failure = threading.Event(), ""
        busy = render.note("Trying the failed side again…", "busy")
        return {self.status: busy, self.retry: gr.update(interactive=False), self.stop: gr.update(interactive=self.streams)}

    def on_retry(self, request: gr.Request) -> Any:
        """Ask the sides that our machinery failed once more."""
        session = self.sessions.of(request.session_hash)
        asked = session.round
        with failing(asked):
            if asked.battle:
                battle = arena.retry(self.services, asked.battle, asked.stop.is_set, asked.ask.decoding if asked.ask else "greedy")
                asked.words = arena.in_words(self.services, battle)
                asked.battle = battle
        return texts(asked.battle) if asked.battle and session.round is asked else (gr.skip(), gr.skip())

    def _page(self, asked: Round, working: bool = False) -> Update:
        """Everything that depends on the state of the battle. Names only in open mode or after the vote."""
        battle, working = asked.battle, working or asked.at_work
        cards = (self.cards[battle.a.model], self.cards[battle.b.model]) if battle and asked.named else (None, None)
        update: Update = {
            self.status: self._status(asked),
            self.sides.a.title: render.side_title("A", cards[0]),
            self.sides.b.title: render.side_title("B", cards[1]),
            self.retry: gr.update(visible=battle is not None and not arena.votable(battle), interactive=True),
            self.ask: gr.update(interactive=not working),
            self.stop: gr.update(interactive=working and self.streams),
        }
        return update | self.sides.page(asked, lambda answer: self._result(answer, asked.named)) | self.ballot.page(asked)

    def _result(self, answer: Answer, named: bool) -> str:
        """A side's table. What a server says of its failure may name model and host, so it waits for the names."""
        is_telling = not named and answer.outcome == "infrastructure" and self.cards[answer.model].server is not None
        shown = render.result(replace(answer.execution, message="") if is_telling else answer.execution)
        return shown + (render.meter(answer) if named else "")

    def _status(self, asked: Round) -> str:
        if asked.at_work:
            return render.note(WRITING, "busy")
        if asked.failure:
            return render.note(asked.failure, "plain" if asked.failure == STOPPED else "bad")
        if asked.battle and not arena.votable(asked.battle):
            return render.note("A side did not finish, so this battle cannot be voted on yet.", "warn")
        return "" if asked.battle is None or asked.end else question(asked)
