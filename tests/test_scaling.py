"""How many replicas the load asks for: at once up, down after a quiet while."""

from __future__ import annotations

import os
import time

import pytest

from hostd.lifecycle.scaling import BUSY, INTERVAL, QUIET, SPARE, Scaler
from hostd.processes import cpu_seconds
from hostd.program_names import parse_program, parse_replica, program_name
from hostd.scale import Scale


class Load:
    """An app whose sessions, CPU and time are what a test says."""

    def __init__(self, **scale: int) -> None:
        self.scale = Scale(**{"max_replicas": 4, **scale})  # type: ignore[arg-type]
        self.now = 1000.0
        self.sessions = 0
        self.used: dict[int, float] = {}
        self.scaler = Scaler(self._sessions, lambda: self.now, lambda pid: self.used.get(pid, 0.0))

    def _sessions(self, port: int) -> int:
        return self.sessions if port == 1 else 0

    def wanted(self, running: int, cores: float = 0.0, *, after: float = INTERVAL) -> int:
        """How many are wanted after so many seconds in which all of them used so many cores."""
        self.now += after
        for pid in range(1, running + 1):
            self.used[pid] = self.used.get(pid, 0.0) + cores / running * after
        return self.scaler.wanted("x", self.scale, {number: number for number in range(1, running + 1)})


def test_a_fixed_number_is_the_number() -> None:
    """Whatever the load."""
    load = Load(min_replicas=3, max_replicas=3, sessions_per_replica=1)
    load.sessions = 50
    assert load.wanted(1) == load.wanted(3) == 3


def test_there_is_always_a_free_place() -> None:
    """One replica more when the last place is taken; the most that may be is the end."""
    load = Load(sessions_per_replica=10)
    for sessions, wanted in ((0, 1), (9, 1), (10, 2), (35, 4), (400, 4)):
        load.sessions = sessions
        assert load.wanted(1) == wanted


def test_fewer_only_after_a_quiet_while() -> None:
    """As many go as were not needed in all that time; a visit in between begins it anew."""
    load = Load(sessions_per_replica=10, min_replicas=2)
    load.sessions = 35
    assert load.wanted(2) == 4
    load.sessions = 5
    assert load.wanted(4) == load.wanted(4, after=QUIET - 1) == 4
    load.sessions = 35
    assert load.wanted(4) == 4
    load.sessions = 25
    assert load.wanted(4) == 4
    load.sessions = 5
    assert load.wanted(4, after=QUIET - 1) == 4
    assert load.wanted(4, after=2) == 3
    assert load.wanted(3) == 3
    assert load.wanted(3, after=QUIET) == 2


def test_without_a_limit_it_is_the_cpu() -> None:
    """One more for busy ones with visitors, none without; one fewer once the others could carry the load."""
    load = Load()
    load.wanted(1)
    assert load.wanted(1, BUSY + 0.1) == 1
    load.sessions = 5
    assert load.wanted(1, BUSY - 0.1) == 1
    assert load.wanted(1, BUSY + 0.1) == 2
    load.wanted(2, 1.0)
    assert load.wanted(2, 2 * BUSY + 0.1) == 3
    load.wanted(3, 1.5)
    assert load.wanted(3, 2 * SPARE + 0.1) == load.wanted(3, 2 * SPARE - 0.1) == 3
    assert load.wanted(3, 2 * SPARE - 0.1, after=QUIET) == 2


def test_a_new_hostd_begins_with_what_runs() -> None:
    """Nothing is taken away at once because a memory was lost."""
    load = Load(sessions_per_replica=10)
    assert load.wanted(3) == 3
    assert Load(max_replicas=2, sessions_per_replica=1).wanted(3) == 2


def test_cpu_is_read_from_the_process_table() -> None:
    """Of this very process it grows; of none it is nothing."""
    before, until = cpu_seconds(os.getpid()), time.process_time() + 0.05
    while time.process_time() < until:
        pass
    assert cpu_seconds(os.getpid()) - before >= 0.03
    assert cpu_seconds(2**22 + 1) == 0


@pytest.mark.parametrize("name", ["x.r1", "build.x", "x.r1-", "x.r1-a", "x-2", "console", "build.x.r1-2"])
def test_other_programs_are_no_replicas(name: str) -> None:
    """And a replica's is no release's first."""
    assert parse_replica(name) is None
    assert parse_program(program_name("x-2", 12, 3)) is None
    assert parse_replica(program_name("x-2", 12, 3)) == ("x-2", 12, 3)
    assert program_name("x", 12) == program_name("x", 12, 1) == "x.r12"
