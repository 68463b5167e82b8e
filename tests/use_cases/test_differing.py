"""On which questions two models are known to differ, as the kept runs have it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nl2sql_arena.benchmark import runs
from nl2sql_arena.benchmark.differing import Differing, differing
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.types import Execution, Outcome, ResultColumn, Value
from tests.use_cases.judged import result, stored

PAIR = ("left", "right")
COLUMN = (ResultColumn("n", "INTEGER"),)


def table(model: str, number: int, *cells: Value, rows: int | None = None, sql: str = "", outcome: Outcome = "ok") -> Result:
    """An answer with one column of these cells, of which only the first rows are kept."""
    found = result(model, number, True, sql=sql or f"SELECT {model}")
    ran = Execution(outcome, columns=COLUMN, rows=tuple((cell,) for cell in cells), row_count=len(cells) if rows is None else rows)
    return replace(found, answer=replace(found.answer, execution=ran))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"cells": (1, 2)}, {"cells": (2, 1)}, False),
        ({"cells": (1, 2)}, {"cells": (1, 3)}, True),
        ({"cells": (1, 2), "rows": 90}, {"cells": (1, 2), "rows": 91}, True),
        ({"cells": (1, 2), "rows": 90}, {"cells": (1, 2), "rows": 90}, False),
        ({"cells": (), "outcome": "error"}, {"cells": (), "outcome": "error"}, False),
        ({"cells": (), "outcome": "error"}, {"cells": (1,)}, True),
        ({"cells": (1,), "sql": "SELECT random()"}, {"cells": (2,), "sql": "SELECT random()"}, False),
    ],
)
def test_answers_differ_by_their_tables(left: dict[str, Any], right: dict[str, Any], expected: bool) -> None:
    one, other = (table(model, 1, *said.pop("cells"), **said) for model, said in (("left", dict(left)), ("right", dict(right))))
    assert differing(stored(one, other), PAIR) == {("shop", "shop-1"): expected}


def test_a_question_that_only_one_has_answered_tells_nothing() -> None:
    run = stored(table("left", 1, 1), table("left", 2, 1), table("right", 2, 5), table("right", 3, 1), table("other", 3, 2))
    assert differing(run, PAIR) == {("shop", "shop-2"): True}


def test_the_newest_runs_of_the_same_revisions_have_the_last_word(tmp_path: Path) -> None:
    def keep(name: str, at: str, revision: str, *results: Result) -> None:
        about = stored(*results, name=name).measured
        who = tuple(replace(each, revision=revision if each.name == "left" else "r") for each in about.contestants)
        list(runs.kept(tmp_path / "runs", replace(about, at=at, contestants=who), results))

    services: Any = SimpleNamespace(
        settings=SimpleNamespace(data=tmp_path), cards={"left": 1, "right": 1, "other": 1}, revision=lambda name: "r"
    )
    look = Differing(services)
    assert look.between(PAIR) == {}
    keep("old", "2026-01-01T00:00:00+00:00", "r", table("left", 1, 1), table("right", 1, 2), table("left", 2, 1), table("right", 2, 2))
    keep("gone", "2026-01-03T00:00:00+00:00", "another", table("left", 2, 1), table("right", 2, 1))
    assert look.between(PAIR) == {("shop", "shop-1"): True, ("shop", "shop-2"): True}
    keep("new", "2026-01-02T00:00:00+00:00", "r", table("left", 1, 1), table("right", 1, 1))
    assert look.between(PAIR) == {("shop", "shop-1"): False, ("shop", "shop-2"): True}
    assert look.between(("left", "other")) == {}
