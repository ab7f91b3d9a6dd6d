"""Known secret values taken out of text. Standard library only: it runs inside supervisord as well."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST = 6
"""Characters. A shorter value stands in too much that is no secret: it is left as it is."""
MOST = 2_000
TOTAL = 131_072
"""Forms that are looked for at most, and their bytes; the values as they are come first. supervisord must not
be kept busy: at each byte of a log it costs at most ``PIECE`` steps and ``MOST`` comparisons of one byte."""
PIECE = 256
"""Bytes. A longer form is looked for piece by piece."""
MASK = b"[secret]"


def texts(value: Any) -> Iterator[str]:
    """Every text and number in a value as ``tomllib`` gives it, as a program would print it."""
    if isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif not isinstance(value, bool):
        yield str(value)


def can_scrub(value: Any) -> bool:
    """Whether all of a value is long enough to be found again."""
    return all(len(text) >= SHORTEST for text in texts(value)) and not isinstance(value, bool)


def _forms(text: str) -> Iterator[str]:
    """A value as it may come by: plain, in a URL, in JSON, in a traceback, on a page, and its lines."""
    yield text
    yield from (quote(text), quote(text, safe=""), quote_plus(text))
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
    yield from (html.escape(text), html.escape(text, quote=False))
    yield base64.b64encode(text.encode()).decode().rstrip("=")
    yield from (line.strip() for line in text.splitlines())


def _usable(values: Iterable[str]) -> list[bytes]:
    """What is looked for, sorted."""
    found: dict[bytes, None] = {}
    total = 0
    for rank in zip_longest(*(_forms(text) for text in values if len(text) >= SHORTEST), fillvalue=""):
        for piece in (piece for form in rank if len(form) >= SHORTEST for piece in _pieces(form.encode())):
            if piece not in found and len(found) < MOST and total + len(piece) <= TOTAL:
                found[piece] = None
                total += len(piece)
    return sorted(found)


def _pieces(form: bytes) -> Iterator[bytes]:
    """All of a form in as few pieces as may be, of about one size."""
    count = -(-len(form) // PIECE)
    for number in range(count):
        yield form[number * len(form) // count : (number + 1) * len(form) // count]


def _pattern(forms: list[bytes], known: int = 0) -> bytes:
    """A tree of what sorted forms have in common, behind the ``known`` bytes that all begin with.

    It finds the longest form at a place, and decides for each byte once.
    """
    end = len(os.path.commonprefix((forms[0], forms[-1])))  # noqa: RUF071 - of any bytes, not of paths
    shared = re.escape(forms[0][known:end])
    if len(forms) == 1:
        return shared
    longer = forms[1:] if len(forms[0]) == end else forms
    branches = [_pattern(list(some), end) for _, some in groupby(longer, lambda form: form[end])]
    return shared + b"(?:" + b"|".join([*branches, *([b""] if longer is not forms else [])]) + b")"


class Scrubber:
    """Finds every form of some values. Without values it lets everything through."""

    def __init__(self, values: Iterable[str]) -> None:
        self._forms = _usable(values)
        self._longest = max(map(len, self._forms), default=0)
        self._pattern = re.compile(_pattern(self._forms)) if self._forms else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def data(self, data: bytes) -> bytes:
        """``data`` with a mask in the place of each known value."""
        return data if self._pattern is None else self._pattern.sub(MASK, data)

    def text(self, text: str) -> str:
        """``text`` with a mask in the place of each known value."""
        return text if self._pattern is None else self.data(text.encode(errors="replace")).decode()

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """What can be let through, scrubbed; and the end, which may be the beginning of a value."""
        if self._pattern is None:
            return data, b""
        begun = [
            at for at in range(max(0, len(data) - self._longest + 1), len(data)) if self._begins(data[at:])
        ]
        start, cut, clean = 0, min(begun, default=len(data)), []
        for match in self._pattern.finditer(data):
            if match.start() >= cut:
                break
            clean += [data[start : match.start()], MASK]
            start = match.end()
            cut = next((at for at in begun if at >= start), len(data))
        return b"".join([*clean, data[start:cut]]), data[cut:]

    def _begins(self, end: bytes) -> bool:
        """Whether a form goes on behind ``end``: it would stand next to it in their order."""
        at = bisect_left(self._forms, end)
        return any(form.startswith(end) for form in self._forms[at : at + 2] if len(form) > len(end))


class Stream:
    """Scrubs what comes in pieces: a value that is split over two of them is found as well."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What of all that came can go on; the rest waits for what comes next."""
        clean, self._held = self._scrubber.split(self._held + data)
        return clean

    def rest(self) -> bytes:
        """What still waited, at the end."""
        held, self._held = self._held, b""
        return self._scrubber.data(held)
