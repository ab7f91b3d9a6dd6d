"""What two parsers could read in two ways is passed on to nobody (RFC 9112 section 11.2)."""

from __future__ import annotations

import json
import threading

import pytest

from hostd.gateway.head import MAX_FIELDS, MAX_HEAD, Head
from hostd.gateway.repeats import Repeats

from .conftest import StartBackend, StartGateway, up
from .wire import HOST, Wire, get, plain, visit, wait_until


def never(wire: Wire) -> None:
    """An app that must not be reached."""
    raise AssertionError(wire.head())


LINE = b"POST /apps/x/ HTTP/1.1\r\n"

REFUSED = {
    "length and encoding": HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "encoding and length": HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": HOST + b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": HOST + b"Content-Length: +3\r\n\r\nabc",
    "an empty length": HOST + b"Content-Length:\r\n\r\nabc",
    "a space before the colon": HOST + b"Content-Length : 3\r\n\r\nabc",
    "a tab before the colon": HOST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "a folded line": HOST + b"X: a\r\n b\r\n\r\n",
    "a folded encoding": HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a bare LF": HOST + b"X: a\nContent-Length: 3\r\n\r\nabc",
    "a bare CR": HOST + b"X: a\rContent-Length: 3\r\n\r\nabc",
    "a NUL": HOST + b"X: a\0b\r\n\r\n",
    "no host": b"Content-Length: 0\r\n\r\n",
    "two hosts": HOST + HOST + b"\r\n",
    "an empty host": b"Host:\r\n\r\n",
    "a host with a path": b"Host: a/b\r\n\r\n",
    "a host with a user": b"Host: a@b\r\n\r\n",
    "two chunked": HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a header without a name": HOST + b": x\r\n\r\n",
    "a header without a colon": HOST + b"Content-Length\r\n\r\n",
    "an upgrade with a body": HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("path", [b"/apps/x/", b"/api/echo/1"])
@pytest.mark.parametrize("case", REFUSED)
def test_ambiguous_heads_are_refused(
    gateway: StartGateway, backend: StartBackend, case: str, path: bytes
) -> None:
    """The answer is 400, the connection ends, and no app sees a byte."""
    app = backend(never)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(LINE.replace(b"/apps/x/", path) + REFUSED[case] + get("/apps/x/smuggled"))
        answer = visitor.answer("POST")
        assert answer.status == 400
        assert answer.one("content-type") == b"application/problem+json"
        assert json.loads(answer.body)["status"] == 400
        assert visitor.ended()
    assert app.connections == 0


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"CONNECT visitor.example:8080 HTTP/1.1", 400),
        (b"GET /apps/x/ HTTP/2.0", 505),
        (b"GET /apps/x/ HTTP/1.2", 400),
        (b"GET /apps/x/ HTTP/0.9", 505),
        (b"GET http://other.example/apps/x/ HTTP/1.1", 400),
        (b"GET apps/x/ HTTP/1.1", 400),
        (b"GET /apps/x/\x80 HTTP/1.1", 400),
        (b"GET /apps/x/../y HTTP/1.1", 400),
        (b"NONSENSE /apps/x/ HTTP/1.1", 400),
    ],
)
def test_odd_request_lines_are_refused(gateway: StartGateway, request_line: bytes, status: int) -> None:
    """Tunnels, other versions, other hosts and malformed targets are answered, and not guessed at."""
    door = gateway()
    with visit(door.port) as visitor:
        visitor.send(request_line + b"\r\n" + HOST + b"\r\n")
        assert visitor.answer().status == status
        assert visitor.ended()


def test_absolute_form_for_this_host_is_taken(gateway: StartGateway) -> None:
    """A target in absolute form that agrees with Host is the same request (RFC 9112 section 3.2.2)."""
    door = gateway()
    with visit(door.port) as visitor:
        visitor.send(get("http://visitor.example:8080/api/echo/a?b"))
        assert json.loads(visitor.answer().body)["path"] == "/api/echo/a"


@pytest.mark.parametrize("encoding", [b"gzip, chunked", b"xchunked", b"chunked;a=b", b"identity", b""])
def test_other_encodings_are_not_understood(gateway: StartGateway, encoding: bytes) -> None:
    """A transfer encoding besides chunked gets 501 (RFC 9112 section 6.1)."""
    door = gateway()
    with visit(door.port) as visitor:
        visitor.send(LINE + HOST + b"Transfer-Encoding: " + encoding + b"\r\n\r\n0\r\n\r\n")
        assert visitor.answer("POST").status in (400, 501)
        assert visitor.ended()


