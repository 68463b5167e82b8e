import datetime
import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.sql import Names, abstains, extract, first_statement, literals_for_unknown_names, prepare, pretty, translate
from tests.tables import ORACLE, WITHOUT_ORACLE, database

GOLDEN = Path(__file__).parent / "golden" / "sql" / "postgres.sql"
TABLE = """
CREATE TABLE t AS SELECT 7 AS a, 2 AS b, 2.0::DOUBLE AS f, 'Ann' AS g, TIMESTAMP '2024-03-04 05:06:07' AS ts, NULL::TIMESTAMP AS nothing
"""
NAMES = Names(frozenset(["t", "a", "b", "f", "g", "ts", "nothing", "status"]), frozenset(["a", "b"]))
SHOP = Names(frozenset(["orders", "customers", "id", "customer_id", "status", "city", "full name"]))


def golden_pairs() -> list[tuple[str, str, str, str]]:
    """(what is guarded, PostgreSQL, DuckDB, value) of each block of the golden file."""
    blocks = [block.splitlines() for block in GOLDEN.read_text(encoding="utf-8").strip().split("\n\n")]
    return [(why[3:], source, target.removeprefix("--> "), value.removeprefix("--= ")) for why, source, target, value in blocks]


def shown(cell: object) -> str:
    return "NULL" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell)


@pytest.mark.parametrize(("source", "target", "value"), [pair[1:] for pair in golden_pairs()], ids=[pair[0] for pair in golden_pairs()])
def test_translation_keeps_the_meaning(source: str, target: str, value: str) -> None:
    translated = translate(source, "postgres", NAMES)
    assert translated == target
    with duckdb.connect() as connection:
        row = connection.execute(TABLE).execute(translated).fetchone()
    assert row is not None
    assert "|".join(map(shown, row)) == value.strip("'")


@pytest.mark.parametrize("style", ["D", "WW", "am", "000", "FM99.99", "$999", "month J"])
def test_a_format_that_is_not_known_fails_aloud(style: str) -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error, match="to_char"):
        connection.execute(TABLE).execute(translate(f"SELECT to_char(ts, '{style}') FROM t", "postgres", NAMES))


def test_sqlite_text_is_translated_too() -> None:
    assert translate("SELECT IFNULL(a, 0) FROM t", "sqlite", NAMES) == "SELECT COALESCE(a, 0) FROM t"


# Against a real PostgreSQL

DIFFERS = {
    "pg_022": "age() is an interval of years, months and days; the reference has it in seconds, with the client's own length of a year",
    "pg_046": "regexp_match is not translated",
    "pg_069": "json_build_object is not translated",
    "pg_076": "DuckDB does not add a number to a text constant",
    "pggold_188": "a column that depends on the grouped key must itself be grouped in DuckDB",
}


@cache
def reference_database(fixture: str) -> tuple[duckdb.DuckDBPyConnection, Names]:
    connection = database(ORACLE / fixture)
    columns = connection.execute("SELECT lower(column_name), data_type LIKE '%INT%' FROM duckdb_columns() WHERE NOT internal").fetchall()
    fractions = {name for name, is_integer in columns if not is_integer}
    names = frozenset(name for name, _ in columns)
    return connection, Names(names, names - fractions)


def plain(cell: object, kind: str = "") -> object:
    """A cell in the reference's words: numbers to five digits, moments as text in UTC, intervals as seconds."""
    if isinstance(cell, list):
        return [plain(item, kind.strip("_")) for item in cell]
    if isinstance(cell, bool) or cell is None:
        return cell
    if isinstance(cell, int | float | Decimal) or (isinstance(cell, str) and kind in ("numeric", "float4", "float8")):
        return round(float(cell), 5)
    if isinstance(cell, datetime.timedelta):
        return round(cell.total_seconds(), 5)
    text = str(cell)
    return text.replace("T", " ").removesuffix("+00:00") if kind.startswith(("date", "time")) or not isinstance(cell, str) else text


def reference_rows(name: str) -> list[object]:
    path = ORACLE / name
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [
        pytest.param(row, id=row["id"], marks=[pytest.mark.xfail(reason=DIFFERS[row["id"]], strict=True)] if row["id"] in DIFFERS else [])
        for row in rows
        if not row.get("pg_error")
    ]


@pytest.mark.skipif(not ORACLE.exists(), reason=WITHOUT_ORACLE)
@pytest.mark.parametrize("row", reference_rows("pg_dialect_battery.jsonl") + reference_rows("pg_gold_results.jsonl"))
def test_a_translated_query_gives_what_postgresql_gives(row) -> None:
    connection, names = reference_database(row["fixture"])
    got = connection.execute(translate(row["sql_postgres"], "postgres", names)).fetchall()
    mine = [repr([plain(cell, kind) for cell, kind in zip(r, row["pg_types"], strict=True)]) for r in got]
    theirs = [repr([plain(cell, kind) for cell, kind in zip(r, row["pg_types"], strict=True)]) for r in row["pg_rows"]]
    assert sorted(mine) == sorted(theirs)


