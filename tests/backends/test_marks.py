"""Which very weights answer under a name: whoever votes on two loads of a card votes on two models where their weights differ."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena import catalog
from nl2sql_arena.engine import Engine
from nl2sql_arena.services import Services
from nl2sql_arena.settings import load
from nl2sql_arena.types import ModelCard, Weights
from nl2sql_arena.votes import Store, reading
from tests import tiny
from tests.hub_stand_in import HubStandIn
from tests.test_votes import ANN, add, cast

NAME = "somebody/moving"
FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models of one shape and different weights."""
    root = tmp_path_factory.mktemp("twins")
    return tiny.phi(root / "one", seed=1), tiny.phi(root / "two", seed=2)


def card(base: str = NAME, revision: str = "") -> ModelCard:
    return replace(tiny.card("twin"), base=Weights(base, revision))


def start(root: Path, wanted: ModelCard) -> Services:
    """As an app that has loaded the model."""
    engine = Engine({"twin": wanted}, root, {}, None)  # type: ignore[arg-type]
    engine.backend("twin")
    unused: Any = None
    return Services(replace(load({}), models=root), {"twin": wanted}, {}, unused, engine, unused)


def pooled(tmp_path: Path, *revisions: str) -> int:
    """How many models the figures know after a vote on each."""
    store = Store(tmp_path / "votes.sqlite")
    for number, revision in enumerate(revisions):
        add(store, f"battle {number}", "twin", "other", revisions=(revision, "r"))
        cast(store, f"battle {number}", "model_a", ANN)
    assert len(store.tallies("mini")) == len({reading.model(vote, "a") for vote in store.votes()})
    return len(store.tallies("mini"))


def test_a_folder_that_was_trained_anew_is_another_model_and_the_loaded_one_stays_itself(tmp_path: Path, twins: tuple[Path, Path]) -> None:
    folder = tmp_path / "twin"
    shutil.copytree(twins[0], folder)
    before = start(tmp_path, card("."))
    mine = before.revision("twin")
    shutil.copy(twins[1] / "model.safetensors", folder)
    after = start(tmp_path, card("."))
    assert before.revision("twin") == mine != after.revision("twin")
    assert len(mine) == 12
    assert pooled(tmp_path, mine, before.revision("twin"), after.revision("twin")) == 2


def test_files_that_are_written_anew_within_one_process_are_hashed_anew(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"one")
    one = catalog.mark(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"three")
    assert catalog.mark(tmp_path) != one


@pytest.mark.parametrize("asked", ["", "main"])
def test_unpinned_weights_of_the_hub_are_known_by_the_commit_that_was_loaded(
    hub: HubStandIn, tmp_path: Path, twins: tuple[Path, Path], asked: str
) -> None:
    hub.repositories[NAME], hub.sha = twins[0], FIRST
    assert catalog.revision(card(revision=asked), tmp_path) == (asked or "unpinned"), "nothing was fetched yet"
    before = start(tmp_path, card(revision=asked))
    assert before.revision("twin") == catalog.revision(card(revision=asked), tmp_path) == FIRST
    hub.repositories[NAME], hub.sha = twins[1], SECOND
    after = start(tmp_path, card())
    assert (before.revision("twin"), after.revision("twin")) == (FIRST, SECOND)
    assert pooled(tmp_path, FIRST, SECOND, before.revision("twin")) == 2


def test_pinned_and_unpinned_loads_of_one_commit_are_one_model(hub: HubStandIn, tmp_path: Path, twins: tuple[Path, Path]) -> None:
    hub.repositories[NAME], hub.sha = twins[0], FIRST
    assert start(tmp_path, card()).revision("twin") == start(tmp_path, card(revision=FIRST)).revision("twin") == FIRST


def test_a_snapshot_beside_a_card_is_known_by_its_commit_and_any_other_folder_by_its_files(
    tmp_path: Path, twins: tuple[Path, Path]
) -> None:
    snapshot = tmp_path / "cache" / "models--somebody--moving" / "snapshots" / FIRST
    shutil.copytree(twins[0], snapshot)
    assert start(tmp_path, card(str(snapshot))).revision("twin") == FIRST
    renamed = snapshot.rename(snapshot.parent.parent / FIRST)
    assert start(tmp_path, card(str(renamed))).revision("twin") == catalog.mark(twins[0])
