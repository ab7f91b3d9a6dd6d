"""What supervisord shows, compared with what was asked: crashes are mended, operators' wishes are taken."""

from __future__ import annotations

import logging
import signal
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from hostd import diagnosis
from hostd.errors import HostdError
from hostd.health import End
from hostd.launch import REFUSED
from hostd.layout import Layout
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.launching import TAIL_LINES, describe_exit
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.workers import Workers
from hostd.models import App, Status, Wish
from hostd.program_names import BUILD_PREFIX, build_name, parse_program, program_name
from hostd.runlog import say, tail
from hostd.supervisor import BACKOFF, EXITED, FATAL, STOPPED, ProcessState

log = logging.getLogger(__name__)
RESTARTS, WINDOW = 5, 600.0
"""More restarts than this many within this many seconds are a crash loop, however slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Looks at every program's state, and wakes workers for what takes time."""

    layout: Layout
    registry: Registry
    workers: Workers
    deployer: Deployer
    restarts: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    known: set[str] = field(default_factory=set)
    """The apps whose programs supervisord had at the last look."""

    def look(self) -> None:
        """Compare what is restless, or known to supervisord, with what runs; the others stay as they are.

        An app whose worker is busy is left to it. One that changed since the states were asked for is left
        to the next look, and so is a quiet one whose program is new. Raises SupervisorUnavailable.
        """
        apps = {app.app_id: app for app in self.registry.restless()}
        apps |= {app_id: app for app_id in self.known if (app := self.registry.peek(app_id)) is not None}
        states = self.deployer.supervisor.states()
        self.known.clear()
        self.known.update(_owner(name) for name in states)
        for app in apps.values():
            if not self.workers.busy(app.app_id) and self.registry.peek(app.app_id) is app:
                try:
                    self._look_at(app, states)
                except (HostdError, OSError) as error:
                    log.error("%s: %s", app.app_id, error)  # the others are looked at all the same
        self._drop_strangers(states)
        self.deployer.drainer.look(states)
        self.deployer.replicas.look(states)

    def _look_at(self, app: App, states: Mapping[str, ProcessState]) -> None:
        app_id = app.app_id
        number = app.release if app.release is not None else app.target
        state = states.get(program_name(app_id, number))
        settled = app.wish is Wish.STOPPED or app.status is Status.FAILED
        halting = app.wish is Wish.STOPPED and app.status is not Status.STOPPED
        on_its_way = app.target != app.release and not settled
        if app.wish is Wish.DELETED or halting or on_its_way or app.restart:
            self.workers.wake(app_id)
        elif app.status is Status.SLEEPING:
            if state is not None:
                self.workers.wake(app_id)  # what a kill cut short
        elif settled:
            self._settled(app, state)
        else:
            self._meant_to_run(app, state)
        install = states.get(build_name(app_id))
        if install is not None and install.halted:
            self.deployer.installer.forget(app_id)

    def _settled(self, app: App, state: ProcessState | None) -> None:
        if state is not None and state.alive and app.release is not None and state.state != BACKOFF:
            say(self.layout.app(app.app_id).log, "start: an operator started the program")
            self._ask(app, wish=Wish.RUNNING, status=Status.STARTING, error=None)

    def _meant_to_run(self, app: App, state: ProcessState | None) -> None:
        if state is None or (state.state == STOPPED and not state.started):
            self.workers.wake(app.app_id)
        elif state.state == STOPPED:
            say(self.layout.app(app.app_id).log, "stop: an operator stopped the program")
            self._stopped_by_operator(app)
        elif state.state == FATAL or (state.state == EXITED and state.exit == REFUSED):
            self._crashed(app, state)
        elif state.state == EXITED or state.pid != app.pid or self.registry.serving(app.app_id) is None:
            self._restarted(app, state)

    def _stopped_by_operator(self, app: App) -> None:
        """Recorded at once and by no worker: it may be half of a restart, which nobody must stop again."""
        changes = {"wish": Wish.STOPPED, "status": Status.STOPPED, "pid": None}
        if self.registry.ask(app.app_id, lambda now: changes if now is app else {}).wish is not Wish.STOPPED:
            return
        self.registry.serve(app.app_id, None)
        self.deployer.launcher.ports.release(program_name(app.app_id, app.target))

    def _restarted(self, app: App, state: ProcessState) -> None:
        """supervisord brought it back (or is about to): wait until it serves."""
        asked_to_end = state.exit in (0, -signal.SIGTERM)
        if app.status is Status.RUNNING and app.pid is not None and not asked_to_end:
            say(
                self.layout.app(app.app_id).log,
                f"crash: the app {describe_exit(state.exit)}; it is started again",
            )
            recent = self.restarts[app.app_id]
            recent.append(time.monotonic())
            while recent[0] < time.monotonic() - WINDOW:
                recent.popleft()
            if len(recent) > RESTARTS:
                self._crashed(app, state)
                return
        self.registry.serve(app.app_id, None)
        self.registry.note(None, app.app_id, status=Status.STARTING, pid=None)
        self.workers.wake(app.app_id)

    def _crashed(self, app: App, state: ProcessState) -> None:
        last = tail(self.layout.app(app.app_id).log, TAIL_LINES)
        failure = diagnosis.start_failure(End.DEAD, state.exit, last, 0)
        self.restarts.pop(app.app_id, None)
        self.deployer.fail(self.registry.ticket(app.app_id), failure)

    def _ask(self, app: App, **changes: object) -> None:
        self.registry.ask(app.app_id, lambda now: dict(changes) if now is app else {})
        self.workers.wake(app.app_id)

    def _drop_strangers(self, states: Mapping[str, ProcessState]) -> None:
        """Programs of apps or releases that are no more: what a kill cut short."""
        for name in states:
            program = parse_program(name)
            if program is not None and self._is_stranger(*program):
                self.deployer.launcher.drop(*program)
            elif (
                name.startswith(BUILD_PREFIX) and self.registry.peek(name.removeprefix(BUILD_PREFIX)) is None
            ):
                self.deployer.installer.forget(name.removeprefix(BUILD_PREFIX))

    def _is_stranger(self, app_id: str, number: int) -> bool:
        app = self.registry.peek(app_id)
        if app is None:
            return True
        known = (app.release, app.target, *(old.release for old in app.draining))
        return number not in known and not self.workers.busy(app_id)


def _owner(program: str) -> str:
    """The id of the app that a program runs or installs for; that of no app when it is not an app's."""
    parsed = parse_program(program)
    return parsed[0] if parsed else program.removeprefix(BUILD_PREFIX)
