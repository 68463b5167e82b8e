"""The durable store, through SQLAlchemy: SQLite in WAL mode with full synchronisation, or PostgreSQL by URL.

A `battles` row is written when both results are delivered. `events` is append-only; a unique index lets one vote a battle in,
whatever number of clicks, tabs or processes try. When `vote` returns, the vote is on disk. An undone vote stays as an event and
counts nowhere. `erase` is the one delete.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from nl2sql_arena import __version__
from nl2sql_arena.errors import BadVote, StoreError
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import WINNERS, Answer, Battle, Tally, Winner
from nl2sql_arena.votes import tokens
from nl2sql_arena.votes.ballots import CONTROL
from nl2sql_arena.votes.consent import UNKNOWN_ROWS, Consent, Kept, digest_of, reduced
from nl2sql_arena.votes.details import NOTHING, Detail, Fix, Note, checked, standing, written
from nl2sql_arena.votes.flags import flags, seconds_between
from nl2sql_arena.votes.guessing import ASKED, GUESS, guessed, outcome
from nl2sql_arena.votes.records import Record, Restored, ids, name_study, put_back, taken, title_name
from nl2sql_arena.votes.results import columns, preview, result_hash
from nl2sql_arena.votes.study import Seat
from nl2sql_arena.votes.tables import (
    BATTLES,
    BETTER,
    ENDS,
    EVENTS,
    KEPT,
    READABILITY,
    SIDES,
    SIGNING_KEY,
    STUDY_LOCK,
    STUDY_TITLE,
    TOMBSTONES,
    migrate,
    now,
    prompt_hash,
)
from nl2sql_arena.votes.voters import mark

BUSY_SECONDS = 15
UNDO_SECONDS = 60
WITHOUT_VERDICT = ("skip", "cant_tell")
NOTES = ("detail", "fix")
MOST_NOTES = 20
COPIED = ("blind", "split", "chosen", "profile", "model_a", "model_b", "revision_a", "revision_b", "consent", "consent_version", "study")
SEEN_WITH = (
    EVENTS.c.id.label("event_id"), EVENTS.c.kind.label("event"), EVENTS.c.asks, EVENTS.c.created.label("voted"),
    EVENTS.c.prompt_hash_a, EVENTS.c.prompt_hash_b, BATTLES,
)  # fmt: skip
"""What is read of an event with its battle."""
READ_FOR_A_STUDY = (
    "id", "created", "db", "question", "example_id", "split", "chosen", "profile", "voter", "blind", "digests", "study", "invite",
    "model_a", "model_b", "revision_a", "revision_b",
)  # fmt: skip


class Store:
    """Battles and votes in one database. Safe for several threads and processes."""

    def __init__(self, place: Path | str, signing_key: str = "") -> None:
        """Opens or creates the store, a file or a URL such as postgresql+psycopg://..., and brings an older one up to date.

        Tokens are signed with `signing_key`, else with a key that the store keeps. Raises StoreError when it cannot be opened.
        """
        self._engine = _file(place) if isinstance(place, Path) else _server(place)
        with self._writing() as connection:
            migrate(connection)
            kept = connection.execute(sa.select(KEPT.c.value).where(KEPT.c.name == SIGNING_KEY)).scalar_one()
        self._key = (signing_key or kept).encode()
        self.on_change: Callable[[str], None] = lambda _battle_id: None
        """Is told a battle's id once something about it is on disk; must return at once."""

    def add_battle(
        self, battle: Battle, voter: str, chosen: str, revisions: tuple[str, str], difference: str, db_content: str = "",
        agreed: Consent | None = None, keeping: Kept = "all", delivered: str = "", seat: Seat | None = None,
        only_rows: tuple[int, int] = (UNKNOWN_ROWS, UNKNOWN_ROWS),
    ) -> str:  # fmt: skip
        """Keep a battle whose two results were delivered; one that is there already stays as it is. Returns the token of its vote.

        `db_content` is what tells the database from another one of its name (`Database.content`); empty for one that is no folder.
        `agreed` is what the voter allowed, `keeping` what follows from it (`consent.kept`), `delivered` when the results were, empty: now.
        `seat` is the voter's in a study, `only_rows` how many rows each side has that the other lacks. Raises BadVote where the battle was
        erased or others have all places of the seat, and StoreError.
        """
        row: dict[str, Any] = {
            "id": battle.id, "created": delivered or now(), "db": battle.db, "question": battle.question, "example_id": battle.example_id,
            "split": battle.split, "chosen": chosen, "profile": battle.profile, "voter": voter, "app_version": __version__,
            "blind": battle.blind, "difference": difference,
            "db_content": db_content, "consent": agreed.tier if agreed else "", "consent_version": agreed.version if agreed else "",
            "study": seat.study if seat else "", "invite": seat.invite if seat else "",
        }  # fmt: skip
        for side, answer, revision, only in zip(SIDES, (battle.a, battle.b), revisions, only_rows, strict=True):
            row |= {f"{name}_{side}": value for name, value in (_side(answer, revision) | {"only_rows": only}).items()}
        with self._writing() as connection:
            _voter_s_turn(connection, voter)
            if connection.execute(TOMBSTONES.select().where(TOMBSTONES.c.battle_id == mark(voter))).first():
                raise BadVote("All votes under this id were erased as its voter asked, and it takes no more; take a new id to vote.")
            if connection.execute(TOMBSTONES.select().where(TOMBSTONES.c.battle_id == battle.id)).first():
                raise BadVote("This battle was erased on its voter's request; ask a new question.")
            if seat:
                _take(connection, seat, voter)
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            connection.execute(insert(BATTLES).values(reduced(row, keeping)).on_conflict_do_nothing())
        self.on_change(battle.id)
        return self.token(battle.id, voter)

    def token(self, battle_id: str, voter: str) -> str:
        """The token of a battle that was delivered to this voter; the caller sees to that."""
        return tokens.token(self._key, battle_id, voter)

    def battle(self, battle_id: str) -> dict[str, Any] | None:
        """One battle as it was delivered. Raises StoreError."""
        return next(iter(self._read(BATTLES.select().where(BATTLES.c.id == battle_id))), None)

    def vote(self, battle_id: str, winner: Winner, voter: str, token: str) -> None:
        """Keep one vote, on disk before this returns.

        Raises BadVote (unknown battle, another visitor's, a missing or foreign token, a second vote) and StoreError.
        """
        if winner not in WINNERS:
            raise BadVote(f"'{winner}' is no verdict; vote one of {', '.join(WINNERS)}.")
        self._end(battle_id, "vote", voter, token, winner)

    def pass_over(self, battle_id: str, kind: str, voter: str, token: str) -> None:
        """End a battle without a verdict: `skip` or `cant_tell`. Neither is ever a tie. Raises as `vote`."""
        if kind not in WITHOUT_VERDICT:
            raise BadVote(f"'{kind}' does not end a battle; give {' or '.join(WITHOUT_VERDICT)}.")
        self._end(battle_id, kind, voter, token, None)

    def undo(self, battle_id: str, voter: str, token: str) -> None:
        """Take a vote back within a minute; it counts nowhere, and the battle stays closed. Raises BadVote and StoreError."""
        tokens.check(self._key, battle_id, voter, token)
        with self._writing() as connection:
            battle = _own(connection, battle_id, voter)
            query = sa.select(EVENTS.c.created).where(EVENTS.c.battle_id == battle_id, EVENTS.c.kind == "vote")
            cast = connection.execute(query).scalar()
            if cast is None:
                raise BadVote("This battle has no vote to take back.")
            if seconds_between(cast, now()) > UNDO_SECONDS:
                raise BadVote("A vote can be taken back for one minute, which is over; it stays as it is.")
            try:
                connection.execute(EVENTS.insert().values(_event(battle, "undo")))
            except sa.exc.IntegrityError as problem:
                raise BadVote("This vote was taken back already; ask the next question.") from problem
        self.on_change(battle_id)

    def add_note(self, battle_id: str, note: Note, voter: str, token: str) -> None:
        """Keep what a voter adds to a vote that stands; earlier notes stay, and of each kind the newest counts. Raises as `vote`."""
        kind = "detail" if isinstance(checked(note), Detail) else "fix"
        with self._writing() as connection:
            battle = _own(connection, battle_id, voter)
            tokens.check(self._key, battle_id, voter, token)
            happened = list(connection.execute(sa.select(EVENTS.c.kind).where(EVENTS.c.battle_id == battle_id)).scalars())
            if battle["digests"]:
                note = _without_text(note)
            if "vote" not in happened or "undo" in happened:
                raise BadVote("This battle has no vote that stands; only to one can something be added.")
            if sum(each in NOTES for each in happened) >= MOST_NOTES:
                raise BadVote(f"Something was added to this vote {MOST_NOTES} times already; what stands is the newest.")
            connection.execute(EVENTS.insert().values(_event(battle, kind) | {"note": written(note)}))
        self.on_change(battle_id)

    def ask_who(self, battle_id: str) -> None:
        """Note that the voter is asked, before the names, which model A was. Raises BadVote and StoreError."""
        with self._writing() as connection:
            battle = connection.execute(BATTLES.select().where(BATTLES.c.id == battle_id)).mappings().first()
            if battle is None:
                raise BadVote("There is no such battle to ask about.")
            connection.execute(EVENTS.insert().values(_event(battle, ASKED)))
        self.on_change(battle_id)

    def guess(self, battle_id: str, model: str, voter: str, token: str) -> None:
        """Keep which model the voter took A for, before the names are told; empty: no idea. Once, and only where that was asked.

        That no name was told yet the caller sees to. Raises as `vote`.
        """
        with self._writing() as connection:
            if connection.dialect.name == "postgresql":  # two answers at once take turns; SQLite has one writer
                connection.execute(sa.select(BATTLES.c.id).where(BATTLES.c.id == battle_id).with_for_update())
            battle = _own(connection, battle_id, voter)
            tokens.check(self._key, battle_id, voter, token)
            happened = set(connection.execute(sa.select(EVENTS.c.kind).where(EVENTS.c.battle_id == battle_id)).scalars())
            if ASKED not in happened or "undo" in happened:
                raise BadVote("Which model A was is asked now and then after a vote; here it was not.")
            if GUESS in happened:
                raise BadVote("You have said already which model you took A for.")
            if model not in ("", battle["model_a"], battle["model_b"]):
                raise BadVote(f"'{model}' is none of the two models of this battle; choose one of them.")
            connection.execute(EVENTS.insert().values(_event(battle, GUESS) | {"note": guessed(model)}))
        self.on_change(battle_id)

    def flag(self, battle_id: str, flag: str) -> None:
        """Note something odd about a battle, such as a check that could not be made. Raises BadVote and StoreError."""
        with self._writing() as connection:
            battle = connection.execute(BATTLES.select().where(BATTLES.c.id == battle_id)).mappings().first()
            if battle is None:
                raise BadVote("There is no such battle to flag.")
            connection.execute(EVENTS.insert().values(_event(battle, "flag") | {"flag": flag}))
        self.on_change(battle_id)

    def erase(self, voter: str) -> int:
        """Delete a voter's battles and events; their ids stay as tombstones without text. Returns how many battles. Raises StoreError.

        A hash of the voter's id stays, too: it takes no further vote here, and what another app has under it goes when that is synced.
        """
        own = sa.select(BATTLES.c.id).where(BATTLES.c.voter == voter)
        with self._writing() as connection:
            _voter_s_turn(connection, voter)
            found = list(connection.execute(own).scalars())
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            gone = [{"battle_id": each, "erased": now()} for each in (*found, mark(voter))]
            connection.execute(insert(TOMBSTONES).on_conflict_do_nothing(), gone)
            if found:
                connection.execute(EVENTS.delete().where(EVENTS.c.battle_id.in_(own)))
                connection.execute(BATTLES.delete().where(BATTLES.c.voter == voter))
        self._wipe()
        for name in (*found, mark(voter)):
            self.on_change(name)
        return len(found)

    def count_of(self, voter: str) -> int:
        """How many battles a voter left, voted on or not. Raises StoreError."""
        query = sa.select(sa.func.count().label("n")).where(BATTLES.c.voter == voter)
        return int(self._read(query)[0]["n"])

    def votes_on(self, db: str, db_content: str, models: tuple[str, str]) -> list[dict[str, Any]]:
        """Votes that stand on a database's example questions between two models, on whichever sides, oldest first; a few fields of each.

        Those of studies are not among them. Raises StoreError.
        """
        undone = sa.select(EVENTS.c.battle_id).where(EVENTS.c.kind == "undo")
        fields = (BATTLES.c[name] for name in ("example_id", "chosen", "voter", "blind", "model_a", "model_b"))
        return self._read(
            sa.select(*fields)
            .join(EVENTS, BATTLES.c.id == EVENTS.c.battle_id)
            .where(BATTLES.c.db == db, BATTLES.c.db_content == db_content, BATTLES.c.example_id != "", BATTLES.c.study == "")
            .where(BATTLES.c.model_a.in_(models), BATTLES.c.model_b.in_(models))
            .where(EVENTS.c.kind == "vote", EVENTS.c.battle_id.not_in(undone))
            .order_by(EVENTS.c.id)
        )

    def of_study(self, study: str) -> list[dict[str, Any]]:
        """Every battle of a study, oldest first, with a few of its fields and how it ended.

        `kind` is `vote`, `skip`, `cant_tell`, `undo` for a vote that was taken back, or None while it is open; `voted` is when, with
        `winner` and `asks` of a vote. Raises StoreError.
        """
        own = BATTLES.c.study == study
        ends = sa.and_(EVENTS.c.battle_id == BATTLES.c.id, EVENTS.c.kind.in_(ENDS))
        end = (EVENTS.c.kind, EVENTS.c.winner, EVENTS.c.asks, EVENTS.c.created.label("voted"))
        query = sa.select(*(BATTLES.c[name] for name in READ_FOR_A_STUDY), *end)
        found = self._read(query.outerjoin(EVENTS, ends).where(own).order_by(BATTLES.c.created, BATTLES.c.id))
        undone = {each["battle_id"] for each in self._read(sa.select(EVENTS.c.battle_id).where(EVENTS.c.study == study, _is_undo()))}
        return [row | {"kind": "undo"} if row["id"] in undone else row for row in found]

    def name_study(self, study: str, title: str) -> None:
        """Remember the title of a study (its hash), so that its votes can be called by it. Raises StoreError."""
        with self._writing() as connection:
            name_study(connection, study, title)
        self.on_change(title_name(study))

    def study_titles(self) -> dict[str, str]:
        """Hash -> title of the studies that were opened here or on a machine of the same copy. Raises StoreError."""
        found = self._read(sa.select(KEPT).where(KEPT.c.name.startswith(STUDY_TITLE, autoescape=True)))
        return {row["name"].removeprefix(STUDY_TITLE): row["value"] for row in found}

    def _wipe(self) -> None:
        """After an erasure: else the text stays in SQLite's log until that is next written over."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def battle_ids(self) -> list[str]:
        """Every battle that is here, those that were erased, and under names of their own the titles of studies. Raises StoreError."""
        with self._reading() as connection:
            return ids(connection)

    def erased(self) -> list[str]:
        """What stands among the tombstones: battles and voters (`voters.mark`) that were erased. Raises StoreError."""
        with self._reading() as connection:
            return list(connection.execute(sa.select(TOMBSTONES.c.battle_id)).scalars())

    def records(self, battles: Sequence[str]) -> list[Record]:
        """All that is known of some battles, for a copy elsewhere. Raises StoreError."""
        with self._reading() as connection:
            return taken(connection, battles)

    def restore(self, found: Iterable[Record]) -> Restored:
        """Add what a copy has and this store lacks, in one transaction; twice is as once. Raises StoreError."""
        with self._writing() as connection:
            restored = put_back(connection, found)
        if restored.erased:
            self._wipe()
        return restored

    def events(self) -> list[dict[str, Any]]:
        """Everything that happened, oldest first. Raises StoreError."""
        return self._read(EVENTS.select().order_by(EVENTS.c.id))

    def votes(self, filtered: bool = False) -> list[dict[str, Any]]:
        """All votes that stand with their battles, `flags`, `audit` and what was added, oldest first; `filtered` leaves out the flagged.
        `event` is `vote`.

        `asks` is what the voter was asked, `better` or, on two equal tables, `readability`: the two are never in one figure.
        Raises StoreError.
        """
        undone = sa.select(EVENTS.c.battle_id).where(EVENTS.c.kind == "undo")
        found = self._read(
            sa.select(
                EVENTS.c.winner,
                *SEEN_WITH,
            )
            .join(BATTLES, BATTLES.c.id == EVENTS.c.battle_id)
            .where(EVENTS.c.kind == "vote", EVENTS.c.battle_id.not_in(undone))
            .order_by(EVENTS.c.id)
        )
        noted = self._noted()
        added: dict[str, list[str]] = {}
        for event in self._read(sa.select(EVENTS.c.battle_id, EVENTS.c.note).where(EVENTS.c.kind.in_(NOTES)).order_by(EVENTS.c.id)):
            added.setdefault(event["battle_id"], []).append(event["note"])
        asked: dict[str, list[tuple[str, str]]] = {}
        audits = sa.select(EVENTS.c.battle_id, EVENTS.c.kind, EVENTS.c.note).where(EVENTS.c.kind.in_((ASKED, GUESS)))
        for event in self._read(audits.order_by(EVENTS.c.id)):
            asked.setdefault(event["battle_id"], []).append((event["kind"], event["note"]))
        odd = flags(found)
        rows = [
            row
            | standing(added.get(row["id"], ()))
            | outcome(asked.get(row["id"], ()), row["model_a"])
            | {"flags": tuple(sorted({*odd[row["id"]], *noted.get(row["id"], ())}))}
            for row in found
        ]
        return [row for row in rows if not (filtered and row["flags"])]

    def unvoted(self, filtered: bool = False) -> list[dict[str, Any]]:
        """What ended without a vote that stands, oldest first: battles that were passed over (`event` is `skip` or `cant_tell`), and votes
        that were taken back (`undo`).

        The fields are those of `votes`, with no `winner`, which no figure may take for a tie; `voted` is when it happened. What a vote that
        was taken back had said is not told. Raises StoreError.
        """
        noted = self._noted()
        found = self._read(
            sa.select(sa.null().label("winner"), *SEEN_WITH)
            .join(BATTLES, BATTLES.c.id == EVENTS.c.battle_id)
            .where(EVENTS.c.kind.in_((*WITHOUT_VERDICT, "undo")))
            .order_by(EVENTS.c.id)
        )
        rows = [
            row
            | NOTHING
            | {"asks": READABILITY if row["difference"] == "same" else BETTER, "audit": "", "guess": ""}
            | {"flags": tuple(sorted(noted.get(row["id"], ())))}
            for row in found
        ]
        return [row for row in rows if not (filtered and row["flags"])]

    def _noted(self) -> dict[str, set[str]]:
        """Battle id -> what was noted as odd when it happened."""
        noted: dict[str, set[str]] = {}
        for event in self._read(sa.select(EVENTS.c.battle_id, EVENTS.c.flag).where(EVENTS.c.kind == "flag")):
            noted.setdefault(event["battle_id"], set()).add(event["flag"])
        return noted

    def _end(self, battle_id: str, kind: str, voter: str, token: str, winner: Winner | None) -> None:
        with self._writing() as connection:
            battle = _own(connection, battle_id, voter)
            tokens.check(self._key, battle_id, voter, token)
            if battle["study"] and kind == "vote":
                _refuse_a_second(connection, battle)
            try:
                asks = READABILITY if battle["difference"] == "same" else BETTER
                connection.execute(EVENTS.insert().values(_event(battle, kind) | {"winner": winner, "asks": asks}))
            except sa.exc.IntegrityError as problem:
                raise BadVote("This battle already has its vote; ask the next question.") from problem
        self.on_change(battle_id)

    def _read(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self._reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.DatabaseError as problem:
            raise StoreError(f"The votes cannot be read ({_cause(problem)}); check the data folder, or name another.") from problem

    def tallies(self, profile: str, filtered: bool = False, asks: str = BETTER, study: str = "") -> list[Tally]:
        """Votes on one question for each pair of contestants (model and revision), blind ones apart, the alphabetically first first.

        Public votes, or those of one study (its hash).
        """
        pairs: dict[tuple[str, str, bool], list[tuple[str, str]]] = {}
        for vote in (each for each in self.votes(filtered) if (each["profile"], each["asks"], each["study"]) == (profile, asks, study)):
            a, b = (f"{vote[f'model_{side}']}@{vote[f'revision_{side}']}" for side in SIDES)
            winner = vote["winner"]
            if a > b:
                a, b = b, a
                winner = {"model_a": "model_b", "model_b": "model_a"}.get(winner, winner)
            pairs.setdefault((a, b, vote["blind"]), []).append((winner, vote["voter"]))
        return [_tally(*key, votes) for key, votes in sorted(pairs.items())]

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.execution_options(writing=True).begin() as connection:
                yield connection
        except sa.exc.DatabaseError as problem:
            raise StoreError(
                f"Nothing was recorded: the vote store cannot be written ({_cause(problem)}); "
                "check the data folder and its free space, then try again."
            ) from problem


def _file(path: Path) -> sa.Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreError(
            f"The data folder {path.parent.name} cannot be made ({problem.strerror}); set ARENA_DATA to one that can."
        ) from problem
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _durable)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _server(url: str) -> sa.Engine:
    """Raises StoreError for a URL that is none of PostgreSQL, without repeating the password that it may hold."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "postgresql":
            raise StoreError("ARENA_STORE_URL must begin with postgresql://; leave it empty for a file in the data folder.")
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args={"options": "-c synchronous_commit=on"}
        )
    except sa.exc.ArgumentError as problem:
        raise StoreError("ARENA_STORE_URL is no URL; write postgresql://USER:PASSWORD@HOST/NAME.") from problem
    except ImportError as problem:
        raise StoreError("A PostgreSQL store needs psycopg; install it with `pip install -r requirements-postgres.txt`.") from problem


