"""From a card to weights on this disk, and each way in which that can fail: one sentence with the cause and the next step."""

import json
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from nl2sql_arena import backends
from nl2sql_arena.backends.local import loading
from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.types import ModelCard, Weights
from tests import tiny
from tests.hub_stand_in import SHA, HubStandIn

NAME = "somebody/merged"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Phi, the same in three shards, and an adapter for it."""
    root = tmp_path_factory.mktemp("originals")
    tiny.phi(root / "phi")
    shutil.copytree(root / "phi", root / "sharded")
    (root / "sharded" / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(root / "phi").save_pretrained(root / "sharded", max_shard_size="200KB")
    assert len(list((root / "sharded").glob("*.safetensors"))) == 3
    tiny.lora(root / "phi", root / "adapter")
    return root


@pytest.fixture
def repository(hub: HubStandIn, originals: Path, tmp_path: Path) -> Path:
    """A repository of the hub that a test may spoil, with sharded weights."""
    hub.repositories[NAME] = tmp_path / "repository"
    shutil.copytree(originals / "sharded", hub.repositories[NAME])
    return hub.repositories[NAME]


def card(base: str = NAME, revision: str = "", adapter: str = "") -> ModelCard:
    made = tiny.card("elsewhere", base, adapter)
    return replace(made, kind="real", base=Weights(base, revision))


def load(root: Path, wanted: ModelCard) -> backends.Backend:
    return backends.load(wanted, root / "models")


def refusal(root: Path, wanted: ModelCard) -> str:
    """The sentence with which a card is refused."""
    with pytest.raises(ModelUnavailable) as caught:
        load(root, wanted)
    said = str(caught.value)
    assert wanted.name in said
    assert "\n" not in said
    assert said.endswith((".", "it."))
    return said


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# The hub


def test_weights_come_from_the_hub_once(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    (repository / "pytorch_model.bin").write_bytes(b"never read")
    edit(repository / "config.json", auto_map={"AutoModelForCausalLM": "modeling.Own"})
    assert load(tmp_path, card()).count_tokens("SELECT 1") > 0
    assert "model-00001-of-00003.safetensors" in hub.fetched
    assert "pytorch_model.bin" not in hub.fetched
    hub.fetched.clear()
    load(tmp_path, card())
    assert hub.fetched == []


def test_a_stray_adapter_config_of_a_merged_repository_is_left_out(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    (repository / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "nowhere/base"}')
    load(tmp_path, card())
    assert "adapter_config.json" not in hub.fetched


def test_pinned_weights_that_are_here_need_no_hub(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    load(tmp_path, card(revision=SHA))
    hub.close()
    assert load(tmp_path, card(revision=SHA)).precision.startswith("fp32")


def test_without_the_hub_the_weights_of_before_serve(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    load(tmp_path, card())
    hub.close()
    assert load(tmp_path, card()).precision.startswith("fp32")


def test_an_adapter_comes_from_the_hub_too(hub: HubStandIn, repository: Path, originals: Path, tmp_path: Path) -> None:
    hub.repositories["me/tuned"] = originals / "adapter"
    assert load(tmp_path, card(adapter="me/tuned")).precision.startswith("fp32")
    assert "adapter_model.safetensors" in hub.fetched


def test_a_repository_that_is_not_there(hub: HubStandIn, tmp_path: Path) -> None:
    assert (
        f"{NAME} is not on the hub or is private; correct the id, or run `hf auth login` or set HF_TOKEN (on a Space: its secret)"
        in refusal(tmp_path, card())
    )


def test_a_gated_repository(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    hub.gated.add(NAME)
    assert f"{NAME} is gated; accept its licence on huggingface.co, then run `hf auth login` or set HF_TOKEN" in refusal(tmp_path, card())


def test_a_revision_that_is_not_there(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    assert f"{NAME} has no such revision on the hub; name another" in refusal(tmp_path, card(revision="b" * 40))


def test_no_hub_and_no_weights(hub: HubStandIn, tmp_path: Path) -> None:
    hub.close()
    said = refusal(tmp_path, card())
    assert f"{NAME} is not on this machine and the hub cannot be reached; go online once or copy the weights beside the card" in said


def test_a_download_that_breaks_off_goes_on_when_it_is_started_again(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    hub.broken.add("model-00002-of-00003.safetensors")
    said = refusal(tmp_path, card())
    assert f"The download of {NAME} broke off (" in said
    assert "start again, which goes on where it stopped" in said
    hub.close()
    offline = refusal(tmp_path, card())
    assert "lacks" in offline
    assert "going online fetches the rest" in offline


def test_a_cached_file_that_is_cut_short(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    load(tmp_path, card(revision=SHA))
    (held,) = (tmp_path / "cache").rglob("model-00002-of-00003.safetensors")
    whole = held.stat().st_size
    held.resolve().write_bytes(held.read_bytes()[:5000])
    said = refusal(tmp_path, card(revision=SHA))
    assert f"has only 5,000 of the {whole:,} bytes of model-00002-of-00003.safetensors; delete {held.parent} and start again" in said


def test_too_little_disk_is_said_before_anything_is_fetched(
    hub: HubStandIn, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.claimed["model-00001-of-00003.safetensors"] = 13_500_000_000
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(20e9, 16e9, 4e9))
    said = refusal(tmp_path, card())
    assert f"{NAME} needs 13.5 GB more on the disk of {tmp_path / 'cache'}, where 4.0 GB are free" in said
    assert "set HF_HOME to a larger disk" in said
    assert not any(name.endswith(".safetensors") for name in hub.fetched)


def test_a_repository_of_pickles_alone(hub: HubStandIn, repository: Path, tmp_path: Path) -> None:
    for path in repository.glob("*.safetensors"):
        path.rename(path.with_suffix(".bin"))
    said = refusal(tmp_path, card())
    assert f"{NAME} has no safetensors weights but only pickles such as model-00001-of-00003.bin, which can run code" in said
    assert "choose a revision or another repository that has them" in said
    assert not any(name.endswith(".bin") for name in hub.fetched)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}, "needs code of its own repository for its architecture own"),
        ({"model_type": "brand-new"}, "has the architecture brand-new, which transformers"),
        ({"model_type": "vit"}, "is a vit model, which does not write text"),
    ],
)
def test_an_architecture_that_cannot_be_loaded_here(
    hub: HubStandIn, repository: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    edit(repository / "config.json", **changes)
    assert said in refusal(tmp_path, card())
    assert not any(name.endswith(".safetensors") for name in hub.fetched)


# A folder of one's own


@pytest.fixture
def folder(originals: Path, tmp_path: Path) -> Path:
    """Weights beside their card, sharded."""
    (tmp_path / "models").mkdir()
    return Path(shutil.copytree(originals / "sharded", tmp_path / "models" / "elsewhere"))


def pickled(folder: Path) -> None:
    for path in folder.glob("*.safetensors"):
        path.rename(path.with_suffix(".bin"))


def pointer(folder: Path) -> None:
    (folder / "model-00001-of-00003.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 99\n")


def half(folder: Path) -> None:
    path = folder / "model-00003-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:4000])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (pickled, "only pickles such as model-00001-of-00003.bin, which can run code when they are read; save them as safetensors"),
        (pointer, "holds a Git LFS pointer in place of model-00001-of-00003.safetensors"),
        (half, "has only 4,000 of the "),
        (lambda at: (at / "model-00002-of-00003.safetensors").unlink(), "lacks 1 of 3 files of its weights, such as model-00002-of-00003"),
        (lambda at: (at / "model.safetensors.index.json").unlink(), "lacks model.safetensors.index.json"),
        (lambda at: (at / "config.json").unlink(), "lacks config.json"),
        (lambda at: (at / "tokenizer.json").unlink(), "has no tokenizer"),
        (lambda at: edit(at / "config.json", model_type="own", auto_map={"AutoConfig": "own.Config"}), "needs code of its own repository"),
    ],
)
def test_a_folder_that_is_not_whole_says_what_is_wrong(folder: Path, tmp_path: Path, spoil: Callable[[Path], object], said: str) -> None:
    assert load(tmp_path, card(".")).context == tiny.CONTEXT
    spoil(folder)
    assert said in refusal(tmp_path, card("."))


def test_weights_that_do_not_fit_the_memory_are_refused_before_they_are_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "parameters_of", lambda _: 6_738_546_688)
    monkeypatch.setattr(loading, "free_bytes", lambda _: 9_100_000_000)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: pytest.fail("read"))
    said = refusal(tmp_path, replace(card("."), precision="bf16"))
    assert "its weights and answers need 15.6 GB of memory as bf16 on cpu, where 9.1 GB are free; set precision nf4" in said
    monkeypatch.setattr(loading, "free_bytes", lambda _: 1_000_000_000)
    said = refusal(tmp_path, replace(card("."), precision="nf4"))
    assert "need 6.5 GB of memory as nf4" in said
    assert "free; choose a smaller one or ask it beside a smaller one" in said


# Adapters


def test_an_adapter_for_other_modules_names_both(folder: Path, originals: Path, tmp_path: Path) -> None:
    tuned = Path(shutil.copytree(originals / "adapter", tmp_path / "tuned"))
    edit(tuned / "adapter_config.json", target_modules=["Wqkv", "out_proj", "fc1", "fc2"])
    said = refusal(tmp_path, card(".", adapter=str(tuned)))
    assert "does not fit its base .: it is for modules Wqkv, out_proj, where the base has q_proj, k_proj, v_proj, dense, fc1, fc2" in said


def test_an_adapter_of_another_rank_names_the_shapes(folder: Path, originals: Path, tmp_path: Path) -> None:
    tuned = Path(shutil.copytree(originals / "adapter", tmp_path / "tuned"))
    edit(tuned / "adapter_config.json", r=8)
    assert "16 tensors differ in shape such as" in refusal(tmp_path, card(".", adapter=str(tuned)))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda at: (at / "adapter_config.json").unlink(), "lacks adapter_config.json"),
        (lambda at: (at / "adapter_model.safetensors").rename(at / "adapter_model.bin"), "only pickles such as adapter_model.bin"),
    ],
)
def test_an_adapter_that_is_not_whole(folder: Path, originals: Path, tmp_path: Path, spoil: Callable[[Path], object], said: str) -> None:
    tuned = Path(shutil.copytree(originals / "adapter", tmp_path / "tuned"))
    spoil(tuned)
    assert said in refusal(tmp_path, card(".", adapter=str(tuned)))


def test_an_adapter_in_half_precision_fits(folder: Path, originals: Path, tmp_path: Path) -> None:
    tuned = Path(shutil.copytree(originals / "adapter", tmp_path / "tuned"))
    weights = tuned / "adapter_model.safetensors"
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in load_file(weights).items()}, weights)
    assert load(tmp_path, card(".", adapter=str(tuned))).precision.startswith("fp32")
