"""How much memory is left, of the machine or the container. The only reader of meminfo and memory cgroups."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hostd import cgroups

MEMINFO = Path("/proc/meminfo")
_V1 = Path("/sys/fs/cgroup/memory")
_NAMES = (
    ("memory.max", "memory.current", "inactive_file "),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
)
"""Of cgroup v2 and v1: the limit, what is used, and the line of memory.stat that tells of page cache."""
_PLENTY = 1 << 62


def available(meminfo: Path = MEMINFO, groups: Iterable[Path] | None = None) -> int:
    """Bytes that can be had without swapping: the machine's MemAvailable (proc(5)), or less in a cgroup.

    Of each of the cgroups that we are in counts what is left below its limit, its page cache included.
    """
    return min(_of_machine(meminfo), *(_left(group) for group in groups or _groups()), _PLENTY)


@functools.cache
def _groups() -> tuple[Path, ...]:
    """Where limits may be: a container's is its root, a systemd unit's its own group. hostd stays in them."""
    own = next((line.rpartition(":")[2] for line in _lines("/proc/self/cgroup") if ":memory:" in line), "/")
    first = Path(f"{_V1}{own}")
    return (*map(Path, cgroups.lineage()), first, *(one for one in first.parents if one.is_relative_to(_V1)))


def _lines(path: str) -> list[str]:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8").splitlines()
    return []


def _of_machine(meminfo: Path) -> int:
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return _PLENTY


def _left(group: Path) -> int:
    for most, now, cached in _NAMES:
        with suppress(OSError, ValueError):  # of the other version, or "max"
            limit = int((group / most).read_text(encoding="ascii"))
            used = int((group / now).read_text(encoding="ascii"))
            stat = (group / "memory.stat").read_text(encoding="ascii")
            cache = sum(int(line.split()[1]) for line in stat.splitlines() if line.startswith(cached))
            return max(0, limit - used + cache)
    return _PLENTY


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
