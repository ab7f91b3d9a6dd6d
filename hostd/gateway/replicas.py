"""The processes of one app that share its URL: which of them a new session goes to, and if there is room.

A session is an open WebSocket. A page that was handed out, and a WebSocket that the app has not accepted
yet, hold a place for a while, so that visitors who come at once spread, and none is let in twice.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping

from hostd.models import Route

HOLD = 10.0
"""Seconds that a place is held for somebody who has not connected yet."""

Held = defaultdict[int, deque[float]]


def open_replicas(route: Route) -> Mapping[int, int]:
    """The ports that take new sessions, by replica."""
    if route.replicas or route.port is None:
        return route.replicas
    return {1: route.port}


def open_ports(route: Route) -> tuple[int, ...]:
    """The ports that take new sessions; the one that a request without a session goes to comes first."""
    if route.port is None:
        return ()
    return (route.port, *(port for port in route.replicas.values() if port != route.port))


def every_port(route: Route) -> tuple[int, ...]:
    """All ports that sessions live behind: new visitors' first, then the newest releases'."""
    return (*open_ports(route), *route.leaving.values(), *route.draining.values())


def port_of(route: Route, release: int, replica: int) -> int | None:
    """The port of one process, None when it does not serve (any more)."""
    port = open_replicas(route).get(replica) if release == route.release else None
    if port is None and replica == 1:
        port = route.draining.get(release)
    return route.leaving.get((release, replica)) if port is None else port


def siblings(route: Route, release: int) -> tuple[int, ...]:
    """The ports of all processes of ``release``."""
    own = [route.draining[release]] if release in route.draining else []
    own += open_ports(route) if release == route.release else ()
    return (*own, *(port for (number, _), port in route.leaving.items() if number == release))


def mark(route: Route, port: int) -> str:
    """What names the process at ``port`` in a path: ``~r3``, or ``~r3.2`` for its second replica."""
    replica = next((number for number, other in route.replicas.items() if other == port), 1)
    return f"~r{route.release}" if replica == 1 else f"~r{route.release}.{replica}"


def is_scaled(route: Route) -> bool:
    """Whether a session's process matters although no release drains, or there is a limit."""
    return len(route.replicas) > 1 or bool(route.leaving) or route.sessions_per_replica is not None


class Loads:
    """How many sessions each process has, places held included. Used from one event loop only."""

    def __init__(self, tunnels: Callable[[int], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._tunnels = tunnels
        self._clock = clock
        self._pages: Held = defaultdict(deque)
        self._arriving: Held = defaultdict(deque)

    def of(self, port: int) -> int:
        """Sessions and held places of the process at ``port``."""
        return self._tunnels(port) + self._held(self._pages, port) + self._held(self._arriving, port)

    def pick(self, route: Route) -> int | None:
        """The port with the fewest sessions, None when each has as many as it may."""
        loads = [(self.of(port), replica, port) for replica, port in open_replicas(route).items()]
        limit = route.sessions_per_replica
        load, _, port = min(loads, default=(0, 0, None))
        return None if port is None or (limit is not None and load >= limit) else port

    def hand_out(self, port: int) -> None:
        """A page goes out: its session will come to ``port``."""
        self._pages[port].append(self._clock() + HOLD)

    def admit(self, port: int, route: Route) -> bool:
        """Whether a session may begin at ``port``: in a page's place, or another."""
        limit = route.sessions_per_replica
        return limit is None or self._tunnels(port) + self._held(self._arriving, port) < limit

    def changes_hands(self, port: int) -> bool:
        """Whether a page may go out though no place is free, since a session ends with it: one for each."""
        return self._held(self._pages, port) < self._tunnels(port)

    def arrive(self, port: int) -> None:
        """A WebSocket is on its way to ``port``, in the place of a page if one was held."""
        if self._held(self._pages, port):
            self._pages[port].popleft()
        self._arriving[port].append(self._clock() + HOLD)

    def connected(self, port: int) -> None:
        """The app has accepted it: from now on it is counted by itself."""
        if self._held(self._arriving, port):
            self._arriving[port].popleft()

    def moved(self, port: int, to: int) -> None:
        """``port`` can't be reached: what is on its way there goes to another."""
        if self._held(self._arriving, port):
            self._arriving[to].append(self._arriving[port].popleft())

    def _held(self, places: Held, port: int) -> int:
        """How many places are held at ``port``; those whose time is up are given back."""
        held = places.get(port)
        if not held:
            return 0
        now = self._clock()
        while held and held[0] <= now:
            held.popleft()
        if not held:
            del places[port]
            return 0
        return len(held)
