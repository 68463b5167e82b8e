"""From the files that data sets are published in to checked pairs and held-out questions. All rows here are invented."""

import csv
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql_arena import ddl
from nl2sql_arena.database import Database, opened
from nl2sql_arena.errors import BadInput
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training.apart import sql_hash
from nl2sql_arena.training.sets import datasets, loaders, overlap
from nl2sql_arena.training.sets.datasets import Dataset, Source, build
from nl2sql_arena.training.sets.loaders import Order, Published
from nl2sql_arena.types import SCORE, ForeignKey

B_MC2, GRETEL, MOTHERDUCK = "b-mc2/sql-create-context", "gretelai/synthetic_text_to_sql", "motherduckdb/duckdb-text2sql-25k"
BEES = "CREATE TABLE hives (id INTEGER, keeper VARCHAR, frames VARCHAR)"
KILNS = (
    "CREATE TABLE kilns (id INT PRIMARY KEY, name TEXT, heat REAL); CREATE TABLE firings (id INT, kiln_id INT, fired DATE, "
    "FOREIGN KEY (kiln_id) REFERENCES kilns(id)); INSERT INTO kilns VALUES (1, 'Ōgama', 1250.5), (2, 'Ana''s', 980); "
    "INSERT INTO firings (id, kiln_id, fired) VALUES (10, 1, '2024-03-01'), (11, 2, '2024-04-02');"
)
Say = Callable[[str], None]


HURRIED = datasets.gate.SECONDS
"""As in earnest, for queries without end; all others have more time than a busy machine needs."""


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.gate, "SECONDS", 60.0)


@pytest.fixture
def hurried(unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.gate, "SECONDS", HURRIED)


def quiet(_line: str) -> None:
    """No log."""


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def own(path: Path, *rows: tuple[str, str, str]) -> Source:
    return Source(str(jsonl(path, [{"question": q, "sql": sql, "schema": schema} for q, sql, schema in rows])))


def made(sources: list[Source], folder: Path, databases: Mapping[str, Database] | None = None, **more: Any) -> Dataset:
    return build(sources, databases or {}, folder / "held_out", 0, quiet, **{"held_out": 0, **more})


def read(name: str, path: Path | str, split: str = "train") -> list[Published]:
    return list(loaders.load(name, Order(str(path), split, 0, 0)).rows)


# Loaders


ROW = {"question": "How many hives?", "answer": "SELECT COUNT(*) FROM hives", "context": BEES}


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
def test_a_set_is_read_in_every_form_it_is_published_in(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sql_create_context_v4.{suffix}"
    if suffix == "json":
        path.write_text(json.dumps([ROW], indent=1))
    elif suffix == "csv":
        with path.open("w", newline="") as out:
            writer = csv.DictWriter(out, list(ROW))
            writer.writeheader()
            writer.writerow(ROW)
    elif suffix == "parquet":
        source = jsonl(tmp_path / "raw" / "rows.jsonl", [ROW])
        with duckdb.connect() as memory:
            memory.execute(f"COPY (SELECT * FROM read_json('{source}')) TO '{path}' (FORMAT parquet)")
        source.unlink()
    else:
        jsonl(path, [ROW])
    for place in (path, tmp_path):
        assert read(B_MC2, place) == [Published(ROW["question"], ROW["answer"], BEES)]


def test_of_a_folder_the_files_of_the_split_are_read(tmp_path: Path) -> None:
    for split in ("train", "test"):
        jsonl(tmp_path / f"synthetic_text_to_sql_{split}.jsonl", [{"sql_prompt": split, "sql": "SELECT 1", "sql_context": KILNS}])
    assert [row.question for row in read(GRETEL, tmp_path, "test")] == ["test"]
    with pytest.raises(BadInput, match="no file of the split 'dev'"):
        read(GRETEL, tmp_path, "dev")


def test_motherduck_rows_are_read(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"prompt": "q", "query": "FROM hives", "schema": BEES, "category": "x"}])
    assert read(MOTHERDUCK, path) == [Published("q", "FROM hives", BEES)]


