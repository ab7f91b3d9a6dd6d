"""From a complete release to a serving process: port, program, health; and back."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import Any

from hostd import diagnosis, programs, store
from hostd.errors import AppFailed, NoFreePort, NoRoom, SecretsUnreadable
from hostd.health import End, Health, Ports
from hostd.layout import Layout
from hostd.lifecycle import outcomes, temporaries
from hostd.lifecycle.environment import launch_spec
from hostd.lifecycle.owners import Owners
from hostd.lifecycle.registry import Registry, Ticket
from hostd.lifecycle.workers import Slots
from hostd.memory import Room
from hostd.models import App, Failure, FailureKind, Step
from hostd.program_names import owner, parse_program, program_name
from hostd.runlog import say, tail
from hostd.settings import Settings
from hostd.supervisor import EXITED, Supervisor
from hostd.templating import Templates
from hostd.vault import Vault

TAIL_LINES = 400
"""Of the log, for the diagnosis; what a failure shows of them is less."""
ROOM_PATIENCE = 10.0
"""Seconds that a start waits for memory."""
KNOWN_AT_REST = 50
"""Programs that stay known though they are stopped. supervisord goes over all of them several times at each
call and each second: a thousand cost 4 % of a core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """Starts and stops the programs of apps; a few starts at a time for all."""

    settings: Settings
    layout: Layout
    templates: Templates
    supervisor: Supervisor
    registry: Registry
    ports: Ports
    health: Health
    slots: Slots
    room: Room
    vault: Vault
    owners: Owners

    def start(self, ticket: Ticket, app: App, number: int, replica: int = 1) -> int:
        """Start a release's program and wait until it serves. Returns its port.

        Raises AppFailed, Interrupted; then the program is stopped. Raises NoRoom when memory stays short.
        """
        name = program_name(app.app_id, number, replica)
        run_log = self.layout.app(app.app_id).log
        who = f"release {number}" if replica == 1 else f"replica {replica} of release {number}"
        with self.slots.hold(ticket):
            self._await_room(ticket, ROOM_PATIENCE if replica == 1 else 0)
            if replica == 1:
                self.registry.progress(ticket, app.app_id, Step.STARTING)
            port = self._lease(name, app.port if replica == 1 else None)
            say(run_log, f"start: {who} on port {port}")
            self._launch(name, app, number, port)
            try:
                self.await_ready(ticket, app, name, port)
            except BaseException:
                self.stop(name)
                raise
        say(run_log, f"start: {who} serves")
        return port

    def _await_room(self, ticket: Ticket, patience: float) -> None:
        """Many starts may have been asked for while there was room for one; those who idle go to sleep."""
        deadline = time.monotonic() + patience
        while not self.room.is_there():
            ticket.check()
            if time.monotonic() > deadline:
                raise NoRoom(self.room.words())
            time.sleep(0.2)

    def await_ready(self, ticket: Ticket, app: App, name: str, port: int) -> None:
        """Give the program ``name`` its secrets, which its launcher waits for, and wait until it serves.

        Raises AppFailed, Interrupted.
        """
        self._reveal(app.app_id, name)
        end = self.health.wait(
            port,
            f"{self.settings.path_prefix}/apps/{app.app_id}",
            timeout=self.settings.start_timeout,
            dead=lambda: self.is_dead(name),
            told_to_stop=lambda: not ticket.valid(),
        )
        ticket.check()
        if end is not End.READY:
            raise AppFailed(self._failure(app, name, end))

    def is_dead(self, name: str) -> bool:
        """Whether a program runs no more, and will not by itself.

        EXITED may be the moment before supervisord starts it again, which it does before it answers the
        next question (supervisor/supervisord.py ``runforever``).
        """
        state = self.supervisor.state(name)
        if state is not None and state.state == EXITED:
            state = self.supervisor.state(name)
        return state is None or state.halted

    def stop(self, name: str) -> None:
        """Stop a program and give its port back; it stays known, so that operators can start it."""
        self.supervisor.stop(name)
        self.vault.conceal(owner(name)[0], name)
        self.ports.release(name)

    def rest(self, app_id: str, number: int) -> None:
        """Stop a program for long: it stays known, unless there are many such that supervisord goes over."""
        at_rest = sum(state.halted for state in self.supervisor.states().values())
        if at_rest < KNOWN_AT_REST:
            self.stop(program_name(app_id, number))
        else:
            self.drop(app_id, number)

    def drop(self, app_id: str, number: int, replica: int = 1) -> None:
        """Stop and forget a program of a release, and give its port back."""
        name = program_name(app_id, number, replica)
        self.supervisor.remove(name, self.layout.section(name))
        self.vault.conceal(app_id, name)
        self.ports.release(name)

    def drop_others(self, app: App, *keep: int | None) -> None:
        """Forget every program of the app's but those of the releases to ``keep``."""
        for name in list(self.supervisor.states()):
            parsed = parse_program(name)
            if parsed is not None and parsed[0] == app.app_id and parsed[1] not in keep:
                self.drop(*parsed)
        self.ports.keep_only(app.app_id, *keep)
        self.forget_secrets(app.app_id)

    def forget_secrets(self, app_id: str) -> None:
        """Forget the secrets of releases that run no more: what was replaced or deleted is gone for good."""

        def decide(app: App) -> dict[str, Any]:
            self.vault.keep_only(app_id, (app.release, app.target, *(old.release for old in app.draining)))
            return {}

        self.registry.amend(None, app_id, decide)

    def _launch(self, name: str, app: App, number: int, port: int) -> None:
        app_layout = self.layout.app(app.app_id)
        self.owners.settle(app.app_id, number, opened=True)
        if self.settings.hand_over:
            self.owners.make_door(app.app_id, self.layout.door(port).parent)
        asked = outcomes.asked(app_layout.release(number))
        self._sweep_temporaries(app.app_id, port)
        secrets = app_layout.secrets_toml(name) if self.vault.has_any(app.app_id, number) else None
        now = self.registry.peek(app.app_id) or app  # its access may have changed since the worker began
        app = replace(now, uid=self.owners.user(app.app_id))
        spec = launch_spec(self.settings, app, app_layout, asked, port, secrets=secrets)
        store.write_json(self.layout.spec(name), spec)
        program = programs.app_program(self.layout, name, app_layout.log)
        text = programs.render(self.templates, program)
        if self.supervisor.put(name, self.layout.section(name), text):
            self.supervisor.start_new(name)
            return
        self.supervisor.stop(name)  # a killed hostd's start has the spec of before, with its port
        self.supervisor.start(name)

    def _sweep_temporaries(self, app_id: str, port: int) -> None:
        """Of the app's processes from before; but for ``port``, which its launcher empties by itself."""
        folder = self.layout.app(app_id)
        if temporaries.ports(folder) <= {port}:
            return
        used = {port, *self.ports.of(app_id)}
        for name, state in self.supervisor.states().items():
            with contextlib.suppress(store.BadState, KeyError, ValueError):  # ValueError: no release's
                if owner(name)[0] == app_id and not state.halted:
                    used.add(int(store.read_json(self.layout.spec(name))["env"]["STREAMLIT_SERVER_PORT"]))
        temporaries.sweep(folder, used)

    def _reveal(self, app_id: str, name: str) -> None:
        try:
            self.vault.reveal(app_id, owner(name)[1], name, self.owners.user(app_id))
        except SecretsUnreadable as error:
            raise AppFailed(Failure(FailureKind.INTERNAL, str(error))) from None

    def _lease(self, name: str, preferred: int | None) -> int:
        try:
            return self.ports.lease(name, preferred)
        except NoFreePort as error:
            raise AppFailed(Failure(FailureKind.PORT_UNAVAILABLE, str(error))) from None

    def _failure(self, app: App, name: str, end: End) -> Failure:
        last = tail(self.layout.app(app.app_id).log, TAIL_LINES)
        state = self.supervisor.state(name)
        code = state.exit if state else None
        return diagnosis.start_failure(end, code, last, self.settings.start_timeout)


def describe_exit(code: int) -> str:
    """An exit in words: of a code, or of minus a signal's number."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
