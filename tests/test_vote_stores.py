"""The same promises on both kinds of store: nothing acknowledged is lost, nothing counts twice, whoever is killed."""

import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from nl2sql_arena.errors import BadVote
from nl2sql_arena.settings import ROOT
from nl2sql_arena.votes import Store, tokens
from nl2sql_arena.votes.details import Detail
from tests.postgres import server
from tests.test_votes import ANN, BOB, add, cast

Place = Path | str


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield tmp_path / "votes.sqlite"
        return
    url = request.getfixturevalue("postgres")
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
    (vote,) = again.votes()
    assert (vote["id"], "limiter_off" in vote["flags"], vote["correct_a"], vote["asks"]) == ("three", True, True, "better")
    assert again.erase(BOB) == 1
    assert again.votes() == []


def open_store(place: Place) -> str:
    return tokens.token(Store(place)._key, "one", ANN)


def test_processes_that_make_a_store_together_sign_with_one_key(place: Place) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert len(set(pool.map(open_store, [place] * 3))) == 1


VOTE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from nl2sql_arena.errors import BadVote
from nl2sql_arena.votes import Store
from tests.test_votes import ANN, add, cast

place = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
store = Store(place)

def vote(i):
    add(store, f"battle {i}")
    try:
        cast(store, f"battle {i}", "model_a", ANN)
    except BadVote:
        return
    sys.stdout.write(f"battle {i}\\n")
    sys.stdout.flush()

with ThreadPoolExecutor(8) as pool:
    list(pool.map(vote, range(int(sys.argv[2]))))
"""


@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_every_acknowledged_vote_survives_a_kill_and_none_is_there_twice(place: Place, count: int) -> None:
    command = [sys.executable, "-c", VOTE, str(place), str(count)]
    voting = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert voting.stdout is not None
    acknowledged = [voting.stdout.readline().strip() for _ in range(count // 2)]
    voting.send_signal(signal.SIGKILL)
    acknowledged += voting.stdout.read().split("\n")[:-1]
    voting.wait()
    assert count // 2 <= len(acknowledged) < count, "it was killed in the middle"
    kept = [vote["id"] for vote in Store(place).votes()]
    assert set(acknowledged) <= set(kept)
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=200)
    final = [vote["id"] for vote in Store(place).votes()]
    assert sorted(final) == sorted(f"battle {i}" for i in range(count))


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
