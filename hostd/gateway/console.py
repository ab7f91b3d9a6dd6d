"""The console's pages and WebSockets, kept from the pages of apps, which have the same origin.

A page of an app can send what it likes to ``/console/``, with the visitor's cookies. So a WebSocket that
comes with the console's cookie must carry a proof in its path that stands in the console's page, and that
page is given to nobody but a person in a tab: no script can fetch it (Sec-Fetch-Dest, which no script can
set), no page can frame it, and none can look into the window that it opened for it
(Cross-Origin-Opener-Policy). Browsers keep to that on https and on this machine; docs/security.md says what
is open on plain http.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from hostd.gateway import cookies
from hostd.gateway.affinity import ASSETS
from hostd.gateway.head import Head
from hostd.gateway.page import Page
from hostd.gateway.pages import Answer, problem
from hostd.gateway.paths import Place

if TYPE_CHECKING:
    from hostd.gateway.response import ResponseReader

COOKIE = b"hostd-console"
"""What the console's cookie is called (hostd/people/cookies.py), the prefix left aside."""
_UNREAD = (b"", b"document", b"image", b"manifest")
"""What a page is asked for as (Fetch Metadata, W3C) when no script of another page gets to read it."""
ALONE = (
    b"X-Frame-Options: DENY\r\nContent-Security-Policy: frame-ancestors 'none'\r\n"
    b"Cross-Origin-Opener-Policy: same-origin\r\nX-Content-Type-Options: nosniff\r\n"
)
"""Nobody frames these answers, nor keeps a hand on their window."""


def proof(cookie: bytes) -> bytes:
    """What a WebSocket of the console must show that comes with this Cookie field; b'' for nothing.

    Made of all cookies of the name: a page may add some of its own, but does not know the real one.
    """
    values = list(cookies.values(cookie, COOKIE, most=None))
    if not values:
        return b""
    return hmac.new(b";".join(values), b"hostd console", hashlib.sha256).hexdigest()[:32].encode()


def refused(head: Head, place: Place) -> Answer | None:
    """The answer to a request that a page of an app may have made with its visitor's cookies."""
    if head.websocket:
        wanted = proof(head.get(b"cookie"))
        if wanted and not hmac.compare_digest(wanted, place.proof):
            return problem(403, "Open the console in a tab of its own: its WebSocket came without its proof.")
    elif is_page(place) and head.get(b"sec-fetch-dest") not in _UNREAD:
        return problem(403, "The console is for people: open it in a tab of its own.")
    return None


def is_page(place: Place) -> bool:
    """Whether this is where the console's page is."""
    return place.rest is not None and not place.rest.startswith(ASSETS)


def opens_page(head: Head, place: Place) -> bool:
    """Whether a person opens the console's page."""
    reads = head.method in (b"GET", b"HEAD") and not head.has_body and not head.upgrade
    return reads and is_page(place) and b"text/html" in head.get(b"accept")


class ConsolePage(Page):
    """Puts the proof into the console's page, and keeps it in a tab of its own."""

    def on_head(self, status: int, raw: bytes, reader: ResponseReader) -> bytes:
        """The response begins."""
        return super().on_head(status, raw[:-2] + ALONE + b"\r\n", reader)

    def marked(self, before: bytes, after: bytes) -> bytes:
        """The page with the script that shows the proof; without a cookie there is nothing to prove."""
        shown = proof(self.head.get(b"cookie")).decode()
        if not shown:
            return before + after
        gateway = self.client.gateway
        base = f"{gateway.options.prefix}/console/"
        script = gateway.templates.render("pages/console_tab.html", base=base, proof=shown)
        return before + script.encode() + after
