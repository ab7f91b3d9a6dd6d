"""Users, sessions and API tokens: what is kept, what opens what, and when it ends. No network."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest
from argon2 import PasswordHasher

from hostd.errors import (
    Conflict,
    DiskFull,
    HostdError,
    Invalid,
    TooManyRequests,
    Unauthorized,
    UnknownToken,
    UnknownUser,
)
from hostd.gateway import cookies as gateway_cookies
from hostd.people import Cookies, Opened, People, Source, User, cookies, passwords, sessions, users
from hostd.person import ANYONE, OPERATOR, Means, Person, Role, Scope

PASSWORD = "correct horse battery"
HOUR = 3600.0


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """What a hash costs is argon2's own matter; test_cost looks at it."""
    kept = passwords._HASHER
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    passwords._HASHER = kept


@pytest.fixture
def clock() -> Clock:
    """Shared by everything that one test opens."""
    return Clock()


@pytest.fixture
def reopened(tmp_path: Path, clock: Clock) -> Callable[[], People]:
    """What a restart of hostd finds."""
    base = Cookies("https://apps.corp.example")
    return lambda: People(tmp_path / "people", base, session_seconds=int(HOUR), clock=clock)


@pytest.fixture
def people(reopened: Callable[[], People]) -> People:
    """With an admin, root, and a publisher, anna."""
    made = reopened()
    made.add("root", Role.ADMIN, PASSWORD)
    made.add("Anna", Role.PUBLISHER, PASSWORD, "anna@corp.example", ("sales",))
    return made


def looks(people: People, opened: Opened) -> Person | None:
    """Who somebody with the view cookie of that session is."""
    return people.whose(f"a=b; {people.cookies.view}={opened.view}; c".encode())


def test_open_until_there_is_a_user(reopened: Callable[[], People]) -> None:
    """A platform without users wants no sign-in; the first user, an admin, closes it."""
    people = reopened()
    assert not people.wanted
    with pytest.raises(Conflict, match="admin"):
        people.add("anna", Role.VIEWER, PASSWORD)
    assert not people.wanted
    people.add("root", Role.ADMIN, PASSWORD)
    assert people.wanted
    assert reopened().wanted


def test_sign_in_opens_views_and_calls(people: People) -> None:
    """One sign-in gives two values, each good for its own purpose alone; neither is on the disk."""
    opened = people.sign_in(" ANNA ", PASSWORD, "192.0.2.1")
    anna = Person("anna", Role.PUBLISHER, "anna@corp.example", frozenset({"sales"}))
    assert looks(people, opened) == anna
    caller = people.caller(opened.console.encode())
    assert caller is not None
    assert (caller.person, caller.means, caller.is_admin) == (anna, Means.SESSION, False)
    assert people.caller(opened.view.encode()) is None
    assert people.whose(f"{people.cookies.view}={opened.console}".encode()) is None


def test_the_consoles_session_is_that_of_who_looks(people: People) -> None:
    """Another host of the domain can set the console's cookie, and not the other."""
    mine, other = people.sign_in("anna", PASSWORD), people.sign_in("root", PASSWORD)
    view, console = (f"{name}=" for name in (people.cookies.view, people.cookies.console))

    def is_one(*cookies: str) -> bool:
        return people.is_one_sign_in("; ".join(cookies).encode())

    assert is_one()
    assert is_one(view + mine.view, console + mine.console)
    assert is_one(view + mine.view)
    assert is_one(view + "ended", console + "ended")
    for tossed in (other.console, people.sign_in("anna", PASSWORD).console):
        assert not is_one(view + mine.view, console + tossed)
        assert not is_one(view + mine.view, console + mine.console, console + tossed)
        assert not is_one(view + mine.view, console + tossed, console + mine.console)
        assert not is_one(*[console + "x"] * 9, view + mine.view, console + tossed)
        assert not is_one(console + tossed)


def test_nothing_secret_is_kept(people: People, tmp_path: Path) -> None:
    """Files are this user's alone and hold no password, no cookie's value and no token."""
    opened = people.sign_in("anna", PASSWORD)
    value, _ = people.add_token("anna", "ci", Scope.DEPLOY, None)
    files = list((tmp_path / "people").iterdir())
    assert {file.name for file in files} == {"users.json", "sessions.json", "tokens.json"}
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        text = file.read_text()
        assert not [secret for secret in (PASSWORD, opened.view, opened.console, value) if secret in text]
    assert stat.S_IMODE((tmp_path / "people").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("anna", "")]
)
def test_wrong_sign_in(people: People, name: str, password: str) -> None:
    """Whatever is wrong, the answer is the same."""
    with pytest.raises(Unauthorized, match=r"^The name or the password is not right\.$"):
        people.sign_in(name, password)


