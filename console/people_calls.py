"""hostd's calls about people, as methods of console.client.Hostd."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any
from urllib.parse import quote

from console.answers import known
from console.people import Act, Me, Token, User


class PeopleCalls:
    """What Hostd can do beside apps."""

    @abstractmethod
    def _json(self, method: str, path: str, **more: Any) -> Any:
        """The decoded answer to one call."""

    def me(self) -> Me:
        """Who this caller is."""
        return Me(**known(Me, self._json("GET", "/api/session")))

    def sign_out(self) -> None:
        """End the session."""
        self._json("DELETE", "/api/session")

    def users(self) -> list[User]:
        """Every user."""
        return [User(**known(User, item)) for item in self._json("GET", "/api/users")]

    def add_user(self, **fields: str) -> None:
        """A new user: name, password, role, email."""
        self._json("POST", "/api/users", files=_form(fields))

    def change_user(self, name: str, **fields: str) -> None:
        """Set role, email or disabled."""
        self._json("PATCH", _user(name), files=_form(fields))

    def delete_user(self, name: str) -> None:
        """Take a user away."""
        self._json("DELETE", _user(name))

    def set_password(self, name: str, password: str, current: str = "") -> None:
        """Give a user a new password."""
        fields = {"password": password, "current": current}
        self._json("PUT", f"{_user(name)}/password", files=_form(fields))

    def tokens(self) -> list[Token]:
        """One's own API tokens."""
        return [Token(**known(Token, item)) for item in self._json("GET", "/api/tokens")]

    def add_token(self, **fields: str) -> Token:
        """A new API token, with its value: label, scope, days."""
        return Token(**known(Token, self._json("POST", "/api/tokens", files=_form(fields))))

    def delete_token(self, token_id: str) -> None:
        """Take an API token away."""
        self._json("DELETE", f"/api/tokens/{quote(token_id, safe='')}")

    def audit(self, limit: int, cursor: int | None = None) -> tuple[list[Act], int | None]:
        """A part of the audit log, newest first, and where the older ones begin."""
        params = {"limit": limit} | ({} if cursor is None else {"cursor": cursor})
        answer = self._json("GET", "/api/audit", params=params)
        return [Act(**known(Act, item)) for item in answer["acts"]], answer["cursor"]


def _user(name: str) -> str:
    return f"/api/users/{quote(name, safe='')}"


def _form(fields: dict[str, str]) -> dict[str, tuple[None, str]]:
    """As multipart/form-data, which keeps what is empty."""
    return {name: (None, value) for name, value in fields.items()}
