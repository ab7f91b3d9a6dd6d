"""From a visitor's bytes to requests: the parser is fed, and what can't be read is refused."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from hostd.gateway.exchange import Exchange
from hostd.gateway.head import MAX_HEAD, Field, Head
from hostd.gateway.pages import problem
from hostd.gateway.refusal import Refused
from hostd.gateway.repeats import Repeats
from hostd.gateway.turned_away import CROWDED, TurnedAway
from hostd.gateway.turns import Reply
from hostd.gateway.visitor import Visitor

logger = logging.getLogger(__name__)


class Reading(Visitor):
    """Adds to a visitor's connection how its bytes are read."""

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
        self._repeats = Repeats()
        self._last_head: Head | None = None
        self._heads = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A visitor connected; the rest of the service keeps some descriptors."""
        super().connection_made(transport)
        if self.gateway.pool.is_overrun(len(self.connections)):
            transport.abort()
        elif not self.gateway.pool.takes_visitor(len(self.connections)):
            TurnedAway(self, self._encode(None, CROWDED, close=True))

    # Bytes in

    def data_received(self, data: bytes) -> None:
        """Bytes of the visitor's. An error of ours is logged, and ends this connection only."""
        if self._deaf:
            return
        cycle = self.cycle
        try:
            if self._holding:
                self._hold(data)
            elif self._in_head or (cycle is not None and (cycle.more_body or not cycle.response_complete)):
                self._parse(data)
            elif not self._repeat(data):
                self._parse_new(data)
        except Exception:
            logger.exception("a request could not be handled")
            self.cut(reset=True)

    def _repeat(self, data: bytes) -> bool:
        """Whether ``data`` is one request whose fields were read before, and is under way now."""
        raise NotImplementedError

    def _parse_new(self, data: bytes) -> None:
        """Nothing is under way: if this is one request and no more, it may come again."""
        self._heads = 0
        self._parse(data)
        if self._heads == 1 and not self._in_head and self._last_head is not None:
            self._repeats.keep(data, self._last_head)
        self._last_head = None

    def _parse(self, data: bytes) -> None:
        if self.cycle is not None and self.cycle.more_body:
            self._deadline = None  # the rest of a body that was answered early
        self._unread += len(data)
        self._feed(data)
        if self._unread > MAX_HEAD and not self._deaf:
            self._refuse(Refused(431, "A head, or what stands between chunks, is over 64 kB."))
        if self._deadline is None and self._free() and not self._deaf:
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
