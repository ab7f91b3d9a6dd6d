"""After a boot: what slept sleeps on, what ran comes with its first visit or at once; and a full machine."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from .platform import Platform, assert_problem, until

FEW_DESCRIPTORS = ["sh", "-c", 'ulimit -Sn 1024; exec "$@"', "sh"]
"""In front of a command: it begins as under a login shell."""
PAGE = {"Accept": "text/html"}


class Apps(NamedTuple):
    """On a platform of their own: one that slept, one that ran, one always on, one that was stopped."""

    platform: Platform
    slept: str
    ran: str
    always: str
    stopped: str

    def visit(self, app_id: str) -> httpx.Response:
        """Open an app's page."""
        address = f"{self.platform.url}/apps/{app_id}/"
        return httpx.get(address, headers=PAGE, timeout=60, trust_env=False)

    def status(self, app_id: str) -> str:
        """What the API says."""
        return str(self.platform.app(app_id)["status"])


@pytest.fixture(scope="module")
def apps() -> Iterator[Apps]:
    """All of them, before anything went down."""
    platform = Platform(pool=8)
    platform.command = [*FEW_DESCRIPTORS, *platform.command]
    try:
        platform.start()
        made = Apps(
            platform,
            platform.create("slept", idle_minutes="0.01"),
            platform.running("ran"),
            platform.running("always", always_on="true"),
            platform.running("stopped"),
        )
        platform.api.post(f"/apps/{made.stopped}/stop")
        platform.wait(made.slept, "sleeping")
        until(lambda: f"{made.slept}.r1" not in platform.supervisorctl("status"), what="its process's end")
        yield made
    finally:
        platform.close()


def descriptors(pid: int) -> tuple[int, int]:
    """How many a process may have open: soft and hard (proc_pid_limits(5))."""
    text = Path(f"/proc/{pid}/limits").read_text()
    line = next(line for line in text.splitlines() if line.startswith("Max open files"))
    return int(line.split()[3]), int(line.split()[4])


def test_descriptors(apps: Apps) -> None:
    """hostd takes as many as it may, for its visitors; nobody else has more by that."""
    platform = apps.platform
    assert platform.process is not None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    pids = (platform.pid("hostd"), platform.process.pid, platform.app(apps.ran)["pid"])
    most = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    assert [descriptors(pid)[0] for pid in pids] == [most, 4096, 4096]
    assert descriptors(pids[2]) == (4096, 4096)
    lock = str(platform.data / "supervisor" / "lock")
    held = [[str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()] for pid in pids]
    assert [lock in one for one in held] == [False, True, False], "the lock is supervisord's alone"


def test_after_a_boot(apps: Apps) -> None:
    """kill -9 of everything is a boot: one is started, the others wait for whoever comes."""
    platform = apps.platform
    assert platform.process is not None
    platform.stop(signal.SIGKILL)
    until(lambda: not platform.processes(), 10, what="no orphans")
    platform.start()
    assert apps.status(apps.slept) == apps.status(apps.ran) == "sleeping"
    platform.wait(apps.always, "running")
    assert apps.status(apps.stopped) == "stopped"
    for app_id in (apps.slept, apps.ran):
        platform.api.patch(f"/apps/{app_id}", data={"idle_minutes": "0"})
        assert apps.visit(app_id).status_code == 200
        assert apps.status(app_id) == "running"
    assert apps.visit(apps.stopped).status_code == 503


def test_hostd_killed_while_an_app_sleeps(apps: Apps) -> None:
    """A new hostd leaves what sleeps asleep and what runs running."""
    platform = apps.platform
    platform.api.patch(f"/apps/{apps.slept}", data={"idle_minutes": "0.01"})
    platform.wait(apps.slept, "sleeping")
    pid = platform.app(apps.ran)["pid"]
    hostd = platform.pid("hostd")
    platform.supervisorctl("signal", "KILL", "hostd")
    until(lambda: platform.pid("hostd") not in (0, hostd), 20)
    until(platform.answers, 20)
    assert apps.status(apps.slept) == "sleeping"
    assert platform.app(apps.ran)["pid"] == pid
    until(lambda: f"{apps.slept}.r1" not in platform.supervisorctl("status"), what="its process's end")


def test_no_room(apps: Apps) -> None:
    """Where memory is short nothing more is started; it says so, and nothing fails."""
    platform = apps.platform
    platform.stop()
    platform.settings["STREAMLIT_HOST_MEMORY_RESERVE_MB"] = "99999999"
    platform.start()
    answer = platform.api.post(f"/apps/{apps.stopped}/start")
    problem = assert_problem(answer, 503)
    assert "MB of memory left" in problem["detail"]
    assert apps.status(apps.stopped) == "stopped"
    page = apps.visit(apps.slept)
    assert (page.status_code, apps.status(apps.slept)) == (503, "sleeping")
    assert "No room just now" in page.text
    assert page.headers["retry-after"]
