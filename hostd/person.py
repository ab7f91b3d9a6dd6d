"""Who is asking: a person with a role, and by what right. Frozen values that every room may hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do, from most to least."""

    ADMIN = "admin"
    PUBLISHER = "publisher"
    VIEWER = "viewer"

    def covers(self, other: Role) -> bool:
        """Whether whoever has this role may do what ``other`` may."""
        roles = list(Role)
        return roles.index(self) <= roles.index(other)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in. ``name`` is unique on this platform, ``groups`` come from the provider."""

    name: str
    role: Role
    email: str = ""
    groups: frozenset[str] = frozenset()


class Scope(StrEnum):
    """How much of what its owner may do an API token is good for, from least to most."""

    READ = "read"
    DEPLOY = "deploy"
    ADMIN = "admin"


class Means(StrEnum):
    """How a caller of the API was recognised."""

    OPEN = "open"
    ADMIN_TOKEN = "admin_token"  # noqa: S105 - a kind, not a token
    TOKEN = "token"  # noqa: S105 - a kind, not a token
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API. ``key`` names the session or API token behind the call, '' when there is none."""

    person: Person
    means: Means
    scope: Scope = Scope.ADMIN
    key: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed."""
        return self.person.role is Role.ADMIN and self.scope is Scope.ADMIN


ANYONE = Caller(Person("anyone", Role.ADMIN), Means.OPEN)
"""Whoever reaches a platform without users and without a token."""
OPERATOR = Caller(Person("token", Role.ADMIN), Means.ADMIN_TOKEN)
"""Whoever has STREAMLIT_HOST_ADMIN_TOKEN."""
RESERVED = frozenset((ANYONE.person.name, OPERATOR.person.name))
"""Names that no user can have: the audit log and releases say them."""
