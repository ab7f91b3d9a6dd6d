"""Faults that must be survived, staged on the real thing: kills, strangers, two people at once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.machine import Stopwatch
from tests.platform import HELLO, Platform, assert_problem, until
from tests.platform import platform as running_platform

SLOW_INSTALL = b"streamlit\nscikit-learn\nscipy\nmatplotlib\nplotly\n"
CRASHING = b"import os, streamlit as st\nst.write('going')\nos._exit(7)\n"


@pytest.fixture(scope="module")
def rough() -> Iterator[Platform]:
    """A platform that may be killed."""
    with running_platform(STREAMLIT_HOST_IDLE_MINUTES="0") as made:
        yield made


def kill(pid: int) -> None:
    """SIGKILL."""
    os.kill(pid, signal.SIGKILL)


def released(app: bytes) -> dict[str, tuple[str, bytes]]:
    """The multipart form of an app.py."""
    return {"app": ("app.py", app)}


def test_killed_app_is_back_without_help(rough: Platform) -> None:
    """kill -9 of an app: it serves again on its port, as another process, and its log says so."""
    app_id = rough.running("killed")
    before = rough.app(app_id)
    kill(before["pid"])
    until(lambda: rough.app(app_id)["pid"] not in (None, before["pid"]), 30)
    after = rough.wait(app_id, "running")
    assert rough.serves(app_id)
    assert after["port"] == before["port"]
    assert "was killed by signal 9" in rough.logs(app_id)
    rough.api.delete(f"/apps/{app_id}")


def test_an_app_that_ran_for_a_while_is_back_as_well(rough: Platform) -> None:
    """A crash after the first ten seconds is EXITED to supervisord, until it starts the app again."""
    app_id = rough.running("settled")
    until(lambda: "RUNNING" in rough.supervisorctl("status", f"{app_id}.r1"), 30)
    before = rough.app(app_id)["pid"]
    kill(before)
    until(lambda: rough.app(app_id)["pid"] not in (None, before), 30)
    assert rough.wait(app_id, "running")["error"] is None
    assert rough.serves(app_id)
    rough.api.delete(f"/apps/{app_id}")


def test_killed_console_is_back(rough: Platform) -> None:
    """kill -9 of the console: the same URL answers again."""
    rough.wait_for_console()
    pid = rough.pid("console")
    kill(pid)
    until(lambda: rough.supervisorctl("pid", "console").strip() not in (str(pid), "0"), 20)
    rough.wait_for_console()


def test_killed_hostd_leaves_apps_alone(rough: Platform) -> None:
    """kill -9 of hostd: apps keep their pids, and the gateway is back by itself."""
    app_id = rough.running("untouched")
    before = rough.app(app_id)
    hostd = rough.pid("hostd")
    kill(hostd)
    until(lambda: rough.pid("hostd") not in (0, hostd), 20)
    until(rough.answers, 20)
    assert rough.app(app_id)["pid"] == before["pid"] == rough.pid(f"{app_id}.r1")
    assert rough.app(app_id)["status"] == "running"
    until(lambda: rough.serves(app_id), 10)
    rough.api.delete(f"/apps/{app_id}")


def test_hostd_killed_in_an_install_goes_on(rough: Platform) -> None:
    """kill -9 of hostd while an app installs: the very same install goes on, and the app runs."""
    app_id = rough.create("cut", requirements=SLOW_INSTALL)
    install = until(lambda: _uv_of(rough, app_id), 30, interval=0.002)
    os.kill(install, signal.SIGSTOP)  # held still, so that it is not over before hostd is back
    kill(rough.pid("hostd"))
    until(rough.answers, 20)
    assert _uv_of(rough, app_id) == install
    os.kill(install, signal.SIGCONT)
    rough.wait(app_id, "running", timeout=240)
    assert rough.logs(app_id, 1000).count("install: release 1 begins") == 1
    assert rough.serves(app_id)
    assert [p.name for p in (rough.data / "apps" / app_id / "releases").iterdir()] == ["1"]
    rough.api.delete(f"/apps/{app_id}")


def test_hostd_killed_in_an_update_goes_on(rough: Platform) -> None:
    """kill -9 of hostd while a new release starts: the old one serves meanwhile, then the new one does."""
    app_id = rough.running("renewed")
    newer = b"import streamlit as st\nst.title('newer')\n"
    assert rough.api.patch(f"/apps/{app_id}", files=released(newer)).status_code == 202
    until(lambda: f"{app_id}.r2" in rough.supervisorctl("status"), 30, 0.01)
    kill(rough.pid("hostd"))
    until(rough.answers, 20)
    with Stopwatch() as watch:
        until(lambda: rough.serves(app_id), 30)
    assert watch.took < 2
    until(lambda: f"{app_id}.r1 " not in rough.supervisorctl("status"), 60)
    assert rough.wait(app_id, "running")["release"] == 2
    assert rough.serves(app_id)
    assert (rough.data / "apps" / app_id / "app.py").read_bytes() == newer
    until(lambda: rough.app(app_id)["draining"] == [], 30)
    rough.api.delete(f"/apps/{app_id}")


def test_killed_supervisord_leaves_no_orphan(rough: Platform) -> None:
    """kill -9 of supervisord: nothing survives it; the next start brings back what ran, and only that."""
    runs, rests = rough.running("runs"), rough.running("rests")
    rough.api.post(f"/apps/{rests}/stop")
    assert rough.process is not None
    kill(rough.process.pid)
    rough.process.wait()
    until(lambda: not rough.processes(), 10, what="no orphans")
    rough.start()
    rough.wait(runs, "running")
    assert rough.serves(runs)
    assert rough.app(rests)["status"] == "stopped"
    assert len([line for line in rough.processes().values() if "bin/streamlit" in line]) == 1
    for app_id in (runs, rests):
        rough.api.delete(f"/apps/{app_id}")


def test_orphans_of_another_life_are_ended(rough: Platform) -> None:
    """What still runs from the data folder when no platform does is ended before the start."""
    app_id = rough.running("orphan")
    rough.stop()
    venv = rough.data / "apps" / app_id / "venv" / "bin" / "python"
    orphan = subprocess.Popen([str(venv), "-c", "import time; time.sleep(600)"])
    rough.start()
    assert orphan.wait(10) == -signal.SIGKILL
    rough.wait(app_id, "running")
    rough.api.delete(f"/apps/{app_id}")


def test_reboot_runs_what_ran(rough: Platform) -> None:
    """Power off while one app runs and another installs: after the boot both run.

    One that was stopped stays so, and supervisord does not read its section.
    """
    stopped = rough.running("stopped before")
    rough.api.post(f"/apps/{stopped}/stop")
    assert f"{stopped}.r1" in rough.supervisorctl("status")
    runs = rough.running("before")
    installs = rough.create("during", requirements=SLOW_INSTALL)
    rough.wait(installs, "installing")
    for pid in rough.processes():
        with contextlib.suppress(ProcessLookupError):
            kill(pid)
    assert rough.process is not None
    rough.process.wait()
    rough.start()
    rough.wait(runs, "running")
    rough.wait(installs, "running", timeout=240)
    assert f"{stopped}.r1" not in rough.supervisorctl("status")
    assert not list((rough.data / "supervisor" / "apps").glob(f"{stopped}*"))
    rough.api.post(f"/apps/{stopped}/start")
    rough.wait(stopped, "running")
    for app_id in (runs, installs, stopped):
        assert rough.serves(app_id)
        rough.api.delete(f"/apps/{app_id}")


def test_killed_uv_is_tried_again(rough: Platform) -> None:
    """kill -9 of uv in the middle of an install: nothing half made counts, and the install ends well."""
    app_id = rough.create("uv", requirements=SLOW_INSTALL)
    kill(until(lambda: _held_uv(rough, app_id), 30, interval=0.002))
    rough.wait(app_id, "running", timeout=240)
    assert "killed by signal 9" in rough.logs(app_id, 1000)
    rough.api.delete(f"/apps/{app_id}")


def _held_uv(platform: Platform, app_id: str) -> int:
    """The pid of the app's uv, which is halted: it can't be through before it is killed. 0: none."""
    if pid := _uv_of(platform, app_id):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            return pid if _uv_of(platform, app_id) == pid else 0
    return 0


def _uv_of(platform: Platform, app_id: str) -> int:
    """The pid of the ``uv pip install`` of an app; 0 when there is none."""
    mine = (p for p, line in platform.processes().items() if app_id in line and "pip install" in line)
    return next(mine, 0)


def _lines(platform: Platform, *words: str) -> list[str]:
    return [line for line in platform.processes().values() if all(word in line for word in words)]


def test_crash_loop_ends_as_failed(rough: Platform) -> None:
    """A process that always dies at once ends as failed, with its exit code and last lines."""
    app_id = rough.running("loop")
    streamlit = rough.data / "apps" / app_id / "releases" / "1" / "venv" / "bin" / "streamlit"
    streamlit.write_text(f"#!{streamlit.with_name('python')}\nimport sys\nprint('no way')\nsys.exit(3)\n")
    rough.api.post(f"/apps/{app_id}/restart")
    error = rough.wait(app_id, "failed", timeout=60)["error"]
    assert error["kind"] == "crashed"
    assert "exit code 3" in error["message"]
    assert "no way" in error["log_tail"]
    assert rough.app(app_id)["pid"] is None
    rough.api.delete(f"/apps/{app_id}")


def test_app_that_never_answers_is_a_start_timeout() -> None:
    """A process that lives but never serves ends as failed after the start's time limit."""
    with running_platform(pool=4, STREAMLIT_HOST_IDLE_MINUTES="0") as platform:
        app_id = platform.running("mute", timeout=120)
        platform.stop()
        streamlit = platform.data / "apps" / app_id / "releases" / "1" / "venv" / "bin" / "streamlit"
        streamlit.write_text(f"#!{streamlit.with_name('python')}\nimport time\ntime.sleep(600)\n")
        platform.settings["STREAMLIT_HOST_START_TIMEOUT"] = "12"
        platform.start()
        platform.api.post(f"/apps/{app_id}/start")
        assert platform.wait(app_id, "failed", timeout=90)["error"]["kind"] == "start_timeout"
        assert not _lines(platform, "bin/streamlit", app_id)


