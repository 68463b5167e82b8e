"""Rows of the store on their way to a copy of it and back: what a segment holds, line by line.

A record's key follows from its content, so that reading it back twice, or from two segments, adds nothing twice. The store's own number
of an event is no part of it: another machine counts anew. The title of a study is a record under a name of its own, which stands where
others have the id of their battle. The signing key is never a record.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from nl2sql_arena.votes.tables import BATTLES, EVENTS, KEPT, STUDY_TITLE, TOMBSTONES, now
from nl2sql_arena.votes.voters import MARK, mark

FORMAT = 1
AT_ONCE = 500
"""Battles that are read or written in one statement."""
Table = Literal["battles", "events", "tombstones", "titles"]
TABLES: tuple[Table, ...] = get_args(Table)
TELLING = ("battle_id", "kind", "created", "winner", "flag", "note")
"""The fields that tell an event from every other."""


@dataclass(frozen=True)
class Record:
    """One row of one table. A tombstone says that its battle was erased or, as a `voters.mark`, all that a voter leaves anywhere. A title
    has a study's hash (`study`) and its `title`.
    """

    table: Table
    row: Mapping[str, Any]

    @property
    def battle_id(self) -> str:
        if self.table == "titles":
            return title_name(self.row["study"])
        return str(self.row["id" if self.table == "battles" else "battle_id"])

    @property
    def key(self) -> str:
        if self.table != "events":
            return f"{self.table}:{self.battle_id}"
        told = json.dumps([self.row.get(name) or "" for name in TELLING], ensure_ascii=False)
        return f"events:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


@dataclass(frozen=True)
class Restored:
    """What records changed in a store: rows added, battles erased; and events whose battle is nowhere, which were left out.

    `marked` are battles of erased voters that had no tombstone yet: they came, or were here, unknown to whoever erased.
    """

    battles: int = 0
    events: int = 0
    erased: int = 0
    orphans: int = 0
    marked: tuple[str, ...] = ()

    def plus(self, more: "Restored") -> "Restored":
        battles, events, erased = self.battles + more.battles, self.events + more.events, self.erased + more.erased
        return Restored(battles, events, erased, self.orphans + more.orphans, self.marked + more.marked)


def title_name(study: str) -> str:
    """Where the title of a study (its hash) is kept."""
    return f"{STUDY_TITLE}{study}"


def written(records: Iterable[Record]) -> bytes:
    """JSON Lines, UTF-8."""
    return b"".join(
        json.dumps({"format": FORMAT, "table": each.table, "row": dict(each.row)}, ensure_ascii=False).encode() + b"\n" for each in records
    )


def read(data: bytes) -> tuple[list[Record], int]:
    """The records, and how many lines were left out: a last one that was torn by a crash, and whatever else is no record."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    found = [record for line in lines if (record := _record(line))]
    return found, len(lines) - len(found)


def _record(line: bytes) -> Record | None:
    try:
        said = json.loads(line)
        record = Record(said["table"], said["row"])
        is_whole = said["table"] in TABLES and bool(record.battle_id and record.key)
        is_whole = is_whole and (record.table != "titles" or isinstance(record.row["title"], str))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return record if is_whole else None


def ids(connection: sa.Connection) -> list[str]:
    """Every battle that is or was here, the oldest first, then the erased, then the titles of studies."""
    here = connection.execute(sa.select(BATTLES.c.id).order_by(BATTLES.c.created)).scalars()
    titles = sa.select(KEPT.c.name).where(KEPT.c.name.startswith(STUDY_TITLE, autoescape=True))
    return [*here, *connection.execute(sa.select(TOMBSTONES.c.battle_id)).scalars(), *connection.execute(titles).scalars()]


def taken(connection: sa.Connection, battles: Sequence[str]) -> list[Record]:
    """All that is known of some battles, in the order in which it happened, and titles of studies by their names."""
    found = []
    for some in _chunks(battles):
        found += [Record("battles", dict(row)) for row in _rows(connection, BATTLES.select().where(BATTLES.c.id.in_(some)))]
        events = EVENTS.select().where(EVENTS.c.battle_id.in_(some)).order_by(EVENTS.c.id)
        found += [Record("events", {name: value for name, value in row.items() if name != "id"}) for row in _rows(connection, events)]
        erased = TOMBSTONES.select().where(TOMBSTONES.c.battle_id.in_(some))
        found += [Record("tombstones", dict(row)) for row in _rows(connection, erased)]
        titled = KEPT.select().where(KEPT.c.name.in_([name for name in some if name.startswith(STUDY_TITLE)]))
        found += [
            Record("titles", {"study": row["name"].removeprefix(STUDY_TITLE), "title": row["value"]}) for row in _rows(connection, titled)
        ]
    return found


