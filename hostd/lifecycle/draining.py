"""Releases whose open sessions go on after a deploy: watched, and ended when their time has come."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hostd import bundles
from hostd.errors import HostdError
from hostd.layout import Layout
from hostd.lifecycle import outcomes
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.replicas import Replicas
from hostd.lifecycle.told import is_outdated
from hostd.models import App, Draining
from hostd.program_names import program_name
from hostd.runlog import say
from hostd.supervisor import ProcessState

log = logging.getLogger(__name__)
GRACE = 10.0
"""Seconds without a connection until a release has drained: a tab that lost its network comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drainer:
    """Ends releases that have drained. ``busy`` says how many connections a port has."""

    layout: Layout
    registry: Registry
    launcher: Launcher
    replicas: Replicas
    busy: Callable[[int], int]
    grace: float = GRACE
    locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _quiet: dict[int, float] = field(default_factory=dict)
    _ending: set[str] = field(default_factory=set)

    def look(self, states: Mapping[str, ProcessState]) -> None:
        """End what has no session left, is out of time, or no longer runs. Does not block."""
        ports = set()
        for app in self.registry.restless():
            for old in app.draining:
                ports.add(old.port)
                state = states.get(program_name(app.app_id, old.release))
                if old.release != app.target and self._is_over(app.app_id, old, state):
                    self._end_behind(app.app_id, old.release)
        for port in set(self._quiet) - ports:
            self._quiet.pop(port, None)

    def running(self, app: App, base: str) -> Draining | None:
        """The target, if it drains and answers at ``base``: then it just gets new visitors again.

        Unless the app's secrets were changed since it started.
        """
        old, name = drains(app, app.target), program_name(app.app_id, app.target)
        if old is None or old.ended or not self.launcher.vault.runs_with(app.app_id, app.target, name):
            return None
        state = self.launcher.supervisor.state(name)
        alive = state is not None and state.alive
        return old if alive and self.launcher.health.ready(old.port, base) else None

    def end(self, app_id: str, number: int) -> None:
        """End one now: its route, its program, its port. What it wrote beside its code goes on.

        It stays on the list until all is done, so that a kill in between is mended at the next look.
        """
        with self.locks[app_id]:
            if drains(self.registry.peek(app_id), number) is None:
                return
            self._change(app_id, number, ended=True)
            self.replicas.end(app_id, number)
            self.launcher.drop(app_id, number)
            self._carry_on(app_id, number)
            say(self.layout.app(app_id).log, f"drain: release {number} has ended")
            self.registry.amend(None, app_id, lambda app: _without(app, number))
            self.launcher.forget_secrets(app_id)

    def begin(self, app: App, minutes: float) -> dict[str, Any]:
        """The changes that make the release that served until now a draining one, or one that has ended."""
        if app.release is None or app.port is None:
            return {}
        state = self.launcher.supervisor.state(program_name(app.app_id, app.release))
        pid = state.pid if state else app.pid  # it may have crashed, and be back, while its successor came
        since = datetime.now(UTC)
        until = since + timedelta(minutes=minutes)
        old = Draining(app.release, app.port, pid, since.isoformat(), until.isoformat(), ended=minutes <= 0)
        others = tuple(other for other in app.draining if other.release not in (app.release, app.target))
        return {"draining": (*others, old)}

    def end_ended(self, app_id: str) -> None:
        """Take those away whose time was over when it began; what they wrote goes on as well."""
        for old in self.registry.get(app_id).draining:
            if old.ended:
                self.end(app_id, old.release)

    def end_outdated(self, app: App) -> None:
        """End those that were started as a public app's and are no more: they may hold strangers' sockets."""
        if not app.access.is_public:
            for number in drained(app):
                if is_outdated(self.layout, self.registry, app, number):
                    self.end(app.app_id, number)

    def minutes(self, app: App) -> float:
        """How long the sessions of the release that served until now may go on: its own setting."""
        release = self.layout.app(app.app_id).release(app.release or 0)
        chosen = outcomes.asked(release).options.drain_minutes
        return self.launcher.settings.drain_minutes if chosen is None else chosen

    def _change(self, app_id: str, number: int, **changes: Any) -> None:
        def decide(app: App) -> dict[str, Any]:
            olds = (replace(old, **changes) if old.release == number else old for old in app.draining)
            return {"draining": tuple(olds)}

        self.registry.amend(None, app_id, decide)

    def _is_over(self, app_id: str, old: Draining, state: ProcessState | None) -> bool:
        if old.ended or datetime.fromisoformat(old.until) <= datetime.now(UTC):
            return True
        if self.replicas.living(app_id, old.release):
            return False  # they have sessions, whatever became of the first process
        if state is None or not state.alive or state.pid != old.pid:
            return True
        if self.busy(old.port):
            self._quiet.pop(old.port, None)
            return False
        return time.monotonic() - self._quiet.setdefault(old.port, time.monotonic()) >= self.grace

    def _end_behind(self, app_id: str, number: int) -> None:
        """End it in a thread of its own: a stop takes seconds."""
        name = program_name(app_id, number)
        if name in self._ending:
            return
        self._ending.add(name)

        def run() -> None:
            try:
                self.end(app_id, number)
            except (HostdError, OSError) as error:
                log.warning("%s: %s", name, error)  # the next look tries again
            finally:
                self._ending.discard(name)

        threading.Thread(target=run, name=f"drain-{name}", daemon=True).start()

    def _carry_on(self, app_id: str, number: int) -> None:
        """What a drained release still wrote beside its code goes to the one that serves."""
        app = self.registry.peek(app_id)
        if app is not None and app.release is not None and app.release != number:
            folder = self.layout.app(app_id)
            bundles.leave_to(folder.release(number), folder.release(app.release))


def drains(app: App | None, number: int | None) -> Draining | None:
    """The release ``number`` of an app, if it drains."""
    return next((old for old in app.draining if old.release == number), None) if app else None


def drained(app: App) -> tuple[int, ...]:
    """The releases of an app that drain."""
    return tuple(old.release for old in app.draining)


def _without(app: App, number: int) -> dict[str, Any]:
    return {"draining": tuple(old for old in app.draining if old.release != number)}
