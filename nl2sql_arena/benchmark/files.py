"""Benchmarks of others, read from the files that their authors publish: one entry in `LOADERS` each, path -> examples.

A loader only reads; golds are still in their author's dialect. `opened` finds or builds the databases as DuckDB files and puts the golds
into DuckDB's words, in the sandbox's workers. A gold that cannot be translated or does not run stays with its question, which is then left
unscored, and is listed with its reason; `askable` leaves the questions that a model can be asked and judged on. A database's file or script
is trusted as far as it is the user's own: a script runs without access to files or network. A built file has tables and rows alone; the
keys that prompts show come from the SQLite file or script. Not covered: whether a gold is right, and setup statements before a question.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain, combinations
from pathlib import Path
from typing import Any

from nl2sql_arena import database, ddl
from nl2sql_arena.database import Database
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.errors import BadDatabase, BadInput
from nl2sql_arena.golds import read as read_gold
from nl2sql_arena.published.databases import SUFFIXES, described, duckdb_file
from nl2sql_arena.published.files import build_file
from nl2sql_arena.published.invented_rows import invented
from nl2sql_arena.published.records import Row, records
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.settings import QUESTION_CHARS
from nl2sql_arena.sql import abstains
from nl2sql_arena.types import SCORE, Example, Schema

Loader = Callable[[Path], Iterator[Example]]
FOLDERS = ("", "database", "databases", "test_database", "dev_databases", "train_databases")
"""Where databases lie beside a file of questions, each as NAME.sqlite or NAME/NAME.sqlite."""
FILES = ("dev.json", "mini_dev_sqlite.json", "questions.jsonl", "gold.txt")
"""Which file of a folder holds the questions."""
MOST_COLUMNS = 8
"""Alternative columns in braces; every choice of some is a gold of its own."""
AT_ONCE = 10
"""Queries that one job of a worker reads."""
SECONDS = 5.0


@dataclass(frozen=True)
class Ready:
    """A query in DuckDB's words; with a reason where it does not run (then as far as it was read)."""

    sql: str
    reason: str = ""
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unusable:
    """A gold that cannot be compared with: which question's, as published, and why."""

    id: str
    db: str
    sql: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Examples whose golds are DuckDB's, their databases by name, the golds that do not run, and what others had to be mended by.

    `failing` has (question, gold as in `examples`) for each gold of `unusable`.
    """

    name: str
    examples: tuple[Example, ...]
    databases: Mapping[str, Database]
    unusable: tuple[Unusable, ...] = ()
    repairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failing: frozenset[tuple[str, str]] = frozenset()


# Loaders


@dataclass(frozen=True)
class Fields:
    """Under which names a format keeps an example's parts; `hint` is what a question is to be read with."""

    sql: str
    db: str = "db_id"
    category: str = "category"
    hint: str = ""


def _example(path: Path, number: int, row: Row, fields: Fields) -> Example:
    """A row with one gold, its number as its id. Raises BadInput."""
    hint = str(row.get(fields.hint) or "").strip()
    return Example(
        id=str(number),
        db=_text(row, fields.db, path, number),
        question=f"{_text(row, 'question', path, number)} {hint}".strip(),
        gold_sql=(_text(row, fields.sql, path, number),),
        category=str(row.get(fields.category) or ""),
        split="",
    )


def own(path: Path) -> Iterator[Example]:
    """Our own lines: question, gold_sql (a list; empty where abstaining is right), and id, db, category, split where they matter."""
    for number, row in enumerate(records(path), 1):
        golds = row.get("gold_sql")
        golds = golds if isinstance(golds, list) else [golds]
        if not all(isinstance(sql, str) and sql.strip() for sql in golds):
            raise BadInput(f"{path} row {number} has a gold_sql that is not a list of queries; correct or remove it.")
        yield Example(
            id=str(row.get("id", number)),
            db=str(row.get("db", path.stem)),
            question=_text(row, "question", path, number),
            gold_sql=tuple(golds),
            category=str(row.get("category", "")),
            split=str(row.get("split", "")),
            may_be_empty=row.get("may_be_empty") is True,
        )


