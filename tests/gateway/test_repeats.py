"""Heads that came before on a connection: treated as if they were read anew."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from hostd.access import Access, Visibility
from hostd.gateway import Gateway
from hostd.gateway.affinity import Target
from hostd.gateway.head import Head
from hostd.gateway.paths import Place, locate
from hostd.gateway.repeats import Repeats
from hostd.gateway.unchanged import Ordinary, is_ordinary, ordinary
from hostd.gateway.visitor import Visitor
from hostd.models import Route, RoutingTable, Status

from .conftest import StartBackend, StartGateway, up
from .wire import Script, Wire, get, plain, visit

FIELDS = ("Cookie: a=b", "X-Forwarded-For: 6.6.6.6", "Accept: */*", "Connection: keep-alive")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The targets of the heads that were recognized."""
    targets: list[bytes] = []
    find = Repeats.find

    def noted(repeats: Repeats, data: bytes) -> Head | None:
        head = find(repeats, data)
        if head is not None:
            targets.append(head.target)
        return head

    monkeypatch.setattr(Repeats, "find", noted)
    return targets


def note_heads(heads: list[bytes], who: bytes = b"") -> Script:
    """An app that answers everything, and keeps the heads, with ``who`` it is before them."""

    def script(wire: Wire) -> None:
        while True:
            head = wire.head()
            heads.append(who + head)
            wire.send(plain(b"" if head.startswith(b"HEAD") else b"ok"))

    return script


TARGETS = ["/apps/x/", "/apps/x/a?b=c", "/apps/y/static/a.js", "/apps/x/~r1/media/m.png", "/apps/x/%E4%B8%AD"]


def test_a_repeated_head_reaches_the_app_like_a_new_one(
    gateway: StartGateway, backend: StartBackend, found: list[bytes], stack: ExitStack
) -> None:
    """Whatever is remembered, the app is sent what it would be sent on a fresh connection."""
    heads: list[bytes] = []
    app = backend(note_heads(heads))
    door = gateway({"x": up(app.port), "y": up(app.port)})
    requests = [get(target, *FIELDS, method=method) for target in TARGETS for method in ("GET", "HEAD")]
    for request in requests:
        with visit(door.port) as fresh:
            fresh.send(request)
            assert fresh.answer(request.split(b" ")[0].decode()).status == 200
    assert not found
    anew, heads[:] = heads[:], []
    kept = stack.enter_context(visit(door.port))
    for request in requests:
        kept.send(request)
        assert kept.answer(request.split(b" ")[0].decode()).status == 200
    assert len(found) == len(requests) - 1
    assert heads == anew


ROUTES: list[dict[str, Any]] = [
    {},
    {"name": "Renamed"},
    {"port": None, "status": Status.STOPPED},
    {"access": Access(visibility=Visibility.PRIVATE, owner="o")},
    {"release": 1, "replicas": MappingProxyType({1: 1, 2: 2})},
    {"release": 2, "draining": MappingProxyType({1: 1})},
    {"sessions_per_replica": 1},
]


@pytest.mark.parametrize(
    "target", ["/apps/x/a?b=c", "/apps/x/_stcore/health", "/apps/x/media/m.png", "/apps/x/"]
)
def test_the_same_request_is_asked_of_the_route_that_there_is(
    gateway: StartGateway,
    backend: StartBackend,
    stack: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
) -> None:
    """Asked again and again, byte for byte, it has what it would have on a fresh connection at that time."""
    same: list[Place] = []

    def noted(client: Visitor, head: Head, place: Place, target: Target, request: bytes) -> Ordinary:
        same.append(place)
        return ordinary(client, head, place, target, request)

    monkeypatch.setattr("hostd.gateway.repeating.ordinary", noted)
    heads: list[bytes] = []
    ports = [backend(note_heads(heads, b"%d " % number)).port for number in range(2)]
    door = gateway({"x": up(ports[0])})
    request, kept = get(target, *FIELDS), stack.enter_context(visit(door.port))
    for turn, changes in enumerate(ROUTES * 2):
        route = replace(up(ports[turn % 2]), **changes)
        door.table = RoutingTable(door.table.console, MappingProxyType({"x": route}))
        with visit(door.port) as fresh:
            fresh.send(request)
            expected = fresh.answer().status
        told = heads[-1:]
        for _ in range(3):
            kept.send(request)
            assert kept.answer().status == expected
            assert heads[-1:] == told
    assert bool(same) == (target != "/apps/x/")


