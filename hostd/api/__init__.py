"""REST under ``/api``; each endpoint is one call into lifecycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBearer

from hostd import runlog
from hostd.access import Visibility
from hostd.api.access import GIVES_AWAY, AccessApi, access_form, changed
from hostd.api.changes import told
from hostd.api.forms import MAX_FILES, form_only, new_app_form, release_form
from hostd.api.health import HealthApi
from hostd.api.limits import Limits
from hostd.api.listing import DESCRIBED, Listing
from hostd.api.people import PeopleApi
from hostd.api.releases import ACCEPTED, Id, Language, ReleaseApi
from hostd.api.rules import RULES, Calling, Door, Needs, manages, owns
from hostd.api.scale import scale_form
from hostd.api.shapes import AppOut, DeletedOut, LogsOut
from hostd.api.variables import VariablesApi
from hostd.api.views import Views, outside
from hostd.errors import Forbidden, Invalid
from hostd.events import EventStream, events
from hostd.isolation import Isolation
from hostd.lifecycle import Lifecycle
from hostd.lifecycle.wanted import Wanted
from hostd.person import Caller, Means, Role
from hostd.problems import Problem
from hostd.scale import Scale
from hostd.settings import Settings
from hostd.signing import Signing
from hostd.templating import Templates

__all__ = ["Api", "Problem"]
_bearer = HTTPBearer(
    auto_error=False, description="An API token, or STREAMLIT_HOST_ADMIN_TOKEN; none where anybody may do all"
)


async def _documented_bearer(_token: Annotated[Any, Depends(_bearer)]) -> None:
    """The token itself is checked in hostd/guard.py, before a body is read."""


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": "Problem", "content": content} for code in codes}


class Api:
    """The endpoints, bound to one lifecycle."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        settings: Settings,
        templates: Templates,
        busy: Callable[[int], int],
        *,
        isolation: Isolation,
        signing: Signing,
    ) -> None:
        self._isolation = isolation
        self._lifecycle = lifecycle
        self._settings = settings
        self._templates = templates
        self._signing = signing
        self._limits = Limits(settings)
        replicas = lifecycle.deployer.replicas
        self._views = Views(lifecycle.layout, settings.public_base, busy, replicas, settings.origins)

    def router(self) -> APIRouter:
        """All calls under ``/api``; operation ids are the methods' names."""
        api = APIRouter(
            prefix="/api", dependencies=[Depends(_documented_bearer)], form_limits={"max_files": MAX_FILES},
            route_class=Door(self._lifecycle.registry.get, self._signing.audit).route_class(),
            responses=_problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503, 507),
        )  # fmt: skip
        for method, path, call, more in self._calls():
            rule = {"x-hostd-needs": RULES.get(call.__name__, Needs.ADMIN)}
            api.add_api_route(
                path, call, methods=[method], operation_id=call.__name__, openapi_extra=rule, **more
            )
        api.add_api_route("/docs", self.docs, methods=["GET"], include_in_schema=False)
        return api

    def _calls(self) -> list[tuple[str, str, Any, dict[str, Any]]]:
        """Method, path, what is called, and what FastAPI is told of it."""
        form = [Depends(form_only)]
        releases = ReleaseApi(self._lifecycle, self._settings, self._views)
        health = HealthApi(
            self._lifecycle, self._settings, self._isolation, self._limits, self._signing.people
        )
        listing = Listing(self._lifecycle.registry, self._views, self._settings.public_base)
        return [
            ("GET", "/apps", listing.list_apps, DESCRIBED),
            ("POST", "/apps", self.create_app, {"status_code": 201, "dependencies": form}),
            ("GET", "/apps/{app_id}", self.get_app, {}),
            ("PATCH", "/apps/{app_id}", self.update_app, {"dependencies": form, "responses": ACCEPTED}),
            ("DELETE", "/apps/{app_id}", self.delete_app, {}),
            ("POST", "/apps/{app_id}/start", self.start_app, {}),
            ("POST", "/apps/{app_id}/stop", self.stop_app, {}),
            ("POST", "/apps/{app_id}/restart", self.restart_app, {}),
            ("POST", "/apps/{app_id}/keep-awake", self.keep_app_awake, {}),
            ("GET", "/apps/{app_id}/logs", self.get_logs, {}),
            ("GET", "/apps/{app_id}/logs/stream", self.stream_logs, {"response_class": EventStream}),
            *releases.routes(form),
            *VariablesApi(self._lifecycle, self._settings.public_base).routes(form),
            *AccessApi(self._lifecycle, self._views).routes(),
            *PeopleApi(self._signing, self._settings.public_base).routes(form),
            ("GET", "/health", health.get_health, {}),
        ]

    def create_app(  # noqa: PLR0917 - FastAPI reads the form's fields from here
        self,
        request: Request,
        response: Response,
        language: Language,
        caller: Calling,
        name: Annotated[str, Form(description="1 to 100 characters")],
        wanted: Annotated[Wanted, Depends(new_app_form)],
        scale: Annotated[Mapping[str, Any], Depends(scale_form)],
        access: Annotated[Mapping[str, Any], Depends(access_form)],
        app_id: Annotated[str | None, Form(description="A slug of your own; else one is made")] = None,
    ) -> AppOut:
        """Make an app of its files. Answers at once; the install goes on behind."""
        whose = self._owned(caller)
        if caller.person.role is not Role.ADMIN and access.get("owner", whose["owner"]) != whose["owner"]:
            raise Forbidden("Only admins may make apps for others.")
        self._limits.check(caller, Scale(), scale)
        request.state.about = told(name, wanted, scale, {**whose, **access})
        made = self._lifecycle.releases.create(name, wanted, app_id, scale, {**whose, **access})
        response.headers["Location"] = f"{self._settings.public_base}/api/apps/{made.app_id}"
        return self._views.app(made, language)

    def _owned(self, caller: Caller) -> dict[str, Any]:
        """Whose a new app is; where people sign in, only they see it, unless something else is said."""
        owner = caller.person.name if caller.means in (Means.SESSION, Means.TOKEN) else ""
        wanted = self._signing.people.wanted
        return {"owner": owner, "visibility": Visibility.SIGNED_IN if wanted else Visibility.PUBLIC}

    def get_app(self, app_id: Id, language: Language, caller: Calling) -> AppOut:
        """One app."""
        app = self._lifecycle.registry.get(app_id)
        return self._views.app(app if manages(caller, app) else outside(app), language)

    def update_app(  # noqa: PLR0917 - FastAPI reads the form's fields from here
        self,
        request: Request,
        response: Response,
        app_id: Id,
        language: Language,
        caller: Calling,
        wanted: Annotated[Wanted, Depends(release_form)],
        scale: Annotated[Mapping[str, Any], Depends(scale_form)],
        access: Annotated[Mapping[str, Any], Depends(access_form)],
        name: Annotated[str | None, Form(description="A new name")] = None,
    ) -> AppOut:
        """Rename, replace files, or change what is set. 202 when that makes a release, which is deployed."""
        if name is None and wanted.empty and not (scale or access):
            self._lifecycle.registry.get(app_id)
            raise Invalid("name", "send at least one of name, app, requirements, files, and none empty")
        request.state.about = told(name, wanted, scale, access)
        if GIVES_AWAY & access.keys() and not owns(caller, self._lifecycle.registry.get(app_id)):
            raise Forbidden("Only this app's owner and admins may change whose it is.")
        self._limits.check(caller, self._lifecycle.registry.get(app_id).scale, scale)
        app, number = self._lifecycle.update(app_id, name, wanted, scale, changed(access))
        if number is not None:
            response.status_code = 202
            response.headers["Location"] = f"{self._settings.public_base}/api/apps/{app_id}/releases/{number}"
        return self._views.app(app, language)

    def delete_app(self, app_id: Id) -> DeletedOut:
        """Stop an app and delete all of it."""
        self._lifecycle.delete(app_id)
        return DeletedOut(deleted=True, app_id=app_id)

    def start_app(self, app_id: Id, language: Language) -> AppOut:
        """Start an app; no change for one that runs."""
        return self._views.app(self._lifecycle.start(app_id), language)

    def stop_app(self, app_id: Id, language: Language) -> AppOut:
        """Stop an app, its install included."""
        return self._views.app(self._lifecycle.stop(app_id), language)

    def restart_app(self, app_id: Id, language: Language) -> AppOut:
        """Give an app a new process."""
        return self._views.app(self._lifecycle.restart(app_id), language)

    def keep_app_awake(
        self,
        app_id: Id,
        language: Language,
        minutes: Annotated[float, Query(ge=0, le=100_000, description="From now on; 0 takes it back")],
    ) -> AppOut:
        """Let an app not sleep for a while though nobody visits it: it works in the background."""
        return self._views.app(self._lifecycle.keep_awake(app_id, minutes), language)

    def get_logs(self, app_id: Id, tail: Annotated[int, Query(ge=1, le=10_000)] = 200) -> LogsOut:
        """The last lines of run.log."""
        app = self._lifecycle.registry.get(app_id)
        logs = runlog.tail(self._lifecycle.layout.app(app_id).log, tail)
        return LogsOut(app_id=app.app_id, logs=self._lifecycle.releases.vault.scrubber(app_id).text(logs))

    async def stream_logs(
        self, app_id: Id, caller: Calling, tail: Annotated[int, Query(ge=1, le=10_000)] = 200
    ) -> Response:
        """run.log as Server-Sent Events: the tail, then each new line, until you leave or the app goes.

        It ends when you lose the right to it as well.
        """
        self._lifecycle.registry.get(app_id)
        followed = events(
            self._lifecycle.layout.app(app_id).log,
            tail,
            lambda: not self._still_manages(caller, app_id),
            self._lifecycle.releases.vault.scrubber(app_id).text,
        )
        return EventStream(followed, headers={"Cache-Control": "no-store"})

    def _still_manages(self, caller: Caller, app_id: str) -> bool:
        """Whether the app is still there, and still the caller's to manage."""
        app, now = self._lifecycle.registry.peek(app_id), self._signing.people.again(caller)
        return app is not None and now is not None and manages(now, app)

    def docs(self, request: Request) -> HTMLResponse:
        """The calls, for people."""
        schema = request.app.openapi()
        return HTMLResponse(
            self._templates.render("pages/docs.html", schema=schema, base=self._settings.public_base)
        )
