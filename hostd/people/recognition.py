"""What requests ask: who looks at an app, and who calls the API. One look into a dictionary each."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from hostd.people.cookies import Cookies, values
from hostd.people.directory import Directory
from hostd.people.sessions import digest
from hostd.person import Caller, Means, Person

_USE_KEPT_EVERY = 60.0
"""Seconds between two writes of a token's last use."""
_MAX_KEPT = 2048
"""Bytes of a Cookie field whose digests are kept: long ones would fill the memory."""


class Recognition:
    """Those who have signed in, as they are known again."""

    def __init__(self, directory: Directory, cookies: Cookies, clock: Callable[[], float]) -> None:
        self.cookies = cookies
        self._directory = directory
        self._clock = clock
        self._view = cookies.view.encode()

    def whose(self, cookie_header: bytes) -> Person | None:
        """Who looks at an app, by the Cookie field of the request; None for nobody. No I/O, no lock."""
        if not cookie_header:
            return None
        digests = _known_digests if len(cookie_header) <= _MAX_KEPT else _digests
        for key in digests(cookie_header, self._view):
            found = self._directory.tables.viewing.get(key)
            if found is not None and found[1] > self._clock():
                return found[0]
        return None

    def is_one_sign_in(self, cookie_header: bytes) -> bool:
        """Whether the console's sessions that a Cookie field opens are all that of who looks. No lock.

        Another host of the same domain can set a cookie for this one, but not the view cookie of https.
        """
        viewing, consoles = self._directory.tables.viewing, self.cookies.console.encode()
        opened = {digest(value) for value in values(cookie_header, consoles, most=None)}
        views = (digest(value) for value in values(cookie_header, self._view))
        view = next((each for each in views if each in viewing), "")
        return all(each.view == view for each in self._directory.sessions if each.console in opened)

    def caller(self, bearer: bytes) -> Caller | None:
        """Who calls the API, by a bearer: of a console's session, or an API token. No I/O, no lock."""
        return self._called(digest(bearer))

    def _called(self, key: str) -> Caller | None:
        found = self._directory.tables.calling.get(key)
        if found is None or (found[1] is not None and found[1] <= self._clock()):
            return None
        return found[0]

    def again(self, caller: Caller) -> Caller | None:
        """The caller as of now: None when what they came with has ended. No I/O, no lock.

        Who came with the admin token, or to an open platform, stays who they are.
        """
        key = caller.key
        if caller.means is Means.TOKEN:
            token = next((each for each in self._directory.tokens if each.token_id == key), None)
            key = token.digest if token else ""
        elif caller.means is not Means.SESSION:
            return caller
        return self._called(key)

    def used(self, token_id: str) -> None:
        """A token was used; once a minute that is written down."""
        at = self._clock()
        token = next((each for each in self._directory.tokens if each.token_id == token_id), None)
        if token is not None and at - (token.last_used or 0.0) >= _USE_KEPT_EVERY:
            self._directory.token_used(token_id, at)


def _digests(cookie_header: bytes, name: bytes) -> tuple[str, ...]:
    """What is looked for in the tables of sessions; it hangs on the bytes alone."""
    return tuple(digest(value) for value in values(cookie_header, name))


_known_digests = lru_cache(maxsize=1024)(_digests)
