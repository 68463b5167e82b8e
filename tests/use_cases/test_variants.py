"""Right answers on other rows: what holds, what was luck, and what shows nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena.benchmark import variants
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.database import Database
from nl2sql_arena.services import Services
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import SCORE
from tests.use_cases.judged import result

SCHEMA = "CREATE TABLE lamp (id INTEGER PRIMARY KEY, colour VARCHAR, watts INTEGER);"
GENERATOR = """
import random

def generate(seed):
    rng = random.Random(seed)
    rows = [(i, rng.choice(("red", "blue")), rng.randrange(5, 90)) for i in range(20 + seed)]
    rows += [(99, "green", 7)] if seed == 0 else []
    return {"lamp": (("id", "colour", "watts"), rows)}
"""
COUNT = "SELECT count(*) FROM lamp"
GREEN = "SELECT id FROM lamp WHERE colour = 'green'"
GREENS = "SELECT count(*) FROM lamp WHERE colour = 'green'"


@pytest.fixture
def lamps(shared: Services, tmp_path: Path) -> Services:
    """Services with one database that has a generator, and one that is a file as it is."""
    folder = tmp_path / "lamps"
    (folder / "data").mkdir(parents=True)
    (folder / "schema.sql").write_text(SCHEMA)
    (folder / "generate.py").write_text(GENERATOR)
    (folder / "data" / "lamp.csv").write_text("id,colour,watts\n1,red,5\n")
    made = Database("lamps", folder, tmp_path / "cache")
    made.build(0, tmp_path / "given.duckdb")
    given = Database("given", tmp_path / "given", tmp_path, tmp_path / "given.duckdb")
    return shared.joined({"lamps": made, "given": given})


def right(number: int, sql: str, gold: str, db: str = "lamps") -> Result:
    return result("m", number, True, gold, db, sql=sql)


def test_a_constant_that_gave_the_count_was_luck(lamps: Services) -> None:
    results = [
        right(1, "SELECT 21", COUNT),
        right(2, "SELECT sum(1) FROM lamp", COUNT),
        result("m", 3, False, COUNT, "lamps", sql="SELECT 9"),
    ]
    found = variants.check(lamps, results)
    mine = found.models["m"]
    assert [(each.id, each.standing) for each in mine.lucky] == [("lamps-1", "lucky")]
    assert mine.lucky[0].reasons == {1: "match", 2: "rows"}, "the first seed has 21 rows, too"
    assert (mine.plain, mine.stricter, mine.held, mine.unproven) == (wilson(2, 3), wilson(1, 3), 1, ())
    assert "matched by luck: lamps-1" in variants.as_text(found)


@pytest.mark.parametrize("gold", [GREEN, GREENS])
def test_a_gold_that_finds_nothing_there_shows_nothing(lamps: Services, gold: str) -> None:
    mine = variants.check(lamps, [right(1, gold, gold)]).models["m"]
    assert [(each.standing, each.reasons) for each in mine.unproven] == [("unproven", {1: "gold_finds_nothing", 2: "gold_finds_nothing"})]
    assert (mine.held, mine.stricter) == (0, wilson(1, 1)), "neither held nor taken away"


def test_a_query_that_finds_rows_where_the_gold_finds_none_was_luck(lamps: Services) -> None:
    mine = variants.check(lamps, [right(1, "SELECT max(id) FROM lamp", GREEN)]).models["m"]
    assert [each.reasons for each in mine.lucky] == [{1: "rows", 2: "rows"}]


def test_a_database_without_a_generator_is_left_out_and_named(lamps: Services) -> None:
    found = variants.check(lamps, [right(1, COUNT, COUNT), right(2, COUNT, COUNT, db="given")])
    assert found.models["m"].plain.n == 1
    assert set(found.skipped) == {"given"}
    assert found.skipped_questions == 1
    assert "left out (1 questions), no generator of other rows (generate.py in its folder): given" in variants.as_text(found)


def test_a_generator_that_fails_leaves_its_database_out(lamps: Services) -> None:
    (lamps.databases["lamps"].folder / "generate.py").write_text("def generate(seed):\n    return {'torch': (('id',), [(1,)])}\n")
    found = variants.check(lamps, [right(1, COUNT, COUNT)])
    assert found.models["m"].plain.n == 0
    assert found.skipped["lamps"].startswith("its generator fails (")


def test_unanswerable_and_unscored_questions_do_not_count(lamps: Services) -> None:
    found = variants.check(lamps, [result("m", 1, True, "", "lamps"), result("m", 2, None, COUNT, "lamps")])
    assert found.models["m"].plain.n == 0
    shown = json.loads(json.dumps(variants.as_json(found), allow_nan=False))
    assert shown["models"]["m"]["stricter"]["value"] is None


def test_other_rows_are_built_once_and_anew_when_their_generator_changes(lamps: Services) -> None:
    database = lamps.databases["lamps"]
    first = database.variant(1)
    assert first
    stamp = first.path().stat().st_mtime_ns
    again, other = database.variant(1), database.variant(2)
    assert again
    assert other
    assert (again.path(), again.path().stat().st_mtime_ns) == (first.path(), stamp)
    assert other.path() != first.path()
    (database.folder / "generate.py").write_text(GENERATOR.replace("20 + seed", "30"))
    changed = replace(database).variant(1)
    assert changed
    assert changed.path() != first.path()
    assert lamps.sandbox.run(changed.path(), COUNT, SCORE).rows == ((30,),)
