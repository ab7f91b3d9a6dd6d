"""Sign-in attempts, slowed down: the more of them were wrong, the longer the next one must wait.

Counted for a name from an address, for an address, and for a name. The last one holds only for seconds:
otherwise anybody could lock somebody else out by guessing.
"""

from __future__ import annotations

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
    """``free`` attempts may be wrong; the next ones wait 4, 8, 16, … seconds, ``longest`` at most."""

    free: int
    longest: float

    def wait(self, wrong: int) -> float:
        """Seconds from the last wrong attempt until the next may be made."""
        return 0.0 if wrong < self.free else min(self.longest, 4.0 * 2.0 ** min(wrong - self.free, 20))


BOTH, ADDRESS, NAME = Limit(5, 300.0), Limit(50, 300.0), Limit(20, 10.0)
_Key = tuple[str, str, str]


class Attempts:
    """The wrong attempts of late, in memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[_Key, tuple[int, float]] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """Seconds that this one must wait; 0 when it may try now.

        An attempt that may be made is counted as wrong at once, so that many at the same time are counted.
        """
        with self._lock:
            at = self._clock()
            longest = max(self._left(key, limit, at) for key, limit in _keys(name, address))
            if longest <= 0:
                for key, _ in _keys(name, address):
                    self._count(key, at)
        return longest

    def right(self, name: str, address: str) -> None:
        """The attempt was right: nothing is held against this name at this address."""
        with self._lock:
            (both, _), *others = _keys(name, address)
            self._wrong.pop(both, None)
            for key, _ in others:
                if (kept := self._wrong.get(key)) is not None:
                    self._wrong[key] = (kept[0] - 1, kept[1])

    def _left(self, key: _Key, limit: Limit, at: float) -> float:
        count, last = self._wrong.get(key, (0, at))
        if at - last > FORGOTTEN_AFTER:
            self._wrong.pop(key, None)
            return 0.0
        return limit.wait(count) - (at - last)

    def _count(self, key: _Key, at: float) -> None:
        self._wrong[key] = (self._wrong.pop(key, (0, at))[0] + 1, at)
        if len(self._wrong) > MOST_KEPT:
            self._wrong.popitem(last=False)


def _keys(name: str, address: str) -> tuple[tuple[_Key, Limit], ...]:
    return (("both", name, address), BOTH), (("address", "", address), ADDRESS), (("name", name, ""), NAME)
