"""What all benchmarks share: samples, CPU seconds from /proc, and the machine they ran on."""

from __future__ import annotations

import os
import platform as machine_platform
import socket
import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

TICK = 1.0 / os.sysconf("SC_CLK_TCK")
"""Seconds; the resolution of CPU times in /proc (proc(5))."""


@dataclass(slots=True)
class Samples:
    """One quantity, measured once per round."""

    values: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        """One more round."""
        self.values.append(value)

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def show(self, scale: float = 1.0, digits: int = 2) -> str:
        """``median (min - max)``, each times ``scale``."""
        low, high = min(self.values), max(self.values)
        return f"{self.median * scale:.{digits}f} ({low * scale:.{digits}f} - {high * scale:.{digits}f})"


def cpu_of(pid: int) -> float:
    """CPU seconds of one process's threads, and of its living children's.

    /proc/<pid>/stat counts in ticks of 10 ms; schedstat, where the kernel has it, shows the same clock in ns.
    """
    return sum(_fine(member) or sum(_times(member)) for member in _descendants(pid))


def _fine(pid: int) -> float:
    total = 0
    for thread in Path("/proc", str(pid), "task").glob("*/schedstat"):
        with suppress(OSError):
            total += int(thread.read_text(encoding="ascii").split()[0])
    return total * 1e-9


def cpu_of_one(pid: int) -> float:
    """CPU seconds of one process alone."""
    return _fine(pid) or _times(pid)[0]


def pin(pid: int, core: int) -> None:
    """Keep a process with its threads and living children on one core; what it starts later stays there."""
    for member in _descendants(pid):
        for thread in Path("/proc", str(member), "task").iterdir():
            with suppress(OSError):
                os.sched_setaffinity(int(thread.name), {core})


def memory_of(pid: int) -> int:
    """Resident bytes of one process (``VmRSS``, proc(5))."""
    lines = Path("/proc", str(pid), "status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process, of all that descend from it, and of those of them that are gone."""
    return sum(sum(_times(member)) for member in _descendants(pid))


def _times(pid: int) -> tuple[float, float]:
    """(own, of children waited for), seconds."""
    fields = _stat(Path("/proc", str(pid)))
    if not fields:
        return 0.0, 0.0
    user, system, children_user, children_system = (int(text) for text in fields[11:15])
    return (user + system) * TICK, (children_user + children_system) * TICK


def _stat(process: Path) -> list[str]:
    """The fields behind the command's name: state, parent, …; none when the process is gone."""
    try:
        return (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return []


def _descendants(root: int) -> set[int]:
    parents = {
        int(entry.name): int(fields[1])
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and (fields := _stat(entry))
    }
    found, fresh = {root}, {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def busy_share(seconds: float = 1.0) -> float:
    """How busy all cores together are over the next ``seconds``: 0 to 1."""
    before = _cpu_line()
    time.sleep(seconds)
    spent = [now - then for now, then in zip(_cpu_line(), before, strict=True)]
    idle = spent[3] + spent[4]  # proc(5): user nice system idle iowait …
    return 1.0 - idle / max(1, sum(spent))


def rest(patience: float) -> bool:
    """Wait until the cores are less than a quarter busy, ``patience`` seconds at most. Whether they are.

    What was written goes to the disk first, so that nobody waits for another one's writes.
    """
    os.sync()
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if busy_share(0.3) < 0.25:
            return True
    return False


def _cpu_line() -> list[int]:
    with Path("/proc/stat").open(encoding="utf-8") as file:
        return [int(text) for text in file.readline().split()[1:9]]


def machine() -> str:
    """Cores, processor, kernel, Python: what a table must say to be read later."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = {line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")}
    system = f"{machine_platform.system()} {machine_platform.release()}"
    python = f"Python {machine_platform.python_version()}"
    return f"{os.cpu_count()} cores ({', '.join(sorted(models)) or 'unknown processor'}), {system}, {python}"


def load() -> str:
    """The load average, and how busy the cores are right now: whether others disturb."""
    one, five, _ = os.getloadavg()
    return f"load {one:.2f} (1 min) {five:.2f} (5 min), cores {busy_share():.0%} busy"


def wait_for(ask: Callable[[], bool], what: str, timeout: float = 120.0, interval: float = 0.01) -> float:
    """Ask until it is true. Returns the seconds that took. Raises TimeoutError that names ``what``."""
    begin = time.perf_counter()
    while not ask():
        if time.perf_counter() - begin > timeout:
            raise TimeoutError(f"not within {timeout:.0f} s: {what}")
        time.sleep(interval)
    return time.perf_counter() - begin


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def print_table(rows: Iterable[tuple[str, ...]]) -> None:
    """Rows in columns; the first one is the heading. Markdown, so that it can be pasted."""
    head, *body = list(rows)
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    for row in (head, tuple("-" * width for width in widths), *body):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
