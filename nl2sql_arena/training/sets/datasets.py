"""What a fine-tuning is made of: a mix of sources -> pairs to train on, and questions on other schemas to measure it by.

`build` is the one way in: `loaders` read, the `gate` checks and repairs, `overlap` takes out what is measured and what is nearly the same,
and what is left is split by schema here. A recipe's data mix is a list of tables, each of them one `Source`:

    [[data]]
    source = "gretelai/synthetic_text_to_sql"
    path = ""
    split = "train"
    most = 20000
"""

import os
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from nl2sql_arena.database import Database, binds, connect_trusted
from nl2sql_arena.errors import BadInput
from nl2sql_arena.published.files import build_file
from nl2sql_arena.published.invented_rows import invented
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training.apart import measured_on
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.training.sets import gate, loaders, overlap
from nl2sql_arena.training.sets.gate import Judged
from nl2sql_arena.training.sets.loaders import Order, Published
from nl2sql_arena.types import SCORE, Example, Schema

Log = Callable[[str], None]
HELD_OUT = 200
"""Questions that a fine-tuning is measured by, unless the caller wants another number."""
MOST_HELD_OUT = 5
"""One pair in so many is held out at most, so that a small set still trains."""
FROM_ONE_SCHEMA = 20
"""Questions on one schema that are held out at most."""
CLOCK = re.compile(r"\b(?:current_(?:date|time|timestamp)|localtime(?:stamp)?|now|today|get_current_\w+|random|uuid)\b", re.IGNORECASE)
"""What makes a query's answer depend on when it is run."""
EVALUATIONS = {"spider": "Spider", "bird": "BIRD"}
"""Evaluation sets of others that models are commonly measured on, with their titles."""
SPARE = "its schema is held out"
SPARE_FORM = "its form of query is held out"
FORMS_APART = 10
"""Percent of the forms of query about a database that is taught of which none is trained."""
UNBOUND = "does not bind"


@dataclass(frozen=True)
class Source:
    """One line of a data mix. `source` is a name in `loaders.SOURCES` or the path of a JSONL file of your own.

    `path` is where the set lies as its authors publish it (a file or folder), or the `database` that is taught; empty means: fetched from
    the hub, or drawn (`generator`). `most` is how many of its rows are read, drawn at random by the seed; 0 means all (for `generator`:
    10,000, for `database`: 2,000).
    """

    source: str
    path: str = ""
    split: str = "train"
    most: int = 0

    @property
    def title(self) -> str:
        """What it is, without its place on this machine."""
        if self.source == "database":
            return f"the database {Path(self.path).stem}"
        return Path(self.source).name if self.source.endswith(".jsonl") else self.source


@dataclass(frozen=True)
class Dataset:
    """Checked pairs, split by schema: no table of a `held_out` question is in a schema that `train` knows, but for a database that is
    taught, of which `train` has no query of the same form.

    `files` are the DuckDB files and `schemas` the schemas of the held-out questions, by `Example.db`; each `Example.gold_sql` finds rows in
    its file. `counts` says per source what became of its rows: {"gretelai/...": {"read": 100, "train": 80, "dropped: ...": 5, ...}}.
    """

    train: tuple[TrainingPair, ...]
    held_out: tuple[Example, ...]
    files: Mapping[str, Path]
    schemas: Mapping[str, Schema]
    counts: Mapping[str, Mapping[str, int]]


