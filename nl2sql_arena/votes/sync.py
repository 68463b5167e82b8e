"""Votes that outlive the machine's disk: the store and its synced copy are brought to the same state, both ways, in the background.

A vote is in the store, on disk, before anybody hears of it; nothing here may delay it. What changed is written to segments on this disk,
and these go to the copy in one commit, at most one every `Pace.commits` seconds. What the copy has and the store lacks is added to the
store: at start-up (a new machine), and whenever somebody else wrote (an erasure, another machine). A battle is `synced` once all that is
known of it was confirmed by the copy or read there, so that a commit whose reply was lost is neither believed nor made twice.
"""

import hashlib
import logging
import random
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nl2sql_arena.errors import ArenaError
from nl2sql_arena.votes.dataset import ERASING, FOLDER, CopyError, Dataset, Moved
from nl2sql_arena.votes.records import Record, Restored, read, written
from nl2sql_arena.votes.segments import MOST_BYTES, Outbox, new_name, without
from nl2sql_arena.votes.store import Store

State = Literal["saved", "synced"]
MOST_CHANGED = 10_000
"""Battles whose changes are remembered one by one; beyond, the whole store is compared with the copy again."""
MOST_SEGMENTS = 500
"""Where the copy has more, the oldest are joined, so that a start reads few files."""
COMMIT_BYTES = 10 * MOST_BYTES
AT_ONCE = 200
TRIES = 5
PAUSE, WRITE_AGAIN = 1.0, 5.0
"""Seconds between two rounds at least, and until a segment that could not be written on this disk is tried again."""
DOWNLOADS = 8
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """Seconds between two commits, between two looks at a copy that is as it should be, and of the waits after failures, which double."""

    commits: float = 60.0
    looks: float = 600.0
    first_wait: float = 2.0
    longest_wait: float = 600.0


