"""Segments: small files of records, only ever appended to, and on disk before anybody counts on them.

A segment's name is unique to its boot of the app, so that a machine that starts with an empty disk never writes over an older one's. The
local folder holds only what the synced copy has not confirmed; the truth is the store, which writes a segment anew where one is missing.
"""

import os
import secrets
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from nl2sql_arena.errors import StoreError
from nl2sql_arena.votes.records import Record, read, written

MOST_BYTES = 4_000_000
"""A segment that has more is followed by a new one; the hub keeps text of this size as it is."""
ENDING = ".jsonl"


class Outbox:
    """The segments of one boot. Not safe for several threads; other processes write files of other names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._boot = new_name().removesuffix(ENDING)
        self._count = 0
        self._open: Path | None = None
        self._size = 0
        """Of the open segment, in bytes, as far as it is whole."""
        self.sealed: list[Path] = []
        """Finished segments that no copy has confirmed, the oldest first; none of them changes any more, save by an erasure."""

    def append(self, records: Iterable[Record]) -> Path:
        """On disk when this returns. Returns the segment that holds them. Raises StoreError."""
        data = written(records)
        if self._open and not self._open.exists():
            self.seal()  # another process took it, at its start; whoever sends the segments finds it missing
        path = self._open or self.folder / f"{self._boot}-{self._count:05}{ENDING}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("r+b" if self._open else "wb") as file:
                file.seek(self._size)  # over what an attempt that failed has left
                file.write(data)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            if self._open is None:
                _sync_folder(self.folder)
        except OSError as problem:
            raise StoreError(f"The votes waiting to be synced cannot be written ({problem.strerror}); free some disk space.") from problem
        self._open, self._size = path, self._size + len(data)
        if self._size >= MOST_BYTES:
            self.seal()
        return path

    def seal(self) -> None:
        """Nothing more is appended to the open segment."""
        if self._open:
            self.sealed.append(self._open)
            self._open, self._size, self._count = None, 0, self._count + 1

    def drop(self, path: Path) -> None:
        """A copy has confirmed this segment."""
        path.unlink(missing_ok=True)
        if path in self.sealed:
            self.sealed.remove(path)

    def forget(self, battles: Collection[str]) -> None:
        """Take erased battles out of what still waits here, their tombstones excepted. Raises StoreError."""
        for path in [*self.sealed, *([self._open] if self._open else [])]:
            try:
                data = path.read_bytes()
                if (left := without(data, battles)) != data:
                    replace(path, left)
                    self._size = len(left) if path == self._open else self._size
            except FileNotFoundError:
                continue
            except OSError as problem:
                raise StoreError(f"{path.name} still holds erased votes ({problem.strerror}); delete it by hand.") from problem

    def leftovers(self) -> list[Path]:
        """Segments of other boots: of a process that was killed, or of one that runs beside this one."""
        return sorted(path for path in self.folder.glob(f"*{ENDING}") if not path.name.startswith(self._boot))


def new_name() -> str:
    """Of a segment; no two are ever the same, and they sort by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(6)}{ENDING}"


def without(data: bytes, battles: Collection[str]) -> bytes:
    """A segment without the rows of some battles; their tombstones stay. The very same bytes where there is nothing to take out."""
    records, unread = read(data)
    left = [record for record in records if record.table == "tombstones" or record.battle_id not in battles]
    return written(left) if len(left) < len(records) or unread else data


def replace(path: Path, data: bytes) -> None:
    """The file holds the old bytes or the new ones, whenever the machine stops. Raises OSError."""
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """The file's name is on disk, too, not only what is in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