def test_strangers_port_is_passed_over_and_an_exhausted_pool_says_so() -> None:
    """A port that a stranger holds is not used; with no port left a create is refused with 503, whole."""
    platform = Platform(pool=3, STREAMLIT_HOST_IDLE_MINUTES="0")
    with contextlib.closing(socket.socket()) as stranger:
        stranger.bind(("127.0.0.1", platform.pool[0]))
        stranger.listen()
        platform.start()
        try:
            taken = {platform.app(platform.running(f"app {n}"))["port"] for n in range(2)}
            assert taken == set(platform.pool[1:])
            answer = platform.api.post("/apps", data={"name": "one too many"}, files=released(HELLO))
            assert_problem(answer, 503)
            assert answer.headers["retry-after"]
            assert len(platform.api.get("/apps").json()) == 2
            assert len(list((platform.data / "apps").iterdir())) == 2
            updated = platform.api.get("/apps").json()[0]["app_id"]
            platform.api.patch(f"/apps/{updated}", files=released(b"import streamlit\n"))
            platform.wait(updated, "running")
            after = platform.app(updated)
            assert (after["error"], after["release"]) == (None, 2)
            assert platform.api.get(f"/apps/{updated}/releases/2").json()["strategy"] == "replace"
        finally:
            platform.close()


