"""What the gateway is told of an app."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from hostd.models import App, Route, Status, Step, Wish

STATUS_AT = {
    Step.WAITING: Status.CREATED,
    Step.INSTALLING: Status.INSTALLING,
    Step.STARTING: Status.STARTING,
    Step.FIRST_SESSION: Status.STARTING,
    Step.SWITCHING: Status.STARTING,
}
"""What an app's status is while a release is at a step and nothing serves."""


@dataclass(frozen=True, slots=True)
class Serving:
    """The release that visitors reach now: its port, Streamlit, the copy of that one's files, its pid."""

    release: int
    port: int
    streamlit: str = ""
    static: str = ""
    pid: int = 0


def route_of(app: App, serving: Serving | None) -> Route:
    """Where the visitors of ``app`` go, when ``serving`` is what there is of it."""
    olds = sorted((old for old in app.draining if not old.ended), key=lambda old: -old.release)
    draining = {old.release: old.port for old in olds}
    if serving is None or app.status is Status.SLEEPING:
        return Route(
            status=app.status,
            port=None,
            name=app.name,
            release=app.release,
            draining=MappingProxyType(draining),
            wakes=_wakes(app),
        )
    draining.pop(serving.release, None)
    return Route(
        status=app.status,
        port=serving.port,
        name=app.name,
        release=serving.release,
        draining=MappingProxyType(draining),
        streamlit=serving.streamlit,
        static=serving.static,
        generation=serving.pid,
    )


def _wakes(app: App) -> bool:
    again = app.status is Status.STARTING and app.release is not None and app.wish is Wish.RUNNING
    return app.status is Status.SLEEPING or again
