"""Rows of the store -> ballots, the only record that statistics read. Pure.

A row says which models, which verdict and on what; what the benchmark knows of its question (level, category, verdicts) the caller adds.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from nl2sql_arena.prompts import question_key
from nl2sql_arena.types import Kind, ModelCard
from nl2sql_arena.votes.ballots import Ballot, Verdict
from nl2sql_arena.votes.consent import digest_of
from nl2sql_arena.votes.flags import seconds_between
from nl2sql_arena.votes.tables import READABILITY

Row = Mapping[str, Any]
WITH_BASELINE = "+baseline"
"""Ends the kind of a battle in which one side is the rule-based baseline and the other a model."""


def model(row: Row, side: str) -> str:
    """A side's key: two revisions of a name are two models."""
    return f"{row[f'model_{side}']}@{row[f'revision_{side}'] or 'unpinned'}"


def kind(row: Row, cards: Mapping[str, ModelCard]) -> str:
    """`real`, `mini` or `baseline`, as the battle's page was; and a kind of its own where a model met the baseline."""
    kinds: set[Kind] = {cards[name].kind for side in "ab" if (name := row[f"model_{side}"]) in cards}
    profile = str(row["profile"])
    return profile + WITH_BASELINE if "baseline" in kinds and profile != "baseline" else profile


def ballot(row: Row, cards: Mapping[str, ModelCard], level: str = "", category: str = "", verdicts: Iterable[Verdict] = ()) -> Ballot:
    """One vote of `Store.votes`, with what is known of its question."""
    return Ballot(
        battle=row["id"],
        model_a=model(row, "a"),
        model_b=model(row, "b"),
        winner=row["winner"],
        voter=row["voter"],
        cast=datetime.fromisoformat(row["voted"]).timestamp(),
        kind=kind(row, cards),
        db=row["db"],
        question=row["example_id"] or digest_of(row, "question") or question_key(row["question"]),
        split=row["split"],
        chosen=row["chosen"],
        level=level,
        category=category,
        seconds=seconds_between(row["created"], row["voted"]),
        flagged=tuple(row["flags"]),
        blind=bool(row["blind"]),
        same_result=row["asks"] == READABILITY,
        audit=row["audit"],
        study=row["study"],
        verdicts=tuple(verdicts),
    )
