"""The store's tables and how an older store becomes one of today. A change of a table is one more step at the end of `MIGRATIONS`."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

SIDES = ("a", "b")
SIDE_COLUMNS = {
    "model": sa.String, "revision": sa.String, "precision": sa.String, "prompt": sa.Text, "raw": sa.Text, "sql": sa.Text,
    "outcome": sa.String, "message": sa.Text, "row_count": sa.Integer, "tokens": sa.Integer, "seconds": sa.Float,
}  # fmt: skip
LATER_SIDE_COLUMNS: dict[str, tuple[type[sa.types.TypeEngine[Any]], str]] = {
    "decoding": (sa.String, ""), "beams": (sa.Integer, "0"), "max_new_tokens": (sa.Integer, "0"),
    "repairs": (sa.Text, ""), "formatted": (sa.Text, ""), "error_kind": (sa.String, ""),
    "columns": (sa.Text, ""), "result_hash": (sa.String, ""), "preview": (sa.Text, ""), "only_rows": (sa.Integer, "-1"),
}  # fmt: skip
"""Since version 7, each with what stands where it is not known; `truncated`, which is true, false or not known, comes on top."""
MIGRATION_LOCK = 7_201_512
"""Any number: whoever brings a PostgreSQL store up to date holds the advisory lock of this number."""
SIGNING_KEY = "signing_key"
STUDY_TITLE = "study_title "
"""How the name begins under which a study's title is kept, before the study's hash."""
BETTER, READABILITY = "better", "readability"
"""What a vote was asked: which answer is better or, where both results are the same table, which query reads better."""


CONSENT = ("consent", "consent_version")
"""What the voter allowed to be kept (`consent.Tier`), and the version of the text that was agreed to; empty where nobody was asked."""


STUDY_LOCK = MIGRATION_LOCK + 1
"""Whoever writes to a study on PostgreSQL holds this one, so that what it counted still holds when it writes; SQLite has one writer."""


def _later_side_columns() -> Iterator[sa.Column[Any]]:
    for side in SIDES:
        for name, (kind, unknown) in LATER_SIDE_COLUMNS.items():
            yield sa.Column(f"{name}_{side}", kind, nullable=False, server_default=unknown)
        yield sa.Column(f"truncated_{side}", sa.Boolean, nullable=True)


class Tables(NamedTuple):
    battles: sa.Table
    events: sa.Table


def _tables(metadata: sa.MetaData, version: int) -> Tables:
    """Both tables as they were in a version."""
    later, latest = version >= 2, version >= 3
    battles = sa.Table(
        "battles",
        metadata,
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("created", sa.String, nullable=False),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("db", "question", "example_id", "split", "chosen", "profile", "voter", "app_version")
        ),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.Column("difference", sa.String, nullable=False),
        *((sa.Column("db_content", sa.String, nullable=False, server_default=""),) if version >= 4 else ()),
        *((sa.Column(name, sa.String, nullable=False, server_default="") for name in CONSENT) if version >= 5 else ()),
        *((sa.Column("digests", sa.Text, nullable=False, server_default=""),) if version >= 5 else ()),
        *((sa.Column(name, sa.String, nullable=False, server_default="") for name in ("study", "invite")) if version >= 6 else ()),
        *(sa.Column(f"{name}_{side}", kind, nullable=False) for side in SIDES for name, kind in SIDE_COLUMNS.items()),
        *(_later_side_columns() if version >= 7 else ()),
    )
    events = sa.Table(
        "events",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("battle_id", sa.String, sa.ForeignKey("battles.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("winner", sa.String, nullable=True),
        sa.Column("blind", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("created", "voter", "split", "chosen", "profile")),
        *(sa.Column(f"{name}_{side}", sa.String, nullable=False) for side in SIDES for name in ("model", "revision")),
        *((sa.Column(f"prompt_hash_{side}", sa.String, nullable=False, server_default="") for side in SIDES) if later else ()),
        *((sa.Column("flag", sa.String, nullable=False, server_default=""),) if later else ()),
        *((sa.Column("asks", sa.String, nullable=False, server_default=BETTER),) if latest else ()),
        *((sa.Column("note", sa.Text, nullable=False, server_default=""),) if latest else ()),
        *((sa.Column(name, sa.String, nullable=False, server_default="") for name in CONSENT) if version >= 5 else ()),
        *((sa.Column("study", sa.String, nullable=False, server_default=""),) if version >= 6 else ()),
    )
    return Tables(battles, events)


METADATA = sa.MetaData()
BATTLES, EVENTS = _tables(METADATA, 7)
KEPT = sa.Table("kept", METADATA, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False))
TOMBSTONES = sa.Table(
    "tombstones", METADATA, sa.Column("battle_id", sa.String, primary_key=True), sa.Column("erased", sa.String, nullable=False)
)
VERSIONS = sa.Table(
    "versions", METADATA, sa.Column("version", sa.Integer, primary_key=True), sa.Column("applied", sa.String, nullable=False)
)
ENDS = ("vote", "skip", "cant_tell")
"""Events that end a battle; it has one of them."""


def prompt_hash(prompt: str) -> str:
    """16 hexadecimal digits that tell two prompts apart."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _first(connection: sa.Connection) -> None:
    old = _tables(sa.MetaData(), 1)
    for table in old:
        connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    _unique(connection, "one_vote_a_battle", old.events.c.battle_id, old.events.c.kind == "vote")