def sql_eval(path: Path) -> Iterator[Example]:
    """sql-eval's CSV: question, query (alternatives by `;`, columns to choose from in braces), db_name, query_category, instructions."""
    for number, row in enumerate(records(path), 1):
        golds = tuple(sql for each in _statements(_text(row, "query", path, number)) for sql in _choices(each, path, number))
        one = _example(path, number, row, Fields("query", "db_name", "query_category", "instructions"))
        yield replace(one, id=str(row.get("id") or number), gold_sql=() if any(map(abstains, golds)) else golds)


def spider(path: Path) -> Iterator[Example]:
    """Spider's dev.json: question, query, db_id; the rows have no ids, so that a question's number from 0 on is its id."""
    yield from (_example(path, number, row, Fields("query")) for number, row in enumerate(records(path)))


def bird(path: Path) -> Iterator[Example]:
    """BIRD's dev.json: question, SQL, db_id, difficulty, and evidence, which follows the question; ids are question_id, else numbers."""
    for number, row in enumerate(_numbered(path)):
        yield replace(
            _example(path, number, row, Fields("SQL", category="difficulty", hint="evidence")), id=str(row.get("question_id", number))
        )


def nsql(path: Path) -> Iterator[Example]:
    """DuckDB-NSQL's JSON: question, query, db_id, category; a setup_sql stays before its query, which then is more than one statement."""
    for number, row in enumerate(records(path)):
        setup, one = str(row.get("setup_sql") or "").strip(" \n;"), _example(path, number, row, Fields("query"))
        yield replace(one, gold_sql=(f"{setup}; {one.gold_sql[0]}",)) if setup else one


def create_context(path: Path) -> Iterator[Example]:
    """Rows of sql-create-context: question, answer, context; each context is a database of its own, with rows that we invent."""
    for number, row in enumerate(records(path)):
        one = _example(path, number, row, Fields("answer", db="context"))
        yield replace(one, db=_context_name(one.db))


def pairs(path: Path) -> Iterator[Example]:
    """Spider's gold.txt: a line is the gold, a TAB and the database; nothing is asked, so that only stored predictions can be scored."""
    for number, line in enumerate(_lines(path)):
        sql, tab, db = line.rpartition("\t")
        if not tab or not sql.strip() or not db.strip():
            raise BadInput(f"{path} line {number + 1} is not a query, a TAB and a database's name; correct or remove it.")
        yield Example(str(number), db.strip(), "", (sql.strip(),), "", "")


LOADERS: dict[str, Loader] = {
    "own": own,
    "sql-eval": sql_eval,
    "duckdb-nsql": nsql,
    "spider": spider,
    "bird": bird,
    "sql-create-context": create_context,
    "pairs": pairs,
}
DIALECTS: dict[str, tuple[str, ...]] = {
    "sql-eval": ("postgres",), "spider": ("sqlite",), "bird": ("sqlite",), "pairs": ("sqlite",), "sql-create-context": ("duckdb", "sqlite")
}  # fmt: skip
"""In which dialects a format's golds are, the likeliest first; DuckDB's where none is named."""
FIELDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("own", frozenset({"question", "gold_sql"})),
    ("sql-eval", frozenset({"question", "query", "db_name"})),
    ("duckdb-nsql", frozenset({"question", "query", "db_id", "setup_sql"})),
    ("spider", frozenset({"question", "query", "db_id"})),
    ("bird", frozenset({"question", "SQL", "db_id"})),
    ("sql-create-context", frozenset({"question", "answer", "context"})),
)
"""By which fields of its first row a file is known."""


def recognised(path: Path) -> tuple[str, Path]:
    """Which loader reads a path, and the file of a folder that is meant. Raises BadInput."""
    file = next((path / name for name in FILES if (path / name).is_file()), path) if path.is_dir() else path
    if not file.exists():
        raise BadInput(f"There is no {path}; name a file of questions with golds, or a sample database.")
    if not file.is_file():
        raise BadInput(f"{path} holds no {', '.join(FILES)}; name a file of questions with golds, or a sample database.")
    if file.suffix in (".txt", ".sql"):
        return "pairs", file
    fields = frozenset(next(_numbered(file), {}))
    name = next((name for name, wanted in FIELDS if wanted <= fields), "")
    if not name:
        known = "; ".join(f"{name}: {', '.join(sorted(wanted))}" for name, wanted in FIELDS)
        raise BadInput(f"{file} is of no known form, its first row has {', '.join(sorted(fields)) or 'nothing'} (known are {known}).")
    return name, file


