"""The same promises on both kinds of store: nothing acknowledged is lost, nothing counts twice, whoever is killed."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from nl2sql_arena.errors import BadVote, StoreError
from nl2sql_arena.settings import ROOT
from nl2sql_arena.votes import Store, tables, tokens
from nl2sql_arena.votes import store as stores
from nl2sql_arena.votes.details import Detail
from nl2sql_arena.votes.tables import MIGRATIONS
from tests.postgres import Server, server
from tests.test_votes import ANN, BOB, add, cast

Place = Path | str


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield tmp_path / "votes.sqlite"
        return
    url = request.getfixturevalue("postgres").url
    yield url
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


def click(store: Store) -> bool:
    try:
        cast(store, "one", "model_a", ANN)
    except BadVote:
        return False
    return True


def test_fifty_parallel_clicks_count_once(place: Place) -> None:
    store = Store(place)
    add(store, "one")
    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(lambda _: click(store), range(50))) == 1
    assert [vote["winner"] for vote in store.votes()] == ["model_a"]


def test_what_happens_to_a_battle_is_kept(place: Place) -> None:
    store = Store(place)
    for name, voter in (("one", ANN), ("two", ANN), ("three", BOB)):
        add(store, name, voter=voter)
        add(store, name, voter=voter)
    cast(store, "one", "model_a", ANN)
    cast(store, "three", "tie", BOB)
    store.undo("one", ANN, tokens.token(store._key, "one", ANN))
    store.pass_over("two", "cant_tell", ANN, tokens.token(store._key, "two", ANN))
    store.flag("three", "limiter_off")
    store.add_note("three", Detail(correct_a=True), BOB, tokens.token(store._key, "three", BOB))
    again = Store(place)
    assert [event["kind"] for event in again.events()] == ["vote", "vote", "undo", "cant_tell", "flag", "detail"]
    assert [(each["id"], each["event"], each["winner"], each["voter"]) for each in again.unvoted()] == [
        ("one", "undo", None, ANN), ("two", "cant_tell", None, ANN)
    ]  # fmt: skip
    (vote,) = again.votes()
    assert set(again.unvoted()[0]) == set(vote)
    assert (vote["id"], "limiter_off" in vote["flags"], vote["correct_a"], vote["asks"]) == ("three", True, True, "better")
    assert again.erase(BOB) == 1
    assert again.votes() == []


def open_store(place: Place) -> str:
    return tokens.token(Store(place)._key, "one", ANN)


def test_processes_that_make_a_store_together_sign_with_one_key(place: Place) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert len(set(pool.map(open_store, [place] * 3))) == 1


def blank(table: sa.Table) -> dict[str, Any]:
    """A row of nothing in particular."""
    values: dict[type, Any] = {str: "", int: 0, float: 0.0, bool: True}
    return {each.name: values[each.type.python_type] for each in table.columns if each.name != "id"} | {"created": tables.now()}


def copy_of(folder: Path, store: Store) -> Path:
    """A store of today that was rebuilt from what another would sync."""
    Store(folder / "copy.sqlite").restore(store.records(store.battle_ids()))
    return folder / "copy.sqlite"


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_store_of_every_earlier_version_keeps_its_votes(
    place: Place, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MIGRATIONS", MIGRATIONS[:version])
    old = tables._tables(sa.MetaData(), version)
    engine = stores._file(place) if isinstance(place, Path) else stores._server(place)
    with engine.execution_options(writing=True).begin() as connection:
        tables.migrate(connection)
        connection.execute(old.battles.insert(), [blank(old.battles) | {"id": "old", "voter": ANN, "prompt_a": "a prompt"}])
        connection.execute(old.events.insert(), [blank(old.events) | {"battle_id": "old", "kind": "vote", "winner": "tie", "voter": ANN}])
        if asks := "readability" if version > 2 else "":
            connection.execute(old.events.update().values(asks=asks))
    engine.dispose()
    monkeypatch.undo()
    for _ in range(2):
        store = Store(place)
        (vote,) = store.votes()
        assert (vote["id"], vote["winner"], vote["asks"], vote["consent"], vote["study"]) == ("old", "tie", asks or "better", "", "")
        assert vote["prompt_hash_a"] == (tables.prompt_hash("a prompt") if version == 1 else "")
        unknown = {"decoding": "", "beams": 0, "max_new_tokens": 0, "repairs": "", "formatted": "", "error_kind": "", "truncated": None}
        unknown |= {"columns": "", "result_hash": "", "preview": "", "only_rows": -1}
        assert {name: (vote[f"{name}_a"], vote[f"{name}_b"]) for name in unknown} == {name: (each, each) for name, each in unknown.items()}
    assert [store.restore(store.records(["old"])).battles, Store(copy_of(tmp_path, store)).battle("old")] == [0, store.battle("old")]
    add(store, "new")
    cast(store, "new", "model_a", ANN)
    new = store.battle("new") or {}
    assert (new["decoding_a"], new["beams_b"], new["truncated_a"], len(new["result_hash_a"])) == ("greedy", 1, False, 16)
    with pytest.raises(BadVote, match="already has its vote"):
        cast(store, "old", "model_b", ANN)


VOTE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from nl2sql_arena.errors import BadVote, StoreError
from nl2sql_arena.votes import Store
from tests.test_votes import ANN, add, cast

place = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
count, winner = int(sys.argv[2]), sys.argv[3]
store = Store(place)
numbers = iter(range(count))

def vote(_):
    for i in numbers:
        try:
            add(store, f"battle {i}")
            cast(store, f"battle {i}", winner, ANN)
        except BadVote:
            continue
        except StoreError:
            return
        os.write(1, f"battle {i} {winner}\\n".encode())

with ThreadPoolExecutor(16) as pool:
    list(pool.map(vote, range(16)))
"""
"""Votes on so many battles, sixteen at a time, until the store fails, and says of each vote that was acknowledged that it was."""
ENDLESS = 10**9
"""Battles: whoever votes on so many is in the middle of it whenever the end comes."""


