"""Votes survive a machine whose disk dies with it: the store, its synced copy, and everything that can go wrong between them.

The hub is a stand-in behind a real port; huggingface_hub is what is installed.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from nl2sql_arena import cli
from nl2sql_arena.errors import BadInput, BadVote
from nl2sql_arena.services import read_copy, unsynced
from nl2sql_arena.settings import ROOT, load
from nl2sql_arena.votes import Store, dataset, sync
from nl2sql_arena.votes.dataset import Dataset
from nl2sql_arena.votes.details import Detail
from nl2sql_arena.votes.records import Record, read, written
from nl2sql_arena.votes.sync import Pace, Sync
from nl2sql_arena.votes.tokens import token
from tests.dataset_hub import NAME, TOKEN, Fault, Hub, running
from tests.test_votes import ANN, BOB, add, cast

CEM = "visitor-cem"
BRISK = Pace(commits=0.05, looks=0.2, first_wait=0.05, longest_wait=0.2)
STILL = Pace(commits=3600, looks=3600, first_wait=0.05, longest_wait=0.2)
"""After its first commit nothing more is sent unless it is asked for."""
PATIENCE = 60
"""Seconds, for what must come; a machine with other work is slow."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running() as started:
        yield started


class Machine:
    """A store with its sync, in a folder of its own."""

    def __init__(self, hub: Hub, folder: Path, pace: Pace = BRISK, token: str = TOKEN, seconds: float = 5) -> None:
        self.folder = folder
        self.store = Store(folder / "votes.sqlite")
        self.sync = Sync(self.store, Dataset(NAME, token, hub.endpoint, seconds), folder / "outbox", pace)

    def vote(self, name: str, voter: str = ANN) -> None:
        add(self.store, name, voter=voter)
        cast(self.store, name, "model_a", voter)

    def voted(self) -> list[str]:
        return sorted(vote["id"] for vote in self.store.votes())

    def waiting(self) -> list[Path]:
        return sorted((self.folder / "outbox").glob("*"))

    def outbox(self) -> bytes:
        """All that waits; a file may be sent, or another take its place, while this reads."""
        found = b""
        for path in self.waiting():
            with suppress(FileNotFoundError):
                found += path.read_bytes()
        return found

    def close(self, seconds: float = PATIENCE) -> bool:
        """End the sync. When this returns nothing works on any more, as after the end of a process."""
        is_synced = self.sync.close(seconds)
        if self.sync._thread:
            self.sync._thread.join(PATIENCE)
        return is_synced


