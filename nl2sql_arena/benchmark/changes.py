"""Two runs of the same questions held against each other: what one contestant has right in the later that it had wrong before. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nl2sql_arena.benchmark import figures
from nl2sql_arena.benchmark.figures import Paired
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.runs import Measured, StoredRun
from nl2sql_arena.errors import BadInput
from nl2sql_arena.stats import holm

Pair = tuple[Result, Result]
"""One question before and after."""


@dataclass(frozen=True)
class Change:
    """A contestant of each run (the same in both where they share one). `paired` has `after` as A and `before` as B, over the answerable
    questions that both scored; gains and losses hold unanswerable questions too.
    """

    before: str
    after: str
    paired: Paired
    gains: tuple[Pair, ...]
    losses: tuple[Pair, ...]


def comparable(one: Measured, other: Measured) -> bool:
    """Whether two runs asked the same questions by the same rule, and none is of minis where the other is of real models."""
    kinds = {each.kind for about in (one, other) for each in about.contestants} - {"baseline"}
    same = one.dataset_hash == other.dataset_hash and one.scorer == other.scorer
    return same and len(kinds) < 2 and one.name != other.name


def between(before: StoredRun, after: StoredRun) -> list[Change]:
    """One change for each contestant of both runs; where they share none, of the first of each. Raises BadInput unless `comparable`."""
    if not comparable(before.measured, after.measured):
        raise BadInput("These runs do not compare: choose two of the same questions and rule, both of real models or both of minis.")
    old, new = ([each.name for each in run.measured.contestants] for run in (before, after))
    shared = [(name, name) for name in new if name in old] or [(old[0], new[0])]
    found = [_change(before.results, after.results, *names) for names in shared]
    raised = holm([each.paired.p for each in found])
    return [replace(each, paired=replace(each.paired, p_holm=p)) for each, p in zip(found, raised, strict=True)]


def _change(before: Sequence[Result], after: Sequence[Result], old: str, new: str) -> Change:
    was, now = (
        {(each.example.db, each.example.id): each for each in run if each.answer.model == name}
        for run, name in ((before, old), (after, new))
    )
    both = [(was[key], now[key]) for key in now if key in was]
    found = figures.paired([_as(one, "before") for one, _ in both] + [_as(other, "after") for _, other in both], "after", "before")
    return Change(
        before=old,
        after=new,
        paired=found["all"],
        gains=tuple(pair for pair in both if (pair[0].score.value, pair[1].score.value) == (0.0, 1.0)),
        losses=tuple(pair for pair in both if (pair[0].score.value, pair[1].score.value) == (1.0, 0.0)),
    )


def _as(result: Result, model: str) -> Result:
    return replace(result, answer=replace(result.answer, model=model))
