"""The charts: accuracy by difficulty, always there, and one of the others beside it; their numbers, and all of it as files."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace

import gradio as gr
import plotly.graph_objects as go

from nl2sql_arena.benchmark import charts
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.benchmark.part import INSTANT, Common, Update, seen
from nl2sql_arena.ui.sessions import Session

MAIN = "accuracy"
LEFT_OUT = ", without the question of your open battle"
AXES = {"spider": "Spider's rules", "duckdb": "DuckDB-aware"}


class Pictures:
    """Only the charts in sight are computed and sent. PNG and SVG are made by the browser, from what it shows."""

    def __init__(self, common: Common) -> None:
        self.common = common
        others = [(chart.title, name) for name, chart in charts.CHARTS.items() if name != MAIN]
        with gr.Row(elem_id="bench-charts"):
            with gr.Column(min_width=320):
                self.axis = gr.Radio(
                    [(text, name) for name, text in AXES.items()], value="spider", label="Levels of difficulty by", elem_id="bench-axis"
                )
                self.first = ChartParts("")
            with gr.Column(min_width=320):
                self.chart = gr.Dropdown(others, value=others[0][1], label="Beside it", elem_id="bench-chart")
                self.second = ChartParts("-2")
        self.file = gr.JSON(label="File", visible="hidden", elem_id="bench-file")
        self.drawn = [*self.first.parts, *self.second.parts]
        self.chart.input(self.on_chart, self.chart, self.second.parts, **INSTANT)
        for drawn, which in ((self.first, MAIN), (self.second, "")):
            self.saving(drawn.csv, self._csv_of(which))

    def saving(self, button: gr.Button, make: Callable[[gr.Request], dict[str, str]]) -> None:
        """Let a button save what `make` returns: name, type and text of a file."""
        made = button.click(make, None, self.file, **INSTANT)
        made.success(None, self.file, None, js="(file) => benchSave(file)")

    def draw(self, session: Session, with_numbers: bool = True) -> Update:
        """Both charts; while a run is at work without their numbers, which a reader may have open."""
        update: Update = {}
        for parts, name in ((self.first, MAIN), (self.second, session.bench.view.chart)):
            update |= self._drawn(parts, name, session, with_numbers)
        return update

    def _drawn(self, parts: "ChartParts", name: str, session: Session, with_numbers: bool = True) -> Update:
        run = session.bench.run
        if run is None:
            return {}
        chart, shown = charts.CHARTS[name], subject(session, run)
        update = parts.show(chart.figure(shown))
        if with_numbers:
            update[parts.numbers] = html.numbers(chart.rows(shown), stem(run, name, session.bench.view.axis), chart.title)
        return update

    def on_chart(self, chart: str, request: gr.Request) -> Update:
        session = self.common.session(request)
        session.bench.view = replace(session.bench.view, chart=chart)
        return self._drawn(self.second, chart, session)

    def _csv_of(self, which: str) -> Callable[[gr.Request], dict[str, str]]:
        """The handler that gives a chart's rows as a file; without a name those of the second chart as it is now."""

        def file(request: gr.Request) -> dict[str, str]:
            session = self.common.session(request)
            bench = session.bench
            if bench.run is None:
                raise gr.Error("Open a run first.")
            name = which or bench.view.chart
            rows = charts.CHARTS[name].rows(subject(session, bench.run))
            return as_csv(stem(bench.run, name, bench.view.axis), rows)

        return file


class ChartParts:
    """A chart between its title and its notes, which break their lines to the width at hand; its numbers, and the buttons for its files."""

    def __init__(self, suffix: str) -> None:
        blank = go.Figure(layout={"template": "none", "height": 420, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"})
        self.head = gr.HTML(elem_id=f"bench-said{suffix}", padding=False)
        self.plot = gr.Plot(blank, show_label=False, elem_id=f"bench-plot{suffix}", elem_classes=["bench-plot"])
        self.notes = gr.HTML(elem_id=f"bench-notes{suffix}", padding=False)
        with gr.Row(elem_classes=["bench-files"]):
            for kind in ("png", "svg"):
                button = gr.Button(kind.upper(), size="sm", min_width=60, elem_id=f"bench-{kind}{suffix}")
                button.click(None, None, None, js=f"() => benchImage('bench-plot{suffix}', 'bench-numbers{suffix}', '{kind}')")
            self.csv = gr.Button("CSV", size="sm", min_width=60, elem_id=f"bench-csv{suffix}")
        self.numbers = gr.HTML(elem_id=f"bench-numbers{suffix}", padding=False)
        self.parts = [self.head, self.plot, self.notes, self.numbers]

    def show(self, figure: go.Figure) -> Update:
        """All but the numbers."""
        said = charts.caption(figure)
        return {self.head: html.caption(said), self.plot: figure, self.notes: html.notes(said)}


def subject(session: Session, run: StoredRun) -> charts.Shown:
    """What the charts show of a run, which is less than it has while one of its questions waits for a vote."""
    view, told = session.bench.view, seen(session, run)
    pair = (view.a, view.b) if view.a and view.b else None
    shown = charts.shown(run.measured, told.results, view.axis, stored=not session.bench.at_work, pair=pair)
    waits = len(told.results) < len(run.results)
    return replace(shown, subtitle=shown.subtitle + LEFT_OUT) if waits else shown


def stem(run: StoredRun, chart: str, axis: str = "") -> str:
    """A file's name without its ending."""
    return f"{run.measured.name}-{chart}" + (f"-{axis}" if chart in charts.LEVELED else "")


def as_csv(name: str, rows: Sequence[charts.Row]) -> dict[str, str]:
    """Rows as a file for `saving`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return {"name": f"{name}.csv", "type": "text/csv", "text": out.getvalue()}
