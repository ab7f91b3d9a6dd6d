"""Which of an app's processes a request is for: the one that its tab's session lives in.

New pages come from the active release. Everything else names its release by a mark in the path (see
``page``), or shows its session's id: in an upload's path, or, from Streamlit 1.35 on, in the subprotocols
of a WebSocket that is opened again. Which process a session is in was heard when it began. What shows
neither goes to the active release, and to the older ones if that one has not got it.
"""

from __future__ import annotations

import re
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from hostd.gateway.cookies import LEAVES
from hostd.gateway.head import Head
from hostd.gateway.paths import Place
from hostd.gateway.replicas import Loads, every_port, is_scaled, open_ports, port_of, siblings
from hostd.models import Route, RoutingTable

ASSETS = (b"static/", b"media/", b"component/", b"app/static/", b"_stcore/", b"vendor/")
"""How the paths of Streamlit begin that are no pages."""

_LOST_AND_FOUND = (b"static/", b"media/", b"component/", b"app/static/", b"_stcore/bidi-components/")
_STREAMS = (b"_stcore/stream", b"stream")
_UPLOAD = re.compile(rb"(?:_stcore/)?upload_file/([^/]+)")
_SESSION_ID = re.compile(rb"2\x24([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""A protobuf field with number 6 that holds a UUID as text: Initialize.session_id in every version."""

_COMPRESSED = 0x40
_MAX_MESSAGE = 64 * 1024
_MAX_SESSIONS = 10_000


ASLEEP = 0
"""A target's port while its app has no process, or no place in one, and will have one soon."""


class Target(NamedTuple):
    """Where a request goes: the process at ``port``; those at ``others`` when it has not got it."""

    app_id: str
    route: Route
    port: int
    others: tuple[int, ...] = ()

    def has_session(self, place: Place) -> bool:
        """Whether a session will begin, or go on, behind a 101 to this request."""
        return self.route.release is not None and place.rest in _STREAMS

    def is_named(self, place: Place) -> bool:
        """Whether the request's path alone says that it goes to this process."""
        return _port_of_mark(place, self.route) == self.port


class Sessions:
    """Which process each session is in. Used from one event loop only."""

    def __init__(self) -> None:
        self._apps: dict[str, dict[int, OrderedDict[bytes, None]]] = {}

    def port_of(self, app_id: str, session: bytes) -> int | None:
        """The port of the process that ``session`` began in, None when nothing is known of it."""
        ports = self._apps.get(app_id, {})
        return next((port for port, sessions in ports.items() if session in sessions), None)

    def learn(self, table: RoutingTable, app_id: str, port: int, session: bytes) -> None:
        """``session`` is in the process at ``port``. What ``table`` no longer knows is forgotten."""
        for gone in self._apps.keys() - table.apps.keys():
            del self._apps[gone]
        route = table.apps.get(app_id)
        live = every_port(route) if route is not None else ()
        ports = {known: ids for known, ids in self._apps.get(app_id, {}).items() if known in live}
        if port in live:
            for sessions in ports.values():
                sessions.pop(session, None)
            _remember(ports.setdefault(port, OrderedDict()), session)
        self._apps[app_id] = ports

    def __len__(self) -> int:
        return sum(len(sessions) for ports in self._apps.values() for sessions in ports.values())


def _remember(sessions: OrderedDict[bytes, None], session: bytes) -> None:
    if len(sessions) >= _MAX_SESSIONS:
        sessions.popitem(last=False)
    sessions[session] = None


def choose(
    sessions: Sessions, loads: Loads, head: Head, place: Place, route: Route, *, page: bool
) -> Target | None:
    """The process that a request goes to, None when there is none, or no room for a new session.

    A ``page`` comes from the active release. The port is ASLEEP while one that can take it is on its way.
    """
    scaled = is_scaled(route)
    port: int | None = route.port
    others: tuple[int, ...] = ()
    if page:
        port = _for_page(loads, head, route) if scaled else port
    elif scaled or route.draining:
        port, others = _affine(sessions, head, place, route)
        if scaled and port is not None and head.websocket and place.rest in _STREAMS:
            port = _for_session(sessions, loads, head, place, route)
    if port is None and (route.wakes or route.grows):
        port = ASLEEP
    return None if port is None else Target(place.app_id, route, port, others)


def _for_page(loads: Loads, head: Head, route: Route) -> int | None:
    """A new page's tab will open a session where the page came from."""
    port = loads.pick(route) or _reloaded(loads, head, route)
    if port is not None and head.method == b"GET":
        loads.hand_out(port)
    return port


def _reloaded(loads: Loads, head: Head, route: Route) -> int | None:
    """A page is loaded anew: its session is still open, and ends when the answer begins."""
    leaves = LEAVES.search(head.get(b"cookie"))
    port = port_of(route, int(leaves[1]), int(leaves[2] or 1)) if leaves else None
    return port if port in open_ports(route) and loads.changes_hands(port) else None


def _for_session(sessions: Sessions, loads: Loads, head: Head, place: Place, route: Route) -> int | None:
    """One that comes back has its place; for a new one there must be room."""
    port = _port_of_session(sessions, head, place, route) or _port_of_mark(place, route)
    comes_back = port is not None and (_session_of(head, place) or port not in open_ports(route))
    if port is None or not (comes_back or loads.admit(port, route)):
        port = loads.pick(route)
    if port is not None:
        loads.arrive(port)
    return port


def _affine(sessions: Sessions, head: Head, place: Place, route: Route) -> tuple[int | None, tuple[int, ...]]:
    port = _port_of_session(sessions, head, place, route) or _port_of_mark(place, route)
    everywhere = every_port(route)
    if not everywhere or not _may_be_elsewhere(head, place):
        return port or route.port, ()
    if port is None:
        return everywhere[0], everywhere[1:]
    return port, _kept_by_siblings(place, route, port)


def _kept_by_siblings(place: Place, route: Route, port: int) -> tuple[int, ...]:
    """Where else a marked tab's media may be: its replica died, and its session began anew in another."""
    if place.release is None or place.rest is None or not place.rest.startswith(b"media/"):
        return ()
    return tuple(other for other in siblings(route, place.release) if other != port)


def _port_of_mark(place: Place, route: Route) -> int | None:
    """A mark that names no process that there is (any more) says nothing."""
    return None if place.release is None else port_of(route, place.release, place.replica)


def _port_of_session(sessions: Sessions, head: Head, place: Place, route: Route) -> int | None:
    session = _session_of(head, place)
    if session is None:
        return None
    port = sessions.port_of(place.app_id, session)
    return port if port in every_port(route) else None


def _session_of(head: Head, place: Place) -> bytes | None:
    """The session that a request itself names."""
    if head.websocket:
        protocols = head.get(b"sec-websocket-protocol").split(b",")
        return protocols[2].strip() if len(protocols) > 2 else None
    upload = _UPLOAD.match(place.rest or b"")
    return upload[1] if upload else None


def _may_be_elsewhere(head: Head, place: Place) -> bool:
    simple = head.method in (b"GET", b"HEAD") and not head.has_body and not head.upgrade
    return simple and place.rest is not None and place.rest.startswith(_LOST_AND_FOUND)


def session_in(stream: bytes) -> bytes | None:
    """The id of the session whose WebSocket begins with these bytes of the app's; None: not seen yet.

    The last one: an installation's id may look the same, and comes before it.
    """
    found = _SESSION_ID.findall(_inflated(stream) if stream and stream[0] & _COMPRESSED else stream)
    return found[-1] if found else None


def _inflated(stream: bytes) -> bytes:
    """What there is of a compressed first message (RFC 7692); nothing is known of the later ones."""
    short = stream[1] & 0x7F if len(stream) > 1 else 0
    start = {126: 4, 127: 10}.get(short, 2)
    length = short if start == 2 else int.from_bytes(stream[2:start])
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream[start : start + length], _MAX_MESSAGE)
    except zlib.error:
        return b""


def learn(
    sessions: Sessions, lookup: Callable[[], RoutingTable], app_id: str, port: int, stream: bytes
) -> bool:
    """Remember where the session lives that a WebSocket's first bytes tell of; whether they told of one."""
    session = session_in(stream)
    if session is not None:
        sessions.learn(lookup(), app_id, port, session)
    return session is not None
