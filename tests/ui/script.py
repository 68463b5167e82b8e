"""What the scripted pair says. Each question below shows one thing that a visitor may meet."""

import json
from pathlib import Path

SAMPLE_DBS = Path(__file__).resolve().parents[2] / "sample_dbs"
DATABASES = ("clinic", "shop")
PAIR = ("buffalo", "antelope")
"""Long names: those of four letters stand in a random ticket by chance."""
TITLES = {"buffalo": "Buffalo the First", "antelope": "Antelope the Second"}
FAILURE = "The graphics card went away."
WORDS = "which should please the dear visitor"

PLAIN = "How many customers are there in each country?"
SAME = "Count the orders"
LONG = "List every customer"
BIG = "Show numbers beyond 64 bits"
ODD = "Show odd values"
LOOP = "Count without end"
SLOW = "Take your time over the orders"
BROKEN = "Count the customers if you can"

ROWS = [json.loads(line) for db in DATABASES for line in (SAMPLE_DBS / db / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
GOLDS = {row["question"]: row["gold_sql"][0] for row in ROWS if row["gold_sql"]}
"""The first of the pair knows them, the second says that it does not know."""
ANSWERS = {
    "buffalo": GOLDS
    | {
        PLAIN: "SELECT country, COUNT(*) AS customers FROM customers GROUP BY country ORDER BY customers DESC, country",
        SAME: "SELECT COUNT(*) FROM orders",
        LONG: "SELECT * FROM customers",
        BIG: "SELECT SUM(v)::HUGEINT AS big, 9007199254740993 AS exact FROM (SELECT 170141183460469231731687303715884105727 AS v)",
        ODD: "SELECT NULL AS a, '' AS a, 'NaN'::DOUBLE AS b, [1, NULL] AS l, TRUE AS t, "
        "'<img src=x onerror=\"window.hacked=1\"><b>bold</b>' AS h",
        LOOP: "SELECT COUNT(*) FROM customers a, customers b, customers c, customers d "
        "WHERE (a.id * 7 + b.id * 11 + c.id * 13 + d.id * 17) % 1013 = 1",
        SLOW: "SELECT " + " + ".join(["1"] * 300),
        BROKEN: "SELECT COUNT(*) FROM customers",
    },
    "antelope": {
        PLAIN: 'SELECT c.country FROM customers AS c WHERE c.country = "Germany"',
        SAME: f"SELECT COUNT(id) AS n FROM orders;\n\nThis counts the orders, {WORDS}.",
        LONG: "SELECT id FROM customers WHERE id < 0",
        BIG: "SELECT nothing FROM nowhere",
        ODD: "DROP TABLE customers",
        LOOP: "SELECT 1 AS one",
        SLOW: "SELECT " + " + ".join(["2"] * 300),
        BROKEN: "SELECT COUNT(*) FROM customers",
    },
}
