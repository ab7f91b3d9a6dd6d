"""bundle.zip: the tree as uploaded. Made once, the same bytes for the same tree, then only read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from hostd.bundles.tree import CHUNK, Member
from hostd.bundles.upload import APP, REQUIREMENTS
from hostd.errors import Invalid
from hostd.layout import ReleaseLayout
from hostd.models import Source
from hostd.store import BadState, read_asked

_DATE = (1980, 1, 1, 0, 0, 0)
TEXT_LIMIT = 2_000_000


def pack(folder: Path, archive: Path) -> str:
    """Write every file and empty folder below ``folder`` to ``archive``, durable. Returns its sha256."""
    with archive.open("xb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as packed:
            for path in sorted(folder.rglob("*")):
                if path.is_file() or not any(path.iterdir()):
                    _add(packed, path, path.relative_to(folder).as_posix())
        file.flush()
        os.fsync(file.fileno())
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(packed: zipfile.ZipFile, path: Path, name: str) -> None:
    info = zipfile.ZipInfo(name if path.is_file() else f"{name}/", _DATE)
    executable = path.is_dir() or path.stat().st_mode & 0o100
    info.create_system = 3
    info.external_attr = ((0o040000 if path.is_dir() else 0o100000) | (0o755 if executable else 0o644)) << 16
    if path.is_dir():
        packed.writestr(info, b"")
        return
    info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, path.stat().st_size
    with path.open("rb") as source, packed.open(info, "w") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)


def source_of(release: ReleaseLayout) -> Source:
    """What is known of a release's bundle; of one from before there was an asked.json, what must be."""
    with contextlib.suppress(BadState):
        return read_asked(release).source
    there = (release.bundle / REQUIREMENTS).is_file()
    return Source(entry=APP, dependencies=REQUIREMENTS if there else None)


def entries(release: ReleaseLayout) -> dict[str, zipfile.ZipInfo] | None:
    """The files of bundle.zip by path; None when the release has no such file."""
    if not release.archive.is_file():
        return None
    with zipfile.ZipFile(release.archive) as packed:
        return {info.filename: info for info in packed.infolist() if not info.is_dir()}


def read_bytes(release: ReleaseLayout, path: str, limit: int = -1) -> bytes | None:
    """The content of a file as uploaded; None when there is none."""
    with contextlib.ExitStack() as stack:
        return reader(release, stack)(path, limit)


def reader(release: ReleaseLayout, stack: contextlib.ExitStack) -> Callable[[str, int], bytes | None]:
    """``read_bytes`` of many files: bundle.zip is opened once, until ``stack`` is closed."""
    if release.archive.is_file():
        return partial(_read_packed, stack.enter_context(zipfile.ZipFile(release.archive)))
    return partial(_read_laid, release)


def _read_laid(release: ReleaseLayout, path: str, limit: int) -> bytes | None:
    found = release.bundle / path
    if path not in (APP, REQUIREMENTS) or not found.is_file():
        return None
    with found.open("rb") as file:
        return file.read(limit)


def _read_packed(packed: zipfile.ZipFile, path: str, limit: int) -> bytes | None:
    if path.endswith("/") or path not in packed.NameToInfo:
        return None
    with packed.open(path) as file:
        return file.read(limit)


def tree(release: ReleaseLayout) -> list[tuple[str, int]]:
    """(path, size) of every file as uploaded, sorted."""
    infos = entries(release)
    if infos is not None:
        return sorted((path, info.file_size) for path, info in infos.items())
    found = [(name, read_bytes(release, name)) for name in (APP, REQUIREMENTS)]
    return [(name, len(data)) for name, data in found if data is not None]


def read_text(release: ReleaseLayout, path: str) -> str:
    """The text of a file as uploaded. Raises Invalid('path')."""
    data = read_bytes(release, path, TEXT_LIMIT + 1)
    if data is None:
        raise Invalid("path", f"the release holds no file {path[:200]!r}")
    if len(data) > TEXT_LIMIT:
        raise Invalid(
            "path", f"{path} is longer than {TEXT_LIMIT // 1_000_000} MB; download the bundle instead"
        )
    text = decode(data)
    if text is None:
        raise Invalid("path", f"{path} is no text; download the bundle instead")
    return text


def decode(data: bytes) -> str | None:
    """Text in UTF-8, or UTF-16 with a BOM; None when it is neither."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode(encoding)
        return None if "\0" in text else text
    return None


def read(release: ReleaseLayout, name: str) -> str:
    """The text of the entry (APP) or of its requirements.txt (REQUIREMENTS); '' when there is none."""
    source = source_of(release)
    path = source.entry if name == APP else source.dependencies or ""
    if name == REQUIREMENTS and path.rpartition("/")[2] != REQUIREMENTS:
        return ""
    data = read_bytes(release, path) or b""
    return decode(data) or data.decode("utf-8-sig", "replace")


def digests(release: ReleaseLayout) -> dict[str, Any]:
    """``app_sha256`` and ``requirements_sha256``: of the entry and of the file that names dependencies.

    As uploaded; None for one that is missing.
    """
    source = source_of(release)
    app = read_bytes(release, source.entry)
    requirements = read_bytes(release, source.dependencies) if source.dependencies else None
    found = {"app_sha256": app, "requirements_sha256": requirements}
    return {key: None if data is None else hashlib.sha256(data).hexdigest() for key, data in found.items()}


def base_source(release: ReleaseLayout, stack: contextlib.ExitStack) -> tuple[Source, list[Member]]:
    """A release's tree as members, which can be opened until ``stack`` is closed, and where it came from."""
    source = source_of(release)
    infos = entries(release)
    if infos is None:
        return source, [_on_disk(release.bundle / name) for name, _ in tree(release)]
    packed = stack.enter_context(zipfile.ZipFile(release.archive))
    return source, [_member(packed, info) for info in packed.infolist()]


def _on_disk(path: Path) -> Member:
    return Member(path=path.name, open=lambda: path.open("rb"))


def _member(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.is_dir():
        return Member(path=info.filename.rstrip("/"))
    executable = bool(info.external_attr >> 16 & 0o100)
    return Member(path=info.filename, open=lambda: cast("BinaryIO", packed.open(info)), executable=executable)
