"""uvicorn's HTTP protocol, which keeps our own routes and takes the apps' requests for itself."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from hostd.gateway.affinity import choose
from hostd.gateway.asset import Asset
from hostd.gateway.exchange import Exchange
from hostd.gateway.head import MAX_HEAD, Field, Head, upstream_head
from hostd.gateway.page import Page, is_page
from hostd.gateway.pages import Answer, problem, redirect
from hostd.gateway.paths import Kind, Place, locate
from hostd.gateway.refusal import Refused
from hostd.gateway.shared import Gateway
from hostd.gateway.turns import Reply, Turn
from hostd.gateway.visitor import Visitor

logger = logging.getLogger(__name__)


class GatewayProtocol(Visitor):
    """Reads requests, and decides whose each is. ``protocol_class`` makes the class for a server."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.url = b""
        self._fields: list[Field] = []
        self._unread = 0
        self._holding = False
        self._plain_websocket = False

    # Bytes in

    def data_received(self, data: bytes) -> None:
        """Bytes of the visitor's. An error of ours is logged, and ends this connection only."""
        if self._deaf:
            return
        try:
            if self._holding:
                self._hold(data)
            else:
                self._parse(data)
        except Exception:
            logger.exception("a request could not be handled")
            self.cut(reset=True)

    def _parse(self, data: bytes) -> None:
        if not self._in_head:
            self._unset_keepalive_if_required()
        self._unread += len(data)
        self._feed(data)
        if self._unread > MAX_HEAD and not self._deaf:
            self._refuse(Refused(431, "A head, or what stands between chunks, is over 64 kB."))
        if self._in_head and self._deadline is None:
            self._limit_head()

    def _feed(self, data: bytes) -> None:
        while data and not self._deaf and not self._holding:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = self._upgrade(data[upgrade.args[0] :])
            except httptools.HttpParserError as error:
                self._not_parsed(error)

    def _not_parsed(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if isinstance(cause, Refused):
            self._refuse(cause)
        elif cause is not None:
            raise cause
        else:
            self._refuse(Refused(400, f"Not a valid HTTP request: {error}"))

    def _upgrade(self, behind: bytes) -> bytes:
        """llhttp stopped behind a head that asks for another protocol. The bytes still to be parsed."""
        cycle = self.cycle
        if isinstance(cycle, Exchange) and cycle.websocket:
            self._holding = True
            self._hold(behind)
        elif self._plain_websocket:
            self.let_go()
            self.handle_websocket_upgrade()
        else:
            return behind  # the wish for another protocol is passed over (RFC 9110 section 7.8)
        return b""

    def _hold(self, data: bytes) -> None:
        if data and isinstance(self.cycle, Exchange):
            self.cycle.hold(data)

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        """A request begins. uvicorn's scope is made later, and for our own routes only."""
        if self._deaf:
            raise Refused(400, "This connection is being closed.")
        self.url = b""
        self._fields = []
        self._in_head = True
        self._plain_websocket = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or a trailer, which nobody will look at (RFC 9110 section 6.5.1 allows that)."""
        self._fields.append((name.lower(), name, value))

    def on_headers_complete(self) -> None:
        """The head is whole: decide whose request it is."""
        self._in_head = False
        fields, self._fields = self._fields, []
        if self._unread > MAX_HEAD:
            self._check_size(fields)
        self._unread = 0
        self._unset_keepalive_if_required()
        parser = self.parser
        version, upgrade = parser.get_http_version(), parser.should_upgrade()
        head = Head(parser.get_method(), self.url, version, fields, upgrade=upgrade)
        place = locate(head.target.partition(b"?")[0], self.gateway.prefix)
        if place.kind is Kind.PLAIN:
            self._plain(head, place)
        else:
            self._enqueue(self._turn(head, place))

    def _check_size(self, fields: list[Field]) -> None:
        """So much was read since the last body's end that the head may be too long."""
        size = len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for _, name, value in fields)
        if size > MAX_HEAD:
            raise Refused(431, "The head is over 64 kB.")

    def on_body(self, body: bytes) -> None:
        """A piece of the request's body."""
        self._unread = 0
        if isinstance(self.cycle, Turn):
            self.cycle.feed(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unread = 0
        if self._plain_websocket:
            return
        if isinstance(self.cycle, Turn):
            self.cycle.end_of_body()
        else:
            super().on_message_complete()

    # Whose request it is

    def _plain(self, head: Head, place: Place) -> None:
        """Our own routes: uvicorn's business from here on."""
        question, query = head.target.partition(b"?")[1:]
        super().on_message_begin()
        self.url = place.local + question + query
        self.headers.extend((low, value) for low, _, value in head.fields)
        self.expect_100_continue = head.get(b"expect").lower() == b"100-continue"
        self._plain_websocket = head.upgrade and self._should_upgrade()
        if self._plain_websocket and self.cycle is not None and not self.cycle.response_complete:
            raise Refused(400, "An upgrade can't be asked for before the last answer has come.")
        super().on_headers_complete()

    def _turn(self, head: Head, place: Place) -> Turn:
        """The apps' and the console's: one exchange, or an answer of our own."""
        prefix, pages = self.gateway.prefix, self.gateway.pages
        if place.rest is None:
            base = b"/console" if place.kind is Kind.HOME else place.local
            question, query = head.target.partition(b"?")[1:]
            return self._reply(head, redirect(b"%b%b/%b%b" % (prefix, base, question, query)))
        if place.hidden:
            return self._reply(head, problem(404, "There is nothing here for visitors."))
        table = self.gateway.lookup()
        route = table.console if place.kind is Kind.CONSOLE else table.apps.get(place.app_id)
        if route is None or (route.port is None and place.wrong_base):
            return self._reply(head, pages.for_route(head, 404, route, None))
        page = is_page(head, place, route)
        target = choose(self.gateway.sessions, head, place, route, page=page)
        if target is None:
            return self._reply(head, pages.for_route(head, 503, route, None))
        path, host = prefix + place.local, self._local_host()
        request = upstream_head(head, path, self.forwarding, host, whole=page)
        kind = Page if page else Asset if target.others else Exchange
        return kind(self, head, place, target, request, keep_alive=self._keeps_alive(head))

    def _local_host(self) -> bytes:
        host, port = self.server or ("localhost", None)
        return f"{host}:{port}".encode() if port else b"localhost"

    def _keeps_alive(self, head: Head) -> bool:
        return head.version == "1.1" and self.parser.should_keep_alive()

    def _reply(self, head: Head, answer: Answer) -> Reply:
        keep = self._keeps_alive(head) and not head.has_body and not head.websocket
        return Reply(self, head, self._encode(head, answer, close=not keep), keep_alive=keep)

    # Requests that can't be read

    def _refuse(self, refused: Refused) -> None:
        """What follows on this connection can't be understood."""
        if self._deaf:
            return
        self._deaf = True
        logger.info("refused: %s", refused)
        data = self._encode(None, problem(refused.status, str(refused)), close=True)
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:
            if cycle is self._running:
                self._break_off(cycle, data)
                return
            self.pipeline.popleft()  # it waits for its turn, and its body will never be whole
        self._enqueue(Reply(self, None, data, keep_alive=False))

    def _break_off(self, cycle: RequestResponseCycle, data: bytes) -> None:
        """The body of the request under way is malformed."""
        if isinstance(cycle, Exchange):
            cycle.refuse(data)
        elif cycle.response_started:
            self.cut(reset=True)
        else:
            self.send_400_response("Invalid HTTP request received.")


def protocol_class(gateway: Gateway) -> type[GatewayProtocol]:
    """The class to hand to ``uvicorn.Config(http=…)``."""
    return type("BoundGatewayProtocol", (GatewayProtocol,), {"gateway": gateway})
