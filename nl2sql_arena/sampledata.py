"""Tools for the seeded generators of the sample databases (`sample_dbs/<name>/generate.py`).

A generator is one function `generate(seed) -> Data`; `main` turns it into a command that writes one CSV file a table.
The same seed gives the same bytes on every supported Python. Not covered: loading the files, which `database` does.
"""

import argparse
import csv
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

Cell = None | bool | int | float | Decimal | str | date | datetime
Data = dict[str, tuple[Sequence[str], list[tuple[Cell, ...]]]]
"""Table name -> (column names, rows), referenced tables first."""

NULL = r"\N"
T = TypeVar("T")

FIRST_NAMES = (
    "Amélie", "Noah", "Zoë", "Mateo", "Sofía", "Liam", "Aaliyah", "Björn", "Søren", "Yuki", "Haruto", "Mei", "Wei", "Xiu Ying",
    "Priya", "Arjun", "Ananya", "Rahul", "Fatima", "Omar", "Layla", "Yusuf", "Chloé", "René", "José", "María José", "João", "Inês",
    "Łukasz", "Zofia", "Jiří", "Žofie", "Dmitri", "Olena", "Aino", "Eero", "Siobhán", "Seán", "D'Andre", "Grace", "Emma", "Olivia",
    "James", "William", "Anna", "Maria", "David", "Sarah", "Nguyễn", "Linh", "Kwame", "Ama", "Chidi", "Ngozi", "Thabo", "Lerato",
    "Ahmet", "Elif", "Kiri", "Tane", "Mary Ann", "Jean-Luc", "Øystein", "Ingrid",
)  # fmt: skip
LAST_NAMES = (
    "O'Brien", "O'Neill", "D'Angelo", "García", "Fernández", "Muñoz", "da Silva", "dos Santos", "van der Berg", "de Vries", "Müller",
    "Schröder", "Weiß", "Kowalski", "Wójcik", "Novák", "Dvořák", "Ivanova", "Shevchenko", "Virtanen", "Johansson", "Sørensen",
    "Ødegård", "Nguyen", "Trần", "Tanaka", "Sato", "Kim", "Park", "Chen", "Wang", "Li", "Zhang", "Patel", "Sharma", "Singh", "Khan",
    "Hussain", "Haddad", "Yılmaz", "Öztürk", "Okafor", "Adeyemi", "Mensah", "Dlamini", "Nkosi", "Smith", "Johnson", "Brown",
    "Williams", "Jones", "Taylor", "Martin", "Dubois", "Lefèvre", "Rossi", "Bianchi", "Papadopoulos", "Cohen", "Levi", "MacDonald",
    "Te Rangi",
)  # fmt: skip


def pick(rng: random.Random, weighted: dict[T, float]) -> T:
    """One key drawn with its weight."""
    return rng.choices(list(weighted), weights=list(weighted.values()))[0]


def skewed(rng: random.Random, n: int, power: float = 2.0) -> int:
    """An index in 0..n-1 where small ones are much more frequent (density falls as a power of the rank)."""
    return min(n - 1, int(n * rng.random() ** power))


def maybe(rng: random.Random, value: T, null_rate: float) -> T | None:
    """The value, or None with probability `null_rate`."""
    return None if rng.random() < null_rate else value


def day(rng: random.Random, first: date, last: date) -> date:
    """A date between two dates, both included."""
    return first + timedelta(days=rng.randrange((last - first).days + 1))


def money(rng: random.Random, low: float, high: float) -> Decimal:
    """An amount with two decimals, small ones more frequent (log-uniform)."""
    return Decimal(str(round(low * (high / low) ** rng.random(), 2))).quantize(Decimal("0.01"))


def person(rng: random.Random) -> tuple[str, str]:
    """First and last name, from many cultures; the front of each list is no more frequent than its end."""
    return rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)


def text(cell: Cell) -> str:
    """The CSV text of one cell."""
    if cell is None:
        return NULL
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="seconds")
    return str(cell)


def write(data: Data, folder: Path) -> None:
    """Write `<table>.csv` for each table: UTF-8, header, comma, NULL as in `NULL`."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, (columns, rows) in data.items():
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([text(cell) for cell in row] for row in rows)


def main(generate: Callable[[int], Data], folder: Path) -> None:
    """The command line of a generator: `generate.py [--seed N] [--out DIR]`."""
    parser = argparse.ArgumentParser(description="Write this database's data files.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=folder / "data")
    options = parser.parse_args()
    write(generate(options.seed), options.out)
