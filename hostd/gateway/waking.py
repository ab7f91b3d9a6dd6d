"""Requests for an app that sleeps: held while it starts, and sent on when it serves."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from hostd.gateway.pages import Trouble
from hostd.models import Route, RoutingTable, Status

if TYPE_CHECKING:
    from hostd.gateway.exchange import Exchange

logger = logging.getLogger(__name__)


class Waking:
    """However many requests are held for an app, it is woken once. Used from one event loop only.

    ``hold`` is how long a request is held, seconds.
    """

    def __init__(self, lookup: Callable[[], RoutingTable], hold: float) -> None:
        self._lookup = lookup
        self._wake: Callable[[str], None] = lambda _: None
        self._hold = hold
        self._held: dict[str, dict[Exchange, asyncio.TimerHandle]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake_by(self, wake: Callable[[str], None]) -> None:
        """``wake`` starts an app that sleeps; it may block, and raises whatever says that it can't be now."""
        self._wake = wake

    def join(self, exchange: Exchange) -> None:
        """Hold ``exchange`` until its app has a process, at most for the time that is set."""
        self._loop = asyncio.get_running_loop()
        app_id = exchange.target.app_id
        first = app_id not in self._held
        timer = self._loop.call_later(self._hold, self._time_is_up, exchange)
        self._held.setdefault(app_id, {})[exchange] = timer
        route = self._lookup().apps.get(app_id)
        if first and route is not None and route.status is Status.SLEEPING:
            threading.Thread(
                target=self._ask, args=(app_id, self._loop), name=f"wake-{app_id}", daemon=True
            ).start()
        self._look_at(app_id)  # it may have come up since this request was routed

    def leave(self, exchange: Exchange) -> bool:
        """Nobody waits for ``exchange`` any more; whether anybody did."""
        app_id = exchange.target.app_id
        held = self._held.get(app_id, {})
        timer = held.pop(exchange, None)
        if not held:
            self._held.pop(app_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def routes_changed(self) -> None:
        """Any thread may say so."""
        if self._held and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._look)

    def _ask(self, app_id: str, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._wake(app_id)
        except Exception as error:
            logger.warning("%s can't be woken: %s", app_id, error)
            loop.call_soon_threadsafe(self._turn_away, app_id, 503, None, Trouble.NO_ROOM)

    def _look(self) -> None:
        for app_id in list(self._held):
            self._look_at(app_id)

    def _look_at(self, app_id: str) -> None:
        route = self._lookup().apps.get(app_id)
        if route is None:
            self._turn_away(app_id, 404, None, None)
        elif route.port is not None:
            for exchange in list(self._held.get(app_id, ())):
                self.leave(exchange)
                exchange.target = exchange.target._replace(route=route, port=route.port)
                exchange.port = route.port
                exchange.start()
        elif not route.wakes:
            self._turn_away(app_id, 503, route, None)

    def _turn_away(self, app_id: str, status: int, route: Route | None, trouble: Trouble | None) -> None:
        for exchange in list(self._held.get(app_id, ())):
            self.leave(exchange)
            _turn_away(exchange, status, route, trouble)

    def _time_is_up(self, exchange: Exchange) -> None:
        if self.leave(exchange):
            _turn_away(exchange, 503, self._lookup().apps.get(exchange.target.app_id), None)


def _turn_away(exchange: Exchange, status: int, route: Route | None, trouble: Trouble | None) -> None:
    if route is not None:
        exchange.target = exchange.target._replace(route=route)
    exchange.fail(status, trouble)
