"""Heads that came before: a browser repeats all but the first line of a head, byte for byte.

What llhttp makes of a head's fields depends on nothing before them but the version and whether the method
is CONNECT (llhttp's ``llparse`` states after the request line). So a head whose first line is beyond doubt
and whose fields were read before on the same connection needs no parser, no check and no rewriting again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from hostd.gateway.affinity import Target
from hostd.gateway.head import MAX_HEAD, Head
from hostd.gateway.paths import Place

if TYPE_CHECKING:
    from hostd.gateway.exchange import Exchange

_FIRST_LINE = re.compile(
    rb"(GET|HEAD) (/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@/%?]*)?)"
)
"""RFC 9112 section 3, with RFC 3986's characters only."""

_MAX_FIELDS = 4096
_MAX_ASKED = 1024
_MAX_KEPT = 8
_MAX_KEPT_LINE = 256
"""Bytes of a line that is kept, of any connection, with what it says."""
_BEHIND_LINE = b" HTTP/1.1\r\n"


def _read(line: bytes) -> tuple[bytes, bytes]:
    """Method and target of a first line beyond doubt (without its version), both empty for any other."""
    found = _FIRST_LINE.fullmatch(line)
    return (found[1], found[2]) if found else (b"", b"")


_known_line = lru_cache(maxsize=1024)(_read)


Asked = tuple[Head, Place, Target, bytes]
"""A request: its head, where it leads, whom it is for, and what the app is sent."""
_Kept = TypeVar("_Kept")


class Repeats:
    """The heads of one connection by the bytes of their fields: few, short, and only of plain reads.

    ``asked`` are requests by all their bytes, with what was made of them: as few, and as short.
    """

    __slots__ = ("_heads", "asked")

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}
        self.asked: dict[bytes, Asked] = {}

    def keep_asked(self, data: bytes, turn: Exchange) -> None:
        """``data`` may be asked again, as monitors do; ``turn`` is what was made of it."""
        if len(data) <= _MAX_ASKED:
            _keep(self.asked, data, (turn.head, turn.place, turn.target, turn.request))

    def find(self, data: bytes) -> Head | None:
        """The head that ``data`` is from its first byte to its last, None when its fields are news."""
        if len(data) > MAX_HEAD:
            return None
        line, _, fields = data.partition(_BEHIND_LINE)
        before = self._heads.get(fields)
        if before is None:
            return None
        method, target = _known_line(line) if len(line) <= _MAX_KEPT_LINE else _read(line)
        return before.again(method, target) if target else None

    def keep(self, data: bytes, head: Head) -> None:
        """``data`` was exactly one request, without a body, and ``head`` is what llhttp made of it."""
        line, _, fields = data.partition(_BEHIND_LINE)
        if not (fields and _read(line)[1] and head.repeatable) or len(fields) > _MAX_FIELDS:
            return
        _keep(self._heads, fields, head)

    def __len__(self) -> int:
        return len(self._heads)


def _keep(kept: dict[bytes, _Kept], data: bytes, value: _Kept) -> None:
    if len(kept) >= _MAX_KEPT:
        kept.clear()
    kept[data] = value
