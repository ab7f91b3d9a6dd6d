"""Runs inside the guest kernel: groups, weights and what becomes of them; prints one JSON object.

``python -m tests.kernel.guest``. What runs in ``box`` is the platform's; this script stays outside.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hostd import cgroups
from hostd.programs import LAUNCHER
from tests.platform import Platform, until

ROOT = Path("/sys/fs/cgroup")
SECONDS = 4.0
"""Of guest time in which the apps burn what they get of its one core."""
_BURN = ["/bin/sh", "-c", "while :; do :; done"]


def inside(box: str, code: str) -> Any:
    """What ``code`` assigns to ``found``, run by a process that was started in that cgroup."""
    (ROOT / box).mkdir(exist_ok=True)
    code = f"import json, os\nfrom hostd import cgroups\n{code}\nprint(json.dumps(found))"
    process = started([sys.executable, "-c", code], ROOT / box, stdout=subprocess.PIPE)
    return json.loads(process.communicate()[0])


def started(command: list[str], group: Path, **more: Any) -> subprocess.Popen[bytes]:
    """A process that is in the group from its begin on."""
    put = ["sh", "-c", 'echo 0 > "$0/cgroup.procs"; exec "$@"', str(group)]
    return subprocess.Popen([*put, *command], **more)


def write(path: Path, text: str) -> None:
    """One write, as the kernel's files want it."""
    path.write_text(text, encoding="ascii")


def children(box: str) -> list[str]:
    """The groups in a group."""
    return sorted(path.name for path in (ROOT / box).iterdir() if path.is_dir())


def refusals() -> dict[str, Any]:
    """Where nothing may be touched, and why; and that nothing is left of what was begun."""
    prepared = "found = [cgroups.prepare(), cgroups.used()]"
    found = {"no controller": inside("strange", prepared)}
    write(ROOT / "cgroup.subtree_control", f"+{cgroups.CONTROLLER}")
    stranger = started(["sleep", "600"], ROOT / "strange")
    found["others"] = inside("strange", prepared)
    stranger.kill()
    stranger.wait()
    Path("/run/systemd/system").mkdir(parents=True)
    found["systemd"] = inside("systemds", prepared)
    os.setxattr(ROOT / "systemds", "trusted.delegate", b"1")
    found["delegated"] = inside("systemds", prepared)
    Path("/run/systemd/system").rmdir()
    broken = "cgroups._weigh = lambda *_: (_ for _ in ()).throw(OSError(5, 'broken'))\n"
    found["broken"] = inside(
        "halfway", broken + prepared + "\nfound.append(open('/proc/self/cgroup').read())"
    )
    found["left"] = [children(box) for box in ("strange", "halfway")]
    return found


def launched(app_id: str, nice: int, folder: Path) -> subprocess.Popen[bytes]:
    """A process of an app that burns, started by the real launcher from the platform's own group."""
    spec = {
        "argv": _BURN, "env": {}, "cwd": "/",
        "uid": 20_001, "limits": {"nice": 0}, "cgroup": {"app_id": app_id, "nice": nice},
    }  # fmt: skip
    path = folder / f"{app_id}.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(path)]
    return started(command, ROOT / "box" / cgroups.PLATFORM)


def used(app_id: str) -> int:
    """Microseconds of CPU that the group has had (cgroup-v2.rst, cpu.stat)."""
    text = (group_of(app_id) / "cpu.stat").read_text(encoding="ascii")
    return int(dict(line.split() for line in text.splitlines())["usage_usec"])


def group_of(app_id: str) -> Path:
    """An app's group."""
    return ROOT / "box" / cgroups.APPS / app_id


def shares(folder: Path) -> dict[str, Any]:
    """One process of nice 0 against three of nice 10, and what is left when they have ended."""
    found: dict[str, Any] = {"prepared": inside("box", "found = [cgroups.prepare(), cgroups.used()]")}
    found["again"] = inside(f"box/{cgroups.PLATFORM}", "found = [cgroups.prepare(), cgroups.used()]")
    running = [launched("one", 0, folder), *(launched("three", 10, folder) for _ in range(3))]
    while sum(len(pids(app_id)) for app_id in ("one", "three")) < len(running):
        assert all(process.poll() is None for process in running)
        time.sleep(0.05)
    before = [used("one"), used("three")]
    time.sleep(SECONDS)
    found["used"] = [now - then for now, then in zip([used("one"), used("three")], before, strict=True)]
    found["weights"] = [
        int((group / "cpu.weight").read_text()) for group in (group_of("one"), group_of("three"))
    ]
    sweep = (
        f"cgroups.sweep()\nfound = sorted(e.name for e in os.scandir({str(group_of(''))!r}) if e.is_dir())"
    )
    found["while they run"] = inside(f"box/{cgroups.PLATFORM}", sweep)
    for process in running:
        process.kill()
        process.wait()
    found["afterwards"] = inside(f"box/{cgroups.PLATFORM}", sweep)
    return found


def platform() -> dict[str, Any]:
    """A whole platform, started in a group: what it says, and where its processes are."""
    _loopback_up()
    made = Platform()
    home = ROOT / "home"
    home.mkdir()
    output = made.output.open("wb")
    made.process = started(
        [sys.executable, "-m", "hostd"], home, cwd=made.root, env=made.environment(), stdout=output,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        until(made.answers, 100, what="the API")
        own = (home / cgroups.PLATFORM / "cgroup.procs").read_text().split()
        return {
            "cpu_share": made.api.get("/health").json()["cpu_share"],
            "beside": _pids(home),
            "own": len(own),
        }
    finally:
        made.close()


def _pids(group: Path) -> list[str]:
    return (group / "cgroup.procs").read_text().split()


def _loopback_up() -> None:
    """SIOCSIFFLAGS with IFF_UP (netdevice(7)); and /dev/fd, which udev makes elsewhere."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))
    Path("/dev/fd").symlink_to("/proc/self/fd")


def pids(app_id: str) -> list[str]:
    """The processes of an app's group."""
    path = group_of(app_id) / "cgroup.procs"
    return path.read_text().split() if path.exists() else []


def main() -> None:
    """Everything, in order."""
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        found = {"refusals": refusals(), "shares": shares(Path(folder)), "platform": platform()}
        sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
