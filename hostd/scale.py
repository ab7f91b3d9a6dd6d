"""What people set of how an app runs, beside its releases: applied at once, without a deploy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_REPLICAS = 16
"""More processes of one app than this are nowhere a good idea on one machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Part of ``meta.json``.

    ``idle_minutes``: how long without visitors until the app sleeps; None is the platform's default, 0
    never. ``always_on``: it never sleeps, and after a boot it starts at once, rather than at its first visit.

    ``min_replicas`` to ``max_replicas`` processes run, 1 to MAX_REPLICAS, as many as the load asks for.
    ``sessions_per_replica`` is how many sessions each may have, None for no limit.

    ``memory_mb``, ``processes`` (threads count), ``nice`` and ``connect_ports`` limit each process from its
    next start on, ``disk_mb`` the app's folders; None is the platform's default, 0 no limit. MB: 10**6 bytes.
    """

    idle_minutes: float | None = None
    always_on: bool = False
    min_replicas: int = 1
    max_replicas: int = 1
    sessions_per_replica: int | None = None
    memory_mb: int | None = None
    processes: int | None = None
    disk_mb: int | None = None
    nice: int | None = None
    connect_ports: str | None = None


class ReplicaState(StrEnum):
    """What one of an app's processes is doing."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Replica:
    """One of a release's processes beside its first. ``replica`` counts from 2.

    DRAINING takes no new sessions and ends with its last. STOPPED is an operator's doing; FAILED is tried
    again later. ``port`` and ``pid`` are None while it has none.
    """

    release: int
    replica: int
    state: ReplicaState
    port: int | None = None
    pid: int | None = None
