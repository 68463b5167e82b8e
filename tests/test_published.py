"""Files of others, read as data: what is odd in them is left out or named in one sentence, and never ends the work with a traceback."""

import json
import sqlite3
from pathlib import Path

import duckdb
import pytest

from nl2sql_arena import ddl
from nl2sql_arena.errors import BadInput
from nl2sql_arena.published.files import build_file
from nl2sql_arena.published.invented_rows import ROWS, invented
from nl2sql_arena.published.records import records
from nl2sql_arena.published.sqlite_files import convert
from nl2sql_arena.types import Column, Schema, Table


def converted(folder: Path, script: str) -> list[Table]:
    with sqlite3.connect(folder / "theirs.sqlite") as connection:
        connection.executescript(script)
    connection.close()
    return convert(folder / "theirs.sqlite", folder / "ours.duckdb")


def test_of_an_sqlite_file_only_plain_tables_and_columns_with_names_are_read(tmp_path: Path) -> None:
    tables = converted(
        tmp_path,
        """CREATE TABLE plain ("" INT, a INT, b AS (a + 1)); CREATE TABLE "" (a INT); CREATE TABLE bare ("" INT);
        CREATE VIEW seen AS SELECT a FROM plain; CREATE VIRTUAL TABLE strange USING rtree(id, low, high);
        INSERT INTO plain ("", a) VALUES (1, 2); PRAGMA writable_schema = ON;
        UPDATE sqlite_master SET sql = 'CREATE VIRTUAL TABLE strange USING unheard_of(a)' WHERE name = 'strange';""",
    )
    found = {table.name: [column.name for column in table.columns] for table in tables if not table.name.startswith("strange_")}
    assert found == {"plain": ["a"]}
    with duckdb.connect(str(tmp_path / "ours.duckdb"), read_only=True) as connection:
        assert connection.execute("FROM plain").fetchall() == [(2,)]


def test_values_stand_in_no_statement_and_arrive_as_they_are(tmp_path: Path) -> None:
    kinds = ("INTEGER", "VARCHAR", "DATE", "INTEGER[]", 'STRUCT("x y" INTEGER)', "TIMESTAMP WITH TIME ZONE", "JSON", "DECIMAL(5,2)", "BLOB")
    row = ("1", 'it\'s "so"; --', "2024-02-29", "[1, 2]", "{'x y': 1}", "2024-01-01 00:00:00+00", '{"a": 1}', "1.5", "a")
    table = Table("odd", tuple(Column(f"c{number}", kind) for number, kind in enumerate(kinds)))
    build_file(tmp_path / "file.duckdb", [table], {"odd": [row, (None,) * len(row)] * 3_000})
    with duckdb.connect(str(tmp_path / "file.duckdb"), read_only=True) as connection:
        counted = connection.execute('SELECT count(*), count(c0), min(c1), max(c1), min(c2)::VARCHAR, max(c4)."x y" FROM odd').fetchone()
    assert counted == (6_000, 3_000, row[1], row[1], row[2], 1)


@pytest.mark.parametrize("name", ["exclude", "function", "values", "select", "Order", 'q"uote', "a.b", "two\nlines", "-- x"])
def test_a_schema_that_we_write_is_read_again_whatever_its_names(name: str) -> None:
    tables = (Table(name, (Column(name, "INTEGER", nullable=False), Column("other", "VARCHAR")), (name,)),)
    assert ddl.read(ddl.written(tables)).tables == tables


def test_a_statement_about_no_table_is_left_out() -> None:
    found = ddl.read("INSERT OVERWRITE DIRECTORY 'x' SELECT 1; CREATE TABLE t (a INT)")
    assert [table.name for table in found.tables] == ["t"]
    assert found.notes


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("DECIMAL(3,2)", "SELECT c FROM t"),
        ("DECIMAL(2,2)", "SELECT c FROM t WHERE c > 100000"),
        ("DECIMAL(1,0)", "SELECT c FROM t WHERE c = 9.99"),
        ("DECIMAL(38,38)", "SELECT c FROM t WHERE c < -5"),
        ("INTEGER", "SELECT c FROM t WHERE CAST(c AS DOUBLE) = 'nan'"),
        ("DATE", "SELECT c FROM t WHERE CAST(c AS VARCHAR) = '٢٠٢٤'"),
    ],
)
def test_invented_rows_fit_their_types(tmp_path: Path, kind: str, query: str) -> None:
    schema = Schema("x", (Table("t", (Column("c", kind),)),))
    build_file(tmp_path / "file.duckdb", schema.tables, invented(schema, [query], "seed"))
    with duckdb.connect(str(tmp_path / "file.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (ROWS,)


def test_a_line_of_a_jsonl_ends_where_json_says(tmp_path: Path) -> None:
    row = {"question": "a\u2028b\x85c"}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False) + "\r\n\n" + json.dumps(row), encoding="utf-8")
    assert list(records(path)) == [row, row]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "null", "is not a list of objects"),
        ("a.json", '[{"a": 1}, 5]', "is not a list of objects"),
        ("a.json", "[" * 100_000, "is not JSON"),
        ("a.jsonl", '{"a": ' + "[" * 100_000, "line 1 is not JSON"),
    ],
)
def test_what_holds_no_rows_is_one_sentence(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadInput, match=said):
        list(records(path))
