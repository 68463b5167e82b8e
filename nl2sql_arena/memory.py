"""Main memory as this process may use it: the machine's or, in a container with a limit, what is left of that."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # accelerate brings it

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def main_memory(groups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> tuple[int, int]:
    """Bytes that are free and that there are. Without a container's limit it is what the system says."""
    machine = psutil.virtual_memory()
    free, total = int(machine.available), int(machine.total)
    for limit, used in _limits(groups, own):
        if limit < int(machine.total):  # version 1 writes a number beyond any machine's for "no limit"
            free, total = min(free, max(0, limit - used)), min(total, limit)
    return free, total


def trim() -> None:
    """Let the system have what was freed: the C library of Linux keeps blocks below 32 MB for itself, and most of a model's are."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back:
        give_back(0)


def _limits(groups: Path, own: Path) -> Iterator[tuple[int, int]]:
    """Limit and use, in bytes, of each control group that this process is in, from the innermost on.

    Use is what a container engine counts as the working set, as Kubernetes does: without files' pages that the kernel would give up first.
    Inside a container the innermost group lies at the mount's root, whatever its path on the host.
    """
    for root, path, names in _memberships(groups, own):
        place = root / path
        for folder in (place, *(parent for parent in place.parents if parent.is_relative_to(root))) if place.is_dir() else (root,):
            limit, used = (_number(folder / name) for name in names[:2])
            if limit is not None and used is not None:
                yield limit, used - _reclaimable(folder / "memory.stat", names[2])


def _memberships(groups: Path, own: Path) -> Iterator[tuple[Path, str, tuple[str, str, str]]]:
    """Where the group's files lie, its path there, and how limit, use and reclaimable pages are called: of version 2, then of version 1."""
    for line in _text(own).splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield groups, path.lstrip("/"), ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            yield groups / "memory", path.lstrip("/"), ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _reclaimable(stat: Path, name: str) -> int:
    found = (line.split() for line in _text(stat).splitlines())
    return next((int(words[1]) for words in found if words[0] == name), 0)


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdecimal() else None  # "max" is no limit


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
