"""How far each chain of recipes has come: a bar for each where standard error is a terminal, else lines for a log."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from tqdm import tqdm  # transformers brings it

from nl2sql_arena.training.recipe import Recipe

FORMAT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


def line(report: Mapping[str, Any]) -> str:
    """A report for people who read a log."""
    return " ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in report.items())


class Bars:
    """Shows the reports of `mini.train`, while it is entered. A bar's whole are all stages of its chain; time is that of the clock."""

    def __init__(self, chains: Sequence[Sequence[Recipe]], log: Callable[[str], None]) -> None:
        self._chains, self._log = chains, log
        self._bars: list[Any] = []
        self._begun: set[int] = set()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            for place, chain in enumerate(self._chains):
                self._bars.append(
                    tqdm(total=100, desc=chain[0].name, position=place, bar_format=FORMAT, file=sys.stderr, dynamic_ncols=True)
                )  # fmt: skip
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for bar in self._bars:
            if kind is None:
                bar.update(bar.total - bar.n)
            bar.close()

    def put(self, report: Mapping[str, Any]) -> None:
        if not self._bars:
            self._log(line(report))
            return
        place, percent = self._percent(report)
        bar = self._bars[place]
        bar.set_description_str(f"{report['model']} stage {report['stage']}", refresh=False)
        bar.set_postfix_str(f"loss {report['loss']:.3f}, {report['pairs_a_second']} pairs/s", refresh=False)
        if place not in self._begun:  # what an earlier run did took none of this one's time
            self._begun.add(place)
            bar.initial = bar.n = bar.last_print_n = percent
        bar.update(percent - bar.n)
        bar.refresh()

    def _percent(self, report: Mapping[str, Any]) -> tuple[int, float]:
        """The chain that a report is of, and how much of it is done."""
        for place, chain in enumerate(self._chains):
            before = 0.0
            for each in chain:
                if each.name == report["model"]:
                    shares = [stage.share for stage in each.stages]
                    done = before + sum(shares[: report["stage"] - 1]) + shares[report["stage"] - 1] * report["done"]
                    return place, 100 * done / sum(stage.share for other in chain for stage in other.stages)
                before += sum(stage.share for stage in each.stages)
        raise KeyError(report["model"])
