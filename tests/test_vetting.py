"""The allow-list: what analysts write passes, whatever could write, read a file or leak does not; the engine's settings hold without it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from nl2sql_arena import execution, vetting

CATALOGUE = vetting.Catalogue("tiny-0123456789ab", "tiny", ("people", "orders", "paid"))

BENIGN = [
    "SELECT * FROM orders",
    "select ID from Orders;",
    "SELECT 1; -- done",
    "-- note\nSELECT 1 /* ; */",
    "SELECT count(*) FROM main.orders",
    "SELECT count(*) FROM tiny.orders",
    "SELECT count(*) FROM tiny.main.orders JOIN Tiny . people ON person_id = people.id WHERE 'é' <> status",
    'SELECT count(*) FROM "tiny"."main"."orders"',
    "SELECT tiny.orders.id, tiny.main.orders.amount FROM tiny.orders ORDER BY TINY.orders.id",
    'SELECT count(*) FROM "tiny-0123456789ab".main.orders',
    "SELECT table_name FROM information_schema.tables",
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders'",
    "WITH big AS (SELECT * FROM orders WHERE amount > 100), few AS (FROM big LIMIT 3) SELECT * FROM few",
    "WITH big AS MATERIALIZED (SELECT * FROM orders) SELECT count(*) FROM big a JOIN big b USING (id)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t",
    "WITH RECURSIVE t(n) USING KEY (n) AS (SELECT 1 UNION SELECT n + 1 FROM recurring.t WHERE n < 5) SELECT * FROM t",
    "SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT a FROM x) y",
    "SELECT name, (SELECT count(*) FROM orders o WHERE o.person_id = p.id) FROM people p",
    "SELECT * FROM people WHERE id IN (SELECT person_id FROM orders) AND EXISTS (FROM paid)",
    "SELECT row_number() OVER w, sum(amount) FILTER (status = 'paid') OVER w FROM orders WINDOW w AS (PARTITION BY status ORDER BY placed)",
    "SELECT * FROM orders QUALIFY rank() OVER (PARTITION BY person_id ORDER BY amount DESC) = 1",
    "SELECT * FROM orders PIVOT (sum(amount) FOR status IN ('paid', 'open') GROUP BY person_id)",
    "PIVOT orders ON status USING sum(amount) GROUP BY person_id",
    "PIVOT tiny.main.orders ON status IN ('paid', 'open') USING count(*)",
    "FROM (PIVOT (SELECT status, amount FROM orders) ON status USING sum(amount))",
    "WITH p AS (PIVOT orders ON status USING count(*) GROUP BY person_id) SELECT * FROM p",
    "UNPIVOT (SELECT id, person_id FROM orders) ON id, person_id",
    "SUMMARIZE orders",
    "SUMMARIZE SELECT amount FROM orders",
    "DESCRIBE people",
    "DESCRIBE SELECT 1",
    "SHOW TABLES",
    "SHOW orders",
    "FROM orders SELECT status, count(*) GROUP BY ALL ORDER BY ALL",
    "TABLE people",
    "SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1], list_transform([1], lambda x: x + 1), {'a': 1}.a, map {'k': 1}['k']",
    "SELECT unnest(tags) FROM people",
    "SELECT p.name, t.tag FROM people p, LATERAL (SELECT unnest(p.tags) AS tag) t",
    "SELECT * FROM people, unnest(tags) u(tag)",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT * FROM generate_series(1, 10) g JOIN range(3) r ON true",
    "SELECT * FROM json_each('[1, 2]')",
    "SELECT COLUMNS('am.*') FROM orders",
    "SELECT * EXCLUDE (id) REPLACE (upper(status) AS status) FROM orders",
    "SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 EXCEPT SELECT 4",
    "SELECT date_trunc('month', placed), strftime(placed, '%Y'), placed - INTERVAL 1 DAY, random(), now() FROM orders",
    "SELECT * FROM orders ASOF JOIN people ON placed >= born",
    "SELECT * FROM orders USING SAMPLE 10",
    "SELECT status, GROUPING(status) FROM orders GROUP BY ROLLUP (status) HAVING count(*) > 1",
    "SELECT CASE WHEN amount > 1 THEN 'copy' ELSE 'drop table people' END FROM orders",
    "EXPLAIN SELECT * FROM orders",
    "/* why */ explain analyze SELECT count(*) FROM orders",
    "EXPLAIN PIVOT orders ON status USING count(*)",
    "PIVOT tiny.main.orders ON status, person_id % 3 USING count(*) -- ON (",
    "PIVOT orders ON status -- both",
    "PIVOT orders ON /* ( */ status || ')' USING count(*);",
    "PIVOT people JOIN orders ON people.id = person_id ON status USING count(*) GROUP BY city ORDER BY 1 LIMIT 3",
    "PIVOT (PIVOT orders ON status USING count(*) GROUP BY person_id) ON person_id USING first(paid)",
    "WITH p AS (PIVOT orders ON status USING count(*)), q AS (PIVOT people ON city) SELECT * FROM p JOIN q USING (id)",
    "SELECT * FROM (PIVOT orders ON date_trunc('month', placed) USING sum(amount)) p JOIN people ON p.person_id = people.id",
    "PIVOT orders ON CASE WHEN amount > 9 THEN 'é' ELSE 'low' END USING count(*) GROUP BY person_id UNION ALL SELECT 1, 2, 3",
    "SELECT * FROM (PIVOT Tiny.orders ON status USING count(*)) p JOIN tiny.people q ON p.person_id = q.id",
    "PIVOT orders ON `status` USING count(*)",
    "WITH Ä AS (SELECT 1) FROM Ä",
    "WITH BIG AS (SELECT 1) FROM big",
    "WITH RECURSIVE people AS (SELECT id FROM people UNION ALL SELECT id + 1000 FROM people WHERE id < 1000) SELECT count(*) FROM people",
    "WITH people AS (SELECT id FROM people) SELECT count(*) FROM people",
    "WITH RECURSIVE a AS (SELECT 1 n), t AS (SELECT n FROM a UNION ALL (WITH u AS (SELECT n + 1 n FROM t) FROM u WHERE n < 5)) FROM t",
    "WITH a AS (SELECT 1 AS n) SELECT 1 UNION SELECT n FROM a ORDER BY (SELECT n FROM a) LIMIT (SELECT n FROM a)",
]

REFUSED = [
    # files, by any way in
    "SELECT * FROM 'secret.csv'",
    "FROM read_csv('secret.csv')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('*')",
    "FROM sniff_csv('secret.csv')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "FROM read_duckdb('other.duckdb')",
    "FROM read_blob('*')",
    "SUMMARIZE 'secret.csv'",
    "DESCRIBE 'secret.csv'",
    "SHOW 'secret.csv'",
    "PIVOT 'secret.csv' ON a",
    "PIVOT read_csv('secret.csv') ON a",
    "SELECT (SELECT content FROM read_text('secret.csv'))",
    "SELECT * FROM people WHERE name IN (FROM 'secret.csv')",
    "WITH x AS (FROM 'secret.csv') FROM x",
    'WITH a AS (FROM "b.csv"), "b.csv" AS (SELECT 1) FROM a',
    "SELECT * FROM 'https://example.org/a.csv'",
    "FROM query('SELECT 1')",
    "FROM query_table('people')",
    "FROM histogram('duckdb_databases', path)",
    "FROM histogram(duckdb_databases, path)",
    'PIVOT (WITH a AS (PIVOT "b.csv" ON x), "b.csv" AS (SELECT 1) FROM a) ON y',
    "FROM seq_scan('people')",
    # writes
    "COPY people TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.csv'",
    "WITH x AS (COPY people TO 'out.csv') SELECT * FROM x",
    "EXPLAIN COPY people TO 'out.csv'",
    "EXPLAIN ANALYZE DELETE FROM people",
    "EXPORT DATABASE 'out'",
    "EXPLAIN EXPLAIN SELECT 1",
    "INSERT INTO people VALUES (1)",
    "UPDATE people SET name = ''",
    "DELETE FROM people",
    "TRUNCATE people",
    "DROP TABLE people",
    "CREATE TEMP TABLE people AS SELECT 1",
    "CREATE MACRO sum(x) AS 0",
    "CREATE TABLE x AS PIVOT people ON city",
    "ALTER TABLE people ADD x INT",
    "WITH x AS (DELETE FROM people RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO people VALUES (1) RETURNING *) FROM x",
    "SELECT * FROM (WITH x AS (UPDATE people SET name = '' RETURNING *) FROM x)",
    "WITH x AS (DELETE FROM people RETURNING *) FROM (PIVOT x ON city)",
    "WITH x AS (COPY people TO 'f') PIVOT people ON city",
    "MERGE INTO people USING orders ON true WHEN MATCHED THEN DELETE",
    "DROP\u200bTABLE people",
    # more than one statement
    "SELECT 1; SELECT 2",
    "SELECT 1;; DROP TABLE people",
    "PIVOT people ON city; DROP TABLE people",
    "EXPLAIN SELECT 1; DROP TABLE people",
    "SELECT 1\0; DROP TABLE people",
    "SELECT 1 /* */; /* */ SELECT 2",
    # the session and the machine
    "ATTACH 'other.duckdb'",
    "DETACH tiny",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 8",
    "RESET threads",
    "PRAGMA database_list",
    "PRAGMA enable_verification",
    "CALL pragma_version()",
    "BEGIN",
    "PREPARE q AS SELECT 1",
    "EXECUTE q",
    "SET VARIABLE x = 1",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "CONNECT 'x'",
    "CREATE SECRET (TYPE s3)",
    "SHOW DATABASES",
    "SHOW ALL TABLES",
    "SHOW VARIABLES",
    "SHOW threads",
    "UPDATE EXTENSIONS",
    "FROM enable_logging('QueryLog', storage_path := 'log')",
    "FROM enable_profiling()",
    "FROM checkpoint()",
    "FROM truncate_duckdb_logs()",
    "FROM register_external_resource('x')",
    "FROM duckdb_settings()",
    "FROM duckdb_databases()",
    "FROM pragma_database_list()",
    "FROM pragma_user_agent()",
    "FROM repeat(1, 1000000000)",
    "FROM test_all_types()",
    "FROM which_secret('x', 's3')",
    "FROM json_execute_serialized_sql('{}')",
    "SELECT sleep_ms(60000)",
    "SELECT pg_sleep(60)",
    "SELECT main.sleep_ms(1)",
    "SELECT max(sleep_ms(1)) FROM people",
    "SELECT getenv('HOME')",
    "SELECT current_setting('threads')",
    "SELECT getvariable('x')",
    "SELECT write_log('x')",
    "SELECT nextval('s')",
    "SELECT setseed(0.1)",
    "SELECT current_query()",
    "SELECT txid_current()",
    "SELECT [sleep_ms(x) FOR x IN [1]]",
    "PIVOT people ON city USING max(sleep_ms(1))",
    "PIVOT glob('*') ON file",
    "SELECT ?",
    "SELECT $1",
    "SELECT $name",
    "SELECT * FROM people LIMIT ?",
    "EXPLAIN SELECT $1",
    "PIVOT people ON city USING first($1)",
    "SELECT 1" + " + 1" * 5000,
    "SELECT '\ud800'",
]

UNKNOWN = [
    "SELECT * FROM custmers",
    "FROM sqlite_master",
    "FROM duckdb_logs",
    "FROM duckdb_tables",
    "FROM pg_catalog.pg_tables",
    "FROM system.main.people",
    "FROM other.people",
    "FROM information_schema.schemata",
    "FROM recurring.people",
    "WITH a AS (FROM b), b AS (SELECT 1) FROM a",
    "WITH t AS (SELECT 1) SELECT (SELECT 1 FROM u)",
    "SELECT * FROM (WITH x AS (SELECT 1) FROM x), x",
    "SHOW nosuch",
    "DESCRIBE nosuch",
    "PIVOT nosuch ON a",
    "WITH a AS (PIVOT duckdb_databases ON path), duckdb_databases AS (SELECT 1) FROM a",
    "SELECT * FROM people JOIN os USING (id)",
    # a CTE's name where the CTE is not in scope
    "WITH RECURSIVE t AS (SELECT 1 AS n FROM t UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL (WITH RECURSIVE u AS (FROM u UNION ALL FROM u) FROM u)) FROM t",
    "WITH RECURSIVE t(n) USING KEY (n) AS (SELECT n FROM recurring.t UNION SELECT n + 1 FROM t WHERE n < 5) FROM t",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n FROM t) FROM recurring.t",
    "WITH RECURSIVE t AS (SELECT * FROM t) FROM t",
    "WITH t AS (SELECT 1) FROM recurring.t",
    "WITH t AS (SELECT 1) FROM main.t",
    "WITH t AS (SELECT 1) FROM tiny.t",
    'WITH t AS (SELECT 1) FROM "tiny-0123456789ab".t',
    "WITH t AS (FROM t) FROM t",
    "WITH t AS MATERIALIZED (FROM t) FROM t",
    "WITH t AS NOT MATERIALIZED (SELECT 1 UNION FROM t) FROM t",
    "(WITH t AS (SELECT 1) FROM t) UNION FROM t",
    "SELECT (WITH t AS (SELECT 1) FROM t) FROM t",
    "SELECT (WITH t AS (SELECT 1) FROM t) FROM people WHERE id IN (FROM t)",
    "SELECT * FROM people p, LATERAL (WITH t AS (SELECT p.id) FROM t) q, LATERAL (FROM t) r",
    "PIVOT (WITH t AS (SELECT 1 AS x) FROM t) ON x USING (SELECT count(*) FROM t)",
    'WITH "\u212a" AS (SELECT 1) FROM k',
    "WITH ä AS (SELECT 1) FROM Ä",
    'PIVOT (WITH "\u212a" AS (SELECT 1 AS x) FROM k) ON x',
]

SYSTEM = ["duckdb_databases", "sqlite_master", "duckdb_settings()", "information_schema.schemata", '"Duckdb_Databases"', "pg_class"]
SYSTEM_READS = [
    "FROM {}",
    "SELECT (SELECT count(*) FROM {})",
    "SELECT * FROM people p WHERE EXISTS (SELECT p.id FROM {})",
    "SELECT * FROM people, LATERAL (FROM {}) x",
    "FROM people UNION ALL BY NAME FROM {}",
    "SELECT 1 ORDER BY (SELECT count(*) FROM {})",
    "SELECT 1 LIMIT (SELECT count(*) FROM {})",
    "SELECT sum(id) OVER (ORDER BY (SELECT count(*) FROM {})) FROM people",
    "SELECT [(SELECT count(*) FROM {}) FOR x IN [1]]",
    "SUMMARIZE FROM {}",
    "DESCRIBE FROM {}",
    "EXPLAIN ANALYZE FROM {}",
    "PIVOT {} ON path",
    "PIVOT (FROM {}) ON path",
    "PIVOT people JOIN {} ON true ON city",
    "PIVOT people ON city IN (SELECT path FROM {})",
    "PIVOT people ON (SELECT max(path) FROM {})",
    "PIVOT people ON city USING max((SELECT path FROM {}))",
    "UNPIVOT {} ON path",
    "WITH p AS (PIVOT people ON city) FROM {}",
    "WITH p AS (PIVOT people ON city) SELECT * FROM p, LATERAL (FROM {}) x",
    "WITH p AS (PIVOT people ON city) FROM (SUMMARIZE FROM {})",
    "WITH a AS (FROM {}) FROM a",
    "WITH a AS MATERIALIZED (FROM {}) FROM a",
    "WITH RECURSIVE a AS (FROM {} UNION ALL FROM a) FROM a",
    "WITH RECURSIVE a AS (SELECT 1 UNION ALL FROM {}) FROM a",
    "WITH RECURSIVE a(n) USING KEY (n) AS (SELECT 1 UNION FROM {}) FROM a",
    "WITH RECURSIVE {} AS (SELECT path FROM {} UNION ALL SELECT path FROM {} WHERE false) FROM {}",
    "WITH {} AS (FROM {}) FROM {}",
    "WITH {} AS (SELECT 1) FROM {}",
    "WITH {} AS (SELECT 1) SELECT * FROM (PIVOT {} ON path)",
    "SELECT * FROM (WITH {} AS (SELECT 1) FROM {}) x, {}",
    "FROM main.{}",
    "FROM system.main.{}",
    'FROM "tiny-0123456789ab".{}',
    "FROM tiny.{}",
    "FROM /* */ {} -- x",
]
PIVOT_SOURCES = [
    "people, LATERAL {} g",
    "people JOIN LATERAL {} ON true",
    "people CROSS JOIN {}",
    "people SEMI JOIN {} ON true",
    "people POSITIONAL JOIN {}",
    "people ASOF JOIN {} ON true",
    "({})",
    "(FROM {})",
    "g: {}",
    "{} WITH ORDINALITY",
    "{} TABLESAMPLE 3",
    "main.{}",
    "system.main.{}",
    "(people JOIN {} ON true)",
    "(PIVOT {} ON file)",
    "(UNPIVOT {} ON file)",
    "(SUMMARIZE FROM {})",
    "(DESCRIBE FROM {})",
    "people WHERE id IN (FROM {})",
]
FILES_IN_PIVOTS = [
    "WITH p AS (PIVOT people ON city) FROM (SUMMARIZE 'secret.csv')",
    "WITH p AS (PIVOT people ON city) FROM (DESCRIBE 'secret.csv')",
    "WITH show AS (SELECT 1) SELECT * FROM (PIVOT people ON city), (SHOW DATABASES)",
    "WITH show AS (SELECT 1) SELECT * FROM (PIVOT people ON city), (SHOW ALL TABLES)",
    "WITH p AS (PIVOT people ON city) FROM 'secret.csv'",
    "PIVOT duckdb_tables('x')\u3000ON\u00a0path",
    "PIVOT\u200bpeople ON city, \u00a0gl\u200bob",
    "PIVOT people ON city USING max(getvariable('x'))",
    "PIVOT people ON current_setting('threads')",
    "PIVOT people ON city USING max(current_query())",
    "PIVOT people ON city USING count(*); PIVOT people ON city",
    "PIVOT people ON city IN (SELECT city FROM people) USING count(*)",
]


TRIED = [read.replace("{}", table) for read in SYSTEM_READS for table in SYSTEM]
TRIED += ["SELECT * FROM (PIVOT people ON city) q, " + source.replace("{}", "glob('*')") for source in PIVOT_SOURCES]


@pytest.fixture(scope="module")
def connection(db_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with execution.open_hardened(str(db_file)) as hardened:
        execution.lock(hardened, 5)
        yield hardened


@pytest.mark.parametrize("sql", BENIGN)
def test_what_analysts_write_passes_and_runs(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    connection.execute(vetting.vet(connection, sql, CATALOGUE)).fetchmany(10)


@pytest.mark.parametrize("sql", REFUSED)
def test_what_could_do_harm_is_not_run(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises((vetting.RejectedError, duckdb.ParserException)) as caught:
        vetting.vet(connection, sql, CATALOGUE)
    message = str(caught.value)
    if isinstance(caught.value, vetting.RejectedError):
        assert "\n" not in message
        assert message.endswith(".")


@pytest.mark.parametrize("sql", TRIED + FILES_IN_PIVOTS)
def test_reads_system_tables_or_files_refused(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """By a scope that is not one, a CTE of that name, or a PIVOT, of which DuckDB gives no tree."""
    with pytest.raises((vetting.RejectedError, duckdb.ParserException)):
        vetting.vet(connection, sql, CATALOGUE)


@pytest.mark.parametrize("name", ["duc\u212adb_databases", "DUC\u212aDB_DATABASES", "\u017fqlite_master"])
def test_letters_that_only_python_folds_are_other_letters(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """The Kelvin sign is no k, and a long s no s: such a CTE is not the system's table, and does not hide it either."""
    plain = name.lower().replace("\u017f", "s")
    assert connection.execute(vetting.vet(connection, f'WITH "{name}" AS (SELECT 1) FROM "{name}"', CATALOGUE)).fetchall() == [(1,)]
    with pytest.raises(vetting.RejectedError, match="There is no table"):
        vetting.vet(connection, f'WITH "{name}" AS (SELECT 1) FROM {plain}', CATALOGUE)


