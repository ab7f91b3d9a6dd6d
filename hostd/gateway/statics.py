"""Streamlit's files from the platform's copy: which of them a request names, and a page that names them.

All apps of one version (with the same content) name one address per file, so a browser that has seen one
of them has the files for all. An address holds its content's digest: it may be kept for ever.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hostd.gateway.head import Head
from hostd.gateway.pages import Answer, problem
from hostd.gateway.paths import SHARED
from hostd.static_files import CODINGS, IDENTITY, Body, StaticCopies

_REFERENCE = re.compile(rb'(\s(?:src|href)=")\./((?:static|vendor)/[^"]*)(?=")')
_NO_WEIGHT = re.compile(rb"q=0(?:\.0*)?")
_TYPES = {
    "js": "text/javascript; charset=utf-8",
    "cjs": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "wasm": "application/wasm",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "png": "image/png",
    "gif": "image/gif",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "ico": "image/x-icon",
}
_UNKNOWN = "application/octet-stream"
_FOR_EVER = (
    *(("Cache-Control", "public, max-age=31536000, immutable"), ("Vary", "Accept-Encoding")),
    ("X-Content-Type-Options", "nosniff"),
)


class File(NamedTuple):
    """A file to be sent: its bytes' place, and the fields of its head without its length."""

    copies: StaticCopies
    body: Body
    fields: tuple[tuple[str, str], ...]


class Statics:
    """The copies behind ``<prefix>/apps/~static/<key>/<name>``."""

    def __init__(self, prefix: str, copies: StaticCopies | None) -> None:
        self._base = f"{prefix}/apps/{SHARED.decode()}/"
        self._copies = copies

    def shared_page(self, key: str, page: bytes) -> tuple[str, bytes]:
        """(address of the app's copy, the page that names its files there).

        Unchanged and '' when there is no such copy, or it has not all that the page names.
        """
        copies = self._copies
        names = [name.decode("latin-1") for _, name in _REFERENCE.findall(page)]
        if copies is None or not key or not names or not all(copies.has(key, name) for name in names):
            return "", page
        address = f"{self._base}{key}/"
        return address, _REFERENCE.sub(rb"\g<1>%b\g<2>" % address.encode(), page)

    def find(self, head: Head, path: bytes) -> File | Answer:
        """What a request for ``path`` behind the base gets."""
        if head.method not in (b"GET", b"HEAD"):
            refused = problem(405, "These files can only be read.")
            return Answer(405, (*refused.fields, ("Allow", "GET, HEAD")), refused.body)
        key, _, name = path.decode("latin-1").partition("/")
        codings = accepted(head.get(b"accept-encoding"))
        body = self._copies.find(key, name, codings) if self._copies else None
        if body is None or self._copies is None:
            return problem(404, "There is no such file.")
        tag = f'"{key.rpartition("-")[2]}{"-" if body.coding else ""}{body.coding}"'
        fields = (("ETag", tag), *_FOR_EVER)
        if matches(head.get(b"if-none-match"), tag.encode()):
            return Answer(304, fields)
        coded = (("Content-Encoding", body.coding),) if body.coding != IDENTITY else ()
        kind = _TYPES.get(name.rpartition(".")[2], _UNKNOWN)
        return File(self._copies, body, (("Content-Type", kind), *coded, *fields))


def accepted(field: bytes) -> list[str]:
    """The content codings of ours that an Accept-Encoding field takes (RFC 9110 section 12.5.3)."""
    weights = {}
    for part in field.lower().split(b","):
        coding, _, weight = part.partition(b";")
        weights[coding.strip()] = weight.replace(b" ", b"")
    return [
        coding
        for coding in CODINGS
        if coding.encode() in weights and not _NO_WEIGHT.fullmatch(weights[coding.encode()])
    ]


def matches(field: bytes, tag: bytes) -> bool:
    """Whether an If-None-Match field names ``tag`` (RFC 9110 section 13.1.2; the comparison is weak)."""
    return any(part.strip().removeprefix(b"W/") in (tag, b"*") for part in field.split(b","))