def _voter_s_turn(connection: sa.Connection, voter: str) -> None:
    """On PostgreSQL nobody erases while the same voter votes; SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"voter {voter}"))))


def _own(connection: sa.Connection, battle_id: str, voter: str) -> sa.RowMapping:
    _voter_s_turn(connection, voter)
    battle = connection.execute(BATTLES.select().where(BATTLES.c.id == battle_id)).mappings().first()
    if battle is None or battle["voter"] != voter:
        raise BadVote("This battle is not open for you; ask a question first.")
    return battle


def _is_undo() -> sa.ColumnElement[bool]:
    return EVENTS.c.kind == "undo"


def _take(connection: sa.Connection, seat: Seat, voter: str) -> None:
    """Raises BadVote where as many other voters as it admits have voted under an invite code."""
    _one_at_a_time(connection)
    under_it = (BATTLES.c.study == seat.study, BATTLES.c.invite == seat.invite, BATTLES.c.voter != voter)
    others = connection.execute(sa.select(sa.func.count(BATTLES.c.voter.distinct())).where(*under_it)).scalar_one()
    if seat.invite and others >= seat.places:
        raise BadVote("Others have taken every place of this invite code; ask whoever invited you for another code.")


def _refuse_a_second(connection: sa.Connection, battle: sa.RowMapping) -> None:
    """Raises BadVote where a voter has judged a question of a study, as in another window, and the vote stands; a control is judged once
    besides.
    """
    _one_at_a_time(connection)
    same = [BATTLES.c[name] == battle[name] for name in ("study", "voter", "db", "example_id")]
    same.append((BATTLES.c.chosen == CONTROL) == (battle["chosen"] == CONTROL))
    undone = sa.select(EVENTS.c.battle_id).where(_is_undo())
    votes = sa.select(EVENTS.c.id).join(BATTLES, BATTLES.c.id == EVENTS.c.battle_id).where(*same)
    if connection.execute(votes.where(EVENTS.c.kind == "vote", EVENTS.c.battle_id.not_in(undone))).first():
        raise BadVote("You have judged this question of the study already; go on with the next one.")


def _one_at_a_time(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(STUDY_LOCK)))


def _without_text(note: Note) -> Note:
    """The note itself. Raises BadVote where it has text, to a battle that none is kept of."""
    if isinstance(note, Fix):
        raise BadVote("Of this question only your verdict is kept, as you chose, so no query can be saved with it.")
    if note.comment.strip():
        raise BadVote("Of this question only your verdict is kept, as you chose, so no comment can be; empty it, then save the rest.")
    return note


def _event(battle: sa.RowMapping, kind: str) -> dict[str, Any]:
    prompts = {side: f"prompt_{side}" for side in SIDES}
    hashes = {f"prompt_hash_{side}": digest_of(dict(battle), name) or prompt_hash(battle[name]) for side, name in prompts.items()}
    return {name: battle[name] for name in COPIED} | hashes | {
        "battle_id": battle["id"], "kind": kind, "winner": None, "created": now(), "voter": battle["voter"],
        "asks": BETTER, "note": "",
    }  # fmt: skip


def _tally(first: str, second: str, blind: bool, votes: list[tuple[str, str]]) -> Tally:
    counts = {winner: sum(cast == winner for cast, _ in votes) for winner in WINNERS}
    wins, losses = counts["model_a"], counts["model_b"]
    voters = len({voter for _, voter in votes})
    return Tally(first, second, blind, wins, losses, counts["tie"], counts["both_bad"], voters, decisive=wilson(wins, wins + losses))


def _side(answer: Answer, revision: str) -> dict[str, Any]:
    return {
        "model": answer.model, "revision": revision, "precision": answer.precision, "prompt": answer.prompt.text,
        "raw": answer.completion.text, "sql": answer.prepared.sql, "outcome": answer.outcome, "message": answer.execution.message,
        "row_count": answer.execution.row_count, "tokens": answer.completion.tokens, "seconds": answer.seconds,
        "decoding": "beams" if answer.beams > 1 else "greedy", "beams": answer.beams, "max_new_tokens": answer.max_new_tokens,
        "repairs": "; ".join(answer.prepared.repairs), "formatted": answer.prepared.formatted,
        "error_kind": answer.execution.error_kind or "", "truncated": answer.execution.truncated,
        "columns": columns(answer.execution), "result_hash": result_hash(answer.execution), "preview": preview(answer.execution),
    }  # fmt: skip


def _cause(problem: sa.exc.DatabaseError) -> str:
    return str(problem.orig).splitlines()[0] if problem.orig else "unknown cause"


def _durable(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin in `_begin`, also those that change tables
    deadline = time.monotonic() + BUSY_SECONDS
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        while True:
            try:
                connection.execute(f"PRAGMA {pragma}")
                break
            except sqlite3.OperationalError as problem:  # the first switch to WAL does not wait for others that do the same
                if "locked" not in str(problem) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _begin(connection: sa.Connection) -> None:
    """A writer waits for its turn before it reads, so that what it read still holds when it writes."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")
