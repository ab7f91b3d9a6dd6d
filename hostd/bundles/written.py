"""Files that an app wrote beside its code, found against bundle.zip."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from hostd.bundles.below import open_below
from hostd.bundles.pristine import entries
from hostd.bundles.tree import CHUNK, files_below
from hostd.bundles.upload import APP, REQUIREMENTS
from hostd.layout import ReleaseLayout
from hostd.store import BadState, read_json


def written_beside(release: ReleaseLayout) -> list[str]:
    """Every file that the app added to its working directory or changed there, sorted."""
    uploaded = entries(release)
    since = release.archive.stat().st_mtime_ns if uploaded is not None else 0
    found = files_below(release.bundle)
    written = [path for path in found if not _is_pristine(release, path, uploaded, since)]
    built = _built(release) if written else ()
    return [path for path in written if not f"{path}/".startswith(built)]


def _built(release: ReleaseLayout) -> tuple[str, ...]:
    """What the install left in the tree, such as the metadata of an editable package; with a slash behind."""
    try:
        made = read_json(release.record).get("built", [])
    except BadState:
        return ()
    return tuple(f"{path.rstrip('/')}/" for path in made if isinstance(path, str))


def _is_pristine(
    release: ReleaseLayout, path: str, uploaded: Mapping[str, zipfile.ZipInfo] | None, since: int
) -> bool:
    """Whether the file is as uploaded; its content is read only if it was touched since."""
    if uploaded is None:
        return path in (APP, REQUIREMENTS)
    info, state = uploaded.get(path), (release.bundle / path).lstat()
    if info is None or not stat.S_ISREG(state.st_mode) or state.st_size != info.file_size:
        return False
    return state.st_ctime_ns < since or _checksum(release.bundle, path) == info.CRC


def _checksum(bundle: Path, path: str) -> int:
    crc = 0
    with open_below(bundle, path) as content:
        while chunk := content.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


def is_written(release: ReleaseLayout, path: str) -> bool:
    """Whether one file is not as uploaded."""
    since = release.archive.stat().st_mtime_ns if release.archive.is_file() else 0
    return not _is_pristine(release, path, entries(release), since)


def is_there(path: Path) -> bool:
    """Whether something has this name, be it a link that leads nowhere."""
    return os.path.lexists(path)


def is_real_folder(path: Path) -> bool:
    """Whether it is a folder, and no link to one."""
    return path.is_dir() and not path.is_symlink()
