"""`bench verify`, on small random models of the real classes and on questions made up here in the form of sql-eval's."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena import cli, terminal, ui
from nl2sql_arena.benchmark import files, verify
from nl2sql_arena.benchmark.verify import LONG, SHORT, UNVERIFIED, Check, Claim
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Profile, Services, open_services
from nl2sql_arena.settings import Settings
from nl2sql_arena.types import Interval
from nl2sql_arena.ui import about
from tests import tiny
from tests.use_cases.scripted_models import write_model
from tests.use_cases.test_files import sqlite, table, written

RIVERS = """
CREATE TABLE river (id INTEGER PRIMARY KEY, name TEXT, km REAL);
INSERT INTO river VALUES (1, 'Maran', 1737), (2, 'Niger', 4200), (3, 'Bani', 1100);
"""
QUESTIONS = {
    "How many rivers?": "SELECT count(*) FROM river",
    "Which is longest?": "SELECT {name, id}, km FROM river ORDER BY km DESC LIMIT 1",
    "Which are short?": "SELECT name FROM river WHERE km < 2000",
    "What is broken?": "SELECT nothing FROM nowhere",
}
CARD = """name = "{name}"
title = "A model"
kind = "real"
family = "test"
backend = "local"
format = "{form}"
dialect = "{dialect}"
base = {{ id = "." }}
context = 1024
precision = "fp32"
generation = {{ max_new_tokens = 6 }}
licence = "MIT"
notes = "For tests."
"""


def stand_in(folder: Path, build: Callable[[Path], Path], form: str, dialect: str) -> None:
    """A tiny random model with room for a long prompt, under the name of a published contestant."""
    build(folder)
    config = json.loads((folder / "config.json").read_text()) | {"max_position_embeddings": 1024}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "card.toml").write_text(CARD.format(name=folder.name, form=form, dialect=dialect))


@pytest.fixture
def ours(arena_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = replace(arena_settings, models=tmp_path / "models", data=tmp_path / "data", workers=1)
    monkeypatch.setattr(terminal, "load", lambda _environment: found)
    return found


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    sqlite(tmp_path / "sql-eval" / "rivers.sqlite", RIVERS)
    rows = [{"question": each, "query": sql, "db_name": "rivers", "query_category": "where"} for each, sql in QUESTIONS.items()]
    return table(tmp_path / "sql-eval" / "questions.csv", rows)


def test_a_stand_in_of_sqlcoder_s_class_goes_the_whole_way_and_is_not_called_verified(
    ours: Settings, questions: Path, profile: Profile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(ours.models / "sqlcoder-7b-2", tiny.llama, "sqlcoder-7b-2", "postgres")
    cli.main(["bench", "verify", "--questions", str(questions)])
    said = capsys.readouterr().out
    assert "Nothing is verified: this is a stand-in, since its card names ., and the claim is about defog/sqlcoder-7b-2." in said
    assert "published 90.5%, n = 200" in said
    assert "The set has changed since: 200 questions then, 4 taken here, of which 1 are not scored here" in said
    assert "Reproduced" not in said
    (check,) = verify.read(ours.data / verify.FILE)
    assert (check.verdict, check.decoding, check.share.n, check.precision) == ("stand-in", "4 beams", 3, "fp32 on cpu, 1 thread")
    asked = [json.loads(line) for line in (ours.data / "runs" / "completions.jsonl").read_text().split("\n") if line]
    assert len(asked) == 3
    services = open_services(ours)
    try:
        assert UNVERIFIED in about._cards(services, replace(profile, models=()))
        real = replace(profile, kind="real", pair=("sqlcoder-7b-2", "left"))
        assert f"A model: {UNVERIFIED}." in ui._header(services, real)
    finally:
        services.close()
    cli.main(["models", "list"])
    assert UNVERIFIED in capsys.readouterr().out


def test_a_stand_in_of_phi_2_s_class_is_held_against_stored_outputs_and_is_not_called_verified(
    ours: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(ours.models / "phi-2-nl2sql", tiny.phi, "phi2-sqlcoder", "sqlite")
    columns = {"prompt": ["### Task\nA\n```sql", "### Task\nB\n```sql"], "pred": ["\nSELECT a", "x"], "actu": ["SELECT a", "SELECT b"]}
    path = written(tmp_path / "outputs.json", columns)
    cli.main(["bench", "verify", "--outputs", str(path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "stand-in"
    assert (found["published"], found["published_n"], found["share"]["n"], found["share"]["value"]) == (0.5, 2, 2, 0.0)
    assert found["figures"]["outputs that are the author's word for word"]["value"] == 0.0


# Verdicts, on models that answer from a table

RIGHT = {
    "How many rivers?": "SELECT count(*) AS many FROM river",
    "Which is longest?": "SELECT r.id, r.km FROM river r ORDER BY r.km DESC LIMIT 1",
    "Which are short?": "SELECT id, name FROM river WHERE km < 2000",
}
CLAIM = Claim("sql-eval", "known", "answers.json", 0, "a test", published=0.9, published_n=200, least=3)


def checked(ours: Settings, questions: Path, answers: dict[str, str], claim: Claim = CLAIM) -> Check:
    write_model(ours.models, "known", "real", answers=answers)
    services = open_services(ours)
    try:
        found = files.opened(questions, services.sandbox, ours.data / "published", None, services.databases)
        return verify.sql_eval(services, "known", files.askable(found), "a test machine", claim)
    finally:
        services.close()


def test_sql_eval_s_own_rule_decides_what_is_right(ours: Settings, questions: Path) -> None:
    """A column more is right by that rule and wrong by ours."""
    found = checked(ours, questions, RIGHT)
    assert (found.verdict, found.share.value, found.share.n) == ("reproduced", 1.0, 3)
    assert found.figures["by this project's own rule"].value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("claim", "answers", "verdict"),
    [
        (CLAIM, {}, "not reproduced"),
        (replace(CLAIM, least=4), RIGHT, "not decided"),
        (replace(CLAIM, parameters=6_738_546_688), RIGHT, "stand-in"),
        (replace(CLAIM, weights="defog/sqlcoder-7b-2"), RIGHT, "stand-in"),
    ],
)
def test_what_is_not_reproduced_is_not_called_so(
    ours: Settings, questions: Path, claim: Claim, answers: dict[str, str], verdict: str
) -> None:
    found = checked(ours, questions, answers, claim)
    assert found.verdict == verdict
    assert bool(found.reason) == (verdict == "stand-in")


def test_a_mini_or_the_baseline_cannot_be_verified(shared: Services) -> None:
    with pytest.raises(BadInput, match="no published model"):
        verify.stored_outputs(shared, "left", (), "a test machine")
    with pytest.raises(BadInput, match="no model 'gpt'"):
        verify.stored_outputs(shared, "gpt", (), "a test machine")


# What the page says

CHECK = Check(
    "sql-eval", "coder", "Coder", "a/b", "abc", "bf16 on cuda", "4 beams", "NVIDIA L4", "2026-12-01T10:00:00+00:00", "reproduced",
    Interval(0.9, 0.85, 0.93, 210), 0.905, 200, "README", "", {"strict": Interval(0.8, 0.7, 0.9, 210)}, ("DuckDB.",),
)  # fmt: skip


def test_the_page_tells_a_verdict_of_these_very_weights_alone() -> None:
    said = verify.told("coder", "abc", [CHECK])
    assert said.startswith(
        "reproduced on 2026-12-01: 90.0% (85.0% to 93.0%, n = 210) against 90.5% published (sql-eval; bf16 on cuda, 4 beams"
    )
    assert verify.told("coder", "def", [CHECK]) == UNVERIFIED
    assert verify.told("other", "abc", [CHECK]) == UNVERIFIED
    assert verify.told("coder", "abc", [replace(CHECK, verdict="stand-in")]) == UNVERIFIED
    assert verify.told("coder", "abc", [replace(CHECK, verdict="not decided")]) == UNVERIFIED
    assert verify.told("coder", "abc", [replace(CHECK, verdict="not reproduced")]).startswith("not reproduced on")


def test_a_check_comes_back_from_its_file_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    other = replace(CHECK, model="other")
    for each in (CHECK, other, replace(CHECK, verdict="not reproduced")):
        path = verify.keep(each, tmp_path)
    assert verify.read(path) == [other, replace(CHECK, verdict="not reproduced")]
    path.write_text("[{}]")
    with pytest.raises(BadInput, match="delete it and verify again"):
        verify.read(path)


@pytest.mark.parametrize(("longest", "cap"), [(51, SHORT), (120, LONG)])
def test_stored_outputs_are_columns_by_place_or_by_row(tmp_path: Path, longest: int, cap: int) -> None:
    columns: dict[str, list[Any]] = {"prompt": ["p", "q"], "pred": ["x", "y"], "actu": ["g", "h"], "token_out": [9, longest]}
    by_row = {name: {str(i): each for i, each in enumerate(values)} for name, values in columns.items()}
    for number, found in enumerate((columns, by_row)):
        read = list(verify.outputs(written(tmp_path / f"{number}.json", found)))
        assert [(each.prompt, each.text, each.gold, each.cap) for each in read] == [("p", "x", "g", cap), ("q", "y", "h", cap)]


@pytest.mark.parametrize("content", ["[]", "{}", '{"prompt": [], "pred": [], "actu": []}', '{"prompt": [1], "pred": ["a"], "actu": ["b"]}'])
def test_another_file_is_one_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadInput, match=r"phi2_eval_df_c\.json"):
        list(verify.outputs(written(tmp_path / "other.json", content)))