# From a model's text to one statement


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("SELECT 1", "SELECT 1"),
        ("  SELECT 1;\n", "SELECT 1"),
        ("Here is the query:\nSELECT name\nFROM t", "SELECT name\nFROM t"),
        ("Answer: SELECT 1", "SELECT 1"),
        ("Answer: (SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"),
        ("With this query you see them all:\nSELECT 1", "SELECT 1"),
        ("The names:\nWITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT 1) SELECT * FROM x"),
        ("WITH RECURSIVE r(n) AS (SELECT 1) SELECT * FROM r", "WITH RECURSIVE r(n) AS (SELECT 1) SELECT * FROM r"),
        ("FROM t SELECT a", "FROM t SELECT a"),
        ("-- all of them\nselect 1", "select 1"),
        ("Sure!\n```sql\nSELECT 1\n```\nThis counts.", "SELECT 1"),
        ("```\nSELECT 1\n```", "SELECT 1"),
        ("```SELECT 1```", "SELECT 1"),
        ("```sql SELECT 1```", "SELECT 1"),
        ("```sql\nSELECT 1", "SELECT 1"),
        ("```SQL\nSELECT ';' AS x;\n```", "SELECT ';' AS x"),
        ("SELECT 1; SELECT 2", "SELECT 1"),
        ("SELECT 1; DROP TABLE t", "SELECT 1"),
        ("DROP TABLE t", "DROP TABLE t"),
        ("SELECT ';' AS a, \";\" FROM t; SELECT 2", "SELECT ';' AS a, \";\" FROM t"),
        ("SELECT 'it''s; so' AS a; x", "SELECT 'it''s; so' AS a"),
        ("SELECT 1 -- one; two\n, 2; SELECT 3", "SELECT 1 -- one; two\n, 2"),
        ("SELECT 1 /* one; two */ + 2; SELECT 3", "SELECT 1 /* one; two */ + 2"),
        ("", ""),
        (" \n ", ""),
        (";", ""),
        ("no query at all", "no query at all"),
    ],
)
def test_extraction(text: str, sql: str) -> None:
    assert extract(text)[0] == sql


def test_what_extraction_removed_is_named() -> None:
    assert extract("SELECT 1;")[1] == []
    assert extract("Well:\nSELECT 1")[1] == ["words before the query removed"]
    assert extract("```sql\nSELECT 1\n```")[1] == ["taken from a fenced block"]
    assert extract("SELECT 1; SELECT 2")[1] == ["only the first statement kept"]


def test_text_ends_at_a_stop_mark_but_not_at_an_opening_one() -> None:
    assert extract("SELECT 1[/SQL] and so on", ("[/SQL]",))[0] == "SELECT 1"
    assert extract("SELECT 1\n```\nSELECT 2", ("```",))[0] == "SELECT 1"
    assert extract("```sql\nSELECT 1\n```", ("```",))[0] == "SELECT 1"


@given(st.text(alphabet="ab';\"-/*\n ", max_size=40))
def test_the_first_statement_and_the_rest_are_the_whole_text(text: str) -> None:
    first, rest = first_statement(text)
    assert first == first.strip()
    assert text.strip().startswith(first)
    assert text.endswith(rest)
    assert len(first) + len(rest) <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "I do not know", "i don't know.", "I don’t know", "I do not know which table that is", "`I do not know`", "```\nI do not know\n```",
        "SELECT 'I do not know'", "select 'I do not know' AS answer;", "SELECT 'I do not know' AS response_to_the_question",
        "SELECT 'I don''t know'", 'SELECT "I do not know"', "SELECT 'I do not know' FROM orders LIMIT 1",
    ],
)  # fmt: skip
def test_abstentions(text: str) -> None:
    assert abstains(extract(text)[0])


@pytest.mark.parametrize(
    "text",
    [
        "SELECT name FROM t WHERE note = 'I do not know'", "SELECT 'I do not know', name FROM t", "SELECT 1", "", "I know",
        "SELECT note FROM t WHERE note LIKE 'I don''t know%'", "SELECT 'I do not know' || name FROM t",
    ],
)  # fmt: skip
def test_what_is_no_abstention(text: str) -> None:
    assert not abstains(extract(text)[0])


# Repairs


