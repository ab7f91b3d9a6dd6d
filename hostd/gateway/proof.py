"""What tells the requests of a page from those that another page of the same origin makes in its place.

A page of one app can ask for the console, or for another app, with its visitor's cookies. So these get a
proof in the paths of what their own page asks for, made from cookies that no script can read. The page that
holds it is given to a person in a tab and not to scripts (Sec-Fetch-Dest and -Site, which no script can
set), framed by no page of this origin, and in no window that another page keeps a hand on
(Cross-Origin-Opener-Policy). Browsers keep to that on https and on this machine; docs/security.md says
what is open on plain http.
"""

from __future__ import annotations

import hashlib
import hmac

from hostd.gateway.affinity import ASSETS
from hostd.gateway.head import Head
from hostd.gateway.paths import Place

ALONE = (
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
)
"""Fields of an answer that nobody frames, nor keeps a hand on its window."""
IN_A_TAB = (b"", b"document")
UNREAD = (b"", b"document", b"image", b"manifest")
"""What a page is asked for as (Fetch Metadata, W3C): in a tab; and when no script of another page gets to
read it."""
_OWN_FILES = b"app/static/"
"""An app's own files: people choose their names, so others can guess them."""
_USED = (*UNREAD, b"audio", b"font", b"script", b"style", b"track", b"video")
"""What a file is asked for as when a page uses it, and its scripts do not get its bytes."""
_ACTS = (b"_stcore/agent", b"_stcore/script")
"""Streamlit's own endpoints that run the app for whoever asks."""


def proof_of(values: list[bytes], what: bytes) -> bytes:
    """The proof for ``what``, from all values of the cookies that count; b'' where there is none.

    All of them: a page may add cookies of its own, but does not know the real one.
    """
    if not values:
        return b""
    return hmac.new(b";".join(values), b"hostd " + what, hashlib.sha256).hexdigest()[:32].encode()


def shows(place: Place, wanted: bytes) -> bool:
    """Whether a request's path holds the proof that is wanted, or none is."""
    return not wanted or hmac.compare_digest(wanted, place.proof)


def from_another_page(head: Head, place: Place) -> bool:
    """Whether a script or frame of another page of this origin may be asking, for more than an asset."""
    rest = place.rest or b""
    plain = rest.startswith(ASSETS) and not rest.startswith(_ACTS) and b"%" not in rest
    own = plain and rest.startswith(_OWN_FILES)
    if plain and not own:
        return False
    same = head.get(b"sec-fetch-site") in (b"same-origin", b"")
    return same and head.get(b"sec-fetch-dest") not in (_USED if own else UNREAD)
