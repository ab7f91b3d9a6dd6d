"""What an OpenID provider says of somebody, made a user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hostd.errors import Invalid
from hostd.people.users import Source, User, check_email, check_name
from hostd.person import Role


class Rejected(Exception):
    """The provider did not vouch for anybody; the text is for the log, not for the visitor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Claims to a user. ``default`` is the role of those in no group that is named, None keeps them out."""

    name_claim: str
    groups_claim: str
    admin_groups: frozenset[str]
    publisher_groups: frozenset[str]
    default: Role | None

    def user(self, claims: Mapping[str, Any]) -> User:
        """Raises Rejected when the claims make nobody who may sign in."""
        groups = _texts(claims.get(self.groups_claim))
        role = self._role(frozenset(groups))
        if role is None:
            raise Rejected(f"{claims.get('sub')!r} is in no group that may sign in")
        email = claims.get("email") if claims.get("email_verified", True) is True else ""
        named = email if self.name_claim == "email" else claims.get(self.name_claim)
        name = str(named or email or claims["sub"])
        try:
            return User(
                name=check_name(name), role=role, email=check_email(str(email or "")), groups=groups,
                source=Source.OIDC, subject=str(claims["sub"]),
            )  # fmt: skip
        except Invalid as error:
            raise Rejected(f"the claims of {claims.get('sub')!r} make no user: {error}") from None

    def _role(self, groups: frozenset[str]) -> Role | None:
        if groups & self.admin_groups:
            return Role.ADMIN
        return Role.PUBLISHER if groups & self.publisher_groups else self.default


def _texts(value: object) -> tuple[str, ...]:
    """A claim's texts: a list of them, or one."""
    items = value if isinstance(value, list) else [value]
    return tuple(sorted({item for item in items if isinstance(item, str) and item.isprintable()}))
