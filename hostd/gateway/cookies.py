"""The platform's own cookies: kept from the apps, in both directions.

Their names are ``hostd`` and whatever begins with ``hostd-``, also behind the prefixes of RFC 6265bis.
"""

from __future__ import annotations

import re

_NAME = rb"(?:__(?:host|secure|http|host-http)-)?hostd(?:-[^=;\r\n]*)?"
_OURS = re.compile(_NAME, re.IGNORECASE)
_HINT = re.compile(rb"hostd", re.IGNORECASE)
_BLANKS = b" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0"
"""What ``str.strip`` takes off a name that is read as Latin-1, as Starlette's cookie_parser does."""

LINK = b"hostd-link"
"""Holds the secret of an app's link, on that app's path alone."""
LINKS = (LINK, b"__Secure-" + LINK)
CONSOLES = (b"hostd-console", b"__Secure-hostd-console")
"""What the console's cookie is called (hostd/people/cookies.py), on http and https."""

LEAVES = re.compile(rb"(?:^|;[ \t]*)hostd-leaves=~r([0-9]{1,9})(?:\.([0-9]{1,3}))?(?:;|$)")
"""What a page with a session sets as it goes (templates/pages/tab.html): the process that it came from.

Anybody can make one up, and gets a page by it, but no session above the limit.
"""

ACTS_BEYOND = (
    *("service-worker-allowed", "cross-origin-opener-policy", "clear-site-data"),
    *("strict-transport-security", "alt-svc", "nel", "report-to", "reporting-endpoints"),
    *("secure-session-registration", "sec-session-registration", "use-as-dictionary", "set-login"),
)
_NOT_FOR_APPS = re.compile(
    rb"\r\n(?:set-cookie:[ \t=]*"
    + _NAME
    + rb"[ \t]*(?=[=;\r])|(?:"
    + "|".join(ACTS_BEYOND).encode()
    + rb")[ \t]*:)[^\r\n]*",
    re.IGNORECASE,
)
"""Response fields that act on more than the app's own path: the platform's cookies; a service worker for the
whole origin, console included; a hand kept on the console's window; everybody's cookies deleted; how the
whole host is reached; where reports about the whole origin go (Network Error Logging, Reporting API);
sessions and sign-ins of the origin (Device Bound Session Credentials, FedCM); dictionaries that other answers
are compressed with (RFC 9842)."""


def is_ours(name: bytes) -> bool:
    """Whether a cookie of this name is the platform's."""
    return _OURS.fullmatch(name) is not None


def without_ours(field: bytes) -> bytes:
    """A Cookie field without the platform's cookies; the others byte for byte."""
    if not _HINT.search(field):
        return field
    return b";".join(pair for pair in field.split(b";") if not is_ours(_name(pair))).strip()


def ours(field: bytes) -> bytes:
    """The platform's cookies alone."""
    if not _HINT.search(field):
        return b""
    return b"; ".join(pair.strip() for pair in field.split(b";") if is_ours(_name(pair)))


def for_visitor(head: bytes) -> bytes:
    """An app's response head without what acts beyond the app."""
    return _NOT_FOR_APPS.sub(b"", head)


def _name(pair: bytes) -> bytes:
    """RFC 6265 section 4.2.1; a pair without '=' is a nameless cookie, which some servers take for a name."""
    return pair.partition(b"=")[0].strip(_BLANKS)
