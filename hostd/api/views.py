"""Apps and releases as the API shows them, in the caller's language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from hostd import bundles, runlog, words
from hostd.access import Access
from hostd.api.shapes import (
    AccessOut,
    AppOut,
    DeployingOut,
    DrainingOut,
    FailureOut,
    FileOut,
    OptionsOut,
    ReleaseDetailOut,
    ReleaseOut,
    ReplicaOut,
    ScaleOut,
    SourceOut,
)
from hostd.layout import Layout
from hostd.lifecycle import outcomes
from hostd.lifecycle.replicas import Replicas
from hostd.models import App, Draining, Failure, Status
from hostd.origins import Origins

LOG_LINES = 500
"""Of install.log in a release's answer; run.log has all of them."""


def outside(app: App) -> App:
    """What those see of an app who may open it and no more: neither its variables nor its troubles."""
    access = Access(visibility=app.access.visibility, owner=app.access.owner)
    return replace(app, options=replace(app.options, environment={}), access=access, error=None, warning=None)


@dataclass(frozen=True, slots=True)
class Views:
    """``busy`` says how many connections a port has."""

    layout: Layout
    public_base: str
    busy: Callable[[int], int]
    replicas: Replicas
    origins: Origins

    def app(self, app: App, language: str) -> AppOut:
        """One app."""
        own = ("app_id", "name", "status", "pid", "created_at", "updated_at", "release", "entry")
        more = ("awake_until", "requirements_sha256", "app_sha256", "streamlit_version")
        # The port of one that does not run is only what it would like to have again.
        port = None if app.status in (Status.STOPPED, Status.FAILED, Status.SLEEPING) else app.port
        return AppOut(
            **{name: getattr(app, name) for name in (*own, *more)},
            port=port,
            access_url=self.access_url(app.app_id),
            error=self._failure(app.app_id, app.error, language),
            warning=self._failure(app.app_id, app.warning, language),
            deploying=DeployingOut.model_validate(app.deploying) if app.deploying else None,
            draining=self._draining(app),
            options=OptionsOut.model_validate(app.options),
            scale=ScaleOut.model_validate(app.scale),
            access=AccessOut.model_validate(app.access),
            replicas=self._replicas(app),
        )

    def access_url(self, app_id: str) -> str:
        """Where an app's visitors go."""
        return self.origins.url(app_id)

    def _draining(self, app: App) -> list[DrainingOut]:
        return [
            DrainingOut(
                release=old.release,
                since=old.since,
                until=old.until,
                connections=self._connections(app, old),
            )
            for old in app.draining
        ]

    def _connections(self, app: App, old: Draining) -> int:
        return self.busy(old.port) + self.replicas.connections(app.app_id, old.release)

    def _replicas(self, app: App) -> list[ReplicaOut]:
        return [ReplicaOut(**asdict(one), sessions=sessions) for one, sessions in self.replicas.all(app)]

    def live(self, app: App) -> tuple[int, ...]:
        """What is in an app's view beside the app's own value, and changes without it."""
        drains = (self._connections(app, old) for old in app.draining)
        return (*drains, *(number for one in self._replicas(app) for number in one.live))

    def release(self, app: App, number: int, language: str) -> ReleaseOut:
        """One release, short."""
        release = self.layout.app(app.app_id).release(number)
        asked, made, ended = outcomes.asked(release), outcomes.record(release), outcomes.outcome(release)
        return ReleaseOut(
            app_id=app.app_id,
            release=number,
            state=outcomes.state(app, number, ended),
            created_at=asked.created_at,
            by=asked.by,
            note=asked.note,
            source=SourceOut.model_validate(asked.source),
            options=OptionsOut.model_validate(asked.options),
            python=made.get("python"),
            streamlit_version=made.get("streamlit_version"),
            as_of=made.get("as_of"),
            strategy=ended.strategy if ended else None,
            ended_at=ended.at if ended else None,
            error=self._failure(app.app_id, ended.error if ended else None, language),
            warning=self._failure(app.app_id, ended.warning if ended else None, language),
        )

    def detail(self, app: App, number: int, language: str) -> ReleaseDetailOut:
        """One release with all there is of it."""
        release = self.layout.app(app.app_id).release(number)
        return ReleaseDetailOut(
            **self.release(app, number, language).model_dump(),
            resolved=outcomes.record(release).get("resolved", []),
            install_log=runlog.tail(release.install_log, LOG_LINES),
            files=self.files(app, number),
        )

    def files(self, app: App, number: int) -> list[FileOut]:
        """The files of a release, as uploaded."""
        release = self.layout.app(app.app_id).release(number)
        return [FileOut(path=path, size=size) for path, size in bundles.tree(release)]

    def _failure(self, app_id: str, failure: Failure | None, language: str) -> FailureOut | None:
        if failure is None:
            return None
        message, advice = words.tell(failure, language)
        return FailureOut(
            kind=failure.kind,
            message=message,
            advice=advice,
            log_tail=failure.log_tail,
            log_url=f"{self.public_base}/api/apps/{app_id}/logs?tail=10000",
        )
