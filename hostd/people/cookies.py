"""The platform's own cookies (RFC 6265bis): their names, how they are set, how they are read.

Two cookies come from one sign-in, each with its own random value:

- the *view* cookie goes with every request and says who looks at apps. It opens nothing but apps: the API
  does not read cookies at all. On https its name begins with ``__Host-Http-``, so that neither a sibling
  domain nor a script of an app's page can put another in its place; browsers that don't know that prefix
  take it for ``__Host-`` (section 4.1.3). That needs the path ``/``: under a path prefix it is ``__Secure-``.
- the *console* cookie goes to ``<prefix>/console`` alone. The console's server, not the browser, makes
  the bearer of its API calls from it. ``__Host-`` excludes a path, so ``__Secure-`` it is.

Both are HttpOnly, and Secure on https. Both are SameSite=Lax and not Strict: people come to their apps by
links in chats and mails, and back from a sign-in provider, which Strict takes for strangers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

_MOST = 4
"""Cookies of one name that are looked at: a page may have set more, on other paths."""


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of a platform that is reached as ``public_base``."""

    public_base: str

    @property
    def secure(self) -> bool:
        """Whether they travel over https alone."""
        return urlsplit(self.public_base).scheme == "https"

    @property
    def prefix(self) -> str:
        """The path of the public base: '' or such as '/tools/st'."""
        return urlsplit(self.public_base).path

    @property
    def view(self) -> str:
        """The name of the cookie that says who looks at apps."""
        return self._host_wide("hostd")

    @property
    def console(self) -> str:
        """The name of the cookie that the console's server reads."""
        return "__Secure-hostd-console" if self.secure else "hostd-console"

    @property
    def sign_in(self) -> str:
        """The name of the cookie that a sign-in page recognises its own form by."""
        return self._host_wide("hostd-sign-in")

    def set_view(self, value: str, seconds: int) -> str:
        """The Set-Cookie field of a sign-in."""
        return self._set(self.view, value, seconds, f"{self.prefix}/")

    def set_console(self, value: str, seconds: int) -> str:
        """The Set-Cookie field of a sign-in, for the console."""
        return self._set(self.console, value, seconds, f"{self.prefix}/console")

    def set_sign_in(self, value: str, seconds: int) -> str:
        """The Set-Cookie field of a sign-in page."""
        return self._set(self.sign_in, value, seconds, f"{self.prefix}/")

    def cleared(self) -> list[str]:
        """The Set-Cookie fields of a sign-out."""
        return [self.set_view("", 0), self.set_console("", 0)]

    def _host_wide(self, name: str) -> str:
        if not self.secure:
            return name
        return f"__Secure-{name}" if self.prefix else f"__Host-Http-{name}"

    def _set(self, name: str, value: str, seconds: int, path: str) -> str:
        secure = "; Secure" if self.secure else ""
        return f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def values(header: bytes, *names: bytes, most: int | None = _MOST) -> Iterator[bytes]:
    """The values of the cookies called one of ``names`` in a Cookie field (RFC 6265 section 4.2.1).

    A few at most; ``most`` None is all of them. A pair without '=' is nobody's.
    """
    found = 0
    for pair in header.split(b";"):
        key, equals, value = pair.partition(b"=")
        if equals and key.strip() in names:
            yield value.strip()
            found += 1
            if found == most:
                return
