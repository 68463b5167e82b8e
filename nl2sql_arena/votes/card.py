"""The card of an exported data set, as the Hugging Face hub reads it: what each field is, what was counted, left out and changed, where it
comes from, and under which licence each part is. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
SIDES = {"a": "the left side, A", "b": "the right side, B"}
FIELDS = {
    "schema_version": "version of these fields",
    "event": "what happened: `vote`; in the file of events `skip`, `cant_tell`, or `undo` of a vote that was taken back within a minute",
    "event_id": "number of the event in its store",
    "winner": "`model_a`, `model_b`, `tie` or `both_bad`; of an event that is no vote empty, which is no tie",
    "asks": "what was asked: `better`, or on two equal result tables `readability`, which says nothing of right answers",
    "voted": "when the vote was cast, or the other event happened, UTC",
    "id": "the battle; it has one vote at most",
    "created": "when both results were delivered, UTC",
    "db": "the sample database",
    "db_content": "16 digits of a hash of its tables and rows; empty where it was not kept",
    "ddl_hash": "16 digits of a hash of its tables alone; empty where that is not known",
    "data_hash": "16 digits of a hash of its rows alone; empty where that is not known",
    "canonical_prompt": "question and whole schema in no model's own form, the same for both sides; empty where question or schema is not "
    "known. What each model read is in `prompt_a` and `prompt_b`",
    "question": "the question; empty where a visitor typed it and did not allow that its text is kept",
    "consent": "what the voter allowed: `votes` (no text of typed questions), `questions` (their text, too); empty: nobody asked",
    "consent_version": "version of the text that was agreed to; of a study, of its own text",
    "study": "hash (SHA-256) of the study that the vote was cast in, as `votes study check` prints it; empty: in none",
    "example_id": "the example question's id; empty for a typed one",
    "split": "the question's split; typed ones that equal a dev or test question have that split",
    "level": "difficulty by Spider's rules, of the gold query; `unanswerable`: the tables cannot answer the question; empty: no gold",
    "features": "what the gold query uses (join, group, window, ...), with commas",
    "category": "the example question's category",
    "chosen": "how the question was chosen: `random`, `differs` (answers are known to differ), `least_voted`, `picked`, `typed`, "
    "`study`, `control` (repeats a battle with sides exchanged); only `random` ones are a fair sample",
    "profile": "`real`, `mini` (practice models) or `baseline`",
    "voter": "a hash of the voter's random id, which is one browser's or page's, not a known person's",
    "app_version": "version of the arena",
    "blind": "whether names were hidden until the vote",
    "difference": "how the two result tables differ: `same`, `order`, `different`, `too_long`, `incomparable`",
    "flags": "what is odd about the vote (too_fast, burst, side_bias, one_sided, ...), with commas",
    "audit": "whether the voter was asked, after the vote and before the names, which model A was, and could tell: empty (not asked), "
    "`asked` (no answer), `no_idea`, `right` or `wrong`",
    "guess": "the model that the voter took A for; empty: none was named",
    "comment": "the voter's comment; empty unless comments were asked for",
    "fix_side": "the side whose query the voter put right",
    "fix_sql": "the query that the voter put right and ran",
    "fix_rows": "its number of rows",
    "dwell_seconds": "seconds from the delivery of both results to the vote, or the other event",
    "prompt": "the exact text that a model reads",
    "chosen_": "the preferred query",
    "rejected": "the other query",
    "completion": "a query",
    "label": "whether it is good",
    "judge": "as `voter` of the whole rows",
    "tstamp": "when the vote was cast, UTC",
}
BY_SIDE = {
    "model": "the model", "revision": "revision of its weights", "precision": "what it ran as", "prompt": "the exact text that it read",
    "prompt_hash": "16 digits of a hash of that", "raw": "its own words", "sql": "the query taken from them, which ran",
    "outcome": "what became of it: `ok`, `empty` (no rows), `error`, `timeout`, `memory`, `refused` (by the sandbox), `cut` (by the token "
    "cap) or `abstained`",
    "message": "why it failed", "row_count": "rows of its result",
    "decoding": "how it was written: `greedy` or `beams`; nothing is drawn, so there is no seed; empty: not kept",
    "beams": "number of beams; 1 is greedy, 0 not kept", "max_new_tokens": "tokens that it was allowed; 0: not kept",
    "repairs": "what was changed between its words and that query, with semicolons",
    "formatted": "the query as the page shows it, both sides laid out alike",
    "error_kind": "kind of an `error`: `syntax`, `catalog`, `type` or `other`", "truncated": "whether the result was cut; empty: not kept",
    "columns": "JSON: name and type of each column of its result",
    "result_hash": "16 digits of a hash of its result's rows in any order, columns in theirs without names, fractions to nine digits; "
    "empty where there is no result, not all of it, or it was not kept",
    "preview": "JSON: the first five rows at most of its result, cells cut to 80 characters",
    "only_rows": "rows that the other side's result lacks (of both 0: the same rows; of one 0: the other's rows hold all of this one's); "
    "-1: not compared, or not kept",
 "tokens": "tokens written", "seconds": "from question to result",
    "gold": "what the benchmark says of its answer by strict execution match, `right` or `wrong`; empty: no gold answer, or not compared",
    "gold_reason": "why, in the benchmark's words",
    "correct": "whether the voter says it is right; empty: not said", "reasons": "what the voter says is wrong, with commas",
}  # fmt: skip
BY_MODEL = "model, as name@revision: two revisions are two models"


@dataclass(frozen=True)
class About:
    """What a card is written of: whole rows (`found`), and the rows of the file made of them (`shaped`)."""

    form: str
    file: str
    profile: str
    filtered: bool
    found: Sequence[Row]
    shaped: Sequence[Row]
    licences: Mapping[str, str]
    events_file: str = ""
    events: Sequence[Row] = ()
    """Whole rows of what ended without a verdict; empty for a format that has none."""


def text(about: About) -> str:
    """The card as Markdown with the hub's front matter."""
    front = [
        "---", f"pretty_name: Votes of NL2SQL Arena ({about.profile})", "license: other", "language: en",
        "tags:", "- text-to-sql", "- human-preference", "configs:", "- config_name: default", f"  data_files: {about.file}",
        *(["- config_name: events", f"  data_files: {about.events_file}"] if about.events else []), "---", "",
    ]  # fmt: skip
    parts = {
        "## Counts": _counts(about.found),
        **({"## Events": _events(about)} if about.events_file else {}),
        "## What was left out": _left_out(about),
        "## Fields": [f"- `{name}`: {described(name, about.form)}" for name in about.shaped[0]],
        "## Where it comes from": _origin(about.found),
        "## Licences": _licences(about),
    }
    body = [line for head, lines in parts.items() for line in (head, "", *lines, "")]
    return "\n".join([*front, "# Votes of NL2SQL Arena", "", *_head(about), "", *body])


