"""What is kept of people, in memory and on disk, and the tables that requests are looked up in.

All changes go through one lock and are on disk before they count. Readers take no lock: they look into
tables that are replaced whole.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hostd import store
from hostd.errors import HostdError
from hostd.people import sessions, tokens, users
from hostd.people.sessions import Session
from hostd.people.tokens import Token
from hostd.people.users import User
from hostd.person import Caller, Means, Person, Role, Scope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tables:
    """By digest: who looks, and who calls; each until a time (seconds since the epoch, None: for ever)."""

    viewing: Mapping[str, tuple[Person, float]]
    calling: Mapping[str, tuple[Caller, float | None]]


class Directory:
    """Users, sessions and tokens of the folder ``data/people``."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """Raises HostdError when a file is there and can't be read: nobody is let in by mistake."""
        self._folder = folder
        self._clock = clock
        self._lock = threading.RLock()
        try:
            self._users = users.load(folder / "users.json")
            self._sessions = sessions.load(folder / "sessions.json")
            self._tokens = tokens.load(folder / "tokens.json")
        except store.BadState as error:
            raise HostdError(f"{folder}: {error}. Restore it, or move it away.") from None
        self.tables = self._made()

    @property
    def users(self) -> Mapping[str, User]:
        """Every user by name; replaced, never changed."""
        return self._users

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those that have not ended, oldest first."""
        return tuple(each for each in self._sessions if each.expires > self._clock())

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every token, oldest first."""
        return tuple(self._tokens)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything for the length of the block."""
        with self._lock:
            yield

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """What was changed counts from here on, also when a later file could not be written."""
        with self._lock:
            try:
                yield
            finally:
                self.tables = self._made()

    def put_user(self, user: User, *, ends_sessions: bool = True) -> None:
        """Add or replace a user. Raises DiskFull.

        Sessions end first on the disk: were hostd killed between the two files, too few would live, not
        too many.
        """
        with self._changing():
            if ends_sessions:
                self._save_sessions(each for each in self._sessions if each.name != user.name)
            if user.disabled:
                self._save_tokens(each for each in self._tokens if each.name != user.name)
            changed = self._users | {user.name: user}
            users.save(self._file("users"), changed)
            self._users = changed

    def remove_user(self, name: str) -> None:
        """Take a user away with all sessions and tokens. Raises DiskFull."""
        with self._changing():
            self._save_sessions(each for each in self._sessions if each.name != name)
            self._save_tokens(each for each in self._tokens if each.name != name)
            rest = {key: user for key, user in self._users.items() if key != name}
            users.save(self._file("users"), rest)
            self._users = rest

    def add_session(self, session: Session) -> None:
        """Raises DiskFull."""
        with self._changing():
            same = [each for each in self._sessions if each.name == session.name]
            oldest = same[: max(0, len(same) + 1 - sessions.MOST_PER_USER)]
            self._save_sessions([*(each for each in self._sessions if each not in oldest), session])

    def end_session(self, key: str) -> None:
        """End the session whose console value has the digest ``key``. Raises DiskFull."""
        with self._changing():
            self._save_sessions(each for each in self._sessions if each.console != key)

    def end_views(self, views: Collection[str]) -> None:
        """End the sessions whose view value has one of these digests. Raises DiskFull."""
        with self._changing():
            self._save_sessions(each for each in self._sessions if each.view not in views)

    def add_token(self, token: Token) -> None:
        """Raises DiskFull."""
        with self._changing():
            self._save_tokens([*self._tokens, token])

    def remove_token(self, token_id: str) -> None:
        """Raises DiskFull."""
        with self._changing():
            self._save_tokens(each for each in self._tokens if each.token_id != token_id)

    def token_used(self, token_id: str, at: float) -> None:
        """Keep when a token was used last. A full disk forgets it."""
        with self._lock, contextlib.suppress(HostdError, OSError):
            self._save_tokens(
                replace(each, last_used=at) if each.token_id == token_id else each for each in self._tokens
            )

    def _save_sessions(self, kept: Iterable[Session]) -> None:
        alive = [each for each in kept if each.expires > self._clock()]
        if alive != self._sessions:
            sessions.save(self._file("sessions"), alive)
            self._sessions = alive

    def _save_tokens(self, kept: Iterable[Token]) -> None:
        rest = list(kept)
        if rest != self._tokens:
            tokens.save(self._file("tokens"), rest)
            self._tokens = rest

    def _file(self, name: str) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / f"{name}.json"

    def _made(self) -> Tables:
        people = {name: user.person for name, user in self._users.items() if not user.disabled}
        alive = [each for each in self._sessions if each.name in people]
        calling: dict[str, tuple[Caller, float | None]] = {}
        for each in alive:
            calling[each.console] = (Caller(people[each.name], Means.SESSION, key=each.console), each.expires)
        for token in self._tokens:
            if token.name in people:
                calling[token.digest] = (_bearer(people[token.name], token), token.expires)
        return Tables({each.view: (people[each.name], each.expires) for each in alive}, calling)


def _bearer(person: Person, token: Token) -> Caller:
    """A token's scope never makes more of somebody than they are."""
    scope = token.scope if person.role is Role.ADMIN or token.scope is not Scope.ADMIN else Scope.DEPLOY
    return Caller(person, Means.TOKEN, scope, token.token_id)
