"""The console's pages and WebSockets, kept from the pages of apps on the same origin: see ``proof``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hostd.gateway import cookies
from hostd.gateway.affinity import ASSETS
from hostd.gateway.head import Head
from hostd.gateway.page import Page
from hostd.gateway.pages import Answer, problem
from hostd.gateway.paths import Place
from hostd.gateway.proof import ALONE, UNREAD, proof_of, shows
from hostd.people.cookies import values

if TYPE_CHECKING:
    from hostd.gateway.response import ResponseReader

_ALONE = "".join(f"{name}: {value}\r\n" for name, value in ALONE).encode("ascii")


def proof(cookie: bytes) -> bytes:
    """What a WebSocket of the console must show that comes with this Cookie field; b'' for nothing."""
    return proof_of(list(values(cookie, *cookies.CONSOLES, most=None)), b"console")


def refused(head: Head, place: Place, is_one_sign_in: Callable[[bytes], bool]) -> Answer | None:
    """The answer to a request that a page of an app may have made with its visitor's cookies.

    Or that comes with the console's cookie of another sign-in: another host of the same domain can put one
    there (``Domain=``), and have the visitor work, unawares, in somebody else's name.
    """
    if (head.websocket or is_page(place)) and not is_one_sign_in(head.get(b"cookie")):
        return problem(403, "Two sign-ins are mixed here. Delete this site's cookies, and sign in again.")
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
    return reads and is_page(place) and head.takes_html


class ConsolePage(Page):
    """Puts the proof into the console's page, and keeps it in a tab of its own."""

    def on_head(self, status: int, raw: bytes, reader: ResponseReader) -> bytes:
        """The response begins."""
        return super().on_head(status, raw[:-2] + _ALONE + b"\r\n", reader)

    def marked(self, before: bytes, after: bytes) -> bytes:
        """The page with the script that shows the proof; without a cookie there is nothing to prove."""
        shown = proof(self.head.get(b"cookie")).decode()
        if not shown:
            return before + after
        gateway = self.client.gateway
        base = f"{gateway.options.prefix}/console/"
        script = gateway.templates.render("pages/console_tab.html", base=base, proof=shown)
        return before + script.encode() + after
