"""Building the sample databases: what the files say is what the tables hold, whole or not at all, and wrong files are named."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from nl2sql_arena import database, execution, settings, vetting
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadDatabase, BadInput
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.types import DISPLAY, Column, Example, ForeignKey, Link

SCHEMA = """
CREATE TABLE zoo (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, motto VARCHAR);
COMMENT ON TABLE zoo IS 'Places';
COMMENT ON COLUMN zoo.name IS 'What it is called';
CREATE TABLE animal (id INTEGER, zoo_id INTEGER REFERENCES zoo (id), kind VARCHAR, "Weight kg" DECIMAL(6,2), PRIMARY KEY (id, zoo_id));
"""
ZOO = 'id,name,motto\n1,"Old, ""big"" zoo",\\N\n2,Ünï,""\n'
ANIMAL = "id,zoo_id,Weight kg,kind\n1,1,4.50,ape\n2,1,\\N,bear\n3,2,1000.25,ape\n"
QUESTION = {"id": "zoo-1", "question": "How many?", "gold_sql": ["SELECT 1"], "category": "filter"}
GENERATE = """
def generate(seed):
    return {"zoo": (("id", "name", "motto"), [(seed, "one", None)]), "animal": (("id", "zoo_id", "kind", "Weight kg"), [])}
