"""A live run in a thread of its own, so that the page can show it, and end it, while a model is still at its first answer."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from nl2sql_arena.benchmark import runner, runs
from nl2sql_arena.benchmark.eta import Eta
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.runs import KEPT_ROWS, Measured, StoredRun
from nl2sql_arena.errors import ArenaError
from nl2sql_arena.services import Services
from nl2sql_arena.types import Prompt
from nl2sql_arena.ui.benchmark.state import Plan

log = logging.getLogger(__name__)
UNEXPECTED = "The run failed on our side; what was answered is kept, and the server's log has the details."


class Live:
    """What has come of a plan so far. Each result is in the run's file before it is here."""

    def __init__(self, services: Services, plan: Plan, hardware: str, stopped: Callable[[], bool]) -> None:
        self.services, self.plan, self.hardware, self.stopped = services, plan, hardware, stopped
        self.about: Measured | None = None
        self.results: list[Result] = []
        self.failure = ""
        self.began = time.monotonic()
        self.eta = Eta()
        self.ended = threading.Event()

    def start(self) -> None:
        """What the event's context says (on ZeroGPU, who pays) goes along."""
        threading.Thread(target=contextvars.copy_context().run, args=(self._work,), daemon=True).start()

    @property
    def total(self) -> int:
        return len(self.plan.models) * len(self.plan.examples)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def left(self) -> float | None:
        """Seconds until it ends; None while there is no telling."""
        return self.eta.left(self.total - len(self.results))

    def run(self) -> StoredRun | None:
        """The run as far as it came; None while its models load."""
        if self.about is None:
            return None
        return StoredRun(self.about, tuple(self.results), runs.folder_of(self.services) / f"{self.about.name}.jsonl")

    def _work(self) -> None:
        plan = self.plan
        try:
            about = runs.measured(self.services, plan.models, plan.examples, plan.dataset, plan.split, self.hardware, plan.chosen)
            self.about, self.began = about, time.monotonic()
            found = runner.run(self.services, plan.models, plan.examples, self.stopped)
            for result in runs.kept(runs.folder_of(self.services), about, found):
                self.results.append(_slim(result))
                self.eta.note()
        except ArenaError as problem:
            self.failure = str(problem)
        except Exception:  # noqa: BLE001 - the UI's edge: the page says something, the log says what
            log.exception("benchmark failed")
            self.failure = UNEXPECTED
        finally:
            self.ended.set()


def _slim(result: Result) -> Result:
    """What a run's file keeps of it."""
    answer = result.answer
    execution = replace(answer.execution, rows=answer.execution.rows[:KEPT_ROWS])
    return replace(result, answer=replace(answer, prompt=Prompt("", "", pruned=answer.prompt.pruned), execution=execution))
