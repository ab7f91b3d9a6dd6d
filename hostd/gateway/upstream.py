"""One connection to an app."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from hostd.gateway.cookies import for_visitor
from hostd.gateway.plain import whole
from hostd.gateway.response import BrokenResponse, ResponseReader

if TYPE_CHECKING:
    from uvicorn.server import ServerState

    from hostd.gateway.exchange import Exchange
    from hostd.gateway.pool import Pool


class Upstream(asyncio.Protocol):
    """Carries one exchange at a time; between two it rests in the pool."""

    __slots__ = (
        *("_reader", "_started", "_state", "exchange", "pool", "port"),
        *("reused", "since", "transport", "write_paused"),
    )

    def __init__(self, pool: Pool, port: int, state: ServerState) -> None:
        self._state = state
        self.pool = pool
        self.port = port
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.exchange: Exchange | None = None
        self.reused = False
        self.write_paused = False
        self.since = 0.0
        self._started = False
        self._reader: ResponseReader | None = None

    def begin(self, exchange: Exchange, request: bytes) -> None:
        """Send ``request`` (a head, and what there is of a body), and give the answer to ``exchange``."""
        self.exchange = exchange
        self._reader = None
        self._started = False
        self.since = self.pool.now
        self.transport.write(request)

    @property
    def silent(self) -> bool:
        """Whether it was sent a request, and the answer's head has not come."""
        return self.exchange is not None and not self._started

    @property
    def untouched(self) -> bool:
        """Whether no byte of an answer has come."""
        return not self._started and (self._reader is None or self._reader.untouched)

    def abandon(self) -> None:
        """Nobody wants the answer any more."""
        self.exchange = None
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast(asyncio.Transport, transport)
        self._state.connections.add(self)  # type: ignore[arg-type]  # uvicorn needs only shutdown() of it

    def data_received(self, data: bytes) -> None:
        """The app sent something."""
        exchange = self.exchange
        if exchange is None:  # a resting connection has nothing to say
            self.transport.abort()
            return
        try:
            reader = self._reader
            if reader is None:
                self._first(exchange, data)
            elif self._started:
                self._body(exchange, reader, b"", data)
            else:
                self._head(exchange, reader, data)
        except BrokenResponse as broken:
            self.abandon()
            exchange.on_broken(self, broken)

    def _first(self, exchange: Exchange, data: bytes) -> None:
        """The first bytes of an answer are mostly all of it."""
        if exchange.takes_whole and (status := whole(data)):
            self.exchange = None
            exchange.on_whole(self, status, data)
            return
        head = exchange.head
        self._reader = ResponseReader(for_head=head.method == b"HEAD", unchunk=head.version == "1.0")
        self._head(exchange, self._reader, data)

    def _head(self, exchange: Exchange, reader: ResponseReader, data: bytes) -> None:
        while found := reader.head(data):
            status, raw, data = found[0], for_visitor(found[1]), found[2]
            if status == 101:
                exchange.on_switch(self, raw, data)
                return
            if status >= 200:
                self._started = True
                answer = exchange.on_head(status, raw, reader)
                if self.exchange is not None:
                    self._body(exchange, reader, answer, data)
                return
            exchange.on_interim(raw)

    def _body(self, exchange: Exchange, reader: ResponseReader, head: bytes, data: bytes) -> None:
        exchange.on_data(head + reader.body(data) if data else head)
        if reader.complete:
            self.exchange = None
            exchange.on_end(self, reusable=reader.reusable)

    def let_go(self) -> None:
        """The transport becomes somebody else's."""
        self.exchange = None
        self._state.connections.discard(self)

    def shutdown(self) -> None:
        """uvicorn stops: a resting connection goes now, one at work goes with its visitor's."""
        if self.exchange is None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; whether that ends the answer or cuts it is the framing's to say."""
        self._state.connections.discard(self)
        self.pool.forget(self)
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if exc is None and self._started and self._reader is not None and self._reader.until_eof:
            exchange.on_end(self, reusable=False)
        else:
            exchange.on_broken(self, exc)

    def pause_writing(self) -> None:
        """The app reads slower than the visitor sends."""
        self.write_paused = True
        if self.exchange is not None:
            self.exchange.client.throttle()

    def resume_writing(self) -> None:
        """The app has caught up."""
        self.write_paused = False
        self.since = self.pool.now  # it reads: an upload may take as long as it needs
        if self.exchange is not None:
            self.exchange.client.unthrottle()
