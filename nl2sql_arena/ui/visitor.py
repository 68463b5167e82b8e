"""Who votes, and what may be kept: remembered in the visitor's own browser, chosen beside the vote buttons, changed or erased below them.

The browser holds a random secret and the consent; the page shows the id that is made of the secret. Reset and erasure act on the browser's
own secret, so that nobody erases what another has left: an id that is only quoted goes to whoever runs the arena.
"""

from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Services
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Round, Session, Sessions
from nl2sql_arena.ui.words import ANEW, ASK_ERASE, CHOICES, DECLINED, ERASED, KEEPS, LATER, NOTHING_LEFT, NOTHING_YET, RECHOSEN
from nl2sql_arena.votes import consent
from nl2sql_arena.votes.consent import Consent, Tier
from nl2sql_arena.votes.voters import new_secret

STORAGE = "nl2sql-arena-visitor"
SECRET, TIER, VERSION = "secret", "tier", "version"
Update = dict[Any, Any]
ShowPage = Callable[[Round], Update]
Handler = Callable[[Any, gr.Request], Update]


class Visitor:
    """What the browser remembers, the choice (`build_choice`) and the line of the id (`build_id`); the ballot says where these stand."""

    def __init__(self, services: Services, sessions: Sessions) -> None:
        self.services, self.sessions = services, sessions
        self.remembered = gr.BrowserState(None, storage_key=STORAGE, secret=STORAGE)  # the page's source shows any key: it hides nothing

    def build_choice(self) -> None:
        with gr.Column(visible=False, elem_id="tier-box") as self.choice:
            meaning = f"<details><summary>What that means</summary><p>{escape(consent.MEANING)}</p></details>"
            gr.HTML(f'<div class="tier"><p>{escape(consent.ASKED)}</p>{meaning}</div>', elem_id="tier-words", padding=False)
            with gr.Row(elem_id="tier-row"):
                self.tiers = {tier: gr.Button(label, elem_id=f"tier-{tier}", size="sm") for tier, label in CHOICES.items()}
                self.decline = gr.Button("No thanks", elem_id="tier-none", size="sm")

    def build_id(self) -> None:
        with gr.Row(elem_id="voter-row"):
            self.shown = gr.HTML(elem_id="voter", padding=False)
            self.change = gr.Button("Change what is kept", elem_id="tier-change", size="sm")
            self.reset = gr.Button("New id", elem_id="voter-reset", size="sm")
            self.erase = gr.Button("Erase my votes", elem_id="voter-erase", size="sm")
        with gr.Row(visible=False, elem_id="erase-row") as self.confirm:
            self.asks = gr.HTML(elem_id="erase-asks", padding=False)
            self.yes = gr.Button("Erase", elem_id="erase-yes", size="sm")
            self.no = gr.Button("Keep them", elem_id="erase-no", size="sm")
        self.told = gr.HTML(elem_id="voter-told", padding=False)

    @property
    def parts(self) -> list[Any]:
        """What a round shows or hides."""
        return [self.choice]

    def page(self, asked: Round) -> Update:
        return {self.choice: gr.update(visible=asked.asks_consent and asked.end is None)}

    def connect(self, demo: gr.Blocks) -> None:
        """Know the visitor, or make a new id, when the page opens."""
        demo.load(
            self.on_open, self.remembered, [self.remembered, self.shown], queue=False, api_visibility="private", show_progress="hidden"
        )

    def wire(self, shown: list[Any], page: ShowPage) -> list[gr.events.Dependency]:
        """`shown` is what `page` changes. The clicks that say what may be kept, or that nothing may."""
        instant: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False, "trigger_mode": "once"}
        own = [self.remembered, self.shown, self.told, self.choice]
        said = [button.click(self._choosing(tier), self.remembered, own, **instant) for tier, button in self.tiers.items()]
        said.append(self.decline.click(self.on_decline, self.remembered, own, **instant))
        self.change.click(lambda: gr.update(visible=True), None, self.choice, **instant)
        everything = [*shown, self.remembered, self.shown, self.told, self.confirm, self.asks]

        def on_reset(remembered: Any, request: gr.Request) -> Update:
            """Another id for what comes; an open battle is of the old one, so it is closed without a verdict."""
            with self.sessions.locked(request.session_hash) as session:
                old = self._known(session, remembered).voter
                kept = _remembered(new_secret(), session)
                self.sessions.recognise(session, kept)
                self._close(session, ANEW)
                told = render.note(LATER.format(id=old))
                return self._page(session, page) | {self.remembered: kept, self.shown: _line(session), self.told: told}

        def on_yes(remembered: Any, request: gr.Request) -> Update:
            with self.sessions.locked(request.session_hash) as session:
                self._known(session, remembered)
                try:
                    count = self.services.store.erase(session.voter)
                except ArenaError as problem:
                    return {self.told: render.note(str(problem), "bad"), self.confirm: gr.update(visible=False)}
                kept = _remembered(new_secret(), session)  # the old id takes no more votes
                self.sessions.recognise(session, kept)
                self._close(session, ANEW)
                said = ERASED.format(battles=_battles(count)) + (" The synced copy follows by itself." if self.services.sync else "")
                told = {self.told: render.note(said, "good"), self.confirm: gr.update(visible=False)}
                return self._page(session, page) | told | {self.remembered: kept, self.shown: _line(session)}

        self.reset.click(on_reset, self.remembered, everything, **instant)
        self.erase.click(self.on_erase, self.remembered, [self.confirm, self.asks, self.told], **instant)
        self.yes.click(on_yes, self.remembered, everything, **instant)
        self.no.click(lambda: gr.update(visible=False), None, self.confirm, **instant)
        return said

    def on_open(self, remembered: Any, request: gr.Request) -> Update:
        with self.sessions.locked(request.session_hash) as session:
            if self.sessions.recognise(session, remembered):
                return {self.shown: _line(session)}
            kept = _remembered(new_secret(), session)
            self.sessions.recognise(session, kept)
            return {self.remembered: kept, self.shown: _line(session)}

    def _choosing(self, tier: Tier) -> Handler:
        def on_tier(remembered: Any, request: gr.Request) -> Update:
            with self.sessions.locked(request.session_hash) as session:
                self._known(session, remembered)
                is_kept_otherwise = bool(session.round.agreed and session.round.agreed.tier != tier and not session.round.end)
                session.consent, session.declined = Consent(tier), False
                return self._chosen(session, remembered, RECHOSEN if is_kept_otherwise else "")

        return on_tier

    def on_decline(self, remembered: Any, request: gr.Request) -> Update:
        with self.sessions.locked(request.session_hash) as session:
            self._known(session, remembered)
            session.consent, session.declined = None, True
            return self._chosen(session, remembered, DECLINED)

    def _chosen(self, session: Session, remembered: Any, said: str) -> Update:
        """The choice is remembered and out of the way."""
        session.round.asks_consent = False
        secret = remembered.get(SECRET) if isinstance(remembered, dict) else None
        kept = _remembered(secret or new_secret(), session)
        self.sessions.recognise(session, kept)
        return {
            self.remembered: kept,
            self.shown: _line(session),
            self.told: render.note(said) if said else "",
            self.choice: gr.update(visible=False),
        }

    def on_erase(self, remembered: Any, request: gr.Request) -> Update:
        """Ask once more, and say how much it is."""
        with self.sessions.locked(request.session_hash) as session:
            try:
                count = self.services.store.count_of(self._known(session, remembered).voter)
            except ArenaError as problem:
                return {self.told: render.note(str(problem), "bad")}
        if not count:
            return {self.told: render.note(NOTHING_LEFT), self.confirm: gr.update(visible=False)}
        asks = f"<p>{escape(ASK_ERASE.format(battles=_battles(count)))}</p>"
        return {self.confirm: gr.update(visible=True), self.asks: asks, self.told: ""}

    def _known(self, session: Session, remembered: Any) -> Session:
        self.sessions.recognise(session, remembered)
        return session

    def _close(self, session: Session, said: str) -> None:
        """A battle on the page is of the id before, or gone; nothing more can be done with it."""
        if session.round.battle and not session.round.at_work:
            session.round.end, session.round.said, session.round.asks_consent = "skip", said, False

    def _page(self, session: Session, page: ShowPage) -> Update:
        return page(session.round) if session.round.battle and not session.round.at_work else {}


def _remembered(secret: str, session: Session) -> dict[str, str]:
    tier = session.consent.tier if session.consent else "none" if session.declined else ""
    return {SECRET: secret, TIER: tier, VERSION: consent.VERSION}


def _line(session: Session) -> str:
    keeps = KEEPS[session.consent.tier] if session.consent else NOTHING_YET
    return f'<p class="rows">You vote as <code>{escape(session.voter)}</code>. {keeps}</p>'


def _battles(count: int) -> str:
    return f"{count} {'battle' if count == 1 else 'battles'}"
