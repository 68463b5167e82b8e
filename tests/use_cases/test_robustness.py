"""Questions in other guises held against the run's own answers: what is paired with what, and what is said of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena.benchmark import disguises, robustness, runner
from nl2sql_arena.benchmark.robustness import SLICES, Guises, Posed
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.wardrobe import POOL
from nl2sql_arena.database import connect_trusted, opened
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Services
from nl2sql_arena.stats import mcnemar_exact, newcombe_paired, wilson
from nl2sql_arena.types import Column, Example
from tests.use_cases.judged import result
from tests.use_cases.scripted_models import LEFT


def paired(*sides: tuple[bool | None, bool | None], model: str = "m") -> robustness.Robustness:
    """What is told of questions that were right or wrong before and after, in the slice of typos."""
    before = [result(model, number, was) for number, (was, _) in enumerate(sides)]
    posed, after = [], []
    for each, (_, now) in zip(before, sides, strict=True):
        example = replace(each.example, id=f"{each.example.id}~typos")
        posed.append(Posed("typos", ("shop", each.example.id), example, "a -> b"))
        after.append(Result(example, None, each.answer, replace(each.score, value=None if now is None else float(now))))
    return robustness.paired(Guises(tuple(posed), {}, {"typos": {"shop-99": "no"}}), before, after)


def test_a_drop_is_before_less_after_on_the_same_questions() -> None:
    found = paired((True, True), (True, False), (True, False), (False, True), (False, False), (None, True), (True, None))
    drop = found.drops["typos"]["m"]
    assert (drop.n, drop.unscored) == (5, 2)
    assert (drop.before, drop.after) == (wilson(3, 5), wilson(2, 5))
    assert drop.drop == newcombe_paired(1, 2, 1, 1)
    assert drop.drop.value == pytest.approx(0.2)
    assert drop.p == drop.p_holm == mcnemar_exact(2, 1)
    assert (drop.lost, drop.gained) == (("shop-1", "shop-2"), ("shop-3",))
    assert "60.0% -> 40.0% of 5, drop +20.0 points" in robustness.as_text(found)
    assert "1 without: no" in robustness.as_text(found)


def test_p_values_are_raised_for_all_that_is_looked_at() -> None:
    sides = [(True, False)] * 8 + [(True, True)] * 4
    one, other = paired(*sides), paired(*sides, model="other")
    both = robustness.paired(
        replace(one.guises, posed=one.guises.posed),
        [result(model, number, was) for model in ("m", "other") for number, (was, _) in enumerate(sides)],
        [*one.results, *other.results],
    )
    assert both.drops["typos"]["m"].p == one.drops["typos"]["m"].p < 0.01
    assert both.drops["typos"]["m"].p_holm == pytest.approx(2 * both.drops["typos"]["m"].p)


def test_a_slice_without_a_scored_question_says_so() -> None:
    found = paired((None, True))
    assert found.drops["typos"]["m"].n == 0
    assert "no question was scored in both guises (1 were not)" in robustness.as_text(found)
    assert json.loads(json.dumps(robustness.as_json(found), allow_nan=False))["slices"]["typos"]["models"]["m"]["drop"]["value"] is None


def test_slices_are_chosen_by_name() -> None:
    assert robustness.chosen("all") == tuple(SLICES)
    assert robustness.chosen("typos, names,typos") == ("typos", "names")
    with pytest.raises(BadInput, match=r"no robustness slice 'storms'; choose of paraphrase, synonyms"):
        robustness.chosen("typos,storms")


@pytest.fixture
def lakes(shared: Services, tmp_path: Path) -> Services:
    with connect_trusted(tmp_path / "lakes.duckdb", read_only=False) as connection:
        connection.execute("CREATE TABLE lakes AS FROM (VALUES (1, 'Como', 'Italy'), (2, 'Erie', 'Canada')) AS v(id, name, country)")
    database = opened(tmp_path / "lakes.duckdb")
    settings = replace(shared.settings, data=tmp_path / "data")
    return replace(shared.joined({"lakes": database}), settings=settings)


def test_a_database_that_cannot_be_copied_is_a_reason(lakes: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    example = Example("a", "lakes", "Which?", ("SELECT name FROM lakes",), "filter", "dev")
    odd = replace(POOL[0], columns=(Column("id", "NO SUCH TYPE"),))
    monkeypatch.setattr(disguises, "POOL", (odd, replace(odd, name="two"), replace(odd, name="three")))
    guises = robustness.pose(lakes, [example], ("distractors", "columns"))
    assert [each.slice for each in guises.posed] == ["columns"]
    assert guises.left["distractors"]["a"].startswith("its database has no copy (")


def test_all_guises_of_a_question_are_asked_on_their_databases_and_paired(lakes: Services) -> None:
    examples = [
        Example(
            "a", "lakes", "Which country has the lake called Como?", ("SELECT country FROM lakes WHERE name = 'Como'",), "filter", "dev"
        ),
        Example("b", "lakes", "Which lakes should we drain?", (), "filter", "dev"),
    ]
    guises = robustness.pose(lakes, examples, tuple(SLICES))
    assert [each.slice for each in guises.posed] == list(SLICES)
    assert {each.original for each in guises.posed} == {("lakes", "a")}, "a question without a gold is in no slice"
    assert len({each.example.id for each in guises.posed}) == len(SLICES)
    assert len({each.example.db for each in guises.posed}) == 4
    joined = lakes.joined(guises.databases)
    before = list(runner.run(lakes, [LEFT], examples, again=True))
    after = list(runner.run(joined, [LEFT], [each.example for each in guises.posed], again=True))
    found = robustness.paired(guises, before, after)
    assert {name: drops[LEFT].n for name, drops in found.drops.items()} == dict.fromkeys(SLICES, 1)
    shown = robustness.as_json(found)["slices"]["names"]
    (question,) = shown["questions"]
    assert (question["id"], question["db"]) == ("a", "lakes")
    assert question["answers"][LEFT]["reason"] == "abstained"
    assert "Como" not in question["question"] + question["gold_sql"][0]
