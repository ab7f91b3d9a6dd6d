"""Behind a 101: bytes both ways, and both ends closed when one is."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from hostd.gateway import GatewayOptions

from .conftest import Loop, StartBackend, StartGateway, up
from .wire import SWITCH, UPGRADE, Wire, get, plain, visit, wait_until

SOCKET = get("/apps/x/_stcore/stream", *UPGRADE)


def mirror(wire: Wire) -> None:
    """An app that accepts, and sends everything back."""
    wire.head()
    wire.send(SWITCH)
    while data := wire.more():
        wire.send(data)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_switch_passes_byte_for_byte(gateway: StartGateway, backend: StartBackend, loop: Loop) -> None:
    """The app's 101 comes with every field it has, several Set-Cookie included; bytes then pass both ways."""
    app = backend(mirror)
    door = gateway({"x": up(app.port)}, loop=loop)
    with visit(door.port) as visitor:
        visitor.send(SOCKET)
        assert visitor.head() == SWITCH
        for size in (1, 1000, 300_000):
            visitor.send(b"x" * size)
            assert visitor.exactly(size) == b"x" * size
    wait_until(lambda: app.open == 0, "the app's connection closed")


def test_the_upgrade_request_passes(gateway: StartGateway, backend: StartBackend) -> None:
    """Origin, cookies, subprotocols and extensions reach the app as they are."""
    heads: list[bytes] = []

    def script(wire: Wire) -> None:
        heads.append(wire.head())
        wire.send(SWITCH)
        wire.ended()

    fields = (
        *(
            "Origin: https://visitor.example",
            "Cookie: _streamlit_xsrf=1",
            "Sec-WebSocket-Protocol: streamlit, a",
        ),
        *("Sec-WebSocket-Extensions: permessage-deflate", "X-Forwarded-For: 6.6.6.6"),
    )
    app = backend(script)
    door = gateway({"x": up(app.port)}, GatewayOptions(prefix="/p"))
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/_stcore/stream", *UPGRADE, *fields))
        visitor.head()
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"GET /p/apps/x/_stcore/stream HTTP/1.1"
    assert {b"Connection: Upgrade", b"Upgrade: websocket", *(line.encode() for line in fields[:4])} < set(
        lines
    )
    assert b"6.6.6.6" not in heads[0]


def test_bytes_around_the_switch_are_not_lost(gateway: StartGateway, backend: StartBackend) -> None:
    """What the app sends together with its 101, and what a visitor sends before it, arrives; in order."""
    go = threading.Event()

    def script(wire: Wire) -> None:
        wire.head()
        go.wait(10)
        assert wire.buffer == b""  # nothing is passed on before the app has accepted
        wire.send(SWITCH + b"first")
        wire.send(wire.until(b"later"))
        wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(SOCKET + b"early")
        wait_until(lambda: app.open == 1, "the app reached")
        visitor.send(b"and")
        go.set()
        assert visitor.head() == SWITCH
        visitor.send(b"later")
        assert visitor.until(b"later") == b"firstearlyandlater"


@pytest.mark.parametrize("refusal", [b"403 Forbidden", b"404 Not Found", b"426 Upgrade Required", b"200 OK"])
def test_a_refused_upgrade_leaves_no_pipe(
    gateway: StartGateway, backend: StartBackend, refusal: bytes
) -> None:
    """The app's own status passes; what the visitor sent behind reaches nobody, and the connection ends."""
    seen: list[bytes] = []

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(b"HTTP/1.1 " + refusal + b"\r\nContent-Length: 2\r\n\r\nno")
        seen.append(wire.rest())

    app = backend(script)
    door = gateway({"x": up(app.port)}, GatewayOptions(idle_timeout=0.2))
    with visit(door.port) as visitor:
        visitor.send(SOCKET + get("/apps/x/smuggled"))
        answer = visitor.answer()
        assert (answer.status, answer.body) == (int(refusal[:3]), b"no")
        assert visitor.ended()
    wait_until(lambda: app.open == 0, "the app's connection closed or resting")
    assert seen == [b""]


@pytest.mark.parametrize("status", [404, 503])
def test_an_upgrade_without_an_app_gets_a_status(gateway: StartGateway, status: int) -> None:
    """Unknown and absent apps answer a WebSocket's request with 404 and 503."""
    door = gateway()
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/s" if status == 404 else "/console/s", *UPGRADE, "Accept: text/html"))
        answer = visitor.answer()
        assert (answer.status, answer.one("content-type")) == (status, b"application/problem+json")
        assert visitor.ended()


