"""An app that takes memory, or names of files, where they might not be counted: WAY says where."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import streamlit as st

SHARED, PIECE, PIECES = "/dev/shm", 50_000_000, 8
"""400 MB in all: the app's limit is 250 MB, and that of one process (RLIMIT_DATA) 506 MB."""
ME = os.environ["USER"]
held: list[object] = []


def daemon() -> bool:
    """A process without the app's group, session and parents has it. Whether it is left alone."""
    ends = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.write(ends[1], b"%d" % os.getpid())
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        for _ in range(PIECES):
            held.append(bytearray(b"x") * PIECE)
        time.sleep(600)
        os._exit(0)
    pid = int(os.read(ends[0], 20))
    return lasts(60, lambda: Path(f"/proc/{pid}").exists())


def files() -> bool:
    """Files that nobody maps."""
    for number in range(PIECES):
        Path(SHARED, f"{ME}-{number}").write_bytes(b"x" * PIECE)
    return lasts(30)


def deleted() -> bool:
    """Files without a name, that nobody maps."""
    for number in range(PIECES):
        path = Path(SHARED, f"{ME}-{number}")
        file = path.open("wb")
        path.unlink()
        file.write(b"x" * PIECE)
        file.flush()
        held.append(file)
    return lasts(30)


def unnamed() -> bool:
    """Files without a name on the disk: three times what the app may have there."""
    for number in range(4):
        path = Path.home() / str(number)
        file = path.open("wb")
        path.unlink()
        file.write(b"x" * 15_000_000)
        file.flush()
        held.append(file)
    return lasts(120)


def names() -> bool:
    """Files without content: they take room in the table of the disk's files alone."""
    folder = Path.home() / "storage" / "many"
    folder.mkdir(exist_ok=True)
    for number in range(20_000):
        (folder / str(number)).touch()
    return lasts(120)


def lasts(seconds: float, true: Callable[[], bool] = lambda: True) -> bool:
    """Whether it stays so for so long, and nobody ends this app."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and true():
        time.sleep(0.2)
    return true()


WAYS = {
    "hold memory in a process that has left the app": daemon,
    "hold memory in files of /dev/shm": files,
    "hold memory in deleted files of /dev/shm": deleted,
    "fill the disk by files without a name": unnamed,
    "make very many empty files": names,
}


@st.cache_resource
def once() -> None:
    """For an app that serves: before that its disk is not looked at."""
    threading.Thread(target=go, daemon=True).start()


def go() -> None:
    """What came of it is said in the log, unless hostd ends the app."""
    name = os.environ["WAY"]
    try:
        came = "open" if WAYS[name]() else "ended"
    except OSError as error:
        came = os.strerror(error.errno or 0)
    except MemoryError:
        came = "MemoryError"
    print("ATTACK", json.dumps([name, came]), flush=True)


if not list(Path.home().joinpath("storage").glob("begun")):
    Path.home().joinpath("storage", "begun").touch()
    once()
st.title("full")
