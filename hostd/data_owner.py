"""Whose the data folder is where apps have users of their own: the folders on the way, the caches."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from uv import find_uv_bin

from hostd import builds, trees, uids
from hostd.identity import Gift, Identity, give, give_tree, owner_of
from hostd.layout import Layout
from hostd.settings import Settings


def prepare_users(settings: Settings, layout: Layout, tell: Callable[[str], object]) -> uids.Uids | None:
    """Give everything to root but what is the builder's; apps get theirs when they are settled.

    What lay there before comes from a hostd that was not root. The data folder itself goes last, so that an
    interrupted change is seen and finished by the next start. Returns the users, None where there are none.
    """
    found = uids.usable(settings, find_uv_bin(), builds.interpreter())
    if isinstance(found, str):
        return None
    _take_over(layout, owner_of(layout.root)[0])
    for folder in (layout.apps, layout.hand_over):
        give(folder, Gift(uids.PLATFORM, folders=0o711, files=0o600))
    for folder in (layout.supervisor, layout.logs):
        give_tree(folder, Gift(uids.PLATFORM, folders=0o700, files=0o600))
    _prepare_caches(settings, layout, found.builder, tell)
    give(layout.root, Gift(uids.PLATFORM, folders=0o711, files=0o600))
    return found


def give_home(folder: Path, to: Identity | None) -> None:
    """What the console keeps is whose it runs as, None for the platform's own user."""
    if os.geteuid() == 0:
        give_tree(folder, Gift(to or uids.PLATFORM, folders=0o700, files=0o600))


def _take_over(layout: Layout, before: int) -> None:
    """Root's becomes what was the user's that hostd ran as; the caches are dealt with by themselves."""
    if before in (uids.PLATFORM.uid, -1):
        return
    for base, folders, names, descriptor in os.fwalk(layout.root):
        if Path(base) == layout.cache.parent:
            folders.clear()
        for name in (*folders, *names):
            _take(name, descriptor, before)


def _take(name: str, folder: int, before: int) -> None:
    """A file with a second name may not be ours to take: venvs, which have such, are given as a whole."""
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if found.st_uid == before and (found.st_nlink == 1 or not stat.S_ISREG(found.st_mode)):
        os.chown(name, uids.PLATFORM.uid, uids.PLATFORM.gid, dir_fd=folder, follow_symlinks=False)


def _prepare_caches(
    settings: Settings, layout: Layout, builder: Identity, tell: Callable[[str], object]
) -> None:
    """The builder trusts what is in them, so they begin empty. An empty UV_CACHE_DIR becomes its as well."""
    cache = layout.cache.parent
    named = Path(settings.build_environment.get("UV_CACHE_DIR", layout.cache))
    if owner_of(cache)[0] != builder.uid:
        _empty(cache, builder)
    trees.delete(layout.git)  # what a kill left
    for own in (cache / "own", layout.git):
        own.mkdir(mode=0o711, exist_ok=True)
        give(own, Gift(uids.PLATFORM, folders=0o711, files=0o600))
    named.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not list(named.iterdir()):  # any() would leave the folder open
        give(named, Gift(builder, folders=0o700, files=0o600))
    for folder in (layout.cache, layout.statics, *cache.glob("bytecode-*")):
        folder.mkdir(mode=0o700, exist_ok=True)
        give(folder, Gift(builder, folders=0o700, files=0o600))
    give(cache, Gift(builder, folders=0o711, files=0o600))
    if owner_of(named)[0] != builder.uid:
        tell(f"UV_CACHE_DIR={named} is not of the user that installs run as ({builder.uid}) and not used")


def _empty(cache: Path, builder: Identity) -> None:
    """All but the Pythons, which venvs run on: where all was one user, code of others may have been at it."""
    for entry in cache.iterdir():
        if entry.name == "python":
            give_tree(entry, Gift(builder, folders=0o755, files=0o644, linked=True))
        elif entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
