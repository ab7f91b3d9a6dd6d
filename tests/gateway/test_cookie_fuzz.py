"""Whatever a Cookie field holds: an app never gets the platform's, and nobody is taken for somebody else.

The decision is held against a second one, written here from the manual; people and their sessions are real.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hostd.access import Access, Visibility
from hostd.gateway import GatewayOptions
from hostd.gateway.cookies import ours, without_ours
from hostd.gateway.head import Head
from hostd.gateway.keeper import Keeper
from hostd.gateway.paths import Kind, Place
from hostd.gateway.tickets import Tickets, Visitors
from hostd.models import Route, RoutingTable, Status
from hostd.people import Cookies, People, User
from hostd.people.sessions import digest
from hostd.person import Person, Role
from tests.fuzz import counted, examples
from tests.gateway.test_access_properties import is_ours
from tests.test_fuzz import names_in

SECRET = b"L1nkSecret"
NAMES = ("ann", "bob", "Bob", "eve@corp.example", "eve", "root", "finance", "")
LINK_NAMES = (b"hostd-link", b"__Secure-hostd-link")


@dataclass(frozen=True)
class House:
    """People who are signed in, by the values of their cookies; None where one is not good for apps."""

    people: People
    names: tuple[bytes, ...]
    values: dict[bytes, Person | None]


@pytest.fixture(scope="module", params=["https://a.example", "https://a.example/b", "http://a.example"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One with each kind of address, name and role; the names of the cookies differ by it."""
    named = Cookies(request.param)
    people = People(Path(tmp_path_factory.mktemp("people")), named, sign_in=True)
    values: dict[bytes, Person | None] = {}
    for name, role, email, groups in (
        ("ann", Role.PUBLISHER, "", ()),
        ("bob", Role.VIEWER, "Eve@Corp.example", ("sales",)),
        ("eve@corp.example", Role.VIEWER, "", ("finance",)),
        ("root", Role.ADMIN, "root@corp.example", ()),
    ):
        opened, _ = people.admit(User(name=name, role=role, email=email, groups=groups, subject=name))
        person = people.user(name).person
        values[opened.view.encode()] = person
        values[opened.console.encode()] = None
    cookies = (
        named.view,
        named.console,
        named.sign_in,
        "hostd",
        "__Host-hostd",
        "HOSTD",
        "hostd-ticket",
        "a",
    )
    yield House(people, (*(name.encode() for name in cookies), *LINK_NAMES), values)


def fields(house: House) -> st.SearchStrategy[bytes]:
    """Pairs, and bits of pairs, of what is known and what is not."""
    value = st.sampled_from((*house.values, SECRET, b"", b"x"))
    pair = st.builds(b"=".join, st.tuples(st.sampled_from(house.names), value))
    bits = st.sampled_from((b"=", b";", b"; ", b",", b'"', b" ", b"\t", b"%3B", b"\\", b"\xff", *house.names))
    return st.lists(st.one_of(pair, pair.map(b"; ".__add__), bits, value), max_size=8).map(b"".join)


def shown(field: bytes, *names: bytes) -> set[bytes]:
    """The values of the cookies with these names."""
    pairs = (pair.partition(b"=") for pair in field.split(b";"))
    return {value.strip() for name, _, value in pairs if name.strip() in names}


def may(access: Access, person: Person | None) -> bool:
    """Who may see an app, as the README has it."""
    if access.visibility is Visibility.PUBLIC or person is None:
        return access.visibility is Visibility.PUBLIC
    by_right = person.role is Role.ADMIN or person.name in {access.owner, *access.collaborators}
    mine = {person.name} if "@" not in person.name else set()
    mine |= {person.email.lower()} if person.email else set()
    named = bool(mine & set(access.viewers)) or bool(person.groups & set(access.viewer_groups))
    return by_right or named or access.visibility is Visibility.SIGNED_IN


def some(size: int) -> st.SearchStrategy[tuple[str, ...]]:
    """A few names."""
    return st.lists(st.sampled_from(NAMES), max_size=size).map(tuple)


ACCESS = st.builds(
    lambda link, **more: Access(link_sha256=digest(SECRET) if link else "", **more),
    link=st.booleans(), visibility=st.sampled_from(Visibility), owner=st.sampled_from(NAMES),
    collaborators=some(2), viewers=some(3), viewer_groups=some(2),
)  # fmt: skip


