"""What the rule-based baseline can do, that it says the same always, and that whatever it says is a query of the schema."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2sql_arena import prompts
from nl2sql_arena.backends.rules import answer
from nl2sql_arena.types import Column, ForeignKey, Link, Schema, Table

CUSTOMERS = Table(
    "customers", (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("city", "VARCHAR"), Column("age", "INTEGER")), ("id",)
)
ORDERS = Table(
    "order",
    (Column("no", "INTEGER"), Column("customerId", "INTEGER"), Column("net_price", "DECIMAL(9,2)"), Column("placed", "DATE")),
    ("no",),
    (ForeignKey(("customerId",), "customers", ("id",)),),
)
SHOP = Schema("shop", (CUSTOMERS, ORDERS, Table("weather", (Column("sunny", "BOOLEAN"),))))
OSLO, ROME = Link("customers", "city", "Oslo"), Link("customers", "city", "Rome")
JOINED = '"order" JOIN customers ON "order"."customerId" = customers.id'


def asked(question: str, *links: Link) -> str:
    return answer(prompts.rules(question, SHOP, links=links).text)


@pytest.mark.parametrize(
    ("question", "links", "sql"),
    [
        ("List all customers", (), "SELECT customers.name FROM customers"),
        ("How many orders are there?", (), 'SELECT count(*) FROM "order"'),
        ("Which customers live in Oslo?", (OSLO,), "SELECT customers.name FROM customers WHERE customers.city = 'Oslo'"),
        ("Customers in Oslo or Rome with age over 30", (OSLO, ROME),
         "SELECT customers.name FROM customers WHERE customers.city IN ('Oslo', 'Rome') AND customers.age > 30"),
        ("What is the average net price of orders?", (), 'SELECT avg("order".net_price) FROM "order"'),
        ("What is the highest price?", (), 'SELECT max("order".net_price) FROM "order"'),
        ("Show the 3 customers with the highest age", (), "SELECT customers.name FROM customers ORDER BY customers.age DESC LIMIT 3"),
        ("Top five orders by price", (), 'SELECT "order".no FROM "order" ORDER BY "order".net_price DESC LIMIT 5'),
        ("How many customers per city?", (), "SELECT customers.city, count(*) FROM customers GROUP BY customers.city"),
        ("Which city has the most customers?", (),
         "SELECT customers.city FROM customers GROUP BY customers.city ORDER BY count(*) DESC LIMIT 1"),
        ("Total price of orders for each customer", (),
         f'SELECT customers.name, sum("order".net_price) FROM {JOINED} GROUP BY customers.name'),
        ("How many orders come from Rome?", (ROME,), f"SELECT count(*) FROM {JOINED} WHERE customers.city = 'Rome'"),
        ("How many different cities do customers live in?", (), "SELECT count(DISTINCT customers.city) FROM customers"),
        ("What is the meaning of life?", (), f"SELECT '{prompts.ABSTENTION}'"),
    ],
)  # fmt: skip
def test_the_templates(question: str, links: tuple[Link, ...], sql: str) -> None:
    assert asked(question, *links) == sql


WORDS = (
    "how many what which customers orders order weather city name price age placed id per each by the most least top first 3 five average "
    "total maximum different over 30 at least sunny oslo"
).split()


@settings(deadline=None, max_examples=80)
@given(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), st.lists(st.sampled_from([OSLO, ROME]), unique=True, max_size=2))
def test_whatever_it_says_is_a_query_of_the_schema(question: str, links: list[Link]) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR, city VARCHAR, age INTEGER)")
        connection.execute('CREATE TABLE "order" (no INTEGER, "customerId" INTEGER, net_price DECIMAL(9,2), placed DATE)')
        connection.execute("CREATE TABLE weather (sunny BOOLEAN)")
        connection.execute(asked(question, *links))
