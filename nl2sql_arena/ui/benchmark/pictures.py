"""The charts: accuracy by difficulty, always there, and one of the others beside it; their numbers, and all of it as files."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import gradio as gr
import plotly.graph_objects as go

from nl2sql_arena.benchmark import charts
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.benchmark.part import INSTANT, Common, Update
from nl2sql_arena.ui.benchmark.state import Bench

MAIN = "accuracy"
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

    def draw(self, bench: Bench, with_numbers: bool = True) -> Update:
        """Both charts; while a run is at work without their numbers, which a reader may have open."""
        if bench.run is None:
            return {}
        return self._drawn(self.first, MAIN, bench, bench.run, with_numbers) | self._drawn(
            self.second, bench.view.chart, bench, bench.run, with_numbers
        )

    def _drawn(self, parts: "ChartParts", name: str, bench: Bench, run: StoredRun, with_numbers: bool = True) -> Update:
        chart, shown = charts.CHARTS[name], _shown(bench, run)
        update = parts.show(chart.figure(shown))
        if with_numbers:
            update[parts.numbers] = html.numbers(chart.rows(shown), _stem(run, name, bench.view.axis), chart.title)
        return update

    def on_chart(self, chart: str, request: gr.Request) -> Update:
        bench = self.common.session(request).bench
        bench.view = replace(bench.view, chart=chart)
        return self._drawn(self.second, chart, bench, bench.run) if bench.run else {}

    def _csv_of(self, which: str) -> Callable[[gr.Request], dict[str, str]]:
        """The handler that gives a chart's rows as a file; without a name those of the second chart as it is now."""

        def file(request: gr.Request) -> dict[str, str]:
            bench = self.common.session(request).bench
            if bench.run is None:
                raise gr.Error("Open a run first.")
            name = which or bench.view.chart
            rows = charts.CHARTS[name].rows(_shown(bench, bench.run))
            out = io.StringIO()
            writer = csv.DictWriter(out, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            return {"name": f"{_stem(bench.run, name, bench.view.axis)}.csv", "type": "text/csv", "text": out.getvalue()}

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


def _shown(bench: Bench, run: StoredRun) -> charts.Shown:
    pair = (bench.view.a, bench.view.b) if bench.view.a and bench.view.b else None
    return charts.shown(run.measured, run.results, bench.view.axis, stored=not bench.at_work, pair=pair)


def _stem(run: StoredRun, chart: str, axis: str) -> str:
    """A file's name without its ending."""
    return f"{run.measured.name}-{chart}" + (f"-{axis}" if chart in charts.LEVELED else "")
