"""Who may see an app: the form fields, and the calls for its secret link."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Form

from hostd.access import Change, Visibility
from hostd.api.forms import emptied_fields
from hostd.api.releases import Id, Language
from hostd.api.shapes import AppOut, LinkOut
from hostd.api.views import Views
from hostd.errors import Invalid
from hostd.lifecycle import Lifecycle
from hostd.models import App

MAX_NAMES = 1000
"""People or groups that one app may name: more than that is a group."""
_NAME = re.compile(r"[^\s,\x00-\x1f\x7f](?:[^,\x00-\x1f\x7f]{0,198}[^\s,\x00-\x1f\x7f])?")


def access_form(
    *,
    emptied: Annotated[frozenset[str], Depends(emptied_fields)],
    visibility: Annotated[str | None, Form(description="public, signed-in, private or link")] = None,
    viewers: Annotated[
        str | None, Form(description="Who may see it: names or e-mail addresses, commas between")
    ] = None,
    viewer_groups: Annotated[
        str | None, Form(description="Groups that may see it, commas between; one in a name is %2C, % is %25")
    ] = None,
    owner: Annotated[str | None, Form(description="Whose it is: a user's name")] = None,
    collaborators: Annotated[
        str | None, Form(description="Who may change it beside the owner: names, commas between")
    ] = None,
) -> Mapping[str, Any]:
    """What a request changes of an app's Access. Raises Invalid."""
    given = {"visibility": visibility, "viewers": viewers, "viewer_groups": viewer_groups}
    given |= {"owner": owner, "collaborators": collaborators}
    given |= dict.fromkeys(emptied & given.keys(), "")
    return {name: _PARSERS[name](name, text) for name, text in given.items() if text is not None}


def changed(fields: Mapping[str, Any]) -> Change | None:
    """What does to an Access what ``fields`` say; None for nothing."""
    return (lambda access: replace(access, **fields)) if fields else None


def _visibility(name: str, text: str) -> Visibility:
    try:
        return Visibility(text.strip())
    except ValueError:
        raise Invalid(name, f"must be one of {', '.join(Visibility)}") from None


def _names(name: str, text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(found) > MAX_NAMES or not all(_NAME.fullmatch(one) for one in found):
        raise Invalid(name, f"must be at most {MAX_NAMES} names with commas between, of 200 characters each")
    return found


def _people(name: str, text: str) -> tuple[str, ...]:
    """Names and addresses in the one spelling that they are kept in."""
    return _names(name, text.lower())


def _groups(name: str, text: str) -> tuple[str, ...]:
    """Groups, written as an app is told them: a comma in one is %2C, and % is %25."""
    parts = (part.replace("%2C", ",").replace("%2c", ",") for part in _names(name, text))
    return tuple(part.replace("%25", "%") for part in parts)


def _owner(name: str, text: str) -> str:
    found = _people(name, text)
    if len(found) > 1:
        raise Invalid(name, "must be one name, or empty")
    return found[0] if found else ""


_PARSERS: dict[str, Callable[[str, str], Any]] = {
    "visibility": _visibility,
    "viewers": _people,
    "viewer_groups": _groups,
    "owner": _owner,
    "collaborators": _people,
}
GIVES_AWAY = frozenset(("owner", "collaborators"))
"""Fields that only an owner, or an admin, may send."""


@dataclass(frozen=True, slots=True)
class AccessApi:
    """The calls, bound to one lifecycle."""

    lifecycle: Lifecycle
    views: Views

    def routes(self) -> list[tuple[str, str, Any, dict[str, Any]]]:
        """Method, path, call and what FastAPI is told beside."""
        return [
            ("POST", "/apps/{app_id}/link", self.make_link, {"status_code": 201}),
            ("DELETE", "/apps/{app_id}/link", self.revoke_link, {}),
        ]

    def make_link(self, app_id: Id) -> LinkOut:
        """Let an app be seen by a new secret link; the one before is void. It is shown this once only."""
        secret = secrets.token_urlsafe(32)
        self._change(app_id, lambda access: access.with_link(secret))
        return LinkOut(app_id=app_id, url=f"{self.views.access_url(app_id)}~link/{secret}")

    def revoke_link(self, app_id: Id, language: Language) -> AppOut:
        """Void an app's secret link: whoever came by it is turned away, at once."""
        return self.views.app(self._change(app_id, lambda access: access.with_link("")), language)

    def _change(self, app_id: str, change: Change) -> App:
        return self.lifecycle.change_access(app_id, change)
