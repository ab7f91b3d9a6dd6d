"""A request's path, decided once: to an app, to the console, home, to a shared file, or to our own routes.

What two programs could read in two ways is refused rather than repaired: a request must not be routed
by one reading and answered by another.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from hostd.gateway.refusal import Refused

_UNUSUAL = re.compile(rb"[%\\#]|//|/\.{1,2}(?:/|$)")
_SEPARATORS = re.compile(rb"[/\\]")
_HIDDEN = re.compile(rb"/*_stcore/+(?:metrics|script-health-check)/*", re.IGNORECASE)
_PROBE = re.compile(rb".+/_stcore/(?:health|host-config)/?")
_MAX_KEPT = 256
"""Bytes of a path whose place is kept: long ones are rare, and would fill the memory."""
SHARED = b"~static"
"""Stands where an app's id would, in the addresses of Streamlit's files that all apps share."""
GENERATION = b"~generation"
"""The path, from an app's base, at which a tab asks whether its process is still the one it knows."""
TICKET = b"~ticket"
LINK = b"~link/"
"""Stands between an app's base and the secret of its link."""
_HEALTH = (b"_stcore/health", b"healthz")
_MARK = re.compile(rb"~r([1-9][0-9]{0,8})(?:\.([1-9][0-9]{0,2}))?/")


_PROOF = re.compile(rb"~t([0-9a-f]{32})/")


class Kind(Enum):
    """Where a path leads."""

    PLAIN = auto()
    HOME = auto()
    CONSOLE = auto()
    APP = auto()
    SHARED = auto()


class Place(NamedTuple):
    """A path that was decided.

    ``local`` is the path without the public prefix; ``rest`` what follows the app's (or console's)
    base and its slash, None when that slash is missing: then the visitor is redirected. ``release`` is
    the one named by a mark behind the app's id (``/apps/x/~r3/media/…``), and ``replica`` the one of its
    processes (``~r3.2``, else the first); the mark is in neither.
    ``hidden``: this is an endpoint of Streamlit that is not for visitors: metrics, script runs. ``pings``:
    it asks for an app's health, as monitors do, and is no visit. ``link``: it is a secret link, or a
    ticket (see ``tickets``). ``at_root``: the app has this host to itself.
    ``proof`` is what a page's own requests show (see ``proof``); it is in neither as well.
    ``ordinary``: it is an app's, below its base, and nothing of the above: whatever route there is decides.
    """

    kind: Kind
    local: bytes
    app_id: str = ""
    rest: bytes | None = None
    release: int | None = None
    replica: int = 1
    hidden: bool = False
    pings: bool = False
    link: bool = False
    proof: bytes = b""
    at_root: bool = False
    ordinary: bool = False

    @property
    def wrong_base(self) -> bool:
        """Whether Streamlit's front end asks here whether a folder too deep is the app's base."""
        return self.rest is not None and _PROBE.fullmatch(self.rest) is not None


def locate(path: bytes, prefix: bytes) -> Place:
    """Where ``path`` (no query) leads, whether or not an outer proxy took ``prefix`` off.

    Raises Refused (400) for dot segments, NUL, backslash, an empty segment before the app's id, and
    for a percent-encoding that would change the route.
    """
    return _known_place(path, prefix) if len(path) <= _MAX_KEPT else _decide(path, prefix)


def _decide(path: bytes, prefix: bytes) -> Place:
    place, unusual = _split(path, prefix), _UNUSUAL.search(path)
    if unusual:
        _refuse_ambiguous(path, place, prefix)
    rest = place.rest
    if not rest:
        return place
    hidden = _HIDDEN.fullmatch(unquote_to_bytes(rest) if unusual else rest) is not None
    link = place.kind is Kind.APP and rest.startswith((LINK, TICKET))
    pings, ours = rest in _HEALTH, rest == GENERATION or rest.startswith(b"static/")
    if not (hidden or link or pings or ours):
        return place
    ordinary = place.ordinary and not (hidden or link or ours)
    return place._replace(hidden=hidden, pings=pings, link=link, ordinary=ordinary)


_known_place = lru_cache(maxsize=1024)(_decide)


def _split(path: bytes, prefix: bytes) -> Place:
    local = path
    if prefix and path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/"):
        local = path[len(prefix) :]
    if local in (b"", b"/"):
        return Place(Kind.HOME, local)
    head, _, tail = local[1:].partition(b"/")
    if head == b"console":
        return _of_console(local, tail)
    if head == b"apps" and tail:
        app_id, slash, rest = tail.partition(b"/")
        if app_id == SHARED:
            return Place(Kind.SHARED, local, rest=rest)
        if rest.startswith(b"~r") and (mark := _MARK.match(rest)):
            return _marked(app_id, mark, rest[mark.end() :])
        return Place(Kind.APP, local, app_id.decode("latin-1"), rest if slash else None, ordinary=bool(rest))
    return Place(Kind.PLAIN, local)


def _of_console(local: bytes, tail: bytes) -> Place:
    shown = _PROOF.match(tail)
    if shown is not None:
        rest = tail[shown.end() :]
        return Place(Kind.CONSOLE, b"/console/" + rest, rest=rest, proof=shown[1])
    return Place(Kind.CONSOLE, local, rest=tail if len(local) > len(b"/console") else None)


def _marked(app_id: bytes, mark: re.Match[bytes], rest: bytes) -> Place:
    shown = _PROOF.match(rest)
    rest = rest[shown.end() :] if shown else rest
    local, proof = b"/apps/%b/%b" % (app_id, rest), shown[1] if shown else b""
    return Place(
        Kind.APP, local, app_id.decode("latin-1"), rest, int(mark[1]), int(mark[2] or 1), proof=proof
    )


def _refuse_ambiguous(path: bytes, place: Place, prefix: bytes) -> None:
    decoded = unquote_to_bytes(path)
    if b"\0" in decoded or b"\\" in path or b"#" in path:
        raise Refused(400, "The path holds a character that no path may hold.")
    if any(segment in (b".", b"..") for segment in _SEPARATORS.split(decoded)):
        raise Refused(400, "The path holds a '.' or '..' segment.")
    again = _split(decoded, prefix)
    if again._replace(local=b"", rest=None) != place._replace(local=b"", rest=None):
        raise Refused(400, "The path's percent-encoding hides where it leads.")
    nameless = place.kind is Kind.APP and not place.app_id
    if nameless or any(start.startswith(b"//") for start in (decoded, place.local, again.local)):
        raise Refused(400, "The path holds an empty segment.")
