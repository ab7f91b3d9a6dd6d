"""What an app may try, by name. Each try raises, or has done harm.

ATTACK_TARGETS is JSON: ``data`` (the platform's folder), ``code`` (where it is installed), ``cache`` (of uv), ``victim``
(an app's id), its ``port``, ``pid`` and ``victim_name``, ``api``, ``console`` and ``free`` (ports), ``bait`` (a folder of
the platform's), ``processes`` (how many an app may have), ``forged`` (headers that name somebody).
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

T: dict[str, Any] = json.loads(os.environ.get("ATTACK_TARGETS", "{}"))
DATA = Path(T.get("data", "/"))
APPS = DATA / "apps"
ME, VICTIM = Path.home().parent, APPS / T.get("victim", "")
LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
TRIES: dict[str, Callable[[], Any]] = {}
OWN: set[str] = set()
"""Tries on what only an app that runs has: not for a setup.py."""


class NotBlocked(Exception):
    """It came through, by another way than a call that succeeds."""


def attack(name: str, *, own: bool = False) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Name a try."""

    def keep(function: Callable[[], Any]) -> Callable[[], Any]:
        TRIES[name] = function
        if own:
            OWN.add(name)
        return function

    return keep


def outcome(function: Callable[[], Any]) -> str:
    """What came of one try."""
    try:
        function()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    except MemoryError:
        return "MemoryError"
    except NotBlocked:
        return "open"
    except Refused as error:
        return str(error)
    return "open"


class Refused(Exception):
    """Blocked, and how."""


def syscall(x86: int, arm: int, *arguments: Any) -> int:
    """A system call by number. Raises OSError."""
    passed = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = LIBC.syscall(x86 if X86 else arm, *passed)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def others(part: str) -> int:
    """The pid of a process of the platform whose command line holds ``part``."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if part.encode() in (entry / "cmdline").read_bytes().replace(b"\0", b" "):
                    return int(entry.name)
            except OSError:
                continue
    raise ProcessLookupError(errno.ESRCH, part)


def release(app: Path) -> Path:
    """The folder of an app's first release."""
    return app / "releases" / "1"


def packages(app: Path) -> Path:
    """Where its venv has them."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return release(app) / "venv" / "lib" / version / "site-packages"


def append(path: Path) -> None:
    """Change a file that is there."""
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"#")
