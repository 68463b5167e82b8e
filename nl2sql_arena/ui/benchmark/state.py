"""What the server remembers of a page's Benchmark tab: the run it shows, how it looks at it, and the live run that it has at work."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.difficulty import Axis
from nl2sql_arena.types import Example
from nl2sql_arena.ui.benchmark.questions import Wanted


@dataclass(frozen=True)
class Plan:
    """A live run that is about to begin. `before` is how many of its answers an earlier run of this page left in the log of completions."""

    models: tuple[str, ...]
    examples: Sequence[Example]
    dataset: str
    split: str
    chosen: str
    before: int = 0


@dataclass(frozen=True)
class View:
    """How the page looks at its run: whose levels, which second chart, which two contestants are A and B, which questions are listed."""

    axis: Axis = "spider"
    chart: str = "paired"
    a: str = ""
    b: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    page: int = 0


def _ended() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Bench:
    """One page's tab. `stop` is set when its live run is to end, or none is at work."""

    stop: threading.Event = field(default_factory=_ended)
    plan: Plan | None = None
    run: StoredRun | None = None
    view: View = View()
    opened: str = ""
    """The key of the question that is open."""

    @property
    def at_work(self) -> bool:
        return not self.stop.is_set()

    def begin(self, plan: Plan) -> None:
        self.stop, self.plan = threading.Event(), plan

    def show(self, run: StoredRun | None, pair: Sequence[str] = ()) -> None:
        """Look at a run, from the start. A and B stay who they were where they are in it; else they are of the `pair`, else the first."""
        names = [each.name for each in run.measured.contestants] if run else []
        names.sort(key=lambda name: pair.index(name) if name in pair else len(pair))
        a = self.view.a if self.view.a in names else next(iter(names), "")
        b = self.view.b if self.view.b in names and self.view.b != a else next((name for name in names if name != a), "")
        self.run, self.view, self.opened = run, View(self.view.axis, self.view.chart, a, b), ""
