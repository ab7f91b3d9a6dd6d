"""Streamlit's own files for browsers: the platform's copies, one per version and content.

A copy is read-only, and made by an install before any code of the app ran (builds/static_copy.py). Its key is
``<version>-<digest>``; ``<key>.zip`` holds the files as they are, ``<key>.gzip.zip`` and ``<key>.br.zip``
those that compress well, each entry the body of a response in that coding (RFC 9110 section 8.4.1). So a
copy is whole or not there, and a name leads to an entry or to nothing, never to another file of the disk.
"""

from __future__ import annotations

import os
import re
import time
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

IDENTITY = ""
CODINGS = ("br", "gzip")
"""Content codings of packs, the best first; IDENTITY is the pack of files as they are."""
KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,80}-[0-9a-f]{16}")
UNUSED_DAYS = 30
"""A copy that no install has used for so long is looked at: does a release still name it?"""
SMALL = 512 * 1024
"""Bytes of a body that may be kept in memory."""
_KEPT = 16 * 1024 * 1024


def pack(folder: Path, key: str, coding: str = IDENTITY) -> Path:
    """The file that holds the copy's bodies in a coding."""
    return folder / f"{key}.{coding}.zip" if coding else folder / f"{key}.zip"


class Damaged(Exception):
    """The bytes of a pack are not those that were written."""


class Body(NamedTuple):
    """One file in one coding: where its bytes are in the pack, how many, and their CRC-32."""

    key: str
    coding: str
    offset: int
    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class _Pack:
    """An open pack and its index. Entries are stored as they are, so bytes are read without zipfile."""

    descriptor: int
    bodies: dict[str, Body]

    def __del__(self) -> None:
        os.close(self.descriptor)


class StaticCopies:
    """The copies in ``folder``. ``find``, ``keep`` and ``forget`` are for one thread, ``read`` for any."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packs: dict[tuple[str, str], _Pack] = {}
        self._bodies: OrderedDict[Body, bytes] = OrderedDict()
        self._kept = 0

    def has(self, key: str, name: str) -> bool:
        """Whether the copy ``key`` is there, and has a file ``name``."""
        return self.find(key, name, ()) is not None

    def find(self, key: str, name: str, codings: Sequence[str]) -> Body | None:
        """The file in the first of ``codings`` that there is, else as it is; None: there is no such file."""
        for coding in (*codings, IDENTITY):
            opened = self._packs.get((key, coding)) or self._open(key, coding)
            if opened is not None and (body := opened.bodies.get(name)):
                return body
        return None

    def _open(self, key: str, coding: str) -> _Pack | None:
        """Read a pack's index, 2 ms, once; one that is not there costs an open that fails."""
        if not KEY.fullmatch(key):
            return None
        try:
            with pack(self._folder, key, coding).open("rb") as file:
                entries = zipfile.ZipFile(file).infolist()
                opened = _Pack(os.dup(file.fileno()), {e.filename: _body(key, coding, e) for e in entries})
        except (OSError, zipfile.BadZipFile):
            return None
        self._packs[key, coding] = opened
        return opened

    def read(self, body: Body, begin: int, size: int) -> bytes:
        """So many of its bytes (or up to its end) from ``begin`` on. Raises OSError, Damaged."""
        wanted = min(size, body.size - begin)
        opened = self._packs.get((body.key, body.coding))  # held: its descriptor stays open meanwhile
        if opened is None:
            raise Damaged(body)
        data = os.pread(opened.descriptor, wanted, body.offset + begin)
        if len(data) != wanted:
            raise Damaged(body)
        return data

    def read_whole(self, body: Body) -> bytes:
        """All of its bytes. Raises OSError, Damaged."""
        data = self.read(body, 0, body.size)
        if zlib.crc32(data) != body.crc:
            raise Damaged(body)
        return data

    def forget(self, damaged: Body) -> None:
        """Remove its pack: the next install makes it anew, until then the app's own files are named."""
        opened = self._packs.pop((damaged.key, damaged.coding), None)
        path = pack(self._folder, damaged.key, damaged.coding)
        with suppress(OSError):
            if opened is not None and os.path.samestat(os.fstat(opened.descriptor), path.stat()):
                path.unlink()

    def kept(self, body: Body) -> bytes | None:
        """Its bytes, if they are in memory."""
        found = self._bodies.get(body)
        if found is not None:
            self._bodies.move_to_end(body)
        return found

    def keep(self, body: Body, data: bytes) -> None:
        """Have its bytes in memory for the next one who asks; the least asked for make room."""
        if body not in self._bodies:
            self._bodies[body] = data
            self._kept += len(data)
        while self._kept > _KEPT:
            self._kept -= len(self._bodies.popitem(last=False)[1])


def _body(key: str, coding: str, entry: zipfile.ZipInfo) -> Body:
    """30 bytes and the name are before the data (APPNOTE.TXT section 4.3.7); static_copy.py adds no more."""
    offset = entry.header_offset + 30 + len(entry.filename)
    return Body(key, coding, offset, entry.file_size, entry.CRC)


def touch(folder: Path, key: str) -> bool:
    """Note that the copy is in use. Whether there is one."""
    try:
        os.utime(pack(folder, key))
    except FileNotFoundError:
        return False
    return True


def untouched(folder: Path) -> list[str]:
    """The keys of copies that were last used long ago."""
    oldest = time.time() - UNUSED_DAYS * 86_400
    return [path.name.removesuffix(".zip") for path in _wholes(folder) if path.stat().st_mtime < oldest]


def _wholes(folder: Path) -> Iterator[Path]:
    for path in folder.glob("*.zip"):
        if KEY.fullmatch(path.name.removesuffix(".zip")):
            yield path


def remove(folder: Path, key: str) -> None:
    """Delete a copy; what is being read still can be."""
    for coding in (IDENTITY, *CODINGS):
        pack(folder, key, coding).unlink(missing_ok=True)
