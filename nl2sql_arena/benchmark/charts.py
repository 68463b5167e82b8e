"""`CHARTS`: every figure of a run by name, for the page and for the report: a Plotly figure, and the same numbers as rows for CSV.

Each figure brings a caption that says what was measured on what, whether it is a stored or a live run, by whose levels, and what it cannot
tell apart; it fills from no answer on. Backgrounds are clear and greys stand on light and dark alike. Captions are no part of the drawing,
since Plotly breaks no lines: whoever shows a figure sets its `caption` as text, in the width at hand.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from nl2sql_arena.benchmark import figures, metrics
from nl2sql_arena.benchmark.figures import FEW
from nl2sql_arena.benchmark.metrics import GROUPS
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.runs import Measured
from nl2sql_arena.difficulty import Axis
from nl2sql_arena.types import LEVELS, Interval, Outcome

COLOURS = ("#4f46e5", "#d97706", "#0d9488", "#db2777", "#65a30d", "#7c3aed")
BOTH = "#475569"
GREY, GRID, CLEAR = "#767b87", "rgba(128,128,128,.25)", "rgba(0,0,0,0)"
OUTCOME_COLOURS: dict[Outcome, str] = {
    "ok": "#0d9488", "empty": "#5eb5ac", "error": "#dc2626", "timeout": "#ea580c", "memory": "#a16207", "refused": "#db2777",
    "cut": "#7c3aed", "abstained": "#8b93a5", "infrastructure": "#c4c8d0",
}  # fmt: skip
OUTCOME_WORDS: dict[Outcome, str] = {
    "ok": "ran, with rows", "empty": "ran, no rows", "error": "did not run", "timeout": "took too long", "memory": "took too much memory",
    "refused": "refused by the sandbox", "cut": "cut by the token cap", "abstained": "abstained", "infrastructure": "our own failure",
}  # fmt: skip
AXIS_WORDS: dict[Axis, str] = {"spider": "Spider", "duckdb": "DuckDB-aware"}
LEVEL_SYMBOLS = dict(zip(LEVELS, ("circle", "square", "diamond", "x"), strict=True))
LINE = 62
"""Characters of a line that a window of 390 pixels can show, for texts that Plotly draws."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What a chart shows. `titles` (model -> title) has the models in their order, also those without an answer yet; `subtitle` says in one
    line what was measured on what; a live run has no `at` (UTC, ISO 8601). `pair` are the two models of the charts that compare two; when
    empty, the first two.
    """

    results: Sequence[Result]
    titles: Mapping[str, str]
    axis: Axis
    subtitle: str
    stored: bool
    at: str = ""
    pair: tuple[str, str] | None = None


@dataclass(frozen=True)
class Caption:
    """What stands with a figure: its title, one line on what was measured on what, and sentences on how to read it."""

    title: str
    run: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """One figure: what it is called, how it is drawn, and its numbers as rows whose keys are the columns of a CSV file."""

    title: str
    figure: Callable[[Shown], go.Figure]
    rows: Callable[[Shown], list[Row]]


def shown(about: Measured, results: Sequence[Result], axis: Axis = "spider", *, stored: bool, pair: tuple[str, str] | None = None) -> Shown:
    """What a chart shows of a run, its subtitle made of what the run says of itself."""
    practice = "practice models, " if any(each.kind == "mini" for each in about.contestants) else ""
    databases = f"{len(about.databases)} database{'s' * (len(about.databases) != 1)}"
    asked = f"{about.questions} {about.split} questions" + (f" ({about.chosen})" if about.chosen else "")
    said = f"{practice}{asked} on {databases}, data {about.dataset_hash}, {about.scorer} execution match"
    return Shown(results, about.titles, axis, said, stored, about.at, pair)


def caption(figure: go.Figure) -> Caption:
    """The caption that a figure of `CHARTS` brings along."""
    told = figure.layout.meta
    return Caption(told["title"], told["run"], tuple(told["notes"]))


def _accuracy(shown: Shown) -> go.Figure:
    """Bars by level; below each its share and its n."""
    results = _leveled(shown)
    found, models = figures.accuracy(results), list(shown.titles)
    highest = max((share.high for groups in found.values() for share in groups.values() if share.n), default=1.0)
    figure, width, top = go.Figure(), 0.84 / max(1, len(models)), _ends(highest)
    heights, counts = (-0.06 * top, -0.13 * top), []
    for index, model in enumerate(models):
        intervals = [found.get(model, {}).get(group, Interval(math.nan, 0, 1, 0)) for group in GROUPS]
        at = [place + offset(index, len(models), 0.84) for place in range(len(GROUPS))]
        colour = colour_of(shown, model)
        figure.add_bar(
            name=shown.titles[model], x=at, y=[100 * i.value if i.n else None for i in intervals], width=width * 0.86,
            error_y=error_bars(intervals), customdata=[[group, *_said(i)] for group, i in zip(GROUPS, intervals, strict=True)],
            marker={"color": [colour if i.n >= FEW else CLEAR for i in intervals], "line": {"color": colour, "width": 2}},
            hovertemplate="%{customdata[0]}: %{customdata[1]}, n=%{customdata[2]}<extra>" + shown.titles[model] + "</extra>",
            showlegend=False,
        )  # fmt: skip
        legend_key(figure, shown.titles[model], colour)
        _below(figure, at, heights[0], [f"{100 * i.value:.0f}" if i.n else "–" for i in intervals], len(models))
        counts.append([i.n for i in intervals])
    if len(set(map(tuple, counts))) == 1:  # the same questions for all, said once, as a phone has no room for more
        _below(figure, list(range(len(GROUPS))), heights[1], [f"{n} each" if len(counts) > 1 else str(n) for n in counts[0]], 1)
    else:
        for index, numbers in enumerate(counts):
            at = [place + offset(index, len(counts), 0.84) for place in range(len(GROUPS))]
            _below(figure, at, heights[1], [str(n) for n in numbers], len(counts))
    for height, said in zip(heights, "%n", strict=True):
        figure.add_annotation(x=0, xref="paper", xanchor="right", y=height, text=said, showarrow=False, font={"size": 11}, xshift=-6)
    figure.update_xaxes(tickvals=list(range(len(GROUPS))), ticktext=list(GROUPS), range=[-0.5, len(GROUPS) - 0.5], showgrid=False)
    figure.update_yaxes(range=[-0.18 * top, 1.02 * top], **_shares(*(top * part / 5 for part in range(6))))
    return _laid(figure, shown, "accuracy", 440, "Lines: 95 % Wilson intervals.", _hollow(found), _resolves(results))


def _accuracy_rows(shown: Shown) -> list[Row]:
    results = _leveled(shown)
    found = [
        {"model": model, "level": group, **_row(share)}
        for model, groups in figures.accuracy(results).items()
        for group, share in groups.items()
    ]
    return found + [
        {"model": model, "level": "all, interval by database", **_row(by.interval)} for model, by in figures.by_database(results).items()
    ]


def _paired(shown: Shown) -> go.Figure:
    """A's accuracy less B's by level, with its interval."""
    pair = _pair(shown)
    figure = go.Figure()
    found = figures.paired(_leveled(shown), *pair, among=list(shown.titles)) if pair else {}
    ticks = []
    for place, group in enumerate(GROUPS):
        each = found.get(group)
        told = (str(each.n), _p(each.p), _p(each.p_holm)) if each and each.n else ("0", " ", " ")
        ticks.append("<br>".join((group, *told)))
        if each and each.n:
            difference = each.difference
            said = f"{_points(difference.value)} ({_points(difference.low)} to {_points(difference.high)})"
            figure.add_scatter(
                x=[place], y=[100 * difference.value], mode="markers", showlegend=False, error_y=error_bars([difference]),
                marker={
                    "size": 13, "symbol": "circle" if each.n >= FEW else "circle-open",
                    "color": colour_of(shown, pair[difference.value < 0]) if pair else GREY, "line": {"width": 2.5},
                },
                hovertemplate=f"{group}: {said}, n={each.n}, p={_p(each.p)}, Holm {_p(each.p_holm)}, "
                f"resolves {_apart(each.resolvable)}<extra></extra>",
            )  # fmt: skip
            figure.add_annotation(
                x=place,
                y=100 * difference.value,
                text=_points(difference.value),
                showarrow=False,
                xanchor="left",
                xshift=9,
                font={"size": 11},
            )
    reach = max(
        (100 * abs(bound) for each in found.values() if each.n for bound in (each.difference.low, each.difference.high)), default=20
    )
    edge = min(100, 10 * math.ceil(reach / 10 + 0.4))
    figure.add_hline(y=0, line={"color": GREY, "width": 1.2})
    figure.update_xaxes(tickvals=list(range(len(GROUPS))), ticktext=ticks, tickangle=0, range=[-0.5, len(GROUPS) - 0.4], showgrid=False)
    figure.add_annotation(  # what the lines of figures are, said once, as a phone has no room for more
        x=0, xref="paper", xanchor="right", xshift=-6, y=0, yref="paper", yanchor="top", yshift=-2, text=" <br>n<br>p<br>Holm",
        align="right", showarrow=False, font={"size": 12},
    )  # fmt: skip
    figure.update_yaxes(range=[-edge, edge], ticksuffix=" pt", nticks=7)
    said = "Too few models to compare."
    if pair:
        said = f"Above 0, more right: {shown.titles[pair[0]]}. Below 0: {shown.titles[pair[1]]}."
    hollow = _hollow({"": {group: each.difference for group, each in found.items()}})
    return _laid(
        figure, shown, "paired", 420, said, "Percentage points on the same questions; lines: Newcombe's 95 % interval for paired shares; "
        "p: McNemar's exact test. Holm: that p raised (S. Holm, 1979), for all over the pairs of this run's contestants, for levels over "
        "pairs and levels.", hollow, _resolves_of(found),
    )  # fmt: skip


def _paired_rows(shown: Shown) -> list[Row]:
    results = _leveled(shown)
    rows = []
    for a, b in figures.pairs(list(shown.titles)):
        for group, each in figures.paired(results, a, b, among=list(shown.titles)).items():
            rows.append({
                "model_a": a, "model_b": b, "level": group, "n": each.n, "both_right": each.both, "only_a": each.only_a,
                "only_b": each.only_b, "neither": each.neither, "difference": _or_none(each.difference.value),
                "low": each.difference.low, "high": each.difference.high, "p_mcnemar_exact": each.p if each.n else None,
                "p_holm": each.p_holm if each.n else None,
                "resolvable": _or_none(each.resolvable),
            })  # fmt: skip
    return rows


def _features(shown: Shown) -> go.Figure:
    """Points by feature of the gold, one row a feature."""
    found = figures.by_feature(_leveled(shown))
    models = list(shown.titles)
    most = {name: max(groups[name].n for groups in found.values() if name in groups) for name in figures.by_count(found)}
    names = list(most)
    figure = go.Figure()
    for index, model in enumerate(models):
        shares = [(place, name, found[model][name]) for place, name in enumerate(names) if model in found and name in found[model]]
        colour = colour_of(shown, model)
        figure.add_scatter(
            x=[100 * i.value for _, _, i in shares], y=[place + offset(index, len(models), 0.66) for place, _, _ in shares],
            mode="markers", error_x=error_bars([i for _, _, i in shares]), showlegend=False,
            customdata=[[name, *_said(i)] for _, name, i in shares],
            marker={"color": colour, "size": 8, "line": {"width": 2, "color": colour}, "symbol": [
                "circle" if i.n >= FEW else "circle-open" for _, _, i in shares
            ]},
            hovertemplate="%{customdata[0]}: %{customdata[1]}, n=%{customdata[2]}<extra>" + shown.titles[model] + "</extra>",
        )  # fmt: skip
        legend_key(figure, shown.titles[model], colour)
    ticks = [f"{feature_words(name)} (n={most[name]})" for name in names]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=ticks, range=[len(names) - 0.4, -0.6], showgrid=False)
    for place in range(1, len(names)):
        figure.add_hline(y=place - 0.5, line={"color": GRID, "width": 1})
    figure.update_xaxes(range=[-2, 102], **_shares(0, 25, 50, 75, 100))
    height = 190 + len(names) * max(24, 9 * len(models) + 6)
    said = "What a question's gold query is made of; a question may be in several rows. Lines: 95 % Wilson intervals."
    return _laid(figure, shown, "features", max(300, height), said, _hollow(found), _resolves_at_best(_leveled(shown)))


def _feature_rows(shown: Shown) -> list[Row]:
    return [
        {"model": model, "feature": name, **_row(share)}
        for model, groups in figures.by_feature(_leveled(shown)).items()
        for name, share in groups.items()
    ]


def _outcomes(shown: Shown) -> go.Figure:
    """One bar a model, of all its answers."""
    found = _counted(shown)
    models = list(shown.titles)
    totals = {model: sum(found[model].values()) for model in models}
    figure = go.Figure()
    for outcome in get_args(Outcome):
        shares = [100 * found[model][outcome] / totals[model] if totals[model] else 0 for model in models]
        figure.add_bar(
            name=OUTCOME_WORDS[outcome], showlegend=any(shares), y=list(range(len(models))), x=shares, orientation="h", width=0.5,
            marker={"color": OUTCOME_COLOURS[outcome], "line": {"width": 0}},
            text=[str(found[model][outcome]) if share >= 6 else "" for model, share in zip(models, shares, strict=True)],
            textposition="inside", insidetextanchor="middle", textangle=0, textfont={"color": "white", "size": 11},
            customdata=[[found[model][outcome], totals[model]] for model in models],
            hovertemplate="%{customdata[0]} of %{customdata[1]}<extra>" + OUTCOME_WORDS[outcome] + "</extra>",
        )  # fmt: skip
    for place, model in enumerate(models):  # above its bar, so that a phone keeps its width for the bars
        figure.add_annotation(
            x=0, y=place - 0.42, xanchor="left", text=f"{shown.titles[model]}, n={totals[model]}", showarrow=False, font={"size": 12}
        )
    figure.update_xaxes(range=[0, 100], **_shares(0, 25, 50, 75, 100))
    figure.update_yaxes(showticklabels=False, range=[len(models) - 0.5, -0.65], showgrid=False)
    figure.update_layout(barmode="stack")
    said = "Every answer, also to questions that have no right query. Numbers: answers."
    return _laid(figure, shown, "outcomes", 250 + 62 * len(models), said, _resolves_at_best(_leveled(shown)))


def _outcome_rows(shown: Shown) -> list[Row]:
    found = _counted(shown)
    return [
        {"model": model, "outcome": outcome, "answers": count, "of": sum(found[model].values())}
        for model in shown.titles
        for outcome, count in found[model].items()
    ]


def _effort(shown: Shown) -> go.Figure:
    """Accuracy against the median time and length of an answer: one point a model, and a small one for each level."""
    results = _leveled(shown)
    found = _efforts(results)
    figure = make_subplots(rows=2, cols=1, vertical_spacing=0.2)
    for row in (1, 2):
        figure.add_scatter(row=row, col=1, x=[None], y=[None], showlegend=False)  # axes also before the first answer
    for model, title in shown.titles.items():
        colour = colour_of(shown, model)
        legend_key(figure, title, colour)
        done = {group: each for group, each in found.get(model, {}).items() if each[0].n}
        for row, unit in ((1, "s"), (2, "tokens")):
            for group, (share, *medians) in done.items():
                whole = group == "all"
                figure.add_scatter(
                    row=row, col=1, x=[medians[row - 1]], y=[100 * share.value], mode="markers", showlegend=False,
                    error_y=error_bars([share]) if whole else None,
                    marker={
                        "color": colour, "size": 14 if whole else 8, "symbol": "star" if whole else f"{LEVEL_SYMBOLS[group]}-open",  # type: ignore[index]
                    },
                    hovertemplate=f"{group}: {_said(share)[0]}, n={share.n}, median {medians[row - 1]:.3g} {unit}<extra>{title}</extra>",
                )  # fmt: skip
    figure.update_xaxes(title={"text": "median seconds from question to result table", "font": {"size": 12}}, rangemode="tozero", row=1)
    figure.update_xaxes(title={"text": "median tokens written", "font": {"size": 12}}, rangemode="tozero", row=2)
    shares = [(group, share) for groups in found.values() for group, (share, _, _) in groups.items() if share.n]
    top = _ends(max((share.high if group == "all" else share.value for group, share in shares), default=1.0))
    figure.update_yaxes(range=[-0.04 * top, 1.04 * top], ticksuffix=" %", nticks=6)
    said = "Stars: all answerable questions, with 95 % Wilson intervals. Open: circle easy, square medium, diamond hard, cross extra."
    company = "Answers that are decoded together share the machine: seconds are those of an answer in its company."
    return _laid(figure, shown, "effort", 640, said, company, _resolves(results))


def _effort_rows(shown: Shown) -> list[Row]:
    return [
        {"model": model, "level": group, **_row(share), "median_seconds": _or_none(seconds), "median_tokens": _or_none(tokens)}
        for model, groups in _efforts(_leveled(shown)).items()
        for group, (share, seconds, tokens) in groups.items()
    ]


def _agreement(shown: Shown) -> go.Figure:
    """Both right, one alone, or neither, by level."""
    pair = _pair(shown)
    found = figures.paired(_leveled(shown), *pair) if pair else {}
    a, b = (shown.titles[each] for each in pair) if pair else ("A", "B")
    colours = [colour_of(shown, each) for each in pair] if pair else list(COLOURS)
    alone = (("only_a", f"only {a}", colours[0]), ("only_b", f"only {b}", colours[1]))
    parts = (("both", "both right", BOTH), *alone, ("neither", "neither", "#8b93a5"))
    figure = go.Figure()
    places = list(range(len(GROUPS)))
    counts = [found.get(group) for group in GROUPS]
    for name, words, colour in parts if pair else ():
        numbers = [getattr(each, name) if each else 0 for each in counts]
        shares = [100 * number / each.n if each and each.n else 0 for number, each in zip(numbers, counts, strict=True)]
        figure.add_bar(
            name=words, x=places, y=shares, width=0.7, marker={"color": colour, "line": {"width": 0}},
            text=[str(number) if share >= 6 else "" for number, share in zip(numbers, shares, strict=True)], textposition="inside",
            insidetextanchor="middle", textangle=0, textfont={"color": "white", "size": 11},
            customdata=[[number, each.n if each else 0] for number, each in zip(numbers, counts, strict=True)],
            hovertemplate="%{customdata[0]} of %{customdata[1]}<extra>" + words + "</extra>",
        )  # fmt: skip
    ticks = [f"{group}<br>n={each.n if each else 0}" for group, each in zip(GROUPS, counts, strict=True)]
    figure.update_xaxes(tickvals=places, ticktext=ticks, range=[-0.5, len(GROUPS) - 0.5], showgrid=False)
    figure.update_yaxes(range=[0, 101], **_shares(0, 25, 50, 75, 100))
    figure.update_layout(barmode="stack")
    said = "The same questions, answered by both. Numbers: questions." if pair else "Too few models to compare."
    return _laid(figure, shown, "agreement", 430, said, _resolves_of(found))


CHARTS: dict[str, Chart] = {
    "accuracy": Chart("Execution accuracy by difficulty", _accuracy, _accuracy_rows),
    "paired": Chart("Paired difference by difficulty", _paired, _paired_rows),
    "features": Chart("Execution accuracy by feature of the gold query", _features, _feature_rows),
    "outcomes": Chart("How answers ended", _outcomes, _outcome_rows),
    "effort": Chart("Time and length against accuracy", _effort, _effort_rows),
    "agreement": Chart("Agreement of two models by difficulty", _agreement, _paired_rows),
}
LEVELED = ("accuracy", "paired", "effort", "agreement")
"""The charts that levels of difficulty are part of."""


def _leveled(shown: Shown) -> list[Result]:
    return metrics.leveled(shown.results, shown.axis)


def feature_words(name: str) -> str:
    return name.replace("_", " ")


def _pair(shown: Shown) -> tuple[str, str] | None:
    models = list(shown.titles)
    return shown.pair or ((models[0], models[1]) if len(models) > 1 else None)


def _counted(shown: Shown) -> dict[str, dict[Outcome, int]]:
    """Model -> outcome -> answers."""
    found: dict[str, dict[Outcome, int]] = {model: dict.fromkeys(get_args(Outcome), 0) for model in shown.titles}
    for each in shown.results:
        found[each.answer.model][each.answer.outcome] += 1
    return found


def _efforts(results: Sequence[Result]) -> dict[str, dict[str, tuple[Interval, float, float]]]:
    """Model -> level (and all) -> (accuracy, median seconds, median tokens) over the same answers."""
    found = {}
    for model in dict.fromkeys(each.answer.model for each in results):
        groups = {group: figures.in_group(figures.of(results, model), group) for group in GROUPS}
        efforts = {group: metrics.effort(chosen) for group, chosen in groups.items()}
        shares = figures.accuracy(results)[model]
        found[model] = {group: (shares[group], each.seconds.median, each.tokens.median) for group, each in efforts.items()}
    return found


def _below(figure: go.Figure, at: Sequence[float], height: float, texts: Sequence[str], models: int) -> None:
    """Texts below bars, since Plotly drops the text of a bar without height."""
    style = {"size": 11 if models < 4 else 9}
    figure.add_scatter(x=at, y=[height] * len(at), mode="text", text=texts, textfont=style, hoverinfo="skip", showlegend=False)


def _shares(*ticks: float) -> dict[str, Any]:
    return {"tickvals": ticks, "ticktext": [f"{tick:.0f} %" for tick in ticks]}


def _ends(highest: float) -> float:
    """Where an axis of shares ends, in per cent: the highest one fits, and it moves seldom while a run fills."""
    return next(end for end in (25, 50, 75, 100) if 100 * highest <= end)


def colour_of(shown: Shown, model: str) -> str:
    return COLOURS[list(shown.titles).index(model) % len(COLOURS)]


def offset(index: int, count: int, spread: float) -> float:
    return spread * ((index + 0.5) / count - 0.5)


def error_bars(intervals: Sequence[Interval]) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "thickness": 1.3, "width": 3, "color": GREY,
        "array": [100 * (i.high - i.value) if i.n else 0 for i in intervals],
        "arrayminus": [100 * (i.value - i.low) if i.n else 0 for i in intervals],
    }  # fmt: skip


def _said(share: Interval) -> tuple[str, int]:
    return (f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})" if share.n else "no question yet"), share.n


def _row(share: Interval) -> Row:
    return {"n": share.n, "accuracy": _or_none(share.value), "low": share.low, "high": share.high}


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number


def _points(share: float) -> str:
    """A signed difference in percentage points."""
    return f"{100 * share:+.1f}".replace("-", "−") if share else "0"


def _apart(share: float) -> str:
    """A smallest difference in percentage points."""
    return "none" if math.isnan(share) else f"{100 * share:.0f}"


def _p(p: float) -> str:
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def legend_key(figure: go.Figure, title: str, colour: str) -> None:
    """A legend's entry whose mark is filled, whatever the first bar looks like."""
    figure.add_scatter(x=[None], y=[None], mode="markers", name=title, marker={"color": colour, "size": 11, "symbol": "square"})


