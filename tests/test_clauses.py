"""Which queries are the same clause by clause, after Spider's definitions."""

import json

import pytest
from sqlglot import exp, parse_one

from nl2sql_arena.clauses import clauses
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.types import Clauses
from tests.tables import ORACLE, WITHOUT_ORACLE

SPIDER = ORACLE / "spider_hardness.jsonl"
SHOP = {"customers": ("id", "name", "city"), "orders": ("id", "customer_id", "total")}


def read(sql: str, dialect: str = "duckdb") -> Clauses:
    found = clauses(sql, SHOP, dialect)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("why", "one", "other"),
    [
        ("order of conditions, values, aliases",
         "SELECT name FROM customers WHERE city = 'Oslo' AND id > 3", "SELECT c.name FROM customers c WHERE c.id > 9 AND c.city = 'Rome'"),
        ("ordinals, output names, the text of ON",
         "SELECT c.name, sum(o.total) AS t FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.name ORDER BY t DESC LIMIT 3",
         "SELECT name, sum(total) FROM orders, customers GROUP BY 1 ORDER BY 2 DESC LIMIT 5"),
        ("a CTE is what it stands for",
         "WITH x AS (SELECT id FROM customers WHERE city = 'a') SELECT count(*) FROM x",
         "SELECT count(*) FROM (SELECT c.id FROM customers c WHERE c.city = 'b') y"),
        ("names from outside in a nested query",
         "SELECT name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)",
         "SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = customers.id)"),
        ("DISTINCT and lists of values", "SELECT count(DISTINCT city) FROM customers WHERE id IN (1, 2)",
         "SELECT count(c.city) FROM customers c WHERE c.id IN (3)"),
        ("values of any type in any depth", "SELECT total FROM orders WHERE (total + 1) * 2 > CAST('3' AS DECIMAL) OR NOT (total < -1)",
         "SELECT o.total FROM orders o WHERE (o.total + 5) * 7 > 8 OR NOT (o.total < 2)"),
        ("GROUP BY ALL", "SELECT city, count(*) FROM customers GROUP BY ALL", "SELECT city, count(*) FROM customers GROUP BY city"),
        ("QUALIFY by its output", "SELECT rank() OVER (ORDER BY id) AS r FROM customers QUALIFY r = 1",
         "SELECT rank() OVER (ORDER BY id) FROM customers QUALIFY rank() OVER (ORDER BY id) = 2"),
        ("a star of the only table", "SELECT c.* FROM customers c", "FROM customers"),
    ],
)  # fmt: skip
def test_what_spider_does_not_tell_apart_is_equal(why: str, one: str, other: str) -> None:
    assert read(one) == read(other), why


@pytest.mark.parametrize(
    ("differs", "one", "other"),
    [
        ({"select"}, "SELECT name FROM customers", "SELECT city FROM customers"),
        ({"where"}, "SELECT name FROM customers WHERE id > 3", "SELECT name FROM customers WHERE id >= 3"),
        ({"where", "keywords"}, "SELECT name FROM customers WHERE id > 3", "SELECT name FROM customers WHERE NOT id > 3"),
        ({"keywords", "rest"}, "SELECT name FROM customers WHERE id > 3 OR city = ''",
         "SELECT name FROM customers WHERE id > 3 AND city = ''"),
        ({"group"}, "SELECT count(*) FROM customers GROUP BY city", "SELECT count(*) FROM customers GROUP BY name"),
        ({"group", "keywords"}, "SELECT city FROM customers GROUP BY city", "SELECT city FROM customers GROUP BY city HAVING count(*) > 1"),
        ({"order", "keywords"}, "SELECT name FROM customers ORDER BY id", "SELECT name FROM customers ORDER BY id DESC"),
        ({"order", "keywords"}, "SELECT name FROM customers ORDER BY id", "SELECT name FROM customers ORDER BY id LIMIT 1"),
        ({"join"}, "SELECT name FROM customers, orders", "SELECT name FROM customers LEFT JOIN orders ON true"),
        ({"join", "rest"}, "SELECT name FROM customers", "SELECT name FROM customers, orders"),
        ({"rest"}, "SELECT name FROM customers UNION SELECT 'a'", "SELECT name FROM customers UNION SELECT total FROM orders"),
        ({"keywords", "rest"}, "SELECT name FROM customers UNION SELECT 'a'", "SELECT name FROM customers EXCEPT SELECT 'a'"),
        ({"where"}, "SELECT name FROM customers WHERE id IN (SELECT id FROM orders)",
         "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders)"),
        ({"select"}, "SELECT customers.id FROM customers, orders", "SELECT orders.id FROM customers, orders"),
    ],
)  # fmt: skip
def test_a_difference_is_found_where_it_is(differs: set[str], one: str, other: str) -> None:
    first, second = read(one), read(other)
    assert {name for name, found in vars(first).items() if found != vars(second)[name]} == differs


@pytest.mark.skipif(not SPIDER.exists(), reason=WITHOUT_ORACLE)
def test_every_query_of_spider_has_clauses_equal_only_to_its_like() -> None:
    """Rewriting what Spider does not compare changes nothing; dropping a clause always does."""
    rows = [json.loads(line) for line in SPIDER.read_text(encoding="utf-8").splitlines()]
    for sql in {row["sql"] for row in rows[::3]}:
        found = clauses(sql, {}, "sqlite")
        assert found is not None
        tree = parse_one(sql, read="sqlite")
        for literal in list(tree.find_all(exp.Literal)):
            literal.replace(exp.Literal.string("other"))
        assert clauses(tree.sql("sqlite"), {}, "sqlite") == found
        for part in ("where", "group", "order", "limit"):
            less = parse_one(sql, read="sqlite")
            if isinstance(less, exp.Select) and less.args.get(part):
                less.set(part, None)
                assert clauses(less.sql("sqlite"), {}, "sqlite") != found, (part, sql)


@pytest.mark.parametrize("sql", ["", "SELECT FROM WHERE", "DROP TABLE customers", "SELECT " + "(" * 3000])
def test_what_is_no_query_has_no_clauses(sql: str) -> None:
    assert clauses(sql, SHOP) is None


def test_a_models_text_is_read_in_the_sandbox_and_a_hostile_one_costs_only_itself(hasty: Sandbox) -> None:
    plain = "SELECT name FROM customers WHERE id > 3"
    slow = "SELECT " + "(a).b" * 1900
    found = hasty.clauses([(plain, SHOP), (slow, SHOP), (plain, SHOP), ("SELECT '" + "x" * 20_000 + "'", SHOP)])
    assert found == [read(plain), None, read(plain), None]
