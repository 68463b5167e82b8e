"""What tests of several backends share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub_stand_in import HubStandIn


@pytest.fixture(autouse=True)
def _much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little other work leaves free: rows that decode together and kept prefixes are as many as a test lets them be."""
    monkeypatch.setattr("nl2sql_arena.backends.local.decoding.free_bytes", lambda _device: 1 << 40)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """Answers in the hub's place, with an empty cache."""
    found = HubStandIn()
    found.answer_for_the_hub(monkeypatch, tmp_path / "cache")
    yield found
    found.close()
