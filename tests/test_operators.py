"""supervisorctl as an operator uses it: what they do shows in the API within 2 seconds and is not undone."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator

import pytest

from tests.machine import Stopwatch
from tests.platform import HELLO, Platform, until
from tests.scan import below
from tests.session import Session

WITHIN = 2.0


@pytest.fixture(scope="module")
def app_id(platform: Platform) -> Iterator[str]:
    """One running app for all of them."""
    made = platform.running("operated")
    yield made
    platform.api.delete(f"/apps/{made}")


def shows(platform: Platform, app_id: str, status: str) -> float:
    """Seconds until the API shows the status."""
    with Stopwatch() as watch:
        until(lambda: platform.app(app_id)["status"] == status, 30, 0.02, status)
    return watch.took


def test_status_lists_everything(platform: Platform, app_id: str) -> None:
    """status shows hostd, the console and the app's program with its pid."""
    status = platform.supervisorctl("status")
    for program in ("hostd", "console", f"{app_id}.r1"):
        assert f"{program} " in status
    assert platform.app(app_id)["pid"] == platform.pid(f"{app_id}.r1")


def test_stop_is_a_wish(platform: Platform, app_id: str) -> None:
    """stop: the API shows it within 2 seconds, and hostd does not start it again; start: likewise."""
    assert "stopped" in platform.supervisorctl("stop", f"{app_id}.r1")
    assert shows(platform, app_id, "stopped") < WITHIN
    platform.running("meanwhile")
    assert platform.app(app_id)["status"] == "stopped"
    assert "STOPPED" in platform.supervisorctl("status", f"{app_id}.r1")
    platform.supervisorctl("start", f"{app_id}.r1")
    assert platform.app(app_id)["status"] in ("starting", "running")
    platform.wait(app_id, "running")
    until(lambda: platform.serves(app_id), 10)
    for app in platform.api.get("/apps").json():
        if app["name"] == "meanwhile":
            platform.api.delete(f"/apps/{app['app_id']}")


def test_restart_is_seen(platform: Platform, app_id: str) -> None:
    """restart: the app runs with a new pid, in API and gateway alike."""
    before = platform.app(app_id)["pid"]
    platform.supervisorctl("restart", f"{app_id}.r1")
    pid = platform.pid(f"{app_id}.r1")
    assert pid not in (0, before)
    until(lambda: platform.app(app_id)["pid"] == pid, 30)
    assert platform.wait(app_id, "running")["pid"] == pid
    assert platform.serves(app_id)


def test_stop_by_api_then_start_by_operator(platform: Platform, app_id: str) -> None:
    """An app that was stopped in the console can be started by supervisorctl, and serves."""
    platform.api.post(f"/apps/{app_id}/stop")
    platform.supervisorctl("start", f"{app_id}.r1")
    platform.wait(app_id, "running")
    assert platform.serves(app_id)


def test_a_draining_release_is_a_program(platform: Platform) -> None:
    """While a session keeps an old release, both are listed; stop ends the old one and leaves the new one."""
    app_id = platform.running("two at once")
    base = f"{platform.url}/apps/{app_id}"
    session = Session(base)
    try:
        assert session.run()
        platform.api.patch(f"/apps/{app_id}", files={"app": ("app.py", HELLO + b"st.write('newer')\n")})
        assert platform.wait(app_id, "running")["draining"][0]["release"] == 1
        for program in (f"{app_id}.r1", f"{app_id}.r2"):
            assert re.search(r" (STARTING|RUNNING) ", platform.supervisorctl("status", program))
        assert session.run()
        assert "stopped" in platform.supervisorctl("stop", f"{app_id}.r1")
        until(lambda: not platform.app(app_id)["draining"], 10)
        assert platform.app(app_id)["status"] == "running"
        assert platform.serves(app_id)
        until(lambda: f"{app_id}.r1" not in platform.supervisorctl("status"), 10)
    finally:
        session.close()
        platform.api.delete(f"/apps/{app_id}")


def test_tail_shows_the_log(platform: Platform, app_id: str) -> None:
    """tail shows the end of run.log: our lines, and the app's own."""
    assert "[hostd] start: release 1" in platform.supervisorctl("tail", "-20000", f"{app_id}.r1")


def test_the_data_folder_is_private(platform: Platform, app_id: str) -> None:
    """Others read and change nothing in it, and the group of an app's own user nothing beside its release.

    What lies in folders of one user alone nobody else gets to; Pythons, and the runner, are for every app.
    """
    found = [(path, about.st_mode) for path, about in below(platform.data) if "venv" not in path.parts]
    alone = {path for path, mode in found if stat.S_ISDIR(mode) and not mode & 0o077}
    alone.add(platform.data / "cache" / "python")
    outside = [
        (path, mode)
        for path, mode in found
        if not stat.S_ISLNK(mode) and alone.isdisjoint([path, *path.parents])
    ]
    assert platform.data / "apps" in {path for path, _ in outside}
    runner = platform.data / "hostd_runner.py"
    outside.remove((runner, stat.S_IFREG | 0o644))
    assert not [path for path, mode in outside if mode & 0o006]
    assert not [path for path, mode in outside if mode & 0o001 and not stat.S_ISDIR(mode)]
    grouped = [path for path, mode in outside if mode & 0o060]
    assert all("bundle" in path.parts for path in grouped), grouped


def test_installs_are_programs(platform: Platform) -> None:
    """An install is listed as build.<app_id> while it runs, and gone some time after."""
    app_id = platform.create("listed", requirements=b"streamlit\ntabulate\n")
    until(lambda: f"build.{app_id}" in platform.supervisorctl("status"), 30, 0.01)
    platform.wait(app_id, "running")
    platform.api.delete(f"/apps/{app_id}")
    assert f"build.{app_id}" not in platform.supervisorctl("status")
