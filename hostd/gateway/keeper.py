"""Who may see an app: asked before anything else is done for a request, and again while a WebSocket is open.

Nothing here reads a file or asks a service: the route carries the app's Access, and who looks is one look
into a dictionary (``GatewayOptions.whose``).
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

from hostd.access import Access, Viewer
from hostd.gateway import cookies
from hostd.gateway.head import Head
from hostd.gateway.options import GatewayOptions
from hostd.gateway.own_hosts import OwnHosts
from hostd.gateway.pages import Answer, Pages, Trouble, problem, wants_page
from hostd.gateway.paths import GENERATION, LINK, TICKET, Place
from hostd.gateway.proof import from_another_page, proof_of, shows
from hostd.models import Route, RoutingTable
from hostd.people.cookies import values
from hostd.viewer import header_lines

_LINK_SECONDS = 180 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Sight:
    """Somebody may see an app: ``person`` (None: by link, or anybody)."""

    person: Viewer | None = None


ANYBODY = Sight()
"""Nobody needs to be asked."""


class End(Protocol):
    """The visitor's end of a WebSocket that is open. ``forget`` is called when it has ended by itself."""

    forget: Callable[[Any], None] | None

    def shut(self) -> None:
        """End it, on both sides."""


class Keeper:
    """Used from one event loop only."""

    def __init__(
        self, lookup: Callable[[], RoutingTable], options: GatewayOptions, pages: Pages, prefix: bytes
    ) -> None:
        self._lookup = lookup
        self._options = options
        self._whose = options.whose
        self._pages = pages
        self.hosts = OwnHosts(options, options.whose) if options.origins.domain else None
        self._prefix = prefix
        self._open: defaultdict[str, dict[End, tuple[bytes, Viewer | None]]] = defaultdict(dict)
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, head: Head, place: Place, route: Route) -> Sight | Answer:
        """Whether the sender of ``head`` may see the app behind ``route``; an answer turns them away."""
        if place.link:
            return self._entrance(head, place, route)
        access = route.access
        if access is None:
            return ANYBODY
        cookie = self._cookie(head, place)
        sight = self._sight(access, cookie)
        if sight is not None:
            return self._strange(head, place, route) or sight
        return self._turned_away(head, place, route, access, self._whose(cookie))

    def proof(self, head: Head, place: Place, route: Route) -> bytes:
        """What the requests of a page of this app show, b'' where pages need not be told apart."""
        if route.access is None or place.at_root:
            return b""
        field, name = head.get(b"cookie"), self._options.view_cookie.encode("ascii")
        pairs = (pair.strip().partition(b"=") for pair in field.split(b";"))
        values = [value for key, _, value in pairs if key == name or key in cookies.LINKS]
        return proof_of(values, b"app " + place.app_id.encode("latin-1"))

    def _strange(self, head: Head, place: Place, route: Route) -> Answer | None:
        """The answer to what another page of this origin may be asking in its visitor's name.

        Only a page that is marked can show the proof; a browser's WebSocket always says its Origin.
        """
        asks = head.get(b"origin") if head.websocket else from_another_page(head, place)
        if not asks or route.release is None or place.rest == GENERATION:
            return None
        if shows(place, self.proof(head, place, route)):
            return None
        return problem(403, "Open the app in a tab of its own: this came from another page.")

    def lines(self, sight: Sight, route: Route) -> bytes:
        """The header fields that tell the app who looks; a public app is not told."""
        return header_lines(sight.person, route.viewer_key, int(time.time())) if route.access else b""

    def admits(self, head: Head, place: Place, route: Route) -> bool:
        """Whether the sender of ``head`` may see the app now."""
        return route.access is None or self._sight(route.access, self._cookie(head, place)) is not None

    def _cookie(self, head: Head, place: Place) -> bytes:
        field = head.get(b"cookie")
        return field if self.hosts is None or not place.at_root else self.hosts.cookie(field, place.app_id)

    def _sight(self, access: Access, cookie: bytes) -> Sight | None:
        person = self._whose(cookie)
        if access.admits(person):
            return Sight(person)
        if any(access.opens_with(secret) for secret in values(cookie, *cookies.LINKS)):
            return Sight(person)
        return None

    def _turned_away(
        self, head: Head, place: Place, route: Route, access: Access, person: Viewer | None
    ) -> Answer:
        if person is not None:
            return self._pages.for_route(head, 403, route, Trouble.FORBIDDEN, owner=access.owner)
        if opens_page(head) and place.at_root and self.hosts is not None:
            return self.hosts.to_main(place, head)
        if opens_page(head) and self._options.sign_in:
            back = self._prefix + place.local + b"".join(head.target.partition(b"?")[1:])
            target = f"{self._options.prefix}{self._options.sign_in}?next={quote(back, safe='')}"
            return Answer(303, (("Location", target), ("Cache-Control", "no-store")))
        return self._pages.for_route(head, 401, None, Trouble.SIGN_IN)

    def _entrance(self, head: Head, place: Place, route: Route) -> Answer:
        """A link, or, where each app has its host, one of the two ends of a ticket's way."""
        if self.hosts is not None and place.rest == TICKET and not place.at_root:
            return self.hosts.ticket(head, place)
        if self.hosts is not None and place.at_root and (place.rest or b"").startswith(TICKET + b"/"):
            return self.hosts.redeem(head, place)
        return self._by_link(head, place, route)

    def _by_link(self, head: Head, place: Place, route: Route) -> Answer:
        """Whoever follows an app's secret link gets it as a cookie, and comes to the app."""
        secret = (place.rest or b"").removeprefix(LINK)
        if route.access is None or not route.access.opens_with(secret):
            return self._pages.for_route(head, 404, None, Trouble.NO_LINK)
        path = "/" if place.at_root else f"{self._options.prefix}/apps/{place.app_id}/"
        fields = (("Location", path), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"))
        return Answer(303, (*fields, ("Set-Cookie", self._link_cookie(secret, path))))

    def _link_cookie(self, secret: bytes, path: str) -> str:
        secure = self._options.public_scheme == "https"
        name = ("__Secure-" if secure else "") + cookies.LINK.decode()
        value = f"{name}={secret.decode('latin-1')}; Path={path}; Max-Age={_LINK_SECONDS}"
        return f"{value}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"

    # While a WebSocket is open

    @property
    def watched(self) -> int:
        """How many WebSockets are."""
        return sum(len(ends) for ends in self._open.values())

    def watch(self, head: Head, place: Place, end: End) -> None:
        """Shut ``end`` as soon as its visitor may not see the app any more, or is somebody else."""
        app_id, kept = place.app_id, cookies.ours(self._cookie(head, place))
        self._open[app_id][end] = (kept, self._whose(kept))
        end.forget = partial(self._forget, app_id)
        if self._timer is None:
            self._plan()

    def _forget(self, app_id: str, end: End) -> None:
        ends = self._open.get(app_id)
        if ends is not None:
            ends.pop(end, None)
            if not ends:
                del self._open[app_id]

    def _plan(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._options.recheck, self._look)

    def _look(self) -> None:
        self._timer = None
        apps = self._lookup().apps
        for app_id in list(self._open):
            route = apps.get(app_id)
            if route is not None and route.access is not None:
                self._look_at(app_id, route.access)
        if self._open:
            self._plan()

    def _look_at(self, app_id: str, access: Access) -> None:
        for end, (cookie, person) in list(self._open.get(app_id, {}).items()):
            if self._whose(cookie) != person or self._sight(access, cookie) is None:
                self._forget(app_id, end)
                end.shut()


def opens_page(head: Head) -> bool:
    """Whether a browser opens a page in a tab of its own: there a redirect to the sign-in makes sense."""
    return wants_page(head) and head.get(b"sec-fetch-dest") in (b"", b"document")
