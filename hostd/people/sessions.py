"""Sessions: what a sign-in opens. Only digests of their random ids are kept, in sessions.json."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from hostd import store

CONSOLE_PREFIX = "hs_"
"""Begins what the console's server is handed, which no API token begins with."""
MOST_PER_USER = 50
"""Beyond that the oldest ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in. ``view`` and ``console`` are the digests of the two cookies' values.

    ``expires`` and ``began`` are seconds since the epoch. ``address`` is where it began.
    """

    name: str
    view: str
    console: str
    began: float
    expires: float
    address: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session's values, as they are told once."""

    view: str
    console: str
    seconds: int
    session: Session


def digest(value: bytes) -> str:
    """What is kept of a random value: SHA-256, which needs no salt for 256 random bits."""
    return hashlib.sha256(value).hexdigest()


def opened(name: str, at: float, seconds: int, address: str) -> Opened:
    """A new session of ``name``, with two values of 256 random bits."""
    view, console = secrets.token_urlsafe(32), CONSOLE_PREFIX + secrets.token_urlsafe(32)
    session = Session(
        name=name, view=digest(view.encode()), console=digest(console.encode()),
        began=at, expires=at + seconds, address=address,
    )  # fmt: skip
    return Opened(view, console, seconds, session)


def load(path: Path) -> list[Session]:
    """Every session, oldest first. Raises BadState when the file is there and can't be read."""
    if not path.exists():
        return []
    return [store.parse(Session, value, path.name) for value in store.read_json(path).get("sessions", [])]


def save(path: Path, sessions: list[Session]) -> None:
    """Write all of them, whole. Raises DiskFull."""
    store.write_json(path, {"sessions": [asdict(session) for session in sessions]})
