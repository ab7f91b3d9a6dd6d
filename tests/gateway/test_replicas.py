"""Several processes behind one URL: where sessions begin and stay, and what happens when all are full."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace
from types import MappingProxyType

import pytest

from hostd.gateway import GatewayOptions
from hostd.gateway.paths import locate
from hostd.gateway.refusal import Refused
from hostd.gateway.replicas import HOLD, Loads
from hostd.models import Route, Status

from .conftest import Running, StartBackend, StartGateway
from .test_affinity import HTML, NEW_SESSION, PAGE, SESSION, ask
from .wire import SWITCH, UPGRADE, Backend, Script, Wire, closed_port, get, plain, visit, wait_until

STREAM = "_stcore/stream"
COMES_BACK = f"Sec-WebSocket-Protocol: streamlit, token, {SESSION}"


def scaled(*replicas: Backend | int, limit: int | None = None, leaving: Backend | None = None) -> Route:
    """A route to release 3 with these replicas, counted from 1; ``leaving`` is the next one."""
    ports = [replica if isinstance(replica, int) else replica.port for replica in replicas]
    numbered = MappingProxyType(dict(enumerate(ports, 1)))
    gone = {} if leaving is None else {(3, len(ports) + 1): leaving.port}
    return Route(
        Status.RUNNING, ports[0], "Demo", 3, replicas=numbered, leaving=gone, sessions_per_replica=limit
    )


def app(name: bytes, *, session: bytes = b"", missing: bytes = b"/nothing") -> Script:
    """Its pages are pages, its WebSockets say ``session`` and ``name``, the rest is ``name``."""

    def script(wire: Wire) -> None:
        while head := wire.head():
            if b"Upgrade:" in head:
                wire.send(SWITCH + session + name)
                assert wire.ended()
                return
            if b"accept: text/html" in head.lower():
                wire.send(plain(PAGE, b"Content-Type: text/html"))
            elif missing in head.split(b" ")[1]:
                wire.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
            else:
                wire.send(plain(name))

    return script


def mark_of(door: Running) -> str:
    """The mark in a new page."""
    found = re.search(rb'"(~r[0-9.]+)/"', ask(door, "/apps/x/", HTML).body)
    assert found is not None
    return found[1].decode()


def open_socket(door: Running, stack: ExitStack, path: str, *fields: str, names: bytes = b"") -> Wire:
    """A WebSocket that stays open, once the app has said its name."""
    visitor = stack.enter_context(visit(door.port))
    visitor.send(get(f"/apps/x/{path}", *UPGRADE, *fields))
    assert names in visitor.until(names or b"\r\n\r\n")
    return visitor


def refused(door: Running, path: str, *fields: str) -> bool:
    """Whether a WebSocket finds no place."""
    with visit(door.port) as visitor:
        visitor.send(get(f"/apps/x/{path}", *UPGRADE, *fields))
        answer = visitor.answer()
        assert answer.one("retry-after") == b"5"
        return answer.status == 503


def test_a_mark_names_a_replica() -> None:
    """Behind the release's number; one that could be read in two ways is none, or refused."""
    for path, named in {
        b"~r3/a": (3, 1), b"~r3.2/a": (3, 2), b"~r3.16/a": (3, 16), b"~r3.0/a": (None, 1),
        b"~r3./a": (None, 1), b"~r3.1234/a": (None, 1), b"~r3.2.1/a": (None, 1),
    }.items():  # fmt: skip
        place = locate(b"/apps/x/" + path, b"")
        assert (place.release, place.replica) == named
    for path in (b"~r3%2e2/a", b"~r3.%32/a"):
        with pytest.raises(Refused):
            locate(b"/apps/x/" + path, b"")


def test_new_pages_spread_and_name_their_replica(gateway: StartGateway, backend: StartBackend) -> None:
    """Also before anybody has connected; the plain mark is the first replica's."""
    apps = [backend(app(name)) for name in (b"one", b"two", b"three")]
    door = gateway({"x": scaled(*apps)}, fresh=True)
    assert [mark_of(door) for _ in range(6)] == ["~r3", "~r3.2", "~r3.3"] * 2
    for mark, name in {"~r3": b"one", "~r3.1": b"one", "~r3.2": b"two", "~r3.3": b"three"}.items():
        assert ask(door, f"/apps/x/{mark}/media/a").body == name


def test_sessions_spread_and_stay(gateway: StartGateway, backend: StartBackend, stack: ExitStack) -> None:
    """The least loaded gets a new one; a mark, or a session's id, leads back to where it began."""
    one, two = backend(app(b"one")), backend(app(b"two", session=NEW_SESSION))
    door = gateway({"x": scaled(one, two)}, fresh=True)
    names = [open_socket(door, stack, STREAM).until(b"e" if index % 2 == 0 else b"two") for index in range(4)]
    assert [b"one" in name for name in names] == [True, False, True, False]
    for _ in range(3):
        open_socket(door, stack, f"~r3.2/{STREAM}", names=b"two")
    upload = f"/apps/x/_stcore/upload_file/{SESSION}/1"
    assert ask(door, upload, method="DELETE").body == b"two"
    open_socket(door, stack, STREAM, COMES_BACK, names=b"two")  # with five sessions against two
    shared = door.protocol.gateway
    assert (shared.tunnels(one.port), shared.tunnels(two.port)) == (2, 6)
    open_socket(door, stack, STREAM, names=b"one")


