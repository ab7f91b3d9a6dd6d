"""What an app uses: memory that its processes hold and share, what its files take."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Container, Iterable
from contextlib import suppress
from pathlib import Path

from hostd import trees
from hostd.identity import output_as
from hostd.processes import memory, shared_on_machine

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - shm_overview(7)
ANYBODYS = (SHARED_MEMORY, "/tmp", "/var/tmp")  # noqa: S108 - looked at, not used
"""Where every user may have files."""
SMALLEST = 4096
"""Bytes that each file counts at least: an empty one takes a place in the disk's table of files."""
_MAPPING = re.compile(r"smaps:[0-9a-f]+-[0-9a-f]+ \S+ \S+ (\S+ \S+)\s*(.*)")
_PSS = re.compile(r"smaps:Pss:\s+(\d+) kB")


def used_memory(pids: Collection[int], most: int | None = None, uid: int | None = None) -> int:
    """Bytes that processes have for themselves and of shared memory, with ``uid``'s files in /dev/shm.

    Also such files as have no name any more. What they share is looked at closely only where it could make
    it more than ``most``.
    """
    parts = {pid: memory(pid) for pid in pids}
    own = sum(part for part, _ in parts.values())
    if most is not None and (own > most or own + shared_on_machine() <= most):
        return own
    shared = {pid: part for pid, (_, part) in parts.items() if part}
    files = 0 if uid is None else used_by_users(SHARED_MEMORY, (uid,))[uid]
    nameless = held(pids, uid, SHARED_MEMORY)
    return own + mapped(shared, uid, nameless) + files + sum(nameless.values())


def held(pids: Iterable[int], uid: int | None, folder: str | Path) -> dict[str, int]:
    """Bytes of the files on the disk of ``folder`` that processes have open and that have no name any more.

    By device and inode, as proc_pid_maps(5) has them. The kernel tells ``uid`` or root.
    """
    places = [f"/proc/{pid}/fd" for pid in pids]
    nameless = ("-type", "f", "-links", "0", "-printf", "%D %i %b\n")
    said = output_as(["find", "-L", *places, "-maxdepth", "1", *nameless], uid) if places else ""
    found = {}
    with suppress(OSError):
        device = Path(folder).stat().st_dev
        for number, inode, blocks in map(str.split, said.splitlines()):
            if int(number) == device:
                found[f"{os.major(device):02x}:{os.minor(device):02x} {inode}"] = int(blocks) * 512
    return found


def mapped(shared: dict[int, int], uid: int | None, known: Container[str] = ()) -> int:
    """Bytes of shared memory that is no file's any more, each part once; the kernel tells ``uid`` or root.

    Without files that are ``known`` by device and inode. A process that does not let itself be looked at
    has all of its ``shared`` for itself.
    """
    if not shared:
        return 0
    paths = [f"/proc/{pid}/smaps" for pid in shared]
    said = output_as(["grep", "-s", "-H", "-E", "^[0-9a-f]+-|^Pss:", *paths], uid)
    found: Counter[int] = Counter()
    seen, counts = set(), False
    for line in said.splitlines():
        pid = int(line[6:].partition("/")[0])
        seen.add(pid)
        if is_mapping := _MAPPING.search(line):
            file, path = is_mapping.groups()
            counts = file not in known and (path.endswith(" (deleted)") or path.startswith("/SYSV"))
        elif counts and (pss := _PSS.search(line)):
            found[pid] += int(pss[1]) * 1024
    return sum(min(found[pid], most) if pid in seen else most for pid, most in shared.items())


def used_disk(folder: Path) -> int:
    """Bytes that the files below ``folder`` take on the disk, each once and without following links."""
    return used_by_users(folder).total()


def used_by_users(root: str | Path, users: Container[int] | None = None) -> Counter[int]:
    """Bytes that the files below ``root`` take, by owner; those that are seen if it changes meanwhile.

    With ``users`` only folders that these may write in are gone through.
    """
    found: Counter[int] = Counter()
    twice: set[tuple[int, int]] = set()

    def wanted(folder: os.stat_result) -> bool:
        return users is None or folder.st_uid in users or bool(folder.st_mode & 0o002)

    with suppress(OSError):
        for _, folder, names in trees.walk(root, wanted):
            itself = os.fstat(folder)
            found[itself.st_uid] += itself.st_blocks * 512
            for entry in _entries(folder, names):
                key = (entry.st_dev, entry.st_ino)
                if entry.st_nlink > 1 and key in twice:
                    continue
                if entry.st_nlink > 1:
                    twice.add(key)
                found[entry.st_uid] += max(entry.st_blocks * 512, SMALLEST)
    return found


def _entries(folder: int, names: Iterable[str]) -> Iterable[os.stat_result]:
    for name in names:
        with suppress(OSError):
            yield os.stat(name, dir_fd=folder, follow_symlinks=False)


def forget_files(uid: int, folders: Iterable[str] = ANYBODYS) -> None:
    """Delete what a user has where every user may have files."""
    for root in folders:
        with suppress(OSError), os.scandir(root) as entries:
            for entry in entries:
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if found.st_uid == uid and stat.S_ISDIR(found.st_mode):
                        trees.delete(entry.path)
                    elif found.st_uid == uid:
                        os.unlink(entry.path)  # noqa: PTH108 - a path that was not made by pathlib
