"""Sign-in attempts, slowed down: the more of them were wrong, the longer the next one must wait.

Counted for a name from an address, for an address, and for a name. The last two hold only for seconds:
otherwise anybody could lock somebody else out by guessing, and one person everybody behind the same proxy.
Each count gets less again by the minute.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_KEPT = 10_000
"""Names and addresses that are remembered; the one that was quiet longest is forgotten."""
FORGOTTEN_AFTER = 3600.0
"""Seconds without an attempt after which nothing is held against anybody."""


@dataclass(frozen=True, slots=True)
class Limit:
    """``free`` attempts may be wrong; the next ones wait 4, 8, 16, … seconds, ``longest`` at most.

    Every ``forgives`` seconds one wrong attempt is forgotten.
    """

    free: int
    longest: float
    forgives: float

    def wait(self, wrong: float) -> float:
        """Seconds from the last wrong attempt until the next may be made."""
        over = math.ceil(wrong) - self.free
        return 0.0 if over < 0 else min(self.longest, 4.0 * 2.0 ** min(over, 20))


BOTH, ADDRESS, NAME = Limit(5, 300.0, 600.0), Limit(50, 10.0, 60.0), Limit(20, 10.0, 60.0)
_Key = tuple[str, str, str]


@dataclass(slots=True)
class _Kept:
    """``wrong`` attempts as of ``last``; ``told``: somebody was turned away since, and that was told."""

    wrong: float
    last: float
    told: bool = False


class Attempts:
    """The wrong attempts of late, in memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[_Key, _Kept] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """Seconds that this one must wait; 0 when it may try now.

        An attempt that may be made is counted as wrong at once, so that many at the same time are counted.
        """
        with self._lock:
            at = self._clock()
            longest = max(self._left(key, limit, at) for key, limit in _keys(name, address))
            if longest <= 0:
                for key, limit in _keys(name, address):
                    self._count(key, limit, at)
        return longest

    def news(self, name: str, address: str) -> bool:
        """Whether what holds this one has turned nobody away before; so each wait is told once."""
        with self._lock:
            at = self._clock()
            holding = [key for key, limit in _keys(name, address) if self._left(key, limit, at) > 0]
            new = any(not self._wrong[key].told for key in holding)
            for key in holding:
                self._wrong[key].told = True
        return new

    def right(self, name: str, address: str) -> None:
        """The attempt was right: nothing is held against this name at this address."""
        with self._lock:
            (both, _), *others = _keys(name, address)
            self._wrong.pop(both, None)
            for key, _ in others:
                self._less(key)

    def unmade(self, name: str, address: str) -> None:
        """The attempt came to nothing for want of room: it counts as none, and may be made again at once."""
        with self._lock:
            for key, limit in _keys(name, address):
                self._less(key)
                if (kept := self._wrong.get(key)) is not None:
                    kept.last = min(kept.last, self._clock() - limit.wait(kept.wrong))

    def _less(self, key: _Key) -> None:
        if (kept := self._wrong.get(key)) is not None:
            kept.wrong = max(0.0, kept.wrong - 1)

    def _left(self, key: _Key, limit: Limit, at: float) -> float:
        kept = self._wrong.get(key)
        if kept is None:
            return 0.0
        if at - kept.last > FORGOTTEN_AFTER:
            del self._wrong[key]
            return 0.0
        return max(0.0, limit.wait(kept.wrong) - (at - kept.last))

    def _count(self, key: _Key, limit: Limit, at: float) -> None:
        kept = self._wrong.pop(key, _Kept(0.0, at))
        present = max(0.0, kept.wrong - (at - kept.last) / limit.forgives)
        self._wrong[key] = _Kept(present + 1, at)
        if len(self._wrong) > MOST_KEPT:
            self._wrong.popitem(last=False)


def network(address: str) -> str:
    """What an address is counted as: of IPv6 the first 64 bits, for whoever has one has all of those."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a unix socket, or what a trusted proxy made up
        return address
    if not isinstance(found, ipaddress.IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))


def _keys(name: str, address: str) -> tuple[tuple[_Key, Limit], ...]:
    where = network(address)
    return (("both", name, where), BOTH), (("address", "", where), ADDRESS), (("name", name, ""), NAME)
