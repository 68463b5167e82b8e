"""Which votes may share a figure: those of one kind of contestants, all cast blind or all with the names in sight, all public or all of one
study.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nl2sql_arena.votes.ballots import Ballot
from nl2sql_arena.votes.reading import WITH_BASELINE

WHO = {"real": "Real models", "mini": "Practice models (minis)", "baseline": "Baselines alone"}
"""Kinds in the order in which they are offered; each may have one of its own with the baseline."""
PRACTICE = (
    "Practice models: minis of a few million parameters, trained by this project. Votes on them say nothing about Phi-2, SQLCoder or any "
    "other real model, and are in no figure, meter or export of those."
)
OPEN = "Cast with the names in sight, where a name may win votes; never pooled with blind votes."
STUDY = "Votes of this study alone ({hash}). They are in no figure, meter or export of public votes or of another study."
SHORT = 8
"""Digits of a study's hash that stand beside its title."""


@dataclass(frozen=True)
class Group:
    """Votes that may be counted together: public ones, or those of the `study` of this hash, which goes by `name`."""

    kind: str
    blind: bool
    study: str = ""
    name: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        return f"{self.kind}/{'blind' if self.blind else 'open'}{f'/{self.study}' if self.study else ''}"

    @property
    def profile(self) -> str:
        return self.kind.removesuffix(WITH_BASELINE)

    @property
    def title(self) -> str:
        who = WHO.get(self.profile, self.profile)
        against = " against the baseline" if self.kind.endswith(WITH_BASELINE) else ""
        told = f"{who}{against}, {'blind' if self.blind else 'names in sight'}"
        return f"{called(self.study, self.name)}: {told}" if self.study else told

    @property
    def warnings(self) -> tuple[str, ...]:
        of_study = (STUDY.format(hash=self.study),) if self.study else ()
        return of_study + ((PRACTICE,) if self.profile == "mini" else ()) + (() if self.blind else (OPEN,))

    def of(self, ballots: Iterable[Ballot]) -> list[Ballot]:
        return [each for each in ballots if (each.kind, each.blind, each.study) == (self.kind, self.blind, self.study)]


def called(study: str, title: str) -> str:
    """How a study is named: by its title, where that is known, and the beginning of its hash."""
    return f"Study “{title}” ({study[:SHORT]})" if title else f"Study {study[:SHORT]}"


def groups(ballots: Iterable[Ballot], first: str, titles: Mapping[str, str]) -> list[Group]:
    """The groups that have votes: public ones before studies, blind ones of the page's own kind of contestants (`first`) before others.

    `titles` are studies' by hash, of those that are known.
    """
    order = {kind: number for number, kind in enumerate(WHO)}

    def rank(group: Group) -> tuple[bool, str, str, bool, int, bool, bool, str]:
        with_baseline = group.kind.endswith(WITH_BASELINE)
        kind = group.profile != first, order.get(group.profile, len(order)), with_baseline, not group.blind, group.kind
        return bool(group.study), group.name, group.study, *kind

    return sorted({Group(each.kind, each.blind, each.study, titles.get(each.study, "")) for each in ballots}, key=rank)


def chosen(offered: Sequence[Group], key: str | None) -> Group | None:
    """The group of that key, else the first of public votes: none of a study is ever shown unasked."""
    return next((each for each in offered if each.key == key), next((each for each in offered if not each.study), None))
