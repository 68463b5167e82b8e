"""The Benchmark tab: run contestants over questions with golds, live, and plot accuracy by difficulty."""

import logging
import threading
import time
from collections.abc import Iterator
from html import escape

import gradio as gr
import plotly.graph_objects as go

from nl2sql_arena.benchmark import charts, figures, metrics, runner
from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import Example
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import Sessions

log = logging.getLogger(__name__)
REFRESH = 0.7
SPLITS = {"dev": "dev: for development", "test": "test: for figures that are published", "arena": "arena: the page's examples"}


class BenchmarkTab:
    """Live runs of this page's contestants; one run at a time for each page."""

    def __init__(self, services: Services, profile: Profile, sessions: Sessions) -> None:
        self.services, self.profile, self.sessions = services, profile, sessions
        self._build()
        limits = {"concurrency_id": "benchmark", "concurrency_limit": 1}  # of its own, so that nobody who asks waits for a run
        inputs = [self.models, self.databases, self.split, self.limit]
        self.start.click(
            self.on_run, inputs, [self.progress, self.plot, self.details], api_visibility="private", show_progress="hidden", **limits
        )
        self.cancel.click(self.on_cancel, None, self.progress, api_visibility="private", queue=False, show_progress="hidden")

    def _build(self) -> None:
        choices = [(self.services.cards[name].title, name) for name in self.profile.models]
        databases = list(self.services.databases)
        with gr.Row():
            self.models = gr.CheckboxGroup(choices, value=list(self.profile.pair), label="Contestants", elem_id="bench-models", scale=3)
            self.databases = gr.CheckboxGroup(databases, value=databases, label="Databases", elem_id="bench-dbs", scale=3)
        with gr.Row():
            self.split = gr.Radio(
                [(text, name) for name, text in SPLITS.items()], value="dev", label="Questions", elem_id="bench-split", scale=3
            )
            self.limit = gr.Slider(5, 150, value=20, step=5, label="At most, from each database", elem_id="bench-limit", scale=2)
            with gr.Column(scale=1, min_width=130):
                self.start = gr.Button("Run", variant="primary", elem_id="bench-run")
                self.cancel = gr.Button("Cancel", elem_id="bench-cancel")
        self.progress = gr.HTML(elem_id="bench-progress")
        self.plot = gr.Plot(
            go.Figure(layout={"template": "none", "height": 420, "paper_bgcolor": "rgba(0,0,0,0)"}), show_label=False, elem_id="bench-plot"
        )
        self.details = gr.HTML(elem_id="bench-details")

    def on_run(
        self, models: list[str], databases: list[str], split: str, limit: float, request: gr.Request
    ) -> Iterator[tuple[str, go.Figure, str]]:
        """Progress, chart and table, about every `REFRESH` seconds."""
        stop = self.sessions.of(request.session_hash).benchmark = threading.Event()
        try:
            examples = self._chosen(models, databases, split, int(limit))
            yield from self._run(models, examples, split, stop)
        except ArenaError as problem:
            yield render.note(str(problem), "bad"), go.Figure(layout={"template": "none", "height": 60}), ""
        except Exception:  # noqa: BLE001 - the UI's edge: the page says something, the log says what
            log.exception("benchmark failed")
            yield render.note("The benchmark failed on our side; the server's log has the details.", "bad"), go.Figure(), ""
        finally:
            stop.set()

    def _chosen(self, models: list[str], databases: list[str], split: str, limit: int) -> list[Example]:
        if not models or not databases:
            raise BadInput("Choose at least one contestant and one database, then run.")
        if set(models) - set(self.profile.models):
            raise BadInput("A contestant is not offered on this page; reload it and choose again.")
        return [example for db in databases for example in self.services.examples(db, split)[:limit]]

    def _run(self, models: list[str], examples: list[Example], split: str, stop: threading.Event) -> Iterator[tuple[str, go.Figure, str]]:
        total, began, shown = len(models) * len(examples), time.monotonic(), 0.0
        results: list[runner.Result] = []
        yield _bar(0, total, 0.0, "Loading"), self._chart(results, models, examples, split), ""
        for result in runner.run(self.services, models, examples, stop.is_set):
            results.append(result)
            if time.monotonic() - shown > REFRESH:
                shown = time.monotonic()
                yield (
                    _bar(len(results), total, shown - began, "Running"),
                    self._chart(results, models, examples, split),
                    self._table(results),
                )
        word = "Cancelled" if stop.is_set() else "Done"
        yield _bar(len(results), total, time.monotonic() - began, word), self._chart(results, models, examples, split), self._table(results)

    def _chart(self, results: list[runner.Result], models: list[str], examples: list[Example], split: str) -> go.Figure:
        asked = f"{len(examples)} {split} questions on {len({example.db for example in examples})} databases"
        measured = f"{asked}, data {runner.dataset_hash(examples)}"
        titles = {model: self.services.cards[model].title for model in models}
        return charts.CHARTS["accuracy"].figure(charts.Shown(results, titles, "spider", measured, stored=False))

    def _table(self, results: list[runner.Result]) -> str:
        """The figures behind the chart, then each wrong or unscored answer."""
        shares = figures.accuracy(results)
        names = ("Contestant", *metrics.GROUPS, "Unanswerable left unanswered", "Answerable left unanswered")
        head = "".join(f"<th>{name}</th>" for name in names)
        rows = []
        for model, groups in shares.items():
            right, hard, wrongly, easy = figures.abstentions(results, model)
            cells = "".join(
                f"<td>{i.value:.0%}<br><small>{i.low:.0%}–{i.high:.0%}, n={i.n}</small></td>" if i.n else "<td>–</td>"
                for i in groups.values()
            )
            rows.append(
                f"<tr><td>{escape(self.services.cards[model].title)}</td>{cells}<td>{right} of {hard}</td><td>{wrongly} of {easy}</td></tr>"
            )
        wrong = [result for result in results if result.score.value != 1.0]
        listed = "".join(_listed(result, self.services.cards[result.answer.model].title) for result in wrong[-200:])
        details = f"<details><summary>{len(wrong)} answers not right</summary>{listed}</details>"
        return render.grid(head, "".join(rows), "Accuracy by difficulty") + details

    def on_cancel(self, request: gr.Request) -> str:
        stop = self.sessions.of(request.session_hash).benchmark
        if stop.is_set():
            return render.note("Nothing is running.")
        stop.set()
        return render.note("Cancelling…", "busy")


def _bar(done: int, total: int, seconds: float, word: str) -> str:
    left = f", about {seconds / done * (total - done):.0f} s left" if 0 < done < total and word == "Running" else ""
    share = 100 * done / total if total else 0
    text = f"{word}: {done} of {total} answers, {seconds:.0f} s{left}"
    return f'<div class="bar" role="status"><div style="width:{share:.1f}%"></div><span>{text}</span></div>'


def _listed(result: runner.Result, title: str) -> str:
    verdict = result.score.reason + (f": {result.score.difference}" if result.score.difference else "")
    gold = result.example.gold_sql[0] if result.example.gold_sql else "(unanswerable)"
    where = f"{result.example.id}, {result.level or 'unanswerable'}, {title}"
    return (
        f'<div class="wrong"><p><b>{escape(result.example.question)}</b> <small>{escape(where)}</small></p>'
        f"<p>{escape(verdict)}</p><pre>{escape(result.answer.prepared.sql or '(no SQL)')}</pre><pre class='gold'>{escape(gold)}</pre></div>"
    )
