"""Questions on databases that look otherwise: each gold that stays gives on the copy what it gives on the original."""

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from nl2sql_arena.benchmark import disguises
from nl2sql_arena.benchmark.copies import Change, copied, holders
from nl2sql_arena.benchmark.disguises import DISGUISES, Disguised
from nl2sql_arena.benchmark.wardrobe import POOL, UNUSUAL
from nl2sql_arena.database import Database, opened
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.services import Services
from nl2sql_arena.types import SCORE, Example, Execution, Schema

TOWNS = """
CREATE TABLE towns (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, country VARCHAR, status VARCHAR);
CREATE TABLE roads (id INTEGER, town_id INTEGER REFERENCES towns (id), km DOUBLE);
COMMENT ON COLUMN towns.status IS 'open or Closed';
INSERT INTO towns VALUES (1, 'Bonn', 'Germany', 'Closed'), (2, 'Lima', 'Peru', 'open'), (3, 'Bonn', 'Peru', 'open');
INSERT INTO roads VALUES (1, 1, 7.5), (2, 3, 2), (3, 3, 4);
"""
Disguising = Callable[..., Disguised]
SLOW = ("columns", "distractors")
"""They copy all of a database."""


@pytest.fixture
def towns(tmp_path: Path) -> Database:
    with duckdb.connect(str(tmp_path / "towns.duckdb")) as connection:
        connection.execute(TOWNS)
    return opened(tmp_path / "towns.duckdb")


@pytest.fixture
def disguise(towns: Database, sandbox: Sandbox, tmp_path: Path) -> Disguising:
    def call(name: str, *examples: Example, seed: int = 0) -> Disguised:
        return DISGUISES[name](towns, examples, lambda db, sql: sandbox.run(db.path(), sql, SCORE), tmp_path / "copies", seed)

    return call


def asked(question: str, *golds: str) -> Example:
    return Example(question, "towns", question, golds, "filter", "dev")


def only(found: Disguised) -> Database:
    (copy,) = found.databases.values()
    return copy


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long) if name in SLOW else name for name in DISGUISES])
def test_golds_of_a_sample_database_give_the_same_rows_on_its_copy(shared: Services, tmp_path: Path, name: str) -> None:
    database = shared.databases["shop"]
    examples = [each for each in shared.examples("shop", "dev") if each.gold_sql]

    def run(db: Database, sql: str) -> Execution:
        return shared.sandbox.run(db.path(), sql, SCORE)

    found = DISGUISES[name](database, examples, run, tmp_path, 0)
    copy = only(found)
    assert set(found.posed) | set(found.left) == {each.id for each in examples}
    assert not set(found.posed) & set(found.left)
    assert len(found.posed) == len(examples) if name != "names" else len(found.posed) >= 5
    for original in examples:
        if original.id in found.posed:
            example, said = found.posed[original.id]
            exchanged = dict(pair.split(" -> ") for pair in said.split("; ")) if name == "names" else {}
            theirs = json.dumps(run(copy, example.gold_sql[0]).rows, ensure_ascii=False)
            for new, old in ((new, old) for old, new in exchanged.items()):
                assert new in example.question
                theirs = theirs.replace(json.dumps(new, ensure_ascii=False), json.dumps(old, ensure_ascii=False))
            mine = run(database, original.gold_sql[0])
            in_order = "ORDER BY" in original.gold_sql[0]
            assert shown(json.loads(theirs), in_order) == shown(mine.rows, in_order), original.id


def shown(rows: object, in_order: bool) -> list[str]:
    texts = [json.dumps(row, ensure_ascii=False) for row in json.loads(json.dumps(rows))]
    return texts if in_order else sorted(texts)


def test_every_column_has_a_new_name_and_keys_and_comments_follow(towns: Database, disguise: Disguising) -> None:
    found = disguise("columns", asked("Where?", "SELECT name FROM towns JOIN roads ON town_id = towns.id ORDER BY km LIMIT 1"))
    old, new = towns.schema(), only(found).schema()
    names = names_of(new)
    assert len(names) == 6
    assert not names & names_of(old)
    assert [table.name for table in new.tables] == [table.name for table in old.tables]
    by_name = {table.name: table for table in new.tables}
    (key,) = by_name["roads"].foreign_keys
    assert (key.columns[0], key.references) == (by_name["roads"].columns[1].name, by_name["towns"].primary_key)
    assert by_name["towns"].columns[3].comment == "open or Closed"
    assert by_name["towns"].row_count == 3
    example, _ = found.posed["Where?"]
    assert example.question == "Where?"
    assert example.db == only(found).name
    again = disguise("columns", asked("Where?", "SELECT name FROM towns"))
    assert only(again).schema() == new, "a seed has one set of names"
    assert names_of(only(disguise("columns", asked("Where?", "SELECT 1"), seed=1)).schema()) != names


def names_of(schema: Schema) -> set[str]:
    return {column.name for table in schema.tables for column in table.columns}


