"""From questions with golds to figures: what counts, what does not, and what a chart must show."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena import catalog
from nl2sql_arena.benchmark import figures, runner, runs
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.services import Services
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import LEVELS, SCORE, Completion, Example, Execution, GenerationRequest, Level, Limits, Request, Score
from tests.use_cases.scripted_models import write_model

GERMANY = "How many customers live in Germany?"
IN_GERMANY = "SELECT count(*) FROM customers WHERE country = 'Germany'"


def example(question: str, *golds: str, name: str = "") -> Example:
    return Example(name or question, "shop", question, golds, "filter", "dev")


class Counting(Engine):
    """An engine that counts how often each query was run by itself, as golds are."""

    counted: Counter[str]

    def run(self, db: str, sql: str, limits: Limits = SCORE) -> Execution:
        self.counted[sql] += 1
        return super().run(db, sql, limits)


@pytest.fixture(scope="module")
def bench(shared: Services, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """A scholar who knows each gold, a parrot who always says the same, and the models of the other tests."""
    models = tmp_path_factory.mktemp("models")
    examples = shared.examples("shop", "all")
    write_model(models, "scholar", answers={each.question: each.gold_sql[-1] for each in examples if each.gold_sql})
    write_model(models, "parrot", answers={each.question: IN_GERMANY for each in examples})
    write_model(models, "left")
    cards = catalog.load(models) | {"broken": shared.cards["broken"]}
    engine = Counting(cards, models, shared.databases, shared.sandbox)
    engine.counted = Counter()
    settings = replace(shared.settings, data=tmp_path_factory.mktemp("runs"))  # with a run log of its own
    return replace(shared, settings=settings, cards=cards, engine=engine)


def judged(bench: Services, *examples: Example, model: str = "left") -> list[tuple[float | None, str]]:
    return [(each.score.value, each.score.reason) for each in runner.run(bench, [model], examples)]


def test_who_knows_every_gold_has_every_question_right(bench: Services) -> None:
    dev = bench.examples("shop", "dev")
    examples = dev[::3] + tuple(each for each in dev[1::3] + dev[2::3] if not each.gold_sql)
    results = list(runner.run(bench, ["scholar", "parrot"], examples))
    assert len(results) == 2 * len(examples)
    shares = figures.accuracy(results)
    answerable = [each for each in examples if each.gold_sql]
    assert (shares["scholar"]["all"].value, shares["scholar"]["all"].n) == (1.0, len(answerable))
    assert shares["parrot"]["all"].value == 0.0
    assert sum(shares["scholar"][level].n for level in LEVELS) == len(answerable)
    unanswerable = len(examples) - len(answerable)
    assert unanswerable > 0
    assert figures.abstentions(results, "scholar") == (unanswerable, unanswerable, 0, len(answerable))
    assert figures.abstentions(results, "parrot") == (0, unanswerable, 0, len(answerable))


def test_each_gold_runs_once_however_many_contestants_there_are(bench: Services) -> None:
    bench.engine.counted.clear()  # type: ignore[attr-defined]
    examples = bench.examples("shop", "arena")[:6]
    list(runner.run(bench, ["scholar", "parrot", "left"], examples))
    golds = [sql for each in examples for sql in each.gold_sql]
    assert bench.engine.counted == Counter(golds)  # type: ignore[attr-defined]


def test_what_is_right_and_what_is_wrong_and_why(bench: Services) -> None:
    other = "SELECT count(*) FROM customers WHERE country = 'France'"
    assert judged(bench, example(GERMANY, IN_GERMANY)) == [(1.0, "match")]
    assert judged(bench, example(GERMANY, other)) == [(0.0, "rows")]
    assert judged(bench, example(GERMANY, other, IN_GERMANY)) == [(1.0, "match")], "any gold will do"
    assert judged(bench, example(GERMANY, IN_GERMANY.replace("count(*)", "count(*), 1"))) == [(0.0, "columns")]
    assert judged(bench, example("List the order numbers", "SELECT id FROM orders ORDER BY id DESC")) == [(0.0, "row_order")]
    assert judged(bench, example("List the order numbers", "SELECT id FROM orders")) == [(1.0, "match")]
    assert judged(bench, example("Throw everything away", IN_GERMANY)) == [(0.0, "refused")]
    assert judged(bench, example("Use a table that is missing", IN_GERMANY)) == [(0.0, "error")]
    assert judged(bench, example("Talk without end", IN_GERMANY)) == [(0.0, "cut")]
    assert judged(bench, example("Give up in words", IN_GERMANY)) == [(0.0, "abstained")]
    assert judged(bench, example("Give up in words")) == [(1.0, "match")]
    assert judged(bench, example(GERMANY)) == [(0.0, "answered_unanswerable")]


def test_golds_run_with_their_sort_keys_only_where_a_tie_may_decide(bench: Services) -> None:
    bench.engine.counted.clear()  # type: ignore[attr-defined]
    by_status = "SELECT id FROM orders ORDER BY status"
    assert judged(bench, example("List the order numbers", by_status))[0][0] == 0.0
    assert len(bench.engine.counted) == 2  # type: ignore[attr-defined]
    bench.engine.counted.clear()  # type: ignore[attr-defined]
    assert judged(bench, example("List the order numbers", "SELECT id FROM customers ORDER BY country"))[0][0] == 0.0
    assert len(bench.engine.counted) == 1, "other rows need no look at ties"  # type: ignore[attr-defined]


def test_a_gold_that_cannot_run_leaves_the_answer_unscored(bench: Services) -> None:
    assert judged(bench, example(GERMANY, "SELECT broken FROM nowhere")) == [(None, "gold_failed")]
    assert judged(bench, example(GERMANY, "SELECT broken FROM nowhere", IN_GERMANY)) == [(1.0, "match")]
    assert judged(bench, example(GERMANY, "SELECT broken FROM nowhere", "SELECT 0")) == [(None, "gold_failed")], "it might have matched"
    assert judged(bench, example("Throw everything away", "SELECT broken FROM nowhere", "SELECT 0")) == [(0.0, "refused")]
    for failing in ("Throw everything away", "Talk without end", "Give up in words"):
        assert judged(bench, example(failing, "SELECT broken FROM nowhere")) == [(None, "gold_failed")], "for all alike"


def test_our_failures_are_never_averaged(bench: Services) -> None:
    engine = Engine(bench.cards, bench.settings.models, bench.databases, bench.sandbox)
    whole = bench.engine.generate
    lost = "Give up in words"

    def generate(requests: Sequence[GenerationRequest], *callbacks: Any) -> Iterator[Completion]:
        for request in requests:
            if lost in request.prompt.text:
                yield Completion(request.id, request.model, "", 0, 0, 0.0, 0.0, "stop", "The server went away.")
            else:
                yield from whole([request], *callbacks)

    engine.generate = generate
    services = replace(bench, engine=engine)
    asked = [example(GERMANY, IN_GERMANY), example(lost, IN_GERMANY), example(lost, name="none")]
    results = list(runner.run(services, ["left"], asked, again=True))
    assert [each.score.value for each in results] == [1.0, None, None]
    assert results[1].score == Score(None, "infrastructure", "The server went away.")
    assert figures.accuracy(results)["left"]["all"] == wilson(1, 1)
    assert figures.abstentions(results, "left") == (0, 0, 0, 1)


def test_cancelling_ends_the_run_with_what_is_there(bench: Services) -> None:
    asked = itertools.count()
    examples = bench.examples("shop", "dev")[:5]
    stopped: list[Result] = []
    for result in runner.run(bench, ["scholar", "parrot"], examples, lambda: len(stopped) >= 3):
        stopped.append(result)
        assert next(asked) < 3
    assert len(stopped) == 3
    assert list(runner.run(bench, ["scholar"], examples, lambda: True)) == []


def test_a_model_that_cannot_be_loaded_is_said_before_the_first_result(bench: Services) -> None:
    examples = bench.examples("shop", "dev")
    with pytest.raises(ModelUnavailable):
        runs.measured(bench, ["scholar", "broken"], examples, "samples", "dev", "here")
    with pytest.raises(ModelUnavailable):
        next(runner.run(bench, ["broken", "scholar"], examples))


def test_a_verdict_on_the_page_is_that_of_the_benchmark_even_when_the_page_shows_less(bench: Services) -> None:
    listed = example("List the order numbers", "SELECT id FROM orders ORDER BY id")
    request = Request("1", "left", "shop", listed.question)
    (answer,) = bench.engine.answers([request])
    assert answer.execution.truncated
    assert runner.judge(bench, listed, answer) == Score(1.0, "match")
    (failed,) = bench.engine.answers([replace(request, question="Throw everything away")])
    assert runner.judge(bench, listed, failed) == Score(0.0, "refused")


def test_levels_are_those_of_the_first_gold(bench: Services) -> None:
    nested = "SELECT name FROM products WHERE id IN (SELECT product_id FROM reviews WHERE stars = 5) AND stock > 0 AND price > 5"
    results = list(runner.run(bench, ["left"], [example(GERMANY, IN_GERMANY, nested), example(GERMANY, nested, name="n"), example("none")]))
    assert [each.level for each in results] == ["easy", "extra", None]


def test_the_hash_of_a_data_set_changes_with_what_is_asked_or_right(bench: Services) -> None:
    first = example(GERMANY, IN_GERMANY)
    changes: list[dict[str, Any]] = [{"question": "How many?"}, {"gold_sql": ("SELECT 1",)}, {"db": "bank"}, {"id": "2"}]
    others = [replace(first, **change) for change in changes]
    hashes = {runner.dataset_hash([each]) for each in [first, *others]} | {runner.dataset_hash([first, *others])}
    assert len(hashes) == 6
    assert runner.dataset_hash([replace(first)]) == runner.dataset_hash([first])
    assert all(len(each) == 12 and int(each, 16) >= 0 for each in hashes)


def made(bench: Services, model: str, level: Level | None, value: float | None) -> Result:
    (answer,) = bench.engine.answers([Request("1", "left", "shop", GERMANY)])
    return Result(example(GERMANY, IN_GERMANY), level, replace(answer, model=model), Score(value, "match"))


def test_figures_are_shares_with_wilson_intervals(bench: Services) -> None:
    results = [made(bench, "left", "easy", 1.0)] * 8 + [made(bench, "left", "easy", 0.0)] * 2 + [made(bench, "left", "hard", None)] * 5
    shares = figures.accuracy(results)["left"]
    assert shares["easy"].value == 0.8
    # worked out from Wilson's formula with z = 1.96: (0.8 + 0.192 +- 1.96 * sqrt(0.016 + 0.0096)) / 1.384
    assert math.isclose(shares["easy"].low, 0.4902, abs_tol=1e-4)
    assert math.isclose(shares["easy"].high, 0.9433, abs_tol=1e-4)
    assert shares["all"] == shares["easy"]
    assert shares["hard"].n == 0
    shown = json.loads(json.dumps(figures.as_json({"left": shares}), allow_nan=False))
    assert shown["left"]["easy"] == {"n": 10, "correct": 8, "accuracy": 0.8, "low": shares["easy"].low, "high": shares["easy"].high}
    assert shown["left"]["hard"]["accuracy"] is None
    assert list(shown["left"]) == ["all", "easy", "medium", "hard", "extra"]


def test_a_run_takes_from_the_log_what_these_models_have_written(bench: Services, tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(requests: Any, on_token: Any, cancelled: Any) -> Any:
        for completion in bench.engine._generate(requests, on_token, cancelled):
            if completion.finish_reason != "cancelled":
                asked.append(completion.id)
            yield completion

    examples = bench.examples("shop", "arena")[:6]
    logged = replace(bench, settings=replace(bench.settings, data=tmp_path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.engine, "generate", counting)
        list(itertools.islice(runner.run(logged, ["scholar"], examples), 3))  # a run that was left
        first = list(runner.run(logged, ["scholar"], examples))
        second = list(runner.run(logged, ["scholar"], examples))
    assert sorted(asked) == sorted(each.id for each in examples), "nothing is generated twice"
    assert [result.score for result in sorted(first, key=by_id)] == [result.score for result in sorted(second, key=by_id)]


def by_id(result: runner.Result) -> str:
    return result.example.id
