"""Which isolation this machine gives apps, found by trying: a small attacker runs as an app would."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hostd.confine import landlock
from hostd.confine.landlock import ANY_PORT
from hostd.isolation import NONE, Isolation

log = logging.getLogger(__name__)
TIMEOUT = 30
"""Seconds; it takes a tenth of one."""
_LAUNCHER = Path(__file__).with_name("launch.py")
_ATTACKER = Path(__file__).with_name("confine") / "attacker.py"
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/proc")
_SECCOMP = ("fast open", "mptcp", "vsock", "own memory", "ptrace", "clone3")


def measure(uid: int | None = None, pythons: Iterable[str] = (sys.executable,)) -> Isolation:
    """The layers that hold for an app, which would run as ``uid`` (None: as who we are).

    ``pythons`` are tried until one runs for that user. Without any the answer is NONE.
    """
    try:
        with (
            tempfile.TemporaryDirectory(prefix="hostd-") as name,
            socket.create_server(("127.0.0.1", 0)) as server,
        ):
            folder = _prepared(Path(name))
            for python in pythons:
                if found := _attack(folder, server.getsockname()[1], uid, python):
                    log.debug("self-test from inside: %s", json.dumps(found))
                    return judge(found, landlock.abi(), os.getuid())
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        log.warning("the self-test of isolation can't run: %s", error)
    return NONE


def _prepared(folder: Path) -> Path:
    folder.chmod(0o755)  # so that only what is to be tried stands in the way
    for part in ("readable", "elsewhere"):
        (folder / part).mkdir()
        (folder / part).chmod(0o755)
    for path, mode in ((folder / "readable" / "private", 0o600), (folder / "elsewhere" / "file", 0o644)):
        path.touch()
        path.chmod(mode)
    return folder


def _attack(folder: Path, port: int, uid: int | None, python: str) -> dict[str, Any]:
    """What the attacker says; {} when this Python does not run there."""
    targets = {
        "private": str(folder / "readable" / "private"), "file": str(folder / "elsewhere" / "file"),
        "port": port, "free": _free_port(), "pid": os.getpid(),
    }  # fmt: skip
    real = Path(python).resolve()
    read = [*_SYSTEM, str(real.parent.parent), str(_ATTACKER), str(folder / "readable")]
    spec = {
        "argv": [str(real), "-I", "-S", str(_ATTACKER), json.dumps(targets)], "uid": uid, "env": {},
        "cwd": "/",
        "confine": {"read": read, "write": ["/dev/null"], "tcp": {"bind": [ANY_PORT], "connect": []}},
    }  # fmt: skip
    path = folder / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(_LAUNCHER), str(path)]
    done = subprocess.run(
        command, capture_output=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL
    )
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def judge(found: dict[str, Any], abi: int, ours: int) -> Isolation:
    """The layers that hold: a layer counts when everything that it is there for was refused."""
    refused = {name for name, came in found.items() if came != "open"}
    wanted = {"file", *(("tcp", "bind") if abi >= 4 else ()), *(("signal",) if abi >= 6 else ())}
    return Isolation(
        uid=found["uid"] != ours and {"private", "setuid", "signal"} <= refused,
        landlock=abi if wanted <= refused else 0,
        seccomp=set(_SECCOMP) <= refused,
    )
