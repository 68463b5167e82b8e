"""The generator of training pairs: what it draws runs, is reproducible, and keeps apart what is held out."""

import random
from collections import Counter, defaultdict

import duckdb
import pytest

from nl2sql_arena import schema, settings
from nl2sql_arena.database import Database, connect_trusted
from nl2sql_arena.training.generator import grammar
from nl2sql_arena.training.generator.lexicon import derived
from nl2sql_arena.training.generator.lexicon_text import written
from nl2sql_arena.training.generator.templates import parse, say, variants
from nl2sql_arena.training.generator.voices import typo
from nl2sql_arena.training.generator.world import World
from nl2sql_arena.types import Column, ForeignKey, Schema, Table

NAMES = sorted(path.parent.name for path in settings.load().sample_dbs.glob("*/schema.sql"))


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Database]:
    cache = tmp_path_factory.mktemp("databases")
    return {name: Database(name, settings.load().sample_dbs / name, cache) for name in NAMES}


def filled(world: World, rng: random.Random) -> duckdb.DuckDBPyConnection:
    connection = connect_trusted()
    for statement in grammar.row_statements(world, rng):
        connection.execute(statement)
    return connection


def test_every_pair_over_random_databases_runs() -> None:
    rng = random.Random(0)
    found = total = 0
    for _ in range(40):
        world = grammar.random_world(rng)
        connection = filled(world, rng)
        for pair in grammar.pairs(world, rng, 50):
            rows = connection.execute(pair.sql).fetchmany(1)
            found += bool(rows)
            total += 1
    assert total == 2000
    assert found > 0.8 * total


@pytest.mark.parametrize("name", NAMES)
def test_every_pair_over_a_sample_database_runs_and_few_find_nothing(name: str, databases: dict[str, Database]) -> None:
    world = grammar.sample_world(databases[name])
    connection = connect_trusted(databases[name].path())
    drawn = list(grammar.pairs(world, random.Random(1), 800))
    empty = [pair for pair in drawn if connection.execute(pair.sql).fetchone() is None]
    assert len(empty) < 0.06 * len(drawn)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_database_has_a_lexicon_of_its_own(name: str) -> None:
    assert name in grammar.LEXICONS


@pytest.mark.parametrize("name", NAMES)
def test_one_question_has_one_answer(name: str, databases: dict[str, Database]) -> None:
    meanings = defaultdict(set)
    for pair in grammar.pairs(grammar.sample_world(databases[name]), random.Random(2), 4000):
        meanings[pair.question].add(pair.sql)
    assert sum(len(queries) > 1 for queries in meanings.values()) < 0.01 * len(meanings)


def test_all_levels_and_abstentions_are_drawn(databases: dict[str, Database]) -> None:
    drawn = list(grammar.pairs(grammar.sample_world(databases["shop"]), random.Random(3), 4000))
    levels = Counter(pair.level for pair in drawn)
    assert min(levels[level] for level in ("easy", "medium", "hard", "extra")) > 0.1 * len(drawn)
    abstentions = sum(pair.sql == "SELECT 'I do not know' AS answer" for pair in drawn)
    assert 0.02 * len(drawn) < abstentions < 0.06 * len(drawn)
    assert {pair.skeleton for pair in drawn} >= {"list", "count", "group", "having", "never", "running", "change", "best_per_group"}


def test_the_same_seed_draws_the_same_pairs() -> None:
    def drawn() -> list[grammar.Pair]:
        rng = random.Random(4)
        return list(grammar.pairs(grammar.random_world(rng), rng, 200))

    assert drawn() == drawn()


def test_what_is_held_out_is_a_stable_small_share() -> None:
    rng = random.Random(5)
    combinations = {pair.combination for _ in range(30) for pair in grammar.pairs(grammar.random_world(rng), rng, 100)}
    share = sum(map(grammar.held_out, combinations)) / len(combinations)
    assert 0.05 < share < 0.11
    assert grammar.held_out("count|count+customers+customers.country") == grammar.held_out("count|count+customers+customers.country")


def test_sql_is_in_the_one_style() -> None:
    rng = random.Random(6)
    for _ in range(20):
        for pair in grammar.pairs(grammar.random_world(rng), rng, 40):
            assert "\n" not in pair.sql
            assert "  " not in pair.sql
            assert "\x01" not in pair.sql
            assert not pair.sql.endswith(";")
            assert pair.sql.startswith("SELECT ")


