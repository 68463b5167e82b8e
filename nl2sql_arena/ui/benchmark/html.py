"""The Benchmark tab's values -> HTML. Like `ui.render`, it escapes every text of a model, database or visitor."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from nl2sql_arena.benchmark import figures
from nl2sql_arena.benchmark.changes import Change, Pair
from nl2sql_arena.benchmark.charts import Caption
from nl2sql_arena.benchmark.document import Block, Points, Table, Text, inline
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.runs import Contestant, Measured, StoredRun
from nl2sql_arena.benchmark.scorers import REASONS
from nl2sql_arena.difficulty import level
from nl2sql_arena.types import Example, Interval
from nl2sql_arena.ui.benchmark.questions import UNANSWERABLE, Question, features_of, key_of
from nl2sql_arena.ui.render import grid

KINDS = {"real": "real model", "mini": "practice model", "baseline": "baseline"}
NAMED = 8
"""Databases that a heading names."""
PRACTICE = (
    "Practice models: minis of a few million parameters, trained by this project to show the machine at work. "
    "Their figures say nothing about Phi-2 or SQLCoder."
)
SPLITS = {
    "dev": "These are dev questions, which are for development: prompts and rules were chosen with such figures in sight. "
    "Figures to publish come from the test split.",
    "test": "These are test questions, which nothing was tuned on: they are for figures to publish, never to choose or tune anything by.",
    "arena": "These are the page's own example questions, which anybody has seen: for a look, not for figures.",
}
EMPTY = (
    '<section class="run empty"><h2>No run is stored yet</h2><p>A run asks every contestant the same questions, runs each answer on the '
    "database and compares its table with the gold answer's. <b>Quick sample</b> does that with 20 questions and draws the figures as the "
    "answers arrive; it is kept, and this tab opens on it from then on. For all questions choose a full run, or on the command line "
    "<code>python -m nl2sql_arena bench run</code>.</p></section>"
)


def head(run: StoredRun, live: bool) -> str:
    """When the run was, what was asked, and on what it ran."""
    about = run.measured
    answers = len(run.results)
    total = about.questions * len(about.contestants)
    state = "Live run, begun" if live else "Stored run of" if run.complete else f"Unfinished run ({answers} of {total} answers) of"
    some = len(about.databases)
    more = f" and {some - NAMED} more" if some > NAMED else ""
    databases = f"{some} database{'s' * (some != 1)} ({', '.join(about.databases[:NAMED])}{more})"
    asked = f"{about.questions} {about.split} questions" + (f", {about.chosen}," if about.chosen else "")
    left_out = f" {about.unasked} more questions are not asked, since no gold of theirs runs here." if about.unasked else ""
    libraries = ", ".join(f"{name} {number}" for name, number in about.libraries.items())
    who = "; ".join(f"{about.names[each.name]} (prompt {each.prompt}, {_runs_as(each)})" for each in about.contestants)
    facts = [
        f"{who}.",
        f"{asked} on {databases}; data {about.dataset_hash}; {about.scorer} execution match.{left_out}"
        f" Ran on {about.hardware} with {libraries}.",
        *([PRACTICE] if any(each.kind == "mini" for each in about.contestants) else []),
    ]
    said = "".join(f"<p>{escape(fact)}</p>" for fact in facts)
    return f'<section class="run"><h2>{state} {moment(about.at)}</h2>{said}</section>'


def contestants(run: StoredRun, is_ours: bool) -> str:
    """How each contestant did overall, as what it ran, and what such figures cannot show; `is_ours` of the sample databases' questions."""
    names = ("Contestant", "Right", "95 % interval, questions", "95 % interval, databases", "Abstained", "Prompt", "Runs as", "Revision")
    rows = "".join(_contestant(run, each) for each in run.measured.contestants)
    table = grid("".join(f'<th scope="col">{name}</th>' for name in names), rows, "Contestants of this run")
    return f'<section class="run">{table}</section>{_caveats(run.measured, is_ours)}'


