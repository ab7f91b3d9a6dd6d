"""Running the programs of one install: their output to the log, all within one time limit."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hostd.builds.exits import OUT_OF_TIME, Stop
from hostd.confine import enter, limits
from hostd.confine.identity import renounce
from hostd.identity import Identity, become
from hostd.launch import die_with_parent

_NO_SPACE = re.compile(r"No space left on device|os error 28|Disk quota exceeded")


@dataclass(frozen=True, slots=True)
class Steps:
    """``folder`` is the working directory, ``scratch`` has files of ours; ``deadline``: monotonic clock.

    ``identity`` is the user that the programs run as, None for our own; ``environment`` theirs, None for
    our own. ``platform`` are steps of the platform itself, as which only programs of ours run. Without
    ``building`` uv takes nothing but wheels. ``held``: limits and confinement of programs that run code of
    others.
    """

    log: IO[bytes]
    folder: Path
    scratch: Path
    deadline: float
    identity: Identity | None = None
    environment: Mapping[str, str] | None = None
    platform: Steps | None = None
    building: bool = True
    held: Mapping[str, Any] | None = None

    def say(self, line: str) -> None:
        """One line of ours."""
        self._tee(f"{line}\n".encode())

    def write(self, name: str, text: str) -> Path:
        """A file of ours for a program to read."""
        self.scratch.mkdir(exist_ok=True)
        path = self.scratch / name
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, command: Sequence[str]) -> int:
        """Run a program, its output to the log; once more when it was killed. Raises Stop: out of time."""
        code = 1
        for _ in range(2):
            code = self._run(command, subprocess.STDOUT, self._tee)
            if code >= 0:
                return code
            self.say(f"{Path(command[0]).name} was killed by signal {-code}")
        return 1

    def must(self, command: Sequence[str]) -> None:
        """Run a program that has to succeed. Raises Stop."""
        if code := self.run(command):
            raise Stop(code)

    def ask(self, command: Sequence[str], *, errors: bool = False) -> tuple[int, str]:
        """(exit code, output) of a program, standard error only with ``errors``; nothing is logged.

        Raises Stop when time is over.
        """
        lines: list[bytes] = []
        code = self._run(command, subprocess.STDOUT if errors else subprocess.DEVNULL, lines.append)
        return code, b"".join(lines).decode("utf-8", "replace")

    def quietly(self, command: Sequence[str]) -> None:
        """Run a program without a time limit, whatever comes of it; nothing is logged."""
        with contextlib.suppress(OSError):  # an interpreter that went away meanwhile
            subprocess.run(
                command, check=False, env=self.environment, close_fds=False, preexec_fn=self._begin
            )  # fmt: skip

    def _run(self, command: Sequence[str], stderr: int, each: Callable[[bytes], None]) -> int:
        process = subprocess.Popen(
            command if self.building else wheels_only(command),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=self.environment,
            close_fds=False,  # ours close by themselves; while we act for another, /proc/self/fd is shut
            preexec_fn=self._begin,  # noqa: PLW1509 - no thread runs yet
        )
        late = threading.Event()
        timer = threading.Timer(max(0.0, self.deadline - time.monotonic()), _end, (process, late))
        timer.start()
        full = False
        with process, contextlib.closing(process.stdout or open(os.devnull, "rb")) as output:  # noqa: PTH123
            for line in output:
                full = full or bool(_NO_SPACE.search(line.decode("utf-8", "replace")))
                each(line)
        timer.cancel()
        if late.is_set():
            raise Stop(OUT_OF_TIME)
        return errno.ENOSPC if full and process.returncode else process.returncode

    def _begin(self) -> None:
        if self.identity is not None:
            os.seteuid(0)  # for the limits
        if self.held is not None:
            limits.apply(self.held["limits"], own_uid=self.identity is not None)
        if self.identity is not None:
            become(self.identity)
        if self.held is not None:
            renounce()
        die_with_parent()  # after that: a change of the user clears it (prctl(2))
        if self.held is not None:
            enter.hold(self.held["confine"])

    def _tee(self, line: bytes) -> None:
        for write in (self.log.write, sys.stdout.buffer.write):
            with contextlib.suppress(OSError):  # a full disk loses the line; uv will say what is wrong
                write(line)
        sys.stdout.flush()


def wheels_only(command: Sequence[str]) -> list[str]:
    """The same call of uv, which then builds nothing, not even to learn what a package needs.

    By option: uv's pip does not look at UV_NO_BUILD, and takes no other option about building beside it.
    """
    if list(command[1:3]) not in (["pip", "install"], ["pip", "compile"]):
        return list(command)
    words = [word for word in command[3:] if not word.startswith(("--no-binary", "--only-binary"))]
    return [*command[:3], "--no-build", *(word for word in words if word != ":all:")]


def _end(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    """Kill the program and what it left: a build backend outlives uv."""
    late.set()
    process.kill()
    # As a supervisord program we lead a group that holds nobody else.
    for _ in range(10 if os.getpgrp() == os.getpid() else 0):  # again: one may fork while we look
        for pid in [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]:
            with contextlib.suppress(OSError):
                if pid != os.getpid() and os.getpgid(pid) == os.getpgrp():
                    os.kill(pid, signal.SIGKILL)
