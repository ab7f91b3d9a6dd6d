"""One request's turn on a visitor's connection: what uvicorn calls a cycle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from hostd.gateway.head import Head
    from hostd.gateway.visitor import Visitor


class _NobodyWaits(asyncio.Event):
    """uvicorn sets a cycle's event to wake its task; a turn has no task."""

    def set(self) -> None:
        """Nothing to wake."""


_NOBODY = _NobodyWaits()


class Turn(RequestResponseCycle):
    """Has the attributes that HttpToolsProtocol looks at, and none of the ASGI machinery.

    ``more_body`` is true until the whole request was read, ``keep_alive`` whether the connection
    stays after the response.
    """

    message_event = _NOBODY
    disconnected = False
    response_complete = False
    more_body = True

    def __init__(self, client: Visitor, head: Head | None, *, keep_alive: bool) -> None:
        # RequestResponseCycle.__init__ is left out on purpose: it is for requests that run a task.
        self.client = client
        self.head = head
        self.keep_alive = keep_alive

    def start(self) -> None:
        """All responses before this one are complete."""
        raise NotImplementedError

    def feed(self, body: bytes) -> None:
        """A piece of the request's body."""

    def end_of_body(self) -> None:
        """The request was read to its end."""
        self.more_body = False

    def abort(self) -> None:
        """The visitor is gone."""
        self.disconnected = True

    def complete(self) -> None:
        """The response's last byte is written."""
        self.response_complete = True
        if not self.keep_alive:
            self.client.leave()
        self.client.on_response_complete()


class Reply(Turn):
    """An answer of our own, ready to be sent when its turn comes."""

    def __init__(self, client: Visitor, head: Head | None, data: bytes, *, keep_alive: bool) -> None:
        super().__init__(client, head, keep_alive=keep_alive)
        self._data = data

    def start(self) -> None:
        """Write it."""
        self.client.transport.write(self._data)
        self.complete()
