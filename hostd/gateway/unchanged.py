"""Most answers are plain and come whole: those are passed on as they are, in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostd.gateway.exchange import Exchange

if TYPE_CHECKING:
    from hostd.gateway.upstream import Upstream


class Unchanged(Exchange):
    """An exchange in which nothing is changed; what does not come whole goes the way of all others."""

    @property
    def takes_whole(self) -> bool:  # type: ignore[override]  # says it by what has come so far
        """Whether nothing else is due: no rest of a request, no change of protocol, no closing."""
        plain = self.keep_alive and not (self.more_body or self.websocket or self._paused)
        return plain and self.head.method == b"GET" and not self.head.has_body

    def on_whole(self, upstream: Upstream, status: int, data: bytes) -> None:
        """Pass it on; the connection to the app rests."""
        self._started = True
        self._upstream = None
        client = self.client
        if client.access_log:
            client.log_access(self.head, status)
        client.transport.write(data)
        client.gateway.pool.give(upstream)
        self.complete()
