"""How much memory is left, of the machine or the container. The only reader of meminfo and memory cgroups."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def available(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int:
    """Bytes that can be had without swapping: the machine's MemAvailable (proc(5)), or less in a cgroup.

    Of a cgroup (v2) counts what is left below ``memory.max``, its page cache included.
    """
    return min(_of_machine(meminfo), _of_cgroup(cgroup))


def _of_machine(meminfo: Path) -> int:
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 62


def _of_cgroup(cgroup: Path) -> int:
    with suppress(OSError, ValueError):  # none, or "max"
        limit = int((cgroup / "memory.max").read_text(encoding="ascii"))
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        stat = (cgroup / "memory.stat").read_text(encoding="ascii")
        cache = sum(int(line.split()[1]) for line in stat.splitlines() if line.startswith("inactive_file "))
        return max(0, limit - used + cache)
    return 1 << 62


@dataclass(frozen=True, slots=True)
class Room:
    """Whether one more app fits in. ``reserve_mb`` MB (10**6 bytes) stay free."""

    reserve_mb: int
    left: Callable[[], int] = available

    def is_there(self) -> bool:
        """Whether more than the reserve is left."""
        return self.left() >= self.reserve_mb * 1_000_000

    def words(self) -> str:
        """What is said when there is none."""
        left = self.left() // 1_000_000
        return (
            f"The machine has {left} MB of memory left, and keeps {self.reserve_mb} MB free "
            "(STREAMLIT_HOST_MEMORY_RESERVE_MB). Stop an app that nobody needs, or wait for one to sleep."
        )
