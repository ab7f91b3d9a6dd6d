"""REST under ``/api``; each endpoint is one call into lifecycle."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, WithJsonSchema

from hostd import __version__, bundles, runlog
from hostd.errors import Invalid, SupervisorUnavailable, UnsupportedMedia
from hostd.events import EventStream, events
from hostd.lifecycle import Lifecycle
from hostd.models import App, FailureKind, Status
from hostd.problems import Problem
from hostd.settings import Settings
from hostd.templating import Templates

__all__ = ["Api", "Problem"]
_A_FILE = WithJsonSchema({"type": "string", "contentMediaType": "application/octet-stream"})
"""How a file that may be left out is described: pydantic would say 'or null', which no form can send."""
Id = Annotated[str, Path(description="The app's id", examples=["demo-3f9a2c"], max_length=200)]


class FailureOut(BaseModel):
    """Why an app, or its last update, failed."""

    model_config = ConfigDict(from_attributes=True)
    kind: FailureKind
    message: str
    log_tail: str


class AppOut(BaseModel):
    """One app."""

    model_config = ConfigDict(from_attributes=True)
    app_id: str
    name: str
    status: Status
    port: int | None
    pid: int | None
    error: FailureOut | None
    access_url: str
    created_at: str
    updated_at: str
    requirements_sha256: str | None
    app_sha256: str | None
    streamlit_version: str | None


class LogsOut(BaseModel):
    """The last lines of an app's run.log."""

    app_id: str
    logs: str


class DeletedOut(BaseModel):
    """An app is gone."""

    deleted: Literal[True]
    app_id: str


class HealthOut(BaseModel):
    """How the platform is."""

    status: Literal["ok", "degraded"]
    version: str
    supervisord: dict[str, Any]
    apps: dict[str, int]
    installs: dict[str, int]
    data_dir: str
    public_base: str
    auth_required: bool
    open_without_token: bool


_bearer = HTTPBearer(auto_error=False, description="STREAMLIT_HOST_ADMIN_TOKEN, when one is set")


async def _documented_bearer(_token: Annotated[Any, Depends(_bearer)]) -> None:
    """The token itself is checked in hostd/guard.py, before a body is read."""


async def _form_only(request: Request) -> None:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise UnsupportedMedia(
            f"Send a form (multipart/form-data), as curl -F does, not {kind or 'a body without type'}."
        )


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": "Problem", "content": content} for code in codes}