def test_nobody_is_taken_for_somebody_else(house: House) -> None:
    """Whoever a field is said to be of, their own value stands in it, whole, as that cookie."""
    view = house.people.cookies.view.encode()

    @examples(500)
    @example(field=view + b"=" + next(iter(house.values)))
    @given(field=fields(house))
    def ask(field: bytes) -> None:
        person = house.people.whose(field)
        assert person is None or person in {house.values.get(value) for value in shown(field, view)}
        assert house.people.whose(without_ours(field)) is None
        assert house.people.whose(ours(field)) == person
        ends[person.name if person else "nobody"] += 1

    with counted("whose a Cookie field is") as ends:
        ask()
    assert {"nobody", "ann"} <= set(ends)


def test_apps_never_get_ours(house: House) -> None:
    """Neither by name, as servers read fields, nor a value, unless the visitor gave it another name."""

    @examples(500)
    @example(field=b"a=1")
    @example(field=b"hostd=1")
    @given(field=fields(house))
    def ask(field: bytes) -> None:
        left = without_ours(field)
        assert not [name for name in names_in(left) if is_ours(name)]
        others = [
            pair for pair in field.split(b";") if not is_ours(pair.partition(b"=")[0].decode("latin-1"))
        ]
        for value in (*house.values, SECRET):
            assert value not in left or any(value in pair for pair in others)
        ends["stripped" if left != field else "as it was"] += 1

    with counted("Cookie fields for apps") as ends:
        ask()
    assert {"stripped", "as it was"} <= set(ends)


def test_keeper_lets_in_those_who_may(house: House) -> None:
    """The decision is the manual's, for the person whose cookie it is, or who has the app's link."""
    table = RoutingTable(Route(Status.RUNNING, 1, "console"), {})
    view = house.people.cookies.view
    options = GatewayOptions(whose=house.people.whose, view_cookie=view)
    pages: Any = None
    keeper = Keeper(lambda: table, options, pages, b"")
    place = Place(Kind.APP, b"/apps/x/", "x", b"")

    @examples(700)
    @example(field=b"", access=Access())
    @example(field=b"", access=Access(visibility=Visibility.PRIVATE))
    @given(field=fields(house), access=ACCESS)
    def ask(field: bytes, access: Access) -> None:
        sent = [(b"host", b"Host", b"a"), (b"cookie", b"Cookie", field)]
        head = Head(b"GET", b"/apps/x/", "1.1", sent, upgrade=False)
        route = Route(Status.RUNNING, 1, "Demo", 1, access=access, viewer_key="k")
        people = {house.values.get(value) for value in shown(field, view.encode())} | {None}
        linked = access.visibility is Visibility.LINK and access.link_sha256 != ""
        by_link = linked and SECRET in shown(field, *LINK_NAMES)
        may_be = by_link or any(may(access, person) for person in people)
        admitted = keeper.admits(head, place, route)
        assert may_be or not admitted
        assert access.admits(house.people.whose(field)) == may(access, house.people.whose(field))
        assert admitted or not may(access, house.people.whose(field))
        ends["in" if admitted else "out"] += 1

    with counted("who may see an app") as ends:
        ask()
    assert {"in", "out"} <= set(ends)


STEP = st.tuples(
    st.sampled_from(("issue", "redeem", "wait")), st.sampled_from("xy"), st.integers(0, 3), st.integers(0, 3)
)


def test_tickets_are_good_once() -> None:
    """For a minute, for their app, in the browser that has the nonce; and what they become likewise."""

    @examples(500)
    @example(steps=[("issue", "x", 0, 1), ("redeem", "x", 0, 1), ("redeem", "x", 0, 1)])
    @given(steps=st.lists(STEP, max_size=20))
    def ask(steps: list[tuple[str, str, int, int]]) -> None:
        at, issued = [0.0], list[tuple[str, str, bytes, bytes, float]]()
        used: set[int] = set()
        tickets, visitors = Tickets(lambda: at[0]), Visitors()
        for step, app_id, first, second in steps:
            if step == "wait":
                at[0] += 25.0 * first
            elif step == "issue":
                value, nonce = b"value %d" % first, b"nonce %d" % second
                issued.append((tickets.issue(app_id, value, digest(nonce)), app_id, value, nonce, at[0]))
            elif issued:
                number = first % len(issued)
                ticket, its_app, value, nonce, since = issued[number]
                shown_nonces = [b"", b"nonce %d" % second]
                good = number not in used and its_app == app_id and nonce in shown_nonces
                good = good and at[0] - since < 60.0
                used.add(number)
                assert tickets.redeem(ticket, app_id, shown_nonces) == (value if good else None)
                if good:
                    own = visitors.admit(app_id, value).encode()
                    assert visitors.value(app_id, own) == value
                    assert visitors.value("xy".replace(app_id, ""), own) is None
                    assert visitors.value(app_id, value) is None
                ends["good" if good else "void"] += 1

    with counted("tickets") as ends:
        ask()
    assert {"good", "void"} <= set(ends)
