"""Heads that came before: a browser repeats all but the first line of a head, byte for byte.

What llhttp makes of a head's fields depends on nothing before them but the version and whether the method
is CONNECT (llhttp's ``llparse`` states after the request line). So a head whose first line is beyond doubt
and whose fields were read before on the same connection needs no parser, no check and no rewriting again.
"""

from __future__ import annotations

import re

from hostd.gateway.head import MAX_HEAD, Head

_FIRST_LINE = re.compile(
    rb"(GET|HEAD) (/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@/%?]*)?) HTTP/1\.1\r\n"
)
"""RFC 9112 section 3, with RFC 3986's characters only."""

_MAX_FIELDS = 4096
_MAX_KEPT = 8


class Repeats:
    """The heads of one connection by the bytes of their fields: few, short, and only of plain reads."""

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}

    def find(self, data: bytes) -> Head | None:
        """The head that ``data`` is from its first byte to its last, None when its fields are news."""
        line = _FIRST_LINE.match(data) if len(data) <= MAX_HEAD else None
        if line is None:
            return None
        before = self._heads.get(data[line.end() :])
        return before.again(line[1], line[2]) if before is not None else None

    def keep(self, data: bytes, head: Head) -> None:
        """``data`` was exactly one request, without a body, and ``head`` is what llhttp made of it."""
        line = _FIRST_LINE.match(data)
        if line is None or not head.repeatable or len(data) - line.end() > _MAX_FIELDS:
            return
        if len(self._heads) >= _MAX_KEPT:
            self._heads.clear()
        self._heads[data[line.end() :]] = head

    def __len__(self) -> int:
        return len(self._heads)