def test_ports_come_back(rough: Platform) -> None:
    """A PATCH in the first install, a failed install, a delete: the only port of the pool is free again."""
    with running_platform(pool=1) as platform:
        bad = {**released(HELLO), "requirements": ("requirements.txt", b"no-such-package-of-hostd==9\n")}
        app_id = platform.api.post("/apps", data={"name": "greedy"}, files=bad).json()["app_id"]
        platform.api.patch(f"/apps/{app_id}", files=released(b"import streamlit\n"))
        platform.wait(app_id, "failed")
        second = platform.running("second")
        assert_problem(platform.api.post(f"/apps/{app_id}/start"), 503)
        platform.api.delete(f"/apps/{app_id}")
        platform.api.delete(f"/apps/{second}")
        platform.api.delete(f"/apps/{platform.running('third')}")


def test_stranger_takes_an_apps_port_while_the_machine_is_down(rough: Platform) -> None:
    """After a boot an app whose port is taken runs on another."""
    app_id = rough.running("displaced")
    port = rough.app(app_id)["port"]
    rough.stop()
    with contextlib.closing(socket.socket()) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        rough.start()
        assert rough.wait(app_id, "running")["port"] != port
        assert rough.serves(app_id)
    rough.api.delete(f"/apps/{app_id}")


def test_operators_own_tools_are_no_orphans(rough: Platform) -> None:
    """Somebody's tail on a log in the data folder is not ended by a start."""
    app_id = rough.running("watched")
    rough.stop()
    log = rough.data / "apps" / app_id / "run.log"
    with subprocess.Popen(["tail", "-F", str(log)], stdout=subprocess.DEVNULL) as watcher:
        rough.start()
        assert watcher.poll() is None
        watcher.kill()
    rough.wait(app_id, "running")
    rough.api.delete(f"/apps/{app_id}")