def _head(about: About) -> list[str]:
    found = about.found
    kind = {
        "mini": "practice models (minis) and, where they met, the baseline; they say nothing about real models",
        "baseline": "baselines without a model",
    }.get(about.profile, f"{about.profile} models and, where they met, the baseline")
    days = sorted(row["voted"][:10] for row in found)
    voters = len({row["voter"] for row in found})
    return [
        f"Format `{about.form}`: {len(about.shaped)} rows from {len(found)} votes of {voters} voters on {kind}, cast from {days[0]} to "
        f"{days[-1]}. A voter is a random id of one browser or page; one person may be several.",
    ]


def _counts(found: Sequence[Row]) -> list[str]:
    flags = [flag for row in found for flag in row["flags"].split(",") if flag]
    models = [f"{row[f'model_{side}']}@{row[f'revision_{side}'] or 'unpinned'}" for row in found for side in "ab"]
    flagged = sum(bool(row["flags"]) for row in found)
    return [
        f"- verdicts: {_counted(row['winner'] for row in found)}",
        f"- asked: {_counted(row['asks'] for row in found)}",
        f"- studies: {_counted(row['study'] for row in found)}",
        f"- questions chosen: {_counted(row['chosen'] for row in found)}",
        f"- databases: {_counted(row['db'] for row in found)}",
        f"- names hidden until the vote: {sum(bool(row['blind']) for row in found)} of {len(found)}",
        f"- flagged: {flagged}" + (f" ({_counted(flags)})" if flags else ""),
        f"- sides by model: {_counted(models)}",
    ]


