"""One worker thread per app at a time, and slots that limit what many apps do at once."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hostd.lifecycle.registry import Ticket

log = logging.getLogger(__name__)


class Workers:
    """Runs ``converge(app_id)`` for whoever is woken; never twice at once for one app."""

    def __init__(self, converge: Callable[[str], None]) -> None:
        self._converge = converge
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._busy: set[str] = set()
        self._again: set[str] = set()

    def wake(self, app_id: str) -> None:
        """Have a worker look at the app: now, or again when it is through."""
        with self._lock:
            if app_id in self._busy:
                self._again.add(app_id)
                return
            self._busy.add(app_id)
        threading.Thread(target=self._work, args=(app_id,), name=f"worker-{app_id}", daemon=True).start()

    def busy(self, app_id: str) -> bool:
        """Whether a worker is at it."""
        return app_id in self._busy

    def wait(self, done: Callable[[], bool], timeout: float) -> bool:
        """Wait until ``done`` holds at the end of some worker's round; False when time ran out."""
        with self._lock:
            return self._idle.wait_for(done, timeout)

    def _work(self, app_id: str) -> None:
        while True:
            try:
                self._converge(app_id)
            except Exception:
                log.exception("the worker of %s stumbled", app_id)
            with self._lock:
                self._idle.notify_all()
                if app_id not in self._again:
                    self._busy.discard(app_id)
                    return
                self._again.discard(app_id)


class Slots:
    """At most ``limit`` holders at once; the others wait in the order they came, visitors' apps first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._changed = threading.Condition()
        self._queue: deque[Ticket] = deque()
        self._urgent: set[str] = set()
        self._held = 0

    @property
    def held(self) -> int:
        """How many hold a slot now."""
        return self._held

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._queue)

    def hurry(self, app_id: str) -> None:
        """Somebody waits for this app: until it has its next slot, it goes before those of nobody."""
        with self._changed:
            self._urgent.add(app_id)
            self._changed.notify_all()

    @contextmanager
    def hold(self, ticket: Ticket, on_wait: Callable[[int], None] = lambda _: None) -> Iterator[None]:
        """A slot for the length of the block. ``on_wait`` hears how many are ahead, once, if one must wait.

        Raises Interrupted when the ticket loses its validity while waiting.
        """
        self._take(ticket, on_wait)
        try:
            yield
        finally:
            with self._changed:
                self._held -= 1
                self._changed.notify_all()

    def _take(self, ticket: Ticket, on_wait: Callable[[int], None]) -> None:
        with self._changed:
            self._queue.append(ticket)
            ahead = len(self._queue) - 1 + self._held
        try:
            if ahead >= self.limit:
                on_wait(ahead)
            with self._changed:
                while self._next() is not ticket or self._held >= self.limit:
                    ticket.check()
                    self._changed.wait(0.2 if self._next() is ticket else 1.0)
                ticket.check()
                self._held += 1
        finally:
            with self._changed:
                self._queue.remove(ticket)
                self._urgent.discard(ticket.app_id)
                self._changed.notify_all()

    def _next(self) -> Ticket:
        return next((one for one in self._queue if one.app_id in self._urgent), self._queue[0])
