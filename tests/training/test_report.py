"""`data report`: what a user learns about a data mix before training on it. All rows here are invented."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena import settings
from nl2sql_arena.cli import main
from nl2sql_arena.training import recipe
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.training.sets import cultures, datasets, report
from nl2sql_arena.training.sets.datasets import Dataset
from nl2sql_arena.training.sets.report import Reader
from nl2sql_arena.training.tuning.prompted import Room
from nl2sql_arena.types import Column, Schema, Table

PEOPLE = Schema("people", (Table("people", (Column("id", "INTEGER"), Column("given_name", "VARCHAR"), Column("age", "INTEGER"))),))
ASKED = [
    ("What is the given name of number 3?", "SELECT given_name FROM people WHERE id = 3"),
    ("How many are called Søren?", "SELECT COUNT(*) FROM people WHERE given_name = 'Søren'"),
    ("How many are called 由紀?", "SELECT COUNT(*) FROM people WHERE given_name = '由紀'"),
    ("Who is older than Priya?", "SELECT given_name FROM people WHERE age > (SELECT age FROM people WHERE given_name = 'Priya')"),
]
PAIRS = tuple(TrainingPair(question, sql, PEOPLE, "mine") for question, sql in ASKED)


def measured(reader: Reader) -> dict[str, Any]:
    return report.report(Dataset(PAIRS, (), {}, {}, {"mine": {"read": 9, "train": 4, "dropped: not a query": 5}}), reader)


def test_figures_are_of_the_pairs() -> None:
    found = measured(Reader("", "phi2-sql", Room(768, 256), None, "No tokenizer."))
    assert found["size"] == {"train": 4, "held_out": 0, "schemas": 1, "by_source": {"mine": 4}}
    assert found["difficulty"] == {"easy": 0.75, "medium": 0.0, "hard": 0.25, "extra": 0.0, "other": 0.0}
    assert (found["constructs"]["nested"], found["biases"]["aggregate"], found["biases"]["join"]) == (0.25, 0.5, 0.0)
    assert found["biases"]["openers"]["how"] == 0.5
    assert found["biases"]["question_names_a_column_literally"] == 0.25
    assert found["values"]["different"] == 3
    assert found["values"]["scripts"] == {"Latin": 0.6667, "Cjk": 0.3333}
    assert found["values"]["given_names_by_region"] == {"Germanic and Nordic": 0.5, "South Asian": 0.5}
    text = report.as_text(found)
    assert "dropped: not a query: 5" in text
    assert "No tokenizer." in text
    assert "Estimated from the text values in the queries" in text


def test_lengths_say_what_would_be_cut() -> None:
    words = Reader("words", "phi2-sql", Room(30, 8), lambda text: len(text.split()))
    tokens = measured(words)["tokens"]
    assert tokens["prompt"]["max"] > tokens["prompt"]["median"] > tokens["answer"]["median"] > 0
    assert tokens["left out: answer too long"] == 1.0
    roomy = Reader("words", "phi2-sql", Room(300, 80), words.count)
    assert measured(roomy)["tokens"]["left out: answer too long"] == 0.0


def test_a_tokenizer_that_cannot_be_had_is_a_sentence(tmp_path: Path) -> None:
    found = report.reader(None, None, str(tmp_path), "phi2-sql", 1024)
    assert found.count is None
    assert "cannot be had here" in found.why


def test_names_are_found_without_accents_and_case() -> None:
    assert cultures.regions(["SOREN Holm", "Łukasz", "jose%", "Box 7"]) == {
        "Germanic and Nordic": 1, "Slavic and Baltic": 1, "Spanish and Portuguese": 1,
    }  # fmt: skip


def test_the_command_reports_one_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    statements = "CREATE TABLE people (id INT, given_name TEXT, age INT); INSERT INTO people VALUES (3, 'Søren', 41), (4, 'Priya', 40)"
    rows = [{"question": question, "sql": sql, "schema": statements} for question, sql in ASKED]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokenizer = settings.ROOT / "models" / "mini-p"
    main(["data", "report", "--source", str(path), "--tokenizer", str(tokenizer), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["overlap_not_checked"] == ""
    assert found["rows"][str(path)]["read"] == 4
    assert found["size"]["train"] == 3
    assert found["tokens"]["prompt"]["median"] > 20
    with pytest.raises(SystemExit, match="not NAME=PATH"):
        main(["data", "report", "--source", str(path), "--measured", "spider"])


def test_a_recipe_names_what_is_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `data report` and by `train sft`."""
    row = {"question": "Age of 7?", "sql": "SELECT age FROM people WHERE id = 7", "schema": "CREATE TABLE people (id INT, age INT)"}
    for name, question in (("mine", "Age of 7?"), ("theirs", "How old is 7?")):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row | {"question": question}))
    (tmp_path / "bare").mkdir()
    recipe = tmp_path / "recipe.toml"
    mix = "".join(f"[[{table}]]\nsource = '{tmp_path / name}.jsonl'\n" for table, name in (("data", "mine"), ("measured", "theirs")))
    recipe.write_text(f'trainer = "trl"\nformat = "phi2-sql"\nbase = {{ id = "bare" }}\nevaluation = {{ questions = 0 }}\n{mix}')
    nothing_left = r"Nothing of the data mix is left to train on .* of an evaluation set"
    with pytest.raises(SystemExit, match=nothing_left):
        main(["data", "report", "--recipe", str(recipe)])
    for package in ("datasets", "trl"):
        pytest.importorskip(package, reason=f"{package} is not installed (pip install -c constraints.txt -r requirements-train.txt)")
    from nl2sql_arena.training.tuning import tune

    monkeypatch.setattr(tune, "sft", lambda _tuning, build, folders, *_: build(folders.data))
    with pytest.raises(SystemExit, match=nothing_left):
        main(["--data", str(tmp_path / "data"), "train", "sft", "--recipe", str(recipe)])