def test_unknown_names_cost_a_hash_as_well(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody learns from the time of an answer who there is."""
    verified = []

    class Counted(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            verified.append(password)
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Counted(time_cost=1, memory_cost=8, parallelism=1))
    for name in ("anna", "nobody"):
        with pytest.raises(Unauthorized):
            people.sign_in(name, "wrong")
    assert verified == [b"wrong", b"wrong"]


def test_line_is_bounded(people: People) -> None:
    """A flood of sign-ins is turned away before it holds every thread; then it goes on."""
    with ExitStack() as others:
        for _ in range(passwords.IN_LINE):
            assert passwords._line.acquire(blocking=False)
            others.callback(passwords._line.release)
        with pytest.raises(TooManyRequests):
            people.sign_in("anna", PASSWORD)
    assert people.sign_in("anna", PASSWORD)


def test_cost() -> None:
    """The hash that is kept is argon2id with RFC 9106's second recommended costs (section 4)."""
    library = PasswordHasher()
    assert (library.type.name, library.memory_cost, library.time_cost) == ("ID", 65536, 3)


def test_session_ends_by_itself(people: People, clock: Clock, reopened: Callable[[], People]) -> None:
    """A session lives across a restart, and not beyond its time."""
    opened = people.sign_in("anna", PASSWORD)
    again = reopened()
    assert looks(again, opened) == looks(people, opened) is not None
    clock.now += HOUR
    assert looks(people, opened) is looks(again, opened) is None
    assert again.caller(opened.console.encode()) is None


def test_sign_out(people: People, reopened: Callable[[], People]) -> None:
    """Signing out ends that session, both of its values, and no other."""
    opened, other = people.sign_in("anna", PASSWORD), people.sign_in("anna", PASSWORD)
    caller = people.caller(opened.console.encode())
    assert caller is not None
    people.sign_out(caller.key)
    for now in (people, reopened()):
        assert looks(now, opened) is None
        assert now.caller(opened.console.encode()) is None
        assert looks(now, other) is not None


@pytest.mark.parametrize(
    "act",
    [
        lambda people: people.change("anna", role=Role.VIEWER),
        lambda people: people.change("anna", disabled=True),
        lambda people: people.set_password("anna", "another password"),
        lambda people: people.remove("anna"),
    ],
)
def test_what_ends_sessions(
    people: People, reopened: Callable[[], People], act: Callable[[People], object]
) -> None:
    """Another role or password, disabling and removing end somebody's sessions."""
    opened, other = people.sign_in("anna", PASSWORD), people.sign_in("root", PASSWORD)
    act(people)
    for now in (people, reopened()):
        assert looks(now, opened) is None
        assert now.caller(opened.console.encode()) is None
        assert looks(now, other) is not None


def test_email_ends_nothing(people: People) -> None:
    """A change that gives and takes no right leaves sessions open, and is seen at once."""
    opened = people.sign_in("anna", PASSWORD)
    people.change("anna", email="a@corp.example")
    found = looks(people, opened)
    assert found is not None
    assert found.email == "a@corp.example"


def test_leave(people: People, reopened: Callable[[], People]) -> None:
    """A browser's sessions end by the values that it shows, all of them, and nobody else's."""
    one, two, other = (people.sign_in("anna", PASSWORD) for _ in range(3))
    view, console = people.cookies.view, people.cookies.console
    people.leave(f"a=b; {view}=made-up; {view}=".encode())
    people.leave(f"{view}={one.view}; a=b; {view}={two.view}; {console}={other.console}".encode())
    for now in (people, reopened()):
        assert looks(now, one) is looks(now, two) is None
        assert now.caller(one.console.encode()) is None
        assert looks(now, other) is not None


def test_again(people: People) -> None:
    """A caller is looked up once more: as they are now, or not any more."""
    opened, (value, token) = people.sign_in("anna", PASSWORD), people.add_token("anna", "t", Scope.READ, None)
    session, by_token = people.caller(opened.console.encode()), people.caller(value.encode())
    assert session is not None
    assert by_token is not None
    people.change("anna", email="anna@corp.example")
    for caller in (session, by_token):
        found = people.again(caller)
        assert found is not None
        assert (found.person.email, found.means) == ("anna@corp.example", caller.means)
    people.remove_token(token.token_id)
    assert people.again(by_token) is None
    people.change("anna", role=Role.VIEWER)
    assert people.again(session) is None
    assert [people.again(each) for each in (ANYONE, OPERATOR)] == [ANYONE, OPERATOR]


def test_oldest_session_makes_room(people: People) -> None:
    """Nobody fills the disk by signing in."""
    first = people.sign_in("anna", PASSWORD)
    rest = [people.sign_in("anna", PASSWORD) for _ in range(sessions.MOST_PER_USER)]
    assert looks(people, first) is None
    assert all(looks(people, each) for each in rest)


def test_last_admin_stays(people: People) -> None:
    """Nobody locks everybody out; where there is an admin token, that is no danger."""
    for act in (
        lambda: people.remove("root"),
        lambda: people.change("root", role=Role.VIEWER),
        lambda: people.change("root", disabled=True),
    ):
        with pytest.raises(Conflict, match="keep one admin"):
            act()
    people.add("second", Role.ADMIN, PASSWORD)
    people.remove("root")


def test_last_user_may_go_where_there_is_a_token(tmp_path: Path) -> None:
    """With an admin token nobody is locked out, and without users the token is all there is again."""
    people = People(tmp_path / "people", Cookies("http://127.0.0.1"), operator=True)
    people.add("vera", Role.VIEWER, PASSWORD)
    assert people.wanted
    people.remove("vera")
    assert not people.wanted


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "ü", "a" * 101, "token", "anyone", "a\nb"])
def test_names(people: People, name: str) -> None:
    """What could break a URL, a log line or a header is no name."""
    with pytest.raises(Invalid):
        people.add(name, Role.VIEWER, PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "x" * 1001, "long enough\n but two lines"])
