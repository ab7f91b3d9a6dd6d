"""What is to be done about an app's replicas, from what is wanted and what there is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto

from hostd.lifecycle.routing import keeps_replicas
from hostd.models import App
from hostd.scale import Replica, ReplicaState


class Do(Enum):
    """What can be done about one replica."""

    START = auto()
    AWAIT = auto()
    OPEN = auto()
    LEAVE = auto()
    END = auto()


Task = tuple[Do, Replica]
Ask = Callable[[Replica], bool]

SERVING = (ReplicaState.RUNNING, ReplicaState.DRAINING)
"""Has sessions, or may have."""


def plan(
    app: App | None, replicas: tuple[Replica, ...], wanted: int, *, quiet: Ask, rests: Ask, may_start: bool
) -> list[Task]:
    """Everything that is to be done now.

    ``quiet``: it has had no connection for a while; ``rests``: it failed a moment ago; ``may_start``: the
    release's first process serves.
    """
    tasks = [(do, one) for one in replicas if (do := _about(app, one, wanted, quiet, rests)) is not None]
    return tasks + list(_missing(app, replicas, wanted)) if may_start else tasks


def _about(app: App | None, one: Replica, wanted: int, quiet: Ask, rests: Ask) -> Do | None:
    if app is None:
        return Do.END
    if one.release != app.release:
        drains = any(old.release == one.release and not old.ended for old in app.draining)
        return None if drains and one.state in SERVING and not quiet(one) else Do.END
    if not keeps_replicas(app):
        return Do.END
    return _of_the_active(one, rests) if one.replica <= wanted else _too_many(one, quiet)


def _of_the_active(one: Replica, rests: Ask) -> Do | None:
    if one.state is ReplicaState.FAILED:
        return None if rests(one) else Do.START
    return {ReplicaState.DRAINING: Do.OPEN, ReplicaState.STARTING: Do.AWAIT}.get(one.state)


def _too_many(one: Replica, quiet: Ask) -> Do | None:
    if one.state is ReplicaState.RUNNING:
        return Do.LEAVE
    return None if one.state is ReplicaState.DRAINING and not quiet(one) else Do.END


def _missing(app: App | None, replicas: tuple[Replica, ...], wanted: int) -> Iterator[Task]:
    if app is None or app.release is None or not keeps_replicas(app):
        return
    there = {one.replica for one in replicas if one.release == app.release}
    for number in range(2, wanted + 1):
        if number not in there:
            yield Do.START, Replica(app.release, number, ReplicaState.STARTING)
