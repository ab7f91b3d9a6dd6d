"""An app's processes beside its first: as many as its scale and its load ask for.

The first process of a release has the release's life (hostd/lifecycle/deploy.py). The others come when it
serves, and go with it. Nothing of them is on disk but their programs in supervisord: after a kill of hostd
those that live are found there again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from hostd.errors import HostdError, Interrupted
from hostd.layout import Layout
from hostd.lifecycle.launching import Launcher, describe_exit
from hostd.lifecycle.registry import Registry, Ticket
from hostd.lifecycle.replica_plan import SERVING, Task, plan
from hostd.lifecycle.replica_steps import Steps, all_at_once, name_of
from hostd.lifecycle.scaling import Scaler
from hostd.models import App
from hostd.program_names import parse_replica
from hostd.runlog import say
from hostd.scale import Replica, ReplicaState, Scale
from hostd.store import BadState, read_json
from hostd.supervisor import RUNNING, STOPPED, STOPPING, ProcessState

log = logging.getLogger(__name__)
GRACE = 10.0
"""Seconds without a connection until a draining replica ends: a tab that lost its network comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """Keeps them. ``busy`` says how many connections a port has."""

    layout: Layout
    registry: Registry
    launcher: Launcher
    busy: Callable[[int], int]
    scaler: Scaler
    grace: float = GRACE
    _scales: dict[str, Scale] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _ended: Counter[str] = field(default_factory=Counter)
    _quiet: dict[str, float] = field(default_factory=dict)
    _working: set[str] = field(default_factory=set)
    _steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        steps = Steps(layout=self.layout, registry=self.registry, launcher=self.launcher)
        object.__setattr__(self, "_steps", steps)

    # What others ask

    def recover(self, states: Mapping[str, ProcessState]) -> None:
        """At hostd's start: what lives serves again at once, before its visitors come back."""
        for name, state in states.items():
            if (parsed := parse_replica(name)) is not None:
                app_id, release, number = parsed
                self.registry.swap_replica(
                    app_id, None, self._found(app_id, Replica(release, number, ReplicaState.FAILED), state)
                )
        for app_id in self.registry.ids():
            app = self.registry.peek(app_id)
            if app is not None and app.scale.max_replicas > 1:
                self._scales[app_id] = app.scale

    def look(self, states: Mapping[str, ProcessState]) -> None:
        """Compare what is wanted with what runs. Does not block; costs nothing for apps with one process."""
        for app_id in {*self._scales, *self.registry.replicated()}:
            for one in self.registry.replicas(app_id):
                self._observe(app_id, one, states.get(name_of(app_id, one)))
            if self._plan(app_id):
                self._begin(app_id)

    def look_at(self, app_id: str) -> None:
        """Something was changed about the app. A new scale also ends an operator's wish and a rest."""
        app = self.registry.peek(app_id)
        scale = app.scale if app is not None else Scale()
        if scale != self._scales.get(app_id, Scale()):
            self._scales[app_id] = scale
            for one in self.registry.replicas(app_id):
                self._steps.forgive(name_of(app_id, one))
                if one.state is ReplicaState.STOPPED:
                    self.registry.swap_replica(app_id, one, replace(one, state=ReplicaState.FAILED))
        if scale.max_replicas == 1:
            self._scales.pop(app_id, None)
        if app_id in self._scales or self.registry.replicas(app_id):
            self._begin(app_id)

    def living(self, app_id: str, release: int) -> bool:
        """Whether a draining release has replicas that are not through."""
        return any(one.release == release and one.state in SERVING for one in self.registry.replicas(app_id))

    def end(self, app_id: str, release: int | None = None) -> None:
        """End all of a release's (None: of all releases), and wait for that. Raises SupervisorUnavailable."""
        self._ended[app_id] += 1  # what is being started is given up
        with self._locks[app_id]:
            replicas = self.registry.replicas(app_id)
            doomed = [one for one in replicas if release in (None, one.release)]
            all_at_once(lambda one: self._steps.end(app_id, one), doomed)

    def all(self, app: App) -> list[tuple[Replica, int]]:
        """Every process of the app's active release, its first included, with its open sessions."""
        serving, sessions = self.registry.serving(app.app_id), self.scaler.sessions
        others = sorted(self.registry.replicas(app.app_id), key=lambda one: one.replica)
        found = [one for one in others if one.release == app.release]
        if serving is not None:
            found.insert(0, Replica(serving.release, 1, ReplicaState.RUNNING, serving.port, app.pid))
        return [(one, sessions(one.port) if one.port else 0) for one in found]

    def connections(self, app_id: str, release: int) -> int:
        """How many connections a release's processes beside its first have at work."""
        ports = [one.port for one in self.registry.replicas(app_id) if one.release == release]
        return sum(self.busy(port) for port in ports if port is not None)

    # What there is

    def _observe(self, app_id: str, one: Replica, state: ProcessState | None) -> None:
        """Take note of what became of it. One that is being started, or ended, is its worker's."""
        name = name_of(app_id, one)
        self._watch_quiet(app_id, one)
        if one.state is ReplicaState.STARTING or _as_known(one, state):
            return
        state = self.launcher.supervisor.state(name)  # what was told may be older than what is known
        if name in self._steps.ending or _as_known(one, state):
            return
        if one.state in SERVING:
            self._crashed(app_id, one, state)
        elif state is not None and app_id not in self._working:
            self.registry.swap_replica(app_id, one, self._found(app_id, one, state))  # an operator's start

    def _watch_quiet(self, app_id: str, one: Replica) -> None:
        app, name = self.registry.peek(app_id), name_of(app_id, one)
        leaves = one.state is ReplicaState.DRAINING or app is None or one.release != app.release
        if not leaves or (one.port is not None and self.busy(one.port)):
            self._quiet.pop(name, None)
        else:
            self._quiet.setdefault(name, time.monotonic())

    def _crashed(self, app_id: str, one: Replica, state: ProcessState | None) -> None:
        run_log = self.layout.app(app_id).log
        if state is None or (state.state == STOPPED and not state.started):
            self.registry.swap_replica(app_id, one, None)  # supervisord was killed, and all with it
        elif state.state == STOPPED:
            if self.registry.swap_replica(app_id, one, replace(one, state=ReplicaState.STOPPED, pid=None)):
                say(run_log, f"stop: an operator stopped replica {one.replica}")
        elif self.registry.swap_replica(app_id, one, replace(one, state=ReplicaState.STARTING, pid=None)):
            say(run_log, f"crash: replica {one.replica} {describe_exit(state.exit)}; it is started again")
            self._steps.crashed(app_id, one)

    def _found(self, app_id: str, one: Replica, state: ProcessState) -> Replica:
        """One whose program runs, or does not, by itself; its port is in its spec."""
        name = name_of(app_id, one)
        if not state.alive:
            stopped = state.state == STOPPED and state.started
            return replace(one, state=ReplicaState.STOPPED if stopped else ReplicaState.FAILED)
        with contextlib.suppress(BadState, KeyError, ValueError):
            port = int(read_json(self.layout.spec(name))["env"]["STREAMLIT_SERVER_PORT"])
            if self.launcher.ports.hold(name, port):
                serves = state.state == RUNNING  # up for some seconds: it serves, or is too busy to say so
                now = ReplicaState.RUNNING if serves else ReplicaState.STARTING
                return replace(one, state=now, port=port, pid=state.pid if serves else None)
        return replace(one, state=ReplicaState.FAILED)

    # What is to be done

    def _plan(self, app_id: str) -> list[Task]:
        app, replicas = self.registry.peek(app_id), self.registry.replicas(app_id)
        serving, now = self.registry.serving(app_id), time.monotonic()
        return plan(
            app,
            replicas,
            self._wanted(app, replicas) if app is not None else 0,
            quiet=lambda one: now - self._quiet.get(name_of(app_id, one), now) >= self.grace,
            rests=lambda one: self._steps.rests(app_id, one),
            may_start=app is not None and serving is not None and serving.release == app.release,
        )

    def _wanted(self, app: App, replicas: tuple[Replica, ...]) -> int:
        serving = self.registry.serving(app.app_id)
        running = {serving.port: app.pid or 0} if serving is not None else {}
        for one in replicas:
            if one.release == app.release and one.state is ReplicaState.RUNNING:
                running[one.port or 0] = one.pid or 0
        return self.scaler.wanted(app.app_id, app.scale, running)

    def _begin(self, app_id: str) -> None:
        """Do it in a thread: it takes seconds. What comes meanwhile is seen at the next look."""
        if app_id not in self._working:
            self._working.add(app_id)
            threading.Thread(
                target=self._work, args=(app_id,), name=f"replicas-{app_id}", daemon=True
            ).start()

    def _work(self, app_id: str) -> None:
        try:
            going = True
            while going:
                with self._locks[app_id]:
                    ticket, tasks = self._ticket(app_id), self._plan(app_id)
                    all_at_once(partial(self._steps.do, ticket), tasks)
                going = bool(tasks)
        except Interrupted:
            pass  # somebody ends them
        except (HostdError, OSError) as error:
            log.warning("%s: %s", app_id, error)  # the next look tries again
        except Exception:
            log.exception("%s: its replicas stumbled", app_id)
        finally:
            self._working.discard(app_id)

    def _ticket(self, app_id: str) -> Ticket:
        """Leave to go on until somebody ends them."""
        ended = self._ended[app_id]
        return Ticket(app_id, lambda: self._ended[app_id] == ended)


def _as_known(one: Replica, state: ProcessState | None) -> bool:
    """Whether a program is in the state that is known of its replica."""
    if state is not None and state.state == STOPPING:
        return True  # soon it will be in another
    alive = state is not None and state.alive
    return alive and state is not None and state.pid == one.pid if one.state in SERVING else not alive