def opened(path: Path, sandbox: Sandbox, cache: Path, root: Path | None = None, known: Mapping[str, Database] | None = None) -> Dataset:
    """A published benchmark made ready; its databases lie beside it or in `root`, or are `known`.

    Raises BadInput, BadDatabase, Infrastructure.
    """
    name, file = recognised(path)
    examples = list(LOADERS[name](file))
    repeated = [name for name, times in Counter(example.id for example in examples).items() if times > 1]
    if repeated:
        raise BadInput(f"{file} holds the id {repeated[0]} twice; give each question its own.")
    dialects = _dialects(name, file)
    contexts = _contexts(file, examples, sandbox, cache) if name == "sql-create-context" else {}
    by_db: dict[str, list[Example]] = {}
    for example in examples:
        by_db.setdefault(example.db, []).append(example)
    databases: dict[str, Database] = {}
    found: dict[str, Example] = {each.id: each for each in examples}
    unusable: list[Unusable] = []
    repairs: dict[str, tuple[str, ...]] = {}
    failing: set[tuple[str, str]] = set()
    for db, some in by_db.items():
        try:
            databases[db] = contexts.get(db) or _database(db, file, root, cache, known or {})
        except BadDatabase as problem:
            unusable += [Unusable(each.id, db, sql, str(problem)) for each in some for sql in each.gold_sql]
            continue
        golds = iter(ready([sql for each in some for sql in each.gold_sql], databases[db], dialects, sandbox))
        for example in some:
            mine = [(sql, next(golds)) for sql in example.gold_sql]
            unusable += [Unusable(example.id, db, sql, gold.reason) for sql, gold in mine if gold.reason]
            failing |= {(example.id, gold.sql) for _, gold in mine if gold.reason}
            found[example.id] = replace(example, gold_sql=tuple(gold.sql for _, gold in mine))
            if named := tuple(dict.fromkeys(repair for _, gold in mine for repair in gold.repairs)):
                repairs[example.id] = named
    shown = f"{file.resolve().parent.name}/{file.stem}" if file.name in FILES else file.stem
    return Dataset(shown, tuple(found.values()), databases, tuple(unusable), repairs, frozenset(failing))


def of_split(dataset: Dataset, split: str) -> Dataset:
    """The questions of one split, or of "all". Raises BadInput when there are none."""
    examples = tuple(each for each in dataset.examples if split in ("all", each.split))
    if not examples:
        splits = ", ".join(sorted({each.split for each in dataset.examples} - {""})) or "none"
        raise BadInput(f"{dataset.name} has no question of the split '{split}'; its splits are: {splits}.")
    return _with(dataset, examples)


def first_of_each(dataset: Dataset, count: int) -> Dataset:
    """The first questions of each database; all of them for a count of 0."""
    places: Counter[str] = Counter()
    examples = []
    for each in dataset.examples:
        places[each.db] += 1
        if not count or places[each.db] <= count:
            examples.append(each)
    return _with(dataset, tuple(examples))


def _with(dataset: Dataset, examples: tuple[Example, ...]) -> Dataset:
    ids = {each.id for each in examples}
    return replace(
        dataset,
        examples=examples,
        unusable=tuple(each for each in dataset.unusable if each.id in ids),
        repairs={name: repairs for name, repairs in dataset.repairs.items() if name in ids},
    )


