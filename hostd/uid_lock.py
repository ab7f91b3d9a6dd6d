"""One hostd for each range of uids on a machine: the end of an app ends all that runs as its number.

A range of uids is a range of bytes in a file, locked as long as its platform runs: so any overlap is one of
locks, which the kernel finds, and gives up with the last process (fcntl(2), open file description locks).
Beside that file the data folder of each range is noted.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from pathlib import Path

from hostd import store
from hostd.errors import SettingsError
from hostd.setting_names import PREFIX
from hostd.uids import Uids

_FLOCK = "hhqqi4x"
"""struct flock on 64-bit Linux: type, whence, start, length, pid (asm-generic/fcntl.h)."""
LOCKS = "uids.lock"


class Unusable(Exception):
    """Locks can't be held in this folder; the message says why."""


def take(folder: Path, users: Uids, data: Path) -> int:
    """Hold the range; the descriptor holds it, also in programs that inherit it.

    Raises SettingsError where another hostd has one of its numbers, Unusable.
    """
    descriptor = _opened(folder)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _lock(fcntl.F_WRLCK, users))
    except OSError:
        taken = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _lock(fcntl.F_WRLCK, users))
        os.close(descriptor)
        _, _, first, length, _ = struct.unpack(_FLOCK, taken)
        raise SettingsError(_refusal(folder, users, Uids(first, first + length - 1))) from None
    store.write_whole(_note(folder, users), f"{data}\n".encode())
    return descriptor


def _opened(folder: Path) -> int:
    """The file with the locks, in a folder that is only root's to change. Raises Unusable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise Unusable(f"{folder} must be a folder of root's that nobody else can write in")
        return os.open(folder / LOCKS, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unusable(f"{folder} can't be written: {error.strerror}") from None


def _lock(kind: int, users: Uids) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, users.first, users.last - users.first + 1, 0)


def _note(folder: Path, users: Uids) -> Path:
    return folder / f"{users.first}-{users.last}"


def _refusal(folder: Path, users: Uids, other: Uids) -> str:
    note = _note(folder, other)
    whose = f"the hostd with its data in {note.read_text().strip()}" if note.is_file() else "another hostd"
    return (
        f"{PREFIX}UID_MIN={users.first}: {whose} has the uids {other.first} to {other.last} on this machine; "
        f"choose a range of its own ({PREFIX}UID_MIN, {PREFIX}UID_MAX)"
    )
