import json
import random
from dataclasses import replace
from functools import cache
from itertools import product

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.compare import difference, execution_match, is_ordered
from nl2sql_arena.types import Execution, Value
from tests.tables import ORACLE, WITHOUT_ORACLE, database, executed, table

# Tables of any shape

VALUES: dict[str, st.SearchStrategy[Value]] = {
    "BIGINT": st.integers(-5, 5) | st.just(2**53) | st.just(str(2**53 + 1)),
    "DOUBLE": st.sampled_from([0.0, 0.5, 1.5, -2.25, 1e300, "NaN", "Infinity"]),
    "DECIMAL(10,2)": st.sampled_from(["0.00", "1.50", "-2.25", "10.10"]),
    "VARCHAR": st.sampled_from(["", "a", "A", "a ", "1", "é", "2024-01-01 00:00:00"]),
    "DATE": st.sampled_from(["2024-01-01", "2024-02-29"]),
    "TIMESTAMP": st.sampled_from(["2024-01-01 00:00:00", "2024-01-01 10:00:00.5"]),
    "BOOLEAN": st.booleans(),
    "INTEGER[]": st.lists(st.integers(0, 2), max_size=2),
}


@st.composite
def any_table(draw: st.DrawFn, min_rows: int = 0) -> Execution:
    types = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    row = st.tuples(*(st.none() | VALUES[kind] for kind in types))
    return table(types, draw(st.lists(row, min_size=min_rows, max_size=6)))


def with_columns(given_table: Execution, order: list[int]) -> Execution:
    columns = tuple(given_table.columns[i] for i in order)
    return replace(given_table, columns=columns, rows=tuple(tuple(row[i] for i in order) for row in given_table.rows))


def with_rows(given_table: Execution, rows: list[tuple[Value, ...]]) -> Execution:
    return replace(given_table, outcome="ok" if rows else "empty", rows=tuple(rows), row_count=len(rows))


def same_rows(a: Execution, b: Execution) -> bool:
    found = difference(a, b)
    return found.same or found.same_but_order


@given(any_table())
def test_a_table_equals_itself(a: Execution) -> None:
    found = difference(a, a)
    assert found.same
    assert (found.only_a, found.only_b, found.common) == (0, 0, len(a.rows))


@given(any_table(), any_table())
def test_neither_side_is_special(a: Execution, b: Execution) -> None:
    one, other = difference(a, b), difference(b, a)
    assert (one.same, one.same_but_order, one.common) == (other.same, other.same_but_order, other.common)
    assert (one.only_a, one.only_b) == (other.only_b, other.only_a)


@given(any_table(), st.data())
def test_columns_may_stand_in_any_order(a: Execution, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(a.columns))))
    assert difference(a, with_columns(a, list(order))).same


@given(any_table(), st.data())
def test_rows_and_columns_may_move_at_once(a: Execution, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(a.columns))))
    rows = data.draw(st.permutations(a.rows))
    assert same_rows(a, with_columns(with_rows(a, list(rows)), list(order)))


@given(any_table(min_rows=1), st.data())
def test_a_lost_row_is_seen(a: Execution, data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, len(a.rows) - 1))
    found = difference(a, with_rows(a, [row for i, row in enumerate(a.rows) if i != lost]))
    assert not found.same
    assert not found.same_but_order
    assert (found.only_a, found.only_b) == (1, 0)


@given(any_table(min_rows=1), st.data())
def test_a_repeated_row_is_seen(a: Execution, data: st.DataObject) -> None:
    found = difference(a, with_rows(a, [*a.rows, data.draw(st.sampled_from(a.rows))]))
    assert (found.same, found.only_a, found.only_b) == (False, 0, 1)


@given(any_table(min_rows=1), st.data())
def test_a_changed_cell_is_seen(a: Execution, data: st.DataObject) -> None:
    row, column = data.draw(st.integers(0, len(a.rows) - 1)), data.draw(st.integers(0, len(a.columns) - 1))
    others = {"BOOLEAN": "7", "VARCHAR": "zzz", "DATE": "1999-12-31", "TIMESTAMP": "1999-12-31 00:00:00", "INTEGER[]": [9]}
    changed = list(a.rows[row])
    changed[column] = others.get(a.columns[column].type, 77)
    found = difference(a, with_rows(a, [*a.rows[:row], tuple(changed), *a.rows[row + 1 :]]))
    assert not found.same
    assert not found.same_but_order


