"""Stored predictions of anybody, scored under several rules at once."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena import cli, terminal
from nl2sql_arena.benchmark import stored
from nl2sql_arena.benchmark.stored import ALL_RULES, Prediction
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Services
from nl2sql_arena.settings import Settings
from nl2sql_arena.types import Example

QUESTIONS = (
    ("names", "SELECT name FROM dish ORDER BY price"),
    ("vegan", "SELECT name FROM dish WHERE vegan"),
    ("count", "SELECT count(*) FROM dish WHERE price > 5"),
    ("kinds", "SELECT DISTINCT kind FROM dish"),
)
RIGHT = dict(QUESTIONS)
LOOSE = {
    "names": "SELECT name FROM dish ORDER BY price DESC",
    "vegan": "SELECT name, price FROM dish WHERE vegan",
    "count": "SELECT 1 FROM dish WHERE price > 1000",
    "kinds": "SELECT kind FROM dish",
}
WRONG = dict.fromkeys(RIGHT, "SELECT price FROM dish WHERE price < 0")
BROKEN = dict.fromkeys(RIGHT, "SELECT nothing FROM nowhere")
Score = Callable[..., Any]


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def predictions(folder: Path, name: str, queries: dict[str, str], **more: Any) -> Path:
    return lines(folder / f"{name}.jsonl", [{"id": identity, "sql": sql, **more} for identity, sql in queries.items()])


@pytest.fixture
def menu(tmp_path: Path) -> Path:
    """Four questions on a database that lies beside them, one that has no answer, and one whose gold is broken."""
    (tmp_path / "menu.sql").write_text(
        "CREATE TABLE dish (name VARCHAR, kind VARCHAR, price DECIMAL(6,2), vegan BOOLEAN);"
        "INSERT INTO dish VALUES ('Ful', 'stew', 4, true), ('Injera', 'bread', 3, true);"
        "INSERT INTO dish VALUES ('Ramen', 'soup', 9, false), ('Pho', 'soup', 8, false);"
    )
    rows: list[dict[str, Any]] = [{"id": name, "question": f"{name}?", "gold_sql": [sql], "db": "menu"} for name, sql in QUESTIONS]
    rows += [
        {"id": "who", "question": "Who?", "gold_sql": [], "db": "menu"},
        {"id": "odd", "question": "?", "gold_sql": ["FROM x"], "db": "menu"},
    ]
    return lines(tmp_path / "questions.jsonl", rows)


@pytest.fixture
def score(arena_settings: Settings, shared: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Score:
    """What `bench score` prints: its JSON, or with `text` the table."""
    monkeypatch.setattr(terminal, "load", lambda _environment: replace(arena_settings, workers=1))

    def call(*words: object, text: bool = False) -> Any:
        cli.main(["bench", "score", *map(str, words), *([] if text else ["--json"])])
        out = capsys.readouterr().out
        return out if text else json.loads(out)

    return call


def right(found: dict[str, Any], name: str) -> dict[str, int]:
    rules = found["predictions"][name]["rules"]
    assert list(rules) == list(ALL_RULES)
    assert {each["n"] for each in rules.values()} == {4}, "every rule judges the same questions"
    return {rule: each["correct"] for rule, each in rules.items()}


def test_the_ranking_flips_with_the_rule(menu: Path, score: Score, tmp_path: Path) -> None:
    files = [predictions(tmp_path, name, queries) for name, queries in (("right", RIGHT), ("loose", LOOSE), ("broken", BROKEN))]
    found = score("--predictions", *files, "--dataset", menu)
    assert right(found, "right") == dict.fromkeys(ALL_RULES, 4)
    assert right(found, "loose") == {"strict": 0, "relaxed": 1, "spider": 0, "bird": 2, "sql-eval": 4, "runs": 4}
    assert right(found, "broken") == dict.fromkeys(ALL_RULES, 0)
    assert found["unanswerable"] == 1
    assert [(each["id"], each["sql"]) for each in found["unusable"]] == [("odd", "FROM x")]
    assert [each["id"] for each in found["questions"]] == list(RIGHT)
    assert found["questions"][0]["verdicts"]["loose"]["bird"] is True
    assert found["dataset"].endswith("/questions")
    assert found["predictions"]["loose"]["rules"]["strict"]["high"] > 0


def test_the_table_shows_shares_intervals_and_ranks(menu: Path, score: Score, tmp_path: Path) -> None:
    files = [predictions(tmp_path, name, queries) for name, queries in (("wrong", WRONG), ("loose", LOOSE))]
    text = score("--predictions", files[0], "--predictions", files[1], "--dataset", menu, text=True)
    _, head, wrong, loose, *rest = text.splitlines()
    assert head.split() == ["predictions", "n", *ALL_RULES]
    assert "#2 0.0% (0-49)" in wrong, "an empty answer is no right one"
    assert "#1 100.0% (51-100)" in loose
    assert rest == [
        "questions that cannot be answered, which are left out: 1",
        next(line for line in rest if line.startswith("question odd (menu) left out")),
    ]


def test_what_is_missing_is_wrong_and_what_we_failed_is_unscored(menu: Path, score: Score, tmp_path: Path) -> None:
    rows = [
        {"id": "names", "model": "m", "sql": RIGHT["names"], "outcome": "ok"},
        {"id": "vegan", "model": "m", "sql": RIGHT["vegan"], "outcome": "cut"},
        {"id": "count", "model": "m", "sql": "", "outcome": "infrastructure"},
        {"id": "names", "model": "n", "sql": f"Here you are:\n```sql\n{RIGHT['names']}\n```"},
    ]
    found = score("--predictions", lines(tmp_path / "asked.jsonl", rows), "--dataset", menu)["predictions"]
    assert (found["m"]["missing"], found["m"]["unscored"], found["m"]["rules"]["strict"]["correct"]) == (1, 1, 1)
    assert found["m"]["rules"]["strict"]["n"] == 3
    assert (found["n"]["missing"], found["n"]["rules"]["strict"]["correct"]) == (3, 1)


def test_predictions_of_another_dialect_are_translated(menu: Path, score: Score, tmp_path: Path) -> None:
    said = {
        **WRONG,
        "count": 'SELECT COUNT(*) FROM dish WHERE name LIKE "%A%"',
        "vegan": "SELECT name FROM dish WHERE name LIKE 'f%' OR name LIKE 'I%'",
    }
    found = score("--predictions", predictions(tmp_path, "p", said), "--dataset", menu, "--dialect", "sqlite")
    assert right(found, "p")["strict"] == 2


def test_a_sample_database_can_be_the_data_set(score: Score, shared: Services, tmp_path: Path) -> None:
    golds = {each.id: each.gold_sql[0] for each in shared.examples("shop", "arena") if each.gold_sql}
    found = score("--predictions", predictions(tmp_path, "p", golds), "--dataset", "shop", "--split", "arena")
    assert {each["accuracy"] for rule, each in found["predictions"]["p"]["rules"].items()} == {1.0}
    assert found["predictions"]["p"]["rules"]["strict"]["n"] == len(golds) > 5


EXAMPLES = [Example(str(i), "d", "?", ("SELECT 1",), "", "") for i in range(3)]


def test_lines_and_bird_s_json_are_in_the_order_of_the_data_set(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("SELECT 1\n\nSELECT 3\tdb\n")
    assert stored.read(path, EXAMPLES) == {"p": {"0": Prediction("SELECT 1"), "1": Prediction(""), "2": Prediction("SELECT 3")}}
    path = tmp_path / "b.json"
    path.write_text(json.dumps({"2": "SELECT 3\t----- bird -----\td", "0": "SELECT 1\t----- bird -----\td", "1": "SELECT 2"}))
    assert [each.sql for each in stored.read(path, EXAMPLES)["b"].values()] == ["SELECT 1", "SELECT 2", "SELECT 3"]


def test_two_files_with_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(predictions(tmp_path / folder, "p", {"0": "SELECT 1"}))
    assert list(stored.read_all(paths, EXAMPLES)) == [f"{path}:p" for path in paths]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.txt", "SELECT 1\n", "holds 1 predictions for 3 questions; give one for each"),
        ("p.json", '{"0": "a", "2": "b", "3": "c"}', "lacks the number 1 of 3"),
        ("p.json", "{", "is not JSON"),
        ("p.jsonl", '{"id": "0"}', 'line 1 is not {"id", "sql"}'),
        ("p.jsonl", '{"id": "9", "sql": "x"}', "line 1 answers a question '9' that the data set lacks"),
        ("p.jsonl", '{"id": 0, "sql": "x"}\n{"id": "0", "sql": "y"}', "line 2 answers the question '0' a second time"),
        ("p.jsonl", "", "holds no prediction"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput) as caught:
        stored.read(tmp_path / name, EXAMPLES)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
