"""One visitor's connection: whose turn it is to answer, how fast, and how it ends.

It leans on uvicorn.protocols.http.httptools_impl of the pinned version: ``cycle`` is the request that
was read last, ``pipeline`` those that wait, ``flow`` the brake, ``_start_asgi_task`` begins a turn.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from hostd.gateway.exchange import Exchange
from hostd.gateway.head import Forwarding, Head
from hostd.gateway.pages import Answer, Trouble
from hostd.gateway.shared import Gateway
from hostd.gateway.turns import Turn

_LINGER = 30.0
"""Seconds in which a visitor who is still sending may read an early answer (as nginx's lingering_time)."""

_RESET = struct.pack("ii", 1, 0)


class Visitor(HttpToolsProtocol):
    """Adds to uvicorn's protocol that a turn may be an app's. ``forwarding`` says where requests are from."""

    gateway: ClassVar[Gateway]
    forwarding: Forwarding

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = False
        self._deaf = False
        self._advancing = False
        self._running: RequestResponseCycle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A visitor connected."""
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        scheme = self.gateway.options.public_scheme or self.scheme or "http"
        self.forwarding = Forwarding(peer, scheme, trusted=peer in self.gateway.trusted)
        self._limit_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The visitor is gone: so is what was under way for them."""
        super().connection_lost(exc)
        self._stop_timer()
        if self._linger is not None:
            self._linger.cancel()
        self.pipeline.clear()
        running, self._running = self._running, None
        if isinstance(running, Turn) and not running.response_complete:
            running.abort()

    def let_go(self) -> None:
        """The transport becomes somebody else's."""
        self._stop_timer()
        self._deaf = True
        self._running = None
        self.parser = None  # type: ignore[assignment]  # as uvicorn does: parser and protocol hold each other
        self.connections.discard(self)

    def shutdown(self) -> None:
        """uvicorn stops: what runs gets a moment, and no more."""
        super().shutdown()
        if self._running is None or isinstance(self._running, Turn):
            self.loop.call_later(self.gateway.options.shutdown_grace, self.transport.abort)

    # Time limits: one timer that outlives requests, since one per request would cost more than its route

    def _limit_head(self) -> None:
        self._close_in(self.gateway.options.request_head_timeout)

    def _close_in(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer(self._deadline)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(when, self._time_is_up)

    def _unset_keepalive_if_required(self) -> None:
        self._deadline = None

    def _stop_timer(self) -> None:
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self._deadline > self.loop.time():
            self._set_timer(self._deadline)
        else:
            self.timeout_keep_alive_handler()

    # Back-pressure

    def pause_writing(self) -> None:
        """The visitor reads slower than the app sends."""
        super().pause_writing()
        if isinstance(self._running, Exchange):
            self._running.pause_response()

    def resume_writing(self) -> None:
        """The visitor has caught up."""
        super().resume_writing()
        if isinstance(self._running, Exchange):
            self._running.resume_response()
        if self._free() and not (self._advancing or self.transport.is_closing()):
            self._go_on()

    def throttle(self) -> None:
        """Read no more from the visitor for now."""
        self.flow.pause_reading()

    def unthrottle(self) -> None:
        """Read again, if neither an app nor a queue of requests stands against it."""
        blocked = isinstance(self._running, Exchange) and self._running.blocked
        if not blocked and not self.pipeline and not self.transport.is_closing():
            self.flow.resume_reading()

    # Turns

    def _enqueue(self, turn: Turn) -> None:
        before, self.cycle = self.cycle, turn
        if (before is None or before.response_complete) and not self.flow.write_paused:
            self._start_asgi_task(turn, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((turn, self.app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        if isinstance(cycle, Turn):
            cycle.start()
        else:
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """The next request's turn; a loop, since answers of our own are complete at once."""
        self.server_state.total_requests += 1
        if self._advancing or self.transport.is_closing():
            return
        self._deadline = None
        self._go_on()

    def _go_on(self) -> None:
        if self.pipeline:
            self._advance()
        if self.flow.read_paused:
            self.unthrottle()
        if self._free():
            self._close_in(
                self.gateway.options.request_head_timeout if self._in_head else self.timeout_keep_alive
            )

    def _advance(self) -> None:
        self._advancing = True
        try:
            while self.pipeline and self._free() and not self.transport.is_closing():
                self._start_asgi_task(*self.pipeline.pop())
        finally:
            self._advancing = False

    def _free(self) -> bool:
        """Whether a turn may start; a visitor who does not read gets no answer after the other."""
        if self._linger is not None or self.flow.write_paused:
            return False
        return self._running is None or self._running.response_complete

    # Answers of our own

    def answer(self, exchange: Exchange, status: int, trouble: Trouble | None) -> None:
        """Write an answer of our own in the place of an app's."""
        answer = self.gateway.pages.for_route(exchange.head, status, exchange.target.route, trouble)
        self.transport.write(self._encode(exchange.head, answer, close=not exchange.keep_alive))

    def _encode(self, head: Head | None, answer: Answer, *, close: bool) -> bytes:
        if head is not None:
            self.log_access(head, answer.status)
        return answer.encode(head, self.server_state.default_headers, close=close)

    def log_access(self, head: Head, status: int) -> None:
        """One line in uvicorn's access log, in its form."""
        if self.access_log:
            host, port = self.client or ("", 0)
            self.access_logger.info(
                '%s - "%s %s HTTP/%s" %d',
                f"{host}:{port}",
                head.method.decode("ascii"),
                head.target.decode("latin-1"),
                head.version,
                status,
            )

    # The end

    def cut(self, *, reset: bool) -> None:
        """End in the middle of a response, so that the visitor can tell that it is not whole."""
        self._deaf = True
        if reset:
            # abort() alone would send a FIN, which ends a body without a length as if it were whole
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        else:
            self.transport.close()

    def leave(self) -> None:
        """Close behind the last answer; a visitor who is still sending gets the time to read it."""
        self._deaf = True
        self.pipeline.clear()
        whole = self.cycle is None or not self.cycle.more_body
        self._linger = self.loop.call_later(_LINGER, self.transport.abort)
        if whole and not self.flow.read_paused:
            self.transport.close()
            return
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
