"""Which queries count as one."""

import pytest

from nl2sql_arena.training.sets.overlap import skeleton

BASE = "SELECT a.x FROM a JOIN b ON a.id = b.id WHERE a.y > 5 ORDER BY a.x"


@pytest.mark.parametrize(
    "other",
    [
        'select "A"."X" from "A" inner join B on a.id=b.id where a.y>7 order by a.x asc',
        "SELECT s.x FROM a AS s JOIN b AS t ON (s.id = t.id) WHERE (s.y > -5) ORDER BY s.x",
        "SELECT a.x -- every x\nFROM a\n  JOIN b ON a.id = b.id WHERE a.y > 5.5 ORDER BY (a.x)",
    ],
)
def test_a_query_written_in_another_way_is_the_same(other: str) -> None:
    assert skeleton(other) == skeleton(BASE)


@pytest.mark.parametrize(
    "other",
    [
        "SELECT a.x FROM a LEFT JOIN b ON a.id = b.id WHERE a.y > 5 ORDER BY a.x",
        "SELECT a.x FROM a JOIN b ON a.id = b.id WHERE a.y > 5 ORDER BY a.x DESC",
        "SELECT a.x FROM a JOIN b ON a.id = b.id WHERE a.y > (5 + 1) * 2 ORDER BY a.x",
    ],
)
def test_a_query_that_asks_something_else_is_another(other: str) -> None:
    assert skeleton(other) != skeleton(BASE)


def test_a_text_on_which_the_parser_gives_up_is_compared_as_text() -> None:
    deep = f"SELECT {'(' * 150}x{')' * 150} + 5"
    assert skeleton(deep) == skeleton(deep.lower().replace("5", "  7"))
