"""Work in trees that an app can write to while root looks: each folder is opened from the one above it.

A path is looked up anew at every use, and an app may have put a link in the place of one of its folders
meanwhile. So what is opened, renamed or deleted here is named within a folder that is open (openat(2)).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hostd.layout import AppLayout, ReleaseLayout

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def app_of(release: ReleaseLayout) -> AppLayout:
    """The folder of the release's app."""
    return AppLayout(release.root.parent.parent)


def open_below(root: Path, path: str) -> BinaryIO:
    """The file at ``path`` below ``root``, for reading. Raises OSError, also when it is no file."""
    *folders, name = path.split("/")
    with _folder(root, folders) as folder:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(f"{path} is no file")
    return file


def unlink_below(root: Path, path: str) -> None:
    """Delete a file or link below ``root``; a folder stays."""
    *folders, name = path.split("/")
    with _folder(root, folders) as folder, contextlib.suppress(IsADirectoryError):
        os.unlink(name, dir_fd=folder)


def rename_below(source: Path, target: Path, within: Path, *, over: bool = False) -> None:
    """Rename, with folders made on the way below ``within``; ``over`` what is there, or with that set aside.

    What is no real folder on the way is set aside, never followed: apps may have made links. What ``source``
    and ``target`` have in common is above all that an app can write. Raises OSError.
    """
    root = Path(os.path.commonpath((source, target, within)))
    *from_folders, name = source.relative_to(root).parts
    *to_folders, new_name = target.relative_to(root).parts
    known = len(within.relative_to(root).parts)
    with _folder(root, from_folders) as old, _folder(root, to_folders[:known]) as above:
        new = os.dup(above)
        try:
            for part in to_folders[known:]:
                new = _replaced(new, _enter(new, part))
            if not over or _is_folder(new, new_name):
                _set_aside(new, new_name)
            os.rename(name, new_name, src_dir_fd=old, dst_dir_fd=new)
        finally:
            os.close(new)


@contextmanager
def _folder(root: Path, parts: list[str] | tuple[str, ...]) -> Iterator[int]:
    descriptor = os.open(root, _FOLDER)
    try:
        for part in parts:
            descriptor = _replaced(descriptor, os.open(part, _FOLDER, dir_fd=descriptor))
        yield descriptor
    finally:
        os.close(descriptor)


def _replaced(old: int, new: int) -> int:
    os.close(old)
    return new


def _enter(above: int, name: str) -> int:
    """The folder ``name``, made if it is not there: its owner is the one whose files go there."""
    if not _is_folder(above, name):
        _set_aside(above, name)
        os.mkdir(name, 0o700, dir_fd=above)
        made = os.open(name, _FOLDER, dir_fd=above)
        owner = os.fstat(above)
        if owner.st_uid not in (os.geteuid(), 0) and os.fstat(made).st_uid == os.geteuid():
            os.fchown(made, owner.st_gid, owner.st_gid)  # an app's group has its number
        return made
    return os.open(name, _FOLDER, dir_fd=above)


def _is_folder(above: int, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
    return False


def _set_aside(above: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.rename(name, f"{name}.{secrets.token_hex(3)}", src_dir_fd=above, dst_dir_fd=above)
