"""Most answers are plain and come whole: those are passed on as they are, in one piece."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from hostd.gateway.affinity import Target
from hostd.gateway.exchange import Exchange
from hostd.gateway.head import Head
from hostd.gateway.paths import Place
from hostd.gateway.replicas import is_scaled
from hostd.models import Route

if TYPE_CHECKING:
    from hostd.gateway.shared import Gateway
    from hostd.gateway.upstream import Upstream
    from hostd.gateway.visitor import Visitor


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


class Ordinary(Unchanged):
    """One that needs no choice (see ``is_ordinary``): the same question has the same answer."""


def is_ordinary(head: Head, route: Route, gateway: Gateway) -> bool:
    """Whether a request for an ``ordinary`` place needs no choice: one process, for everybody, no page."""
    if route.access is not None or route.port is None or route.draining or is_scaled(route):
        return False
    return not (head.upgrade or head.takes_html or gateway.keeper.hosts)


def ordinary(client: Visitor, head: Head, place: Place, target: Target, request: bytes) -> Ordinary:
    """The turn of one that is: ``request`` goes to the only process there is."""
    if not place.pings:
        client.gateway.seen[place.app_id] = monotonic()
    return Ordinary(client, head, place, target, request, keep_alive=head.keep_alive)
