"""A file of the page's that the active release may not have: an older one's tab asks for it."""

from __future__ import annotations

import re

from hostd.gateway.exchange import Exchange
from hostd.gateway.response import ResponseReader

_HTML = re.compile(rb"\r\ncontent-type:[ \t]*text/html", re.IGNORECASE)


class Asset(Exchange):
    """Asks the processes at ``target.others`` in turn, until one has the file; the last 404 is passed on."""

    _asked = 0

    def on_head(self, status: int, raw: bytes, reader: ResponseReader) -> bytes:
        """The response begins; one that says the file is not there may be passed over."""
        if self._asked == len(self.target.others) or not self._missing(status, raw):
            return super().on_head(status, raw, reader)
        self.leave_upstream()
        self.port = self.target.others[self._asked]
        self._asked += 1
        self.start()
        return b""

    def _missing(self, status: int, raw: bytes) -> bool:
        """From 1.36 on Streamlit answers with its page what it does not know."""
        if status == 200:
            return (self.place.rest or b"").startswith(b"static/") and _HTML.search(raw) is not None
        return status == 404
