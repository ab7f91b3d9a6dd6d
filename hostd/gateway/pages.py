"""What visitors get when no app answers: a small page for browsers, problem+json (RFC 9457) for others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from hostd.gateway.head import Head
from hostd.gateway.texts import OWNER, TEXTS
from hostd.language import preferred_language
from hostd.models import Route, Status
from hostd.templating import Templates

_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_HTML = "text/html; charset=utf-8"
_PROBLEM = "application/problem+json"
_SOON = 2
_WHEN_FULL = 5
_LATER = 30


class Trouble(StrEnum):
    """Why a request got no answer from an app, where the app's status does not say it."""

    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    SILENT = "silent"
    BUSY = "busy"
    NO_ROOM = "no_room"
    NO_PORT = "no_port"
    FULL = "full"
    UNKNOWN = "unknown"
    SIGN_IN = "sign_in"
    FORBIDDEN = "forbidden"
    NO_LINK = "no_link"


_FOR_GOOD = (Trouble.UNKNOWN, Trouble.SIGN_IN, Trouble.FORBIDDEN, Trouble.NO_LINK)
"""Troubles that waiting does not end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response of our own."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""

    def encode(self, head: Head | None, dates: Iterable[tuple[bytes, bytes]], *, close: bool) -> bytes:
        """Its bytes on the wire; ``dates`` are uvicorn's default headers."""
        first = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
        lines = [f"{name}: {value}\r\n" for name, value in self.fields]
        if self.status != HTTPStatus.NOT_MODIFIED:  # there it would be the length of what is not sent
            lines.append(f"Content-Length: {len(self.body)}\r\n")
        if close:
            lines.append("Connection: close\r\n")
        common = b"".join(b"%b: %b\r\n" % pair for pair in dates)
        body = b"" if head is not None and head.method == b"HEAD" else self.body
        return b"%b%b%b\r\n%b" % (first.encode(), "".join(lines).encode("latin-1"), common, body)


def redirect(location: bytes) -> Answer:
    """307 keeps the method; ``location`` is a path, so it holds behind every outer proxy."""
    return Answer(307, (("Location", location.decode("latin-1")), ("Cache-Control", "no-store")))


def problem(status: int, detail: str, retry_after: int | None = None) -> Answer:
    """A failure as problem+json; ``retry_after`` in seconds."""
    phrase = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": phrase, "status": status, "detail": detail}
    retry = (("Retry-After", str(retry_after)),) if retry_after else ()
    fields = (("Content-Type", _PROBLEM), ("Cache-Control", "no-store"), *retry)
    return Answer(status, fields, json.dumps(document).encode())


def sleeping_health() -> Answer:
    """What an app that sleeps says of its health: it serves whoever comes."""
    fields = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"))
    return Answer(200, (*fields, ("X-Hostd-Status", Status.SLEEPING)), b"ok")


class Pages:
    """The pages of ``templates/pages/``, in the visitor's language."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def for_route(
        self, head: Head, status: int, route: Route | None, trouble: Trouble | None, *, owner: str = ""
    ) -> Answer:
        """The answer for a route (None: there is no such app) that gives none itself.

        Without ``trouble`` the route's own status says what is the matter. ``owner`` may be asked.
        """
        situation = trouble or (route.status if route else Trouble.UNKNOWN)
        if situation is Status.RUNNING:
            situation = Trouble.UNREACHABLE
        wait = _wait(situation)
        if not wants_page(head):
            return problem(status, TEXTS["en", situation].detail, wait)
        return self._page(head, status, route.name if route else "", situation, wait, owner)

    def _page(  # noqa: PLR0917 - what stands on it
        self, head: Head, status: int, name: str, situation: Status | Trouble, wait: int | None, owner: str
    ) -> Answer:
        language = preferred_language(head.get(b"accept-language").decode("latin-1"))
        text = TEXTS[language, situation]
        body = self._templates.render(
            "pages/app.html",
            language={"zh": "zh-CN"}.get(language, language),
            app_name=name,
            title=text.title,
            detail=text.detail,
            status=text.status,
            owner=owner,
            ask=OWNER[language],
            refresh=wait,
            hopeful=wait in (_SOON, _WHEN_FULL),
            failed=situation is Status.FAILED,
        )
        fields = [("Content-Type", _HTML), ("Content-Language", language), ("Cache-Control", "no-store")]
        fields += [("Content-Security-Policy", _CSP), ("X-Content-Type-Options", "nosniff")]
        fields += [("Referrer-Policy", "no-referrer"), ("Vary", "Accept, Accept-Language")]
        if wait:
            fields.append(("Retry-After", str(wait)))
        return Answer(status, tuple(fields), body.encode())


def _wait(situation: Status | Trouble) -> int | None:
    """Seconds until it is worth asking again; None when asking again does not help."""
    if situation in _FOR_GOOD:
        return None
    if situation is Trouble.FULL:
        return _WHEN_FULL
    return _LATER if situation in (Status.STOPPED, Status.FAILED) else _SOON


def wants_page(head: Head) -> bool:
    """Whether a person looks at the answer."""
    looks = head.method in (b"GET", b"HEAD") and not head.upgrade
    return looks and b"text/html" in head.get(b"accept").lower()
