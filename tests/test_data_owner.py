"""A data folder of a hostd that was one user becomes one where each app has its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.data_owner import prepare_users
from hostd.door import prepare
from hostd.layout import Layout
from hostd.settings import load

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="users are for a platform that is root")
BUILDER, BEFORE, OTHER = 20_000, 1234, 1235


@pytest.fixture
def layout() -> Iterator[Layout]:
    """A data folder that the user BEFORE filled; other users can get to it."""
    root = Path(tempfile.mkdtemp(prefix="owner-"))
    root.chmod(0o755)
    made = Layout(root / "data")
    prepare(made)
    for name in ("cache/uv/package", "cache/bytecode-cpython-311/entry", "cache/python/3.9/bin/python3.9"):
        _put(made.root / name)
    for name in ("people/users.json", "secrets.key", "apps/a/meta.json"):
        _put(made.root / name)
    (made.root / "apps" / "a" / "link").symlink_to("/etc/hostname")
    os.link(made.root / "secrets.key", root / "second-name")
    for path in [made.root, *made.root.rglob("*")]:
        os.chown(path, BEFORE, BEFORE, follow_symlinks=False)
    os.chown(made.root / "apps" / "a" / "meta.json", OTHER, OTHER)
    yield made
    shutil.rmtree(root)


def _put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("from before")


def test_it_becomes_roots_and_its_caches_begin_empty(layout: Layout) -> None:
    """Only what was that user's changes hands; no link leads elsewhere; Pythons stay, venvs run on them."""
    prepare_users(load({"STREAMLIT_HOST_DATA": str(layout.root)}), layout, print)
    whose = {str(path.relative_to(layout.root)): path.lstat().st_uid for path in layout.root.rglob("*")}
    gone = ("cache/uv/package", "cache/bytecode-cpython-311")
    assert not [name for name in whose if name.startswith(gone)]
    assert {uid for name, uid in whose.items() if name.startswith("cache/python")} == {BUILDER}
    assert (whose["cache/uv"], whose["apps/a/meta.json"]) == (BUILDER, OTHER)
    roots = ("people", "people/users.json", "apps", "apps/a", "apps/a/link", "supervisor", "logs")
    assert {whose[name] for name in roots} == {layout.root.stat().st_uid} == {0}
    assert whose["secrets.key"] == BEFORE  # it has a second name, which may be somebody's own file
    assert Path("/etc/hostname").stat().st_uid == 0


def test_a_cache_of_somebody_else_is_told(layout: Layout, tmp_path: Path) -> None:
    """UV_CACHE_DIR counts when it is empty or the builder's; else a line says that it does not."""
    told: list[str] = []
    (tmp_path / "package").touch()
    settings = load({"STREAMLIT_HOST_DATA": str(layout.root), "UV_CACHE_DIR": str(tmp_path)})
    prepare_users(settings, layout, told.append)
    assert len(told) == 1 and f"UV_CACHE_DIR={tmp_path}" in told[0]
    os.chown(tmp_path, BUILDER, BUILDER)
    prepare_users(settings, layout, told.append)
    assert len(told) == 1