def _events(about: About) -> list[str]:
    if not about.events:
        return ["No battle was skipped, left as undecidable, or taken back; there is no file of events."]
    return [
        f"`{about.events_file}` (configuration `events`) has the same fields for what ended without a verdict: "
        f"{_counted(row['event'] for row in about.events)}. These are no votes and never ties: their `winner` is empty, and of a vote "
        "that was taken back what it had said is not told. Both files together are all that ended a battle; `event` tells which is which.",
    ]


def _left_out(about: About) -> list[str]:
    flagged = "left out" if about.filtered else "kept"
    told = [
        f"- Flagged votes were {flagged}.",
        "- Votes outside of this study." if any(row["study"] for row in about.found) else "- Votes of studies, each a data set of its own.",
        *(
            []
            if about.events_file
            else ["- Votes that were taken back, and battles that were skipped or undecidable to the voter: none of them is a tie."]
        ),
        "- Votes on every database that is not one of the arena's samples, told by its content and not by its name.",
        "- All text about questions that visitors typed, unless the voter allowed it; voters' comments unless they were asked for.",
        "- Result tables beyond their first rows: queries and databases give them anew.",
    ]
    if about.form == "arena-rank":
        return [
            *told,
            "- Votes with the names in sight, votes on readability, and repeated battles.",
            "- `tie` and `both_bad` are verdicts of their own here; arena-rank's loader counts either as half a win for each side.",
        ]
    if about.form not in ("dpo", "kto"):
        return told
    dpo = "Ties, and votes for a query that failed, make no pair."
    kto = "A side is labelled as its voter called it (right or not), else the winner true and the loser false, of two bad ones both false."
    return [
        *told,
        "- Questions of the dev and test splits, repeated battles, votes on readability.",
        f"- {dpo if about.form == 'dpo' else kto} A query that a voter put right is preferred over both sides.",
    ]


def _origin(found: Sequence[Row]) -> list[str]:
    versions = ", ".join(sorted({row["app_version"] for row in found}))
    return [
        "Visitors of one arena asked two models the same question, saw both queries and both result tables, and said which answer is",
        "better; sides were shuffled. The sample databases are synthetic. Their questions and gold answers were written with a language",
        f"model; they were not collected from people. Version of the arena: {versions}.",
    ]


def _licences(about: About) -> list[str]:
    models = sorted({row[f"model_{side}"] for row in about.found for side in "ab"})
    return [
        "- Questions and sample databases: Apache-2.0, as the arena.",
        *(
            ["- Questions that a study adds to the arena's: under the terms of whoever ran it."]
            if any(row["study"] for row in about.found)
            else []
        ),
        "- Votes: no licence was asked of voters.",
        "- Queries are outputs of models, under the terms of these weights:",
        *(f"  - {name}: {about.licences.get(name, 'unknown')}" for name in models),
    ]


def is_described(name: str) -> bool:
    """Whether a field of the store may be in a data set: one that nobody has described stays at home."""
    stem, _, side = name.rpartition("_")
    return name in FIELDS or (side in SIDES and stem in BY_SIDE)


def described(name: str, form: str = "") -> str:
    """What a field of a file is. Raises KeyError for one that has no description."""
    if form == "arena-rank" and name in ("model_a", "model_b"):
        return f"{SIDES[name[-1]]}: {BY_MODEL}"
    if form == "dpo" and name == "chosen":
        return FIELDS["chosen_"]
    stem, _, side = name.rpartition("_")
    return f"{SIDES[side]}: {BY_SIDE[stem]}" if side in SIDES and stem in BY_SIDE else FIELDS[name]


def _counted(values: Iterable[str]) -> str:
    return ", ".join(f"{value or 'none'} {count}" for value, count in sorted(Counter(values).items(), key=lambda each: (-each[1], each[0])))