def askable(dataset: Dataset) -> Dataset:
    """The data set with the questions alone that a model can be asked and judged on; `unusable` also says why each of the others is not.

    A question stays as long as one of its golds runs and can be read; those come first, since the first one tells the level. Raises
    BadInput when none is left.
    """
    if not any(each.question for each in dataset.examples):
        raise BadInput(f"{dataset.name} holds golds without questions; score predictions on it with `bench score --predictions`.")
    broken = {name: why for name, each in dataset.databases.items() if (why := _unprompted(each))}
    kept: list[Example] = []
    left: list[Unusable] = []
    for example in dataset.examples:
        usable = [sql for sql in example.gold_sql if (example.id, sql) not in dataset.failing and _is_readable(sql)]
        others = [sql for sql in example.gold_sql if sql not in usable]
        why = broken.get(example.db, "" if example.db in dataset.databases else "has a database that cannot be built")
        if not why and len(example.question) > QUESTION_CHARS:
            why = f"has a question of more than {QUESTION_CHARS} characters"
        if not why and (usable or not others):
            kept.append(replace(example, gold_sql=(*usable, *others)))
        elif not any(each.id == example.id for each in dataset.unusable):
            left.append(Unusable(example.id, example.db, "; ".join(others), why or "has no gold that can be read"))
    if not kept:
        reason = (*dataset.unusable, *left)[0].reason
        raise BadInput(f"{dataset.name} has no question that can be asked and judged; the first one's reason: {reason}.")
    return replace(dataset, examples=tuple(kept), unusable=(*dataset.unusable, *left))


def _unprompted(database: Database) -> str:
    """Why no prompt can show a database."""
    try:
        database.schema()
    except BadDatabase as problem:
        return str(problem)
    return ""


def _is_readable(sql: str) -> bool:
    try:
        read_gold(sql)
        spider_level(sql)
    except BadInput:
        return False
    return True


def ready(queries: Sequence[str], database: Database, dialects: Sequence[str], sandbox: Sandbox) -> list[Ready]:
    """Queries of other dialects as DuckDB runs them, mended by name where they must be; read and run in workers. Raises Infrastructure."""
    try:
        text = ddl.written(database.schema().tables)
    except BadDatabase:  # all of its tables are outside main
        text = ""

    def asked(some: Sequence[str]) -> Iterator[Ready]:
        item = {"ddl": text, "path": str(database.path()), "dialects": list(dialects), "guessed": False, "nulls_kept": True}
        (verdict,) = sandbox.check([{**item, "queries": list(some)}], SECONDS)
        if "lost" in verdict and len(some) > 1:
            for sql in some:
                yield from asked([sql])
            return
        found = verdict.get("queries") or [{"sql": "", "reason": "brings the parser down", "repairs": []}]
        for sql, each in zip(some, found, strict=True):
            read = Ready(each["sql"], each["reason"], tuple(each["repairs"]))
            yield _run_plainly(sql, read, dialects[0], database, sandbox) if read.reason else read

    return [each for start in range(0, len(queries), AT_ONCE) for each in asked(queries[start : start + AT_ONCE])]


def _run_plainly(sql: str, read: Ready, dialect: str, database: Database, sandbox: Sandbox) -> Ready:
    """A query that did not pass, if DuckDB runs it as a model's text would be run; else with both reasons."""
    prepared = sandbox.prepare(database.path(), sql, dialect)
    done = sandbox.run(database.path(), prepared.sql, SCORE)
    if done.outcome in ("ok", "empty"):
        return Ready(prepared.sql, "", prepared.repairs)
    said = " ".join(done.message.split("\n\n")[0].split())
    return Ready(read.sql or sql, f"{read.reason} ({done.outcome}: {said})")


# Databases


def _database(db: str, file: Path, root: Path | None, cache: Path, known: Mapping[str, Database]) -> Database:
    """The DuckDB file of a published database, built in the cache if it must be. Raises BadInput, BadDatabase."""
    folders = [root] if root else [file.parent / each for each in FOLDERS]
    places = [folder / stem for folder in folders for stem in (db, f"{db}/{db}")]
    source = next(
        (path for place in places for path in (place.with_name(place.name + suffix) for suffix in SUFFIXES) if path.is_file()), None
    )
    if source is None:
        if db in known:
            return known[db]
        raise BadInput(
            f"There is no {db}{f', {db}'.join(SUFFIXES)} in {root or file.parent}; put it there or name its folder by --db-root."
        )
    return replace(database.opened(duckdb_file(source, cache)), name=db, described=described(source))


