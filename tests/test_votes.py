import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from nl2sql_arena import __version__
from nl2sql_arena.errors import BadVote, StoreError
from nl2sql_arena.settings import ROOT
from nl2sql_arena.types import WINNERS, Answer, Battle, Completion, Execution, Prepared, Prompt, ResultColumn, Winner
from nl2sql_arena.votes import Store, tokens
from nl2sql_arena.votes.details import NOTHING, Detail, Fix, Note
from nl2sql_arena.votes.store import MOST_NOTES
from nl2sql_arena.votes.tables import MIGRATIONS, prompt_hash

ANN, BOB = "visitor-ann", "visitor-bob"


def answer(model: str, sql: str = "SELECT 1") -> Answer:
    completion = Completion("b", model, f"{sql};", 30, 4, 0.1, 0.2, "stop")
    return Answer(
        id="b",
        model=model,
        db="shop",
        question="How many?",
        prompt=Prompt("schema ", "How many?"),
        completion=completion,
        prepared=Prepared(sql, sql),
        execution=Execution("ok", (ResultColumn("n", "INTEGER"),), ((1,),), 1),
        max_new_tokens=300,
        precision="fp32 on cpu",
        seconds=0.25,
    )


def battle(name: str, a: str = "alpha", b: str = "beta", profile: str = "mini") -> Battle:
    return Battle(name, "How many?", "shop", "shop-002", "arena", blind=True, profile=profile, a=answer(a), b=answer(b, "SELECT 2"))


def add(
    store: Store, name: str, a: str = "alpha", b: str = "beta", *, profile: str = "mini", voter: str = ANN, revisions=("r1", "r2")
) -> None:
    store.add_battle(battle(name, a, b, profile), voter, "example", revisions, "different")


def cast(store: Store, name: str, winner: Winner, voter: str) -> None:
    store.vote(name, winner, voter, tokens.token(store._key, name, voter))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "votes.sqlite"


@pytest.fixture
def store(path: Path) -> Store:
    return Store(path)


def test_a_vote_carries_what_was_seen(store: Store, path: Path) -> None:
    add(store, "one")
    cast(store, "one", "model_b", ANN)
    (vote,) = Store(path).votes()
    expected = {
        "id": "one",
        "winner": "model_b",
        "question": "How many?",
        "db": "shop",
        "example_id": "shop-002",
        "split": "arena",
        "chosen": "example",
        "profile": "mini",
        "blind": True,
        "difference": "different",
        "app_version": __version__,
        "voter": ANN,
        "model_a": "alpha",
        "revision_a": "r1",
        "sql_a": "SELECT 1",
        "raw_a": "SELECT 1;",
        "prompt_a": "schema How many?",
        "outcome_a": "ok",
        "model_b": "beta",
        "revision_b": "r2",
        "sql_b": "SELECT 2",
        "row_count_b": 1,
        "tokens_b": 4,
        "precision_b": "fp32 on cpu",
        "event": "vote",
        "decoding_a": "greedy",
        "beams_a": 1,
        "max_new_tokens_a": 300,
        "formatted_a": "SELECT 1",
        "error_kind_a": "",
        "truncated_a": False,
        "columns_a": '[{"name": "n", "type": "INTEGER"}]',
        "preview_a": "[[1]]",
        "seconds_b": 0.25,
    }
    assert {key: vote[key] for key in expected} == expected


def test_a_battle_without_a_vote_counts_for_nobody(store: Store) -> None:
    add(store, "one")
    assert store.votes() == []
    assert store.tallies("mini") == []


def test_votes_come_oldest_first(store: Store) -> None:
    for name in ("b", "c", "a"):
        add(store, name)
        cast(store, name, "tie", ANN)
    assert [vote["id"] for vote in store.votes()] == ["b", "c", "a"]


# What is refused


@pytest.mark.parametrize("winner", WINNERS)
def test_a_second_vote_is_refused_whatever_it_says(store: Store, winner: Winner) -> None:
    add(store, "one")
    cast(store, "one", "model_a", ANN)
    with pytest.raises(BadVote, match="already has its vote"):
        cast(store, "one", winner, ANN)
    assert [vote["winner"] for vote in store.votes()] == ["model_a"]


def test_nobody_votes_on_another_visitors_battle(store: Store) -> None:
    add(store, "one")
    for voter in (BOB, "", "%"):
        with pytest.raises(BadVote, match="not open for you"):
            cast(store, "one", "model_a", voter)
    assert store.votes() == []