def cellar(path: Path) -> Path:
    """A database of one's own, with a comment, types of its own and names that need quotes."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("""
            CREATE TYPE colour AS ENUM ('red', 'white');
            CREATE TABLE growers (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, village VARCHAR);
            CREATE TABLE wines (id INTEGER PRIMARY KEY, grower_id INTEGER REFERENCES growers (id), label VARCHAR, colour colour,
                price DECIMAL(8, 2), bottled DATE, "In Stock" INTEGER);
            COMMENT ON COLUMN wines.price IS 'euros a bottle';
            INSERT INTO growers SELECT i, 'Grower ' || i, ['Beaune', 'Jerez', 'Tokaj'][1 + i % 3] FROM range(12) t(i);
            INSERT INTO wines SELECT i, i % 12, 'Label ' || i, ['red', 'white'][1 + i % 2], 4 + i, DATE '2015-01-01' + 40 * i::INTEGER, i
                FROM range(60) t(i)""")
    return path


PUBLISHED: dict[str, Callable[[Path], Path | str]] = {
    B_MC2: lambda folder: jsonl(folder / "rows.jsonl", [ROW]),
    GRETEL: lambda folder: jsonl(
        folder / "rows.jsonl", [{"sql_prompt": "Hot?", "sql": "SELECT MAX(heat) FROM kilns", "sql_context": KILNS}]
    ),
    MOTHERDUCK: lambda folder: jsonl(folder / "rows.jsonl", [{"prompt": "All?", "query": "FROM hives", "schema": BEES}]),
    "spider": lambda folder: spider(folder / "spider"),
    "bird": lambda folder: bird(folder),  # noqa: PLW0108  defined further down
    "generator": lambda folder: "",
    "database": lambda folder: cellar(folder / "cellar.duckdb"),
}
"""One small copy of each source, in the form in which its authors publish it."""


@pytest.mark.parametrize("name", sorted(loaders.SOURCES))
def test_every_source_gives_pairs_that_pass_the_gate(tmp_path: Path, name: str) -> None:
    found = made([Source(name, str(PUBLISHED[name](tmp_path)), most=5)], tmp_path)
    assert found.train
    for pair in found.train:
        assert pair.source == name
        assert pair.question
        assert pair.schema.tables
        assert ";" not in pair.sql
        assert "\n" not in pair.sql


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("nothing-like-it", "", "no data source 'nothing-like-it'; use one of b-mc2/sql-create-context"),
        ("spider", "", "databases are not on the hub"),
        ("bird", "nowhere", "holds no train.json"),
        ("database", "", "no database at ''; give a .duckdb file, or a folder"),
        ("database", "nowhere", "no database at 'nowhere'"),
        (B_MC2, "nowhere", "holds no file of the split 'train'"),
    ],
)
def test_a_source_that_cannot_be_read_says_what_to_do(name: str, path: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(name, path)


@pytest.mark.parametrize(
    ("text", "said"), [('{"question": 1}', "Row 1 of"), ("{", "line 1 is not JSON"), ("[1]", "line 1 is not an object")]
)
def test_a_broken_row_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(text)
    with pytest.raises(BadInput, match=said):
        read(str(path), "")


def sailing(path: Path) -> None:
    """An SQLite file as loose as such files are: a number in a text column, a text in a number column."""
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE harbour (harbour_id INTEGER PRIMARY KEY, name TEXT, depth REAL, opened DATE);
            CREATE TABLE boat (boat_id INTEGER PRIMARY KEY, harbour_id int, name TEXT, sail TEXT, crew INT,
                FOREIGN KEY (harbour_id) REFERENCES harbour(harbour_id));
            INSERT INTO harbour VALUES (1, 'Roslagen', 4.5, '1920-05-01'), (2, 'Marstal', 3, '1931-06-02');
            INSERT INTO boat VALUES (1, 1, 'Tern', '40', 2), (2, 1, 'Gull', '55', 3), (3, 2, 'Skua', '38', 'many');
        """)
    connection.close()


TABLES = [
    {
        "db_id": "sailing",
        "table_names_original": ["harbour", "boat"],
        "column_names_original": [
            [-1, "*"], [0, "harbour_id"], [0, "name"], [0, "depth"], [0, "opened"],
            [1, "boat_id"], [1, "harbour_id"], [1, "name"], [1, "sail"], [1, "crew"],
        ],
        "column_types": ["text", "number", "text", "number", "time", "number", "number", "text", "text", "number"],
        "primary_keys": [1, 5],
        "foreign_keys": [[6, 1]],
    }
]  # fmt: skip
JOINED = "FROM harbour AS T1 JOIN boat AS T2 ON T1.harbour_id = T2.harbour_id"
ASKED = [
    ("Which boats lie in Roslagen?", f'SELECT T2.name {JOINED} WHERE T1.name = "Roslagen"'),
    ("Which boats have a g in their name?", "SELECT name FROM boat WHERE name LIKE '%g%'"),
    ("Boats with more than 39 of sail?", "SELECT name FROM boat WHERE sail > 39 ORDER BY name"),
    ("How many boats has each harbour?", f"SELECT T1.name, count(*) {JOINED} GROUP BY T1.harbour_id"),
]  # fmt: skip


