"""Platforms of one machine: whoever's range of uids overlaps another's is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hostd import uid_lock
from hostd.errors import SettingsError
from hostd.uids import Uids

from .platform import Platform, until

FIRST = Path("/srv/first")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the locks are; it is made with the first."""
    return tmp_path / "run" / "hostd"


@pytest.mark.parametrize(
    "other", [(20_000, 20_999), (20_999, 30_000), (10_000, 20_000), (1, 99_999), (20_500, 20_600)]
)
def test_an_overlap_is_refused(folder: Path, other: tuple[int, int]) -> None:
    """By one number or by all; the other's data folder is told. Once it has ended its numbers are free."""
    held = uid_lock.take(folder, Uids(20_000, 20_999), FIRST)
    try:
        with pytest.raises(SettingsError, match=f"data in {FIRST} has the uids 20000 to 20999"):
            uid_lock.take(folder, Uids(*other), Path("/srv/second"))
    finally:
        os.close(held)
    os.close(uid_lock.take(folder, Uids(*other), Path("/srv/second")))


def test_ranges_side_by_side(folder: Path) -> None:
    """They are nobody's concern but their own; nobody else can write there."""
    ranges = [(10_000, 19_999), (20_000, 20_999), (21_000, 59_999)]
    held = [uid_lock.take(folder, Uids(*one), FIRST) for one in ranges]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    for one in held:
        os.close(one)


def test_a_program_that_inherits_it_holds_it(folder: Path) -> None:
    """As supervisord does; killed, it has let go."""
    held = uid_lock.take(folder, Uids(20_000, 20_999), FIRST)
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(held,)
    ) as child:
        os.close(held)
        with pytest.raises(SettingsError):
            uid_lock.take(folder, Uids(20_000, 20_999), FIRST)
        child.kill()
        child.wait()
    os.close(uid_lock.take(folder, Uids(20_000, 20_999), FIRST))


def test_a_folder_that_can_not_be_used(folder: Path) -> None:
    """One that others write in, a file, a link: nothing is locked there."""
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    (folder.parent / "file").touch()
    (folder.parent / "link").symlink_to(folder)
    for bad in (folder, folder.parent / "file", folder.parent / "file" / "below", folder.parent / "link"):
        with pytest.raises(uid_lock.Unusable):
            uid_lock.take(bad, Uids(20_000, 20_999), FIRST)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="users are for a platform that is root")
def test_a_second_platform(platform: Platform) -> None:
    """It is refused with one line; with a range of its own it starts, and when killed leaves that free."""
    locks = platform.settings["STREAMLIT_HOST_UID_LOCKS"]
    second = Platform(STREAMLIT_HOST_UID_LOCKS=locks)
    try:
        second.start(wait=False)
        assert second.process is not None
        assert second.process.wait(30) == 2
        (line,) = second.output.read_text().splitlines()
        assert f"the hostd with its data in {platform.data} has the uids 20000 to 59999" in line
        second.settings |= {"STREAMLIT_HOST_UID_MIN": "60000", "STREAMLIT_HOST_UID_MAX": "60099"}
        second.start()
        second.stop(signal.SIGKILL)
        until(lambda: not second.processes(), 15, what="all processes gone")
        second.start()
    finally:
        second.close()
