"""A renamed database is the same one: its queries bind, and find the same rows, under the new names."""

import random

import pytest

from nl2sql_arena.database import binds, connect_trusted
from nl2sql_arena.schema import RESERVED
from nl2sql_arena.training.generator.lexicon import derived
from nl2sql_arena.training.minis import variants
from nl2sql_arena.types import Column, ForeignKey, Link, Schema, Table

CITIES = Table("cities", (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("country_name", "VARCHAR")), ("id",))
SHOPS = Table(
    "shops",
    (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("city_id", "INTEGER"), Column("monthly_rent", "DECIMAL(8,2)")),
    ("id",),
    (ForeignKey(("city_id",), "cities", ("id",)),),
)
SCHEMA = Schema("towns", (CITIES, SHOPS))
PAIRS = [
    ("shops in Norway", "SELECT shops.name FROM shops JOIN cities ON shops.city_id = cities.id WHERE cities.country_name = 'Norway'"),
    ("dear ones", "SELECT name FROM shops WHERE monthly_rent > (SELECT AVG(monthly_rent) FROM shops)"),
    ("how many cities", "SELECT COUNT(*) FROM cities"),
    ("called cities", "SELECT id FROM cities WHERE name = 'cities'"),
] * 3
LINKS = (Link("cities", "country_name", "Norway"),)


def drawn(seed: int) -> tuple[Schema, list[variants.Asked]]:
    return variants.renamed(SCHEMA, derived(SCHEMA), [(question, sql, LINKS) for question, sql in PAIRS], random.Random(seed))


@pytest.mark.parametrize("seed", range(25))
def test_renamed_queries_fit_the_renamed_schema(seed: int) -> None:
    schema, pairs = drawn(seed)
    assert pairs
    with connect_trusted() as connection:
        for table in schema.tables:
            connection.execute(f"CREATE TABLE {table.name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})")
        assert not [sql for _, sql, _ in pairs if not binds(connection, sql)]
    columns = {(table.name, column.name) for table in schema.tables for column in table.columns}
    keys = {(table.name, name) for table in schema.tables for key in table.foreign_keys for name in key.columns}
    assert keys <= columns


@pytest.mark.parametrize("seed", range(25))
def test_no_two_names_become_one_and_none_needs_quotes(seed: int) -> None:
    schema, _ = drawn(seed)
    for table in schema.tables:
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert not {table.name, *names} & RESERVED
    assert len({table.name for table in schema.tables}) == 2


def test_text_constants_stay_as_they_are() -> None:
    for seed in range(25):
        assert all("'cities'" in sql for question, sql, _ in drawn(seed)[1] if question == "called cities")


def test_names_and_order_do_change() -> None:
    seen = {tuple((table.name, *(column.name for column in table.columns)) for table in drawn(seed)[0].tables) for seed in range(25)}
    assert len(seen) > 15
