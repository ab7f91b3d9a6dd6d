"""An app with two releases behind a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from hostd.gateway import Gateway
from hostd.gateway.tunnel import VisitorEnd
from hostd.models import Route, RoutingTable, Status

from .conftest import CONSOLE_DOWN, Running
from .wire import wait_until


@dataclass
class Deployed:
    """An app of which release 1 is active, and release 2 about to be; ``static`` is its copy, if any."""

    version: str
    door: Running
    ports: dict[int, int]
    pids: dict[int, int]
    static: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.port}/apps/x/"

    @property
    def gateway(self) -> Gateway:
        return self.door.protocol.gateway

    def route(self, active: int, *draining: int) -> None:
        """Make one release the active one; the others named drain."""
        older = MappingProxyType({number: self.ports[number] for number in draining})
        route = Route(Status.RUNNING, self.ports[active], "x", active, older, self.version, self.static)
        self.door.table = RoutingTable(CONSOLE_DOWN, MappingProxyType({"x": route}))

    def ends(self) -> set[VisitorEnd]:
        """The visitors' ends of all WebSockets."""
        # at once: another thread changes it
        connections: tuple[object, ...] = tuple(self.door.server.server_state.connections)
        return {end for end in connections if isinstance(end, VisitorEnd)}

    def cut(self) -> None:
        """End all WebSockets, as a network does that goes away; they are gone when this returns."""
        ends = self.ends()
        assert ends
        for end in ends:
            self.door.server.servers[0].get_loop().call_soon_threadsafe(end.transport.abort)
        wait_until(lambda: ends.isdisjoint(self.ends()), "the cut")
