"""Stops apps that use more than they may, and what apps left running: each second.

RLIMIT_DATA ends most of it before, by a MemoryError in the app itself; this is for many processes, for
shared memory, and for the number of processes where there is no uid to limit it by.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from hostd import words
from hostd.errors import HostdError, SupervisorEnds
from hostd.layout import Layout
from hostd.lifecycle import confinement, outcomes
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.families import Census, end
from hostd.lifecycle.measuring import SHARED_MEMORY, forget_files, used_memory
from hostd.lifecycle.registry import Registry
from hostd.models import App, Failure, FailureKind
from hostd.processes import running
from hostd.program_names import app_id_of
from hostd.settings import Settings
from hostd.supervisor import ProcessState

log = logging.getLogger(__name__)
MB = 1_000_000


@dataclass(slots=True, kw_only=True)
class Watchdog:
    """Looks at what runs. ``look`` is for one thread."""

    settings: Settings
    layout: Layout
    registry: Registry
    deployer: Deployer
    census: Census = field(init=False)
    _strays: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.census = Census(apps=self.deployer.launcher.owners.numbers())

    def run(self, closing: threading.Event, interval: float = 1.0) -> None:
        """Look every ``interval`` seconds until ``closing`` is set."""
        while not closing.wait(interval):
            try:
                self.look()
            except Exception:
                log.exception("the watchdog stumbled")

    def close(self) -> None:
        """End what apps left, if supervisord ends as well: it has ended all but us by now."""
        try:
            self.deployer.supervisor.states()
        except SupervisorEnds:
            _, left = self.census.take({os.getpid(): None}, running())
            end(*(one.pid for one in left))
        except HostdError as error:
            log.warning("%s", error)

    def look(self) -> None:
        """Memory and number of processes of every program of an app, and what is nobody's any more."""
        states = self.deployer.supervisor.last_states()
        found, left = self.census.take(self._roots(states), running())
        for name, state in states.items():
            app = self.registry.peek(app_id_of(name)) if state.pid in found else None
            if app is not None and (failure := self._over(app, found[state.pid])):
                self._stop(app, name, state.pid, found[state.pid], failure)
        again = {(one.pid, one.born) for one in left}
        if again & self._strays:
            self._end_strays()
        self._strays = again

    def _roots(self, states: Mapping[str, ProcessState]) -> dict[int, int | None]:
        """The pid of every program that runs, and the user it runs as if it is an app's."""
        apps = {state.pid: self.registry.peek(app_id_of(name)) for name, state in states.items() if state.pid}
        return {pid: None if app is None else app.uid for pid, app in apps.items()}

    def _over(self, app: App, members: set[int]) -> Failure | None:
        limits = confinement.limits(self.settings, app.scale)
        limit = limits["memory_mb"]
        used = used_memory(members, limit * MB, self._user(app)) // MB if limit else 0
        if used > limit:
            return words.make(FailureKind.OUT_OF_MEMORY, "over_memory", used=used, limit=limit)
        limit = limits["processes"]
        if limit and len(members) > limit:
            return words.make(FailureKind.CRASHED, "over_processes", used=len(members), limit=limit)
        return None

    def _stop(self, app: App, name: str, pid: int, members: set[int], failure: Failure) -> None:
        """End all of it, unless the program has another process by now. supervisord starts it again."""
        now = self.deployer.supervisor.state(name)
        if now is None or now.pid != pid:
            return
        outcomes.tell(self.layout.app(app.app_id).log, failure)
        log.warning("%s: %s", name, failure.message)
        end(pid, *members)
        if failure.kind is FailureKind.OUT_OF_MEMORY and (uid := self._user(app)) is not None:
            forget_files(uid, (SHARED_MEMORY,))  # the next process would have them from the start
        with suppress(HostdError):
            self.registry.amend(None, app.app_id, lambda _: {"error": failure})

    def _end_strays(self) -> None:
        """What two looks found to be nobody's, if it still is by what supervisord says now."""
        table = running()
        _, left = self.census.take(self._roots(self.deployer.supervisor.states()), table)
        for one in left:
            if (one.pid, one.born) in self._strays:
                log.info(
                    "process %d is ended: the app that started it runs no more, or it left its app", one.pid
                )
                end(one.pid)

    def _user(self, app: App) -> int | None:
        return app.uid if self.census.apps is not None else None
