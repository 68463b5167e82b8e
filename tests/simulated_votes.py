"""A store full of simulated votes, for tests of what is made of votes and for looking at pages. No such vote is ever shipped."""

import random
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nl2sql_arena.benchmark import runs
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.runs import Contestant, Measured
from nl2sql_arena.database import Database
from nl2sql_arena.types import Answer, Battle, Completion, Example, Execution, Generation, Kind, Prepared, Prompt, Score, Winner
from nl2sql_arena.votes import Store
from nl2sql_arena.votes.study import Seat

START = datetime(2026, 11, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """One simulated vote: two (model, revision, sql), what was asked and what the voter said."""

    a: tuple[str, str, str]
    b: tuple[str, str, str]
    winner: Winner
    voter: str
    example: Example
    profile: str = "real"
    blind: bool = True
    chosen: str = "random"
    difference: str = "different"
    content: str = ""
    typed: str = ""
    seconds: float = 30.0
    study: str = ""


def answer(model: str, sql: str, example: Example) -> Answer:
    completion = Completion("b", model, f"{sql};", 300, 40, 0.1, 0.9, "stop")
    ran = Execution("ok", rows=((1,),), row_count=1)
    prompt = Prompt(f"-- {example.db}\n", f"-- {example.question}\nSELECT")
    return Answer("b", model, example.db, example.question, prompt, completion, Prepared(sql, sql), ran, "fp32 on cpu", 1.2)


def fill(path: Path, votes: Iterable[Said]) -> Store:
    """A store with these votes, some minutes apart from each other."""
    store = Store(path)
    moments = []
    for number, said in enumerate(votes):
        name, example = f"battle-{number:05}", replace(said.example, question=said.typed or said.example.question)
        battle = Battle(
            name, example.question, example.db, "" if said.typed else example.id, "" if said.typed else example.split,
            blind=said.blind, profile=said.profile, a=answer(said.a[0], said.a[2], example), b=answer(said.b[0], said.b[2], example),
        )  # fmt: skip
        seat = Seat(said.study, "", 1, said.voter) if said.study else None
        token = store.add_battle(battle, said.voter, said.chosen, (said.a[1], said.b[1]), said.difference, said.content, seat=seat)
        store.vote(name, said.winner, said.voter, token)
        shown = START + timedelta(minutes=7 * number)
        moments.append((shown.isoformat(), (shown + timedelta(seconds=said.seconds)).isoformat(), name))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("UPDATE battles SET created = ? WHERE id = ?", [(shown, name) for shown, _, name in moments])
        connection.executemany("UPDATE events SET created = ? WHERE battle_id = ?", [(voted, name) for _, voted, name in moments])
    return store


def crowd(
    databases: Sequence[Database],
    models: Sequence[tuple[str, str]],
    votes: int,
    seed: int = 7,
    skills: Sequence[float] = (0.75, 0.55, 0.4),
    **changes: object,
) -> list[Said]:
    """Votes of some dozens of voters, most of whom see which answer is right, on answers that are right at the rate of a skill."""
    rng = random.Random(seed)
    examples = [
        (each, database.content) for database in databases for each in database.examples() if each.split == "arena" and each.gold_sql
    ]
    made = []
    for _ in range(votes):
        example, content = rng.choice(examples)
        (first, one), (second, other) = rng.sample(list(zip(models, skills, strict=False)), 2)
        right = rng.random() < one, rng.random() < other
        wrong = rng.choice([each for each, _ in examples if each.db == example.db and each.id != example.id]).gold_sql[0]
        sql = [example.gold_sql[0] if each else wrong for each in right]
        if right[0] == right[1]:
            winner: Winner = rng.choices(("tie", "both_bad", "model_a", "model_b"), (4, 1, 1, 1) if right[0] else (1, 4, 1, 1))[0]
        else:
            winner = "model_a" if right[0] == (rng.random() < 0.85) else "model_b"
        said = Said(
            a=(*first, sql[0]), b=(*second, sql[1]), winner=winner, voter=f"voter-{int(rng.paretovariate(0.8)) % 41:02}", example=example,
            chosen=rng.choice(("random", "differing", "differing", "control" if rng.random() < 0.2 else "random")), content=content,
            difference="same" if right[0] and right[1] and rng.random() < 0.6 else "different", seconds=rng.choice((1.2, 12, 25, 40, 80)),
        )  # fmt: skip
        made.append(replace(said, **changes))
    return made


def kept_run(
    folder: Path, examples: Sequence[Example], skills: Mapping[tuple[str, str], float], kind: Kind = "real", seed: int = 3
) -> None:
    """A run's file as `bench run` keeps it: each (model, revision) is right at the rate of its skill."""
    rng = random.Random(seed)
    who = tuple(Contestant(name, name, kind, "Apache-2.0", "mini", revision, "fp32 on cpu", Generation(160)) for name, revision in skills)
    about = Measured(
        name=f"2026-11-27-1200-dev-{len(list(folder.glob('*'))):06}", at=f"2026-11-27T12:{len(list(folder.glob('*'))):02}:00+00:00",
        dataset="all", dataset_hash="0123456789ab", split="dev", questions=len(examples), chosen="", databases=("shop",), scorer="strict",
        hardware="a test machine", libraries={"duckdb": "1.0"}, contestants=who,
    )  # fmt: skip
    results = [
        Result(each, None, answer(name, each.gold_sql[0], each), Score(float(right), "match" if right else "rows"))
        for (name, _), skill in skills.items()
        for each in examples
        for right in [rng.random() < skill]
    ]
    list(runs.kept(folder, about, results))