def test_new_names_are_none_that_a_gold_uses_otherwise(disguise: Disguising) -> None:
    taken = "SELECT name AS label, id AS ref, km AS designation FROM towns JOIN roads USING (id) ORDER BY label, ref, designation"
    found = disguise("columns", asked("Which?", taken))
    assert set(found.posed) == {"Which?"}
    assert not {"label", "ref", "designation"} & names_of(only(found).schema())


def test_a_gold_that_changes_with_its_names_is_left_out_with_the_reason(disguise: Disguising) -> None:
    found = disguise("columns", asked("Which?", "SELECT COLUMNS('na.*') FROM towns"), asked("How many?", "SELECT count(*) FROM towns"))
    assert set(found.posed) == {"How many?"}
    assert found.left["Which?"].startswith("its gold gives another table on the copy")


def test_one_gold_of_several_that_changes_leaves_the_question_out(disguise: Disguising) -> None:
    found = disguise("columns", asked("Which?", "SELECT name FROM towns", "SELECT COLUMNS('na.*') FROM towns"))
    assert set(found.left) == {"Which?"}


def test_further_tables_stand_among_the_others_with_rows(towns: Database, disguise: Disguising, sandbox: Sandbox) -> None:
    found = disguise("distractors", asked("How many?", "SELECT count(*) FROM towns"))
    names = [table.name for table in only(found).schema().tables]
    added = [name for name in names if name not in ("towns", "roads")]
    assert len(added) == disguises.DISTRACTORS
    assert set(added) <= {table.name for table in POOL}
    assert [name for name in names if name not in added] == [table.name for table in towns.schema().tables]
    for name in added:
        assert sandbox.run(only(found).path(), f"SELECT count(*) FROM {name}", SCORE).rows[0][0] > 10  # type: ignore[operator]
    assert found.posed["How many?"][0].gold_sql == ("SELECT count(*) FROM towns",)


def test_a_name_is_exchanged_in_question_gold_and_every_row(disguise: Disguising, sandbox: Sandbox) -> None:
    found = disguise("names", asked("Which country has Bonn?", "SELECT country FROM towns WHERE name = 'Bonn' ORDER BY id"))
    example, said = found.posed["Which country has Bonn?"]
    new = said.removeprefix("Bonn -> ")
    assert new in UNUSUAL["name"]
    assert example.question == f"Which country has {new}?"
    names = sandbox.run(only(found).path(), "SELECT name FROM towns ORDER BY id", SCORE).rows
    assert names == ((new,), ("Lima",), (new,))


def test_what_is_no_name_or_spelled_otherwise_is_left_out(disguise: Disguising) -> None:
    found = disguise(
        "names",
        asked("Which are Closed?", "SELECT id FROM towns WHERE status = 'Closed'"),
        asked("What about bonn?", "SELECT id FROM towns WHERE name = 'Bonn'"),
        asked("What about Lima and the German Bonn?", "SELECT id FROM towns WHERE name IN ('Lima', 'Bonn') AND country = 'Germany'"),
        asked("What starts like Lima?", "SELECT id FROM towns WHERE name LIKE 'Lima%' AND name = 'Lima'"),
        asked("Lima?", "SELECT id FROM towns WHERE name = 'Lima'"),
    )
    assert set(found.posed) == {"What about Lima and the German Bonn?", "Lima?"}
    assert found.left["Which are Closed?"] == found.left["What about bonn?"] == "names no name that its gold spells in the same way"
    assert found.left["What starts like Lima?"].startswith("its gold gives another table on the copy")


def test_a_gold_that_spells_an_exchanged_name_otherwise_is_left_out(disguise: Disguising) -> None:
    found = disguise(
        "names",
        asked("Which towns are in Peru?", "SELECT name FROM towns WHERE country = 'Peru'"),
        asked("Is Lima Peruvian?", "SELECT count(*) FROM towns WHERE name = 'Lima' AND country = 'Peru'"),
    )
    assert set(found.posed) == {"Which towns are in Peru?"}
    assert found.left["Is Lima Peruvian?"] == "its gold spells a name otherwise than it does"


def test_a_copy_is_built_once_and_anew_for_another_change(towns: Database, tmp_path: Path) -> None:
    first = copied(towns, "copy", Change(values={"Bonn": "Å"}), tmp_path / "copies")
    stamp = first.path().stat().st_mtime_ns
    assert copied(towns, "copy", Change(values={"Bonn": "Å"}), tmp_path / "copies").path() == first.path()
    assert first.path().stat().st_mtime_ns == stamp
    assert copied(towns, "copy", Change(values={"Bonn": "Ő"}), tmp_path / "copies").path() != first.path()
    assert holders(first, ["Å", "Bonn", "Peru", "nowhere"]) == {
        "Å": (("towns", "name"),), "Bonn": (), "Peru": (("towns", "country"),), "nowhere": (),
    }  # fmt: skip
