"""How a new release takes over from the old one: beside it, or after it with the files that it wrote."""

from __future__ import annotations

from dataclasses import dataclass

from hostd import bundles
from hostd.layout import Layout, ReleaseLayout
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.registry import Registry, Ticket
from hostd.lifecycle.replicas import Replicas
from hostd.models import App, Asked, Strategy
from hostd.program_names import program_name
from hostd.runlog import say
from hostd.supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """Chooses the strategy, and makes way where the old release must go first."""

    layout: Layout
    registry: Registry
    supervisor: Supervisor
    launcher: Launcher
    replicas: Replicas

    def strategy(self, app: App, asked: Asked) -> Strategy:
        """What was asked for; else REPLACE when files were written beside the code, or no port is left."""
        if app.release is None:
            return Strategy.OVERLAP
        if app.files_in is not None:
            return Strategy.REPLACE
        if asked.options.strategy is not Strategy.AUTO:
            return asked.options.strategy
        if bundles.written_beside(self._release(app, app.release)) or self._no_port(app):
            return Strategy.REPLACE
        return Strategy.OVERLAP

    def make_way(self, ticket: Ticket, app: App) -> None:
        """Stop the old release before the new one starts: for its port, or for the files it wrote."""
        assert app.release is not None  # noqa: S101 - for the type checker
        name = program_name(app.app_id, app.release)
        say(self.layout.app(app.app_id).log, "stop: the old release makes way for the new one")
        state = self.supervisor.state(name)
        alive = state is not None and state.alive
        marks = {"restart": app.restart or alive, "files_in": app.target}
        self.registry.note(ticket, app.app_id, serve=None, pid=None, **marks)
        self.replicas.end(app.app_id, app.release)
        self.launcher.stop(name)
        bundles.move_written(self._release(app, app.release), self._release(app, app.target))

    def give_back(self, app: App) -> None:
        """Take the files home, if they are in the target, or in one that is no longer asked for."""
        app = self.registry.peek(app.app_id) or app
        if app.files_in is None or app.release is None:
            return
        if app.files_in != app.release:
            self.launcher.drop(app.app_id, app.files_in)
        bundles.move_written(self._release(app, app.files_in), self._release(app, app.release))
        self.registry.amend(None, app.app_id, lambda _: {"files_in": None})

    def _no_port(self, app: App) -> bool:
        leased = self.launcher.ports.leased(program_name(app.app_id, app.target))
        return not leased and self.launcher.ports.exhausted()

    def _release(self, app: App, number: int) -> ReleaseLayout:
        return self.layout.app(app.app_id).release(number)
