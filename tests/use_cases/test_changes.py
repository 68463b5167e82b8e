"""Two runs of the same questions: what changed is named by question, and what cannot be compared is refused."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena.benchmark import changes, runner, runs
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Services
from nl2sql_arena.types import Score
from tests.use_cases.scripted_models import LEFT, RIGHT


@pytest.fixture
def run(services: Services, tmp_path: Path) -> StoredRun:
    examples = services.examples("shop", "dev")[:6]
    about = runs.measured(services, [LEFT, RIGHT], examples, "shop", "dev", "here")
    return StoredRun(about, tuple(runner.run(services, [LEFT, RIGHT], examples, again=True)))


def scored(run: StoredRun, name: str, values: Mapping[int, float | None]) -> StoredRun:
    """The run under another name, with the verdicts on the left model's questions by their place."""
    results = [
        replace(each, score=Score(values.get(place % 6, 0.0), "match")) if each.answer.model == LEFT else each
        for place, each in enumerate(run.results)
    ]
    return StoredRun(replace(run.measured, name=name), tuple(results))


def test_gains_and_losses_are_named_by_question(run: StoredRun) -> None:
    before, after = scored(run, "old", {0: 1.0, 1: 1.0, 5: None}), scored(run, "new", {1: 1.0, 2: 1.0, 3: 1.0, 5: 1.0})
    left, right = changes.between(before, after)
    ids = [each.example.id for each in run.results[:6]]
    assert [(old.example.id, new.example.id) for old, new in left.gains] == [(ids[2], ids[2]), (ids[3], ids[3])]
    assert [old.example.id for old, _ in left.losses] == [ids[0]]
    assert (left.paired.p_holm, right.paired.p_holm) == (1.0, 1.0)
    answerable = [each.level is not None for each in run.results[:5]]
    assert left.paired.n == sum(answerable)
    assert left.paired.difference.value == pytest.approx(1 / left.paired.n)
    assert (right.gains, right.losses) == ((), ())


def test_runs_of_other_models_are_compared_by_the_first_of_each(run: StoredRun) -> None:
    def only(model: str, name: str) -> StoredRun:
        about = replace(run.measured, name=name, contestants=tuple(each for each in run.measured.contestants if each.name == model))
        return StoredRun(about, tuple(each for each in run.results if each.answer.model == model))

    (change,) = changes.between(only(LEFT, "old"), only(RIGHT, "new"))
    assert (change.before, change.after) == (LEFT, RIGHT)


@pytest.mark.parametrize("other", [{"dataset_hash": "other"}, {"scorer": "relaxed"}, {"name": "same"}])
def test_runs_of_other_questions_or_rules_do_not_compare(run: StoredRun, other: dict[str, str]) -> None:
    before, after = scored(run, "same", {}), scored(run, "new", {})
    after = StoredRun(replace(after.measured, **other), after.results)
    assert not changes.comparable(before.measured, after.measured)
    with pytest.raises(BadInput, match="do not compare"):
        changes.between(before, after)


def test_minis_are_not_compared_with_real_models(run: StoredRun) -> None:
    real = replace(run.measured, name="real", contestants=tuple(replace(each, kind="real") for each in run.measured.contestants))
    assert not changes.comparable(run.measured, real)
    floor = replace(real, contestants=tuple(replace(each, kind="baseline") for each in real.contestants))
    assert changes.comparable(run.measured, floor)


def test_a_p_is_raised_for_each_contestant_that_is_looked_at(run: StoredRun) -> None:
    all_wrong, all_right = (scored(run, name, dict.fromkeys(range(6), value)) for name, value in (("old", 0.0), ("new", 1.0)))
    left, right = changes.between(all_wrong, all_right)
    assert left.paired.p < 1.0 == right.paired.p
    assert left.paired.p_holm == pytest.approx(2 * left.paired.p)
