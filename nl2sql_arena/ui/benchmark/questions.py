"""A run's answers by question: filtered, and a page at a time. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nl2sql_arena.benchmark.metrics import leveled
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.difficulty import FEATURES, Axis, features
from nl2sql_arena.types import LEVELS, Example, Level

PAGE = 25
"""Questions that the page lists at once."""
UNANSWERABLE = "unanswerable"
VERDICTS = {
    "": "All verdicts",
    "only_a": "A right, B wrong",
    "only_b": "A wrong, B right",
    "both": "Both right",
    "neither": "Neither right",
    "unscored": "Not scored for A or B",
}
"""How A's and B's verdicts may stand to each other, in words."""


@dataclass(frozen=True)
class Wanted:
    """A filter; what is empty does not filter. `level` may be `unanswerable`; `text` is looked for in question, id, golds and answers."""

    verdict: str = ""
    level: str = ""
    db: str = ""
    feature: str = ""
    text: str = ""


@dataclass(frozen=True)
class Question:
    """One question with each contestant's result, as far as there is one."""

    example: Example
    level: Level | None
    results: Mapping[str, Result]

    @property
    def key(self) -> str:
        return key_of(self.example)


def key_of(example: Example) -> str:
    """What tells a question from the others of its run."""
    return f"{example.db}/{example.id}"


def grouped(results: Sequence[Result], axis: Axis) -> list[Question]:
    """The questions by database and id; levels by the axis."""
    found: dict[tuple[str, str], dict[str, Result]] = {}
    for each in leveled(results, axis):
        found.setdefault((each.example.db, each.example.id), {})[each.answer.model] = each
    firsts = [(next(iter(by_model.values())), by_model) for by_model in found.values()]
    return sorted((Question(first.example, first.level, by_model) for first, by_model in firsts), key=lambda each: each.key)


def matching(questions: Sequence[Question], wanted: Wanted, a: str, b: str) -> list[Question]:
    return [each for each in questions if _matches(each, wanted, a, b)]


def _matches(question: Question, wanted: Wanted, a: str, b: str) -> bool:
    example = question.example
    texts = [example.question, example.id, *example.gold_sql, *(each.answer.prepared.sql for each in question.results.values())]
    return (
        (not wanted.verdict or standing(question, a, b) == wanted.verdict)
        and (not wanted.level or (question.level or UNANSWERABLE) == wanted.level)
        and (not wanted.db or example.db == wanted.db)
        and (not wanted.feature or wanted.feature in features_of(example))
        and (not wanted.text.strip() or any(wanted.text.strip().lower() in text.lower() for text in texts))
    )


def standing(question: Question, a: str, b: str) -> str:
    """Which of VERDICTS; empty while one of the two has not answered. Without a B, it is told by A alone."""
    names = [name for name in (a, b) if name]
    if not names or any(name not in question.results for name in names):
        return ""
    values = [question.results[name].score.value for name in names]
    if None in values:
        return "unscored"
    right = (values[0] == 1.0, values[-1] == 1.0)
    return {(True, True): "both", (True, False): "only_a", (False, True): "only_b", (False, False): "neither"}[right]


def features_of(example: Example) -> frozenset[str]:
    """Of the first gold."""
    return _features(example.gold_sql[0]) if example.gold_sql else frozenset()


@lru_cache(maxsize=8192)
def _features(sql: str) -> frozenset[str]:
    return frozenset(features(sql))


def levels_in(questions: Sequence[Question]) -> list[str]:
    """The levels that occur, easiest first."""
    found = {each.level or UNANSWERABLE for each in questions}
    return [name for name in (*LEVELS, UNANSWERABLE) if name in found]


def features_in(questions: Sequence[Question]) -> list[str]:
    found = {name for each in questions for name in features_of(each.example)}
    return [name for name in FEATURES if name in found]


def databases_in(questions: Sequence[Question]) -> list[str]:
    return list(dict.fromkeys(each.example.db for each in questions))


def page_of(questions: Sequence[Question], page: int) -> tuple[list[Question], int, int]:
    """(the questions of a page, its number from 0, how many pages there are); a number outside is the nearest."""
    pages = max(1, -(-len(questions) // PAGE))
    at = min(max(0, page), pages - 1)
    return list(questions[at * PAGE : (at + 1) * PAGE]), at, pages
