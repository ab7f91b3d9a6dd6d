"""Apps over their limits on the real platform: stopped, told, and as far as it helps started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hostd.diagnosis import start_failure
from hostd.health import End
from hostd.lifecycle.families import Census, end, families
from hostd.lifecycle.measuring import (
    SMALLEST,
    forget_files,
    held,
    mapped,
    used_by_users,
    used_disk,
    used_memory,
)
from hostd.models import FailureKind
from hostd.processes import Process, memory, running, who

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


LEAVER = textwrap.dedent("""
    import os, subprocess, sys
    import streamlit as st

    GONE = "import os, time; held = b'x' * 300_000_000; time.sleep(600)"

    @st.cache_resource
    def once():
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                null = os.open(os.devnull, os.O_RDWR)
                for number in (0, 1, 2):
                    os.dup2(null, number)
                os.execv(sys.executable, [sys.executable, "-c", GONE if HUNGRY else GONE.replace("300", "3")])
            os._exit(0)
        os.wait()

    once()
    st.title("leaver")
    """)


@pytest.mark.skipif(os.geteuid() != 0, reason="elsewhere what leaves an app is ended for it")
def test_what_leaves_its_app_counts(platform: Platform) -> None:
    """A process that has left group, session and parents behind is over the limit like any other."""
    app_id = platform.create("leaver", LEAVER.replace("HUNGRY", "True").encode(), memory_mb="250")
    until(lambda: "failed: out_of_memory: The app used " in platform.logs(app_id), 90)
    assert platform.api.delete(f"/apps/{app_id}").status_code == 200
    until(lambda: not [line for line in _command_lines() if "300_000_000" in line], 30)


def test_what_an_app_left_ends_with_it(platform: Platform) -> None:
    """When it is stopped; and when it is deployed anew, though the app goes on."""
    app_id = platform.running("leaver", LEAVER.replace("HUNGRY", "False").encode())
    if os.geteuid() == 0:
        until(lambda: [line for line in _command_lines() if "'x' * 3_000_000" in line], 30, what="it left")
    parts = [("files", ("app.py", HOARDER))]
    assert platform.api.post(f"/apps/{app_id}/releases", files=parts).status_code == 202
    until(lambda: platform.app(app_id)["release"] == 2, 90, what="the next release")
    until(lambda: not [line for line in _command_lines() if "'x' * 3_000_000" in line], 30)
    assert platform.api.delete(f"/apps/{app_id}").status_code == 200


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
    found = families({pid: Process(pid, parent, group) for pid, parent, group in table}, [10, 20, 99])
    assert {root: sorted(pids) for root, pids in found.items()} == {10: [10, 11, 12, 13, 14], 20: [20]}


def test_a_long_family() -> None:
    """However many generations it has: a hundred were followed once."""
    table = {pid: Process(pid, pid - 1, pid) for pid in range(2, 2_000)}
    assert families(table, [2]) == {2: set(range(2, 2_000))}


def test_who_left_a_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its user it is of the last program born before it; other users' are not ours."""
    users = {40: 20_002, 41: 20_002, 42: 20_004, 43: 1_000, 44: 20_006}
    monkeypatch.setattr("hostd.lifecycle.families.who", lambda pid: (users[pid], True))
    table = {pid: Process(pid, 1, pid, born) for pid, born in [(10, 100), (20, 200), (40, 150), (41, 300)]}
    table |= {pid: Process(pid, 1, pid, 500) for pid in (42, 43, 44)} | {45: Process(45, 1, 45, 50)}
    users[45] = 20_002
    found, left = Census(apps={20_002, 20_004}).take({10: 20_002, 20: 20_002}, table)
    assert found == {10: {10, 40}, 20: {20, 41}}
    assert {one.pid for one in left} == {42, 45}


def test_who_left_a_family_where_all_are_one_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """What supervisord was given by the kernel, if it was confined as apps are."""
    monkeypatch.setattr("hostd.lifecycle.families.who", lambda pid: (1_000, pid != 41))
    table = {pid: Process(pid, 7, pid, 100) for pid in (10, 40, 41)} | {42: Process(42, 1, 42, 100)}
    found, left = Census(supervisord=7).take({10: None}, table)
    assert found == {10: {10}}
    assert {one.pid for one in left} == {40}


def test_files_without_a_name_and_without_content(tmp_path: Path) -> None:
    """What a process holds open counts, though no folder has it; an empty file counts as a small one."""
    before = held([os.getpid()], None, tmp_path)
    with (tmp_path / "file").open("wb") as file:
        (tmp_path / "file").unlink()
        file.write(b"x" * 1_000_000)
        file.flush()
        more = held([os.getpid()], None, tmp_path).items() - before.items()
        assert 1_000_000 <= sum(size for _, size in more) < 1_100_000
    assert held([], None, tmp_path) == {}
    empty = used_disk(tmp_path)
    for number in range(10):
        (tmp_path / str(number)).touch()
    assert used_disk(tmp_path) >= empty + 10 * SMALLEST


