"""Apps that are slow, silent, broken or gone."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

import h11
import pytest
from uvicorn.server import ServerState

from hostd.gateway import GatewayOptions
from hostd.gateway.pool import Pool
from hostd.gateway.upstream import Upstream
from hostd.models import Route, RoutingTable, Status
from tests.machine import Stopwatch

from .conftest import Loop, StartBackend, StartGateway, up
from .wire import HOST, SWITCH, UPGRADE, Wire, closed_port, get, plain, visit, wait_until

POST = b"POST /apps/x/ HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\nx"


@pytest.mark.parametrize(
    "sent",
    [
        *(b"", b"HTTP/1.1 200 OK\r\nContent-", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\r\n\r\n"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
        SWITCH,
    ],
)
def test_an_app_that_makes_no_sense_is_a_502(
    gateway: StartGateway, backend: StartBackend, sent: bytes
) -> None:
    """No answer, half a head, or one that two parsers read differently: 502, and the visitor may go on."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(sent)
        if len(sent) > 60:
            wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        answer = visitor.answer()
        assert (answer.status, json.loads(answer.body)["status"]) == (502, 502)
        visitor.send(get("/api/echo/1"))
        assert visitor.answer().status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_cut_body_looks_cut(gateway: StartGateway, backend: StartBackend, sent: bytes) -> None:
    """A visitor can tell that a body is not whole: the connection ends before it does."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(sent)

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/") + get("/api/echo/1"))
        with pytest.raises((h11.RemoteProtocolError, ConnectionResetError)):
            visitor.answer()


def test_a_reset_in_a_body_without_a_length_is_a_reset(gateway: StartGateway, backend: StartBackend) -> None:
    """Where only the connection's end ends the body, a reset of the app's is passed on as one."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(b"HTTP/1.0 200 OK\r\n\r\nhalf")
        seen.wait(10)
        wire.reset()

    seen = threading.Event()
    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        visitor.until(b"half")
        seen.set()
        with pytest.raises(ConnectionResetError):
            visitor.more()


def test_surplus_bytes_do_not_reach_the_next_visitor(gateway: StartGateway, backend: StartBackend) -> None:
    """What an app sends behind its answer is dropped, and its connection with it."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(plain(b"mine") + plain(b"forged"))
        wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        for _ in range(3):
            visitor.send(get("/apps/x/"))
            assert visitor.answer().body == b"mine"
    assert app.connections == 3


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_stale_connection_is_retried_once(
    gateway: StartGateway, backend: StartBackend, method: str
) -> None:
    """GET and HEAD on a resting connection that turns out dead are sent again, on a new one."""
    heads: list[bytes] = []

    def script(wire: Wire) -> None:
        heads.append(wire.head())
        wire.send(plain(b"" if method == "HEAD" else b"ok"))
        heads.append(wire.head())

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        for _ in range(3):
            visitor.send(get("/apps/x/", method=method))
            assert visitor.answer(method).status == 200
    assert (len(heads), app.connections) == (5, 3)


def test_other_methods_are_not_retried(gateway: StartGateway, backend: StartBackend) -> None:
    """A POST may have had its effect: it is sent once, and 502 says that nobody knows."""
    posts = 0

    def script(wire: Wire) -> None:
        nonlocal posts
        wire.head()
        wire.send(plain(b"ok"))
        wire.head()
        posts += 1

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.answer().status == 200
        visitor.send(POST)
        assert visitor.answer("POST").status == 502
    assert (posts, app.connections) == (1, 1)


def test_a_retry_is_not_repeated(gateway: StartGateway, backend: StartBackend) -> None:
    """An app that closes on the second try as well gets no third."""
    connections = 0

    def script(wire: Wire) -> None:
        nonlocal connections
        connections += 1
        wire.head()
        if connections == 1:
            wire.send(plain(b"ok"))
            wire.head()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.answer().status == 200
        visitor.send(get("/apps/x/"))
        assert visitor.answer().status == 502
    assert connections == 2


def test_resting_connections_are_dropped(gateway: StartGateway, backend: StartBackend) -> None:
    """A connection that rests too long is closed by us, before the app closes it."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(plain(b"ok"))
        assert wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)}, GatewayOptions(idle_timeout=0.2))
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.answer().status == 200
        wait_until(lambda: app.open == 0, "the resting connection closed")
        assert door.protocol.gateway.pool.open == 0
        visitor.send(get("/apps/x/"))
        assert visitor.answer().status == 200


