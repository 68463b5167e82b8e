"""Votes as data sets: whole rows, TRL's preference sets, arena-rank's columns, each with a card that says what is in it and what is not.

Nothing of a database that is not one of the arena's samples is written. Of a question that a visitor typed only the verdict is: neither
its text nor the queries, prompts and messages made from it, for no consent to publish them is recorded. Real and practice votes are
never in one folder.
"""

import csv
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nl2sql_arena.errors import BadInput
from nl2sql_arena.votes.flags import seconds_between
from nl2sql_arena.votes.tables import BETTER

Row = dict[str, Any]
SCHEMA_VERSION = 2
MEASURED = ("dev", "test")
GOOD = ("ok", "empty")
TEXTS = tuple(f"{name}_{side}" for name in ("prompt", "raw", "sql", "message") for side in "ab")
LISTED = ("flags", "reasons_a", "reasons_b")
"""Fields of several words, written with commas."""


def rows(votes: Iterable[Mapping[str, Any]], profile: str, databases: Collection[str], comments: bool = False) -> list[Row]:
    """The votes of one profile as they may leave: of the given databases only, typed questions without any text, comments if wanted."""
    found = []
    for vote in votes:
        if vote["profile"] != profile or vote["db"] not in databases:
            continue
        row = {"schema_version": SCHEMA_VERSION} | dict(vote)
        row |= {name: ",".join(vote[name]) for name in LISTED}
        row["dwell_seconds"] = round(seconds_between(vote["created"], vote["voted"]), 3)
        if vote["chosen"] == "typed":
            row |= dict.fromkeys(("question", "comment", "fix_sql", *TEXTS), "")
        if not comments:
            row["comment"] = ""
        found.append(row)
    return found


def dpo(found: Iterable[Row]) -> list[Row]:
    """TRL's {prompt, chosen, rejected}: the winner's own prompt; no ties, no winner that failed, no question that is measured on.

    A query that the voter put right is chosen over both sides, each under its own prompt.
    """
    pairs = []
    for row in _trainable(found):
        for won, lost in {"model_a": [("a", "b")], "model_b": [("b", "a")]}.get(row["winner"], []):
            if row[f"sql_{won}"] and row[f"sql_{lost}"] not in ("", row[f"sql_{won}"]) and row[f"outcome_{won}"] in GOOD:
                pairs.append({"prompt": row[f"prompt_{won}"], "chosen": row[f"sql_{won}"], "rejected": row[f"sql_{lost}"]})
        pairs += [
            {"prompt": row[f"prompt_{side}"], "chosen": row["fix_sql"], "rejected": row[f"sql_{side}"]}
            for side in "ab"
            if row["fix_sql"] and row[f"sql_{side}"] not in ("", row["fix_sql"])
        ]
    return pairs


def kto(found: Iterable[Row]) -> list[Row]:
    """TRL's {prompt, completion, label}: what the voter said is correct or not, and a query that the voter put right.

    Where the voter said nothing of a side: the winner true and the loser false, of two bad ones both false; ties say nothing. A side beside
    which the voter had to put a query right is no winner.
    """
    kept = []
    for row in _trainable(found):
        by_vote = {"model_a": (True, False), "model_b": (False, True), "both_bad": (False, False)}.get(row["winner"], (None, None))
        for side, voted in zip("ab", by_vote, strict=True):
            said = row[f"correct_{side}"]
            label = said if said is not None else False if row["fix_sql"] else voted
            if label is not None and row[f"sql_{side}"] and not (label and row[f"outcome_{side}"] not in GOOD):
                kept.append({"prompt": row[f"prompt_{side}"], "completion": row[f"sql_{side}"], "label": label})
        if row["fix_sql"]:
            kept.append({"prompt": row[f"prompt_{row['fix_side']}"], "completion": row["fix_sql"], "label": True})
    return kept


