"""Which run is shown, and live runs: a quick sample, a full run that asks first, the rest of one that was ended; progress and cancel."""

import time
from collections.abc import Callable, Iterator

import gradio as gr

from nl2sql_arena import zero_gpu
from nl2sql_arena.benchmark import sample
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.ui import render
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.benchmark.live import Live
from nl2sql_arena.ui.benchmark.part import INSTANT, Common, Update
from nl2sql_arena.ui.benchmark.state import Bench, Plan
from nl2sql_arena.ui.sessions import Session

TICK, REFRESH = 0.4, 0.8
"""Seconds between two looks at a live run, and at least between two drawings of its charts."""
SPLITS = {"dev": "dev: for development", "test": "test: for figures that are published", "arena": "arena: the page's examples"}
WAITING = "Waiting for a place: one run is at work at a time on this machine."
AT_WORK = "A run of this page is at work; cancel it or wait for its end."
RESUMABLE = "It goes on while this page is open; cancelled or ended, it can be resumed, and nothing is written twice."
Redraw = Callable[[Session], Update]


class Controls:
    """One live run at a time for each page, and for the machine."""

    def __init__(self, common: Common) -> None:
        self.common = common
        with gr.Row(elem_id="bench-row"):
            self.pick = gr.Dropdown([], label="Run shown", elem_id="bench-pick", scale=5, min_width=260)
            self.quick = gr.Button("Quick sample", variant="primary", elem_id="bench-quick", scale=1, min_width=130)
            self.full = gr.Button("Full run…", elem_id="bench-full", scale=1, min_width=110)
            self.resume = gr.Button("Resume", elem_id="bench-resume", scale=1, min_width=110, visible=False)
            self.cancel = gr.Button("Cancel", elem_id="bench-cancel", scale=1, min_width=110, visible=False)
        self.estimate = gr.HTML(elem_id="bench-estimate", padding=False)
        with gr.Accordion("What a live run asks, and whom", open=False, elem_id="bench-options"):
            self._build_options()
        with gr.Column(visible=False, elem_id="bench-confirm") as self.confirm:
            self.confirmation = gr.HTML(elem_id="bench-confirmation", padding=False)
            with gr.Row():
                self.start = gr.Button("Start the full run", variant="primary", elem_id="bench-start")
                self.not_now = gr.Button("Not now", elem_id="bench-not-now")
        self.progress = gr.HTML(elem_id="bench-progress", padding=False)
        self.options = [self.models, self.databases, self.split]
        self.buttons = [self.pick, self.quick, self.full, self.resume, self.cancel, self.confirm]

    def _build_options(self) -> None:
        services, profile = self.common.services, self.common.profile
        cards, databases = services.cards, list(services.databases)
        choices = [(cards[name].title, name) for name in profile.models]
        floor = [name for name in profile.models if cards[name].kind == "baseline" and name not in profile.pair]
        with gr.Row():
            self.models = gr.CheckboxGroup(
                choices,
                value=[name for name in (*profile.pair, *floor) if name in profile.models],
                label="Contestants",
                elem_id="bench-models",
                min_width=280,
            )
            self.databases = gr.CheckboxGroup(databases, value=databases, label="Databases", elem_id="bench-dbs", min_width=280)
            self.split = gr.Radio(
                [(text, name) for name, text in SPLITS.items()], value="dev", label="Questions", elem_id="bench-split", min_width=280
            )

    def wire(self, page: list[gr.components.Component], show: Redraw, refresh: Redraw) -> None:
        """`show` makes the whole page, whose components are `page`; `refresh` what follows from further answers."""
        self.show, self.refresh = show, refresh
        gr.on([each.change for each in self.options], self.on_options, self.options, [self.estimate, self.confirm], **INSTANT)
        begun = [*self.buttons, self.progress]
        for button, handler in ((self.quick, self.on_quick), (self.start, self.on_start), (self.resume, self.on_resume)):
            beginning = button.click(handler, self.options, begun, trigger_mode="once", **INSTANT)
            ran = beginning.success(  # in a queue of its own, so that nobody who asks waits for a run
                self.on_run, None, [*page, self.progress], concurrency_id="benchmark", concurrency_limit=1,
                api_visibility="private", show_progress="hidden",
            )  # fmt: skip
            ran.then(self.on_ended, self.options, [*page, self.estimate], **INSTANT)
        self.full.click(self.on_full, self.options, [self.confirm, self.confirmation, self.start], **INSTANT)
        self.not_now.click(lambda: gr.update(visible=False), None, self.confirm, **INSTANT)
        self.cancel.click(self.on_cancel, None, begun, **INSTANT)

    def offer(self, bench: Bench) -> Update:
        """What can be done now. A question that waits for its answer stays: this may come after it was asked."""
        run, working = bench.run, bench.at_work
        shown = run.measured.name if run else ""
        choices = self.common.shelf.choices(at_work=shown if working else "")
        return {
            self.pick: gr.update(choices=choices, value=shown if shown in {name for _, name in choices} else None, interactive=not working),
            self.quick: gr.update(visible=not working),
            self.full: gr.update(visible=not working),
            self.cancel: gr.update(visible=working),
            self.resume: gr.update(visible=not working and self._rest(run) is not None),
        } | ({self.confirm: gr.update(visible=False)} if working else {})

    def on_options(self, models: list[str], databases: list[str], split: str) -> Update:
        return {self.estimate: self.estimated(models, databases, split), self.confirm: gr.update(visible=False)}

    def on_quick(self, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        return self._begin(request, lambda _session: self._plan(models, databases, split, is_quick=True))

    def on_full(self, models: list[str], databases: list[str], split: str) -> Update:
        """Ask first: how much it is, and how long it takes; on ZeroGPU, how to do it elsewhere."""
        try:
            plan = self._plan(models, databases, split, is_quick=False)
        except ArenaError as problem:
            return {
                self.confirm: gr.update(visible=True),
                self.confirmation: render.note(str(problem), "bad"),
                self.start: gr.update(visible=False),
            }
        answers = len(plan.examples) * len(plan.models)
        asked = f"All {len(plan.examples)} {split} questions to {_contestants(plan)} are {answers} answers; {self._time(plan)}."
        command = f"python -m nl2sql_arena bench run --models {','.join(plan.models)} --split {split}"
        elsewhere = f"On ZeroGPU that is more than a visitor's share; run it on a machine of your own: {command}"
        return {
            self.confirm: gr.update(visible=True),
            self.confirmation: render.note(f"{asked} {elsewhere if self._is_shared else RESUMABLE}"),
            self.start: gr.update(visible=not self._is_shared),
        }

    @property
    def _is_shared(self) -> bool:
        """Whether a GPU is lent to each call for a short while, so that nobody may hold it for a full run."""
        return self.common.profile.hardware == zero_gpu.NAME

    def on_start(self, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        def plan(_session: Session) -> Plan:
            if self._is_shared:
                raise BadInput("A full run is more than ZeroGPU gives a visitor; do it with bench run on a machine of your own.")
            return self._plan(models, databases, split, is_quick=False)

        return self._begin(request, plan)

    def on_resume(self, _models: list[str], _databases: list[str], _split: str, request: gr.Request) -> Update:
        def plan(session: Session) -> Plan:
            rest = self._rest(session.bench.run)
            if rest is None:
                raise BadInput("There is nothing to resume; start a new run.")
            return rest

        return self._begin(request, plan)

    def _begin(self, request: gr.Request, plan: Callable[[Session], Plan]) -> Update:
        """Take the page's one place for a live run. Whoever waits for the machine is told so."""
        with self.common.sessions.locked(request.session_hash) as session:
            try:
                if session.bench.at_work:
                    raise BadInput(AT_WORK)
                planned = plan(session)
                self.common.sessions.admit("run", request)
                session.bench.begin(planned)
            except ArenaError as problem:
                return {self.progress: render.note(str(problem), "bad")}
            return self.offer(session.bench) | {self.progress: render.note(WAITING, "busy")}

    def _plan(self, models: list[str], databases: list[str], split: str, is_quick: bool) -> Plan:
        services, profile = self.common.services, self.common.profile
        chosen = tuple(name for name in dict.fromkeys((*profile.pair, *profile.models)) if name in (models or ()))
        names = [name for name in services.databases if name in (databases or ())]
        if not chosen or not names:
            raise BadInput("Choose at least one contestant and one database, then run.")
        if split not in SPLITS:
            raise BadInput(f"There are no '{split}' questions; choose one of {', '.join(SPLITS)}.")
        examples = [example for db in names for example in services.examples(db, split)]
        if is_quick:
            examples = sample.quick(examples)
        if not examples:
            raise BadInput(f"These databases have no {split} questions; choose others.")
        dataset = "all" if len(names) == len(services.databases) else ",".join(names)
        return Plan(chosen, examples, dataset, split, sample.CHOSEN if is_quick else "")

    def _rest(self, run: StoredRun | None) -> Plan | None:
        """How a run that was ended goes on; None where it is whole, or where its models or questions are not these any more."""
        if run is None or run.complete:
            return None
        about, services = run.measured, self.common.services
        examples = sample.questions(services, about)
        if examples is None or any(each.name not in self.common.profile.models for each in about.contestants):
            return None
        same = all(services.revision(each.name) == each.revision for each in about.contestants)
        return Plan(tuple(about.titles), examples, about.dataset, about.split, about.chosen, len(run.results) if same else 0)

    def estimated(self, models: list[str], databases: list[str], split: str) -> str:
        """What a quick sample would ask, and how long it may take."""
        try:
            plan = self._plan(models, databases, split, is_quick=True)
        except BadInput as problem:
            return render.note(str(problem), "warn")
        return f'<p class="rows">Quick sample: {len(plan.examples)} {split} questions to {_contestants(plan)}; {self._time(plan)}.</p>'

    def _time(self, plan: Plan) -> str:
        """How long by this arena's own runs, else by one that ships and its hardware."""
        shelf, count = self.common.shelf, len(plan.examples)
        revisions = {name: self.common.services.revision(name) for name in plan.models}
        seconds = sample.seconds(shelf.newest(), revisions, self.common.profile.hardware, count)
        if seconds is not None:
            return f"{html.duration(seconds)} by earlier runs here"
        for run in shelf.shipped():
            hardware = run.measured.hardware
            seconds = sample.seconds([run], revisions, hardware, count)
            if seconds is not None:
                return f"at most {html.duration(seconds)} where the stored run was made ({hardware}), not known yet here"
        return "how long that takes here is not known yet"

    def on_run(self, request: gr.Request) -> Iterator[Update]:
        """The page as the answers arrive, until all are there or the run is ended."""
        session = self.common.session(request)
        plan, session.bench.plan = session.bench.plan, None
        if plan is None or session.bench.stop.is_set():  # it was cancelled, or its page closed, while it waited
            return
        stop = session.bench.stop
        live = Live(self.common.services, plan, self.common.profile.hardware, stop.is_set)
        try:
            live.start()
            yield from self._watch(session, live)
        finally:
            stop.set()

    def _watch(self, session: Session, live: Live) -> Iterator[Update]:
        said = f"{live.plan.before} of them were written before and come from the run log." if live.plan.before else ""
        drawn, drawn_at = -1, 0.0
        while not live.ended.wait(TICK):
            run = live.run()
            if run is None:
                yield {self.progress: html.bar(0, live.total, live.seconds, "Loading")}
                continue
            word = "Cancelling" if session.bench.stop.is_set() else "Running"
            update: Update = {self.progress: html.bar(len(run.results), live.total, live.seconds, word, live.left, said)}
            if drawn < 0:
                session.bench.show(run, self.common.profile.pair)
                update |= self.show(session)
            elif len(run.results) > drawn and time.monotonic() - drawn_at > REFRESH:
                session.bench.run = run
                update |= self.refresh(session)
            else:
                yield update
                continue
            drawn, drawn_at = len(run.results), time.monotonic()
            yield update
        yield {self.progress: self._last_word(session, live, said)}

    def _last_word(self, session: Session, live: Live, said: str) -> str:
        """On a run, which the page shows from now on as a stored one."""
        run, is_cancelled = live.run(), session.bench.stop.is_set()
        if run is not None:
            if session.bench.run is None or session.bench.run.measured.name != run.measured.name:
                session.bench.show(run, self.common.profile.pair)
            session.bench.run = run
        if live.failure:
            return render.note(live.failure, "bad")
        if run and run.complete:
            return html.bar(live.total, live.total, live.seconds, "Done", said=f"{said} Kept as {run.measured.name}.".strip())
        word = "Cancelled" if is_cancelled else "Ended"
        more = "Resume goes on from here, and writes nothing twice."
        return html.bar(len(live.results), live.total, live.seconds, word, said=f"{said} {more}".strip())

    def on_ended(self, models: list[str], databases: list[str], split: str, request: gr.Request) -> Update:
        session = self.common.session(request)
        if session.bench.at_work:
            return {self.estimate: gr.skip()}
        return self.show(session) | {self.estimate: self.estimated(models, databases, split)}

    def on_cancel(self, request: gr.Request) -> Update:
        """End the run; one that still waits for its place is gone at once."""
        with self.common.sessions.locked(request.session_hash) as session:
            bench = session.bench
            if bench.stop.is_set():
                return {self.progress: render.note("Nothing is running.")}
            bench.stop.set()
            if bench.plan is None:
                return {self.progress: gr.skip()}  # the run itself says so, and might have said its last word before this came to the page
            bench.plan = None
            return self.offer(bench) | {self.progress: render.note("Cancelled before it began.")}


def _contestants(plan: Plan) -> str:
    return f"{len(plan.models)} contestant{'s' * (len(plan.models) != 1)}"
