"""Votes and the benchmark in one picture, by difficulty: whom people prefer, whom gold answers prefer, and how often each is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from nl2sql_arena.benchmark import figures
from nl2sql_arena.benchmark.charts import CLEAR, COLOURS, GREY, GRID
from nl2sql_arena.benchmark.metrics import GROUPS
from nl2sql_arena.benchmark.runs import Measured, StoredRun
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Interval
from nl2sql_arena.ui.votes.names import bounds, many
from nl2sql_arena.votes.ballots import RANDOM, Ballot, counted, pair
from nl2sql_arena.votes.statistics import figures as of_votes

Row = dict[str, Any]
HEIGHT = 590
TITLE = "People and the benchmark by difficulty"
NO_RUN = (
    "No kept benchmark run holds both of these models in these revisions, so there is nothing to hold the votes against. A full run on the "
    "Benchmark tab, or <code>python -m nl2sql_arena bench run</code>, makes one."
)


@dataclass(frozen=True)
class Compared:
    """One pair of models (sorted keys) by level and `all`. Shares are of the first: of decisive votes on random questions, with voters as
    the sample; and of the run's questions that exactly one of the two has right. None: nothing was counted there.
    """

    first: str
    second: str
    votes: int
    voters: int
    preferred: Mapping[str, Interval | None]
    right_alone: Mapping[str, Interval | None]
    accuracy: tuple[Mapping[str, Interval], Mapping[str, Interval]]
    measured: Measured


def holds(about: Measured, first: str, second: str) -> bool:
    """Whether a run measured both models in these very revisions."""
    return {first, second} <= {f"{each.name}@{each.revision or 'unpinned'}" for each in about.contestants}


def compared(ballots: Sequence[Ballot], run: StoredRun, first: str, second: str) -> Compared:
    """Ballots of one kind against a run that holds both models."""
    votes = [each for each in counted(ballots) if each.chosen == RANDOM and pair(each) == (first, second)]
    a, b = (key.rpartition("@")[0] for key in (first, second))
    preferred = {group: of_votes([each for each in votes if group in ("all", each.level)]).by_voter for group in GROUPS}
    accuracy = figures.accuracy(run.results)
    both = figures.paired(run.results, a, b)
    alone = {group: wilson(each.only_a, each.only_a + each.only_b) if each.only_a + each.only_b else None for group, each in both.items()}
    nothing = {group: wilson(0, 0) for group in GROUPS}
    voters = len({each.voter for each in votes})
    shares = (accuracy.get(a, nothing), accuracy.get(b, nothing))
    return Compared(first, second, len(votes), voters, preferred, alone, shares, run.measured)


def rows(found: Compared) -> list[Row]:
    """Its numbers, for a table and CSV."""
    told = []
    for group in GROUPS:
        sources = (
            ("people prefer the first", found.preferred.get(group)),
            ("gold answers prefer the first", found.right_alone.get(group)),
            ("accuracy of the first", found.accuracy[0].get(group)),
            ("accuracy of the second", found.accuracy[1].get(group)),
        )
        for what, share in sources:
            known = share if share and share.n else None
            told.append({
                "level": group, "what": what, "n": known.n if known else 0,
                "share": known.value if known else None, "low": known.low if known else None, "high": known.high if known else None,
            })  # fmt: skip
    return told


def figure(found: Compared, titles: Mapping[str, str]) -> go.Figure:
    """Above, the first's share by people and by gold answers; below, both models' accuracy."""
    first, second = titles[found.first], titles[found.second]
    places = list(range(len(GROUPS)))
    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, row_heights=[0.5, 0.5])
    sources = (
        (f"people prefer {first}", found.preferred, "diamond", -0.12),
        (f"gold answers prefer {first}", found.right_alone, "circle-open", 0.12),
    )
    for name, shares, symbol, shift in sources:
        known = [(place, share) for place, group in enumerate(GROUPS) if (share := shares.get(group))]
        drawn.add_scatter(
            row=1, col=1, name=name, mode="markers", x=[place + shift for place, _ in known], y=[100 * share.value for _, share in known],
            error_y=_error([share for _, share in known]), customdata=[[GROUPS[place], _said(share), share.n] for place, share in known],
            marker={"symbol": symbol, "size": 12, "color": COLOURS[0], "line": {"width": 2.5, "color": COLOURS[0]}},
            hovertemplate="%{customdata[0]}: %{customdata[1]}, n=%{customdata[2]}<extra>" + name + "</extra>",
        )  # fmt: skip
    for index, (title, shares_of) in enumerate(zip((first, second), found.accuracy, strict=True)):
        given = [shares_of[group] for group in GROUPS]
        drawn.add_bar(
            row=2, col=1, name=f"accuracy of {title}", x=[place + (index - 0.5) * 0.4 for place in places], width=0.34,
            y=[100 * share.value if share.n else None for share in given], error_y=_error(given), marker={"color": COLOURS[index]},
            customdata=[[group, _said(share), share.n] for group, share in zip(GROUPS, given, strict=True)],
            hovertemplate="%{customdata[0]}: %{customdata[1]}, n=%{customdata[2]}<extra>" + title + "</extra>",
        )  # fmt: skip
    drawn.add_hline(y=50, line={"color": GREY, "width": 1, "dash": "dot"}, row=1, col=1)
    counts = [_counts(found, group) for group in GROUPS]
    drawn.update_xaxes(tickvals=places, ticktext=counts, range=[-0.5, len(GROUPS) - 0.5], showgrid=False, zeroline=False)
    ticks = (0, 25, 50, 75, 100)
    shared = {"gridcolor": GRID, "zeroline": False, "automargin": True, "tickvals": ticks, "ticktext": [f"{tick}%" for tick in ticks]}
    drawn.update_yaxes(row=1, col=1, range=[-3, 103], **shared)
    drawn.update_yaxes(row=2, col=1, range=[0, 103], **shared)
    drawn.update_layout(
        template="none", height=HEIGHT, margin={"l": 48, "r": 22, "t": 16, "b": 150}, font={"color": GREY}, paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR, legend={"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom", "x": 0},
        hoverlabel={"namelength": -1},
    )  # fmt: skip
    return drawn


def notes(found: Compared, titles: Mapping[str, str]) -> list[str]:
    """What the chart shows and what it was counted on, in sentences of plain text; they stand beside it, where they wrap by themselves."""
    first = titles[found.first]
    about = found.measured
    practice = "Practice models. " if any(each.kind == "mini" for each in about.contestants) else ""
    others = "" if about.split == "arena" else " Its questions are others than those that were voted on."
    return [
        f"{practice}Votes: {found.votes} on random questions, by {many(found.voters, 'voter')}; intervals with voters as the sample.",
        f"Benchmark: stored run of {about.at[:10]}, {about.questions} {about.split} questions, data {about.dataset_hash}, "
        f"{about.scorer} execution match; Wilson intervals.{others}",
        f"Above: how often {first} is preferred where one side is: by voters, and by gold answers where exactly one side is right. Below: "
        "execution accuracy. Under each level: decisive votes; questions with exactly one side right, of all.",
    ]


def _counts(found: Compared, group: str) -> str:
    people, gold = found.preferred.get(group), found.right_alone.get(group)
    return f"{group}<br>{people.n if people else 0} votes<br>{gold.n if gold else 0} / {found.accuracy[0][group].n} q."


def _error(shares: Sequence[Interval]) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "thickness": 1.3, "width": 3, "color": GREY,
        "array": [100 * (each.high - each.value) if each.n else 0 for each in shares],
        "arrayminus": [100 * (each.value - each.low) if each.n else 0 for each in shares],
    }  # fmt: skip


def _said(share: Interval) -> str:
    return f"{share.value:.0%} ({bounds(share)})" if share.n else "none"
