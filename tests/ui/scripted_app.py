"""The real app on a scripted pair: `python tests/ui/scripted_app.py DATA_FOLDER PORT`. What is scripted is only the models' words."""

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import app
from nl2sql_arena.settings import load

QUESTION = "How many customers are there in each country?"
BIG = "Show a number beyond 64 bits"
ODD = "Show odd values"
SAME = "Count the orders"
ANSWERS = {
    "left": {
        QUESTION: "SELECT country, COUNT(*) AS customers FROM customers GROUP BY country ORDER BY customers DESC, country",
        BIG: "SELECT SUM(v)::HUGEINT AS big, 9007199254740993 AS exact FROM (SELECT 170141183460469231731687303715884105 AS v)",
        ODD: "SELECT NULL AS a, '' AS a, 'NaN'::DOUBLE AS b, [1, 2] AS l, '<b>x</b>' AS h",
        SAME: "SELECT COUNT(*) FROM orders",
        "loop": "SELECT COUNT(*) FROM range(10000000000) a, range(10000000000) b",
    },
    "right": {
        QUESTION: 'SELECT c.country FROM customers AS c WHERE c.country = "Germany"',
        BIG: "SELECT nothing FROM nowhere",
        ODD: "DROP TABLE customers",
        SAME: "Here you are:\n```sql\nSELECT COUNT(id) AS n FROM orders;\n```",
        "loop": "SELECT 1",
    },
}
CARD = """name = "{name}"
title = "Scripted {name}"
kind = "mini"
family = "script"
backend = "scripted"
format = "phi2-sql"
dialect = "{dialect}"
base = {{ id = "answers.json" }}
context = 16384
licence = "Apache-2.0"
notes = "For tests."
"""


def write_models(folder: Path) -> None:
    for name, dialect in (("left", "duckdb"), ("right", "postgres")):
        home = folder / f"scripted-{name}"
        home.mkdir(parents=True, exist_ok=True)
        (home / "answers.json").write_text(json.dumps(ANSWERS[name]))
        (home / "card.toml").write_text(CARD.format(name=home.name, dialect=dialect))


if __name__ == "__main__":
    data = Path(sys.argv[1])
    write_models(data / "models")
    chosen = ("scripted-left", "scripted-right")
    app.main(replace(load(), data=data, models=data / "models", port=int(sys.argv[2]), chosen_models=chosen))
