"""The platform's copy of Streamlit's files for browsers, made by the first install that brings them.

What belongs to it is learned before any code of the app ran: the wheel's RECORD has the digest of each file.
They are read later, when nobody waits, and each must then be what RECORD said: what an app did to its venv
meanwhile doesn't get in. A real copy, no hard link, for the same reason.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import brotli

from hostd import static_files
from hostd.store import locked, sync_folder

_ROOT = "streamlit/static/"
_PART = r"[A-Za-z0-9_@~+-][A-Za-z0-9._@~+-]*"
_NAME = re.compile(rf"(?:static|vendor)(?:/{_PART})+")
"""Files that pages name; index.html and the favicon are the app's own to serve."""
_COMPRESSIBLE = (".js", ".cjs", ".css", ".json", ".map", ".svg", ".ttf", ".txt", ".wasm")
_MAX_FILE, _MAX_COPY = 64 * 1024 * 1024, 256 * 1024 * 1024
"""Bytes of one file and of all; Streamlit's are a tenth of that."""
_AS_IT_IS = os.O_NOFOLLOW | os.O_NONBLOCK
_WORTH = 0.9
"""What a compressed file may be of its size to be worth it."""
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 9, mtime=0),
    "br": lambda data: brotli.compress(data, quality=9),  # 11 takes nine times as long for 8 % less
}

Content = Iterable[tuple[str, bytes]]


class Changed(Exception):
    """A file is not what the wheel's RECORD says."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """The files for browsers that a venv's Streamlit came with: names to SHA-256 and bytes, as in RECORD."""

    packages: Path
    version: str
    digests: dict[str, str]
    sizes: dict[str, int]

    @property
    def key(self) -> str:
        """The name of their copy."""
        version = re.sub(r"[^0-9A-Za-z._]", "_", self.version)[:80]
        listed = "".join(f"{name} {digest}\n" for name, digest in sorted(self.digests.items()))
        return f"{version}-{hashlib.sha256(listed.encode()).hexdigest()[:16]}"


def wheel(packages: Path, version: str | None) -> Wheel | None:
    """What RECORD says of the venv's Streamlit; None when that did not come as a wheel, or is huge."""
    try:
        with (packages / f"streamlit-{version}.dist-info/RECORD").open(encoding="utf-8", newline="") as file:
            listed = list(_listed(file))
    except (OSError, ValueError, csv.Error):
        return None
    sizes = {name: size for name, _, size in listed}
    if (
        not sizes
        or min(sizes.values()) < 0
        or max(sizes.values()) > _MAX_FILE
        or sum(sizes.values()) > _MAX_COPY
    ):
        return None
    return Wheel(packages, version or "", {name: digest for name, digest, _ in listed}, sizes)


def _listed(record: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """Name, digest, size of each file for browsers (packaging.python.org, "Recording installed projects")."""
    for row in csv.reader(record):
        name = row[0].removeprefix(_ROOT) if row else ""
        if len(row) == 3 and row[0].startswith(_ROOT) and _NAME.fullmatch(name):
            if not row[1].startswith("sha256="):
                raise ValueError(f"{row[0]} has no SHA-256 digest")
            yield name, row[1].removeprefix("sha256="), int(row[2])


def make(found: Wheel, folder: Path) -> None:
    """Have copy and compressed packs in ``folder``; one install at a time. Raises Changed, OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / "lock"):
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink()
        if not static_files.touch(folder, found.key):
            _write(static_files.pack(folder, found.key), _checked(found))
        for coding in reversed(static_files.CODINGS):  # the quick one first
            made = static_files.pack(folder, found.key, coding)
            if not made.exists():
                _write_compressed(made, folder, found.key, coding)


def _checked(found: Wheel) -> Content:
    for name, digest in found.digests.items():
        data = _read(found.packages / _ROOT / name, found.sizes[name])
        if base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=") != digest.encode():
            raise Changed(name)
        yield name, data


def _write_compressed(made: Path, folder: Path, key: str, coding: str) -> None:
    try:
        _write(made, _compressed(folder, key, _COMPRESS[coding]))
    except zipfile.BadZipFile as error:
        static_files.remove(folder, key)  # the next install makes all of it anew
        raise Changed(f"{key}: {error}") from error


def _read(path: Path, size: int) -> bytes:
    """An app may have put a FIFO there, which would be waited for, or a link to a device without end."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _AS_IT_IS)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            raise Changed(path)
        return file.read(size)


def _compressed(folder: Path, key: str, compress: Callable[[bytes], bytes]) -> Content:
    with zipfile.ZipFile(static_files.pack(folder, key)) as whole:
        for name in whole.namelist():
            if name.endswith(_COMPRESSIBLE):
                data = whole.read(name)
                small = compress(data)
                if len(small) < _WORTH * len(data):
                    yield name, small


def _write(path: Path, content: Content) -> None:
    """A pack that is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made:
                for name, data in content:
                    made.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
