"""Another key for all secrets. Killed at any moment, nothing is lost: run again, it ends what was begun."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hostd.errors import SecretsUnreadable, SettingsError
from hostd.layout import Layout
from hostd.setting_names import PREFIX
from hostd.settings import Settings
from hostd.vault import keys, sealed
from hostd.vault.keys import Keyring


def rotate(settings: Settings, layout: Layout, tell: Callable[[str], object]) -> None:
    """Encrypt everything by a new key, while no platform runs.

    Where there are two keys or more, the first is the new one. Otherwise one is made, which needs a file
    that can be written. The old ones go once nothing needs them. Raises SettingsError, DiskFull.
    """
    ring = keys.load(settings, layout, tell)
    if len(ring.keys) == 1:
        ring = _with_new(ring)
    files = sorted(layout.apps.glob("*/secrets/*.json"))
    lost = [path for path in files if not _encrypted_anew(path, ring)]
    for path in lost:
        tell(f"{path}: can't be read with any key, and stays as it is")
    tell(f"{len(files) - len(lost)} files are encrypted with the key {ring.current}")
    if ring.path is None or not _is_writable(ring.path):
        tell("take the other keys away now")
    elif not lost:
        keys.write_keys(ring.path, ring.keys[:1])


def _with_new(ring: Keyring) -> Keyring:
    """The new key stands in the file before it encrypts anything. Raises SettingsError."""
    if ring.path is None:
        raise SettingsError(
            f"{PREFIX}SECRETS_KEY: put a new key before the old one, with a comma between, and run this again"
        )
    if not _is_writable(ring.path):
        raise SettingsError(
            f"{PREFIX}SECRETS_KEY_FILE={ring.path}: can't be written; "
            "put a new key on a line before the old one, and run this again"
        )
    both = (keys.new_key(), *ring.keys)
    keys.write_keys(ring.path, both)
    return Keyring(both, ring.path)


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _encrypted_anew(path: Path, ring: Keyring) -> bool:
    app_id = path.parent.parent.name
    try:
        if not sealed.is_current(path, ring):
            sealed.write(path, ring, app_id, sealed.read(path, ring, app_id))
    except SecretsUnreadable:
        return False
    return True
