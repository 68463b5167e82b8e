"""A Space from its published files: it starts, answers, sleeps, wakes, and loses no vote that the hub has."""

import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nl2sql_arena import settings, ui
from nl2sql_arena.services import Profile, Services, open_services
from nl2sql_arena.settings import ROOT
from tests import dataset_hub
from tests.scripted_model import write_scripted
from tests.space import SimulatedSpace
from tests.ui.raw_page import RawPage

QUESTION = "How many customers live in Germany?"
RETRIES = 4
LOST = "Votes here are lost when this Space restarts."


@pytest.fixture
def hub() -> Iterator[dataset_hub.Hub]:
    with dataset_hub.running() as found:
        yield found


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    place = tmp_path_factory.mktemp("opened")
    for name in ("left", "right"):
        write_scripted(place / "models", name, {})
    found = open_services(replace(settings.load({}), data=place / "data", models=place / "models", workers=1))
    yield found
    found.close()


def voted(url: str) -> RawPage:
    """A page on which the minis were asked and voted on."""
    page = RawPage(url)
    page.values["db"] = "shop"
    page.ask(QUESTION)
    for _ in range(RETRIES):
        if not page.shown["vote-tie"]["interactive"]:
            page.click("retry")  # as a visitor would, where a busy machine let a side wait too long
    assert page.shown["vote-tie"]["interactive"], page.shown["status"]
    page.vote("tie")
    assert "Recorded" in page.shown["reveal"], page.shown["told"]
    return page


def live_a_day(space: SimulatedSpace, hub: dataset_hub.Hub) -> None:
    """Start, answer, vote, sleep, lose the disk, wake: the vote is back."""
    page = voted(space.start())
    header = page.values["header"]
    assert "Practice models." in header
    assert "No CUDA GPU was found" in header
    assert LOST not in header
    assert space.stop() == 0, space.log.read_text()
    assert len(hub.votes()) == 1
    assert space.written() == {"var"}, "nothing was written beside the app"
    space.lose_disk()
    space.start()
    try:
        assert "From the synced copy: 1 battles" in space.log.read_text()
    finally:
        assert space.stop() == 0
    assert len(hub.votes()) == 1


def keeping_votes(hub: dataset_hub.Hub) -> dict[str, str]:
    return {"ARENA_SYNC_REPO": dataset_hub.NAME, "HF_TOKEN": dataset_hub.TOKEN, "HF_ENDPOINT": hub.endpoint, "ARENA_SYNC_SECONDS": "1"}


@pytest.mark.long
def test_a_space_starts_from_its_files_sleeps_and_wakes_with_its_votes(tmp_path: Path, hub: dataset_hub.Hub) -> None:
    live_a_day(SimulatedSpace(tmp_path, Path(sys.executable), **keeping_votes(hub)), hub)


@pytest.mark.long
def test_exactly_the_requirements_are_enough(tmp_path: Path, hub: dataset_hub.Hub) -> None:
    """An environment with nothing but what requirements.txt names, in the versions that are newest here."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", ROOT / "requirements.txt"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    live_a_day(SimulatedSpace(tmp_path, python, **keeping_votes(hub)), hub)


@pytest.mark.parametrize(
    ("environment", "is_said"),
    [
        ({"SPACE_ID": "me/arena"}, True),
        ({"SPACE_ID": "me/arena", "ARENA_SYNC_REPO": "me/votes"}, True),
        ({"SPACE_ID": "me/arena", "ARENA_STORE_URL": "postgresql://somewhere/votes"}, False),
        ({}, False),
    ],
)
def test_a_space_that_loses_its_votes_says_so(opened: Services, tmp_path: Path, environment: dict[str, str], is_said: bool) -> None:
    found = replace(opened, settings=settings.load(environment | {"ARENA_DATA": str(tmp_path)}))
    header = ui._header(found, Profile("mini", ("left", "right"), ("left", "right"), "CPU", ("scripted", "scripted")))
    assert (LOST in header) is is_said
    is_space = "SPACE_ID" in environment
    assert ("the owner of this Space chooses a GPU" in header) is is_space
    assert ("start the app on a machine with a CUDA GPU" in header) is not is_space


def test_on_a_space_the_usual_address_is_the_one_that_hugging_face_looks_at() -> None:
    found = settings.load({"SPACE_ID": "me/arena", "ARENA_DATA": "somewhere"})
    assert (found.host, found.port) == ("0.0.0.0", 7860)
    assert settings.load({"GRADIO_SERVER_NAME": "0.0.0.0"}).host == "0.0.0.0"
    assert settings.load({"GRADIO_SERVER_NAME": "0.0.0.0", "HOST": "10.0.0.1"}).host == "10.0.0.1"


def test_where_the_app_folder_cannot_be_written_a_space_keeps_its_data_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.load({"SPACE_ID": "me/arena"}).data == tmp_path / "var"
    (tmp_path / "var").rmdir()
    (tmp_path / "var").write_text("in the way")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp")
    assert settings.load({"SPACE_ID": "me/arena"}).data == Path("/tmp/nl2sql_arena")
    assert settings.load({}).data == tmp_path / "var", "elsewhere the owner is told what to set"
    assert settings.load({"SPACE_ID": "me/arena", "ARENA_DATA": str(tmp_path / "var" / "x")}).data == tmp_path / "var" / "x"


def test_a_home_that_cannot_be_written_gets_no_weights(tmp_path: Path) -> None:
    found = replace(settings.load({}), data=tmp_path / "data")
    elsewhere = {"HF_HOME": str(tmp_path / "data" / "huggingface")}
    assert settings.instead_of_home(found, {"HOME": "/dev/null/home"}) == elsewhere
    assert settings.instead_of_home(found, {"HOME": str(tmp_path)}) == {}
    assert settings.instead_of_home(found, {"HOME": "/dev/null/home", "HF_HOME": "/data/hub"}) == {}
