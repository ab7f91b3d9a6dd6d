"""Heads that came before on a connection: treated as if they were read anew."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import pytest

from hostd.gateway.head import Head
from hostd.gateway.repeats import Repeats

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


def note_heads(heads: list[bytes]) -> Script:
    """An app that answers everything, and keeps the heads."""

    def script(wire: Wire) -> None:
        while True:
            heads.append(wire.head())
            wire.send(plain(b"" if heads[-1].startswith(b"HEAD") else b"ok"))

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