def test_a_switch_nobody_asked_for_is_a_502(gateway: StartGateway, backend: StartBackend) -> None:
    """A 101 to a plain request opens nothing."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(SWITCH + b"gotcha")
        assert wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.answer().status == 502


def test_a_socket_may_follow_requests(gateway: StartGateway, backend: StartBackend) -> None:
    """On one connection a WebSocket can come behind ordinary requests, even pipelined ones."""

    def script(wire: Wire) -> None:
        while True:
            if b"Upgrade" in wire.head():
                wire.send(SWITCH)
                wire.send(wire.exactly(2))
                return
            wire.send(plain(b"page"))

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/") + get("/api/echo/1") + SOCKET + b"hi")
        assert visitor.answer().body == b"page"
        assert visitor.answer().status == 200
        assert visitor.head() == SWITCH
        assert visitor.exactly(2) == b"hi"
        assert visitor.ended()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("who", ["visitor", "app"])
@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_one_end_closes_both(
    gateway: StartGateway, backend: StartBackend, loop: Loop, who: str, how: str
) -> None:
    """Whichever end goes, and however, the other is told, and no connection is left."""
    done = threading.Event()

    def end(wire: Wire) -> None:
        if how == "half":
            wire.sock.shutdown(socket.SHUT_WR)
            assert wire.ended()
        elif how == "reset":
            wire.reset()

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(SWITCH)
        wire.exactly(1)
        if who == "app":
            end(wire)
        else:
            assert wire.ended()
        done.set()

    app = backend(script)
    door = gateway({"x": up(app.port)}, loop=loop)
    with visit(door.port) as visitor:
        visitor.send(SOCKET)
        visitor.head()
        visitor.send(b"x")
        if who == "visitor":
            end(visitor)
        else:
            assert visitor.ended()
    assert done.wait(10)
    wait_until(lambda: not door.server.server_state.connections, "no connection left")
    assert door.protocol.gateway.pool.open == 0


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_after_a_half_close_the_other_way_stays_open(
    gateway: StartGateway, backend: StartBackend, loop: Loop
) -> None:
    """An app may answer after its visitor has sent its last byte."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(SWITCH)
        wire.send(wire.rest()[::-1])

    app = backend(script)
    door = gateway({"x": up(app.port)}, loop=loop)
    with visit(door.port) as visitor:
        visitor.send(SOCKET)
        visitor.head()
        visitor.send(b"abc")
        visitor.sock.shutdown(socket.SHUT_WR)
        assert visitor.rest() == b"cba"


def test_a_half_close_is_not_for_ever(gateway: StartGateway, backend: StartBackend) -> None:
    """An end that never answers the other's FIN is closed after a while."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(SWITCH)
        assert wire.ended()
        gone.wait(10)

    gone = threading.Event()
    app = backend(script)
    door = gateway({"x": up(app.port)}, GatewayOptions(half_close_timeout=0.1))
    with visit(door.port) as visitor:
        visitor.send(SOCKET)
        visitor.head()
        visitor.sock.shutdown(socket.SHUT_WR)
        assert visitor.ended()
        wait_until(lambda: not door.server.server_state.connections, "no connection left")
        gone.set()


def test_real_websockets_pass_end_to_end(gateway: StartGateway) -> None:
    """Subprotocol, compression, a big message and the closing code are between visitor and app."""
    codes: list[int | None] = []

    def talk(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            for message in connection:
                connection.send(message)
        codes.append(connection.close_code)

    with serve(talk, "127.0.0.1", 0, subprotocols=["streamlit"], max_size=None) as app:  # type: ignore[list-item]
        thread = threading.Thread(target=app.serve_forever)
        thread.start()
        door = gateway({"x": up(app.socket.getsockname()[1])})
        url = f"ws://127.0.0.1:{door.port}/apps/x/_stcore/stream"
        with connect(url, subprotocols=["streamlit"], max_size=None) as visitor:  # type: ignore[list-item]
            assert visitor.subprotocol == "streamlit"
            assert visitor.protocol.extensions[0].name == "permessage-deflate"
            for message in ("hello", b"\0" * 5_000_000):
                visitor.send(message)
                assert visitor.recv() == message
            visitor.close(4321, "bye")
        wait_until(lambda: codes == [4321], "the app heard the code")
        app.shutdown()
        thread.join(10)


def test_our_own_sockets_are_plain_uvicorn(gateway: StartGateway) -> None:
    """A WebSocket route of our own works, also behind a prefix that nobody took off."""
    door = gateway(options=GatewayOptions(prefix="/tools/st"))
    with connect(f"ws://127.0.0.1:{door.port}/tools/st/api/ws") as visitor:
        visitor.send("hello")
        assert visitor.recv() == "hello"
