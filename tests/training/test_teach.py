"""`train adapt` of a model with a recipe for trl: one command, for real, on a tiny random Phi."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("datasets", reason="datasets is not installed (pip install -c constraints.txt -r requirements-train.txt)")
pytest.importorskip("trl", reason="trl is not installed (pip install -c constraints.txt -r requirements-train.txt)")

from nl2sql_arena import catalog, cli, settings
from nl2sql_arena.database import connect_trusted, opened
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training import recipe
from nl2sql_arena.training.tuning import contestant, teach
from nl2sql_arena.types import Generation, Weights
from tests import tiny
from tests.training import tuned

STREETS = """
CREATE TABLE streets (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, length INTEGER, district VARCHAR);
INSERT INTO streets SELECT i, 'Street ' || i, 100 * (i % 7), ['North', 'South', 'West'][1 + i % 3] FROM range(40) AS r(i);
"""
Adapt = Callable[..., None]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Threads of so small a model only wait for each other on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    path = tmp_path / "streets.duckdb"
    with connect_trusted(path, read_only=False) as connection:
        connection.execute(STREETS)
    return path


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A tiny Phi and the folder of a model that has a recipe alone, by which an adapter moves a very little."""
    models = tmp_path / "models"
    tuned.phi(models)
    path = tuned.raw(models)
    path.write_text(path.read_text().replace("rate = 1e-2", "rate = 1e-9"))
    return models


@pytest.fixture
def adapt(models: Path, streets: Path, tmp_path: Path) -> Adapt:
    def run(*more: str) -> None:
        cli.main(["--data", str(tmp_path / "data"), "train", "adapt", "--db", str(streets), "--model", str(models / "tuned"), *more])

    return run


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter" / "adapter_model.safetensors")


def test_the_adapter_that_is_there_goes_on_into_a_contestant_that_knows_the_database(
    models: Path, streets: Path, adapt: Adapt, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.lora(models / "phi", models / "tuned" / "adapter")
    card = replace(tiny.card("tuned", "../phi", "adapter"), format="phi2-sql", context=320, generation=Generation(64))
    contestant.write_card(models / "tuned" / "card.toml", card)
    adapt("--pairs", "12")
    said = capsys.readouterr().err
    assert "tuned-streets: the adapter of tuned is continued" in said
    assert "tuned-streets: 5,120 parameters are trained, 116,352 stay frozen" in said
    made = catalog.read(models / "tuned-streets" / "card.toml")
    assert (made.title, made.base, made.adapter, made.context) == ("tuned, adapted to streets", Weights("../phi"), Weights("adapter"), 320)
    before, after = weights(models / "tuned"), weights(models / "tuned-streets")
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    figures = json.loads((models / "tuned-streets" / "training.json").read_text())
    assert figures["recipe"]["adapter"]["id"] == "../tuned/adapter"
    assert [figures["data"]["sources"][name]["read"] for name in figures["data"]["sources"]] == [12, 24]
    assert figures["data"]["sources"]["database"]["train"] > 0
    assert tuned.ask(models, "tuned-streets", "how many streets ?", opened(streets), sandbox).completion.tokens > 0
    with pytest.raises(SystemExit, match="holds a finished training already; give --again"):
        adapt("--pairs", "12")


def test_without_an_adapter_a_new_one_is_trained_by_the_recipe(models: Path, adapt: Adapt, capsys: pytest.CaptureFixture[str]) -> None:
    adapt("--pairs", "12", "--out", str(models / "mine"))
    assert "mine: a new adapter, since tuned has none yet" in capsys.readouterr().err
    assert {tensor.shape[0] for name, tensor in weights(models / "mine").items() if "lora_A" in name} == {8}
    assert catalog.read(models / "mine" / "card.toml").base == Weights("../phi")


def test_phi_2_is_taught_by_the_recipe_that_ships(streets: Path, tmp_path: Path) -> None:
    shipped = recipe.read_tuning(settings.ROOT / "models" / "phi-2-nl2sql" / recipe.RECIPE)
    made = teach.recipe_for(shipped, tmp_path / "phi-2-nl2sql", opened(streets), teach.PAIRS, 3, tmp_path / "phi-2-nl2sql-streets")
    assert [(each.source, each.most) for each in made.data] == [
        ("database", 3_000), *((each.source, 2_000) for each in shipped.data)
    ]  # fmt: skip
    assert (made.base, made.adapter, made.quantisation, made.seed) == (shipped.base, None, "nf4", 3)
    assert (made.format, made.max_length, made.lora) == (shipped.format, shipped.max_length, shipped.lora)


@pytest.mark.parametrize(
    ("model", "option", "said"),
    [
        ("phi-2-nl2sql", "--minutes", "--minutes is for minis; phi-2-nl2sql learns from so many pairs as --pairs says"),
        ("mini-p-lora", "--pairs", "--pairs is for models with a recipe for trl; mini-p-lora learns as long as --minutes says"),
        (
            "phi-2",
            "--minutes",
            "phi-2 is no mini with an adapter, nor does its folder hold a recipe for one; name mini-p-lora or phi-2-nl2sql",
        ),
        ("phi-3", "--minutes", "There is no model 'phi-3'"),
    ],
)
def test_what_cannot_be_adapted_so_is_a_sentence(streets: Path, tmp_path: Path, model: str, option: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        cli.main(["--data", str(tmp_path), "train", "adapt", "--db", str(streets), "--model", model, option, "5"])
