"""What an app wrote beside its code, moved on with a deploy, whatever cuts it short.

First every file is renamed out of the old tree into ``moving-<new>/`` of the old release, then from there
into the new tree. So a kill at any moment leaves each file in exactly one place, and which release it is
for; the next call, in either direction, first ends what was begun. What was renamed away is laid down anew
as uploaded, since the release may serve again one day: its copy waits in ``restored/`` before the rename.
"""

from __future__ import annotations

import os
import secrets
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hostd import trees
from hostd.bundles.below import app_of, open_below, rename_below, unlink_below
from hostd.bundles.pristine import entries
from hostd.bundles.tree import CHUNK, files_below
from hostd.bundles.written import is_real_folder, is_there, is_written, written_beside
from hostd.identity import Gift, Identity, give, owner_of
from hostd.layout import ReleaseLayout

_MOVING, _BACK, _RESTORED = "moving-", "moving-back", "restored"
_COMPANIONS = ("-wal", "-shm", "-journal")
"""Of an SQLite file: never to be parted from it, nor to be met by another one's."""
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Paths that the new release has now, and those that were put to the app's home instead."""

    moved: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()


def keeps_files(old: ReleaseLayout, new: ReleaseLayout) -> bool:
    """Whether there is something to move when ``new`` takes over from ``old``, or to give back to it."""
    half_moved = any(any(release.root.glob(f"{_MOVING}*")) for release in (old, new))
    return half_moved or bool(_recovered_files(new)) or any(written_beside(one) for one in (old, new))


def move_written(old: ReleaseLayout, new: ReleaseLayout) -> Moved:
    """Move what the app wrote in ``old`` to ``new``; neither may run.

    A file that ``new`` brings in a version of its own stays as uploaded, and the app's goes to
    ``home/recovered/r<old>/``. What had been put there from ``new`` returns to it first.
    """
    for release in (old, new):
        _finish(release)
    _return_recovered(new)
    return _Move(old=old, new=new, before=entries(old) or {}, after=entries(new) or {}).carry_out()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """One way from a release to another, with what was uploaded to each."""

    old: ReleaseLayout
    new: ReleaseLayout
    before: Mapping[str, zipfile.ZipInfo]
    after: Mapping[str, zipfile.ZipInfo]

    @property
    def staged(self) -> Path:
        """Where files are between the two trees."""
        return self.old.root / f"{_MOVING}{self.new.root.name}"

    def carry_out(self) -> Moved:
        """Take out of the old tree what is still in it, then put it into the new one."""
        written = written_beside(self.old)
        for path in written:
            _take_out(self.old, path, self.staged / path, uploaded=path in self.before)
        for main in {main_of(path) for path in written} - set(written):
            if self._differs(main) and is_there(self.old.bundle / main) and not is_there(self.staged / main):
                _take_out(self.old, main, self.staged / main, uploaded=True)
        return self.put_in(self.staged)

    def put_in(self, staged: Path) -> Moved:
        """Each SQLite file goes before its companions, and with them to the same place."""
        groups: dict[str, list[str]] = defaultdict(list)
        for path in sorted(files_below(staged), key=lambda path: (main_of(path), len(path))):
            groups[main_of(path)].append(path)
        aside = [main for main in groups if self._must_stay_out(main, groups[main])]
        for main, paths in groups.items():
            if main not in aside and main in paths:
                _make_room(self.new, main, staged / main)
            elif main not in aside:
                _put_written_aside(self.new, paths)
            for path in paths:
                self._place(staged / path, path, aside=main in aside)
        trees.delete(staged)
        return Moved(
            moved=tuple(path for main, paths in groups.items() if main not in aside for path in paths),
            recovered=tuple(path for main in aside for path in groups[main]),
        )

    def _place(self, source: Path, path: str, *, aside: bool) -> None:
        if aside:
            rename_below(source, recovered_folder(self.old) / path, app_of(self.old).root)
        else:
            rename_below(source, self.new.bundle / path, self.new.bundle, over=True)

    def _must_stay_out(self, main: str, paths: list[str]) -> bool:
        return any(self._differs(path) or not has_way(path, self.new) for path in {main, *paths})

    def _differs(self, path: str) -> bool:
        """Whether ``new`` brings a version of the file that ``old`` did not."""
        before, after = self.before.get(path), self.after.get(path)
        if after is None:
            return False
        return before is None or (after.file_size, after.CRC) != (before.file_size, before.CRC)


def main_of(path: str) -> str:
    """The SQLite file that ``path`` is a companion of, else itself."""
    return next((path.removesuffix(end) for end in _COMPANIONS if path.endswith(end)), path)