def test_nobody_votes_on_a_battle_that_never_was(store: Store) -> None:
    with pytest.raises(BadVote, match="not open for you"):
        cast(store, "none", "model_a", ANN)


@pytest.mark.parametrize("winner", ["", "alpha", "model_c", "MODEL_A", None])
def test_an_unknown_verdict_is_refused(store: Store, winner) -> None:
    add(store, "one")
    with pytest.raises(BadVote, match="vote one of model_a, model_b, tie, both_bad"):
        cast(store, "one", winner, ANN)
    assert store.votes() == []


# Many at once


def attempt(store: Store, name: str, winner: Winner) -> bool:
    try:
        cast(store, name, winner, ANN)
    except BadVote:
        return False
    return True


def test_sixteen_threads_get_one_vote_in(store: Store) -> None:
    names = [f"battle {i}" for i in range(10)]
    for name in names:
        add(store, name)
    with ThreadPoolExecutor(16) as pool:
        taken = {name: sum(pool.map(lambda i, name=name: attempt(store, name, WINNERS[i % 4]), range(16))) for name in names}
    assert taken == dict.fromkeys(names, 1)
    assert len(store.votes()) == len(names)


def vote_on_all(path: Path, names: list[str]) -> int:
    store = Store(path)
    return sum(attempt(store, name, "tie") for name in names)


def test_four_processes_get_one_vote_in(store: Store, path: Path) -> None:
    names = [f"battle {i}" for i in range(20)]
    for name in names:
        add(store, name)
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        taken = pool.starmap(vote_on_all, [(path, names)] * 4)
    assert sum(taken) == len(names)
    assert sorted(vote["id"] for vote in store.votes()) == sorted(names)


def test_a_new_store_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    def open_together(path: Path, barrier: threading.Barrier) -> int:
        barrier.wait()
        return len(Store(path).votes())

    with ThreadPoolExecutor(8) as pool:
        for i in range(5):
            barrier = threading.Barrier(8)
            assert sum(pool.map(open_together, [tmp_path / f"{i}.sqlite"] * 8, [barrier] * 8)) == 0


VOTE_FOREVER = """
import sys
from pathlib import Path
from tests.test_votes import ANN, add, cast
from nl2sql_arena.votes import Store

store = Store(Path(sys.argv[1]))
for i in range(100_000):
    add(store, f"battle {i}")
    cast(store, f"battle {i}", "model_a", ANN)
    print(f"battle {i}", flush=True)
"""


def test_a_vote_that_was_confirmed_survives_a_kill(path: Path) -> None:
    voting = subprocess.Popen([sys.executable, "-c", VOTE_FOREVER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert voting.stdout is not None
    confirmed = [voting.stdout.readline().strip() for _ in range(30)]
    voting.send_signal(signal.SIGKILL)
    confirmed += voting.stdout.read().split("\n")[:-1]
    voting.wait()
    kept = {vote["id"] for vote in Store(path).votes()}
    assert confirmed[0] == "battle 0"
    assert set(confirmed) <= kept
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_votes_are_synchronised_to_disk(store: Store) -> None:
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL: a commit returns when its log is on disk"


# Tallies


def test_a_tally_counts_for_the_alphabetically_first_on_whichever_side_it_was_shown(store: Store) -> None:
    for i, (left, right, winner) in enumerate(
        [
            ("alpha", "beta", "model_a"),
            ("beta", "alpha", "model_b"),
            ("beta", "alpha", "model_a"),
            ("alpha", "beta", "tie"),
            ("beta", "alpha", "tie"),
            ("beta", "alpha", "both_bad"),
        ],
    ):
        add(store, str(i), left, right, voter=ANN if i < 4 else BOB, revisions=("r", "r"))
        cast(store, str(i), winner, ANN if i < 4 else BOB)
    (tally,) = store.tallies("mini")
    assert (tally.first, tally.second) == ("alpha@r", "beta@r")
    assert (tally.wins, tally.losses, tally.ties, tally.both_bad, tally.voters) == (2, 1, 2, 1, 2)
    assert tally.decisive is not None
    assert (tally.decisive.n, round(tally.decisive.value, 3)) == (3, 0.667)


def test_only_ties_leave_no_share(store: Store) -> None:
    add(store, "one")
    cast(store, "one", "both_bad", ANN)
    (tally,) = store.tallies("mini")
    assert tally.decisive is not None
    assert (tally.decisive.n, tally.decisive.low, tally.decisive.high) == (0, 0.0, 1.0)


def test_minis_and_real_models_are_counted_apart(store: Store) -> None:
    add(store, "practice")
    add(store, "real", "phi", "sqlcoder", profile="real")
    for name in ("practice", "real"):
        cast(store, name, "model_a", ANN)
    assert [tally.first for tally in store.tallies("mini")] == ["alpha@r1"]
    assert [tally.first for tally in store.tallies("real")] == ["phi@r1"]


def test_revisions_are_counted_apart(store: Store) -> None:
    for name, revision in (("old", "r1"), ("new", "r3")):
        add(store, name, revisions=(revision, "r2"))
        cast(store, name, "model_a", ANN)
    assert [(tally.first, tally.wins) for tally in store.tallies("mini")] == [("alpha@r1", 1), ("alpha@r3", 1)]


# A store that cannot be written


def is_one_sentence(problem: StoreError) -> bool:
    message = str(problem)
    return message.endswith(".") and "\n" not in message and "Traceback" not in message


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="ARENA_DATA") as caught:
        Store(tmp_path / "file" / "votes.sqlite")
    assert is_one_sentence(caught.value)


def test_a_path_that_cannot_be_opened_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "votes.sqlite").mkdir()
    with pytest.raises(StoreError, match="unable to open") as caught:
        Store(tmp_path / "votes.sqlite")
    assert is_one_sentence(caught.value)


