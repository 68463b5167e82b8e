"""The sample databases: folders of `sample_dbs/` built into DuckDB files, and what they contain.

All statements in this module are our own; the folders are ours too. Queries of a model or a visitor go to `sandbox`, never here.
A built file is named by the hash of what it is made of, and put in place whole: two processes may build at once, and a file is either
right or absent. Not covered: files that a visitor brings.
"""

import hashlib
import importlib.util
import json
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import duckdb

from nl2sql_arena import cells, sampledata
from nl2sql_arena.errors import BadDatabase, BadInput
from nl2sql_arena.linking import LONGEST_VALUE, ValueIndex
from nl2sql_arena.settings import Settings
from nl2sql_arena.types import Column, Example, Execution, ForeignKey, Link, ResultColumn, Schema, Split, Table

BUILDER = "1"
"""Part of a built file's name; raised when building changes what it contains."""
READ_CSV = """read_csv(?, columns = ?, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
    nullstr = '\\N', allow_quoted_nulls = false)"""
TABLES = "SELECT table_oid, table_name, coalesce(comment, '') FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY table_oid"
COLUMNS = """SELECT column_name, data_type, coalesce(comment, ''), is_nullable
    FROM duckdb_columns() WHERE table_oid = ? ORDER BY column_index"""
KEYS = """SELECT constraint_type, constraint_column_names, referenced_table, referenced_column_names
    FROM duckdb_constraints() WHERE table_oid = ? ORDER BY constraint_index"""
DISTINCT_VALUES = 200
INDEXED_VALUES = 20_000
"""Values of a column, the most frequent first, that questions are searched for."""
PREVIEW_CHARS = 2_000


Connection = duckdb.DuckDBPyConnection


def connect_trusted(path: Path | None = None, read_only: bool = True) -> duckdb.DuckDBPyConnection:
    """A plain connection to a file, or to memory, for our OWN statements: building, and checks of training data.

    Never for SQL of a model or a visitor: it can read and write files. That goes to `sandbox.Sandbox.run`.
    """
    return duckdb.connect(str(path), read_only=read_only) if path else duckdb.connect()


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, as data. Raises BadInput."""
    try:
        with closing(connect_trusted()) as memory:
            memory.execute("SELECT * FROM read_parquet(?)", [str(path)])
            names = [column[0] for column in memory.description or ()]
            while rows := memory.fetchmany(1_000):
                yield from (dict(zip(names, row, strict=True)) for row in rows)
    except duckdb.Error as problem:
        raise BadInput(f"{path} is not a readable Parquet file ({_reason(problem)}); download it again.") from problem


def binds(connection: Connection, sql: str) -> bool:
    """Whether a query of our own fits the connection's tables; it is not run."""
    try:
        connection.execute(f"EXPLAIN {sql}")
    except duckdb.Error:
        return False
    return True


def failure(connection: Connection, sql: str) -> str:
    """Why a query of our own gives nothing: DuckDB's message, "no rows", or "" when it gives some."""
    try:
        return "" if connection.execute(sql).fetchone() else "no rows"
    except duckdb.Error as problem:
        return _reason(problem)


def catalogue(settings: Settings) -> "dict[str, Database]":
    """The databases of `settings.sample_dbs` by name, in the order of their folders; nothing is built yet."""
    folders = sorted(path.parent for path in settings.sample_dbs.glob("*/schema.sql"))
    return {folder.name: Database(folder.name, folder, settings.data / "databases") for folder in folders}


def opened(path: Path) -> "Database":
    """A DuckDB file as a database, read where it lies; its questions, if any, in a folder of its name beside it. Raises BadDatabase."""
    try:
        with closing(connect_trusted(path)) as connection:
            tables = connection.execute("SELECT 1 FROM duckdb_tables() LIMIT 1").fetchall()
    except duckdb.Error as problem:
        raise BadDatabase(f"{path} cannot be opened as a DuckDB database ({_reason(problem)}); name a .duckdb file.") from problem
    if not tables:
        raise BadDatabase(f"{path} holds no table; name a database with some.")
    return Database(path.stem, path.with_suffix(""), path.parent, path.resolve())


def at(path: Path, cache: Path) -> "Database | None":
    """A user's own database: a .duckdb file, or a folder with schema.sql and data, built into `cache`; else None. Raises BadDatabase."""
    if path.is_file():
        return opened(path)
    return Database(path.resolve().name, path, cache) if (path / "schema.sql").is_file() else None


