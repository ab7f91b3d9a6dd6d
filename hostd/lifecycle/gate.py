"""The gate: what a release must do before visitors get it. Start, answer, and show a first page.

An app whose packages are too new for it gets one more try, with those of its own time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hostd import builds, bundles, diagnosis, store
from hostd.errors import AppFailed
from hostd.first_session import FirstSession, SessionEnd, open_first_session
from hostd.layout import Layout, ReleaseLayout
from hostd.lifecycle.installing import Installer
from hostd.lifecycle.launching import TAIL_LINES, Launcher
from hostd.lifecycle.registry import Registry, Ticket
from hostd.models import App, Asked, Failure, Step
from hostd.program_names import program_name
from hostd.runlog import say, tail
from hostd.settings import Settings

_GOOD = (SessionEnd.FINISHED, SessionEnd.UNFINISHED)


@dataclass(frozen=True, slots=True)
class Passed:
    """A release is up on ``port``; ``warning`` is a first page that raised and was accepted."""

    port: int
    warning: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Lets a release through, or says why not."""

    settings: Settings
    layout: Layout
    registry: Registry
    installer: Installer
    launcher: Launcher

    def bring_up(self, ticket: Ticket, app: App, asked: Asked) -> Passed:
        """Start the release, beside whatever else runs. Raises AppFailed, Interrupted; then it is stopped."""
        try:
            return self._try(ticket, app, asked, accept=not self._may_look_back(app, asked))
        except AppFailed as error:
            if not (
                self._may_look_back(app, asked) and diagnosis.blames_dependencies(error.failure.log_tail)
            ):
                raise
        self.launcher.drop(app.app_id, asked.release)
        self.installer.look_back(ticket, app, asked)
        return self._try(ticket, app, asked, accept=True)

    def _try(self, ticket: Ticket, app: App, asked: Asked, *, accept: bool) -> Passed:
        port = self.launcher.start(ticket, app, asked.release)
        try:
            warning = self._first_page(ticket, app, asked, port, accept=accept)
        except BaseException:
            self.launcher.stop(program_name(app.app_id, asked.release))
            raise
        return Passed(port, warning)

    def _first_page(
        self, ticket: Ticket, app: App, asked: Asked, port: int, *, accept: bool
    ) -> Failure | None:
        """Open a first session. A page that raises is accepted if it was forced, or is all there is."""
        self.registry.progress(ticket, app.app_id, Step.FIRST_SESSION)
        session = self._session(ticket, app, port)
        ticket.check()
        run_log = self.layout.app(app.app_id).log
        if session.end in _GOOD:
            say(run_log, f"first session: the first page of release {asked.release} is shown")
            return None
        failure = diagnosis.first_page_failure(session, tail(run_log, TAIL_LINES))
        blamed = not accept and diagnosis.blames_dependencies(failure.log_tail)
        if blamed or session.end is SessionEnd.REFUSED or not (app.force or app.release is None):
            raise AppFailed(failure)
        say(run_log, f"warning: {failure.message} {failure.advice}")
        return failure

    def _session(self, ticket: Ticket, app: App, port: int) -> FirstSession:
        session = open_first_session(
            port,
            f"{self.settings.path_prefix}/apps/{app.app_id}",
            timeout=self.settings.first_session_timeout,
            told_to_stop=lambda: not ticket.valid(),
        )
        scrub = self.launcher.vault.scrubber(app.app_id).text
        return replace(session, message=scrub(session.message), frames=tuple(map(scrub, session.frames)))

    def _may_look_back(self, app: App, asked: Asked) -> bool:
        release = self._release(app, asked)
        if not self.settings.resolve_as_of or not builds.can_look_back(release, asked):
            return False
        folder = self.layout.app(app.app_id)
        if any(
            bundles.venv_owner(folder, n) == asked.release
            for n in bundles.numbers(folder)
            if n != asked.release
        ):
            return False  # another release runs on this venv
        try:
            return store.read_json(release.record).get("as_of") is None
        except store.BadState:
            return False

    def _release(self, app: App, asked: Asked) -> ReleaseLayout:
        return self.layout.app(app.app_id).release(asked.release)
