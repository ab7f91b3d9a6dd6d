"""Every app in memory, saved whole at each change."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hostd.errors import Conflict, DiskFull, HostdError, Interrupted, UnknownApp
from hostd.lifecycle.routing import STATUS_AT, Serving
from hostd.lifecycle.running import KEEP, Running, Unchanged
from hostd.models import App, Deploying, Route, Step, Wish
from hostd.runlog import now
from hostd.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A worker's leave to go on, until somebody asks for something else of the same app."""

    app_id: str
    valid: Callable[[], bool]

    def check(self) -> None:
        """Raises Interrupted when something else was asked for meanwhile."""
        if not self.valid():
            raise Interrupted(self.app_id)


class Registry(Running):
    """The apps. Values are replaced, never edited."""

    def __init__(self, store: Store, console: Route) -> None:
        super().__init__(console)
        self._store = store
        self._asked: dict[str, int] = {}
        self._unsaved: set[str] = set()
        self._claimed: set[str] = set()

    def load(self) -> None:
        """Take in what is on disk."""
        with self._lock:
            for app in self._store.load_all():
                self._apps[app.app_id] = app
            self._publish(*self._apps)

    def get(self, app_id: str) -> App:
        """Raises UnknownApp, also for one that is being deleted."""
        app = self._apps.get(app_id)
        if app is None or app.wish is Wish.DELETED:
            raise UnknownApp(app_id)
        return app

    def peek(self, app_id: str) -> App | None:
        """Like get, but one that is being deleted counts."""
        return self._apps.get(app_id)

    def all(self) -> list[App]:
        """Every app that people see, oldest first."""
        return [app for app in self._apps.in_order() if app.wish is not Wish.DELETED]

    def restless(self) -> list[App]:
        """The apps that run, are on their way, drain, or are being deleted."""
        return self._apps.restless()

    @property
    def version(self) -> int:
        """Another after each change of an app."""
        return self._apps.version

    def ids(self) -> list[str]:
        """Every id, those being deleted included."""
        return list(self._apps)

    @contextlib.contextmanager
    def claim(self, app_id: str) -> Iterator[None]:
        """The id is ours for the length of the block. Raises Conflict when it is taken."""
        with self._lock:
            if app_id in self._apps or app_id in self._claimed:
                raise Conflict(f"The id '{app_id}' is taken. Choose another, or leave app_id out.")
            self._claimed.add(app_id)
        try:
            yield
        finally:
            self._claimed.discard(app_id)

    def add(self, app: App) -> None:
        """Take in a new app that is on disk already; its id is claimed."""
        with self._lock:
            self._apps[app.app_id] = app
            self._publish(app.app_id)

    def drop(self, app_id: str) -> None:
        """Forget an app whose folder is gone."""
        with self._lock:
            self._apps.pop(app_id, None)
            self._serving.pop(app_id, None)
            self._replicas.pop(app_id, None)
            self._unsaved.discard(app_id)
            self._publish(app_id)

    def ask(self, app_id: str, decide: Callable[[App], dict[str, Any]], *, durable: bool = True) -> App:
        """Change what is asked of an app, durably, and end what its worker does now.

        ``decide`` gets the app and returns what changes; it runs under the lock. What need not be
        ``durable`` is saved when the disk has room. Raises UnknownApp, DiskFull.
        """
        with self._lock:
            changes = decide(self.get(app_id))
            if not changes:
                return self._apps[app_id]
            changed = self._changed(app_id, changes)
            self._save(changed, durable=durable)
            self._asked[app_id] = self._asked.get(app_id, 0) + 1
            self._apps[app_id] = changed
            self._publish(app_id)
            return changed

    def _save(self, app: App, *, durable: bool) -> None:
        try:
            self._store.save(app)
            self._unsaved.discard(app.app_id)
        except (DiskFull, OSError):
            if durable:
                raise
            self._unsaved.add(app.app_id)

    def note(
        self, ticket: Ticket | None, app_id: str, *, serve: Serving | Unchanged | None = KEEP, **changes: Any
    ) -> App:
        """Record what was found, and open the route to ``serve`` (None closes it) in the same moment.

        Raises Interrupted when the ticket is no longer valid: what was found is then no longer the matter.
        """
        return self.amend(ticket, app_id, lambda _: changes, serve=serve)

    def amend(
        self,
        ticket: Ticket | None,
        app_id: str,
        decide: Callable[[App], dict[str, Any]],
        *,
        serve: Serving | Unchanged | None = KEEP,
        soon: bool = True,
    ) -> App:
        """Like note, with changes that depend on what the app is now. Raises Interrupted, UnknownApp.

        A disk that is full now does not stop the app: it is saved later, and so is what need not be ``soon``.
        """
        with self._lock:
            if ticket is not None:
                ticket.check()
            if (current := self._apps.get(app_id)) is None:
                raise UnknownApp(app_id)
            changes = decide(current)
            rerouted = self._reroute(app_id, serve)
            if any(getattr(current, name) != value for name, value in changes.items()):
                self._apps[app_id] = self._changed(app_id, changes)
                self._unsaved.add(app_id)
            elif not rerouted:
                return current
            self._publish(app_id)
        if soon:
            self.save_pending()
        return self._apps[app_id]

    def progress(self, ticket: Ticket, app_id: str, step: Step) -> App:
        """The target is at ``step``. An app that serves keeps its status; another shows how far it is.

        Nobody waits for the disk: after a kill the deploy begins anew, whatever its step was.
        """

        def decide(app: App) -> dict[str, Any]:
            changes: dict[str, Any] = {}
            if app.target != app.release:
                before = app.deploying
                if before is None or (before.release, before.step) != (app.target, step):
                    changes["deploying"] = Deploying(app.target, step, now())
            if app_id not in self._serving:
                changes["status"] = STATUS_AT[step]
            return changes

        return self.amend(ticket, app_id, decide, soon=False)

    def save_pending(self) -> None:
        """Write what could not be written, or not yet."""
        with self._lock:
            for app_id in list(self._unsaved):
                try:
                    self._store.save(self._apps[app_id])
                    self._unsaved.discard(app_id)
                except (DiskFull, OSError, HostdError) as error:
                    log.warning("the state of %s can't be saved now: %s", app_id, error)

    def ticket(self, app_id: str) -> Ticket:
        """Leave to work on what is asked right now."""
        asked = self._asked.get(app_id, 0)
        return Ticket(app_id, lambda: self._asked.get(app_id, 0) == asked)

    def _changed(self, app_id: str, changes: dict[str, Any]) -> App:
        return dataclasses.replace(self._apps[app_id], **changes, updated_at=now())
