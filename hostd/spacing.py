"""Which of many like events is worth a line: so that strangers can't fill the disk with them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from hostd.people.attempts import network

PERIOD = 60.0
"""Seconds."""
MOST = 60
"""Lines in a period, of all addresses together."""


class Spacing:
    """At most one line per address and period, and MOST in all. For one thread, or an event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: OrderedDict[str, float] = OrderedDict()

    def news(self, address: str) -> bool:
        """Whether this one is to be told. Of IPv6 the first 64 bits count as the address."""
        at, where = self._clock(), network(address)
        while self._told and at - next(iter(self._told.values())) >= PERIOD:
            self._told.popitem(last=False)
        if where in self._told or len(self._told) >= MOST:
            return False
        self._told[where] = at
        return True
