import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2sql_arena import schema as ddl
from nl2sql_arena.types import Column, ForeignKey, Schema, Table

CITIES = Table("cities", (Column("id", "INTEGER"), Column("name", "VARCHAR", "as signs show it")), ("id",))
VISITS = Table(
    "visits",
    (
        Column("city_id", "INTEGER"),
        Column("at", "TIMESTAMP WITH TIME ZONE", "start"),
        Column("price", "DECIMAL(10,2)"),
        Column("tags", "VARCHAR[]"),
    ),
    ("city_id", "at"),
    (ForeignKey(("city_id",), "cities", ("id",)),),
    "one stay",
)
TRIP = Schema("trip", (CITIES, VISITS))


def test_create_tables_is_this_text() -> None:
    assert ddl.create_tables(TRIP) == (
        "CREATE TABLE cities (\n"
        "  id INTEGER PRIMARY KEY,\n"
        "  name VARCHAR -- as signs show it\n"
        ");\n\n"
        "CREATE TABLE visits ( -- one stay\n"
        "  city_id INTEGER,\n"
        '  "at" TIMESTAMP WITH TIME ZONE, -- start\n'
        "  price DECIMAL(10,2),\n"
        "  tags VARCHAR[],\n"
        '  PRIMARY KEY (city_id, "at")\n'
        ");\n\n"
        "-- visits.city_id can be joined with cities.id"
    )


def test_without_comments_only_joins_are_commented() -> None:
    comments = [line for line in ddl.create_tables(TRIP, comments=False).splitlines() if "--" in line]
    assert comments == ["-- visits.city_id can be joined with cities.id"]


def test_compact_is_this_text() -> None:
    assert ddl.compact(TRIP) == "cities(id int, name text)\nvisits(city_id int > cities, at time, price num, tags other)"


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("INTEGER", "int"),
        ("UBIGINT", "int"),
        ("HUGEINT", "int"),
        ("DECIMAL(18,3)", "num"),
        ("DOUBLE", "num"),
        ("FLOAT", "num"),
        ("VARCHAR", "text"),
        ("DATE", "date"),
        ("TIMESTAMP", "time"),
        ("TIMESTAMP WITH TIME ZONE", "time"),
        ("TIME", "time"),
        ("BOOLEAN", "bool"),
        ("INTEGER[]", "other"),
        ("STRUCT(a INTEGER)", "other"),
        ("MAP(VARCHAR, INTEGER)", "other"),
        ("INTERVAL", "other"),
        ("BLOB", "other"),
    ],
)
def test_types_in_one_word(kind: str, word: str) -> None:
    assert ddl.short_type(Column("c", kind)) == word


MEMORY = duckdb.connect()
NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=12)
WORDS = st.sampled_from(["order", "group", "Total", "first name", 'with "quotes"', "select", "größe", "2nd", "plain"])
TYPES = st.sampled_from(["INTEGER", "VARCHAR", "DATE", "DECIMAL(10,2)", "TIMESTAMP", "BOOLEAN", "DOUBLE"])
COMMENTS = st.text(st.sampled_from("ab \n\r\t;'\"-*/é\x0b\x85\u2028"), max_size=30)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = draw(st.lists(NAMES | WORDS, min_size=1, max_size=5, unique_by=str.casefold))
    columns = tuple(Column(name, draw(TYPES), draw(COMMENTS)) for name in names)
    key = tuple(names[: draw(st.integers(0, len(names)))])
    return Table(draw(NAMES | WORDS), columns, key, comment=draw(COMMENTS))


@settings(max_examples=150, deadline=None)
@given(tables(), st.booleans())
def test_a_table_as_ddl_is_that_table_whatever_its_names_and_comments(table: Table, comments: bool) -> None:
    with MEMORY.cursor() as connection:
        connection.execute("BEGIN")
        connection.execute(ddl.create_table(table, comments))
        made = connection.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY column_index").fetchall()
        named = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        connection.execute("ROLLBACK")
    assert made == [(column.name, column.type) for column in table.columns]
    assert named == [(table.name,)]


def test_every_keyword_of_duckdb_can_be_a_name() -> None:
    with duckdb.connect() as connection:
        for (word,) in connection.execute("SELECT DISTINCT keyword_name FROM duckdb_keywords()").fetchall():
            connection.execute(ddl.create_table(Table(word, (Column(word, "INTEGER"),))))


@given(COMMENTS | NAMES)
def test_one_line_is_one_line(text: str) -> None:
    flat = ddl.one_line(text, 20)
    assert len(flat.splitlines()) <= 1
    assert len(flat) <= 20
    assert flat == flat.strip()


def test_a_long_comment_says_that_it_was_cut() -> None:
    assert ddl.one_line("word " * 100).endswith("…")
    assert ddl.one_line("word") == "word"


def test_a_join_stays_on_its_line_whatever_a_table_is_called() -> None:
    odd = Table("x\nDROP TABLE y", (Column("a", "INTEGER"),), (), (ForeignKey(("a",), "x\nDROP TABLE y", ("a",)),))
    hints = ddl.create_tables(Schema("odd", (odd,))).split(");\n\n")[1]
    assert hints.splitlines() == ["-- x DROP TABLE y.a can be joined with x DROP TABLE y.a"]


def test_several_foreign_keys_give_a_join_for_each_pair_of_columns() -> None:
    leg = Table("leg", (Column("a", "INTEGER"), Column("b", "INTEGER")), (), (ForeignKey(("a", "b"), "port", ("x", "y")),))
    assert ddl.joins(Schema("s", (leg,))) == ["leg.a can be joined with port.x", "leg.b can be joined with port.y"]


def test_a_literal_keeps_every_character_of_its_value() -> None:
    assert ddl.literal(" O'Neill  & Co\n") == "' O''Neill  & Co\n'"
