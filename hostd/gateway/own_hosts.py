"""Apps on origins of their own: the Host of a request decides, and neither console nor API is there.

The process of an app serves below ``/apps/<id>`` whatever its address is: the path that it is asked for is
made of the host and the visitor's path.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs, quote

from hostd.access import Viewer
from hostd.gateway import cookies
from hostd.gateway.head import Head
from hostd.gateway.options import GatewayOptions
from hostd.gateway.pages import Answer, problem
from hostd.gateway.paths import TICKET, Place, locate
from hostd.gateway.proof import ALONE, IN_A_TAB
from hostd.gateway.refusal import Refused
from hostd.gateway.tickets import Tickets, Visitors, safe_path
from hostd.people.cookies import values
from hostd.people.sessions import digest

_PRIVATE = (("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"))
_NONCE_SECONDS = 900


class OwnHosts:
    """Used from one event loop only."""

    def __init__(self, options: GatewayOptions, whose: Callable[[bytes], Viewer | None]) -> None:
        self._options = options
        self._origins = options.origins
        self._prefix = options.prefix.encode("ascii")
        self._secure = "; Secure" if options.public_scheme == "https" else ""
        self._whose = whose
        self._tickets = Tickets()
        self._visitors = Visitors()
        self._name = "__Host-Http-hostd" if self._secure else "hostd"
        self._nonce = "__Host-hostd-ticket" if self._secure else "hostd-ticket"

    def locate(self, head: Head) -> Place:
        """Where a request leads. Raises Refused, also for a host below the domain that is no app's."""
        path = head.target.partition(b"?")[0]
        app_id = self._origins.below(head.get(b"host").decode("latin-1"))
        if app_id is None or path.startswith(self._prefix + b"/apps/~static/"):
            return locate(path, self._prefix)
        if not self._origins.has_own(app_id):
            raise Refused(404, "There is no app at this address.")
        return locate(b"/apps/%b%b" % (app_id.encode("ascii"), path), b"")._replace(at_root=True)

    def moved(self, head: Head, place: Place) -> Answer | None:
        """The way from ``/apps/<id>/`` on the main host to the app's own; on its own, out of there."""
        if not self._origins.has_own(place.app_id):
            return None
        question, query = head.target.partition(b"?")[1:]
        rest = place.rest or b""
        if place.at_root:
            base = b"%b/apps/%b/" % (self._prefix.lstrip(b"/"), place.app_id.encode("ascii"))
            if not rest.startswith(base.lstrip(b"/")):
                return None
            rest = rest[len(base.lstrip(b"/")) :]  # the app itself does not know that it is at the root
        elif rest == TICKET:
            return None
        where = (self._origins.url(place.app_id).encode("ascii") + rest + question + query).decode("latin-1")
        return _onward(where) if b"/sign-in" in head.get(b"referer") else _redirect(where, 307)

    def strange(self, head: Head, place: Place) -> Answer | None:
        """The answer to a WebSocket that a page of another host opens: the hosts of apps are one site, so
        that browsers send cookies with it.
        """
        origin, host = head.get(b"origin"), head.get(b"host")
        if place.at_root and head.websocket and origin and _name(origin.partition(b"://")[2]) != _name(host):
            return problem(403, "This WebSocket was opened by a page of another host.")
        return None

    def cookie(self, field: bytes, app_id: str) -> bytes:
        """What the Cookie field of an app's own host says, as the main host would say it."""
        name, said = self._name.encode("ascii"), []
        for pair in field.split(b";"):
            key, _, own = pair.strip().partition(b"=")
            if key == name and (value := self._visitors.value(app_id, own)) is not None:
                said.append(self._options.view_cookie.encode("ascii") + b"=" + value)
            elif key in cookies.LINKS:
                said.append(pair.strip())
        return b"; ".join(said)

    # Signing in

    def to_main(self, place: Place, head: Head) -> Answer:
        """From the app's host to the main one, for a ticket."""
        nonce = secrets.token_urlsafe(32)
        back = b"/" + (place.rest or b"") + b"".join(head.target.partition(b"?")[1:])
        about = f"n={digest(nonce.encode())}&next={quote(back, safe='')}"
        where = f"{self._options.public_base}/apps/{place.app_id}/{TICKET.decode()}?{about}"
        cookie = self._cookie(self._nonce, nonce, f"; Max-Age={_NONCE_SECONDS}")
        return Answer(303, (("Location", where), *_PRIVATE, ("Set-Cookie", cookie)))

    def ticket(self, head: Head, place: Place) -> Answer:
        """On the main host, for a visitor who is signed in: back to the app, with a ticket.

        Apps whose ids can be no host's name have pages on the main host: they must not read it.
        """
        if head.get(b"sec-fetch-dest") not in IN_A_TAB:
            return problem(403, "Tickets are for people: open the app in a tab of its own.")
        asked = parse_qs(head.target.partition(b"?")[2].decode("latin-1"))
        value = self._value(head.get(b"cookie"))
        if value is None:
            back = quote(self._prefix + place.local + b"?" + head.target.partition(b"?")[2], safe="")
            where = f"{self._options.prefix}{self._options.sign_in}?next={back}"
            return _redirect(where)
        ticket = self._tickets.issue(place.app_id, value, asked.get("n", [""])[0])
        back = quote(safe_path(asked.get("next", ["/"])[0]), safe="")
        return _onward(f"{self._origins.url(place.app_id)}{TICKET.decode()}/{ticket}?next={back}")

    def redeem(self, head: Head, place: Place) -> Answer:
        """On the app's host: the ticket becomes the cookie that says who looks."""
        ticket = (place.rest or b"").removeprefix(TICKET + b"/").decode("latin-1")
        nonces = list(values(head.get(b"cookie"), self._nonce.encode("ascii")))
        value = self._tickets.redeem(ticket, place.app_id, nonces)
        if value is None:
            return problem(403, "This ticket is not good any more. Open the app's own address again.")
        asked = parse_qs(head.target.partition(b"?")[2].decode("latin-1"))
        back = safe_path(asked.get("next", ["/"])[0])
        cookie = self._cookie(self._name, self._visitors.admit(place.app_id, value), "")
        return Answer(303, (("Location", back), *_PRIVATE, ("Set-Cookie", cookie)))

    def _value(self, field: bytes) -> bytes | None:
        """The value of the visitor's cookie that somebody is signed in by."""
        name = self._options.view_cookie.encode("ascii")
        for pair in field.split(b";"):
            key, _, value = pair.strip().partition(b"=")
            if key == name and self._whose(name + b"=" + value) is not None:
                return value
        return None

    def _cookie(self, name: str, value: str, more: str) -> str:
        return f"{name}={value}; Path=/{more}; HttpOnly; SameSite=Lax{self._secure}"


def _name(host: bytes) -> bytes:
    return host.strip().lower().partition(b":")[0].rstrip(b".")


def _redirect(where: str, status: int = 303) -> Answer:
    return Answer(status, (("Location", where), *_PRIVATE))


def _onward(where: str) -> Answer:
    """To another host, behind the sign-in's form: a redirect there is held to be the form's target, which its
    page allows on its own host only (form-action, Content Security Policy Level 3).
    """
    link = f'<!doctype html><title>hostd</title><a href="{escape(where)}">{escape(where)}</a>'
    fields = (("Content-Type", "text/html; charset=utf-8"), ("Refresh", f"0; url={where}"))
    return Answer(200, (*fields, *_PRIVATE, *ALONE), link.encode("latin-1", "replace"))