# One rule a line

SAME = [
    (("INTEGER", 3), ("BIGINT", 3)),
    (("INTEGER", 3), ("DOUBLE", 3.0)),
    (("INTEGER", 3), ("DECIMAL(3,1)", "3.0")),
    (("DECIMAL(10,4)", "0.1250"), ("DOUBLE", 0.125)),
    (("DOUBLE", 0.1 + 0.2), ("DOUBLE", 0.3)),
    (("FLOAT", 0.10000000149011612), ("DOUBLE", 0.1)),
    (("DOUBLE", 1e-12), ("DOUBLE", 0.0)),
    (("DOUBLE", "NaN"), ("DOUBLE", "NaN")),
    (("DOUBLE", "Infinity"), ("DOUBLE", "Infinity")),
    (("INTEGER", None), ("VARCHAR", None)),
    (("HUGEINT", str(2**60 + 1)), ("BIGINT", str(2**60 + 1))),
    (("DATE", "2024-01-15"), ("TIMESTAMP", "2024-01-15 00:00:00")),
    (("DATE", "2024-01-15"), ("VARCHAR", "2024-01-15")),
    (("TIMESTAMP", "2024-01-15 10:00:00"), ("TIMESTAMP WITH TIME ZONE", "2024-01-15 10:00:00+00")),
    (("BOOLEAN", True), ("INTEGER", 1)),
    (("BOOLEAN", False), ("DOUBLE", 0.0)),
    (("INTEGER", 1), ("VARCHAR", "1")),
    (("DECIMAL(4,2)", "1.50"), ("VARCHAR", "1.5")),
    (("BIGINT", 12345678), ("VARCHAR", "12345678")),
    (("ENUM('a', 'b')", "a"), ("VARCHAR", "a")),
    (("INTEGER[]", [1, 2]), ("BIGINT[]", [1, 2])),
]
OTHER = [
    (("INTEGER", None), ("INTEGER", 0)),
    (("VARCHAR", None), ("VARCHAR", "")),
    (("VARCHAR", None), ("VARCHAR", "None")),
    (("DOUBLE", "NaN"), ("DOUBLE", None)),
    (("DOUBLE", "Infinity"), ("DOUBLE", "-Infinity")),
    (("INTEGER", 1000000), ("INTEGER", 1000001)),
    (("BIGINT", 10000000001), ("BIGINT", 10000000002)),
    (("HUGEINT", str(2**60)), ("HUGEINT", str(2**60 + 1))),
    (("BIGINT", 12345678), ("VARCHAR", "12345679")),
    (("DOUBLE", 89.375), ("DOUBLE", 89.38)),
    (("DOUBLE", 0.0), ("DOUBLE", 0.004)),
    (("VARCHAR", "a"), ("VARCHAR", "A")),
    (("VARCHAR", "a"), ("VARCHAR", "a ")),
    (("VARCHAR", "007"), ("VARCHAR", "7")),
    (("VARCHAR", "day 00:00:00"), ("VARCHAR", "day")),
    (("VARCHAR", "1_000"), ("INTEGER", 1000)),
    (("TIMESTAMP", "2024-01-15 10:00:00"), ("DATE", "2024-01-15")),
    (("TIMESTAMP", "2024-01-15 10:00:00"), ("TIMESTAMP", "2024-01-15 10:00:01")),
    (("BOOLEAN", True), ("BOOLEAN", False)),
    (("BOOLEAN", True), ("INTEGER", 2)),
    (("INTEGER[]", [1, 2]), ("INTEGER[]", [2, 1])),
]


def one_cell(cell: tuple[str, Value]) -> Execution:
    return table([cell[0]], [[cell[1]]])


@pytest.mark.parametrize(("a", "b"), SAME)
def test_these_are_the_same_value(a: tuple[str, Value], b: tuple[str, Value]) -> None:
    assert difference(one_cell(a), one_cell(b)).same
    assert difference(one_cell(b), one_cell(a)).same


