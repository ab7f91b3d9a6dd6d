"""Memory stays flat: who reads slowly is sent slowly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hostd.gateway.tunnel import VisitorEnd

from .conftest import Loop, Running, StartBackend, StartGateway, up
from .wire import HOST, SWITCH, UPGRADE, Wire, get, visit, wait_until

PIECE = b"x" * 65_536
BIG = 640 * len(PIECE)  # 40 MB: more than the kernel's buffers of four sockets take
FLAT = 1_000_000
"""Bytes that the gateway itself may hold for one visitor."""

LOOPS: list[Loop] = ["uvloop", "asyncio"]


class Pump(threading.Thread):
    """Sends BIG bytes, and counts what it got rid of."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self.sent = 0
        self._sock = sock

    def run(self) -> None:
        self._sock.settimeout(30)
        while self.sent < BIG:
            self._sock.sendall(PIECE)
            self.sent += len(PIECE)


def stands_still(value: Callable[[], int]) -> int:
    """The value, once it has not changed for a while."""
    last, same = value(), 0
    while same < 20:
        threading.Event().wait(0.01)
        now = value()
        last, same = now, same + 1 if now == last else 0
    return last


def held(door: Running) -> int:
    """Bytes in the gateway's own buffers."""
    ends: list[Any] = list(door.server.server_state.connections)
    transports = {end.transport for end in ends} | {end.peer for end in ends if isinstance(end, VisitorEnd)}
    return sum(transport.get_write_buffer_size() for transport in transports)


def drain(wire: Wire, size: int) -> None:
    """Read ``size`` bytes and keep none."""
    size -= len(wire.buffer)
    wire.buffer = b""
    while size > 0:
        size -= len(wire.sock.recv(min(size, 262_144)))
    assert size == 0


HEADS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG,
    "until eof": b"HTTP/1.0 200 OK\r\n\r\n",
    "socket": SWITCH,
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", HEADS)
def test_a_slow_visitor_slows_the_app(
    gateway: StartGateway, backend: StartBackend, loop: Loop, kind: str
) -> None:
    """An app that sends 40 MB to a visitor who does not read is held back, and all of it arrives later."""
    pumps: list[Pump] = []

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(HEADS[kind])
        pumps.append(Pump(wire.sock))
        pumps[0].run()

    app = backend(script)
    door = gateway({"x": up(app.port)}, loop=loop)
    with visit(door.port, receive_buffer=65_536) as visitor:
        visitor.send(get("/apps/x/", *(UPGRADE if kind == "socket" else ())))
        visitor.head()
        wait_until(lambda: bool(pumps) and pumps[0].sent > 0, "the app sends")
        wait_until(lambda: held(door) > 0, "no more fits into the sockets")
        assert stands_still(lambda: pumps[0].sent) < BIG
        assert 0 < held(door) < FLAT
        drain(visitor, BIG)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", ["upload", "socket"])
def test_a_slow_app_slows_the_visitor(
    gateway: StartGateway, backend: StartBackend, loop: Loop, kind: str
) -> None:
    """A visitor who sends 40 MB to an app that does not read is held back, and all of it arrives later."""
    read = threading.Event()

    def script(wire: Wire) -> None:
        wire.head()
        if kind == "socket":
            wire.send(SWITCH)
        read.wait(60)
        drain(wire, BIG)
        wire.send(b"done" if kind == "socket" else b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        wire.ended()

    app = backend(script, receive_buffer=65_536)
    door = gateway({"x": up(app.port)}, loop=loop)
    with visit(door.port) as visitor:
        if kind == "socket":
            visitor.send(get("/apps/x/", *UPGRADE))
            visitor.head()
        else:
            visitor.send(b"POST /apps/x/ HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % BIG)
        pump = Pump(visitor.sock)
        pump.start()
        wait_until(lambda: pump.sent > 0, "the visitor sends")
        wait_until(lambda: held(door) > 0, "no more fits into the sockets")
        assert stands_still(lambda: pump.sent) < BIG
        assert 0 < held(door) < FLAT
        read.set()
        visitor.until(b"done")
        pump.join(10)
        assert pump.sent == BIG


def test_a_crowd_of_requests_waits_in_the_socket(gateway: StartGateway, backend: StartBackend) -> None:
    """A visitor who pipelines without end is read no further than one piece while an answer is awaited."""
    release = threading.Event()

    def script(wire: Wire) -> None:
        wire.head()
        release.wait(10)

    app = backend(script)
    door = gateway({"x": up(app.port)})
    line = get("/apps/x/")
    with visit(door.port) as visitor:
        visitor.sock.settimeout(0.3)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < BIG:
                sent += visitor.sock.send(line * 1000)
        assert sent < BIG
    release.set()
