"""What further passes over a kept run have found (`runs.read_passes`), as blocks and a chart that report and page both show. Pure.

Every share has its n and its interval. Figures by level are by the levels that the run was made with.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from nl2sql_arena.benchmark import charts
from nl2sql_arena.benchmark.charts import AXIS_WORDS, Caption, Row, Shown
from nl2sql_arena.benchmark.document import Block, Points, Table, Text
from nl2sql_arena.benchmark.figures import FEW, p_said
from nl2sql_arena.benchmark.metrics import GROUPS
from nl2sql_arena.benchmark.scorers import REASONS
from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import Interval

Found = Mapping[str, Any]
"""What one pass has found, as `bench run --json` prints it."""
Titles = Mapping[str, str]
WORDS = {"gold_finds_nothing": "the gold finds nothing there"}
NAMED = 12
"""Questions of a kind that are named."""


@dataclass(frozen=True)
class Pass:
    """A kind of pass: what it is called, the option that makes it, and its figures as blocks."""

    title: str
    option: str
    blocks: Callable[[Found, Titles], tuple[Block, ...]]


def _variants(found: Found, titles: Titles) -> tuple[Block, ...]:
    seeds = " and ".join(map(str, found["seeds"]))
    rows = tuple(
        (
            titles.get(model, model), _said(each["plain"]), _said(each["stricter"]), str(len(each["lucky"])), str(each["held"]),
            str(len(each["unproven"])),
        )
        for model, each in found["models"].items()
    )  # fmt: skip
    head = ("", "right on its own rows", "the stricter accuracy", "matched by luck", "held", "unproven")
    caption = (
        f"Right answers and their golds ran again on the same databases with other rows (seeds {seeds}). Wrong there is matched by luck; "
        "the stricter accuracy is without those, over the same questions. Unproven: the gold finds nothing there. 95 % Wilson intervals. "
        "What holds may still be luck, since the rows were not chosen to tell queries apart."
    )
    skipped = found.get("skipped", {})
    left = (Text(f"{found['skipped_questions']} questions count on neither side: {_reasons(skipped)}."),) if skipped else ()
    return (Table(head, rows, caption), *left)


def lucky(found: Found) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(database, id) of a question -> (model, why its right answer was matched by luck) of each model."""
    named: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for model, each in found["models"].items():
        for one in each["lucky"]:
            why = ", ".join(f"seed {seed}: {_reason(reason)}" for seed, reason in one["reasons"].items())
            named.setdefault((one["db"], one["id"]), []).append((model, why))
    return dict(sorted(named.items()))


def lucky_points(found: Found, titles: Titles) -> tuple[Block, ...]:
    """The first of these questions, for a report."""
    named = lucky(found)
    items = tuple(
        f"`{name}`: " + "; ".join(f"{titles.get(model, model)} ({why})" for model, why in models)
        for (_, name), models in list(named.items())[:NAMED]
    )
    more = f", the first {NAMED} by database and id" if len(named) > NAMED else ""
    return (Text(f"Questions that were matched by luck ({len(named)}{more}):"), Points(items)) if items else ()


def _efficiency(found: Found, titles: Titles) -> tuple[Block, ...]:
    rows = tuple(
        (
            titles.get(model, model),
            *(_mean(each["r_ves"].get(group)) for group in GROUPS),
            _mean(each["ceiling"]),
            str(len(each["untimed"])),
        )
        for model, each in found["models"].items()
    )
    axis = AXIS_WORDS[found.get("axis", "spider")]
    caption = (
        f"BIRD's R-VES with {found['repeats']} repeats, one query at a time, 0 for a wrong answer; 95 % t intervals over n questions, "
        f"{axis} levels. The golds' column is what the golds of its right answers get against themselves on that machine, where noise "
        "alone keeps them below 100. Not timed: right answers that did not run again."
    )
    return (Table(("R-VES", *GROUPS, "golds", "not timed"), rows, caption),)


def _robustness(found: Found, titles: Titles) -> tuple[Block, ...]:
    rows = tuple(
        (
            name, titles.get(model, model), str(drop["n"]), _share(drop["before"]), _share(drop["after"]), _points(drop["drop"]),
            str(len(drop["lost"])), str(len(drop["gained"])), str(drop["unscored"]), p_said(drop["p"]), p_said(drop["p_holm"]),
        )
        for name, each in found["slices"].items()
        for model, drop in each["models"].items()
    )  # fmt: skip
    head = ("guise", "", "n", "before", "after", "drop", "lost", "gained", "unscored", "p", "p, Holm")
    caption = (
        "The same questions before and after; the drop (before less after) in points with Newcombe's paired 95 % interval, McNemar's exact "
        "p, and the same raised over all rows (S. Holm, 1979). A drop whose interval holds 0 is no evidence of one."
    )
    guises = tuple(
        f"`{name}`: {each['about']}" + (f"; not in it: {_reasons(each['left'])}" if each["left"] else "")
        for name, each in found["slices"].items()
    )
    made = f"Guises were made by rule (seed {found['seed']}), not by people:"
    return (Table(head, rows, caption), Text(made), Points(guises))


PASSES: dict[str, Pass] = {
    "variants": Pass("Right, or matched by luck?", "--variants", _variants),
    "robustness": Pass("The same questions in other guises", "--robustness", _robustness),
    "efficiency": Pass("How fast right answers run", "--efficiency", _efficiency),
}
"""Name in a run's passes -> the pass, in the order in which they are shown."""


