"""From a release to a complete one: the venv of another with the same dependencies, or a new install."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hostd import builds, bundles, diagnosis, programs, store, trees
from hostd.errors import AppFailed
from hostd.layout import Layout, ReleaseLayout
from hostd.lifecycle.building import confined_build
from hostd.lifecycle.owners import Owners
from hostd.lifecycle.registry import Registry, Ticket
from hostd.lifecycle.workers import Slots
from hostd.models import App, Asked, Step
from hostd.program_names import build_name
from hostd.runlog import now, say, tail
from hostd.settings import Settings
from hostd.supervisor import ProcessState, Supervisor
from hostd.templating import Templates

TAIL_LINES = 400
"""Of the log, for the diagnosis; what a failure shows of them is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """Installs one release at a time for an app, a few at a time for all."""

    settings: Settings
    layout: Layout
    templates: Templates
    supervisor: Supervisor
    registry: Registry
    slots: Slots
    owners: Owners

    def install(self, ticket: Ticket, app: App, asked: Asked) -> None:
        """Make the release complete. Raises AppFailed, Interrupted."""
        release = self._release(app, asked.release)
        state = self.supervisor.state(build_name(app.app_id))
        goes_on = state is not None and state.alive and self._is_for(app.app_id, release, asked)
        if state is not None and not goes_on:
            self.forget(app.app_id)
        if builds.is_complete(release.record) or self._reuse(app, asked):
            return
        self._install(ticket, app, self._job(app, release, asked), goes_on=goes_on)

    def look_back(self, ticket: Ticket, app: App, asked: Asked) -> None:
        """Install again, as of the time of what the requirements pin. Raises AppFailed, Interrupted."""
        release = self._release(app, asked.release)
        say(
            self.layout.app(app.app_id).log,
            "install: the dependencies are too new; once more, as of their time",
        )
        release.record.unlink(missing_ok=True)
        if release.venv.is_symlink():  # the one of another release stays as it is
            release.venv.unlink()
        job = dataclasses.replace(self._job(app, release, asked), look_back=True)
        self._install(ticket, app, job, goes_on=False)

    def _install(self, ticket: Ticket, app: App, job: builds.Job, *, goes_on: bool) -> None:
        run_log = self.layout.app(app.app_id).log
        release = self._release(app, job.number)
        self.registry.progress(ticket, app.app_id, Step.WAITING)
        with self.slots.hold(
            ticket, lambda ahead: say(run_log, f"install: waiting for a slot, {ahead} ahead")
        ):
            self.registry.progress(ticket, app.app_id, Step.INSTALLING)
            if not goes_on:
                say(run_log, f"install: release {job.number} begins")
                self._begin(app, job)
            self._await(ticket, app, release)
            say(run_log, f"install: release {job.number} is complete")
            self.registry.progress(ticket, app.app_id, Step.STARTING)  # before another takes the slot

    def forget(self, app_id: str) -> None:
        """End the app's install program, if there is one; what it half made has no mark."""
        name = build_name(app_id)
        if self.supervisor.state(name) is not None:
            self.supervisor.remove(name, self.layout.section(name))

    def _is_for(self, app_id: str, release: ReleaseLayout, asked: Asked) -> bool:
        """Whether the app's install is of this very release: one that outlived a killed hostd."""
        try:
            job = store.read_json(self.layout.spec(build_name(app_id)))["job"]
        except (store.BadState, KeyError):
            return False
        key = builds.dependency_key(release, asked)
        return bool(job["number"] == asked.release and job["dependency_key"] == key)

    def _begin(self, app: App, job: builds.Job) -> None:
        self.owners.settle(app.app_id, job.number)
        name = build_name(app.app_id)
        self.forget(app.app_id)  # an install that has ended must not be taken for this one
        self._release(app, job.number).install_log.unlink(missing_ok=True)
        path = self.layout.spec(name)
        env = builds.environment(self.settings.build_environment, self.layout.cache, job.users)
        share = {"app_id": app.app_id, "nice": job.held["limits"]["nice"]}
        store.write_json(path, {**builds.spec(job, env, path), "cgroup": share})
        program = programs.build_program(self.layout, name, self.layout.app(app.app_id).log)
        self.supervisor.put(name, self.layout.section(name), programs.render(self.templates, program))
        self.supervisor.start(name)

    def _job(self, app: App, release: ReleaseLayout, asked: Asked) -> builds.Job:
        users = self.owners.builders(app.app_id)
        return builds.Job(
            release=str(release.root),
            number=asked.release,
            source=dataclasses.asdict(asked.source),
            options=dataclasses.asdict(asked.options),
            dependency_key=builds.dependency_key(release, asked),
            timeout=self.settings.install_timeout,
            run_log=str(self.layout.app(app.app_id).log),
            cache=str(self.layout.cache.parent),
            own_cache=str(self.layout.own_cache(app.app_id)),
            held=confined_build(self.settings, app.scale, own=users is not None),
            as_of=asked.options.as_of,
            look_back=False,
            users=users,
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
        code = state.exit if state else 1
        raise AppFailed(diagnosis.install_failure(code, last, self.settings.install_timeout))

    def _reuse(self, app: App, asked: Asked) -> bool:
        """Link the venv of an earlier release with the same dependencies, if there is one."""
        app_layout, release = self.layout.app(app.app_id), self._release(app, asked.release)
        key = builds.dependency_key(release, asked)
        for other in reversed(bundles.numbers(app_layout)):
            record = _record(app_layout.release(other))
            owner = bundles.venv_owner(app_layout, other)
            if other != asked.release and record.get("dependency_key") == key and owner is not None:
                self._link(release, record, asked.release, owner)
                return True
        return False

    def _link(self, release: ReleaseLayout, record: Mapping[str, object], number: int, owner: int) -> None:
        if release.venv.is_dir() and not release.venv.is_symlink():
            trees.delete(release.venv)  # half made, by an install that was cut short
        release.venv.unlink(missing_ok=True)
        release.venv.symlink_to(Path("..", str(owner), "venv"))
        made = {**record, "release": number, "created_at": now(), "venv_of": owner}
        store.write_json(release.record, made)

    def _release(self, app: App, number: int) -> ReleaseLayout:
        return self.layout.app(app.app_id).release(number)


def _record(release: ReleaseLayout) -> dict[str, object]:
    try:
        return store.read_json(release.record)
    except store.BadState:
        return {}
