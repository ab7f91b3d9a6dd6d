"""Behind a 101: two sockets, and the bytes of each written to the other. No frame is looked at."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from hostd.gateway.upstream import Upstream

if TYPE_CHECKING:
    from uvicorn.server import ServerState

    from hostd.gateway.pool import Pool
    from hostd.gateway.visitor import Visitor


class _End(asyncio.Protocol):
    """One socket of a tunnel. ``peer`` is the other end's transport."""

    __slots__ = ("_half_close_timeout", "_timer", "ended", "peer", "transport")

    def __init__(
        self, transport: asyncio.Transport, peer: asyncio.Transport, half_close_timeout: float
    ) -> None:
        self.transport = transport
        self.peer = peer
        self.ended = False
        self._half_close_timeout = half_close_timeout
        self._timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """This side reads slower than the other sends."""
        if not self.peer.is_closing():
            self.peer.pause_reading()

    def resume_writing(self) -> None:
        """This side has caught up."""
        if not self.peer.is_closing():
            self.peer.resume_reading()

    def eof_received(self) -> bool:
        """This side sends no more; the other may still, for a while. False: both are done, close."""
        self.ended = True
        other = self.peer.get_protocol()
        if self.peer.is_closing() or (isinstance(other, _End) and other.ended):
            return False
        self.peer.write_eof()
        self._limit(self.transport)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """This side is gone: the other is sent what is left, and closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.peer.is_closing():
            if self.peer.get_write_buffer_size():
                self._limit(self.peer)
            self.peer.close()

    def _limit(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._half_close_timeout, transport.abort)


class VisitorEnd(_End):
    """The visitor's socket; in uvicorn's eyes a connection like any other."""

    __slots__ = ("_pool", "_state")

    def __init__(
        self,
        transport: asyncio.Transport,
        peer: asyncio.Transport,
        half_close_timeout: float,
        pool: Pool,
        state: ServerState,
    ) -> None:
        super().__init__(transport, peer, half_close_timeout)
        self._pool = pool
        self._state = state
        state.connections.add(self)  # type: ignore[arg-type]  # uvicorn needs only shutdown() of it

    def data_received(self, data: bytes) -> None:
        """Pass it on; the app gets the ACK for what it sent with it."""
        self.peer.write(data)
        self._pool.acked(self.peer)

    def connection_lost(self, exc: Exception | None) -> None:
        """The visitor is gone."""
        self._state.connections.discard(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """uvicorn stops. Only the app could say it in a frame; browsers see 1006, and come back."""
        self.peer.abort()
        self.transport.abort()


class AppEnd(_End):
    """The app's socket."""

    __slots__ = ("_pool", "_port")

    def __init__(
        self,
        transport: asyncio.Transport,
        peer: asyncio.Transport,
        half_close_timeout: float,
        pool: Pool,
        port: int,
    ) -> None:
        super().__init__(transport, peer, half_close_timeout)
        self._pool = pool
        self._port = port

    def data_received(self, data: bytes) -> None:
        """Pass it on, and soon let the app send the next message."""
        self.peer.write(data)
        self._pool.ack_soon(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The app's side is gone."""
        self._pool.closed(self._port)
        super().connection_lost(exc)


def splice(client: Visitor, upstream: Upstream, *, to_visitor: bytes, to_app: bytes) -> None:
    """Make one tunnel of the two connections, and send each what was kept for it."""
    visitor, app = client.transport, upstream.transport
    limit = client.gateway.options.half_close_timeout
    visitor_end = VisitorEnd(visitor, app, limit, upstream.pool, client.server_state)
    app_end = AppEnd(app, visitor, limit, upstream.pool, upstream.port)
    clogged = client.flow.write_paused
    client.let_go()
    upstream.let_go()
    _keep_alive(visitor)
    visitor.set_protocol(visitor_end)
    app.set_protocol(app_end)
    if clogged:
        app.pause_reading()
    if upstream.write_paused:
        visitor.pause_reading()
    else:
        visitor.resume_reading()
    visitor.write(to_visitor)
    if to_app:
        app.write(to_app)


def _keep_alive(transport: asyncio.Transport) -> None:
    """A visitor whose machine fell asleep says no goodbye; the kernel notices in time."""
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
