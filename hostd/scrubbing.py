"""Known secret values taken out of text. Standard library only: it runs inside supervisord as well."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST = 6
"""Characters. A shorter value stands in too much that is no secret: it is left as it is."""
MOST = 4_000
"""Forms that are looked for at most, the longest first: supervisord must not be kept busy."""
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


class Scrubber:
    """Finds every form of some values. Without values it lets everything through."""

    def __init__(self, values: Iterable[str]) -> None:
        known = {form for text in values if len(text) >= SHORTEST for form in _forms(text)}
        usable = sorted((f.encode() for f in known if len(f) >= SHORTEST), key=lambda f: (-len(f), f))[:MOST]
        self._forms = tuple(usable)
        self._pattern = re.compile(b"|".join(map(re.escape, usable))) if usable else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def data(self, data: bytes) -> bytes:
        """``data`` with a mask in the place of each known value."""
        return data if self._pattern is None or not self._any(data) else self._pattern.sub(MASK, data)

    def text(self, text: str) -> str:
        """``text`` with a mask in the place of each known value."""
        return text if self._pattern is None else self.data(text.encode(errors="replace")).decode()

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """What can be let through, scrubbed; and the end, which may be the beginning of a value."""
        if self._pattern is None:
            return data, b""
        start, cut, clean = 0, self._begun(data, 0), []
        for match in self._pattern.finditer(data) if self._any(data) else ():
            if match.start() >= cut:
                break
            clean += [data[start : match.start()], MASK]
            start = match.end()
            cut = cut if cut >= start else self._begun(data, start)
        return b"".join([*clean, data[start:cut]]), data[cut:]

    def _any(self, data: bytes) -> bool:
        """Whether there is anything to find: a hundred times quicker than the pattern, which says where."""
        return any(form in data for form in self._forms)

    def _begun(self, data: bytes, start: int) -> int:
        """Where the longest end of ``data[start:]`` begins that a value begins with; its length for none."""
        line = data.rfind(b"\n") + 1  # what has no line feed in it can't begin before
        found = len(data)
        for form in self._forms:
            low = max(start, len(data) - len(form) + 1, 0 if b"\n" in form else line)
            at = data.find(form[:1], low)
            while 0 <= at < found and not form.startswith(data[at:]):
                at = data.find(form[:1], at + 1)
            found = at if 0 <= at < found else found
        return found


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
