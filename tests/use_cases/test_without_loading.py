"""Which models a page offers where no weights can be loaded once it is open."""

from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena import backends, catalog
from nl2sql_arena.backends.scripted import Scripted
from nl2sql_arena.engine import Engine
from nl2sql_arena.services import Services, choose_profile, without_loading
from nl2sql_arena.types import Weights
from tests.scripted_model import write_scripted


def test_only_what_is_loaded_and_what_has_no_weights_is_offered(shared: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cousin` reads another prompt with the weights of `left`; `stranger` has weights of its own."""
    monkeypatch.setitem(backends.BACKENDS, "local", lambda _card, _folder: Scripted({}, context=16_384))
    for name in ("left", "right", "cousin", "stranger"):
        write_scripted(tmp_path, name, None, kind="real", backend="local")
    write_scripted(tmp_path, "floor", {}, kind="baseline")
    cards = catalog.load(tmp_path)
    weights = {"left": "a/b", "right": "c/d", "cousin": "a/b", "stranger": "e/f"}
    cards |= {name: replace(cards[name], base=Weights(identity)) for name, identity in weights.items()}
    engine = Engine(cards, tmp_path, shared.databases, shared.sandbox)
    services = replace(
        shared, cards=cards, engine=engine, settings=replace(shared.settings, models=tmp_path, chosen_models=("left", "right"))
    )
    profile = choose_profile(services, True, "ZeroGPU")
    assert set(profile.models) == {"left", "right", "cousin", "stranger", "floor"}
    assert set(without_loading(services, profile).models) == {"left", "right", "cousin", "floor"}
    assert engine.backend("cousin") is engine.backend("left")