@pytest.mark.parametrize("accept", ["*/*", "text/html", "text/html;q=0, */*"])
def test_what_is_ordinary_is_what_all_the_rules_would_have_made(
    gateway: StartGateway, backend: StartBackend, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    """The short way of most requests, beside the long one."""
    heads: list[bytes] = []
    app = backend(note_heads(heads))
    door = gateway({"x": replace(up(app.port), release=3), "y": up(app.port)})
    paths = ["/", "/a", "/_stcore/health", "/_stcore/metrics", "/media/m", "/~generation", "/~r3/media/m"]
    requests = [
        get(f"/apps/{app_id}{path}", "Cookie: hostd=1; a=b", f"Accept: {accept}", method=method)
        for app_id in ("x", "y", "z")
        for path in (*paths, "/static/a.js", "/~link/secret", "/a?b=/static/", "")
        for method in ("GET", "HEAD")
    ]
    ways, taken = [], []

    def noted(head: Head, route: Route, gateway: Gateway) -> bool:
        taken.append(is_ordinary(head, route, gateway))
        return taken[-1]

    for way in (noted, lambda *_: False):
        monkeypatch.setattr("hostd.gateway.protocol.is_ordinary", way)
        heads.clear()
        statuses = []
        for request in requests:
            with visit(door.port) as visitor:
                visitor.send(request)
                statuses.append(visitor.answer(request.split(b" ")[0].decode()).status)
        ways.append((statuses, list(heads)))
    assert ways[0] == ways[1]
    assert len(ways[0][1]) > len(requests) / 3
    assert (True in taken) == (accept == "*/*")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/apps/x/../y/", 400),
        ("/apps/x/%2e%2e/y/", 400),
        ("/apps/x/a\\b", 400),
        ("/apps/x/_stcore/metrics", 404),
        ("/apps/none/", 404),
        ("/apps/x", 307),
        ("/", 307),
        ("/api/echo/z", 200),
    ],
)
def test_a_repeated_head_is_routed_by_its_own_path(
    gateway: StartGateway, backend: StartBackend, found: list[bytes], target: str, status: int
) -> None:
    """What was said of one path says nothing of another."""
    heads: list[bytes] = []
    app = backend(note_heads(heads))
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/", *FIELDS))
        assert visitor.answer().status == 200
        visitor.send(get(target, *FIELDS))
        assert visitor.answer().status == status
    assert len(heads) == 1


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 0",),
        ("Transfer-Encoding: chunked",),
        ("Connection: close",),
        ("Connection: Upgrade", "Upgrade: websocket"),
        ("X: " + "y" * 5000,),
    ],
)
def test_only_plain_reads_are_remembered(
    gateway: StartGateway, backend: StartBackend, found: list[bytes], fields: tuple[str, ...]
) -> None:
    """A body, a switch, a goodbye: each of these heads goes through the parser."""
    app = backend(note_heads([]))
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor, suppress(OSError):  # closed behind the first answer
        for _ in range(2):
            visitor.send(get("/apps/x/", *fields))
            if "chunked" in fields[0]:
                visitor.send(b"0\r\n\r\n")
            visitor.more()
    assert not found


def test_what_is_remembered_has_a_limit() -> None:
    """A visitor who sends ever new fields does not fill the memory."""
    repeats = Repeats()
    for number in range(100):
        fields = [(b"host", b"Host", b"h"), (b"x", b"X", b"%d" % number)]
        head = Head(b"GET", b"/", "1.1", fields, upgrade=False, keep_alive=True)
        repeats.keep(b"GET / HTTP/1.1\r\nHost: h\r\nX: %d\r\n\r\n" % number, head)
        assert repeats.find(b"GET /b HTTP/1.1\r\nHost: h\r\nX: %d\r\n\r\n" % number) is not None
        assert len(repeats) <= 8
    route = up(1)
    for number in range(100):
        data = get("/apps/x/a", f"X: {'x' * number * 20}")
        turn = SimpleNamespace(
            head=None, place=locate(b"/apps/x/a", b""), target=Target("x", route, 1), request=data
        )
        repeats.keep_asked(data, turn)  # type: ignore[arg-type]
        assert (data in repeats.asked) == (len(data) <= 1024)
        assert len(repeats.asked) <= 8
