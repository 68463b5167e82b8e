"""A question's words find the values a database stores, however they are typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.linking import MOST_LINKS, NO_VALUES, ValueIndex
from nl2sql_arena.types import Link

INDEX = ValueIndex(
    {
        ("customers", "city"): ["New York", "York", "São Paulo", "Łódź", "Paris"],
        ("customers", "last_name"): ["O'Neill", "Paris", "Boss"],
        ("stores", "city"): ["Paris"],
        ("products", "name"): ["Headphones", "Pro Espresso Maker"],
        ("grades", "grade"): ["A", "B+"],
        ("orders", "status"): ["cancelled", "2024"],
        ("reviews", "body"): ["a very long text that nobody would ever type into a question as it is written"],
    }
)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Who lives in new york?", ["New York"]),
        ("customers from sao paulo or ŁÓDŹ", ["São Paulo", "Łódź"]),
        ("orders of o'neill", ["O'Neill"]),
        ("the pro espresso maker and a headphone", ["Pro Espresso Maker", "Headphones"]),
        ("cancelled ones in 2024", ["cancelled"]),
        ("Students who got an A", ["A"]),
        ("Students who got a good grade", []),
        ("my boss asks", ["Boss"]),
        ("", []),
    ],
)
def test_values_are_found_as_people_type_them(question: str, found: list[str]) -> None:
    assert [link.value for link in INDEX.links(question)] == found


def test_a_value_of_several_columns_names_the_first_two_in_the_order_of_the_schema() -> None:
    assert INDEX.links("Paris") == (Link("customers", "city", "Paris"), Link("customers", "last_name", "Paris"))


def test_the_longest_value_wins_where_two_overlap() -> None:
    assert [link.value for link in INDEX.links("York, then New York")] == ["York", "New York"]


@given(st.text(max_size=200))
def test_any_text_is_searched_and_only_stored_values_come_back(question: str) -> None:
    found = INDEX.links(question)
    assert len(found) <= MOST_LINKS
    assert len(set(found)) == len(found)
    assert NO_VALUES.links(question) == ()
