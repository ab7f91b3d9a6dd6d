"""Files with the platform's secrets, outside the data folder: whether apps could read them."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from hostd import uids
from hostd.confine import landlock
from hostd.errors import SettingsError
from hostd.identity import closed_above
from hostd.lifecycle.building import readable_by_builds
from hostd.lifecycle.confinement import readable_by_all, shared
from hostd.setting_names import PREFIX
from hostd.settings import Settings


def check(settings: Settings, users: uids.Uids | None) -> list[str]:
    """What is to be told about them. Raises SettingsError for one that apps could read.

    As one user Landlock alone keeps a file from them, and where they may read a folder it can't leave out a
    file below. With users modes do it: what only Landlock keeps is told.
    """
    told = []
    for name, path in _files(settings):
        where = _read_below(settings, path, users)
        open_mode = _mode_if_open(path, users) if users else None
        if where is not None and (users is None or open_mode is not None):
            raise SettingsError(f"{PREFIX}{name}={path}: {_refusal(where, open_mode)}")
        if open_mode is not None:
            told.append(
                f"warning: {PREFIX}{name}={path}: others may read it (mode {open_mode:o}), and only"
                " Landlock keeps apps from it; chmod 600 it"
            )
    return told


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Those outside the data folder, wherever links lead; what is in it is kept from apps anyway."""
    data = settings.data.resolve()
    named = {
        "SECRETS_KEY_FILE": settings.secrets_key_file,
        "ADMIN_PASSWORD_FILE": settings.admin_password_file,
        "OIDC_CLIENT_SECRET_FILE": settings.oidc_client_secret_file,
    }
    for name, path in named.items():
        if path is not None and not path.resolve().is_relative_to(data):
            yield name, path


def _read_below(settings: Settings, path: Path, users: uids.Uids | None) -> Path | None:
    """The folder with ``path`` in it that apps, or what builds for them, may read."""
    roots = [*readable_by_all(settings), *readable_by_builds(settings), *settings.app_write]
    roots += map(Path, shared(settings.data.resolve())) if users else ()
    if users and not landlock.abi():
        return Path("/")
    real = path.resolve()
    return next((one for one in roots if real.is_relative_to(one.resolve())), None)


def _mode_if_open(path: Path, users: uids.Uids) -> int | None:
    """Its permissions, when they or those of its folders don't keep apps from it."""
    try:
        found = path.resolve(strict=True).stat()
    except OSError:
        return None
    apps = range(users.first, users.last + 1)
    groups = found.st_mode & stat.S_IRGRP and found.st_gid in apps
    open_to_them = found.st_mode & stat.S_IROTH or groups or found.st_uid in apps
    return stat.S_IMODE(found.st_mode) if open_to_them and closed_above(path.resolve()) is None else None


def _refusal(where: Path, open_mode: int | None) -> str:
    if open_mode is not None:
        return f"apps can read it, for its mode is {open_mode:o}; chmod 600 it"
    return (
        f"apps can read it, for they are hostd's own user here and may read {where}; move it elsewhere,"
        " such as /run/secrets or a folder below /var/lib"
    )
