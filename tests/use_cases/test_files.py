"""Benchmarks of others from the files that their authors publish. All rows here are invented, but for those of the oracle."""

import csv
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql_arena.benchmark import files
from nl2sql_arena.benchmark.files import LOADERS, Dataset
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadDatabase, BadInput
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.types import SCORE
from tests.tables import ORACLE, WITHOUT_ORACLE

OVENS = """
CREATE TABLE bakery (id INT PRIMARY KEY, name TEXT, founded INT, rating REAL);
INSERT INTO bakery VALUES (1, 'Ada Breads', 1990, 4.5), (2, 'Zeynep''s', 2005, NULL), (3, 'adamant crusts', 2010, 3.0);
"""
COUNT = "SELECT count(*) FROM bakery"


def sqlite(path: Path, script: str = OVENS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    return path


def written(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def table(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def made(path: Path, sandbox: Sandbox, **more: Any) -> Dataset:
    return files.opened(path, sandbox, path.parent / "cache", **more)


def answers(dataset: Dataset, sandbox: Sandbox) -> list[list[Any]]:
    """For each example the rows of its golds."""
    return [
        [[list(row) for row in sandbox.run(dataset.databases[each.db].path(), sql, SCORE).rows] for sql in each.gold_sql]
        for each in dataset.examples
    ]


@pytest.fixture
def bakeries(tmp_path: Path) -> Path:
    """A folder as Spider publishes it."""
    sqlite(tmp_path / "database" / "bakeries" / "bakeries.sqlite")
    golds = [
        COUNT,
        'SELECT name FROM bakery WHERE name LIKE "%ADA%"',
        "SELECT name FROM bakery ORDER BY rating LIMIT 1",
        "SELECT nme FROM x",
    ]
    written(tmp_path / "dev.json", [{"question": f"q{i}?", "query": sql, "db_id": "bakeries"} for i, sql in enumerate(golds)])
    return tmp_path


def test_spider_s_folder_is_read_and_its_golds_mean_what_they_mean_on_sqlite(bakeries: Path, sandbox: Sandbox) -> None:
    found = made(bakeries, sandbox)
    assert [(each.id, each.db, each.question) for each in found.examples[:2]] == [("0", "bakeries", "q0?"), ("1", "bakeries", "q1?")]
    rows = answers(found, sandbox)
    assert rows[0] == [[[3]]]
    assert sorted(rows[1][0]) == [["Ada Breads"], ["adamant crusts"]], "LIKE ignores case there, and double quotes hold a text"
    assert rows[2] == [[["Zeynep's"]]], "NULL is the smallest value there"
    assert found.repairs == {"1": ("LIKE, which ignores case in SQLite, written as ILIKE", "text in double quotes read as a value")}
    (lost,) = found.unusable
    assert (lost.id, lost.sql) == ("3", "SELECT nme FROM x")
    assert "names what its schema lacks" in lost.reason
    assert len(found.examples) == 4, "nothing is dropped"


def test_a_database_is_built_once_and_whole(bakeries: Path, sandbox: Sandbox) -> None:
    script = "CREATE TABLE n (i INT);" + f"INSERT INTO n VALUES {', '.join(f'({i})' for i in range(10_500))};"
    sqlite(bakeries / "numbers.sqlite", script)
    path = written(bakeries / "dev.json", [{"question": "?", "query": "SELECT count(*) FROM n", "db_id": "numbers"}])
    found = made(path, sandbox)
    assert answers(found, sandbox) == [[[[10_500]]]]
    built = found.databases["numbers"].path()
    stamp = built.stat().st_mtime_ns
    assert made(path, sandbox).databases["numbers"].path() == built
    assert built.stat().st_mtime_ns == stamp


def test_bird_s_rows_are_put_in_the_order_of_their_numbers(tmp_path: Path, sandbox: Sandbox) -> None:
    sqlite(tmp_path / "dev_databases" / "b" / "b.sqlite")
    rows = [{"question": f"q{i}?", "SQL": COUNT, "db_id": "b", "evidence": "an oven bakes", "difficulty": "simple"} for i in range(11)]
    by_number = written(tmp_path / "dev.json", {str(i): rows[i] for i in (*range(0, 11, 2), *range(1, 11, 2))})
    found = made(by_number, sandbox)
    assert [each.question for each in found.examples] == [f"q{i}? an oven bakes" for i in range(11)], "10 follows 9, not 1"
    assert {each.category for each in found.examples} == {"simple"}
    listed = [row | {"question_id": 100 + i} for i, row in enumerate(rows)]
    assert [each.id for each in made(written(tmp_path / "dev.json", listed), sandbox).examples][:2] == ["100", "101"]
    written(tmp_path / "dev.json", {"0": rows[0], "2": rows[2]})
    with pytest.raises(BadInput, match="lacks the number 1 of 2; a hole would shift"):
        made(tmp_path, sandbox)


def test_sql_eval_s_alternatives_are_golds_of_their_own(tmp_path: Path, sandbox: Sandbox) -> None:
    written(tmp_path / "b.sql", OVENS)
    query = "SELECT {name, id}, to_char(make_date(founded, 1, 1), 'YYYY') FROM bakery GROUP BY {}, founded; SELECT ';' || name FROM bakery"
    rows = [
        {"question": "Which?", "query": query, "db_name": "b", "query_category": "group_by", "instructions": "Say when."},
        {"question": "Why?", "query": "SELECT 'i do not know' AS answer", "db_name": "b", "query_category": "idk", "instructions": ""},
        {"question": "Odd?", "query": "SELECT xmin FROM bakery", "db_name": "b", "query_category": "odd", "instructions": ""},
    ]
    found = made(table(tmp_path / "questions.csv", rows), sandbox)
    which, why, _ = found.examples
    assert (which.question, which.category) == ("Which? Say when.", "group_by")
    assert why.gold_sql == (), "the right answer is to abstain"
    widths = [len(table[0]) for table in answers(found, sandbox)[0]]
    assert widths == [2, 2, 3, 1], "name, id, both; and the query after the semicolon"
    assert [each.id for each in found.unusable] == ["3"]


def test_duckdb_nsql_s_questions_with_a_setup_are_listed(tmp_path: Path, sandbox: Sandbox) -> None:
    with duckdb.connect(str(tmp_path / "b.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT [1, 2] AS l")
    row = {"db_id": "b", "question": "?", "category": "duckdb", "setup_sql": "", "validation_sql": ""}
    rows = [row | {"query": "SELECT l[1] FROM t;"}, row | {"query": "FROM u", "setup_sql": "CREATE TABLE u AS SELECT 1"}]
    found = made(written(tmp_path / "bench.json", rows), sandbox)
    assert answers(found, sandbox)[0] == [[[1]]]
    assert [(each.id, each.reason.split(" (")[0]) for each in found.unusable] == [("1", "more than one statement")]


def test_gold_lines_name_their_database_after_a_tab(tmp_path: Path, sandbox: Sandbox) -> None:
    sqlite(tmp_path / "b.sqlite")
    path = written(tmp_path / "gold.txt", f"{COUNT}\tb\nSELECT max(founded) FROM bakery\tb\n")
    assert answers(made(path, sandbox), sandbox) == [[[[3]]], [[[2010]]]]
    written(path, f"{COUNT} b\n")
    with pytest.raises(BadInput, match="line 1 is not a query, a TAB and a database's name"):
        made(path, sandbox)


def test_each_context_is_a_database_with_invented_rows(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [
        {"question": "a?", "context": "CREATE TABLE oven (heat VARCHAR)", "answer": 'SELECT COUNT(*) FROM oven WHERE heat = "250"'},
        {"question": "b?", "context": "CREATE TABLE loaf (flour VARCHAR)", "answer": "SELECT flour FROM loaf"},
    ]
    found = made(written(tmp_path / "rows.json", rows), sandbox)
    assert len(found.databases) == 2
    (counted,), (flours,) = answers(found, sandbox)
    assert counted[0][0] > 0
    assert len(flours) > 1


def test_our_own_lines_ask_sample_databases_or_files_beside_them(tmp_path: Path, sandbox: Sandbox, db_file: Path) -> None:
    sqlite(tmp_path / "b.sqlite")
    rows = [
        {"id": "x", "question": "?", "gold_sql": [COUNT], "db": "b", "split": "dev"},
        {"id": "y", "question": "?", "gold_sql": [], "db": "tiny", "split": "test"},
    ]
    path = written(tmp_path / "mine.jsonl", "\n".join(map(json.dumps, rows)))
    found = made(path, sandbox, known={"tiny": Database("tiny", db_file.parent, tmp_path, db_file)})
    assert [(each.id, each.db, each.split, len(each.gold_sql)) for each in found.examples] == [
        ("x", "b", "dev", 1),
        ("y", "tiny", "test", 0),
    ]
    assert [each.id for each in files.of_split(found, "test").examples] == ["y"]
    with pytest.raises(BadInput, match="no question of the split 'arena'; its splits are: dev, test"):
        files.of_split(found, "arena")
    with pytest.raises(BadInput, match=r"There is no tiny.duckdb, tiny.sqlite, tiny.sql in .*--db-root"):
        made(path, sandbox)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", [{"question": "?"}], "is of no known form, its first row has question"),
        ("a.json", [{"question": "?", "query": "", "db_id": "b"}], "row 0 has no query"),
        ("a.json", {"0": {"question": "?", "SQL": "x", "db_id": "b"}, "one": {}}, "has the key 'one' where numbers are meant"),
        ("a.jsonl", '{"question": "?", "gold_sql": [1]}', "row 1 has a gold_sql that is not a list of queries"),
        ("a.jsonl", '{"id": 1, "question": "?", "gold_sql": []}\n{"id": 1, "question": "!", "gold_sql": []}', "holds the id 1 twice"),
        ("a.jsonl", "{", "line 1 is not JSON"),
        ("nothing.csv", None, "There is no "),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, sandbox: Sandbox, name: str, content: Any, said: str) -> None:
    if content is not None:
        written(tmp_path / name, content)
    with pytest.raises(BadInput, match=said) as caught:
        made(tmp_path / name, sandbox)
    assert "\n" not in str(caught.value)


def test_too_many_columns_to_choose_from_are_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    row = {
        "question": "?",
        "query": f"SELECT {{{', '.join('abcdefghi')}}} FROM t",
        "db_name": "b",
        "query_category": "",
        "instructions": "",
    }
    with pytest.raises(BadInput, match="lets one choose from 9 columns"):
        made(table(tmp_path / "q.csv", [row]), sandbox)


def test_a_script_of_another_dialect_is_read_as_what_it_describes(tmp_path: Path, sandbox: Sandbox) -> None:
    path = written(tmp_path / "a.jsonl", '{"question": "?", "gold_sql": ["SELECT n FROM t"], "db": "b"}')
    written(tmp_path / "b.sql", "CREATE TABLE t (id SERIAL PRIMARY KEY, n VARCHAR(9)); INSERT INTO t VALUES (1, 'one');")
    assert answers(made(path, sandbox), sandbox) == [[[["one"]]]]
    written(tmp_path / "b.sql", "CREATE TABLE t (id SERIAL, n TEXT); INSERT INTO t VALUES (1, to_char(now(), 'YYYY'));")
    (lost,) = made(path, sandbox).unusable
    assert "does not build a database" in lost.reason
    assert "rows whose values are no literals left out" in lost.reason


def test_a_script_reaches_no_file(tmp_path: Path, sandbox: Sandbox) -> None:
    path = written(tmp_path / "a.jsonl", '{"question": "?", "gold_sql": ["SELECT n FROM t"], "db": "b"}')
    target = tmp_path / "out.csv"
    written(tmp_path / "b.sql", f"CREATE TABLE t AS SELECT 1 AS n; COPY t TO '{target}';")
    (lost,) = made(path, sandbox).unusable
    assert "does not build a database" in lost.reason
    assert not target.exists()


def test_tables_of_another_schema_are_reached(tmp_path: Path, sandbox: Sandbox) -> None:
    path = written(tmp_path / "a.jsonl", '{"question": "?", "gold_sql": ["SELECT n FROM s.t"], "db": "b"}')
    written(tmp_path / "b.sql", "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS n;")
    found = made(path, sandbox)
    assert (answers(found, sandbox), found.unusable) == ([[[[1]]]], ())
    with pytest.raises(BadDatabase, match="other schemas than main, which no prompt shows"):
        found.databases["b"].schema()


def test_a_worker_that_ran_a_query_on_a_file_can_check_others_there_and_go_on(bakeries: Path, sandbox: Sandbox) -> None:
    found = made(bakeries, sandbox)
    database = found.databases["bakeries"]
    for _ in range(4):
        assert sandbox.run(database.path(), COUNT, SCORE).outcome == "ok"
        assert [each.reason for each in files.ready([COUNT], database, ("sqlite",), sandbox)] == [""]


def test_golds_of_duckdb_nsql_run(tmp_path: Path, sandbox: Sandbox) -> None:
    if not ORACLE.is_dir():
        pytest.skip(WITHOUT_ORACLE)
    rows = [json.loads(line) for line in (ORACLE / "nsql_pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = [{"question": row["question"], "query": row["gold_sql"][0], "db_id": row["db"], "setup_sql": ""} for row in rows[::4]]
    found = made(written(tmp_path / "dev.json", asked), sandbox, root=ORACLE / "fixtures" / "nsql")
    assert len(found.databases) > 3
    assert found.unusable == ()


def test_every_loader_is_recognised_by_its_rows() -> None:
    assert {name for name, _ in files.FIELDS} | {"pairs"} == set(LOADERS)


def test_golds_of_postgres_give_what_postgres_gives(tmp_path: Path, sandbox: Sandbox) -> None:
    """A tenth of sql-eval's golds with their results from a real PostgreSQL, on the databases that they were made for."""
    if not ORACLE.is_dir():
        pytest.skip(WITHOUT_ORACLE)
    rows = [json.loads(line) for line in (ORACLE / "pg_gold_results.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["db"] in ("broker", "academic")][::3]
    fields = [{"question": row["question"], "query": row["sql_postgres"], "db_name": row["db"]} for row in rows]
    found = made(table(tmp_path / "q.csv", fields), sandbox, root=ORACLE / "fixtures" / "defog")
    assert found.unusable == ()
    for row, (rows_here,) in zip(rows, answers(found, sandbox), strict=True):
        assert sorted(map(shown, rows_here)) == sorted(map(shown, row["pg_rows"])), row["id"]


def shown(row: Sequence[Any]) -> list[str]:
    return [f"{float(cell):.6g}" if str(cell).replace(".", "").replace("-", "").isdigit() else str(cell)[:10] for cell in row]


def test_golds_of_spider_run_on_duckdb(tmp_path: Path, sandbox: Sandbox) -> None:
    if not ORACLE.is_dir():
        pytest.skip(WITHOUT_ORACLE)
    rows = [json.loads(line) for line in (ORACLE / "spider_pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = [{"question": row["question"], "query": row["orig"]["gold_sql"], "db_id": row["db"]} for row in rows if row["db"] == "pets_1"]
    found = made(written(tmp_path / "dev.json", asked), sandbox, root=ORACLE / "fixtures" / "spider_sqlite")
    assert len(found.examples) == len(asked) > 5
    assert found.unusable == ()
