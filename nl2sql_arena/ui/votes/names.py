"""How figures, models and other facts of votes are worded."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from nl2sql_arena.benchmark.runs import short
from nl2sql_arena.types import Interval, ModelCard

FLAGS = {
    "too_fast": "too fast",
    "burst": "in a burst",
    "side_bias": "voter leans to a side",
    "one_sided": "voter leans to a model",
}
LEVELS = ("easy", "medium", "hard", "extra", "unanswerable", "unknown")


class Names:
    """Models by the titles of their cards; one that has no card any more keeps its name."""

    def __init__(self, cards: Mapping[str, ModelCard]) -> None:
        self._cards = cards

    def title(self, key: str) -> str:
        """Plain text, of a `name@revision`."""
        name = key.rpartition("@")[0]
        return short(self._cards[name].title) if name in self._cards else name

    def titles(self, keys: Iterable[str]) -> dict[str, str]:
        """Key -> a title that no other of the keys has: two revisions of a model are told apart."""
        given = {key: self.title(key) for key in keys}
        return {key: f"{title} ({revision(key)})" if list(given.values()).count(title) > 1 else title for key, title in given.items()}


def revision(key: str) -> str:
    return key.rpartition("@")[2]


def interval(share: Interval | None, nothing: str = "–") -> str:
    """`62% (51% to 72%)`: plain text; what stands for a share of no votes."""
    return f"{share.value:.0%} ({bounds(share)})" if share and share.n else nothing


def bounds(share: Interval) -> str:
    return f"{share.low:.0%} to {share.high:.0%}"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def many(count: int, one: str, several: str = "") -> str:
    """`1 vote`, `1,200 votes`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def flags(counts: Mapping[str, int]) -> str:
    """How many votes have which flag."""
    return ", ".join(f"{count:,} {FLAGS.get(name, name.replace('_', ' '))}" for name, count in counts.items())


def seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f} s" if value < 90 else f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def titled(key: str, title: str) -> str:
    """A model as HTML, with its revision."""
    return f"{escape(title)} <small>{escape(revision(key))}</small>"


def row(heads: Sequence[str], cells: Sequence[str], numeric: Sequence[str] = (), grey: str = "") -> str:
    """A table's row; each cell (HTML) carries its column's head, which a phone shows above it. `numeric` and `grey` are heads."""
    marks = [" ".join(filter(None, ("num" * (head in numeric), "few" * (head == grey)))) for head in heads]
    told = "".join(f'<td class="{mark}" data-of="{head}">{cell}</td>' for head, cell, mark in zip(heads, cells, marks, strict=True))
    return f"<tr>{told}</tr>"


def header(heads: Sequence[str], numeric: Sequence[str] = ()) -> str:
    return "".join(f'<th scope="col" class="{"num" if head in numeric else ""}">{head}</th>' for head in heads)


def signed(value: float) -> str:
    """A coefficient with a true minus."""
    return f"{value:.2f}".replace("-", "−")
