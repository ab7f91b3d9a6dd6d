"""Where the tree of a release comes from: from a request, over the tree of before or instead of it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from hostd.bundles import archives, git
from hostd.bundles.gallery import CARD, GALLERY
from hostd.bundles.git_process import Fetcher
from hostd.bundles.paths import clean
from hostd.bundles.pristine import base_source
from hostd.bundles.tree import Member, check_parents, selected, stripped
from hostd.bundles.upload import REQUIREMENTS, GitSource, Limits, Upload
from hostd.errors import Invalid
from hostd.layout import ReleaseLayout
from hostd.models import Source


@dataclass(slots=True, kw_only=True)
class Found:
    """A tree not yet written. ``blame`` is the field that brought it, ``packed`` its archive's size."""

    tree: dict[str, Member]
    blame: str = "bundle"
    source: Source = Source()  # noqa: RUF009 - it is frozen
    packed: int | None = None
    stripped: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What reading needs beside the upload; opened archives are closed with ``stack``."""

    stack: contextlib.ExitStack
    scratch: Path
    limits: Limits
    environment: Mapping[str, str]
    fetcher: Fetcher | None = None

    def find(self, upload: Upload, base: ReleaseLayout | None) -> Found:
        """The tree of ``upload``, or that of ``base`` with the upload's files laid over it.

        Raises Invalid, OSError.
        """
        if upload.empty and base is None:
            raise Invalid("app", "is required; or send a bundle, files, git or template")
        brought = self._brought(upload) if upload.trees else None
        if brought is not None and not upload.overlay:
            found = brought
        elif base is None:
            found = brought or Found(tree={}, blame="app")
        else:
            found = self._of_base(base)
            if brought is not None:
                _lay_over(found, brought, base)
        _lay_two_files(found, upload)
        if not found.tree:
            raise Invalid(found.blame, "holds no file at all")
        return found

    def _brought(self, upload: Upload) -> Found:
        if upload.git is not None:
            return self._of_git(upload.git)
        if upload.template is not None:
            return self._of_template(upload.template)
        if upload.bundle is not None:
            members = archives.members(upload.bundle, self.stack, self.scratch, self.limits, "bundle")
            found = self._selected(members, "bundle", Source(kind="bundle"))
            found.packed = archives.size_of(upload.bundle)
        else:
            found = self._selected([_of_file(*file) for file in upload.files], "files", Source(kind="files"))
        if not upload.overlay and upload.app is None:
            found.tree, found.stripped = stripped(found.tree, found.blame)
        return found

    def _selected(self, members: list[Member], name: str, source: Source) -> Found:
        tree, told = selected(members, name, self.limits)
        return Found(tree=tree, blame=name, source=source, warnings=told)

    def _of_git(self, wanted: GitSource) -> Found:
        checkout = git.fetch(wanted, self.scratch, self.limits, self.environment, self.fetcher)
        with archives.damage("git"):
            tar = self.stack.enter_context(checkout.tar.open("rb"))
            members = archives.tar_members(tar, self.stack, "git")
        found = self._selected(members, "git", checkout.source)
        found.warnings += checkout.warnings
        return found

    def _of_template(self, name: str) -> Found:
        folder = GALLERY / name
        if not name.isidentifier() or not folder.is_dir():
            there = ", ".join(sorted(entry.name for entry in GALLERY.iterdir() if entry.is_dir()))
            raise Invalid("template", f"there is no template {name[:50]!r}; there are {there}")
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != CARD]
        members = [_of_disk(path, folder) for path in paths]
        return self._selected(members, "template", Source(kind="template", url=name))

    def _of_base(self, base: ReleaseLayout) -> Found:
        source, members = base_source(base, self.stack)
        return Found(tree={member.path: member for member in members}, source=source)


def _of_file(name: str, content: BinaryIO) -> Member:
    """A file of a form; browsers on Windows may send backslashes."""

    def opened() -> contextlib.AbstractContextManager[BinaryIO]:
        content.seek(0)
        return contextlib.nullcontext(content)

    return Member(path=clean(name, "files"), open=opened)


def _of_disk(path: Path, folder: Path) -> Member:
    executable = bool(path.stat().st_mode & 0o100)
    return Member(
        path=path.relative_to(folder).as_posix(), open=lambda: path.open("rb"), executable=executable
    )


def _of_bytes(path: str, data: bytes) -> Member:
    return Member(path=path, open=lambda: io.BytesIO(data))


def _lay_over(found: Found, brought: Found, base: ReleaseLayout) -> None:
    """Put the brought files over the tree of before, which is then of no repository or template any more."""
    found.tree.update(brought.tree)
    found.blame = brought.blame
    found.warnings += brought.warnings
    found.source = _as_files(found.source)
    if brought.packed is not None:
        found.packed = brought.packed + (base.archive.stat().st_size if base.archive.is_file() else 0)
    check_parents(found.tree, found.blame)


def _as_files(source: Source) -> Source:
    return replace(source, kind="files", url=None, ref=None, commit=None, subdir=None)


def _lay_two_files(found: Found, upload: Upload) -> None:
    """The two-file form: over the entry and the requirements.txt that the tree of before has."""
    if upload.app is None and upload.requirements is None:
        return
    entry, dependencies = found.source.entry, found.source.dependencies or ""
    if upload.app is not None:
        found.tree[entry] = _of_bytes(entry, upload.app)
    if upload.requirements is not None:
        path = dependencies if dependencies.rpartition("/")[2] == REQUIREMENTS else REQUIREMENTS
        found.tree[path] = _of_bytes(path, upload.requirements)
    found.source = _as_files(found.source)
    check_parents(found.tree, "app" if upload.app is not None else "requirements")
