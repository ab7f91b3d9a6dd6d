"""How wrong sign-ins are slowed down: for whom, how long, and when it is forgotten. No network, no clock."""

from __future__ import annotations

import pytest

from hostd.people import attempts
from hostd.people.attempts import ADDRESS, BOTH, FORGOTTEN_AFTER, NAME, Attempts, Limit


class Clock:
    """Time that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Of one test."""
    return Clock()


def test_same_name_same_address(clock: Clock) -> None:
    """Some are free, then each wait is twice the one before, up to the longest; it may be waited out."""
    tried = Attempts(clock)
    assert [tried.wait("anna", "a") for _ in range(BOTH.free)] == [0.0] * BOTH.free
    waits = []
    for _ in range(9):
        waits.append(tried.wait("anna", "a"))
        assert tried.wait("anna", "a") == waits[-1], "asking again is not an attempt"
        clock.now += waits[-1]
        assert tried.wait("anna", "a") == 0.0
    assert waits == [4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]


def test_others_are_not_held_up(clock: Clock) -> None:
    """Neither another name from there, nor the same name from elsewhere."""
    tried = Attempts(clock)
    for _ in range(BOTH.free):
        tried.wait("anna", "a")
    assert tried.wait("anna", "a") > 0
    assert tried.wait("bert", "a") == tried.wait("anna", "b") == 0.0


def test_many_names_from_one_address(clock: Clock) -> None:
    """Guessing one password for many names is slowed down as well."""
    tried = Attempts(clock)
    assert not any(tried.wait(f"user{n}", "a") for n in range(ADDRESS.free))
    assert tried.wait("another", "a") == 4.0
    assert tried.wait("another", "b") == 0.0


def test_one_name_from_many_addresses(clock: Clock) -> None:
    """The name is held for seconds only: its owner must not be locked out."""
    tried = Attempts(clock)
    assert not any(tried.wait("anna", f"192.0.2.{n}") for n in range(NAME.free))
    for _ in range(20):
        wait = tried.wait("anna", "elsewhere")
        assert 0 < wait <= NAME.longest
        clock.now += wait
        assert tried.wait("anna", f"198.51.100.{clock.now}") == 0.0


def test_right_one_forgives(clock: Clock) -> None:
    """After a right password nothing is held against that name there; the address keeps the others' count."""
    tried = Attempts(clock)
    for _ in range(ADDRESS.free * 2):
        assert tried.wait("anna", "a") == 0.0
        tried.right("anna", "a")
    tried.right("nobody", "never tried")


def test_forgotten_after_a_while(clock: Clock) -> None:
    """An hour of quiet, and the count begins anew."""
    tried = Attempts(clock)
    for _ in range(BOTH.free):
        tried.wait("anna", "a")
    clock.now += FORGOTTEN_AFTER + 1
    assert [tried.wait("anna", "a") for _ in range(BOTH.free)] == [0.0] * BOTH.free


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who invents names fills no memory, and who was quiet longest is forgotten."""
    monkeypatch.setattr(attempts, "MOST_KEPT", 100)
    tried = Attempts(clock)
    for number in range(1000):
        clock.now += 1
        tried.wait(f"user{number}", f"address{number}")
    assert len(tried._wrong) <= 100 + 3


def test_very_many(clock: Clock) -> None:
    """A long row of wrong ones is no overflow."""
    assert Limit(0, 300.0, 60.0).wait(10**9) == 300.0


def test_a_trickle_of_typos_holds_nobody_up(clock: Clock) -> None:
    """An office behind one proxy: a typo each two minutes, all day long, costs the colleagues nothing."""
    tried = Attempts(clock)
    for number in range(500):
        clock.now += 120
        assert tried.wait(f"user{number}", "a") == 0.0


def test_an_address_is_held_for_seconds_only(clock: Clock) -> None:
    """However many attempts were made there, and wherever they go on."""
    tried = Attempts(clock)
    for number in range(ADDRESS.free * 3):
        if wait := tried.wait(f"user{number}", "a"):
            clock.now += wait
            assert tried.wait(f"user{number}", "a") == 0.0
    assert 0 < tried.wait("another", "a") <= 10.0


@pytest.mark.parametrize("limit", [BOTH, ADDRESS, NAME])
def test_counts_get_less(clock: Clock, limit: Limit) -> None:
    """Time takes back what time brought: after some quiet a few are free again."""
    tried = Attempts(clock)
    names = ["anna"] if limit is not ADDRESS else [f"user{n}" for n in range(limit.free)]
    places = ["a"] if limit is not NAME else [f"192.0.2.{n}" for n in range(limit.free)]
    for number in range(limit.free):
        tried.wait(names[number % len(names)], places[number % len(places)])
    clock.now += 3 * limit.forgives
    last = ("new" if limit is ADDRESS else "anna", "elsewhere" if limit is NAME else "a")
    assert [tried.wait(*last) for _ in range(3)] == [0.0] * 3
    assert tried.wait(*last) > 0


def test_no_room_is_no_attempt(clock: Clock) -> None:
    """Whoever was turned away because too many came at once has not been wrong, and need not wait."""
    tried = Attempts(clock)
    for _ in range(BOTH.free):
        assert tried.wait("anna", "a") == 0.0
    clock.now += tried.wait("anna", "a")
    for _ in range(100):
        assert tried.wait("anna", "a") == 0.0
        tried.unmade("anna", "a")
    tried.unmade("nobody", "never tried")


def test_each_wait_is_news_once(clock: Clock) -> None:
    """So that the audit log gets a line for it, and not one for each try."""
    tried = Attempts(clock)
    for _ in range(BOTH.free):
        tried.wait("anna", "a")
    assert not tried.news("bert", "a")
    assert [tried.news("anna", "a") for _ in range(3)] == [True, False, False]
    clock.now += tried.wait("anna", "a")
    tried.wait("anna", "a")
    assert [tried.news("anna", "a") for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("unix", "made up", False),
    ],
)
def test_what_is_one_address(one: str, other: str, alike: bool) -> None:
    """Whoever has an IPv6 address has all of its /64."""
    assert (attempts.network(one) == attempts.network(other)) is alike
