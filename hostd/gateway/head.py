"""A request's head: checked at the edge (RFC 9112), and written anew for the app."""

from __future__ import annotations

import re

from hostd.gateway.cookies import without_ours
from hostd.gateway.refusal import Refused

MAX_HEAD = 64 * 1024
"""Bytes of a head, in either direction; also of anything else that must be kept until it is understood."""
MAX_FIELDS = 128

Field = tuple[bytes, bytes, bytes]
"""A header's name in lower case, and name and value as they came."""

STRIPPED = (
    b"x-hostd-",  # by which the gateway itself tells an app who is looking
    *(b"x-forwarded-", b"forwarded", b"x-real-ip", b"remote-", b"x-remote-", b"x-auth-", b"x-authenticated-"),
    *(b"x-streamlit-user", b"x-webauth-", b"x-authentik-", b"x-pomerium-", b"x-vouch-", b"x-token-"),
    *(b"tailscale-user-", b"cf-access-", b"x-goog-authenticated-user-", b"x-goog-iap-", b"x-amzn-oidc-"),
    *(b"x-ms-client-principal", b"ssl-client-", b"x-ssl-client-", b"x-client-cert", b"x-user-"),
)
"""How header names begin that no client may send: where a request came from, and whose it is. Some servers
take _ for -, so here both are the same."""
_FROM_PROXIES = frozenset((b"forwarded", b"x-real-ip"))
"""What a trusted proxy may send of them, beside X-Forwarded-For, -Proto and -Host: where a request came
from. Whose it is it may have got from anybody."""

_HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"),
        b"transfer-encoding",  # bodies are chunked anew
    )
)
_FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))
_REPLACED = _HOP_BY_HOP | _FORWARDED
_SHORTENING = frozenset((b"accept-encoding", b"range", b"if-range", b"if-none-match", b"if-modified-since"))
_LISTS = frozenset((*_HOP_BY_HOP, *_FORWARDED, b"accept", b"accept-language", b"expect"))
_HOST = re.compile(rb"[A-Za-z0-9._~\-%:\[\]]+")
_HARMLESS_TOKENS = frozenset((b"", b"close", b"keep-alive", b"upgrade"))