def test_questions_are_tidy_and_differ_from_each_other() -> None:
    rng = random.Random(7)
    world = grammar.random_world(rng)
    questions = [pair.question for pair in grammar.pairs(world, rng, 1000)]
    assert all(question == " ".join(question.split()) for question in questions)
    assert not any(mark in question for question in questions for mark in ("{", "}", "(|", "|)", "\x01"))
    assert len(set(questions)) > 930


def test_plain_questions_carry_the_values_of_their_query() -> None:
    rng = random.Random(8)
    for _ in range(10):
        world = grammar.random_world(rng)
        for pair in grammar.pairs(world, rng, 60, free_text=False):
            if (
                pair.skeleton == "list"
                and " = '" in pair.sql
                and "WHERE" in pair.sql
                and "CAST" not in pair.sql
                and "DAYNAME" not in pair.sql
            ):
                value = pair.sql.split(" = '")[1].split("'")[0]
                spoken = {
                    value.lower(),
                    *(word.lower() for words in world.lexicon.columns.values() for word in words.adjectives.get(value, ())),
                }
                assert any(word in pair.question.lower() for word in spoken), pair


def test_random_databases_fit_the_prompt() -> None:
    rng = random.Random(9)
    for _ in range(200):
        world = grammar.random_world(rng)
        assert 3 <= len(world.schema.tables) <= 8
        assert sum(len(table.columns) for table in world.schema.tables) <= 42
        names = [table.name for table in world.schema.tables]
        assert len(set(names)) == len(names)
        assert all(key.table in names[: names.index(table.name)] for table in world.schema.tables for key in table.foreign_keys)
        assert len(schema.compact(world.schema)) < 1500


SHOPS = Schema(
    "unknown",
    (
        Table("shop", (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("city", "VARCHAR")), ("id",)),
        Table(
            "sale",
            (Column("id", "INTEGER"), Column("shop_id", "INTEGER"), Column("total", "DOUBLE"), Column("sold", "DATE")),
            ("id",),
            (ForeignKey(("shop_id",), "shop", ("id",)),),
        ),
    ),
)


def test_a_database_that_nobody_described_still_gives_pairs() -> None:
    world = World(SHOPS, {("shop", "city"): ["Rome"], ("shop", "name"): ["Corner"]}, derived(SHOPS))
    connection = connect_trusted()
    connection.execute("CREATE TABLE shop (id INTEGER, name VARCHAR, city VARCHAR)")
    connection.execute("CREATE TABLE sale (id INTEGER, shop_id INTEGER, total DOUBLE, sold DATE)")
    for pair in grammar.pairs(world, random.Random(10), 300):
        connection.execute(pair.sql)


def test_a_lexicon_is_read_from_text() -> None:
    text = """
    [shop] store/stores; shop/shops | that | name
    city = city; town | in {v}; +are located in {v} | adj: Rome=Roman
    [sale] sale/sales | that | id
    ? sale.total > 100 == +were big; over a hundred | no: small | adj: big
    shop -> sale.shop_id = made/make | by: of; from | none: without (any |)sales | bare: city=in
    """
    lexicon = written(text, SHOPS)
    assert lexicon.tables["shop"].nouns[0] == ("store", "stores")
    assert lexicon.columns["shop", "city"].adjectives == {"Rome": ("Roman",)}
    assert lexicon.conditions[0].adjectives == ("big",)
    relation = lexicon.relations[0]
    assert (relation.one, relation.many, relation.does) == ("shop", "sale", (("made", "make"),))
    assert relation.by == ("of {p}", "from {p}")
    assert not relation.through


def test_a_lexicon_that_names_what_the_schema_lacks_is_refused() -> None:
    with pytest.raises(KeyError):
        written("[shop] shop/shops | that | name\nowner = owner", SHOPS)


def test_wordings_choose_fill_and_tidy() -> None:
    rng = random.Random(11)
    said = {say("(Which|What) {things} (cost|are at) {n} ?", rng, things="books", n="5") for _ in range(50)}
    assert said == {"Which books cost 5?", "What books cost 5?", "Which books are at 5?", "What books are at 5?"}
    assert variants("(a|b(c|d))") == 3
    with pytest.raises(ValueError, match="brackets"):
        parse("(a|b")


def test_typos_leave_values_alone() -> None:
    rng = random.Random(12)
    for _ in range(200):
        assert "O'Brien" in typo("which orders did O'Brien place in 2023", rng)
        assert "2023" in typo("which orders did O'Brien place in 2023", rng)
