"""One request that goes to an app, and its response: bytes from one socket to the other."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from hostd.gateway import tunnel
from hostd.gateway.affinity import ASLEEP, Target, learn
from hostd.gateway.head import MAX_HEAD, Head
from hostd.gateway.pages import Trouble
from hostd.gateway.paths import Place
from hostd.gateway.replicas import open_ports
from hostd.gateway.response import ResponseReader, visitor_head
from hostd.gateway.turns import Turn

if TYPE_CHECKING:
    from hostd.gateway.upstream import Upstream
    from hostd.gateway.visitor import Visitor

logger = logging.getLogger(__name__)


class Exchange(Turn):
    """Lives from the request's head to the response's last byte. ``request`` is the head for the app."""

    head: Head
    _early = b""
    _upstream: Upstream | None = None
    _paused = _retried = _started = False
    _unreachable: tuple[int, ...] = ()
    takes_whole = False

    def __init__(
        self, client: Visitor, head: Head, place: Place, target: Target, request: bytes, *, keep_alive: bool
    ) -> None:
        self.client, self.keep_alive = client, keep_alive
        self.head, self.websocket = head, head.websocket
        self.place, self.target, self.port = place, target, target.port
        self.request = request
        self._pending: list[bytes] = []

    @property
    def blocked(self) -> bool:
        """Whether the visitor must not send more now."""
        if self._upstream is None:
            return bool(self._pending) and not self.response_complete
        return self._upstream.write_paused

    def start(self) -> None:
        """Take a connection to the app, or make one; one that sleeps is woken first."""
        if self.port == ASLEEP:
            self.client.gateway.waking.join(self)
            return
        upstream = self.client.gateway.pool.take(self.port)
        if upstream is not None:
            self._attach(upstream)
        else:
            self._connect()

    def _connect(self) -> None:
        if not self.client.gateway.pool.connect(self.port, self):
            self.fail(503, Trouble.BUSY)

    def connected(self, upstream: Upstream) -> None:
        """A connection was made for this exchange."""
        if self.disconnected or self.response_complete:
            upstream.transport.close()
        else:
            self._attach(upstream)

    def unreachable(self, error: Exception) -> None:
        """No connection could be made."""
        logger.debug("port %d: %s", self.port, error)
        if self.disconnected or self.response_complete:
            return
        self._unreachable += (self.port,)
        left = [port for port in open_ports(self.target.route) if port not in self._unreachable]
        if left:
            self.client.gateway.loads.moved(self.port, left[0])
            self.port = left[0]  # a process has ended before the routes say so
            self.start()
        elif self.client.gateway.sleeps(self.target):
            self.port = ASLEEP  # it fell asleep, or went to start anew, just now
            self.start()
        else:
            self.fail(503, Trouble.UNREACHABLE)

    def _attach(self, upstream: Upstream) -> None:
        self._upstream = upstream
        request, client = self.request, self.client
        if self._pending:
            request = b"".join((request, *self._pending))
            self._pending.clear()
        upstream.begin(self, request)
        if client.flow.write_paused:
            self.pause_response()
        if self.head.has_body:
            client.unthrottle()

    def feed(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        if not self.response_complete:
            self._send(b"%x\r\n%b\r\n" % (len(body), body) if self.head.chunked else body)

    def end_of_body(self) -> None:
        """The request is whole. Trailers were dropped (RFC 9110 section 6.5.1)."""
        super().end_of_body()
        if self.head.chunked and not self.response_complete:
            self._send(b"0\r\n\r\n")

    def hold(self, data: bytes) -> None:
        """Keep what a visitor sent behind an upgrade request, until the app has answered it."""
        self._early += data
        if len(self._early) > MAX_HEAD:
            self.client.flow.pause_reading()

    def _send(self, data: bytes) -> None:
        if self._upstream is None:
            self._pending.append(data)
            self.client.throttle()
        else:
            self._upstream.transport.write(data)

    # The response

    def on_whole(self, upstream: Upstream, status: int, data: bytes) -> None:
        """The answer, plain and all at once (``plain.whole``); only while ``takes_whole``."""
        raise NotImplementedError

    def on_interim(self, raw: bytes) -> None:
        """A 1xx that is no switch; HTTP/1.0 has none (RFC 9110 section 15.2)."""
        if self.head.version == "1.1":
            self.client.transport.write(raw)

    def on_head(self, status: int, raw: bytes, reader: ResponseReader) -> bytes:
        """The response begins: its head as the visitor gets it."""
        self._started = True
        unchunk = self.head.version == "1.0"
        if reader.until_eof or self.more_body or self.websocket or unchunk:
            # An early answer leaves a body nobody wants; a refused upgrade bytes nobody can read.
            self.keep_alive = False
        if self.client.access_log:
            self.client.log_access(self.head, status)
        close = not self.keep_alive
        return visitor_head(raw, reader.known, close=close, unchunk=unchunk, port=self.port)

    def on_data(self, data: bytes) -> None:
        """A piece of the response."""
        self.client.transport.write(data)

    def on_end(self, upstream: Upstream, *, reusable: bool) -> None:
        """The response is whole."""
        self._upstream = None
        transport = upstream.transport
        if self.head.has_body and (self.more_body or transport.get_write_buffer_size()):
            reusable = False  # the app answered without having read everything
        if not reusable or transport.is_closing():
            transport.close()
        else:
            if self._paused:
                transport.resume_reading()
            self.client.gateway.pool.give(upstream)
        self.complete()

    def on_switch(self, upstream: Upstream, raw: bytes, behind: bytes) -> None:
        """The app answered 101: from here on the two sockets are one."""
        if not self.websocket:
            upstream.abandon()
            self.fail(502, Trouble.BROKEN)
            return
        self.client.log_access(self.head, 101)
        self.response_complete = True
        self._upstream = None
        gateway, heard = self.client.gateway, None
        if self.target.has_session(self.place):
            heard = partial(learn, gateway.sessions, gateway.lookup, self.target.app_id, self.port)
            gateway.loads.connected(self.port)
        early = self._early
        end = tunnel.splice(self.client, upstream, answer=raw, behind=behind, early=early, understood=heard)
        if self.target.app_id:
            gateway.keeper.watch(self.head, self.place, end)

    def on_broken(self, upstream: Upstream, error: Exception | None) -> None:
        """The connection ended, or made no sense, before the response was whole."""
        self._upstream = None
        if self._started:
            logger.warning("port %d: the response was cut: %s", self.port, error or "the app closed")
            self.client.cut(reset=error is not None)
        elif self._may_retry(upstream):
            self._retried = True
            self._connect()
        else:
            logger.warning("port %d: no answer: %s", self.port, error or "the app closed")
            self.fail(502, Trouble.BROKEN)

    def _may_retry(self, upstream: Upstream) -> bool:
        """The app closed a resting connection just as it was taken (RFC 9110 section 9.2.2)."""
        safe = self.head.method in (b"GET", b"HEAD") and not self.head.has_body
        return safe and upstream.reused and not self._retried and upstream.untouched

    def on_silence(self) -> None:
        """The app did not answer in time."""
        self._upstream = None
        logger.warning("port %d: no answer in time", self.port)
        self.fail(504, Trouble.SILENT)

    def fail(self, status: int, trouble: Trouble | None) -> None:
        """Answer in the app's place. Without ``trouble`` the route's status says what is the matter."""
        self.keep_alive = self.keep_alive and not self.head.has_body and not self.websocket
        self.client.answer(self, status, trouble)
        self.complete()

    def refuse(self, data: bytes) -> None:
        """The request's body turned out to be malformed: ``data`` is the answer, if it is not too late."""
        self.leave_upstream()
        if self._started:
            self.client.cut(reset=True)
            return
        self.keep_alive = False
        self.client.transport.write(data)
        self.complete()

    # Back-pressure, and the visitor's leaving

    def pause_response(self) -> None:
        """The visitor reads slower than the app sends."""
        if self._upstream is not None:
            self._paused = True
            self._upstream.transport.pause_reading()

    def resume_response(self) -> None:
        """The visitor has caught up."""
        if self._upstream is not None and self._paused:
            self._paused = False
            self._upstream.transport.resume_reading()

    def abort(self) -> None:
        """The visitor is gone: the app learns it at once."""
        super().abort()
        self.leave_upstream()

    def leave_upstream(self) -> None:
        """What the app still sends is not wanted."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abandon()
        elif self.port == ASLEEP:
            self.client.gateway.waking.leave(self)
