"""What can be done about one replica: start it, wait for it, open it, let it leave, end it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hostd.errors import AppFailed
from hostd.layout import Layout
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.registry import Registry, Ticket
from hostd.lifecycle.replica_plan import Do, Task
from hostd.models import Failure, FailureKind
from hostd.program_names import program_name
from hostd.runlog import say
from hostd.scale import MAX_REPLICAS, Replica, ReplicaState
from hostd.supervisor import STOPPED

REST = 60.0
"""Seconds until one that failed is tried again."""

CRASHES, WINDOW = 5, 600.0
"""More crashes than this many within this many seconds, and it rests."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Blocking; whoever calls holds the app's lock. ``ending`` are the programs being taken away."""

    layout: Layout
    registry: Registry
    launcher: Launcher
    _rest: dict[str, float] = field(default_factory=dict)
    _crashes: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    ending: set[str] = field(default_factory=set)

    def do(self, ticket: Ticket, task: Task) -> None:
        """One task. Raises Interrupted, SupervisorUnavailable."""
        what, one = task
        app_id, run_log = ticket.app_id, self.layout.app(ticket.app_id).log
        match what:
            case Do.START:
                self._bring_up(ticket, one, self._start)
            case Do.AWAIT:
                self._bring_up(ticket, one, self._await)
            case Do.OPEN:
                self.registry.swap_replica(app_id, one, replace(one, state=ReplicaState.RUNNING))
            case Do.LEAVE:
                say(run_log, f"drain: replica {one.replica} takes no new sessions")
                self.registry.swap_replica(app_id, one, replace(one, state=ReplicaState.DRAINING))
            case Do.END:
                self.end(app_id, one)

    def end(self, app_id: str, one: Replica) -> None:
        """Take its program and port away."""
        name, folder = name_of(app_id, one), self.layout.app(app_id)
        self.ending.add(name)
        try:
            self.launcher.drop(app_id, one.release, one.replica)
            if folder.root.is_dir():
                say(folder.log, f"stop: replica {one.replica} of release {one.release} has ended")
            self.registry.swap_replica(app_id, one, None)
            self.forgive(name)
        finally:
            self.ending.discard(name)

    def rests(self, app_id: str, one: Replica) -> bool:
        """Whether it failed a moment ago."""
        return time.monotonic() < self._rest.get(name_of(app_id, one), 0.0)

    def crashed(self, app_id: str, one: Replica) -> None:
        """It crashed once more."""
        self._crashes[name_of(app_id, one)].append(time.monotonic())

    def forgive(self, name: str) -> None:
        """What a program did before counts no more."""
        self._rest.pop(name, None)
        self._crashes.pop(name, None)

    def _bring_up(self, ticket: Ticket, one: Replica, how: Callable[[Ticket, Replica], int]) -> None:
        app_id, name = ticket.app_id, name_of(ticket.app_id, one)
        starting = replace(one, state=ReplicaState.STARTING)
        if not self.registry.swap_replica(app_id, one, starting):
            self.registry.swap_replica(app_id, None, starting)
        try:
            port = how(ticket, one)
        except AppFailed as error:
            self._failed(app_id, starting, error.failure.message)
        except BaseException:
            self.registry.swap_replica(app_id, starting, replace(one, state=ReplicaState.FAILED))
            raise
        else:
            state = self.launcher.supervisor.state(name)
            running = replace(one, state=ReplicaState.RUNNING, port=port, pid=state.pid if state else None)
            self.registry.swap_replica(app_id, starting, running)

    def _start(self, ticket: Ticket, one: Replica) -> int:
        return self.launcher.start(ticket, self.registry.get(ticket.app_id), one.release, one.replica)

    def _await(self, ticket: Ticket, one: Replica) -> int:
        """supervisord, or an operator, has started it."""
        name = name_of(ticket.app_id, one)
        crashes = self._crashes[name]
        while crashes and crashes[0] < time.monotonic() - WINDOW:
            crashes.popleft()
        if len(crashes) > CRASHES:
            crashes.clear()
            raise AppFailed(Failure(FailureKind.CRASHED, "It crashes again and again."))
        if one.port is None:
            return self._start(ticket, one)
        self.launcher.await_ready(ticket, self.registry.get(ticket.app_id), name, one.port)
        return one.port

    def _failed(self, app_id: str, one: Replica, why: str) -> None:
        name = name_of(app_id, one)
        state = self.launcher.supervisor.state(name)
        if state is not None and state.state == STOPPED and state.started and one.port is not None:
            self.registry.swap_replica(app_id, one, replace(one, state=ReplicaState.STOPPED))
            return  # an operator stopped it while it started
        self.launcher.stop(name)
        self._rest[name] = time.monotonic() + REST
        say(self.layout.app(app_id).log, f"failed: replica {one.replica}: {why} It is tried again later.")
        self.registry.swap_replica(app_id, one, replace(one, state=ReplicaState.FAILED, port=None, pid=None))


def name_of(app_id: str, one: Replica) -> str:
    """The name of its program."""
    return program_name(app_id, one.release, one.replica)


def all_at_once(act: Callable[[T], None], items: Iterable[T]) -> None:
    """Do it for all, in threads; the first error is raised when all are through."""
    todo = list(items)
    if len(todo) == 1:
        act(todo[0])
    elif todo:
        with ThreadPoolExecutor(MAX_REPLICAS, thread_name_prefix=threading.current_thread().name) as pool:
            for done in [pool.submit(act, item) for item in todo]:
                done.result()