def _hollow(found: Mapping[str, Mapping[str, Interval]]) -> str:
    few = any(0 < share.n < FEW for groups in found.values() for share in groups.values())
    return f"Hollow: fewer than {FEW} questions, read with care." if few else ""


def _resolves(results: Sequence[Result]) -> str:
    """In words, what two models must differ by to be told apart."""
    found = {group: each for group, each in figures.resolution(results).items() if not math.isnan(each)}
    if not found:
        return ""
    said = ", ".join(f"{group} {_apart(each)}" for group, each in found.items())
    return f"Smallest difference of two models that it can resolve, in points (paired, 80 % power at 5 %): {said}."


def _resolves_of(found: Mapping[str, figures.Paired]) -> str:
    """The same for one pair."""
    said = ", ".join(f"{group} {_apart(each.resolvable)}" for group, each in found.items() if not math.isnan(each.resolvable))
    return f"Smallest differences of the two in accuracy that it can resolve, in points: {said}." if said else ""


def _resolves_at_best(results: Sequence[Result]) -> str:
    """In words, what all questions together can tell apart, of which the parts of a chart have fewer."""
    found = figures.resolution(results)["all"]
    least = f"All questions together resolve {_apart(found)} points between two models in accuracy (paired, 80 % power at 5 %); "
    return "" if math.isnan(found) else least + "parts of them resolve less."


