"""What the parts of the Benchmark tab share: a part builds its components where it is made, and returns updates of its own components."""

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.ui.benchmark.shelf import Shelf
from nl2sql_arena.ui.sessions import Session, Sessions

Update = dict[Any, Any]
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
INSTANT: dict[str, Any] = PRIVATE | {"queue": False}
OPENER = """element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-key]');
  if (button) trigger('click', { key: button.dataset.key });
});"""
"""For HTML whose buttons open a question."""


@dataclass(frozen=True)
class Common:
    """What every part is built from."""

    services: Services
    profile: Profile
    sessions: Sessions
    shelf: Shelf

    def session(self, request: gr.Request) -> Session:
        return self.sessions.of(request.session_hash)


def seen(session: Session, run: StoredRun) -> StoredRun:
    """The run without the question of an open blind battle: its verdicts would tell the sides apart, and so would any sum they are in."""
    return replace(run, results=tuple(each for each in run.results if not session.is_undecided(each.example)))
