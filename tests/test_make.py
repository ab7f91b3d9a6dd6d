"""``make run`` as a person has it: started in a terminal, ended with Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from .machine import Stopwatch
from .platform import HELLO, ROOT, Platform, until

VENV = ROOT / ".venv"


@pytest.fixture
def made() -> Iterator[Platform]:
    """A data folder and ports for a platform that make starts, gone again afterwards."""
    platform = Platform(pool=4)
    yield platform
    for pid in platform.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    platform.close()


def copy_checkout(folder: Path) -> None:
    """The checkout's files, new ones as well, all older than the stamps of its own venv, which is shared."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
            os.utime(folder / name, (0, 0))
    (folder / ".venv").symlink_to(VENV)


def in_session(session: int) -> dict[int, str]:
    """Pid and command line of every process of a session."""
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(ValueError, OSError):
            if os.getsid(int(entry.name)) == session:
                line = (entry / "cmdline").read_bytes()
                if line:  # else it has ended, and init has yet to see it
                    found[int(entry.name)] = line.replace(b"\0", b" ").decode("utf-8", "replace")
    return found


def answers(url: str) -> bool:
    """Whether a page is there."""
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    return False


def test_a_venv_that_failed_leaves_nothing_behind(tmp_path: Path) -> None:
    """A Python that can't make a venv, like Debian's without python3-venv, is named with what to install."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\ncase "$*" in *venv*) mkdir -p .venv/bin && touch .venv/bin/python && exit 1;; esac\n'
    )
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "run", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.skipif(not (VENV / "run").exists(), reason="the checkout's venv was not made by make")
def test_ctrl_c_ends_everything_that_make_run_started(made: Platform) -> None:
    """``make run`` names the console once it answers, and Ctrl-C leaves no process behind, apps included."""
    checkout = made.data / "checkout"
    checkout.mkdir()
    copy_checkout(checkout)
    with made.output.open("wb") as output:
        make = subprocess.Popen(
            ["make", "run"], cwd=checkout, env=made.environment(), stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - as in a shell
        )  # fmt: skip
    try:
        said = f"console: {made.url}/console/"
        until(lambda: said in made.output.read_text() or make.poll() is not None, 120, what=said)
        assert said in made.output.read_text()
        assert answers(f"{made.url}/console/")
        assert "installing" not in made.output.read_text()
        made.running(app=HELLO)
        assert len(in_session(make.pid)) > 4
        with Stopwatch() as watch:
            os.killpg(make.pid, signal.SIGINT)
            make.wait(60)
            until(lambda: not (in_session(make.pid) or made.processes()), 60)
        assert watch.took < 10
    finally:
        for pid in in_session(make.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        make.wait()
