"""Responses that every parser reads the same, and in which nothing is to be changed: most of them."""

from __future__ import annotations

import re
from functools import lru_cache

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
_END = b"\r\n\r\n"
_MAX_COPIED = 4096
"""Bytes; the heads of such answers are kept with what they say: those of one second differ in little else."""


def whole(data: bytes) -> int:
    """The status of the plain response that ``data`` is from its first byte to its last; 0: it is none."""
    if len(data) > _MAX_COPIED:
        behind = data.find(_END) + len(_END)
        status, length = _read(data[:behind])
        return status if len(data) - behind == length else 0
    head, end, body = data.partition(_END)  # find() costs more: it tries first if _END is a number
    status, length = _known_head(head + end)
    return status if len(body) == length else 0


def _read(head: bytes) -> tuple[int, int]:
    """Status and length of a plain head; (0, 0): it is none, or no body may follow it."""
    plain = PLAIN.fullmatch(head) if len(head) <= MAX_HEAD else None
    if plain is None or (status := int(plain[1])) in BODILESS:
        return 0, 0
    return status, int(plain[2])


_known_head = lru_cache(maxsize=256)(_read)
