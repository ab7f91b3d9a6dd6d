"""An install that takes too long, on the real thing: uv, and a build backend that never ends."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from .platform import platform as running_platform
from .platform import until

BACKEND = """
import os, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({pids!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
child.wait()
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "cmdline").read_bytes() != b""
    return False


def test_nothing_outlives_an_install_that_is_out_of_time(tmp_path: Path) -> None:
    """At the time-out uv ends, and so do the build backend that it started and that backend's own child."""
    pids, project = tmp_path / "pids", tmp_path / "endless"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "backend.py").write_text(BACKEND.format(pids=str(pids)))
    with running_platform(pool=4, STREAMLIT_HOST_INSTALL_TIMEOUT="8") as platform:
        app_id = platform.create(requirements=f"endless @ {project.as_uri()}\n".encode())
        error = platform.wait(app_id, "failed")["error"]
        assert error["kind"] == "install_failed"
        assert "took longer than 8 s" in error["message"]
        started = [int(pid) for pid in pids.read_text().split()]
        assert len(started) == 2
        until(lambda: not any(map(_lives, started)), 5, what="the backend and its child gone")