def test_passwords(people: People, password: str) -> None:
    """Too short, too long, or with control characters."""
    with pytest.raises(Invalid):
        people.add("new", Role.VIEWER, password)
    with pytest.raises(Invalid):
        people.set_password("anna", password)


def test_unknown(people: People) -> None:
    """Who or what is not there."""
    for act in (lambda: people.user("x"), lambda: people.remove("x"), lambda: people.change("x", email="")):
        with pytest.raises(UnknownUser):
            act()
    with pytest.raises(UnknownToken):
        people.remove_token("x")
    with pytest.raises(Conflict):
        people.add("anna", Role.VIEWER, PASSWORD)


# API tokens


def test_tokens(people: People, clock: Clock, reopened: Callable[[], People]) -> None:
    """A token calls as its user within its scope, until its day; its last use is kept."""
    value, token = people.add_token("anna", "ci", Scope.READ, 1)
    caller = people.caller(value.encode())
    assert caller is not None
    assert (caller.person.name, caller.means, caller.scope) == ("anna", Means.TOKEN, Scope.READ)
    people.used(token.token_id)
    assert reopened().tokens("anna")[0].last_used == clock.now
    clock.now += 86_400
    assert people.caller(value.encode()) is None


def test_token_ends(people: People, reopened: Callable[[], People]) -> None:
    """A token ends when it is taken away, with its user, or when that user is disabled."""
    value, token = people.add_token("anna", "ci", Scope.DEPLOY, None)
    with pytest.raises(UnknownToken):
        people.remove_token(token.token_id, "root")
    people.remove_token(token.token_id, "anna")
    assert people.caller(value.encode()) is None
    for end in (lambda: people.change("anna", disabled=True), lambda: people.remove("anna")):
        people.change("anna", disabled=False)
        value, _ = people.add_token("anna", "ci", Scope.DEPLOY, None)
        assert people.caller(value.encode()) is not None
        end()
        for now in (people, reopened()):
            assert now.caller(value.encode()) is None
            assert now.tokens("anna") == []


def test_scope_makes_nobody_more(people: People) -> None:
    """An admin's token loses its power with the admin's role."""
    with pytest.raises(Invalid):
        people.add_token("anna", "x", Scope.ADMIN, None)
    value, _ = people.add_token("root", "x", Scope.ADMIN, None)
    people.add("second", Role.ADMIN, PASSWORD)
    people.change("root", role=Role.PUBLISHER)
    caller = people.caller(value.encode())
    assert caller is not None
    assert (caller.is_admin, caller.scope) == (False, Scope.DEPLOY)


# From the OpenID provider


def sent(**more: object) -> User:
    """Somebody whom the provider sends."""
    told: dict[str, object] = {
        "name": "otto",
        "role": Role.VIEWER,
        "subject": "s-1",
        "groups": ("a",),
        **more,
    }
    return User(**told)  # type: ignore[arg-type]