class Voting:
    """Two processes that vote at the same time on the same battles, each with a verdict of its own."""

    def __init__(self, place: Place, count: int) -> None:
        ours, theirs = os.pipe()
        self.said = os.fdopen(ours)
        commands = ([sys.executable, "-c", VOTE, str(place), str(count), winner] for winner in ("model_a", "model_b"))
        self.processes = [subprocess.Popen(command, stdout=theirs, cwd=ROOT) for command in commands]
        os.close(theirs)

    def wait_for(self, count: int) -> list[str]:
        """So many acknowledged votes."""
        return [self.said.readline() for _ in range(count)]

    def kill(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGKILL)

    def rest(self) -> list[str]:
        """What was acknowledged besides, up to the end of both."""
        with self.said:
            lines = self.said.readlines()
        self.ends = [process.wait(timeout=200) for process in self.processes]
        return lines


def votes_in(place: Place) -> list[str]:
    """Each vote that the store has, undone or not, as `VOTE` says it."""
    return [f"{each['battle_id']} {each['winner']}\n" for each in Store(place).events() if each["kind"] == "vote"]


@pytest.mark.parametrize("count", [200, pytest.param(1_000, marks=pytest.mark.long)])
def test_every_acknowledged_vote_survives_kills_amid_concurrent_votes_and_none_is_there_twice(place: Place, count: int) -> None:
    acknowledged: list[str] = []
    for kills, share in enumerate((0.3, 0.3), 1):
        voting = Voting(place, ENDLESS)
        acknowledged += voting.wait_for(int(count * share))
        voting.kill()
        acknowledged += voting.rest()
        assert voting.ends == [-signal.SIGKILL] * 2, "both were killed in the middle"
        kept = votes_in(place)
        assert set(acknowledged) <= set(kept)
        assert len(kept) <= len(acknowledged) + 32 * kills, "what was not acknowledged was under way"
    count = len(kept) + int(count * 0.4)  # more than there are
    voting = Voting(place, count)
    acknowledged += voting.rest()
    kept = votes_in(place)
    assert sorted(line.rpartition(" ")[0] for line in kept) == sorted(f"battle {i}" for i in range(count))
    assert set(acknowledged) <= set(kept)
    assert len(acknowledged) == len(set(acknowledged)), "no vote was acknowledged twice"


@pytest.mark.parametrize("count", [200, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_server_that_is_killed_amid_votes_has_every_acknowledged_one(count: int) -> None:
    with server() as postgres:
        store = Store(postgres.url)
        voting = Voting(postgres.url, ENDLESS)
        acknowledged = voting.wait_for(count // 2)
        postgres.kill()
        acknowledged += voting.rest()
        with pytest.raises(StoreError, match="cannot be"):
            store.votes()
        postgres.start()
        kept = votes_in(postgres.url)
        assert count // 2 <= len(acknowledged) < ENDLESS, "it was killed in the middle"
        assert set(acknowledged) <= set(kept)
        assert len({line.rpartition(" ")[0] for line in kept}) == len(kept)
        add(store, "after the crash")
        cast(store, "after the crash", "tie", ANN)
        assert len(store.votes()) == len(kept) + 1


def test_a_store_rebuilt_from_the_records_of_another_is_the_same_and_twice_is_as_once(place: Place, tmp_path: Path) -> None:
    one = Store(tmp_path / "one.sqlite")
    for name, voter in (("one", ANN), ("two", BOB), ("three", BOB)):
        add(one, name, voter=voter)
        cast(one, name, "model_a", voter)
    one.undo("two", BOB, tokens.token(one._key, "two", BOB))
    one.add_note("one", Detail(correct_a=True), ANN, tokens.token(one._key, "one", ANN))
    other = Store(place)
    taken = one.records(one.battle_ids())
    assert other.restore(taken).events == 5
    again = other.restore(taken)
    assert (again.battles, again.events) == (0, 0)
    assert other.events() == one.events()
    assert other.votes() == one.votes()
    one.erase(BOB)
    assert other.restore(one.records(one.battle_ids())).erased == 2
    assert [vote["id"] for vote in other.votes()] == ["one"]
    assert other.restore(taken).battles == 0, "what was erased does not come back"