def test_a_file_that_is_no_database_is_no_store_and_stays(tmp_path: Path) -> None:
    other = tmp_path / "votes.sqlite"
    other.write_text("my notes " * 200)
    with pytest.raises(StoreError, match="not a database") as caught:
        Store(other)
    assert is_one_sentence(caught.value)
    assert other.read_text().startswith("my notes")


def test_on_a_full_disk_a_vote_is_refused_whole_and_can_be_given_again(store: Store) -> None:
    add(store, "one")

    def fill(connection, _record) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(store._engine, "connect", fill)
    store._engine.dispose()
    long = "SELECT " + "1," * 10_000 + "1"
    with pytest.raises(StoreError, match="full") as caught:
        store.add_battle(replace(battle("two"), a=answer("alpha", long)), ANN, "typed", ("r1", "r2"), "different")
    assert is_one_sentence(caught.value)
    assert "Nothing was recorded" in str(caught.value)
    sa.event.remove(store._engine, "connect", fill)
    store._engine.dispose()
    with pytest.raises(BadVote):
        cast(store, "two", "model_a", ANN)
    cast(store, "one", "model_a", ANN)
    assert [vote["id"] for vote in store.votes()] == ["one"]


def test_a_read_only_store_says_so(store: Store) -> None:
    add(store, "one")

    def forbid(connection, _record) -> None:
        connection.execute("PRAGMA query_only = ON")

    sa.event.listen(store._engine, "connect", forbid)
    store._engine.dispose()
    with pytest.raises(StoreError, match="readonly") as caught:
        cast(store, "one", "model_a", ANN)
    assert is_one_sentence(caught.value)
    assert store.votes() == []


def test_votes_of_a_damaged_file_are_not_read_as_none(store: Store, path: Path) -> None:
    add(store, "one")
    store._engine.dispose()
    for log in path.parent.glob("votes.sqlite-*"):
        log.unlink()
    path.write_bytes(b"\0" * 4096)
    with pytest.raises(StoreError) as caught:
        store.votes()
    assert is_one_sentence(caught.value)


# Tokens, undo, erasure, earlier stores, servers


def test_a_vote_needs_the_token_of_its_own_battle_and_visitor(store: Store, tmp_path: Path) -> None:
    add(store, "one")
    add(store, "two")
    other_store = Store(tmp_path / "other.sqlite")
    foreign = [tokens.token(store._key, "two", ANN), tokens.token(store._key, "one", BOB), tokens.token(other_store._key, "one", ANN), "é"]
    with pytest.raises(BadVote, match="needs the token"):
        store.vote("one", "model_a", ANN, "")
    for token in foreign:
        with pytest.raises(BadVote, match="not of this battle and visitor"):
            store.vote("one", "model_a", ANN, token)
    assert store.votes() == []


