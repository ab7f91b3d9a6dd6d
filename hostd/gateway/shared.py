"""What all connections of one server share."""

from __future__ import annotations

from collections.abc import Callable

from hostd.gateway.affinity import Sessions, Target
from hostd.gateway.hand_over import HandOver
from hostd.gateway.keeper import Keeper
from hostd.gateway.options import GatewayOptions
from hostd.gateway.pages import Pages
from hostd.gateway.pool import Pool
from hostd.gateway.replicas import Loads
from hostd.gateway.statics import Statics
from hostd.gateway.waking import Waking
from hostd.models import RoutingTable
from hostd.proxies import TrustedProxies
from hostd.static_files import StaticCopies
from hostd.templating import Templates


class Gateway:
    """The routes, the options, the pages, the connections to all apps, and whose sessions are where."""

    def __init__(
        self,
        lookup: Callable[[], RoutingTable],
        options: GatewayOptions,
        templates: Templates,
        copies: StaticCopies | None = None,
    ) -> None:
        """Without ``copies`` no files are shared. Raises ValueError when a trusted proxy is no network."""
        self.lookup = lookup
        self.options = options
        self.prefix = options.prefix.encode("ascii")
        self.templates = templates
        self.pages = Pages(templates)
        self.pool = Pool(options)
        self.keeper = Keeper(lookup, options, self.pages, self.prefix)
        self.hand_over = HandOver(options.hand_over)
        self.sessions = Sessions()
        self.waking = Waking(lookup, options.wake_hold)
        self.seen: dict[str, float] = {}
        self.loads = Loads(self.tunnels)
        self.trusted = TrustedProxies(options.trusted_proxies)
        self.statics = Statics(options.prefix, copies)

    def sleeps(self, target: Target) -> bool:
        """Whether what ``target`` was chosen for has no process by now, and will have one."""
        route = self.lookup().apps.get(target.app_id)
        return route is not None and route.port is None and route.wakes

    def last_seen(self, app_id: str) -> float:
        """When the app was last visited (time.monotonic), 0 for never; monitors do not count. Any thread."""
        return self.seen.get(app_id, 0.0)

    def busy(self, port: int) -> int:
        """How many connections of visitors the process at ``port`` has at work: WebSockets and requests.

        Any thread may ask. A tab whose WebSocket just broke is not among them until it comes back.
        """
        return self.pool.busy(port) + self.hand_over.open(port)

    def tunnels(self, port: int) -> int:
        """How many WebSockets the process at ``port`` has open. Any thread may ask."""
        return self.pool.tunnels(port) + self.hand_over.open(port)
