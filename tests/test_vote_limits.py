"""How often a page and an address may ask and vote, against a clock of our own."""

import pytest

from nl2sql_arena.errors import BadInput
from nl2sql_arena.votes import limits
from nl2sql_arena.votes.limits import FOR_AN_ADDRESS, LOCAL, Limits, origin

HOME, OTHER = "93.184.216.34", "8.8.8.8"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admitted(limit: Limits, times: int, voter: str = "ann", where: str = HOME) -> int:
    """How many of so many votes are let in."""
    count = 0
    for _ in range(times):
        try:
            limit.admit("vote", voter, where)
        except BadInput:
            continue
        count += 1
    return count


def test_a_page_may_so_often_in_an_hour_and_is_told_when_to_go_on(clock: Clock) -> None:
    limit = Limits({"vote": 60, "ask": 0}, clock)
    assert admitted(limit, 100) == 60
    with pytest.raises(BadInput, match="At most 60 votes in an hour are taken from one page; go on in 60 seconds"):
        limit.admit("vote", "ann", HOME)
    clock.now += 59
    assert admitted(limit, 5) == 0
    clock.now += 1
    assert admitted(limit, 5) == 1
    clock.now += 3600
    assert admitted(limit, 100) == 60


def test_what_was_refused_is_not_counted(clock: Clock) -> None:
    limit = Limits({"vote": 10}, clock)
    admitted(limit, 1000)
    clock.now += 360
    assert admitted(limit, 1000) == 1


def test_asking_and_voting_are_counted_apart_and_zero_is_no_limit(clock: Clock) -> None:
    limit = Limits({"vote": 3, "ask": 0}, clock)
    assert admitted(limit, 10) == 3
    for _ in range(1000):
        assert limit.admit("ask", "ann", HOME)


def test_many_pages_from_one_address_share_its_limit_and_another_address_is_free(clock: Clock) -> None:
    limit = Limits({"vote": 10}, clock)
    total = sum(admitted(limit, 1, f"page {number}") for number in range(200))
    assert total == 10 * FOR_AN_ADDRESS
    with pytest.raises(BadInput, match="from one address"):
        limit.admit("vote", "a new page", HOME)
    assert limit.admit("vote", "a new page", OTHER)


def test_whoever_sits_at_the_machine_is_not_limited(clock: Clock) -> None:
    assert admitted(Limits({"vote": 1}, clock), 50, where=LOCAL) == 50


def test_an_unknown_address_limits_the_page_alone_and_is_told(clock: Clock) -> None:
    limit = Limits({"vote": 10}, clock)
    assert limit.admit("vote", "ann", "") is False
    assert sum(admitted(limit, 1, f"page {number}", "") for number in range(200)) == 200
    assert admitted(limit, 20, "bob", "") == 10


def test_no_address_is_held_and_the_salt_is_new_every_day(clock: Clock) -> None:
    salts = iter((b"monday", b"tuesday", b"wednesday"))
    limit = Limits({"vote": 10}, clock, lambda: next(salts))
    limit.admit("vote", "ann", HOME)
    monday = set(limit._full)
    assert not any(HOME.encode() in key or b"ann" in key for key in monday)
    clock.now += 86400
    limit.admit("vote", "ann", HOME)
    assert len(limit._full) == len(monday)
    assert not monday & set(limit._full)


def test_memory_is_bounded_and_the_busiest_stay_limited(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEYS", 100)
    limit = Limits({"vote": 10}, clock)
    assert admitted(limit, 20, "busy", HOME) == 10
    for number in range(500):
        limit.admit("vote", f"page {number}", "")
    assert len(limit._full) <= 102
    assert admitted(limit, 5, "busy", HOME) == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("127.0.0.1", "", LOCAL),
        ("::1", "", LOCAL),
        ("::ffff:127.0.0.1", "", LOCAL),
        ("192.168.1.7", "", "192.168.1.7"),
        (HOME, "", HOME),
        ("10.0.0.5", HOME, HOME),
        ("127.0.0.1", f"{OTHER}, {HOME}", HOME),
        ("10.0.0.5", f"1.1.1.1, {HOME}, 10.16.3.4", HOME),
        (HOME, OTHER, HOME),
        ("10.0.0.5", "10.0.0.9", ""),
        ("127.0.0.1", "unknown", ""),
        ("", "", ""),
        ("a socket", "", ""),
        ("2a00:1450:4001:81b::200e", "", "2a00:1450:4001:81b::/64"),
        ("10.0.0.5", "2a00:1450:4001:81b:9::1", "2a00:1450:4001:81b::/64"),
    ],
)
def test_the_address_is_the_last_that_no_visitor_can_write(peer: str, forwarded: str, expected: str) -> None:
    assert origin(peer, forwarded) == expected
