"""Links for the platform to follow, and trees that are hard to delete."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from trying import *

BAIT = Path(T.get("bait", "/"))


def swapped(folder: Path) -> None:
    folder.rename(folder.with_name("gone"))
    folder.symlink_to(BAIT)


def hard(source: Path, link: Path) -> None:
    link.unlink(missing_ok=True)
    os.link(source, link)


def planted(path: Path, to: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to)


attack("put a link in the place of its log", own=True)(lambda: planted(ME / "run.log", Path("/etc/passwd")))
attack("put a link in the place of a rotated log", own=True)(lambda: planted(ME / "run.log.1", Path("/etc/passwd")))
attack("put a link in the place of its meta.json", own=True)(lambda: planted(ME / "meta.json", VICTIM / "meta.json"))
attack("put a link in the place of its venv", own=True)(lambda: planted(ME / "venv", release(VICTIM) / "venv"))
attack("put a link in the place of its code", own=True)(lambda: swapped(release(ME) / "bundle"))
attack("put a hard link in the place of its log", own=True)(lambda: hard(VICTIM / "run.log", ME / "run.log"))
attack("make a hard link to a file of the platform's")(lambda: hard(BAIT / "file", Path.home() / "hard"))
attack("make a hard link to another app's file")(
    lambda: hard(VICTIM / "home" / "storage" / "secret.txt", Path.home() / "hard")
)
attack("move its release away", own=True)(lambda: release(ME).rename(ME / "releases" / "9"))
attack("move its home away", own=True)(lambda: Path.home().rename(ME / "gone"))


@attack("read through a link in its own folder")
def link_inside() -> None:
    link = Path.home() / "link"
    planted(link, VICTIM / "home")
    (link / "storage" / "secret.txt").read_bytes()


# --- What the platform comes across later: the harness looks at what these lead to ---

TO_FOLDERS = ("storage", "tmp", ".cache", ".config", ".local", ".streamlit", "recovered", "lost")
SWAPPER = """
import os, sys, time
folder, link, third = (os.path.join(sys.argv[1], name) for name in ("race", "race-link", "race-third"))
while True:
    for source, target in ((folder, third), (link, folder), (folder, link), (third, folder)):
        os.rename(source, target)
    time.sleep(0.002)
"""


def plant() -> None:
    """Links wherever root or the platform works: in its home, beside its code, where all may write."""
    home, code = Path.home(), release(ME) / "bundle"
    for name in TO_FOLDERS:
        _set_aside(home / name)
        (home / name).symlink_to(BAIT)
    for folder in (home, code):
        (folder / "to-file").symlink_to(BAIT / "file")
        (folder / "to-folder").symlink_to(BAIT)
        (folder / "to-itself").symlink_to("to-itself")
        os.mkfifo(folder / "fifo")
        with socket.socket(socket.AF_UNIX) as one, suppress(OSError):  # a path may be too long for it
            one.bind(str(folder / "socket"))
    (code / "extra.txt").write_text("the app's own, where the next release brings one")
    (code / "sub").symlink_to(BAIT)
    for folder in ("/dev/shm", "/tmp", "/var/tmp"):
        with suppress(OSError):
            Path(folder, f"hostd-link-{ME.name}").symlink_to(BAIT)
            Path(folder, f"hostd-left-{ME.name}").mkdir()
            Path(folder, f"hostd-left-{ME.name}", "to-folder").symlink_to(BAIT)
    with suppress(OSError):
        Path("/dev/shm", f"hostd-file-{ME.name}").write_text("left")
    _race(home)
    hard_to_delete(home / "hard")


def _set_aside(path: Path) -> None:
    if os.path.lexists(path):
        path.rename(path.with_name(path.name + "-moved"))


def _race(home: Path) -> None:
    """A folder and a link in its place by turns, for whoever looks first and acts then."""
    (home / "race" / "below").mkdir(parents=True)
    for path in ("file", "below/file"):
        (home / "race" / path).write_text("x")
    (home / "race-link").symlink_to(BAIT)
    subprocess.Popen([sys.executable, "-I", "-S", "-c", SWAPPER, str(home)], start_new_session=True)


def hard_to_delete(root: Path) -> None:
    """Deeper than a path can be long, very many files, names of every kind, and folders that are closed."""
    root.mkdir()
    above = os.open(".", os.O_RDONLY)
    os.chdir(root)
    for number in range(3_000):
        os.mkdir("deep")
        os.chdir("deep")
        if number % 1_000 == 0:
            os.symlink(BAIT, "to-folder")
    os.fchdir(above)
    os.close(above)
    (root / "many").mkdir()
    for number in range(20_000):
        os.close(os.open(root / "many" / str(number), os.O_WRONLY | os.O_CREAT))
    for name in (b"\xff\xfe", b"a\nb", b"-rf", b"*", b"n" * 255):
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_text("")
    (root / "closed" / "inner").mkdir(parents=True)
    (root / "closed" / "inner" / "file").write_text("")
    (root / "closed" / "inner").chmod(0)
    (root / "closed").chmod(0)
