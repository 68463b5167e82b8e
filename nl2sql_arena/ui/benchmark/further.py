"""What further passes over the shown run have found: matched by luck, other guises, efficiency; nothing where none was made."""

from collections.abc import Mapping

import gradio as gr

from nl2sql_arena.benchmark import passes, runs
from nl2sql_arena.benchmark.document import Table
from nl2sql_arena.benchmark.passes import Found
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.errors import BadInput
from nl2sql_arena.ui import render
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.benchmark.part import OPENER, Common, Update, seen
from nl2sql_arena.ui.benchmark.pictures import ChartParts, Pictures, as_csv, stem, subject
from nl2sql_arena.ui.sessions import Session

WAITS = "The further passes over this run have the question of your open battle in their figures; they are back when you have voted."
CHART = "robustness"


class Further:
    """What each pass that was made has found: tables, and the drops of the guises as a chart. `bench run` makes the passes."""

    def __init__(self, common: Common, pictures: Pictures) -> None:
        self.common = common
        with gr.Column(visible=False, elem_id="bench-further") as self.box:
            gr.HTML("<h2>Further passes over this run</h2>", padding=False)
            self.said = gr.HTML(elem_id="bench-passes-said", padding=False)
            self.variants = gr.HTML(elem_id="bench-variants", padding=False)
            self.luck = gr.HTML(elem_id="bench-luck", padding=False, js_on_load=OPENER)
            self.robustness = gr.HTML(elem_id="bench-robustness", padding=False)
            with gr.Column(visible=False, elem_id="bench-drops") as self.drops:
                self.chart = ChartParts("-3")
            self.efficiency = gr.HTML(elem_id="bench-efficiency", padding=False)
        self.tables = {"variants": self.variants, "robustness": self.robustness, "efficiency": self.efficiency}
        self.parts = [self.box, self.said, *self.tables.values(), self.luck, self.drops, *self.chart.parts]
        pictures.saving(self.chart.csv, self.on_csv)

    def show(self, session: Session) -> Update:
        """All of it. A file of passes that cannot be read is said to be so."""
        run = session.bench.run
        try:
            found = self._found(run)
            told = passes.told(found, run.measured.names) if run else {}
        except BadInput as problem:
            return self._nothing(render.note(str(problem), "warn"))
        if run is None or not told:
            return self._nothing()
        if len(seen(session, run).results) < len(run.results):  # its figures cannot be taken out of theirs
            return self._nothing(render.note(WAITS))
        titles = {name: html.pass_title(passes.titled(name)) for name in told}
        # The rows of a pass that has a chart are among the chart's numbers, a click away; a phone has no room for both.
        kept = {name: [block for block in each if name != CHART or not isinstance(block, Table)] for name, each in told.items()}
        update: Update = {part: titles[name] + html.blocks(kept[name], name) if name in told else "" for name, part in self.tables.items()}
        update |= {self.box: gr.update(visible=True), self.said: "", self.drops: gr.update(visible=CHART in told)}
        update[self.luck] = html.matched_by_luck(passes.lucky(found["variants"]), run) if "variants" in told else ""
        if CHART in told:
            figure = passes.drops(found[CHART], subject(session, run))
            update |= self.chart.show(figure)
            update[self.chart.numbers] = html.numbers(passes.drop_rows(found[CHART]), stem(run, CHART), "drops by guise")
        return update

    def _nothing(self, said: str = "") -> Update:
        blank: Update = dict.fromkeys((*self.tables.values(), self.luck), "")
        return blank | {self.box: gr.update(visible=bool(said)), self.said: said, self.drops: gr.update(visible=False)}

    def on_csv(self, request: gr.Request) -> dict[str, str]:
        session = self.common.session(request)
        run = session.bench.run
        found = self._found(run)
        if run is None or CHART not in found or len(seen(session, run).results) < len(run.results):
            raise gr.Error("These figures are not shown now.")
        return as_csv(stem(run, CHART), passes.drop_rows(found[CHART]))

    def _found(self, run: StoredRun | None) -> Mapping[str, Found]:
        """Raises BadInput."""
        return runs.read_passes(run.path) if run and run.path else {}
