"""Domain values -> HTML. Every text of a model, database or visitor is escaped here; no other room writes HTML from such text."""

import json
import re
from collections.abc import Sequence
from html import escape

from nl2sql_arena.types import Answer, Battle, Execution, ModelCard, Outcome, Part, Schema, Table, Value
from nl2sql_arena.ui.words import OUTCOMES, VERDICTS

SHOWN_ROWS = 200
CELL_CHARS = 200
SAID_ALREADY: tuple[Outcome, ...] = ("abstained", "memory")
"""Outcomes whose message only repeats their words."""
COMMENTS = "column comments"
"""How a prompt names that it left those out."""
NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
)


def note(text: str, tone: str = "plain") -> str:
    """One line of plain text; tones: plain, busy, good, warn, bad."""
    return f'<p class="note {tone}" role="status">{escape(text)}</p>' if text else ""


def cell(value: Value) -> str:
    """One result cell: NULL, the empty string and text that looks like a number stay apart; blanks at either end can be seen."""
    if value is None:
        return '<span class="null">NULL</span>'
    if value == "":
        return '<span class="null">empty text</span>'
    if isinstance(value, bool):
        return "true" if value else "false"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    shown = escape(text if len(text) <= CELL_CHARS else text[:CELL_CHARS] + "…")
    return re.sub(r"^\s+|\s+$", r'<span class="blank">\g<0></span>', shown)


def result(execution: Execution) -> str:
    """A result table with its types and what of it is shown, or the outcome in words; a message of a table says what it lacks."""
    if execution.outcome == "ok":
        shown = f"First {SHOWN_ROWS:,} rows. " if len(execution.rows) > SHOWN_ROWS else ""
        said = shown + execution.message if execution.message else row_words(execution)
        return table(execution) + f'<p class="rows">{escape(said)}</p>'
    head, explanation = OUTCOMES[execution.outcome]
    detail = _message(execution.message) if execution.outcome not in SAID_ALREADY else ""
    columns = f'<p class="rows">Columns: {escape(", ".join(column.name for column in execution.columns))}</p>' if execution.columns else ""
    return f'<div class="outcome {execution.outcome}"><strong>{head}</strong><p>{explanation}</p>{detail}{columns}</div>'


def _message(text: str) -> str:
    """A message; several lines keep their columns where a caret points at a place, and else wrap."""
    if "\n" not in text:
        return f'<p class="detail">{escape(text)}</p>' if text else ""
    is_pointing = re.search(r"^\s*\^", text, re.MULTILINE)
    return f"<pre>{escape(text)}</pre>" if is_pointing else f'<pre class="wraps">{escape(text)}</pre>'


def steps(parts: Sequence[Part] | None) -> str:
    """What a query does, numbered through all of its parts."""
    if parts is None:
        return '<p class="rows">This SQL cannot be put in words.</p>'
    body, number = "", 1
    for part in parts:
        if part.name or len(parts) > 1:
            made = f"To make {_marked(f'`{part.name}`')}" if part.name else "For the result"
            body += f"<h4>{made}{', anew for each row' if part.anew else ''}</h4>"
        body += f'<ol start="{number}">{"".join(f"<li>{_marked(sentence)}</li>" for sentence in part.sentences)}</ol>'
        number += len(part.sentences)
    box = f'<div tabindex="0" role="region" aria-label="The SQL in words">{body}</div>'
    return f'<details class="steps" open><summary>In words</summary>{box}</details>' if parts else ""


