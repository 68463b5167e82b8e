"""What the page opens with: which contestants, on what, and why not the others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nl2sql_arena import catalog, hardware, settings
from nl2sql_arena.database import Database
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import BadInput, StoreError
from nl2sql_arena.services import MINI_PAIR, REAL_PAIR, Services, choose_profile, loading_line, open_services, read_copy, risky_disk
from nl2sql_arena.types import Weights
from tests.use_cases.scripted_models import write_model

Opened = Callable[..., Services]


@pytest.fixture
def opened(shared: Services, tmp_path: Path) -> Opened:
    """Services over a models folder with both pairs scripted; `without` names models whose weights are missing."""

    def build(without: tuple[str, ...] = (), **changed: Any) -> Services:
        models = tmp_path / "models"
        for pair, kind in ((REAL_PAIR, "real"), (MINI_PAIR, "mini"), (("rule",), "baseline")):
            for name in pair:
                write_model(models, name, kind)
                if name in without:
                    (models / name / "answers.json").unlink()
        cards = catalog.load(models)
        engine = Engine(cards, models, shared.databases, shared.sandbox)
        return replace(shared, settings=replace(shared.settings, models=models, **changed), cards=cards, engine=engine)

    return build


def test_without_a_gpu_the_minis_play_and_the_page_says_why(opened: Opened) -> None:
    services = opened()
    profile = choose_profile(services, False, "CPU (x86_64, 2 cores)")
    assert (profile.kind, profile.pair, profile.hardware) == ("mini", MINI_PAIR, "CPU (x86_64, 2 cores)")
    assert profile.reason == "No CUDA GPU was found; ARENA_PROFILE=real tries the pair without one."
    assert profile.running == ("scripted", "scripted")
    assert set(profile.models) == {*MINI_PAIR, "rule"}


def test_on_a_gpu_the_real_pair_plays_and_no_mini_is_offered(opened: Opened) -> None:
    profile = choose_profile(opened(), True, "NVIDIA L4, 24 GB")
    assert (profile.kind, profile.pair, profile.reason) == ("real", REAL_PAIR, "")
    assert len(profile.running) == 2
    assert set(profile.models) == {*REAL_PAIR, "rule"}


@pytest.mark.parametrize("missing", REAL_PAIR)
def test_a_real_pair_that_cannot_be_loaded_gives_way_with_the_reason_and_the_next_step(opened: Opened, missing: str) -> None:
    profile = choose_profile(opened(without=(missing,)), True, "NVIDIA L4, 24 GB")
    assert (profile.kind, profile.pair, len(profile.running)) == ("mini", MINI_PAIR, 2)
    assert profile.reason.startswith("The real pair is not running: ")
    assert missing in profile.reason
    assert "write a JSON object" in profile.reason
    assert not set(profile.models) & set(REAL_PAIR)


@pytest.mark.parametrize(("one", "other", "told"), [("nf4 on cuda", "bf16 on cuda", True), ("nf4 on cuda", "nf4 on cuda", False)])
def test_a_pair_of_which_one_side_is_quantised_says_so(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, one: str, other: str, told: bool
) -> None:
    services = opened()
    running = dict(zip(REAL_PAIR, (one, other), strict=True))
    monkeypatch.setattr(services.engine, "backend", lambda name: SimpleNamespace(precision=running[name]))
    profile = choose_profile(services, True, "NVIDIA L4, 24 GB")
    assert profile.running == (one, other)
    assert ("Only one side is quantised" in profile.reason) == told


def test_when_nothing_can_be_loaded_the_page_still_opens_and_says_so(opened: Opened) -> None:
    profile = choose_profile(opened(without=REAL_PAIR + MINI_PAIR), True, "NVIDIA L4, 24 GB")
    assert (profile.kind, profile.running) == ("mini", ())
    assert REAL_PAIR[0] in profile.reason
    assert MINI_PAIR[0] in profile.reason


def test_each_model_is_announced_before_it_is_loaded(opened: Opened) -> None:
    said: list[str] = []
    choose_profile(opened(without=(REAL_PAIR[1],)), True, "NVIDIA L4, 24 GB", said.append)
    assert said == [f"Loading Scripted {name} ..." for name in (*REAL_PAIR, *MINI_PAIR)]


def test_a_download_is_announced_with_its_size_where_the_card_knows_it(tmp_path: Path) -> None:
    card = catalog.load(settings.ROOT / "models")["sqlcoder-7b-2"]
    assert loading_line(card, tmp_path) == f"Loading {card.title}, licence CC BY-SA 4.0 (the first start downloads it; about 13 GB) ..."
    assert (
        loading_line(replace(card, download_gb=0), tmp_path)
        == f"Loading {card.title}, licence CC BY-SA 4.0 (the first start downloads it) ..."
    )
    (tmp_path / card.name / "weights").mkdir(parents=True)
    assert loading_line(replace(card, base=Weights("weights")), tmp_path) == f"Loading {card.title} ..."


def test_the_profile_can_be_chosen(opened: Opened) -> None:
    assert choose_profile(opened(profile="minis"), True, "a GPU").kind == "mini"
    assert choose_profile(opened(profile="minis"), True, "a GPU").reason == ""
    assert choose_profile(opened(profile="real"), False, "a CPU").kind == "real"


def test_two_models_can_be_chosen(opened: Opened) -> None:
    profile = choose_profile(opened(chosen_models=("sqlcoder-7b-2", "rule")), False, "a CPU")
    assert (profile.kind, profile.pair) == ("real", ("sqlcoder-7b-2", "rule"))
    assert not set(profile.models) & set(MINI_PAIR)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"profile": "both"}, "ARENA_PROFILE is 'both'; set it to one of auto, real, minis."),
        ({"chosen_models": ("mini-l",)}, "ARENA_MODELS must name two of"),
        ({"chosen_models": ("mini-l", "mini-l")}, "ARENA_MODELS must name two of"),
        ({"chosen_models": ("mini-l", "gpt")}, "ARENA_MODELS must name two of"),
        ({"chosen_models": ("mini-l", "mini-p-lora", "rule")}, "ARENA_MODELS must name two of"),
        ({"chosen_models": ("mini-l", "sqlcoder-7b-2")}, "mixes a mini with a real model"),
    ],
)
def test_a_wrong_choice_is_one_sentence(opened: Opened, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        choose_profile(opened(**changed), False, "a CPU")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_data_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="ARENA_DATA"):
        open_services(replace(settings.load({}), data=tmp_path / "file" / "data", workers=1))


def test_examples_are_those_of_a_split(shared: Services) -> None:
    splits = {split: shared.examples("shop", split) for split in ("arena", "dev", "test", "all")}
    assert all({example.split for example in splits[name]} == {name} for name in ("arena", "dev", "test"))
    assert len(splits["all"]) == len(splits["arena"]) + len(splits["dev"]) + len(splits["test"]) == 120
    with pytest.raises(BadInput, match="no database 'zoo'"):
        shared.examples("zoo", "arena")


def test_settings_come_from_the_environment() -> None:
    found = settings.load(
        {"HOST": "0.0.0.0", "PORT": "81", "ARENA_DATA": "/tmp/x", "ARENA_PROFILE": "real", "ARENA_MODELS": " a , b,", "OTHER": "1"}
    )
    assert (found.host, found.port, found.data, found.profile, found.chosen_models) == ("0.0.0.0", 81, Path("/tmp/x"), "real", ("a", "b"))


def test_an_empty_variable_is_as_if_unset() -> None:
    empty = dict.fromkeys(("HOST", "PORT", "ARENA_DATA", "ARENA_PROFILE", "ARENA_MODELS"), " ")
    assert settings.load(empty) == settings.load({})
    assert settings.load({}).data == Path("var").resolve()
    assert settings.load({}).host == "127.0.0.1"


def test_a_space_listens_everywhere() -> None:
    assert settings.load({"SPACE_ID": "me/arena"}).host == "0.0.0.0"


@pytest.mark.parametrize("port", ["x", "-1", "70000", "7.5"])
def test_a_wrong_port_is_one_sentence(port: str) -> None:
    with pytest.raises(BadInput, match=f"PORT is '{port}'"):
        settings.load({"PORT": port})


def test_each_variable_has_a_flag_that_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1111")
    monkeypatch.setenv("HOST", "10.0.0.1")
    found = settings.from_command_line(["--port", "2222", "--data", "/tmp/y", "--profile", "minis", "--models", "a,b", "--study", "s.toml"])
    assert (found.port, found.host, found.data, found.profile) == (2222, "10.0.0.1", Path("/tmp/y"), "minis")
    assert (found.chosen_models, found.study) == (("a", "b"), Path("s.toml"))
    assert {variable for variable, _ in settings.FLAGS.values()} == {
        *("HOST", "PORT", "ARENA_DATA", "ARENA_PROFILE", "ARENA_MODELS", "ARENA_STUDY")
    }


def test_the_hardware_is_what_torch_sees() -> None:
    import torch

    device = hardware.detect()
    assert device.has_gpu == torch.cuda.is_available()
    assert device.name.startswith(("CPU (", "Apple GPU (")) or device.has_gpu
    assert not device.zero_gpu


def test_on_a_mac_s_gpu_one_battle_runs_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    device = hardware.detect()
    assert device.name.startswith("Apple GPU (")
    assert device.concurrency == 1


def test_further_databases_are_joined_without_loading_a_model_again(opened: Opened, tmp_path: Path) -> None:
    services = opened()
    loaded = services.engine.backend(MINI_PAIR[0])
    further = Database("further", tmp_path, tmp_path, services.databases["shop"].path())
    joined = services.joined({"further": further})
    assert joined.engine.backend(MINI_PAIR[0]) is loaded
    later = joined.engine.backend(MINI_PAIR[1])
    assert services.engine.backend(MINI_PAIR[1]) is later, "also what is loaded later"
    assert joined.engine.run("further", "SELECT 1").rows == joined.engine.run("bank", "SELECT 1").rows == ((1,),)
    with pytest.raises(BadInput, match="no database 'further'"):
        services.engine.database("further")


@pytest.mark.parametrize(
    ("mount", "store_url", "is_risky"),
    [
        ("hf-mount /data fuse.hf-mount rw 0 0", "", True),
        ("server:/votes /data/my\\040votes nfs4 rw 0 0", "", True),
        ("server:/votes /data nfs4 rw 0 0", "postgresql://u@h/n", False),
        ("/dev/sdb1 /data fuseblk rw 0 0", "", False),
        ("/dev/sdb1 /data ext4 rw 0 0", "", False),
        ("bucket /data/other fuse.hf-mount rw 0 0", "", False),
    ],
)
def test_whoever_keeps_votes_on_a_bucket_or_network_drive_is_told(tmp_path: Path, mount: str, store_url: str, is_risky: bool) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"overlay / overlay rw 0 0\n{mount}\n")
    chosen = replace(settings.load({}), data=Path("/data/my votes"), store_url=store_url)
    assert ("mounted bucket or network drive" in risky_disk(chosen, mounts)) == is_risky
    assert risky_disk(chosen, tmp_path / "none") == ""


def test_it_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nl2sql_arena.services.risky_disk", lambda _settings: "Elsewhere.")
    lines: list[str] = []
    read_copy(SimpleNamespace(settings=settings.load({}), sync=None), lines.append)  # type: ignore[arg-type]
    assert lines == ["Elsewhere."]
