"""What a voter may add to a vote: which side is right and what is wrong with each, a comment, a query that is right. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from nl2sql_arena.errors import BadVote

REASONS = (
    "wrong_join", "wrong_filter", "wrong_aggregation", "wrong_grouping", "missing_rows", "extra_rows", "wrong_columns", "wrong_order",
    "invented_column", "unreadable",
)  # fmt: skip
COMMENT_CHARS = 1_000
FIX_CHARS = 10_000


@dataclass(frozen=True)
class Detail:
    """A voter's closer look; None and empty is what was left open."""

    correct_a: bool | None = None
    correct_b: bool | None = None
    reasons_a: tuple[str, ...] = ()
    reasons_b: tuple[str, ...] = ()
    comment: str = ""


@dataclass(frozen=True)
class Fix:
    """A query that a voter made from one side's, ran here and marked as right."""

    fix_side: Literal["a", "b"]
    fix_sql: str
    fix_rows: int


Note = Detail | Fix
NOTHING: dict[str, Any] = asdict(Detail()) | {"fix_side": "", "fix_sql": "", "fix_rows": 0}
"""The fields of a vote that nothing was added to."""


def checked(note: Note) -> Note:
    """The note itself. Raises BadVote where it says nothing, is too long or names a reason that there is not."""
    if isinstance(note, Fix):
        if note.fix_side not in ("a", "b") or not note.fix_sql.strip():
            raise BadVote("A fix is a query made from side A or B; write one and run it first.")
        if len(note.fix_sql) > FIX_CHARS:
            raise BadVote(f"This query has {len(note.fix_sql):,} characters; a fix has at most {FIX_CHARS:,}.")
        return note
    if note == Detail():
        raise BadVote("Nothing was chosen or written; choose something first.")
    if len(note.comment) > COMMENT_CHARS:
        raise BadVote(f"The comment has {len(note.comment):,} characters; write at most {COMMENT_CHARS:,}.")
    if unknown := sorted({*note.reasons_a, *note.reasons_b} - set(REASONS)):
        raise BadVote(f"'{unknown[0]}' is no reason; give any of {', '.join(REASONS)}.")
    return note


def written(note: Note) -> str:
    """As the store keeps it."""
    return json.dumps(asdict(note), ensure_ascii=False)


def standing(texts: Iterable[str]) -> dict[str, Any]:
    """The fields of what stands of several notes to one vote, in the order of writing: the newest detail and the newest fix."""
    found = dict(NOTHING)
    for text in texts:
        found |= _read(json.loads(text))
    return found


def _read(note: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.name for kind in (Detail, Fix) for field in fields(kind)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in note.items() if name in known}