def test_a_full_app_lets_nobody_in(gateway: StartGateway, backend: StartBackend, stack: ExitStack) -> None:
    """A page that tries again, 503 for programs; who has a place keeps it, and who leaves frees it."""
    one, two = backend(app(b"one", session=NEW_SESSION)), backend(app(b"two"))
    door = gateway({"x": scaled(one, two, limit=1)}, fresh=True)
    first = open_socket(door, stack, f"{mark_of(door)}/{STREAM}", names=b"one")
    assert mark_of(door) == "~r3.2"  # the page holds its place
    answer = ask(door, "/apps/x/", HTML, "Accept-Language: zh-CN")
    assert (answer.status, answer.one("retry-after")) == (503, b"5")
    assert "人数已满".encode() in answer.body
    assert b'http-equiv="refresh" content="5"' in answer.body
    assert refused(door, STREAM)
    assert refused(door, f"~r3/{STREAM}")
    open_socket(door, stack, f"~r3.2/{STREAM}", names=b"two")
    assert refused(door, f"~r3.2/{STREAM}")
    assert ask(door, "/apps/x/~r3/media/a").body == b"one"
    assert ask(door, "/apps/x/_stcore/health").status == 200
    open_socket(door, stack, f"~r3/{STREAM}", COMES_BACK, names=b"one").close()
    first.close()
    wait_until(lambda: door.protocol.gateway.tunnels(one.port) == 0, "the first one has left")
    assert mark_of(door) == "~r3"


def test_who_finds_no_place_waits_for_one_more(
    gateway: StartGateway, backend: StartBackend, stack: ExitStack
) -> None:
    """While the app grows nobody is turned away: a new replica's places, and those that somebody leaves."""
    one, two = backend(app(b"one")), backend(app(b"two"))
    door = gateway({"x": replace(scaled(one, limit=1), grows=True)}, fresh=True)
    first = open_socket(door, stack, STREAM, names=b"one")
    waits = [stack.enter_context(visit(door.port)) for _ in range(3)]
    waking = door.protocol.gateway.waking

    def held() -> int:
        return len(waking._held.get("x", ()))

    for visitor, request in zip(waits, (("", HTML), (STREAM, *UPGRADE), ("", HTML)), strict=True):
        before = held()
        visitor.send(get(f"/apps/x/{request[0]}", *request[1:]))
        wait_until(lambda before=before: held() == before + 1, "one more waits")  # type: ignore[misc]
    assert ask(door, "/apps/x/~r3/media/a").body == b"one"
    assert held() == 3
    door.table = gateway({"x": replace(scaled(one, two, limit=1), grows=True)}).table
    waking.routes_changed()
    assert b'"~r3.2/"' in waits[0].answer().body
    assert held() == 2
    first.close()
    assert b"one" in waits[1].until(b"one")  # nothing but its connection's end told of the place
    door.table = gateway({"x": scaled(one, two, limit=1)}).table
    waking.routes_changed()
    answer = waits[2].answer()
    assert (answer.status, answer.one("retry-after")) == (503, b"5")


def test_who_waits_for_a_place_waits_not_for_ever(gateway: StartGateway, backend: StartBackend) -> None:
    """The answer is then that of a full app."""
    one = backend(app(b"one"))
    route = replace(scaled(one, limit=1), grows=True)
    door = gateway({"x": route}, GatewayOptions(wake_hold=0.2))
    assert mark_of(door) == "~r3"
    answer = ask(door, "/apps/x/", HTML)
    assert (answer.status, answer.one("retry-after")) == (503, b"5")


def test_a_reload_keeps_its_place(gateway: StartGateway, backend: StartBackend, stack: ExitStack) -> None:
    """The page goes out once for each session; the new session begins when the old one has ended."""
    one, two = backend(app(b"one")), backend(app(b"two"))
    door = gateway({"x": scaled(one, two, limit=1)}, fresh=True)
    open_socket(door, stack, f"{mark_of(door)}/{STREAM}", names=b"one")
    second = open_socket(door, stack, f"{mark_of(door)}/{STREAM}", names=b"two")
    for wrong in ("~r2.2", "~r3.3", "~r3.2x", "~r3.2.1", "3.2", ""):
        assert ask(door, "/apps/x/", HTML, f"Cookie: a=b; hostd-leaves={wrong}").status == 503
    for status in (200, 503):
        assert ask(door, "/apps/x/", HTML, "Cookie: a=b; hostd-leaves=~r3.2").status == status
    assert refused(door, f"~r3.2/{STREAM}")
    second.close()
    wait_until(lambda: door.protocol.gateway.tunnels(two.port) == 0, "the old session has ended")
    assert ask(door, "/apps/x/", HTML).status == 503
    open_socket(door, stack, f"~r3.2/{STREAM}", names=b"two")
    assert refused(door, f"~r3.2/{STREAM}")


