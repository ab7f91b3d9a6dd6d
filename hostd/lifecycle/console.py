"""What the launcher runs for the console: a user of its own that reads its code and talks to hostd."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hostd import uids
from hostd.identity import Identity, closed_above, is_reachable
from hostd.lifecycle.confinement import DEVICES, OF_ETC, SYSTEM, without
from hostd.lifecycle.environment import ROOT, STREAMLIT
from hostd.settings import Settings

CODE = ROOT / "console"
DEMO = ROOT / "demo_app"
"""The console offers it as a first upload."""
PACKAGES = tuple(Path(one) for one in sys.path if Path(one).name in ("site-packages", "dist-packages"))
"""Also those that a .pth file leads to."""
OOM_SCORE = 200
"""Apps are ended before it, and it before the rest of the platform (hostd/confine/limits.py)."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Who runs the console, by which interpreter; ``notice`` says why it is not a user of its own."""

    identity: Identity | None
    python: str
    notice: str = ""

    @property
    def as_root(self) -> bool:
        """Whether it is root, though without root's rights."""
        return self.identity is None and os.geteuid() == 0


def runner(settings: Settings, users: uids.Uids | None) -> Runner:
    """A user of its own where apps have theirs, and where that user can read what it needs."""
    if users is None:
        return Runner(None, sys.executable)
    if closed := next((one for one in (CODE / "app.py", *PACKAGES) if not _is_readable(one)), None):
        return Runner(None, sys.executable, f"{_AS_ROOT}: other users can't read {closed}")
    python = next((one for one in _pythons(settings) if is_reachable(Path(one))), None)
    if python is None:
        return Runner(None, sys.executable, f"{_AS_ROOT}: other users can't run {sys.executable}")
    return Runner(users.console, python)


_AS_ROOT = "the console runs as root, with none of root's capabilities"


def _is_readable(path: Path) -> bool:
    return closed_above(path) is None and bool(path.stat().st_mode & 0o004)


def _pythons(settings: Settings) -> Iterator[str]:
    """Ours, or another of the same version: packages hold compiled code."""
    if closed_above(Path(sys.executable)) is None:
        yield sys.executable
    name = f"python3.{sys.version_info[1]}"
    others = [Path(one).resolve() for one in uids.pythons(settings, sys.executable)]  # not by way of a venv
    yield from (str(one) for one in others if one.name == name)


def console_spec(settings: Settings, run: Runner) -> dict[str, object]:
    """The spec of the console's program (hostd/launch.py)."""
    home = settings.data / "console"
    other = {} if run.python == sys.executable else {"PYTHONPATH": ":".join(map(str, PACKAGES))}
    env = {
        "LANG": "C.UTF-8",
        **settings.app_environment,
        **other,
        **STREAMLIT,
        "STREAMLIT_SERVER_PORT": str(settings.console_port),
        "STREAMLIT_SERVER_BASE_URL_PATH": f"{settings.path_prefix}/console".strip("/"),
        "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": str(settings.max_upload_mb),
        "STREAMLIT_CLIENT_TOOLBAR_MODE": "minimal",
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "HOSTD_API_URL": settings.local_url,
        "HOSTD_PUBLIC_BASE": settings.public_base,
    }
    return {
        "argv": [run.python, "-s", "-P", str(CODE / "start.py")],
        "env": env,
        "cwd": str(home),
        "uid": run.identity.uid if run.identity else None,
        "limits": {"oom_score": OOM_SCORE},
        "confine": {
            "read": [str(path) for path in _readable(settings, run)],
            "write": [*DEVICES, str(home)],
            "tcp": {"bind": [settings.console_port], "connect": [[settings.port, settings.port]]},
        },
        "tmp": str(home / "tmp"),
    }


def _readable(settings: Settings, run: Runner) -> Iterator[Path]:
    data = settings.data.resolve()
    system = [Path(one) for one in SYSTEM if one not in ("/etc", "/opt")]
    etc = [Path("/etc", name) for name in OF_ETC] if run.as_root else [Path("/etc")]
    libraries = settings.app_environment.get("LD_LIBRARY_PATH", "").split(":")
    for root in (*system, *etc, *map(Path, filter(None, libraries))):
        yield from without(root, data)
    real = Path(run.python).resolve().parent.parent
    for prefix in {Path(sys.prefix), real} - {Path("/")}:
        yield from without(prefix, data)
    yield from (*PACKAGES, CODE, DEMO)
