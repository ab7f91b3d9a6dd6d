"""An app's response: where its head and body end, and the head as the visitor gets it.

llhttp judges every byte of heads and chunks, strictly: no folded lines, no space before a colon, no bare
LF. What it has let pass is plain lines, so the few fields that matter are found in them by expressions.
"""

from __future__ import annotations

import re
from typing import cast

import httptools

from hostd.gateway.head import MAX_HEAD
from hostd.gateway.plain import BODILESS, FRAMING, HOP_BY_HOP, PLAIN
from hostd.gateway.watch import Unchunking, Watch

_HEAD_END = b"\r\n\r\n"
_INNER = re.compile(
    rb"https?://(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\]):(\d+)(?=[/?#]|$)", re.IGNORECASE
)
_KEPT_TOKENS = {b"", b"close", b"keep-alive", b"upgrade", b"content-length", b"transfer-encoding"}
_UNTOUCHED = {b"content-length", b"transfer-encoding"}


def header_lines(*names: str) -> re.Pattern[bytes]:
    """Matches whole lines of a head (with the CRLF before them) by name; groups: name, value."""
    alternatives = "|".join(re.escape(name) for name in names).encode()
    return re.compile(rb"\r\n(" + alternatives + rb"):[ \t]*([^\r\n]*)", re.IGNORECASE)


_KNOWN = header_lines("content-length", "location", *FRAMING, *HOP_BY_HOP)
_DROPPED = header_lines(*HOP_BY_HOP)
_DROPPED_UNCHUNKED = header_lines(*HOP_BY_HOP, *FRAMING)
_LOCATION = header_lines("location")

Known = dict[bytes, bytes]
"""The fields that matter: name in lower case, and value."""


class BrokenResponse(Exception):  # names what it is
    """The app's bytes are not a response that may be passed on."""


_NOTHING = Watch()