def test_a_token_outlives_a_restart(path: Path) -> None:
    token = Store(path).add_battle(battle("one"), ANN, "example", ("r1", "r2"), "different")
    Store(path).vote("one", "tie", ANN, token)
    assert [vote["id"] for vote in Store(path).votes()] == ["one"]


def test_an_undone_vote_counts_nowhere_and_its_battle_stays_closed(store: Store) -> None:
    add(store, "one")
    token = tokens.token(store._key, "one", ANN)
    with pytest.raises(BadVote, match="no vote to take back"):
        store.undo("one", ANN, token)
    store.vote("one", "model_a", ANN, token)
    store.undo("one", ANN, token)
    with pytest.raises(BadVote, match="already has its vote"):
        store.vote("one", "model_b", ANN, token)
    with pytest.raises(BadVote, match="taken back already"):
        store.undo("one", ANN, token)
    assert store.votes() == []
    assert store.tallies("mini") == []
    assert [event["kind"] for event in store.events()] == ["vote", "undo"]


def test_after_a_minute_a_vote_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, "one")
    cast(store, "one", "model_a", ANN)
    later = (datetime.now(UTC) + timedelta(seconds=61)).isoformat(timespec="milliseconds")
    monkeypatch.setattr("nl2sql_arena.votes.store.now", lambda: later)
    with pytest.raises(BadVote, match="one minute, which is over"):
        store.undo("one", ANN, tokens.token(store._key, "one", ANN))
    assert len(store.votes()) == 1


@pytest.mark.parametrize("kind", ["skip", "cant_tell"])
def test_to_skip_is_no_tie_and_ends_the_battle(store: Store, kind: str) -> None:
    add(store, "one")
    store.pass_over("one", kind, ANN, tokens.token(store._key, "one", ANN))
    with pytest.raises(BadVote, match="already has its vote"):
        cast(store, "one", "tie", ANN)
    assert store.tallies("mini") == []
    (event,) = store.events()
    assert (event["kind"], event["winner"], event["split"], event["profile"]) == (kind, None, "arena", "mini")
    assert event["prompt_hash_a"] == prompt_hash("schema How many?")


def ticket(store: Store, name: str, voter: str = ANN) -> tuple[str, str]:
    return voter, tokens.token(store._key, name, voter)


def test_what_is_added_to_a_vote_stays_and_the_newest_stands(store: Store, path: Path) -> None:
    add(store, "one")
    cast(store, "one", "model_a", ANN)
    first = Detail(correct_a=True, correct_b=False, reasons_b=("wrong_join", "extra_rows"), comment="B counts twice")
    for note in (first, Fix("b", "SELECT 3", 1), Detail(correct_a=True, reasons_b=("wrong_filter",))):
        store.add_note("one", note, *ticket(store, "one"))
    (vote,) = Store(path).votes()
    assert (vote["winner"], vote["correct_a"], vote["correct_b"], vote["reasons_b"], vote["comment"]) == (
        "model_a", True, None, ("wrong_filter",), "",
    )  # fmt: skip
    assert (vote["fix_side"], vote["fix_sql"], vote["fix_rows"]) == ("b", "SELECT 3", 1)
    assert [event["kind"] for event in store.events()] == ["vote", "detail", "fix", "detail"]
    assert "B counts twice" in store.events()[1]["note"], "what was said before is kept"


def test_a_vote_to_which_nothing_was_added_says_so(store: Store) -> None:
    add(store, "one")
    cast(store, "one", "tie", ANN)
    (vote,) = store.votes()
    assert {name: vote[name] for name in NOTHING} == NOTHING


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (Detail(), "Nothing was chosen"),
        (Detail(reasons_a=("ugly",)), "'ugly' is no reason"),
        (Detail(comment="x" * 1_001), "at most 1,000"),
        (Fix("a", " ", 0), "write one and run it"),
        (Fix("c", "SELECT 1", 0), "made from side A or B"),  # type: ignore[arg-type]
        (Fix("a", "x" * 10_001, 0), "at most 10,000"),
    ],
)
def test_what_says_nothing_or_too_much_is_not_added(store: Store, note: Note, said: str) -> None:
    add(store, "one")
    cast(store, "one", "tie", ANN)
    with pytest.raises(BadVote, match=said):
        store.add_note("one", note, *ticket(store, "one"))
    assert [event["kind"] for event in store.events()] == ["vote"]