class Head:
    """One request's head as llhttp read it. ``get`` looks at the fields the gateway must understand.

    ``upgrade`` is llhttp's: the client asks for another protocol; ``websocket``: for that one.
    ``keep_alive``: the client wants to ask more on this connection. ``takes_html``: as one who opens a page.
    ``lines`` and ``console_lines`` are what ``upstream_head`` has made of the fields once, for apps and for
    the console.
    """

    __slots__ = (
        *("_known", "chunked", "console_lines", "fields", "has_body", "keep_alive", "lines", "method"),
        *("takes_html", "target", "upgrade", "version", "websocket"),
    )

    def __init__(
        self,
        method: bytes,
        target: bytes,
        version: str,
        fields: list[Field],
        *,
        upgrade: bool,
        keep_alive: bool = False,
    ) -> None:
        """Raises Refused when the head is not plain, unambiguous HTTP/1.0 or 1.1."""
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.upgrade = upgrade
        self.keep_alive = keep_alive and version == "1.1"
        self.lines = self.console_lines = b""
        self._known = {low: value for low, _, value in fields}
        if len(self._known) != len(fields):
            self._join_repeated()
        self.chunked = b"transfer-encoding" in self._known
        self.has_body = self.chunked or self._known.get(b"content-length", b"0").strip(b" \t0") != b""
        self.websocket = upgrade and self._wants_websocket()
        self.takes_html = b"text/html" in self.get(b"accept")
        self._check()

    def get(self, name: bytes) -> bytes:
        """The value of the field ``name`` (lower case), b'' when there is none."""
        return self._known.get(name, b"")

    @property
    def repeatable(self) -> bool:
        """Whether another request with these fields, and another target, is a plain read as well."""
        reads = self.method in (b"GET", b"HEAD") and b"content-length" not in self._known
        return reads and self.keep_alive and not (self.chunked or self.upgrade)

    def again(self, method: bytes, target: bytes) -> Head:
        """The head of another request with the same fields; only for one that is ``repeatable``."""
        head = object.__new__(Head)
        head.method = method
        head.target = target
        head.version = self.version
        head.fields = self.fields
        head._known = self._known
        head.lines, head.console_lines = self.lines, self.console_lines
        head.takes_html = self.takes_html
        head.keep_alive = True
        head.chunked = head.has_body = head.upgrade = head.websocket = False
        return head

    def _wants_websocket(self) -> bool:
        """RFC 6455 section 4.1."""
        modern_get = self.method == b"GET" and self.version == "1.1"
        return modern_get and self.get(b"upgrade").strip().lower() == b"websocket"

    def _join_repeated(self) -> None:
        known: dict[bytes, bytes] = {}
        for low, _, value in self.fields:
            if low == b"host" and low in known:
                raise Refused(400, "More than one Host header.")
            known[low] = known[low] + b", " + value if low in _LISTS and low in known else value
        self._known = known

    def _check(self) -> None:
        if self.version not in ("1.0", "1.1"):
            raise Refused(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
        if len(self.fields) > MAX_FIELDS:
            raise Refused(431, f"More than {MAX_FIELDS} header fields.")
        if self.method == b"CONNECT":
            raise Refused(400, "This is not a forward proxy.")
        self._check_host()
        if self.chunked or self.upgrade:
            self._check_framing()
        if not self.target.startswith(b"/"):
            self._take_origin_form()

    def _check_host(self) -> None:
        host = self._known.get(b"host")
        if host is None and self.version == "1.0":
            return
        if host is None or not _HOST.fullmatch(host.strip()):
            raise Refused(400, "Exactly one valid Host header is needed.")

    def _check_framing(self) -> None:
        """RFC 9112 section 6: what llhttp lets pass and another parser could read differently."""
        encoding = self._known.get(b"transfer-encoding")
        if encoding is not None and encoding.strip().lower() != b"chunked":
            raise Refused(501, "The only transfer encoding understood here is 'chunked'.")
        if encoding is not None and self.version == "1.0":
            raise Refused(400, "HTTP/1.0 knows no Transfer-Encoding.")
        if self.upgrade and self.has_body:
            raise Refused(400, "A request with a body can't ask for another protocol.")

    def _take_origin_form(self) -> None:
        """RFC 9112 section 3.2.2: absolute-form is accepted where it says the same as Host."""
        scheme, _, rest = self.target.partition(b"://")
        authority, slash, path = rest.partition(b"/")
        same = authority.lower() == self.get(b"host").strip().lower()
        if scheme.lower() not in (b"http", b"https") or not same:
            raise Refused(400, "The request target is not a path on this host.")
        self.target = slash + path or b"/"


class Forwarding:
    """The X-Forwarded-* lines of one client's connection; ``believed`` are others that it may send.

    ``trusted``: the client is a proxy that may say itself where a request came from.
    """

    __slots__ = ("_peer", "_scheme", "believed", "trusted")

    def __init__(self, peer: str, scheme: str, *, trusted: bool) -> None:
        self._peer = peer.encode("latin-1")
        self._scheme = scheme.encode("latin-1")
        self.trusted = trusted
        self.believed = _FROM_PROXIES if trusted else frozenset()

    def lines(self, head: Head) -> bytes:
        """The fields that tell the app where a request came from."""
        peer, scheme, host = self._peer, self._scheme, head.get(b"host").strip()
        if self.trusted:
            before = head.get(b"x-forwarded-for")
            peer = before + b", " + peer if before and peer else before or peer
            scheme = head.get(b"x-forwarded-proto") or scheme
            host = head.get(b"x-forwarded-host") or host
        text = b"X-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n" % (scheme, host)
        return b"X-Forwarded-For: %b\r\n" % peer + text if peer else text


def upstream_head(
    head: Head,
    path: bytes,
    forwarding: Forwarding,
    local_host: bytes,
    *,
    whole: bool = False,
    console: bool = False,
    more: bytes = b"",
) -> bytes:
    """The head that the app is sent: ``path`` in place of the visitor's, names and values byte for byte.

    Hop-by-hop fields go (RFC 9110 section 7.6.1), and so do the platform's cookies, unless it is for the
    ``console``. ``local_host`` is the Host for HTTP/1.0 clients that name none. ``whole``: whatever the
    visitor has already, all of it, and not compressed. ``more`` are fields of this one request.
    """
    lines = b"" if whole else head.console_lines if console else head.lines
    if not lines:
        lines = _new_lines(head, forwarding, local_host, whole, console)
    question, query = head.target.partition(b"?")[1:]
    return b"%b %b%b%b HTTP/1.1\r\n%b%b\r\n" % (head.method, path, question, query, lines, more)


def _new_lines(head: Head, forwarding: Forwarding, local_host: bytes, whole: bool, console: bool) -> bytes:
    """What is kept in ``head`` for the next request with these fields; but not of a ``whole`` one."""
    dropped = _dropped(head) | _SHORTENING if whole else _dropped(head)
    lines = _lines(head, forwarding, local_host, dropped, console)
    if whole:
        return lines + b"Accept-Encoding: identity\r\n"
    if console:
        head.console_lines = lines
    else:
        head.lines = lines
    return lines


def _lines(
    head: Head, forwarding: Forwarding, local_host: bytes, dropped: frozenset[bytes], console: bool
) -> bytes:
    believed = forwarding.believed
    lines = [
        b"%b: %b\r\n" % (name, value if console or low != b"cookie" else without_ours(value))
        for low, name, value in head.fields
        if low not in dropped and (low in believed or not low.replace(b"_", b"-").startswith(STRIPPED))
    ]
    if not head.get(b"host"):
        lines.append(b"Host: %b\r\n" % local_host)
    if head.chunked:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    if head.websocket:
        lines.append(b"Connection: Upgrade\r\nUpgrade: %b\r\n" % head.get(b"upgrade").strip())
    return b"".join(lines) + forwarding.lines(head)


def _dropped(head: Head) -> frozenset[bytes]:
    """Names that are not passed on: also those that the client's Connection field makes hop-by-hop."""
    connection = head.get(b"connection").lower()
    if connection in _HARMLESS_TOKENS:
        return _REPLACED
    named = {token.strip() for token in connection.split(b",")} - _HARMLESS_TOKENS
    return _REPLACED | named - {b"host", b"content-length"} if named else _REPLACED
