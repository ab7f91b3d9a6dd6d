"""hostd's calls about variables and secrets, as methods of console.client.Hostd."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from console.answers import Secret, known
from console.upload import environment_field


class SecretsCalls:
    """Each change redeploys the app."""

    @abstractmethod
    def _json(self, method: str, path: str, **more: Any) -> Any:
        """The decoded answer to one call."""

    def set_variables(self, app_id: str, values: Mapping[str, str]) -> None:
        """All variables of an app."""
        self._put(f"{_path(app_id)}/variables", "environment", environment_field(values))

    def secrets(self, app_id: str) -> tuple[Secret, ...]:
        """The names of an app's secrets, and what becomes of them."""
        found = self._json("GET", f"{_path(app_id)}/secrets")["secrets"]
        return tuple(Secret(**known(Secret, item)) for item in found)

    def set_secret(self, app_id: str, name: str, value: str) -> None:
        """One secret of an app."""
        self._put(f"{_path(app_id)}/secrets/{quote(name, safe='')}", "value", value)

    def set_secrets(self, app_id: str, toml: str) -> None:
        """All secrets of an app."""
        self._put(f"{_path(app_id)}/secrets", "secrets", toml)

    def delete_secret(self, app_id: str, name: str) -> None:
        """One secret less."""
        self._json("DELETE", f"{_path(app_id)}/secrets/{quote(name, safe='')}")

    def _put(self, path: str, field: str, text: str) -> None:
        self._json("PUT", path, files={field: (None, text)})


def _path(app_id: str) -> str:
    return f"/api/apps/{quote(app_id, safe='')}"