SHARERS = r"""
import mmap, os, sys
held = mmap.mmap(-1, 60_000_000)  # shared, and no file's
held.write(b"x" * 60_000_000)
for _ in range(2):
    if os.fork() == 0:
        held.seek(0)
        held.read()
        break
else:
    more = mmap.mmap(-1, 40_000_000)
    more.write(b"x" * 40_000_000)
os.write(1, b"%d\n" % os.getpid())
sys.stdin.read()
"""


def test_shared_memory_is_counted_once() -> None:
    """What three processes see is there once; what one has beside it is there as well."""
    with subprocess.Popen([sys.executable, "-c", SHARERS], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        pids = [int(child.stdout.readline()) for _ in range(3)]
        shared = {pid: memory(pid)[1] for pid in pids}
        assert sum(shared.values()) > 150_000_000
        assert 100_000_000 <= mapped(shared, None) < 110_000_000
        assert 100_000_000 <= used_memory(pids, most=50_000_000) < 160_000_000
        assert mapped({2**22 + 1: 5}, None) == 5
        child.communicate("")
    assert mapped({}, None) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_of_a_user(tmp_path: Path) -> None:
    """Counted by owner in folders that are for all, and taken away without those of others."""
    for name, uid in (("one", 54_322), ("other", 54_324)):
        (tmp_path / name).mkdir()
        for path in (tmp_path / name / "below", tmp_path / f"{name}.file"):
            path.write_bytes(b"x" * 1_000_000)
        (tmp_path / f"{name}.file2").hardlink_to(tmp_path / f"{name}.file")
        for path in (tmp_path / name, tmp_path / name / "below", tmp_path / f"{name}.file"):
            os.chown(path, uid, uid)
    assert 2_000_000 <= used_by_users(tmp_path)[54_322] < 2_100_000
    assert used_by_users(tmp_path, (54_324,))[54_322] < 1_100_000
    forget_files(54_322, [str(tmp_path), str(tmp_path / "none")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "other.file", "other.file2"]


SOMEBODY = ("setpriv", "--reuid", "54326", "--clear-groups")
APART = ("unshare", "--pid", "--fork")


@contextmanager
def sleeper(*command: str) -> Iterator[int]:
    """The child of a process that makes namespaces, which sleeps in them; its pid here."""
    with subprocess.Popen([*command, "sleep", "62.5"], stderr=subprocess.DEVNULL) as outer:
        try:
            until(lambda: _children(outer.pid) or outer.poll() is not None, 30)
            if outer.poll() is not None:
                pytest.skip("this root may not make namespaces")
            (inner,) = _children(outer.pid)
            until(lambda: _is_asleep(inner), 30)
            yield inner
        finally:
            for pid in (*_children(outer.pid), outer.pid):
                os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    return [one.pid for one in running().values() if one.parent == pid]


def _is_asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:2] == ["sleep", "62.5"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes containers and users")
def test_what_a_container_runs_is_nobodys_here() -> None:
    """Its numbers may be those of our apps: it is no stray of theirs. What an app hides so is."""
    census = Census(apps={54_326}, supervisord=os.getpid())
    with sleeper(*APART, *SOMEBODY) as inner:
        assert who(inner)[0] == -1
        assert inner not in {one.pid for one in census.take({}, running())[1]}
    with sleeper(*SOMEBODY, *APART, "--user") as inner:
        assert who(inner)[0] == 54_326
        assert inner in {one.pid for one in census.take({}, running())[1]}


def test_a_family_is_ended_whole() -> None:
    """Also one that starts others, in sessions of their own, as long as it can."""
    breed = (
        "import subprocess, sys\nwhile True: subprocess.Popen(['/bin/sleep', '61.5'], start_new_session=True)"
    )
    child = subprocess.Popen([sys.executable, "-c", breed], start_new_session=True)
    until(lambda: len(families(running(), [child.pid])[child.pid]) > 20, 30, 0.01)
    end(child.pid)
    assert child.wait() == -9
    until(lambda: not [line for line in _command_lines() if line == "/bin/sleep\x0061.5\x00"], 30)


def test_what_is_measured(tmp_path: Path) -> None:
    """Memory that was touched, files that take room; not what links lead to."""
    code = "held = bytearray(50_000_000); print('ready', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 50_000_000 < used_memory([child.pid]) < 70_000_000
        assert used_memory([child.pid], most=10_000_000) > 50_000_000
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
