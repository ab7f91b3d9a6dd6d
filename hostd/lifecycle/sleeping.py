"""Apps without visitors sleep: their process ends, their route stays. The next visit wakes them.

Also when memory runs short: then the app that was left alone longest sleeps first.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from hostd.errors import HostdError, NoRoom
from hostd.layout import Layout
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.registry import Registry, Ticket
from hostd.lifecycle.replicas import Replicas
from hostd.memory import Room
from hostd.models import App, Status, Wish
from hostd.runlog import say
from hostd.settings import Settings

log = logging.getLogger(__name__)
JUST_USED = 30.0
"""Seconds after a visit in which an app does not have to sleep for memory's sake."""
_UNDER_WAY = 0.05
"""Seconds in which a request that was routed before an app fell asleep has reached its process."""


_CLOCKS = 60.0
"""Seconds that a file's time may be ahead: further on it tells of no work, but of a clock that was set."""
_NO_PING = 1.0
"""Seconds that no ping of a monitor takes."""


class Visits(Protocol):
    """What the gateway knows of visitors; any thread may ask."""

    def busy(self, port: int) -> int:
        """How many connections a port has at work."""

    def tunnels(self, port: int) -> int:
        """How many WebSockets a port has open."""

    def last_seen(self, app_id: str) -> float:
        """When the app was last visited (time.monotonic), 0 for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeper:
    """Decides who sleeps. ``pause``: seconds from one that sleeps for memory's sake until the next."""

    settings: Settings
    layout: Layout
    registry: Registry
    launcher: Launcher
    replicas: Replicas
    visits: Visits
    room: Room
    pause: float = 1.0
    _active: dict[str, float] = field(default_factory=dict)
    _busy_since: dict[str, float] = field(default_factory=dict)
    _victims: list[float] = field(default_factory=list)

    def look(self, wake: Callable[[str], None]) -> None:
        """Send to sleep whoever has been idle long enough; ``wake`` has an app's worker carry it out."""
        idle = self._idle_apps()
        for app, seconds in idle:
            if seconds >= self._limit(app):
                self._send_to_sleep(app, wake)
        if idle and not self.room.is_there():
            self._make_one_sleep(wake)

    def make_room(self, wake: Callable[[str], None], timeout: float = 10.0) -> None:
        """See that one more app fits in, and send idle ones to sleep for it. Raises NoRoom."""
        deadline = time.monotonic() + timeout
        while not self.room.is_there():
            if time.monotonic() > deadline or not self._make_one_sleep(wake):
                raise NoRoom(self.room.words())
            time.sleep(0.2)

    def lie_down(self, ticket: Ticket, app: App) -> bool:
        """The worker's step: end the process of an app that is to sleep, unless a visitor came after all."""
        serving = self.registry.serving(app.app_id)
        if serving is not None:
            time.sleep(_UNDER_WAY)
            app = self.registry.get(app.app_id)
            if self._busy(app, serving.port) or self._is_held(app):
                self.registry.note(ticket, app.app_id, status=Status.RUNNING, pid=serving.pid)
                return True
        self.registry.note(ticket, app.app_id, serve=None, pid=None)
        self.replicas.end(app.app_id)
        self.launcher.drop_others(app)
        if serving is not None:
            say(self.layout.app(app.app_id).log, "sleep: nobody visits the app; its process has ended")
        return False

    def may_ever(self, app: App) -> bool:
        """Whether an app may be asleep at all, as it is set now: after a boot until its first visit, say."""
        return self._limit(app) != float("inf") and not self._is_held(app)

    def _idle_apps(self) -> list[tuple[App, float]]:
        """Those that may sleep, and for how many seconds nobody was there; the longest first."""
        now = time.monotonic()
        serving = self.registry.all_serving()
        for gone in set(self._active) - {app.app_id for app in serving}:
            self._active.pop(gone, None)
            self._busy_since.pop(gone, None)
        idle = [(app, self._idle(app, now)) for app in serving]  # a visit counts also while one may not sleep
        return sorted((one for one in idle if self._may_sleep(one[0])), key=lambda one: -one[1])

    def _idle(self, app: App, now: float) -> float:
        if app.port is not None and self._is_visited(app, app.port, now):
            self._active[app.app_id] = now
        return now - max(self._active.setdefault(app.app_id, now), self.visits.last_seen(app.app_id))

    def _is_held(self, app: App) -> bool:
        """Whether it was asked to stay awake, and for longer than until now; or says itself that it works.

        It reaches no call of hostd's (hostd/confine/landlock.py): it touches a file.
        """
        if app.awake_until is not None and datetime.fromisoformat(app.awake_until) > datetime.now(UTC):
            return True
        try:
            touched = os.lstat(self.layout.app(app.app_id).keep_awake).st_mtime
        except OSError:
            return False
        return -_CLOCKS < time.time() - touched < self._limit(app)

    def _is_visited(self, app: App, port: int, now: float) -> bool:
        """An open WebSocket, or a request that takes its time: others count when they come. And a release
        that drains: it ends with its last session.
        """
        if any(not old.ended for old in app.draining):
            return True
        if not self._busy(app, port):
            self._busy_since.pop(app.app_id, None)
            return False
        since = self._busy_since.setdefault(app.app_id, now)
        others = self.replicas.connections(app.app_id, app.release or 0)
        return bool(self.visits.tunnels(port) or others) or now - since >= _NO_PING

    def _busy(self, app: App, port: int) -> int:
        return self.visits.busy(port) + self.replicas.connections(app.app_id, app.release or 0)

    def _may_sleep(self, app: App) -> bool:
        settled = app.status is Status.RUNNING and app.wish is Wish.RUNNING and app.target == app.release
        return settled and not (app.restart or app.draining) and self.may_ever(app)

    def _limit(self, app: App) -> float:
        minutes = 0 if app.scale.always_on else app.scale.idle_minutes
        minutes = self.settings.idle_minutes if minutes is None else minutes
        return minutes * 60 or float("inf")

    def _make_one_sleep(self, wake: Callable[[str], None]) -> bool:
        """Send the longest idle one; False when there is none. One after the other, as memory comes back."""
        now = time.monotonic()
        lying_down = any(app.status is Status.SLEEPING for app in self.registry.all_serving())
        if lying_down or (self._victims and now - self._victims[-1] < self.pause):
            return True
        victim = next((app for app, seconds in self._idle_apps() if seconds >= JUST_USED), None)
        if victim is None:
            return False
        self._victims[:] = [now]
        say(self.layout.app(victim.app_id).log, "sleep: memory runs short, and nobody is here")
        self._send_to_sleep(victim, wake)
        return True

    def _send_to_sleep(self, app: App, wake: Callable[[str], None]) -> None:
        def decide(current: App) -> dict[str, Any]:
            return {"status": Status.SLEEPING, "pid": None} if current is app else {}

        try:
            self.registry.ask(app.app_id, decide, durable=False)
        except HostdError as error:
            log.warning("%s can't be sent to sleep: %s", app.app_id, error)
            return
        wake(app.app_id)
