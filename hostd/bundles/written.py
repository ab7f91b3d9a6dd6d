"""Files that an app wrote beside its code: found against bundle.zip, and moved on with a deploy.

A move is one rename per file, so it can be cut short anywhere, and be run again or run backwards. What
was renamed away is laid down anew as uploaded, since the release may serve again one day: its copy
waits in ``restored/`` before the rename, and takes its place after.
"""

from __future__ import annotations

import os
import secrets
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hostd.bundles.pristine import entries
from hostd.bundles.tree import CHUNK
from hostd.bundles.upload import APP, REQUIREMENTS
from hostd.layout import AppLayout, ReleaseLayout

_COMPANIONS = ("-wal", "-shm", "-journal")
"""Of an SQLite file: never to be parted from it, nor to be met by another one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Paths that the new release has now, and those that were put to the app's home instead."""

    moved: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()


def written_beside(release: ReleaseLayout) -> list[str]:
    """Every file that the app added to its working directory or changed there, sorted."""
    uploaded = entries(release)
    since = release.archive.stat().st_mtime_ns if uploaded is not None else 0
    return sorted(
        path
        for path in _files(release.bundle)
        if not _is_pristine(release.bundle / path, path, uploaded, since)
    )


def _files(folder: Path) -> list[str]:
    """Every file and link below ``folder``; caches of bytecode, sockets and pipes are passed over."""
    found = []
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = [name for name in folders if name != "__pycache__"]
        links = [name for name in folders if (here / name).is_symlink()]
        files = [name for name in names if (here / name).is_file() or (here / name).is_symlink()]
        found += [(here / name).relative_to(folder).as_posix() for name in links + files]
    return found


def _is_pristine(file: Path, path: str, uploaded: Mapping[str, zipfile.ZipInfo] | None, since: int) -> bool:
    """Whether the file is as uploaded; its content is read only if it was touched since."""
    if uploaded is None:
        return path in (APP, REQUIREMENTS)
    info, state = uploaded.get(path), file.lstat()
    if info is None or file.is_symlink() or state.st_size != info.file_size:
        return False
    return state.st_ctime_ns < since or _checksum(file) == info.CRC


def _checksum(file: Path) -> int:
    crc = 0
    with file.open("rb") as content:
        while chunk := content.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


def move_written(old: ReleaseLayout, new: ReleaseLayout) -> Moved:
    """Move what the app wrote in ``old`` to ``new``; neither may run.

    A file that ``new`` brings in a version of its own stays as uploaded, and the app's goes to
    ``home/recovered/r<old>/``. What had been put there from ``new`` returns to it first.
    """
    for release in (old, new):
        _settle(release)
    _return_recovered(new)
    move = _Move(old=old, new=new, before=entries(old) or {}, after=entries(new) or {})
    found = written_beside(old)
    groups: dict[str, list[str]] = {}
    for path in found:
        groups.setdefault(_main_of(path), []).append(path)
    moved: list[str] = []
    recovered: list[str] = []
    for main, paths in groups.items():
        (moved if move.group(main) else recovered).extend(paths)
    return Moved(moved=tuple(moved), recovered=tuple(recovered))


def _main_of(path: str) -> str:
    """The SQLite file that ``path`` is a companion of, else itself."""
    return next((path.removesuffix(end) for end in _COMPANIONS if path.endswith(end)), path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    old: ReleaseLayout
    new: ReleaseLayout
    before: Mapping[str, zipfile.ZipInfo]
    after: Mapping[str, zipfile.ZipInfo]

    def group(self, main: str) -> bool:
        """Move a file with its companions; False when they had to be put aside."""
        group = [path for path in (main, *(main + end for end in _COMPANIONS)) if self._is_there(path)]
        if any(self._differs(path) or not self._has_way(path) for path in (main, *group)):
            for path in group:
                self._rename(path, _recovered(self.old) / path, _app(self.old).root)
            return False
        for end in _COMPANIONS:
            if main + end not in group:
                (self.new.bundle / (main + end)).unlink(missing_ok=True)
        for path in group:
            self._rename(path, self.new.bundle / path, self.new.bundle)
        return True

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(self.old.bundle / path)

    def _differs(self, path: str) -> bool:
        """Whether ``new`` brings a version that ``old`` did not."""
        brought = self.after.get(path)
        return brought is not None and _mark(brought) != _mark(self.before.get(path))

    def _has_way(self, path: str) -> bool:
        """Whether ``path`` can be put into the new tree: no file, link or folder of another kind there."""
        target = self.new.bundle / path
        above = [parent for parent in target.parents if parent.is_relative_to(self.new.bundle)]
        if any(os.path.lexists(parent) and not _is_real_folder(parent) for parent in above):
            return False
        return not _is_real_folder(target)

    def _rename(self, path: str, target: Path, within: Path) -> None:
        _make_way(target.parent, within)
        if _is_real_folder(target):
            target.rename(target.with_name(f"{target.name}.{secrets.token_hex(3)}"))
        waiting = _lay_ready(self.old, path) if path in self.before else None
        (self.old.bundle / path).replace(target)
        if waiting is not None:
            waiting.replace(self.old.bundle / path)


def _mark(info: zipfile.ZipInfo | None) -> tuple[int, int] | None:
    return None if info is None else (info.file_size, info.CRC)


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _make_way(folder: Path, within: Path) -> None:
    """Make ``folder`` below ``within``; what is no real folder on the way is set aside, never followed."""
    way = within
    for part in folder.relative_to(within).parts:
        way /= part
        if os.path.lexists(way) and not _is_real_folder(way):
            way.rename(way.with_name(f"{part}.{secrets.token_hex(3)}"))
        way.mkdir(exist_ok=True, mode=0o700)


def _app(release: ReleaseLayout) -> AppLayout:
    return AppLayout(release.root.parent.parent)


def _recovered(release: ReleaseLayout) -> Path:
    """Where what a release wrote is put when its successor brings files of the same names."""
    return _app(release).home / "recovered" / f"r{release.root.name}"


def _lay_ready(release: ReleaseLayout, path: str) -> Path:
    """The uploaded version of a file, durable beside the tree."""
    waiting = release.root / "restored" / path
    waiting.parent.mkdir(parents=True, exist_ok=True)
    temporary = waiting.with_name(f".{waiting.name[:200]}.tmp")
    with zipfile.ZipFile(release.archive) as packed, packed.open(path) as source:
        mode = packed.getinfo(path).external_attr >> 16 & 0o700
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
    temporary.replace(waiting)
    return waiting


def _settle(release: ReleaseLayout) -> None:
    """End what a kill cut short: an uploaded version takes the place that was left for it."""
    folder = release.root / "restored"
    for path in _files(folder):
        waiting, target = folder / path, release.bundle / path
        if os.path.lexists(target) or waiting.name.endswith(".tmp"):
            waiting.unlink()
        else:
            _make_way(target.parent, release.bundle)
            waiting.replace(target)


def _return_recovered(release: ReleaseLayout) -> None:
    """What a release wrote and was put aside is its own again, unless it has written anew."""
    folder = _recovered(release)
    if not all(_is_real_folder(part) for part in (folder.parent, folder)):
        return
    written = set(written_beside(release))
    for path in _files(folder):
        if _main_of(path) not in {_main_of(other) for other in written}:
            target = release.bundle / path
            _make_way(target.parent, release.bundle)
            (folder / path).replace(target)
