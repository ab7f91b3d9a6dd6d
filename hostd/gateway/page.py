"""Streamlit's page on its way to a browser: it is told which release it came from.

A script put into it (``templates/pages/tab.html``) names that release in the path of everything the tab
asks for from then on. Streamlit's own means for another base, ``window.__streamlit.BACKEND_BASE_URL``,
is not used: it is there from 1.46 on only, and the addresses of an app's pages would carry the mark too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hostd.gateway.affinity import ASSETS
from hostd.gateway.exchange import Exchange
from hostd.gateway.head import Head
from hostd.gateway.pages import Answer
from hostd.gateway.paths import Kind, Place
from hostd.gateway.replicas import mark, port_of
from hostd.gateway.response import ResponseReader, header_lines
from hostd.models import Route
from hostd.processes import born

if TYPE_CHECKING:
    from hostd.gateway.upstream import Upstream

MAX_PAGE = 256 * 1024
"""Bytes of a page that may be marked; Streamlit's is a few thousand long."""

_ALONE = b"Cross-Origin-Opener-Policy: noopener-allow-popups\r\n\r\n"
"""No other page keeps a hand on the window of an app that is not public. ``same-origin`` would let two such
pages keep hold of each other, and of the console, whose value that is (HTML, section 7.1.3).
"""
_HTML = re.compile(rb"\r\ncontent-type:[ \t]*text/html", re.IGNORECASE)
_ENCODED = re.compile(rb"\r\ncontent-encoding:(?![ \t]*identity[ \t]*\r)", re.IGNORECASE)
_HEAD_TAG = re.compile(rb"<head[^>]*>", re.IGNORECASE)
_ROOT = b'id="root"'
_OF_THE_ORIGINAL = header_lines(
    *("content-length", "etag", "last-modified", "accept-ranges", "cache-control", "expires", "pragma")
)


def is_page(head: Head, place: Place, route: Route) -> bool:
    """Whether a browser opens a page of an app whose release is known."""
    if route.release is None or place.kind is not Kind.APP or not head.takes_html:
        return False
    reads = head.method in (b"GET", b"HEAD") and not head.has_body and not head.upgrade
    return reads and place.rest is not None and not place.rest.startswith(ASSETS)


def generation(place: Place, route: Route) -> Answer:
    """What a tab that comes back is told: a process that it does not know means that its session is gone."""
    drains = place.release in route.draining
    marked = None if place.release is None else port_of(route, place.release, place.replica)
    port = route.port if marked is None else marked
    body = b"" if drains else generation_of(route, port).encode()
    return Answer(200, (("Content-Type", "text/plain"), ("Cache-Control", "no-store")), body)


def generation_of(route: Route, port: int | None) -> str:
    """What tells one process of an app from the others and from the next; None is no process."""
    pid = route.pids.get(port or 0, 0) if route.pids else route.generation
    return f"{route.release}.{pid}.{born(pid)}"


class Page(Exchange):
    """Keeps Streamlit's page back until it is whole, and marks it. Whatever else comes is passed on."""

    _kept_head = b""
    _kept_body = b""

    def on_head(self, status: int, raw: bytes, reader: ResponseReader) -> bytes:
        """The response begins; the head of a page must wait for its length."""
        if self.target.route.access is not None and not self.place.at_root:
            raw = raw[:-2] + _ALONE
        head = super().on_head(status, raw, reader)
        if status not in (200, 404) or not _HTML.search(raw) or _ENCODED.search(raw):
            return head
        if self.head.method == b"HEAD":
            return _fresh(head)
        length = reader.known.get(b"content-length")
        if length is None or int(length) > MAX_PAGE:
            return head
        self._kept_head = head
        return b""

    def on_data(self, data: bytes) -> None:
        """A piece of the response."""
        if self._kept_head:
            self._kept_body += data
        else:
            super().on_data(data)

    def on_end(self, upstream: Upstream, *, reusable: bool) -> None:
        """The response is whole."""
        if self._kept_head:
            self.client.transport.write(self._page())
        super().on_end(upstream, reusable=reusable)

    def on_broken(self, upstream: Upstream, error: Exception | None) -> None:
        """The response is not whole; of one that was kept back the visitor has seen nothing."""
        if self._kept_head:
            self._kept_head = self._kept_body = b""
            self._started = False
        super().on_broken(upstream, error)

    def _page(self) -> bytes:
        body, tag = self._kept_body, _HEAD_TAG.search(self._kept_body)
        if tag is None or _ROOT not in body:
            return self._kept_head + body
        body = self.marked(body[: tag.end()], body[tag.end() :])
        return _fresh(self._kept_head, b"Content-Length: %d\r\n" % len(body)) + body

    def marked(self, before: bytes, after: bytes) -> bytes:
        """The page, with what is put between its head tag and the rest."""
        shared, rest = self.client.gateway.statics.shared_page(self.target.route.static, after)
        return before + self._script(shared) + rest

    def _script(self, shared: str) -> bytes:
        gateway, route = self.client.gateway, self.target.route
        proof = gateway.keeper.proof(self.head, self.place, route).decode()
        return gateway.templates.render(
            "pages/tab.html",
            base="/" if self.place.at_root else f"{gateway.options.prefix}/apps/{self.target.app_id}/",
            mark=f"{mark(self.target.route, self.port)}/{f'~t{proof}/' if proof else ''}",
            generation=generation_of(self.target.route, self.port),
            components="_stcore/bidi-components/",
            shared=shared,
            guarded=self.target.route.access is not None,
            limited=self.target.route.sessions_per_replica is not None,
        ).encode()


def _fresh(head: bytes, length: bytes = b"") -> bytes:
    """A page's head without what says how to keep it: a later visit may be another release's."""
    return b"%b%bCache-Control: no-store\r\n\r\n" % (_OF_THE_ORIGINAL.sub(b"", head)[:-2], length)
