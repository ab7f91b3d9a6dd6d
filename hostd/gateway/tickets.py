"""How a sign-in comes from the main host to an app's own: by a ticket that is good once.

The app's host has no cookie of the main host's. So it sends a visitor there with the digest of a random
value that it keeps as a cookie (``hostd-ticket``, on https with ``__Host-``); the main host, which knows the
visitor, sends them back with a ticket. It counts once, for a minute, for that app, and in the browser that
has the random value: nobody can be signed in as somebody else by a link.

What it becomes is a value of its own, good for that app alone: a service worker of the app's may see its
tickets, and must not get at more than the app has anyway.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from hostd.people.sessions import digest

_SECONDS = 60.0
_MOST = 10_000
_MOST_VISITORS = 100_000
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}|/")
"""A path of this host, and a query: no other host (``//``, ``/\\``), no control characters."""


class Ticket(NamedTuple):
    """What is kept of one: ``value`` is the visitor's cookie."""

    app_id: str
    value: bytes
    nonce: str
    until: float


class Tickets:
    """Used from one event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: OrderedDict[str, Ticket] = OrderedDict()

    def issue(self, app_id: str, value: bytes, nonce: str) -> str:
        """A new ticket; ``nonce`` is the digest that the app's host sent."""
        while self._open and (len(self._open) >= _MOST or self._first.until <= self._clock()):
            self._open.popitem(last=False)
        ticket = secrets.token_urlsafe(32)
        self._open[ticket] = Ticket(app_id, value, nonce, self._clock() + _SECONDS)
        return ticket

    @property
    def _first(self) -> Ticket:
        return next(iter(self._open.values()))

    def redeem(self, ticket: str, app_id: str, nonces: list[bytes]) -> bytes | None:
        """The cookie's value that it stands for, if it is good; it is not any more after this."""
        found = self._open.pop(ticket, None)
        if found is None or found.app_id != app_id or found.until <= self._clock():
            return None
        return found.value if found.nonce in map(digest, nonces) else None


class Visitors:
    """Who is signed in on apps' own hosts: by the digest of a value, the app, and the main host's value.

    In memory: after a restart browsers come again for a ticket, without anybody noticing.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def admit(self, app_id: str, value: bytes) -> str:
        """A new value for the app's host, for somebody whose value on the main host is ``value``."""
        if len(self._known) >= _MOST_VISITORS:
            self._known.popitem(last=False)
        own = secrets.token_urlsafe(32)
        self._known[digest(own.encode())] = (app_id, value)
        return own

    def value(self, app_id: str, own: bytes) -> bytes | None:
        """The main host's value that ``own`` stands for on this app's host."""
        known_app, value = self._known.get(digest(own), ("", b""))
        return value if known_app == app_id and value else None


def safe_path(text: str) -> str:
    """``text`` if it leads to this host, else its first page."""
    return text if _PATH.fullmatch(text) else "/"
