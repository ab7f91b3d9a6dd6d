"""What the kernel tells of a process. proc_pid_stat(5)."""

from __future__ import annotations

import os
from dataclasses import dataclass

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, user and system; 0 when it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK if fields else 0.0


def born(pid: int) -> int:
    """When a process began, in clock ticks since the machine's boot: another has its pid at another time."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is not the kernel's own. ``group`` is its process group's number, ``born`` as above."""

    pid: int
    parent: int
    group: int
    born: int = 0


def running() -> dict[int, Process]:
    """Every process there is, by pid."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - each second
        if name.isdecimal() and len(fields := _stat(int(name))) > 20 and fields[20] != b"0":  # vsize
            pid = int(name)
            found[pid] = Process(pid, int(fields[1]), int(fields[2]), int(fields[19]))
    return found


def memory(pid: int) -> tuple[int, int]:
    """Bytes that a process has for itself, in swap too, and of shared memory; 0 when it is gone."""
    values = _status(pid)
    own, shared = (_size(values, "RssAnon") + _size(values, "VmSwap"), _size(values, "RssShmem"))
    return own, shared


def who(pid: int) -> tuple[int, bool]:
    """The user that a process is, and whether it can never become more (no_new_privs); -1 when it is gone.

    -1 also for those of a container on this machine, whose numbers may be ours.
    """
    values = _status(pid)
    if len(values.get("NSpid", "").split()) > 1 and _users_are_ours(pid):
        return -1, False
    return int(values.get("Uid", "-1").split()[0]), values.get("NoNewPrivs", "0").strip() == "1"


def of_user(uid: int) -> list[int]:
    """The pid of every process that a user runs."""
    return [pid for pid in running() if who(pid)[0] == uid]


def shared_on_machine() -> int:
    """Bytes of shared memory that all there is has, the swapped ones with more that is swapped."""
    values = _values("/proc/meminfo")
    return _size(values, "Shmem") + _size(values, "SwapTotal") - _size(values, "SwapFree")


def _users_are_ours(pid: int) -> bool:
    """Whether a process is in our user namespace: else its pids may be apart (pid_namespaces(7))."""
    try:
        return os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")  # noqa: PTH115
    except OSError:
        return False


def _status(pid: int) -> dict[str, str]:
    return _values(f"/proc/{pid}/status")


def _values(path: str) -> dict[str, str]:
    lines = _read(path).decode(errors="replace").splitlines()
    return {name: rest for name, _, rest in (line.partition(":") for line in lines)}


def _size(values: dict[str, str], name: str) -> int:
    return int(values.get(name, "0").split()[0]) * 1024


def _stat(pid: int) -> list[bytes]:
    """The fields behind the command's name, the third (state) first; none when the process is gone."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _read(path: str) -> bytes:
    """Of the kernel's files, each second and for every process there is; nothing when it is gone."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib takes three times as long
            return file.read()
    except OSError:
        return b""