def test_functions_are_denied_in_any_spelling(connection: duckdb.DuckDBPyConnection) -> None:
    for name in vetting.DENIED_FUNCTIONS:
        for spelt in (name, name.upper(), f'"{name}"', f"main.{name}", f'system.main."{name.title()}"', f"{name} /* */ "):
            for sql in (f"SELECT {spelt}('x')", f"PIVOT people ON city USING max({spelt}('x'))", f"PIVOT people ON ({spelt}(city))"):
                with pytest.raises((vetting.RejectedError, duckdb.ParserException), match=f"(?i){name}|syntax"):
                    vetting.vet(connection, sql, CATALOGUE)


def test_the_lexer_counts_bytes_of_every_letter() -> None:
    """What is put around the columns of a PIVOT must never fall inside a word."""
    for letter in map(chr, [*range(1, 0xD800), *range(0xE000, 0x11000), 0x1F600]):
        if letter not in "'\"`":
            text = f"a{letter}b '{letter}' \"{letter}\" c"
            assert duckdb.tokenize(text)[-1][0] == len(text.encode()) - 1


def test_no_cte_can_be_named_like_a_system_table(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute("SELECT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'").fetchall()
    found += connection.execute("SELECT table_name FROM duckdb_tables() WHERE internal").fetchall()
    assert ("duckdb_databases",) in found
    for (name,) in found:
        with pytest.raises(vetting.RejectedError, match="may not be named"):
            vetting.vet(connection, f"WITH {name.upper()} AS (SELECT 1) SELECT 1", CATALOGUE)


@pytest.mark.parametrize("sql", UNKNOWN)
def test_an_unknown_table_is_answered_with_the_tables(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(vetting.RejectedError, match="people, orders, paid") as caught:
        vetting.vet(connection, sql, CATALOGUE)
    assert (caught.value.outcome, caught.value.kind) == ("error", "catalog")


@pytest.mark.parametrize("sql", ["", "  \n", ";", "-- nothing", "SELEC 1", "SELECT FROM WHERE", "people?", "I do not know"])
def test_text_that_is_no_query_is_a_syntax_error(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises((vetting.RejectedError, duckdb.ParserException)) as caught:
        vetting.vet(connection, sql, CATALOGUE)
    assert isinstance(caught.value, duckdb.ParserException) or caught.value.kind == "syntax"


def test_deep_nesting_ends_in_a_refusal_or_an_error(connection: duckdb.DuckDBPyConnection) -> None:
    for sql in (
        "SELECT " + "abs(" * 900 + "1" + ")" * 900,
        "SELECT " + "[" * 900 + "]" * 900,
        "SELECT " + "(SELECT " * 400 + "1" + ")" * 400,
    ):
        with pytest.raises((vetting.RejectedError, duckdb.Error)):
            connection.execute(vetting.vet(connection, sql, CATALOGUE))


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_csv('{secret}')",
        "FROM '{secret}'",
        "SELECT * FROM read_text('{secret}')",
        "FROM glob('{folder}/*')",
        "COPY people TO '{out}'",
        "WITH x AS (COPY people TO '{out}') FROM x",
        "ATTACH '{out}'",
        "EXPORT DATABASE '{out}'",
        "INSTALL httpfs",
        "LOAD '{secret}'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET disabled_filesystems = ''",
        "RESET memory_limit",
        "SET threads = 8",
        "DELETE FROM people",
        "WITH x AS (DELETE FROM people RETURNING *) FROM x",
        "CREATE TABLE x (a INT)",
        "DROP TABLE people",
        "FROM enable_logging('QueryLog', storage_path := '{out}')",
        "FROM secret_frame",
        "FROM histogram('{secret}', a)",
    ],
)
def test_the_settings_alone_stop_files_writes_and_settings(db_file: Path, tmp_path: Path, sql: str) -> None:
    """The second fence: the same connection without vetting in front of it."""
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(before := db_file.read_bytes())
    secret_frame = [(1,)]
    (tmp_path / "secret.csv").write_text("a\nforbidden\n")
    text = sql.format(secret=tmp_path / "secret.csv", folder=tmp_path, out=tmp_path / "out")
    with execution.open_hardened(str(copy)) as hardened:
        execution.lock(hardened, 5)
        with pytest.raises(duckdb.Error) as caught:
            hardened.execute(text)
    assert "forbidden" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert copy.read_bytes() == before
    assert secret_frame


def test_functions_with_side_effects_are_all_decided_on() -> None:
    """A new DuckDB may bring new ones: decide on each, then extend this list or the deny-list."""
    harmless = {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "error"}
    with duckdb.connect() as plain:
        found = plain.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE has_side_effects").fetchall()
        tables = plain.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'").fetchall()
    assert {name for (name,) in found} - vetting.DENIED_FUNCTIONS == harmless
    assert {name for (name,) in tables} >= vetting.TABLE_FUNCTIONS, "an allowed table function has gone"
