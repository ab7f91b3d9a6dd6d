"""Who sleeps first, with a made-up machine: real memory can't be used up in a test."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from hostd import memory
from hostd.errors import NoRoom
from hostd.layout import Layout
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.replicas import Replicas
from hostd.lifecycle.routing import Serving
from hostd.lifecycle.scaling import Scaler
from hostd.lifecycle.sleeping import Sleeper
from hostd.models import App, Draining, Route, Status, Wish
from hostd.scale import Scale
from hostd.settings import load
from hostd.store import Store

MB = 1_000_000


@dataclass
class Machine:
    """So much memory is left; each app that sleeps gives some back. Visits are as the test says."""

    left: int = 1000 * MB
    seen: dict[str, float] = field(default_factory=dict)
    requests: dict[int, int] = field(default_factory=dict)
    websockets: dict[int, int] = field(default_factory=dict)

    def busy(self, port: int) -> int:
        """Connections at work."""
        return self.requests.get(port, 0) + self.websockets.get(port, 0)

    def tunnels(self, port: int) -> int:
        """Those that are WebSockets."""
        return self.websockets.get(port, 0)

    def last_seen(self, app_id: str) -> float:
        """When the app was last visited."""
        return self.seen.get(app_id, 0.0)


@dataclass
class Bed:
    """A sleeper over a real registry on a real disk."""

    machine: Machine
    registry: Registry
    sleeper: Sleeper
    woken: list[str] = field(default_factory=list)

    def add(self, app_id: str, idle: float, **more: Any) -> None:
        """An app that runs, unvisited for ``idle`` seconds."""
        port = 9000 + len(self.registry.ids())
        when = "2026-01-01T00:00:00.000Z"
        self.sleeper.layout.app(app_id).root.mkdir(parents=True)
        app = App(app_id, app_id, Status.RUNNING, Wish.RUNNING, 1, "", when, when, release=1, port=port)
        self.registry.add(replace(app, **more))
        self.registry.serve(app_id, Serving(1, port))
        self.sleeper._active[app_id] = self.machine.seen[app_id] = time.monotonic() - idle

    def asleep(self) -> list[str]:
        """Those who were sent to sleep."""
        return [app.app_id for app in self.registry.all() if app.status is Status.SLEEPING]

    def sleep(self, app_id: str) -> None:
        """A worker carries it out: the memory is free again."""
        self.woken.append(app_id)
        self.registry.serve(app_id, None)
        self.machine.left += 200 * MB


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """Nobody in it."""
    layout, machine = Layout(tmp_path), Machine()
    registry = Registry(Store(layout), Route(Status.RUNNING, 1, "console"))
    settings = load({"STREAMLIT_HOST_DATA": str(tmp_path)})
    rooms: Any = {"settings": settings, "layout": layout, "registry": registry, "launcher": None}
    none: Any = None
    replicas = Replicas(
        layout=layout, registry=registry, launcher=none, busy=machine.busy, scaler=Scaler(machine.busy)
    )
    room = memory.Room(settings.memory_reserve_mb, lambda: machine.left)
    sleeper = Sleeper(**rooms, replicas=replicas, visits=machine, room=room, pause=0)
    return Bed(machine, registry, sleeper)


def test_an_app_that_works_says_so(bed: Bed) -> None:
    """Its idle time counts from when it touched its file; until then it is left alone, for memory as well."""
    half_an_hour = 1800.0
    long_ago = half_an_hour + 60
    for app_id, ago in (("works", 60.0), ("worked", long_ago), ("visited", long_ago), ("ahead", -1e6)):
        bed.add(app_id, 60 if app_id == "visited" else 1e4)
        file = bed.sleeper.layout.app(app_id).keep_awake
        file.parent.mkdir()
        file.touch()
        os.utime(file, (time.time() - ago,) * 2)
    bed.sleeper.look(bed.sleep)
    assert sorted(bed.asleep()) == ["ahead", "worked"]
    for app_id in bed.asleep():
        bed.sleep(app_id)
    bed.machine.left = 0
    bed.sleeper.look(bed.sleep)
    assert sorted(bed.asleep()) == ["ahead", "visited", "worked"]


def test_idle_time(bed: Bed) -> None:
    """The platform's default, an app's own, never; and what holds an app awake."""
    half_an_hour = 1800.0
    bed.add("idle", half_an_hour)
    bed.add("visited", half_an_hour - 60)
    bed.add("patient", half_an_hour, scale=Scale(idle_minutes=31))
    bed.add("never", 1e6, scale=Scale(idle_minutes=0))
    bed.add("always", 1e6, scale=Scale(always_on=True))
    bed.add("working", half_an_hour, awake_until="2999-01-01T00:00:00+00:00")
    bed.add("worked", half_an_hour, awake_until="2020-01-01T00:00:00+00:00")
    bed.add("deploying", half_an_hour, target=2)
    bed.add("restarting", half_an_hour, restart=True)
    bed.add("open", half_an_hour)
    bed.machine.websockets[9009] = 1
    bed.sleeper.look(bed.sleep)
    assert bed.asleep() == bed.woken == ["idle", "worked"]
    assert bed.registry.table.apps["idle"].wakes
    assert bed.registry.table.apps["idle"].port is None


def test_a_ping_is_no_visit_and_a_long_request_is_one(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way at one look may be a monitor's; what takes longer than any ping is a visitor's."""
    bed.add("pinged", 1800)
    bed.add("uploading", 1800)
    began = time.monotonic()
    bed.sleeper._busy_since["uploading"] = began - 5
    bed.machine.requests |= {9000: 1, 9001: 1}
    bed.sleeper.look(bed.sleep)
    assert bed.asleep() == ["pinged"]


