"""Stops apps that use more than they may: memory and processes each second, the disk seldom.

RLIMIT_DATA ends most of it before, by a MemoryError in the app itself; this is for many processes, for
shared memory, and for the number of processes where there is no uid to limit it by. A process that left its
program's group counts as long as its parents lead there.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hostd import words
from hostd.errors import HostdError, Interrupted
from hostd.layout import Layout, parse_program, parse_replica
from hostd.lifecycle import confinement, outcomes
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.registry import Registry
from hostd.models import App, Failure, FailureKind
from hostd.processes import Process, memory, running
from hostd.settings import Settings

log = logging.getLogger(__name__)
MB = 1_000_000
DISK_SHARE = 0.01
"""Part of the time that is spent on measuring the disk."""
DEEPEST = 100
"""Generations that are followed: a chain that was read while it changed may be a ring."""
DISK_PAUSE = 10.0
"""Seconds between two apps whose disk is measured, at least."""


@dataclass(slots=True, kw_only=True)
class Watchdog:
    """Looks at what runs. ``look`` is for one thread."""

    settings: Settings
    layout: Layout
    registry: Registry
    deployer: Deployer
    _disk_turn: list[str] = field(default_factory=list)
    _disk_next: float = 0.0

    def run(self, closing: threading.Event, interval: float = 1.0) -> None:
        """Look every ``interval`` seconds until ``closing`` is set."""
        while not closing.wait(interval):
            try:
                self.look()
                self.look_at_disk()
            except Exception:
                log.exception("the watchdog stumbled")

    def look(self) -> None:
        """Memory and number of processes of every program of an app."""
        states = self.deployer.supervisor.last_states()
        programs = {state.pid: name for name, state in states.items() if state.pid and _owner(name)}
        if not programs:
            return
        for pid, members in families(running(), programs).items():
            app = self.registry.peek(_owner(programs[pid]))
            if app is not None and (failure := self._over(app, members)):
                self._stop(app, programs[pid], pid, failure)

    def _over(self, app: App, members: list[int]) -> Failure | None:
        limits = confinement.limits(self.settings, app.scale)
        limit = limits["memory_mb"]
        used = used_memory(members) // MB
        if limit and used > limit:
            return words.make(FailureKind.OUT_OF_MEMORY, "over_memory", used=used, limit=limit)
        limit = limits["processes"]
        if limit and len(members) > limit:
            return words.make(FailureKind.CRASHED, "over_processes", used=len(members), limit=limit)
        return None

    def _stop(self, app: App, name: str, pid: int, failure: Failure) -> None:
        """End all of it, unless the program has another process by now. supervisord starts it again."""
        now = self.deployer.supervisor.state(name)
        if now is None or now.pid != pid:
            return
        outcomes.tell(self.layout.app(app.app_id).log, failure)
        log.warning("%s: %s", name, failure.message)
        end(pid)
        with suppress(HostdError):
            self.registry.amend(None, app.app_id, lambda _: {"error": failure})

    def look_at_disk(self) -> None:
        """What one app's files take: the next one's in turn."""
        begun = time.monotonic()
        if begun < self._disk_next:
            return
        if not self._disk_turn:
            self._disk_turn = [app.app_id for app in self.registry.all_serving()]
        if self._disk_turn:
            self._look_at_disk_of(self._disk_turn.pop())
        self._disk_next = begun + max(DISK_PAUSE, (time.monotonic() - begun) / DISK_SHARE)

    def _look_at_disk_of(self, app_id: str) -> None:
        app = self.registry.peek(app_id)
        limit = confinement.limits(self.settings, app.scale)["file_mb"] if app else 0
        if app is None or app.release is None or not limit:
            return
        ticket, folder = self.registry.ticket(app_id), self.layout.app(app_id)
        used = sum(used_disk(path) for path in (folder.home, folder.release(app.release).bundle)) // MB
        if used > limit:
            failure = words.make(FailureKind.DISK_FULL, "over_disk", used=used, limit=limit)
            with suppress(Interrupted):
                self.deployer.fail(ticket, failure)


def _owner(program: str) -> str:
    """The id of the app that a program runs a release of; '' when it runs none."""
    parsed = parse_program(program) or parse_replica(program)
    return parsed[0] if parsed else ""


def families(processes: Mapping[int, Process], roots: Mapping[int, str]) -> dict[int, list[int]]:
    """Each root with its process group and all that its members started."""
    found: dict[int, list[int]] = {root: [] for root in roots}
    for pid in processes:
        root = _root_of(pid, processes, roots)
        if root is not None:
            found[root].append(pid)
    return found


def _root_of(pid: int, processes: Mapping[int, Process], roots: Mapping[int, str]) -> int | None:
    for _ in range(DEEPEST):
        process = processes.get(pid)
        if process is None or pid in roots:
            return None if process is None else pid
        if process.group in roots:
            return process.group
        pid = process.parent
    return None


def end(root: int) -> None:
    """SIGKILL a program's process and its family, which is halted first: none is born meanwhile."""
    halted: set[int] = {root}
    _signal([root], signal.SIGSTOP)
    while new := set(families(running(), {root: ""})[root]) - halted:
        _signal(new, signal.SIGSTOP)
        halted |= new
    _signal(halted, signal.SIGKILL)


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(OSError):  # it has ended
            os.kill(pid, number)


def used_memory(pids: list[int]) -> int:
    """Bytes that these processes have for themselves; of what they share, the most that one sees."""
    parts = [memory(pid) for pid in pids]
    return sum(own for own, _ in parts) + max((shared for _, shared in parts), default=0)


def used_disk(folder: Path) -> int:
    """Bytes that the files below ``folder`` take on the disk, without following links."""
    return sum(blocks * 512 for blocks in _blocks(folder))


def _blocks(folder: Path) -> Iterator[int]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    yield entry.stat(follow_symlinks=False).st_blocks
                    if entry.is_dir(follow_symlinks=False):
                        yield from _blocks(Path(entry.path))
    except OSError:
        return
