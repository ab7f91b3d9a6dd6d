"""A visitor for whom there is no descriptor to spare: 503 to whatever they ask, and an end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hostd.gateway.pages import problem

if TYPE_CHECKING:
    from hostd.gateway.visitor import Visitor

CROWDED = problem(503, "There are too many connections just now.", 2)
"""What they are told."""

_PATIENCE = 2.0
"""Seconds in which the visitor may ask, and read the answer."""


class TurnedAway(asyncio.Protocol):
    """Takes a connection over from ``client``; ``answer`` is sent when something is asked."""

    def __init__(self, client: Visitor, answer: bytes) -> None:
        self._transport = client.transport
        self._connections = client.connections
        self._answer = answer
        client.let_go()
        self._connections.add(self)  # type: ignore[arg-type]  # uvicorn needs only shutdown() of it
        self._timer = client.loop.call_later(_PATIENCE, self.shutdown)
        self._transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002  # asyncio's signature
        """Nothing of it is read. Closed only half: a reset would take the answer along."""
        answer, self._answer = self._answer, b""
        if not answer:
            return
        self._transport.write(answer)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """They are gone."""
        self._timer.cancel()
        self._connections.discard(self)

    def shutdown(self) -> None:
        """End it at once."""
        self._transport.abort()
