"""What the calls about people answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from hostd.audit import Outcome
from hostd.people import Source, Token, User
from hostd.person import Caller, Means, Role, Scope


class SessionOut(BaseModel):
    """Who calls, and by what right. ``token`` is a new session's bearer, told once.

    ``source``: who checks the password, hostd or the OpenID provider; null for who is no user.
    """

    name: str
    role: Role
    email: str
    groups: list[str]
    means: Means
    scope: Scope
    source: Source | None = None
    token: str | None = None
    seconds: int | None = None


class SignedOutOut(BaseModel):
    """The session has ended."""

    signed_out: bool


class UserOut(BaseModel):
    """One user. ``source``: who checks the password, hostd or the OpenID provider."""

    name: str
    role: Role
    email: str
    groups: list[str]
    source: Source
    disabled: bool
    created_at: str
    updated_at: str


class DeletedUserOut(BaseModel):
    """The user is gone, with sessions and tokens."""

    deleted: bool
    name: str


class TokenOut(BaseModel):
    """One API token. ``token`` is its value, in the answer that makes it and never again."""

    token_id: str
    user: str
    label: str
    scope: Scope
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    token: str | None = None


class DeletedTokenOut(BaseModel):
    """The token opens nothing any more."""

    deleted: bool
    token_id: str


class ActOut(BaseModel):
    """One line of the audit log. ``means``: how ``who`` was recognised; ``about``: what it was done to."""

    at: str
    act: str
    who: str
    means: str
    address: str
    outcome: Outcome
    about: dict[str, str]


class AuditOut(BaseModel):
    """A part of the audit log, newest first; ``cursor`` leads to the older ones, null at the end."""

    acts: list[ActOut]
    cursor: int | None


def session_out(caller: Caller, source: Source | None) -> SessionOut:
    """A caller."""
    person = caller.person
    return SessionOut(
        name=person.name, role=person.role, email=person.email, groups=sorted(person.groups),
        means=caller.means, scope=caller.scope, source=source,
    )  # fmt: skip


def user_out(user: User) -> UserOut:
    """A user, without what is kept of the password."""
    own = ("name", "role", "email", "source", "disabled", "created_at", "updated_at")
    return UserOut(**{name: getattr(user, name) for name in own}, groups=list(user.groups))


def token_out(token: Token) -> TokenOut:
    """A token, without its value."""
    return TokenOut(
        token_id=token.token_id, user=token.name, label=token.label, scope=token.scope,
        created_at=_time(token.created) or "", expires_at=_time(token.expires),
        last_used_at=_time(token.last_used),
    )  # fmt: skip


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def act_out(line: dict[str, Any]) -> ActOut:
    """A line of the audit log."""
    about = {str(name): str(value) for name, value in dict(line.get("about") or {}).items()}
    texts = {name: str(line.get(name, "")) for name in ("at", "act", "who", "means")}
    outcome = line.get("outcome", Outcome.FAILED)
    return ActOut(**texts, address=str(line.get("from", "")), outcome=outcome, about=about)
