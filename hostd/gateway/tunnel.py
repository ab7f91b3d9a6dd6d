"""Behind a 101: two sockets, and the bytes of each written to the other.

Of an app's first bytes a tunnel may learn whose session it is; behind them nothing is looked at.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from hostd.gateway.upstream import Upstream

if TYPE_CHECKING:
    from uvicorn.server import ServerState

    from hostd.gateway.pool import Pool
    from hostd.gateway.visitor import Visitor

_FIRST_BYTES = 4096
"""How many of an app's bytes may be looked at: what is looked for stands in the first few hundred."""


class _End(asyncio.BaseProtocol):
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

    __slots__ = ("_state", "data_received", "forget")

    def __init__(
        self,
        transport: asyncio.Transport,
        peer: asyncio.Transport,
        half_close_timeout: float,
        state: ServerState,
    ) -> None:
        super().__init__(transport, peer, half_close_timeout)
        self.forget: Callable[[VisitorEnd], None] | None = None
        self.data_received = peer.write  # what comes is passed on, and no Python runs for it
        self._state = state
        state.connections.add(self)  # type: ignore[arg-type]  # uvicorn needs only shutdown() of it

    def connection_lost(self, exc: Exception | None) -> None:
        """The visitor is gone."""
        self._state.connections.discard(self)
        if self.forget is not None:
            self.forget(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """uvicorn stops. Only the app could say it in a frame; browsers see 1006, and come back."""
        self.shut()

    def shut(self) -> None:
        """End it on both sides, at once."""
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

    def connection_lost(self, exc: Exception | None) -> None:
        """The app's side is gone."""
        self._pool.tunnel_closed(self._port)
        super().connection_lost(exc)


class _SplicedEnd(AppEnd):
    """What the app sends is passed on, and no Python runs for it."""

    __slots__ = ("data_received",)

    def __init__(
        self,
        transport: asyncio.Transport,
        peer: asyncio.Transport,
        half_close_timeout: float,
        pool: Pool,
        port: int,
    ) -> None:
        super().__init__(transport, peer, half_close_timeout, pool, port)
        self.data_received = peer.write


Understood = Callable[[bytes], bool]
"""Is shown all that an app has sent behind its 101 so far, and answers whether that was enough."""


class _ListeningEnd(AppEnd):
    """Stands in a _SplicedEnd's place until the app's first bytes are understood, or were too many."""

    __slots__ = ("_seen", "_spliced", "_understood")

    def __init__(self, spliced: _SplicedEnd, understood: Understood) -> None:
        super().__init__(
            spliced.transport, spliced.peer, spliced._half_close_timeout, spliced._pool, spliced._port
        )
        self._spliced = spliced
        self._seen = b""
        self._understood = understood

    def data_received(self, data: bytes) -> None:
        """Pass it on, and listen."""
        self.peer.write(data)
        self._seen += data
        if self._understood(self._seen) or len(self._seen) > _FIRST_BYTES:
            self.transport.set_protocol(self._spliced)


def splice(
    client: Visitor,
    upstream: Upstream,
    *,
    answer: bytes,
    behind: bytes,
    early: bytes,
    understood: Understood | None = None,
) -> VisitorEnd:
    """Make one tunnel of the two connections; its visitor's end.

    ``answer`` is the app's 101, ``behind`` what it has sent since, ``early`` what the visitor has.
    """
    visitor, app = client.transport, upstream.transport
    visitor_end, app_end = _ends(client, upstream, understood)
    upstream.pool.tunnel_opened(upstream)
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
    visitor.write(answer)
    if behind:
        app_end.data_received(behind)
    if early:
        app.write(early)
    return visitor_end


def _ends(
    client: Visitor, upstream: Upstream, understood: Understood | None
) -> tuple[VisitorEnd, _SplicedEnd | _ListeningEnd]:
    visitor, app = client.transport, upstream.transport
    limit = client.gateway.options.half_close_timeout
    app_end = _SplicedEnd(app, visitor, limit, upstream.pool, upstream.port)
    heard = app_end if understood is None else _ListeningEnd(app_end, understood)
    return VisitorEnd(visitor, app, limit, client.server_state), heard


def _keep_alive(transport: asyncio.Transport) -> None:
    """A visitor whose machine fell asleep says no goodbye; the kernel notices in time."""
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
