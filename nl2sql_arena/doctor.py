"""Why does it run as it does here, or not at all: the machine, what each card would load as, whether the hub answers, one question."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nl2sql_arena import __version__, catalog, hardware
from nl2sql_arena.errors import ArenaError
from nl2sql_arena.hub import Hub
from nl2sql_arena.services import Profile, Services, choose_profile
from nl2sql_arena.types import ModelCard, Request

if TYPE_CHECKING:
    from nl2sql_arena.backends.local.pace import Pace

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "duckdb", "sqlglot", "gradio", "huggingface_hub")
GB = 1e9
State = Literal["ready", "to download", "missing", "too large", "unavailable"]


@dataclass(frozen=True)
class Room:
    """Memory or a disk; amounts in GB (10^9 bytes)."""

    name: str
    free: float
    total: float


@dataclass(frozen=True)
class Finding:
    """What a card would load as, here and now and alone; `gigabytes` of weights, 0 if none or not known.

    `least_seconds` is what an answer takes at the least (`Report.speed` says how that is computed), 0 where nothing can be said.
    """

    name: str
    title: str
    state: State
    precision: str
    why: str
    gigabytes: float = 0.0
    least_seconds: float = 0.0


@dataclass(frozen=True)
class Asked:
    """One model's answer to the question."""

    model: str
    outcome: str
    seconds: float
    precision: str
    sql: str
    message: str


