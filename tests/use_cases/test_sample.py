"""A quick sample is spread evenly and drawn the same each time; an estimate comes from runs of these weights on this machine only."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from nl2sql_arena.benchmark import runner, runs, sample
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.services import Services
from nl2sql_arena.types import LEVELS, Example
from tests.use_cases.scripted_models import LEFT, RIGHT


@pytest.fixture
def dev(services: Services) -> list[Example]:
    return [example for db in services.databases for example in services.examples(db, "dev")]


def test_a_quick_sample_has_as_many_questions_of_each_level_and_of_each_database(services: Services, dev: list[Example]) -> None:
    drawn = sample.quick(dev)
    assert len(drawn) == 20
    assert all(example.gold_sql for example in drawn)
    assert Counter(spider_level(example.gold_sql[0]) for example in drawn) == dict.fromkeys(LEVELS, 5)
    assert Counter(example.db for example in drawn) == dict.fromkeys(services.databases, 4)
    assert [example for example in dev if example in drawn] == drawn


def test_a_quick_sample_is_the_same_each_time_and_another_with_another_seed(dev: list[Example]) -> None:
    assert sample.quick(dev) == sample.quick(dev)
    assert sample.quick(dev) != sample.quick(dev, seed=sample.SEED + 1)


def test_a_level_that_is_used_up_leaves_its_places_to_others(dev: list[Example]) -> None:
    few = [example for example in dev if example.db == "shop"][:12]
    answerable = [example for example in few if example.gold_sql]
    assert sample.quick(few) == answerable
    assert sample.quick([]) == []


@pytest.mark.parametrize("draw", [lambda whole: whole, sample.quick, lambda whole: [e for e in whole if e in sample.quick(whole, 9)]])
def test_the_questions_of_a_run_are_found_again_or_said_to_be_others(
    services: Services, dev: list[Example], draw: Callable[[list[Example]], list[Example]]
) -> None:
    asked = draw(dev)
    about = runs.measured(services, [LEFT], asked, "all", "dev", "here")
    found = sample.questions(services, about)
    assert found == (asked if len(asked) != 9 else None)


def test_questions_of_a_database_that_is_gone_are_not_found(services: Services, dev: list[Example]) -> None:
    about = replace(runs.measured(services, [LEFT], dev, "all", "dev", "here"), databases=("gone",))
    assert sample.questions(services, about) is None


def timed(services: Services, folder: Path, seconds: float) -> StoredRun:
    """A run of both models on four questions, whose file says that it took so long."""
    examples = services.examples("shop", "dev")[:4]
    about = runs.measured(services, [LEFT, RIGHT], examples, "shop", "dev", "here")
    list(runs.kept(folder, about, runner.run(services, [LEFT, RIGHT], examples, again=True)))
    run = runs.find(about.name, folder)
    assert run.path
    end = datetime.fromisoformat(about.at).timestamp() + seconds
    os.utime(run.path, (end, end))
    return run


def test_an_estimate_scales_the_slowest_run_of_these_models_on_this_machine(services: Services, tmp_path: Path) -> None:
    known = [timed(services, tmp_path / "slow", 8.0), timed(services, tmp_path / "from_the_log", 1.0)]
    revisions = {name: services.revision(name) for name in (LEFT, RIGHT)}
    four, forty = (sample.seconds(known, revisions, "here", count) for count in (4, 40))
    assert four
    assert 7.99 <= four <= 9.01  # each model's own slowest share
    assert forty == pytest.approx(10 * four)
    small = replace(known[0], measured=replace(known[0].measured, questions=2), results=known[0].results[:2] + known[0].results[4:6])
    assert small.complete
    assert sample.seconds([known[1], small], revisions, "here", 4) == pytest.approx(1.0, abs=0.1)  # the larger run tells more of four
    assert sample.seconds(known, revisions, "there", 4) is None
    assert sample.seconds(known, revisions | {LEFT: "of other weights"}, "here", 4) is None
    assert sample.seconds([], revisions, "here", 4) is None


def test_a_file_that_was_copied_later_does_not_make_its_run_slow(services: Services, tmp_path: Path) -> None:
    copied = timed(services, tmp_path, 86_400.0)
    took = sum(each.answer.seconds for each in copied.results)
    found = sample.seconds([copied], {name: services.revision(name) for name in (LEFT, RIGHT)}, "here", 4)
    assert found == pytest.approx(sample.LOADING + took)