def test_stranger_takes_the_port_of_a_stopped_app(rough: Platform) -> None:
    """An app whose old port is taken when it starts again gets another."""
    app_id = rough.running("moved")
    port = rough.app(app_id)["port"]
    rough.api.post(f"/apps/{app_id}/stop")
    with contextlib.closing(socket.socket()) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        rough.api.post(f"/apps/{app_id}/start")
        assert rough.wait(app_id, "running")["port"] != port
        assert rough.serves(app_id)
    rough.api.delete(f"/apps/{app_id}")


def test_two_creates_with_one_id(rough: Platform) -> None:
    """Of creates with the same id at once exactly one wins; the others get 409 and leave nothing."""

    def create(_: int) -> int:
        form = {"name": "same", "app_id": "same-id"}
        return httpx.post(f"{rough.url}/api/apps", data=form, files=released(HELLO), timeout=30).status_code

    with ThreadPoolExecutor(4) as people:
        codes = sorted(people.map(create, range(4)))
    assert codes == [201, 409, 409, 409]
    rough.wait("same-id", "running")
    assert [p.name for p in (rough.data / "apps").iterdir() if "same" in p.name] == ["same-id"]
    rough.api.delete("/apps/same-id")


def test_start_and_stop_at_once(rough: Platform) -> None:
    """Start and stop from many people at once: the app ends as the last one asked, and as it says."""
    app_id = rough.running("torn")

    def click(number: int) -> int:
        verb = "stop" if number % 2 else "start"
        return httpx.post(f"{rough.url}/api/apps/{app_id}/{verb}", timeout=60).status_code

    with ThreadPoolExecutor(6) as people:
        assert set(people.map(click, range(12))) == {200}
    rough.api.post(f"/apps/{app_id}/start")
    rough.wait(app_id, "running")
    assert rough.serves(app_id)
    rough.api.post(f"/apps/{app_id}/stop")
    assert "RUNNING" not in rough.supervisorctl("status", f"{app_id}.r1")
    rough.api.delete(f"/apps/{app_id}")


