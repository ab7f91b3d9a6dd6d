"""The console's pages and WebSockets, kept from the pages of apps on the same origin: see ``proof``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostd.gateway import cookies
from hostd.gateway.affinity import ASSETS
from hostd.gateway.head import Head
from hostd.gateway.page import Page
from hostd.gateway.pages import Answer, problem
from hostd.gateway.paths import Place
from hostd.gateway.proof import UNREAD, proof_of, shows

if TYPE_CHECKING:
    from hostd.gateway.response import ResponseReader

COOKIE = b"hostd-console"
"""What the console's cookie is called (hostd/people/cookies.py), the prefix left aside."""
ALONE = (
    b"X-Frame-Options: DENY\r\nContent-Security-Policy: frame-ancestors 'none'\r\n"
    b"Cross-Origin-Opener-Policy: same-origin\r\nX-Content-Type-Options: nosniff\r\n"
)
"""Nobody frames these answers, nor keeps a hand on their window."""


def proof(cookie: bytes) -> bytes:
    """What a WebSocket of the console must show that comes with this Cookie field; b'' for nothing."""
    return proof_of(list(cookies.values(cookie, COOKIE, most=None)), b"console")


def refused(head: Head, place: Place) -> Answer | None:
    """The answer to a request that a page of an app may have made with its visitor's cookies."""
    if head.websocket:
        if not shows(place, proof(head.get(b"cookie"))):
            return problem(403, "Open the console in a tab of its own: its WebSocket came without its proof.")
    elif is_page(place) and head.get(b"sec-fetch-dest") not in UNREAD:
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
