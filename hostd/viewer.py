"""How an app is told who is looking: headers that only the gateway can send.

From the version on that has ``server.trustedUserHeaders`` (Streamlit's config.py) they are ``st.user``: the
headers meant for it have a name that is drawn from the app's own key, so that whoever else reaches the
app's port can't send them. Beside them there are plain ones with a signature, for every version.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from hostd.access import Viewer

KEY_VARIABLE = "HOSTD_VIEWER_KEY"
"""Where an app finds the key that X-Hostd-Signature is made with."""
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


def viewer_key(cookie_secret: str) -> str:
    """The key of an app, as hexadecimal text, drawn from its cookie secret: stable as long as that is."""
    return hmac.new(cookie_secret.encode(), b"hostd viewer", hashlib.sha256).hexdigest()


def environment(key: str) -> Mapping[str, str]:
    """What an app that is not public is started with."""
    names = {_secret_name(key, of): of for of in ("name", "email", "groups", "is_logged_in")}
    return {KEY_VARIABLE: key, "STREAMLIT_SERVER_TRUSTED_USER_HEADERS": json.dumps(names)}


def header_lines(person: Viewer | None, key: str, at: int) -> bytes:
    """The fields of a request of ``person``, at ``at`` (seconds since the epoch); b'' for nobody.

    ``X-Hostd-Signature: t=<at>,v1=<hex>`` is the HMAC-SHA256, by the app's key, of the time and the values
    of X-Hostd-User, -Email and -Groups, each behind a line feed. What is not printable ASCII, and %, comes
    percent-encoded, as UTF-8; so does a comma in a group, since commas stand between groups.
    """
    if person is None:
        return b""
    return _signed(person.name, person.email, frozenset(person.groups), key, at)


# What is kept hangs on nothing but the arguments: who was changed or signed out is never served from it.


@lru_cache(maxsize=1024)
def _signed(name: str, email: str, groups: frozenset[str], key: str, at: int) -> bytes:
    """The fields of one second."""
    lines, values = _fields(name, email, groups, key)
    signature = hmac.new(key.encode(), f"{at}\n{values}".encode(), hashlib.sha256).hexdigest()
    return f"{lines}X-Hostd-Signature: t={at},v1={signature}\r\n".encode("ascii")


@lru_cache(maxsize=1024)
def _fields(name: str, email: str, groups: frozenset[str], key: str) -> tuple[str, str]:
    """The fields before the signature, and the values that it covers behind the time."""
    name, email = quote(name, _PRINTABLE), quote(email, _PRINTABLE)
    listed = ",".join(quote(group, _PRINTABLE.replace(",", "")) for group in sorted(groups))
    values = {"name": name, "email": email, "groups": listed, "is_logged_in": "true"}
    secret = "".join(f"{_secret_name(key, of)}: {value}\r\n" for of, value in values.items())
    plain = f"X-Hostd-User: {name}\r\nX-Hostd-Email: {email}\r\nX-Hostd-Groups: {listed}\r\n"
    return secret + plain, f"{name}\n{email}\n{listed}"


def _secret_name(key: str, of: str) -> str:
    """Not the key itself: headers are shown more readily."""
    drawn = hmac.new(key.encode(), b"hostd header", hashlib.sha256).hexdigest()[:32]
    return f"X-Hostd-{drawn}-{of.replace('_', '-')}"
