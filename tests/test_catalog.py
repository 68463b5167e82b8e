import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena import catalog, settings
from nl2sql_arena.backends import BACKENDS
from nl2sql_arena.errors import BadCard
from nl2sql_arena.prompts import FORMATS
from nl2sql_arena.services import MINI_PAIR, REAL_PAIR
from nl2sql_arena.types import ModelCard, Weights

MODELS = settings.ROOT / "models"
CARDS = catalog.load(MODELS)
GOOD = """
name = "x"
title = "X"
kind = "real"
family = "phi"
backend = "local"
format = "phi2-sql"
dialect = "duckdb"
base = { id = "somebody/x", revision = "abc" }
context = 2048
generation = { max_new_tokens = 100 }
licence = "MIT"
"""


def write(folder: Path, text: str, name: str = "x") -> Path:
    (folder / name).mkdir(parents=True, exist_ok=True)
    path = folder / name / catalog.CARD
    path.write_text(text, encoding="utf-8")
    return path


def test_the_contestants_of_both_profiles_have_cards() -> None:
    assert {*REAL_PAIR, *MINI_PAIR} <= set(CARDS)
    assert set(CARDS) == {path.parent.name for path in MODELS.glob("*/card.toml")}


@pytest.mark.parametrize("card", [pytest.param(card, id=name) for name, card in CARDS.items()])
def test_card(card: ModelCard) -> None:
    assert card.backend in BACKENDS
    assert card.format in FORMATS
    assert card.licence
    assert card.notes
    assert card.title != card.name
    assert 0 < card.generation.max_new_tokens < card.context
    if card.kind == "mini":
        assert "trained here" in card.title
        assert "says nothing about" in card.notes
    for weights in filter(None, (card.base, card.adapter)):
        is_local = card.kind != "real" or weights.id == "adapter"
        assert is_local == ("/" not in weights.id.removeprefix("../"))


@pytest.mark.parametrize(
    ("name", "base", "form", "licence"),
    [
        ("sqlcoder-7b", "defog/sqlcoder-7b", "sqlcoder-7b", "CC BY-SA 4.0"),
        ("sqlcoder-7b-2", "defog/sqlcoder-7b-2", "sqlcoder-7b-2", "CC BY-SA 4.0"),
        ("llama-3-sqlcoder-8b", "defog/llama-3-sqlcoder-8b", "llama-3-sqlcoder-8b", "Meta Llama 3 Community License"),
        ("duckdb-nsql-7b", "motherduckdb/DuckDB-NSQL-7B-v0.1", "duckdb-nsql", "Llama 2 Community License"),
    ],
)
def test_a_published_model_reads_its_own_prompt_and_names_its_licence(name: str, base: str, form: str, licence: str) -> None:
    card = CARDS[name]
    assert (card.base.id, card.format, card.kind) == (base, form, "real")
    assert licence in card.licence


def test_a_prompt_that_is_not_a_models_own_makes_a_contestant_that_says_so() -> None:
    native, moved = CARDS["sqlcoder-7b-2"], CARDS["sqlcoder-7b-2-schema-first"]
    assert native.base == moved.base
    assert "schema-first" in moved.title
    assert "not its own" in moved.notes


def test_two_prompts_for_the_same_weights_share_them_and_two_precisions_do_not() -> None:
    native, moved = CARDS["sqlcoder-7b-2"], CARDS["sqlcoder-7b-2-schema-first"]
    assert catalog.held(native, MODELS) == catalog.held(moved, MODELS)
    assert catalog.held(native, MODELS) != catalog.held(replace(moved, precision="nf4"), MODELS)
    assert len({catalog.held(card, MODELS) for card in CARDS.values()}) == len(CARDS) - 1


def test_the_baseline_is_in_no_pair() -> None:
    assert CARDS["rules"].kind == "baseline"
    assert "rules" not in {*REAL_PAIR, *MINI_PAIR}


def test_titles_tell_contestants_apart() -> None:
    assert len({card.title for card in CARDS.values()}) == len(CARDS)


@pytest.fixture
def phi(tmp_path: Path) -> Path:
    """The card of the fine-tuned Phi-2, alone in a models folder."""
    folder = tmp_path / "phi-2-nl2sql"
    folder.mkdir()
    shutil.copy(MODELS / "phi-2-nl2sql" / catalog.CARD, folder)
    return folder