class ResponseReader:
    """Cuts the bytes of one connection into one response.

    First ``head`` until it answers something, then ``body`` with every piece behind it, until
    ``complete``. ``until_eof`` means that only the connection's end ends the body, ``surplus`` that the
    app sent more than its response.
    """

    __slots__ = (
        *("_buffer", "_chunked", "_for_head", "_left", "_parser", "_unchunk", "_watch"),
        *("complete", "keep_alive", "known", "surplus", "until_eof"),
    )

    def __init__(self, *, for_head: bool, unchunk: bool) -> None:
        self._for_head = for_head
        self._unchunk = unchunk
        self._buffer = b""
        self.known: Known = {}
        self.complete = False
        self.keep_alive = False
        self.until_eof = False
        self.surplus = False
        self._chunked = False
        self._left = 0
        self._watch: Watch = _NOTHING
        self._parser = cast(httptools.HttpResponseParser, None)

    def _renew(self) -> None:
        self._watch = Unchunking() if self._unchunk else Watch()
        self._parser = httptools.HttpResponseParser(self._watch)

    @property
    def untouched(self) -> bool:
        """Whether not one byte has come."""
        return not self._buffer and self._watch is _NOTHING

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request after this response (RFC 9112 section 9.3)."""
        return self.keep_alive and not self.until_eof and not self.surplus

    def head(self, data: bytes) -> tuple[int, bytes, bytes] | None:
        """The next whole head in ``data`` (status, its bytes, the bytes behind), None while there is none.

        A 1xx head is followed by another head: call again with the bytes behind.
        Raises BrokenResponse.
        """
        data = self._buffer + data if self._buffer else data
        end = data.find(_HEAD_END) + len(_HEAD_END)
        if end < len(_HEAD_END) or end > MAX_HEAD:
            self._keep(data)
            return None
        self._buffer = b""
        raw = data[:end]
        status = self._plain_head(raw) or self._parse_head(raw)
        return status, raw, data[end:]

    def _plain_head(self, raw: bytes) -> int:
        """The status of a head beyond doubt, whose body has a length; 0 when llhttp must judge it.

        Making a parser costs as much as everything else that is done for a small response.
        """
        plain = PLAIN.fullmatch(raw)
        if plain is None or (status := int(plain[1])) in BODILESS:
            self.known = known_fields(raw)
            return 0
        length = plain[2]
        self.known = {b"content-length": length}
        self._left = int(length)
        self.complete = self._for_head or not self._left
        self.keep_alive = True
        return status

    def _keep(self, data: bytes) -> None:
        if len(data) > MAX_HEAD:
            raise BrokenResponse("its head has no end")
        self._buffer = data

    def _parse_head(self, raw: bytes) -> int:
        self._renew()
        try:
            self._parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            raise BrokenResponse(str(error)) from error
        if not self._watch.head_done:
            raise BrokenResponse("its head ends in two ways")
        status = self._parser.get_status_code()
        if status >= 200:
            self._learn_framing(raw)
        elif not raw.startswith(b"HTTP/1.1"):
            raise BrokenResponse("a 1xx from HTTP/1.0")
        return status

    def _learn_framing(self, raw: bytes) -> None:
        """RFC 9112 section 6.3. llhttp has refused double lengths, and a length beside an encoding."""
        known = self.known
        modern = raw.startswith(b"HTTP/1.1")
        self.keep_alive = modern and b"close" not in known.get(b"connection", b"").lower()
        encoding = known.get(b"transfer-encoding")
        if encoding is not None and (encoding.lower() != b"chunked" or not modern):
            raise BrokenResponse("a transfer encoding that is not 'chunked'")
        if self._for_head or self._watch.done:
            self.complete = True
        elif encoding is not None:
            self._chunked = True
        elif (length := known.get(b"content-length")) is not None:
            self._left = int(length)
        else:
            self.until_eof = True

    def body(self, data: bytes) -> bytes:
        """The part of ``data`` to pass on; sets ``complete``. Raises BrokenResponse."""
        if self.complete:
            self.surplus = True
            return b""
        if self._chunked:
            return self._chunks(data)
        if self.until_eof:
            return data
        if len(data) > self._left:
            self.surplus = True
            data = data[: self._left]
        self._left -= len(data)
        self.complete = not self._left
        return data

    def _chunks(self, data: bytes) -> bytes:
        """llhttp does not say where in ``data`` the end was: the last byte is fed alone, and must be it."""
        view = memoryview(data)
        try:
            self._parser.feed_data(view[:-1])
            surplus = self._watch.done
            self._parser.feed_data(view[-1:])
        except httptools.HttpParserError as error:
            raise BrokenResponse(str(error)) from error
        if surplus:
            raise BrokenResponse("bytes behind its end")
        self.complete = self._watch.done
        return self._unchunked() if isinstance(self._watch, Unchunking) else data

    def _unchunked(self) -> bytes:
        assert isinstance(self._watch, Unchunking)  # noqa: S101  # mypy
        body = b"".join(self._watch.parts)
        self._watch.parts.clear()
        return body


def known_fields(raw: bytes) -> Known:
    """The fields of a head that the gateway must understand; repeated ones joined."""
    known: Known = {}
    for name, padded in _KNOWN.findall(raw):
        low, value = name.lower(), padded.strip()
        known[low] = known[low] + b"," + value if low in known else value
    return known


def visitor_head(raw: bytes, known: Known, *, close: bool, unchunk: bool, port: int) -> bytes:
    """The head as the visitor gets it: byte for byte, unless a hop-by-hop field or a Location is in it."""
    if unchunk or not known.keys() <= _UNTOUCHED:
        raw = _changed(raw, known, unchunk, port)
    if raw.startswith(b"HTTP/1.0"):
        raw = b"HTTP/1.1" + raw[8:]
    return raw[:-2] + b"Connection: close\r\n\r\n" if close else raw


def _changed(raw: bytes, known: Known, unchunk: bool, port: int) -> bytes:
    raw = (_DROPPED_UNCHUNKED if unchunk else _DROPPED).sub(b"", raw)
    if b"location" in known:
        raw = _LOCATION.sub(lambda line: b"\r\n%b: %b" % (line[1], public_location(line[2], port)), raw)
    connection = known.get(b"connection", b"").lower()
    return raw if connection in _KEPT_TOKENS else _without(raw, connection)


def _without(raw: bytes, connection: bytes) -> bytes:
    """``raw`` without the fields that its Connection field makes hop-by-hop."""
    tokens = {token.strip() for token in connection.split(b",")} - _KEPT_TOKENS
    return header_lines(*(token.decode("latin-1") for token in tokens)).sub(b"", raw) if tokens else raw


def public_location(value: bytes, port: int) -> bytes:
    """A Location without the app's inner address; one that names any other place stays as it is."""
    found = _INNER.match(value)
    if found is None or int(found[1]) != port:
        return value
    return b"/" + value[found.end() :].lstrip(b"/")
