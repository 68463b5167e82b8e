"""What the gate makes of databases and texts that are odd. All rows here are invented."""

import json
import sqlite3
from pathlib import Path

from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training.sets.gate import judged
from nl2sql_arena.training.sets.loaders import Collection, Published


def sqlite_file(path: Path, column: str) -> Path:
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE t ({column} INT)")
    connection.close()
    return path


def test_databases_whose_names_look_alike_stay_two(tmp_path: Path, sandbox: Sandbox) -> None:
    files = {"a": sqlite_file(tmp_path / "one" / "shop_1.sqlite", "a"), "b": sqlite_file(tmp_path / "two" / "Shop-1.sqlite", "b")}
    rows = [Published(f"Which {name}?", f"SELECT {name} FROM t", sqlite=path) for name, path in files.items()]
    found = list(judged("set", Collection(rows, ("duckdb",)), rows, sandbox, 1, tmp_path / "work"))
    assert [each.reason for each in found] == ["", ""]
    assert len({each.schema.db for each in found}) == len({each.file for each in found}) == 2


def test_half_a_character_in_a_question_does_not_stop_a_tokenizer(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [Published(json.loads('"How many\\ud83d?"'), "SELECT COUNT(*) FROM t", "CREATE TABLE t (a INT)")]
    (found,) = judged("set", Collection(rows, ("duckdb",)), rows, sandbox, 1, tmp_path)
    assert found.question.encode() == b"How many??"