@pytest.mark.parametrize(
    ("sql", "repaired"),
    [
        ('SELECT id FROM orders WHERE status = "open"', "SELECT id FROM orders WHERE status = 'open'"),
        ('SELECT id FROM orders WHERE status = "it\'s"', "SELECT id FROM orders WHERE status = 'it''s'"),
        ("SELECT 'Łódź', id FROM orders WHERE city = \"東京\"", "SELECT 'Łódź', id FROM orders WHERE city = '東京'"),
        ('SELECT "id" AS "key", "full name" FROM "orders" ORDER BY "key"', None),
        ('SELECT "ID" FROM "Orders"', None),
        ('SELECT "o"."weight" FROM orders AS "o"', None),
        ('SELECT "o"."id" FROM orders "o" WHERE "o"."id" > 1', None),
        ('WITH "big" AS (SELECT id FROM orders) SELECT * FROM "big"', None),
        ("SELECT 'say \"open\"' FROM orders", None),
    ],
)
def test_double_quotes_become_values_only_where_they_name_nothing(sql: str, repaired: str | None) -> None:
    assert literals_for_unknown_names(sql, SHOP) == (repaired or sql)


def binds_on(connection: duckdb.DuckDBPyConnection):
    def binds(sql: str) -> str | None:
        try:
            connection.execute("EXPLAIN " + sql)
        except duckdb.Error as problem:
            return str(problem)
        return None

    return binds


@pytest.mark.parametrize(
    ("text", "dialect", "sql", "repairs"),
    [
        ("SELECT a FROM t;", "duckdb", "SELECT a FROM t", ()),
        ("SELECT a FROM t WHERE g = 'x'", "postgres", "SELECT a FROM t WHERE g = 'x'", ()),
        ("SELECT a::float FROM t", "postgres", "SELECT CAST(a AS DOUBLE) FROM t", ("translated from postgres",)),
        ('SELECT a FROM t WHERE g = "Ann"', "duckdb", "SELECT a FROM t WHERE g = 'Ann'", ("text in double quotes read as a value",)),
        (
            'So:\nSELECT a / b FROM t WHERE g = "Ann"; x',
            "postgres",
            "SELECT a // b FROM t WHERE g = 'Ann'",
            (
                "words before the query removed",
                "only the first statement kept",
                "translated from postgres",
                "text in double quotes read as a value",
            ),
        ),
        ("SELECT wrong FROM t", "duckdb", "SELECT wrong FROM t", ()),
        ("SELECT ((a FROM t", "postgres", "SELECT ((a FROM t", ("not translated from postgres: it does not parse as postgres",)),
        ("", "postgres", "", ()),
    ],
)
def test_a_text_is_made_ready_and_every_change_named(text: str, dialect: str, sql: str, repairs: tuple[str, ...]) -> None:
    with duckdb.connect() as connection:
        prepared = prepare(text, dialect, NAMES, binds_on(connection.execute(TABLE)))
    assert (prepared.sql, prepared.repairs, prepared.abstained) == (sql, repairs, False)


def test_an_abstention_is_not_translated() -> None:
    prepared = prepare("SELECT 'I do not know';", "postgres", NAMES, lambda _: None)
    assert prepared.abstained
    assert prepared.sql == "SELECT 'I do not know'"


def test_where_only_the_original_binds_it_is_run_as_written() -> None:
    original = "SELECT a / b FROM t"
    prepared = prepare(original, "postgres", NAMES, lambda sql: None if sql == original else "no")
    assert prepared.sql == original
    assert prepared.repairs == ("run as written: its translation from postgres does not bind",)


def test_formatting_changes_layout_only() -> None:
    sql = "select a, 'b  c' from t where a>1 order by a"
    laid_out = pretty(sql)
    assert laid_out.count("\n") >= 3
    assert "'b  c'" in laid_out
    with duckdb.connect() as connection:
        connection.execute(TABLE)
        assert connection.execute(laid_out).fetchall() == connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    "other",
    [
        "SELECT c.country, COUNT(*) AS n FROM customers c WHERE c.stock > 2 GROUP BY c.country ORDER BY n DESC LIMIT 5",
        "SELECT  c.country ,\n\n\tcount(*) AS n\nFROM customers c WHERE c.stock>2\n    group by c.country Order By n desc\nLIMIT 5",
    ],
)
def test_one_formatter_lays_out_both_sides(other: str) -> None:
    one = "select c.country, count(*) as n from customers c where c.stock > 2 group by c.country order by n desc limit 5"
    assert pretty(other) == pretty(one)


def test_only_functions_are_written_in_capitals() -> None:
    assert pretty("select count, max, sum(count) from t").split() == ["SELECT", "count,", "max,", "SUM(count)", "FROM", "t"]
