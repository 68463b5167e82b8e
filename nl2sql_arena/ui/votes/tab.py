"""The Votes tab: what people preferred, how far that can be trusted, and whether it agrees with the benchmark.

Figures that need only counting come at once; those that need the gold answers follow, since queries must be run for them. Votes that may
not share a figure are chosen between (`groups`), public ones first; all or only the unflagged ones are counted.
"""

import time
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.benchmark.voted import Reader
from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import Example
from nl2sql_arena.ui import render
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.benchmark.shelf import Shelf
from nl2sql_arena.ui.sessions import Round, Session, Sessions
from nl2sql_arena.ui.votes import board, chart, people
from nl2sql_arena.ui.votes.groups import WHO, Group, chosen, groups
from nl2sql_arena.ui.votes.names import Names, many
from nl2sql_arena.ui.votes.saving import Saving
from nl2sql_arena.votes import agreement, guessing, meter, rating, statistics
from nl2sql_arena.votes.ballots import Ballot, unflagged
from nl2sql_arena.votes.reading import WITH_BASELINE
from nl2sql_arena.votes.statistics import Field, Standing

ALL, UNFLAGGED = "All votes", "Without flagged votes"
BY: list[tuple[str, str]] = [(words.capitalize(), field) for field, words in board.BREAKDOWNS.items()]
WAIT = "Comparing with the gold answers…"
TICK = 0.7
"""Seconds between two words on how far that is."""
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
INSTANT: dict[str, Any] = PRIVATE | {"queue": False}
Update = dict[Any, Any]


