"""A study: what its `study.toml` says, the hash that stands in every row of its votes, invite codes and the researcher's secret.

The hash (SHA-256) covers all that makes it the study it is: title, consent text with its version, contestants, questions, targets,
controls, audit, stopping rule. It does not cover invite codes and secret, so that codes can be added while it runs and `study check --text`
can be published: the hash is that of its output, byte for byte.
"""

import hashlib
import hmac
import json
import math
import re
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from nl2sql_arena.errors import BadInput
from nl2sql_arena.prompts import question_key
from nl2sql_arena.settings import QUESTION_CHARS, Settings
from nl2sql_arena.types import ModelCard
from nl2sql_arena.votes.choosing import FAR
from nl2sql_arena.votes.voters import SYMBOLS, as_kept
from nl2sql_arena.votes.voters import voter as voter_of

if TYPE_CHECKING:  # DuckDB is loaded by the commands that need it
    from nl2sql_arena.database import Database

FORMAT = 2
"""Of the text that is hashed."""
CONTROL_SHARE, AUDIT_SHARE = 0.1, 0.05
"""Where a file does not say: one vote in ten is asked once more, and after one in twenty the voter is asked which model A was."""
Rule = Literal["fixed", "settled"]
Counting = Literal["voters", "votes"]
SHORTEST_CODE, SHORTEST_SECRET = 8, 16
"""Letters and digits of an invite code; characters of a researcher's secret."""
LONGEST = 20_000
"""Characters of any text in the file."""
SECRET_VARIABLE = "ARENA_STUDY_SECRET"  # noqa: S105 - a name
HASH = re.compile(r"[0-9a-f]{64}")
Key = tuple[str, str]
"""A question: its database and id."""


@dataclass(frozen=True)
class Question:
    """One of a study's. `text` is empty where it is one of the arena's own, which `id` names; else `id` is the study's name for it."""

    db: str
    id: str
    text: str = ""
    line: int = field(default=0, compare=False)

    @property
    def key(self) -> Key:
        return self.db, self.id


@dataclass(frozen=True)
class Stopping:
    """When a study ends before every question has its votes: with so many `votes` in all (0: never), or once the meter says settled.

    `counting` is which meter: over each voter's first decisive vote, which holds whatever a voter's votes have in common, or over all
    votes, which takes them as independent (`votes.meter`).
    """

    rule: Rule = "fixed"
    counting: Counting = "voters"
    votes: int = 0


@dataclass(frozen=True)
class Seat:
    """What a battle of a study carries: the study's hash and that of the invite code, which admits `places` voters; `voter` is this one."""

    study: str
    invite: str
    places: int
    voter: str


