"""What a finished mini is credited with on held-out questions."""

from typing import Any, cast

import pytest

from nl2sql_arena.engine import Engine
from nl2sql_arena.training.generator.grammar import Pair
from nl2sql_arena.training.minis import evaluate
from nl2sql_arena.types import SCORE, Answer, Completion, Execution, Outcome, Prepared, Prompt, ResultColumn

UNKNOWN = "SELECT 'I do not know' AS answer"


def answer(outcome: Outcome, *rows: tuple[int, ...]) -> Answer:
    done = Completion("q", "m", "", 1, 1, 0.0, 0.0, "stop")
    columns = (ResultColumn("n", "INTEGER"),) if rows else ()
    return Answer("q", "m", "shop", "?", Prompt("", ""), done, Prepared("", ""), Execution(outcome, columns, rows, len(rows)))


class OneTable:
    """An engine whose every gold gives one row with 7."""

    def run(self, db: str, sql: str, limits: Any) -> Execution:
        assert limits is SCORE
        return answer("ok", (7,)).execution


@pytest.mark.parametrize(
    ("sql", "given", "value"),
    [
        (UNKNOWN, answer("abstained"), 1.0),
        (UNKNOWN, answer("ok", (7,)), 0.0),
        (UNKNOWN, answer("infrastructure"), None),
        ("SELECT 7", answer("abstained"), 0.0),
        ("SELECT 7", answer("ok", (7,)), 1.0),
        ("SELECT 7", answer("ok", (8,)), 0.0),
    ],
)
def test_abstaining_is_right_just_where_nothing_can_be_known(sql: str, given: Answer, value: float | None) -> None:
    question = evaluate.HeldOut("q", "shop", Pair("?", sql, "s", "c", "easy"))
    assert evaluate._score(cast(Engine, OneTable()), question, given).value == value
