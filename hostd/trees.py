"""Trees of files that somebody else made: of any depth, with links planted in them. Standard library only.

Each folder is opened from the one above it and never through a link (openat(2), O_NOFOLLOW). Depth costs
neither recursion nor descriptors, and no path is put together: those have a limit (PATH_MAX).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # it is read at the start of every app
    from collections.abc import Callable, Iterator

    Key = tuple[int, int]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT = 64
"""Levels whose descriptors stay open; the way up from deeper ones is "..", which is looked at twice."""


class Moved(OSError):
    """A folder was moved elsewhere while we were in it."""


def delete(root: str | os.PathLike[str]) -> bool:
    """Delete a folder and all below, as far as that can be done. Whether it is gone; never raises OSError.

    What lies deep is brought up first: so a kill in between leaves a tree that is less deep.
    """
    try:
        top = _opened(os.fspath(root), None)
    except OSError:
        return not os.path.lexists(root)
    try:
        _clear(top)
    finally:
        os.close(top)
    return _tried(os.rmdir, os.fspath(root), None) or not os.path.lexists(root)


def _clear(top: int) -> None:
    stuck: set[str] = set()
    while waiting := [name for name in _emptied(top) if name not in stuck]:
        for name in waiting:
            if not _flatten(name, top):
                stuck.add(name)


def _flatten(name: str, top: int) -> bool:
    """Take the folder ``name`` away, the folders in it being brought up beside it."""
    try:
        inner = _opened(name, top)
    except OSError:
        return False
    try:
        for deeper in _emptied(inner):
            _bring_up(deeper, inner, top)
    finally:
        os.close(inner)
    return _tried(os.rmdir, name, top)


def _bring_up(name: str, inner: int, top: int) -> None:
    target = os.urandom(12).hex()
    for _ in range(2):
        try:
            os.rename(name, target, src_dir_fd=inner, dst_dir_fd=top)
        except PermissionError:  # its own user may have to be let in first
            _tried(lambda name, dir_fd: os.close(_opened(name, dir_fd)), name, inner)
        except OSError:
            return
        else:
            return


def _emptied(folder: int) -> list[str]:
    """The folders in an open one, which has nothing else any more."""
    folders, others = _listed(folder)
    for name in others:
        _tried(os.unlink, name, folder)
    return folders


def _tried(what: object, name: str, folder: int | None) -> bool:
    try:
        what(name, dir_fd=folder)  # type: ignore[operator]
    except OSError:
        return False
    return True


def _opened(name: str, folder: int | None) -> int:
    """A folder that its owner can change from here on. Raises OSError."""
    try:
        opened = os.open(name, _FOLDER, dir_fd=folder)
    except PermissionError:
        itself = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.chmod(f"/proc/self/fd/{itself}", 0o700)  # noqa: PTH101 - pathlib would double the start-up
        finally:
            os.close(itself)
        opened = os.open(name, _FOLDER, dir_fd=folder)
    if os.fstat(opened).st_mode & 0o700 != 0o700:
        _tried(lambda _, dir_fd: os.fchmod(dir_fd, 0o700), name, opened)
    return opened


def walk(
    root: str | os.PathLike[str], wanted: Callable[[os.stat_result], bool] | None = None
) -> Iterator[tuple[list[str], int, list[str]]]:
    """Bottom up, each folder of a tree: the names that lead to it, it opened, and what in it is no folder.

    The root comes last. What is given is good until the next. What can't be opened, or is not
    ``wanted``, is passed over. Raises OSError for the root, Moved.
    """
    opened = [os.open(root, _FOLDER)]
    keys, path = [_key(opened[0])], []
    listed = [_listed(opened[0])]
    try:
        while True:
            if listed[-1][0]:
                name = listed[-1][0].pop()
                if (inner := _entered(name, opened[-1], wanted)) is not None:
                    opened.append(inner)
                    if len(opened) > _KEPT:
                        os.close(opened.pop(-2))
                    keys.append(_key(inner))
                    path.append(name)
                    listed.append(_listed(inner))
                continue
            yield path, opened[-1], listed.pop()[1]
            if not path:
                return
            path.pop()
            keys.pop()
            if len(path) >= _KEPT - 1:
                opened.append(_above(opened[-1], keys[-1]))
                os.close(opened.pop(-2))
            else:
                os.close(opened.pop())
    finally:
        for one in opened:
            os.close(one)


def _entered(name: str, folder: int, wanted: Callable[[os.stat_result], bool] | None) -> int | None:
    try:
        opened = os.open(name, _FOLDER, dir_fd=folder)
    except OSError:
        return None
    if wanted is not None and not wanted(os.fstat(opened)):
        os.close(opened)
        return None
    return opened


def _above(folder: int, key: Key) -> int:
    above = os.open("..", _FOLDER, dir_fd=folder)
    if _key(above) != key:
        os.close(above)
        raise Moved("a folder was moved while it was read")
    return above


def _key(folder: int) -> Key:
    found = os.fstat(folder)
    return (found.st_dev, found.st_ino)


def _listed(folder: int) -> tuple[list[str], list[str]]:
    """The names of the folders in an open one, and all others."""
    folders: list[str] = []
    others: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            (folders if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
    return folders, others
