"""The researcher's view of a study, behind a secret: votes by question, voter and day, flags, what is missing, the meter, the hash.

The secret travels in the body of a request, is compared in constant time, and is neither kept nor shown nor logged; what the server
remembers is that this open page gave it.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Services
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Sessions
from nl2sql_arena.ui.votes import names
from nl2sql_arena.votes.study import Opened, Study, opens
from nl2sql_arena.votes.study_course import Progress, progress_in
from nl2sql_arena.votes.study_text import COUNTED, ENDS, SEVERAL, audits, rule, ruling, same_again, sees, voters, with_oneself

UNSET = (
    "This study has no secret, so nobody can see its progress here; set ARENA_STUDY_SECRET, or `secret_hash` in its file, and start again."
)
REFUSED = "That is not the secret of this study; check it."
Update = dict[Any, Any]


class ProgressTab:
    """The tab: a field for the secret, then the figures, read from the store anew at each click."""

    def __init__(self, services: Services, sessions: Sessions, opened: Opened) -> None:
        self.services, self.sessions, self.opened = services, sessions, opened
        with gr.Row(elem_id="study-key-row") as self.door:
            self.secret = gr.Textbox(
                label="The study's secret", type="password", max_lines=1, max_length=200, elem_id="study-secret", min_width=200
            )
            self.show = gr.Button("Show the progress", elem_id="study-show", min_width=160)
        self.told = gr.HTML("" if opened.key else render.note(UNSET, "warn"), elem_id="study-told", padding=False)
        self.refresh = gr.Button("Refresh", visible=False, elem_id="study-refresh", size="sm")
        self.shown = gr.HTML(elem_id="study-progress", padding=False)
        parts = [self.secret, self.door, self.told, self.refresh, self.shown]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False, "trigger_mode": "once"}
        gr.on([self.show.click, self.secret.submit], self.on_show, self.secret, parts, **private)
        self.refresh.click(self.on_show, self.secret, parts, **private)

    def on_show(self, given: str | None, request: gr.Request) -> Update:
        """The progress, once this page gave the secret."""
        with self.sessions.locked(request.session_hash) as session:
            if not session.is_researcher:
                try:
                    self.sessions.admit("enter", request)
                except ArenaError as problem:
                    return {self.told: render.note(str(problem), "bad")}
                session.is_researcher = opens(given or "", self.opened.key)
            if not session.is_researcher:
                said = UNSET if not self.opened.key else REFUSED
                return {self.secret: "", self.told: render.note(said, "bad"), self.shown: ""}
        study = self.opened.study
        try:
            found = progress_in(self.services.store, self.opened, self.services.cards)
        except ArenaError as problem:
            return {self.told: render.note(str(problem), "bad")}
        shown = {self.shown: page(study, found), self.told: "", self.refresh: gr.update(visible=True)}
        return shown | {self.secret: "", self.door: gr.update(visible=False)}


def page(study: Study, found: Progress) -> str:
    """All of it as HTML."""
    return "".join(
        (_summary(study, found), _meters(study, found), _trust(study, found), _questions(study, found), _voters(study, found), _days(found))
    )


def _summary(study: Study, found: Progress) -> str:
    share = 100 * min(found.votes, found.target) / found.target
    flagged = f" {found.flagged:,} of them are flagged ({escape(names.flags(found.flags))})." if found.flagged else " None is flagged."
    missing = (
        f"<p>Missing: {names.many(found.missing, 'vote')}, of at least {names.many(found.voters_missing, 'further voter')}.</p>"
        if found.missing
        else ""
    )
    bar = f'<div class="bar"><div style="width:{share:.0f}%"></div><span>{found.votes:,} of {found.target:,} votes</span></div>'
    facts = {
        "Study": escape(study.title),
        "Hash": f"<code>{study.hash}</code>",
        "Consent": f"version {escape(study.consent_version)}",
        "Ends": escape(rule(study)),
        "A voter sees": escape(sees(study)),
        "Voted on": "; ".join(f"{escape(pair)} ({names.many(count, 'vote')})" for pair, count in found.pairs) or "nothing yet",
    }
    told = "".join(f"<dt>{name}</dt><dd>{said}</dd>" for name, said in facts.items())
    many = ""
    if len(found.pairs) > 1:
        many = render.note(SEVERAL, "warn")
    who = names.many(voters(found), "voter")
    return f'{bar}<p>{ENDS[found.end]} Votes of {who} stand.{flagged}</p>{missing}{many}<dl class="facts">{told}</dl>'


def _meters(study: Study, found: Progress) -> str:
    told = "".join(
        f"<dt>{words}{' (ends the study)' * (name == ruling(study))}</dt><dd>{escape(said)}</dd>"
        for (name, words), said in zip(COUNTED.items(), found.meters, strict=True)
    )
    why = "It may be looked at after every vote. Votes on two equal tables, which tell only what reads better, are not in it."
    return f'<h2>Is it settled?</h2><dl class="facts">{told}</dl><p class="rows">{why}</p>'


def _trust(study: Study, found: Progress) -> str:
    """What controls and the audit say of the votes."""
    facts = [("Voters with themselves", with_oneself(study, found))]
    facts += [(f"Do names stay hidden?{f' ({pair})' if pair else ''}", said) for pair, said in audits(study, found)]
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(said[0].upper() + said[1:])}</dd>" for name, said in facts)
    why = "Questions that come again count in no other figure and towards no target."
    return f'<h2>Can the votes be relied on?</h2><dl class="facts">{told}</dl><p class="rows">{why}</p>'


def _questions(study: Study, found: Progress) -> str:
    heads = ("Question", "Votes", "Missing", "Flagged", "Skipped", "Can't tell")
    rows = [
        names.row(
            heads,
            (
                f"{escape(each.text)} <small>{escape(' '.join(each.key))}</small>",
                f"{each.votes} of {study.votes_per_question}", *map(str, (each.missing, each.flagged, each.skipped, each.cant_tell)),
            ),
            heads[1:],
        )
        for each in found.questions
    ]  # fmt: skip
    return f"<h2>By question</h2>{_grid(heads, rows, 'Votes by question')}"


def _voters(study: Study, found: Progress) -> str:
    if not found.voters:
        return "<h2>By voter</h2><p>Nobody has begun yet.</p>"
    heads = ("Voter", "Votes", "Missing", "Skipped", "Can't tell", "Taken back", "Same again", "Flags", "Last seen")
    rows = [
        names.row(
            heads,
            (
                f"<code>{each.name}</code>", f"{each.votes} of {study.votes_per_voter}",
                *map(str, (each.missing, each.skipped, each.cant_tell, each.taken_back)),
                same_again(each), escape(names.flags(each.flags)) or "none", each.last,
            ),
            heads[1:7],
        )
        for each in found.voters
    ]  # fmt: skip
    told = "Named as exports name them, by a hash of the voter's id. Same again: of questions that came again, those with the same verdict."
    return f'<h2>By voter</h2><p class="rows">{told}</p>{_grid(heads, rows, "Votes by voter", 2)}'


def _days(found: Progress) -> str:
    if not found.days:
        return ""
    heads = ("Day (UTC)", "Votes", "Voters")
    rows = [names.row(heads, (each.day, str(each.votes), str(each.voters)), heads[1:]) for each in found.days]
    return f"<h2>By day</h2>{_grid(heads, rows, 'Votes by day')}"


def _grid(heads: tuple[str, ...], rows: Sequence[str], label: str, texts: int = 0) -> str:
    """All columns are numbers but the first and the last `texts`."""
    return render.grid(names.header(heads, heads[1 : len(heads) - texts]), "".join(rows), label)
