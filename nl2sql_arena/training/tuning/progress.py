"""What a training says while it runs: a bar with the pace on standard error, a line for each examination, all figures as JSON lines."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback

from nl2sql_arena.training.tuning import checkpoints

METRICS = "training.jsonl"
Log = Callable[[str], None]


class Keeper(TrainerCallback):
    """Marks checkpoints as whole and writes `training.jsonl` anew at every report: after a resume it holds no step twice."""

    def __init__(self, work: Path) -> None:
        self._work = work

    def on_log(self, _arguments: Any, state: Any, _control: Any, **_: Any) -> None:
        lines = "".join(json.dumps(entry) + "\n" for entry in state.log_history)
        checkpoints.write_whole(self._work / METRICS, lines)

    def on_save(self, _arguments: Any, state: Any, _control: Any, **_: Any) -> None:
        checkpoints.saved(self._work, state.global_step, state.log_history)


class Examiner(TrainerCallback):
    """Adds to every evaluation what `exam` finds, and evaluates and saves the very last step too."""

    def __init__(self, exam: Callable[[Any], Mapping[str, float]], log: Log) -> None:
        self._exam, self._log = exam, log

    def on_step_end(self, _arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True

    def on_evaluate(self, _arguments: Any, state: Any, _control: Any, model: Any = None, **_: Any) -> None:
        was_training = model.training
        model.eval()
        found = {f"eval_{name}": value for name, value in self._exam(model).items()}
        model.train(was_training)
        state.log_history[-1].update(found)
        with tqdm.external_write_mode(file=sys.stderr):
            self._log(
                f"step {state.global_step}: {found['eval_execution_accuracy']:.1%} of {found['eval_scored']:.0f} held-out questions right, "
                f"{found['eval_valid_sql']:.1%} valid SQL"
            )


class Bar(TrainerCallback):
    """Steps done, the last loss, and the time that is left."""

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_begin(self, _arguments: Any, state: Any, _control: Any, **_: Any) -> None:
        self._bar = tqdm(total=state.max_steps, initial=state.global_step, unit="step", file=sys.stderr, dynamic_ncols=True)

    def on_step_end(self, _arguments: Any, state: Any, _control: Any, **_: Any) -> None:
        self._bar.update(state.global_step - self._bar.n)

    def on_log(self, _arguments: Any, _state: Any, _control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        if self._bar is not None and logs and "loss" in logs:
            self._bar.set_postfix_str(f"loss {logs['loss']:.3f}")

    def on_train_end(self, _arguments: Any, _state: Any, _control: Any, **_: Any) -> None:
        self._bar.close()