def test_a_public_set_that_is_kept_apart_from_nothing_is_said_until_both_evaluation_sets_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, theirs = tmp_path / "rows.jsonl", tmp_path / "theirs"
    statements = "CREATE TABLE people (id INT, given_name TEXT, age INT)"
    path.write_text("".join(json.dumps({"question": q, "answer": sql, "context": statements}) + "\n" for q, sql in ASKED))
    theirs.mkdir()
    tables = {"db_id": "d", "table_names_original": ["t"], "column_names_original": [[-1, "*"], [0, "x"]], "column_types": ["text", "text"]}
    for name in ("tables", "dev_tables"):
        (theirs / f"{name}.json").write_text(json.dumps([tables | {"primary_keys": [], "foreign_keys": []}]))
    (theirs / "dev.json").write_text(json.dumps([{"db_id": "d", "question": "x?", "query": "SELECT x FROM t", "SQL": "SELECT x FROM t"}]))
    command = ["data", "report", "--source", "b-mc2/sql-create-context", "--path", str(path)]
    said = "overlap of b-mc2/sql-create-context with the dev questions of {} is not checked: name their folders by [[measured]] tables"
    for named, missing in ((), "Spider and BIRD"), (("spider",), "BIRD"), (("spider", "bird"), ""):
        main([*command, *(f"--measured={name}={theirs}" for name in named)])
        shown = capsys.readouterr().out
        assert ("is not checked" in shown) is bool(missing)
        assert not missing or said.format(missing) in shown


def test_the_recipe_that_ships_holds_the_lines_that_keep_both_evaluation_sets_apart(tmp_path: Path) -> None:
    text = (settings.ROOT / "models" / "phi-2-nl2sql" / recipe.RECIPE).read_text()
    shipped = recipe.read_tuning(settings.ROOT / "models" / "phi-2-nl2sql" / recipe.RECIPE)
    assert "Spider and BIRD is not checked" in datasets.unchecked(shipped.data, shipped.measured)
    first, last = text.index("# [[measured]]"), text.index("[lora]")
    (tmp_path / "recipe.toml").write_text(text[:first] + text[first:last].replace("# ", "").replace("#\n", "\n") + text[last:])
    filled = recipe.read_tuning(tmp_path / "recipe.toml")
    assert [(each.source, each.split) for each in filled.measured] == [("spider", "dev"), ("bird", "dev")]
    assert datasets.unchecked(filled.data, filled.measured) == ""
    on_train = [replace(each, split="train") for each in filled.measured]
    assert "Spider and BIRD is not checked" in datasets.unchecked(filled.data, on_train), "their train split is no evaluation"


def test_the_command_reports_a_recipe_s_mix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('trainer = "trl"\nformat = "phi2-sql"\n[base]\nid = "bare"\n[[data]]\nsource = "generator"\nmost = 15\n')
    (tmp_path / "bare").mkdir()  # a base without a tokenizer, so that nothing is asked of the hub
    main(["data", "report", "--recipe", str(recipe)])
    shown = capsys.readouterr().out
    assert "# Data report" in shown
    assert "read: 15" in shown
    assert f"The tokenizer {tmp_path / 'bare'} cannot be had here" in shown
