"""Requests for an app that sleeps, or is full and gets one more process: held until they can be sent on."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from hostd.errors import NoFreePort, NoRoom
from hostd.gateway.affinity import ASLEEP, Target, choose
from hostd.gateway.page import is_page
from hostd.gateway.pages import Trouble
from hostd.models import Route, RoutingTable, Status

if TYPE_CHECKING:
    from hostd.gateway.exchange import Exchange

logger = logging.getLogger(__name__)
_FREED = 0.5
"""Seconds after which it is looked whether a place has become free: nobody says so."""


class Waking:
    """However many requests are held for an app, it is woken once. Used from one event loop only.

    ``hold`` is how long a request is held, seconds.
    """

    def __init__(self, lookup: Callable[[], RoutingTable], hold: float) -> None:
        self._lookup = lookup
        self._wake: Callable[[str], None] = lambda _: None
        self._hold = hold
        self._held: dict[str, dict[Exchange, asyncio.TimerHandle]] = {}
        self._asking: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._again: asyncio.TimerHandle | None = None

    def wake_by(self, wake: Callable[[str], None]) -> None:
        """``wake`` starts an app that sleeps; it may block, and raises whatever says that it can't be now."""
        self._wake = wake

    def join(self, exchange: Exchange) -> None:
        """Hold ``exchange`` until its app has a process with a place, at most for the time that is set."""
        self._loop = asyncio.get_running_loop()
        app_id = exchange.target.app_id
        timer = self._loop.call_later(self._hold, self._time_is_up, exchange)
        self._held.setdefault(app_id, {})[exchange] = timer
        route = self._lookup().apps.get(app_id)
        if route is not None and route.status is Status.SLEEPING and app_id not in self._asking:
            self._asking.add(app_id)
            threading.Thread(
                target=self._ask, args=(app_id, self._loop), name=f"wake-{app_id}", daemon=True
            ).start()
        self._look_at(app_id, exchange)  # it may have come up since this request was routed

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
        trouble: Trouble | None = None
        try:
            self._wake(app_id)
        except NoRoom as error:
            logger.warning("%s can't be woken: %s", app_id, error)
            trouble = Trouble.NO_ROOM
        except NoFreePort as error:
            logger.warning("%s can't be woken: %s", app_id, error)
            trouble = Trouble.NO_PORT
        except Exception:
            logger.exception("%s can't be woken", app_id)
            trouble = Trouble.UNREACHABLE
        loop.call_soon_threadsafe(self._asked, app_id, trouble)

    def _asked(self, app_id: str, trouble: Trouble | None) -> None:
        self._asking.discard(app_id)
        if trouble is not None:
            self._turn_away(app_id, 503, None, trouble)
        self._look_at(app_id)

    def _look(self) -> None:
        for app_id in list(self._held):
            self._look_at(app_id)

    def _look_at(self, app_id: str, *newcomers: Exchange) -> None:
        """Of an app that serves, ``newcomers`` alone look for a place; without them everybody."""
        route = self._lookup().apps.get(app_id)
        if route is None:
            self._turn_away(app_id, 404, None, None)
        elif route.port is not None:
            self._send_on(app_id, route, newcomers or tuple(self._held.get(app_id, ())))
        elif not route.wakes:
            self._turn_away(app_id, 503, route, None)
        elif route.status is Status.SLEEPING and app_id not in self._asking:
            self._turn_away(app_id, 503, route, Trouble.NO_ROOM)  # it was woken, but did not fit in

    def _send_on(self, app_id: str, route: Route, exchanges: Iterable[Exchange]) -> None:
        """Those who find a place. Once a page has found none, other pages do not look for one."""
        full = False
        for exchange in exchanges:
            with _alone(exchange):
                page = is_page(exchange.head, exchange.place, route)
                how = None if page and full else _answer(exchange, route, page=page)
                if how is not None:
                    self._end(exchange, how)
                full = full or (page and how is None)
        if app_id in self._held and self._again is None and self._loop is not None:
            self._again = self._loop.call_later(_FREED, self._look_again)

    def _look_again(self) -> None:
        self._again = None
        self._look()

    def _turn_away(self, app_id: str, status: int, route: Route | None, trouble: Trouble | None) -> None:
        for exchange in list(self._held.get(app_id, ())):
            self._end(exchange, partial(_turn_away, exchange, status, route, trouble))

    def _time_is_up(self, exchange: Exchange) -> None:
        route = self._lookup().apps.get(exchange.target.app_id)
        trouble = None if route is None or route.port is None else Trouble.FULL
        self._end(exchange, partial(_turn_away, exchange, 503, route, trouble))

    def _end(self, exchange: Exchange, how: Callable[[], None]) -> None:
        if self.leave(exchange):
            with _alone(exchange):
                how()


@contextmanager
def _alone(exchange: Exchange) -> Iterator[None]:
    """What goes wrong with one visitor is not the others' matter."""
    try:
        yield
    except Exception:
        logger.exception("a request that was held could not be answered")
        exchange.client.transport.abort()


def _answer(exchange: Exchange, route: Route, *, page: bool) -> Callable[[], None] | None:
    """What is done about it now, None: it waits on for a place. Chosen is as for a request that comes now."""
    head, place, gateway = exchange.head, exchange.place, exchange.client.gateway
    if not gateway.keeper.admits(head, place, route):
        return partial(_turn_away, exchange, 403, route, Trouble.FORBIDDEN)  # made private meanwhile
    target = choose(gateway.sessions, gateway.loads, head, place, route, page=page)
    if target is None:
        return partial(_turn_away, exchange, 503, route, Trouble.FULL)
    return None if target.port == ASLEEP else partial(_start, exchange, target)


def _start(exchange: Exchange, target: Target) -> None:
    exchange.target, exchange.port = target, target.port
    exchange.start()


def _turn_away(exchange: Exchange, status: int, route: Route | None, trouble: Trouble | None) -> None:
    if route is not None:
        exchange.target = exchange.target._replace(route=route)
    exchange.fail(status, trouble)