def test_a_limit_for_one_replica(gateway: StartGateway, backend: StartBackend, stack: ExitStack) -> None:
    """It needs no second one to hold."""
    only = backend(app(b"only"))
    route = Route(Status.RUNNING, only.port, "Demo", 3, sessions_per_replica=2)
    door = gateway({"x": route}, fresh=True)
    for _ in range(2):
        open_socket(door, stack, STREAM, names=b"only")
    assert refused(door, STREAM)
    assert ask(door, "/apps/x/", HTML).status == 503


def test_a_dead_replica_costs_its_own_sessions_only(
    gateway: StartGateway, backend: StartBackend, stack: ExitStack
) -> None:
    """Its tabs go to a living one, also before the routes know; their media is found, the others stay."""
    one = backend(app(b"one", session=NEW_SESSION))
    gone = closed_port()
    door = gateway({"x": scaled(one, gone)}, fresh=True)
    open_socket(door, stack, f"~r3.2/{STREAM}", COMES_BACK, names=b"one")
    loads = door.protocol.gateway.loads
    wait_until(lambda: (loads.of(one.port), loads.of(gone)) == (1, 0), "no place held for nobody")
    three = backend(app(b"three", missing=b"/media/"))
    door.table = gateway({"x": scaled(one, three)}).table
    assert ask(door, "/apps/x/~r3.2/media/a").body == b"one"  # the new process has not got it
    assert ask(door, "/apps/x/~r3.2/app/static/a").body == b"three"
    open_socket(door, stack, f"~r3.2/{STREAM}", COMES_BACK, names=b"one")  # that is where it lives by now
    assert ask(door, f"/apps/x/~r3.2/_stcore/upload_file/{SESSION}/1", method="DELETE").body == b"one"


def test_the_first_replica_is_gone(gateway: StartGateway, backend: StartBackend, stack: ExitStack) -> None:
    """The others serve; what was the first one's goes to them."""
    two = backend(app(b"two"))
    route = Route(Status.STARTING, two.port, "Demo", 3, replicas=MappingProxyType({2: two.port}))
    door = gateway({"x": route}, fresh=True)
    assert mark_of(door) == "~r3.2"
    open_socket(door, stack, f"~r3/{STREAM}", names=b"two")
    assert ask(door, "/apps/x/a").body == b"two"


def test_one_that_leaves_keeps_its_sessions(
    gateway: StartGateway, backend: StartBackend, stack: ExitStack
) -> None:
    """No new ones; its own may come back, by mark or by id, whatever the limit."""
    one, two = backend(app(b"one")), backend(app(b"two", session=NEW_SESSION))
    door = gateway({"x": scaled(one, two)}, fresh=True)
    open_socket(door, stack, f"~r3.2/{STREAM}", names=b"two")
    door.table = gateway({"x": scaled(one, limit=1, leaving=two)}).table
    assert mark_of(door) == "~r3"
    assert ask(door, "/apps/x/", HTML).status == 503
    open_socket(door, stack, f"~r3.2/{STREAM}", names=b"two")
    open_socket(door, stack, STREAM, COMES_BACK, names=b"two")
    assert ask(door, "/apps/x/~r3.2/media/a").body == b"two"
    assert ask(door, "/apps/x/media/nothing").status == 404
    assert two.connections >= 4


def test_a_page_whose_replica_is_gone_names_another(gateway: StartGateway, backend: StartBackend) -> None:
    """The mark is of the process that the page came from in the end."""
    two = backend(app(b"two"))
    door = gateway({"x": scaled(closed_port(), two)}, GatewayOptions(), fresh=True)
    assert mark_of(door) == "~r3.2"


def test_places_are_given_back() -> None:
    """A page nobody connects from holds its place for a while; a connection takes it over."""
    clock, tunnels = [0.0], {1: 0}
    loads = Loads(lambda port: tunnels.get(port, 0), lambda: clock[0])
    route = Route(Status.RUNNING, 1, "Demo", 3, sessions_per_replica=1)
    assert loads.pick(route) == 1
    loads.hand_out(1)
    assert (loads.of(1), loads.pick(route), loads.admit(1, route)) == (1, None, True)
    loads.arrive(1)
    assert (loads.of(1), loads.admit(1, route)) == (1, False)
    tunnels[1] = 1
    loads.connected(1)
    assert (loads.of(1), loads.pick(route)) == (1, None)
    tunnels[1] = 0
    loads.hand_out(1)
    clock[0] = HOLD
    assert (loads.of(1), loads.pick(route)) == (0, 1)
