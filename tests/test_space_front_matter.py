"""What Hugging Face reads at the head of README.md: a Space must start with it as it stands."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from nl2sql_arena import catalog
from nl2sql_arena.services import REAL_PAIR
from nl2sql_arena.settings import ROOT
from nl2sql_arena.types import ModelCard

COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
ZERO_GPU_PYTHON = {"3.10.13", "3.12.12"}
ZERO_GPU_TORCH = {"2.8.0", "2.9.1", "2.10.0", "2.11.0"}
"""What ZeroGPU offers, by the hub's documentation of August 2026."""


@pytest.fixture(scope="module")
def head() -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found, "README.md does not begin with front matter"
    return dict(yaml.safe_load(found[1]))


@pytest.fixture(scope="module")
def cards() -> dict[str, ModelCard]:
    return catalog.load(ROOT / "models")


def from_the_hub(card: ModelCard) -> set[str]:
    """Hub ids whose weights a card loads here, where no adapter of ours lies beside it."""
    return {each.id for each in (card.base, card.adapter) if each and "/" in each.id and not each.id.startswith(".")}


def test_the_sdk_is_the_gradio_that_is_tested(head: dict[str, Any]) -> None:
    pinned = re.search(r"^gradio==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned
    assert (head["sdk"], head["sdk_version"]) == ("gradio", pinned[1])


def test_the_python_is_one_that_zero_gpu_has_and_the_project_takes(head: dict[str, Any]) -> None:
    assert head["python_version"] in ZERO_GPU_PYTHON
    lowest, highest = re.findall(
        r"\d+\.\d+", tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    )
    major_minor = [int(part) for part in head["python_version"].split(".")[:2]]
    assert [int(part) for part in lowest.split(".")] <= major_minor < [int(part) for part in highest.split(".")]


def test_a_space_installs_a_torch_that_zero_gpu_has() -> None:
    """pip keeps what pre-requirements.txt brought where requirements.txt allows it."""
    first = re.findall(r"^torch==(.+)$", (ROOT / "pre-requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(first) == 1
    assert first[0] in ZERO_GPU_TORCH
    bounds = re.search(r"^torch>=(\d+)\.(\d+),<(\d+)\.(\d+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert bounds
    low, high = (int(bounds[1]), int(bounds[2])), (int(bounds[3]), int(bounds[4]))
    assert low <= tuple(map(int, first[0].split(".")[:2])) < high


def test_what_is_preloaded_is_what_the_real_pair_loads(head: dict[str, Any], cards: dict[str, ModelCard]) -> None:
    wanted = set().union(*(from_the_hub(cards[name]) for name in REAL_PAIR))
    assert {line.split()[0] for line in head["preload_from_hub"]} == wanted
    assert wanted <= set(head["models"])


def test_every_model_that_is_named_belongs_to_a_card(head: dict[str, Any]) -> None:
    said = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "models").glob("*/card.toml"))
    assert [name for name in head["models"] if f'"{name}"' not in said] == []


def test_the_rest_is_what_the_hub_accepts(head: dict[str, Any]) -> None:
    from huggingface_hub import SpaceHardware

    assert {head["colorFrom"], head["colorTo"]} <= COLOURS
    assert len(head["short_description"]) <= 60
    assert head["suggested_hardware"] in {each.value for each in SpaceHardware}
    assert re.fullmatch(r"\d+[mh]", head["startup_duration_timeout"])
    assert (ROOT / head["app_file"]).is_file()
