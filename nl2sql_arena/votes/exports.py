"""Votes as data sets: whole rows, TRL's preference sets, arena-rank's columns, each with a card that says what is in it and what is not.

Beside whole rows lie, in a file of their own with the same fields, the battles that ended without a verdict: no consumer's format has them,
and none can count them as ties. Public votes and those of each study are data sets of their own.

Nothing of a database that is not one of the arena's samples is written; a database is told by its content, since one of a visitor's own
may have a sample's name. Of a question that a visitor typed only the verdict is: neither its text nor the queries, prompts and messages
made from it, unless the voter allowed that (`consent`). A voter's id is exchanged for its hash, since whoever knows the id may have the
votes erased. Real and practice votes are never in one file.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from nl2sql_arena.database import Database
from nl2sql_arena.difficulty import features, level
from nl2sql_arena.errors import BadInput
from nl2sql_arena.prompts import canonical
from nl2sql_arena.types import Example
from nl2sql_arena.votes import card
from nl2sql_arena.votes.ballots import CONTROL
from nl2sql_arena.votes.consent import Tier
from nl2sql_arena.votes.flags import seconds_between
from nl2sql_arena.votes.reading import model
from nl2sql_arena.votes.tables import BETTER

Row = dict[str, Any]
SCHEMA_VERSION = 6
MEASURED = ("dev", "test")
GOOD = ("ok", "empty")
TYPED_TOO: Tier = "questions"
"""What a voter must have allowed for the text of a typed question to leave."""
OF_A_SIDE = ("prompt", "raw", "sql", "formatted", "repairs", "message", "columns", "result_hash", "preview")
TEXTS = tuple(f"{name}_{side}" for name in OF_A_SIDE for side in "ab")
"""What a side made of a question, which says something about that."""
EVENTS, VOTE = "events", "vote"
"""The name of the file of what ended without a verdict; and what `event` says of a vote."""
LISTED = ("flags", "reasons_a", "reasons_b")
"""Fields of several words, written with commas."""
UNTOLD = {f"{name}_{side}": "" for side in "ab" for name in ("gold", "gold_reason")}
"""What the benchmark says of each side (`benchmark.voted.with_gold`), where nobody has asked it."""


@dataclass(frozen=True)
class Samples:
    """What may leave: name -> content of the arena's own databases, and their questions by database and id."""

    contents: Mapping[str, str]
    questions: Mapping[tuple[str, str], str]
    examples: Mapping[tuple[str, str], Example] = field(default_factory=dict)
    databases: Mapping[str, Database] = field(default_factory=dict)

    def hold(self, vote: Mapping[str, Any]) -> bool:
        """Whether a vote is on one of them. Battles of before contents were kept are known by their example question, word for word."""
        if vote["db_content"]:
            return bool(self.contents.get(vote["db"]) == vote["db_content"])
        known = self.questions.get((vote["db"], vote["example_id"]))
        return vote["db"] in self.contents and known is not None and known.strip() == str(vote["question"]).strip()

    def hardness(self, vote: Mapping[str, Any]) -> Row:
        """Level, features and category of an example question of theirs, word for word; empty of any other."""
        known = self.examples.get((vote["db"], vote["example_id"]))
        if known is None or known.question.strip() != str(vote["question"]).strip():
            return {"level": "", "features": "", "category": ""}
        hard, found = _hardness(known.gold_sql[0]) if known.gold_sql else ("unanswerable", "")
        return {"level": hard, "features": found, "category": known.category}

    def asked_of(self, vote: Mapping[str, Any]) -> Row:
        """Hashes of tables and rows apart, and the question as no model's own prompt; empty where the database as it was is not at hand."""
        database = self.databases.get(vote["db"])
        if database is None or not vote["db_content"] or database.content != vote["db_content"]:
            return {"ddl_hash": "", "data_hash": "", "canonical_prompt": ""}
        prompt = canonical(vote["question"], database.schema()) if vote["question"] else ""
        return {"ddl_hash": database.ddl_hash, "data_hash": database.data_hash, "canonical_prompt": prompt}


@cache
def _hardness(gold: str) -> tuple[str, str]:
    return level(gold), ",".join(features(gold))


def samples(databases: Mapping[str, Database]) -> Samples:
    """Of the databases that ship, as `database.catalogue` lists them. Raises BadDatabase."""
    examples = {(name, each.id): each for name, database in databases.items() for each in database.examples()}
    contents = {name: database.content for name, database in databases.items()}
    return Samples(contents, {key: each.question for key, each in examples.items()}, examples, databases)


def rows(votes: Iterable[Mapping[str, Any]], profile: str, known: Samples, comments: bool = False) -> list[Row]:
    """The votes of one profile as they may leave: on the samples only, typed questions with text only by consent, comments if wanted.

    Takes `Store.unvoted`, too. Raises BadDatabase.
    """
    found = []
    for vote in votes:
        if vote["profile"] != profile or not known.hold(vote):
            continue
        told = {**UNTOLD, **vote, **known.hardness(vote), **known.asked_of(vote), "winner": vote["winner"] or ""}
        row = {"schema_version": SCHEMA_VERSION} | {name: value for name, value in told.items() if card.is_described(name)}
        row |= {name: ",".join(vote[name]) for name in LISTED}
        row |= {"voter": pseudonym(vote["voter"]), "dwell_seconds": round(seconds_between(vote["created"], vote["voted"]), 3)}
        if not vote["example_id"] and vote["consent"] != TYPED_TOO:
            row |= dict.fromkeys(("question", "canonical_prompt", "comment", "fix_sql", *TEXTS), "")
        if not comments:
            row["comment"] = ""
        found.append(row)
    return found


