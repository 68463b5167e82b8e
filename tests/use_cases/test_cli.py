"""The command line as other programs read it: results alone on standard output, one sentence for what cannot be done."""

import io
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena import arena, cli, terminal
from nl2sql_arena.benchmark.runner import judge
from nl2sql_arena.database import connect_trusted
from nl2sql_arena.difficulty import FEATURES, features
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.settings import ROOT, Settings
from nl2sql_arena.votes.consent import Consent
from tests.use_cases.scripted_models import write_model

GERMANY = "How many customers live in Germany?"
SQL_KEYS = ["id", "outcome", "error_kind", "message", "columns", "rows", "row_count", "truncated", "seconds"]
ASK_KEYS = ["id", "model", "raw", "sql", "repairs", *SQL_KEYS[1:]]
Run = Callable[..., str]


@pytest.fixture
def run(arena_settings: Settings, shared: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command prints on standard output, given its words and the lines of standard input."""
    monkeypatch.setattr(terminal, "load", lambda _environment: replace(arena_settings, workers=1))

    def call(*words: str, stdin: str | bytes = "") -> str:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        cli.main(list(words))
        return capsys.readouterr().out

    return call


@pytest.fixture
def refused(run: Run, capsys: pytest.CaptureFixture[str]) -> Run:
    """The one sentence with which a command ends."""

    def call(*words: str, stdin: str | bytes = "") -> str:
        with pytest.raises(SystemExit) as caught:
            run(*words, stdin=stdin)
        assert capsys.readouterr().out == ""
        said = caught.value.code
        assert isinstance(said, str), "a text makes the exit status 1"
        assert said.startswith("nl2sql_arena: ")
        assert "\n" not in said
        return said

    return call


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def program(*words: str, data: Path, **options: Any) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    environment = os.environ | {"ARENA_DATA": str(data)}
    return subprocess.Popen(
        [sys.executable, "-m", "nl2sql_arena", *words],
        stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, env=environment, **options,
    )  # fmt: skip


@pytest.fixture
def towns(tmp_path: Path) -> Path:
    """A folder that is a database, with one question; `towns.duckdb` beside it holds the same table."""
    folder = tmp_path / "towns"
    (folder / "data").mkdir(parents=True)
    (folder / "schema.sql").write_text("CREATE TABLE customers (id INTEGER PRIMARY KEY, country VARCHAR);")
    (folder / "data" / "customers.csv").write_text("id,country\n1,Germany\n2,Germany\n3,Peru\n")
    gold = {"id": "t1", "question": GERMANY, "gold_sql": ["SELECT 2"], "category": "filter", "split": "test"}
    (folder / "questions.jsonl").write_text(json.dumps(gold) + "\n")
    with connect_trusted(folder.with_suffix(".duckdb"), read_only=False) as connection:
        connection.execute("CREATE TABLE customers AS SELECT * FROM (VALUES (1, 'Germany'), (2, 'Germany'), (3, 'Peru')) AS t(id, country)")
    return folder


@pytest.mark.parametrize("suffix", ["", ".duckdb"])
def test_a_database_of_ones_own_is_named_by_its_folder_or_file(run: Run, towns: Path, suffix: str) -> None:
    named = str(towns.with_suffix(suffix))
    (counted,) = json.loads(run("sql", "--db", named, "SELECT COUNT(*) FROM customers", "--json"))
    assert counted["rows"] == [[3]]
    (answer,) = json.loads(run("ask", "--db", named, "--models", "left", GERMANY, "--json"))
    assert answer["rows"] == [[2]]


def test_the_benchmark_runs_over_a_folder_of_ones_own(run: Run, towns: Path) -> None:
    done = json.loads(run("bench", "run", "--models", "left", "--dataset", str(towns), "--split", "test", "--json"))
    assert done["dataset"] == "towns"
    assert done["models"]["left"]["all"]["n"] == done["models"]["left"]["all"]["correct"] == 1


def test_ask_prints_an_array_of_answers(run: Run) -> None:
    answers = json.loads(run("ask", "--db", "shop", "--models", "left, right", GERMANY, "--json"))
    assert [list(answer) for answer in answers] == [ASK_KEYS, ASK_KEYS]
    assert [(answer["id"], answer["model"], answer["outcome"]) for answer in answers] == [("1", "left", "ok"), ("1", "right", "ok")]
    first = answers[0]
    assert first["raw"] == first["sql"] == "SELECT COUNT(*) FROM customers WHERE country = 'Germany'"
    assert first["columns"] == [{"name": "count_star()", "type": "BIGINT"}]
    assert first["rows"][0][0] > 0
    assert (first["row_count"], first["truncated"], first["repairs"], first["error_kind"]) == (1, False, [], None)
    assert first["seconds"] > 0


def test_ask_reads_lines_and_prints_one_answer_for_each_question_and_model_in_input_order(run: Run) -> None:
    asked = [("q2", "Give up in words"), ("q1", "Explain it at length"), ("q1", "Throw everything away"), (7, GERMANY)]
    stdin = "\n".join(json.dumps({"id": name, "question": text, "more": 1}) for name, text in asked) + "\n\n"
    answers = lines(run("ask", "--db", "shop", "--models", "left,right,left", "--jsonl", stdin=stdin))
    assert [(answer["id"], answer["model"], answer["outcome"]) for answer in answers] == [
        ("q2", "left", "abstained"), ("q2", "right", "abstained"),
        ("q1", "left", "ok"), ("q1", "right", "ok"),
        ("q1", "left", "refused"), ("q1", "right", "refused"),
        (7, "left", "ok"), (7, "right", "ok"),
    ]  # fmt: skip
    assert all(list(answer) == ASK_KEYS for answer in answers)
    assert "only the first statement kept" in answers[2]["repairs"]
    assert answers[2]["raw"] != answers[2]["sql"]


def test_a_question_that_is_too_long_is_refused_alone_and_ends_no_run(run: Run, refused: Run) -> None:
    long = GERMANY + " Germany" * 100
    assert "ask it shorter" in refused("ask", "--db", "shop", "--models", "left,small", long)
    stdin = "\n".join(json.dumps({"id": name, "question": text}) for name, text in (("long", long), ("short", GERMANY)))
    answers = lines(run("ask", "--db", "shop", "--models", "small", "--jsonl", stdin=stdin))
    assert [(answer["id"], answer["outcome"]) for answer in answers] == [("long", "infrastructure"), ("short", "ok")]
    assert "ask it shorter" in answers[0]["message"]


def test_the_environment_names_the_models_that_are_asked(run: Run, arena_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "load", lambda _environment: replace(arena_settings, chosen_models=("right", "left"), workers=1))
    assert [answer["model"] for answer in json.loads(run("ask", "--db", "shop", GERMANY, "--json"))] == ["right", "left"]
    assert [answer["model"] for answer in json.loads(run("ask", "--db", "shop", "--models", "left", GERMANY, "--json"))] == ["left"]


def test_ask_for_people_shows_query_table_and_reason(run: Run) -> None:
    text = run("ask", "--db", "shop", "--models", "left", "Who lives on the moon?")
    assert text.startswith("-- left, ")
    assert "country = 'Moon'" in text
    assert "empty" in text
    assert "refused: " in run("ask", "--db", "shop", "--models", "left", "Throw everything away")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--db", "zoo", "--models", "left", GERMANY), "no database 'zoo'; choose one of airline"),
        (("--db", "shop", "--models", "gpt", GERMANY), "no model 'gpt'"),
        (("--db", "shop", "--models", ",", GERMANY), "at least one model"),
        (("--db", "shop", "--models", "left"), "as an argument, or --jsonl"),
        (("--db", "shop", "--models", "left", " "), "question is empty"),
        (("--db", "shop", "--models", "left", "x" * 10_000), "10,000 characters"),
        (("--db", "shop", "--models", "broken", GERMANY), "broken has no readable answers"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(refused: Run, words: tuple[str, ...], said: str) -> None:
    assert said in refused("ask", *words)


def test_a_bad_question_among_many_is_named(refused: Run) -> None:
    stdin = json.dumps({"id": "a", "question": GERMANY}) + "\n" + json.dumps({"id": "b", "question": " "})
    assert "Question b: The question is empty" in refused("ask", "--db", "shop", "--models", "left", "--jsonl", stdin=stdin)


def test_sql_prints_values_that_any_program_can_read(run: Run) -> None:
    query = """SELECT 9007199254740993 AS big, 9007199254740992 AS exact, -170141183460469231731687303715884105727::HUGEINT AS huge,
        1.10::DECIMAL(9,2) AS money, DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 01:02:03.5' AS moment, 'NaN'::DOUBLE AS nan,
        '-inf'::FLOAT AS low, NULL::INTEGER AS nothing, '' AS blank, true AS yes, 0.5::DOUBLE AS half, [1, 2] AS list, 'é' AS blank"""
    text = run("sql", "--db", "shop", query, "--json")
    (result,) = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(result) == SQL_KEYS
    assert (result["id"], result["outcome"], result["row_count"], result["truncated"]) == ("1", "ok", 1, False)
    assert result["rows"] == [[
        "9007199254740993", 9007199254740992, "-170141183460469231731687303715884105727", "1.10", "2024-02-29", "2024-02-29 01:02:03.5",
        "NaN", "-Infinity", None, "", True, 0.5, [1, 2], "é",
    ]]  # fmt: skip
    assert [column["name"] for column in result["columns"]].count("blank") == 2
    assert result["columns"][3] == {"name": "money", "type": "DECIMAL(9,2)"}
    assert "é" in text


def test_sql_reads_lines_and_keeps_their_order_and_ids(run: Run) -> None:
    queries = {
        "good": "SELECT 1",
        "none": "SELECT 1 WHERE false",
        "syntax": "SELECT FROM",
        "catalog": "SELECT x FROM y",
        "type": "SELECT 'a'::DATE",
        "refused": "COPY customers TO 'x.csv'",
        "long": "SELECT * FROM range(5000)",
    }
    results = lines(run("sql", "--db", "shop", "--jsonl", stdin="\n".join(json.dumps({"id": k, "sql": v}) for k, v in queries.items())))
    assert [(each["id"], each["outcome"], each["error_kind"]) for each in results] == [
        ("good", "ok", None), ("none", "empty", None), ("syntax", "error", "syntax"), ("catalog", "error", "catalog"),
        ("type", "error", "type"), ("refused", "refused", None), ("long", "ok", None),
    ]  # fmt: skip
    assert all(list(each) == SQL_KEYS for each in results)
    assert all(each["message"] for each in results[2:6])
    assert (results[-1]["row_count"], results[-1]["truncated"]) == (1000, True)


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ('{"id": 1, "sql": "SELECT 1"', "Line 1 is not JSON"),
        ('{"id": 1}', 'Line 1 is not {"id", "sql"}'),
        ('{"sql": "SELECT 1"}', 'Line 1 is not {"id", "sql"}'),
        ('{"id": 1, "sql": 5}', 'Line 1 is not {"id", "sql"}'),
        ("[1, 2]", "Line 1 is not"),
        ("7", "Line 1 is not"),
        (b"\n\xff\xfe\n", "Line 2 is not JSON"),
        ("[" * 100_000, "Line 1 is not JSON"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(refused: Run, stdin: str | bytes, said: str) -> None:
    assert said in refused("sql", "--db", "shop", "--jsonl", stdin=stdin)


def test_sql_refuses_an_unknown_database(refused: Run) -> None:
    assert "no database 'zoo'" in refused("sql", "--db", "zoo", "SELECT 1")


@pytest.fixture
def all_built(shared: Services) -> None:
    for database in shared.databases.values():
        database.path()


@pytest.mark.usefixtures("all_built")
def test_lists_are_objects_with_names(run: Run) -> None:
    databases = json.loads(run("db", "list", "--json"))
    assert [each["name"] for each in databases] == ["airline", "bank", "clinic", "shop", "university"]
    assert all(each["questions"] == 120 and each["tables"] >= 4 and each["rows"] > 1000 for each in databases)
    models = json.loads(run("models", "list", "--json"))
    assert {each["name"]: each["kind"] for each in models}["big-real"] == "real"
    assert all(each["licence"] == "Apache-2.0" and each["revision"] for each in models)
    assert "airline" in run("db", "list")
    assert "big-real" in run("models", "list")


def test_a_schema_is_shown_as_objects_or_as_sql(run: Run, refused: Run) -> None:
    shop = json.loads(run("db", "schema", "shop", "--json"))
    assert shop["name"] == "shop"
    customers = next(table for table in shop["tables"] if table["name"] == "customers")
    assert customers["columns"][0] == {"name": "id", "type": "INTEGER", "comment": "Customer number", "nullable": False}
    assert customers["row_count"] > 0
    assert "CREATE TABLE customers (" in run("db", "schema", "shop")
    assert "no database 'zoo'" in refused("db", "schema", "zoo")


def test_votes_are_listed_as_they_were_cast(run: Run, shared: Services, profile: Profile) -> None:
    battle = arena.fight(shared, profile, arena.new_ask(shared, profile, GERMANY, "shop", ("left", "right"), False, "visitor"))
    arena.keep(shared, battle, "visitor", Consent("questions"))
    shared.store.vote(battle.id, "model_b", "visitor", arena.keep(shared, battle, "visitor"))
    votes = json.loads(run("votes", "list", "--json"))
    mine = next(vote for vote in votes if vote["name"] == battle.id)
    assert (mine["winner"], mine["question"], mine["model_a"], mine["model_b"]) == ("model_b", GERMANY, "left", "right")
    assert (mine["profile"], mine["chosen"], mine["outcome_a"]) == ("mini", "typed", "ok")
    assert "voter" not in mine
    assert (mine["sql_a"], mine["sql_b"]) == (battle.a.prepared.sql, battle.b.prepared.sql)
    assert battle.id in run("votes", "list")


def test_exported_votes_say_what_gold_answers_say_of_both_sides(run: Run, shared: Services, profile: Profile, tmp_path: Path) -> None:
    example = next(each for each in shared.examples("shop", "arena") if each.gold_sql)
    battle = arena.fight(shared, profile, arena.new_ask(shared, profile, example.question, "shop", ("left", "right"), False, "exporter"))
    shared.store.vote(battle.id, "tie", "exporter", arena.keep(shared, battle, "exporter"))
    run("votes", "export", "--format", "jsonl", "--profile", "mini", "--out", str(tmp_path))
    rows = {row["id"]: row for row in map(json.loads, (tmp_path / "votes.jsonl").read_text(encoding="utf-8").splitlines())}
    sides = [judge(shared, example, answer).value for answer in (battle.a, battle.b)]
    assert [rows[battle.id][f"gold_{side}"] for side in "ab"] == ["right" if value == 1.0 else "wrong" for value in sides]
    assert rows[battle.id]["level"] in ("easy", "medium", "hard", "extra")


def test_a_benchmark_run_prints_its_figures_and_nothing_else(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    text = run("bench", "run", "--models", "left,baseline", "--dataset", "shop", "--split", "dev", "--limit", "4", "--json")
    done = json.loads(text)
    assert (done["dataset"], done["split"]) == ("shop", "dev")
    assert len(done["dataset_hash"]) == 12
    assert list(done["models"]) == ["left", "baseline"]
    assert list(done["models"]["left"]) == ["all", "easy", "medium", "hard", "extra"]
    assert set(done["models"]["left"]["all"]) == {"n", "correct", "accuracy", "low", "high"}
    assert (done["models"]["left"]["all"]["n"], done["models"]["left"]["all"]["accuracy"]) == (4, 0.0)
    assert 0 < done["models"]["left"]["all"]["high"] < 1
    assert done["abstention"]["left"] == {"right": 0, "unanswerable": 0, "wrong": 4, "answerable": 4, "unscored": 0}
    assert list(done["metrics"]) == ["left", "baseline"]
    assert done["metrics"]["left"]["outcomes"]["all"]["abstained"] == done["metrics"]["left"]["wrong_abstentions"]["n"] == 4
    by_axis = json.loads(run("bench", "run", "--models", "left", "--dataset", "shop", "--limit", "4", "--axis", "duckdb", "--json"))
    assert (done["axis"], by_axis["axis"], by_axis["models"]["left"]["all"]["n"]) == ("spider", "duckdb", 4)
    for_people = run("bench", "run", "--models", "left", "--dataset", "shop", "--limit", "2")
    assert "95 % Wilson interval" in for_people
    assert "0 of    2" in for_people
    assert "2 of 2 answerable" in for_people
    assert "exact set match" in for_people


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--models", "left,big-real", "--dataset", "shop"), "never both"),
        (("--models", "left", "--dataset", "zoo"), "no database 'zoo'"),
        (("--models", ""), "at least one model"),
        (("--models", "gpt"), "no model 'gpt'"),
        (("--models", "broken"), "no readable answers"),
    ],
)
def test_a_run_that_cannot_be_made_is_one_sentence(refused: Run, words: tuple[str, ...], said: str) -> None:
    assert said in refused("bench", "run", *words)


def test_a_malformed_command_is_explained(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("bench", "run", "--models", "left", "--limit", "-1"), ("bench", "run"), ("fly",)):
        with pytest.raises(SystemExit) as caught:
            run(*words)
        assert caught.value.code == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "usage: python -m nl2sql_arena" in shown.err


def test_difficulty_gives_levels_and_features_of_each_line(run: Run, tmp_path: Path) -> None:
    rows = [
        {"id": "a", "sql": "SELECT count(*) FROM t"},
        {"idx": 7, "sql": "WITH x AS (SELECT a FROM t) SELECT a FROM x", "dialect": "postgres"},
        {"sql": "SELECT a, b FROM t JOIN u USING (id) WHERE a > 1 ORDER BY b LIMIT 3", "dialect": "sqlite"},
        {"id": "bad", "sql": "SELECT FROM FROM"},
        {"id": "tongue", "sql": "SELECT 1", "dialect": "klingon"},
        {"id": "last", "sql": "SELECT max(a) / min(a) FROM t"},
    ]
    path = tmp_path / "queries.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    found = lines(run("bench", "difficulty", str(path), "--json"))
    assert [each["id"] for each in found] == ["a", 7, 3, "bad", "tongue", "last"]
    assert [each["level"] for each in found] == ["easy", "easy", "extra", None, None, "easy"]
    assert [each["level_duckdb"] for each in found] == ["easy", "hard", "extra", None, None, "easy"]
    assert [each["features"] for each in found] == [["aggregate"], ["cte"], ["join", "limit", "order"], [], [], ["aggregate", "ratio"]]
    assert "does not parse" in found[3]["message"]
    assert "klingon" in found[4]["message"]
    assert "message" not in found[0]


def test_difficulty_names_a_file_or_line_that_cannot_be_read(refused: Run, tmp_path: Path) -> None:
    assert "cannot be read" in refused("bench", "difficulty", str(tmp_path / "missing.jsonl"))
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": 1}\n')
    assert 'Line 1 is not {"sql"}' in refused("bench", "difficulty", str(path))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", ""),
        ("SELECT name FROM t WHERE price < 3", ""),
        ("SELECT second_name, birthday FROM t", ""),
        ("SELECT a FROM t, u", "join"),
        ("SELECT a FROM t WHERE b IN (SELECT c FROM u)", "nested"),
        ("SELECT a FROM (SELECT b FROM c)", "nested"),
        ("(SELECT a FROM t) UNION (SELECT b FROM u)", "set_operation"),
        ("WITH x AS (SELECT a FROM t UNION SELECT b FROM u) SELECT * FROM x", "cte set_operation"),
        ("SELECT a, count(DISTINCT b) FROM t GROUP BY a HAVING sum(c) > 3", "aggregate distinct group having"),
        ("SELECT DISTINCT a FROM t ORDER BY a FETCH FIRST 3 ROWS ONLY", "distinct limit order"),
        ("SELECT sum(x) FILTER (WHERE y) OVER (ORDER BY z) FROM t", "window"),
        ("SELECT string_agg(a, ',' ORDER BY b) FROM t", "aggregate"),
        ("SELECT rank() OVER (ORDER BY sum(x)) FROM t", "aggregate window"),
        ("SELECT avg(CASE WHEN a THEN 1 ELSE 0 END) FROM t", "aggregate case ratio"),
        ("SELECT avg(a) FROM t", "aggregate"),
        ("SELECT a // 2 FROM t", "ratio"),
        ("SELECT extract(year FROM a), b - INTERVAL 1 DAY FROM t", "date"),
        ("SELECT a FROM t WHERE b >= '2024-01-01'", "date"),
        ("SELECT date_trunc('month', a) FROM t", "date"),
        ("SELECT a::TIMESTAMP FROM t", "date"),
    ],
)
def test_features_are_what_a_query_uses(sql: str, expected: str) -> None:
    assert features(sql) == expected.split()


def test_features_come_from_a_closed_sorted_list_and_need_a_query(shared: Services) -> None:
    assert list(FEATURES) == sorted(FEATURES)
    golds = [sql for each in shared.examples("shop", "all") for sql in each.gold_sql]
    found = {name for sql in golds for name in features(sql)}
    assert {"join", "nested", "set_operation", "window", "date", "ratio", "group", "having"} <= found <= set(FEATURES)
    with pytest.raises(BadInput):
        features("DROP TABLE t")


def test_as_a_program_it_ends_well_or_with_one_sentence(arena_settings: Settings, tmp_path: Path) -> None:
    good = program("sql", "--db", "shop", "SELECT 40 + 2", "--json", data=arena_settings.data)
    bad = program("--data", str(tmp_path / "other"), "sql", "--db", "zoo", "SELECT 1", data=arena_settings.data)
    out, err = good.communicate()
    assert (good.returncode, err, json.loads(out)[0]["rows"]) == (0, "", [[42]])
    out, err = bad.communicate()
    assert (bad.returncode, out) == (1, "")
    assert err.startswith("nl2sql_arena: There is no database 'zoo'")
    assert err.count("\n") == 1
    assert (tmp_path / "other" / "votes.sqlite").exists()


def test_each_line_is_answered_before_the_next_is_asked(arena_settings: Settings) -> None:
    with program("sql", "--db", "shop", "--jsonl", data=arena_settings.data) as running:
        assert running.stdin
        assert running.stdout
        for number in range(3):
            running.stdin.write(json.dumps({"id": number, "sql": f"SELECT {number}"}) + "\n")
            running.stdin.flush()
            assert select.select([running.stdout], [], [], 300)[0], "no answer while standard input is open"
            assert json.loads(running.stdout.readline())["rows"] == [[number]]
        running.stdin.close()
        assert running.wait() == 0


def test_a_reader_that_leaves_early_is_no_error(arena_settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"id": i, "sql": "SELECT repeat('x', 900) FROM range(300)"}) + "\n" for i in range(20)))
    with path.open() as questions:
        running = subprocess.Popen(
            [sys.executable, "-m", "nl2sql_arena", "sql", "--db", "shop", "--jsonl"],
            stdin=questions, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
            env=os.environ | {"ARENA_DATA": str(arena_settings.data)},
        )  # fmt: skip
    assert running.stdout
    assert running.stderr
    assert running.stdout.read(10) == b'{"id": 0, '
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    running.wait()


def test_a_wrong_environment_is_one_sentence(arena_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "x")
    running = program("models", "list", data=arena_settings.data)
    out, err = running.communicate()
    assert (running.returncode, out, err) == (1, "", "nl2sql_arena: PORT is 'x'; set it to a number from 0 to 65535.\n")


def test_a_broken_card_is_one_sentence(refused: Run, arena_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_model(tmp_path, "odd")
    (tmp_path / "odd" / "card.toml").write_text("name = ")
    monkeypatch.setattr(terminal, "load", lambda _environment: replace(arena_settings, models=tmp_path))
    assert "card.toml cannot be read" in refused("models", "list")


def test_pairs_are_scored_in_their_order_by_both_rules(run: Run, refused: Run, tmp_path: Path) -> None:
    (tmp_path / "towns.sql").write_text("CREATE TABLE towns AS FROM (VALUES ('Bonn', 1), ('Rome', 2)) v(name, size)")
    rows = [
        {"id": 1, "gold_sql": ["SELECT name FROM towns"], "pred_sql": "SELECT name AS town FROM towns", "fixture": "towns.sql"},
        {"id": "b", "gold_sql": ["SELECT name FROM towns"], "pred_sql": "SELECT size, name FROM towns", "fixture": "towns.sql"},
        {"id": "c", "gold_sql": ["SELECT nothing"], "pred_sql": "SELECT 1", "fixture": "towns.sql", "dialect": "postgres"},
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    assert lines(run("bench", "score", "--pairs", str(path), "--db-root", str(tmp_path), "--json")) == [
        {"id": 1, "strict": True, "relaxed": True, "outcome": "ok", "reason": "match"},
        {"id": "b", "strict": False, "relaxed": True, "outcome": "ok", "reason": "extra_columns"},
        {"id": "c", "strict": None, "relaxed": None, "outcome": "ok", "reason": "gold_failed"},
    ]
    assert "id b  strict False  relaxed True  outcome ok  reason extra_columns\n" in run("bench", "score", "--pairs", str(path))
    assert "There is no fixture" in refused("bench", "score", "--pairs", str(path), "--db-root", str(tmp_path / "missing"), "--json")
