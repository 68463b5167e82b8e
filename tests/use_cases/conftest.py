"""The real sample databases and the real sandbox behind scripted models: only the models' words are made up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nl2sql_arena import settings
from nl2sql_arena.services import Profile, Services, open_services
from nl2sql_arena.settings import Settings
from nl2sql_arena.types import DISPLAY, Answer, Limits, Request
from nl2sql_arena.votes import Store
from tests.use_cases.scripted_models import BASELINE, BROKEN, LEFT, RIGHT, SMALL, write_models


@pytest.fixture(scope="session")
def arena_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose data folder keeps the built databases for all tests of this folder."""
    home = tmp_path_factory.mktemp("use_cases")
    return replace(settings.load({"ARENA_DATA": str(home / "data")}), models=write_models(home / "models"), workers=2)


@pytest.fixture(scope="session")
def shared(arena_settings: Settings) -> Iterator[Services]:
    services = open_services(arena_settings)
    yield services
    services.close()


@pytest.fixture
def services(shared: Services, tmp_path: Path) -> Services:
    """The shared databases, models and sandbox with a vote store of the test's own."""
    return replace(shared, store=Store(tmp_path / "votes.sqlite"))


@pytest.fixture(scope="session")
def profile() -> Profile:
    return Profile("mini", (LEFT, RIGHT), (LEFT, RIGHT, SMALL, BROKEN, BASELINE), "a test machine", ("scripted", "scripted"))


@dataclass(frozen=True)
class Asking:
    """One question for one model, drained from the engine's only path."""

    services: Services

    def __call__(self, question: str, model: str = LEFT, db: str = "shop", limits: Limits = DISPLAY) -> Answer:
        (answer,) = self.many([Request("1", model, db, question)], limits)
        return answer

    def many(self, requests: Sequence[Request], limits: Limits = DISPLAY) -> list[Answer]:
        return list(self.services.engine.answers(requests, limits=limits))


@pytest.fixture
def ask(shared: Services) -> Asking:
    return Asking(shared)
