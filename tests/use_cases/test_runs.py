"""A run is kept whole: what is read back is what was measured, also after its process ended in the middle."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena.benchmark import figures, runner, runs
from nl2sql_arena.benchmark.runs import KEPT_ROWS, Measured
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Services
from tests.use_cases import judged
from tests.use_cases.scripted_models import LEFT, RIGHT


def ran(services: Services, folder: Path, count: int = 4) -> tuple[Measured, list[runner.Result]]:
    examples = services.examples("shop", "dev")[:count]
    about = runs.measured(services, [LEFT, RIGHT], examples, "shop", "dev", "a test machine", f"the first {count}")
    return about, list(runs.kept(folder, about, runner.run(services, [LEFT, RIGHT], examples, again=True)))


def test_a_run_is_read_back_as_the_same_results(services: Services, tmp_path: Path) -> None:
    about, results = ran(services, tmp_path)
    stored = runs.find(about.name, tmp_path)
    assert stored.complete
    assert stored.measured == about
    assert figures.accuracy(stored.results) == figures.accuracy(results)
    for kept, result in zip(stored.results, results, strict=True):
        answer = replace(result.answer, prompt=kept.answer.prompt)
        answer = replace(answer, execution=replace(answer.execution, rows=answer.execution.rows[:KEPT_ROWS]))
        assert kept == replace(result, answer=answer)


def test_a_run_says_what_it_measured_on_what(services: Services, tmp_path: Path) -> None:
    about, _ = ran(services, tmp_path)
    left, right = about.contestants
    assert (about.dataset, about.split, about.questions, about.databases) == ("shop", "dev", 4, ("shop",))
    assert (about.hardware, about.chosen) == ("a test machine", "the first 4")
    assert about.libraries["duckdb"]
    assert (left.name, right.name, left.precision) == (LEFT, RIGHT, "scripted")
    assert left.revision == services.revision(LEFT)


def test_a_file_from_before_memory_beams_and_unusable_golds_were_kept_is_still_read(services: Services, tmp_path: Path) -> None:
    about, results = ran(services, tmp_path)
    path = tmp_path / f"{about.name}.jsonl"
    first, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    for name in ("unusable", "unasked", "gold_repairs"):
        del first[name]
    for row in rows:
        del row["completion"]["peak_memory"], row["beams"], row["context"]
    path.write_text("\n".join(map(json.dumps, [first, *rows])) + "\n", encoding="utf-8")
    stored = runs.read(path)
    assert stored.measured == about
    assert [each.answer.completion.text for each in stored.results] == [each.answer.completion.text for each in results]


def test_an_ended_run_is_read_as_far_as_it_came(services: Services, tmp_path: Path) -> None:
    about, results = ran(services, tmp_path)
    path = tmp_path / f"{about.name}.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 30])
    stored = runs.read(path)
    assert len(stored.results) == len(results) - 1
    assert not stored.complete
    assert runs.latest(tmp_path) is None


def test_the_newest_whole_run_is_the_latest_and_other_files_are_passed_over(services: Services, tmp_path: Path) -> None:
    first, _ = ran(services, tmp_path, 1)
    second, _ = ran(services, tmp_path, 2)
    path = tmp_path / f"{first.name}.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace(first.at, "2020-01-01T00:00:00+00:00"), encoding="utf-8")
    (tmp_path / "completions.jsonl").write_text('\n{"key": "a"}', encoding="utf-8")
    assert [each.name for each in runs.listed(tmp_path)] == [second.name, first.name]
    found = runs.latest(tmp_path)
    assert found
    assert found.measured == second


def test_an_unknown_run_is_refused_with_the_names_there_are(services: Services, tmp_path: Path) -> None:
    about, _ = ran(services, tmp_path, 1)
    with pytest.raises(BadInput, match=about.name):
        runs.find("other", tmp_path)
    (tmp_path / "own.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
    with pytest.raises(BadInput, match="no run's file"):
        runs.find(str(tmp_path / "own.jsonl"))


def test_a_run_is_given_away_without_the_answers_to_a_question_and_without_a_torn_line(services: Services, tmp_path: Path) -> None:
    about, results = ran(services, tmp_path)
    path = tmp_path / f"{about.name}.jsonl"
    assert runs.text(path, lambda _example: False) == path.read_text(encoding="utf-8")
    hidden = results[0].example
    with path.open("a", encoding="utf-8") as file:
        file.write('{"model": "left", "exam')
    first, *rows = map(json.loads, runs.text(path, lambda example: example == hidden).splitlines())
    assert first["name"] == about.name
    assert [row["example"]["id"] for row in rows] == [each.example.id for each in results if each.example.id != hidden.id]


def test_short_names_never_read_alike() -> None:
    measured = judged.stored(*(judged.result(name, 1, True) for name in "abc")).measured
    titles = ("Phi-2 SQL (ours)", "SQLCoder-7B-2, schema-first prompt (Defog)", "SQLCoder-7B-2 (Defog)")
    told = tuple(replace(each, title=title) for each, title in zip(measured.contestants, titles, strict=True))
    assert list(replace(measured, contestants=told).names.values()) == ["Phi-2 SQL", *titles[1:]]


def test_the_newest_run_that_ships_is_over_test_questions() -> None:
    """Tab and report open on it; that over the page's own questions is there for what comes next in the arena."""
    assert [each.split for each in runs.listed(runs.SHIPPED)][:1] == ["test"]
