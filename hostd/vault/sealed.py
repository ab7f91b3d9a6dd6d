"""The file of one release's secrets: names in the clear, each value encrypted and bound to app and name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from hostd.errors import SecretsUnreadable
from hostd.store import BadState, read_json, write_json
from hostd.vault.keys import Keyring
from hostd.vault.tables import Secrets


def write(path: Path, keys: Keyring, app_id: str, secrets: Secrets) -> None:
    """Keep ``secrets``, whole; none are no file. Raises DiskFull, OSError."""
    if not secrets:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    values = {
        name: keys.seal(tomli_w.dumps({"value": value}).encode(), _about(app_id, name))
        for name, value in secrets.items()
    }
    write_json(path, {"key": keys.current, "values": values})


def read(path: Path, keys: Keyring, app_id: str) -> dict[str, Any]:
    """The secrets in a file; {} when there is none. Raises SecretsUnreadable."""
    if not path.exists():
        return {}
    key, values = _content(path)
    return {name: _plain(keys.open(text, _about(app_id, name), key)) for name, text in values.items()}


def is_current(path: Path, keys: Keyring) -> bool:
    """Whether the key that encrypts now was used. Raises SecretsUnreadable."""
    return _content(path)[0] == keys.current


def _content(path: Path) -> tuple[str, Mapping[str, str]]:
    try:
        found = read_json(path)
        key, values = found["key"], found["values"]
    except (BadState, KeyError) as error:
        raise SecretsUnreadable(f"The file of the secrets can't be read: {error}") from None
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise SecretsUnreadable("The file of the secrets holds something else.")
    return str(key), values


def _plain(data: bytes) -> Any:
    return tomllib.loads(data.decode())["value"]


def _about(app_id: str, name: str) -> bytes:
    """What is bound to a value: moved to another app, or to another name, it can't be opened."""
    return b"\0".join((b"hostd secret", app_id.encode(), name.encode()))
