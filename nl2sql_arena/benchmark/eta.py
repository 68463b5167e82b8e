"""How long a run still takes, by its latest answers: those from the log come at once, the first one waits for its model to load."""

import time
from collections import deque
from collections.abc import Callable

LATEST = 40
"""Answers that tell the pace."""
ENOUGH = 5
"""Below so many there is no telling."""


class Eta:
    """By the pace of what was noted last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._latest: deque[float] = deque(maxlen=LATEST)

    def note(self) -> None:
        """One answer is there."""
        self._latest.append(self._clock())

    def left(self, answers: int) -> float | None:
        """Seconds until so many further `answers` are there; None while there is no telling."""
        if len(self._latest) < ENOUGH:
            return None
        return (self._clock() - self._latest[0]) / (len(self._latest) - 1) * answers
