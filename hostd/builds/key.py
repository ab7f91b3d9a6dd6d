"""What decides whether a venv can be used again."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from hostd.builds import dependencies
from hostd.builds.names import pins
from hostd.layout import ReleaseLayout
from hostd.models import Asked

RECIPE = 2
"""Part of every key: raise it when an old venv must not be used any more."""


def dependency_key(release: ReleaseLayout, asked: Asked, as_of: str | None = None) -> str:
    """Hexadecimal. The same for two releases whose venvs would be the same.

    A project that is installed from the upload itself makes the whole upload part of it; one that is imported
    from where it lies, the release as well. Without ``as_of`` it is the date asked for.
    """
    source, options = asked.source, asked.options
    parts: list[object] = [RECIPE, sys.version, options.python or source.python, as_of or options.as_of]
    parts += ["built from source"] if options.build_from_source else []
    try:
        wanted = dependencies.read(release.bundle, source.dependencies)
    except dependencies.Unreadable:
        parts += [source.sha256]
    else:
        root = release.bundle.resolve()
        parts += [[str(source.dependencies), *(_digest(root, path) for path in wanted.files)]]
        parts += [source.sha256 if wanted.local else None, asked.release if wanted.editable else None]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _digest(root: Path, path: Path) -> str | None:
    """Of a file in the upload; others are not looked at, and refused when it comes to installing."""
    try:
        if not path.resolve().is_relative_to(root):
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def can_look_back(release: ReleaseLayout, asked: Asked) -> bool:
    """Whether there is a date to resolve as of: a version pinned at the top, and none asked for already."""
    if asked.options.as_of:
        return False
    try:
        wanted = dependencies.read(release.bundle, asked.source.dependencies)
    except dependencies.Unreadable:
        return False
    return not wanted.locked and bool(pins(wanted.lines, wanted.constraints))
