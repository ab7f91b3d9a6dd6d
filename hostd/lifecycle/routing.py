"""One app's route, made of what serves, what drains, and its other processes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hostd.models import App, Route, Status, Step, Wish
from hostd.scale import Replica, ReplicaState
from hostd.viewer import viewer_key

STATUS_AT = {
    Step.WAITING: Status.CREATED,
    Step.INSTALLING: Status.INSTALLING,
    Step.STARTING: Status.STARTING,
    Step.FIRST_SESSION: Status.STARTING,
    Step.SWITCHING: Status.STARTING,
}
"""What an app's status is while a release is at a step and nothing serves."""

_CLOSED = (Status.STOPPED, Status.FAILED, Status.SLEEPING)


@dataclass(frozen=True, slots=True)
class Serving:
    """The release that visitors reach now: the port of its first process, its Streamlit, the copy of that
    one's files, its pid.
    """

    release: int
    port: int
    streamlit: str = ""
    static: str = ""
    pid: int = 0


def keeps_replicas(app: App) -> bool:
    """Whether the active release's other processes go on: also while its first comes back from a crash."""
    return app.wish is Wish.RUNNING and app.status not in _CLOSED and not app.restart


def route_of(app: App, serving: Serving | None, replicas: tuple[Replica, ...] = ()) -> Route:
    """Where the visitors of ``app`` go, when ``serving`` and ``replicas`` are what there is of it."""
    if app.status is Status.SLEEPING:
        serving = None
    olds = sorted((old for old in app.draining if not old.ended), key=lambda old: -old.release)
    draining = {old.release: old.port for old in olds}
    active = serving.release if serving else app.release
    if serving is not None:
        draining.pop(serving.release, None)
    known: set[int | None] = {*draining, active} if keeps_replicas(app) else {*draining}
    taking, leaving, pids = _of_replicas(active, known, replicas)
    if serving is not None:
        taking, pids = {1: serving.port} | taking, {serving.port: serving.pid} | pids
    alone = serving is not None and not pids.keys() - {serving.port}
    return Route(
        status=app.status,
        port=next(iter(taking.values()), None),
        name=app.name,
        release=active,
        draining=MappingProxyType(draining),
        streamlit=serving.streamlit if serving else "",
        static=serving.static if serving else "",
        generation=serving.pid if serving else 0,
        wakes=not taking and _wakes(app),
        grows=_grows(app, taking, [one for one in replicas if one.release == active]),
        replicas=MappingProxyType({} if alone else taking),
        pids=MappingProxyType({} if alone else pids),
        leaving=MappingProxyType(leaving),
        sessions_per_replica=app.scale.sessions_per_replica,
        access=None if app.access.is_public else app.access,
        viewer_key="" if app.access.is_public else viewer_key(app.cookie_secret),
    )


def _of_replicas(
    active: int | None, known: set[int | None], replicas: tuple[Replica, ...]
) -> tuple[dict[int, int], dict[tuple[int, int], int], dict[int, int]]:
    """The ports that take sessions, those that keep theirs, and the pids by port."""
    taking, leaving, pids = {}, {}, {}
    for one in sorted(replicas, key=lambda one: (one.release, one.replica)):
        if one.release not in known or one.port is None:
            continue
        if one.release == active and one.state is ReplicaState.RUNNING:
            taking[one.replica] = one.port
        elif one.state in (ReplicaState.RUNNING, ReplicaState.DRAINING):
            leaving[one.release, one.replica] = one.port
        pids[one.port] = one.pid or 0
    return taking, leaving, pids


def _wakes(app: App) -> bool:
    """Whether it sleeps, starts again, or is started again before it gets a new release."""
    if app.wish is not Wish.RUNNING or app.release is None:
        return False
    return app.status in (Status.SLEEPING, Status.STARTING) or (app.restart and app.status not in _CLOSED)


def _grows(app: App, taking: Mapping[int, int], replicas: Sequence[Replica]) -> bool:
    """Whether one more of the active release's processes will take sessions when these are full: it is being
    started, or will be soon (see Scaler), and none has just failed.
    """
    if not taking or app.scale.sessions_per_replica is None or not keeps_replicas(app):
        return False
    states = {one.state for one in replicas}
    if ReplicaState.STARTING in states or (1 not in taking and _wakes(app)):
        return True
    for_good = {one.replica for one in replicas if one.state is ReplicaState.STOPPED}
    return ReplicaState.FAILED not in states and len(for_good | taking.keys()) < app.scale.max_replicas
