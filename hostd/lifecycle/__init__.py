"""The use cases: start, stop, restart, delete, those of releases; and reconciliation, which mends the rest.

Each call writes what is asked to meta.json and wakes the app's worker; the worker brings it about. So a
kill at any moment loses nothing: at the next start the same worker goes on from what is on the disk.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hostd.access import Change, unchanged
from hostd.errors import SupervisorUnavailable
from hostd.layout import Layout
from hostd.lifecycle import recovery
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.fetching import fetcher
from hostd.lifecycle.observe import Observer
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.releases import Releases
from hostd.lifecycle.rounds import Rounds
from hostd.lifecycle.wanted import Wanted
from hostd.lifecycle.workers import Workers
from hostd.models import App, Status, Wish
from hostd.program_names import program_name
from hostd.runlog import say
from hostd.settings import Settings
from hostd.store import Store
from hostd.supervisor import Changes

log = logging.getLogger(__name__)
STOP_WAIT, DELETE_WAIT = 20.0, 30.0
"""How long stop and delete wait for their end before they answer, seconds."""


@dataclass(slots=True, kw_only=True)
class Lifecycle:
    """The life of every app. All methods block; call them from threads."""

    settings: Settings
    layout: Layout
    store: Store
    registry: Registry
    deployer: Deployer
    workers: Workers = field(init=False)
    observer: Observer = field(init=False)
    releases: Releases = field(init=False)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        rounds = Rounds(
            layout=self.layout, registry=self.registry, deployer=self.deployer, closing=self._closing
        )
        self.workers = Workers(rounds.converge)
        self.observer = Observer(
            layout=self.layout, registry=self.registry, workers=self.workers, deployer=self.deployer
        )
        self.releases = Releases(
            settings=self.settings,
            layout=self.layout,
            store=self.store,
            registry=self.registry,
            ports=self.deployer.launcher.ports,
            vault=self.deployer.launcher.vault,
            wake=self.workers.wake,
            fetcher=fetcher(self.settings, self.deployer.launcher.owners.uids),
        )

    def start(self, app_id: str) -> App:
        """Ask an app to run. Raises UnknownApp, NoFreePort, NoRoom."""
        if self.registry.get(app_id).status in (Status.STOPPED, Status.FAILED, Status.SLEEPING):
            self.deployer.sleeper.make_room(self.workers.wake)

        def decide(app: App) -> dict[str, Any]:
            if app.wish is Wish.RUNNING and app.status not in (Status.FAILED, Status.SLEEPING):
                return {}
            self.deployer.launcher.ports.lease(program_name(app_id, app.target), app.port)
            return _asked_to_run(Status.STARTING if app.target == app.release else Status.CREATED)

        return self._ask(app_id, decide)

    def wake(self, app_id: str) -> None:
        """A visitor came to an app that sleeps. Raises UnknownApp, NoFreePort, NoRoom."""
        if self.registry.get(app_id).status is Status.SLEEPING:
            self.deployer.launcher.slots.hurry(app_id)
            self._wake(app_id, "a visitor came")

    def keep_awake(self, app_id: str, minutes: float) -> App:
        """Let an app not sleep for so long, though nobody visits it; 0 takes that back. Raises UnknownApp."""
        self.registry.get(app_id)
        until = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat() if minutes else None
        return self._not_to_sleep(self.registry.amend(None, app_id, lambda _: {"awake_until": until}))

    def update(
        self, app_id: str, name: str | None, wanted: Wanted, scale: Mapping[str, Any], access: Change | None
    ) -> tuple[App, int | None]:
        """Change an app; see Releases.update. One that may sleep no more wakes."""
        app, number = self.releases.update(app_id, name, wanted, scale, access or unchanged)
        if access is not None and number is None:
            app = self.change_access(app_id, access)
        return self._not_to_sleep(app), number

    def change_access(self, app_id: str, change: Change) -> App:
        """Say who may see an app, at once; to or from public it starts anew, told who looks or not.

        What a deploy does meanwhile begins anew as well: the worker then sees what must be started again.
        """
        access = self.registry.get(app_id).access
        if access.is_public is change(access).is_public:
            self.registry.amend(None, app_id, lambda app: {"access": change(app.access)})
            self.workers.wake(app_id)
            return self.registry.get(app_id)

        def decide(app: App) -> dict[str, Any]:
            again = app.status is Status.RUNNING and app.target == app.release
            return {"access": change(app.access)} | (_asked_to_start_anew() if again else {})

        return self._ask(app_id, decide)

    def _not_to_sleep(self, app: App) -> App:
        if app.status is not Status.SLEEPING or self.deployer.sleeper.may_ever(app):
            return app
        return self._wake(app.app_id, "it is not to sleep")

    def _wake(self, app_id: str, why: str) -> App:
        """Start an app that sleeps, and that nobody has stopped meanwhile."""
        self.deployer.sleeper.make_room(self.workers.wake)

        def decide(app: App) -> dict[str, Any]:
            if app.status is not Status.SLEEPING or app.wish is not Wish.RUNNING:
                return {}
            self.deployer.launcher.ports.lease(program_name(app_id, app.target), app.port)
            say(self.layout.app(app_id).log, f"wake: {why}")
            return _asked_to_run(Status.STARTING)

        return self._ask(app_id, decide, durable=False)

    def restart(self, app_id: str) -> App:
        """Ask for a new process; for an app that does not run, the same as start."""

        def decide(app: App) -> dict[str, Any]:
            if app.status is not Status.RUNNING:
                self.deployer.launcher.ports.lease(program_name(app_id, app.target), app.port)
            if app.target != app.release:
                return {} if app.status is Status.RUNNING else _asked_to_run(Status.CREATED)
            return _asked_to_start_anew()

        return self._ask(app_id, decide)

    def stop(self, app_id: str) -> App:
        """Ask an app to stop, its install included, and wait for it."""
        self._ask(app_id, lambda app: {} if _is_stopped(app) else {"wish": Wish.STOPPED})
        self.workers.wait(lambda: self._ended(app_id, Status.STOPPED), STOP_WAIT)
        return self.registry.get(app_id)

    def drain(self, app_id: str, number: int) -> App:
        """End a draining release without waiting for its sessions.

        Raises UnknownApp, UnknownRelease, Conflict when it does not drain.
        """
        self.releases.check_draining(app_id, number)
        self.deployer.drainer.end(app_id, number)
        return self.registry.get(app_id)

    def delete(self, app_id: str) -> None:
        """Take an app away, and wait until it is gone. From the first moment on nobody sees it any more."""
        self.registry.ask(app_id, lambda _: {"wish": Wish.DELETED})
        self.workers.wake(app_id)
        self.workers.wait(lambda: self.registry.peek(app_id) is None, DELETE_WAIT)

    def counts(self) -> dict[str, int]:
        """How many apps there are, in all and by status."""
        by_status = Counter(app.status for app in self.registry.all())
        return {"total": by_status.total(), **{status.value: by_status[status] for status in Status}}

    def recover(self) -> None:
        """At start: take in what is on disk, compare it with what runs, mend."""
        recovery.take_in(self.layout, self.store, self.registry)
        self.deployer.launcher.owners.load()
        states = self.deployer.supervisor.states()
        recovery.reopen(self.layout, self.registry, self.deployer.launcher.ports, states)
        self.deployer.replicas.recover(states)
        recovery.let_sleep(self.registry, self.deployer.sleeper.may_ever, states)
        self.observer.look()

    def watch(self, changes: Changes, interval: float = 1.5) -> None:
        """Look at each change of state, and every ``interval`` seconds in any case; until close()."""
        while not self._closing.is_set():
            try:
                self.observer.look()
                self.deployer.sleeper.look(self.workers.wake)
                self.registry.save_pending()
            except SupervisorUnavailable as error:
                log.warning("%s", error)
                self._closing.wait(0.5)
            except Exception:
                log.exception("reconciliation stumbled")
                self._closing.wait(0.5)
            changes.wait(interval)

    def close(self) -> None:
        """End the watching."""
        self._closing.set()

    def _ask(self, app_id: str, decide: Any, *, durable: bool = True) -> App:
        app = self.registry.ask(app_id, decide, durable=durable)
        self.workers.wake(app_id)
        return app

    def _ended(self, app_id: str, status: Status) -> bool:
        app = self.registry.peek(app_id)
        return app is None or app.status is status or app.wish is not Wish.STOPPED


def _is_stopped(app: App) -> bool:
    return app.status is Status.STOPPED and app.wish is Wish.STOPPED


def _asked_to_run(status: Status) -> dict[str, Any]:
    return {"wish": Wish.RUNNING, "status": status, "error": None}


def _asked_to_start_anew() -> dict[str, Any]:
    return _asked_to_run(Status.STARTING) | {"restart": True, "pid": None}