def _second(connection: sa.Connection) -> None:
    """Undo, skip and flags, prompt hashes, a signing key, erasure."""
    for name in ("prompt_hash_a", "prompt_hash_b", "flag"):
        connection.exec_driver_sql(f"ALTER TABLE events ADD COLUMN {name} VARCHAR NOT NULL DEFAULT ''")
    _unique(connection, "one_end_a_battle", EVENTS.c.battle_id, EVENTS.c.kind.in_(ENDS))
    _unique(connection, "one_undo_a_battle", EVENTS.c.battle_id, EVENTS.c.kind == "undo")
    for table in (KEPT, TOMBSTONES):
        connection.execute(sa.schema.CreateTable(table))
    connection.execute(KEPT.insert().values(name=SIGNING_KEY, value=secrets.token_hex(32)))
    for battle in connection.execute(sa.select(BATTLES.c.id, BATTLES.c.prompt_a, BATTLES.c.prompt_b)).all():
        hashes = {"prompt_hash_a": prompt_hash(battle.prompt_a), "prompt_hash_b": prompt_hash(battle.prompt_b)}
        connection.execute(EVENTS.update().where(EVENTS.c.battle_id == battle.id).values(hashes))


def _third(connection: sa.Connection) -> None:
    """What a vote was asked, and what voters add to their votes. Until here every vote was asked which answer is better."""
    connection.exec_driver_sql(f"ALTER TABLE events ADD COLUMN asks VARCHAR NOT NULL DEFAULT '{BETTER}'")
    connection.exec_driver_sql("ALTER TABLE events ADD COLUMN note TEXT NOT NULL DEFAULT ''")


def _fourth(connection: sa.Connection) -> None:
    """Which content a battle's database had, since a database of one's own may have a sample's name. Of earlier battles it is not known."""
    connection.exec_driver_sql("ALTER TABLE battles ADD COLUMN db_content VARCHAR NOT NULL DEFAULT ''")


def _fifth(connection: sa.Connection) -> None:
    """What voters allowed, and hashes of the texts that are not kept. Of earlier battles all is kept, and nobody was asked."""
    for table in ("battles", "events"):
        for name in CONSENT:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} VARCHAR NOT NULL DEFAULT ''")
    connection.exec_driver_sql("ALTER TABLE battles ADD COLUMN digests TEXT NOT NULL DEFAULT ''")


def _sixth(connection: sa.Connection) -> None:
    """The hash of the study that a battle is of, in its votes, too, and that of the invite code. Earlier battles are of none."""
    for table, name in (("battles", "study"), ("battles", "invite"), ("events", "study")):
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} VARCHAR NOT NULL DEFAULT ''")


def _seventh(connection: sa.Connection) -> None:
    """How each side was written, what became of its query, and what its result table was. Of earlier battles it is not known."""
    types = {sa.String: "VARCHAR", sa.Text: "TEXT", sa.Integer: "INTEGER"}
    for side in SIDES:
        for name, (kind, unknown) in LATER_SIDE_COLUMNS.items():
            connection.exec_driver_sql(f"ALTER TABLE battles ADD COLUMN {name}_{side} {types[kind]} NOT NULL DEFAULT '{unknown}'")
        connection.exec_driver_sql(f"ALTER TABLE battles ADD COLUMN truncated_{side} BOOLEAN")


def _unique(connection: sa.Connection, name: str, column: sa.Column[str], where: sa.ColumnElement[bool]) -> None:
    literal = where.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True, "include_table": False})
    connection.exec_driver_sql(f"CREATE UNIQUE INDEX IF NOT EXISTS {name} ON events ({column.name}) WHERE {literal}")


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_first, _second, _third, _fourth, _fifth, _sixth, _seventh)
"""Step n makes version n of version n - 1; never edit one that was released."""


def migrate(connection: sa.Connection) -> int:
    """Bring the store up to date inside the caller's transaction, which must keep other processes out. Returns the version found."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    connection.execute(sa.schema.CreateTable(VERSIONS, if_not_exists=True))
    found = connection.execute(sa.select(sa.func.max(VERSIONS.c.version))).scalar() or 0
    for version, step in enumerate(MIGRATIONS[found:], found + 1):
        step(connection)
        connection.execute(VERSIONS.insert().values(version=version, applied=now()))
    return int(found)