@pytest.mark.parametrize(("a", "b"), OTHER)
def test_these_are_different_values(a: tuple[str, Value], b: tuple[str, Value]) -> None:
    assert not difference(one_cell(a), one_cell(b)).same
    assert not difference(one_cell(b), one_cell(a)).same


def test_rows_stay_together() -> None:
    assert not same_rows(table(["INTEGER", "INTEGER"], [[1, 2], [2, 1]]), table(["INTEGER", "INTEGER"], [[1, 1], [2, 2]]))
    assert not same_rows(table(["VARCHAR", "DOUBLE"], [["a", 1.0], ["b", 2.0]]), table(["VARCHAR", "DOUBLE"], [["a", 2.0], ["b", 1.0]]))


def test_swapped_columns_in_the_same_order_of_rows_are_no_change_of_order() -> None:
    a, b = table(["INTEGER", "INTEGER"], [[1, 2], [2, 1]]), table(["INTEGER", "INTEGER"], [[2, 1], [1, 2]])
    assert difference(a, b).same


def test_noise_in_one_float_column_does_not_upset_the_pairing_by_another() -> None:
    types = ["DOUBLE", "DOUBLE"]
    assert same_rows(table(types, [[0.3, 5.0], [0.30000000000000004, 3.0]]), table(types, [[0.3, 3.0], [0.30000000000000004, 5.0]]))
    assert not same_rows(table(types, [[0.3, 5.0], [0.30000000000000004, 3.0]]), table(types, [[0.3, 3.0], [0.30000000000000004, 4.0]]))


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 2)), min_size=1, max_size=8), st.randoms())
def test_noise_of_summation_is_no_difference(rows: list[tuple[float, float, int]], rng: random.Random) -> None:
    noisy = [(x * (1 + 2e-16), y * (1 - 3e-16), n) for x, y, n in rows]
    rng.shuffle(noisy)
    types = ["DOUBLE", "DOUBLE", "INTEGER"]
    assert same_rows(table(types, rows), table(types, noisy))


def test_an_empty_table_is_the_same_only_with_as_many_columns() -> None:
    assert difference(table(["INTEGER"], []), table(["VARCHAR"], [])).same
    assert not difference(table(["INTEGER"], []), table(["INTEGER", "INTEGER"], [])).same
    assert not difference(table(["INTEGER"], [[1]]), table(["INTEGER"], [])).same


def test_the_count_of_differing_rows() -> None:
    found = difference(table(["INTEGER"], [[1], [2], [2], [3]]), table(["INTEGER"], [[2], [3], [4]]))
    assert (found.only_a, found.only_b, found.common) == (2, 1, 2)


# Wide and long tables: these end