def put_back(connection: sa.Connection, records: Iterable[Record]) -> Restored:
    """Add what the store lacks, inside the caller's transaction; erased battles go, and stay away. Doing it twice is doing it once."""
    sorts: dict[str, dict[str, Record]] = {name: {} for name in TABLES}
    for record in records:
        sorts[record.table].setdefault(record.key, record)
    for record in sorts["titles"].values():
        name_study(connection, record.row["study"], record.row["title"])
    erased = _bury(connection, list(sorts["tombstones"].values()))
    marked = _marked(connection, [*sorts["battles"].values(), *sorts["events"].values()])
    erased += _bury(connection, [Record("tombstones", {"battle_id": name, "erased": now()}) for name in marked])
    concerned = list(dict.fromkeys(record.battle_id for kind in ("battles", "events") for record in sorts[kind].values()))
    buried = {name for some in _chunks(concerned) for name in _known(connection, TOMBSTONES.c.battle_id, some)}
    battles = [record for record in sorts["battles"].values() if record.battle_id not in buried]
    added_battles = _insert(connection, BATTLES, battles)
    here = {name for some in _chunks(concerned) for name in _known(connection, BATTLES.c.id, some)}
    there = {record.key for record in taken(connection, concerned) if record.table == "events"}
    events = [record for record in sorts["events"].values() if record.key not in there and record.battle_id not in buried]
    fitting = [record for record in events if record.battle_id in here]
    fitting.sort(key=lambda record: str(record.row.get("created", "")))  # stable: within a moment as they were written
    added_events = _insert(connection, EVENTS, fitting)
    return Restored(added_battles, added_events, erased, len(events) - len(fitting), marked)


def name_study(connection: sa.Connection, study: str, title: str) -> None:
    """Keep the title of a study (its hash), inside the caller's transaction; one that is known stays."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(KEPT).values(name=title_name(study), value=title).on_conflict_do_nothing())


def _marked(connection: sa.Connection, coming: Iterable[Record]) -> tuple[str, ...]:
    """Battles of erased voters, here and among what comes, that have no tombstone of their own."""
    marks = set(connection.execute(sa.select(TOMBSTONES.c.battle_id).where(TOMBSTONES.c.battle_id.startswith(MARK))).scalars())
    if not marks:
        return ()
    here = [voter for voter in connection.execute(sa.select(BATTLES.c.voter).distinct()).scalars() if mark(voter) in marks]
    found = [
        name for some in _chunks(here) for name in connection.execute(sa.select(BATTLES.c.id).where(BATTLES.c.voter.in_(some))).scalars()
    ]
    found += [record.battle_id for record in coming if mark(str(record.row.get("voter", ""))) in marks]
    names = list(dict.fromkeys(found))
    known = {name for some in _chunks(names) for name in _known(connection, TOMBSTONES.c.battle_id, some)}
    return tuple(name for name in names if name not in known)


def _bury(connection: sa.Connection, tombstones: Sequence[Record]) -> int:
    gone = 0
    for some in _chunks([record.battle_id for record in tombstones]):
        connection.execute(EVENTS.delete().where(EVENTS.c.battle_id.in_(some)))
        gone += connection.execute(BATTLES.delete().where(BATTLES.c.id.in_(some))).rowcount
    _insert(connection, TOMBSTONES, tombstones)
    return gone


def _insert(connection: sa.Connection, table: sa.Table, records: Sequence[Record]) -> int:
    """How many rows were new. What the store forbids, such as a second vote on a battle, is not added: the first stays."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [row for record in records if (row := _filled(table, record.row)) is not None]
    adding = (insert(table).values(row).on_conflict_do_nothing().returning(sa.literal(1)) for row in rows)
    return sum(len(connection.execute(each).all()) for each in adding)


def _filled(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row for today's table: a column that was added since has its default, one that is gone is left out. None where it cannot be."""
    found = {column.name: row[column.name] for column in table.columns if column.name in row and column.name != _number(table)}
    missing = [column for column in table.columns if column.name not in found and column.name != _number(table)]
    if any(column.server_default is None and not column.nullable for column in missing):
        return None
    return found


def _number(table: sa.Table) -> str:
    """The column that the store counts itself."""
    return "id" if table is EVENTS else ""


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> Sequence[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _known(connection: sa.Connection, column: sa.Column[str], names: Sequence[str]) -> list[str]:
    return list(connection.execute(sa.select(column).where(column.in_(names))).scalars())


def _chunks(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE))
