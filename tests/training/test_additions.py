"""A wish more is in the question and in the query, and in nothing else of either."""

import random

import pytest

from nl2sql_arena.database import Database
from nl2sql_arena.settings import ROOT
from nl2sql_arena.training.generator.additions import extended
from nl2sql_arena.training.minis.data import Sample

DRAWS = 60
LEFT_ALONE = (
    "SELECT city FROM customers UNION SELECT city FROM branches",
    "SELECT customers.city FROM customers LEFT JOIN loans ON loans.customer_id = customers.customer_id",
    "SELECT a.city FROM customers a JOIN customers b ON a.customer_id = b.customer_id",
    "SELECT city FROM (SELECT city FROM customers)",
    "SELECT customer_id, RANK() OVER (ORDER BY joined_on) FROM customers",
    "SELECT first_name FROM customers WHERE birth_date < (SELECT MIN(birth_date) FROM customers WHERE city = 'Cork')",
    "SELECT 'I do not know' AS answer",
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return Sample(Database("bank", ROOT / "sample_dbs" / "bank", tmp_path_factory.mktemp("built")))


def drawn(bank: Sample, sql: str, question: str = "Which ones?") -> set[tuple[str, str]]:
    """What one question is extended to, over many draws."""
    return {extended(question, sql, bank.guide, random.Random(seed)) for seed in range(DRAWS)}


@pytest.mark.parametrize("sql", LEFT_ALONE)
def test_a_query_that_is_not_plain_is_left_alone(bank: Sample, sql: str) -> None:
    assert drawn(bank, sql) == {("Which ones?", sql)}


def test_every_longer_query_fits_the_database_and_keeps_the_question(bank: Sample) -> None:
    rng = random.Random(5)
    longer = 0
    for intent in bank.speaker.intents[::4]:
        question, sql = bank.speaker.say(intent, rng)
        asked, query = extended(question, sql, bank.guide, rng)
        assert (asked == question) == (query == sql), "the wish is in one of the two alone"
        assert question[1:] in asked
        assert bank.binds(query), query
        longer += query != sql
    assert longer > 30


def test_a_condition_is_added_to_those_that_are_there(bank: Sample) -> None:
    sql = "SELECT first_name, last_name FROM customers WHERE YEAR(joined_on) = 2021 ORDER BY last_name"
    found = [query for _, query in drawn(bank, sql) if " AND " in query]
    assert found
    assert all(query.startswith("SELECT first_name, last_name FROM customers WHERE YEAR(joined_on) = 2021 AND ") for query in found)
    assert all(query.endswith(" ORDER BY last_name") for query in found)


def test_a_column_more_of_a_group_is_also_grouped_by(bank: Sample) -> None:
    names = "customers.customer_id, customers.first_name, customers.last_name"
    sql = (
        "SELECT customers.first_name, customers.last_name, COUNT(*) FROM loans "
        f"JOIN customers ON loans.customer_id = customers.customer_id GROUP BY {names}"
    )
    added = {query.partition("COUNT(*), ")[2].partition(" FROM")[0]: query for _, query in drawn(bank, sql) if "COUNT(*), " in query}
    assert added
    assert all(query.endswith(f"GROUP BY {names}, {column}") for column, query in added.items())


def test_descending_is_said_where_it_is_written(bank: Sample) -> None:
    found = [(asked, sql) for asked, sql in drawn(bank, "SELECT account_id FROM accounts WHERE balance < 0") if "ORDER BY" in sql]
    down = ("largest first", "highest first", "biggest first", "high to low", "with the largest", "descending")
    assert {any(words in asked for words in down) for asked, _ in found} == {True, False}
    assert all(sql.endswith(" DESC") == any(words in asked for words in down) for asked, sql in found)


def test_columns_are_written_with_their_tables_where_the_query_does_so(bank: Sample) -> None:
    sql = "SELECT accounts.account_id FROM accounts WHERE NOT EXISTS (SELECT 1 FROM owners WHERE owners.account_id = accounts.account_id)"
    found = [query for _, query in drawn(bank, sql) if query.startswith(sql + " AND ")]
    assert found
    assert all("accounts." in query.removeprefix(sql) for query in found)