def build(
    sources: Sequence[Source],
    databases: Mapping[str, Database],
    folder: Path,
    seed: int,
    log: Log,
    held_out: int = HELD_OUT,
    measured: Sequence[Source] = (),
) -> Dataset:
    """Load, check, repair, thin out and split the sources; the same arguments give the same pairs in the same order.

    `databases` are the sample databases, whose questions never enter training; `measured` other evaluation sets to keep apart, such as
    `Source("spider", "spider_data", "dev")`. Files of held-out questions are written to `folder`; at most `held_out` questions are taken.
    A query whose check takes about as long as the limit may pass in one run and not in another.
    Raises BadInput for a source that cannot be read or leaves no pair, Infrastructure when the sandbox fails.
    """
    workers = max(2, min(8, os.cpu_count() or 2))
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as work, Sandbox(workers, wait_seconds=600) as sandbox:
        mill = _Mill(sandbox, workers, Path(work), seed, log, counts)
        theirs = overlap.measured(each for number, source in enumerate(measured) for each in mill.judged(source, f"measured-{number}"))
        counts.clear()
        mill.taught.clear()
        passed = [each for number, source in enumerate(sources) for each in mill.passed(source, f"source-{number}")]
        kept = list(overlap.apart(passed, measured_on({**databases, **mill.taught}), theirs, mill.drop))
        wanted = min(held_out, len(kept) // MOST_HELD_OUT)
        train, chosen = _split(kept, random.Random(f"split {seed}"), wanted, mill.drop, mill.taught)
        dataset = _written(train, chosen, folder, mill)
    if not dataset.train:
        raise BadInput(f"Nothing of the data mix is left to train on ({_told(counts)}); correct its paths or add a source.")
    if held_out and not dataset.held_out:
        log("no question is held out: too few pairs, or all of them share tables")
    return dataset


def unchecked(sources: Sequence[Source], measured: Sequence[Source]) -> str:
    """Says which evaluation sets the public ones of a mix are not kept apart from, and how they would be; "" where there is nothing to say.

    Neither set can ship here, and several public ones are made from Spider.
    """
    public = [each.source for each in sources if each.source in loaders.PUBLIC]
    named = {each.source for each in measured if each.split != "train"}
    missing = [title for name, title in EVALUATIONS.items() if name not in named]
    if not public or not missing:
        return ""
    return (
        f"overlap of {', '.join(dict.fromkeys(public))} with the dev questions of {' and '.join(missing)} is not checked: name their "
        'folders by [[measured]] tables with split = "dev" in the recipe, or to `data report` by --measured spider=FOLDER'
    )


def _told(counts: Mapping[str, Mapping[str, int]]) -> str:
    """What became of the rows, in words."""
    return "; ".join(f"{source}: {', '.join(f'{n} {what}' for what, n in found.items())}" for source, found in counts.items())


@dataclass(frozen=True)
class _Mill:
    """What all sources go through, and the count of what becomes of their rows."""

    sandbox: Sandbox
    workers: int
    work: Path
    seed: int
    log: Log
    counts: dict[str, Counter[str]]
    taught: dict[str, Database] = field(default_factory=dict)
    """Databases of the user's own that are taught, by name."""

    def count(self, source: str, what: str, n: int = 1) -> None:
        self.counts.setdefault(source, Counter())[what] += n

    def drop(self, each: Judged, reason: str) -> None:
        self.count(each.source, f"dropped: {reason}")

    def judged(self, source: Source, name: str) -> Iterator[Judged]:
        """All rows of a source that are wanted, with the gate's verdict."""
        collection = loaders.load(source.source, Order(source.path, source.split, source.most, self.seed, self.work / name))
        rows = _some(list(collection.rows), source.most, random.Random(f"{source.source} {self.seed}"))
        self.count(source.source, "read", len(rows))
        self.log(f"{source.source}: {len(rows):,} rows read, now checking")
        if collection.database:
            found = self._ours(source.source, collection.database, rows)
        else:
            found = gate.judged(source.source, collection, rows, self.sandbox, self.workers, self.work / name)
        for number, each in enumerate(found, 1):
            if number % 1_000 == 0:
                self.log(f"{source.source}: {number:,} of {len(rows):,} rows checked")
            yield each

    def _ours(self, source: str, database: Database, rows: Sequence[Published]) -> Iterator[Judged]:
        """Pairs that our own grammar composed over a database of the user's, bound there. Raises BadInput for two of one name."""
        if self.taught.setdefault(database.name, database).path() != database.path():
            raise BadInput(f"Two databases of the data mix are called {database.name}; rename one.")
        with closing(connect_trusted(database.path())) as connection:
            for row in rows:
                reason = "" if binds(connection, row.sql) else UNBOUND
                yield Judged(source, row.question, row.sql, database.schema(), reason, file=database.path())

    def passed(self, source: Source, name: str) -> Iterator[Judged]:
        """Those that the gate lets through."""
        for each in self.judged(source, name):
            if each.reason:
                self.drop(each, each.reason)
                continue
            for what in (*each.repairs, *each.notes):
                self.count(each.source, f"repaired: {what}")
            if each.found is False:
                self.count(each.source, "kept, though it finds nothing in its few rows")
            yield each


def _some(rows: list[Published], most: int, rng: random.Random) -> list[Published]:
    """At most so many of the rows, in their order."""
    if not most or len(rows) <= most:
        return rows
    return [rows[place] for place in sorted(rng.sample(range(len(rows)), most))]


def _split(
    pairs: list[Judged], rng: random.Random, wanted: int, drop: Callable[[Judged, str], None], taught: Collection[str]
) -> tuple[list[Judged], list[Judged]]:
    """Pairs to train on, and `wanted` others that share no table with them, can be executed and do not depend on the clock.

    A database that is taught stays in training. Up to half of the others, or all where there are no other schemas, are about it; they are
    asked for with forms of query that training then lacks.
    """
    groups = list(_related(pairs).values())
    rng.shuffle(groups)
    groups.sort(key=lambda group: len(group) > 2 * wanted)  # a large one costs too much training for what it adds
    chosen: list[Judged] = []
    train = {id(each) for each in pairs}
    sides: dict[bool, list[list[Judged]]] = {True: [], False: []}
    for group in groups:
        sides[any(each.schema.db in taught for each in group)].append(group)
    own, rest = sides[True], sides[False]
    for group in own if wanted else ():
        apart = [each for each in group if crc32(overlap.skeleton(each.sql).encode()) % 100 < FORMS_APART]
        usable = [each for each in apart if _usable(each)]
        chosen += rng.sample(usable, min(len(usable), wanted // (2 * len(own) if rest else len(own))))
        train -= {id(each) for each in apart}
        kept = {id(each) for each in chosen}
        for each in apart:
            if id(each) not in kept:
                drop(each, SPARE_FORM)
    for group in rest[: len(groups) - 1 if wanted else 0]:
        usable = [each for each in group if _usable(each)]
        taken = usable[: min(FROM_ONE_SCHEMA, wanted - len(chosen))]
        if taken and (len(group) <= 2 * wanted or not chosen):
            chosen += taken
            train -= {id(each) for each in group}
            kept = {id(each) for each in taken}
            for each in group:
                if id(each) not in kept:
                    drop(each, SPARE)
    return [each for each in pairs if id(each) in train], chosen


def _usable(each: Judged) -> bool:
    """Whether a pair can be a question with one right answer."""
    return each.found is not False and not CLOCK.search(each.sql)


def _related(pairs: list[Judged]) -> dict[int, list[Judged]]:
    """Groups of pairs whose schemas are linked by tables that are the same in name and columns, by the place of their first pair."""
    parent = list(range(len(pairs)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[tuple[str, frozenset[str]], int] = {}
    for place, each in enumerate(pairs):
        for table in overlap.signature(each.schema):
            one, other = root(first.setdefault(table, place)), root(place)
            parent[max(one, other)] = min(one, other)
    groups: dict[int, list[Judged]] = {}
    for place, each in enumerate(pairs):
        groups.setdefault(root(place), []).append(each)
    return groups


def _written(train: list[Judged], chosen: list[Judged], folder: Path, mill: _Mill) -> Dataset:
    """The data set, with a file for each schema whose questions are held out and whose golds find something in it."""
    known: dict[str, Schema] = {}
    pairs = tuple(TrainingPair(each.question, each.sql, known.setdefault(each.schema.db, each.schema), each.source) for each in train)
    for each in train:
        mill.count(each.source, "train")
    examples: list[Example] = []
    files: dict[str, Path] = {}
    schemas: dict[str, Schema] = {}
    folder.mkdir(parents=True, exist_ok=True)
    by_db: dict[str, list[Judged]] = {}
    for each in chosen:
        by_db.setdefault(each.schema.db, []).append(each)
    for db, asked in by_db.items():
        file = _file(asked, folder / f"{db}.duckdb", mill.seed, mill.work)
        for number, each in enumerate(asked):
            outcome = mill.sandbox.run(file, each.sql, SCORE)
            if outcome.outcome != "ok" or outcome.truncated:
                mill.drop(each, "held out, but its query finds nothing to compare")
                continue
            examples.append(Example(f"{db}-{number}", db, each.question, (each.sql,), each.source, "held-out"))
            files[db], schemas[db] = file, each.schema
            mill.count(each.source, "held out")
    return Dataset(pairs, tuple(examples), files, schemas, {source: dict(found) for source, found in mill.counts.items()})


def _file(asked: Sequence[Judged], target: Path, seed: int, work: Path) -> Path:
    """The DuckDB file of one schema: the user's own, a copy of the set's, one with its rows, or one with rows that we invent."""
    first = asked[0]
    if first.file and not first.file.is_relative_to(work):
        return first.file
    if first.file:
        shutil.copyfile(first.file, target)
    else:
        rows = first.rows or invented(first.schema, (each.sql for each in asked), f"{seed} {first.schema.db}")
        build_file(target, first.schema.tables, rows)
    return target