def spider(folder: Path, with_files: bool = True, name: str = "train_spider.json", rows: list[tuple[str, str]] = ASKED) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tables.json").write_text(json.dumps(TABLES))
    (folder / name).write_text(json.dumps([{"db_id": "sailing", "question": q, "query": sql} for q, sql in rows]))
    if with_files:
        sailing(folder / "database" / "sailing" / "sailing.sqlite")
    return folder


@pytest.mark.parametrize("with_files", [True, False])
def test_spider_is_read_with_and_without_its_databases(tmp_path: Path, with_files: bool) -> None:
    found = made([Source("spider", str(spider(tmp_path / "spider", with_files)))], tmp_path)
    assert [pair.question for pair in found.train] == [question for question, _ in ASKED]
    first, like, more, each = (pair.sql for pair in found.train)
    assert "'Roslagen'" in first
    assert "ILIKE" in like
    assert ("CAST(sail AS DOUBLE) > 39" in more) is with_files
    assert each.endswith("GROUP BY T1.harbour_id, T1.name")
    (harbour, boat) = found.train[0].schema.tables
    assert (harbour.name, harbour.primary_key) == ("harbour", ("harbour_id",))
    assert [(key.columns, key.table) for key in boat.foreign_keys] == [(("harbour_id",), "harbour")]
    if with_files:
        assert [(c.name, c.type) for c in (*harbour.columns, *boat.columns)] == [
            ("harbour_id", "INTEGER"), ("name", "VARCHAR"), ("depth", "DOUBLE"), ("opened", "DATE"),
            ("boat_id", "INTEGER"), ("harbour_id", "INTEGER"), ("name", "VARCHAR"), ("sail", "VARCHAR"), ("crew", "VARCHAR"),
        ]  # fmt: skip
    counts = found.counts["spider"]
    assert counts["read"] == counts["train"] == 4
    assert counts["repaired: text in double quotes read as a value"] == 1
    assert counts["repaired: LIKE, which ignores case in SQLite, written as ILIKE"] == 1
    assert (
        counts["repaired: " + ("text column cast to a number" if with_files else "guessed type of a column changed to fit its query")] == 1
    )


def test_a_schema_without_its_database_s_name_is_a_sentence(tmp_path: Path) -> None:
    folder = spider(tmp_path / "spider", with_files=False)
    (folder / "tables.json").write_text(json.dumps([{key: value for key, value in TABLES[0].items() if key != "db_id"}]))
    with pytest.raises(BadInput, match="row 1 is about 'sailing', of which there is no schema"):
        read("spider", folder)


def bird(folder: Path) -> Path:
    row = {
        "db_id": "sailing",
        "question": "How deep is it?",
        "SQL": "SELECT MAX(depth) FROM harbour",
        "evidence": "deep refers to MAX(depth)",
    }
    (folder / "train.json").write_text(json.dumps([row]))
    (folder / "train_tables.json").write_text(json.dumps(TABLES))
    sailing(folder / "train_databases" / "sailing" / "sailing.sqlite")
    return folder


def test_bird_s_evidence_follows_the_question(tmp_path: Path) -> None:
    found = made([Source("bird", str(bird(tmp_path)))], tmp_path)
    assert [pair.question for pair in found.train] == ["How deep is it? deep refers to MAX(depth)"]


def test_the_generator_gives_pairs_with_rows_that_answer(tmp_path: Path) -> None:
    found = made([Source("generator", most=60)], tmp_path, held_out=5)
    assert found.counts["generator"]["read"] == 60
    assert len(found.train) > 30
    assert 0 < len(found.held_out) <= 5


# A database of one's own


