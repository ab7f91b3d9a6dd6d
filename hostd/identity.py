"""Unix identities as numbers: acting as one, becoming one, giving files to one.

No passwd entry is needed. Whatever lies where an app can write is reached by descriptor and never through a
link (open(2), O_NOFOLLOW): an app may put a link there for root to follow.
"""

from __future__ import annotations

import codecs
import os
import stat
import subprocess  # noqa: TID251 - to end processes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hostd import trees
from hostd.launch import die_with_parent

_AS_IT_IS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
READABLE = 0o022
"""The umask of what is for apps to read; who may enter the folder is decided above it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and its groups, by number."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@contextmanager
def acting(identity: Identity | None) -> Iterator[None]:
    """Open, make and delete files as ``identity`` in the block, if there is one.

    It holds for the whole process, so it is for programs with one thread. Signals and ptrace of that user
    don't reach us: the real user stays root (kill(2), ptrace(2)).
    """
    if identity is None:
        yield
        return
    umask, parent = os.umask(READABLE), os.getppid()
    os.setgroups(identity.groups)
    os.setegid(identity.gid)
    os.seteuid(identity.uid)
    _tie_to(parent)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.umask(umask)
        _tie_to(parent)


def _tie_to(parent: int) -> None:
    """A change of the user clears what ends us with our parent (prctl(2)). Raises OSError: it has ended."""
    die_with_parent()
    if os.getppid() != parent:
        raise OSError("the parent process has ended")


def become(identity: Identity) -> None:
    """Be ``identity`` for good, also out of ``acting``. Raises OSError."""
    os.seteuid(0)
    os.umask(READABLE)
    os.setgroups(identity.groups)
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)


def preload_codecs() -> None:
    """Load what Python loads late: who acts for another may not get to the standard library's files."""
    for name in (
        "utf-8-sig",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "latin-1",
        "ascii",
        "idna",
        "cp437",
    ):
        codecs.lookup(name)


def end_all(uid: int) -> None:
    """SIGKILL every process of a user in one call of the kernel (kill(2), -1); none can outrun it."""
    command = ["/bin/sh", "-c", "kill -KILL -1"]
    subprocess.run(command, user=uid, group=uid, extra_groups=[], check=False, capture_output=True)


def output_as(command: list[str], uid: int | None, timeout: float = 5.0) -> str:
    """What a program of the system's says when it runs as ``uid`` (None: as who we are); '' when it can't.

    The kernel tells some things about a process to its own user, and to a root with more rights than we have.
    """
    groups = None if uid is None else ()
    with suppress(OSError, subprocess.TimeoutExpired):
        made = subprocess.run(
            command, user=uid, group=uid, extra_groups=groups, cwd="/", env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False,
        )  # fmt: skip
        return made.stdout.decode(errors="replace")
    return ""


@dataclass(frozen=True, slots=True)
class Gift:
    """Whose files become, with which permissions; ``linked``: also those that have a second name.

    A second name (a hard link) may be that of a file that is not to be given away. A file that its owner
    may execute stays executable for those who may read it.
    """

    to: Identity
    folders: int
    files: int
    linked: bool = False


def give(path: Path, gift: Gift) -> None:
    """Give one file or folder away; what is neither stays as it is."""
    _give_at(str(path), None, gift)


def give_new_folder(name: str, within: int, to: Identity) -> None:
    """Give a folder that root has just made in the open folder ``within``, if it is that very one."""
    descriptor = os.open(name, _AS_IT_IS | os.O_DIRECTORY, dir_fd=within)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchown(descriptor, to.uid, to.gid)
    finally:
        os.close(descriptor)


def give_tree(root: Path, gift: Gift, apart: Mapping[str, Gift] = MappingProxyType({})) -> None:
    """Give a whole tree away, its root last; links in it change nothing else. ``apart``: by path in it."""
    for path, descriptor, names in trees.walk(root):
        inner = "".join(f"{part}/" for part in path) if apart else ""
        for name in names:
            _give_at(name, descriptor, apart.get(inner + name, gift))
        _give_open(descriptor, gift)


def open_folders(root: Path, owner: int, mode: int) -> None:
    """Other permissions for the folders of ``owner`` in a tree, and for no others; its root last."""
    for _, descriptor, _ in trees.walk(root):
        if os.fstat(descriptor).st_uid == owner:
            os.fchmod(descriptor, mode)


def _give_at(name: str, folder: int | None, gift: Gift) -> None:
    try:
        descriptor = os.open(name, _AS_IT_IS, dir_fd=folder)
    except OSError:  # a link, a socket, or gone
        _give_link(name, folder, gift.to)
        return
    try:
        _give_open(descriptor, gift)
    finally:
        os.close(descriptor)


def _give_open(descriptor: int, gift: Gift) -> None:
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        if found.st_nlink > 1 and not gift.linked:
            return
        mode = gift.files | ((gift.files & 0o444) >> 2 if found.st_mode & 0o100 else 0)
    elif stat.S_ISDIR(found.st_mode):
        mode = gift.folders
    else:
        return
    if (found.st_uid, found.st_gid) != (gift.to.uid, gift.to.gid):
        os.fchown(descriptor, gift.to.uid, gift.to.gid)
    if stat.S_IMODE(found.st_mode) != mode:
        os.fchmod(descriptor, mode)


def _give_link(name: str, folder: int | None, to: Identity) -> None:
    """A link has an owner too, who alone may delete it from a sticky folder."""
    with suppress(OSError):
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.chown(name, to.uid, to.gid, dir_fd=folder, follow_symlinks=False)


def owner_of(path: Path) -> tuple[int, int, int]:
    """(uid, gid, permissions) of a path itself; (-1, -1, 0) when it is not there."""
    try:
        found = path.lstat()
    except OSError:
        return (-1, -1, 0)
    return (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def closed_above(path: Path) -> Path | None:
    """The topmost folder above ``path`` that other users can't enter; None when they get through."""
    return next((one for one in reversed(path.absolute().parents) if not _is_open(one)), None)


def _is_open(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & 0o001)
    except OSError:
        return False


def is_reachable(program: Path) -> bool:
    """Whether other users can run ``program``, wherever links lead."""
    try:
        found = program.resolve(strict=True)
    except OSError:
        return False
    return bool(found.stat().st_mode & 0o005 == 0o005) and closed_above(found) is None
