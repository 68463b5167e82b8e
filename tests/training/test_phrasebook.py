"""Phrasebooks say the same in question and query, whatever their slots are filled with."""

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from nl2sql_arena.database import Database, binds, connect_trusted
from nl2sql_arena.errors import BadInput
from nl2sql_arena.settings import ROOT
from nl2sql_arena.training import apart
from nl2sql_arena.training.generator import phrasebook
from nl2sql_arena.training.generator.phrasebook import Speaker, read
from nl2sql_arena.training.minis import data

SAMPLES = sorted(folder.name for folder in (ROOT / "sample_dbs").iterdir() if (folder / "schema.sql").exists())
SCHEMA = "CREATE TABLE people (id INTEGER PRIMARY KEY, first_name VARCHAR, last_name VARCHAR, city VARCHAR, born DATE);\n"
ROWS = "id,first_name,last_name,city,born\n1,Ann,O'Neill,Oslo,1990-03-05\n2,Bo,Li,Łódź,1985-12-31\n3,Cy,Ek,\\N,1970-01-01\n"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("people") / "people"
    (folder / "data").mkdir(parents=True)
    (folder / "schema.sql").write_text(SCHEMA)
    (folder / "data" / "people.csv").write_text(ROWS)
    return Database("people", folder, folder.parent / "cache")


def said(people: Database, tmp_path: Path, text: str, seed: int = 0) -> tuple[str, str]:
    path = tmp_path / "some.txt"
    path.write_text(text, encoding="utf-8")
    intents = read(path)
    return Speaker(people, intents).say(intents[0], random.Random(seed))


def test_a_slot_is_the_same_in_question_and_query(people: Database, tmp_path: Path) -> None:
    for seed in range(20):
        text = "$city = people.city\n? Who lives in {city}?\n= SELECT * FROM people WHERE city = '{city}'"
        question, sql = said(people, tmp_path, text, seed)
        city = question.removeprefix("Who lives in ").removesuffix("?")
        assert sql == f"SELECT * FROM people WHERE city = '{city}'"


def test_a_rows_values_are_parts_of_the_query_with_their_quotes_doubled(people: Database, tmp_path: Path) -> None:
    query = "SELECT born FROM people WHERE (first_name, last_name) = ('{who.1}', '{who.2}')"
    text = f"$who = people.first_name + people.last_name\n? born {{who}}\n= {query}"
    drawn = {said(people, tmp_path, text, seed) for seed in range(30)}
    assert ("born Ann O'Neill", "SELECT born FROM people WHERE (first_name, last_name) = ('Ann', 'O''Neill')") in drawn


def test_said_and_written_may_hold_other_slots(people: Database, tmp_path: Path) -> None:
    text = "$n = 3..3\n$cond = older than {n} => age > {n}\n\n? people {cond}\n= SELECT 1 WHERE {cond}"
    assert {said(people, tmp_path, text, seed) for seed in range(10)} <= {
        ("people older than 3", "SELECT 1 WHERE age > 3"),
        ("people older than three", "SELECT 1 WHERE age > 3"),
    }


def test_a_second_draw_of_a_slot_differs_from_the_first(people: Database, tmp_path: Path) -> None:
    for seed in range(20):
        question, _ = said(people, tmp_path, "$c = a ; b ; c\n? {c} or {c2}\n= SELECT '{c}', '{c2}'", seed)
        first, _, second = question.partition(" or ")
        assert first != second


@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("month 2023..2023", "{t.start} {t.end}", 12),
        ("quarter 2023..2023", "{t.start} {t.end}", 4),
    ],
)
def test_spans_of_time_follow_each_other_without_gaps(people: Database, tmp_path: Path, kind: str, parts: str, expected: int) -> None:
    spans = {said(people, tmp_path, f"$t = {kind}\n? in {{t}}\n= {parts}", seed)[1] for seed in range(200)}
    ordered = sorted(tuple(span.split()) for span in spans)
    assert len(ordered) == expected
    assert ordered[0][0] == "2023-01-01"
    assert ordered[-1][1] == "2024-01-01"
    assert all(one[1] == other[0] for one, other in pairwise(ordered))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("? no query", "line 1 begins an intent without a question or without exactly one query"),
        ("= SELECT 1", "line 1 begins an intent"),
        ("? (open\n= SELECT 1", "line 1 cannot be read"),
        ("what\n= SELECT 1", r"a line starts with \$, \?, = or #"),
        ("? {lost}\n= SELECT 1", r"there is no slot \{lost\}"),
        ("$who = people.nothing\n? {who}\n= SELECT 1", "no column people.nothing"),
        ("$n = 1..2\n? {n}\n= SELECT {n.start}", "has no part 'start'"),
    ],
)
def test_a_mistake_names_its_line(people: Database, tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        said(people, tmp_path, text)


@pytest.mark.parametrize(("one_in", "beginning"), [(4, 0), *(pytest.param(4, at, marks=pytest.mark.long) for at in (1, 2, 3))])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_intent_of_the_project_can_be_said_and_its_query_fits(
    name: str, one_in: int, beginning: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = Database(name, ROOT / "sample_dbs" / name, tmp_path_factory.getbasetemp() / "phrasebooks")
    intents = phrasebook.load(name)[beginning::one_in]
    assert intents
    speaker, rng = Speaker(database, intents), random.Random(0)
    with connect_trusted(database.path()) as connection:
        broken = [(intent.place, sql) for intent in intents for _, sql in [speaker.say(intent, rng)] if not binds(connection, sql)]
    assert not broken


@pytest.mark.parametrize("name", SAMPLES)
def test_no_phrasebook_pair_equals_a_question_that_is_measured(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """By the normalised question and by the SQL with its literals, over many draws."""
    database = Database(name, ROOT / "sample_dbs" / name, tmp_path_factory.getbasetemp() / "phrasebooks")
    ground = data.Ground((data.Sample(database),), apart.measured_on({name: database}))
    rows = [json.loads(line) for line in (database.folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    measured = {apart.question_hash(row["question"]) for row in rows} | {apart.sql_hash(sql) for row in rows for sql in row["gold_sql"]}
    groups = data.groups(ground, "phrases", random.Random(5))
    drawn = [pair for _ in range(5) for pair in next(groups)[1]]
    assert len(drawn) > 300
    assert measured.isdisjoint(apart.question_hash(question) for question, _, _ in drawn)
    assert measured.isdisjoint(apart.sql_hash(sql) for _, sql, _ in drawn)
