"""What the kernel tells of a process. proc_pid_stat(5)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    """A process that is not the kernel's own. ``group`` is its process group's number."""

    pid: int
    parent: int
    group: int


def running() -> dict[int, Process]:
    """Every process there is, by pid."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - each second
        if name.isdecimal() and len(fields := _stat(int(name))) > 20 and fields[20] != "0":  # vsize
            pid = int(name)
            found[pid] = Process(pid, int(fields[1]), int(fields[2]))
    return found


def memory(pid: int) -> tuple[int, int]:
    """Bytes that a process has for itself, in swap too, and of shared memory; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return (0, 0)
    values = {name: int(rest.split()[0]) * 1024 for name, _, rest in _sizes(lines)}
    return (values.get("RssAnon", 0) + values.get("VmSwap", 0), values.get("RssShmem", 0))


def _sizes(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    yield from (line.partition(":") for line in lines if line.startswith(("RssAnon", "RssShmem", "VmSwap")))


def _stat(pid: int) -> list[str]:
    """The fields behind the command's name, the third (state) first; none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return []
