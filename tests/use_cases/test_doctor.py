"""What `doctor` says, on a machine whose GPU, memory and disk are made up."""

import json
import shutil
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nl2sql_arena import cli, doctor, terminal
from nl2sql_arena.backends.local import forecast as forecasting
from nl2sql_arena.backends.local import pace as pacing
from nl2sql_arena.backends.local.forecast import Forecast, forecast
from nl2sql_arena.backends.local.pace import Pace
from nl2sql_arena.hub import Hub
from nl2sql_arena.services import Services
from nl2sql_arena.settings import ROOT, Settings
from nl2sql_arena.types import ModelCard, Weights
from tests import tiny
from tests.backends.stand_in import StandIn
from tests.use_cases.scripted_models import BROKEN, LEFT, RIGHT

GB = 10**9


class Answering(Hub):
    def reachable(self, seconds: float = 3.0) -> bool:
        return True


class Silent(Hub):
    def reachable(self, seconds: float = 3.0) -> bool:
        return False


@pytest.fixture(autouse=True)
def _small_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "OUTER", 256)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives this machine a GPU with so many GB free."""

    def have(free: float, total: float) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (int(free * GB), int(total * GB)))

    return have


def big(gigabytes: int, precision: str = "auto") -> ModelCard:
    """A model of the hub that is not here; its download is 16-bit weights."""
    return replace(tiny.card("big", "somebody/big", precision=precision), kind="real", download_gb=gigabytes)


@pytest.mark.parametrize(
    ("free", "total", "precision", "state", "says"),
    [
        (24, 24, "auto", "to download", "bf16 because 16-bit weights fit 24.0 GB"),
        (15, 24, "auto", "to download", "nf4 because 15.0 GB of free GPU memory cannot hold Phi-2 and SQLCoder at 16 bits, and both sides"),
        (16, 16, "auto", "to download", "nf4 because 16.0 GB of free GPU memory cannot hold Phi-2 and SQLCoder at 16 bits, and both sides"),
        (4, 24, "auto", "too large", "weights and answers need 5.3 GB, of which 4.0 are free"),
        (14, 24, "bf16", "too large", "bf16 because the card says so; weights and answers need 14.1 GB, of which 14.0 are free"),
        (15, 24, "int8", "to download", "int8 because the card says so"),
    ],
)
def test_precision_follows_card_and_free_memory(
    gpu: Any, tmp_path: Path, free: float, total: float, precision: str, state: str, says: str
) -> None:
    gpu(free, total)
    found = forecast(big(13, precision), tmp_path / "big")
    assert found.state == state
    assert says in found.why
    assert found.precision.endswith(" on cuda")


def test_what_this_process_has_loaded_already_is_told_from_what_others_hold(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu(10, 24)
    for amount in ("memory_reserved", "memory_allocated"):
        monkeypatch.setattr(torch.cuda, amount, lambda: int(13 * GB))
    assert "nf4 because 13.0 GB of 16-bit weights and room to work do not fit 10.0 GB" in forecast(big(13), tmp_path / "big").why


def test_weights_on_this_machine_are_counted_not_estimated(tmp_path: Path) -> None:
    folder = tiny.phi(tmp_path / "small")
    card = replace(tiny.card("small"), precision="auto")
    found = forecast(card, folder)
    assert (found.state, found.precision) == ("ready", "fp32 on cpu, 1 thread")
    assert found.gigabytes * GB == 4 * forecasting.parameters_of(forecasting.outline(forecasting.AutoConfig.from_pretrained(folder)))


def test_an_adapter_of_the_hub_is_missed_beside_a_base_that_is_here(tmp_path: Path) -> None:
    folder = tiny.phi(tmp_path / "small")
    found = forecast(replace(tiny.card("small"), adapter=Weights("somebody/adapter")), folder)
    assert (found.state, found.why.rpartition("; ")[2]) == ("to download", "the first start downloads somebody/adapter")


def test_weights_that_should_lie_here_and_do_not_are_missing(tmp_path: Path) -> None:
    assert forecast(tiny.card("lost", "./gone"), tmp_path) == Forecast(
        "missing", "", f"no safetensors weights in {(tmp_path / 'gone').resolve()}"
    )


def test_without_a_size_nothing_is_claimed(tmp_path: Path) -> None:
    found = forecast(big(0), tmp_path)
    assert (found.state, found.precision, found.gigabytes) == ("to download", "", 0.0)
    assert "size not known" in found.why


@pytest.fixture
def opened(shared: Services) -> Services:
    return replace(shared, settings=replace(shared.settings, chosen_models=(LEFT, RIGHT)))


def test_the_report_asks_the_default_pair_one_question(opened: Services) -> None:
    report = doctor.examine(opened, hub=Answering())
    assert report.question
    assert [(each.model, bool(each.sql)) for each in report.question.answers] == [(LEFT, True), (RIGHT, True)]
    assert report.question.question in [example.question for example in opened.examples(report.question.db, "arena")]
    assert report.hub == "answers"
    assert all(0 < room.free <= room.total for room in report.rooms)
    assert [room.name for room in report.rooms] == ["main memory", "disk of ARENA_DATA", "disk of the hub's cache"]
    assert report.versions["duckdb"]
    text = doctor.as_text(report)
    assert report.question.question in text
    assert all(name in text for name in opened.cards)


def test_a_pair_that_cannot_be_loaded_is_a_finding(opened: Services) -> None:
    broken = replace(opened, settings=replace(opened.settings, chosen_models=(LEFT, BROKEN)))
    question = doctor.examine(broken, hub=Answering()).question
    assert question
    assert question.answers == ()
    assert BROKEN in question.problem
    assert question.problem in doctor.as_text(doctor.examine(broken, hub=Answering()))


@pytest.fixture
def server() -> Iterator[StandIn]:
    found = StandIn({})
    yield found
    found.close()


def findings(services: Services, *cards: ModelCard, hub: Hub | None = None) -> dict[str, doctor.Finding]:
    report = doctor.examine(replace(services, cards={card.name: card for card in cards}), ask=False, hub=hub or Answering())
    assert report.question is None
    return {found.name: found for found in report.models}


def test_servers_and_models_without_weights_have_their_line(shared: Services, server: StandIn) -> None:
    down = replace(server.card("down"), server=replace(server.card().server, url="http://127.0.0.1:9/v1"))  # type: ignore[type-var]
    found = findings(shared, server.card("up"), down, shared.cards[LEFT])
    assert found["up"].state == "ready"
    assert f"context {tiny.CONTEXT} tokens" in found["up"].why
    assert found["down"].state == "unavailable"
    assert "cannot be reached" in found["down"].why
    assert (found[LEFT].state, found[LEFT].precision) == ("ready", "none")


def test_what_cannot_be_fetched_is_not_promised(shared: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(shared, big(1))["big"].state == "to download"
    offline = findings(shared, big(1), hub=Silent())["big"]
    assert (offline.state, offline.why.rpartition(", ")[2]) == ("unavailable", "and the hub cannot be reached")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10 * GB, 10 * GB, GB // 2))
    full = findings(shared, big(1))["big"]
    assert full.state == "too large"
    assert "0.5 GB of free disk" in full.why


def test_the_least_time_of_an_answer_follows_from_what_was_measured(shared: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(bytes=13e9, operations=6.5e12, dtype="bfloat16", device="cpu")
    monkeypatch.setattr(pacing, "measure", lambda: pace)
    report = doctor.examine(replace(shared, cards={"big": big(13), "rules": shared.cards[LEFT]}), ask=False, hub=Answering())
    large, none = report.models
    assert large.least_seconds == pytest.approx(70 + 2.5, rel=0.02), "70 tokens of 13 GB each, and a prompt of 1,250"
    assert none.least_seconds == 0
    assert report.speed.startswith(
        "13.0 GB/s of weights and 6.5 TFLOP/s in bfloat16 on cpu, measured just now (less while other work runs)"
    )
    assert f"(13 GB of weights, {large.least_seconds:g} s an answer or longer)" in doctor.as_text(report)
    practice = replace(shared, cards={"small": replace(big(13), kind="mini")})
    assert doctor.examine(practice, ask=False, hub=Answering()).speed == "", "no claim about models that other things slow down"


def test_a_machine_s_pace_is_measured_and_without_memory_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pacing.measure()
    assert found
    assert min(found.bytes, found.operations) > 0
    assert (found.dtype, found.device) == ("bfloat16", "cpu")

    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch, "ones", full)
    assert pacing.measure() is None


def test_the_command_prints_what_programs_read(
    arena_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "load", lambda _: replace(arena_settings, models=ROOT / "models"))
    monkeypatch.setattr(Hub, "reachable", lambda _self, _seconds=3.0: False)
    cli.main(["doctor", "--no-ask", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["question"] is None
    states = {each["name"]: each["state"] for each in said["models"]}
    assert (states["mini-l"], states["rules"]) == ("ready", "ready")
    assert states["sqlcoder-7b-2"] in ("unavailable", "too large", "ready")
    cli.main(["doctor", "--no-ask"])
    text = capsys.readouterr().out
    assert "cannot be reached" in text
    assert "Question" not in text