@dataclass(frozen=True)
class Study:
    """A study as its file says. `codes` are hashes, of codes in plain, too; `is_open` says that it needs none.

    `control_share` of a voter's questions come again with sides exchanged; after `audit_share` of the votes it is asked which model A was.
    """

    title: str
    consent: str
    consent_version: str
    models: tuple[str, str]
    questions: tuple[Question, ...]
    votes_per_question: int
    votes_per_voter: int
    voters_per_code: int = 1
    control_share: float = CONTROL_SHARE
    audit_share: float = AUDIT_SHARE
    stopping: Stopping = Stopping()
    thanks: str = ""
    codes: frozenset[str] = frozenset()
    is_open: bool = False
    secret_hash: str = ""
    place: str = field(default="study.toml", compare=False)
    """The file, as messages call it."""

    @property
    def text(self) -> str:
        """What is hashed: JSON with sorted keys and no blanks."""
        said = {
            "format": FORMAT, "title": self.title, "consent": self.consent, "consent_version": self.consent_version,
            "models": self.models, "questions": [[each.db, each.id, each.text] for each in self.questions],
            "votes_per_question": self.votes_per_question, "votes_per_voter": self.votes_per_voter,
            "voters_per_code": 0 if self.is_open else self.voters_per_code, "thanks": self.thanks,
            "control_share": self.control_share, "audit_share": self.audit_share,
            "stopping": [self.stopping.rule, self.stopping.counting if self.stopping.rule == "settled" else "", self.stopping.votes],
        }  # fmt: skip
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def hash(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def target(self) -> int:
        """Votes in all, where the meter does not end it earlier."""
        return min(filter(None, (len(self.questions) * self.votes_per_question, self.stopping.votes)))

    @property
    def controls_per_voter(self) -> int:
        """How many questions a voter who judges all of his or hers gets once more. Rounded up, but none without `FAR` votes in between."""
        wanted = math.ceil(round(self.control_share * self.votes_per_voter, 6))
        return min(wanted, max(0, self.votes_per_voter - FAR))

    @property
    def battles_per_voter(self) -> int:
        """What such a voter sees."""
        return self.votes_per_voter + self.controls_per_voter

    def seat(self, code: str, secret: str) -> Seat:
        """The seat of who has a code, and in the browser a secret (`votes.voters`). Raises BadInput for no such code.

        A code for one voter is one voter, in whatever browser; of one for several each browser is a voter, as in a study that needs none.
        """
        hashed = "" if self.is_open else code_hash(code)
        if not self.is_open and hashed not in self.codes:
            raise BadInput("This invite code is not one of this study's; check it, letter by letter.")
        invite = hashlib.sha256(f"{self.hash} {hashed}".encode()).hexdigest()[:16] if hashed else ""
        is_shared = self.is_open or self.voters_per_code > 1
        voter = voter_of(secret if is_shared else f"study {self.hash} {normal(code)}")
        return Seat(self.hash, invite, self.voters_per_code, voter)


def normal(code: str) -> str:
    """A code as it is compared: capitals, no blanks or dashes, misread letters put right (`votes.voters`)."""
    return re.sub(r"[\s-]", "", code.upper()).translate(str.maketrans("OIL", "011"))


def code_hash(code: str) -> str:
    """What a file may hold in place of a code."""
    return hashlib.sha256(f"invite {normal(code)}".encode()).hexdigest()


def secret_hash(secret: str) -> str:
    """What a file may hold in place of the researcher's secret."""
    return hashlib.sha256(f"researcher {secret}".encode()).hexdigest()


def new_code() -> str:
    """60 random bits, such as 7F3K-9QXA-2MPB."""
    return as_kept("".join(secrets.choice(SYMBOLS) for _ in range(12)))


def key_of(study: Study, plain: str) -> str:
    """The hash of the secret that opens the researcher's page: of the environment's where that is set, else the file's; empty for none.

    Raises BadInput for one that can be guessed.
    """
    if plain and len(plain) < SHORTEST_SECRET:
        raise BadInput(f"{SECRET_VARIABLE} has {len(plain)} characters; `votes study secret` makes one that nobody guesses.")
    return secret_hash(plain) if plain else study.secret_hash


def opens(given: str, key: str) -> bool:
    """Whether a secret has this hash; how long that takes tells nothing."""
    return bool(key) and hmac.compare_digest(secret_hash(given), key)


def load(path: Path) -> Study:
    """A study from its file. Raises BadInput naming the line or field that is wrong, and what to do."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise BadInput(f"The study {path} cannot be read ({problem.strerror}); name its file after --study or in ARENA_STUDY.") from problem
    except UnicodeDecodeError as problem:
        raise BadInput(f"{path.name} is not UTF-8 text (byte {problem.start}); save it as UTF-8.") from problem
    return read(text, path.name)


def read(text: str, place: str = "study.toml") -> Study:
    """A study from the text of its file. Raises BadInput."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise BadInput(f"{place} is not TOML: {problem}; mend that place (docs/study.toml is an example).") from problem
    table = _Table(said, _Source(place, text))
    codes = frozenset((*_plain_codes(table), *_hashed_codes(table)))
    study = Study(
        title=table.text("title"),
        consent=table.text("consent"),
        consent_version=table.text("consent_version"),
        models=_models(table),
        questions=_questions(table),
        votes_per_question=table.count("votes_per_question"),
        votes_per_voter=table.count("votes_per_voter"),
        voters_per_code=table.count("voters_per_code", 1),
        control_share=table.share("control_share", CONTROL_SHARE),
        audit_share=table.share("audit_share", AUDIT_SHARE),
        stopping=_stopping(table),
        thanks=table.text("thanks", ""),
        codes=codes,
        is_open=table.flag("open"),
        secret_hash=_secret(table),
        place=place,
    )
    table.end()
    _check(study, table)
    return study


@dataclass(frozen=True)
class Opened:
    """A study with the text of each of its questions, and the hash of the secret that opens the researcher's page; empty: none does."""

    study: Study
    texts: Mapping[Key, str]
    key: str


def opened(study: Study, databases: "Mapping[str, Database]", cards: Mapping[str, ModelCard], plain: str = "") -> Opened:
    """The study on these databases, with these contestants to choose from; `plain` is the environment's secret.

    Raises BadInput for contestants, a question or a secret that cannot be used.
    """
    if unknown := [name for name in study.models if name not in cards]:
        raise BadInput(f"{study.place}: `models` names {unknown[0]}, which is no contestant here; `models list` shows their names.")
    if len({cards[name].kind for name in study.models} - {"baseline"}) > 1:
        raise BadInput(f"{study.place}: `models` mixes a mini with a real model; they are never compared, name two of one kind.")
    known = {name: {each.id: each.question for each in database.examples()} for name, database in databases.items()}
    return Opened(study, resolved(study, known), key_of(study, plain))


def under(study: Study, settings: Settings) -> Settings:
    """The settings with the study's contestants. Raises BadInput where others are asked for."""
    if settings.chosen_models and set(settings.chosen_models) != set(study.models):
        raise BadInput(
            f"ARENA_MODELS is {','.join(settings.chosen_models)}, but the study compares {','.join(study.models)}; leave it out."
        )
    return replace(settings, chosen_models=study.models)


def resolved(study: Study, known: Mapping[str, Mapping[str, str]]) -> dict[Key, str]:
    """The text of each question, given the arena's: database -> id -> text. Raises BadInput for one that cannot be asked."""
    found: dict[Key, str] = {}
    for number, each in enumerate(study.questions, 1):
        where = f"{study.place}, line {each.line}, questions entry {number}"
        if each.db not in known:
            raise BadInput(f"{where}: there is no database '{each.db}'; use one of {', '.join(known)}.")
        own = known[each.db]
        if not each.text and each.id not in own:
            raise BadInput(
                f"{where}: {each.db} has no question '{each.id}'; its ids are in {each.db}/questions.jsonl, or add a `question`."
            )
        if each.text and each.id in own:
            raise BadInput(f"{where}: '{each.id}' is the id of another question of {each.db}; give this one another id.")
        twin = next((name for name, text in own.items() if each.text and question_key(text) == question_key(each.text)), "")
        if twin:
            raise BadInput(f'{where} is the arena\'s own question {twin}; write id = "{twin}" and leave its `question` out.')
        found[each.key] = each.text or own[each.id]
    return found


@dataclass(frozen=True)
class _Source:
    """The file's text, to say where in it something is."""

    place: str
    text: str

    def line(self, name: str, table: str = "", number: int = 1) -> int:
        """Of a key in the n-th table of a name, else of that table's head; 0 where that cannot be told."""
        current, counted, head = "", 0, 0
        for at, line in enumerate(self.text.splitlines(), 1):
            if found := re.match(r"\s*\[\[?\s*([\w-]+)\s*\]\]?\s*(#.*)?$", line):
                current = found[1]
                counted += current == table
                head = at if current == table and counted == number else head
            elif current == table and (not table or counted == number) and re.match(rf"\s*\"?{re.escape(name)}\"?\s*=", line):
                return at
        return head


class _Table:
    """The fields of one table, each read once; what is left over is a mistake."""

    def __init__(self, said: Any, source: _Source, table: str = "", number: int = 0) -> None:
        self.source, self._table, self._number = source, table, number
        if not isinstance(said, dict):
            raise BadInput(f"{source.place}: `{table}` is no table; write it as in docs/study.toml.")
        self._said = dict(said)
        self._known: list[str] = []

    def wrong(self, name: str, why: str) -> BadInput:
        """The sentence that something is wrong with a field."""
        line = self.source.line(name, self._table, self._number or 1)
        entry = f"{self._table} entry {self._number}: " if self._number else f"[{self._table}] " if self._table else ""
        return BadInput(f"{self.source.place}{f', line {line}' if line else ''}: {entry}`{name}` {why}")

    def take(self, name: str) -> Any:
        """None where it is not there."""
        self._known.append(name)
        return self._said.pop(name, None)

    def text(self, name: str, default: str | None = None) -> str:
        found = self.take(name)
        if found is None and default is not None:
            return default
        if not isinstance(found, str) or not found.strip():
            raise self.wrong(name, "is missing or no text; write one in quotes.")
        if len(found) > LONGEST:
            raise self.wrong(name, f"has {len(found):,} characters; write at most {LONGEST:,}.")
        return found.strip()

    def count(self, name: str, default: int | None = None) -> int:
        found = self.take(name)
        if found is None and default is not None:
            return default
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise self.wrong(name, "is missing or no whole number from 1 on; write one.")
        return found

    def share(self, name: str, default: float) -> float:
        found = self.take(name)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
            raise self.wrong(name, "is no share from 0 to 1; write 0.1 for one in ten, or 0 for none.")
        return float(found)

    def flag(self, name: str) -> bool:
        found = self.take(name)
        if found not in (None, True, False):
            raise self.wrong(name, "is neither true nor false; write one of them.")
        return found is True

    def texts(self, name: str) -> list[str]:
        """A list; empty where it is not there."""
        found = self.take(name)
        if not isinstance(found, list | None) or not all(isinstance(each, str) for each in found or ()):
            raise self.wrong(name, 'is no list of texts; write ["…", "…"].')
        return found or []

    def end(self) -> None:
        """Raises BadInput for a field that nobody knows, such as a misspelt one."""
        for name in self._said:
            raise self.wrong(name, f"is no field here; known are {', '.join(self._known)}.")


def _models(table: _Table) -> tuple[str, str]:
    found = table.texts("models")
    if len(found) != 2 or found[0] == found[1]:
        raise table.wrong("models", "does not name two different contestants; `models list` shows their names.")
    return found[0], found[1]


def _questions(table: _Table) -> tuple[Question, ...]:
    said = table.take("questions")
    if not isinstance(said, list) or not said:
        raise table.wrong("questions", "is empty; add a [[questions]] with `db` and `id` for each.")
    found: dict[Key, Question] = {}
    for number, each in enumerate(said, 1):
        entry = _Table(each, table.source, "questions", number)
        question = Question(entry.text("db"), entry.text("id"), entry.text("question", ""), table.source.line("", "questions", number))
        entry.end()
        if len(question.text) > QUESTION_CHARS:
            raise entry.wrong("question", f"has {len(question.text):,} characters; write at most {QUESTION_CHARS:,}.")
        if question.key in found:
            raise entry.wrong("id", f"is that of line {found[question.key].line}, too; leave one of them out.")
        found[question.key] = question
    return tuple(found.values())


def _stopping(table: _Table) -> Stopping:
    said = table.take("stopping")
    if said is None:
        return Stopping()
    entry = _Table(said, table.source, "stopping")
    rules: dict[str, Rule] = {each: each for each in get_args(Rule)}
    meters: dict[str, Counting] = {each: each for each in get_args(Counting)}
    rule, counting, votes = entry.text("rule"), entry.text("meter", "voters"), entry.take("votes")
    if rule not in rules:
        raise entry.wrong("rule", f"is '{rule}'; write one of {', '.join(rules)}.")
    if counting not in meters:
        raise entry.wrong("meter", f"is '{counting}'; write one of {', '.join(meters)}.")
    if votes is not None and (isinstance(votes, bool) or not isinstance(votes, int) or votes < 1):
        raise entry.wrong("votes", "is no whole number from 1 on; write how many votes end the study, or leave it out.")
    entry.end()
    return Stopping(rules[rule], meters[counting], votes or 0)


def _plain_codes(table: _Table) -> Sequence[str]:
    codes = [normal(each) for each in table.texts("invite_codes")]
    for number, code in enumerate(codes, 1):
        if len(code) < SHORTEST_CODE:
            raise table.wrong("invite_codes", f"has a code of {len(code)} letters, number {number}; `votes study codes` makes longer ones.")
        if code in codes[: number - 1]:
            raise table.wrong("invite_codes", f"has number {number} twice; leave one out.")
    return [code_hash(each) for each in codes]


def _hashed_codes(table: _Table) -> Sequence[str]:
    hashes = [each.lower() for each in table.texts("invite_code_hashes")]
    for number, each in enumerate(hashes, 1):
        if not HASH.fullmatch(each):
            raise table.wrong("invite_code_hashes", f"has no hash as number {number}; copy those that `votes study codes` prints.")
    return hashes


def _secret(table: _Table) -> str:
    found = table.text("secret_hash", "").lower()
    if found and not HASH.fullmatch(found):
        raise table.wrong("secret_hash", "is no hash; copy the one that `votes study secret` prints, never the secret itself.")
    return found


def _check(study: Study, table: _Table) -> None:
    """Raises BadInput for fields that do not go together."""
    if study.is_open and study.codes:
        raise table.wrong("open", "is true beside invite codes; take one of the two away.")
    if not study.is_open and not study.codes:
        raise table.wrong("invite_codes", "is empty; `votes study codes 30` makes thirty, or write open = true to let anybody take part.")
    if study.votes_per_voter > len(study.questions):
        raise table.wrong(
            "votes_per_voter",
            f"is {study.votes_per_voter}, but nobody is asked a question twice and there are {len(study.questions)}; write at most that.",
        )
