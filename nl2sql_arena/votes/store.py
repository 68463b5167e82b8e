"""The durable store: SQLite in WAL mode with full synchronisation, through SQLAlchemy.

A `battles` row is written when both results are delivered. `events` is append-only; a unique index lets one vote a battle in,
whatever number of clicks, tabs or processes try. When `vote` returns, the vote is on disk. Not covered: exports, undo, flags
and other servers than SQLite.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nl2sql_arena import __version__
from nl2sql_arena.errors import BadVote, StoreError
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import WINNERS, Answer, Battle, Tally, Winner

BUSY_SECONDS = 15
METADATA = sa.MetaData()
SIDES = ("a", "b")
SIDE_COLUMNS = {
    "model": sa.String, "revision": sa.String, "precision": sa.String, "prompt": sa.Text, "raw": sa.Text, "sql": sa.Text,
    "outcome": sa.String, "message": sa.Text, "row_count": sa.Integer, "tokens": sa.Integer, "seconds": sa.Float,
}  # fmt: skip
BATTLES = sa.Table(
    "battles",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("created", sa.String, nullable=False),
    *(
        sa.Column(name, sa.String, nullable=False)
        for name in ("db", "question", "example_id", "split", "chosen", "profile", "voter", "app_version")
    ),
    sa.Column("blind", sa.Boolean, nullable=False),
    sa.Column("difference", sa.String, nullable=False),
    *(sa.Column(f"{name}_{side}", kind, nullable=False) for side in SIDES for name, kind in SIDE_COLUMNS.items()),
)
EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("battle_id", sa.String, sa.ForeignKey("battles.id"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("winner", sa.String, nullable=True),
    sa.Column("blind", sa.Boolean, nullable=False),
    *(sa.Column(name, sa.String, nullable=False) for name in ("created", "voter", "split", "chosen", "profile")),
    *(sa.Column(f"{name}_{side}", sa.String, nullable=False) for side in SIDES for name in ("model", "revision")),
)
sa.Index("one_vote_a_battle", EVENTS.c.battle_id, unique=True, sqlite_where=EVENTS.c.kind == "vote")


class Store:
    """Battles and votes in one file. Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the store. Raises StoreError when the folder cannot be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(
                f"The data folder {path.parent.name} cannot be made ({problem.strerror}); set ARENA_DATA to one that can."
            ) from problem
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
        sa.event.listen(self._engine, "connect", _durable)
        with self._writing() as connection:
            for table in METADATA.sorted_tables:  # not create_all: another process may create them between its look and its CREATE
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    def add_battle(self, battle: Battle, voter: str, chosen: str, revisions: tuple[str, str], difference: str) -> None:
        """Keep a battle whose two results were delivered; one that is there already stays as it is. Raises StoreError."""
        row: dict[str, Any] = {
            "id": battle.id, "created": _now(), "db": battle.db, "question": battle.question, "example_id": battle.example_id,
            "split": battle.split, "chosen": chosen, "profile": battle.profile, "voter": voter, "app_version": __version__,
            "blind": battle.blind, "difference": difference,
        }  # fmt: skip
        for side, answer, revision in zip(SIDES, (battle.a, battle.b), revisions, strict=True):
            row |= {f"{name}_{side}": value for name, value in _side(answer, revision).items()}
        with self._writing() as connection, suppress(sa.exc.IntegrityError):
            connection.execute(BATTLES.insert().values(row))

    def vote(self, battle_id: str, winner: Winner, voter: str) -> None:
        """Keep one vote, on disk before this returns. Raises BadVote (unknown battle, another visitor's, a second vote) and StoreError."""
        if winner not in WINNERS:
            raise BadVote(f"'{winner}' is no verdict; vote one of {', '.join(WINNERS)}.")
        with self._writing() as connection:
            battle = connection.execute(BATTLES.select().where(BATTLES.c.id == battle_id)).mappings().first()
            if battle is None or battle["voter"] != voter:
                raise BadVote("This battle is not open for you; ask a question first.")
            copied = ("blind", "split", "chosen", "profile", "model_a", "model_b", "revision_a", "revision_b")
            row = {name: battle[name] for name in copied} | {
                "battle_id": battle_id, "kind": "vote", "winner": winner, "created": _now(), "voter": voter,
            }  # fmt: skip
            try:
                connection.execute(EVENTS.insert().values(row))
            except sa.exc.IntegrityError as problem:
                raise BadVote("This battle already has its vote; ask the next question.") from problem

    def votes(self) -> list[dict[str, Any]]:
        """All votes with their battles, oldest first. Raises StoreError."""
        return self._read(
            sa.select(EVENTS.c.id.label("event_id"), EVENTS.c.winner, EVENTS.c.created.label("voted"), BATTLES)
            .join(BATTLES, BATTLES.c.id == EVENTS.c.battle_id)
            .where(EVENTS.c.kind == "vote")
            .order_by(EVENTS.c.id)
        )

    def _read(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        try:
            with self._engine.connect() as connection:
                return [dict(row) for row in connection.execute(query).mappings()]
        except sa.exc.DatabaseError as problem:
            raise StoreError(f"The votes cannot be read ({_cause(problem)}); check the data folder, or name another.") from problem

    def tallies(self, profile: str) -> list[Tally]:
        """Votes for each pair of contestants (model and revision), blind ones apart, the alphabetically first of them as `first`."""
        pairs: dict[tuple[str, str, bool], list[tuple[str, str]]] = {}
        for vote in self._read(EVENTS.select().where(EVENTS.c.kind == "vote", EVENTS.c.profile == profile)):
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
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.DatabaseError as problem:
            raise StoreError(
                f"Nothing was recorded: the vote store cannot be written ({_cause(problem)}); "
                "check the data folder and its free space, then try again."
            ) from problem


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
    }  # fmt: skip


def _cause(problem: sa.exc.DatabaseError) -> str:
    return str(problem.orig).splitlines()[0] if problem.orig else "unknown cause"


def _durable(connection: Any, _record: Any) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        while True:
            try:
                connection.execute(f"PRAGMA {pragma}")
                break
            except sqlite3.OperationalError as problem:  # the first switch to WAL does not wait for others that do the same
                if "locked" not in str(problem) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
