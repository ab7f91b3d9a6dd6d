"""Apps without visitors sleep: their process ends, their route stays. The next visit wakes them.

Also when memory runs short: then the app that was left alone longest sleeps first.
"""

from __future__ import annotations

import logging
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
from hostd.models import App, Status, Wish
from hostd.runlog import say
from hostd.settings import Settings

log = logging.getLogger(__name__)
JUST_USED = 30.0
"""Seconds after a visit in which an app does not have to sleep for memory's sake."""
_UNDER_WAY = 0.05
"""Seconds in which a request that was routed before an app fell asleep has reached its process."""


class Visits(Protocol):
    """What the gateway knows of visitors; any thread may ask."""

    def busy(self, port: int) -> int:
        """How many connections a port has at work."""

    def last_seen(self, app_id: str) -> float:
        """When the app was last visited (time.monotonic), 0 for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeper:
    """Decides who sleeps. ``memory`` tells the bytes that are left."""

    settings: Settings
    layout: Layout
    registry: Registry
    launcher: Launcher
    replicas: Replicas
    visits: Visits
    memory: Callable[[], int]
    _active: dict[str, float] = field(default_factory=dict)

    def look(self, wake: Callable[[str], None]) -> None:
        """Send to sleep whoever has been idle long enough; ``wake`` has an app's worker carry it out."""
        idle = self._idle_apps()
        for app, seconds in idle:
            if seconds >= self._limit(app):
                self._send_to_sleep(app, wake)
        if idle and self._short():
            self._make_one_sleep(wake)

    def make_room(self, wake: Callable[[str], None], timeout: float = 10.0) -> None:
        """See that one more app fits in, and send idle ones to sleep for it. Raises NoRoom."""
        deadline = time.monotonic() + timeout
        while self._short():
            if time.monotonic() > deadline or not self._make_one_sleep(wake):
                raise NoRoom(
                    f"The machine has {self.memory() // 1_000_000} MB of memory left, and keeps "
                    f"{self.settings.memory_reserve_mb} MB free (STREAMLIT_HOST_MEMORY_RESERVE_MB). "
                    "Stop an app that is not needed, or wait until one sleeps."
                )
            time.sleep(0.5)

    def lie_down(self, ticket: Ticket, app: App) -> bool:
        """The worker's step: end the process of an app that is to sleep, unless a visitor came after all."""
        serving = self.registry.serving(app.app_id)
        if serving is not None:
            time.sleep(_UNDER_WAY)
            if self._busy(app, serving.port):
                self.registry.note(ticket, app.app_id, status=Status.RUNNING, pid=serving.pid)
                return True
        self.registry.note(ticket, app.app_id, serve=None, pid=None)
        self.replicas.end(app.app_id)
        self.launcher.drop_others(app)
        say(self.layout.app(app.app_id).log, "sleep: nobody visits the app; its process has ended")
        return False

    def sleeps_after_boot(self, app: App) -> bool:
        """Whether an app that ran before the machine went down waits for its first visit."""
        return self._limit(app) != float("inf")

    def _idle_apps(self) -> list[tuple[App, float]]:
        """Those that may sleep, and for how many seconds nobody was there; the longest first."""
        now = time.monotonic()
        serving = self.registry.all_serving()
        for gone in self._active.keys() - {app.app_id for app in serving}:
            del self._active[gone]
        idle = [(app, self._idle(app, now)) for app in serving if self._may_sleep(app)]
        return sorted(idle, key=lambda one: -one[1])

    def _idle(self, app: App, now: float) -> float:
        if app.port is not None and self._busy(app, app.port):
            self._active[app.app_id] = now
        return now - max(self._active.setdefault(app.app_id, now), self.visits.last_seen(app.app_id))

    def _busy(self, app: App, port: int) -> int:
        return self.visits.busy(port) + self.replicas.connections(app.app_id, app.release or 0)

    def _may_sleep(self, app: App) -> bool:
        settled = app.status is Status.RUNNING and app.wish is Wish.RUNNING and app.target == app.release
        held = app.awake_until is not None and datetime.fromisoformat(app.awake_until) > datetime.now(UTC)
        return settled and not (app.restart or app.draining or held) and self._limit(app) != float("inf")

    def _limit(self, app: App) -> float:
        minutes = 0 if app.scale.always_on else app.scale.idle_minutes
        minutes = self.settings.idle_minutes if minutes is None else minutes
        return minutes * 60 or float("inf")

    def _short(self) -> bool:
        return self.memory() < self.settings.memory_reserve_mb * 1_000_000

    def _make_one_sleep(self, wake: Callable[[str], None]) -> bool:
        victim = next((app for app, seconds in self._idle_apps() if seconds >= JUST_USED), None)
        if victim is None:
            return False
        say(self.layout.app(victim.app_id).log, "sleep: memory runs short, and nobody is here")
        self._send_to_sleep(victim, wake)
        return True

    def _send_to_sleep(self, app: App, wake: Callable[[str], None]) -> None:
        def decide(current: App) -> dict[str, Any]:
            return {"status": Status.SLEEPING, "pid": None} if current is app else {}

        try:
            self.registry.ask(app.app_id, decide)
        except HostdError as error:
            log.warning("%s can't be sent to sleep: %s", app.app_id, error)
            return
        wake(app.app_id)