def test_a_database_of_one_s_own_is_learned_as_it_will_be_asked_and_stays_in_training(tmp_path: Path, sandbox: Sandbox) -> None:
    path = cellar(tmp_path / "cellar.duckdb")
    mix = [Source("database", str(path), most=300), Source("generator", most=100)]
    found = made(mix, tmp_path, held_out=40)
    about = [pair for pair in found.train if pair.source == "database"]
    assert len(about) > 100
    assert {pair.schema for pair in about} == {opened(path).schema()}
    asked = [each for each in found.held_out if each.db == "cellar"]
    assert 0 < len(asked) <= 20
    assert len({each.db for each in found.held_out}) > 1
    assert found.files["cellar"] == path  # read where it lies
    trained = {overlap.skeleton(pair.sql) for pair in about}
    for each in asked:
        assert overlap.skeleton(each.gold_sql[0]) not in trained
        assert sandbox.run(path, each.gold_sql[0], SCORE).outcome == "ok"


def test_a_database_alone_is_examined_by_forms_of_query_that_are_not_trained(tmp_path: Path) -> None:
    source = [Source("database", str(cellar(tmp_path / "cellar.duckdb")), most=200)]
    found = made(source, tmp_path, held_out=10)
    assert 5 < len(found.held_out) <= 10
    assert {each.db for each in found.held_out} == {"cellar"}
    whole = made(source, tmp_path)
    assert not whole.held_out
    assert len(whole.train) > len(found.train) + 9


def test_a_folder_is_taught_too_and_its_own_questions_are_kept_apart(tmp_path: Path, towns: Database) -> None:
    """How many cities there are is what it is measured on, in whatever words."""
    found = made([Source("database", str(towns.folder), most=150)], tmp_path, held_out=5)
    assert found.counts["database"]["dropped: query of a sample database"] > 0
    assert all(sql_hash(pair.sql) != sql_hash("SELECT COUNT(*) FROM cities") for pair in found.train)
    assert all(file.is_file() for file in found.files.values())  # built on the way, kept for the held-out questions


def test_what_no_question_can_name_is_left_out_of_questions_alone(tmp_path: Path) -> None:
    found = made([Source("database", str(cellar(tmp_path / "cellar.duckdb")), most=150)], tmp_path)
    assert not any("Stock" in pair.sql for pair in found.train)
    assert "dropped: does not bind" not in found.counts["database"]
    with duckdb.connect(str(tmp_path / "odd.duckdb")) as connection:
        connection.execute('CREATE TABLE "Order Lines" (id INTEGER)')
    with pytest.raises(BadInput, match="The database odd has no table and column whose names need no quotes"):
        made([Source("database", str(tmp_path / "odd.duckdb"))], tmp_path)


def test_two_databases_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    mix = [Source("database", str(cellar(folder / "cellar.duckdb")), most=20) for folder in (tmp_path, tmp_path / "other")]
    with pytest.raises(BadInput, match="Two databases of the data mix are called cellar; rename one"):
        made(mix, tmp_path)


# The gate


def gate(tmp_path: Path, source: str, rows: list[dict[str, Any]]) -> Dataset:
    return made([Source(source, str(jsonl(tmp_path / "rows.jsonl", rows)))], tmp_path)


def test_guessed_types_give_way_to_their_query(tmp_path: Path) -> None:
    rows = [
        {"question": "Hives of more than 8 frames?", "answer": 'SELECT id FROM hives WHERE frames > 8 AND keeper = "Bo"', "context": BEES},
        {"question": "Who keeps hive A-7?", "answer": "SELECT keeper FROM hives WHERE id = 'A-7'", "context": BEES},
    ]  # fmt: skip
    found = gate(tmp_path, B_MC2, rows)
    assert [pair.sql for pair in found.train] == [
        "SELECT id FROM hives WHERE frames > 8 AND keeper = 'Bo'",
        "SELECT keeper FROM hives WHERE id = 'A-7'",
    ]
    assert [[column.type for column in pair.schema.tables[0].columns] for pair in found.train] == [
        ["INTEGER", "VARCHAR", "INTEGER"],
        ["VARCHAR", "VARCHAR", "VARCHAR"],
    ]
    assert found.counts[B_MC2]["repaired: guessed type of a column changed to fit its query"] == 2


