"""Rows of JSON, JSONL, CSV and Parquet files as their authors publish them, and the schemas that Spider and BIRD write as JSON."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nl2sql_arena.database import read_parquet
from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import Column, ForeignKey, Table

Row = Mapping[str, Any]
SPIDER_TYPES = {"number": "DOUBLE", "boolean": "VARCHAR", "time": "VARCHAR", "text": "VARCHAR"}


def records(path: Path) -> Iterator[Row]:
    """The rows of a JSON, JSONL, CSV or Parquet file. Raises BadInput naming the file, and the line of a JSONL."""
    if path.suffix == ".parquet":
        yield from read_parquet(path)
        return
    try:
        if path.suffix == ".csv":
            csv.field_size_limit(10_000_000)
            with path.open(encoding="utf-8", newline="") as lines:
                yield from csv.DictReader(lines)
            return
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise BadInput(f"{path} cannot be read ({problem}); give the file as its authors publish it.") from problem
    if path.suffix == ".jsonl" or text.lstrip().startswith("{"):
        yield from (_object(line, path, number) for number, line in enumerate(text.split("\n"), 1) if line.strip())
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadInput(f"{path} is not JSON ({problem}); download it again.") from problem
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadInput(f"{path} is not a list of objects; give the file as its authors publish it.")
    yield from found


def _object(line: str, path: Path, number: int) -> Row:
    try:
        row: Row = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise BadInput(f"{path} line {number} is not JSON ({problem}); correct or remove it.") from problem
    if not isinstance(row, dict):
        raise BadInput(f"{path} line {number} is not an object; correct or remove it.")
    return row


def schema(row: Row) -> list[Table]:
    """One database of a tables.json. Raises BadInput."""
    try:
        columns = [(table, str(name), kind) for (table, name), kind in zip(row["column_names_original"], row["column_types"], strict=True)]
        primary = {index for keys in row["primary_keys"] for index in (keys if isinstance(keys, list) else [keys])}
        names = [str(name) for name in row["table_names_original"]]
        keys = [
            (columns[mine][0], ForeignKey((columns[mine][1],), names[columns[theirs][0]], (columns[theirs][1],)))
            for mine, theirs in row["foreign_keys"]
        ]
        return [
            Table(
                name,
                tuple(Column(each, SPIDER_TYPES.get(kind, "VARCHAR")) for table, each, kind in columns if table == number),
                tuple(columns[index][1] for index in sorted(primary) if columns[index][0] == number),
                tuple(key for table, key in keys if table == number),
            )
            for number, name in enumerate(names)
        ]
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        name = row.get("db_id")
        raise BadInput(f"The schema of '{name}' is not as Spider and BIRD write it ({problem}); download it again.") from problem