class Api:
    """The endpoints, bound to one lifecycle."""

    def __init__(self, lifecycle: Lifecycle, settings: Settings, templates: Templates) -> None:
        self._lifecycle = lifecycle
        self._settings = settings
        self._templates = templates

    def router(self) -> APIRouter:
        """All calls under ``/api``; operation ids are the methods' names."""
        api = APIRouter(
            prefix="/api", dependencies=[Depends(_documented_bearer)],
            responses=_problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503, 507),
        )  # fmt: skip
        form = [Depends(_form_only)]
        for method, path, call, more in (
            ("GET", "/apps", self.list_apps, {}),
            ("POST", "/apps", self.create_app, {"status_code": 201, "dependencies": form}),
            ("GET", "/apps/{app_id}", self.get_app, {}),
            ("PATCH", "/apps/{app_id}", self.update_app, {"dependencies": form}),
            ("DELETE", "/apps/{app_id}", self.delete_app, {}),
            ("POST", "/apps/{app_id}/start", self.start_app, {}),
            ("POST", "/apps/{app_id}/stop", self.stop_app, {}),
            ("POST", "/apps/{app_id}/restart", self.restart_app, {}),
            ("GET", "/apps/{app_id}/logs", self.get_logs, {}),
            ("GET", "/apps/{app_id}/logs/stream", self.stream_logs, {"response_class": EventStream}),
            ("GET", "/apps/{app_id}/files/{name}", self.get_file, {"response_class": PlainTextResponse}),
            ("GET", "/health", self.get_health, {}),
        ):
            api.add_api_route(path, call, methods=[method], operation_id=call.__name__, **more)
        api.add_api_route("/docs", self.docs, methods=["GET"], include_in_schema=False)
        return api

    def list_apps(self) -> list[AppOut]:
        """Every app, oldest first."""
        return [self._out(app) for app in self._lifecycle.registry.all()]

    def create_app(
        self,
        response: Response,
        name: Annotated[str, Form(description="1 to 100 characters")],
        app: Annotated[UploadFile, File(description="app.py")],
        requirements: Annotated[UploadFile | None, _A_FILE, File(description="requirements.txt")] = None,
        app_id: Annotated[str | None, Form(description="A slug of your own; else one is made")] = None,
    ) -> AppOut:
        """Make an app of its files. Answers at once; the install goes on behind."""
        made = self._lifecycle.create(name, bundles.Upload(_read(app), _read(requirements)), app_id)
        out = self._out(made)
        response.headers["Location"] = f"{self._settings.public_base}/api/apps/{out.app_id}"
        return out

    def get_app(self, app_id: Id) -> AppOut:
        """One app."""
        return self._out(self._lifecycle.registry.get(app_id))

    def update_app(
        self,
        app_id: Id,
        name: Annotated[str | None, Form(description="A new name")] = None,
        app: Annotated[UploadFile | None, _A_FILE, File(description="A new app.py")] = None,
        requirements: Annotated[
            UploadFile | None, _A_FILE, File(description="A new requirements.txt")
        ] = None,
    ) -> AppOut:
        """Rename, or replace either file; a changed file is deployed beside what runs."""
        if name is None and app is None and requirements is None:
            self._lifecycle.registry.get(app_id)
            raise Invalid("name", "send at least one of name, app, requirements, and none empty")
        return self._out(
            self._lifecycle.update(app_id, name, bundles.Upload(_read(app), _read(requirements)))
        )

    def delete_app(self, app_id: Id) -> DeletedOut:
        """Stop an app and delete all of it."""
        self._lifecycle.delete(app_id)
        return DeletedOut(deleted=True, app_id=app_id)

    def start_app(self, app_id: Id) -> AppOut:
        """Start an app; no change for one that runs."""
        return self._out(self._lifecycle.start(app_id))

    def stop_app(self, app_id: Id) -> AppOut:
        """Stop an app, its install included."""
        return self._out(self._lifecycle.stop(app_id))

    def restart_app(self, app_id: Id) -> AppOut:
        """Give an app a new process."""
        return self._out(self._lifecycle.restart(app_id))

    def get_logs(self, app_id: Id, tail: Annotated[int, Query(ge=1, le=10_000)] = 200) -> LogsOut:
        """The last lines of run.log."""
        app = self._lifecycle.registry.get(app_id)
        return LogsOut(app_id=app.app_id, logs=runlog.tail(self._lifecycle.layout.app(app.app_id).log, tail))

    async def stream_logs(self, app_id: Id, tail: Annotated[int, Query(ge=1, le=10_000)] = 200) -> Response:
        """run.log as Server-Sent Events: the tail, then each new line, until you leave or the app goes."""
        self._lifecycle.registry.get(app_id)
        followed = events(
            self._lifecycle.layout.app(app_id).log,
            tail,
            lambda: self._lifecycle.registry.peek(app_id) is None,
        )
        return EventStream(followed, headers={"Cache-Control": "no-store"})

    def get_file(self, app_id: Id, name: Literal["app.py", "requirements.txt"]) -> PlainTextResponse:
        """The text of a file as it is deployed; empty when the app has none."""
        app = self._lifecycle.registry.get(app_id)
        return PlainTextResponse(
            bundles.read(self._lifecycle.layout.app(app.app_id).release(app.target), name)
        )

    def get_health(self) -> HealthOut:
        """Version, supervisord's state, counts."""
        try:
            supervisord, status = self._lifecycle.deployer.supervisor.identify(), "ok"
        except SupervisorUnavailable as error:
            supervisord, status = {"state": "UNREACHABLE", "detail": str(error)}, "degraded"
        installs = self._lifecycle.deployer.installer.slots
        return HealthOut(
            status="ok" if status == "ok" else "degraded",
            version=__version__,
            supervisord=supervisord,
            apps=self._lifecycle.counts(),
            installs={"running": installs.held, "queued": installs.queued, "limit": installs.limit},
            data_dir=str(self._settings.data),
            public_base=self._settings.public_base,
            auth_required=bool(self._settings.admin_token),
            open_without_token=self._settings.open_without_token,
        )

    def docs(self, request: Request) -> HTMLResponse:
        """The calls, for people."""
        schema = request.app.openapi()
        return HTMLResponse(
            self._templates.render("pages/docs.html", schema=schema, base=self._settings.public_base)
        )

    def _out(self, app: App) -> AppOut:
        url = f"{self._settings.public_base}/apps/{app.app_id}/"
        values = {name: getattr(app, name) for name in AppOut.model_fields if name != "access_url"}
        if app.status in (Status.STOPPED, Status.FAILED):
            values["port"] = None  # it is only what the app would like to have again
        return AppOut.model_validate({**values, "access_url": url})


def _read(file: UploadFile | None) -> bytes | None:
    return None if file is None else file.file.read()