"""

FOLDERS = sorted(path.parent for path in settings.load().sample_dbs.glob("*/schema.sql"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sample_dbs" / "zoo"
    (folder / "data").mkdir(parents=True)
    (folder / "schema.sql").write_text(SCHEMA)
    (folder / "data" / "zoo.csv").write_text(ZOO)
    (folder / "data" / "animal.csv").write_text(ANIMAL)
    (folder / "questions.jsonl").write_text(json.dumps(QUESTION) + "\n")
    (folder / "generate.py").write_text(GENERATE)
    return folder


def opened(folder: Path) -> Database:
    """The database of a folder, as a new start of the app sees it."""
    places = settings.Settings(data=folder.parent.parent / "var", models=folder, sample_dbs=folder.parent)
    return database.catalogue(places)[folder.name]


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with database.connect_trusted(path) as connection:
        return connection.execute(sql).fetchall()


def test_the_tables_hold_what_the_files_say(folder: Path) -> None:
    path = opened(folder).path()
    assert rows(path, "SELECT * FROM zoo ORDER BY id") == [(1, 'Old, "big" zoo', None), (2, "Ünï", "")]
    assert rows(path, 'SELECT id, "Weight kg"::VARCHAR, kind FROM animal ORDER BY id') == [
        (1, "4.50", "ape"),
        (2, None, "bear"),
        (3, "1000.25", "ape"),
    ]


def test_only_folders_with_a_schema_count_in_their_order(folder: Path) -> None:
    (folder.parent / "notes").mkdir()
    other = folder.parent / "aquarium"
    other.mkdir()
    (other / "schema.sql").write_text("CREATE TABLE fish (id INT)")
    places = settings.Settings(data=folder / "var", models=folder, sample_dbs=folder.parent)
    assert list(database.catalogue(places)) == ["aquarium", "zoo"]
    assert not places.data.exists(), "nothing is built before it is needed"


def test_a_built_file_is_kept_until_its_sources_change(folder: Path) -> None:
    first = opened(folder).path()
    stamp = first.stat().st_mtime_ns
    assert opened(folder).path() == first
    assert first.stat().st_mtime_ns == stamp
    neighbour = first.with_name("zoo-park-0123456789ab.duckdb")
    neighbour.touch()
    (folder / "data" / "zoo.csv").write_text(ZOO + "3,New,\\N\n")
    second = opened(folder).path()
    assert rows(second, "SELECT count(*) FROM zoo") == [(3,)]
    assert {path.name for path in first.parent.iterdir()} == {second.name, neighbour.name}
    second.unlink()
    assert opened(folder).path() == second
    assert second.is_file()


def test_a_database_is_told_from_another_of_its_name_by_its_tables_and_rows(folder: Path) -> None:
    first = opened(folder).content
    (folder / "questions.jsonl").write_text("")
    assert opened(folder).content == first
    (folder / "data" / "zoo.csv").write_text(ZOO.replace("Old", "New"))
    assert opened(folder).content not in ("", first)
    assert database.opened(opened(folder).path()).content == ""


def test_two_processes_may_build_at_once(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nl2sql_arena import database, settings; folder = Path(sys.argv[1])\n"
        "places = settings.Settings(data=folder.parent.parent / 'var', models=folder, sample_dbs=folder.parent)\n"
        "print(database.catalogue(places)['zoo'].path())"
    )
    builders = [subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {builder.communicate()[0].strip() for builder in builders}
    assert len(paths) == 1
    path = Path(paths.pop())
    assert rows(path, "SELECT count(*) FROM animal") == [(3,)]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("schema.sql", "CREATE TABEL zoo (id INT)", "schema.sql does not create tables: .*TABEL"),
        ("schema.sql", "SELECT 1", "schema.sql creates no table for animal.csv"),
        ("schema.sql", SCHEMA + "CREATE TABLE bird (id INT);", "bird.csv does not fit table bird: .*No such file"),
        ("data/plant.csv", "id\n1\n", "creates no table for plant.csv"),
        ("data/zoo.csv", "id,title,motto\n1,a,b\n", "zoo.csv has the columns id, title, motto but the table has id, name, motto"),
        ("data/zoo.csv", "id,name,motto\nmany,a,b\n", "zoo.csv does not fit table zoo: .*Line: 2.*many"),
        ("data/zoo.csv", "id,name,motto\n1,\\N,b\n", "zoo.csv does not fit table zoo: .*NOT NULL"),
        ("data/zoo.csv", "id,name,motto\n1,a\n", "zoo.csv does not fit table zoo"),
        ("data/zoo.csv", "id,name,motto\n1,a,\\N\n", "animal.csv does not fit table animal: .*foreign key"),
        ("data/zoo.csv", ZOO + "2,again,\\N\n", "zoo.csv does not fit table zoo: .*[Dd]uplicate"),
    ],
)
def test_a_wrong_file_is_named_and_nothing_is_left(folder: Path, file: str, content: str, message: str) -> None:
    (folder / file).write_text(content)
    db = opened(folder)
    with pytest.raises(BadDatabase, match=message) as caught:
        db.path()
    assert "\n" not in str(caught.value)
    assert list(db.cache.iterdir()) == []


def test_a_child_table_before_its_parent_is_named(folder: Path) -> None:
    parent, child = SCHEMA.split("CREATE TABLE animal")
    (folder / "schema.sql").write_text("CREATE TABLE animal" + child + parent)
    with pytest.raises(BadDatabase, match=r"schema\.sql does not create tables"):
        opened(folder).path()


def test_the_schema_is_complete_and_in_the_order_of_the_file(folder: Path) -> None:
    zoo, animal = opened(folder).schema().tables
    assert (zoo.name, zoo.comment, zoo.primary_key, zoo.row_count) == ("zoo", "Places", ("id",), 2)
    assert zoo.columns[1] == Column("name", "VARCHAR", "What it is called", nullable=False)
    assert zoo.columns[2] == Column("motto", "VARCHAR", "", nullable=True)
    assert animal.foreign_keys == (ForeignKey(("zoo_id",), "zoo", ("id",)),)
    assert animal.primary_key == ("id", "zoo_id")
    assert [column.type for column in animal.columns] == ["INTEGER", "INTEGER", "VARCHAR", "DECIMAL(6,2)"]


def test_values_are_those_of_columns_with_few_most_frequent_first(folder: Path) -> None:
    (folder / "data" / "zoo.csv").write_text("id,name,motto\n" + "".join(f"{i},name {i},{'ab'[i % 3 == 0]}\n" for i in range(1, 300)))
    db = opened(folder)
    assert db.values() == {("animal", "kind"): ["ape", "bear"], ("zoo", "motto"): ["a", "b"]}


def test_a_question_is_linked_to_the_short_texts_that_are_stored(folder: Path) -> None:
    db = opened(folder)
    assert db.links("how many APES are there") == (Link("animal", "kind", "ape"),)
    assert db.links("how many elephants are there") == ()


def test_different_rows_of_some_columns_come_without_nulls(folder: Path) -> None:
    assert sorted(opened(folder).distinct_rows("animal", ["kind"], 10)) == [("ape",), ("bear",)]
    with pytest.raises(BadInput, match=r"no column animal\.colour in zoo"):
        opened(folder).distinct_rows("animal", ["colour"], 10)


def test_a_preview_shows_the_first_rows_as_cells(folder: Path) -> None:
    preview = opened(folder).preview("animal", 2)
    assert [column.name for column in preview.columns] == ["id", "zoo_id", "kind", "Weight kg"]
    assert preview.rows == ((1, 1, "ape", "4.50"), (2, 1, "bear", None))
    with pytest.raises(BadInput, match="choose one of zoo, animal"):
        opened(folder).preview("animal; DROP TABLE zoo")


def test_questions_are_read_with_their_defaults(folder: Path) -> None:
    more = QUESTION | {"id": "zoo-2", "gold_sql": [], "split": "test", "may_be_empty": True}
    (folder / "questions.jsonl").write_text(json.dumps(QUESTION) + "\n" + json.dumps(more) + "\n")
    assert opened(folder).examples() == (
        Example("zoo-1", "zoo", "How many?", ("SELECT 1",), "filter", "dev", may_be_empty=False),
        Example("zoo-2", "zoo", "How many?", (), "filter", "test", may_be_empty=True),
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "Expecting property name"),
        ("[]", "."),
        (json.dumps({"id": "x"}), "question"),
        (json.dumps(QUESTION | {"id": "x", "split": "train"}), "split is 'train'"),
        (json.dumps(QUESTION | {"id": "x", "gold_sql": "SELECT 1"}), "gold_sql a list"),
        (json.dumps(QUESTION | {"id": "x", "question": " "}), "must be text"),
        (json.dumps(QUESTION), "repeats the id zoo-1"),
    ],
)
def test_a_wrong_question_is_named_by_its_line(folder: Path, line: str, reason: str) -> None:
    (folder / "questions.jsonl").write_text(json.dumps(QUESTION) + "\n" + line + "\n")
    with pytest.raises(BadDatabase, match=f"line 2.*{reason}"):
        opened(folder).examples()


def test_another_seed_gives_another_file(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "seeds" / "zoo-7.duckdb"
    opened(folder).build(7, target)
    assert rows(target, "SELECT id, name FROM zoo") == [(7, "one")]
    assert os.listdir(target.parent) == [target.name]
    (folder / "generate.py").unlink()
    with pytest.raises(BadDatabase, match=r"generate\.py is missing"):
        opened(folder).build(8, target)


def test_a_trusted_connection_does_not_write_unless_told(folder: Path) -> None:
    path = opened(folder).path()
    with pytest.raises(duckdb.Error, match="read-only"):
        rows(path, "DELETE FROM animal")
    with database.connect_trusted() as memory:
        assert memory.execute("SELECT 1").fetchall() == [(1,)]


# The databases that ship


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Database]:
    return database.catalogue(settings.Settings(tmp_path_factory.mktemp("var"), FOLDERS[0], FOLDERS[0].parent))


@pytest.mark.parametrize("name", [folder.name for folder in FOLDERS])
def test_each_database_builds_and_is_described(shipped: dict[str, Database], sandbox: Sandbox, name: str) -> None:
    db = shipped[name]
    schema = db.schema()
    seen: set[str] = set()
    for table in schema.tables:
        assert table.comment
        assert table.row_count
        assert all(column.comment for column in table.columns)
        assert all(key.table in seen | {table.name} for key in table.foreign_keys), "referenced tables come first"
        seen.add(table.name)
        result = sandbox.run(db.path(), f'SELECT * FROM "{table.name}" ORDER BY rowid LIMIT 5', DISPLAY)
        assert replace(result, seconds=0) == db.preview(table.name)
    assert db.values()


@pytest.mark.parametrize("name", [folder.name for folder in FOLDERS])
def test_each_gold_query_passes_vetting(shipped: dict[str, Database], name: str) -> None:
    db = shipped[name]
    tables = tuple(table.name for table in db.schema().tables)
    with execution.open_hardened(str(db.path())) as connection:
        for example in db.examples():
            for sql in example.gold_sql:
                assert vetting.vet(connection, sql, vetting.Catalogue(db.path().stem, name, tables)) == sql
