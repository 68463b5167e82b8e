"""What a data mix would teach, before anything is trained on it: size, losses, difficulty, lengths, and which way it leans.

Figures are of the pairs that are left to train on. What parses or tokenizes is measured on at most `MEASURED` of them, evenly spaced.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from nl2sql_arena import prompts
from nl2sql_arena.difficulty import FEATURES, features, spider_level
from nl2sql_arena.errors import BadInput
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.training.recipe import Tuning
from nl2sql_arena.training.sets import cultures
from nl2sql_arena.training.sets.datasets import Dataset
from nl2sql_arena.training.sets.overlap import LITERAL
from nl2sql_arena.training.tuning.prompted import Room, completion, prompted
from nl2sql_arena.types import LEVELS

MEASURED = 10_000
OPENERS = 12
ANSWER = 256
"""Tokens kept for an answer where no recipe says it."""
SPREAD = {"median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
HOW = (
    "Estimated from the text values in the queries: a script by Unicode's name of each letter, a region by the value's first word in short "
    "lists of given names, which miss most names and say nothing about a person."
)
Count = Callable[[str], int]


@dataclass(frozen=True)
class Reader:
    """What would read the pairs: a tokenizer's count of tokens, the prompt's format, room in tokens; else `why` there is none."""

    name: str
    format: str
    room: Room
    count: Count | None
    why: str = ""


def reader(tuning: Tuning | None, recipe: Path | None, name: str, format_name: str, max_length: int) -> Reader:
    """Of a recipe if there is one, its base's tokenizer unless another is named; without a tokenizer, and with the reason, when it
    cannot be had. Raises BadInput.
    """
    if tuning and recipe:
        near = recipe.parent / tuning.base.id
        name = name or (str(near) if near.is_dir() else tuning.base.id)
        return _reader(name, tuning.format, Room(tuning.max_length - tuning.max_new_tokens, tuning.max_new_tokens))
    if max_length <= ANSWER:
        raise BadInput(f"--max-length {max_length} leaves no room for a prompt beside an answer of {ANSWER}; raise it.")
    return _reader(name, format_name, Room(max_length - ANSWER, ANSWER))


def _reader(name: str, format_name: str, room: Room) -> Reader:
    if format_name not in prompts.FORMATS:
        raise BadInput(f"There is no prompt format '{format_name}'; use one of {', '.join(prompts.FORMATS)}.")
    if not name:
        return Reader(name, format_name, room, None, "No tokenizer was named; give one with --tokenizer to see lengths in tokens.")
    from transformers import AutoTokenizer

    try:
        made = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError) as problem:
        reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
        return Reader(name, format_name, room, None, f"The tokenizer {name} cannot be had here ({reason}), so lengths are left out.")
    return Reader(name, format_name, room, lambda text: len(made(text, add_special_tokens=False)["input_ids"]))


def report(dataset: Dataset, reader: Reader, unchecked: str = "") -> dict[str, Any]:
    """Everything as JSON can carry it; shares are 0..1, lengths are tokens; `unchecked` says what the pairs are not kept apart from."""
    pairs = dataset.train
    some = pairs[:: -(-len(pairs) // MEASURED)]
    values = [value for pair in pairs for value in _texts(pair.sql)]
    constructs, levels = _constructs(some)
    return {
        "size": {
            "train": len(pairs), "held_out": len(dataset.held_out), "schemas": len({pair.schema.db for pair in pairs}),
            "by_source": dict(Counter(pair.source for pair in pairs)),
        },
        "rows": {source: dict(sorted(found.items())) for source, found in dataset.counts.items()},
        "overlap_not_checked": unchecked,
        "measured_on": len(some),
        "constructs": constructs,
        "difficulty": levels,
        "tokens": _lengths(some, reader),
        "values": _values(values),
        "biases": _biases(pairs, constructs),
    }  # fmt: skip


def _constructs(pairs: Sequence[TrainingPair]) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of pairs by construct and by Spider's level; `other` are queries that have none, such as PIVOT."""
    found: Counter[str] = Counter()
    levels: Counter[str] = Counter()
    for pair in pairs:
        try:
            levels[spider_level(pair.sql)] += 1
            found.update(features(pair.sql))
        except BadInput:
            levels["other"] += 1
    return _shares(found, len(pairs), FEATURES), _shares(levels, len(pairs), (*LEVELS, "other"))


def _shares(found: Mapping[str, int], n: int, names: Iterable[str]) -> dict[str, float]:
    return {name: round(found.get(name, 0) / max(1, n), 4) for name in names}


def _lengths(pairs: Sequence[TrainingPair], reader: Reader) -> dict[str, Any]:
    """Lengths of whole prompts and of answers, and what would not fit."""
    count = reader.count
    if count is None:
        return {"skipped": reader.why}
    make = prompts.FORMATS[reader.format]
    whole = [(make(pair.question, pair.schema, True), pair.sql) for pair in pairs]
    kept = prompted(pairs, reader.format, count, reader.room)[1]
    return {
        "tokenizer": reader.name,
        "format": reader.format,
        "room": {"prompt": reader.room.prompt, "answer": reader.room.answer},
        "prompt": _spread([count(prompt.text) for prompt, _ in whole]),
        "answer": _spread([count(completion(prompt, sql)) for prompt, sql in whole]),
        "schema pruned to fit": _share(kept["pruned"], len(pairs)),
        "left out: question too long": _share(kept["question too long"], len(pairs)),
        "left out: answer too long": _share(kept["answer too long"], len(pairs)),
    }


