"""The platform's copy of Streamlit's files: whose it is, what gets in, and how long it stays."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import brotli
import pytest

from hostd import static_files
from hostd.builds import static_copy
from hostd.layout import Layout
from hostd.lifecycle.recovery import take_in
from hostd.lifecycle.registry import Registry
from hostd.models import App, Route, Status, Wish
from hostd.runlog import now
from hostd.static_files import StaticCopies
from hostd.store import Store, write_json

from .gateway.static_wheel import FILES, SCRIPT, VERSION, copied, lay_down

JS = "static/js/index.DormvYxC.js"


def read(copies: StaticCopies, key: str, name: str, *codings: str) -> bytes:
    """A file's bytes in the first coding that there is."""
    body = copies.find(key, name, codings)
    assert body is not None
    return copies.read_whole(body)


def test_every_coding_holds_the_same(tmp_path: Path) -> None:
    """What compresses is there three times, a picture once, and index.html not at all."""
    key, copies = copied(lay_down(tmp_path / "a"), tmp_path / "copies")
    for name, content in FILES.items():
        if name == "index.html":
            assert not copies.has(key, name)
            continue
        assert read(copies, key, name) == content
        packed = name.endswith((".js", ".css"))
        for coding, opened in (("br", brotli.decompress), ("gzip", gzip.decompress)):
            body = copies.find(key, name, [coding])
            assert body is not None and body.coding == (coding if packed else "")
            assert (opened(read(copies, key, name, coding)) if packed else content) == content


def test_the_same_content_is_one_copy(tmp_path: Path) -> None:
    """The second install of a version writes nothing; other content of that version is another copy."""
    folder = tmp_path / "copies"
    key, _ = copied(lay_down(tmp_path / "a"), folder)
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert copied(lay_down(tmp_path / "b"), folder)[0] == key
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == before
    other, copies = copied(lay_down(tmp_path / "c", {**FILES, JS: SCRIPT + b"// forked"}), folder)
    assert other != key and key.startswith(f"{VERSION}-") and other.startswith(f"{VERSION}-")
    assert (read(copies, key, JS), read(copies, other, JS)) == (SCRIPT, SCRIPT + b"// forked")


def test_what_an_app_changes_in_its_venv_gets_nowhere(tmp_path: Path) -> None:
    """In place, after the copy: it has the old bytes. Before it: there is no copy."""
    folder, mine = tmp_path / "copies", lay_down(tmp_path / "mine")
    key, copies = copied(mine, folder)
    with (mine / "streamlit/static" / JS).open("r+b") as file:
        file.write(b"alert('mine');")
    assert copied(mine, folder)[0] == key
    assert read(copies, key, JS) == SCRIPT

    wheel = static_copy.wheel(lay_down(tmp_path / "early"), VERSION)
    assert wheel is not None
    (tmp_path / "early/streamlit/static" / JS).write_bytes(b"alert('early');")
    with pytest.raises(static_copy.Changed, match=JS):
        static_copy.make(wheel, tmp_path / "others")
    assert [path.name for path in (tmp_path / "others").iterdir()] == ["lock"]


@pytest.mark.parametrize("what", ["fifo", "device", "link", "longer"])
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, what: str) -> None:
    """Nothing is waited for, and nothing without end is read."""
    packages = lay_down(tmp_path / "a")
    wheel = static_copy.wheel(packages, VERSION)
    assert wheel is not None
    path = packages / "streamlit/static" / JS
    path.unlink()
    if what == "fifo":
        os.mkfifo(path)
    elif what == "longer":
        path.write_bytes(SCRIPT + b"x")
    else:
        (tmp_path / "same.js").write_bytes(SCRIPT)
        path.symlink_to("/dev/zero" if what == "device" else tmp_path / "same.js")
    with pytest.raises((static_copy.Changed, OSError)):
        static_copy.make(wheel, tmp_path / "copies")
    copied(lay_down(tmp_path / "b"), tmp_path / "copies")


def test_what_is_no_wheel_is_not_shared(tmp_path: Path) -> None:
    """No RECORD, a RECORD without digests, names that could mean another file."""
    packages = lay_down(tmp_path / "a", {})
    record = packages / f"streamlit-{VERSION}.dist-info" / "RECORD"
    assert static_copy.wheel(packages, VERSION) is None
    assert static_copy.wheel(packages, "1.0") is None
    assert static_copy.wheel(packages, None) is None
    for line in (f"streamlit/static/{JS},,", f"streamlit/static/{JS},md5=abc,3"):
        record.write_text(f"{line}\n")
        assert static_copy.wheel(packages, VERSION) is None
    for size in ("", "-1", str(65 * 1024 * 1024)):
        record.write_text(f"streamlit/static/{JS},sha256=abc,{size}\n")
        assert static_copy.wheel(packages, VERSION) is None
    odd = ("static/../../x.js", "static/./x.js", "static//x.js", "static/a b.js", "static/.x.js", "x.js")
    record.write_text("".join(f"streamlit/static/{name},sha256=abc,3\n" for name in odd))
    assert static_copy.wheel(packages, VERSION) is None


