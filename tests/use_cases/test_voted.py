"""Votes read with what the benchmark knows of their questions: level, category and the verdict on both answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena.benchmark.verdicts import Verdicts
from nl2sql_arena.benchmark.voted import Reader
from nl2sql_arena.services import Services
from nl2sql_arena.types import Example, Execution, Limits, Score
from nl2sql_arena.votes import exports, reading
from nl2sql_arena.votes.ballots import Verdict
from tests.simulated_votes import Said, fill
from tests.use_cases.scripted_models import BASELINE, LEFT, RIGHT

WRONG = "SELECT 1 AS one"


@pytest.fixture
def services(services: Services, tmp_path: Path) -> Services:
    """With a data folder of the test's own, in which verdicts are kept."""
    return replace(services, settings=replace(services.settings, data=tmp_path / "data"))


@pytest.fixture
def example(services: Services) -> Example:
    return next(each for each in services.examples("shop", "arena") if each.gold_sql)


@pytest.fixture
def said(services: Services, example: Example) -> Callable[..., Said]:
    """A vote for the left answer, which is wrong, over the gold query itself."""
    content = services.databases["shop"].content

    def make(a: str = LEFT, b: str = RIGHT, **changes: object) -> Said:
        sides = (a, "r1", WRONG), (b, "r2", example.gold_sql[0])
        return replace(Said(*sides, "model_a", "ann", example, profile="mini", content=content), **changes)

    return make


def test_a_vote_on_an_example_carries_level_category_and_verdicts(
    services: Services, said: Callable[..., Said], example: Example, tmp_path: Path
) -> None:
    rows = fill(tmp_path / "v.sqlite", [said()]).votes()
    (ballot,) = Reader(services).judged(rows)
    assert (ballot.category, ballot.question, ballot.chosen) == (example.category, example.id, "random")
    assert ballot.level in ("easy", "medium", "hard", "extra")
    strict, relaxed = ballot.verdicts
    assert strict == Verdict("strict", right_a=False, right_b=True, reason_a=strict.reason_a, reason_b="match")
    assert strict.reason_a in ("columns", "rows")
    assert relaxed.rule == "relaxed"
    assert (ballot.model_a, ballot.seconds) == (f"{LEFT}@r1", 30.0)


def test_rows_for_an_export_carry_what_gold_answers_say_of_both_sides(
    services: Services, said: Callable[..., Said], tmp_path: Path
) -> None:
    rows = fill(tmp_path / "v.sqlite", [said(), said(typed="How many of mine?")]).votes()
    on_example, on_typed = Reader(services).with_gold(rows)
    assert (on_example["gold_a"], on_example["gold_b"], on_example["gold_reason_b"]) == ("wrong", "right", "match")
    assert on_example["gold_reason_a"] in ("columns", "rows")
    assert (on_typed["gold_a"], on_typed["gold_b"], on_typed["gold_reason_a"], on_typed["gold_reason_b"]) == ("", "", "", "")
    assert on_example["sql_a"] == WRONG, "the rest is as it was"
    (row,) = [each for each in exports.rows([on_example, on_typed], "mini", exports.samples(services.databases)) if each["example_id"]]
    assert (row["gold_a"], row["gold_b"]) == ("wrong", "right")
    assert row["level"] in ("easy", "medium", "hard", "extra")


def test_a_typed_question_and_one_of_another_database_of_the_name_have_no_verdict(
    services: Services, said: Callable[..., Said], tmp_path: Path
) -> None:
    rows = fill(tmp_path / "v.sqlite", [said(typed="What is mine?"), said(content="0123456789abcdef")]).votes()
    for ballot in Reader(services).judged(rows):
        assert (ballot.level, ballot.category, ballot.verdicts) == ("", "", ())


def test_each_answer_is_run_once_however_many_votes_are_on_it(services: Services, said: Callable[..., Said], tmp_path: Path) -> None:
    rows = fill(tmp_path / "v.sqlite", [said(voter=f"voter-{number}") for number in range(5)]).votes()
    ran: list[str] = []

    class Counting:
        def run(self, db: str, sql: str, limits: Limits) -> Execution:
            ran.append(sql)
            return services.engine.run(db, sql, limits)

    reader = Reader(replace(services, engine=Counting()))  # type: ignore[arg-type]
    assert len(list(reader.judged(rows))) == len(list(reader.judged(rows))) == 5
    assert ran.count(WRONG) == 1


def test_our_own_failure_is_no_verdict_and_is_tried_again(services: Services, said: Callable[..., Said], tmp_path: Path) -> None:
    rows = fill(tmp_path / "v.sqlite", [said()]).votes()
    lost = [True]

    class Failing:
        def run(self, db: str, sql: str, limits: Limits) -> Execution:
            return Execution("infrastructure") if lost[0] and sql == WRONG else services.engine.run(db, sql, limits)

    reader = Reader(replace(services, engine=Failing()))  # type: ignore[arg-type]
    assert next(reader.judged(rows)).verdicts[0].right_a is None
    lost[0] = False
    assert next(reader.judged(rows)).verdicts[0].right_a is False


def test_a_battle_with_the_baseline_is_a_kind_of_its_own(services: Services, said: Callable[..., Said], tmp_path: Path) -> None:
    rows = fill(tmp_path / "v.sqlite", [said(), said(b=BASELINE), said(b="gone"), said(a=BASELINE, profile="baseline")]).votes()
    assert [reading.kind(row, services.cards) for row in rows] == ["mini", "mini+baseline", "mini", "baseline"]


def no_query(*_: object) -> Execution:
    raise AssertionError("a verdict that is kept needs no query")


def test_a_second_start_knows_the_verdicts_and_runs_nothing(
    services: Services, said: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = fill(tmp_path / "v.sqlite", [said(), said(voter="bob")]).votes()
    first = list(Reader(services).judged(rows))
    kept = services.settings.data / "verdicts.jsonl"
    assert len(kept.read_text().splitlines()) == 2, "one line an answer"
    assert WRONG not in kept.read_text()
    with kept.open("a") as file:
        file.write('["torn')
    monkeypatch.setattr(services.engine, "run", no_query)
    assert list(Reader(services).judged(rows)) == first


def test_a_verdict_holds_for_its_own_content_golds_and_answer_only(example: Example, tmp_path: Path) -> None:
    known = Verdicts(tmp_path / "verdicts.jsonl", ("strict",))
    given = ("content", example, "ok", WRONG)
    others = [
        ("other", example, "ok", WRONG),
        ("content", replace(example, gold_sql=("SELECT 2",)), "ok", WRONG),
        ("content", example, "empty", WRONG),
        ("content", example, "ok", "SELECT 2 AS one"),
    ]
    assert len({known.key(*each) for each in (given, *others)}) == 5
    known.add(known.key(*given), (Score(1.0, "match"),))
    again = Verdicts(tmp_path / "verdicts.jsonl", ("strict",))
    assert again.get(again.key(*given)) == (Score(1.0, "match"),)
    assert again.get(again.key(*others[0])) is None
