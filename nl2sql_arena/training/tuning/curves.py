"""`training.jsonl` -> a page with the curves of a training: loss, held-out execution accuracy, and which checkpoint was kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from nl2sql_arena.training.tuning.checkpoints import ACCURACY, LOSS

REPORT = "report.html"
CURVES = (
    ("loss", "training loss", "y", 1.0),
    (LOSS, "held-out loss", "y", 1.0),
    (ACCURACY, "held-out execution accuracy", "y2", 100.0),
    ("eval_valid_sql", "held-out valid SQL", "y2", 100.0),
    ("rewards/accuracies", "right answer preferred", "y2", 100.0),
)
"""Key, name, axis and factor of what is drawn where it was logged."""


def write(path: Path, title: str, history: Sequence[Mapping[str, Any]], kept: int) -> None:
    """One self-contained file."""
    figure = go.Figure()
    for key, name, axis, factor in CURVES:
        points = [(entry["step"], factor * entry[key]) for entry in history if key in entry]
        if points:
            steps, values = zip(*points, strict=True)
            figure.add_scatter(x=steps, y=values, name=name, yaxis=axis, mode="lines+markers")
    figure.add_vline(x=kept, line_dash="dot", annotation_text=f"kept: step {kept}")
    figure.update_layout(
        title=title, template="plotly_white", xaxis_title="step", yaxis={"title": "loss", "rangemode": "tozero"},
        yaxis2={"title": "share", "overlaying": "y", "side": "right", "range": [0, 102], "ticksuffix": " %", "showgrid": False},
        legend={"orientation": "h", "y": -0.2},
    )  # fmt: skip
    figure.write_html(path, include_plotlyjs=True)
