"""What every trainer reads, whatever it came from: a question, the schema it is about, and the query that answers it."""

from dataclasses import dataclass

from nl2sql_arena.types import Schema


@dataclass(frozen=True)
class TrainingPair:
    """One question with its DuckDB query (no trailing semicolon); `source` names the data set or generator that it comes from."""

    question: str
    sql: str
    schema: Schema
    source: str