def test_what_cannot_be_mended_is_dropped_and_counted(tmp_path: Path, hurried: None) -> None:
    def row(sql: str, context: str = KILNS, prompt: str = "a question") -> dict[str, Any]:
        return {"sql_prompt": f"{prompt} about {sql}" if prompt else "", "sql": sql, "sql_context": context}

    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    rows = [
        row("SELECT name FROM kilns -- all of them\nWHERE heat > 1000;"),
        row("SELECT DATE_FORMAT(fired, '%Y') FROM firings"),
        row("DELETE FROM kilns"),
        row("INSERT INTO kilns VALUES (3, 'x', 1)"),
        row("WITH gone AS (SELECT 1) DELETE FROM kilns"),
        row("SELECT colour FROM kilns"),
        row("SELECT name FROM kilns WHERE"),
        row("SELECT 1; SELECT 2"),
        row(f"SELECT * FROM read_csv('{secret}')"),
        row("SELECT COUNT(*) FROM range(100000000000)"),
        row("SELECT 1", "DROP TABLE kilns"),
        row("SELECT name FROM kilns WHERE heat > 9000"),
        row("SELECT 1 AS one FROM kilns", prompt=""),
    ]
    found = gate(tmp_path, GRETEL, rows)
    assert [pair.sql for pair in found.train] == [
        "SELECT name FROM kilns WHERE heat > 1000",
        "SELECT STRFTIME(CAST(fired AS TIMESTAMP), '%Y') FROM firings",
        "SELECT name FROM kilns WHERE heat > 9000",
    ]
    counts = dict(found.counts[GRETEL])
    assert counts.pop("repaired: translated from mysql") == 1
    assert counts.pop("repaired: a statement that creates no table left out", 0) == 0
    assert counts == {
        "read": 13, "train": 3, "kept, though it finds nothing in its few rows": 1, "dropped: not a query": 2,
        "dropped: refused by the sandbox": 2, "dropped: names what its schema lacks": 1, "dropped: does not parse": 1,
        "dropped: more than one statement": 1, "dropped: too slow": 1, "dropped: its schema cannot be built": 1,
        "dropped: question or query is empty": 1,
    }  # fmt: skip


SERIAL = """
    CREATE TABLE IF NOT EXISTS `a` (
        `id` int NOT NULL AUTO_INCREMENT, e ENUM('x','y') COMMENT 'kind', j json, PRIMARY KEY (`id`)
    ) ENGINE=InnoDB;
    CREATE TABLE public.b (
        id SERIAL PRIMARY KEY, a_id integer REFERENCES A, t timestamp with time zone, v varchar(10)[], s STRUCT("x y" INT)
    );
    CREATE INDEX i ON b (id);
    INSERT INTO a (id, e) VALUES (1, "x"), (-2, NULL), (3, NOW())"""


def test_statements_of_any_dialect_become_tables_and_rows() -> None:
    found = ddl.read(SERIAL)
    assert [[(c.name, c.type, c.comment, c.nullable) for c in table.columns] for table in found.tables] == [
        [("id", "INTEGER", "", False), ("e", "VARCHAR", "kind", True), ("j", "JSON", "", True)],
        [
            ("id", "INTEGER", "", True), ("a_id", "INTEGER", "", True), ("t", "TIMESTAMP WITH TIME ZONE", "", True),
            ("v", "VARCHAR[]", "", True), ("s", 'STRUCT("x y" INTEGER)', "", True),
        ],
    ]  # fmt: skip
    assert found.tables[1].foreign_keys == (ForeignKey(("a_id",), "a", ("id",)),)
    assert found.rows == {"a": [("1", "x", None), ("-2", None, None)]}
    assert len(found.notes) == 2
    assert ddl.read(ddl.written(found.tables)).tables[1] == found.tables[1]
    assert all(ddl.is_type(column.type) for table in found.tables for column in table.columns)


@pytest.mark.parametrize("text", ["", "INTEGER) AS SELECT 1", "INTEGER DEFAULT getenv('A')", "INTEGER, b INTEGER", "STRUCT(a #)", "#"])
def test_what_is_no_type_never_gets_into_a_statement(text: str) -> None:
    assert not ddl.is_type(text)


def checked(sandbox: Sandbox, schema: str, *queries: str, dialect: str = "duckdb", guessed: bool = False) -> dict[str, Any]:
    """A worker's verdict on queries about a schema."""
    item = {"ddl": schema, "path": "", "dialects": [dialect], "guessed": guessed, "queries": queries}
    (verdict,) = sandbox.check([item], 60.0)
    return verdict


