"""People and the benchmark as HTML: do voters agree with each other, themselves and gold answers, and where were they taken in?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from nl2sql_arena.benchmark.scorers import REASONS
from nl2sql_arena.types import Example
from nl2sql_arena.ui.render import grid
from nl2sql_arena.ui.votes.names import header, interval, many, row, signed
from nl2sql_arena.votes.agreement import Agreement, PlausibleButWrong, SelfConsistency, Upset, Voters, WithBenchmark

HEADS = ("Agreement", "How it was judged", "Value (95% interval)", "Counted on")
SHOWN = 12
"""Questions that the gallery shows."""
NO_RANDOM = (
    "Agreement is told only by battles whose question was drawn at random, since questions on which the models differ are no fair sample. "
    "There is none with a verdict here yet; the arena draws one in four questions at random."
)


@dataclass(frozen=True)
class TakenIn:
    """A question on which voters preferred a wrong answer: how many of them, which answer, and why it is wrong."""

    example: Example
    level: str
    winner: str
    loser: str
    sql: str
    right_sql: str
    reason: str
    votes: int


def agreement(
    strict: Sequence[WithBenchmark],
    relaxed: Sequence[WithBenchmark],
    among: Sequence[Voters],
    oneself: SelfConsistency,
    taken_in: Sequence[PlausibleButWrong],
    titles: Mapping[str, str],
) -> str:
    """The coefficients, one row each, with what they were counted on."""
    rows = ""
    for one in sorted(strict, key=lambda each: -each.kappa.votes):
        other = next((each for each in relaxed if (each.first, each.second) == (one.first, one.second)), one)
        for each in (one, other)[: 1 + (other.kappa != one.kappa)]:
            rows += _row(
                "People and gold answers", f"{each.rule} rule, four verdicts", each.first, each.second, titles, each.kappa, "kappa"
            )
        told = f"{one.rule} rule, where exactly one answer is right"
        rows += _row("People and gold answers", told, one.first, one.second, titles, one.decisive, "kappa")
    for pair in among:
        if pair.alpha.units:
            told = f"{many(pair.alpha.units, 'question')} judged by several voters"
            rows += _row("Voters with each other", told, pair.first, pair.second, titles, pair.alpha, "alpha")
    for share in taken_in:
        if share.share:
            rows += _plain(
                "A wrong answer preferred to a right one", f"{share.rule} rule", interval(share.share), many(share.share.n, "vote")
            )
    if oneself.share:
        voters = many(len(oneself.voters), "voter")
        rows += _plain("Voters with themselves", "the same battle judged again", interval(oneself.share), _pairs(oneself.share.n, voters))
    if oneself.swapped_share:
        side = sum(each.same_side for each in oneself.voters)
        told = f"with the sides exchanged; {side} followed the side"
        rows += _plain("Voters with themselves", told, interval(oneself.swapped_share), _pairs(oneself.swapped_share.n, voters))
    note = "" if strict else f"<p>{NO_RANDOM}</p>"
    if not rows:
        return note
    explained = (
        "Kappa (Cohen) and alpha (Krippendorff): 1 is full agreement, 0 what chance would give. Only questions drawn at random count, and "
        "each voter's first vote on each; a tie agrees with “both right”, both bad with “both wrong”."
    )
    return f"{note}<p>{explained}</p>{grid(header(HEADS), rows, 'Agreement of people and benchmark')}"


def _pairs(n: int, voters: str) -> str:
    return f"{many(n, 'pair')} of votes, {voters}"


def _row(what: str, how: str, first: str, second: str, titles: Mapping[str, str], found: Agreement, name: str) -> str:
    where = f"{how}; {titles[first]} against {titles[second]}"
    if found.value is None or found.low is None or found.high is None:
        value = "not defined: nobody ever says otherwise" if found.votes else "no vote"
    else:
        seen = f", {found.observed:.0%} the same" if found.observed is not None else ""
        value = f"{name} {signed(found.value)} ({signed(found.low)} to {signed(found.high)}){seen}"
    return _plain(what, where, value, f"{many(found.votes, 'vote')}, {many(found.voters, 'voter')}")


def _plain(*texts: str) -> str:
    return row(HEADS, [escape(text) for text in texts])


def taken_in(upsets: Sequence[Upset], rows: Mapping[str, Mapping[str, Any]], examples: Mapping[str, Example]) -> list[TakenIn]:
    """The upsets by question and answer, those of most votes first. `rows` and `examples` are by battle."""
    groups: dict[tuple[str, ...], list[Upset]] = {}
    for each in upsets:
        found_row = rows.get(each.ballot.battle)
        if found_row is not None and each.ballot.battle in examples:
            won, lost = ("a", "b") if each.ballot.winner == "model_a" else ("b", "a")
            key = (
                each.ballot.db,
                each.ballot.question,
                each.winner,
                each.loser,
                str(found_row[f"sql_{won}"]),
                str(found_row[f"sql_{lost}"]),
            )
            groups.setdefault(key, []).append(each)
    found = [
        TakenIn(
            example=examples[votes[0].ballot.battle],
            level=votes[0].ballot.level,
            winner=winner,
            loser=loser,
            sql=sql,
            right_sql=right_sql,
            reason=votes[0].reason,
            votes=len(votes),
        )
        for (_, _, winner, loser, sql, right_sql), votes in groups.items()
    ]
    return sorted(found, key=lambda each: (-each.votes, each.example.db, each.example.id))


def gallery(found: Sequence[TakenIn], titles: Mapping[str, str]) -> str:
    """Questions on which people preferred the answer that the gold says is wrong."""
    if not found:
        return ""
    shown = "".join(_taken_in(each, titles) for each in found[:SHOWN])
    left = f'<p class="rows">{SHOWN} of {len(found)} are shown, those of most votes.</p>' if len(found) > SHOWN else ""
    return (
        '<section class="gallery"><h3>Plausible but wrong won</h3><p>Questions on which people preferred the answer whose table is wrong '
        "(strict rule) to the one that is right, however the question was chosen. Either may be mistaken: read them.</p>"
        f"{shown}{left}</section>"
    )


def _taken_in(each: TakenIn, titles: Mapping[str, str]) -> str:
    why = REASONS.get(each.reason, each.reason)
    queries = (
        (f"Preferred, wrong: {titles[each.winner]}", each.sql),
        (f"Right: {titles[each.loser]}", each.right_sql),
        ("Gold query", each.example.gold_sql[0]),
    )
    told = "".join(f"<section><h4>{escape(name)}</h4><pre>{escape(sql) or '(no query)'}</pre></section>" for name, sql in queries)
    return (
        f"<details><summary>{escape(each.example.question)} <small>{escape(each.example.db)}, {escape(each.level)}; "
        f"{many(each.votes, 'vote')} for {escape(titles[each.winner])}: {escape(why)}</small></summary>"
        f'<div class="queries">{told}</div></details>'
    )