def _spread(lengths: Sequence[int]) -> dict[str, int]:
    ordered = sorted(lengths)
    return {name: ordered[min(len(ordered) - 1, int(part * len(ordered)))] for name, part in SPREAD.items()}


def _share(n: float, whole: int) -> float:
    return round(n / max(1, whole), 4)


def _texts(sql: str) -> list[str]:
    """The text values of a query with at least one letter."""
    return [text.replace("''", "'") for text, _ in LITERAL.findall(sql) if any(map(str.isalpha, text))]


def _values(values: Sequence[str]) -> dict[str, Any]:
    different = sorted(set(values))
    named = cultures.regions(different)
    return {
        "different": len(different),
        "not_ascii": _share(sum(not value.isascii() for value in different), len(different)),
        "scripts": {name: _share(n, len(different)) for name, n in cultures.scripts(different).most_common()},
        "given_names": sum(named.values()),
        "given_names_by_region": {name: _share(n, sum(named.values())) for name, n in named.most_common()},
        "how": HOW,
    }


def _biases(pairs: Sequence[TrainingPair], constructs: Mapping[str, float]) -> dict[str, Any]:
    openers = Counter(" ".join(pair.question.lower().split()[:1]).strip(",.:'\"") for pair in pairs)
    tables = sorted(len(pair.schema.tables) for pair in pairs)
    words = sorted(len(pair.question.split()) for pair in pairs)
    return {
        "join": constructs["join"],
        "aggregate": constructs["aggregate"],
        "openers": {word: _share(n, len(pairs)) for word, n in openers.most_common(OPENERS)},
        "question_names_a_column_literally": _share(sum(map(_names_a_column, pairs)), len(pairs)),
        "one_table_schemas": _share(sum(n == 1 for n in tables), len(pairs)),
        "tables_a_schema_median": tables[len(tables) // 2],
        "words_a_question_median": words[len(words) // 2],
    }


def _names_a_column(pair: TrainingPair) -> bool:
    """Whether the question holds the name of a column that its query uses, underscores read as blanks."""
    asked = " " + " ".join(re.findall(r"\w+", pair.question.lower())) + " "
    used = set(re.findall(r"\w+", pair.sql.lower()))
    names = {column.name.lower() for table in pair.schema.tables for column in table.columns}
    return any(f" {name.replace('_', ' ')} " in asked for name in names & used if len(name) > 2)


def as_text(found: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    size, tokens, values, biases = found["size"], found["tokens"], found["values"], found["biases"]
    parts = [
        "# Data report",
        f"{size['train']:,} pairs to train on over {size['schemas']:,} schemas; {size['held_out']:,} questions held out.",
        *([f"**Mind:** {found['overlap_not_checked']}."] if found["overlap_not_checked"] else []),
        "## What became of the rows",
        *(f"- {source}\n" + "\n".join(f"  - {what}: {n:,}" for what, n in rows.items()) for source, rows in found["rows"].items()),
        f"## Difficulty and constructs ({found['measured_on']:,} pairs)",
        _line("Spider's levels", found["difficulty"]),
        _line("Constructs", found["constructs"]),
        "## Lengths in tokens",
        *_length_lines(tokens),
        "## Names and cultures in the values",
        f"{values['different']:,} different text values, {values['not_ascii']:.1%} of them with a letter beyond ASCII.",
        _line("Scripts", values["scripts"]),
        _line(f"Given names found ({values['given_names']:,})", values["given_names_by_region"]),
        values["how"],
        "## Other leanings",
        f"- queries with a join {biases['join']:.1%}, with an aggregate {biases['aggregate']:.1%}",
        f"- questions that name a column of their query literally {biases['question_names_a_column_literally']:.1%}",
        f"- pairs over a single table {biases['one_table_schemas']:.1%}; median {biases['tables_a_schema_median']} tables a schema, "
        f"{biases['words_a_question_median']} words a question",
        _line("- first words", biases["openers"]),
    ]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ").replace("\n\n  -", "\n  -")


def _line(name: str, shares: Mapping[str, float]) -> str:
    return f"{name}: " + (", ".join(f"{key} {share:.1%}" for key, share in shares.items()) or "none")


def _length_lines(tokens: Mapping[str, Any]) -> list[str]:
    if "skipped" in tokens:
        return [tokens["skipped"]]
    rows = [f"- {part}: " + ", ".join(f"{name} {n:,}" for name, n in tokens[part].items()) for part in ("prompt", "answer")]
    cut = [f"- {key} {share:.1%}" for key, share in tokens.items() if key.startswith(("left out", "schema pruned"))]
    head = f"{tokens['tokenizer']}, format {tokens['format']}; room for {tokens['room']['prompt']:,} + {tokens['room']['answer']:,} tokens."
    return [head, *chain(rows, cut)]