def pseudonym(voter: str) -> str:
    """16 hexadecimal digits that tell voters apart and from which nobody finds the id that a voter erases votes by."""
    return sha256(f"exported {voter}".encode()).hexdigest()[:16]


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
    """Columns of arena-rank and lmarena; a model is its name and revision. Blind votes on which answer is better only, none repeated."""
    return [
        {
            "model_a": model(row, "a"), "model_b": model(row, "b"), "winner": row["winner"], "judge": row["voter"], "tstamp": row["voted"],
        }
        for row in found
        if row["event"] == VOTE and row["blind"] and row["asks"] == BETTER and row["chosen"] != CONTROL
    ]  # fmt: skip


def _trainable(found: Iterable[Row]) -> list[Row]:
    """Without typed questions, those that are measured on, repeated battles, and votes on which of two right or two wrong queries reads
    better.
    """
    return [
        row
        for row in found
        if row["event"] == VOTE
        and row["example_id"]
        and row["split"] not in MEASURED
        and row["asks"] == BETTER
        and row["chosen"] != CONTROL
    ]


def _jsonl(found: Sequence[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found).encode()


def _csv(found: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(found[0]))
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def _parquet(found: Sequence[Row]) -> bytes:
    from nl2sql_arena.votes.parquet import parquet  # here, since it loads DuckDB

    return parquet(found)


@dataclass(frozen=True)
class Format:
    """One kind of file: its name, its rows and how they are written."""

    file: str
    shape: Callable[[Iterable[Row]], list[Row]]
    write: Callable[[Sequence[Row]], bytes]
    title: str

    @property
    def is_whole(self) -> bool:
        """Whether it holds all that is known of each vote."""
        return self.shape is list


FORMATS: dict[str, Format] = {
    "parquet": Format("votes.parquet", list, _parquet, "Parquet: whole rows"),
    "csv": Format("votes.csv", list, _csv, "CSV: whole rows"),
    "jsonl": Format("votes.jsonl", list, _jsonl, "JSON Lines: whole rows"),
    "dpo": Format("dpo.jsonl", dpo, _jsonl, "DPO set for TRL: prompt, chosen, rejected"),
    "kto": Format("kto.jsonl", kto, _jsonl, "KTO set for TRL: prompt, completion, label"),
    "arena-rank": Format("arena_rank.csv", arena_rank, _csv, "arena-rank and lmarena: models and verdict"),
}


@dataclass(frozen=True)
class Export:
    """A file with its rows and card."""

    name: str
    content: bytes
    card: str
    count: int
    events_name: str = ""
    events: bytes = b""
    """A second file with what ended without a verdict; of a format that has none no name, and no content where nothing did."""


def export(
    found: Sequence[Row], form: str, profile: str, filtered: bool, licences: Mapping[str, str], events: Sequence[Row] = ()
) -> Export:
    """The rows of one profile in a format; `events` are what ended without a verdict, and go with whole rows alone.

    Raises BadInput when nothing is left, and for votes of a study among others.
    """
    kind = FORMATS[form]
    if len({row["study"] for row in (*found, *events)}) > 1:
        raise BadInput("Votes of a study are never in one file with public ones or those of another study; choose one of them.")
    beside = events if kind.is_whole else ()
    shaped = kind.shape(found)
    if not shaped:
        raise BadInput(f"No vote of the {profile} models is left for {form}; choose another profile, or see all with `votes list`.")
    events_name = f"{EVENTS}.{form}" if kind.is_whole else ""
    text = card.text(card.About(form, kind.file, profile, filtered, found, shaped, licences, events_name, beside))
    return Export(kind.file, kind.write(shaped), text, len(shaped), events_name, kind.write(beside) if beside else b"")


def write(made: Export, out: Path) -> Path:
    """The file, its card and, where there are events, their file in `out`. Returns the first.

    Raises BadInput where that cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / made.name).write_bytes(made.content)
        (out / "README.md").write_text(made.card, encoding="utf-8")
        if made.events:
            (out / made.events_name).write_bytes(made.events)
        elif made.events_name:  # of an earlier export to this folder
            (out / made.events_name).unlink(missing_ok=True)
    except OSError as problem:
        raise BadInput(f"{out} cannot be written ({problem.strerror}); name another folder after --out.") from problem
    return out / made.name


def zipped(made: Export) -> bytes:
    """The file, its card and, where there are events, their file in one archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(made.name, made.content)
        archive.writestr("README.md", made.card)
        if made.events:
            archive.writestr(made.events_name, made.events)
    return out.getvalue()