@pytest.mark.parametrize(
    "head",
    [
        get("/apps/x/" + "a" * MAX_HEAD),
        get("/apps/x/", "X: " + "a" * MAX_HEAD),
        get("/apps/x/", *[f"X-{number}: {'a' * 1000}" for number in range(70)]),
        get("/apps/x/", *["X: a"] * (MAX_FIELDS + 1)),
    ],
    ids=["target", "field", "fields", "count"],
)
def test_heads_are_bounded(gateway: StartGateway, head: bytes) -> None:
    """Above 64 kB or 128 fields the answer is 431."""
    door = gateway()
    with visit(door.port) as visitor:
        visitor.send(head)
        assert visitor.answer().status == 431
        assert visitor.ended()


def test_a_later_head_is_bounded_too(gateway: StartGateway) -> None:
    """Behind another request in one piece; and with fields that were read before."""
    door, repeats = gateway(), Repeats()
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/") + get("/apps/x/" + "a" * MAX_HEAD))
        assert [visitor.answer().status, visitor.answer().status] == [404, 431]
        assert visitor.ended()
    first = get("/apps/x/")
    fields = [(b"host", b"Host", b"x")]
    repeats.keep(first, Head(b"GET", b"/apps/x/", "1.1", fields, upgrade=False, keep_alive=True))
    assert repeats.find(get("/apps/x/a")) is not None
    assert repeats.find(get("/apps/x/" + "a" * MAX_HEAD)) is None


@pytest.mark.parametrize("start", [b"GET /apps/x/", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX"])
def test_endless_heads_are_not_kept(gateway: StartGateway, start: bytes) -> None:
    """A head that never ends is given up at 64 kB, although llhttp would collect it."""
    door = gateway()
    with visit(door.port) as visitor:
        visitor.send(start)
        for _ in range(70):
            visitor.send(b"a" * 1000)
        assert visitor.answer().status == 431


def test_endless_trailers_are_not_kept(gateway: StartGateway, backend: StartBackend) -> None:
    """A trailer that never ends is given up at 64 kB as well."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.rest()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ")
        for _ in range(400):
            visitor.send(b"a" * 1000)
        assert visitor.answer("POST").status == 431
    wait_until(lambda: app.open == 0, "the app's connection closed")


def test_a_refusal_waits_for_the_answers_before_it(gateway: StartGateway, backend: StartBackend) -> None:
    """Behind a good request a bad one is refused in its turn, not in the middle of the good one's answer."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        sent.wait(10)
        wire.send(b"cd")
        wire.ended()

    sent = threading.Event()
    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/") + LINE + REFUSED["two hosts"])
        visitor.until(b"ab")
        sent.set()
        assert visitor.exactly(2) == b"cd"
        assert visitor.answer().status == 400
        assert visitor.ended()


@pytest.mark.parametrize("path", [b"/apps/x/", b"/api/echo/1"])
def test_a_malformed_body_ends_its_request(gateway: StartGateway, backend: StartBackend, path: bytes) -> None:
    """A chunk that is none is answered with 400, and the app's connection is not used again."""

    def script(wire: Wire) -> None:
        wire.head()
        assert wire.rest() == b"3\r\nabc\r\n"

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(b"POST %b HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" % (path, HOST))
        wait_until(lambda: app.open == (path == b"/apps/x/"), "the app reached")
        visitor.send(b"zz\r\n" + get("/apps/x/smuggled"))
        assert visitor.answer("POST").status == 400
        assert visitor.ended()
    wait_until(lambda: app.open == 0, "the app's connection closed")


def test_an_unheard_wish_to_upgrade_is_passed_over(gateway: StartGateway, backend: StartBackend) -> None:
    """A request that also offers h2c is answered as HTTP/1.1, and so is what is behind it."""

    def script(wire: Wire) -> None:
        while True:
            head = wire.head()
            assert b"pgrade" not in head
            wire.send(plain(head.split()[1]))

    app = backend(script)
    door = gateway({"x": up(app.port)})
    h2c = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/1", *h2c) + get("/apps/x/2", *h2c) + get("/apps/x/3"))
        assert [visitor.answer().body for _ in range(3)] == [b"/apps/x/1", b"/apps/x/2", b"/apps/x/3"]


def test_what_follows_a_last_request_is_not_read(gateway: StartGateway, backend: StartBackend) -> None:
    """Behind ``Connection: close`` nothing is a request, whoever answers."""
    for path in ("/apps/x/", "/", "/api/echo/1"):

        def script(wire: Wire) -> None:
            assert b"smuggled" not in wire.head()
            wire.send(plain(b"x"))
            wire.ended()

        app = backend(script)
        door = gateway({"x": up(app.port)})
        with visit(door.port) as visitor:
            visitor.send(get(path, "Connection: close") + get("/apps/x/smuggled"))
            assert visitor.answer().status in (200, 307)
            assert visitor.ended()