class VotesTab:
    """Its components and handlers. Nothing is remembered of a page: each event reads the store anew."""

    def __init__(self, services: Services, profile: Profile, sessions: Sessions, tab: gr.Tab) -> None:
        self.services, self.profile, self.sessions = services, profile, sessions
        self.reader, self.shelf, self.names = Reader(services), Shelf(services), Names(services.cards)
        with gr.Row(elem_id="votes-row"):
            self.group = gr.Dropdown([], label="Which votes", elem_id="votes-group", scale=3, min_width=240)
            self.flags = gr.Radio([ALL, UNFLAGGED], value=ALL, label="Counted", elem_id="votes-flags", scale=3, min_width=240)
            self.refresh = gr.Button("Refresh", elem_id="refresh", size="sm", min_width=100)
        self.board = gr.HTML(elem_id="leaderboard", padding=False)
        with gr.Column(visible=False, elem_id="votes-body") as self.body:
            gr.HTML("<h2>By difficulty, category or database</h2>", padding=False)
            self.field = gr.Radio(BY, value="level", label="Votes by", elem_id="votes-by")
            self.broken = gr.HTML(elem_id="votes-broken", padding=False)
            gr.HTML("<h2>People and the benchmark</h2>", padding=False)
            self.about_run = gr.HTML(elem_id="votes-run", padding=False)
            with gr.Column(visible=False, elem_id="votes-chart") as self.chart:
                self.plot = gr.Plot(_blank(), show_label=False, elem_id="votes-plot", elem_classes=["bench-plot"])
                self.numbers = gr.HTML(elem_id="votes-numbers", padding=False)
            self.agreement = gr.HTML(elem_id="votes-agreement", padding=False)
            self.gallery = gr.HTML(elem_id="votes-gallery", padding=False)
            self.saving = Saving(services, sessions, self.reader)
        self._wire(tab)

    def _wire(self, tab: gr.Tab) -> None:
        controls = [self.group, self.flags, self.field]
        shown = [self.group, self.board, self.body, self.broken, self.agreement, self.gallery]
        counted_ = gr.on([tab.select, self.refresh.click, self.group.input, self.flags.input], self.on_show, controls, shown, **INSTANT)
        judged = [self.about_run, self.chart, self.plot, self.numbers, self.agreement, self.gallery]
        counted_.then(self.on_judged, [self.group, self.flags], judged, concurrency_limit=2, **PRIVATE)
        self.field.input(self.on_field, controls, self.broken, **INSTANT)
        self.saving.wire(self.group, self.flags, UNFLAGGED, self._exported)

    def _exported(self, key: str | None) -> tuple[str, str]:
        """Of the group that is chosen, `real`, `mini` or `baseline`, and the study's hash; empty: public votes."""
        kind, _, study = (*(key or self.profile.kind).split("/", 2), "", "")[:3]
        profile = kind.removesuffix(WITH_BASELINE)
        return profile if profile in WHO else self.profile.kind, study

    def _offered(self, ballots: Sequence[Ballot]) -> list[Group]:
        """Raises StoreError."""
        return groups(ballots, self.profile.kind, self.services.store.study_titles())

    def _votes(self, request: gr.Request | None, filtered: bool = False) -> list[dict[str, Any]]:
        """The store's, but for the vote of this page about which it still asks which model A was: figures that moved would tell.

        Raises StoreError.
        """
        asked = self.sessions.of(request.session_hash).round if request else Round()
        untold = asked.battle.id if asked.battle and asked.is_guessing else ""
        return [vote for vote in self.services.store.votes(filtered) if vote["id"] != untold]

    def on_show(self, key: str | None, flags: str, field: Field, request: gr.Request | None = None) -> Update:
        """What is counted without running any query."""
        try:
            ballots = self.reader.ballots(self._votes(request))
            offered = self._offered(ballots)
        except ArenaError as problem:
            return {self.board: render.note(str(problem), "bad"), self.body: gr.update(visible=False)}
        group = chosen(offered, key)
        choices = [(f"{each.title} ({many(len(each.of(ballots)), 'vote')})", each.key) for each in offered]
        if group is None:
            nothing = board.empty(has_studies=bool(choices))
            return {self.group: gr.update(choices=choices, value=None), self.board: nothing, self.body: gr.update(visible=False)}
        return {
            self.group: gr.update(choices=choices, value=group.key),
            self.board: self._board(group, group.of(ballots), flags == UNFLAGGED, len(ballots)),
            self.body: gr.update(visible=True),
            self.broken: self._broken(group.of(ballots), field, flags == UNFLAGGED),
            self.agreement: render.note(WAIT, "busy"),
            self.gallery: "",
        }

    def _board(self, group: Group, ballots: Sequence[Ballot], is_filtered: bool, total: int) -> str:
        """Everything that is told of a group at once."""
        kept = unflagged(ballots) if is_filtered else list(ballots)
        standings, titles = statistics.standings(ballots), self._titles(ballots)
        readings = {(each.first, each.second): each for each in meter.readings(kept)}
        cards = [
            board.pair(each, readings.get((each.first, each.second)), titles, is_filtered)
            for each in sorted(standings, key=lambda each: (-each.raw.n, each.first, each.second))
            if _figures_of(each, is_filtered).n
        ]
        flagged: dict[str, int] = {}
        for vote in ballots:
            for name in vote.flagged:
                flagged[name] = flagged.get(name, 0) + 1
        said = board.summary(group.title, group.warnings, kept, dict(sorted(flagged.items())), is_filtered, total)
        ladders = (
            board.ladders(rating.board(kept), titles) if len({key for each in standings for key in (each.first, each.second)}) > 2 else ""
        )
        reading = board.readability(statistics.standings(ballots, same_result=True), titles, is_filtered)
        blind = board.blindness(guessing.guesses(kept), titles)
        return f'{said}<div class="duels">{"".join(cards)}</div>{ladders}{reading}{blind}'

    def on_field(self, key: str | None, flags: str, field: Field, request: gr.Request | None = None) -> str:
        """The same votes, broken down by another field."""
        try:
            ballots = self.reader.ballots(self._votes(request))
            group = chosen(self._offered(ballots), key)
        except ArenaError as problem:
            return render.note(str(problem), "bad")
        return self._broken(group.of(ballots), field, flags == UNFLAGGED) if group else ""

    def _broken(self, ballots: Sequence[Ballot], field: Field, is_filtered: bool) -> str:
        return board.breakdown(statistics.standings_by(ballots, field), field, self._titles(ballots), is_filtered)

    def on_judged(self, key: str | None, flags: str, request: gr.Request) -> Iterator[Update]:
        """The chart against a kept run; then, as queries are run, agreement with the gold answers and where voters were taken in."""
        nothing = {self.about_run: "", self.chart: gr.update(visible=False), self.agreement: "", self.gallery: ""}
        try:
            rows = self._votes(request, filtered=flags == UNFLAGGED)
            ballots = self.reader.ballots(rows)
            group = chosen(self._offered(ballots), key)
            if group is None:
                yield nothing
                return
            mine = [row for row, each in zip(rows, ballots, strict=True) if group.of([each])]
            yield self._charted(group.of(ballots))
            judged: list[Ballot] = []
            last = time.monotonic()
            for each in self.reader.judged(mine):
                judged.append(each)
                if time.monotonic() - last > TICK:
                    last = time.monotonic()
                    yield {self.agreement: render.note(f"{WAIT} {len(judged):,} of {many(len(mine), 'vote')}.", "busy")}
            yield self._agreed(judged, mine, self.sessions.of(request.session_hash))
        except ArenaError as problem:
            yield nothing | {self.about_run: render.note(str(problem), "bad")}

    def _charted(self, ballots: Sequence[Ballot]) -> Update:
        """The chart of the pair with most votes that a kept run holds, or why there is none."""
        titles = self._titles(ballots)
        for each in sorted(statistics.standings(ballots), key=lambda each: (-each.raw.n, each.first, each.second)):
            run = self._run_of(each)
            if run is not None:
                found = chart.compared(ballots, run, each.first, each.second)
                stem = f"votes-and-{run.measured.name}"
                return {
                    self.about_run: "".join(f"<p>{escape(each)}</p>" for each in chart.notes(found, titles)),
                    self.chart: gr.update(visible=True),
                    self.plot: chart.figure(found, titles),
                    self.numbers: html.numbers(chart.rows(found), stem, chart.TITLE),
                }
        return {self.about_run: f"<p>{chart.NO_RUN}</p>", self.chart: gr.update(visible=False)}

    def _run_of(self, pair: Standing) -> StoredRun | None:
        """The newest kept run that is whole and measured both models as they stand in the votes."""
        for about in self.shelf.listed():
            if chart.holds(about, pair.first, pair.second):
                run = self.shelf.get(about.name)
                if run.complete:
                    return run
        return None

    def _agreed(self, ballots: Sequence[Ballot], rows: Sequence[dict[str, Any]], session: Session) -> Update:
        titles = self._titles(ballots)
        taken_in = agreement.plausible_but_wrong(ballots)
        told = people.agreement(
            agreement.with_benchmark(ballots, "strict"),
            agreement.with_benchmark(ballots, "relaxed"),
            agreement.among_voters(ballots),
            agreement.with_oneself(ballots),
            taken_in,
            titles,
        )
        upsets = next((each.upsets for each in taken_in if each.rule == "strict"), ())
        found = people.taken_in(upsets, {row["id"]: row for row in rows}, self._shown(rows, session))
        return {self.agreement: told, self.gallery: people.gallery(found, titles)}

    def _shown(self, rows: Sequence[dict[str, Any]], session: Session) -> dict[str, Example]:
        """Battle -> its question with golds; without the one of this page's open blind battle, whose sides it would tell."""
        known = ((row["id"], self.reader.example(row)) for row in rows)
        return {battle: each for battle, each in known if each and each.gold_sql and not session.is_undecided(each)}

    def _titles(self, ballots: Sequence[Ballot]) -> dict[str, str]:
        return self.names.titles(sorted({key for each in ballots for key in (each.model_a, each.model_b)}))


def _figures_of(each: Standing, is_filtered: bool) -> statistics.Figures:
    return each.filtered if is_filtered else each.raw


def _blank() -> go.Figure:
    return go.Figure(layout={"template": "none", "height": 420, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"})
