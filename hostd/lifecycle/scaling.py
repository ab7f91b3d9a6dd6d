"""How many replicas an app is to have, from its load: more at once, fewer after a quiet while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hostd.processes import cpu_seconds
from hostd.scale import Scale

QUIET = 300.0
"""Seconds that fewer replicas must have been enough before there are fewer."""

INTERVAL = 3.0
"""Seconds over which CPU is measured at least."""

BUSY, SPARE = 0.75, 0.5
"""Cores per replica: above the first there is one more; with one fewer it must stay below the second."""


@dataclass(slots=True)
class _Load:
    """What is remembered of one app."""

    wanted: int
    need: int
    below_since: float | None = None
    peak: int = 0
    sampled: float = 0.0
    cpu: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scaler:
    """Asked at each look. ``sessions`` says how many a port has open."""

    sessions: Callable[[int], int]
    clock: Callable[[], float] = time.monotonic
    cpu: Callable[[int], float] = cpu_seconds
    _loads: dict[str, _Load] = field(default_factory=dict)

    def wanted(self, app_id: str, scale: Scale, serving: Mapping[int, int]) -> int:
        """How many replicas are wanted. ``serving`` are the ports that take sessions now, with their pids."""
        low, high = scale.min_replicas, scale.max_replicas
        if low == high:
            self._loads.pop(app_id, None)
            return low
        if not serving:
            return low if app_id not in self._loads else self._loads[app_id].wanted
        load = self._loads.setdefault(app_id, _Load(wanted=len(serving), need=len(serving)))
        sessions = sum(self.sessions(port) for port in serving)
        if scale.sessions_per_replica is not None:
            load.need = sessions // scale.sessions_per_replica + 1  # so that there is always a place
        elif self.clock() - load.sampled >= INTERVAL:
            load.need = self._need_by_cpu(load, sessions, list(serving.values()))
        load.wanted = min(high, max(low, load.wanted))
        self._follow(load, min(high, max(low, load.need)))
        return load.wanted

    def _follow(self, load: _Load, need: int) -> None:
        now = self.clock()
        if need >= load.wanted:
            load.wanted, load.below_since = need, None
            return
        if load.below_since is None:
            load.below_since, load.peak = now, need
        load.peak = max(load.peak, need)
        if now - load.below_since >= QUIET:
            load.wanted, load.below_since = load.peak, None

    def _need_by_cpu(self, load: _Load, sessions: int, pids: list[int]) -> int:
        """One more than there are, or one fewer. One more helps only who comes next."""
        now, spent, count = self.clock(), {pid: self.cpu(pid) for pid in pids}, len(pids)
        used = sum(max(0.0, spent[pid] - load.cpu.get(pid, spent[pid])) for pid in pids)
        cores = used / (now - load.sampled)
        load.sampled, load.cpu = now, spent
        if cores > BUSY * count:
            return min(count, sessions) + 1
        return count - 1 if cores < SPARE * (count - 1) else count