def test_an_app_that_says_close_is_left(gateway: StartGateway, backend: StartBackend) -> None:
    """``Connection: close`` of the app's ends its connection, and not the visitor's."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(plain(b"ok", b"Connection: close"))
        assert wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        for _ in range(3):
            visitor.send(get("/apps/x/"))
            answer = visitor.answer()
            assert (answer.body, answer.all("connection")) == (b"ok", [])
    assert app.connections == 3


@pytest.mark.parametrize("method", ["GET", "POST", "WS"])
def test_a_silent_app_is_a_504(gateway: StartGateway, backend: StartBackend, method: str) -> None:
    """An app that never sends a head is given up, and its connection closed."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.rest()

    requests = {"GET": get("/apps/x/"), "POST": POST, "WS": get("/apps/x/", *UPGRADE)}
    app = backend(script)
    door = gateway({"x": up(app.port)}, GatewayOptions(head_timeout=0.2))
    with visit(door.port) as visitor:
        visitor.send(requests[method])
        assert visitor.answer().status == 504
    wait_until(lambda: app.open == 0, "the app's connection closed")


def test_slow_bodies_are_not_silent(gateway: StartGateway, backend: StartBackend) -> None:
    """The limit is on the head only: neither a slow upload nor a slow download is given up."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.exactly(1)
        pause.wait(0.5)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        wire.exactly(1)
        pause.wait(0.5)
        wire.send(b"b")
        wire.ended()

    pause = threading.Event()
    app = backend(script)
    door = gateway({"x": up(app.port)}, GatewayOptions(head_timeout=0.2))
    with visit(door.port) as visitor:
        visitor.send(b"POST /apps/x/ HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n1")
        assert visitor.head().startswith(b"HTTP/1.1 200 ")
        visitor.send(b"2")
        assert visitor.exactly(2) == b"ab"


def test_connections_per_app_are_capped(gateway: StartGateway, backend: StartBackend) -> None:
    """Above the cap the answer is 503 and soon again; another app is not affected."""
    release = threading.Event()

    def script(wire: Wire) -> None:
        wire.head()
        release.wait(10)
        wire.send(plain(b"ok"))
        wire.ended()

    app, other = backend(script), backend(lambda wire: wire.send(plain(wire.head())))
    door = gateway({"x": up(app.port), "y": up(other.port)}, GatewayOptions(max_connections_per_app=2))
    with visit(door.port) as one, visit(door.port) as two, visit(door.port) as three:
        for visitor in (one, two):
            visitor.send(get("/apps/x/"))
        wait_until(lambda: app.open == 2, "two connections")
        three.send(get("/apps/x/"))
        answer = three.answer()
        assert (answer.status, answer.one("retry-after")) == (503, b"2")
        three.send(get("/apps/y/"))
        assert three.answer().status == 200
        release.set()
        assert [visitor.answer().body for visitor in (one, two)] == [b"ok", b"ok"]
        three.send(get("/apps/x/"))
        assert three.answer().body == b"ok"


def test_a_refused_connection_is_a_503(gateway: StartGateway) -> None:
    """An app that should run but does not listen is soon asked for again, uploads included."""
    door = gateway({"x": up(closed_port())})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        answer = visitor.answer()
        assert (answer.status, answer.one("retry-after")) == (503, b"2")
        visitor.send(POST)
        assert visitor.answer("POST").status == 503


def test_abandoned_requests_leave_nothing_open(gateway: StartGateway, backend: StartBackend) -> None:
    """Three hundred visitors who leave in the middle cost no descriptor and no connection."""

    def script(wire: Wire) -> None:
        head = wire.head()
        if b"upgrade" in head.lower():
            wire.send(SWITCH)
        elif b"part" in head:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        wire.rest()

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    app = backend(script)
    door = gateway({"x": up(app.port)}, fresh=True)
    before = descriptors()
    requests = [get("/apps/x/"), get("/apps/x/part"), POST[:-1], get("/apps/x/", *UPGRADE), b"GET /apps"]
    for number in range(300):
        with visit(door.port) as visitor:
            visitor.send(requests[number % len(requests)])
            if number % 3:
                visitor.reset()
    pool, visitors = door.protocol.gateway.pool, door.server.server_state.connections
    wait_until(lambda: not (visitors or app.open or pool.open), "all connections closed")
    wait_until(lambda: descriptors() <= before, "descriptors as before")


def test_a_head_that_does_not_come_is_not_waited_for(gateway: StartGateway) -> None:
    """A connection without a whole request is closed after a while, however often a byte comes."""
    door = gateway(options=GatewayOptions(request_head_timeout=0.3))
    with visit(door.port) as silent, visit(door.port) as slow:
        slow.send(b"GET / HTTP/1.1\r\nX: ")
        with suppress(OSError):  # closed before, on a machine that stood still
            for _ in range(3):
                threading.Event().wait(0.05)
                slow.send(b"T")
        assert silent.ended()
        assert slow.ended()


def test_neither_an_empty_line_nor_an_answer_lifts_the_limit(
    gateway: StartGateway, backend: StartBackend
) -> None:
    """An empty line is no head, and a head that began while an answer was under way must end as well."""

    def script(wire: Wire) -> None:
        wire.head()
        asked.set()
        release.wait(10)
        wire.send(plain(b"ok"))
        wire.ended()

    asked, release = threading.Event(), threading.Event()
    door = gateway({"x": up(backend(script).port)}, GatewayOptions(request_head_timeout=0.3))
    with visit(door.port) as visitor, visit(door.port) as silent:
        visitor.send(get("/apps/x/") + b"GET /api")
        silent.send(b"\r\n")
        assert silent.ended()
        assert asked.wait(10)
        threading.Event().wait(0.4)
        release.set()
        assert visitor.answer().body == b"ok", "the limit is for heads, not for answers"
        assert visitor.ended()


def test_an_app_that_reads_is_not_silent() -> None:
    """One that takes an upload slower than it comes has its limit begin anew each time it has caught up."""
    pool = Pool(GatewayOptions())
    app = Upstream(pool, 1, ServerState())
    app.pause_writing()
    pool.now = 100.0
    app.resume_writing()
    assert app.since == pool.now


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_stopping_takes_no_time(gateway: StartGateway, backend: StartBackend, loop: Loop) -> None:
    """With tunnels, a half-sent answer, a silent app and resting connections, uvicorn stops at once."""

    def script(wire: Wire) -> None:
        while True:
            head = wire.head()
            if b"upgrade" in head.lower():
                wire.send(SWITCH)
            elif b"part" in head:
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            elif b"silent" not in head:
                wire.send(plain(b"ok"))

    app = backend(script)
    door = gateway({"x": up(app.port)}, loop=loop)
    with (
        visit(door.port) as one,
        visit(door.port) as two,
        visit(door.port) as three,
        visit(door.port) as four,
    ):
        four.send(get("/apps/x/"))
        assert four.answer().body == b"ok"
        one.send(get("/apps/x/", *UPGRADE))
        one.head()
        two.send(get("/apps/x/part"))
        two.until(b"half")
        three.send(get("/apps/x/silent"))
        wait_until(lambda: app.open >= 3, "three at work")
        door.server.config.timeout_graceful_shutdown = 120  # so long would uvicorn wait for them
        with Stopwatch() as watch:
            door.stop()
        assert watch.took < 0.9
        for visitor in (one, two, three, four):
            assert visitor.ended()


def test_an_error_of_ours_is_logged(gateway: StartGateway, caplog: pytest.LogCaptureFixture) -> None:
    """A routing table that can't be read ends the connection, and the log says why."""
    door = gateway()
    door.table = None  # type: ignore[assignment]  # the error
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.ended()
    wait_until(lambda: "a request could not be handled" in caplog.text, "a line in the log")
    door.table = RoutingTable(Route(Status.STOPPED, None, "C"))
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.answer().status == 404
