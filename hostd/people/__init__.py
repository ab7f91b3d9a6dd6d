"""Who there is and who is signed in: local users, sessions, API tokens.

For the gateway: ``People.whose`` says who looks at an app, from a request's Cookie field. ``People.cookies``
names the platform's cookies. What those are for, and what they are not: hostd/people/cookies.py.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hostd.errors import Conflict, Invalid, Unauthorized, UnknownToken, UnknownUser, WrongPassword
from hostd.people import passwords, tokens
from hostd.people.cookies import Cookies, values
from hostd.people.directory import Directory
from hostd.people.recognition import Recognition
from hostd.people.sessions import Opened, digest, opened
from hostd.people.tokens import Token
from hostd.people.users import Source, User, check_email, check_name
from hostd.person import Role, Scope
from hostd.runlog import now

__all__ = ["Cookies", "Opened", "People", "Source", "Token", "User"]
SESSION_SECONDS = 12 * 3600


class People(Recognition):
    """Everybody who can sign in. Safe for threads; what requests ask of it is one look into a dict."""

    def __init__(
        self,
        folder: Path,
        cookies: Cookies,
        *,
        sign_in: bool = False,
        operator: bool = False,
        session_seconds: int = SESSION_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``sign_in``: it is needed though there is no user yet. ``operator``: there is an admin token.

        Raises HostdError when what is kept of people can't be read.
        """
        super().__init__(Directory(folder, clock), cookies, clock)
        self._sign_in = sign_in
        self._operator = operator
        self._session_seconds = session_seconds

    @property
    def wanted(self) -> bool:
        """Whether one must sign in here: it is set, or there are users. Else the platform is open."""
        return self._sign_in or bool(self._directory.users)

    # Signing in and out

    def sign_in(self, name: str, password: str, address: str = "") -> Opened:
        """Open a session. Raises Unauthorized in the same words and time whatever was wrong, DiskFull."""
        user = self._directory.users.get(name.strip().lower())
        if not passwords.fits(password, user.password if user else None) or user is None or user.disabled:
            raise Unauthorized("The name or the password is not right.")
        with self._directory.locked():
            if self._directory.users.get(user.name) != user:  # changed while the hash was computed
                raise Unauthorized("The name or the password is not right.")
            return self._open(user.name, address)

    def admit(self, wanted: User, address: str = "") -> tuple[Opened, Role | None]:
        """Open a session for somebody whom the OpenID provider sent, and keep them as a user.

        Beside it the role that they had before, None for somebody new.

        Raises Unauthorized when the name is another's, or they are disabled; DiskFull.
        """
        with self._directory.locked():
            kept = self._directory.users.get(wanted.name)
            if kept is not None and (kept.source, kept.subject) != (Source.OIDC, wanted.subject):
                raise Unauthorized(f"The name '{wanted.name}' belongs to somebody else here.")
            if kept is not None and kept.disabled:
                raise Unauthorized(f"'{wanted.name}' is disabled here.")
            created = kept.created_at if kept else now()
            user = replace(wanted, source=Source.OIDC, created_at=created)
            if kept is None or replace(kept, updated_at="") != replace(user, updated_at=""):
                self._directory.put_user(replace(user, updated_at=now()))
            return self._open(user.name, address), kept.role if kept else None

    def leave(self, cookie_header: bytes) -> None:
        """End the sessions that a browser has so far, by the Cookie field of its request. Raises DiskFull."""
        views = {digest(value) for value in values(cookie_header, self._view)}
        if views & self._directory.tables.viewing.keys():
            self._directory.end_views(views)

    def sign_out(self, key: str) -> None:
        """End a session; ``key`` is its caller's. Raises DiskFull."""
        self._directory.end_session(key)

    def _open(self, name: str, address: str) -> Opened:
        made = opened(name, self._clock(), self._session_seconds, address)
        self._directory.add_session(made.session)
        return made

    # Users

    def users(self) -> list[User]:
        """All of them, by name."""
        return sorted(self._directory.users.values(), key=lambda user: user.name)

    def user(self, name: str) -> User:
        """Raises UnknownUser."""
        found = self._directory.users.get(name)
        if found is None:
            raise UnknownUser(name)
        return found

    def add(
        self, name: str, role: Role, password: str, email: str = "", groups: tuple[str, ...] = ()
    ) -> User:
        """A new local user. Raises Invalid, Conflict, DiskFull."""
        name, email = check_name(name), check_email(email)
        kept = passwords.hashed(passwords.check(password))
        with self._directory.locked():
            if name in self._directory.users:
                raise Conflict(f"There is a user '{name}' already.")
            at = now()
            user = User(
                name=name, role=role, email=email, groups=groups, password=kept, created_at=at, updated_at=at
            )
            self._check_admins({**self._directory.users, name: user})
            self._directory.put_user(user)
        return user

    def change(self, name: str, **changes: Any) -> User:
        """Change role, email, groups or disabled. A new role ends the sessions, and so does disabling.

        Raises UnknownUser, Invalid, Conflict when no admin would be left, DiskFull.
        """
        if "email" in changes:
            changes["email"] = check_email(changes["email"])
        with self._directory.locked():
            before = self.user(name)
            user = replace(before, **changes)
            if user == before:
                return before
            if before.source is Source.OIDC and user.role is not before.role:
                raise Invalid("role", "comes from the provider's groups at each sign-in; change those")
            user = replace(user, updated_at=now())
            self._check_admins({**self._directory.users, name: user})
            ends = user.role is not before.role or user.disabled
            self._directory.put_user(user, ends_sessions=ends)
        return user

    def set_password(self, name: str, password: str) -> None:
        """A new password ends the user's sessions. Raises UnknownUser, Invalid, DiskFull."""
        self.check_local(name)
        kept = passwords.hashed(passwords.check(password))
        with self._directory.locked():
            self._directory.put_user(replace(self.user(name), password=kept, updated_at=now()))

    def check_password(self, name: str, password: str) -> None:
        """Raises WrongPassword when ``password`` is not that user's."""
        if not passwords.fits(password, self.user(name).password):
            raise WrongPassword

    def check_local(self, name: str) -> None:
        """Raises UnknownUser, and Invalid for somebody whose password is kept elsewhere."""
        if self.user(name).source is not Source.LOCAL:
            raise Invalid("password", "is the OpenID provider's matter; change it there")

    def source(self, name: str) -> Source | None:
        """Who checks a user's password; None when there is no such user."""
        found = self._directory.users.get(name)
        return found.source if found else None

    def remove(self, name: str) -> None:
        """Take a user away, with all sessions and tokens. Raises UnknownUser, Conflict, DiskFull."""
        with self._directory.locked():
            self.user(name)
            rest = {key: user for key, user in self._directory.users.items() if key != name}
            self._check_admins(rest)
            self._directory.remove_user(name)

    def _check_admins(self, users: dict[str, User]) -> None:
        """Somebody must be able to let others in. Raises Conflict."""
        admins = [user for user in users.values() if user.role is Role.ADMIN and not user.disabled]
        if not admins and not self._operator:
            raise Conflict("Nobody would be an admin any more, and there is no admin token: keep one admin.")

    # API tokens

    def tokens(self, name: str | None = None) -> list[Token]:
        """The tokens of one user, or all of them; oldest first."""
        return [each for each in self._directory.tokens if name is None or each.name == name]

    def add_token(self, name: str, label: str, scope: Scope, days: int | None) -> tuple[str, Token]:
        """A new token of a user: its value, which is told only now. Raises UnknownUser, Invalid, DiskFull."""
        label, value, at = tokens.check_label(label), tokens.value(), self._clock()
        with self._directory.locked():
            if scope is Scope.ADMIN and self.user(name).role is not Role.ADMIN:
                raise Invalid("scope", "can be admin only for admins")
            token = Token(
                token_id=secrets.token_hex(6), name=name, label=label, scope=scope,
                digest=digest(value.encode()), created=at,
                expires=None if days is None else at + days * 86_400,
            )  # fmt: skip
            self._directory.add_token(token)
        return value, token

    def remove_token(self, token_id: str, name: str | None = None) -> None:
        """Take a token away; of ``name`` only, when given. Raises UnknownToken, DiskFull."""
        with self._directory.locked():
            if all(each.token_id != token_id for each in self.tokens(name)):
                raise UnknownToken(token_id)
            self._directory.remove_token(token_id)
