"""What runs, as far as it is in memory only, and the routing table made of it and of the apps."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from hostd.lifecycle.roll import Roll
from hostd.lifecycle.routing import Serving, route_of
from hostd.models import App, Route, RoutingTable, Wish
from hostd.scale import Replica


class Unchanged:
    """Says that the route stays as it is."""


KEEP = Unchanged()


class Running:
    """Which process serves each app, and its replicas. ``table`` is always whole."""

    def __init__(self, console: Route) -> None:
        self._lock = threading.RLock()
        self._apps = Roll()
        self._serving: dict[str, Serving] = {}
        self._replicas: dict[str, tuple[Replica, ...]] = {}
        self._hear: Callable[[], None] = lambda: None
        self._console = console
        self.table = RoutingTable(console)

    def on_change(self, hear: Callable[[], None]) -> None:
        """Call ``hear`` whenever ``table`` is another; from any thread, with the registry locked."""
        self._hear = hear

    def assume(self, app_id: str, **changes: Any) -> None:
        """Take for found what follows from the disk: it is not saved, since it will be found again."""
        with self._lock:
            self._apps[app_id] = dataclasses.replace(self._apps[app_id], **changes)
            self._publish(app_id)

    def serve(self, app_id: str, serving: Serving | None) -> None:
        """Open the app's route, or close it."""
        with self._lock:
            if self._reroute(app_id, serving):
                self._publish(app_id)

    def _reroute(self, app_id: str, serving: Serving | Unchanged | None) -> bool:
        if isinstance(serving, Unchanged) or self._serving.get(app_id) == serving:
            return False
        if serving is None:
            self._serving.pop(app_id, None)
        else:
            self._serving[app_id] = serving
        return True

    def serving(self, app_id: str) -> Serving | None:
        """What the app's visitors reach now."""
        return self._serving.get(app_id)

    def all_serving(self) -> list[App]:
        """Every app that has a process now."""
        with self._lock:
            return [app for app_id in self._serving if (app := self._apps.get(app_id)) is not None]

    def replicas(self, app_id: str) -> tuple[Replica, ...]:
        """The app's processes beside each release's first."""
        return self._replicas.get(app_id, ())

    def replicated(self) -> list[str]:
        """The ids of apps that have such processes, those that are no more included."""
        return list(self._replicas)

    def swap_replica(self, app_id: str, old: Replica | None, new: Replica | None) -> bool:
        """Put ``new`` in the place of ``old``, and the route follows; False when ``old`` is no more."""
        with self._lock:
            found = self._replicas.get(app_id, ())
            if old is not None and old not in found:
                return False
            if old is None and any(
                (o.release, o.replica) == (new.release, new.replica) for o in found if new
            ):
                return False
            others = [one for one in found if one != old]
            self._replicas[app_id] = tuple(others if new is None else [*others, new])
            if not self._replicas[app_id]:
                del self._replicas[app_id]
            self._publish(app_id)
        return True

    def _publish(self, *app_ids: str) -> None:
        """Make these apps' routes anew, those of apps that are gone or going disappear."""
        routes = dict(self.table.apps)
        for app_id in app_ids:
            app = self._apps.get(app_id)
            if app is None or app.wish is Wish.DELETED:
                routes.pop(app_id, None)
            else:
                routes[app_id] = route_of(app, self._serving.get(app_id), self._replicas.get(app_id, ()))
        self.table = RoutingTable(self._console, MappingProxyType(routes))
        self._hear()
