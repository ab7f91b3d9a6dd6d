"""What each call needs. A call that is not in the table is the admins' alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from hostd.audit import Act, Audit, Outcome
from hostd.errors import Forbidden, HostdError, Unauthorized, UnknownApp, WrongPassword
from hostd.models import App
from hostd.person import ANYONE, Caller, Means, Role, Scope

log = logging.getLogger(__name__)
_READS = ("GET", "HEAD")


class Needs(StrEnum):
    """What a caller must be, or be to the app that the path names."""

    NOTHING = "nothing"
    SIGNED_IN = "signed-in"
    SESSION = "session"
    PUBLISHER = "publisher"
    SEES_APP = "sees-app"
    MANAGES_APP = "manages-app"
    OWNS_APP = "owns-app"
    ADMIN = "admin"


RULES: Mapping[str, Needs] = {
    "sign_in": Needs.NOTHING,
    "get_session": Needs.SIGNED_IN,
    "sign_out": Needs.SIGNED_IN,
    "list_users": Needs.ADMIN,
    "create_user": Needs.ADMIN,
    "get_user": Needs.ADMIN,
    "update_user": Needs.ADMIN,
    "delete_user": Needs.ADMIN,
    "set_password": Needs.SESSION,
    "list_tokens": Needs.SIGNED_IN,
    "create_token": Needs.SESSION,
    "delete_token": Needs.SESSION,
    "list_audit": Needs.ADMIN,
    "get_health": Needs.SIGNED_IN,
    "list_gallery": Needs.SIGNED_IN,
    "list_apps": Needs.SIGNED_IN,
    "create_app": Needs.PUBLISHER,
    "get_app": Needs.SEES_APP,
    "update_app": Needs.MANAGES_APP,
    "delete_app": Needs.OWNS_APP,
    "start_app": Needs.MANAGES_APP,
    "stop_app": Needs.MANAGES_APP,
    "restart_app": Needs.MANAGES_APP,
    "keep_app_awake": Needs.MANAGES_APP,
    "get_logs": Needs.MANAGES_APP,
    "stream_logs": Needs.MANAGES_APP,
    "make_link": Needs.MANAGES_APP,
    "revoke_link": Needs.MANAGES_APP,
    "list_releases": Needs.MANAGES_APP,
    "create_release": Needs.MANAGES_APP,
    "get_release": Needs.MANAGES_APP,
    "get_bundle": Needs.MANAGES_APP,
    "get_diff": Needs.MANAGES_APP,
    "activate_release": Needs.MANAGES_APP,
    "drain_release": Needs.MANAGES_APP,
    "list_files": Needs.MANAGES_APP,
    "get_file": Needs.MANAGES_APP,
    "list_variables": Needs.MANAGES_APP,
    "set_variables": Needs.MANAGES_APP,
    "set_variable": Needs.MANAGES_APP,
    "delete_variable": Needs.MANAGES_APP,
    "list_secrets": Needs.MANAGES_APP,
    "set_secrets": Needs.MANAGES_APP,
    "set_secret": Needs.MANAGES_APP,
    "delete_secrets": Needs.MANAGES_APP,
    "delete_secret": Needs.MANAGES_APP,
}
"""By operation id."""


def manages(caller: Caller, app: App) -> bool:
    """Whether the caller may change an app: admins any, publishers their own and those shared with them."""
    return caller.person.role.covers(Role.PUBLISHER) and app.access.manages(caller.person)


def sees(caller: Caller, app: App) -> bool:
    """Whether the caller may know of an app: whoever may open it."""
    return app.access.admits(caller.person)


def owns(caller: Caller, app: App) -> bool:
    """Whether the caller may delete an app or give it away."""
    person = caller.person
    mine = person.role is Role.PUBLISHER and app.access.owner == person.name
    return person.role is Role.ADMIN or mine


def caller_of(request: Request) -> Caller:
    """Who calls. Raises Unauthorized when nobody does."""
    found = request.scope.get("hostd.caller")
    if not isinstance(found, Caller):
        raise Unauthorized("Sign in first: POST /api/session, or send an API token as a bearer.")
    return found


def address_of(request: Request) -> str:
    """Where the request came from (hostd/guard.py)."""
    return str(request.scope.get("hostd.address", "unix"))


Calling = Annotated[Caller, Depends(caller_of)]
Address = Annotated[str, Depends(address_of)]


@dataclass(frozen=True, slots=True)
class Door:
    """Checks each call before its body is read, and records what came of it."""

    find: Callable[[str], App]
    audit: Audit

    def route_class(self) -> type[APIRoute]:
        """The routes' class: FastAPI's, behind this door."""
        door = self

        class Ruled(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                inner = super().get_route_handler()
                if self.operation_id is None:  # a page that describes the API
                    return inner
                operation = self.operation_id

                async def handler(request: Request) -> Response:
                    return await door.passed(operation, request, inner)

                return handler

        return Ruled

    async def passed(
        self, operation: str, request: Request, inner: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response:
        """The call's answer, if its caller may. Raises whatever the call raises, and Forbidden."""
        try:
            self.check(operation, request)
            response = await inner(request)
        except (HostdError, HTTPException, RequestValidationError) as error:
            self._record(operation, request, _outcome(error))
            raise
        except Exception:
            self._record(operation, request, Outcome.FAILED)
            raise
        self._record(operation, request, Outcome.DONE, response.headers.get("location", ""))
        return response

    def check(self, operation: str, request: Request) -> None:
        """Raises Unauthorized, Forbidden, and UnknownApp for an app that is none of the caller's business."""
        needs = RULES.get(operation, Needs.ADMIN)
        if needs is Needs.NOTHING:
            return
        caller = caller_of(request)
        if request.method not in _READS and caller.scope is Scope.READ:
            raise Forbidden("This token only reads.")
        if needs in _OF_AN_APP:
            self._check_app(needs, caller, request.path_params.get("app_id", ""))
        elif not _BY_ROLE[needs](caller):
            raise Forbidden(_WHY[needs])

    def _check_app(self, needs: Needs, caller: Caller, app_id: str) -> None:
        if caller.person.role is Role.ADMIN:
            return
        app = self.find(app_id)
        if not sees(caller, app):
            raise UnknownApp(app_id)
        if not _OF_AN_APP[needs](caller, app):
            raise Forbidden(_WHY[needs])

    def _record(self, operation: str, request: Request, outcome: Outcome, location: str = "") -> None:
        """Every act that changes something, and every refusal here; sign-ins record themselves."""
        if operation == "sign_in" or (request.method in _READS and outcome is not Outcome.REFUSED):
            return
        caller = request.scope.get("hostd.caller", ANYONE)
        about = {name: str(value) for name, value in request.path_params.items()}
        if location:
            about["location"] = urlsplit(location).path
        about |= getattr(request.state, "about", {})
        act = Act(
            act=operation, who=caller.person.name, means=_means(caller), address=address_of(request),
            outcome=outcome, about=about,
        )  # fmt: skip
        self.audit.record(act)


