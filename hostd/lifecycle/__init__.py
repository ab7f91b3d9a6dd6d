"""The use cases: create, update, start, stop, restart, delete; and reconciliation, which mends the rest.

Each call writes what is asked to meta.json and wakes the app's worker; the worker brings it about. So a
kill at any moment loses nothing: at the next start the same worker goes on from what is on the disk.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from hostd import bundles
from hostd.errors import AppFailed, Conflict, HostdError, Interrupted, SupervisorUnavailable, UnknownApp
from hostd.layout import AppLayout, Layout, program_name
from hostd.lifecycle import recovery
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.observe import Observer
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.workers import Workers
from hostd.models import App, Failure, FailureKind, Status, Wish
from hostd.runlog import now, say
from hostd.store import Store, translated
from hostd.supervisor import Changes

log = logging.getLogger(__name__)
STOP_WAIT, DELETE_WAIT = 20.0, 30.0
"""How long stop and delete wait for their end before they answer, seconds."""


@dataclass(slots=True, kw_only=True)
class Lifecycle:
    """The life of every app. All methods block; call them from threads."""

    layout: Layout
    store: Store
    registry: Registry
    deployer: Deployer
    workers: Workers = field(init=False)
    observer: Observer = field(init=False)
    _closing: threading.Event = field(default_factory=threading.Event)
    _updating: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def __post_init__(self) -> None:
        self.workers = Workers(self.converge)
        self.observer = Observer(
            layout=self.layout, registry=self.registry, workers=self.workers, deployer=self.deployer
        )

    def create(self, name: str, upload: bundles.Upload, app_id: str | None = None) -> App:
        """A new app, on disk and asked to run. Raises Invalid, Conflict, NoFreePort, DiskFull."""
        name = bundles.check_name(name)
        app_id = bundles.check_id(app_id) if app_id else bundles.make_id(name)
        upload = bundles.check(upload)
        with self.registry.claim(app_id):
            if self.layout.app(app_id).root.exists():
                raise Conflict(
                    f"A folder that is no app, or can't be read, has the id '{app_id}'. Choose another."
                )
            app = self._made(app_id, name, upload)
            self.registry.add(app)
        self.workers.wake(app_id)
        return app

    def _made(self, app_id: str, name: str, upload: bundles.Upload) -> App:
        """A new app on disk, with a port leased."""
        program = program_name(app_id, 1)
        app = App(
            app_id=app_id,
            name=name,
            status=Status.CREATED,
            wish=Wish.RUNNING,
            target=1,
            port=self.deployer.launcher.ports.lease(program),
            cookie_secret=secrets.token_hex(32),
            created_at=now(),
            updated_at=now(),
        )
        try:
            return self._lay_down_new(app, upload)
        except BaseException:
            self.deployer.launcher.ports.release(program)
            raise

    def update(self, app_id: str, name: str | None, upload: bundles.Upload) -> App:
        """Rename, or lay down a new release and ask for it. Raises Invalid, UnknownApp, DiskFull."""
        name = bundles.check_name(name) if name is not None else None
        upload = bundles.check(upload)
        with self._updating[app_id]:
            current = self.registry.get(app_id)
            changes: dict[str, Any] = {} if name in (None, current.name) else {"name": name}
            if upload.empty:
                return self._ask(app_id, lambda _: changes)
            return self._ask_for_release(current, upload, changes)

    def _ask_for_release(self, current: App, upload: bundles.Upload, changes: dict[str, Any]) -> App:
        """Lay down the next release, outside the registry's lock, and ask for it if it is another."""
        folder = self.layout.app(current.app_id)
        number = max([current.target, *bundles.numbers(folder)]) + 1
        try:
            release = bundles.lay_down(folder, number, upload, folder.release(current.target))
        except FileNotFoundError:
            raise UnknownApp(current.app_id) from None  # it was deleted meanwhile
        digests = bundles.digests(release)
        same = all(getattr(current, key) == value for key, value in digests.items())
        try:
            if not same:
                changes = changes | digests | _asked_to_run(Status.CREATED) | {"target": number}
            return self._ask(current.app_id, lambda _: changes)
        finally:
            app = self.registry.peek(current.app_id)
            if app is None or app.target < number:
                shutil.rmtree(release.root, ignore_errors=True)

    def start(self, app_id: str) -> App:
        """Ask an app to run. Raises UnknownApp, NoFreePort."""

        def decide(app: App) -> dict[str, Any]:
            if app.wish is Wish.RUNNING and app.status is not Status.FAILED:
                return {}
            self.deployer.launcher.ports.lease(program_name(app_id, app.target), app.port)
            return _asked_to_run(Status.STARTING if app.target == app.release else Status.CREATED)

        return self._ask(app_id, decide)

    def restart(self, app_id: str) -> App:
        """Ask for a new process; for an app that does not run, the same as start."""

        def decide(app: App) -> dict[str, Any]:
            if app.status is not Status.RUNNING:
                self.deployer.launcher.ports.lease(program_name(app_id, app.target), app.port)
            if app.target != app.release:
                return _asked_to_run(Status.CREATED)
            return _asked_to_run(Status.STARTING) | {"restart": True, "pid": None}

        return self._ask(app_id, decide)

    def stop(self, app_id: str) -> App:
        """Ask an app to stop, its install included, and wait for it."""
        self._ask(app_id, lambda app: {} if app.status is Status.STOPPED else {"wish": Wish.STOPPED})
        self.workers.wait(lambda: self._ended(app_id, Status.STOPPED), STOP_WAIT)
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
        states = self.deployer.supervisor.states()
        recovery.reopen(self.registry, self.deployer.launcher.ports, states)
        self.observer.look()

    def watch(self, changes: Changes, interval: float = 1.5) -> None:
        """Look at each change of state, and every ``interval`` seconds in any case; until close()."""
        while not self._closing.is_set():
            try:
                self.observer.look()
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

    def converge(self, app_id: str) -> None:
        """One worker's round: step after step until there is none left."""
        while not self._closing.is_set():
            ticket = self.registry.ticket(app_id)
            try:
                if not self.deployer.step(ticket):
                    return
            except Interrupted:
                continue
            except SupervisorUnavailable as error:
                log.warning("%s: %s", app_id, error)
                self._closing.wait(1.0)
            except AppFailed as error:
                self._fail(app_id, error.failure, ticket)
            except Exception as error:
                log.exception("%s: a step stumbled", app_id)
                text = str(error) if isinstance(error, HostdError) else f"{type(error).__name__}: {error}"
                self._fail(app_id, Failure(_kind_of(error), text), ticket)
                self._closing.wait(1.0)  # what can't be done may be tried again, but not in a hot loop

    def _fail(self, app_id: str, failure: Failure, ticket: Any) -> None:
        try:
            self.deployer.fail(ticket, failure)
        except (Interrupted, UnknownApp):
            return
        except SupervisorUnavailable as error:
            log.warning("%s: %s", app_id, error)

    def _ask(self, app_id: str, decide: Any) -> App:
        app = self.registry.ask(app_id, decide)
        self.workers.wake(app_id)
        return app

    def _ended(self, app_id: str, status: Status) -> bool:
        app = self.registry.peek(app_id)
        return app is None or app.status is status or app.wish is not Wish.STOPPED

    def _lay_down_new(self, app: App, upload: bundles.Upload) -> App:
        """Make the app's folder under a temporary name; only the last rename makes it an app."""
        final = self.layout.app(app.app_id).root
        temporary = AppLayout(final.with_name(f".new-{app.app_id}-{secrets.token_hex(3)}"))
        try:
            temporary.releases.mkdir(parents=True)
            temporary.home.mkdir(mode=0o700)
            release = bundles.lay_down(temporary, 1, upload)
            app = replace(app, **bundles.digests(release))
            self.store.save_in(temporary, app)
            say(temporary.log, f"create: {app.name}")
            temporary.root.rename(final)
        except OSError as error:
            raise translated(error) from None
        finally:
            shutil.rmtree(temporary.root, ignore_errors=True)
        return app


def _asked_to_run(status: Status) -> dict[str, Any]:
    return {"wish": Wish.RUNNING, "status": status, "error": None}


def _kind_of(error: Exception) -> FailureKind:
    is_full = type(translated(error) if isinstance(error, OSError) else error).__name__ == "DiskFull"
    return FailureKind.DISK_FULL if is_full else FailureKind.INTERNAL
