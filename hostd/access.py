"""Who may see an app: its visibility, and the people, groups and the secret link that may.

Part of ``meta.json``, applied at once. The gateway asks at every request, so all of it is sets and digests.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

ADMIN = "admin"
"""The role that sees every app."""


class Visibility(StrEnum):
    """Who may see an app.

    PUBLIC: whoever reaches the port. SIGNED_IN: whoever is signed in. PRIVATE: the people and groups named
    by its Access. LINK: these, and whoever has the app's secret link. Owner, collaborators and admins always.
    """

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    PRIVATE = "private"
    LINK = "link"


_PUBLIC, _SIGNED_IN = Visibility.PUBLIC, Visibility.SIGNED_IN
"""Until Python 3.12 a member's name is looked up by a call (enum.property)."""


class Viewer(Protocol):
    """What is looked at of a person who is signed in."""

    @property
    def name(self) -> str:
        """What they sign in with."""

    @property
    def role(self) -> str:
        """One of admin, publisher, viewer."""

    @property
    def email(self) -> str:
        """'' when there is none."""

    @property
    def groups(self) -> Collection[str]:
        """The groups that they are in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Part of ``meta.json``; one that is not there is a public app's.

    ``owner`` and ``collaborators`` are names of people ('' is nobody's), ``viewers`` names of those who may
    look, or, with an ``@``, their e-mail addresses; all of them in lower case. ``viewer_groups`` are groups.
    ``link_sha256`` is the digest of the secret in the app's link, '' while there is none: the secret itself
    is nowhere kept.
    """

    visibility: Visibility = Visibility.PUBLIC
    owner: str = ""
    collaborators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    viewer_groups: tuple[str, ...] = ()
    link_sha256: str = ""

    @property
    def is_public(self) -> bool:
        """Whether nobody needs to be asked who they are."""
        return self.visibility is _PUBLIC

    @property
    def has_link(self) -> bool:
        """Whether there is a secret link."""
        return self.link_sha256 != ""

    def admits(self, person: Viewer | None) -> bool:
        """Whether ``person`` (None: not signed in) may see the app, the secret link left aside."""
        if person is None or self.visibility is _PUBLIC:
            return self.visibility is _PUBLIC
        return self.visibility is _SIGNED_IN or self.manages(person) or self._names(person)

    def manages(self, person: Viewer) -> bool:
        """Whether ``person`` is an admin, the owner, or a collaborator."""
        return person.role == ADMIN or person.name == self.owner or person.name in self.collaborators

    def opens_with(self, secret: bytes) -> bool:
        """Whether ``secret`` is the one of the app's link, which counts for apps that are seen by link."""
        if self.visibility is not Visibility.LINK or not self.link_sha256 or not secret:
            return False
        return hmac.compare_digest(hashlib.sha256(secret).hexdigest(), self.link_sha256)

    def _names(self, person: Viewer) -> bool:
        """A name that looks like an address is not taken for one: people choose names at some providers."""
        named = person.name in self.viewers and "@" not in person.name
        by_mail = "@" in person.email and person.email.lower() in self.viewers
        return named or by_mail or not frozenset(self.viewer_groups).isdisjoint(person.groups)

    def with_link(self, secret: str) -> Access:
        """The same with another secret link, which is what the app is seen by from now on; '' is none."""
        if not secret:
            return replace(self, link_sha256="")
        digest = hashlib.sha256(secret.encode()).hexdigest()
        return replace(self, visibility=Visibility.LINK, link_sha256=digest)


Change = Callable[[Access], Access]
"""Makes an Access of the one before."""


def unchanged(access: Access) -> Access:
    """The Change that is none."""
    return access