def _means(caller: Caller) -> str:
    """How they were recognised; which token it was, is worth knowing when one has leaked."""
    return f"token {caller.key}" if caller.means is Means.TOKEN else str(caller.means)


def _outcome(error: Exception) -> Outcome:
    refused = isinstance(error, Forbidden | Unauthorized | WrongPassword)
    return Outcome.REFUSED if refused else Outcome.FAILED


_OF_AN_APP: Mapping[Needs, Callable[[Caller, App], bool]] = {
    Needs.SEES_APP: sees,
    Needs.MANAGES_APP: manages,
    Needs.OWNS_APP: owns,
}
_BY_ROLE: Mapping[Needs, Callable[[Caller], bool]] = {
    Needs.SIGNED_IN: lambda _: True,
    Needs.SESSION: lambda caller: caller.means is not Means.TOKEN or caller.is_admin,
    Needs.PUBLISHER: lambda caller: caller.person.role.covers(Role.PUBLISHER),
    Needs.ADMIN: lambda caller: caller.is_admin,
}
_WHY: Mapping[Needs, str] = {
    Needs.SIGNED_IN: "Sign in first.",
    Needs.SESSION: "An API token can't do this: sign in with a name and a password.",
    Needs.PUBLISHER: "Only publishers and admins may do this.",
    Needs.SEES_APP: "This app is not for you.",
    Needs.MANAGES_APP: "Only this app's owner, its collaborators and admins may do this.",
    Needs.OWNS_APP: "Only this app's owner and admins may do this.",
    Needs.ADMIN: "Only admins may do this.",
}
