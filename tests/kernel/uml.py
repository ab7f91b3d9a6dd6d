"""A kernel of its own for a test: User-Mode Linux (Debian's user-mode-linux), on this machine's files."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.docker.engine import NoEngineError, debian
from tests.platform import ROOT

_INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
cd {root}
export TMPDIR=/run
{command} > {out} 2> {err}
echo $? > {code}
exec {python} -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'
"""
"""The number is LINUX_REBOOT_CMD_POWER_OFF (reboot(2)): the kernel's end is the program's."""


def kernel() -> Path:
    """The kernel, as a program. Raises NoEngineError."""
    found = shutil.which("linux.uml")
    return Path(found) if found else debian("user-mode-linux") / "usr/bin/linux.uml"


def booted(program: Path, command: list[str], folder: Path, *, seconds: float) -> str:
    """What ``command`` prints as the only program of that kernel; ``folder`` is for its files.

    Raises NoEngineError where the kernel itself does not come up.

    The guest's files are this machine's (hostfs), with the rights of whoever runs the test.
    """
    paths = {name: folder / name for name in ("out", "err", "code")}
    init = folder / "init"
    text = {name: shlex.quote(str(path)) for name, path in paths.items()}
    init.write_text(
        _INIT.format(
            root=shlex.quote(str(ROOT)),
            command=shlex.join(command),
            python=shlex.quote(sys.executable),
            **text,
        )
    )
    init.chmod(0o700)
    machine = ["mem=512M", "root=none", "rootfstype=hostfs", "rootflags=/", "rw", f"init={init}", "con=null"]
    said = folder / "console"
    with said.open("wb") as console:
        guest = subprocess.Popen(
            [str(program), *machine, "con0=null,fd:1"], stdin=subprocess.DEVNULL, stdout=console,
            stderr=console, start_new_session=True,
            env={"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder)},
        )  # fmt: skip
    try:
        guest.wait(seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(guest.pid, signal.SIGKILL)  # what runs in the guest are processes here
    if not paths["out"].exists():
        raise NoEngineError(f"that kernel does not boot here: {said.read_text(errors='replace')[-1000:]}")
    assert paths["code"].is_file(), said.read_text(errors="replace")[-3000:]
    assert paths["code"].read_text() == "0\n", paths["err"].read_text()
    return paths["out"].read_text()