def test_patch_during_an_install_wins(rough: Platform) -> None:
    """A PATCH while the first release installs: the newest code is what runs, once."""
    app_id = rough.create("early", requirements=SLOW_INSTALL)
    rough.wait(app_id, "installing")
    newer = b"import streamlit as st\nst.title('newer')\n"
    files = {**released(newer), "requirements": ("requirements.txt", b"streamlit\n")}
    assert rough.api.patch(f"/apps/{app_id}", files=files).status_code == 202
    assert rough.wait(app_id, "running", timeout=240)["release"] == 2
    states = {one["release"]: one["state"] for one in rough.api.get(f"/apps/{app_id}/releases").json()}
    assert states == {2: "active", 1: "cancelled"}
    assert (rough.data / "apps" / app_id / "app.py").read_bytes() == newer
    programs = [line for line in rough.supervisorctl("status").splitlines() if line.startswith(f"{app_id}.r")]
    assert len(programs) == 1
    rough.api.delete(f"/apps/{app_id}")


@pytest.mark.parametrize("how", ["stop", "delete"])
def test_nothing_comes_back_after_an_install_was_ended(rough: Platform, how: str) -> None:
    """Stop or delete during an install: no process of it is left, and none comes back."""
    app_id = rough.create("ended", requirements=SLOW_INSTALL)
    rough.wait(app_id, "installing")
    if how == "stop":
        assert rough.api.post(f"/apps/{app_id}/stop").json()["status"] == "stopped"
    else:
        assert rough.api.delete(f"/apps/{app_id}").json()["deleted"] is True
    assert not _lines(rough, app_id)
    settle = threading.Event()
    for _ in range(20):
        assert app_id not in rough.supervisorctl("status")
        assert not _lines(rough, app_id)
        settle.wait(0.1)
    if how == "stop":
        assert rough.app(app_id)["status"] == "stopped"
        rough.api.post(f"/apps/{app_id}/start")
        rough.wait(app_id, "running", timeout=240)
        rough.api.delete(f"/apps/{app_id}")


def test_a_bad_section_is_set_aside_at_the_start(rough: Platform) -> None:
    """A section that supervisor can't read does not keep the platform from starting."""
    rough.stop()
    bad = rough.data / "supervisor" / "apps" / "broken.conf"
    bad.write_text("[program:broken]\ncommand=%(nope)s\n")
    rough.start()
    assert bad.with_suffix(".bad").exists()
    assert "broken" in rough.output.read_text()


def test_a_second_hostd_on_the_same_folder_is_refused(rough: Platform) -> None:
    """Two platforms never share a data folder: the second one says so and ends."""
    second = Platform(STREAMLIT_HOST_DATA=str(rough.data))
    second.start(wait=False)
    assert second.process is not None
    assert second.process.wait(20) == 2
    assert "another hostd runs on this folder" in second.output.read_text()
    second.process = None
    second.close()


def test_terminal_interrupt_leaves_no_process(rough: Platform) -> None:
    """Ctrl-C: everything stops, apps included, in under 10 seconds, with exit code 0."""
    app_id = rough.running("interrupted")
    with Stopwatch() as watch:
        assert rough.stop(signal.SIGINT) == 0
    assert watch.took < 10
    assert not rough.processes()
    rough.start()
    rough.wait(app_id, "running")
    rough.api.delete(f"/apps/{app_id}")


def test_descriptors_do_not_leak(rough: Platform) -> None:
    """Twenty stops and starts, and two hundred requests, leave hostd with the descriptors it had."""
    app_id = rough.running("leak")
    folder = Path("/proc", str(rough.pid("hostd")), "fd")
    for _ in range(3):
        rough.api.post(f"/apps/{app_id}/restart")
        rough.wait(app_id, "running")
    before = len(list(folder.iterdir()))
    for _ in range(4):
        rough.api.post(f"/apps/{app_id}/restart")
        rough.wait(app_id, "running")
    for _ in range(100):
        rough.page(app_id)
    until(lambda: len(list(folder.iterdir())) <= before + 3, 20)
    rough.api.delete(f"/apps/{app_id}")