def test_nothing_is_added_by_others_nor_to_a_battle_without_a_vote_that_stands(store: Store) -> None:
    note = Detail(correct_a=True)
    for name in ("open", "voted", "undone", "skipped"):
        add(store, name)
    for name in ("voted", "undone"):
        cast(store, name, "tie", ANN)
    store.undo("undone", *ticket(store, "undone"))
    store.pass_over("skipped", "skip", *ticket(store, "skipped"))
    for name in ("open", "undone", "skipped"):
        with pytest.raises(BadVote, match="no vote that stands"):
            store.add_note(name, note, *ticket(store, name))
    for voter, token in (ticket(store, "voted", BOB), ticket(store, "open"), (ANN, "")):
        with pytest.raises(BadVote, match=r"not open for you|not of this battle|needs the token"):
            store.add_note("voted", note, voter, token)
    assert "detail" not in {event["kind"] for event in store.events()}


def test_a_script_cannot_fill_the_store_with_notes(store: Store) -> None:
    add(store, "one")
    cast(store, "one", "tie", ANN)
    for i in range(MOST_NOTES):
        store.add_note("one", Detail(comment=str(i)), *ticket(store, "one"))
    with pytest.raises(BadVote, match="20 times already"):
        store.add_note("one", Detail(comment="more"), *ticket(store, "one"))
    assert store.votes()[0]["comment"] == "19"


def test_votes_on_equal_tables_are_about_readability_and_counted_apart(store: Store) -> None:
    store.add_battle(battle("same"), ANN, "example", ("r1", "r2"), "same")
    add(store, "different")
    for name in ("same", "different"):
        cast(store, name, "model_b", ANN)
    assert [(vote["id"], vote["asks"]) for vote in store.votes()] == [("same", "readability"), ("different", "better")]
    for asks in ("better", "readability"):
        assert [tally.losses for tally in store.tallies("mini", asks=asks)] == [1]


def test_a_store_of_the_second_version_keeps_its_votes_as_they_were_asked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((ROOT / "tests" / "votes_version_1.sql").read_text())
    monkeypatch.setattr("nl2sql_arena.votes.tables.MIGRATIONS", MIGRATIONS[:2])
    Store(path)
    monkeypatch.undo()
    store = Store(path)
    assert [(vote["id"], vote["asks"], vote["comment"]) for vote in store.votes()] == [("one", "better", ""), ("two", "better", "")]
    store.add_note("one", Detail(comment="late"), *ticket(store, "one"))
    assert store.votes()[0]["comment"] == "late"


def test_erasure_leaves_no_text_and_no_way_back(store: Store, path: Path) -> None:
    secret = replace(battle("one"), question="Where does Zorbelina live?")
    store.add_battle(secret, ANN, "typed", ("r1", "r2"), "different")
    add(store, "two", voter=BOB)
    cast(store, "one", "model_a", ANN)
    store.add_note("one", Detail(comment="as Zorbelina told me"), *ticket(store, "one"))
    cast(store, "two", "model_b", BOB)
    assert store.erase(ANN) == 1
    assert store.erase(ANN) == 0
    assert [vote["id"] for vote in store.votes()] == ["two"]
    with pytest.raises(BadVote, match="erased"):
        store.add_battle(secret, ANN, "typed", ("r1", "r2"), "different")
    files = b"".join(file.read_bytes() for file in path.parent.glob("votes.sqlite*"))
    assert b"Zorbelina" not in files
    assert ANN.encode() not in files


def test_a_store_of_the_first_version_keeps_all_its_votes(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((ROOT / "tests" / "votes_version_1.sql").read_text())
    for _ in range(2):
        store = Store(path)
        assert [(vote["id"], vote["winner"], vote["voter"]) for vote in store.votes()] == [("one", "model_a", ANN), ("two", "tie", BOB)]
    assert {event["prompt_hash_b"] for event in store.events()} == {prompt_hash("schema How many?")}
    cast(store, "three", "both_bad", ANN)
    with pytest.raises(BadVote, match="already has its vote"):
        cast(store, "one", "model_b", ANN)
    assert len(store.votes()) == 3


@pytest.mark.parametrize("url", ["mysql://host/name", "nonsense"])
def test_another_server_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(StoreError, match="postgresql://"):
        Store(url)
