import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.compare import agrees, agrees_in_order, difference, distinct, example_rows, tied
from nl2sql_arena.types import Execution, Value
from tests.tables import any_table, table, with_columns, with_rows


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
    (("INTEGER[]", [1, 2]), ("DOUBLE[]", [1.0, 2.0])),
    (("DECIMAL(4,2)[]", ["1.50"]), ("DOUBLE[]", [1.5])),
    (("STRUCT(a INTEGER, b VARCHAR)", {"a": 1, "b": "x"}), ("STRUCT(a DOUBLE, b VARCHAR)", {"a": 1.0, "b": "x"})),
    (("INTERVAL", "1 day"), ("INTERVAL", "24:00:00")),
    (("INTERVAL", "1 year 2 days"), ("INTERVAL", "12 months 48:00:00")),
    (("INTERVAL", "-00:00:01.5"), ("INTERVAL", "-1 days 23:59:58.5")),
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
    (("VARCHAR[]", ["007"]), ("VARCHAR[]", ["7"])),
    (("VARCHAR[]", ["1.50"]), ("VARCHAR[]", ["1.5"])),
    (("STRUCT(a INTEGER)", {"a": 1}), ("STRUCT(a INTEGER)", {"a": 2})),
    (("STRUCT(a INTEGER)", {"a": None}), ("STRUCT(a INTEGER)", {"a": 0})),
    (("INTERVAL", "1 month"), ("INTERVAL", "31 days")),
    (("INTERVAL", "00:00:01"), ("INTERVAL", "-00:00:01")),
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


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_many_rows(count: int) -> None:
    rows: list[list[Value]] = [[i, i / 7, f"name {i % 100}"] for i in range(count)]
    moved = [[row[2], row[0], row[1]] for row in reversed(rows)]
    found = difference(table(["INTEGER", "DOUBLE", "VARCHAR"], rows), table(["VARCHAR", "INTEGER", "DOUBLE"], moved))
    assert found.same_but_order
    assert found.common == count


# Rows in groups, further columns, slack: what a gold's text adds


@given(any_table(), st.data())
def test_a_further_column_changes_nothing_for_who_allows_it(a: Execution, data: st.DataObject) -> None:
    added = data.draw(st.lists(st.sampled_from(["zzz", "y", None]), min_size=len(a.rows), max_size=len(a.rows)))
    types = ["VARCHAR", *(column.type for column in a.columns)]
    wider = table(types, [(cell, *row) for cell, row in zip(added, a.rows, strict=True)])
    order = data.draw(st.permutations(range(len(types))))
    wider = with_columns(wider, list(order))
    assert agrees(a, wider)
    assert agrees_in_order(a, wider)


def test_a_further_column_does_not_let_rows_fall_apart() -> None:
    gold = table(["INTEGER", "INTEGER"], [[1, 2], [2, 1]])
    assert not agrees(gold, table(["INTEGER"] * 3, [[1, 1, 5], [2, 2, 5]]))


def test_rows_move_only_within_their_group() -> None:
    gold = table(["VARCHAR"], [["a"], ["b"], ["c"]])
    moved = table(["VARCHAR"], [["b"], ["a"], ["c"]])
    assert agrees(gold, moved, groups=([0, 0, 1], [0, 0, 1]))
    assert not agrees(gold, moved, groups=([0, 1, 1], [0, 1, 1]))


def test_any_choice_from_a_larger_group_will_do_but_none_twice() -> None:
    gold = table(["VARCHAR", "DOUBLE"], [["a", 1.0], ["b", 2.0], ["c", 3.0]])
    groups = [0, 0, 0], [0, 0]
    assert agrees(gold, table(["DOUBLE", "VARCHAR"], [[3.0, "c"], [1.0, "a"]]), groups=groups)
    assert not agrees(gold, table(["DOUBLE", "VARCHAR"], [[3.0, "c"], [3.0, "c"]]), groups=groups)
    assert not agrees(gold, table(["DOUBLE", "VARCHAR"], [[3.0, "a"], [1.0, "c"]]), groups=groups)


def test_neighbours_tie_on_equal_keys_and_on_noise_between_them() -> None:
    rows = [["x", 0.3], ["y", 0.1 + 0.2], ["z", 0.2], ["w", None], ["v", None]]
    assert tied(table(["VARCHAR", "DOUBLE"], rows), [1]) == [0, 0, 1, 2, 2]
    assert tied(table(["VARCHAR", "DOUBLE"], rows), [1, 0]) == [0, 1, 2, 3, 4]
    assert tied(table(["VARCHAR", "DOUBLE"], rows), []) == [0] * 5
    assert tied(table(["VARCHAR"], []), [0]) == []


def test_slack_is_half_a_unit_and_no_more() -> None:
    gold = table(["DOUBLE", "DOUBLE"], [[89.38, 1.0]])
    near, far = table(["DOUBLE", "DOUBLE"], [[89.375, 1.0]]), table(["DOUBLE", "DOUBLE"], [[89.374, 1.0]])
    assert agrees(gold, near, {0: 0.005})
    assert agrees_in_order(gold, near, {0: 0.005})
    assert not agrees(gold, near)
    assert not agrees(gold, far, {0: 0.005})
    assert not agrees(gold, near, {1: 0.005})


def test_a_difference_shows_a_row_of_each_side() -> None:
    gold, other = table(["INTEGER", "VARCHAR"], [[1, "a"], [2, "b"]]), table(["INTEGER", "VARCHAR"], [[1, "a"], [3, None]])
    assert example_rows(gold, other) == "missing: 2, b; too many: 3, NULL"
    assert example_rows(gold, table(["INTEGER", "VARCHAR"], [[1, "a"]])) == "missing: 2, b"
    assert len(example_rows(gold, table(["INTEGER", "VARCHAR"], [[1, "x" * 500]]))) < 200
    assert distinct(table(["INTEGER"], [[1], [None], [1]])).rows == ((1,), (None,))
