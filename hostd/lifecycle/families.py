"""Which processes are whose: those that a program started, and those that left it.

Where apps have users, what left its program's group and parents is known by its user. Elsewhere the kernel
gives it to supervisord, which the door makes the parent of all orphans (prctl(2), PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field

from hostd.processes import Process, running, who


def families(processes: Mapping[int, Process], roots: Iterable[int]) -> dict[int, set[int]]:
    """Each root that runs, with its process group and all that these started, in any generation.

    A process is in one family: in that of the nearest root, or of the first. A table that was read while
    it changed may hold a ring.
    """
    below: dict[int, list[int]] = defaultdict(list)
    groups: dict[int, list[int]] = defaultdict(list)
    for pid, process in processes.items():
        below[process.parent].append(pid)
        groups[process.group].append(pid)
    found = {root: {root} for root in roots if root in processes}
    taken = set(found)
    for root, family in found.items():
        waiting = [root, *groups[root]]
        while waiting:
            pid = waiting.pop()
            if pid == root or pid not in taken:
                taken.add(pid)
                family.add(pid)
                waiting += [child for child in below[pid] if child not in taken]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Counts what runs. ``apps``: the users that its apps are; None where they are the platform's own.

    ``supervisord`` is its pid.
    """

    apps: Set[int] | None = None
    supervisord: int = field(default_factory=os.getppid)

    def take(
        self, roots: Mapping[int, int | None], processes: Mapping[int, Process]
    ) -> tuple[dict[int, set[int]], set[Process]]:
        """Every root's family, with those that left it; and the apps' processes that are nobody's any more.

        ``roots``: the pid of each program, and who it runs as.
        """
        found, left = families(processes, roots), set()
        for pid in processes.keys() - set().union(*found.values()):
            process = processes[pid]
            if self.apps is not None:
                uid = who(pid)[0]
                if uid not in self.apps:
                    continue
                if root := _youngest([one for one in found if roots[one] == uid], process, processes):
                    found[root].add(pid)
                    continue
            elif process.parent != self.supervisord or not who(pid)[1]:
                continue
            left.add(process)
        return found, left


def _youngest(roots: list[int], process: Process, processes: Mapping[int, Process]) -> int | None:
    """Of these the last that was born before ``process``, which no older one's end has left behind."""
    before = [root for root in roots if processes[root].born <= process.born]
    return max(before, key=lambda root: processes[root].born, default=None)


def end(*roots: int) -> None:
    """SIGKILL processes and their families, which are halted first: none is born meanwhile."""
    halted = set(roots)
    _signal(halted, signal.SIGSTOP)
    while new := set().union(*families(running(), roots).values()) - halted:
        _signal(new, signal.SIGSTOP)
        halted |= new
    _signal(halted, signal.SIGKILL)


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(OSError):  # it has ended
            os.kill(pid, number)