def arena_rank(found: Iterable[Row]) -> list[Row]:
    """Columns of arena-rank and lmarena; a model is its name and revision. Blind votes on which answer is better only."""
    return [
        {
            "model_a": f"{row['model_a']}@{row['revision_a']}",
            "model_b": f"{row['model_b']}@{row['revision_b']}",
            "winner": row["winner"],
            "judge": row["voter"],
            "tstamp": row["voted"],
        }
        for row in found
        if row["blind"] and row["asks"] == BETTER
    ]


def _trainable(found: Iterable[Row]) -> list[Row]:
    """Without typed questions, questions that are measured on, and votes on which of two right or two wrong queries reads better."""
    return [row for row in found if row["chosen"] != "typed" and row["split"] not in MEASURED and row["asks"] == BETTER]


def _jsonl(path: Path, found: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), encoding="utf-8")


def _csv(path: Path, found: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)


def _parquet(path: Path, found: Sequence[Row]) -> None:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError as problem:
        raise BadInput("Parquet needs the package pyarrow; install it, or choose --format csv or jsonl.") from problem
    pq.write_table(pa.Table.from_pylist(list(found)), path)


Shape = Callable[[Iterable[Row]], list[Row]]
FORMATS: dict[str, tuple[str, Shape, Callable[[Path, Sequence[Row]], None]]] = {
    "parquet": ("votes.parquet", list, _parquet),
    "csv": ("votes.csv", list, _csv),
    "jsonl": ("votes.jsonl", list, _jsonl),
    "dpo": ("dpo.jsonl", dpo, _jsonl),
    "kto": ("kto.jsonl", kto, _jsonl),
    "arena-rank": ("arena_rank.csv", arena_rank, _csv),
}


def write(found: Sequence[Row], form: str, out: Path, profile: str, filtered: bool, licences: Mapping[str, str]) -> tuple[Path, int]:
    """One file and its card in `out`. Returns the file and its number of rows. Raises BadInput when nothing is left or writable."""
    name, shape, writer = FORMATS[form]
    shaped = shape(found)
    if not shaped:
        raise BadInput(f"No vote of the {profile} models is left for {form}; `votes list` shows all.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        writer(out / name, shaped)
        (out / "README.md").write_text(_card(found, shaped, form, profile, filtered, licences), encoding="utf-8")
    except OSError as problem:
        raise BadInput(f"{out} cannot be written ({problem.strerror}); name another folder after --out.") from problem
    return out / name, len(shaped)


def _card(found: Sequence[Row], shaped: Sequence[Row], form: str, profile: str, filtered: bool, licences: Mapping[str, str]) -> str:
    kind = "practice models (minis), which say nothing about real ones" if profile == "mini" else f"{profile} models"
    models = sorted({row[f"model_{side}"] for row in found for side in "ab"})
    flagged = sum(bool(row["flags"]) for row in found)
    return "\n".join([
        "# Votes of NL2SQL Arena", "",
        f"Format `{form}`: {len(shaped)} rows from {len(found)} votes of {len({row['voter'] for row in found})} page sessions on {kind}.",
        f"Flagged votes ({flagged} here) were {'left out' if filtered else 'kept'}; undone votes and skipped battles are not in it.",
        "Left out: every database that is not one of the arena's samples. Without text: questions that visitors typed.",
        "Sets for training hold no question of the dev and test splits. KTO labels a side as its voter called it (correct or not), else "
        "the winner true and the loser false; a query that a voter put right (`fix_sql`) is preferred over both sides.",
        "`asks` is `readability` where both results were the same table: such votes say nothing of which answer is right, and are only in "
        "the sets of whole rows.",
        "", "## Fields", "", ", ".join(f"`{field}`" for field in shaped[0]),
        "", "## Licences", "",
        "Questions and sample databases: Apache-2.0, as the arena. For the votes no licence was asked of voters.",
        "Queries are outputs of models; the licences of their weights:", "",
        *(f"- {model}: {licences.get(model, 'unknown')}" for model in models), "",
    ])  # fmt: skip
