"""Verdicts on voters' answers, kept between starts of the app: a hash of all that a verdict follows from, and the scores under it.

What a verdict follows from: the database's content, the question with its golds, the answer, and the very code that compares. A file that
cannot be read or written costs only time, so that it is never a reason to fail.
"""

import json
import threading
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from nl2sql_arena import compare, golds
from nl2sql_arena.benchmark import scorers
from nl2sql_arena.types import Example, Score


class Verdicts:
    """Safe for several threads; several processes may add to one file."""

    def __init__(self, path: Path, rules: Sequence[str]) -> None:
        self._path, self._rules = path, tuple(rules)
        self._known: dict[str, tuple[Score, ...]] | None = None
        self._lock = threading.Lock()

    def key(self, content: str, example: Example, outcome: str, sql: str) -> str:
        """32 hexadecimal digits; no text can be found from them."""
        told = [_code(), self._rules, content, example.question, list(example.gold_sql), outcome, sql]
        return sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:32]

    def get(self, key: str) -> tuple[Score, ...] | None:
        with self._lock:
            return self._read().get(key)

    def add(self, key: str, scores: tuple[Score, ...]) -> None:
        """One for each rule."""
        line = json.dumps([key, [[each.value, each.reason, each.difference] for each in scores]], ensure_ascii=False)
        with self._lock:
            self._read()[key] = scores
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
            except OSError:
                return  # found again at the next start

    def _read(self) -> dict[str, tuple[Score, ...]]:
        if self._known is None:
            try:
                lines = self._path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError):
                lines = []
            self._known = dict(filter(None, map(self._verdict, lines)))
        return self._known

    def _verdict(self, line: str) -> tuple[str, tuple[Score, ...]] | None:
        """None for a line that was torn."""
        try:
            key, scores = json.loads(line)
            found = tuple(Score(value, str(reason), str(difference)) for value, reason, difference in scores)
        except (ValueError, TypeError):
            return None
        return (str(key), found) if len(found) == len(self._rules) else None


@cache
def _code() -> str:
    """What tells the code that compares from any other."""
    files = (Path(str(module.__file__)) for module in (compare, golds, scorers))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
