"""Which question comes next. Pure; whoever calls brings the dice.

Three in four are chosen for what their votes tell: questions on which both models are known to answer differently, those with fewest
votes first; where no kept run tells, simply those with fewest votes. One in four is drawn from all, whatever is known, also those judged
before: only these are a fair sample of the questions, and figures of agreement use no others (`ballots.RANDOM`). Now and then a visitor
gets a question again that he or she has judged, with the sides exchanged (`ballots.CONTROL`): how often the verdict is the same then
tells how far that voter's verdicts can be relied on.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nl2sql_arena.votes.ballots import CONTROL, RANDOM

DIFFERS, LEAST_VOTED, PICKED, TYPED, STUDY = "differs", "least_voted", "picked", "typed", "study"
CHOSEN = (RANDOM, DIFFERS, LEAST_VOTED, CONTROL, PICKED, TYPED, STUDY)
"""Every value of `chosen`: the first four are offered, then what a visitor picked from the examples or typed, and what a study asks."""
RANDOM_SHARE = 0.25
FAR = 3
"""So many other votes lie between a question and its repetition at least, so that nobody simply remembers."""


@dataclass(frozen=True)
class Judged:
    """A blind vote of this visitor that stands, on an example question; `models` are those shown as A and B."""

    question: str
    models: tuple[str, str]
    chosen: str


@dataclass(frozen=True)
class Offer:
    """The id of a question and how it was chosen; a control battle says which sides its models had the first time."""

    question: str
    chosen: str
    before: tuple[str, str] | None = None


def choose(
    questions: Sequence[str],
    votes: Mapping[str, int],
    differs: Mapping[str, bool],
    judged: Sequence[Judged],
    rng: random.Random,
    control_every: int = 0,
    passed: Collection[str] = (),
) -> Offer | None:
    """The next of some questions (ids); None where there are none.

    `votes` counts all voters' votes; `differs` says of questions whether the two models' answers are known to differ; `judged` are this
    visitor's own, oldest first. One offer in `control_every` is a control, 0 for none, where there is one to repeat. `passed` were
    offered on this page already.
    """
    if not questions:
        return None
    if control_every and rng.random() * control_every < 1 and (again := _repeatable(questions, judged)):
        found = rng.choice(again)
        return Offer(found.question, CONTROL, found.models)
    if rng.random() < RANDOM_SHARE:
        return Offer(rng.choice(questions), RANDOM)
    known = {each.question for each in judged}
    fresh = [each for each in questions if each not in known and each not in passed] or [each for each in questions if each not in known]
    left = fresh or list(questions)
    telling = [each for each in left if differs.get(each)]
    return Offer(_least_voted(telling or left, votes, rng), DIFFERS if telling else LEAST_VOTED)


def _repeatable(questions: Sequence[str], judged: Sequence[Judged]) -> list[Judged]:
    """One's own votes that were not repeated yet and lie some votes back."""
    repeated = Counter(each.question for each in judged)
    return [
        each
        for each in judged[: max(0, len(judged) - FAR)]
        if each.chosen != CONTROL and repeated[each.question] == 1 and each.question in questions
    ]


def _least_voted(questions: Sequence[str], votes: Mapping[str, int], rng: random.Random) -> str:
    fewest = min(votes.get(each, 0) for each in questions)
    return rng.choice([each for each in questions if votes.get(each, 0) == fewest])


def counts(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Votes for each example question, of rows of `Store.votes_on`; controls, which repeat a vote, are not counted."""
    return Counter(row["example_id"] for row in rows if row["chosen"] != CONTROL)


def judged_by(voter: str, rows: Iterable[Mapping[str, Any]]) -> list[Judged]:
    """A voter's own blind votes among such rows, in their order."""
    own = (row for row in rows if row["voter"] == voter and row["blind"])
    return [Judged(row["example_id"], (row["model_a"], row["model_b"]), row["chosen"]) for row in own]
