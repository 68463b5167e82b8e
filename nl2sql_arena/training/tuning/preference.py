"""Preference rows: two answers to one question of which one is better, or one answer with a verdict. From votes or from execution.

    {"db", "question", "split", "chosen", "rejected", "source"}     a pair; "chosen_by" and "rejected_by" may name the models
    {"db", "question", "split", "completion", "label", "source"}    a verdict; "by" may name the model

Answers are DuckDB SQL; `db` is a sample database; `source` is "vote" or "execution". A vote as `votes export --format jsonl` writes it or
`votes list --json` prints it is read too, not so the formats dpo and kto, which are other trainers' and name no question to check.
Refused: questions of the sample databases' dev and test splits, also where they were typed by hand, and sets that are too small or
one-sided. Not covered: how sure a voter was, and voters who vote for layout.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nl2sql_arena.benchmark.scorers import SCORERS, once
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadInput
from nl2sql_arena.prompts import question_key
from nl2sql_arena.types import Example, Execution, Limits

MEASURED = ("dev", "test")
SMALLEST = 50
"""Rows below which a preference training learns their wording rather than a preference."""
ONE_SIDED = 0.95
"""Share of rows on one side above which the side itself is what is learned."""
GOOD = ("ok", "empty")
Run = Callable[[str, str, Limits], Execution]
"""(database, SQL, limits) -> what running it gave."""


@dataclass(frozen=True)
class Pair:
    """Two answers to one question."""

    db: str
    question: str
    split: str
    chosen: str
    rejected: str
    source: str
    chosen_by: str = ""
    rejected_by: str = ""


@dataclass(frozen=True)
class Verdict:
    """One answer and whether it is good."""

    db: str
    question: str
    split: str
    completion: str
    label: bool
    source: str
    by: str = ""


Row = Pair | Verdict


def read(text: str) -> list[Row]:
    """Rows of a JSONL file, or of the array that `votes list --json` prints. Raises BadInput naming the row that cannot be used."""
    try:
        objects = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as problem:
        raise BadInput(f"The preference rows are not JSON ({problem}); write one object a line.") from problem
    return [row for number, fields in enumerate(objects, 1) for row in _rows(number, fields)]


def _rows(number: int, fields: Any) -> Iterator[Row]:
    if isinstance(fields, dict) and "winner" in fields:
        yield from _of_vote(number, fields)
        return
    if isinstance(fields, dict) and "prompt" in fields:
        raise BadInput(
            f"Row {number} has a whole prompt, as `votes export --format dpo` writes it, in which no question can be checked; give the "
            "votes.jsonl of `votes export --format jsonl`."
        )
    kind = Verdict if isinstance(fields, dict) and "completion" in fields else Pair
    try:
        row = kind(**fields)
    except TypeError as problem:
        wanted = '"db", "question", "split", "source" and either "chosen" and "rejected" or "completion" and "label"'
        raise BadInput(f"Row {number} is no preference row ({problem}); it needs {wanted}.") from problem
    texts = {key: value for key, value in asdict(row).items() if key not in ("label", "by", "chosen_by", "rejected_by", "split")}
    empty = [key for key, value in texts.items() if not isinstance(value, str) or not value.strip()]
    if empty or (isinstance(row, Verdict) and not isinstance(row.label, bool)):
        raise BadInput(f"Row {number} has no usable {empty[0] if empty else 'label'}; correct or remove it.")
    yield row


def _of_vote(number: int, vote: Mapping[str, Any]) -> Iterator[Row]:
    """A vote for a query that runs is a pair, one for none of two is two verdicts; a tie says nothing, nor does a vote on readability or on
    a question that its voter had answered before.

    A query that the voter put right is better than either side's.
    """
    needed = ("db", "question", "split", "sql_a", "sql_b", "outcome_a", "outcome_b", "model_a", "model_b")
    if missing := [key for key in needed if key not in vote]:
        raise BadInput(f"Row {number} is a vote without {', '.join(missing)}; export votes with `votes export --format jsonl`.")
    if vote.get("asks") == "readability" or vote.get("chosen") == "control":
        return
    about = {"db": vote["db"], "question": vote["question"], "split": vote["split"], "source": "vote"}
    sides = {side: (vote[f"sql_{side}"], vote[f"model_{side}"], vote[f"outcome_{side}"]) for side in "ab"}
    if vote["winner"] == "both_bad":
        yield from (Verdict(completion=sql, label=False, by=model, **about) for sql, model, _ in sides.values() if sql)
    if vote["winner"] in ("model_a", "model_b"):
        won, lost = ("a", "b") if vote["winner"] == "model_a" else ("b", "a")
        (good, winner, outcome), (bad, loser, _) = sides[won], sides[lost]
        if good and bad and good != bad and outcome in GOOD:
            yield Pair(chosen=good, rejected=bad, chosen_by=winner, rejected_by=loser, **about)
    if fix := vote.get("fix_sql"):
        yield from (
            Pair(chosen=fix, rejected=sql, chosen_by="voter", rejected_by=by, **about)
            for sql, by, _ in sides.values()
            if sql not in ("", fix)
        )


def judged(questions: Iterable[Mapping[str, Any]], answers: Iterable[Mapping[str, Any]], run: Run) -> list[Row]:
    """Rows from answers as `ask --jsonl` prints them (`id`, `sql`, perhaps `model`), every query run and compared with the gold's result.

    Questions are {"id", "db", "question", "gold_sql": [...]}. One that has right and wrong answers gives pairs, each wrong one with a right
    one; any other gives verdicts. Raises BadInput for an answer to no question, or an object that lacks a field.
    """
    known = {str(_field(each, "id")): each for each in questions}
    sides: dict[str, dict[bool, dict[str, str]]] = defaultdict(lambda: {True: {}, False: {}})
    run_once = once(run)
    for answer in answers:
        identity = str(_field(answer, "id"))
        if identity not in known:
            raise BadInput(f"An answer has the id {identity}, which no question has; give the questions that were asked.")
        asked, sql = known[identity], str(_field(answer, "sql"))
        if not sql.strip() or not _field(asked, "gold_sql"):
            continue
        example = Example(identity, _field(asked, "db"), _field(asked, "question"), tuple(asked["gold_sql"]), "", "train")
        found = SCORERS["strict"](example, sql, run_once).value
        if found is not None:
            sides[identity][bool(found)].setdefault(sql, str(answer.get("model", "")))
    return [row for identity, found in sides.items() for row in _judged(known[identity], found)]


def _judged(asked: Mapping[str, Any], sides: Mapping[bool, Mapping[str, str]]) -> Iterator[Row]:
    about = {"db": asked["db"], "question": _field(asked, "question"), "split": asked.get("split", "train"), "source": "execution"}
    right, wrong = list(sides[True].items()), list(sides[False].items())
    if right and wrong:
        for number, (bad, loser) in enumerate(wrong):
            good, winner = right[number % len(right)]
            yield Pair(chosen=good, rejected=bad, chosen_by=winner, rejected_by=loser, **about)
    else:
        for label, found in ((True, right), (False, wrong)):
            yield from (Verdict(completion=sql, label=label, by=model, **about) for sql, model in found)


def _field(fields: Mapping[str, Any], name: str) -> Any:
    if name not in fields:
        raise BadInput(f"A row lacks {name!r}: {json.dumps(fields)[:120]}; add it.")
    return fields[name]


def as_json(row: Row) -> dict[str, Any]:
    """The row as it is written to a file, without names that are not known."""
    return {key: value for key, value in asdict(row).items() if value != ""}


def measured_questions(databases: Mapping[str, Database]) -> frozenset[str]:
    """Letters and digits of every dev and test question of the sample databases."""
    return frozenset(
        question_key(each.question) for database in databases.values() for each in database.examples() if each.split in MEASURED
    )


def is_measured(row: Row, measured: frozenset[str]) -> bool:
    """Whether training on the row would be learning what models are measured on."""
    return row.split in MEASURED or question_key(row.question) in measured


def check(rows: Sequence[Row], measured: frozenset[str]) -> None:
    """Raises BadInput, with the cause and the next step, for rows that must not or cannot be trained on."""
    leaks = [row for row in rows if is_measured(row, measured)]
    if leaks:
        raise BadInput(
            f"{len(leaks)} of {len(rows)} rows ask what models are measured on, such as {leaks[0].question[:80]!r}; remove every row whose "
            "question is a dev or test question (`train rows` leaves them out)."
        )
    if len(rows) < SMALLEST:
        raise BadInput(f"There are {len(rows)} usable rows, which is too few to learn a preference from; collect at least {SMALLEST}.")
    for what, share in sides(rows).items():
        if share > ONE_SIDED:
            raise BadInput(
                f"The rows are one-sided: {what} in {share:.0%} of them, so that this alone would be learned; add the other side."
            )


def sides(rows: Sequence[Row]) -> dict[str, float]:
    """Each way in which rows can lean to one side, and the share (0..1) that does; empty where it cannot be told."""
    pairs = [row for row in rows if isinstance(row, Pair)]
    verdicts = [row for row in rows if isinstance(row, Verdict)]
    found: dict[str, float] = {}
    if verdicts:
        label, count = Counter(row.label for row in verdicts).most_common(1)[0]
        found[f"the answer is {'good' if label else 'bad'}"] = count / len(verdicts)
    matches = [(row.chosen_by, row.rejected_by) for row in pairs if row.chosen_by and row.rejected_by and row.chosen_by != row.rejected_by]
    if matches and len(matches) == len(pairs):
        (winner, loser), count = Counter(matches).most_common(1)[0]
        found[f"{winner} beats {loser}"] = count / len(matches)
    if pairs:
        longer = sum(len(row.chosen) > len(row.rejected) for row in pairs) / len(pairs)
        shorter = sum(len(row.chosen) < len(row.rejected) for row in pairs) / len(pairs)
        found[f"the {'longer' if longer > shorter else 'shorter'} answer is the better one"] = max(longer, shorter)
    return found


def verdicts(rows: Iterable[Row]) -> list[Verdict]:
    """Every pair as two verdicts, once each."""
    found: dict[Verdict, None] = {}
    for row in rows:
        if isinstance(row, Verdict):
            found[row] = None
        else:
            about = {"db": row.db, "question": row.question, "split": row.split, "source": row.source}
            found[Verdict(completion=row.chosen, label=True, by=row.chosen_by, **about)] = None
            found[Verdict(completion=row.rejected, label=False, by=row.rejected_by, **about)] = None
    return list(found)