class Sync:
    """One thread does all of the work; `changed`, which the store calls, `state`, `flush` and `close` are for any thread."""

    def __init__(self, store: Store, copy: Dataset, folder: Path, pace: Pace | None = None) -> None:
        """Notes what changes in the store from now on. Nothing is read or sent before `start` or `flush`. `folder` is for segments."""
        self.trouble = ""
        """Why the copy is behind, a sentence; empty when all is well."""
        self.gained = Restored()
        """What the copy gave to this store."""
        self.unread = 0
        """Lines of segments that were torn or no records, and left out."""
        self._store, self._copy, self._outbox, self._pace = store, copy, Outbox(folder), pace or Pace()
        self._lock = threading.Condition()
        self._changed: dict[str, int] = {}
        """Battles that the copy may not have as they are here, each with the number of its last change."""
        self._unwritten: set[str] = set()
        """Those of them that no segment here has as they are."""
        self._changes = 0
        self._forgotten = 0
        """Changes that were too many to remember."""
        self._is_compared = False
        """Whether each battle that is not in `_changed` is in the copy as it is here."""
        self._is_clean = True
        """Whether the copy holds nothing that was erased."""
        self._urgent = 0
        self._failures = 0
        self._not_before = self._committed = self._looked = float("-inf")
        self._confirmed: set[str] = set()
        """Keys of records that the copy has."""
        self._waiting: dict[Path, dict[str, str]] = {}
        """Of each record in each segment of the outbox, the key and the battle."""
        self._buried: set[str] = set()
        self._head = ""
        self._files: dict[str, str] = {}
        self._holds: dict[str, set[str]] = {}
        """Battles that the copy's segments hold rows of."""
        self._is_first = True
        self._working = threading.Lock()
        self._ends = False
        self._thread: threading.Thread | None = None
        store.on_change = self.changed

    def changed(self, battle_id: str) -> None:
        """Something about a battle is on disk here. Returns at once."""
        with self._lock:
            self._changes += 1
            if battle_id in self._changed or len(self._changed) < MOST_CHANGED:
                self._changed[battle_id] = self._changes
                self._unwritten.add(battle_id)
            else:
                self._forgotten += 1
                self._is_compared = False
            self._lock.notify_all()

    def state(self, battle_id: str) -> State:
        """`saved` on this machine's disk, or `synced`: the copy has confirmed all that is known of the battle. Never synced too early."""
        with self._lock:
            return "synced" if self._is_compared and battle_id not in self._changed else "saved"

    def start(self, seconds: float = 120.0) -> bool:
        """Rebuild the store from the copy, then go on in the background.

        Returns whether the store is rebuilt. False when that takes longer or fails: the app may go on, and it happens later.
        """
        self._thread = threading.Thread(target=self._work, name="votes-sync", daemon=True)
        self._thread.start()
        with self._lock:
            self._lock.wait_for(lambda: self._is_compared or self._failures > 0, seconds)
            return self._is_compared

    def flush(self, seconds: float) -> bool:
        """Bring both to the same state now, in this time at most. Returns whether they are; if not, `trouble` may say why."""
        with self._lock:
            self._urgent += 1
            self._not_before = float("-inf")
            self._lock.notify_all()
        try:
            if self._thread is None:
                self._try()
                return self._is_even() and not self.trouble
            with self._lock:
                return self._lock.wait_for(self._is_even, seconds)
        finally:
            with self._lock:
                self._urgent -= 1

    def close(self, seconds: float = 8.0) -> bool:
        """Flush what the background work has, then end it. Returns whether all is synced."""
        if self._thread is None:
            return self._is_even()
        done = self.flush(seconds)
        with self._lock:
            self._ends = True
            self._lock.notify_all()
        self._thread.join(1.0)
        return done

    def _is_even(self) -> bool:
        return self._is_compared and self._is_clean and not self._changed

    def _work(self) -> None:
        """The thread. Should it die of a defect, the page says so, votes stay `saved`, and the next start sends them."""
        try:
            self._rounds()
        finally:
            with self._lock:
                if not self._ends:
                    self.trouble = "The sync of votes ended by a fault on our side; the log has the details. Start the app again to go on."
                    self._failures += 1
                    self._lock.notify_all()

    def _rounds(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._ends or self._unwritten or self._seconds_left() <= 0, self._patience())
                if self._ends:
                    return
                is_due = self._seconds_left() <= 0
            if not self._try(is_due) and not is_due:
                with self._lock:
                    self._lock.wait_for(lambda: self._ends, WRITE_AGAIN)

    def _seconds_left(self) -> float:
        """Until the next round; called with the lock."""
        due = float("-inf")
        if self._is_even():
            due = self._looked + self._pace.looks
        elif self._looked > due and not self._urgent:
            due = self._committed + self._pace.commits
        return max(due, self._not_before) - time.monotonic()

    def _patience(self) -> float:
        return min(3600.0, max(0.0, self._seconds_left()))

    def _try(self, is_due: bool = True) -> bool:
        """One round, or only its first step while none is due. Returns whether it went well; if not, the next one waits."""
        with self._working:
            try:
                if is_due:
                    self._round()
                else:
                    self._write_down()
            except ArenaError as problem:
                self._put_off(problem)
                return False
            with self._lock:
                if is_due:
                    self.trouble, self._failures = "", 0
                    self._not_before = time.monotonic() + (PAUSE / 10 if self._urgent else PAUSE)
                self._lock.notify_all()
            return True

    def _put_off(self, problem: ArenaError) -> None:
        wait = min(self._pace.longest_wait, self._pace.first_wait * 2 ** min(self._failures, 20)) * random.uniform(0.75, 1.25)
        if isinstance(problem, CopyError):
            wait = max(wait, problem.wait)
        if str(problem) != self.trouble:
            log.warning("votes are not synced: %s", problem)
        with self._lock:
            self.trouble, self._failures, self._not_before = str(problem), self._failures + 1, time.monotonic() + wait
            self._lock.notify_all()

    def _round(self) -> None:
        """Read what is new in the copy, write there what is new here. Raises StoreError and CopyError."""
        if self._is_first:
            self._take_leftovers()
            self._is_first = False
        self._heed_erasures()
        self._write_down()
        for tries_left in reversed(range(TRIES)):
            try:
                self._look()
                self._compare()
                self._write_down()
                self._send()
                self._drop_history()
                break
            except Moved:
                self._head = ""
                if not tries_left:
                    raise
                time.sleep(random.uniform(0, 0.5))
        with self._lock:
            self._is_clean = not any(held & self._buried for held in self._holds.values())

    def _heed_erasures(self) -> None:
        """What another process has erased from this store goes from what waits here and from the copy, too."""
        if fresh := set(self._store.erased()) - self._buried:
            self._bury(fresh)
            for name in fresh:
                self.changed(name)

    def _take_leftovers(self) -> None:
        """What a killed process left in the outbox goes into the store, should that lack it; the store sends it again."""
        for path in self._outbox.leftovers():
            try:
                records, unread = read(path.read_bytes())
            except FileNotFoundError:  # of another process at work, which has just sent it
                continue
            self._say_unread(path.name, unread)
            self._restore(records)
            path.unlink(missing_ok=True)

    def _look(self) -> None:
        """Whatever the copy has that was not read yet goes to the store."""
        head = self._copy.head()
        if head != self._head:
            files = self._copy.files(head)
            fresh = [path for path, content in sorted(files.items()) if path.startswith(FOLDER) and self._files.get(path) != content]
            found: list[Record] = []
            with ThreadPoolExecutor(DOWNLOADS) as pool:
                for path, data in zip(fresh, pool.map(lambda path: self._copy.download(path, head), fresh), strict=True):
                    records, unread = read(data)
                    self._say_unread(path, unread)
                    self._holds[path] = _held(records)
                    found += records
            self._restore(found)
            self._confirmed.update(record.key for record in found)
            self._holds = {path: held for path, held in self._holds.items() if path in files}
            self._files, self._head = files, head
            self._settle()
        self._looked = time.monotonic()

    def _say_unread(self, name: str, lines: int) -> None:
        if lines:
            self.unread += lines
            log.warning("%s: %s torn or unknown lines were left out", name, lines)

    def _restore(self, records: Collection[Record]) -> None:
        """A few battles at a time, so that no vote waits long for its turn."""
        self._bury(record.battle_id for record in records if record.table == "tombstones")
        battles: dict[str, list[Record]] = {}
        for record in records:
            battles.setdefault(record.battle_id, []).append(record)
        for names in _some(battles):
            found = self._store.restore([record for name in names for record in battles[name]])
            if found.orphans:
                log.warning("%s events of battles that are nowhere were left out", found.orphans)
            self.gained = self.gained.plus(found)
            self._bury(found.marked)
            for name in found.marked:
                self.changed(name)

    def _bury(self, battles: Iterable[str]) -> None:
        if fresh := set(battles) - self._buried:
            self._buried |= fresh
            self._outbox.forget(fresh)
            for keys in self._waiting.values():
                for key in [key for key, name in keys.items() if name in fresh and not key.startswith("tombstones")]:
                    del keys[key]
            with self._lock:
                self._is_clean = False

    def _compare(self) -> None:
        """At the start, and after more changes than are remembered: what the copy lacks of the whole store is to be sent."""
        with self._lock:
            if self._is_compared:
                return
            forgotten = self._forgotten
        is_all = True
        for names in _some(self._store.battle_ids()):
            missing = {record.battle_id for record in self._store.records(names) if record.key not in self._confirmed}
            with self._lock:
                for battle_id in missing - set(self._changed):
                    if len(self._changed) >= MOST_CHANGED:
                        is_all = False
                        break
                    self._changed[battle_id] = self._changes
                    self._unwritten.add(battle_id)
        with self._lock:
            self._is_compared = is_all and forgotten == self._forgotten

    def _write_down(self) -> None:
        """What changed goes into a segment on this disk."""
        with self._lock:
            unwritten, self._unwritten = self._unwritten, set()
        try:
            for names in _some(sorted(unwritten)):
                records = [each for each in self._store.records(names) if not self._is_underway(each.key)]
                self._bury(each.battle_id for each in records if each.table == "tombstones")
                if records:
                    path = self._outbox.append(records)
                    self._waiting.setdefault(path, {}).update((record.key, record.battle_id) for record in records)
        except ArenaError:
            with self._lock:
                self._unwritten |= unwritten
            raise
        self._settle(unwritten)

    def _is_underway(self, key: str) -> bool:
        return key in self._confirmed or any(key in keys for keys in self._waiting.values())

    def _settle(self, battles: Collection[str] | None = None) -> None:
        """Nothing is left to do for those (None: all) that the copy has as they are here."""
        with self._lock:
            concerned = self._changed if battles is None else battles
            asked = {name: self._changed[name] for name in concerned if name in self._changed and name not in self._unwritten}
        for names in _some(sorted(asked)):
            missing = [record for record in self._store.records(names) if record.key not in self._confirmed]
            behind = {record.battle_id for record in missing}
            with self._lock:
                self._unwritten |= {record.battle_id for record in missing if not self._is_underway(record.key)}
                for name in names:
                    if name not in behind and self._changed.get(name) == asked[name]:
                        del self._changed[name]
        with self._lock:
            self._lock.notify_all()

    def _send(self) -> None:
        """One commit with the segments that wait, and with those of the copy that hold what was erased, without that."""
        with self._lock:
            if not self._urgent and time.monotonic() < self._committed + self._pace.commits:
                return
        self._outbox.seal()
        sent = self._sealed()
        files = {FOLDER + path.name: data for path, data in sent.items()}
        stained = [path for path, held in self._holds.items() if held & self._buried]
        gone: list[str] = []
        for path in stained:
            if left := without(self._copy.download(path, self._head), self._buried):
                files[path] = left
            else:
                gone.append(path)
        if stained:
            files[ERASING] = b"The history of this dataset still holds what was erased. It is dropped next, and this file with it.\n"
        else:
            joined, gone = self._joined()
            files |= joined
        if not files and not gone:
            return
        self._commit("Votes", files, gone)
        for segment, data in sent.items():
            self._confirmed.update(record.key for record in read(data)[0])
            self._waiting.pop(segment, None)
            self._outbox.drop(segment)
        self._committed = time.monotonic()
        self._settle()

    def _sealed(self) -> dict[Path, bytes]:
        """Segments to be sent now. One that somebody deleted is written again from the store; one that is in the copy already, because
        only the reply to its commit was lost, is not sent again.
        """
        found: dict[Path, bytes] = {}
        for path in list(self._outbox.sealed):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                data = b""
            if not data or self._confirmed.issuperset(self._waiting.get(path, {})):
                self._waiting.pop(path, None)
                self._outbox.drop(path)
                continue
            if found and sum(map(len, found.values())) + len(data) > COMMIT_BYTES:
                break
            found[path] = data
        return found

    def _joined(self) -> tuple[dict[str, bytes], list[str]]:
        """Where the copy has too many segments: one that takes the place of the oldest, and these."""
        names = sorted(self._holds)
        records: dict[str, Record] = {}
        gone: list[str] = []
        size = 0
        for path in names[: MOST_SEGMENTS // 2] if len(names) > MOST_SEGMENTS else []:
            data = self._copy.download(path, self._head)
            found, unread = read(data)
            if unread:  # perhaps of a later version: it stays as it is
                continue
            size += len(data)
            if size > MOST_BYTES and gone:
                break
            gone.append(path)
            records |= {record.key: record for record in found}
        return ({FOLDER + new_name(): written(records.values())} if gone else {}), gone

    def _commit(self, title: str, files: dict[str, bytes], gone: Collection[str]) -> None:
        self._head = self._copy.commit(title, self._head, files, sorted(gone))
        for path, data in files.items():
            self._files[path] = _git_id(data)
            if path.startswith(FOLDER):
                self._holds[path] = _held(read(data)[0])
        for path in gone:
            self._files.pop(path, None)
            self._holds.pop(path, None)

    def _drop_history(self) -> None:
        """After an erasure, also one that was ended half way: no earlier commit keeps what was erased."""
        if ERASING in self._files:
            self._copy.drop_history()
            self._look()
            self._commit("Votes without history", {}, [ERASING])


def _held(records: Iterable[Record]) -> set[str]:
    return {record.battle_id for record in records if record.table != "tombstones"}


def _git_id(data: bytes) -> str:
    """What git, and so the hub, calls a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _some(names: Iterable[str]) -> Iterator[list[str]]:
    listed = list(names)
    return (listed[at : at + AT_ONCE] for at in range(0, len(listed), AT_ONCE))