def test_admit(people: People) -> None:
    """Who comes again is the same user; another role ends the sessions of before."""
    (first, was_first), (second, was_second) = people.admit(sent()), people.admit(sent())
    assert (was_first, was_second) == (None, Role.VIEWER)
    assert looks(people, first) == looks(people, second) is not None
    assert people.user("otto").source is Source.OIDC
    third, _ = people.admit(sent(role=Role.PUBLISHER))
    assert looks(people, first) is looks(people, second) is None
    assert looks(people, third) == Person("otto", Role.PUBLISHER, "", frozenset("a"))


def test_admit_takes_nobodys_place(people: People) -> None:
    """A name is one person's: neither a local user's nor another subject's; and the disabled stay out."""
    with pytest.raises(Unauthorized, match="somebody else"):
        people.admit(sent(name="root"))
    people.admit(sent())
    with pytest.raises(Unauthorized, match="somebody else"):
        people.admit(sent(subject="s-2"))
    with pytest.raises(Unauthorized):
        people.sign_in("otto", "")
    with pytest.raises(Invalid):
        people.set_password("otto", PASSWORD)
    people.change("otto", disabled=True)
    with pytest.raises(Unauthorized, match="disabled"):
        people.admit(sent())


# Trouble


def test_damaged_file_lets_nobody_in(people: People, tmp_path: Path, reopened: Callable[[], People]) -> None:
    """A file that can't be read is no reason to open the platform."""
    people.sign_in("anna", PASSWORD)
    for name in ("users.json", "sessions.json"):
        file = tmp_path / "people" / name
        good = file.read_text()
        for bad in (good[:-20], json.dumps({"users": [{"name": 1}], "sessions": [{}]})):
            file.write_text(bad)
            with pytest.raises(HostdError, match=name):
                reopened()
        file.write_text(good)
    assert reopened().wanted


def test_full_disk(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be written does not count; what ended before that stays ended."""
    opened = people.sign_in("anna", PASSWORD)

    def full(*_: object) -> None:
        raise DiskFull("full")

    monkeypatch.setattr(users, "save", full)
    with pytest.raises(DiskFull):
        people.change("anna", role=Role.VIEWER)
    assert people.user("anna").role is Role.PUBLISHER
    assert looks(people, opened) is None


def test_many_at_once(people: People) -> None:
    """Threads that sign in and out at the same time lose nothing."""
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: people.sign_in("anna", PASSWORD), range(24)))
        keys = [caller.key for each in opened[:12] if (caller := people.caller(each.console.encode()))]
        list(pool.map(people.sign_out, keys))
    assert [looks(people, each) is not None for each in opened] == [False] * 12 + [True] * 12


# Cookies


@pytest.mark.parametrize(
    ("base", "view", "console"),
    [
        (
            "https://a.example",
            "__Host-Http-hostd=v; Path=/; Max-Age=9",
            "__Secure-hostd-console=v; Path=/console",
        ),
        (
            "https://a.example/t/s",
            "__Secure-hostd=v; Path=/t/s/;",
            "__Secure-hostd-console=v; Path=/t/s/console",
        ),
        ("http://a.example", "hostd=v; Path=/; Max-Age=9", "hostd-console=v; Path=/console;"),
    ],
)
def test_cookie_fields(base: str, view: str, console: str) -> None:
    """As strict as the address allows; the names are all among those that no app gets."""
    named = Cookies(base)
    for field, begins in ((named.set_view("v", 9), view), (named.set_console("v", 9), console)):
        assert field.startswith(begins)
        assert "; HttpOnly; SameSite=Lax" in field
        assert field.endswith("; Secure") == base.startswith("https")
    mine = {named.view, named.console, named.sign_in}
    assert all(gateway_cookies.is_ours(name.encode()) for name in mine)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"", []), (b"hostd", []), (b"hostd=", [b""]), (b"xhostd=1; hostd2=2", []),
        (b"a=1;hostd=2;  hostd=3", [b"2", b"3"]), (b"hostd=a=b", [b"a=b"]), (b"HOSTD=1", []),
        (b"; ".join([b"hostd=1"] * 9), [b"1"] * 4), (b"\xff=\xfe; hostd=\xff", [b"\xff"]),
    ],
)  # fmt: skip
def test_reading_cookies(header: bytes, found: list[bytes]) -> None:
    """Whatever comes is read or passed over, and bounded."""
    assert list(cookies.values(header, b"hostd")) == found
