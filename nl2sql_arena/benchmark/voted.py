"""Votes of the store as ballots: with level and category of their questions and, where asked for, the verdict on both answers.

A verdict needs the battle's very database and the question's gold. Each answer is judged once: models decode greedily, so that many votes
are on few answers, and verdicts are kept in the data folder (`verdicts`).
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nl2sql_arena.benchmark.runner import score
from nl2sql_arena.benchmark.scorers import SCORERS, once
from nl2sql_arena.benchmark.verdicts import Verdicts
from nl2sql_arena.difficulty import level
from nl2sql_arena.services import Services
from nl2sql_arena.types import SCORE, Answer, Completion, Example, Execution, Prepared, Prompt, Score
from nl2sql_arena.votes.ballots import Ballot, Verdict
from nl2sql_arena.votes.reading import ballot

Row = Mapping[str, Any]
RULES = ("strict", "relaxed")
KEPT = "verdicts.jsonl"
UNANSWERABLE = "unanswerable"
"""The level of a question whose right answer is to abstain."""


class Reader:
    """Reads votes; remembers the verdicts that it has found. Safe to use from several threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known = Verdicts(services.settings.data / KEPT, RULES)
        self._examples: dict[str, dict[str, Example]] = {}
        self._lock = threading.Lock()

    def ballots(self, rows: Iterable[Row]) -> list[Ballot]:
        """Without verdicts, so that no query is run."""
        return [self._ballot(row, ()) for row in rows]

    def judged(self, rows: Iterable[Row], ended: Callable[[], bool] = lambda: False) -> Iterator[Ballot]:
        """With the verdicts of `RULES` where the question has golds; runs each query that was not judged before, one after another."""
        run_gold = once(self._services.engine.run)
        for row in rows:
            if ended():
                return
            example = self.example(row)
            sides = [self._scores(example, row, side, run_gold) for side in "ab"] if example else []
            yield self._ballot(row, [_verdict(*each) for each in zip(RULES, *sides, strict=True)] if sides else ())

    def with_gold(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """The rows with `gold_a`, `gold_b` (right, wrong, or empty: no verdict) and a `gold_reason_` of each, by the strict rule."""
        given = list(rows)
        return [{**row, **_gold(each)} for row, each in zip(given, self.judged(given), strict=True)]

    def example(self, row: Row) -> Example | None:
        """The question of a vote as the benchmark knows it; None for a typed one, and for one of another database of that name."""
        database = self._services.databases.get(row["db"])
        if database is None or not row["example_id"] or row["db_content"] not in ("", database.content):
            return None
        with self._lock:
            known = self._examples.setdefault(row["db"], {each.id: each for each in database.examples()})
        found = known.get(row["example_id"])
        return found if found and found.question.strip() == row["question"].strip() else None

    def _ballot(self, row: Row, verdicts: Iterable[Verdict]) -> Ballot:
        example = self.example(row)
        hard = "" if example is None else level(example.gold_sql[0]) if example.gold_sql else UNANSWERABLE
        return ballot(row, self._services.cards, hard, example.category if example else "", verdicts)

    def _scores(self, example: Example, row: Row, side: str, run_gold: Callable[[str, str], Execution]) -> tuple[Score, ...]:
        """One for each rule."""
        content = self._services.databases[row["db"]].content
        key = self._known.key(content, example, row[f"outcome_{side}"], row[f"sql_{side}"])
        known = self._known.get(key)
        if known is None:
            answer = _answer(example, row, side, self._services)
            found = tuple(score(example, answer, run_gold, SCORERS[rule]) for rule in RULES)
            if any(each.reason == "infrastructure" for each in found):
                return found  # our own failure: tried again next time
            self._known.add(key, found)
            return found
        return known


def _answer(example: Example, row: Row, side: str, services: Services) -> Answer:
    """What the side answered, run again without the display's cuts where it is a query that ran."""
    sql, outcome = row[f"sql_{side}"], row[f"outcome_{side}"]
    ran = services.engine.run(example.db, sql, SCORE) if outcome in ("ok", "empty") else Execution(outcome)
    name = row[f"model_{side}"]
    written = Completion(example.id, name, "", 0, 0, 0.0, 0.0, "stop")
    return Answer(example.id, name, example.db, example.question, Prompt("", ""), written, Prepared(sql, sql), ran)


def _verdict(rule: str, a: Score, b: Score) -> Verdict:
    return Verdict(rule, _right(a), _right(b), a.reason, b.reason)


def _gold(ballot: Ballot) -> dict[str, str]:
    told = next((each for each in ballot.verdicts if each.rule == "strict"), Verdict("strict", None, None))
    words = {True: "right", False: "wrong", None: ""}
    return {
        "gold_a": words[told.right_a], "gold_b": words[told.right_b], "gold_reason_a": told.reason_a, "gold_reason_b": told.reason_b,
    }  # fmt: skip


def _right(found: Score) -> bool | None:
    return None if found.value is None else found.value == 1.0
