"""How a study goes: which question a voter gets next, when it ends, and what a researcher sees of it. Pure.

Rows are those of `Store.of_study`: one for each battle, with how it ended. A vote counts towards the targets, whether flagged or not and
whatever it was asked; a skipped question, one that a voter could not tell and one that was taken back do not. Nor do controls: questions
that a voter gets once more with the sides exchanged, which tell how often voters agree with themselves and count in no other figure.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nl2sql_arena.types import Interval, ModelCard
from nl2sql_arena.votes.agreement import Consistency, with_oneself
from nl2sql_arena.votes.ballots import CONTROL, Audit, Ballot
from nl2sql_arena.votes.choosing import FAR, STUDY
from nl2sql_arena.votes.exports import pseudonym
from nl2sql_arena.votes.flags import seconds_between
from nl2sql_arena.votes.guessing import Guesses, guesses
from nl2sql_arena.votes.meter import Meter, Readings, readings, sentence
from nl2sql_arena.votes.reading import ballot
from nl2sql_arena.votes.study import Key, Opened, Seat, Study

if TYPE_CHECKING:
    from nl2sql_arena.votes.store import Store

Row = Mapping[str, Any]
CLOSED = ("vote", "skip", "cant_tell")
"""Ends after which a voter does not get a question again; a vote that was taken back lets it come back."""
AT_WORK_SECONDS = 900.0
"""A battle that is open for less is about to get its vote: others rather get another question."""
End = Literal["", "target", "votes", "settled"]
"""Why a study has ended: every question has its votes, there are as many as were wanted in all, or the meter is settled."""
Done = Literal["ended", "yours", "nothing_left"]
"""Why a voter gets no further question: the study has ended, the voter's own target is reached, or what is left was seen."""


@dataclass(frozen=True)
class Next:
    """What a voter is asked; of a control, which of the models were A and B when that voter judged it first."""

    key: Key
    before: tuple[str, str] | None = None

    @property
    def chosen(self) -> str:
        return CONTROL if self.before else STUDY


def of_voter(rows: Iterable[Row], voter: str) -> list[Row]:
    return [row for row in rows if row["voter"] == voter]


def key_of(row: Row) -> Key:
    return row["db"], row["example_id"]


def standing(rows: Iterable[Row]) -> list[Row]:
    """Votes that were not taken back, controls among them."""
    return [row for row in rows if row["kind"] == "vote"]


def votes(rows: Iterable[Row]) -> list[Row]:
    """Those that count."""
    return standing(_asked_once(rows))


def _asked_once(rows: Iterable[Row]) -> list[Row]:
    """Without controls."""
    return [row for row in rows if row["chosen"] != CONTROL]


def counts(rows: Iterable[Row]) -> Counter[Key]:
    """Votes that stand, by question."""
    return Counter(key_of(row) for row in votes(rows))


def ballots(rows: Iterable[Row], cards: Mapping[str, ModelCard], audits: Mapping[str, Audit] | None = None) -> list[Ballot]:
    """The votes that stand, controls among them, as statistics read them; `audits` are the answers of those who were asked which model A
    was, by battle. All are on contestants of the newest vote's kind, since kinds are never in one figure.
    """
    told = audits or {}
    found = [ballot({**row, "flags": (), "audit": told.get(row["id"], "")}, cards) for row in standing(rows)]
    kind = max(found, key=lambda each: each.cast).kind if found else ""
    return [each for each in found if each.kind == kind]


def race(rows: Sequence[Row], cards: Mapping[str, ModelCard]) -> Readings | None:
    """The two meters of the pair that was voted on last, since a model of another revision is another model; None without votes."""
    found = ballots(votes(rows), cards)
    if not found:
        return None
    newest = max(found, key=lambda each: each.cast)
    mine = [each for each in found if {each.model_a, each.model_b} == {newest.model_a, newest.model_b}]
    return next(iter(readings(mine)), None)


def ended(study: Study, rows: Sequence[Row], cards: Mapping[str, ModelCard]) -> End:
    """Why the study has ended; empty while it goes on. Nothing is remembered: a vote that is taken back may let it go on."""
    given = counts(rows)
    if all(given[each.key] >= study.votes_per_question for each in study.questions):
        return "target"
    if study.stopping.votes and sum(given.values()) >= study.stopping.votes:
        return "votes"
    if study.stopping.rule == "settled" and (found := race(rows, cards)):
        return "settled" if (found.voters if study.stopping.counting == "voters" else found.votes).settled else ""
    return ""