def test_many_equal_columns_next_to_a_wrong_one() -> None:
    types = ["INTEGER"] * 26
    a = table(types, [[i % 2] * 25 + [i // 2 % 2] for i in range(40)])
    b = table(types, [[i % 2] * 25 + [i % 2] for i in range(40)])
    assert not same_rows(a, b)


def test_twenty_six_shuffled_columns_of_the_same_values() -> None:
    rng = random.Random(1)
    rows = [[rng.randrange(2) for _ in range(26)] for _ in range(200)]
    order = rng.sample(range(26), 26)
    moved = [[row[i] for i in order] for row in rng.sample(rows, len(rows))]
    assert same_rows(table(["INTEGER"] * 26, rows), table(["INTEGER"] * 26, moved))


def test_columns_that_no_partial_choice_tells_apart() -> None:
    width = 8
    rows = list(product((0, 1), repeat=width))
    a = table(["INTEGER"] * (width + 1), [[*row, sum(row) % 2] for row in rows])
    b = table(["INTEGER"] * (width + 1), [[*row, (sum(row) + row[0] * row[1]) % 2] for row in rows])
    assert not same_rows(a, b)


def test_a_hundred_thousand_rows() -> None:
    rows: list[list[Value]] = [[i, i / 7, f"name {i % 100}"] for i in range(100_000)]
    moved = [[row[2], row[0], row[1]] for row in reversed(rows)]
    found = difference(table(["INTEGER", "DOUBLE", "VARCHAR"], rows), table(["VARCHAR", "INTEGER", "DOUBLE"], moved))
    assert found.same_but_order
    assert found.common == 100_000


# Order, and the verdict on a prediction


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
    assert is_ordered(sql) == ordered


UP, DOWN = table(["INTEGER"], [[1], [2]]), table(["INTEGER"], [[2], [1]])


def test_row_order_decides_only_for_an_ordered_gold() -> None:
    assert execution_match([(UP, False)], DOWN).value == 1.0
    wrong = execution_match([(UP, True)], DOWN)
    assert (wrong.value, wrong.reason) == (0.0, "row_order")


def test_any_gold_will_do() -> None:
    assert execution_match([(table(["INTEGER"], [[5]]), False), (DOWN, True)], DOWN).value == 1.0


def test_a_wrong_table_says_how() -> None:
    assert execution_match([(UP, False)], table(["INTEGER", "INTEGER"], [[1, 1]])).reason == "columns"
    wrong = execution_match([(UP, False)], table(["INTEGER"], [[1], [3], [4]]))
    assert (wrong.reason, wrong.difference) == ("rows", "1 rows missing, 2 rows too many, 1 right")


@pytest.mark.parametrize("outcome", ["error", "timeout", "memory", "refused", "cut"])
def test_a_model_s_failure_is_wrong_by_its_own_name(outcome) -> None:
    failed = execution_match([(UP, False)], Execution(outcome))
    assert (failed.value, failed.reason) == (0.0, outcome)


def test_what_cannot_be_judged_counts_for_nobody() -> None:
    assert execution_match([(UP, False)], Execution("infrastructure")).value is None
    assert execution_match([(UP, False)], replace(UP, truncated=True)).value is None
    assert execution_match([(Execution("error"), False)], UP).value is None
    assert execution_match([(replace(UP, truncated=True), False)], UP).value is None
    assert execution_match([], UP).reason == "gold_failed"


def test_one_failed_gold_leaves_the_others() -> None:
    assert execution_match([(Execution("timeout"), False), (UP, False)], UP).value == 1.0


# Cases on which every sound scorer agrees, and stances of ours

BEYOND = {
    "tricky_ro5": "ties under ORDER BY are not free yet",
    "tricky_li2": "a tie cut by LIMIT is not free yet",
}


@cache
def reference_database(fixture: str) -> duckdb.DuckDBPyConnection:
    return database(ORACLE / fixture) if fixture.endswith(".sql") else duckdb.connect(str(ORACLE / fixture), read_only=True)


def tricky_cases() -> list[object]:
    path = ORACLE / "tricky_cases.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [
        pytest.param(row, id=row["id"], marks=[pytest.mark.xfail(reason=BEYOND[row["id"]], strict=True)] if row["id"] in BEYOND else [])
        for row in rows
    ]


@pytest.mark.skipif(not ORACLE.exists(), reason=WITHOUT_ORACLE)
@pytest.mark.parametrize("case", tricky_cases())
def test_tricky_case(case) -> None:
    connection = reference_database(case["fixture"])
    golds = [(executed(connection, sql), is_ordered(sql)) for sql in case["gold_sql"]]
    assert execution_match(golds, executed(connection, case["pred_sql"])).value == float(case["recommended_match"]), case["why"]


STANCES = {
    "defog_0039": "a number as text is that number here",
    "defog_0139": "a date as ISO text is that date here",
}


@pytest.mark.skipif(not ORACLE.exists(), reason=WITHOUT_ORACLE)
@pytest.mark.parametrize("name", ["spider_pairs", "defog_pairs", "nsql_pairs"])
def test_verdicts_on_which_seven_scorers_agree(name: str) -> None:
    rows = [json.loads(line) for line in (ORACLE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        if row["unanimous"] and row["pred_status"] == "ok" and row["id"] not in STANCES:
            connection = reference_database(row["fixture"])
            golds = [(executed(connection, sql), is_ordered(sql)) for sql in row["gold_sql"]]
            assert execution_match(golds, executed(connection, row["pred_sql"])).value == float(row["expected_match"]), row["id"]
