"""``GET /api/apps``: all apps or a page of those that match, quick with a thousand of them.

An app's JSON is made once per value of it. The tag (RFC 9110 section 8.8.3) comes from the registry's
version and from what is live in the answer, so that nothing is built for who has it already.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Header, Query, Response
from pydantic import BaseModel, Field

from hostd.api.releases import Language
from hostd.api.rules import Calling, manages, sees
from hostd.api.shapes import AppOut
from hostd.api.views import Views, outside
from hostd.errors import Invalid
from hostd.lifecycle.registry import Registry
from hostd.models import App, Status
from hostd.person import Caller, Role

MOST = 1000
"""Apps in one page, at most."""
_CACHED = 2500
"""Apps whose JSON is kept, each language counted; 1.5 kB each."""


class Sort(StrEnum):
    """By when an app was made, or by its name, without regard to case; then by id."""

    CREATED = "created"
    NAME = "name"


_KEYS: dict[Sort, Callable[[App], tuple[str, str]]] = {
    Sort.CREATED: lambda app: (app.created_at, app.app_id),
    Sort.NAME: lambda app: (app.name.casefold(), app.app_id),
}
_HEADERS = {
    "ETag": "Send it as If-None-Match: 304 when nothing has changed",
    "X-Total-Count": "How many apps match, those of other pages included",
    "Link": '`<…>; rel="next"` (RFC 8288) when there are more',
}
DESCRIBED: dict[str, Any] = {
    "response_model": list[AppOut],
    "responses": {
        200: {"headers": {k: {"description": v, "schema": {"type": "string"}} for k, v in _HEADERS.items()}},
        304: {"description": "Nothing has changed since the ETag in If-None-Match"},
    },
}


class Asked(BaseModel):
    """What the query may say."""

    limit: int | None = Field(None, ge=1, le=MOST, description="Apps in a page; all when left out")
    cursor: str = Field("", max_length=2000, description="Where a page begins: that of a Link")
    q: str = Field("", max_length=200, description="A part of the name or id, in any case")
    status: list[Status] = Field([], description="Only apps with this; may come several times")
    sort: Sort = Field(Sort.CREATED, description="What the order goes by")


@dataclass(slots=True)
class Listing:
    """The call, bound to one registry."""

    registry: Registry
    views: Views
    public_base: str
    _life: str = field(default_factory=lambda: secrets.token_hex(8))
    _made: dict[tuple[str, str], tuple[App, bytes]] = field(default_factory=dict)

    def list_apps(
        self,
        language: Language,
        caller: Calling,
        asked: Annotated[Asked, Query()],
        if_none_match: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response:
        """Every app that the caller may see, oldest first; or a page of those that match."""
        after = _decoded(asked.cursor, asked.sort) if asked.cursor else None
        version = self.registry.version  # before the apps: a tag may be too old, never too new
        live = {app.app_id: told for app in self.registry.restless() if (told := self.views.live(app))}
        tag = self._tag(version, language, asked.model_dump(), live, _sight(caller))
        headers = {"ETag": tag, "Vary": "Accept-Language, Authorization", "Cache-Control": "no-cache"}
        if _matches(if_none_match, tag):
            return Response(status_code=304, headers=headers)
        found = self._found(asked, caller)
        page = _page(found, after, asked)
        headers["X-Total-Count"] = str(len(found))
        if page and page[-1] is not found[-1]:
            query = asked.model_dump(mode="json") | {"cursor": _encoded(page[-1], asked.sort)}
            following = urlencode({name: value for name, value in query.items() if value}, doseq=True)
            headers["Link"] = f'<{self.public_base}/api/apps?{following}>; rel="next"'
        body = b"[" + b",".join([self._json(app, language, live, caller) for app in page]) + b"]"
        return Response(body, headers=headers, media_type="application/json")

    def _tag(self, *told: Any) -> str:
        """Another whenever the answer may be another."""
        return f'"{hashlib.sha256(json.dumps([self._life, *told]).encode()).hexdigest()[:32]}"'

    def _found(self, asked: Asked, caller: Caller) -> list[App]:
        apps = self.registry.all()
        if caller.person.role is not Role.ADMIN:
            apps = [app for app in apps if sees(caller, app)]
        if asked.status:
            apps = [app for app in apps if app.status in asked.status]
        if wanted := asked.q.strip().casefold():
            apps = [app for app in apps if wanted in app.name.casefold() or wanted in app.app_id.casefold()]
        return apps if asked.sort is Sort.CREATED else sorted(apps, key=_KEYS[asked.sort])

    def _json(self, app: App, language: str, live: Mapping[str, Any], caller: Caller) -> bytes:
        """What has live parts is made each time, and what is not shown whole."""
        if not manages(caller, app):
            return self.views.app(outside(app), language).model_dump_json().encode()
        made = self._made.get((app.app_id, language))
        if made is not None and made[0] is app and app.app_id not in live:
            return made[1]
        text = self.views.app(app, language).model_dump_json().encode()
        if not self.views.live(app):
            if len(self._made) >= _CACHED:
                self._made.clear()  # apps that are gone; the others are made anew
            self._made[app.app_id, language] = (app, text)
        return text


def _sight(caller: Caller) -> list[Any]:
    """What decides how much of the list somebody sees."""
    person = caller.person
    return [person.name, person.role, person.email, sorted(person.groups)]


def _page(apps: list[App], after: tuple[str, str] | None, asked: Asked) -> list[App]:
    start = 0 if after is None else bisect.bisect_right(apps, after, key=_KEYS[asked.sort])
    return apps[start:] if asked.limit is None else apps[start : start + asked.limit]


def _encoded(app: App, sort: Sort) -> str:
    told = json.dumps([sort.value, *_KEYS[sort](app)], ensure_ascii=False)
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _decoded(cursor: str, sort: Sort) -> tuple[str, str]:
    """The place after which a page begins. Raises Invalid."""
    try:
        told = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        order, key, app_id = json.loads(told)
    except (ValueError, TypeError, RecursionError):
        raise Invalid("cursor", "is not one that a Link header gave") from None
    if order != sort.value or not isinstance(key, str) or not isinstance(app_id, str):
        raise Invalid("cursor", "belongs to another sort")
    return key, app_id


def _matches(if_none_match: str, tag: str) -> bool:
    """RFC 9110 section 13.1.2; the comparison is the weak one."""
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