@dataclass(frozen=True)
class Database:
    """One folder with `schema.sql`, `data/*.csv` and `questions.jsonl`; `cache` is where its built file lives. Or a `file` as it is.

    `described` are the tables of a file as its author describes them: their order and keys, which a file built from data does not hold.
    """

    name: str
    folder: Path
    cache: Path
    file: Path | None = None
    described: tuple[Table, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def path(self) -> Path:
        """The DuckDB file, built if it is not there. Raises BadDatabase."""
        if self.file:
            return self.file
        target = self.cache / f"{self.name}-{self._hash}.duckdb"
        with self._lock:
            if not target.is_file():
                build_from(self.folder, self.folder / "data", target)
                self._remove_older(target)
        return target

    def build(self, seed: int, target: Path) -> None:
        """A file with the data that `generate.py` makes from another seed. Raises BadDatabase."""
        with tempfile.TemporaryDirectory() as data:
            sampledata.write(_generated(self.folder, seed), Path(data))
            build_from(self.folder, Path(data), target)

    def variant(self, seed: int) -> "Database | None":
        """The same tables with the rows of another seed, built in the cache once; None where no generator is. Raises BadDatabase."""
        generator = self.folder / "generate.py"
        if self.file or not generator.is_file():
            return None
        digest = hashlib.sha256(f"{duckdb.__version__} {BUILDER} {seed}".encode())
        for path in (self.folder / "schema.sql", generator, Path(sampledata.__file__)):
            digest.update(path.read_bytes())
        target = self.cache / "variants" / f"{self.name}-{digest.hexdigest()[:12]}.duckdb"
        if not target.is_file():
            self.build(seed, target)
        return Database(f"{self.name}, seed {seed}", self.folder, target.parent, target)

    def schema(self) -> Schema:
        """Tables in the order of schema.sql, with comments, keys and row counts. Raises BadDatabase."""
        return self._schema

    def values(self) -> dict[tuple[str, str], list[str]]:
        """(table, column) -> its values, most frequent first, for text columns with at most 200 different ones. Raises BadDatabase."""
        return self._values

    def links(self, question: str) -> tuple[Link, ...]:
        """The stored text values that a question names. Raises BadDatabase."""
        return self._index.links(question)

    def distinct_rows(self, table: str, columns: Sequence[str], most: int) -> list[tuple[str, ...]]:
        """Up to `most` different rows of some columns, as text, without NULLs, in no meant order. Raises BadInput, BadDatabase."""
        known = {each.name: {column.name for column in each.columns} for each in self.schema().tables}
        if unknown := [name for name in columns if name not in known.get(table, ())]:
            raise BadInput(f"There is no column {table}.{unknown[0]} in {self.name}; name columns of one of its tables.")
        names = ", ".join(map(_quoted, columns))
        filled = " AND ".join(f"{_quoted(name)} IS NOT NULL" for name in columns)
        query = f"SELECT DISTINCT {names} FROM {_quoted(table)} WHERE {filled} ORDER BY hash({names}), {names} LIMIT {int(most)}"
        with closing(connect_trusted(self.path())) as connection:
            return [tuple(map(str, row)) for row in connection.execute(query).fetchall()]

    def preview(self, table: str, n: int = 5) -> Execution:
        """The first rows of a table. Raises BadInput for an unknown one, BadDatabase."""
        if table not in (known := [each.name for each in self.schema().tables]):
            raise BadInput(f"There is no table {table} in {self.name}; choose one of {', '.join(known)}.")
        with closing(connect_trusted(self.path())) as connection:
            connection.execute(f"SELECT * FROM {_quoted(table)} ORDER BY rowid LIMIT {int(n)}")
            kinds = [(column[0], column[1]) for column in connection.description or ()]
            encoders = [cells.encoder(kind) for _, kind in kinds]
            rows = tuple(
                tuple(cells.cut(encode(cell), PREVIEW_CHARS) for encode, cell in zip(encoders, row, strict=True))
                for row in connection.fetchall()
            )
        columns = tuple(ResultColumn(name, str(kind)) for name, kind in kinds)
        return Execution("ok" if rows else "empty", columns, rows, len(rows))

    @cached_property
    def content(self) -> str:
        """What tells a folder from another one of its name: 16 hexadecimal digits of its tables and rows; empty for a file."""
        return "" if self.file else _digest(self.folder, hashlib.sha256()).hexdigest()[:16]

    @cached_property
    def ddl_hash(self) -> str:
        """16 hexadecimal digits of a folder's tables without their rows; empty for a file."""
        return "" if self.file else _digest_of([self.folder / "schema.sql"], hashlib.sha256()).hexdigest()[:16]

    @cached_property
    def data_hash(self) -> str:
        """16 hexadecimal digits of a folder's rows; empty for a file."""
        return "" if self.file else _digest_of(_data(self.folder), hashlib.sha256()).hexdigest()[:16]

    def examples(self) -> tuple[Example, ...]:
        """The questions of questions.jsonl. Raises BadDatabase naming the line that is wrong."""
        return self._examples

    @cached_property
    def _hash(self) -> str:
        return _digest(self.folder, hashlib.sha256(f"{duckdb.__version__} {BUILDER}".encode())).hexdigest()[:12]

    @cached_property
    def _schema(self) -> Schema:
        if self.file:
            with closing(connect_trusted(self.file)) as connection:
                tables = tuple(_tables(connection))
            if not tables:
                raise BadDatabase(f"{self.file} keeps its tables in other schemas than main, which no prompt shows; copy them to main.")
            return Schema(self.name, _as_described(tables, self.described))
        with closing(connect_trusted()) as memory:
            memory.execute((self.folder / "schema.sql").read_text(encoding="utf-8"))
            order = [name for _, name, _ in memory.execute(TABLES).fetchall()]
        with closing(connect_trusted(self.path())) as connection:  # a file that is opened again lists its tables in another order
            return Schema(self.name, tuple(sorted(_tables(connection), key=lambda table: order.index(table.name))))

    @cached_property
    def _index(self) -> ValueIndex:
        """Of every text column's short values, the most frequent first."""
        texts = [(table.name, column.name) for table in self.schema().tables for column in table.columns if column.type == "VARCHAR"]
        with closing(connect_trusted(self.path())) as connection:
            return ValueIndex({(table, column): _short_values(connection, table, column) for table, column in texts})

    @cached_property
    def _values(self) -> dict[tuple[str, str], list[str]]:
        texts = [(table.name, column.name) for table in self.schema().tables for column in table.columns if column.type == "VARCHAR"]
        with closing(connect_trusted(self.path())) as connection:
            found = {(table, column): _frequent(connection, table, column) for table, column in texts}
        return {key: values for key, values in found.items() if len(values) <= DISTINCT_VALUES}

    @cached_property
    def _examples(self) -> tuple[Example, ...]:
        path = self.folder / "questions.jsonl"
        if not path.exists():
            return ()
        examples: dict[str, Example] = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                example = _example(self.name, json.loads(line))
            except (ValueError, KeyError, TypeError) as problem:
                raise BadDatabase(f"{path} line {number} is not a question ({_reason(problem)}); correct or remove it.") from problem
            if example.id in examples:
                raise BadDatabase(f"{path} line {number} repeats the id {example.id}; give it its own.")
            examples[example.id] = example
        return tuple(examples.values())

    def _remove_older(self, target: Path) -> None:
        for path in self.cache.glob(f"{self.name}-*.duckdb"):
            if path != target and re.fullmatch(r"[0-9a-f]{12}", path.stem.removeprefix(f"{self.name}-")):
                path.unlink(missing_ok=True)


def _digest(folder: Path, digest: "hashlib._Hash") -> "hashlib._Hash":
    """The digest with a folder's tables and rows."""
    return _digest_of([folder / "schema.sql", *_data(folder)], digest)


def _data(folder: Path) -> list[Path]:
    return sorted((folder / "data").glob("*.csv"))


def _digest_of(paths: Sequence[Path], digest: "hashlib._Hash") -> "hashlib._Hash":
    for path in paths:
        content = path.read_bytes()
        digest.update(f"\n{path.name} {len(content)}\n".encode() + content)
    return digest


def build_from(folder: Path, data: Path, target: Path) -> None:
    """Build `target` from a folder's schema.sql and the CSV files in `data`, whole or not at all. Raises BadDatabase."""
    with whole(target) as draft, closing(connect_trusted(draft, read_only=False)) as connection:
        _load(connection, folder / "schema.sql", data)


@contextmanager
def made(target: Path) -> Iterator[Connection]:
    """A connection for our OWN statements to a new file, which takes the place of `target` when the block has ended well.

    Raises BadDatabase for a statement that DuckDB refuses.
    """
    try:
        with whole(target) as draft, closing(connect_trusted(draft, read_only=False)) as connection:
            yield connection
    except duckdb.Error as problem:
        raise BadDatabase(f"{target.name} cannot be built: {_reason(problem)}") from problem


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `target` when the block has ended well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        yield draft
        _sync(draft)
        os.replace(draft, target)
        _sync(target.parent)
    finally:
        for path in (draft, draft.with_name(draft.name + ".wal")):
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _load(connection: duckdb.DuckDBPyConnection, schema: Path, data: Path) -> None:
    """Create the tables and fill them in the order of schema.sql, so that foreign keys hold."""
    try:
        connection.execute(schema.read_text(encoding="utf-8"))
    except (OSError, duckdb.Error) as problem:
        raise BadDatabase(f"{schema} does not create tables: {_reason(problem)}") from problem
    tables = [name for _, name, _ in connection.execute(TABLES).fetchall()]
    extra = sorted({path.stem for path in data.glob("*.csv")} - set(tables))
    if not tables or extra:
        raise BadDatabase(f"{schema} creates no table{f' for {extra[0]}.csv' if extra else ''}; add it or remove the file.")
    for table in tables:
        path = data / f"{table}.csv"
        try:
            _load_table(connection, table, path)
        except (OSError, UnicodeDecodeError, duckdb.Error) as problem:
            raise BadDatabase(f"{path} does not fit table {table}: {_reason(problem)}") from problem
    connection.execute("CHECKPOINT")


def _load_table(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    with path.open(encoding="utf-8") as lines:
        columns = lines.readline().rstrip("\n").split(",")
    known = [name for (name,) in connection.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [table]).fetchall()]
    if sorted(columns) != sorted(known):
        raise BadDatabase(f"{path} has the columns {', '.join(columns)} but the table has {', '.join(known)}; regenerate the file.")
    names = ", ".join(map(_quoted, columns))
    texts = dict.fromkeys(columns, "VARCHAR")  # the table's own types are what the text is cast to
    connection.execute(f"INSERT INTO {_quoted(table)} ({names}) SELECT {names} FROM {READ_CSV}", [str(path), texts])


def _generated(folder: Path, seed: int) -> sampledata.Data:
    path = folder / "generate.py"
    spec = importlib.util.spec_from_file_location(f"generate_{folder.name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise BadDatabase(f"{path} is missing; without it there is no data for another seed.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data: sampledata.Data = module.generate(seed)
    return data


def _tables(connection: duckdb.DuckDBPyConnection) -> Iterator[Table]:
    for oid, name, comment in connection.execute(TABLES).fetchall():
        columns = connection.execute(COLUMNS, [oid]).fetchall()
        keys = connection.execute(KEYS, [oid]).fetchall()
        primary = [tuple(mine) for kind, mine, _, _ in keys if kind == "PRIMARY KEY"]
        foreign = [ForeignKey(tuple(mine), other, tuple(theirs)) for kind, mine, other, theirs in keys if kind == "FOREIGN KEY"]
        count = connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()
        yield Table(
            name=name,
            columns=tuple(Column(*column) for column in columns),
            primary_key=primary[0] if primary else (),
            foreign_keys=tuple(foreign),
            comment=comment,
            row_count=count[0] if count else 0,
        )


def _as_described(tables: tuple[Table, ...], described: Sequence[Table]) -> tuple[Table, ...]:
    """The tables with the keys and in the order of their descriptions; one that has none comes last, as it is."""
    left = {table.name: table for table in tables}
    first = []
    for each in described:
        if table := left.pop(each.name, None):
            keys = each.primary_key or table.primary_key, each.foreign_keys or table.foreign_keys
            first.append(replace(table, primary_key=keys[0], foreign_keys=keys[1]))
    return (*first, *left.values())


def _short_values(connection: Connection, table: str, column: str) -> list[str]:
    """The different values of a column that a question could name, INDEXED_VALUES at most."""
    name = _quoted(column)
    rows = connection.execute(
        f"SELECT {name} FROM {_quoted(table)} WHERE length({name}) BETWEEN 1 AND {LONGEST_VALUE} GROUP BY 1 "
        f"ORDER BY count(*) DESC, 1 LIMIT {INDEXED_VALUES}"
    ).fetchall()
    return [value for (value,) in rows]


def _frequent(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> list[str]:
    """The most frequent values of a column, one more than DISTINCT_VALUES at most."""
    name = _quoted(column)
    rows = connection.execute(
        f"SELECT {name} FROM {_quoted(table)} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {DISTINCT_VALUES + 1}",
    ).fetchall()
    return [value for (value,) in rows]


def _example(db: str, row: dict[str, Any]) -> Example:
    """One line of questions.jsonl. Raises ValueError, KeyError, TypeError."""
    example = Example(
        id=row["id"], db=db, question=row["question"], gold_sql=tuple(row["gold_sql"]), category=row["category"],
        split=row.get("split", "dev"), may_be_empty=row.get("may_be_empty", False),
    )  # fmt: skip
    texts = (example.id, example.question, example.category, *example.gold_sql)
    if not all(isinstance(text, str) and text.strip() for text in texts) or not isinstance(row["gold_sql"], list):
        raise ValueError("id, question, category and each gold_sql must be text, gold_sql a list")
    if example.split not in get_args(Split):
        raise ValueError(f"split is {example.split!r}, not one of {', '.join(get_args(Split))}")
    return example


def _reason(problem: Exception) -> str:
    """The first paragraph of an error's text, on one line."""
    if isinstance(problem, KeyError):
        return f"no {problem}"
    return "; ".join(str(problem).strip().split("\n\n")[0].splitlines()[:3]) or type(problem).__name__


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
