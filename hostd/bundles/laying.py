"""An upload, checked and laid down as an immutable release, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hostd import trees
from hostd.bundles import archives, pristine
from hostd.bundles.dependencies import check_dependencies, check_toml, find_dependencies, system_packages
from hostd.bundles.entry import check_entry, find_entry
from hostd.bundles.git_process import Fetcher
from hostd.bundles.pythons import check_python, find_python
from hostd.bundles.sources import Found, Reader
from hostd.bundles.tree import Budget, files_of, write
from hostd.bundles.upload import REQUIREMENTS, Limits, Upload, check
from hostd.layout import AppLayout, ReleaseLayout
from hostd.models import Asked
from hostd.store import BadState, read_asked, sync_folder, translated, write_value

_SYNCED_ONE_BY_ONE = 200
"""Files; for more, one sync of the whole disk is quicker."""


def lay_down(
    app: AppLayout,
    number: int,
    upload: Upload,
    asked: Asked,
    base: ReleaseLayout | None = None,
    *,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    environment: Mapping[str, str] | None = None,
    fetcher: Fetcher | None = None,
) -> Asked:
    """Release ``number`` from ``upload``, over the tree of ``base`` where that is asked; durable.

    Returns ``asked`` with the Source that was found. ``environment`` is what git gets to see, ``fetcher``
    who it runs as, None for ourselves. Raises Invalid with the field, DiskFull, and FileNotFoundError when
    the app's folder is gone; then nothing of it is left.
    """
    upload = check(upload)
    python = check_python(asked.options.python)
    asked = replace(asked, release=number, options=replace(asked.options, python=python))
    temporary = ReleaseLayout(app.releases / f".{number}.tmp")
    try:
        trees.delete(temporary.root)
        temporary.root.mkdir()  # not its parents: a deleted app must not come back as a folder
        with contextlib.ExitStack() as stack:
            scratch = temporary.root / "scratch"
            scratch.mkdir()
            reader = Reader(
                stack=stack, scratch=scratch, limits=limits, environment=environment or {}, fetcher=fetcher
            )
            asked = _fill(temporary, reader, upload, asked, base)
        trees.delete(scratch)
        temporary.root.rename(app.release(number).root)
        sync_folder(app.releases)
    except OSError as error:
        raise translated(error) from None
    finally:
        trees.delete(temporary.root)
    return asked


def _fill(
    release: ReleaseLayout, reader: Reader, upload: Upload, asked: Asked, base: ReleaseLayout | None
) -> Asked:
    """Everything of a release but its name."""
    release.bundle.mkdir(mode=0o700)
    found = reader.find(upload, base)
    budget = Budget(limits=reader.limits, field=found.blame, packed=found.packed)
    with archives.damage(found.blame):
        found.warnings += write(found.tree, release.bundle, budget)
    asked = _completed(release.bundle, found, upload, asked, base)
    sha256 = pristine.pack(release.bundle, release.archive)
    asked = replace(asked, source=replace(asked.source, sha256=sha256))
    _sync(release.bundle, [path for path, _ in files_of(release.bundle)])
    write_value(release.asked, asked)
    return asked


def _completed(bundle: Path, found: Found, upload: Upload, asked: Asked, base: ReleaseLayout | None) -> Asked:
    """``asked`` with what the tree shows. Raises Invalid."""
    sizes = files_of(bundle)
    files = [path for path, _ in sizes]
    wish = asked.options.entry or _known_entry(found, upload, base, files)
    entry = find_entry(bundle, files, wish, found.stripped)
    field = "app" if upload.app is not None and entry == found.source.entry else "entry"
    if field == "entry":
        check_entry(bundle, entry, field)
    check_toml(bundle, files, entry, found.blame)
    dependencies = find_dependencies(bundle, files, entry)
    told = check_dependencies(bundle, dependencies, found.blame)
    if upload.requirements is not None and not (dependencies or "").endswith(REQUIREMENTS):
        told.append(f"requirements.txt is passed over: {dependencies} names the dependencies.")
    packages, not_installed = system_packages(bundle, files, entry)
    python, not_understood = find_python(bundle, files, entry)
    source = replace(
        found.source,
        entry=entry,
        size=sum(size for _, size in sizes),
        files=len(files),
        dependencies=dependencies,
        python=python,
        packages=packages,
        warnings=(*found.warnings, *told, *not_installed, *not_understood),
    )
    options = replace(asked.options, entry=entry if asked.options.entry else None)
    return replace(asked, source=source, options=options)


def _known_entry(
    found: Found, upload: Upload, base: ReleaseLayout | None, files: Sequence[str]
) -> str | None:
    """The entry that needs no search: of the two-file form, or what the tree of before had found."""
    if upload.app is not None:
        return found.source.entry
    if base is None or (upload.trees and not upload.overlay) or found.source.entry not in files:
        return None
    with contextlib.suppress(BadState):
        return found.source.entry if read_asked(base).options.entry is None else None
    return found.source.entry


def _sync(folder: Path, files: Sequence[str]) -> None:
    """Make the tree durable."""
    if len(files) > _SYNCED_ONE_BY_ONE:
        os.sync()
        return
    for path in files:
        with (folder / path).open("rb") as file:
            os.fsync(file.fileno())
    for parent in {(folder / path).parent for path in files} | {folder}:
        sync_folder(parent)
