"""The data sets that a fine-tuning can take, read as their authors publish them: one entry in `SOURCES` each.

A loader only reads; what its rows are worth, `gate` decides. Everything in a row is somebody else's text. Without a path a set is fetched
from the hub; Spider and BIRD come with databases that the hub does not hold: they need the folder that their authors' archive unpacks to.
Not covered: evidence that these sets are what their cards say; sizes and licences stand in docs/fine-tuning.md.
"""

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from nl2sql_arena import ddl
from nl2sql_arena.database import Database, at
from nl2sql_arena.errors import BadInput
from nl2sql_arena.published.records import Row, records, schema
from nl2sql_arena.training.generator import grammar

PAIRS_A_WORLD = 20
MISSING = 0
"""Stands for a field that a row does not have; an empty one may be NULL."""
GENERATED = 10_000
"""Pairs that the generator draws when nobody says how many."""
TAUGHT = 2_000
"""Pairs that are drawn about a database of one's own when nobody says how many; each repeats its whole schema."""
SUFFIXES = (".parquet", ".jsonl", ".json", ".csv")
SPLITS = ("train", "test", "dev", "validation", "valid")
ANY_DIALECT = ("duckdb", "postgres", "mysql", "sqlite")


@dataclass(frozen=True)
class Published:
    """One row of a set. `ddl` are CREATE TABLE and INSERT statements; `sqlite` is the file that holds the tables instead."""

    question: str
    sql: str
    ddl: str = ""
    sqlite: Path | None = None


@dataclass(frozen=True)
class Collection:
    """A set's rows; `dialects` in which its queries may be written, likeliest first; `guessed`: its column types are nobody's knowledge.

    Of a `database` all rows are our own grammar's: they need no gate, and are learned with the very schema that will be asked about.
    """

    rows: Iterable[Published]
    dialects: tuple[str, ...] = ANY_DIALECT
    guessed: bool = False
    database: Database | None = None


@dataclass(frozen=True)
class Order:
    """What is asked of a loader; `most` 0 means all, our grammar draws by `seed`, and `work` takes files made on the way."""

    path: str
    split: str
    most: int
    seed: int
    work: Path = Path(tempfile.gettempdir())


Loader = Callable[[Order], Collection]


@dataclass(frozen=True)
class Fields:
    """Under which names a table of pairs keeps them."""

    question: str
    sql: str
    ddl: str


def from_table(order: Order, hub: str, fields: Fields, dialects: tuple[str, ...], guessed: bool) -> Collection:
    """A set that is one table of questions, queries and statements. Raises BadInput."""
    files = _files(Path(order.path), order.split) if order.path else _files(fetched(hub), order.split)
    rows = (row for path in files for row in records(path))
    return Collection(_pairs(rows, fields, hub), dialects, guessed)


def own(order: Order) -> Collection:
    """A JSONL file of your own: `question`, `sql` in DuckDB's dialect, and `schema`, the CREATE TABLE (and INSERT) statements."""
    return Collection(_pairs(records(Path(order.path)), Fields("question", "sql", "schema"), order.path), ("duckdb",))


def generator(order: Order) -> Collection:
    """Our grammar over random worlds; the combinations that minis are measured on are left out."""
    return Collection(_drawn(random.Random(f"generator {order.seed}"), order.most or GENERATED), ("duckdb",))


def database(order: Order) -> Collection:
    """Our grammar over a database of one's own: a .duckdb file, or a folder with schema.sql and data. Raises BadInput, BadDatabase."""
    known = at(Path(order.path), order.work) if order.path else None
    if known is None:
        raise BadInput(f"There is no database at '{order.path}'; give a .duckdb file, or a folder with schema.sql and data, as path.")
    count = order.most or TAUGHT
    drawn = grammar.pairs(grammar.sample_world(known), random.Random(f"database {order.seed}"), 2 * count)
    rows = (Published(pair.question, pair.sql) for pair in drawn if not grammar.held_out(pair.combination))
    return Collection(islice(rows, count), ("duckdb",), database=known)


def spider(order: Order) -> Collection:
    """Spider's folder: train_spider.json, train_others.json or dev.json, tables.json, database/<name>/<name>.sqlite where they are."""
    files = {"train": ("train_spider.json", "train_others.json"), "dev": ("dev.json",), "test": ("test.json",)}
    return _with_databases(order, "Spider", files, ("tables.json", "test_tables.json"), ("database", "test_database"), "query")


def bird(order: Order) -> Collection:
    """BIRD's folder: train.json or dev.json, its ..._tables.json and ..._databases/<name>/<name>.sqlite where they are.

    A row's evidence, without which many of its questions have no answer, follows the question.
    """
    files = {"train": ("train.json",), "dev": ("dev.json",)}
    tables = ("train_tables.json", "dev_tables.json", "tables.json")
    return _with_databases(order, "BIRD", files, tables, ("train_databases", "dev_databases", "databases"), "SQL")


