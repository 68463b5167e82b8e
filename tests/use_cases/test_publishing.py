"""Publishing a Space, by huggingface_hub itself against a stand-in for the hub."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from nl2sql_arena import publishing
from nl2sql_arena.errors import ArenaError, BadInput, Infrastructure
from nl2sql_arena.publishing import Published, Wishes, needed, with_preload
from nl2sql_arena.services import REAL_PAIR
from nl2sql_arena.settings import ROOT
from tests.scripted_model import write_scripted
from tests.space_hub import TOKEN, HeldSpace, SpaceHub

REPO = "me/arena"
README = "---\ntitle: T\nmodels:\n  - a/b\npreload_from_hub:\n  - a/b\n  - c/d\nlicense: apache-2.0\n---\n# T\n"
SHA = r"[0-9a-f]{40}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpaceHub]:
    found = SpaceHub()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", found.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield found
    found.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small folder with something of all that a Space needs, and of what it does not."""
    files = {
        "app.py": "app",
        "requirements.txt": "gradio",
        "README.md": README,
        "nl2sql_arena/__init__.py": "",
        "nl2sql_arena/ui/style.css": "css",
        "nl2sql_arena/__pycache__/app.pyc": "left out",
        "nl2sql_arena/training/recipe.py": "left out",
        "sample_dbs/shop/data/orders.csv": "id",
        "models/mini/training.jsonl": "left out",
        "models/mini/.secret": "left out",
        "tests/test_app.py": "left out",
        "var/votes.sqlite": "left out",
        ".git/config": "left out",
        ".env": "HF_TOKEN=left out",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in REAL_PAIR:
        write_scripted(tmp_path / "models", name, None, kind="real", backend="local")
        card = tmp_path / "models" / name / "card.toml"
        card.write_text(card.read_text().replace('id = "answers.json"', f'id = "someone/{name}"'))
    return tmp_path


SENT = {
    *(
        "app.py",
        "requirements.txt",
        "README.md",
        "nl2sql_arena/__init__.py",
        "nl2sql_arena/ui/style.css",
        "sample_dbs/shop/data/orders.csv",
    ),
    *(f"models/{name}/card.toml" for name in REAL_PAIR),
}
Publish = Callable[..., Published]


@pytest.fixture
def publish(root: Path) -> Publish:
    return lambda **wishes: publishing.publish(Wishes(**{"repo": REPO, **wishes}), root)


def test_a_new_space_gets_exactly_what_it_needs(hub: SpaceHub, publish: Publish) -> None:
    done = publish()
    space = hub.spaces[REPO]
    assert set(space.files) == SENT
    assert space.set == {"type": "space", "sdk": "gradio"}
    assert (done.url, done.files, done.hardware) == (f"{hub.url}/spaces/{REPO}", len(SENT), "cpu-basic")
    assert len(space.commits) == 1, "each commit is a build"
    assert not {"hardware", "variables", "volumes"} & set(hub.asked)


def test_a_space_without_a_gpu_preloads_nothing(hub: SpaceHub, publish: Publish) -> None:
    publish()
    assert b"preload_from_hub" not in hub.spaces[REPO].files["README.md"]
    assert "model" not in hub.asked


def test_on_a_gpu_exactly_the_files_that_are_loaded_are_preloaded(hub: SpaceHub, publish: Publish) -> None:
    hub.models[f"someone/{REAL_PAIR[0]}"] = [
        *("README.md", "config.json", "model-1.safetensors", "model-2.safetensors", "tokenizer.model"),
        *("weights.gguf", "pytorch_model.bin", "adapter_config.json", "onnx/config.json"),
    ]
    done = publish(hardware="l4x1")
    head = yaml.safe_load(hub.spaces[REPO].files["README.md"].decode().split("---\n")[1])
    first, second = head["preload_from_hub"]
    assert re.fullmatch(rf"someone/{REAL_PAIR[0]} config.json,model-1.safetensors,model-2.safetensors,tokenizer.model {SHA}", first)
    assert second == f"someone/{REAL_PAIR[1]}", "of which the hub tells nothing"
    assert done.preloaded == (first, second)
    assert head["license"] == "apache-2.0"


def test_a_trained_adapter_goes_along_and_its_base_is_preloaded(hub: SpaceHub, publish: Publish, root: Path) -> None:
    folder = root / "models" / REAL_PAIR[0]
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    card = (folder / "card.toml").read_text()
    (folder / "card.toml").write_text(card + 'adapter = { id = "adapter" }\n')
    hub.models[f"someone/{REAL_PAIR[0]}"] = ["config.json"]
    done = publish(hardware="zero-a10g")
    assert hub.spaces[REPO].files[f"models/{REAL_PAIR[0]}/adapter/adapter_model.safetensors"] == b"weights"
    assert [line.split()[0] for line in done.preloaded] == [f"someone/{name}" for name in REAL_PAIR]


def test_hardware_storage_and_votes_are_set_when_they_are_asked_for_and_before_the_files_come(hub: SpaceHub, publish: Publish) -> None:
    publish(hardware="t4-small", sleep_seconds=3600, bucket="me/store", votes="me/votes", private=True)
    space = hub.spaces[REPO]
    assert (space.hardware, space.set["sleep"], space.set["visibility"]) == ("t4-small", 3600, "private")
    assert space.set["volumes"] == [{"type": "bucket", "source": "me/store", "mountPath": "/data"}]
    assert space.set["variables"] == {"ARENA_SYNC_REPO": "me/votes"}
    assert max(hub.asked.index(sort) for sort in ("hardware", "volumes", "variables")) < hub.asked.index("commit")
    assert TOKEN not in str(space)


def test_publishing_again_renews_and_takes_away_what_is_gone(hub: SpaceHub, publish: Publish, root: Path) -> None:
    publish(hardware="l4x1")
    hub.spaces[REPO].files |= {"notes.txt": b"the owner's own", ".gitattributes": b"lfs"}
    (root / "nl2sql_arena" / "ui" / "style.css").unlink()
    (root / "app.py").write_text("newer")
    publish()
    space = hub.spaces[REPO]
    assert set(space.files) == SENT - {"nl2sql_arena/ui/style.css"} | {"notes.txt", ".gitattributes"}
    assert space.files["app.py"] == b"newer"
    assert space.hardware == "l4x1", "stays as it is"
    assert b"preload_from_hub" in space.files["README.md"]
    assert hub.asked.count("create") == 1


def test_many_files_are_one_build(hub: SpaceHub, publish: Publish, root: Path) -> None:
    for number in range(300):
        (root / "nl2sql_arena" / "ui" / f"part{number}.py").write_text(f"part = {number}\n")
    assert publish().files == len(SENT) + 300
    assert len(hub.spaces[REPO].files) == len(SENT) + 300
    assert len(hub.spaces[REPO].commits) == 1, "the first of several would start half an app"


def test_another_app_is_not_overwritten(hub: SpaceHub, publish: Publish) -> None:
    hub.spaces[REPO] = HeldSpace(files={"app.py": b"another"})
    with pytest.raises(BadInput, match="holds another app, which this would overwrite; name another Space"):
        publish()
    assert hub.spaces[REPO].files == {"app.py": b"another"}


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"repo": "arena"}, "REPO is 'arena'; write your user name or organisation, a slash and a name"),
        ({"repo": ""}, "REPO is ''"),
        ({"repo": "me/arena/x"}, "REPO is 'me/arena/x'"),
        ({"bucket": "store"}, "BUCKET is 'store'"),
        ({"votes": "https://huggingface.co/datasets/me/votes"}, "VOTES is 'https"),
        ({"hardware": "gpu"}, "Hugging Face has no hardware 'gpu'; choose one of cpu-basic"),
        ({"sleep_seconds": 60}, "can be set only together with paid hardware"),
    ],
)
def test_a_wish_that_cannot_be_is_one_sentence_and_nothing_is_sent(
    hub: SpaceHub, publish: Publish, wishes: dict[str, str], said: str
) -> None:
    with pytest.raises(BadInput) as caught:
        publish(**wishes)
    assert said in str(caught.value)
    assert hub.asked == []


