"""Results -> figures: accuracy by difficulty with n and a Wilson interval on every bar. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import LEVELS, Interval, ModelCard

GROUPS = ("all", *LEVELS)
COLOURS = ("#4f46e5", "#d97706", "#0d9488", "#db2777", "#65a30d", "#7c3aed")


def accuracy(results: Sequence[Result]) -> dict[str, dict[str, Interval]]:
    """Model -> level (and all) -> execution accuracy over answerable, scored questions."""
    figures: dict[str, dict[str, Interval]] = {}
    for model in dict.fromkeys(result.answer.model for result in results):
        mine = [r for r in results if r.answer.model == model and r.level is not None and r.score.value is not None]
        figures[model] = {}
        for group in GROUPS:
            chosen = [r.score.value == 1.0 for r in mine if group in ("all", r.level)]
            figures[model][group] = wilson(sum(chosen), len(chosen))
    return figures


def abstentions(results: Sequence[Result], model: str) -> tuple[int, int, int, int]:
    """(abstained rightly, unanswerable questions, abstained wrongly, answerable questions)."""
    mine = [r for r in results if r.answer.model == model and r.score.value is not None]
    hard = [r for r in mine if r.level is None]
    easy = [r for r in mine if r.level is not None]
    return sum(r.score.value == 1.0 for r in hard), len(hard), sum(r.answer.outcome == "abstained" for r in easy), len(easy)


def as_json(figures: Mapping[str, Mapping[str, Interval]]) -> dict[str, Any]:
    """The `models` object of `bench run --json`."""
    return {
        model: {
            group: {
                "n": i.n,
                "correct": round(i.value * i.n) if i.n else 0,
                "accuracy": i.value if i.n else None,
                "low": i.low,
                "high": i.high,
            }
            for group, i in groups.items()
        }
        for model, groups in figures.items()
    }


def chart(figures: Mapping[str, Mapping[str, Interval]], cards: Mapping[str, ModelCard], subtitle: str) -> go.Figure:
    """Grouped bars by Spider difficulty; the subtitle says what was measured on what."""
    figure = go.Figure()
    for colour, (model, groups) in zip(COLOURS * 3, figures.items(), strict=False):
        intervals = [groups[group] for group in GROUPS]
        figure.add_bar(
            name=cards[model].title,
            x=list(GROUPS),
            y=[100 * i.value if i.n else None for i in intervals],
            error_y={
                "type": "data", "symmetric": False, "thickness": 1.2, "width": 4, "color": "rgba(120,120,130,.9)",
                "array": [100 * (i.high - i.value) if i.n else 0 for i in intervals],
                "arrayminus": [100 * (i.value - i.low) if i.n else 0 for i in intervals],
            },
            marker_color=colour, legendgroup=model, offsetgroup=model,
            hovertemplate="%{x}: %{y:.1f} %<extra>" + cards[model].title + "</extra>",
        )  # fmt: skip
        figure.add_scatter(  # below the bars, since Plotly drops the text of a bar without height
            x=list(GROUPS), y=[-8] * len(GROUPS), mode="text", legendgroup=model, offsetgroup=model, showlegend=False,
            text=[f"{100 * i.value:.0f} %<br>n={i.n}" if i.n else "n=0" for i in intervals], hoverinfo="skip", textfont={"size": 11},
        )  # fmt: skip
    figure.update_layout(
        barmode="group", scattermode="group", template="none", height=420, margin={"l": 50, "r": 10, "t": 60, "b": 60},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", legend={"orientation": "h", "y": -0.15},
        title={"text": f"Execution accuracy by Spider difficulty<br><sup>{subtitle}</sup>", "x": 0, "xref": "paper"},
        yaxis={"range": [-16, 102], "dtick": 20, "ticksuffix": " %", "gridcolor": "rgba(128,128,128,.25)", "zeroline": False},
    )  # fmt: skip
    return figure
