"""What a vote's row says of a result table: the same rows have the same hash, and nothing long is kept."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.types import Execution, ResultColumn, Value
from nl2sql_arena.votes.results import PREVIEW_CHARS, columns, preview, result_hash

KINDS = (ResultColumn("city", "VARCHAR"), ResultColumn("n", "BIGINT"), ResultColumn("share", "DOUBLE"))


def table(*rows: tuple[Value, ...], kinds: tuple[ResultColumn, ...] = KINDS) -> Execution:
    return Execution("ok" if rows else "empty", kinds, rows, len(rows))


cells = st.tuples(
    st.none() | st.text(), st.none() | st.integers(-(2**53), 2**53), st.none() | st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.lists(cells, max_size=8), st.randoms())
def test_rows_count_in_any_order(rows: list[tuple[Value, ...]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert result_hash(table(*rows)) == result_hash(table(*shuffled))


ROW = ("Oslo", 3, 0.25)
OTHERS = {
    "a row twice": table(ROW, ROW),
    "no row": table(),
    "another text": table(("oslo", 3, 0.25)),
    "NULL in place of its text": table((None, 3, 0.25)),
    "another number": table(("Oslo", 4, 0.25)),
    "another fraction": table(("Oslo", 3, 0.2500001)),
    "cells that run together": table(("Oslo\t3", 3, 0.25)),
    "fewer columns": table(("Oslo", 3), kinds=KINDS[:2]),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_table_has_another_hash(other: Execution) -> None:
    assert result_hash(other) != result_hash(table(ROW))
    assert len(result_hash(other)) == 16


def test_the_text_null_is_not_null_and_two_rows_are_not_one_with_a_line_break() -> None:
    one = KINDS[:1]
    assert result_hash(table(("null",), kinds=one)) != result_hash(table((None,), kinds=one))
    assert result_hash(table(("a",), ("b",), kinds=one)) != result_hash(table(("a\nb",), kinds=one))


@pytest.mark.parametrize(
    ("one", "other"),
    [(0.1 + 0.2, 0.3), (1e-17, 0.0), ("0.30", 0.3), (2.0, "2.000"), ("NaN", "NaN"), (-0.0, 0.0)],
)
def test_fractions_are_read_to_nine_digits_as_numbers(one: Value, other: Value) -> None:
    """Sums of the same numbers in another order, and decimals, which are carried as text."""
    kinds = (ResultColumn("x", "DECIMAL(18,2)"),)
    assert result_hash(table((one,), kinds=kinds)) == result_hash(table((other,), kinds=kinds))
    named = (ResultColumn("total", "DOUBLE"),)
    assert result_hash(table((one,), kinds=kinds)) == result_hash(table((other,), kinds=named)), "names of columns do not count"


def test_what_is_no_whole_table_has_no_hash_and_what_is_none_no_columns() -> None:
    assert result_hash(replace(table(ROW), truncated=True)) == ""
    failed = Execution("error", error_kind="catalog", message="no such table")
    assert (result_hash(failed), columns(failed), preview(failed)) == ("", "", "")
    assert json.loads(columns(table())) == [{"name": each.name, "type": each.type} for each in KINDS]
    assert preview(table()) == "[]"


def test_a_preview_is_the_first_rows_and_never_long() -> None:
    assert json.loads(preview(table(*[("Bodø", number, None) for number in range(9)]))) == [["Bodø", number, None] for number in range(5)]
    (cut,) = json.loads(preview(table(("x" * 500, 1, 1.0))))
    assert (len(cut[0]), cut[1:]) == (80, [1, 1.0])
    wide = tuple(ResultColumn(f"c{number}", "VARCHAR") for number in range(40))
    found = preview(table(*[("x" * 70,) * 40] * 5, kinds=wide))
    assert len(found) <= PREVIEW_CHARS
    assert json.loads(found) == [["x" * 70] * 40], "of rows that long one is all there is room for"
    assert preview(table(("x" * 70,) * 400, kinds=wide * 10)) == "[]"
