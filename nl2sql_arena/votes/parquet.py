"""Rows as a Parquet file, by DuckDB, which is there anyway. The rows are data throughout: no text in them is read as SQL."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
EMPTY = "BOOLEAN"
"""The type of a column without any value: only what voters say of a side, right or wrong, may be empty throughout."""


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A file with one column for each key of the rows, which all have the same; values are bool, int (64 bits), float, str or None."""
    types = {name: _type({type(row[name]) for row in rows}) for name in rows[0]}
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        source, target = Path(folder, "rows.jsonl"), Path(folder, "rows.parquet")
        with source.open("w", encoding="utf-8", errors="replace") as lines:
            lines.writelines(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
        read = connection.read_json(str(source), columns=types, format="newline_delimited", maximum_object_size=1 << 28)
        read.write_parquet(str(target), compression="zstd")
        return target.read_bytes()


def _type(found: set[type]) -> str:
    kinds = found - {type(None)}
    if kinds == {int, float}:
        return TYPES[float]
    return TYPES[kinds.pop()] if kinds else EMPTY