def _laid(figure: go.Figure, shown: Shown, name: str, height: int, *notes: str) -> go.Figure:
    """The figure with its caption, as data that nobody draws: a title, what it was measured on, and what to mind."""
    title = CHARTS[name].title
    if name in LEVELED:
        title = title.replace("by difficulty", f"by {AXIS_WORDS[shown.axis]} difficulty")
        notes = (*notes, f"Levels: {AXIS_WORDS[shown.axis]}.") if title == CHARTS[name].title else notes
    run = f"{f'Stored run of {shown.at[:10]}' if shown.stored else 'Live'}: {shown.subtitle}."
    return laid(figure, Caption(title, run, tuple(note for note in notes if note)), height)


def laid(figure: go.Figure, said: Caption, height: int) -> go.Figure:
    """The figure in the dress of all of them, `height` pixels high without its caption, which it carries."""
    figure.update_layout(
        template="none", height=height, margin={"l": 44, "r": 22, "t": 14, "b": 30}, font={"color": GREY},
        paper_bgcolor=CLEAR, plot_bgcolor=CLEAR,
        legend={"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        meta={"title": said.title, "run": said.run, "notes": [note.replace(" %", "\u00a0%") for note in said.notes]},
        hoverlabel={"namelength": -1},
    )  # fmt: skip
    figure.update_xaxes(zeroline=False, gridcolor=GRID, automargin=True)
    figure.update_yaxes(zeroline=False, gridcolor=GRID, automargin=True)
    return figure
