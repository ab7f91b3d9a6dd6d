"""From a release to a complete one: an old venv of the same dependencies, or a new install."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from hostd import builds, bundles, programs, store
from hostd.errors import AppFailed
from hostd.layout import Layout, ReleaseLayout, build_name
from hostd.lifecycle.registry import Registry, Ticket
from hostd.lifecycle.workers import Slots
from hostd.models import App, Status
from hostd.runlog import now, say, tail
from hostd.settings import Settings
from hostd.supervisor import ProcessState, Supervisor
from hostd.templating import Templates

TAIL_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """Installs one release at a time for an app, a few at a time for all."""

    settings: Settings
    layout: Layout
    templates: Templates
    supervisor: Supervisor
    registry: Registry
    slots: Slots

    def install(self, ticket: Ticket, app: App, number: int) -> None:
        """Make release ``number`` complete. Raises AppFailed, Interrupted."""
        release = self._release(app, number)
        state = self.supervisor.state(build_name(app.app_id))
        goes_on = state is not None and state.alive and self._is_for(app.app_id, release, number)
        if state is not None and not goes_on:
            self.forget(app.app_id)
        if builds.is_complete(release.record) or self._reuse(app, number):
            return
        run_log = self.layout.app(app.app_id).log
        with self.slots.hold(
            ticket, lambda ahead: say(run_log, f"install: waiting for a slot, {ahead} ahead")
        ):
            self.registry.note(ticket, app.app_id, status=Status.INSTALLING)
            if not goes_on:
                say(run_log, f"install: release {number} begins")
                self._begin(app, number)
            self._await(ticket, app, release)
            say(run_log, f"install: release {number} is complete")
            self.registry.note(ticket, app.app_id, status=Status.STARTING)  # before another takes the slot

    def forget(self, app_id: str) -> None:
        """End the app's install program, if there is one; what it half made has no mark."""
        name = build_name(app_id)
        if self.supervisor.state(name) is not None:
            self.supervisor.remove(name, self.layout.section(name))

    def _is_for(self, app_id: str, release: ReleaseLayout, number: int) -> bool:
        """Whether the app's install is of this very release: one that outlived a killed hostd."""
        try:
            job = store.read_json(self.layout.spec(build_name(app_id)))["job"]
        except (store.BadState, KeyError):
            return False
        return bool(job["number"] == number and job["dependency_key"] == _dependency_key(release))

    def _begin(self, app: App, number: int) -> None:
        name = build_name(app.app_id)
        release = self._release(app, number)
        release.install_log.unlink(missing_ok=True)
        path = self.layout.spec(name)
        env = builds.environment(self.settings.build_environment, self.layout.cache)
        store.write_json(path, builds.spec(self._job(app, release, number), env, path))
        program = programs.build_program(self.layout, name, self.layout.app(app.app_id).log)
        self.supervisor.put(name, self.layout.section(name), programs.render(self.templates, program))
        self.supervisor.start(name)

    def _job(self, app: App, release: ReleaseLayout, number: int) -> builds.Job:
        text = bundles.read(release, bundles.REQUIREMENTS)
        requirements = release.bundle / bundles.REQUIREMENTS
        return builds.Job(
            release=str(release.root),
            number=number,
            python=builds.interpreter(),
            requirements=str(requirements) if requirements.is_file() else None,
            add_streamlit=not bundles.names_streamlit(text),
            dependency_key=_dependency_key(release),
            timeout=self.settings.install_timeout,
            run_log=str(self.layout.app(app.app_id).log),
            cache=str(self.layout.cache.parent),
        )

    def _await(self, ticket: Ticket, app: App, release: ReleaseLayout) -> None:
        """Until the mark is there, the program ended without it, or something else is asked."""
        name = build_name(app.app_id)
        next_look = 0.0
        while not release.record.is_file():
            if not ticket.valid():
                self.forget(app.app_id)
                ticket.check()
            if time.monotonic() >= next_look:
                state = self.supervisor.state(name)
                if state is None or state.halted:
                    self._judge(state, release)
                    return
                next_look = time.monotonic() + 0.2
            time.sleep(0.005)

    def _judge(self, state: ProcessState | None, release: ReleaseLayout) -> None:
        if builds.is_complete(release.record):
            return
        last = tail(release.install_log, TAIL_LINES)
        raise AppFailed(builds.failure(state.exit if state else 1, last, self.settings.install_timeout))

    def _reuse(self, app: App, number: int) -> bool:
        """Link the venv of an earlier release with the same dependencies, if there is one."""
        app_layout, release = self.layout.app(app.app_id), self._release(app, number)
        key = _dependency_key(release)
        for other in reversed(bundles.numbers(app_layout)):
            record = _record(app_layout.release(other))
            owner = bundles.venv_owner(app_layout, other)
            if other != number and record.get("dependency_key") == key and owner is not None:
                release.venv.unlink(missing_ok=True)
                release.venv.symlink_to(Path("..", str(owner), "venv"))
                store.write_json(
                    release.record, {**record, "release": number, "created_at": now(), "venv_of": owner}
                )
                return True
        return False

    def _release(self, app: App, number: int) -> ReleaseLayout:
        return self.layout.app(app.app_id).release(number)


def _dependency_key(release: ReleaseLayout) -> str:
    return builds.dependency_key(bundles.digests(release)["requirements_sha256"])


def _record(release: ReleaseLayout) -> dict[str, object]:
    try:
        return store.read_json(release.record)
    except store.BadState:
        return {}
