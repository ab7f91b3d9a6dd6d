"""Streamlit's files from an app itself, compressed where Streamlit (1.62 on) leaves that to a proxy.

For what the platform has no copy of. Nothing else of an app's is touched.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from hostd.gateway.exchange import Exchange
from hostd.gateway.head import Head
from hostd.gateway.paths import Place
from hostd.gateway.response import ResponseReader, header_lines
from hostd.gateway.statics import accepted

if TYPE_CHECKING:
    from hostd.gateway.upstream import Upstream

_NAME = re.compile(rb"static/.*\.(?:js|css|json|svg|ttf|wasm)")
_HANDS_OFF = re.compile(
    rb"\r\n(?:content-encoding|content-range|transfer-encoding|cache-control:[^\r]*no-transform)",
    re.IGNORECASE,
)
_STRONG_TAG = re.compile(rb'(\r\netag:[ \t]*)(?=")', re.IGNORECASE)
_OF_THE_WHOLE = header_lines("content-length", "accept-ranges")
_LEAST = 1024
"""Bytes; below that the framing costs what compression saves."""
_LEVEL = 1
"""zlib's: it runs in the event loop, and the next level costs more than the network it saves."""
_GZIP = 16 + zlib.MAX_WBITS


def squeezes(head: Head, place: Place) -> bool:
    """Whether the answer may be compressed by us: one of Streamlit's files, whole, for one who takes gzip."""
    if _NAME.fullmatch(place.rest or b"") is None:
        return False
    plain = head.method == b"GET" and head.version == "1.1" and not head.upgrade and not head.get(b"range")
    return plain and "gzip" in accepted(head.get(b"accept-encoding"))


class Squeezed(Exchange):
    """Passes on what is compressed already, or is not worth it; compresses the rest piece by piece."""

    _squeezer: zlib._Compress | None = None

    def on_head(self, status: int, raw: bytes, reader: ResponseReader) -> bytes:
        """The response begins."""
        head = super().on_head(status, raw, reader)
        length = int(reader.known.get(b"content-length", b"0"))
        if status != 200 or length < _LEAST or _HANDS_OFF.search(raw):
            return head
        self._squeezer = zlib.compressobj(_LEVEL, wbits=_GZIP)
        head = _STRONG_TAG.sub(rb"\1W/", _OF_THE_WHOLE.sub(b"", head))
        own = b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nVary: Accept-Encoding\r\n\r\n"
        self.client.transport.write(head[:-2] + own)
        return b""

    def on_data(self, data: bytes) -> None:
        """A piece of the response; what it makes is sent at once."""
        if self._squeezer is None:
            super().on_data(data)
        elif data:
            self._chunk(self._squeezer.compress(data) + self._squeezer.flush(zlib.Z_SYNC_FLUSH))

    def on_end(self, upstream: Upstream, *, reusable: bool) -> None:
        """The response is whole."""
        if self._squeezer is not None:
            self._chunk(self._squeezer.flush())
            self.client.transport.write(b"0\r\n\r\n")
        super().on_end(upstream, reusable=reusable)

    def _chunk(self, data: bytes) -> None:
        if data:
            self.client.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
