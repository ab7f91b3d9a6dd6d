"""The steps of one app's worker: deploy beside what runs, restart, keep running, halt, remove."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass

from hostd import bundles, store
from hostd.layout import Layout, ReleaseLayout, program_name
from hostd.lifecycle.installing import Installer
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.registry import Registry, Ticket
from hostd.models import App, Failure, Status, Wish
from hostd.runlog import say
from hostd.supervisor import Supervisor

RETAIN = 10
"""Releases kept on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """Brings one app to what is asked, step by step. Blocking; one thread per app."""

    layout: Layout
    registry: Registry
    supervisor: Supervisor
    installer: Installer
    launcher: Launcher

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
        if app.status is Status.FAILED:
            return False
        if app.target != app.release:
            return self.deploy(ticket, app)
        if app.restart:
            return self.restart(ticket, app)
        return self.keep_running(ticket, app)

    def deploy(self, ticket: Ticket, app: App) -> bool:
        """Bring the target release up, beside the one that serves if there is one, and switch to it."""
        self.launcher.ports.keep_only(app.app_id, app.release, app.target)
        self.installer.install(ticket, app, app.target)
        replacing = app.release is not None and (self._keeps_files(app) or self.launcher.ports.exhausted())
        if replacing:
            self._make_way(ticket, app)
        try:
            port = self.launcher.start(ticket, app, app.target)
        except BaseException:
            try:
                self.launcher.drop(app.app_id, app.target)
            finally:
                if replacing:
                    self._move_files(app, back=True)
            raise
        self._switch(ticket, app, port)
        return True

    def restart(self, ticket: Ticket, app: App) -> bool:
        """Stop and start the release that serves. The mark goes last: a kill in between loses nothing."""
        ticket.check()
        self.registry.serve(app.app_id, None)
        self.supervisor.stop(program_name(app.app_id, app.target))
        self._serve(ticket, app, self.launcher.start(ticket, app, app.target))
        return True

    def keep_running(self, ticket: Ticket, app: App) -> bool:
        """See that the release runs and serves: start it, or wait for one that supervisord restarted."""
        name = program_name(app.app_id, app.target)
        state = self.supervisor.state(name)
        if state is not None and state.alive and app.port and self.launcher.ports.hold(name, app.port):
            if self.registry.serving(app.app_id) == app.port and state.pid == app.pid:
                return False
            self.launcher.await_ready(ticket, app, app.target, app.port)
            self._serve(ticket, app, app.port)
        else:
            self.supervisor.stop(name)
            self._serve(ticket, app, self.launcher.start(ticket, app, app.target))
        self.launcher.drop_others(app, keep=app.target)
        return False

    def halt(self, ticket: Ticket, app: App) -> bool:
        """Stop everything of the app's, its install included."""
        run_log = self.layout.app(app.app_id).log
        ticket.check()
        self.registry.serve(app.app_id, None)
        self.installer.forget(app.app_id)
        self.launcher.drop_others(app, keep=app.release)
        if app.release is not None:
            self.launcher.stop(program_name(app.app_id, app.release))
        self.launcher.ports.keep_only(app.app_id)
        if app.status is not Status.STOPPED:
            say(run_log, "stop: the app is stopped")
        self.registry.note(ticket, app.app_id, status=Status.STOPPED, pid=None, restart=False)
        return False

    def remove(self, app: App) -> bool:
        """Take everything of the app's away: programs, ports, folder."""
        self.registry.serve(app.app_id, None)
        self.installer.forget(app.app_id)
        self.launcher.drop_others(app, keep=None)
        folder = self.layout.app(app.app_id).root
        doomed = folder.with_name(f".deleted-{app.app_id}-{secrets.token_hex(3)}")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        self.registry.drop(app.app_id)
        return False

    def fail(self, ticket: Ticket, failure: Failure) -> None:
        """Record how a step ended badly; what ran before an update keeps running."""
        app = self.registry.get(ticket.app_id)
        say(self.layout.app(app.app_id).log, f"failed: {failure.kind}: {failure.message}")
        if app.release is not None and app.target != app.release:
            self._fall_back(ticket, app, app.release, failure)
            return
        self.registry.serve(app.app_id, None)
        if app.release is not None:
            self.supervisor.stop(program_name(app.app_id, app.release))
        self.launcher.ports.keep_only(app.app_id)
        changes = {"status": Status.FAILED, "error": failure, "pid": None, "restart": False}
        self.registry.note(ticket, app.app_id, **changes)

    def _fall_back(self, ticket: Ticket, app: App, release: int, failure: Failure) -> None:
        """A failed update: the release of before is the one asked for again."""
        self.launcher.ports.keep_only(app.app_id, release)
        status = Status.FAILED
        if self.registry.serving(app.app_id) is not None:
            status = Status.RUNNING
        elif app.restart:
            status = Status.STARTING
        digests = bundles.digests(self._release(app, release))
        self.registry.note(ticket, app.app_id, status=status, error=failure, target=release, **digests)

    def _switch(self, ticket: Ticket, app: App, port: int) -> None:
        """New visitors go to the target from here on; then the old program goes."""
        release = self._release(app, app.target)
        record = store.read_json(release.record)
        bundles.point_at(self.layout.app(app.app_id), release)
        changes = {"release": app.target, "error": None, "streamlit_version": record.get("streamlit_version")}
        self._serve(ticket, app, port, **changes)
        self.launcher.drop_others(app, keep=app.target)
        bundles.sweep(self.layout.app(app.app_id), keep={app.target}, retain=RETAIN)

    def _serve(self, ticket: Ticket, app: App, port: int, **changes: object) -> None:
        """Open the route. It goes first: whoever reads ``running`` can open the app."""
        state = self.supervisor.state(program_name(app.app_id, app.target))
        found = {
            "status": Status.RUNNING,
            "port": port,
            "pid": state.pid if state else None,
            "restart": False,
        }
        ticket.check()
        self.registry.serve(app.app_id, port)
        self.registry.note(ticket, app.app_id, **found, **changes)

    def _keeps_files(self, app: App) -> bool:
        """In the old release, or moved to the new one before hostd was killed."""
        both = (self._release(app, number) for number in (app.release, app.target) if number is not None)
        return any(bundles.written_beside(release) for release in both)

    def _make_way(self, ticket: Ticket, app: App) -> None:
        """Stop the old release before the new one starts: for its port, or for the files it wrote."""
        assert app.release is not None  # noqa: S101 - for the type checker
        name = program_name(app.app_id, app.release)
        say(self.layout.app(app.app_id).log, "stop: the old release makes way for the new one")
        state = self.supervisor.state(name)
        alive = state is not None and state.alive
        self.registry.note(ticket, app.app_id, pid=None, restart=app.restart or alive)
        self.registry.serve(app.app_id, None)
        self.launcher.stop(name)
        self._move_files(app)

    def _move_files(self, app: App, *, back: bool = False) -> None:
        assert app.release is not None  # noqa: S101 - for the type checker
        old, new = self._release(app, app.release), self._release(app, app.target)
        bundles.move_written(*((new, old) if back else (old, new)))

    def _release(self, app: App, number: int) -> ReleaseLayout:
        return self.layout.app(app.app_id).release(number)