def _contestant(run: StoredRun, each: Contestant) -> str:
    name = run.measured.names[each.name]
    share = figures.accuracy(run.results).get(each.name, {}).get("all")
    by = figures.by_database(run.results).get(each.name)
    right, hard, wrongly, easy = figures.abstentions(run.results, each.name)
    cells = [
        f"<strong>{escape(name)}</strong><small>{escape(_rest(each.title, name))}{KINDS[each.kind]}</small>",
        f"{share.value:.1%}<small>n={share.n}</small>" if share and share.n else "–",
        _bounds(share) if share and share.n else "–",
        _bounds(by.interval) if by and by.databases > 1 else "none: too few",
        (f"{right} of {hard} rightly" if hard else "–") + (f"<small>{wrongly} of {easy} wrongly</small>" if easy else ""),
        escape(each.prompt),
        escape(_runs_as(each)),
        escape(each.revision),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _rest(title: str, name: str) -> str:
    """What a title says beyond its short form, before something else."""
    more = title.removeprefix(name).strip(" ,()")
    return f"{more}; " if more else ""


def _runs_as(each: Contestant) -> str:
    beams = each.generation.num_beams
    return f"{each.precision}, {beams} beams" if beams > 1 else each.precision


def _bounds(share: Interval) -> str:
    return f"{share.low:.1%} to {share.high:.1%}"


def moment(at: str) -> str:
    """`28 November 2026, 03:43 UTC` of an ISO 8601 time in UTC."""
    when = datetime.fromisoformat(at)
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def duration(seconds: float) -> str:
    """`about 4 s`, `about 3 min`, `about 2.5 h`."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def bar(done: int, total: int, seconds: float, word: str, left: float | None = None, said: str = "") -> str:
    """Progress, with the seconds left where they are known."""
    share = 100 * done / total if total else 0
    until = f", {duration(left)} left" if left is not None else ""
    text = f"{word}: {done} of {total} answers, {seconds:.0f} s{until}." + (f" {said}" if said else "")
    return f'<div class="bar" role="status"><div style="width:{share:.1f}%"></div><span>{escape(text)}</span></div>'


def caption(said: Caption) -> str:
    """What stands above a chart."""
    return f'<div class="said"><h3>{escape(said.title)}</h3><p>{escape(said.run)}</p></div>'


def notes(said: Caption) -> str:
    """What stands below it."""
    return f'<p class="said">{escape(" ".join(said.notes))}</p>' if said.notes else ""


def pass_title(said: str) -> str:
    return f"<h3>{inline(said)}</h3>"


def blocks(found: Sequence[Block], label: str) -> str:
    """A report's tables, paragraphs and lists; `label` tells a screen reader what the tables are of."""
    return "".join(_block(block, label) for block in found)


def _block(block: Block, label: str) -> str:
    if isinstance(block, Table):
        head_ = "".join(f'<th scope="col">{inline(cell)}</th>' for cell in block.head)
        rows = "".join("<tr>" + "".join(f"<td>{inline(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
        return grid(head_, rows, escape(label)) + (f'<p class="said">{inline(block.caption)}</p>' if block.caption else "")
    if isinstance(block, Points):
        return '<ul class="said">' + "".join(f"<li>{inline(item)}</li>" for item in block.items) + "</ul>"
    return f'<p class="said">{inline(block.text)}</p>' if isinstance(block, Text) else ""


def matched_by_luck(named: Mapping[tuple[str, str], Sequence[tuple[str, str]]], run: StoredRun) -> str:
    """The questions of `passes.lucky`, each of which opens, one click away."""
    asked = {(each.example.db, each.example.id): each.example for each in run.results}
    names = run.measured.names
    rows = "".join(
        f"<tr>{_opener(asked[key])}<td>{'<br>'.join(escape(f'{names.get(model, model)}: {why}') for model, why in models)}</td></tr>"
        for key, models in named.items()
        if key in asked
    )
    if not rows:
        return ""
    head_ = '<th scope="col">Question</th><th scope="col">On other rows</th>'
    summary = f"Questions that were matched by luck: {len(named)}"
    return f"<details><summary>{summary}</summary>{grid(head_, rows, 'Questions that were matched by luck')}</details>"


def numbers(rows: Sequence[Mapping[str, Any]], stem: str, title: str) -> str:
    """The rows of a chart as a table one click away; `stem` is the name that its files get."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head_ = "".join(f'<th scope="col">{escape(name.replace("_", " "))}</th>' for name in names)
    body = "".join("<tr>" + "".join(_figure(row.get(name)) for name in names) + "</tr>" for row in rows)
    table = grid(head_, body, escape(f"Numbers of: {title}"))
    return f'<details class="numbers" data-file="{escape(stem)}"><summary>The numbers of this chart</summary>{table}</details>'


def _figure(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return '<td class="num">–</td>'
    if isinstance(value, float):
        return f'<td class="num">{value:.4g}</td>'
    return f'<td class="num">{value}</td>' if isinstance(value, int) else f"<td>{escape(str(value))}</td>"


def _caveats(about: Measured, is_ours: bool) -> str:
    some = len(about.databases)
    few = "one schema" if some == 1 else f"{some} schemas"
    spread = (
        "with a single one there is no interval for that at all" if some == 1 else "the interval over databases in this table says how far"
    )
    ours = (
        SPLITS.get(about.split, ""),
        "The sample databases hold synthetic data; their questions and golds were written with a language model.",
    )
    points = [
        f"These figures come from {few}. How a contestant does on another schema they cannot tell; {spread}.",
        *(ours if is_ours else ("These questions are published ones: a model may have been trained on them.",)),
        "A gold can be wrong, and a right table can come from a wrong query.",
        "A level with fewer than 100 questions is drawn hollow: differences of some points there are noise.",
    ]
    items = "".join(f"<li>{escape(point)}</li>" for point in points if point)
    return f'<details class="caveats" open><summary>What these figures cannot show</summary><ul>{items}</ul></details>'


def listing(questions: Sequence[Question], names: Mapping[str, str], letters: Mapping[str, str]) -> str:
    """One row a question, one column a contestant; `names` are short titles, `letters` marks A and B."""
    marks = {name: f'<b class="side-{letter.lower()}">{letter}</b> ' for name, letter in letters.items()}
    models = "".join(f'<th scope="col">{marks.get(name, "")}{escape(said)}</th>' for name, said in names.items())
    head_ = f'<th scope="col">Question</th>{models}<th scope="col">Level</th>'
    body = "".join(_listed(each, names, letters) for each in questions)
    return grid(head_, body, "Questions and verdicts")


def _listed(question: Question, names: Mapping[str, str], letters: Mapping[str, str]) -> str:
    example = question.example
    cells = "".join(verdict(question.results.get(name), f"{letters.get(name, '')} {said}".strip()) for name, said in names.items())
    ends = f'<td data-of="Level">{question.level or UNANSWERABLE}</td>'
    return f"<tr>{_opener(example)}{cells}{ends}</tr>"


def _opener(example: Example) -> str:
    """A cell whose button opens the question."""
    button = f'<button type="button" class="opener" data-key="{escape(key_of(example))}">{escape(example.question)}</button>'
    return f"<td>{button}<small>{escape(example.id)}</small></td>"


def verdict(result: Result | None, whose: str) -> str:
    """One cell: right, wrong or not scored, and why; `whose` stands beside it where there is no room for a head."""
    if result is None:
        return f'<td class="pending" data-of="{escape(whose)}">…</td>'
    tone = {1.0: "right", 0.0: "wrong", None: "unscored"}[result.score.value]
    word = {"right": "✓ right", "wrong": "✗ wrong", "unscored": "not scored"}[tone]
    return f'<td class="{tone}" data-of="{escape(whose)}">{word}<small>{escape(_reason(result))}</small></td>'


def _reason(result: Result) -> str:
    if result.score.reason == "match" and result.level is None:
        return "abstained, as is right here"
    return REASONS.get(result.score.reason, result.score.reason).removeprefix("unscored: ")


def question_head(question: Question) -> str:
    """What was asked, where, and how hard it is on either axis."""
    example = question.example
    gold = example.gold_sql[0] if example.gold_sql else ""
    levels = f"{level(gold, 'spider')} by Spider's rules, {level(gold, 'duckdb')} DuckDB-aware" if gold else UNANSWERABLE
    made_of = ", ".join(sorted(features_of(example)))
    facts = (example.id, levels, f"category {example.category}", f"the gold has {made_of}" if made_of else "")
    said = " · ".join(fact.replace("_", " ") for fact in facts if fact)
    return f'<section class="asked"><h3>{escape(example.question)}</h3><p class="rows">{escape(example.db)} · {escape(said)}</p></section>'


def gold_head(count: int) -> str:
    """Above the gold queries, of which any is right and the first is run."""
    said = {0: "Abstaining is right here.", 1: "What counts as right."}.get(
        count, f"Any of these {count} is right; the table is the first's."
    )
    return f'<h4 class="side">Gold query</h4><p class="note">{said}</p>'


def side_head(letter: str, title: str, result: Result | None) -> str:
    """A contestant's name, and how its answer was judged and why."""
    badge = f'<h4 class="side side-{letter.lower()}"><b>{letter}</b> {escape(title)}</h4>'
    if result is None:
        return badge + '<p class="rows">No answer in this run.</p>'
    tone = {1.0: "good", 0.0: "bad", None: "warn"}[result.score.value]
    word = {1.0: "Right", 0.0: "Wrong", None: "Not scored"}[result.score.value]
    difference = f" ({result.score.difference})" if result.score.difference else ""
    return f'{badge}<p class="note {tone}">{word}: {escape(_reason(result) + difference)}.</p>'


def side_facts(result: Result | None) -> str:
    """How the answer came about."""
    if result is None:
        return ""
    done, answer = result.answer.completion, result.answer
    facts = [
        ("Changed before running", "; ".join(answer.prepared.repairs) or "nothing"),
        ("Left out of its prompt", ", ".join(answer.prompt.pruned) or "nothing"),
        ("SQL written in", f"{done.seconds:.2f} s, {done.tokens} tokens, the first after {done.first_token_seconds:.2f} s"),
        ("With its result in", f"{answer.seconds:.2f} s"),
        ("Running as", answer.precision),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    words = f"<details><summary>The model's own words</summary><pre>{escape(done.text) or '(nothing)'}</pre></details>"
    return f'<div class="came"><dl class="facts">{rows}</dl>{words}</div>'


def changes(found: Sequence[Change], before: Measured, after: Measured) -> str:
    """What each contestant has right or wrong in the shown run and had not in the other, question by question."""
    parts = "".join(_change(each, len(found), before, after) for each in found)
    said = (
        f"{after.questions} {after.split} questions (data {after.dataset_hash}): the run shown, of {moment(after.at)}, against the run of "
    )
    return f'<section class="changes"><p>{escape(said + moment(before.at))}.</p>{parts}</section>'


def _change(each: Change, of: int, before: Measured, after: Measured) -> str:
    paired, difference = each.paired, each.paired.difference
    holm = f", {figures.p_said(paired.p_holm)} after Holm over {of} contestants" if of > 1 else ""
    name = after.titles[each.after]
    title = name if each.before == each.after else f"{name} against {before.titles[each.before]}"
    said = (
        f"{100 * difference.value:+.1f} points (95 % interval {100 * difference.low:+.1f} to {100 * difference.high:+.1f}) on {paired.n} "
        f"answerable questions; McNemar's exact p {figures.p_said(paired.p)}{holm}. Right only now: {paired.only_a}; "
        f"right only before: {paired.only_b}."
        if paired.n
        else "No answerable question was scored in both."
    )
    changed = [entry for entry in _revisions(each, before, after) if entry]
    more = f'<p class="rows">{escape("; ".join(changed))}</p>' if changed else ""
    return (
        f"<article><h3>{escape(title)}</h3><p>{escape(said)}</p>{more}"
        f"{_moved('Regressions: right before, wrong now', each.losses)}{_moved('Gains: wrong before, right now', each.gains)}</article>"
    )


def _revisions(each: Change, before: Measured, after: Measured) -> list[str]:
    old = next(one for one in before.contestants if one.name == each.before)
    new = next(one for one in after.contestants if one.name == each.after)
    pairs = [("revision", old.revision, new.revision), ("precision", _runs_as(old), _runs_as(new)), ("prompt", old.prompt, new.prompt)]
    return [f"{what} {was} before, {now} now" for what, was, now in pairs if was != now]


def _moved(title: str, pairs: Sequence[Pair]) -> str:
    if not pairs:
        return f'<p class="rows">{title}: none.</p>'
    head_ = '<th scope="col">Question</th><th scope="col">Before</th><th scope="col">Now</th>'
    body = "".join(f"<tr>{_opener(new.example)}{verdict(old, 'Before')}{verdict(new, 'Now')}</tr>" for old, new in pairs)
    return f"<details open><summary>{title}: {len(pairs)}</summary>{grid(head_, body, title)}</details>"