def test_without_our_adapter_the_public_fine_tune_stands_in_under_its_authors_name(phi: Path) -> None:
    card = catalog.read(phi / catalog.CARD)
    assert card.base.id == "pavankumarbalijepalli/phi2-sqlcoder"
    assert card.adapter is None
    assert card.format == "phi2-sqlcoder"
    assert "pavankumarbalijepalli" in card.title
    assert "Pavan Kumar Balijepalli" in card.notes
    assert "our" not in card.title.lower()


def test_our_adapter_makes_it_ours(phi: Path) -> None:
    (phi / "adapter").mkdir()
    (phi / "adapter" / "adapter_config.json").write_text("{}")
    assert catalog.read(phi / catalog.CARD).adapter is None, "a configuration without weights is no adapter"
    (phi / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    card = catalog.read(phi / catalog.CARD)
    assert card.base.id == "microsoft/phi-2"
    assert card.adapter == Weights("adapter")
    assert card.format == "phi2-sql"
    assert "our" in card.title
    assert "pavankumarbalijepalli" not in card.title


def test_a_revision_names_these_very_weights(phi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(phi / "nothing"))
    public = catalog.read(phi / catalog.CARD)
    assert catalog.revision(public, phi.parent) == "unpinned"
    pinned = replace(public, base=replace(public.base, revision="0" * 40))
    assert catalog.revision(pinned, phi.parent) == "0" * 40
    (phi / "adapter").mkdir()
    (phi / "adapter" / "adapter_model.safetensors").write_bytes(b"one")
    one = catalog.revision(catalog.read(phi / catalog.CARD), phi.parent)
    assert one.startswith("unpinned+")
    shutil.copytree(phi.parent, phi.parent.parent / "other")
    other = phi.parent.parent / "other"
    (other / "phi-2-nl2sql" / "adapter" / "adapter_model.safetensors").write_bytes(b"two")
    assert catalog.revision(catalog.read(other / "phi-2-nl2sql" / catalog.CARD), other) != one


def test_settings_have_defaults(tmp_path: Path) -> None:
    card = catalog.read(write(tmp_path, GOOD.replace("generation = { max_new_tokens = 100 }\n", "")))
    assert (card.adapter, card.precision, card.generation.num_beams) == (None, "auto", 1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "x"', 'name = "y"', "name = 'y'"),
        ('kind = "real"', 'kind = "huge"', "huge"),
        ('format = "phi2-sql"', 'format = "phi3"', "phi3"),
        ('dialect = "duckdb"', 'dialect = "klingon"', "klingon"),
        ('licence = "MIT"\n', "", "licence"),
        ('licence = "MIT"', 'license = "MIT"', "license"),
        ('licence = "MIT"', "licence = MIT", "cannot be read"),
        ('base = { id = "somebody/x", revision = "abc" }', 'base = "somebody/x"', "base"),
        ('base = { id = "somebody/x", revision = "abc" }\n', "", "base"),
        ('licence = "MIT"', 'licence = "MIT"\nadapter = "adapter"', "adapter"),
        ('licence = "MIT"', 'licence = "MIT"\nadapter = "adapter"\n[fallback]\ntitle = "Y"', "adapter"),
        ('licence = "MIT"', 'licence = "MIT"\nfallback = "phi-2"', "fallback"),
        ("max_new_tokens = 100", "max_tokens = 100", "max_tokens"),
        ("max_new_tokens = 100", 'max_new_tokens = "100"', "max_new_tokens"),
        ("max_new_tokens = 100", "num_beams = 0", "num_beams"),
        ("context = 2048", 'context = "2048"', "context"),
        ("context = 2048", "context = -1", "context"),
    ],
)
def test_a_broken_card_is_named_in_one_sentence(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BadCard) as caught:
        catalog.load(tmp_path)
    message = str(caught.value)
    assert str(path) in message
    assert says in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_card_that_is_no_text_is_named_too(tmp_path: Path) -> None:
    write(tmp_path, GOOD).write_bytes(b"name = '\xff'")
    with pytest.raises(BadCard, match="cannot be read"):
        catalog.load(tmp_path)


def test_folders_without_a_card_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "notes").mkdir()
    assert list(catalog.load(tmp_path)) == ["x"]
