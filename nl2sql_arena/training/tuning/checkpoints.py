"""Where a training under way lives, so that the same command continues it after a kill at any moment.

A checkpoint counts once its mark is in it, which is written last; without a mark it is half of one and is removed. Kept are the newest and
the best: the one whose weights answered most held-out questions correctly, of equals the one with the lower loss.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from nl2sql_arena.errors import BadInput

MARK = "whole"
WHAT = "run.json"
ACCURACY, LOSS = "eval_execution_accuracy", "eval_loss"
History = Sequence[Mapping[str, Any]]
"""What a trainer logged, an entry a report, each with its `step`."""


def begin(work: Path, what: Mapping[str, Any], again: bool) -> Path | None:
    """Prepare the folder of a run described by `what`; returns the last whole checkpoint, if there is one to continue from.

    Raises BadInput when the folder holds a run of another description, unless `again` lets that one go.
    """
    mark = sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
    known = work / WHAT
    if again:
        shutil.rmtree(work, ignore_errors=True)
    if known.exists() and json.loads(known.read_text(encoding="utf-8")) != mark:
        raise BadInput(f"{work} holds an unfinished run of another recipe or data; finish that one, or give --again to start anew.")
    work.mkdir(parents=True, exist_ok=True)
    write_whole(known, json.dumps(mark))
    return last_whole(work)


def write_whole(path: Path, text: str) -> None:
    """A file that is either there as a whole or not at all."""
    draft = path.with_name(f".{path.name}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def last_whole(work: Path) -> Path | None:
    """The newest checkpoint that was written to its end; halves are removed."""
    found = by_step(work)
    for path in found.values():
        if not (path / MARK).exists():
            shutil.rmtree(path)
    whole = [path for path in found.values() if path.exists()]
    return whole[-1] if whole else None


def by_step(work: Path) -> dict[int, Path]:
    """Step -> checkpoint, oldest first."""
    paths = {int(path.name.rpartition("-")[2]): path for path in work.glob("checkpoint-*")}
    return dict(sorted(paths.items()))


def saved(work: Path, step: int, history: History) -> None:
    """Marks the checkpoint just written as whole, then lets go of all but it and the best."""
    found = by_step(work)
    (found[step] / MARK).touch()
    keep = {step, best(history, found)}
    for other, path in found.items():
        if other not in keep:
            shutil.rmtree(path)


def best(history: History, among: Iterable[int]) -> int:
    """The step, of those given, whose weights are to be kept; the last one where nothing was examined."""
    steps = set(among)
    examined = [entry for entry in history if ACCURACY in entry and entry["step"] in steps]
    if not examined:
        return max(steps)
    return int(max(examined, key=lambda entry: (entry[ACCURACY], -entry.get(LOSS, 0.0), entry["step"]))["step"])
