"""What tests of bundles share: an app's folder, archives, and what a failed upload must leave."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hostd import bundles
from hostd.bundles import Fetcher, Upload
from hostd.errors import Invalid
from hostd.layout import AppLayout, ReleaseLayout
from hostd.models import Asked, Options, Source

ENTRY = b"import streamlit as st\nst.write('hello')\n"


class Folder:
    """An app's folder, and its releases by number."""

    def __init__(self, root: Path) -> None:
        self.app = AppLayout(root / "apps" / "demo-000000")
        self.app.releases.mkdir(parents=True)
        self.app.home.mkdir()
        self.fetcher: Fetcher | None = None

    def lay(self, upload: Upload, *, base: int | None = None, **extra: Any) -> Asked:
        """The next release of ``upload``; ``extra`` are options, or limits and environment."""
        number = max(bundles.numbers(self.app), default=0) + 1
        rest = {key: extra.pop(key) for key in ("limits", "environment") if key in extra}
        options = Options(**extra)
        asked = Asked(release=number, created_at="2026-01-01T00:00:00Z", source=Source(), options=options)
        before = self[base] if base is not None else None
        return bundles.lay_down(self.app, number, upload, asked, before, fetcher=self.fetcher, **rest)

    def __getitem__(self, number: int) -> ReleaseLayout:
        return self.app.release(number)

    def names(self, number: int = 1) -> list[str]:
        """Every file of a release's working tree."""
        bundle = self[number].bundle
        return sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())


def zipped(files: Mapping[str, bytes]) -> io.BytesIO:
    """A zip of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file


def sent(files: Mapping[str, bytes]) -> Upload:
    """An upload of a zip of these files."""
    return Upload(bundle=zipped(files), bundle_name="app.zip")


def dropped(files: Mapping[str, bytes], *, overlay: bool = False) -> Upload:
    """An upload of these files, as a browser's folder drop sends them."""
    return Upload(files=tuple((name, io.BytesIO(data)) for name, data in files.items()), overlay=overlay)


@contextmanager
def refused(root: Path, field: str, words: str = "") -> Iterator[pytest.ExceptionInfo[Invalid]]:
    """The block raises Invalid of ``field``, and below ``root`` everything is as it was."""
    before = _seen(root)
    with pytest.raises(Invalid) as caught:
        yield caught
    assert caught.value.field == field, caught.value
    assert words in caught.value.message, caught.value
    assert len(caught.value.message) < 1_000
    assert _seen(root) == before


def _seen(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in root.rglob("*")
    }
