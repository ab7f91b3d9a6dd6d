"""What all connections of one server share."""

from __future__ import annotations

from collections.abc import Callable

from hostd.gateway.options import GatewayOptions, TrustedProxies
from hostd.gateway.pages import Pages
from hostd.gateway.pool import Pool
from hostd.models import RoutingTable
from hostd.templating import Templates


class Gateway:
    """The routes, the options, the pages, and the connections to all apps."""

    def __init__(
        self, lookup: Callable[[], RoutingTable], options: GatewayOptions, templates: Templates
    ) -> None:
        """Raises ValueError when a trusted proxy is no address or network."""
        self.lookup = lookup
        self.options = options
        self.prefix = options.prefix.encode("ascii")
        self.pages = Pages(templates)
        self.pool = Pool(options)
        self.trusted = TrustedProxies(options.trusted_proxies)
