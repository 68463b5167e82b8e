"""The gate that every pair passes before a model learns from it: parsed, translated, bound and, where there are rows, executed on DuckDB.

The work is done in the sandbox's workers (`intake`), in batches, several at a time; nothing of a set's text is run or first parsed in
this process. What the workers found out about a row, good or bad, is a `Judged`.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from nl2sql_arena import ddl
from nl2sql_arena.published.sqlite_files import SAMPLE, convert
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training.sets.loaders import Collection, Published
from nl2sql_arena.types import Schema

BATCH = 40
"""Queries that one job of a worker judges."""
TOGETHER = 20
"""Queries over one schema that are judged together, so that it is built once for them."""
SECONDS = 2.0
"""For one query and all attempts to mend it."""
COSTLY = "brings the parser down"
NOTHING = "question or query is empty"
FOUND_NOTHING = "finds nothing"


@dataclass(frozen=True)
class Judged:
    """One row of a set after the gate; `reason` is empty where it passed, `sql` where no worker could read the text.

    `rows` are those of its tables, `file` the DuckDB file instead. `found` says whether the query finds a row, None where there are none to
    find. `notes` are about the schema's text.
    """

    source: str
    question: str
    sql: str
    schema: Schema
    reason: str = ""
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rows: ddl.Rows | None = None
    file: Path | None = None
    found: bool | None = None


@dataclass(frozen=True)
class _Group:
    """Rows over one schema, with their places in the set."""

    places: tuple[int, ...]
    rows: tuple[Published, ...]
    ddl: str
    file: Path | None
    name: str


def judged(
    source: str, collection: Collection, rows: Sequence[Published], sandbox: Sandbox, workers: int, folder: Path
) -> Iterator[Judged]:
    """The verdicts on rows of a collection, in their order as far as batches go; DuckDB files of its databases are written to `folder`.

    Raises BadInput for an unreadable database, Infrastructure.
    """
    groups = list(_groups(rows, source, folder))
    with ThreadPoolExecutor(workers) as pool:
        for found in pool.map(lambda batch: _asked(source, collection, batch, sandbox), _batches(groups)):
            yield from found


def _groups(rows: Sequence[Published], source: str, folder: Path) -> Iterator[_Group]:
    """The rows by their schema, at most TOGETHER each, databases of SQLite built as DuckDB files on the way."""
    places: dict[tuple[str, Path | None], list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault((row.ddl, row.sqlite), []).append(place)
    for (text, sqlite), found in places.items():
        file, name = None, _slug(source)
        if sqlite:
            name = f"{name}-{_slug(sqlite.stem)}-{_hash(str(sqlite))}"
            file = folder / f"{name}.duckdb"
            text = ddl.written(convert(sqlite, file, SAMPLE))  # noqa: PLW2901  the file's own tables are better than what is said of them
        for start in range(0, len(found), TOGETHER):
            some = found[start : start + TOGETHER]
            yield _Group(tuple(some), tuple(rows[place] for place in some), text, file, name)


def _batches(groups: Iterable[_Group]) -> Iterator[list[_Group]]:
    batch: list[_Group] = []
    for group in groups:
        if batch and sum(len(each.rows) for each in batch) + len(group.rows) > BATCH:
            yield batch
            batch = []
        batch.append(group)
    if batch:
        yield batch


def _asked(source: str, collection: Collection, batch: list[_Group], sandbox: Sandbox) -> list[Judged]:
    verdicts = sandbox.check([_item(collection, group) for group in batch], SECONDS)
    found: list[Judged] = []
    for group, verdict in zip(batch, verdicts, strict=True):
        if "lost" not in verdict:
            found += _read(source, group, verdict)
        elif len(group.rows) > 1:
            alone = [replace(group, places=(place,), rows=(row,)) for place, row in zip(group.places, group.rows, strict=True)]
            found += [each for one in alone for each in _asked(source, collection, [one], sandbox)]
        else:
            (row,) = group.rows
            found.append(Judged(source, row.question, "", Schema(group.name, ()), COSTLY))
    return found


def _item(collection: Collection, group: _Group) -> dict[str, Any]:
    return {
        "ddl": group.ddl,
        "path": str(group.file or ""),
        "dialects": list(collection.dialects),
        "guessed": collection.guessed,
        "queries": [row.sql for row in group.rows],
    }


def _read(source: str, group: _Group, verdict: dict[str, Any]) -> Iterator[Judged]:
    """What a worker says, as records."""
    tables = ddl.tables_of(verdict["tables"])
    rows = {name: [tuple(row) for row in found] for name, found in verdict["rows"].items() if found}
    for row, each in zip(group.rows, verdict["queries"], strict=True):
        question = " ".join(row.question.encode("utf-8", "replace").decode().split())
        own = tables if each["tables"] is None else ddl.tables_of(each["tables"])
        name = group.name if group.file else f"{group.name}-{_hash(repr((own, rows)))}"
        reason = each["reason"] or ("" if question and each["sql"].strip() else NOTHING)
        yield Judged(
            source, question, each["sql"], Schema(name, own), reason, tuple(each["repairs"]), tuple(verdict["notes"]),
            rows or None, group.file, each["found"],
        )  # fmt: skip


def _slug(name: str) -> str:
    """A name for files and databases: letters and digits."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in Path(name).stem.lower())
    return "-".join(part for part in kept.split("-") if part)[:40] or "set"


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
