"""A WebSocket's request: it is not begun when there are so many that requests would suffer."""

from __future__ import annotations

from hostd.gateway.affinity import ASLEEP
from hostd.gateway.exchange import Exchange
from hostd.gateway.pages import Trouble


class Upgrade(Exchange):
    """Asks for room before the app hears of it: behind its 101 there is a session."""

    def start(self) -> None:
        """Go on as any exchange does, if there is room for a tunnel."""
        if self.port == ASLEEP or (self._has_room() and self._takes_tunnel()):
            super().start()
        else:
            self.fail(503, Trouble.BUSY)

    def _has_room(self) -> bool:
        """Whether the process may have one more."""
        gateway = self.client.gateway
        return gateway.pool.takes_session(gateway.tunnels(self.port))

    def _takes_tunnel(self) -> bool:
        return self.client.gateway.pool.takes_tunnel(len(self.client.connections))