def test_without_a_token_nothing_is_asked(hub: SpaceHub, publish: Publish, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(BadInput, match="run `hf auth login`, or set HF_TOKEN to a token that may write"):
        publish()
    assert hub.asked == []


@pytest.mark.parametrize(
    ("sort", "status", "said"),
    [
        ("info", 401, "does not know this token"),
        ("create", 403, "does not let you change me/arena (said the stand-in)"),
        ("hardware", 402, "asks for a paid plan for this (said the stand-in)"),
        ("info", 500, "busy or out of order (HTTP 500); publish again"),
        ("create", 429, "busy or out of order (HTTP 429)"),
        ("create", 400, "refuses me/arena (HTTP 400: said the stand-in)"),
        ("volumes", 404, "knows no me/arena that you may change"),
    ],
)
def test_a_refusal_is_one_sentence(hub: SpaceHub, publish: Publish, sort: str, status: int, said: str) -> None:
    hub.answers[sort] = status
    with pytest.raises(ArenaError) as caught:
        publish(hardware="l4x1", bucket="me/store")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_token_is_named(hub: SpaceHub, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(BadInput, match="does not know this token"):
        publish()


def test_a_head_that_the_hub_refuses_is_named(hub: SpaceHub, publish: Publish) -> None:
    hub.yaml_error = "sdk_version is not known"
    with pytest.raises(BadInput, match=r"Invalid metadata in README\.md\. - sdk_version is not known; correct that"):
        publish()
    assert hub.spaces[REPO].files == {}


def test_a_hub_out_of_reach_is_named(hub: SpaceHub, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Infrastructure, match="cannot be reached; go online"):
        publish()


def test_of_this_folder_a_space_gets_what_it_needs_and_no_more() -> None:
    files = {path.as_posix() for path in needed()}
    assert {"app.py", "README.md", "requirements.txt", "pre-requirements.txt", "models/mini-l/model.safetensors"} <= files
    assert {"nl2sql_arena/worker.py", "sample_dbs/shop/questions.jsonl", "docs/arena.png"} <= files
    unwanted = ("tests/", "var/", ".git", "nl2sql_arena/training/", "benchmarks/results", "Makefile", "requirements-")
    assert [name for name in files if name.startswith(unwanted) or "__pycache__" in name] == []


def test_a_readme_without_the_line_is_not_published() -> None:
    assert with_preload(README, ()) == README.replace("preload_from_hub:\n  - a/b\n  - c/d\n", "")
    with pytest.raises(BadInput, match=r"README\.md has no preload_from_hub"):
        with_preload("# T\n", ("a/b",))


def test_make_space_publishes_this_folder_with_its_large_files(tmp_path: Path) -> None:
    """From the Makefile to the hub in a process of its own; with HF_HUB_DISABLE_XET large files come by git LFS."""
    hub = SpaceHub(lfs=("*.safetensors", "*.png"))
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
    make = ["make", "--silent", "--assume-old=.venv/.installed", "space", f"REPO={REPO}", "VOTES=me/votes"]
    done = subprocess.run(make, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    hub.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.url}/spaces/{REPO}"
    assert "Set the secret HF_TOKEN of the Space" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    space = hub.spaces[REPO]
    assert set(space.files) == {path.as_posix() for path in needed()}
    mini = "models/mini-l/model.safetensors"
    assert space.files[mini] == (ROOT / mini).read_bytes()
    assert "upload" in hub.asked