@pytest.mark.parametrize(
    "schema",
    [
        "COPY (SELECT 1) TO '{out}'; CREATE TABLE t (a INT)",
        "ATTACH '{out}' AS x; CREATE TABLE t (a INT)",
        "CREATE TABLE t (a INT); INSERT INTO t SELECT 1 FROM read_text('/etc/hostname')",
        "CREATE TABLE t (a INT DEFAULT (SELECT 1)); CREATE TABLE x AS SELECT * FROM read_text('/etc/hostname')",
        "CREATE TABLE \"t\" (a INT); INSERT INTO t VALUES (getenv('HOME'))",
    ],
)
def test_of_a_schema_s_text_only_tables_and_literals_count(tmp_path: Path, sandbox: Sandbox, schema: str) -> None:
    verdict = checked(sandbox, schema.format(out=tmp_path / "out"), "SELECT a FROM t")
    assert [table["name"] for table in verdict["tables"]] == ["t"]
    assert not any(verdict["rows"].values())
    assert verdict["notes"]
    assert verdict["queries"][0]["reason"] == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("-- every kiln\nSELECT id FROM kilns", "SELECT id FROM kilns"),
        ("/* every kiln */ SELECT id FROM kilns", "SELECT id FROM kilns"),
        ("SELECT id /* or -- rather not */ FROM kilns\nWHERE heat > 1", "SELECT id FROM kilns WHERE heat > 1"),
        ("SELECT id FROM kilns /* don't */ WHERE name <> 'a  b'", "SELECT id FROM kilns WHERE name <> 'a  b'"),
        ("SELECT id FROM kilns WHERE name <> $$a  b$$", "SELECT id FROM kilns WHERE name <> 'a  b'"),
        ("SELECT id FROM kilns WHERE name <> E'it\\'s  a'", "SELECT id FROM kilns WHERE name <> e'it''s  a'"),
        ("SELECT fired + INTERVAL '5 min' FROM firings", "SELECT fired + INTERVAL '5 min' FROM firings"),
    ],
)
def test_comments_and_layout_go_and_what_is_quoted_stays(sandbox: Sandbox, sql: str, kept: str) -> None:
    (query,) = checked(sandbox, KILNS, sql)["queries"]
    assert (query["sql"], query["reason"]) == (kept, "")


def test_integers_are_divided_as_their_dialect_does(sandbox: Sandbox) -> None:
    asked = ("SELECT COUNT(*) / 2 FROM kilns", "SELECT SUM(kiln_id) / COUNT(*) FROM firings", "SELECT SUM(heat) / 2 FROM kilns")
    found = [query["sql"] for query in checked(sandbox, KILNS, *asked, dialect="sqlite")["queries"]]
    assert found == [
        "SELECT COUNT(*) // 2 FROM kilns", "SELECT SUM(kiln_id) // NULLIF(COUNT(*), 0) FROM firings", "SELECT SUM(heat) / 2 FROM kilns",
    ]  # fmt: skip
    assert checked(sandbox, KILNS, asked[0], dialect="mysql")["queries"][0]["sql"] == asked[0]


@pytest.mark.parametrize(
    ("sql", "repaired"),
    [
        ("SELECT name, COUNT(*) FROM kilns GROUP BY id", True),
        ("SELECT name, COUNT(*) FROM kilns GROUP BY id % 2", False),
        ("SELECT b.name, COUNT(*) FROM kilns a JOIN kilns b ON a.heat < b.heat GROUP BY a.id", False),
    ],
)
def test_only_what_depends_on_a_grouped_key_is_grouped_too(sandbox: Sandbox, sql: str, repaired: bool) -> None:
    (query,) = checked(sandbox, KILNS, sql)["queries"]
    assert (not query["reason"]) is repaired


def test_a_guessed_type_stays_where_rows_hold_it(sandbox: Sandbox) -> None:
    schema = "CREATE TABLE hives (id INTEGER, frames VARCHAR); INSERT INTO hives VALUES (1, 'many'), (2, '9')"
    (query,) = checked(sandbox, schema, "SELECT id FROM hives WHERE frames > 8", guessed=True)["queries"]
    assert query["reason"] == "types do not fit"


def test_a_text_that_no_worker_has_read_is_given_to_nobody(sandbox: Sandbox) -> None:
    unread = ("DELETE FROM kilns", "SELECT 1; SELECT 2")
    assert [query["sql"] for query in checked(sandbox, KILNS, *unread)["queries"]] == ["", ""]
    assert checked(sandbox, "nothing", "SELECT 1")["queries"][0]["sql"] == ""


