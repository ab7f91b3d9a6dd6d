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
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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


@dataclass(frozen=True, slots=True)
class Body:
    """One file in one coding; ``size`` in bytes."""

    key: str
    coding: str
    name: str
    size: int


class StaticCopies:
    """The copies in ``folder``. ``find`` and ``keep`` are for one thread, ``open`` for any."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packs: dict[tuple[str, str], zipfile.ZipFile] = {}
        self._bodies: OrderedDict[Body, bytes] = OrderedDict()
        self._kept = 0

    def has(self, key: str, name: str) -> bool:
        """Whether the copy ``key`` is there, and has a file ``name``."""
        return self._entry(key, IDENTITY, name) is not None

    def find(self, key: str, name: str, codings: Sequence[str]) -> Body | None:
        """The file in the first of ``codings`` that there is, else as it is; None: there is no such file."""
        for coding in (*codings, IDENTITY):
            entry = self._entry(key, coding, name)
            if entry is not None:
                return Body(key, coding, name, entry.file_size)
        return None

    def _entry(self, key: str, coding: str, name: str) -> zipfile.ZipInfo | None:
        opened = self._packs.get((key, coding)) or self._open_pack(key, coding)
        return opened.NameToInfo.get(name) if opened is not None else None

    def _open_pack(self, key: str, coding: str) -> zipfile.ZipFile | None:
        """Read a pack's index, 2 ms, once; one that is not there costs an open that fails."""
        if not KEY.fullmatch(key):
            return None
        try:
            opened = zipfile.ZipFile(pack(self._folder, key, coding))
        except (OSError, zipfile.BadZipFile):
            return None
        return self._packs.setdefault((key, coding), opened)

    def open(self, body: Body) -> IO[bytes]:
        """Its bytes, to be read and closed; a read raises BadZipFile when they are not what was written."""
        return self._packs[body.key, body.coding].open(body.name)

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