def test_a_copy_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    """Killed at any moment: the next install of the version makes what is missing, and sweeps the rest."""
    folder, packages = tmp_path / "copies", lay_down(tmp_path / "a")
    key, _ = copied(packages, folder)
    whole = {path.name for path in folder.iterdir()}
    for coding in ("br", "gzip", ""):
        static_files.pack(folder, key, coding).unlink()
        (folder / f".{key}.zip.tmp").write_bytes(b"half")
        _, copies = copied(packages, folder)
        assert {path.name for path in folder.iterdir()} == whole
        assert read(copies, key, JS) == SCRIPT


def test_a_damaged_copy_is_not_compressed(tmp_path: Path) -> None:
    """An install that finds one removes it, and the next makes it anew."""
    folder, packages = tmp_path / "copies", lay_down(tmp_path / "a")
    key, _ = copied(packages, folder)
    path = static_files.pack(folder, key)
    path.write_bytes(path.read_bytes().replace(SCRIPT[:50], b"x" * 50))
    static_files.pack(folder, key, "br").unlink()
    with pytest.raises(static_copy.Changed, match=key):
        copied(packages, folder)
    _, copies = copied(packages, folder)
    assert read(copies, key, JS) == SCRIPT


def test_keys_of_strangers_open_nothing(tmp_path: Path) -> None:
    """A key is no path, and a name is looked up among those that there are."""
    folder = tmp_path / "copies"
    key, copies = copied(lay_down(tmp_path / "a"), folder)
    (tmp_path / "b.zip").write_bytes(static_files.pack(folder, key).read_bytes())
    for bad in ("../b", "b", "", f"../copies/{key}", f"{key}.gzip", f"{key}\0", key.upper() + "x"):
        assert copies.find(bad, JS, ["gzip"]) is None
    for name in (
        "",
        "static",
        "static/js/",
        f"../{JS}",
        f"/{JS}",
        f"static/js/../js/{JS[10:]}",
        "index.html",
    ):
        assert copies.find(key, name, ["gzip"]) is None


def test_memory_for_bodies_is_bounded(tmp_path: Path) -> None:
    """The least asked for goes first."""
    key, copies = copied(lay_down(tmp_path / "a"), tmp_path / "copies")
    bodies = [static_files.Body(key, "", n, 500_000, 0) for n in range(100)]
    for body in bodies:
        copies.keep(body, bytes(500_000))
        assert copies.kept(bodies[0]) is not None
    kept = [body for body in bodies if copies.kept(body) is not None]
    assert kept == [bodies[0], *bodies[-(len(kept) - 1) :]] and 10 < len(kept) < 35


def test_old_copies_can_be_told_and_removed(tmp_path: Path) -> None:
    """Only those that no install has used for long; an install that uses one makes it young again."""
    folder, packages = tmp_path / "copies", lay_down(tmp_path / "a")
    key, copies = copied(packages, folder)
    assert static_files.untouched(folder) == []
    long_ago = time.time() - (static_files.UNUSED_DAYS + 1) * 86_400
    os.utime(static_files.pack(folder, key), (long_ago, long_ago))
    assert static_files.untouched(folder) == [key]
    copied(packages, folder)
    assert static_files.untouched(folder) == []
    body = copies.find(key, JS, [])
    assert body is not None
    static_files.remove(folder, key)
    assert [path.name for path in folder.iterdir()] == ["lock"]
    assert copies.read_whole(body) == SCRIPT  # whoever has it open goes on
    assert static_files.untouched(tmp_path / "nowhere") == []


def test_a_start_removes_what_no_release_names(tmp_path: Path) -> None:
    """Old and named: kept, and young again. Old and not named: gone. Young: kept, whoever names it."""
    layout = Layout(tmp_path)
    store = Store(layout)
    app = App("x", "X", Status.STOPPED, Wish.STOPPED, 1, "secret", now(), now())
    release = layout.app("x").release(1)
    release.root.mkdir(parents=True)
    store.save_in(layout.app("x"), app)
    keys = [copied(lay_down(tmp_path / n, {JS: n.encode()}), layout.statics)[0] for n in ("a", "b", "c")]
    write_json(release.record, {"release": 1, "static": keys[0]})
    long_ago = time.time() - (static_files.UNUSED_DAYS + 1) * 86_400
    for key in keys[:2]:
        os.utime(static_files.pack(layout.statics, key), (long_ago, long_ago))

    take_in(layout, store, Registry(store, Route(Status.RUNNING, 1, "console")))

    copies = StaticCopies(layout.statics)
    assert [copies.has(key, JS) for key in keys] == [True, False, True]
    assert static_files.untouched(layout.statics) == []
    assert not list(layout.statics.glob(f"{keys[1]}*"))
