"""A gold under other names says the same: whatever is renamed, on a renamed table it gives what it gave."""

import duckdb
import pytest

from nl2sql_arena.errors import BadInput
from nl2sql_arena.rewriting import names_of, renamed, revalued, values_of

TABLES = """
CREATE TABLE town ({id} INTEGER, {name} VARCHAR, {size} INTEGER);
CREATE TABLE road ({id} INTEGER, {size} INTEGER, {town_id} INTEGER);
INSERT INTO town VALUES (1, 'Bonn', 3), (2, 'Rome', 9), (3, 'Oslo', 5);
INSERT INTO road VALUES (1, 10, 1), (2, 20, 2), (3, 5, 2);
"""
OLD = {"id": "id", "name": "name", "size": "size", "town_id": "town_id"}
NEW = {"id": "ref", "name": "label", "size": "Größe", "town_id": "order"}
QUERIES = (
    "SELECT name FROM town WHERE size > 4 ORDER BY name",
    "SELECT t.name, sum(r.size) AS size FROM town t JOIN road r ON r.town_id = t.id GROUP BY t.name HAVING sum(r.size) > 5 ORDER BY size",
    "WITH x(id, n) AS (SELECT town_id, count(*) FROM road GROUP BY town_id) SELECT name, x.n FROM town JOIN x USING (id) ORDER BY id",
    "SELECT size FROM (SELECT id AS size, name FROM town) AS name ORDER BY name.size",
    "SELECT name, rank() OVER (PARTITION BY size > 4 ORDER BY size DESC) AS id FROM town QUALIFY id = 1 ORDER BY name",
    "SELECT name FROM town WHERE EXISTS (SELECT 1 FROM road WHERE town_id = town.id AND size > 5) UNION SELECT 'name' ORDER BY 1",
    "SELECT * FROM town NATURAL JOIN (SELECT id FROM road) ORDER BY ALL",
    "SELECT list_transform([size], lambda size: size + 1) FROM town ORDER BY id",
    "SELECT town.name FROM town, road AS id WHERE id.town_id = town.id ORDER BY id.size",
)


def rows(sql: str, names: dict[str, str]) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute(TABLES.format(**{old: f'"{new}"' for old, new in names.items()}))
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_with_renamed_columns_gives_on_renamed_tables_what_it_gave(sql: str) -> None:
    expected = rows(sql, OLD)
    assert expected
    new = renamed(sql, NEW)
    assert new != sql
    assert rows(new, NEW) == expected


def test_names_are_those_of_columns_tables_and_aliases() -> None:
    assert names_of("WITH x AS (SELECT A AS b FROM t) SELECT x.b, 'c' FROM x JOIN u USING (d)") == {"x", "a", "b", "t", "u", "d"}


def test_values_are_exchanged_as_a_whole_alone() -> None:
    sql = "SELECT 'Rome' AS \"Rome\", 7 FROM town WHERE name IN ('Rome', 'Oslo') AND name LIKE 'Rome%' AND size > 7"
    assert values_of(sql) == ("Rome", "Oslo", "Rome%")
    new = revalued(sql, {"Rome": "L'Aquila", "7": "8"})
    assert values_of(new) == ("L'Aquila", "Oslo", "Rome%")
    assert "> 7" in new
    assert '"Rome"' in new


def test_what_does_not_parse_is_said() -> None:
    with pytest.raises(BadInput, match="does not parse"):
        renamed("SELECT FROM FROM", {"a": "b"})
