"""Apps over their limits on the real platform: stopped, told, and as far as it helps started again."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hostd.diagnosis import start_failure
from hostd.health import End
from hostd.lifecycle.watchdog import end, families, used_disk, used_memory
from hostd.models import FailureKind
from hostd.processes import Process, running

from .platform import Platform, assert_problem, until

HUNGRY = textwrap.dedent("""
    import os, subprocess, sys, threading, time
    from pathlib import Path
    import streamlit as st

    CHILD = "held = bytearray(150_000_000); import time; time.sleep(600)"

    def eat():
        while not Path.home().joinpath("storage", "go").exists():
            time.sleep(0.1)
        Path.home().joinpath("storage", "go").unlink()
        for _ in range(4):
            subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True)

    @st.cache_resource
    def once():
        threading.Thread(target=eat, daemon=True).start()

    once()
    try:
        bytearray(2_000_000_000)
    except MemoryError:
        print("a clean MemoryError", flush=True)
    st.title("hungry")
    """).encode()
HOARDER = textwrap.dedent("""
    from pathlib import Path
    import streamlit as st

    for number in range(4):
        Path.home().joinpath("storage", str(number)).write_bytes(b"x" * 3_000_000)
    try:
        Path.home().joinpath("large").write_bytes(b"x" * 8_000_000)
    except OSError as error:
        print("too large:", error, flush=True)
    st.title("hoarder")
    """).encode()


def test_over_memory_and_over_disk(platform: Platform) -> None:
    """Many processes, each below the limit, are stopped together; so is an app whose files are too many."""
    hoarder = platform.create("hoarder", HOARDER, disk_mb="5")
    app_id = platform.running("hungry", HUNGRY, memory_mb="400")
    assert "a clean MemoryError" in platform.logs(app_id)
    first = platform.app(app_id)
    (platform.data / "apps" / app_id / "home" / "storage" / "go").touch()
    until(lambda: platform.app(app_id)["pid"] not in (None, first["pid"]), 60, what="its next process")
    again = platform.wait(app_id, "running")
    assert again["error"]["kind"] == "out_of_memory"
    assert "more than the 400 MB" in again["error"]["message"]
    assert "failed: out_of_memory: The app used " in platform.logs(app_id)
    assert not [line for line in _command_lines() if "bytearray(150_000_000)" in line]
    failed = platform.wait(hoarder, "failed")
    assert failed["error"]["kind"] == "disk_full"
    assert "too large: [Errno 27]" in platform.logs(hoarder)
    for one in (app_id, hoarder):
        assert platform.api.delete(f"/apps/{one}").status_code == 200


def _command_lines() -> list[str]:
    found = []
    for pid in running():
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace"))
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("memory_mb", ["-1", "1.5", "2G", "1" * 9], {"0": 0, "512": 512, "": None}),
        ("processes", ["x"], {"50": 50}),
        ("disk_mb", ["²"], {"100": 100}),
        ("nice", ["20", "-1"], {"0": 0, "19": 19}),
        ("connect_ports", ["0", "a", "9-8"], {"none": "none", "443,8000-8100": "443,8000-8100", "": None}),
    ],
)
def test_limits_are_set_by_api(
    platform: Platform, parked: str, name: str, bad: list[str], good: dict[str, object]
) -> None:
    """Each field is checked, kept, and taken back by an empty text; no release is made."""
    for text in bad:
        assert_problem(platform.api.patch(f"/apps/{parked}", data={name: text}), 422, name)
    for text, value in good.items():
        answer = platform.api.patch(f"/apps/{parked}", data={name: text})
        assert (answer.status_code, answer.json()["scale"][name]) == (200, value), answer.text


@pytest.fixture(scope="module")
def parked(platform: Platform) -> str:
    """An app that need not run; the platform's end takes it away."""
    app_id = platform.create("parked", b"import streamlit\n")
    platform.api.post(f"/apps/{app_id}/stop")
    return app_id


def test_families() -> None:
    """A process belongs to the program whose group it is in, or which started it; a ring belongs to none."""
    table = [(1, 0, 1), (10, 1, 10), (11, 10, 10), (12, 11, 12), (13, 12, 12), (20, 1, 20), (30, 31, 30),
             (31, 30, 31), (14, 1, 10)]  # fmt: skip
    found = families({pid: Process(pid, parent, group) for pid, parent, group in table}, {10: "a", 20: "b"})
    assert {root: sorted(pids) for root, pids in found.items()} == {10: [10, 11, 12, 13, 14], 20: [20]}


def test_a_family_is_ended_whole() -> None:
    """Also one that starts others, in sessions of their own, as long as it can."""
    breed = (
        "import subprocess, sys\nwhile True: subprocess.Popen(['/bin/sleep', '61.5'], start_new_session=True)"
    )
    child = subprocess.Popen([sys.executable, "-c", breed], start_new_session=True)
    until(lambda: len(families(running(), {child.pid: ""})[child.pid]) > 20, 30, 0.01)
    end(child.pid)
    assert child.wait() == -9
    until(lambda: not [line for line in _command_lines() if line == "/bin/sleep\x0061.5\x00"], 10)


def test_what_is_measured(tmp_path: Path) -> None:
    """Memory that was touched, files that take room; not what links lead to."""
    code = "held = bytearray(50_000_000); print('ready', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 50_000_000 < used_memory([child.pid]) < 70_000_000
        assert used_memory([child.pid, child.pid]) > 100_000_000
        assert running()[child.pid].group == running()[running()[child.pid].parent].group
        child.kill()
    assert used_memory([2**22 + 1]) == 0
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("/usr")
    assert 1_000_000 <= used_disk(tmp_path) < 1_100_000
    assert used_disk(tmp_path / "none") == 0


@pytest.mark.parametrize(
    ("said", "after", "kind", "code"),
    [
        ("failed: out_of_memory: The app used 612 MB of memory, more than the 400 MB that it may; it was",
         "", FailureKind.OUT_OF_MEMORY, "over_memory"),
        ("failed: crashed: The app had 151 processes, more than the 150 that it may; it was stopped.",
         "", FailureKind.CRASHED, "over_processes"),
        ("failed: out_of_memory: The app used 612 MB of memory, more than the 400 MB that it may; it was",
         "Traceback (most recent call last):\n  File \"app.py\", line 1, in <module>\nKeyError: 'x'\n",
         FailureKind.CRASHED, "crashed_raising"),
    ],
)  # fmt: skip
def test_a_crash_loop_for_memory_says_so(said: str, after: str, kind: FailureKind, code: str) -> None:
    """The watchdog's word counts, unless something was raised since."""
    log = f"2026-01-01T00:00:00Z [hostd] start: release 1 on port 8501\n2026-01-01T00:01:00Z [hostd] {said}\n"
    failure = start_failure(End.DEAD, -9, log + after, 60)
    assert (failure.kind, failure.code) == (kind, code)