def test_a_row_that_kills_its_worker_takes_no_other_with_it(tmp_path: Path, hurried: None) -> None:
    deadly = "SELECT " + "(a)" + ".b(x)" * 1_200 + " FROM kilns"
    rows = [
        {"sql_prompt": f"q{i}", "sql": sql, "sql_context": KILNS}
        for i, sql in enumerate(["SELECT id FROM kilns", deadly, "SELECT heat FROM kilns"])
    ]
    found = gate(tmp_path, GRETEL, rows)
    assert [pair.sql for pair in found.train] == ["SELECT id FROM kilns", "SELECT heat FROM kilns"]
    assert found.counts[GRETEL]["dropped: brings the parser down"] == 1


def test_duckdb_s_own_words_are_kept(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Kilns by heat", "query": "FROM kilns ORDER BY heat DESC NULLS LAST", "schema": KILNS},
        {"prompt": "Names in one list", "query": "SELECT list_transform(list(name), lambda x : upper(x)) FROM kilns", "schema": KILNS},
        {"prompt": "All but the id", "query": "SELECT * EXCLUDE (id) FROM kilns", "schema": KILNS},
    ]
    assert len(gate(tmp_path, MOTHERDUCK, rows).train) == 3


# Near-duplicates and overlap


def test_pairs_that_differ_in_their_values_alone_are_one(tmp_path: Path) -> None:
    rows = [
        ("Which kilns are hotter than 900?", "SELECT name FROM kilns WHERE heat > 900", KILNS),
        ("which kilns are hotter than 1000", "SELECT k.name FROM kilns AS k WHERE k.heat > 1000", KILNS),
        ("Which kilns are colder than 900?", "SELECT name FROM kilns WHERE heat < 900", KILNS),
        ("Where is the kiln Ōgama?", "SELECT id FROM kilns WHERE name = 'Ōgama'", KILNS),
        ("Where is the kiln Nobori?", "SELECT id FROM kilns WHERE name = 'Nobori'", KILNS),
    ]
    found = made([own(tmp_path / "mine.jsonl", *rows)], tmp_path)
    assert [pair.question for pair in found.train] == [rows[0][0], rows[2][0], rows[3][0]]
    assert sum(n for counts in found.counts.values() for what, n in counts.items() if what == "dropped: near-duplicate") == 2


@pytest.fixture
def towns(tmp_path: Path) -> Database:
    folder = tmp_path / "towns"
    (folder / "data").mkdir(parents=True)
    (folder / "schema.sql").write_text("CREATE TABLE cities (id INTEGER, people INTEGER);")
    (folder / "data" / "cities.csv").write_text("id,people\n1,5\n")
    row = {
        "id": "t1",
        "question": "How many cities?",
        "gold_sql": ["SELECT COUNT(*) FROM cities"],
        "category": "aggregate",
        "split": "test",
    }
    jsonl(folder / "questions.jsonl", [row])
    return Database("towns", folder, tmp_path / "cache")


def test_no_question_or_gold_of_a_sample_database_is_learned(tmp_path: Path, towns: Database) -> None:
    cities = "CREATE TABLE cities (id INTEGER, people INTEGER)"
    rows = [
        ("how MANY cities", "SELECT SUM(people) FROM cities", cities),
        ("Count them", "select count(*) from cities as c;", cities),
        ("People in all?", "SELECT SUM(people) FROM cities", cities),
    ]
    found = made([own(tmp_path / "mine.jsonl", *rows)], tmp_path, {"towns": towns})
    assert [pair.question for pair in found.train] == ["People in all?"]
    (counts,) = found.counts.values()
    assert counts["dropped: question of a sample database"] == counts["dropped: query of a sample database"] == 1


def test_a_query_nested_too_deeply_to_be_compared_is_compared_as_text(tmp_path: Path, towns: Database) -> None:
    deep = f"SELECT {'(' * 150}COUNT(*){')' * 150} FROM cities"
    found = made([own(tmp_path / "mine.jsonl", ("Count them", deep, "CREATE TABLE cities (id INTEGER)"))], tmp_path, {"towns": towns})
    assert [pair.sql for pair in found.train] == [deep]


