"""The apps in memory: by id, in the order they were made, and those that need looking at."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, MutableMapping

from hostd.models import App, Status, Wish


class Roll(MutableMapping[str, App]):
    """Values by id. What is asked all the time costs what is awake, not what there is.

    Changes need the registry's lock, looks do not. ``version`` is another after each change.
    """

    def __init__(self) -> None:
        self._apps: dict[str, App] = {}
        self._order: list[tuple[str, str]] = []
        self._restless: dict[str, None] = {}
        self.version = 0

    def __getitem__(self, app_id: str) -> App:
        return self._apps[app_id]

    def __setitem__(self, app_id: str, app: App) -> None:
        if app_id not in self._apps:
            bisect.insort(self._order, _place(app))
        self._apps[app_id] = app
        if is_quiet(app):
            self._restless.pop(app_id, None)
        else:
            self._restless[app_id] = None
        self.version += 1

    def __delitem__(self, app_id: str) -> None:
        self._order.remove(_place(self._apps.pop(app_id)))
        self._restless.pop(app_id, None)
        self.version += 1

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._apps))

    def __len__(self) -> int:
        return len(self._apps)

    def get_many(self, app_ids: list[str]) -> list[App]:
        """Those of the ids that are there."""
        return [app for app_id in app_ids if (app := self._apps.get(app_id)) is not None]

    def in_order(self) -> list[App]:
        """Every app, oldest first."""
        return self.get_many([app_id for _, app_id in list(self._order)])

    def restless(self) -> list[App]:
        """Those that run, are on their way, or drain."""
        return self.get_many(list(self._restless))


def is_quiet(app: App) -> bool:
    """Whether nothing of it runs and nothing is to be done: it stays as it is until somebody asks."""
    if app.wish is Wish.DELETED or app.restart or app.draining:
        return False
    if app.wish is Wish.STOPPED:
        return app.status is Status.STOPPED
    return app.status is Status.FAILED or (app.status is Status.SLEEPING and app.target == app.release)


def _place(app: App) -> tuple[str, str]:
    return app.created_at, app.app_id
