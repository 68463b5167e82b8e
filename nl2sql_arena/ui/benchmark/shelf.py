"""The stored runs that the tab can open, each read once."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock

from nl2sql_arena.benchmark import changes, runs
from nl2sql_arena.benchmark.runs import Measured, StoredRun
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Services
from nl2sql_arena.ui.benchmark.html import moment

KEPT = 8
"""Runs that stay in memory, the last read."""
OFFERED = 50


class Shelf:
    """Runs of this arena's own folder, and those that ship."""

    def __init__(self, services: Services) -> None:
        self.folders = (runs.folder_of(services), runs.SHIPPED)
        self._read: OrderedDict[str, tuple[int, StoredRun]] = OrderedDict()
        self._lock = Lock()

    def listed(self) -> list[Measured]:
        """The newest first; an unfinished one only until a later run of the same has all of its answers."""
        offered: list[Measured] = []
        for each in runs.listed(*self.folders):
            if self._whole(each) or not any(_is_same(each, later) and self._whole(later) for later in offered):
                offered.append(each)
            if len(offered) == OFFERED:
                break
        return offered

    def get(self, name: str) -> StoredRun:
        """A run by its name alone, never by a path that a visitor sends. Raises BadInput."""
        if name not in {each.name for each in runs.listed(*self.folders)}:
            raise BadInput("That run is not stored here any more; choose another.")
        path = self._path(name)
        stamp = path.stat().st_mtime_ns if path else 0
        with self._lock:
            if name in self._read and self._read[name][0] == stamp:
                self._read.move_to_end(name)
                return self._read[name][1]
        run = runs.read(path) if path else runs.find(name, *self.folders)
        with self._lock:
            self._read[name] = stamp, run
            while len(self._read) > KEPT:
                self._read.popitem(last=False)
        return run

    def latest(self) -> StoredRun | None:
        """The newest of this arena's own that is complete, else the newest that ships."""
        found = (self.get(each.name) for folder in self.folders for each in runs.listed(folder) if self._whole(each))
        return next((run for run in found if run.complete), None)

    def newest(self, count: int = 5) -> list[StoredRun]:
        """What this arena's own folder holds, for what it tells of speed here."""
        return [self.get(each.name) for each in runs.listed(self.folders[0])[:count]]

    def shipped(self) -> list[StoredRun]:
        """The runs that ship, which were made elsewhere."""
        return [self.get(each.name) for each in runs.listed(self.folders[1])]

    def choices(self, at_work: str = "") -> list[tuple[str, str]]:
        """(what a menu says, name) of each run; `at_work` is the name of one that is not meant to be whole yet."""
        return [(self._label(each, at_work), each.name) for each in self.listed()]

    def comparable(self, about: Measured) -> list[tuple[str, str]]:
        """The same for the runs that compare with one."""
        return [(self._label(each), each.name) for each in self.listed() if changes.comparable(each, about)]

    def _label(self, about: Measured, at_work: str = "") -> str:
        who = ", ".join(about.names.values())
        which = "quick sample, " if about.chosen.startswith("a sample") else f"{about.chosen}, " if about.chosen else ""
        unfinished = "" if self._whole(about) else ", at work" if about.name == at_work else ", unfinished"
        return f"{moment(about.at)}: {which}{about.questions} {about.split} questions, {who}{unfinished}"

    def _whole(self, about: Measured) -> bool:
        """By its lines alone, since a menu names many runs."""
        path = self._path(about.name)
        return path is None or path.read_bytes().count(b"\n") > about.questions * len(about.contestants)

    def _path(self, name: str) -> Path | None:
        return next((path for folder in self.folders if (path := folder / f"{name}.jsonl").is_file()), None)


def _is_same(one: Measured, other: Measured) -> bool:
    """Whether two runs asked the same contestants the same questions."""
    return (one.dataset_hash, set(one.titles)) == (other.dataset_hash, set(other.titles))
