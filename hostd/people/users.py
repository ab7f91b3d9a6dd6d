"""Users: local ones with a password, and those whom the OpenID provider sent. Kept in users.json."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from hostd import store
from hostd.errors import Invalid
from hostd.person import RESERVED, Person, Role

NAME = r"[a-z0-9][a-z0-9._@+-]{0,99}"
"""Of a user: what can stand in a URL, a header and a log line as it is."""
_EMAIL = re.compile(r"[^\s@,;<>\"]{1,100}@[^\s@,;<>\"]{1,150}")


class Source(StrEnum):
    """Who checks a user's identity."""

    LOCAL = "local"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One user. ``password`` is a hash; ``subject`` is the provider's ``sub``. Times: ISO 8601 UTC.

    One who is ``disabled`` can't sign in, by whatever means, and has no session and no token.
    """

    name: str
    role: Role
    email: str = ""
    groups: tuple[str, ...] = ()
    source: Source = Source.LOCAL
    password: str | None = field(default=None, repr=False)
    subject: str | None = None
    disabled: bool = False
    created_at: str = ""
    updated_at: str = ""

    @property
    def person(self) -> Person:
        """The user as everybody else sees one."""
        return Person(self.name, self.role, self.email, frozenset(self.groups))


def check_name(name: str) -> str:
    """A user's name in its one spelling. Raises Invalid."""
    name = name.strip().lower()
    if not re.fullmatch(NAME, name):
        raise Invalid("name", "must be 1 to 100 of a-z 0-9 . _ @ + -, the first a letter or digit")
    if name in RESERVED:
        raise Invalid("name", f"'{name}' is what hostd calls somebody who has no name; choose another")
    return name


def check_email(email: str) -> str:
    """An address, or ''. Raises Invalid."""
    email = email.strip()
    if email and not (_EMAIL.fullmatch(email) and email.isprintable()):
        raise Invalid("email", "must be an address such as anna@corp.example, or left out")
    return email


def load(path: Path) -> dict[str, User]:
    """Every user by name. Raises BadState when the file is there and can't be read."""
    if not path.exists():
        return {}
    users = [store.parse(User, value, path.name) for value in store.read_json(path).get("users", [])]
    return {user.name: user for user in users}


def save(path: Path, users: dict[str, User]) -> None:
    """Write all of them, whole. Raises DiskFull."""
    listed: list[dict[str, Any]] = [asdict(user) for user in users.values()]
    store.write_json(path, {"users": listed})