@pytest.mark.parametrize(
    "hold",
    [
        {"awake_until": "2999-01-01T00:00:00+00:00"},
        {"scale": Scale(always_on=True)},
        {"draining": (Draining(0, 1, 1, "2026-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"),)},
    ],
)
def test_who_left_while_the_app_was_held_counts(bed: Bed, hold: dict[str, Any]) -> None:
    """The idle time begins when the last visitor has gone, not before what held the app awake began."""
    bed.add("visited", 3000, **hold)
    bed.add("left alone", 3000, **hold if "draining" not in hold else {})
    bed.machine.websockets[9000] = 0 if "draining" in hold else 1  # a drain's are behind its own port
    bed.sleeper.look(bed.sleep)
    bed.machine.websockets[9000] = 0
    over: dict[str, Any] = {"awake_until": None, "scale": Scale(), "draining": ()}
    for app_id in ("visited", "left alone"):
        bed.registry.note(None, app_id, **{name: over[name] for name in hold})
    bed.sleeper.look(bed.sleep)
    assert bed.asleep() == ["left alone"]


def test_the_longest_idle_sleeps_first_for_memory(bed: Bed) -> None:
    """One at a look while memory is short; never one that was just used, or that never sleeps."""
    bed.add("hour", 1700)
    bed.add("day", 1790)
    bed.add("just", 5)
    bed.add("never", 1e6, scale=Scale(idle_minutes=0))
    bed.machine.left = 50 * MB
    bed.sleeper.look(bed.sleep)
    assert bed.woken == ["day"]
    bed.sleeper.look(bed.sleep)
    assert bed.woken == ["day", "hour"]
    bed.machine.left = 50 * MB
    bed.sleeper.look(bed.sleep)
    assert bed.woken == ["day", "hour"]


def test_one_after_the_other(bed: Bed) -> None:
    """The memory of one that lies down is waited for before another must."""
    bed.add("first", 1000)
    bed.add("second", 900)
    bed.machine.left = 50 * MB
    bed.sleeper.look(lambda _: None)  # its worker is still ending the process
    bed.sleeper.look(lambda _: None)
    assert bed.asleep() == ["first"]


def test_make_room(bed: Bed) -> None:
    """A start waits until enough have gone to sleep, and is refused when nobody is left who could."""
    for number in range(3):
        bed.add(f"app{number}", 100 + number)
    bed.machine.left = 50 * MB
    bed.sleeper.make_room(bed.sleep)
    assert bed.woken == ["app2", "app1"]
    bed.machine.left = -300 * MB
    with pytest.raises(NoRoom, match="STREAMLIT_HOST_MEMORY_RESERVE_MB"):
        bed.sleeper.make_room(bed.sleep)
    assert bed.woken == ["app2", "app1", "app0"]


def test_memory_of_machine_and_container(tmp_path: Path) -> None:
    """The least of what the machine has and what the cgroups leave that hostd is in."""
    meminfo, cgroup = tmp_path / "meminfo", tmp_path / "cgroup"
    meminfo.write_text("MemTotal:  8000 kB\nMemAvailable:    4000 kB\n")
    assert memory.available(meminfo, [cgroup]) == 4000 * 1024
    cgroup.mkdir()
    (cgroup / "memory.current").write_text("2000\n")
    (cgroup / "memory.stat").write_text("anon 5\ninactive_file 700\n")
    (cgroup / "memory.max").write_text("max\n")
    assert memory.available(meminfo, [cgroup]) == 4000 * 1024
    (cgroup / "memory.max").write_text("3000\n")
    assert memory.available(meminfo, [cgroup]) == 1700
    older = tmp_path / "v1"
    older.mkdir()
    (older / "memory.usage_in_bytes").write_text("2000\n")
    (older / "memory.stat").write_text("inactive_file 9\ntotal_inactive_file 100\n")
    (older / "memory.limit_in_bytes").write_text("2500\n")
    assert memory.available(meminfo, [cgroup, older]) == 600
    assert memory.available() > MB