def _marked(sentence: str) -> str:
    """A sentence whose names and SQL stand between backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(sentence))


def row_words(execution: Execution) -> str:
    shown = min(len(execution.rows), SHOWN_ROWS)
    count = f"{execution.row_count:,}"
    if execution.truncated:
        return f"First {shown:,} of more than {count} rows"
    return f"First {shown:,} of {count} rows" if shown < execution.row_count else f"{count} row{'s' if execution.row_count != 1 else ''}"


def table(execution: Execution, label: str = "Result table") -> str:
    """The rows as an HTML table; numbers to the right, the type under each name."""
    right = [column.type.startswith(NUMBERS) and not column.type.endswith("]") for column in execution.columns]
    marks = ['class="num"' if is_right else "" for is_right in right]
    head = "".join(
        f'<th scope="col" {mark}>{escape(column.name)}<small>{escape(_type(column.type))}</small></th>'
        for column, mark in zip(execution.columns, marks, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td {mark}>{cell(value)}</td>" for value, mark in zip(row, marks, strict=True)) + "</tr>"
        for row in execution.rows[:SHOWN_ROWS]
    )
    return grid(head, body, escape(label))


def grid(head: str, body: str, label: str) -> str:
    """A table that scrolls inside its own box; `head` and `body` are HTML already."""
    frame = f'<div class="grid" tabindex="0" role="region" aria-label="{label}">'
    return f"{frame}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def schema(schema_: Schema, previews: dict[str, Execution]) -> str:
    """Tables, columns, types, comments, counts and some rows, each table one click away."""
    return '<div class="schema">' + "".join(_table(each, previews.get(each.name)) for each in schema_.tables) + "</div>"


def _table(each: Table, preview: Execution | None) -> str:
    refers = {key.columns[0]: f"{key.table}.{key.references[0]}" for key in each.foreign_keys}
    rows = "".join(
        f"<tr><td><code>{escape(column.name)}</code></td><td>{escape(_type(column.type))}</td>"
        f"<td>{_key(column.name, each, refers)}</td><td>{escape(column.comment)}</td></tr>"
        for column in each.columns
    )
    sample = f"<h4>Some rows</h4>{table(preview, f'Some rows of {each.name}')}" if preview and preview.rows else ""
    return (
        f"<details><summary><code>{escape(each.name)}</code> <span>{each.row_count:,} rows, {len(each.columns)} columns</span> "
        f"<em>{escape(each.comment)}</em></summary>"
        f"{grid('<th>Column</th><th>Type</th><th>Key</th><th>Meaning</th>', rows, f'Columns of {escape(each.name)}')}"
        f"{sample}</details>"
    )


def _key(name: str, each: Table, refers: dict[str, str]) -> str:
    parts = ["primary"] if name in each.primary_key else []
    return escape(", ".join(parts + ([f"→ {refers[name]}"] if name in refers else [])))


def side_title(letter: str, card: ModelCard | None = None) -> str:
    """The heading of a side; without a card it says nothing about the model."""
    named = f"<span>{escape(card.title)}</span>" if card else ""
    return f'<h2 class="side side-{letter.lower()}"><b>{letter}</b> Model {letter}{named}</h2>'


def reveal(battle: Battle, cards: dict[str, ModelCard], said: str) -> str:
    """Who was who, with everything that was hidden before the vote."""
    sides = "".join(_revealed(letter, answer, cards[answer.model]) for letter, answer in (("A", battle.a), ("B", battle.b)))
    return f'<div class="reveal" role="status"><p class="recorded">{escape(said)}</p><div class="pair">{sides}</div></div>'


def _revealed(letter: str, answer: Answer, card: ModelCard) -> str:
    done = answer.completion
    facts = [
        ("SQL written in", f"{done.seconds:.2f} s, {done.tokens} tokens"),
        ("With its result in", f"{answer.seconds:.2f} s"),
        ("Running as", answer.precision),
        ("Changed before running", "; ".join(answer.prepared.repairs) or "nothing"),
        ("Decoding", f"{answer.beams} beams, as its card asks" if answer.beams > 1 else "greedy"),
        ("Its prompt", _room(answer) if answer.context else "not counted"),
        ("Left out of its prompt", ", ".join(answer.prompt.pruned) or "nothing"),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return (
        f'<section><h3><b class="side-{letter.lower()}">{letter}</b> {escape(card.title)}</h3><dl>{rows}</dl>'
        f"<details><summary>The model's own words</summary><pre>{escape(done.text) or '(nothing)'}</pre></details>"
        f"<details><summary>The prompt it read</summary><pre>{escape(answer.prompt.text)}</pre></details></section>"
    )


def meter(answer: Answer) -> str:
    """How much of its model's context a prompt took, and how much of the schema had to be left out for it."""
    if not answer.completion.prompt_tokens or not answer.context:
        return ""
    tone = " warn" if answer.prompt.pruned else ""
    return f'<p class="rows meter{tone}">Prompt: {escape(_room(answer))}</p>'


def _room(answer: Answer) -> str:
    pruned = answer.prompt.pruned
    columns = sum("." in name for name in pruned)
    tables = sum("." not in name and name != COMMENTS for name in pruned)
    counted = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((columns, "column"), (tables, "table")) if n]
    left_out = [*counted, *([COMMENTS] if COMMENTS in pruned else [])]
    said = f"; {', '.join(left_out)} left out" if left_out else ""
    return f"{answer.completion.prompt_tokens:,} of {answer.context:,} tokens{said}"


def comparison(verdict: str, only_a: int = 0, only_b: int = 0, common: int = 0, columns: tuple[int, int] = (0, 0)) -> str:
    """Whether the two results are the same and, if not, how they differ."""
    text, tone = VERDICTS[verdict]
    if verdict == "different":
        text = (
            f"The results differ: A has {_columns(columns[0])}, B has {_columns(columns[1])}."
            if columns[0] != columns[1]
            else f"The results differ: {common:,} rows in both, {only_a:,} only in A, {only_b:,} only in B."
        )
    return note(text, tone)


def _columns(count: int) -> str:
    return f"{count} column" + ("" if count == 1 else "s")


def _type(name: str) -> str:
    """A type for reading: lower case, without the quotes that DuckDB puts around NULL's."""
    return name.lower().replace('"', "")
