"""More than an app may have."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

from trying import *

@attack("take all memory at once")
def memory() -> None:
    bytearray(20 * 10**9)


@attack("take all descriptors")
def descriptors() -> None:
    held: list[int] = []
    try:
        while len(held) < 20_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for one in held:
            os.close(one)


@attack("write a file without end")
def endless_file() -> None:
    path = Path.home() / "endless"
    try:
        with path.open("wb") as file:
            file.truncate(20 * 10**9)
    finally:
        path.unlink(missing_ok=True)


@attack("dump core")
def core() -> None:
    if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0):
        raise Refused("limit 0")


@attack("take all descriptors by pipes and sockets")
def pairs() -> None:
    import socket

    held = []
    while len(held) < 20_000:
        held.append(socket.socketpair())


attack("hold memory by memfd")(lambda: os.memfd_create("x"))
attack("hold memory by memfd_secret")(lambda: syscall(447, 447, 0))
attack("hold shared memory of System V")(lambda: syscall(29, 194, 0, 1_000_000, 0o1600))
attack("hold semaphores of System V")(lambda: syscall(64, 190, 0, 1, 0o1600))
attack("hold a message queue of System V")(lambda: syscall(68, 186, 0, 0o1600))
attack("lift its own limits")(lambda: lift())


def lift() -> None:
    """Any of them, by a tenth."""
    for what in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        hard = resource.getrlimit(what)[1]
        if hard == resource.RLIM_INFINITY:
            return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
    except ValueError as error:  # for EPERM
        raise Refused(str(error)) from None


BOMB = "start processes without end"


def bomb() -> None:
    """Where nothing refuses them, they stay until somebody ends them."""
    made = []
    try:
        for _ in range(T["processes"] + 20):
            made.append(subprocess.Popen(["/bin/sleep", "60"]))
        made[0].wait()
    finally:
        for one in made:
            one.kill()
        for one in made:
            one.wait()
