"""Archives that users sent, opened without trust: every name, size and link in them may be a lie."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import os
import posixpath
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from hostd.bundles.paths import clean, decoded
from hostd.bundles.tree import CHUNK, Budget, Member
from hostd.bundles.upload import Limits
from hostd.errors import Invalid

READ_LIMIT = 8_000_000
"""Bytes that one read may ask for. zipfile reads a whole directory at once and tarfile a whole extended
header, as long as the archive claims it to be."""
MEMBER_LIMIT = 200_000
_ENCRYPTED, _UTF8 = 0x1, 0x800
_NEITHER = "is no zip and no tar.gz archive. Pack the app's folder as .zip or .tar.gz."
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, NotImplementedError,
    RuntimeError, ValueError, OverflowError, IndexError,
)  # fmt: skip


class _Careful:
    """A seekable file that refuses huge reads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= READ_LIMIT:
            count = min(count, self._rest()) if count > 0 else self._rest()
        if count > READ_LIMIT:
            raise ValueError("a header in it claims to be larger than any that a program writes")
        return self._file.read(count)

    def _rest(self) -> int:
        here = self._file.tell()
        rest = self._file.seek(0, os.SEEK_END) - here
        self._file.seek(here)
        return max(rest, 0)


@contextlib.contextmanager
def damage(field: str) -> Iterator[None]:
    """Turns what the standard library raises about a bad archive into Invalid(field)."""
    try:
        yield
    except Invalid:
        raise
    except _DAMAGE as error:
        raise Invalid(field, f"is a damaged archive: {str(error)[:200] or 'it ends too early'}") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise Invalid(field, f"is a damaged archive: {str(error)[:200]}") from None


def size_of(file: BinaryIO) -> int:
    """The length of a seekable file, which is then at its start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def members(
    file: BinaryIO, stack: contextlib.ExitStack, scratch: Path, limits: Limits, field: str
) -> list[Member]:
    """Every member of a zip, tar, tar.gz or tar.bz2; they can be opened until ``stack`` is closed.

    ``scratch`` is a folder for what has to be unpacked at once. Raises Invalid(field).
    """
    packed = size_of(file)
    head = file.read(262)
    file.seek(0)
    with damage(field):
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return zip_members(file, stack, field)
        if head[257:262] == b"ustar":
            return tar_members(file, stack, field)
        for magic, opened in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open)):
            if head.startswith(magic):
                budget = Budget(limits=limits, field=field, packed=packed)
                unpacked = stack.enter_context((scratch / "unpacked.tar").open("w+b"))
                _unpack(cast("BinaryIO", opened(file)), unpacked, budget)
                return tar_members(unpacked, stack, field)
    raise Invalid(field, _NEITHER)


def _unpack(source: BinaryIO, target: BinaryIO, budget: Budget) -> None:
    while chunk := source.read(CHUNK):
        budget.take(len(chunk))
        target.write(chunk)
    target.seek(0)


def zip_members(file: BinaryIO, stack: contextlib.ExitStack, field: str) -> list[Member]:
    """The members of a zip."""
    archive = stack.enter_context(zipfile.ZipFile(cast("IO[bytes]", _Careful(file))))
    infos = archive.infolist()
    _check_number(len(infos), field)
    return [_of_zip(archive, info, name, field) for info, name in zip(infos, _zip_names(infos), strict=True)]


def _check_number(number: int, field: str) -> None:
    if number > MEMBER_LIMIT:
        raise Invalid(field, f"holds more than {MEMBER_LIMIT:,} entries")


def _zip_names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Names as they were meant: marked as UTF-8, in Info-ZIP's extra field, or to be guessed."""
    marked = [
        info.orig_filename if info.flag_bits & _UTF8 or info.orig_filename.isascii() else _unicode_path(info)
        for info in infos
    ]
    raw = [info.orig_filename.encode("cp437") for info, name in zip(infos, marked, strict=True) if not name]
    guessed = iter(decoded(raw))
    return [name or next(guessed) for name in marked]


def _unicode_path(info: zipfile.ZipInfo) -> str:
    """The name in the extra field 0x7075 (APPNOTE.TXT 4.6.9); '' without one."""
    extra = info.extra
    while len(extra) >= 4:
        tag, length = struct.unpack_from("<HH", extra)
        data, extra = extra[4 : 4 + length], extra[4 + length :]
        if tag == 0x7075 and data[:1] == b"\x01":
            matches = data[1:5] == struct.pack("<I", zlib.crc32(info.orig_filename.encode("cp437")))
            return data[5:].decode() if matches else ""
    return ""


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, field: str) -> Member:
    path = clean(name, field)
    if info.flag_bits & _ENCRYPTED:
        raise Invalid(field, "is encrypted. Pack it again without a password.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if name.endswith(("/", "\\")) and kind in (0, stat.S_IFDIR):
        return Member(path=path)
    if kind not in (0, stat.S_IFREG, stat.S_IFLNK):
        raise Invalid(field, f"holds '{path}', which is a device or another special file")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Invalid(field, f"is packed by method {info.compress_type}. Pack it again with the usual one.")
    if kind == stat.S_IFLNK:
        with archive.open(info) as content:
            target = content.read(4_096)
        return Member(path=path, target=_link(path, os.fsdecode(target), field))
    executable = info.create_system == 3 and bool(info.external_attr >> 16 & 0o100)
    return Member(path=path, open=lambda: cast("BinaryIO", archive.open(info)), executable=executable)


def tar_members(file: BinaryIO, stack: contextlib.ExitStack, field: str) -> list[Member]:
    """The members of a tar that is not packed."""
    careful = cast("IO[bytes]", _Careful(file))
    archive = tarfile.TarFile(fileobj=careful, encoding="utf-8")  # "r:" of tarfile.open()
    stack.enter_context(archive)
    infos = []
    for info in archive:
        infos.append(info)
        _check_number(len(infos), field)
    file.seek(archive.offset)
    if file.read(512).strip(b"\0"):  # tarfile takes a broken header for the end
        raise tarfile.ReadError("a header in the middle is broken")
    names = decoded([info.name.encode("utf-8", "surrogateescape") for info in infos])
    return [_of_tar(archive, info, name, field) for info, name in zip(infos, names, strict=True)]


def _of_tar(archive: tarfile.TarFile, info: tarfile.TarInfo, name: str, field: str) -> Member:
    path = clean(name, field)
    if info.isdir():
        return Member(path=path)
    if info.issym():
        return Member(path=path, target=_link(path, info.linkname, field))
    if info.islnk():
        return Member(path=path, target=clean(info.linkname, field))
    if not info.isreg():
        raise Invalid(field, f"holds '{path}', which is a device or another special file")
    executable = bool(info.mode & 0o100)
    return Member(path=path, open=lambda: cast("BinaryIO", archive.extractfile(info)), executable=executable)


def _link(path: str, target: str, field: str) -> str:
    """Where a symbolic link leads, from the tree's root. Raises Invalid when that is outside."""
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or whole.split("/")[0] == "..":
        raise Invalid(field, f"the link '{path}' leads out of the bundle")
    return clean(whole, field)