def told(passes: Mapping[str, Found], titles: Titles) -> dict[str, tuple[Block, ...]]:
    """Name of a pass that was made -> its blocks. Raises BadInput for what another version has kept."""
    try:
        return {name: each.blocks(passes[name], titles) for name, each in PASSES.items() if name in passes}
    except (KeyError, TypeError, AttributeError) as problem:
        raise BadInput(
            f"What the passes over this run have found cannot be shown ({problem!r}); make them again with bench run."
        ) from problem


def drops(found: Found, shown: Shown) -> go.Figure:
    """Each model's drop by slice, with its interval: one row a slice."""
    slices, models = found["slices"], list(shown.titles)
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": charts.GREY, "width": 1.2})
    some_few = False
    for index, model in enumerate(models):
        drawn = [(place, name, slices[name]["models"][model]) for place, name in enumerate(slices) if model in slices[name]["models"]]
        known = [(place, name, each) for place, name, each in drawn if each["n"]]
        few = [each["n"] < FEW for _, _, each in known]
        some_few = some_few or any(few)
        colour = charts.colour_of(shown, model)
        figure.add_scatter(
            x=[100 * each["drop"]["value"] for _, _, each in known], mode="markers", showlegend=False,
            y=[place + charts.offset(index, len(models), 0.66) for place, _, _ in known],
            error_x=charts.error_bars([Interval(*(each["drop"][part] for part in ("value", "low", "high", "n"))) for _, _, each in known]),
            customdata=[[name, _points(each["drop"]), each["n"], p_said(each["p_holm"])] for _, name, each in known],
            marker={"color": colour, "size": 9, "line": {"width": 2, "color": colour}, "symbol": [
                "circle-open" if thin else "circle" for thin in few
            ]},
            hovertemplate="%{customdata[0]}: %{customdata[1]} points, n=%{customdata[2]}, p (Holm) %{customdata[3]}<extra>"
            + shown.titles[model] + "</extra>",
        )  # fmt: skip
        charts.legend_key(figure, shown.titles[model], colour)
    for place in range(1, len(slices)):
        figure.add_hline(y=place - 0.5, line={"color": charts.GRID, "width": 1})
    ticks = [f"{name}<br>n={_counts(each['models'])}" for name, each in slices.items()]
    figure.update_yaxes(tickvals=list(range(len(slices))), ticktext=ticks, range=[len(slices) - 0.4, -0.6], showgrid=False)
    bounds = [
        100 * each["drop"][bound] for one in slices.values() for each in one["models"].values() if each["n"] for bound in ("low", "high")
    ]
    edge = min(100, 10 * math.ceil(max((abs(each) for each in bounds), default=20) / 10 + 0.2))
    figure.update_xaxes(range=[-edge, edge], ticksuffix=" pt", nticks=7)
    run = f"Stored run of {shown.at[:10]}: {shown.subtitle}."
    notes = (
        "Right of 0: fewer questions right in the other guise. Percentage points on the same questions; lines: Newcombe's 95 % interval "
        "for paired shares.",
        *((f"Hollow: fewer than {FEW} questions, read with care.",) if some_few else ()),
        f"Guises were made by rule (seed {found['seed']}).",
    )
    return charts.laid(figure, Caption("Drop in accuracy in other guises", run, notes), 130 + len(slices) * max(44, 14 * len(models)))


def drop_rows(found: Found) -> list[Row]:
    """The numbers of `drops`, for CSV."""
    return [
        {
            "guise": name, "model": model, "n": drop["n"], "before": drop["before"]["value"], "after": drop["after"]["value"],
            "drop": drop["drop"]["value"], "low": drop["drop"]["low"], "high": drop["drop"]["high"], "lost": len(drop["lost"]),
            "gained": len(drop["gained"]), "unscored": drop["unscored"], "p_mcnemar_exact": drop["p"], "p_holm": drop["p_holm"],
        }
        for name, each in found["slices"].items()
        for model, drop in each["models"].items()
    ]  # fmt: skip


def _counts(drops: Mapping[str, Any]) -> str:
    """The n of a slice, or the least and the most where models differ."""
    counts = [each["n"] for each in drops.values()]
    return "–".join(str(n) for n in dict.fromkeys((min(counts, default=0), max(counts, default=0))))


def _reasons(left: Mapping[str, str]) -> str:
    return "; ".join(f"{count} since {reason}" for reason, count in Counter(left.values()).most_common())


def _reason(word: str) -> str:
    return WORDS.get(word) or REASONS.get(word, word)


def _said(share: Mapping[str, Any]) -> str:
    if share["value"] is None:
        return "none of 0"
    return f"{_share(share)} of {share['n']}"


def _share(share: Mapping[str, Any]) -> str:
    if share["value"] is None:
        return "–"
    return f"{100 * share['value']:.0f} % ({100 * share['low']:.0f} to {100 * share['high']:.0f})"


def _points(drop: Mapping[str, Any]) -> str:
    if drop["value"] is None:
        return "–"
    return f"{100 * drop['value']:+.1f} ({100 * drop['low']:+.1f} to {100 * drop['high']:+.1f})"


def _mean(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return "–"
    bounds = "" if found["low"] is None else f" ({found['low']:.1f} to {found['high']:.1f})"
    return f"{found['value']:.1f}{bounds} of {found['n']}"


def titled(name: str) -> str:
    """The heading of a pass, with the option that makes it."""
    return f"{PASSES[name].title} (`{PASSES[name].option}`)"