@dataclass(frozen=True)
class Question:
    """The question that was put to the default pair, or why it could not be."""

    db: str
    question: str
    profile: str
    answers: tuple[Asked, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Report:
    system: str
    python: str
    device: str
    rooms: tuple[Room, ...]
    versions: dict[str, str]
    """Package -> version, empty where it is not installed."""
    hub: str
    speed: str
    """What this machine did in a moment, from which the least times of answers are computed; empty where it was not measured."""
    models: tuple[Finding, ...]
    question: Question | None


def examine(services: Services, ask: bool = True, hub: Hub | None = None, announce: Callable[[str], None] = lambda _line: None) -> Report:
    """Everything; `announce` gets a line before each step that may take long. Never raises for what it finds."""
    announce("Looking at the machine ...")
    device = hardware.detect()
    rooms = [Room(each.name, each.free / GB, each.total / GB) for each in hardware.memories()]
    for what, place in _disks(services):
        disk = shutil.disk_usage(place)
        rooms.append(Room(what, disk.free / GB, disk.total / GB))
    answers, reached = _hub(hub or Hub())
    announce("Looking at the models ...")
    pace = None if device.zero_gpu else _pace(services.cards.values())
    findings = tuple(_finding(card, services, answers, pace) for card in services.cards.values())
    return Report(
        system=f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores",
        python=sys.version.split()[0],
        device=device.name,
        rooms=tuple(rooms),
        versions={"nl2sql_arena": __version__} | {package: _version(package) for package in PACKAGES},
        hub=reached,
        speed=_speed(pace),
        models=findings,
        question=_question(services, device, announce) if ask else None,
    )


def _disks(services: Services) -> list[tuple[str, Path]]:
    """What is written where; the nearest folder that exists stands for one that does not yet."""
    from huggingface_hub import constants

    wanted = [("disk of ARENA_DATA", services.settings.data), ("disk of the hub's cache", Path(constants.HF_HUB_CACHE))]
    return [(what, next(folder for folder in (path, *path.parents) if folder.is_dir())) for what, path in wanted]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _hub(hub: Hub) -> tuple[bool, str]:
    """Whether it answers, and in words."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False, "not asked: HF_HUB_OFFLINE is set, so only weights on this machine can be loaded"
    if hub.reachable():
        return True, "answers"
    return False, "cannot be reached, so only weights on this machine can be loaded"


def _pace(cards: Iterable[ModelCard]) -> "Pace | None":
    """Of this machine, where there is a card whose answers it says something about."""
    if not any(card.backend == "local" and card.kind == "real" for card in cards):
        return None
    from nl2sql_arena.backends.local import pace

    return pace.measure()


def _speed(pace: "Pace | None") -> str:
    if pace is None:
        return ""
    from nl2sql_arena.backends.local.pace import READ, WRITTEN

    return (
        f"{pace.bytes / GB:.1f} GB/s of weights and {pace.operations / 1e12:.2g} TFLOP/s in {pace.dtype} on {pace.device}, "
        f"measured just now (less while other work runs); "
        f"at that pace an answer of {WRITTEN} tokens to a prompt of {READ:,} takes the seconds below, or longer"
    )


def _finding(card: ModelCard, services: Services, hub_answers: bool, pace: "Pace | None") -> Finding:
    if card.server:
        return _served(card)
    if card.backend != "local":
        return Finding(card.name, card.title, "ready", "none", "it has no weights")
    from nl2sql_arena.backends.local import SMALL
    from nl2sql_arena.backends.local.forecast import forecast

    found = forecast(card, services.settings.models / card.name)
    state: State = found.state
    why = found.why
    cache = dict(_disks(services))["disk of the hub's cache"]
    if state == "to download" and (free := shutil.disk_usage(cache).free / GB) < card.download_gb:
        state, why = "too large", f"{why}, which does not fit {free:.1f} GB of free disk; set HF_HOME to a larger one"
    if state == "to download" and not hub_answers:
        state, why = "unavailable", f"{why}, and the hub cannot be reached"
    is_small = found.parameters < SMALL  # then other things than its weights take the time
    least = 0.0 if pace is None or is_small else pace.least_seconds(found.parameters, found.gigabytes * GB)
    return Finding(card.name, card.title, state, found.precision, why, round(found.gigabytes, 3), float(f"{least:.2g}"))


def _served(card: ModelCard) -> Finding:
    from nl2sql_arena.backends import endpoint

    try:
        found = endpoint.load(card)
    except ArenaError as problem:
        return Finding(card.name, card.title, "unavailable", "", str(problem))
    away = ", another host" if catalog.elsewhere(card) else ""
    return Finding(card.name, card.title, "ready", found.precision, f"its server answers{away}; context {found.context} tokens")


def _question(services: Services, device: hardware.Device, announce: Callable[[str], None]) -> Question:
    """The first example of the first database, put to the pair that the page would open with."""
    db = next(iter(services.databases), "")
    asked, profile = "", "none"
    try:
        asked = services.examples(db, "arena")[0].question
        opened: Profile = choose_profile(services, device.has_gpu, device.name, announce)
        profile = opened.kind
        if not opened.running:
            return Question(db, asked, profile, problem=opened.reason)
        requests = [Request("doctor", model, db, asked) for model in opened.pair]
        answers = tuple(
            Asked(
                each.model, each.outcome, round(each.seconds, 3), each.precision, each.prepared.sql, each.execution.message
            )
            for each in services.engine.answers(requests)
        )  # fmt: skip
    except ArenaError as problem:
        return Question(db, asked, profile, problem=str(problem))
    except IndexError:
        return Question(db, asked, profile, problem="There is no database with examples here.")
    return Question(db, asked, profile, answers, opened.reason)


def as_json(report: Report) -> dict[str, object]:
    return asdict(report)


def as_text(report: Report) -> str:
    lines = [
        f"System   {report.system}; Python {report.python}",
        f"Device   {report.device}",
        *(f"Free     {room.free:.1f} of {room.total:.1f} GB, {room.name}" for room in report.rooms),
        "Versions " + ", ".join(f"{name} {found or 'not installed'}" for name, found in report.versions.items()),
        f"Hub      {report.hub}",
        *([f"Speed    {report.speed}"] if report.speed else []),
        "",
        "Models, each as it would load now and alone:",
        *(_line(found, max(len(each.name) for each in report.models)) for found in report.models),
    ]
    if report.question:
        lines += ["", *_asked(report.question)]
    return "\n".join(lines)


def _line(found: Finding, width: int) -> str:
    size = f"{found.gigabytes:.2g} GB of weights" if found.gigabytes else ""
    least = f"{found.least_seconds:g} s an answer or longer" if found.least_seconds else ""
    told = ", ".join(filter(None, (size, least)))
    precision = f"{found.precision}{f' ({told})' if told else ''}: " if found.precision not in ("", "none") else ""
    return f"  {found.state:<11} {found.name:<{width}} {precision}{found.why}"


def _asked(question: Question) -> list[str]:
    lines = [f"Question to the default pair ({question.profile}), database {question.db}: {question.question}"]
    lines += [f"  {question.problem}"] if question.problem else []
    for each in question.answers:
        said = f": {each.message}" if each.message else ""
        lines += [f"  {each.model}: {each.outcome} after {each.seconds:.2f} s, {each.precision}{said}", f"    {' '.join(each.sql.split())}"]
    return lines
