"""Model folders whose models answer from a table; what they say exercises every outcome."""

from pathlib import Path

from tests.scripted_model import write_scripted

LEFT, RIGHT, SMALL, REAL, BASELINE, BROKEN = "left", "right", "small", "big-real", "baseline", "broken"
ANSWERS = {
    "How many customers live in Germany?": "SELECT COUNT(*) FROM customers WHERE country = 'Germany'",
    "Who lives on the moon?": "SELECT first_name FROM customers WHERE country = 'Moon'",
    "Say something unparsable": "SELECT FROM WHERE",
    "Use a table that is missing": "SELECT nothing FROM nowhere",
    "Compare apples and dates": "SELECT joined_on::INTEGER FROM customers",
    "Throw everything away": "DROP TABLE customers",
    "Count for ever": "SELECT SUM(SIN(a.id * b.id + c.id)) FROM orders a, orders b, orders c",
    "Talk without end": "SELECT 1" + " + 1" * 200,
    "Give up in words": "I do not know.",
    "Give up as a query": "SELECT 'I do not know'",
    "Say nothing at all": " ",
    "List the order numbers": "SELECT id FROM orders ORDER BY id",
    "Explain it at length": 'Here is the query:\nSELECT COUNT(*) FROM customers WHERE country = "Germany"; That is it.',
    "Divide pieces by two": "SELECT stock / 2 AS half FROM products WHERE id = 7",
}


def write_model(
    folder: Path, name: str, kind: str = "mini", dialect: str = "duckdb", context: int = 16384, answers: dict[str, str] | None = None
) -> None:
    known = ANSWERS if answers is None else answers
    write_scripted(folder, name, None if name == BROKEN else known, kind=kind, dialect=dialect, context=context, longest=100)


def write_models(folder: Path) -> Path:
    write_model(folder, LEFT)
    write_model(folder, RIGHT, dialect="postgres")
    write_model(folder, SMALL, context=140)
    write_model(folder, REAL, kind="real")
    write_model(folder, BASELINE, kind="baseline")
    write_model(folder, BROKEN)
    return folder
