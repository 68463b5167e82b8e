"""`bench run` on files as their authors publish them, and on what is left of a run that was ended. All rows here are invented."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql_arena import cli, terminal
from nl2sql_arena.benchmark import runner, runs
from nl2sql_arena.settings import Settings
from tests.use_cases.scripted_models import write_model
from tests.use_cases.test_files import COUNT, sqlite, table, written

RIVERS = """
CREATE TABLE country (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE river (id INTEGER PRIMARY KEY, name TEXT, km REAL, country_id INTEGER REFERENCES country (id));
INSERT INTO country VALUES (1, 'Peru'), (2, 'Mali');
INSERT INTO river VALUES (1, 'Marañón', 1737, 1), (2, 'Niger', 4200, 2), (3, 'Bani', 1100, 2);
"""
Bench = Callable[..., dict[str, Any]]


@pytest.fixture
def bench(arena_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """What `bench run --json` prints for a model that answers from a table; its data folder is `tmp_path/data`."""

    def call(answers: Mapping[str, str], *words: object) -> dict[str, Any]:
        write_model(tmp_path / "models", "scholar", answers=dict(answers))
        with (tmp_path / "models" / "scholar" / "card.toml").open("a") as card:
            card.write("published_beams = 4\n")
        settings = replace(arena_settings, models=tmp_path / "models", data=tmp_path / "data", workers=1)
        monkeypatch.setattr(terminal, "load", lambda _environment: settings)
        cli.main(["bench", "run", "--models", "scholar", *map(str, words), "--json"])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return call


def spider(folder: Path, *pairs: tuple[str, str]) -> Path:
    sqlite(folder / "database" / "rivers" / "rivers.sqlite", RIVERS)
    return written(folder / "dev.json", [{"question": question, "query": sql, "db_id": "rivers"} for question, sql in pairs]).parent


def correct(found: dict[str, Any]) -> tuple[int, int]:
    shown = found["models"]["scholar"]["all"]
    return shown["correct"], shown["n"]


def test_a_run_as_the_cards_ask_says_so_and_shares_no_answer_with_a_greedy_one(bench: Bench, tmp_path: Path) -> None:
    asked = spider(tmp_path / "spider", ("How many rivers?", "SELECT count(*) FROM river"))
    for words, beams, logged in (((), 1, 1), (("--decoding", "card"), 4, 2), (("--decoding", "card"), 4, 2)):
        name = bench({"How many rivers?": "SELECT 3"}, "--dataset", asked, *words)["run"]
        kept = runs.find(name, tmp_path / "data" / "runs").measured
        assert kept.contestants[0].generation.num_beams == beams
        assert len((tmp_path / "data" / "runs" / "completions.jsonl").read_text().strip().splitlines()) == logged


def test_spider_s_questions_are_asked_on_its_databases(bench: Bench, tmp_path: Path) -> None:
    asked = spider(
        tmp_path / "spider",
        ("How many rivers?", 'SELECT count(*) FROM river WHERE name LIKE "%A%"'),
        ("Which is longest?", "SELECT name FROM river ORDER BY km DESC LIMIT 1"),
    )
    answers = {"How many rivers?": "SELECT 2", "Which is longest?": "SELECT name FROM river WHERE km > 4000"}
    found = bench(answers, "--dataset", asked)
    assert correct(found) == (2, 2)
    assert (found["dataset"], found["split"], found["unasked"], found["unusable_golds"]) == ("spider/dev", "all", 0, [])
    assert set(found["gold_repairs"]) == {"0"}
    stored = runs.find(found["run"], tmp_path / "data" / "runs")
    assert stored.measured.databases == ("rivers",)
    assert stored.measured.gold_repairs == {"0": tuple(found["gold_repairs"]["0"])}
    assert [each.score.value for each in stored.results] == [1.0, 1.0]


@pytest.mark.parametrize("form", ["sqlite", "duckdb's script", "postgres' script"])
def test_a_prompt_shows_the_keys_of_the_published_database(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    prompts: list[str] = []
    whole = runner.run

    def watched(*arguments: Any, **more: Any) -> Iterator[runner.Result]:
        for result in whole(*arguments, **more):
            prompts.append(result.answer.prompt.text)
            yield result

    monkeypatch.setattr(runner, "run", watched)
    path = spider(tmp_path / "spider", ("How many?", "SELECT count(*) FROM river"))
    if form != "sqlite":
        (path / "database" / "rivers" / "rivers.sqlite").unlink()
        written(path / "rivers.sql", RIVERS.replace("id INTEGER PRIMARY", "id SERIAL PRIMARY") if "postgres" in form else RIVERS)
    bench({}, "--dataset", path)
    assert "river.country_id can be joined with country.id" in prompts[0]
    assert "id INTEGER PRIMARY KEY" in prompts[0]
    assert prompts[0].index("CREATE TABLE country") < prompts[0].index("CREATE TABLE river")


def test_a_gold_that_cannot_be_translated_is_listed_and_kept_with_the_run(bench: Bench, tmp_path: Path) -> None:
    asked = spider(tmp_path / "spider", ("How many?", "SELECT count(*) FROM river"), ("Which?", "SELECT nme FROM lake"))
    found = bench({"How many?": "SELECT 3", "Which?": "SELECT 1"}, "--dataset", asked)
    assert correct(found) == (1, 1)
    (lost,) = found["unusable_golds"]
    assert (lost["id"], lost["sql"], found["unasked"]) == ("1", "SELECT nme FROM lake", 1)
    assert "names what its schema lacks" in lost["reason"]
    about = runs.find(found["run"], tmp_path / "data" / "runs").measured
    assert (about.questions, about.unasked, [each.id for each in about.unusable]) == (1, 1, ["1"])


def test_a_question_with_one_gold_that_runs_is_asked(bench: Bench, tmp_path: Path) -> None:
    written(tmp_path / "rivers.sql", RIVERS)
    row = {"question": "Which?", "query": "SELECT xmin FROM river; SELECT name FROM country", "db_name": "rivers", "query_category": ""}
    path = table(tmp_path / "questions.csv", [row])
    found = bench({"Which?": "SELECT name FROM country"}, "--dataset", path)
    assert correct(found) == (1, 1)
    assert (len(found["unusable_golds"]), found["unasked"]) == (1, 0)
    wrong = bench({"Which?": "SELECT name FROM river"}, "--dataset", path, "--again")
    assert (correct(wrong), wrong["abstention"]["scholar"]["unscored"]) == ((0, 0), 1), "the gold that failed might have matched"


def test_every_other_format_is_run(bench: Bench, tmp_path: Path) -> None:
    answers = {"How many?": COUNT, "Who?": "SELECT 'I do not know'"}
    sqlite(tmp_path / "bird" / "dev_databases" / "b" / "b.sqlite")
    bird = {"question": "How many?", "SQL": COUNT, "db_id": "b", "evidence": "ovens bake", "difficulty": "simple"}
    assert correct(bench(answers, "--dataset", written(tmp_path / "bird" / "dev.json", {"0": bird}))) == (1, 1)

    (tmp_path / "nsql").mkdir()
    with duckdb.connect(str(tmp_path / "nsql" / "b.duckdb")) as connection:
        connection.execute("CREATE TABLE bakery AS SELECT unnest([1, 2, 3]) AS id")
    nsql = {"db_id": "b", "question": "How many?", "category": "easy", "setup_sql": "", "validation_sql": "", "query": COUNT}
    assert correct(bench(answers, "--dataset", written(tmp_path / "nsql" / "rows.json", [nsql]))) == (1, 1)

    context = {"question": "How many?", "context": "CREATE TABLE bakery (name VARCHAR)", "answer": "SELECT COUNT(*) FROM bakery"}
    assert correct(bench(answers, "--dataset", written(tmp_path / "context.json", [context]))) == (1, 1)

    sqlite(tmp_path / "mine" / "b.sqlite")
    mine = [
        {"id": "x", "question": "How many?", "gold_sql": [COUNT], "db": "b", "split": "test"},
        {"id": "y", "question": "Who?", "gold_sql": [], "db": "b", "split": "test"},
        {"id": "z", "question": "Other?", "gold_sql": [COUNT], "db": "b", "split": "dev"},
    ]
    found = bench(answers, "--dataset", written(tmp_path / "mine" / "mine.jsonl", "\n".join(map(json.dumps, mine))), "--split", "test")
    assert correct(found) == (1, 1)
    assert (found["abstention"]["scholar"]["right"], found["abstention"]["scholar"]["unanswerable"]) == (1, 1)


def test_golds_without_questions_are_no_run(bench: Bench, tmp_path: Path) -> None:
    sqlite(tmp_path / "b.sqlite")
    path = written(tmp_path / "gold.txt", f"{COUNT}\tb\n")
    with pytest.raises(SystemExit) as caught:
        bench({}, "--dataset", path)
    assert "bench score --predictions" in str(caught.value.code)


def test_a_database_that_no_prompt_can_show_is_a_reason(bench: Bench, tmp_path: Path) -> None:
    written(tmp_path / "hidden.sql", "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS n;")
    sqlite(tmp_path / "b.sqlite")
    rows = [
        {"id": "x", "question": "How many?", "gold_sql": [COUNT], "db": "b"},
        {"id": "y", "question": "Who?", "gold_sql": ["SELECT n FROM s.t"], "db": "hidden"},
    ]
    found = bench({"How many?": COUNT}, "--dataset", written(tmp_path / "mine.jsonl", "\n".join(map(json.dumps, rows))))
    assert (correct(found), found["unasked"]) == ((1, 1), 1)
    assert "other schemas than main" in found["unusable_golds"][0]["reason"]


def test_ctrl_c_says_what_is_kept_and_the_same_command_goes_on(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = spider(tmp_path / "spider", *((f"Number {i}?", f"SELECT {i}") for i in range(4)))
    answers = {f"Number {i}?": f"SELECT {i}" for i in range(4)}
    whole = runner.run

    def stopped(*arguments: Any, **more: Any) -> Iterator[runner.Result]:
        results = whole(*arguments, **more)
        yield next(results)
        yield next(results)
        results.close()  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runner, "run", stopped)
        with pytest.raises(SystemExit) as caught:
            bench(answers, "--dataset", asked)
    assert caught.value.code == 130
    shown = capsys.readouterr()
    assert shown.out == ""
    (path,) = (tmp_path / "data" / "runs").glob("*-all-*.jsonl")
    assert "2 of 4 answers" in shown.err
    assert f"Stopped: the answers so far are kept in {path}, and the same command, without --again, goes on" in shown.err
    kept = runs.read(path)
    assert (len(kept.results), kept.complete) == (2, False)
    assert correct(bench(answers, "--dataset", asked)) == (4, 4)


def test_further_passes_are_printed_and_kept_beside_the_run(bench: Bench, tmp_path: Path) -> None:
    asked = spider(tmp_path / "spider", ("How many?", "SELECT count(*) FROM river"), ("Which?", "SELECT name FROM river"))
    found = bench({"How many?": "SELECT 3"}, "--dataset", asked, "--variants", "--efficiency", 1)
    assert found["variants"]["skipped"] == {"rivers": "no generator of other rows (generate.py in its folder)"}
    assert found["variants"]["skipped_questions"] == 2
    timed = found["efficiency"]
    assert (timed["repeats"], timed["models"]["scholar"]["r_ves"]["all"]["n"]) == (1, 2)
    assert [each["id"] for each in timed["models"]["scholar"]["timed"]] == ["0"], "right answers alone are timed"
    path = tmp_path / "data" / "runs" / f"{found['run']}.jsonl"
    assert runs.read_passes(path) == {"variants": found["variants"], "efficiency": timed}
    assert [each.name for each in runs.listed(path.parent)] == [found["run"]], "what passes found is no run"
    plain = bench({"How many?": "SELECT 3"}, "--dataset", asked)
    assert not {"variants", "efficiency", "robustness"} & set(plain)
    assert runs.read_passes(path.with_name(f"{plain['run']}.jsonl")) == {}


def test_robustness_asks_again_and_pairs_with_the_run(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spider(tmp_path / "spider", ("How many rivers are there?", "SELECT count(*) FROM river"), ("Who?", "SELECT name FROM river"))
    answers = {"How many rivers are there?": "SELECT count(km) FROM river", "Who?": "SELECT name FROM river"}
    found = bench(answers, "--dataset", asked, "--robustness", "typos,columns,distractors")
    drops = {name: slice_["models"]["scholar"] for name, slice_ in found["robustness"]["slices"].items()}
    assert {name: (drop["n"], drop["before"]["value"], drop["after"]["value"]) for name, drop in drops.items()} == {
        "typos": (1, 1.0, 0.0), "columns": (2, 1.0, 0.0), "distractors": (2, 1.0, 1.0),
    }  # fmt: skip
    assert drops["columns"]["lost"] == ["0", "1"]
    assert found["robustness"]["slices"]["typos"]["left"] == {"1": "the rule finds nothing in it to change"}
    assert runs.read_passes(tmp_path / "data" / "runs" / f"{found['run']}.jsonl")["robustness"] == found["robustness"]
    assert correct(found) == (2, 2), "the run itself is not touched"
    with pytest.raises(SystemExit) as caught:
        bench(answers, "--dataset", asked, "--robustness", "storms")
    assert "There is no robustness slice 'storms'" in str(caught.value.code)
