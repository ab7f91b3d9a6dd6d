"""The connections to all apps: resting ones for the next request, limits, a watch on the silent."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from functools import partial
from typing import TYPE_CHECKING

from hostd.gateway.options import GatewayOptions
from hostd.gateway.upstream import Upstream

if TYPE_CHECKING:
    from hostd.gateway.exchange import Exchange

logger = logging.getLogger(__name__)


class Pool:
    """Keyed by port: one port is one process of an app. Used from one event loop only.

    Of all sockets (``max_sockets``) tunnels may take three quarters, and everything to apps seven eighths, so
    that the API and the console can still be asked; those of one process no more than half the tunnels'.
    """

    def __init__(self, options: GatewayOptions) -> None:
        self._options = options
        self._for_tunnels = options.max_sockets * 3 // 4
        self._for_apps = options.max_sockets * 7 // 8
        self._for_visitors = options.max_sockets
        self._tunnels_each = min(options.max_tunnels_per_app, self._for_tunnels // 4)
        self._idle: defaultdict[int, list[Upstream]] = defaultdict(list)
        self._open: Counter[int] = Counter()
        self._tunnels: Counter[int] = Counter()
        self._upstreams: set[Upstream] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self.now = 0.0  # as of the last sweep: times here are right to a second, and cost nothing
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """How many connections there are: resting, at work, tunnels, and being made."""
        return sum(self._open.values())

    def busy(self, port: int) -> int:
        """How many of them do something: exchanges under way, and tunnels. Any thread may ask."""
        count = self._open.get(port, 0)
        return max(0, count - len(self._idle.get(port, ())))

    def tunnels(self, port: int) -> int:
        """How many of them are tunnels. Any thread may ask."""
        return self._tunnels.get(port, 0)

    def take(self, port: int) -> Upstream | None:
        """A resting connection, the one used last; None when there is none."""
        idle = self._idle.get(port)
        while idle:
            upstream = idle.pop()
            if not upstream.transport.is_closing():
                upstream.reused = True
                return upstream
        return None

    def connect(self, port: int, exchange: Exchange) -> bool:
        """Make a connection, and hand it to ``exchange`` later; False when there are too many."""
        if self._open[port] - self._tunnels.get(port, 0) >= self._options.max_connections_per_app:
            return False
        if exchange.target.app_id and self._sockets(len(exchange.client.connections)) >= self._for_apps:
            return False
        self._open[port] += 1
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._connect(loop, port, exchange))
        self._connecting.add(task)
        task.add_done_callback(partial(self._connect_done, exchange))
        self._watch(loop)
        return True

    def takes_tunnel(self, connections: int) -> bool:
        """Whether there may be one tunnel more; ``connections`` is how many uvicorn counts, as below."""
        return self._sockets(connections) < self._for_tunnels

    def takes_session(self, open_now: int) -> bool:
        """Whether a process that has so many WebSockets may have one more."""
        return open_now < self._tunnels_each

    def takes_visitor(self, connections: int) -> bool:
        """Whether there may be one visitor more. They are among ``connections``."""
        return self._sockets(connections) <= self._for_visitors

    def is_overrun(self, connections: int) -> bool:
        """Whether those who are turned away take a quarter of what is kept back."""
        return self._sockets(connections) > self._for_visitors + self._for_visitors // 28

    def _sockets(self, connections: int) -> int:
        """uvicorn counts visitors and connections to apps, not those being made, nor tunnels' far ends."""
        return connections + len(self._connecting) + self._tunnels.total()

    async def _connect(self, loop: asyncio.AbstractEventLoop, port: int, exchange: Exchange) -> None:
        make = partial(Upstream, self, port, exchange.client.server_state)
        try:
            async with asyncio.timeout(self._options.connect_timeout):
                _, upstream = await loop.create_connection(make, "127.0.0.1", port)
        except (OSError, TimeoutError) as error:
            self.closed(port)
            exchange.unreachable(error)
        else:
            self._upstreams.add(upstream)
            exchange.connected(upstream)

    def _connect_done(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a new connection could not be used", exc_info=error)
            exchange.client.transport.abort()

    def give(self, upstream: Upstream) -> None:
        """Put a connection to rest."""
        upstream.since = self.now
        self._idle[upstream.port].append(upstream)

    def forget(self, upstream: Upstream) -> None:
        """``upstream`` is closed."""
        self._upstreams.discard(upstream)
        self.closed(upstream.port)
        idle = self._idle.get(upstream.port)
        if idle and upstream in idle:
            idle.remove(upstream)

    def closed(self, port: int) -> None:
        """One connection less."""
        self._open[port] -= 1
        if not self._open[port]:
            del self._open[port]
            self._idle.pop(port, None)

    def tunnel_opened(self, upstream: Upstream) -> None:
        """One of the connections became a tunnel."""
        self._upstreams.discard(upstream)
        self._tunnels[upstream.port] += 1

    def tunnel_closed(self, port: int) -> None:
        """A tunnel, and with it a connection, less."""
        self._tunnels[port] -= 1
        if not self._tunnels[port]:
            del self._tunnels[port]
        self.closed(port)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sweeper is None:
            self.now = loop.time()
            interval = min(1.0, self._options.head_timeout / 4, self._options.idle_timeout / 4)
            self._sweeper = loop.call_later(interval, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all connections: a timer per request would cost more than the look-up of its app."""
        self._sweeper = None
        now = self.now = loop.time()
        for idle in self._idle.values():
            for upstream in idle:
                if now - upstream.since > self._options.idle_timeout:
                    upstream.transport.close()  # take() passes over it until it is forgotten
        for upstream in [at_work for at_work in self._upstreams if at_work.silent]:
            self._check_silent(upstream, now)
        if self._open:
            self._watch(loop)

    def _check_silent(self, upstream: Upstream, now: float) -> None:
        exchange = upstream.exchange
        if exchange is None:
            return
        if exchange.more_body and not upstream.write_paused:
            upstream.since = now  # the visitor is still sending
        elif now - upstream.since > self._options.head_timeout:
            upstream.abandon()
            exchange.on_silence()