SOURCES: dict[str, Loader] = {
    "b-mc2/sql-create-context": partial(
        from_table,
        hub="b-mc2/sql-create-context",
        fields=Fields("question", "answer", "context"),
        dialects=("duckdb", "sqlite"),
        guessed=True,
    ),
    "gretelai/synthetic_text_to_sql": partial(
        from_table,
        hub="gretelai/synthetic_text_to_sql",
        fields=Fields("sql_prompt", "sql", "sql_context"),
        dialects=ANY_DIALECT,
        guessed=False,
    ),
    "motherduckdb/duckdb-text2sql-25k": partial(
        from_table,
        hub="motherduckdb/duckdb-text2sql-25k",
        fields=Fields("prompt", "query", "schema"),
        dialects=("duckdb",),
        guessed=True,
    ),
    "spider": spider,
    "bird": bird,
    "generator": generator,
    "database": database,
}
"""Name -> loader; any other name is the path of a JSONL file of one's own."""
PUBLIC = tuple(name for name in SOURCES if name not in ("generator", "database"))
"""Sets of others."""


def load(name: str, order: Order) -> Collection:
    """The collection of a source. Raises BadInput naming what is missing."""
    if name in SOURCES:
        return SOURCES[name](order)
    path = Path(order.path or name)
    if path.suffix == ".jsonl" and path.is_file():
        return own(Order(str(path), order.split, order.most, order.seed))
    raise BadInput(f"There is no data source '{name}'; use one of {', '.join(SOURCES)}, or the path of a JSONL file.")


def fetched(hub: str) -> Path:
    """The folder of a set's files, downloaded from the hub if they are not here yet. Raises BadInput."""
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(snapshot_download(hub, repo_type="dataset", allow_patterns=[f"*{suffix}" for suffix in SUFFIXES]))
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as problem:
        reason = str(problem).strip().splitlines()[0][:200] if str(problem).strip() else type(problem).__name__
        raise BadInput(f"{hub} cannot be fetched from the hub ({reason}); download it elsewhere and give its folder as path.") from problem


def _files(path: Path, split: str) -> list[Path]:
    """The file itself; of a folder's files those of the split, or all when none is named after a split and "train" is asked for."""
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    named = [file for file in found if split in file.stem.lower()]
    bare = [file for file in found if not any(each in file.stem.lower() for each in SPLITS)]
    chosen = named or (bare if split == "train" else [])
    if not chosen:
        raise BadInput(f"{path} holds no file of the split '{split}' ({', '.join(SUFFIXES)}); correct its path or split.")
    kinds = [suffix for suffix in SUFFIXES if any(file.suffix == suffix for file in chosen)]
    return [file for file in chosen if file.suffix == kinds[0]]  # one set in two formats is read once


def _pairs(rows: Iterable[Row], fields: Fields, name: str) -> Iterator[Published]:
    for number, row in enumerate(rows, 1):
        found = [row.get(key, MISSING) for key in (fields.question, fields.sql, fields.ddl)]
        if not all(text is None or isinstance(text, str) for text in found):
            wanted = f"{fields.question}, {fields.sql} and {fields.ddl}"
            raise BadInput(f"Row {number} of {name} lacks one of {wanted} as text; check that this is the right file.")
        question, sql, statements = (text or "" for text in found)
        yield Published(question, sql, statements)


def _drawn(rng: random.Random, count: int) -> Iterator[Published]:
    while count > 0:
        world = grammar.random_world(rng)
        inserts = [statement for statement in grammar.row_statements(world, rng) if statement.startswith("INSERT")]
        text = ";\n".join([ddl.written(world.schema.tables), *inserts])
        for pair in grammar.pairs(world, rng, min(count, PAIRS_A_WORLD)):
            if not grammar.held_out(pair.combination):
                count -= 1
                yield Published(pair.question, pair.sql, text)


def _with_databases(
    order: Order, name: str, files: Mapping[str, Sequence[str]], tables: Sequence[str], folders: Sequence[str], sql: str
) -> Collection:
    """A set of questions with a file of schemas beside it and perhaps a folder of SQLite databases, without which types are guesses."""
    if not order.path:
        raise BadInput(f"{name}'s databases are not on the hub; unpack its authors' archive and give the folder as path.")
    folder, wanted = Path(order.path), files.get(order.split, ())
    found = [path for path in (folder / each for each in wanted) if path.is_file()]
    if not found:
        raise BadInput(f"{folder} holds no {' or '.join(wanted) or f'file of the split {order.split}'}; give {name}'s own folder as path.")
    schemas = {
        str(row.get("db_id")): ddl.written(schema(row)) for each in tables if (folder / each).is_file() for row in records(folder / each)
    }
    databases = {path.stem: path for each in folders for path in (folder / each).glob("*/*.sqlite")}
    return Collection(_asked(found, sql, schemas, databases), ("sqlite", "duckdb"), guessed=not databases)


def _asked(files: Sequence[Path], sql: str, schemas: Mapping[str, str], databases: Mapping[str, Path]) -> Iterator[Published]:
    for path in files:
        for number, row in enumerate(records(path), 1):
            question, query, db = row.get("question"), row.get(sql), row.get("db_id")
            if not (isinstance(question, str) and isinstance(query, str) and isinstance(db, str)):
                raise BadInput(f"{path} row {number} lacks question, {sql} or db_id; check that this is the right file.")
            if db not in schemas and db not in databases:
                raise BadInput(f"{path} row {number} is about '{db}', of which there is no schema; add its tables file or database.")
            evidence = str(row.get("evidence") or "").strip()
            yield Published(f"{question.strip()} {evidence}".strip(), query, schemas.get(db, ""), databases.get(db))
