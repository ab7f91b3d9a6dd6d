"""Starts what fetches from git: where hostd is root as another user, confined as apps are; ends it all."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostd import launch, trees
from hostd.egress import Range
from hostd.errors import Invalid
from hostd.identity import Gift, Identity, give_tree

TIME_LIMIT = 120
"""Seconds for one call of git."""
_PROGRAM = """
import ctypes, os, resource, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Ends git with us (PR_SET_PDEATHSIG), and its files at a size."""
_LAUNCHER = str(Path(launch.__file__).resolve())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """The user that git runs as, and where: ``folder`` holds one for each fetch.

    ``read`` and ``write``: what it may beside that folder. ``ssh_read``: what ssh may, which is run by root,
    without its rights. ``ports``: what both may connect to, beside the port in the address. ``python``: an
    interpreter that this user can run.
    """

    user: Identity
    folder: Path
    read: tuple[str, ...]
    write: tuple[str, ...]
    ssh_read: tuple[str, ...]
    ports: tuple[Range, ...]
    python: str


@contextlib.contextmanager
def workplace(scratch: Path, fetcher: Fetcher | None) -> Iterator[Path]:
    """A folder for one repository, with ``template`` in it for git init: archives leave nothing out."""
    if fetcher is None:
        yield _with_template(scratch)
        return
    place = Path(tempfile.mkdtemp(dir=fetcher.folder))
    try:
        give_tree(_with_template(place), Gift(fetcher.user, folders=0o700, files=0o600))
        yield place
    finally:
        trees.delete(place)


def _with_template(place: Path) -> Path:
    info = place / "template" / "info"
    info.mkdir(parents=True)
    (info / "attributes").write_text("* -export-ignore -export-subst\n", encoding="ascii")
    return place


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One call of git. ``size``: bytes of the largest file. ``ports``: what it connects to, if it may at all.

    ``output`` and ``descriptors`` are open files: where its answer goes (None: to us), what else it has.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    size: int
    ports: Sequence[Range] = ()
    output: int | None = None
    descriptors: tuple[int, ...] = ()


def run(order: Order, fetcher: Fetcher | None) -> subprocess.CompletedProcess[str]:
    """What came of it. Raises Invalid('git') when it takes too long."""
    if fetcher is None:
        command = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(order.size), *order.argv]
        return _finished(_started(command, order))
    with launched(_spec(order, fetcher)) as (command, spec):
        process = _started(command, order, spec)
    return _finished(process)


def _spec(order: Order, fetcher: Fetcher) -> dict[str, Any]:
    return {
        "argv": list(order.argv),
        "env": {**order.env, "TMPDIR": str(order.folder)},
        "cwd": str(order.folder),
        "uid": fetcher.user.uid,
        "limits": {"file_mb": math.ceil(order.size / 1e6)},
        "confine": {
            "read": fetcher.read,
            "write": [*fetcher.write, str(order.folder)],
            "tcp": {"bind": [], "connect": list(order.ports)},
        },
    }


@contextlib.contextmanager
def launched(spec: Mapping[str, Any]) -> Iterator[tuple[list[str], int]]:
    """The command that becomes ``spec`` (hostd/launch.py), and the descriptor it reads that from.

    By a pipe: a password in the environment must be in no file and in no command line.
    """
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    try:
        yield [sys.executable, "-I", "-S", _LAUNCHER, f"/dev/fd/{reading}"], reading
    finally:
        os.close(reading)


def _started(command: Sequence[str], order: Order, *descriptors: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=order.folder,
        env=dict(order.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if order.output is None else order.output,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        pass_fds=(*order.descriptors, *descriptors),
    )


def _finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    try:
        out, err = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise Invalid("git", f"took longer than {TIME_LIMIT} s to answer") from None
    finally:
        end(process)
    return subprocess.CompletedProcess(process.args, process.returncode, out or "", err)


def end(process: subprocess.Popen[Any]) -> None:
    """End it and every helper of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
