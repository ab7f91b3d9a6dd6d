"""Every app's secrets: encrypted, a set for each release that may run, and clear for the app alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostd.errors import SecretsUnreadable
from hostd.layout import AppLayout, Layout
from hostd.scrubbing import Scrubber, texts
from hostd.store import translated, write_whole
from hostd.vault import sealed, tables
from hostd.vault.keys import Keyring
from hostd.vault.tables import Secrets, parse

__all__ = ["Secrets", "Vault", "parse", "tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Two kinds of files in ``apps/<app_id>/secrets/``: ``<release>.json``, encrypted, and while a program is
    to run ``<program>.toml``, in the clear, which only that app can read.
    """

    layout: Layout
    keys: Keyring

    def secrets(self, app_id: str, number: int) -> dict[str, Any]:
        """The secrets that release ``number`` runs with. Raises SecretsUnreadable."""
        return sealed.read(self.layout.app(app_id).sealed(number), self.keys, app_id)

    def keep(self, folder: AppLayout, app_id: str, number: int, secrets: Secrets) -> None:
        """Let release ``number`` run with ``secrets``. ``folder`` may be a temporary one. Raises DiskFull."""
        try:
            sealed.write(folder.sealed(number), self.keys, app_id, secrets)
        except OSError as error:
            raise translated(error) from None

    def carry(self, app_id: str, number: int, to: int) -> None:
        """Let release ``to`` run with the secrets of release ``number``. Raises DiskFull."""
        folder = self.layout.app(app_id)
        source, target = folder.sealed(number), folder.sealed(to)
        if not source.exists():
            target.unlink(missing_ok=True)
            return
        write_whole(target, source.read_bytes())

    def keep_only(self, app_id: str, numbers: Iterable[int | None]) -> None:
        """Forget the secrets of all releases but ``numbers``: what was replaced is gone from the disk."""
        folder = self.layout.app(app_id)
        kept = {folder.sealed(number) for number in numbers if number is not None}
        for path in folder.secrets.glob("*.json"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def has_any(self, app_id: str, number: int) -> bool:
        """Whether release ``number`` runs with secrets."""
        return self.layout.app(app_id).sealed(number).exists()

    def reveal(self, app_id: str, number: int, program: str, uid: int | None = None) -> None:
        """Write the file where ``program`` finds its secrets, 0400 and ``uid``'s.

        Raises SecretsUnreadable, DiskFull.

        Its folder is the platform's own, so that no link of the app's can stand there.
        """
        path = self.layout.app(app_id).secrets_toml(program)
        secrets = self.secrets(app_id, number)
        if not secrets:
            _unlink(path)
        elif not self._reads(path, secrets):
            _write_clear(path, tables.dump(secrets).encode(), uid)

    def conceal(self, app_id: str, program: str) -> None:
        """Take away the file of a program that does not run."""
        _unlink(self.layout.app(app_id).secrets_toml(program))

    def runs_with(self, app_id: str, number: int, program: str) -> bool:
        """Whether a running program has the secrets that its release is to run with."""
        with contextlib.suppress(SecretsUnreadable):
            return self._reads(self.layout.app(app_id).secrets_toml(program), self.secrets(app_id, number))
        return False

    def scrubber(self, app_id: str) -> Scrubber:
        """Finds all that is known of an app's secrets; what can't be decrypted can't be found."""
        values: list[str] = []
        for path in self.layout.app(app_id).secrets.glob("*.json"):
            with contextlib.suppress(SecretsUnreadable):
                values += texts(sealed.read(path, self.keys, app_id))
        return Scrubber(values)

    def _reads(self, path: Path, secrets: Secrets) -> bool:
        """Whether a program that reads ``path`` gets ``secrets``."""
        try:
            return path.read_text(encoding="utf-8") == tables.dump(secrets)
        except FileNotFoundError:
            return not secrets
        except (OSError, ValueError):
            return False


def conceal_all(layout: Layout) -> None:
    """Nothing runs: no file in the clear is needed."""
    for pattern in ("*.toml", ".*.toml.tmp"):
        for path in layout.apps.glob(f"*/secrets/{pattern}"):
            path.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def _unlink(path: Path) -> None:
    """And what a hostd that was killed while it wrote has left."""
    for one in (path, _temporary(path)):
        one.unlink(missing_ok=True)


def _write_clear(path: Path, data: bytes, uid: int | None) -> None:
    """Whole, in one step, and readable by the app alone from the first moment. Raises DiskFull, OSError."""
    temporary = _temporary(path)
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            if uid is not None:
                path.parent.chmod(0o711)
                os.fchown(descriptor, uid, uid)
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        raise translated(error) from None
    finally:
        temporary.unlink(missing_ok=True)
