"""Looks for planted values wherever they must not be: files, command lines, answers."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path


def in_bytes(data: bytes | mmap.mmap, wanted: Iterable[bytes]) -> bool:
    """Whether any of it is there."""
    return any(data.find(needle) >= 0 for needle in wanted)


def files_with(folder: Path, wanted: Iterable[bytes]) -> Iterator[Path]:
    """Every file below ``folder`` that holds any of it, hard links looked at once."""
    wanted, seen = list(wanted), set[int]()
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        stat = path.stat()
        if stat.st_ino in seen or not stat.st_size:
            continue
        seen.add(stat.st_ino)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if in_bytes(data, wanted):
                yield path


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
