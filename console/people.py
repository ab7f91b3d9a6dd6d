"""People as hostd tells of them: who looks at the console, users, API tokens, the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.answers import App

ROLES = ("viewer", "publisher", "admin")
SCOPES = ("read", "deploy", "admin")


@dataclass(frozen=True, slots=True)
class Me:
    """Who looks. ``means`` is how hostd knows: open, admin_token, token or session.

    ``source`` is who checks the password: local is hostd, oidc the provider, '' nobody.
    """

    name: str = ""
    role: str = "viewer"
    means: str = ""
    scope: str = "admin"
    source: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed."""
        return self.role == "admin" and self.scope == "admin"

    @property
    def is_user(self) -> bool:
        """Whether this is somebody with a name, and not whoever has a token or reaches an open hostd."""
        return self.means in {"session", "token"}

    @property
    def publishes(self) -> bool:
        """Whether they may make apps."""
        return self.role in {"admin", "publisher"}

    def manages(self, app: App) -> bool:
        """Whether they may change ``app``."""
        mine = self.name == app.access.owner or self.name in app.access.collaborators
        return self.role == "admin" or (self.publishes and mine)

    def owns(self, app: App) -> bool:
        """Whether they may delete ``app``."""
        return self.role == "admin" or (self.publishes and self.name == app.access.owner)


NOBODY = Me()


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in."""

    name: str
    role: str
    email: str = ""
    groups: tuple[str, ...] = ()
    source: str = "local"
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """An API token; its value, ``token``, comes only when it is made."""

    token_id: str
    user: str
    label: str
    scope: str
    created_at: str = ""
    expires_at: str = ""
    last_used_at: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """A line of the audit log."""

    at: str
    act: str
    who: str
    means: str = ""
    address: str = ""
    outcome: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