def is_full(seat: Seat, rows: Iterable[Row]) -> bool:
    """Whether others have all places of a seat's invite code; the store refuses them for certain (`Store.add_battle`)."""
    return bool(seat.invite) and len({row["voter"] for row in rows if row["invite"] == seat.invite} - {seat.voter}) >= seat.places


def next_question(
    study: Study, rows: Sequence[Row], voter: str, cards: Mapping[str, ModelCard], rng: random.Random, at: str
) -> Next | Done:
    """What a voter is asked next, or why nothing. `at` is now, UTC, ISO 8601.

    An open question comes again, so that nobody chooses by loading the page anew; else one with fewest votes, where those that others are
    about to give count, too, that the voter has not seen. Controls come in between by chance, and those that are left at the end, also
    where the study ends with this voter's last vote.
    """
    own = of_voter(rows, voter)
    wanted = study.votes_per_voter - len(votes(own))
    if wanted > 0 and ended(study, rows, cards):
        return "ended"
    owed = study.controls_per_voter - sum(row["chosen"] == CONTROL and row["kind"] in CLOSED for row in own)
    again = _repeatable(own) if owed > 0 else {}
    given, seen = counts(rows), {key_of(row) for row in _asked_once(own) if row["kind"] in CLOSED}
    left = [each.key for each in study.questions if wanted > 0 and each.key not in seen and given[each.key] < study.votes_per_question]
    if open_ := [row for row in own if row["kind"] is None and key_of(row) in (again if row["chosen"] == CONTROL else left)]:
        newest = max(open_, key=lambda row: str(row["created"]))
        return Next(key_of(newest), again[key_of(newest)] if newest["chosen"] == CONTROL else None)
    if again and (not left or rng.random() * (wanted + owed) < owed):
        key = rng.choice(sorted(again))
        return Next(key, again[key])
    if not left:
        return "nothing_left" if wanted > 0 else "yours"
    at_work = (row for row in _asked_once(rows) if row["kind"] is None and seconds_between(row["created"], at) < AT_WORK_SECONDS)
    coming = Counter(map(key_of, at_work))
    fewest = min(given[key] + coming[key] for key in left)
    return Next(rng.choice([key for key in left if given[key] + coming[key] == fewest]))


def _repeatable(own: Sequence[Row]) -> dict[Key, tuple[str, str]]:
    """A voter's questions that lie `FAR` votes back and did not come again yet, each with the models that were A and B."""
    cast = sorted(standing(own), key=lambda row: str(row["voted"]))
    done = {key_of(row) for row in own if row["chosen"] == CONTROL and row["kind"] in CLOSED}
    far = _asked_once(cast[: max(0, len(cast) - FAR)])
    return {key_of(row): (row["model_a"], row["model_b"]) for row in far if key_of(row) not in done}


@dataclass(frozen=True)
class OfQuestion:
    """A question's votes, how many of them are flagged, and how often it was passed over."""

    key: Key
    text: str
    votes: int
    missing: int
    flagged: int
    skipped: int
    cant_tell: int


@dataclass(frozen=True)
class OfVoter:
    """A voter, under the name that exports have (`exports.pseudonym`); `last` is a day. Of `repeated` controls `agree` had the verdict of
    the first time.
    """

    name: str
    votes: int
    missing: int
    skipped: int
    cant_tell: int
    taken_back: int
    repeated: int
    agree: int
    flags: Mapping[str, int]
    last: str


@dataclass(frozen=True)
class OfDay:
    day: str
    votes: int
    voters: int


@dataclass(frozen=True)
class Progress:
    """What a researcher sees. `missing` votes would complete every question, `voters_missing` is how many voters more that takes at least.

    `flags` counts votes by flag, one vote may have several. `meters` are sentences, over all votes and over each voter's first decisive
    one. `pairs` says on which models votes were cast, with their number, most first. `oneself` is the share of controls with the verdict of
    the first time, over all voters and clustered by them (None: there is none); `audit` is how often A was named rightly, for each pair.
    """

    votes: int
    target: int
    missing: int
    voters_missing: int
    flagged: int
    end: End
    questions: tuple[OfQuestion, ...]
    voters: tuple[OfVoter, ...]
    days: tuple[OfDay, ...]
    flags: Mapping[str, int]
    pairs: tuple[tuple[str, int], ...]
    meters: tuple[str, str]
    oneself: Interval | None
    audit: tuple[Guesses, ...]


