"""Bytecode that one install compiled is linked by the next, and only where the source is the same."""

from __future__ import annotations

import compileall
import os
from importlib.util import cache_from_source
from pathlib import Path

from hostd import bytecode
from tests.platform import Platform


def package(root: Path, text: str) -> Path:
    """A folder with one module, its times fixed as an installer fixes them."""
    root.mkdir()
    module = root / "module.py"
    module.write_text(text)
    os.utime(module, (1_000_000_000, 1_000_000_000))
    return module


def test_same_source_is_linked_and_believed(tmp_path: Path) -> None:
    """The second folder gets the first one's .pyc, and the compiler finds nothing left to do."""
    first, second = package(tmp_path / "a", "x = 1\n"), package(tmp_path / "b", "x = 1\n")
    compileall.compile_dir(first.parent, quiet=2)
    bytecode.keep(first.parent, tmp_path / "store")
    assert bytecode.link_known(second.parent, tmp_path / "store") == 1
    linked = Path(cache_from_source(str(second)))
    inode = linked.stat().st_ino
    assert inode == Path(cache_from_source(str(first))).stat().st_ino
    compileall.compile_dir(second.parent, quiet=2)
    assert linked.stat().st_ino == inode


def test_another_source_of_the_same_size_and_time_is_not(tmp_path: Path) -> None:
    """Size and time alone, which is all that Python checks, never decide."""
    first, second = package(tmp_path / "a", "x = 1\n"), package(tmp_path / "b", "x = 2\n")
    compileall.compile_dir(first.parent, quiet=2)
    bytecode.keep(first.parent, tmp_path / "store")
    assert bytecode.link_known(second.parent, tmp_path / "store") == 0
    assert not Path(cache_from_source(str(second))).exists()


def test_what_no_venv_uses_is_dropped_in_time(tmp_path: Path) -> None:
    """An old entry goes once its last venv has gone; a young one stays for the next install."""
    source = package(tmp_path / "a", "x = 1\n")
    compileall.compile_dir(source.parent, quiet=2)
    store = tmp_path / "store"
    bytecode.keep(source.parent, store)
    Path(cache_from_source(str(source))).unlink()
    source.unlink()
    bytecode.keep(source.parent, store)
    (entry,) = store.iterdir()
    os.utime(entry, (1_000_000_000, 1_000_000_000))
    bytecode.keep(source.parent, store)
    assert not list(store.iterdir())


def test_the_second_app_starts_with_the_firsts_bytecode(platform: Platform) -> None:
    """On the real thing: once an app's packages are compiled, the next app has them from its install on."""
    first = platform.running("compiled")
    build = f"build.{first}"
    while build in platform.supervisorctl("status"):
        pass
    second = platform.create("linked")
    platform.wait(second, "running")
    pandas = "venv/lib/python3.*/site-packages/pandas/core/__pycache__/frame.*.pyc"
    inodes = {
        next((platform.data / "apps" / app_id).glob(pandas)).stat().st_ino for app_id in (first, second)
    }
    assert len(inodes) == 1
    for app_id in (first, second):
        platform.api.delete(f"/apps/{app_id}")