def test_questions_queries_and_schemas_of_other_evaluations_are_kept_apart(tmp_path: Path) -> None:
    harbour = "CREATE TABLE harbour (name VARCHAR, depth DOUBLE)"
    whole = (
        "CREATE TABLE boat (boat_id INT, harbour_id INT, name TEXT, sail TEXT, crew INT);"
        "CREATE TABLE harbour (harbour_id INT, name TEXT, depth REAL, opened TEXT)"
    )
    dev = [("How deep is Marstal?", 'SELECT depth FROM harbour WHERE name = "Marstal"')]
    rows = [
        ("how deep is MARSTAL", "SELECT MAX(depth) FROM harbour", harbour),
        ("Depth of Roslagen?", "SELECT h.depth FROM harbour h WHERE h.name = 'Roslagen'", harbour),
        ("Which harbours are deeper than 4?", "SELECT name FROM harbour WHERE depth > 4", harbour),
        ("How many boats?", "SELECT COUNT(*) FROM boat", whole),
    ]
    evaluation = Source("spider", str(spider(tmp_path / "spider", False, "dev.json", dev)), "dev")
    found = made([own(tmp_path / "mine.jsonl", *rows)], tmp_path, measured=[evaluation])
    assert [pair.question for pair in found.train] == ["Which harbours are deeper than 4?"]
    (counts,) = found.counts.values()
    for what in ("question", "query", "schema"):
        assert counts[f"dropped: {what} of an evaluation set"] == 1


# Splits


def shops(i: int, rows: bool = True) -> str:
    return f"CREATE TABLE shop_{i} (id INT, city TEXT, size INT);" + (
        f"INSERT INTO shop_{i} VALUES (1, 'Lund', {i}), (2, 'Turku', 7);" if rows else ""
    )


def many(rows: bool = True) -> list[tuple[str, str, str]]:
    asked = [
        ("Which shops are in Lund?", "SELECT id FROM shop_{i} WHERE city = 'Lund'"),
        ("How big is the biggest?", "SELECT MAX(size) FROM shop_{i}"),
    ]
    return [(f"{question} ({'abcdefghijklmnopqrst'[i]})", sql.format(i=i), shops(i, rows)) for i in range(20) for question, sql in asked]


@pytest.mark.parametrize("rows", [True, False])
def test_held_out_questions_are_about_other_schemas_and_have_answers(tmp_path: Path, sandbox: Sandbox, rows: bool) -> None:
    found = made([own(tmp_path / "mine.jsonl", *many(rows))], tmp_path, held_out=6)
    assert len(found.held_out) == 6
    trained = {table.name for pair in found.train for table in pair.schema.tables}
    assert len(trained) == 17
    for example in found.held_out:
        assert trained.isdisjoint(table.name for table in found.schemas[example.db].tables)
        done = sandbox.run(found.files[example.db], example.gold_sql[0], SCORE)
        assert done.outcome == "ok"
    assert set(found.files) == set(found.schemas) == {example.db for example in found.held_out}


def test_schemas_that_share_a_table_are_on_one_side(tmp_path: Path) -> None:
    linked = [(question, sql, shops(i // 2) + f"CREATE TABLE extra_{i // 2} (x INT)") for i, (question, sql, _) in enumerate(many())]
    alone = many()
    found = made(
        [own(tmp_path / "a.jsonl", *linked), own(tmp_path / "b.jsonl", *((f"{q} again", sql, text) for q, sql, text in alone))],
        tmp_path,
        held_out=8,
    )
    sides = [{t.name for p in found.train for t in p.schema.tables}, {t.name for s in found.schemas.values() for t in s.tables}]
    assert sides[1]
    assert sides[0].isdisjoint(sides[1])


def test_queries_that_read_the_clock_are_never_held_out(tmp_path: Path) -> None:
    rows = [(f"Since when {i}", f"SELECT id FROM shop_{i} WHERE size < year(current_date)", shops(i)) for i in range(10)]
    assert not made([own(tmp_path / "mine.jsonl", *rows)], tmp_path, held_out=5).held_out


def test_a_seed_means_the_same_every_time(tmp_path: Path) -> None:
    source = own(tmp_path / "mine.jsonl", *many())
    some = Source(source.source, most=15)
    one, two = (made([some], tmp_path / name, held_out=3) for name in "ab")
    assert (one.train, one.held_out) == (two.train, two.held_out)
    assert sum(counts["read"] for counts in one.counts.values()) == 15


def test_a_mix_that_leaves_nothing_says_why(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"Nothing of the data mix is left.*1 dropped: not a query"):
        made([own(tmp_path / "mine.jsonl", ("Empty it", "DELETE FROM kilns", KILNS))], tmp_path)


def test_what_the_hub_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*_args: Any, **_named: Any) -> None:
        raise huggingface_hub.errors.OfflineModeIsEnabled("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(BadInput, match=r"cannot be fetched from the hub \(offline\); download it elsewhere and give its folder as path"):
        datasets.loaders.fetched(GRETEL)