def progress_in(store: "Store", opened: Opened, cards: Mapping[str, ModelCard]) -> Progress:
    """How far a study is, read from a store. Raises StoreError."""
    rows, mine = store.of_study(opened.study.hash), [vote for vote in store.votes() if vote["study"] == opened.study.hash]
    flags, audits = ({vote["id"]: vote[name] for vote in mine} for name in ("flags", "audit"))
    return progress(opened.study, opened.texts, rows, flags, cards, audits)


def progress(
    study: Study, texts: Mapping[Key, str], rows: Sequence[Row], flags: Mapping[str, Sequence[str]], cards: Mapping[str, ModelCard],
    audits: Mapping[str, Audit] | None = None,
) -> Progress:  # fmt: skip
    """`texts` are the questions', `flags` those of each voted battle, `audits` as in `ballots`."""
    counted = votes(rows)
    questions = tuple(_of_question(study, key, text, _asked_once(rows), flags) for key, text in texts.items())
    by_voter: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_voter[row["voter"]].append(row)
    oneself = with_oneself(ballots(rows, cards))
    repeats = {each.voter: each for each in oneself.voters}
    voters = [_of_voter(study, voter, own, flags, repeats.get(voter)) for voter, own in by_voter.items()]
    days: dict[str, list[Row]] = defaultdict(list)
    for row in counted:
        days[str(row["voted"])[:10]].append(row)
    missing = min(sum(each.missing for each in questions), max(0, study.target - len(counted)))
    end = ended(study, rows, cards)
    return Progress(
        votes=len(counted),
        target=study.target,
        missing=0 if end else missing,
        voters_missing=0 if end else _voters_missing(study, questions, missing),
        flagged=sum(bool(flags.get(row["id"])) for row in counted),
        end=end,
        questions=questions,
        voters=tuple(sorted(voters, key=lambda each: (-each.votes, each.name))),
        days=tuple(OfDay(day, len(cast), len({row["voter"] for row in cast})) for day, cast in sorted(days.items())),
        flags=dict(sorted(Counter(flag for row in counted for flag in flags.get(row["id"], ())).items())),
        pairs=tuple(Counter(" and ".join(sorted((each.model_a, each.model_b))) for each in ballots(counted, cards)).most_common()),
        meters=_meters(race(rows, cards), cards),
        oneself=oneself.share,
        audit=guesses(ballots(rows, cards, audits)),
    )


def _of_question(study: Study, key: Key, text: str, rows: Iterable[Row], flags: Mapping[str, Sequence[str]]) -> OfQuestion:
    kinds = Counter(row["kind"] for row in rows if key_of(row) == key)
    flagged = sum(bool(flags.get(row["id"])) for row in votes(rows) if key_of(row) == key)
    missing = max(0, study.votes_per_question - kinds["vote"])
    return OfQuestion(key, text, kinds["vote"], missing, flagged, kinds["skip"], kinds["cant_tell"])


def _of_voter(
    study: Study, voter: str, own: Sequence[Row], flags: Mapping[str, Sequence[str]], repeats: Consistency | None
) -> OfVoter:  # fmt: skip
    kinds = Counter(row["kind"] for row in _asked_once(own))
    odd = Counter(flag for row in votes(own) for flag in flags.get(row["id"], ()))
    last = max(str(row["voted"] or row["created"]) for row in own)[:10]
    missing = max(0, study.votes_per_voter - kinds["vote"])
    return OfVoter(
        pseudonym(voter), kinds["vote"], missing, kinds["skip"], kinds["cant_tell"], kinds["undo"],
        repeats.pairs if repeats else 0, repeats.agree if repeats else 0, dict(sorted(odd.items())), last,
    )  # fmt: skip


def _voters_missing(study: Study, questions: Iterable[OfQuestion], missing: int) -> int:
    """New voters at least: nobody votes twice on one question or beyond the own target."""
    by_size = -(-missing // study.votes_per_voter)
    by_question = max((each.missing for each in questions), default=0) if missing else 0
    return max(by_size, min(by_question, missing))


def _meters(found: Readings | None, cards: Mapping[str, ModelCard]) -> tuple[str, str]:
    if found is None:
        return ("Not settled: there is no vote yet.",) * 2
    first, second = (_title(key, cards) for key in (found.first, found.second))

    def told(reading: Meter) -> str:
        return sentence(reading, first, second)

    return told(found.votes), told(found.voters)


def _title(key: str, cards: Mapping[str, ModelCard]) -> str:
    name = key.rpartition("@")[0]
    return cards[name].title if name in cards else name
