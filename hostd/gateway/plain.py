"""Responses that every parser reads the same, and in which nothing is to be changed: most of them."""

from __future__ import annotations

import re

from hostd.gateway.cookies import ACTS_BEYOND
from hostd.gateway.head import MAX_HEAD

HOP_BY_HOP = ("connection", "keep-alive", "proxy-connection", "upgrade")
FRAMING = ("transfer-encoding", "trailer")
_CHANGED = ("location", "set-cookie", *ACTS_BEYOND)
_MATTERS = "|".join(("content-length", *_CHANGED, *FRAMING, *HOP_BY_HOP)).encode()
_FIELDS = rb"(?:(?!(?i:%b):)[!#$%%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)*" % _MATTERS
PLAIN = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [\t -~\x80-\xff]*)?\r\n"
    rb"%b(?i:content-length):[ \t]*([0-9]{1,15})[ \t]*\r\n%b\r\n" % (_FIELDS, _FIELDS)
)
"""A head (RFC 9112 sections 4 and 5) with a length, and nothing else that matters. Groups: status, length."""
BODILESS = (204, 304)


def whole(data: bytes) -> int:
    """The status of the plain response that ``data`` is from its first byte to its last; 0: it is none."""
    plain = PLAIN.match(data)
    if plain is None or (end := plain.end()) > MAX_HEAD or len(data) - end != int(plain[2]):
        return 0
    status = int(plain[1])
    return 0 if status in BODILESS else status