def _finish(release: ReleaseLayout) -> None:
    """End what a kill cut short: uploaded versions, returns and moves take the places meant for them."""
    waiting = release.root / _RESTORED
    for path in files_below(waiting):
        if path.endswith(".tmp") or is_there(release.bundle / path):
            (waiting / path).unlink()
        else:
            rename_below(waiting / path, release.bundle / path, release.bundle)
    if (release.root / _BACK).is_dir():
        _return_recovered(release, begun=True)
    for staged in sorted(release.root.glob(f"{_MOVING}*")):
        new = ReleaseLayout(release.root.with_name(staged.name.removeprefix(_MOVING)))
        if new.bundle.is_dir():
            _Move(old=release, new=new, before=entries(release) or {}, after=entries(new) or {}).carry_out()
        else:
            _Move(old=release, new=release, before={}, after={}).put_in(staged)


def _take_out(release: ReleaseLayout, path: str, target: Path, *, uploaded: bool) -> None:
    """Rename a file out of the tree, and lay down the uploaded version in its place."""
    waiting = lay_ready(release, path) if uploaded else None
    rename_below(release.bundle / path, target, release.root)
    if waiting is not None:
        rename_below(waiting, release.bundle / path, release.bundle, over=True)


def lay_ready(release: ReleaseLayout, path: str) -> Path:
    """The uploaded version of a file, durable beside the tree."""
    waiting = release.root / _RESTORED / path
    waiting.parent.mkdir(parents=True, exist_ok=True)
    temporary = waiting.with_name(f".{secrets.token_hex(8)}.tmp")
    with zipfile.ZipFile(release.archive) as packed, packed.open(path) as source:
        mode = packed.getinfo(path).external_attr >> 16 & 0o700
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as target:
            shutil.copyfileobj(source, target, CHUNK)
            target.flush()
            os.fsync(target.fileno())
    uid, gid, _ = owner_of(release.bundle)
    if uid != os.geteuid():
        give(temporary, Gift(Identity(uid, gid), folders=0o700, files=0o640))
    temporary.replace(waiting)
    return waiting


def _make_room(new: ReleaseLayout, main: str, coming: Path) -> None:
    """What another file would meet: what the app wrote there is put aside, strange companions go."""
    group = [path for path in (main, *(main + end for end in _COMPANIONS)) if is_there(new.bundle / path)]
    if any(is_written(new, path) for path in group):
        _put_aside(new, group)
    elif _is_sqlite(coming):
        for path in group:
            if path != main and not is_real_folder(new.bundle / path):
                unlink_below(new.bundle, path)  # it would be played into the wrong file


def _put_written_aside(new: ReleaseLayout, paths: list[str]) -> None:
    _put_aside(new, [path for path in paths if is_there(new.bundle / path) and is_written(new, path)])


def _put_aside(release: ReleaseLayout, paths: list[str]) -> None:
    for path in paths:
        rename_below(release.bundle / path, recovered_folder(release) / path, app_of(release).root)


def _is_sqlite(file: Path) -> bool:
    if file.is_symlink():
        return False
    with open_below(file.parent, file.name) as content:
        return content.read(len(_SQLITE)) == _SQLITE


def has_way(path: str, new: ReleaseLayout) -> bool:
    """Whether ``path`` can be put into the new tree: no file, link or folder of another kind there."""
    target = new.bundle / path
    above = [parent for parent in target.parents if parent.is_relative_to(new.bundle)]
    return not is_real_folder(target) and all(is_real_folder(one) for one in above if is_there(one))


def recovered_folder(release: ReleaseLayout) -> Path:
    """Where what a release wrote is put when its successor brings files of the same names."""
    return app_of(release).home / "recovered" / f"r{release.root.name}"


def _recovered_files(release: ReleaseLayout) -> list[str]:
    folder = recovered_folder(release)
    return files_below(folder) if is_real_folder(folder.parent) and is_real_folder(folder) else []


def _return_recovered(release: ReleaseLayout, *, begun: bool = False) -> None:
    """What a release wrote and was put aside is its own again, unless it has written anew.

    With ``begun`` only what a kill had cut short.
    """
    back = release.root / _BACK
    wanted = {main_of(path) for path in files_below(back)}
    found = _recovered_files(release)
    if not begun:
        taken = {main_of(path) for path in written_beside(release)}
        wanted |= {main_of(path) for path in found} - taken
    for path in found:
        if main_of(path) in wanted:
            rename_below(recovered_folder(release) / path, back / path, release.root)
    _Move(old=release, new=release, before={}, after={}).put_in(back)
