"""What a visitor allows to be kept of a battle, and what is left of its row where that is not all. Pure.

Example questions are the arena's own and are always kept. Of a question that a visitor typed without leave to keep its text, and of every
database of one's own, the row holds hashes in place of texts. A hash tells whether two texts are the same; who guesses a text word for
word can check the guess, so that it hides a text, not the fact of a known one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, get_args

from nl2sql_arena.prompts import question_key

Tier = Literal["votes", "questions"]
"""`votes`: the verdict alone; `questions`: also the text of a typed question and what both models made of it."""
VERSION = "1"
"""Of `ASKED` and `MEANING`, what a visitor agreed to; a new one asks everybody again."""
ASKED = "Before your first vote: what may be kept, and published for research, under a random id?"
MEANING = (
    "“My votes only” keeps your verdict, the models and the time; of a question that you type, its length and a hash. With the question's "
    "text, its words, both queries and what you add are kept too. Example questions are ours and kept either way. Of a database of your "
    "own nothing is kept but verdict, models and hashes. No name, no address; you can erase your votes at any time."
)
OWN = "own database"
"""Stands for the name of a database that is not one of the arena's samples."""
UNKNOWN_ROWS = -1
"""`row_count` where it is not kept."""
Kept = Literal["all", "hashes", "verdict"]
HASHED = ("question", *(f"{name}_{side}" for name in ("prompt", "raw", "sql") for side in "ab"))
TEXTS = (*HASHED, *(f"{name}_{side}" for name in ("message", "formatted", "columns", "preview", "result_hash") for side in "ab"))
OF_OWN = {"row_count": UNKNOWN_ROWS, "only_rows": UNKNOWN_ROWS, "error_kind": "", "repairs": "", "truncated": None}
"""What stands of each side of a battle on a database that is not one of the arena's samples."""


@dataclass(frozen=True)
class Consent:
    tier: Tier
    version: str = VERSION


def read(tier: object, version: object) -> Consent | None:
    """What a browser remembers; None for anything else, and for consent to an earlier text."""
    known: dict[object, Tier] = {each: each for each in get_args(Tier)}
    found = known.get(tier) if isinstance(tier, str) else None
    return Consent(found) if found and version == VERSION else None


def kept(consent: Consent, is_sample: bool, is_example: bool) -> Kept:
    """How much of a battle may be kept; `is_sample` says whether its database is one of the arena's, by content."""
    if not is_sample:
        return "verdict"
    return "all" if is_example or consent.tier == "questions" else "hashes"


def reduced(row: Mapping[str, Any], how: Kept) -> dict[str, Any]:
    """The row of a battle with no more in it than may be kept; `digests` then has [hash, length] of each text, of `verdict` [hash].

    Of a result table no column, row or hash is left: a result is guessed more easily than the query that gave it.
    """
    if how == "all":
        return {**row, "digests": ""}
    sizes = {name: [len(row[name])] if how == "hashes" else [] for name in HASHED}
    digests = {name: [digest(name, row[name]), *sizes[name]] for name in HASHED if row[name]}
    left = {**row, **dict.fromkeys(TEXTS, ""), "digests": json.dumps(digests)}
    if how == "verdict":
        left |= {"db": OWN, "example_id": "", "split": ""}
        left |= {f"{name}_{side}": unknown for side in "ab" for name, unknown in OF_OWN.items()}
    return left


def digest(name: str, text: str) -> str:
    """16 hexadecimal digits; of a question it is the same however that is punctuated."""
    return sha256((question_key(text) if name == "question" else text).encode()).hexdigest()[:16]


def digest_of(row: Mapping[str, Any], name: str) -> str:
    """The hash that stands for a text of a battle's row; empty where the text itself is kept, or there was none."""
    found = json.loads(row["digests"]).get(name) if row["digests"] else None
    return str(found[0]) if found else ""