def _contexts(file: Path, examples: Iterable[Example], sandbox: Sandbox, cache: Path) -> dict[str, Database]:
    """A database for each context, with rows around what its golds ask for. Raises BadInput naming a context that describes no table."""
    golds: dict[str, list[str]] = {}
    for example in examples:
        golds.setdefault(example.db, []).extend(example.gold_sql)
    texts = {_context_name(row["context"]): row["context"] for row in records(file)}
    found: dict[str, Database] = {}
    for db, queries in golds.items():
        target = cache / f"{db}-{_hash(json.dumps([texts[db], queries]).encode())}.duckdb"
        if not target.is_file():
            item = {"ddl": texts[db], "path": "", "dialects": DIALECTS["sql-create-context"], "guessed": True, "queries": queries}
            (verdict,) = sandbox.check([item], SECONDS)
            judged = verdict.get("queries", ())
            changed = [each["tables"] for each in judged if each["tables"]]
            tables = ddl.tables_of((changed or [verdict.get("tables", [])])[0])
            if not tables:
                raise BadInput(f"{file} has a context that describes no table ({texts[db][:80]!r}); correct or remove its row.")
            build_file(target, tables, invented(Schema(db, tables), [each["sql"] for each in judged], db))
        found[db] = replace(database.opened(target), name=db)
    return found


def _context_name(text: str) -> str:
    return f"context-{_hash(text.encode())}"


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]


# Parts of rows


def _dialects(name: str, file: Path) -> tuple[str, ...]:
    """A format's dialects; sql-eval names another than PostgreSQL in the file's name."""
    other = re.search(r"_(sqlite|mysql|tsql|bigquery|snowflake)\b", file.stem.lower()) if name == "sql-eval" else None
    return (other[1],) if other else DIALECTS.get(name, ("duckdb",))


def _numbered(path: Path) -> Iterator[Row]:
    """The rows of a file; of a JSON object {"0": row, ...} in the order of its numbers, none of which may be missing. Raises BadInput."""
    if path.suffix != ".json" or not (text := "\n".join(_lines(path))).lstrip().startswith("{"):
        yield from records(path)
        return
    try:
        found = json.loads(text)
    except ValueError:  # one object a line
        yield from records(path)
        return
    rows = in_order(found, path) if all(isinstance(value, dict) for value in found.values()) else [found]
    yield from rows


def in_order(found: Mapping[str, Any], path: Path) -> list[Any]:
    """The values of {"0": ..., "1": ...} by their numbers, not by their place. Raises BadInput for a hole or another key."""
    wrong = next((key for key in found if not key.isdecimal()), None)
    if wrong is not None:
        raise BadInput(f"{path} has the key {wrong!r} where numbers are meant; write 0, 1, 2 and so on.")
    by_number = {int(key): value for key, value in found.items()}
    hole = next((number for number in range(len(found)) if number not in by_number), None)
    if hole is not None:
        raise BadInput(f"{path} lacks the number {hole} of {len(found)}; a hole would shift all that follow, so add it.")
    return [by_number[number] for number in range(len(found))]


def _text(row: Row, field: str, path: Path, number: int) -> str:
    text = row.get(field)
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f"{path} row {number} has no {field}; correct or remove it.")
    return text.strip()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadInput(f"{path} cannot be read ({problem}); give the file as its authors publish it.") from problem


def _statements(text: str) -> list[str]:
    """The parts between semicolons outside quotes."""
    parts = re.findall(r"(?:'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^;'\"]|['\"])+", text)
    return [part.strip() for part in parts if part.strip()]


def _choices(sql: str, path: Path, number: int) -> Iterator[str]:
    """A query for each choice of some of the columns in its braces, with the same in `GROUP BY {}`. Raises BadInput for too many."""
    braces = re.search(r"\{([^{}]+)\}", sql)
    if not braces:
        yield sql
        return
    columns = [part.strip() for part in re.findall(r"(?:\((?:[^()]|\([^()]*\))*\)|[^,()])+", braces[1])]
    if len(columns) > MOST_COLUMNS:
        raise BadInput(f"{path} row {number} lets one choose from {len(columns)} columns; {MOST_COLUMNS} at most can be tried.")
    for chosen in chain.from_iterable(combinations(columns, size) for size in range(1, len(columns) + 1)):
        text = ", ".join(chosen)
        rest = re.sub(r"(GROUP\s+BY\s+)\{\}", lambda found: found[1] + text, sql[braces.end() :], flags=re.IGNORECASE)  # noqa: B023
        yield from _choices(sql[: braces.start()] + text + rest, path, number)
