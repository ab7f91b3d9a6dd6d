"""Passwords: argon2id hashes, compared in constant time by argon2-cffi."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hostd.errors import Invalid, TooManyRequests
from hostd.setting_texts import SHORTEST_PASSWORD

LONGEST = 1000
AT_ONCE = 2
"""Hashes that are computed at the same time: each takes 64 MiB."""
_HASHER = PasswordHasher()
"""The library's defaults are argon2id with RFC 9106's low-memory profile: 64 MiB, 3 passes, 4 lanes."""
IN_LINE = 16
"""Hashes that are computed or waited for: more would hold all threads that answer calls."""
_turn = threading.BoundedSemaphore(AT_ONCE)
_line = threading.BoundedSemaphore(IN_LINE)


def check(password: str) -> str:
    """``password`` if it can be one. Raises Invalid."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST:
        raise Invalid("password", f"must have {SHORTEST_PASSWORD} to {LONGEST} characters")
    if not password.isprintable():
        raise Invalid("password", "must not hold control characters")
    return password


@contextlib.contextmanager
def _place() -> Iterator[None]:
    """A turn, when it comes. Raises TooManyRequests when the line is long."""
    if not _line.acquire(blocking=False):
        raise TooManyRequests("Too many sign-ins at once. Wait a few seconds.")
    try:
        with _turn:
            yield
    finally:
        _line.release()


def hashed(password: str) -> str:
    """The hash to keep: argon2's own text, its salt and costs included. Raises TooManyRequests."""
    with _place():
        return _HASHER.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether ``password`` is the one of the hash ``kept``.

    None (there is no such user, or one without a password) takes as long and is never true.
    Raises TooManyRequests.
    """
    given = password[: LONGEST + 1].encode("utf-8", "surrogatepass")
    with _place():
        try:
            return _HASHER.verify(kept or _nobodys(), given) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def made() -> str:
    """A random password for somebody to type once: 120 bits."""
    return secrets.token_urlsafe(15)


@cache
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_bytes(32))
