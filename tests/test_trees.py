"""Trees that an app made so that root stumbles: deep, with long names, with links, with no rights."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hostd import trees
from hostd.identity import Gift, Identity, give_tree
from hostd.lifecycle.outcomes import take_away

DEPTH = 1_200
"""More than Python 3.11 recurses, than a process may open by default, and with long names than PATH_MAX."""


def dig(root: Path, depth: int = DEPTH, name: str = "d" * 100) -> None:
    """Folders in folders, each with a file."""
    root.mkdir(exist_ok=True)
    here = os.open(root, os.O_RDONLY)
    for level in range(depth):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
        os.close(os.open(f"file-{level + 1}", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that is taken away by another's tool. None of pytest's: what is too deep there, also of a
    run that was killed, stops a later run at its end (rm_rf in _pytest/pathlib.py recurses)."""
    made = Path(tempfile.mkdtemp(prefix="hostd-tests-trees-"))
    yield made
    subprocess.run(["rm", "-rf", made], check=True)


@contextmanager
def few_descriptors() -> Iterator[None]:
    """As few as a process has anywhere."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_deep_tree_is_walked_and_deleted(ground: Path) -> None:
    """Bottom up, every folder once, each with its own files; then nothing is left."""
    dig(ground / "tree")
    dig(ground / "tree", 90, "other")
    held = len(list(Path("/proc/self/fd").iterdir()))
    with few_descriptors():
        seen = [(tuple(path), os.fstat(folder).st_ino, names) for path, folder, names in trees.walk(ground)]
        assert len({inode for _, inode, _ in seen}) == len(seen) == DEPTH + 90 + 2
        assert all(names == ([f"file-{len(path) - 1}"] if len(path) > 1 else []) for path, _, names in seen)
        assert [path for path, _, _ in seen[-2:]] == [("tree",), ()]
        assert trees.delete(ground / "tree")
    assert not (ground / "tree").exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == held
    assert trees.delete(ground / "tree"), "what is gone is gone"


def test_links_are_not_followed(ground: Path) -> None:
    """Neither while reading nor while deleting, and no link is taken for a tree."""
    outside, tree = ground / "outside", ground / "tree"
    (outside / "folder").mkdir(parents=True)
    (outside / "kept").touch()
    (tree / "in").mkdir(parents=True)
    (tree / "in" / "folder").symlink_to(outside)
    (tree / "in" / "file").symlink_to(outside / "kept")
    (ground / "link").symlink_to(outside)
    seen = [(path[:], sorted(names)) for path, _, names in trees.walk(tree)]
    assert seen == [(["in"], ["file", "folder"]), ([], [])]
    assert not trees.delete(ground / "link")
    assert trees.delete(tree)
    assert sorted(path.name for path in outside.iterdir()) == ["folder", "kept"]
    left_out = (outside / "folder").stat()
    seen_now = trees.walk(outside, lambda one: one.st_ino != left_out.st_ino)
    assert [path[:] for path, _, _ in seen_now] == [[]]


def test_a_folder_that_is_moved_away_meanwhile(ground: Path) -> None:
    """Who looks from within is not led elsewhere: it says so."""
    dig(ground / "tree", 100, "d")
    steps = trees.walk(ground / "tree")
    next(steps)
    deep = Path(ground, "tree", *["d"] * 100)
    (ground / "elsewhere").mkdir()
    deep.rename(ground / "elsewhere" / "d")
    with pytest.raises(trees.Moved):
        next(steps)


def test_without_rights(ground: Path) -> None:
    """Folders that their owner has shut are opened, by the owner as by root."""
    dig(ground / "tree", 5, "d")
    for depth in range(5, 0, -1):
        Path(ground, "tree", *["d"] * depth).chmod(0)
    if os.geteuid():
        assert trees.delete(ground / "tree")
        return
    for base, folders, names in os.walk(ground):
        for name in (*folders, *names):
            os.chown(Path(base, name), 54_322, 54_322)
    os.chown(ground, 54_322, 54_322)
    for parent in (ground, *ground.parents[:-1]):
        parent.chmod(parent.stat().st_mode | 0o111)
    code = Path(trees.__file__).read_text() + f"\nprint(delete({str(ground / 'tree')!r}))"
    made = subprocess.run(
        ["/usr/bin/python3", "-c", code], user=54_322, group=54_322, extra_groups=[], cwd="/",
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert made.stdout == "True\n"


def test_an_app_with_a_deep_tree_can_be_taken_away(ground: Path) -> None:
    """And a second time, when the step behind it stumbled: the folder is gone already."""
    dig(ground / "app")
    take_away(ground / "app")
    take_away(ground / "app")
    assert list(ground.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_deep_tree_is_given(ground: Path) -> None:
    """With the part that stays apart."""
    dig(ground / "tree", name="d")
    apart = {"d/d/file-2": Gift(Identity(54_324, 54_324), folders=0o700, files=0o600)}
    with few_descriptors():
        give_tree(ground / "tree", Gift(Identity(54_322, 54_322), folders=0o750, files=0o640), apart)
    owners = {os.fstat(folder).st_uid for _, folder, _ in trees.walk(ground / "tree")}
    assert owners == {54_322}
    assert (ground / "tree" / "d" / "d" / "file-2").stat().st_uid == 54_324
    assert (ground / "tree" / "d" / "file-1").stat().st_uid == 54_322


def test_the_launcher_empties_a_deep_folder(ground: Path) -> None:
    """An app's TMPDIR is new at each start, whatever it left there."""
    dig(ground / "tmp")
    code = f"from hostd.confine import enter; enter._empty({str(ground / 'tmp')!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert list((ground / "tmp").iterdir()) == []
