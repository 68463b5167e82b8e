"""What a query does, in plain sentences: the wording itself, that nothing is lost or guessed, and that hostile text does no harm."""

import json
import re
from collections.abc import Iterator

import pytest
from sqlglot import exp, parse_one

from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.settings import ROOT
from nl2sql_arena.steps import LONGEST, UNSPOKEN, steps
from nl2sql_arena.types import Part

GOLDEN = (ROOT / "tests" / "golden" / "steps.txt").read_text(encoding="utf-8")
BLOCKS = [block.split("\n") for block in GOLDEN.strip().split("\n\n")]


def written(parts: tuple[Part, ...] | None) -> list[str]:
    """As the golden file has it: a part's name in brackets, then its sentences."""
    lines: list[str] = []
    for part in parts or ():
        if part.name or len(parts or ()) > 1:
            lines.append(f"[{part.name}{', anew' if part.anew else ''}]")
        lines += part.sentences
    return lines


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[0][2:60])
def test_the_sentences_are_as_agreed(block: list[str]) -> None:
    assert written(steps(block[0].removeprefix("> "))) == block[1:]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "select p.brand, count(*) n from products p where not p.brand is null group by 1 order by n desc",
            'SELECT x."brand", COUNT(*) AS n\nFROM products x\nWHERE (x.brand IS NOT NULL)\nGROUP BY x.brand ORDER BY n DESC NULLS LAST;',
        ),
        ("SELECT a FROM t WHERE x != 1 AND (y = 2 AND z = 3)", "FROM t SELECT a WHERE x <> 1 AND y = 2 AND (z = 3)"),
        ("SELECT (a + b) + c, (a * b) / c FROM t", "SELECT a + b + c, a * b / c FROM t"),
        ("SELECT CAST(a AS INTEGER) FROM t INNER JOIN u ON t.i = u.i", "SELECT a::INT FROM t JOIN u ON (t.i = u.i) -- a remark"),
    ],
)
def test_the_same_query_in_another_style_gets_the_same_words(one: str, other: str) -> None:
    assert written(steps(one)) == written(steps(other)) != []


def golds() -> Iterator[str]:
    for path in sorted((ROOT / "sample_dbs").glob("*/questions.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield from json.loads(line)["gold_sql"]


def test_no_column_table_or_value_of_a_query_is_passed_over() -> None:
    checked = 0
    for sql in golds():
        text = " ".join(written(steps(sql))).lower()
        for node in parse_one(sql, read="duckdb").find_all(exp.Column, exp.Table, exp.Literal):
            if isinstance(node.this, exp.Star) or isinstance(node.parent, exp.Ordered | exp.Group):
                continue
            told = re.split("[%$]", node.name.strip("%").lower())
            assert isinstance(node.parent, exp.TimeToStr) or all(each in text for each in told), f"{node.name} of {sql}"
            checked += 1
    assert checked > 3_000


@pytest.mark.parametrize(
    ("sql", "quoted"),
    [
        ("SELECT my_function(a) FROM t", "MY_FUNCTION(a)"),
        ("SELECT a FROM t GROUP BY CUBE(a)", "CUBE (a)"),
        ("SELECT a FROM t USING SAMPLE 10%", "10 PERCENT"),
        ("SELECT a FROM t ASOF JOIN u ON t.x >= u.x", "ASOF"),
        ("SELECT a FROM t WHERE b LIKE 'x!%' ESCAPE '!'", "ESCAPE"),
        ("SELECT sum(a) OVER (ORDER BY b GROUPS 2 PRECEDING) FROM t", "GROUPS"),
        ("SELECT a FROM t LIMIT 10%", "PERCENT"),
        ("SELECT * REPLACE (a + 1 AS a) FROM t", "REPLACE"),
        ("SELECT a FROM t, UNNEST(t.xs) AS u(x)", "UNNEST"),
        ("SELECT a FROM t AS s(a, b)", "s(a, b)"),
        ("SELECT a FROM t ORDER BY a COLLATE nocase", "COLLATE"),
        ("SELECT a FROM read_csv('x.csv')", "READ_CSV"),
        ("SELECT quantile_cont(a, 0.5) FROM t", "0.5"),
    ],
)
def test_what_has_no_words_is_quoted_and_said_to_have_none(sql: str, quoted: str) -> None:
    lines = written(steps(sql))
    assert any(quoted in line and "(in SQL: `" in line for line in lines), lines
    assert lines[-1] == UNSPOKEN


@pytest.mark.parametrize(
    "text", ["", "DROP TABLE t", "SELECT FROM WHERE", "I do not know", "PIVOT t ON a USING sum(b)", "SELECT 1 +" + " 1 +" * LONGEST + " 1"]
)
def test_what_is_no_query_here_has_no_steps(text: str) -> None:
    assert steps(text) is None


def test_marks_and_markup_in_names_do_not_break_out() -> None:
    lines = written(steps("SELECT \"a`b<i>\" FROM t WHERE x = '`c`'"))
    assert "`a'b<i>`" in lines[-1]
    assert sum(line.count("`") for line in lines) % 2 == 0


def test_a_query_of_a_model_is_read_in_the_sandbox(sandbox: Sandbox) -> None:
    told = sandbox.steps("WITH a AS (SELECT 1 AS x) SELECT x FROM a")
    assert told == steps("WITH a AS (SELECT 1 AS x) SELECT x FROM a")
    assert told is not None
    assert [part.name for part in told] == ["a", ""]
    assert sandbox.steps("DROP TABLE t") is None


@pytest.mark.parametrize(
    "text", ["SELECT " + "(a).b" * 700, "SELECT " + "(" * 1900, "SELECT " + "NOT " * 900 + "1"], ids=["fields", "brackets", "nots"]
)
def test_text_that_breaks_the_parser_costs_only_its_own_steps(hasty: Sandbox, text: str) -> None:
    told = hasty.steps(text)
    assert told is None or told[-1].name == ""
    assert hasty.steps("SELECT 1") is not None
