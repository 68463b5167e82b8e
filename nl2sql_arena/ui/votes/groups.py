"""Which votes may share a figure: those of one kind of contestants, all cast blind or all with the names in sight."""

from collections.abc import Iterable
from dataclasses import dataclass

from nl2sql_arena.votes.ballots import Ballot
from nl2sql_arena.votes.reading import WITH_BASELINE

WHO = {"real": "Real models", "mini": "Practice models (minis)", "baseline": "Baselines alone"}
"""Kinds in the order in which they are offered; each may have one of its own with the baseline."""
PRACTICE = (
    "Practice models: minis of a few million parameters, trained by this project. Votes on them say nothing about Phi-2, SQLCoder or any "
    "other real model, and are in no figure, meter or export of those."
)
OPEN = "Cast with the names in sight, where a name may win votes; never pooled with blind votes."


@dataclass(frozen=True)
class Group:
    """Votes that may be counted together."""

    kind: str
    blind: bool

    @property
    def key(self) -> str:
        return f"{self.kind}/{'blind' if self.blind else 'open'}"

    @property
    def profile(self) -> str:
        return self.kind.removesuffix(WITH_BASELINE)

    @property
    def title(self) -> str:
        who = WHO.get(self.profile, self.profile)
        against = " against the baseline" if self.kind.endswith(WITH_BASELINE) else ""
        return f"{who}{against}, {'blind' if self.blind else 'names in sight'}"

    @property
    def warnings(self) -> tuple[str, ...]:
        return ((PRACTICE,) if self.profile == "mini" else ()) + (() if self.blind else (OPEN,))

    def of(self, ballots: Iterable[Ballot]) -> list[Ballot]:
        return [each for each in ballots if (each.kind, each.blind) == (self.kind, self.blind)]


def groups(ballots: Iterable[Ballot], first: str) -> list[Group]:
    """The groups that have votes, blind ones of the page's own kind of contestants (`first`) before all others."""
    order = {kind: number for number, kind in enumerate(WHO)}

    def rank(group: Group) -> tuple[bool, int, bool, bool, str]:
        with_baseline = group.kind.endswith(WITH_BASELINE)
        return group.profile != first, order.get(group.profile, len(order)), with_baseline, not group.blind, group.kind

    return sorted({Group(each.kind, each.blind) for each in ballots}, key=rank)
