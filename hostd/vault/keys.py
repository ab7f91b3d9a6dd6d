"""The platform's keys for secrets: from a file, from the environment, or made at the first start.

The first key encrypts; those after it only decrypt what was encrypted before a rotation.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hostd.errors import SecretsUnreadable, SettingsError
from hostd.layout import Layout
from hostd.setting_names import PREFIX
from hostd.setting_texts import KEY_BYTES, secrets_keys
from hostd.settings import Settings
from hostd.store import write_whole

log = logging.getLogger(__name__)
NONCE_BYTES = 12
"""As NIST SP 800-38D recommends for GCM: random, so fewer than 2**32 values by one key."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys of 32 bytes; ``path`` is the file they are from, None for the environment."""

    keys: tuple[bytes, ...]
    path: Path | None = None

    @property
    def current(self) -> str:
        """The id of the key that encrypts."""
        return key_id(self.keys[0])

    def seal(self, plain: bytes, about: bytes) -> str:
        """``plain`` encrypted by the first key, as Base64. ``about`` is bound to it, and not in it."""
        nonce = os.urandom(NONCE_BYTES)
        return base64.b64encode(nonce + AESGCM(self.keys[0]).encrypt(nonce, plain, about)).decode()

    def open(self, sealed: str, about: bytes, key: str) -> bytes:
        """What ``seal`` was given. Raises SecretsUnreadable."""
        for known in self.keys:
            if key_id(known) == key:
                return _open(known, sealed, about)
        raise SecretsUnreadable(f"Secrets are encrypted with another key ({key}) than hostd has.")


def _open(key: bytes, sealed: str, about: bytes) -> bytes:
    try:
        data = base64.b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        raise SecretsUnreadable("A secret was changed on the disk, or is another app's.") from None


def key_id(key: bytes) -> str:
    """Tells keys apart and tells nothing of them: the beginning of a digest."""
    return hashlib.sha256(b"hostd secrets key" + key).hexdigest()[:16]


def new_key() -> bytes:
    """A random key."""
    return AESGCM.generate_key(KEY_BYTES * 8)


def key_file(settings: Settings, layout: Layout) -> Path | None:
    """The file that holds the keys; None when they stand in the environment."""
    if settings.secrets_key:
        return None
    return settings.secrets_key_file or layout.secrets_key


def load(settings: Settings, layout: Layout, tell: Callable[[str], object] = log.warning) -> Keyring:
    """The keys; one is made, and ``tell`` told, when none is set and there is none yet.

    Raises SettingsError, DiskFull.
    """
    path = key_file(settings, layout)
    if path is None:
        return Keyring(settings.secrets_key)
    if path == layout.secrets_key and not path.exists():
        write_keys(path, [new_key()])
        tell(f"secrets are encrypted with the key in {path}, made just now: keep a copy elsewhere")
    return read_keys(path)


def read_keys(path: Path) -> Keyring:
    """The keys in a file, one a line. Raises SettingsError."""
    name = f"{PREFIX}SECRETS_KEY_FILE={path}"
    try:
        return Keyring(secrets_keys(path.read_text(encoding="latin-1")), path)
    except OSError as error:
        raise SettingsError(f"{name}: can't be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None


def write_keys(path: Path, keys: Sequence[bytes]) -> None:
    """Keep keys, whole, for this user alone. Raises DiskFull, OSError."""
    write_whole(path, "".join(f"{base64.b64encode(key).decode()}\n" for key in keys).encode())
