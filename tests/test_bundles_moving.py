"""Files that apps wrote beside their code: found, moved on and back, whatever cuts it short."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from hostd import bundles
from hostd.bundles import Moved, keeps_files, move_written, written_beside

from .laying import ENTRY, Folder, sent

TREE = {"app.py": ENTRY, "data/known.csv": b"uploaded", "run.sh": b"#!"}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Two releases of one tree."""
    made = Folder(tmp_path)
    for _ in range(2):
        made.lay(sent(TREE))
    return made


def content(folder: Folder, number: int) -> dict[str, bytes]:
    """Every file of a release's working tree."""
    return {name: (folder[number].bundle / name).read_bytes() for name in folder.names(number)}


def recovered(folder: Folder) -> dict[str, bytes]:
    """What was put to the app's home, by path below ``recovered``."""
    root = folder.app.home / "recovered"
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def add_row(folder: Folder, number: int, name: str = "app.db") -> None:
    """What an app does with an SQLite file in its working directory; it ends without closing it."""
    program = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('pragma journal_mode=wal');"
        "db.execute('create table if not exists t(x)'); db.execute('insert into t values (1)'); db.commit();"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(folder[number].bundle / name)], check=True)


def rows(folder: Folder, number: int, name: str = "app.db") -> int:
    """How many rows a release's SQLite file has."""
    with closing(sqlite3.connect(folder[number].bundle / name)) as database:
        return int(database.execute("select count(*) from t").fetchone()[0])


