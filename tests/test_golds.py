"""What a gold query's text says of how its table is compared."""

import pytest

from nl2sql_arena import golds
from nl2sql_arena.errors import BadInput
from tests.tables import executed, memory


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("SELECT a FROM t UNION SELECT b FROM t ORDER BY 1", True),
        ("(SELECT a FROM t ORDER BY a)", True),
        ("(SELECT a FROM t) ORDER BY a", True),
        ("WITH c AS (SELECT a FROM t) SELECT a FROM c ORDER BY a LIMIT 3", True),
        ("SELECT a FROM t", False),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("WITH c AS (SELECT a FROM t ORDER BY a) SELECT a FROM c", False),
        ("SELECT rank() OVER (ORDER BY a) FROM t", False),
        ("SELECT string_agg(a, ',' ORDER BY a) FROM t", False),
    ],
)
def test_order_counts_where_the_whole_query_sorts(sql: str, ordered: bool) -> None:
    assert golds.read(sql).ordered == ordered


TABLE = "CREATE TABLE t AS FROM (VALUES (1, 'x', 5), (2, 'y', 5), (3, 'x', 7), (4, NULL, 1)) v(a, b, c)"


@pytest.mark.parametrize(
    ("sql", "keys"),
    [
        ("SELECT b FROM t ORDER BY c DESC, a", [(7, 3), (5, 1), (5, 2), (1, 4)]),
        ("SELECT b FROM t ORDER BY c DESC LIMIT 1", [(7,), (5,), (5,), (1,)]),
        ("SELECT b, c FROM t ORDER BY 2 LIMIT 2 OFFSET 1", [(1,), (5,), (5,), (7,)]),
        ("SELECT b, count(*) AS n FROM t GROUP BY b ORDER BY n DESC, max(c)", [(2, 7), (1, 1), (1, 5)]),
        ("SELECT -a AS a FROM t ORDER BY a", [(-4,), (-3,), (-2,), (-1,)]),
        ("SELECT t.a FROM t ORDER BY t.a", [(1,), (2,), (3,), (4,)]),
        ("SELECT * FROM t ORDER BY c, a % 2", [(1, 0), (5, 0), (5, 1), (7, 1)]),
        ("SELECT DISTINCT c FROM t ORDER BY c LIMIT 2", [(1,), (5,), (7,)]),
        ("SELECT a FROM t WHERE a < 3 UNION ALL SELECT c FROM t WHERE a < 3 ORDER BY a LIMIT 1", [(1,), (2,), (5,), (5,)]),
        ("WITH w AS (SELECT c FROM t) (SELECT c FROM w ORDER BY c DESC LIMIT 1)", [(7,), (5,), (5,), (1,)]),
        ("SELECT a FROM t LIMIT 2", [(), (), (), ()]),
        ("SELECT a FROM t ORDER BY ALL", None),
        ("SELECT a FROM t ORDER BY a LIMIT 2 OFFSET (SELECT 1)", None),
        ("SELECT a FROM t", None),
    ],
)
def test_keyed_gives_the_whole_table_with_what_it_is_sorted_by(sql: str, keys: list[tuple[int, ...]] | None) -> None:
    gold = golds.read(sql)
    if keys is None:
        assert gold.keyed == ""
        return
    with memory(TABLE) as connection:
        shown, full = executed(connection, sql), executed(connection, gold.keyed)
    assert len(full.columns) == len(shown.columns) + gold.appended
    assert [tuple(row[key] for key in gold.keys) for row in full.rows] == keys
    assert {row[: len(shown.columns)] for row in full.rows} >= set(shown.rows)


@pytest.mark.parametrize(
    ("sql", "slack"),
    [
        ("SELECT a, round(avg(b), 2) AS m FROM t GROUP BY a", {1: 0.005}),
        ("SELECT round(b), (round(b, -1))::INTEGER FROM t", {0: 0.5, 1: 5.0}),
        ("SELECT *, round(b, 2) FROM t", {}),
        ("SELECT 100 * round(b, 2), round(b, a) FROM t", {}),
        ("SELECT round(b, 1) FROM t UNION SELECT c FROM t", {0: 0.05}),
    ],
)
def test_a_rounded_column_has_half_a_unit_of_slack(sql: str, slack: dict[int, float]) -> None:
    assert golds.read(sql).slack == pytest.approx(slack)


def test_the_place_of_a_cut_is_known() -> None:
    assert (golds.read("SELECT a FROM t LIMIT 5 OFFSET 3").cut, golds.read("SELECT a FROM t LIMIT 5 OFFSET 3").offset) == (True, 3)
    assert not golds.read("SELECT a FROM t ORDER BY a").cut


def test_a_gold_that_does_not_parse_is_named() -> None:
    with pytest.raises(BadInput, match=r"The gold query does not parse .*SELEC FROM"):
        golds.read("SELEC FROM (")
