import json

import pytest

from nl2sql_arena.difficulty import AXES, FEATURES, duckdb_level, features, level, spider_level
from nl2sql_arena.errors import BadInput
from tests.tables import ORACLE, WITHOUT_ORACLE

LABELS = ORACLE / "spider_hardness.jsonl"


@pytest.mark.skipif(not LABELS.exists(), reason=WITHOUT_ORACLE)
def test_levels_are_the_official_ones_on_spider() -> None:
    rows = [json.loads(line) for line in LABELS.read_text(encoding="utf-8").splitlines()]
    wrong = {row["idx"]: (row["hardness"], level) for row in rows if (level := spider_level(row["sql"], "sqlite")) != row["hardness"]}
    assert len(rows) > 500
    assert wrong == {}


@pytest.mark.parametrize(
    ("level", "sql"),
    [
        ("easy", "SELECT count(*) FROM orders"),
        ("easy", "SELECT name FROM orders WHERE total > 5"),
        ("medium", "SELECT name, total FROM orders WHERE total > 5 ORDER BY total"),
        ("medium", "SELECT o.id FROM orders o JOIN customers c ON o.customer_id = c.id WHERE c.city = 'Oslo'"),
        ("hard", "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders)"),
        ("hard", "SELECT name FROM a UNION SELECT name FROM b"),
        ("hard", "(SELECT name FROM a UNION SELECT name FROM b)"),
        ("extra", "SELECT name FROM a WHERE x > 1 AND y > 2 UNION SELECT name FROM b"),
        ("extra", "SELECT c.city, count(*) FROM c JOIN o ON o.c = c.id WHERE o.x > 1 OR o.y < 2 GROUP BY c.city ORDER BY count(*) LIMIT 3"),
    ],
)
def test_spider_level(level: str, sql: str) -> None:
    assert spider_level(sql) == level


def test_one_switch_chooses_the_axis() -> None:
    sql = "WITH big AS (SELECT name FROM t WHERE x > 1) SELECT name FROM big"
    assert [level(sql, axis) for axis in AXES] == [spider_level(sql), duckdb_level(sql)] == ["easy", "hard"]
    assert level(sql) == "easy"


def test_having_counts_only_through_what_stands_in_it() -> None:
    grouped = "SELECT city FROM customers GROUP BY city"
    assert spider_level(grouped) == spider_level(f"{grouped} HAVING count(*) > 2") == "easy"
    assert spider_level(f"{grouped} HAVING count(*) > (SELECT avg(n) FROM sizes)") == "hard"


@pytest.mark.parametrize(
    ("official", "ours", "sql"),
    [
        ("easy", "easy", "SELECT name FROM t"),
        ("easy", "hard", "WITH big AS (SELECT name FROM t WHERE x > 1) SELECT name FROM big"),
        ("easy", "hard", "SELECT name FROM (SELECT name FROM t)"),
        ("easy", "hard", "SELECT rank() OVER (ORDER BY x) FROM t"),
        ("easy", "medium", "SELECT CASE WHEN x > 1 THEN 'a' ELSE 'b' END FROM t WHERE y = 2"),
        ("easy", "medium", "SELECT if(x > 1, 'a', 'b') FROM t WHERE y = 2"),
        ("easy", "hard", "SELECT CASE WHEN x > 1 THEN 'a' ELSE CASE WHEN x > 0 THEN 'b' END END FROM t WHERE y = 2"),
        ("easy", "medium", "SELECT count(*) FILTER (WHERE x > 1) FROM t WHERE y = 2"),
        ("easy", "extra", "SELECT name FROM t WHERE y > 1 QUALIFY row_number() OVER (PARTITION BY city ORDER BY x) = 1"),
    ],
)
def test_duckdb_constructs_count_only_on_the_second_axis(official: str, ours: str, sql: str) -> None:
    assert (spider_level(sql), duckdb_level(sql)) == (official, ours)


SHOWN = {
    "SELECT avg(x) FROM t": "aggregate",
    "SELECT CASE WHEN x > 1 THEN 1 ELSE 0 END FROM t": "case",
    "WITH u AS (SELECT 1) SELECT * FROM u": "cte",
    "SELECT * FROM t WHERE d > '2024-01-31'": "date",
    "SELECT DISTINCT x FROM t": "distinct",
    "SELECT x FROM t GROUP BY x HAVING x > 1": "group having",
    "SELECT * FROM t JOIN u USING (id)": "join",
    "SELECT * FROM t LEFT JOIN u USING (id)": "join outer_join",
    "SELECT * FROM t AS a JOIN t AS b ON a.boss = b.id": "join self_join",
    "SELECT * FROM t WHERE x NOT ILIKE '%a'": "like",
    "SELECT * FROM t WHERE regexp_matches(x, 'a')": "like",
    "SELECT x FROM t ORDER BY x LIMIT 3": "limit order",
    "SELECT * FROM t WHERE x IN (SELECT x FROM u)": "nested",
    "SELECT * FROM t WHERE x IS NOT NULL": "null",
    "SELECT coalesce(x, 0) FROM t": "null",
    "SELECT x FROM t QUALIFY rank() OVER (ORDER BY x) = 1": "qualify window",
    "SELECT x / y FROM t": "ratio",
    "SELECT x FROM t EXCEPT SELECT x FROM u": "set_operation",
    "SELECT rank() OVER (ORDER BY x) FROM t": "window",
}  # fmt: skip


@pytest.mark.parametrize(("sql", "names"), SHOWN.items())
def test_features_are_what_a_query_is_made_of_and_nothing_else(sql: str, names: str) -> None:
    assert features(sql) == names.split()


def test_every_feature_can_be_found_and_they_are_sorted() -> None:
    assert {name for names in SHOWN.values() for name in names.split()} == set(FEATURES)
    assert sorted(FEATURES) == list(FEATURES)


@pytest.mark.parametrize("sql", ["SELEC 1 FROM", "", "DROP TABLE orders", "INSERT INTO t SELECT 1"])
@pytest.mark.parametrize("level", [spider_level, duckdb_level])
def test_what_is_no_query_has_no_level(level, sql: str) -> None:
    with pytest.raises(BadInput):
        level(sql)


def test_an_unknown_dialect_is_named() -> None:
    with pytest.raises(BadInput, match="klingon"):
        spider_level("SELECT 1", "klingon")