def test_what_is_written_is_found(folder: Folder) -> None:
    """Added and changed files are, whatever their size and dates; bytecode, deletions and folders are not."""
    bundle = folder[1].bundle
    assert written_beside(folder[1]) == []
    shutil.copytree(bundle / "data", bundle / "copy")
    (bundle / "__pycache__").mkdir()
    (bundle / "__pycache__" / "app.pyc").write_bytes(b"x")
    (bundle / "empty").mkdir()
    (bundle / "run.sh").unlink()
    known, dates = bundle / "data/known.csv", (bundle / "data/known.csv").stat()
    known.write_bytes(b"UPLOADED")
    os.utime(known, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    (bundle / "link").symlink_to("/etc/passwd")
    os.mkfifo(bundle / "pipe")
    assert written_beside(folder[1]) == ["copy/known.csv", "data/known.csv", "link"]
    known.write_bytes(b"uploaded")
    assert "data/known.csv" not in written_beside(folder[1])


def test_there_and_back(folder: Folder) -> None:
    """What was written goes on to the new release and back again; both trees stay whole for a rollback."""
    before = content(folder, 2)
    (folder[1].bundle / "data/known.csv").write_bytes(b"changed")
    (folder[1].bundle / "data/new").mkdir()
    (folder[1].bundle / "data/new/x.txt").write_bytes(b"new")
    written = content(folder, 1)
    assert keeps_files(folder[1], folder[2])
    found = move_written(folder[1], folder[2])
    assert found == Moved(moved=("data/known.csv", "data/new/x.txt"))
    assert (content(folder, 2), content(folder, 1)) == (written, before)
    assert os.access(folder[1].bundle / "app.py", os.R_OK)
    move_written(folder[2], folder[1])
    assert (content(folder, 1), content(folder, 2)) == (written, before)
    assert recovered(folder) == {}


def test_an_upload_of_the_same_name(folder: Folder) -> None:
    """A version of its own that the new release brings stays; the app's goes to its home, and comes back."""
    folder.lay(sent({**TREE, "data/known.csv": b"second upload", "cache": b"a file", "new.txt": b"3"}))
    for name, data in {"data/known.csv": b"changed", "new.txt": b"mine", "mine.txt": b"mine"}.items():
        (folder[1].bundle / name).write_bytes(data)
    (folder[1].bundle / "cache").mkdir()
    (folder[1].bundle / "cache/x").write_bytes(b"x")
    written = content(folder, 1)
    found = move_written(folder[1], folder[3])
    assert found.moved == ("mine.txt",)
    assert found.recovered == ("cache/x", "data/known.csv", "new.txt")
    assert content(folder, 3)["data/known.csv"] == b"second upload"
    assert recovered(folder) == {"r1/cache/x": b"x", "r1/data/known.csv": b"changed", "r1/new.txt": b"mine"}
    assert keeps_files(folder[2], folder[1])
    move_written(folder[3], folder[1])
    assert content(folder, 1) == written
    assert recovered(folder) == {}


def test_sqlite_keeps_every_row(folder: Folder) -> None:
    """An SQLite file whose log is not yet written back keeps every row over many deploys and failures."""
    for number in range(2, 8):
        add_row(folder, number - 1)
        assert {"app.db", "app.db-wal"} <= set(written_beside(folder[number - 1]))
        move_written(folder[number - 1], folder[number])
        move_written(folder[number], folder[number - 1])
        move_written(folder[number - 1], folder[number])
        folder.lay(sent({**TREE, "v.txt": str(number).encode()}))
    assert rows(folder, 7) == 6


def test_sqlite_is_not_parted_from_its_log(folder: Folder, tmp_path: Path) -> None:
    """When an upload brings another database, file and log go home together; no strange log meets one."""
    add_row(folder, 1)
    database, log = ((folder[1].bundle / name).read_bytes() for name in ("app.db", "app.db-wal"))
    folder.lay(sent({**TREE, "app.db": database, "app.db-wal": log}))
    add_row(folder, 3)
    with closing(sqlite3.connect(folder[3].bundle / "app.db")) as opened:
        opened.execute("insert into t values (1)")
        opened.commit()  # the last to close writes the log back and deletes it
    assert "app.db-wal" not in folder.names(3)
    folder.lay(sent({**TREE, "app.db": database, "app.db-wal": log, "more.txt": b""}))
    move_written(folder[3], folder[4])
    assert rows(folder, 4) == 3
    folder.lay(sent({**TREE, "app.db": b"something else"}))
    add_row(folder, 4)
    found = move_written(folder[4], folder[5])
    assert {"app.db", "app.db-wal"} <= set(found.recovered)
    assert not found.moved
    move_written(folder[5], folder[4])
    assert rows(folder, 4) == 4


def test_links_are_not_followed(folder: Folder, tmp_path: Path) -> None:
    """An app's links lead hostd nowhere: not in its working directory, not in its home."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder[2].bundle / "out").symlink_to(outside)
    (folder.app.home / "recovered").symlink_to(outside)
    (folder[1].bundle / "out").mkdir()
    (folder[1].bundle / "out/evil").write_bytes(b"x")
    move_written(folder[1], folder[2])
    assert list(outside.iterdir()) == []
    assert recovered(folder) == {"r1/out/evil": b"x"}


def test_a_file_of_either_is_kept(folder: Folder) -> None:
    """When both have written one name, the one that served last wins and the other's is kept in its home."""
    for number in (1, 2):
        (folder[number].bundle / "x.txt").write_bytes(str(number).encode())
    move_written(folder[1], folder[2])
    assert content(folder, 2)["x.txt"] == b"1"
    assert recovered(folder) == {"r2/x.txt": b"2"}


@pytest.mark.parametrize("back", [False, True])
def test_killed_at_every_step(tmp_path: Path, back: bool) -> None:
    """Killed before any rename and run again, or run backwards: it ends as if nothing had happened."""
    step, ended = 0, False
    while not ended:
        folder = Folder(tmp_path / str(step))
        folder.lay(sent({**TREE, "both.csv": b"1"}))
        folder.lay(sent({**TREE, "both.csv": b"2"}))
        add_row(folder, 1)
        for name in ("both.csv", "data/known.csv", "mine.txt"):
            (folder[1].bundle / name).write_bytes(b"mine")
        first, second = content(folder, 1), content(folder, 2)
        ended = _killed(step, folder) == 0
        if back:
            move_written(folder[2], folder[1])
            assert content(folder, 1) == first, step
            assert content(folder, 2) == second, step
            assert recovered(folder) == {}
        else:
            move_written(folder[1], folder[2])
            assert content(folder, 1) == {**TREE, "both.csv": b"1"}, step
            assert content(folder, 2) == {**first, "both.csv": b"2"}, step
            assert recovered(folder) == {"r1/both.csv": b"mine"}
        assert not list(folder[1].root.glob("moving-*"))
        step += 1
    assert step > 15


def _killed(step: int, folder: Folder) -> int:
    """Move in a child that ends itself before its ``step``-th change of a name."""
    child = os.fork()
    if child == 0:
        left = [step]

        def count(event: str, _: object) -> None:
            if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)

        sys.addaudithook(count)
        move_written(folder[1], folder[2])
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


NAMES = ["a", "a-wal", "a-journal", "d/a", "d", "d/a-shm", "known", "known-wal"]


@limits(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.sets(st.sampled_from(NAMES))), max_size=4))
def test_nothing_is_ever_lost(deploys: list[tuple[int, int, set[str]]]) -> None:
    """Whatever is written and wherever it is moved, every content is somewhere, and every upload is whole."""
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root))
        for number in range(1, 4):
            folder.lay(sent({"app.py": ENTRY, "known": b"known%d" % (number // 2)}))
        kept: set[bytes] = set()
        for count, (old, new, names) in enumerate(deploys):
            for name in sorted(names):
                _overwrite(folder[old].bundle / name, b"%d %s" % (count, name.encode()), kept)
            if old != new:
                move_written(folder[old], folder[new])
        everything = {path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}
        assert kept <= everything
        for number in range(1, 4):
            assert {name for name, _ in bundles.tree(folder[number])} <= set(folder.names(number))


def _overwrite(path: Path, data: bytes, kept: set[bytes]) -> None:
    """Write as an app does: what was there before is its own loss."""
    if path.parent.is_dir() and not path.is_dir():
        kept -= {path.read_bytes()} if path.is_file() else set()
        path.write_bytes(data)
        kept.add(data)
