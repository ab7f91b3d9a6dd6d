"""run.log: our lines in, the last lines out. Files are read by block and offset, never whole.

supervisord writes the app's output to the same file and rotates it (run.log.1 is the older one).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

BLOCK = 65536
TAIL_LIMIT = 8 * 1024 * 1024
"""No tail is longer than this many bytes, however long its lines are."""
LINE_LIMIT = 65536
"""A followed line that is longer comes in pieces: an app that never ends its line must not fill memory."""


def now() -> str:
    """The time as ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def say(path: Path, text: str) -> None:
    """Append one line of ours, with the time. A full disk loses the line, never the operation."""
    line = " ".join(text.split("\n")).rstrip()
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        file.write(f"{now()} [hostd] {line}\n".encode(errors="backslashreplace"))


def tail(path: Path, lines: int) -> str:
    """The last ``lines`` lines of the log, its rotated predecessor included; '' when there is none.

    Only a line feed ends a line: a progress bar that draws itself anew with \\r is one line.
    """
    return _tail(path, lines).decode("utf-8", "replace")


def _tail(path: Path, lines: int, end: int | None = None) -> bytes:
    found = _tail_one(path, lines, end)
    if found.count(b"\n") <= lines and len(found) < TAIL_LIMIT:
        found = _tail_one(path.with_name(path.name + ".1"), lines) + found
    return _last(found, lines)


def _tail_one(path: Path, lines: int, end: int | None = None) -> bytes:
    try:
        with path.open("rb") as file:
            return _last_blocks(file, lines, end)
    except OSError:
        return b""


def _last_blocks(file: BinaryIO, lines: int, end: int | None) -> bytes:
    """At least the last ``lines`` lines before ``end``, whole blocks of them."""
    size = file.seek(0, os.SEEK_END)
    position = size if end is None else min(end, size)
    floor = max(0, position - TAIL_LIMIT)
    blocks: list[bytes] = []
    breaks = 0
    while position > floor and breaks <= lines:
        size = min(BLOCK, position - floor)
        position -= size
        file.seek(position)
        blocks.append(file.read(size))
        breaks += blocks[-1].count(b"\n")
    return b"".join(reversed(blocks))


def _last(data: bytes, lines: int) -> bytes:
    start = len(data) - data.endswith(b"\n")
    for _ in range(lines):
        start = data.rfind(b"\n", 0, start)
        if start < 0:
            return data
    return data[start + 1 :]


async def follow(path: Path, lines: int, interval: float = 0.25) -> AsyncIterator[str | None]:
    """The tail, then each new line, for ever; None is a sign of life in between.

    Follows a rotated file by its inode. A line is whole, or over LINE_LIMIT long.
    """
    position, inode = await asyncio.to_thread(_end, path)
    data = await asyncio.to_thread(_tail, path, lines, position)
    rest = b""
    while True:
        *whole, rest = (rest + data).split(b"\n")
        if len(rest) > LINE_LIMIT:
            whole, rest = [*whole, rest], b""
        for raw in whole:
            yield raw.decode("utf-8", "replace")
        if not data:
            yield None
            await asyncio.sleep(interval)
        data, position, inode = await asyncio.to_thread(_read_on, path, position, inode)


def _end(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_ino


def _read_on(path: Path, position: int, inode: int) -> tuple[bytes, int, int]:
    """What came after ``position``; when the file was rotated, first the rest of the old one."""
    size, current = _end(path)
    if current == inode:
        return _read(path, position if position <= size else 0, inode)
    old = path.with_name(path.name + ".1")
    data, _, _ = _read(old, position, inode) if _end(old)[1] == inode else (b"", 0, 0)
    return data, 0, current


def _read(path: Path, position: int, inode: int) -> tuple[bytes, int, int]:
    try:
        with path.open("rb") as file:
            file.seek(position)
            data = file.read(BLOCK * 16)
    except OSError:
        return b"", position, inode
    return data, position + len(data), inode
