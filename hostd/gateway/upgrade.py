"""A WebSocket's request: it is not begun when there are so many that requests would suffer."""

from __future__ import annotations

from hostd.gateway.affinity import ASLEEP
from hostd.gateway.exchange import Exchange
from hostd.gateway.pages import Trouble


class Upgrade(Exchange):
    """Asks for room before the app hears of it: behind its 101 there is a session."""

    def start(self) -> None:
        """Go on as any exchange does, if there is room for a tunnel."""
        client = self.client
        if self.port == ASLEEP or client.gateway.pool.takes_tunnel(self.port, len(client.connections)):
            super().start()
        else:
            self.fail(503, Trouble.BUSY)
