"""How a study goes, in words: as lines for a terminal, and as an object for JSON. Pure; the researcher's page says the same as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nl2sql_arena.types import Interval
from nl2sql_arena.votes.guessing import Guesses
from nl2sql_arena.votes.study import Counting, Study
from nl2sql_arena.votes.study_course import End, OfVoter, Progress

ENDS: dict[End, str] = {
    "": "It goes on.",
    "target": "It has ended: every question has its votes.",
    "votes": "It has ended: there are as many votes as were wanted in all.",
    "settled": "It has ended: the meter says settled.",
}
COUNTED: dict[Counting, str] = {"votes": "Over all votes", "voters": "Over each voter's first decisive vote"}
"""What each meter of `Progress.meters` reads, in their order."""
SEVERAL = "Votes are on more than one pair: a model's revision changed meanwhile. The meter reads the newest."


def rule(study: Study) -> str:
    """When it ends."""
    said = [f"when each of {len(study.questions)} questions has {_many(study.votes_per_question, 'vote')}"]
    if study.stopping.votes:
        said.append(f"at {_many(study.stopping.votes, 'vote')} in all")
    if study.stopping.rule == "settled":
        which = "each voter's first decisive vote" if study.stopping.counting == "voters" else "all votes"
        said.append(f"once the meter over {which} is settled")
    return ", or ".join(said)


def ruling(study: Study) -> Counting | None:
    """The meter that ends it; None where none does."""
    return study.stopping.counting if study.stopping.rule == "settled" else None


def sees(study: Study) -> str:
    """How many battles who takes part will see."""
    again = study.controls_per_voter
    if not again:
        return f"{_many(study.battles_per_voter, 'battle')}, none of them a control"
    return (
        f"{study.battles_per_voter} battles: {_many(study.votes_per_voter, 'question')}, {again} of them twice, the second time with sides "
        "exchanged (a control)"
    )


def with_oneself(study: Study, found: Progress) -> str:
    """How often voters gave the same verdict on a question that came again."""
    if found.oneself is None:
        return "no question has come again yet" if study.controls_per_voter else "no question comes again in this study"
    many = sum(each.repeated > 0 for each in found.voters)
    again = _many(found.oneself.n, "question that came again", "questions that came again")
    return f"the same verdict on {_share(found.oneself)} of {again} with sides exchanged, to {_many(many, 'voter')}"


def audited(each: Guesses) -> str:
    """How often voters could tell the models by their answers."""
    asked = f"{each.no_idea:,} had no idea, {each.unanswered:,} gave no answer; {_many(each.voters, 'voter')}"
    if each.hits is None:
        return f"nobody named one yet; {asked}"
    return f"A was named rightly in {_share(each.hits)} of {_many(each.guesses, 'guess', 'guesses')} (a coin: 50%); {asked}"


def audits(study: Study, found: Progress) -> list[tuple[str, str]]:
    """The same for each pair that was voted on, with the pair's words where there are several."""
    if not found.audit:
        return [("", "nobody was asked which model A was" + ("" if study.audit_share else ", nor will be in this study"))]
    return [(f"{each.first} and {each.second}" if len(found.audit) > 1 else "", audited(each)) for each in found.audit]


def same_again(each: OfVoter) -> str:
    """Of a voter's controls, those with the verdict of the first time."""
    return f"{each.agree} of {each.repeated}" if each.repeated else "–"


def _share(found: Interval) -> str:
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"


def voters(found: Progress) -> int:
    """Those of whom a vote stands."""
    return sum(each.votes > 0 for each in found.voters)


def lines(study: Study, found: Progress) -> str:
    """All of it for a terminal."""
    pairs = "; ".join(f"{pair} ({_many(count, 'vote')})" for pair, count in found.pairs)
    facts = [
        f"{study.title}: {study.hash}",
        f"{found.votes:,} of {_many(found.target, 'vote')}, of {_many(voters(found), 'voter')}. {ENDS[found.end]}",
        f"missing: {_many(found.missing, 'vote')}, of at least {_many(found.voters_missing, 'further voter')}" if found.missing else "",
        f"flagged: {found.flagged:,} ({_flags(found.flags)})" if found.flagged else "flagged: none",
        f"consent: version {study.consent_version}",
        f"ends: {rule(study)}",
        f"voted on: {pairs or 'nothing yet'}",
        SEVERAL if len(found.pairs) > 1 else "",
    ]
    for (name, words), said in zip(COUNTED.items(), found.meters, strict=True):
        facts.append(f"{words}{' (ends the study)' if name == ruling(study) else ''}: {said}")
    facts.append(f"voters with themselves: {with_oneself(study, found)}")
    facts += [f"do names stay hidden{f' ({pair})' if pair else ''}: {said}" for pair, said in audits(study, found)]
    tables = [_questions(study, found), _voters(study, found), _days(found)]
    return "\n\n".join(filter(None, ("\n".join(filter(None, facts)), *tables)))


def plain(study: Study, found: Progress) -> dict[str, Any]:
    """All of it as JSON has it; `end` is empty while it goes on, and voters are named as in exports."""
    return {
        "study": study.title, "hash": study.hash, "consent_version": study.consent_version, "ends": rule(study), "end": found.end,
        "votes": found.votes, "target": found.target, "missing": found.missing, "voters_missing": found.voters_missing,
        "flagged": found.flagged, "flags": dict(found.flags), "pairs": [{"models": pair, "votes": count} for pair, count in found.pairs],
        "meters": dict(zip(COUNTED, found.meters, strict=True)), "meter_that_ends_it": ruling(study),
        "with_oneself": asdict(found.oneself) if found.oneself else None, "audit": [asdict(each) for each in found.audit],
        "questions": [
            {"db": each.key[0], "id": each.key[1], "question": each.text, "votes": each.votes, "missing": each.missing,
             "flagged": each.flagged, "skipped": each.skipped, "cant_tell": each.cant_tell}
            for each in found.questions
        ],
        "voters": [asdict(each) for each in found.voters],
        "days": [asdict(each) for each in found.days],
    }  # fmt: skip


def _questions(study: Study, found: Progress) -> str:
    rows = [
        (f"{each.votes} of {study.votes_per_question}", each.missing, each.flagged, each.skipped, each.cant_tell, *each.key, each.text)
        for each in found.questions
    ]
    return _table(("Votes", "Missing", "Flagged", "Skipped", "Can't tell", "Database", "Id", "Question"), rows)


def _voters(study: Study, found: Progress) -> str:
    rows = [
        (each.name, f"{each.votes} of {study.votes_per_voter}", each.missing, each.skipped, each.cant_tell, each.taken_back,
         same_again(each), each.last, _flags(each.flags) or "none")
        for each in found.voters
    ]  # fmt: skip
    return _table(("Voter", "Votes", "Missing", "Skipped", "Can't tell", "Taken back", "Same again", "Last seen", "Flags"), rows)


def _days(found: Progress) -> str:
    return _table(("Day (UTC)", "Votes", "Voters"), [(each.day, each.votes, each.voters) for each in found.days])


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns in line, the last as wide as it is; empty without rows."""
    if not rows:
        return ""
    cells = [heads, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)


def _flags(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
