"""The steps of one app's worker: deploy beside what runs, restart, keep running, halt, remove."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hostd import bundles, trees
from hostd.errors import AppFailed
from hostd.layout import Layout, ReleaseLayout
from hostd.lifecycle import outcomes
from hostd.lifecycle.draining import Drainer, drained
from hostd.lifecycle.gate import Gate, Passed
from hostd.lifecycle.installing import Installer
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.registry import Registry, Ticket
from hostd.lifecycle.replicas import Replicas
from hostd.lifecycle.sleeping import Sleeper
from hostd.lifecycle.takeover import Takeover
from hostd.lifecycle.told import is_outdated, serves_well
from hostd.models import App, Asked, Failure, Status, Step, Strategy, Wish
from hostd.program_names import program_name
from hostd.runlog import say
from hostd.settings import Settings
from hostd.supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """Brings one app to what is asked, step by step. Blocking; one thread per app."""

    settings: Settings
    layout: Layout
    registry: Registry
    supervisor: Supervisor
    installer: Installer
    launcher: Launcher
    gate: Gate
    drainer: Drainer
    takeover: Takeover
    sleeper: Sleeper
    replicas: Replicas

    def step(self, ticket: Ticket) -> bool:
        """Take the next step towards what is asked; False when there is none left.

        Raises AppFailed, Interrupted, SupervisorUnavailable.
        """
        app = self.registry.peek(ticket.app_id)
        if app is None:
            return False
        if app.wish is Wish.DELETED:
            return self.remove(app)
        if app.wish is Wish.STOPPED:
            return self.halt(ticket, app)
        self.drainer.end_outdated(app)
        if app.status is Status.FAILED:
            return False
        if app.target != app.release:
            return self.deploy(ticket, app)
        if app.status is Status.SLEEPING and not app.restart:
            return self.sleeper.lie_down(ticket, app)
        if app.files_in is not None:
            self.takeover.give_back(app)
        if app.restart:
            return self.restart(ticket, app)
        return self.keep_running(ticket, app)

    def deploy(self, ticket: Ticket, app: App) -> bool:
        """Bring the target release up, beside the one that serves if there is one, and switch to it."""
        app = self._bring_back(ticket, app)
        asked = outcomes.asked(self._release(app, app.target))
        self.launcher.ports.keep_only(app.app_id, app.release, app.target, *drained(app))
        self.installer.install(ticket, app, asked)
        running = self.drainer.running(app, f"{self.settings.path_prefix}/apps/{app.app_id}")
        if running is not None and self.takeover.strategy(app, asked) is Strategy.OVERLAP:
            before = outcomes.outcome(self._release(app, app.target))
            passed = Passed(running.port, before.warning if before else None)
            self._switch(ticket, app, passed, Strategy.OVERLAP)
            return True
        self.drainer.end(app.app_id, app.target)
        if app.files_in not in (None, app.target):
            self.takeover.give_back(app)
            app = self.registry.get(app.app_id)
        strategy = self.takeover.strategy(app, asked)
        passed = self._bring_up(ticket, app, asked, strategy)
        if strategy is Strategy.OVERLAP and self.takeover.strategy(app, asked) is Strategy.REPLACE:
            # Meanwhile the old one has written files beside its code; the new one must begin with them.
            self.launcher.drop(app.app_id, app.target)
            strategy, app = Strategy.REPLACE, self.registry.get(app.app_id)
            passed = self._bring_up(ticket, app, asked, strategy)
        self._switch(ticket, self.registry.get(app.app_id), passed, strategy)
        return True

    def _bring_up(self, ticket: Ticket, app: App, asked: Asked, strategy: Strategy) -> Passed:
        try:
            if strategy is Strategy.REPLACE:
                self.takeover.make_way(ticket, app)
            return self.gate.bring_up(ticket, app, asked)
        except BaseException:
            try:
                self.launcher.drop(app.app_id, app.target)
            finally:
                self.takeover.give_back(app)
            raise

    def _bring_back(self, ticket: Ticket, app: App) -> App:
        """What ran before a kill, or for another visibility, serves again while its successor comes."""
        if app.release is None or app.files_in is not None or serves_well(self.layout, self.registry, app):
            return app
        state = self.supervisor.state(program_name(app.app_id, app.release))
        if app.status is Status.RUNNING or app.restart or (state is not None and state.alive):
            self.registry.note(ticket, app.app_id, restart=True)  # a failed deploy starts it, whatever comes
            try:
                self.keep_running(ticket, replace(app, target=app.release))
            except AppFailed as error:
                outcomes.tell(self.layout.app(app.app_id).log, error.failure)
        return self.registry.get(app.app_id)

    def restart(self, ticket: Ticket, app: App) -> bool:
        """Stop and start the release that serves. The mark goes last: a kill in between loses nothing."""
        ticket.check()
        self.registry.serve(app.app_id, None)
        self.replicas.end(app.app_id, app.target)
        self.supervisor.stop(program_name(app.app_id, app.target))
        self._serve(ticket, app, self.launcher.start(ticket, app, app.target))
        return True

    def keep_running(self, ticket: Ticket, app: App) -> bool:
        """See that the release runs and serves: start it, or wait for one that supervisord restarted."""
        name = program_name(app.app_id, app.target)
        state = self.supervisor.state(name)
        if state is not None and state.alive and is_outdated(self.layout, self.registry, app, app.target):
            return self.restart(ticket, app)
        if state is not None and state.alive and app.port and self.launcher.ports.hold(name, app.port):
            serving = outcomes.serving(self._release(app, app.target), app.port, state.pid)
            if self.registry.serving(app.app_id) == serving and state.pid == app.pid:
                return False
            self.launcher.await_ready(ticket, app, name, app.port)
            self._serve(ticket, app, app.port)
        else:
            if state is not None:
                self.supervisor.stop(name)
            self._serve(ticket, app, self.launcher.start(ticket, app, app.target))
        self.launcher.drop_others(app, app.target, *drained(self.registry.get(app.app_id)))
        return False

    def halt(self, ticket: Ticket, app: App) -> bool:
        """Stop everything of the app's, its install included."""
        run_log = self.layout.app(app.app_id).log
        ticket.check()
        self.registry.note(ticket, app.app_id, serve=None, deploying=None)
        self.installer.forget(app.app_id)
        for number in drained(app):
            self.drainer.end(app.app_id, number)
        self.replicas.end(app.app_id)
        self.launcher.drop_others(app, app.release)
        if app.release is not None:
            self.launcher.rest(app.app_id, app.release)
        self.launcher.owners.end(app)
        self.launcher.ports.keep_only(app.app_id)
        if app.status is not Status.STOPPED:
            say(run_log, "stop: the app is stopped")
        self.registry.note(ticket, app.app_id, status=Status.STOPPED, pid=None, restart=False)
        return False

    def remove(self, app: App) -> bool:
        """Take everything of the app's away: programs, ports, its builder's cache, last its folder."""
        self.registry.serve(app.app_id, None)
        self.installer.forget(app.app_id)
        self.replicas.end(app.app_id)
        self.launcher.drop_others(app)
        self.launcher.owners.end(app, files=True)
        trees.delete(self.layout.own_cache(app.app_id))
        outcomes.take_away(self.layout.app(app.app_id).root)
        self.registry.drop(app.app_id)
        return False

    def fail(self, ticket: Ticket, failure: Failure) -> None:
        """Record how a step ended badly; what ran before an update keeps running."""
        app = self.registry.get(ticket.app_id)
        ticket.check()
        outcomes.tell(self.layout.app(app.app_id).log, failure)
        if app.target != app.release:
            outcomes.failed(self._release(app, app.target), failure)
        if app.release is not None and app.target != app.release:
            self._fall_back(ticket, app, app.release, failure)
            return
        if app.release is not None:
            self.registry.serve(app.app_id, None)
            self.launcher.rest(app.app_id, app.release)
        if not drained(app):
            self.replicas.end(app.app_id)
            self.launcher.owners.end(app)
        self.launcher.ports.keep_only(app.app_id, *drained(app))
        changes: dict[str, Any] = {"status": Status.FAILED, "error": failure, "pid": None, "restart": False}
        self.registry.note(ticket, app.app_id, serve=None, deploying=None, **changes)

    def _fall_back(self, ticket: Ticket, app: App, release: int, failure: Failure) -> None:
        """A failed update: the release of before is the one asked for again."""
        self.launcher.ports.keep_only(app.app_id, release, *drained(app))
        status = Status.FAILED
        if self.registry.serving(app.app_id) is not None:
            status = Status.RUNNING
        elif app.restart:
            status = Status.STARTING
        changes: dict[str, Any] = {"target": release, "force": False, "error": failure, "status": status}
        changes |= outcomes.described(self._release(app, release))
        app = self.registry.note(ticket, app.app_id, deploying=None, **changes)
        bundles.point_at(self.layout.app(app.app_id), self._release(app, release))
        outcomes.sweep(self.layout.app(app.app_id), app, self.settings.retain_releases)

    def _switch(self, ticket: Ticket, app: App, passed: Passed, strategy: Strategy) -> None:
        """New visitors go to the target from here on; the old release drains, or goes."""
        folder, release = self.layout.app(app.app_id), self._release(app, app.target)
        self.registry.progress(ticket, app.app_id, Step.SWITCHING)
        bundles.point_at(folder, release)
        minutes = self.drainer.minutes(app) if self.registry.serving(app.app_id) else 0
        changes: dict[str, Any] = {
            "release": app.target,
            "error": None,
            "warning": passed.warning,
            "deploying": None,
            "force": False,
            "files_in": None,
            "streamlit_version": outcomes.record(release).get("streamlit_version"),
            "draining": tuple(old for old in app.draining if old.release != app.target),
            **outcomes.described(release),
        }
        if strategy is Strategy.OVERLAP:
            changes |= self.drainer.begin(app, minutes)
        outcomes.served(release, strategy, passed.warning)
        self._serve(ticket, app, passed.port, **changes)
        say(folder.log, f"switch: visitors get release {app.target} ({strategy})")
        self.drainer.end_ended(app.app_id)
        self.launcher.drop_others(app, app.target, *drained(self.registry.get(app.app_id)))
        outcomes.sweep(folder, self.registry.get(app.app_id), self.settings.retain_releases)

    def _serve(self, ticket: Ticket, app: App, port: int, **changes: Any) -> None:
        """Open the route, in the same moment as whoever reads ``running`` can."""
        state = self.supervisor.state(program_name(app.app_id, app.target))
        pid = state.pid if state else None
        found: dict[str, Any] = {"status": Status.RUNNING, "port": port, "pid": pid, "restart": False}
        serving = outcomes.serving(self._release(app, app.target), port, pid or 0)
        self.registry.note(ticket, app.app_id, serve=serving, **found, **changes)

    def _release(self, app: App, number: int) -> ReleaseLayout:
        return self.layout.app(app.app_id).release(number)
