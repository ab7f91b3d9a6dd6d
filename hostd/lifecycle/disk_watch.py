"""Stops apps whose files take more than they may: one after the other, all when a disk is nearly full."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hostd import words
from hostd.errors import Interrupted
from hostd.layout import Layout
from hostd.lifecycle import confinement
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.families import families
from hostd.lifecycle.measuring import ANYBODYS, held, used_by_users, used_disk
from hostd.lifecycle.registry import Registry
from hostd.models import App, FailureKind
from hostd.processes import of_user, running
from hostd.program_names import app_id_of
from hostd.settings import Settings

log = logging.getLogger(__name__)
MB = 1_000_000
SHARE = 0.05
"""Part of the time that is spent on measuring."""
RESERVE = 0.05
"""Part of a disk that is free: below it all apps are measured without waiting."""


@dataclass(slots=True, kw_only=True)
class DiskWatch:
    """Measures. For one thread."""

    settings: Settings
    layout: Layout
    registry: Registry
    deployer: Deployer
    _turn: list[str] = field(default_factory=list)
    _next: float = 0.0
    _elsewhere: Counter[int] = field(default_factory=Counter)
    _was_short: bool = False

    def run(self, closing: threading.Event, interval: float = 1.0) -> None:
        """Look every ``interval`` seconds until ``closing`` is set."""
        while not closing.wait(interval):
            try:
                self.look()
            except Exception:
                log.exception("the watch over the disk stumbled")

    def look(self) -> None:
        """The next app in turn, or all of them."""
        begun = time.monotonic()
        short = any(is_short(folder) for folder in (self.layout.root, *map(Path, ANYBODYS)))
        newly = short and not self._was_short
        self._was_short = short
        if begun < self._next and not newly:
            return
        if newly or not self._turn:
            self._turn = [app.app_id for app in self.registry.all_serving()]
            self._elsewhere = self._used_elsewhere() if self._turn else Counter()
        for _ in range(len(self._turn) if short else 1):
            if self._turn:
                self._look_at(self._turn.pop())
        self._next = begun + (time.monotonic() - begun) / SHARE

    def _used_elsewhere(self) -> Counter[int]:
        """What apps' users have where everybody may have files."""
        numbers = self.deployer.launcher.owners.numbers()
        found: Counter[int] = Counter()
        for folder in ANYBODYS if numbers is not None else ():
            found += used_by_users(folder, numbers)
        return found

    def _look_at(self, app_id: str) -> None:
        app = self.registry.peek(app_id)
        limit = confinement.limits(self.settings, app.scale)["file_mb"] if app else 0
        if app is None or app.release is None or not limit:
            return
        ticket, folder = self.registry.ticket(app_id), self.layout.app(app_id)
        used = sum(used_disk(path) for path in (folder.home, folder.release(app.release).bundle))
        uid = None if self.deployer.launcher.owners.numbers() is None else app.uid
        used += self._elsewhere[-1 if uid is None else uid]
        used += sum(held(self._processes(app, uid), uid, folder.home).values())
        if used // MB > limit:
            failure = words.make(FailureKind.DISK_FULL, "over_disk", used=used // MB, limit=limit)
            with suppress(Interrupted):
                self.deployer.fail(ticket, failure)

    def _processes(self, app: App, uid: int | None) -> Iterable[int]:
        """What runs as the app's user; elsewhere what its programs started."""
        if uid is not None:
            return of_user(uid)
        states = self.deployer.supervisor.last_states().items()
        roots = [state.pid for name, state in states if state.pid and app_id_of(name) == app.app_id]
        return set().union(*families(running(), roots).values())


def is_short(folder: Path) -> bool:
    """Whether little is left on the disk that ``folder`` is on, of room or of names."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail < found.f_blocks * RESERVE or bool(
        found.f_files and found.f_favail < found.f_files * RESERVE
    )