@pytest.fixture
def machine(hub: Hub, tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Machines that are stopped at the end; each has an empty disk at first, but for one that is given another's folder."""
    made: list[Machine] = []

    def make(folder: Path | None = None, **given: object) -> Machine:
        made.append(Machine(hub, folder or tmp_path / f"machine-{len(made)}", **given))  # type: ignore[arg-type]
        return made[-1]

    yield make
    hub.faults.clear()
    for each in made:
        each.close(0.1)


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_a_vote_is_saved_at_once_and_synced_once_the_copy_has_it(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine()
    assert one.sync.start()
    hub.faults.append(Fault("commit", times=999, status=500))
    one.vote("first")
    assert until(lambda: hub.asked.count("commit") >= 3)
    assert one.sync.state("first") == "saved"
    hub.faults.clear()
    assert until(lambda: one.sync.state("first") == "synced")
    assert hub.votes() == ["first"]
    assert one.waiting() == []


def test_an_empty_machine_gets_everything_back_in_its_order_and_twice_is_once(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.sync.start()
    one.vote("first")
    one.store.add_note("first", Detail(correct_a=True), ANN, token(one.store._key, "first", ANN))
    one.store.add_note("first", Detail(correct_a=False, comment="späte Einsicht"), ANN, token(one.store._key, "first", ANN))
    one.vote("second", BOB)
    one.store.undo("second", BOB, token(one.store._key, "second", BOB))
    one.vote("third", BOB)
    one.store.flag("third", "limiter_off")
    assert one.close()
    two = machine()
    assert two.sync.start()
    assert two.store.votes() == one.store.votes()
    assert [event["kind"] for event in two.store.events()] == [event["kind"] for event in one.store.events()]
    assert two.sync.state("first") == "synced"
    assert two.close()
    three = machine(two.folder)
    assert three.sync.start()
    assert three.store.events() == two.store.events()
    assert three.sync.gained.events == 0
    assert len(hub.rows) == len({str(row) for row in hub.rows}), "nothing was sent twice"


def test_the_title_of_a_study_is_synced_and_back_on_an_empty_machine(hub: Hub, machine: Callable[..., Machine]) -> None:
    one, trust, later = machine(), "7" * 64, "8" * 64
    one.store.name_study(trust, "Wem <traut> man?")  # before anything was synced, as on a machine that gets its dataset later
    one.sync.start()
    assert one.sync.flush(PATIENCE)
    one.store.name_study(later, "Opened while the app runs")
    one.store.name_study(later, "Opened while the app runs")
    assert one.close()
    titles = {trust: "Wem <traut> man?", later: "Opened while the app runs"}
    assert [row["row"]["title"] for row in hub.rows] == [*titles.values()], "each once"
    two = machine()
    two.sync.start()
    assert two.store.study_titles() == titles
    assert two.close()
    assert len(hub.rows) == 2
    assert two.store._key != one.store._key, "of what is kept beside votes only titles leave"
    assert one.store._key not in hub.history


def test_a_title_that_is_none_is_left_out_and_changes_nothing_else(hub: Hub, machine: Callable[..., Machine]) -> None:
    rows = ({"study": "7" * 64, "title": 7}, {"title": "of nothing"}, {"study": "8" * 64, "title": "Good"})
    lines = [json.dumps({"format": 1, "table": table, "row": row}) for table in ("titles", "kept") for row in rows]
    lines.append(json.dumps({"format": 1, "table": "kept", "row": {"name": "signing_key", "value": "stolen"}}))
    hub.add("of another", {**hub.files, "segments/another.jsonl": "\n".join(lines).encode()})
    one = machine()
    key = one.store._key
    one.sync.start()
    assert one.store.study_titles() == {"8" * 64: "Good"}
    assert one.sync.unread == 6
    assert Store(one.folder / "votes.sqlite")._key == key


def test_votes_of_several_boots_come_together(hub: Hub, machine: Callable[..., Machine]) -> None:
    for number in range(3):
        boot = machine()
        boot.vote(f"of boot {number}")  # before the start: all in one commit
        boot.sync.start()
        assert boot.close()
    last = machine()
    last.sync.start()
    assert last.voted() == ["of boot 0", "of boot 1", "of boot 2"]
    assert len(hub.segments) == 3, "no boot writes over another's file"


def test_an_open_battle_of_before_can_still_be_voted_on(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.sync.start()
    add(one.store, "open")
    assert one.close()
    two = machine()
    two.sync.start()
    cast(two.store, "open", "tie", ANN)
    assert two.voted() == ["open"]
    assert two.close()
    with pytest.raises(BadVote, match="already has its vote"):
        cast(two.store, "open", "tie", ANN)


def test_a_torn_line_is_left_out_and_said(hub: Hub, machine: Callable[..., Machine], caplog: pytest.LogCaptureFixture) -> None:
    one = machine()
    one.vote("whole")  # before the start: all in one segment
    one.vote("torn", BOB)
    one.sync.start()
    assert one.close()
    ((path, data),) = hub.segments.items()
    at = data.rindex(b'{"format"')
    hub.add("torn", {**hub.files, path: data[: at + 40]})
    two = machine()
    two.sync.start()
    assert two.voted() == ["whole"]
    assert two.sync.unread == 1
    assert "1 torn or unknown lines were left out" in caplog.text


def test_a_vote_whose_battle_is_nowhere_is_left_out_and_said(
    hub: Hub, machine: Callable[..., Machine], caplog: pytest.LogCaptureFixture
) -> None:
    one = machine()
    one.vote("whole")  # before the start: all in one segment
    one.sync.start()
    assert one.close()
    ((path, data),) = hub.segments.items()
    hub.add("lost a line", {**hub.files, path: data.split(b"\n", 1)[1]})
    two = machine()
    two.sync.start()
    assert two.voted() == []
    assert two.sync.gained.orphans == 1
    assert "1 events of battles that are nowhere" in caplog.text


@pytest.mark.parametrize(
    ("sort", "fault", "why"),
    [
        ("info", Fault("info", 99, status=401), "HTTP 401"),
        ("info", Fault("info", 99, status=403), "HTTP 403"),
        ("commit", Fault("commit", 99, status=500), "HTTP 500"),
        ("commit", Fault("commit", 99, status=429), "HTTP 429"),
        ("info", Fault("info", 99, seconds=2), "cannot be reached"),
        ("commit", Fault("commit", 99, seconds=2), "cannot be reached"),
    ],
    ids=["401", "403", "500", "429", "slow look", "slow commit"],
)
def test_while_the_hub_fails_votes_are_kept_and_synced_later(
    hub: Hub, machine: Callable[..., Machine], sort: str, fault: Fault, why: str
) -> None:
    hub.faults.append(fault)
    one = machine(seconds=0.3)
    one.sync.start(PATIENCE)
    one.vote("first")
    assert until(lambda: why in one.sync.trouble), one.sync.trouble
    assert one.voted() == ["first"]
    assert one.sync.state("first") == "saved"
    hub.faults.clear()
    assert until(lambda: one.sync.state("first") == "synced")
    assert hub.votes() == ["first"]
    assert until(lambda: one.sync.trouble == "")


def test_the_hub_s_own_waiting_time_is_kept(hub: Hub, machine: Callable[..., Machine]) -> None:
    hub.faults.append(Fault("commit", status=429, headers={"Retry-After": "3000"}))
    one = machine()
    one.sync.start()
    one.vote("first")
    assert until(lambda: "429" in one.sync.trouble)
    assert hub.asked.count("commit") == 1
    assert one.sync._not_before - time.monotonic() > 2000


def test_a_commit_whose_reply_was_lost_is_not_made_again(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine()
    hub.faults.append(Fault("commit", is_lost=True))
    one.vote("first")  # before the start, so that battle and vote are in one commit
    one.sync.start()
    assert until(lambda: one.sync.state("first") == "synced")
    assert until(lambda: one.waiting() == [])  # dropped later in the round that found the vote in the copy
    assert hub.votes() == ["first"]
    assert hub.asked.count("commit") == 1


def test_without_the_hub_the_app_starts_and_syncs_once_it_is_back(machine: Callable[..., Machine], hub: Hub) -> None:
    endpoint, hub.endpoint = hub.endpoint, "http://127.0.0.1:9"
    one = machine()
    assert not one.sync.start(PATIENCE)
    assert "cannot be reached" in one.sync.trouble
    one.vote("first")
    assert one.sync.state("first") == "saved"
    assert until(lambda: len(one.waiting()) == 1), "it waits on this disk"
    assert one.close(0.2) is False
    hub.endpoint = endpoint
    again = machine(one.folder)
    assert again.sync.start()
    assert until(lambda: again.sync.state("first") == "synced")
    assert hub.votes() == ["first"]
    assert again.waiting() == []


def test_a_store_that_was_deleted_comes_back_from_what_waited_beside_it(machine: Callable[..., Machine], hub: Hub) -> None:
    hub.faults.append(Fault("commit", 999, status=500))
    one = machine()
    one.sync.start()
    one.vote("first")
    assert until(lambda: b'"kind": "vote"' in one.outbox())
    one.close(0.1)
    (segment,) = one.waiting()
    segment.write_bytes(segment.read_bytes() + b'{"format": 1, "table": "events", "row": {"batt')
    for file in one.folder.glob("votes.sqlite*"):
        file.unlink()
    hub.faults.clear()
    two = machine(one.folder)
    assert two.sync.start()
    assert two.voted() == ["first"]
    assert two.sync.unread == 1
    assert until(lambda: hub.votes() == ["first"])


def test_a_public_dataset_gets_nothing(hub: Hub, machine: Callable[..., Machine]) -> None:
    hub.is_private = False
    one = machine()
    assert not one.sync.start(PATIENCE)
    assert "is public" in one.sync.trouble
    one.vote("first")
    assert not one.sync.flush(0.5)
    assert hub.segments == {}


def test_a_dataset_that_is_missing_is_made_and_private(tmp_path: Path) -> None:
    with running(exists=False) as hub:
        one = Machine(hub, tmp_path)
        assert one.sync.start()
        one.vote("first")
        assert one.close()
        assert hub.is_private
        assert hub.votes() == ["first"]


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="OWNER/NAME"):
        Dataset("https://huggingface.co/datasets/me/votes", TOKEN)


def test_an_erasure_reaches_the_copy_and_its_history_and_other_machines(hub: Hub, machine: Callable[..., Machine]) -> None:
    one, other = machine(), machine()
    one.sync.start()
    one.vote("of ann")
    one.vote("of bob", BOB)
    assert one.sync.flush(PATIENCE)
    other.sync.start()
    assert other.voted() == ["of ann", "of bob"]
    assert ANN.encode() in hub.history
    assert one.store.erase(ANN) == 1
    assert one.sync.flush(PATIENCE)
    assert ANN.encode() not in hub.history
    assert hub.votes() == ["of bob"]
    assert dataset.ERASING not in hub.files
    assert until(lambda: other.voted() == ["of bob"])
    with pytest.raises(BadVote, match="erased"):
        add(other.store, "of ann")
    third = machine()
    third.sync.start()
    assert third.voted() == ["of bob"]
    with pytest.raises(BadVote, match="erased"):
        add(third.store, "of ann")


def test_an_erasure_reaches_what_still_waits_to_be_sent(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.sync.start()
    hub.faults.append(Fault("commit", 999, status=500))
    one.vote("of ann")
    one.vote("of bob", BOB)
    assert until(lambda: b"of bob" in one.outbox())
    one.store.erase(ANN)
    assert until(lambda: ANN.encode() not in one.outbox())
    hub.faults.clear()
    assert one.sync.flush(PATIENCE)
    assert hub.votes() == ["of bob"]
    assert ANN.encode() not in hub.history


def test_an_erasure_reaches_votes_that_another_app_has_not_synced_yet(hub: Hub, machine: Callable[..., Machine]) -> None:
    space, laptop = machine(pace=STILL), machine(pace=STILL)
    space.sync.start()
    space.vote("synced")
    assert space.sync.flush(PATIENCE)
    laptop.sync.start()
    space.vote("not synced")
    space.vote("of bob", BOB)
    add(space.store, "open")
    assert laptop.store.erase(ANN) == 1
    assert laptop.sync.flush(PATIENCE)
    assert ANN.encode() not in hub.history
    assert space.sync.flush(PATIENCE)
    assert space.voted() == ["of bob"]
    assert until(lambda: hub.votes() == ["of bob"])
    assert ANN.encode() not in hub.history
    assert ANN.encode() not in space.outbox()
    with pytest.raises(BadVote, match="not open for you"):
        cast(space.store, "open", "tie", ANN)
    with pytest.raises(BadVote, match="takes no more"):
        add(space.store, "later")
    third = machine()
    third.sync.start()
    assert third.voted() == ["of bob"]
    with pytest.raises(BadVote, match="takes no more"):
        add(third.store, "later")


def test_votes_that_were_sent_while_they_were_erased_elsewhere_go_from_the_copy(hub: Hub, machine: Callable[..., Machine]) -> None:
    space, laptop = machine(), machine(pace=STILL)
    laptop.sync.start()
    laptop.vote("of cem", CEM)
    assert laptop.sync.flush(PATIENCE)  # and from now on it tells nothing by itself
    space.sync.start()
    space.vote("of ann")
    space.vote("of bob", BOB)
    laptop.store.erase(ANN)
    assert space.sync.flush(PATIENCE)
    assert ANN.encode() in hub.history, "the laptop has not told yet"
    assert laptop.sync.flush(PATIENCE)
    assert until(lambda: sorted(hub.votes()) == ["of bob", "of cem"])
    assert until(lambda: ANN.encode() not in hub.history)
    assert laptop.voted() == ["of bob", "of cem"]
    assert until(lambda: space.voted() == ["of bob", "of cem"])


def test_of_two_apps_on_one_store_what_one_erases_the_other_does_not_sync(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine(pace=STILL)
    one.sync.start()
    one.vote("synced")
    assert one.sync.flush(PATIENCE)
    one.vote("not synced")
    one.vote("of bob", BOB)
    assert until(lambda: b"of bob" in one.outbox())
    beside = Store(one.folder / "votes.sqlite")
    assert beside.erase(ANN) == 2
    assert one.sync.flush(PATIENCE)
    assert until(lambda: hub.votes() == ["of bob"])
    assert until(lambda: ANN.encode() not in hub.history)
    assert one.voted() == ["of bob"]


def test_an_erasure_that_was_ended_half_way_is_completed(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.sync.start()
    one.vote("of ann")
    assert one.sync.flush(PATIENCE)
    hub.faults.append(Fault("squash", 999, status=500))
    one.store.erase(ANN)
    assert until(lambda: hub.asked.count("squash") >= 1)
    assert not one.sync.flush(0.1)
    one.close(0.1)
    assert ANN.encode() in hub.history
    hub.faults.clear()
    two = machine()
    two.sync.start()
    assert two.sync.flush(PATIENCE)
    assert until(lambda: ANN.encode() not in hub.history)
    assert dataset.ERASING not in hub.files


def test_a_vote_of_another_machine_in_between_is_read_and_nothing_written_over(hub: Hub, machine: Callable[..., Machine]) -> None:
    one, other = machine(pace=STILL), machine(pace=STILL)
    one.sync.start()
    other.sync.start()
    one.vote("of one")
    other.vote("of other", BOB)
    hub.before_commit = lambda: other.sync.flush(PATIENCE) and None
    assert one.sync.flush(PATIENCE)
    assert sorted(hub.votes()) == ["of one", "of other"]
    assert one.voted() == ["of one", "of other"]


def test_many_changes_are_sent_in_one_commit(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine(pace=STILL)
    one.sync.start()
    for number in range(30):
        one.vote(f"battle {number:02}", voter=f"voter {number}")
    assert one.sync.flush(PATIENCE)
    assert hub.asked.count("commit") <= 2, "the first goes at once, the others together"
    assert sorted(hub.votes()) == [f"battle {number:02}" for number in range(30)]


def test_more_changes_than_are_remembered_are_all_sent(hub: Hub, machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "MOST_CHANGED", 5)
    hub.faults.append(Fault("commit", 2, status=500))
    one = machine()
    one.sync.start()
    for number in range(17):
        one.vote(f"battle {number:02}", voter=f"voter {number}")
    assert one.sync.flush(PATIENCE)
    assert sorted(set(hub.votes())) == [f"battle {number:02}" for number in range(17)]


def test_many_segments_become_few_and_no_vote_is_lost(hub: Hub, machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "MOST_SEGMENTS", 4)
    one = machine()
    one.sync.start()
    for number in range(12):
        one.vote(f"battle {number:02}", voter=f"voter {number}")
        assert one.sync.flush(PATIENCE)
    assert len(hub.segments) <= 6
    two = machine()
    two.sync.start()
    assert two.voted() == [f"battle {number:02}" for number in range(12)]


def test_a_segment_of_another_version_is_read_as_far_as_it_is_known(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.vote("first")  # before the start: all in one segment
    one.sync.start()
    assert one.close()
    ((path, data),) = hub.segments.items()
    records, _ = read(data)
    older = [
        Record(each.table, {name: value for name, value in each.row.items() if name not in ("db_content", "asks")}) for each in records
    ]
    later = [Record(each.table, {**each.row, "of_tomorrow": 1}) for each in older]
    hub.add("by others", {**hub.files, path: written(later)})
    two = machine()
    two.sync.start()
    (vote,) = two.store.votes()
    assert (vote["id"], vote["asks"], vote["db_content"]) == ("first", "better", "")


def test_the_signing_key_never_leaves_the_machine(hub: Hub, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.sync.start()
    one.vote("first")
    assert one.close()
    assert b"first" in hub.history
    assert one.store._key not in hub.history


VOTING = """
import sys, time
from pathlib import Path
from nl2sql_arena.votes import Store
from nl2sql_arena.votes.dataset import Dataset
from nl2sql_arena.votes.sync import Pace, Sync
from tests.test_votes import add, cast

folder, name, token, first = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
store = Store(folder / "votes.sqlite")
sync = Sync(store, Dataset(name, token, seconds=5), folder / "outbox", Pace(0.1, 0.5, 0.05, 0.2))
sync.start()
said = set()
for number in range(first, first + 5000):
    battle = f"battle {number}"
    add(store, battle, voter=f"voter {number}")
    cast(store, battle, "model_a", f"voter {number}")
    print("saved", battle, flush=True)
    for known in range(first, number + 1):
        if known not in said and sync.state(f"battle {known}") == "synced":
            said.add(known)
            print("synced", f"battle {known}", flush=True)
    time.sleep(0.02)
"""


def lived(hub: Hub, folder: Path, first: int, lines: int, synced: int) -> list[str]:
    """What a machine said that is killed after some lines, so many of them of synced votes, its whole data folder with it."""
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", VOTING, str(folder), NAME, TOKEN, str(first)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert process.stdout is not None
    said: list[str] = []
    while len(said) < lines or sum(line.startswith("synced ") for line in said) < synced:
        said.append(process.stdout.readline().strip())
        assert said[-1], "it ended by itself"
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read().split("\n")[:-1]
    process.wait()
    shutil.rmtree(folder)
    return said


def test_every_vote_shown_as_synced_is_back_after_the_disk_died_and_none_twice(
    hub: Hub, machine: Callable[..., Machine], tmp_path: Path
) -> None:
    rng = random.Random(7)
    synced: set[str] = set()
    for boot in range(3):
        hub.faults += [Fault("commit", is_lost=True), Fault("info", status=500), Fault("commit", status=429)]
        said = lived(hub, tmp_path / "doomed", 1_000_000 * boot, rng.randint(60, 160), 11)
        synced |= {line.removeprefix("synced ") for line in said if line.startswith("synced ")}
        hub.faults.clear()
    assert len(synced) > 30
    last = machine()
    assert last.sync.start()
    found = last.voted()
    assert synced <= set(found)
    assert len(found) == len(set(found))
    assert len(hub.votes()) == len(set(hub.votes()))


def command(hub: Hub, folder: Path, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "HF_ENDPOINT": hub.endpoint, "ARENA_DATA": str(folder), "ARENA_SYNC_REPO": NAME, "HF_TOKEN": token}
    return subprocess.run(
        [sys.executable, "-m", "nl2sql_arena", "votes", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=given,
        timeout=120,
    )


def test_erase_on_a_laptop_reaches_the_votes_of_a_space(hub: Hub, machine: Callable[..., Machine], tmp_path: Path) -> None:
    space = machine()
    space.sync.start()
    space.vote("of ann")
    space.vote("of bob", BOB)
    assert space.sync.flush(PATIENCE)
    refused = command(hub, tmp_path / "laptop", "erase", ANN, token="hf_another")
    assert refused.returncode == 1
    assert "HTTP 401" in refused.stderr
    done = command(hub, tmp_path / "laptop", "erase", ANN)
    assert done.stdout == "Erased: 1 battle with all events, also in the synced copy and its history.\n", done.stderr
    assert ANN.encode() not in hub.history
    assert until(lambda: space.voted() == ["of bob"])


def test_votes_sync_says_what_came(hub: Hub, machine: Callable[..., Machine], tmp_path: Path) -> None:
    space = machine()
    space.sync.start()
    space.vote("first")
    assert space.close()
    done = command(hub, tmp_path / "laptop", "sync")
    assert done.stdout == f"Synced with {NAME}. From there: 1 battles, 1 events, 0 erasures.\n", done.stderr


def test_votes_sync_without_a_dataset_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    monkeypatch.delenv("ARENA_SYNC_REPO", raising=False)
    with pytest.raises(SystemExit, match="set ARENA_SYNC_REPO"):
        cli.main(["votes", "sync"])


def test_a_segment_that_another_process_took_is_written_again(hub: Hub, machine: Callable[..., Machine]) -> None:
    hub.faults.append(Fault("commit", 999, status=500))
    one = machine()
    one.sync.start()
    one.vote("first")
    assert until(lambda: len(one.waiting()) == 1)
    for segment in one.waiting():
        segment.unlink()
    one.vote("second", BOB)
    assert until(lambda: len(one.waiting()) >= 1)
    hub.faults.clear()
    assert one.sync.flush(PATIENCE)
    assert sorted(hub.votes()) == ["first", "second"]
    assert one.sync.state("first") == "synced"


def test_what_a_full_disk_tore_is_written_over(hub: Hub, machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    one = machine(pace=STILL)
    monkeypatch.setattr(sync, "WRITE_AGAIN", 0.05)
    one.sync.start()
    one.vote("sent at once", "voter 0")
    assert one.sync.flush(PATIENCE)  # and from now on what waits stays here
    one.vote("first")
    assert until(lambda: len(one.waiting()) == 1)
    full = [True]
    fsync = os.fsync

    def failing(handle: int) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr("nl2sql_arena.votes.segments.os.fsync", failing)
    one.vote("second", BOB)
    assert until(lambda: "No space left on device" in one.sync.trouble)
    assert one.sync.state("second") == "saved"
    full[0] = False
    one.vote("third", BOB)
    assert one.sync.flush(PATIENCE)
    assert sorted(hub.votes()) == ["first", "second", "sent at once", "third"]
    assert len(hub.rows) == 8, "no line is there twice"


@pytest.mark.parametrize(
    ("given", "token", "said"),
    [
        ({}, "", ""),
        ({"SPACE_ID": "me/arena"}, TOKEN, "which a Space loses at every restart; set ARENA_SYNC_REPO"),
        ({"SPACE_ID": "me/arena", "ARENA_STORE_URL": "postgresql://u@h/n"}, "", ""),
        ({"ARENA_SYNC_REPO": NAME}, "", "ARENA_SYNC_REPO is set without HF_TOKEN"),
        ({"SPACE_ID": "me/arena", "ARENA_SYNC_REPO": NAME}, TOKEN, ""),
    ],
)
def test_whoever_runs_the_arena_is_told_when_votes_stay_on_its_disk(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], token: str, said: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    told = unsynced(load(given))
    assert said in told
    assert bool(told) == bool(said)


@pytest.mark.parametrize("name", ["ARENA_SYNC_SECONDS", "ARENA_ASKS_PER_HOUR", "ARENA_VOTES_PER_HOUR"])
@pytest.mark.parametrize("text", ["soon", "-1", "1e3", "."])
def test_a_setting_that_is_no_number_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(BadInput, match=f"{name} is '{text}'"):
        load({name: text})


def test_the_app_says_at_its_start_what_came_back_or_why_nothing_did(
    hub: Hub, machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = machine()
    one.sync.start()
    one.vote("first")
    assert one.close()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("nl2sql_arena.services.risky_disk", lambda _settings: "")  # whatever disk this test runs on
    settings = load({"ARENA_SYNC_REPO": NAME})
    two = machine()
    lines: list[str] = []
    services = SimpleNamespace(settings=settings, sync=two.sync)
    read_copy(services, lines.append)  # type: ignore[arg-type]
    assert lines == ["From the synced copy: 1 battles, 1 votes and other events; 0 battles erased."]
    hub.faults.append(Fault("info", 999, status=500))
    three = machine()
    lines.clear()
    read_copy(SimpleNamespace(settings=settings, sync=three.sync), lines.append)  # type: ignore[arg-type]
    assert lines == ["The hub failed (HTTP 500); votes are synced later. Votes are kept on this machine meanwhile."]
