"""Looks for planted values wherever they must not be: files, command lines, answers."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def in_bytes(data: bytes | mmap.mmap, wanted: Iterable[bytes]) -> bool:
    """Whether any of it is there."""
    return any(data.find(needle) >= 0 for needle in wanted)


def files_with(folder: Path, wanted: Iterable[bytes]) -> Iterator[Path]:
    """Every file below ``folder`` that holds any of it, hard links once; what goes meanwhile is gone."""
    wanted, seen = list(wanted), set[int]()
    for path, about in below(folder):
        with suppress(FileNotFoundError):
            if _is_new(about, seen) and _holds(path, wanted):
                yield path


def below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below a folder in which others are at work, without what goes meanwhile."""
    for base, folders, names in os.walk(folder, onerror=_unless_gone):
        for path in (Path(base, name) for name in (*folders, *names)):
            with suppress(FileNotFoundError):
                yield path, path.lstat()


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _is_new(about: os.stat_result, seen: set[int]) -> bool:
    if not stat.S_ISREG(about.st_mode) or about.st_ino in seen:
        return False
    seen.add(about.st_ino)
    return True


def _holds(path: Path, wanted: list[bytes]) -> bool:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return False
        with suppress(ValueError), mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return in_bytes(data, wanted)
    return False  # it was emptied meanwhile


def processes_with(wanted: Iterable[bytes]) -> Iterator[int]:
    """The pid of every process that has any of it on its command line."""
    wanted = list(wanted)
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                line = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if in_bytes(line, wanted):
                yield int(process.name)


def told(folder: Path, wanted: Iterable[bytes]) -> str:
    """Files below ``folder`` and pids that have any of it, a line each, with the modes of the files."""
    wanted = list(wanted)
    files = [f"{path.stat().st_mode & 0o777:o} {path}" for path in files_with(folder, wanted)]
    return "\n".join([*sorted(files), *(f"process {pid}" for pid in processes_with(wanted))])


if __name__ == "__main__":  # in a container: the folder, and what is looked for, as hexadecimal text
    import sys

    sys.stdout.write(told(Path(sys.argv[1]), map(bytes.fromhex, sys.argv[2:])) + "\n")
