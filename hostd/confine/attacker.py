"""Tries to get out of where hostd/launch.py put it, and prints as JSON what came of each try.

Run as ``python -I -S attacker.py TARGETS``, as an app would be: TARGETS is JSON with the path of a ``file``
that everybody may read, of a ``private`` one, the ``port`` and ``pid`` of a listener, a ``free`` port.
Each answer is the name of an errno, or "open" when the try succeeded.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

_MSG_FASTOPEN, _MPTCP, _AF_VSOCK = 0x20000000, 262, 40
_CALLS = {
    "x86_64": {"process_vm_readv": 310, "ptrace": 101},
    "aarch64": {"process_vm_readv": 270, "ptrace": 117},
}
_CLONE3 = 435


def tries(targets: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """What is tried, by name."""
    where = ("127.0.0.1", targets["port"])
    return {
        "private": lambda: open(targets["private"], "rb"),
        "setuid": lambda: os.setuid(0 if os.getuid() else 1),
        "file": lambda: open(targets["file"], "rb"),
        "tcp": lambda: socket.create_connection(where),
        "bind": lambda: socket.socket().bind(("127.0.0.1", targets["free"])),
        "signal": lambda: os.kill(targets["pid"], 0),
        "fast open": lambda: socket.socket().sendto(b"x", _MSG_FASTOPEN, where),
        "mptcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, _MPTCP).connect(where),
        "vsock": lambda: socket.socket(_AF_VSOCK, socket.SOCK_STREAM),
        "own memory": _own_memory,
        "ptrace": lambda: _call("ptrace", 0, 0, 0, 0),  # PTRACE_TRACEME
        "clone3": lambda: _check(_LIBC.syscall(_CLONE3, None, ctypes.c_long(0))),
    }


_LIBC = ctypes.CDLL(None, use_errno=True)


def _own_memory() -> None:
    """process_vm_readv of ourselves, which only a filter of system calls refuses."""
    source, target = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(target), 8)
    remote = (ctypes.c_void_p * 2)(ctypes.addressof(source), 8)
    _call("process_vm_readv", os.getpid(), local, 1, remote, 1, 0)


def _call(name: str, *arguments: Any) -> None:
    number = _CALLS.get(os.uname().machine, {}).get(name)
    if number is None:
        raise OSError(errno.ENOSYS, name)
    _check(_LIBC.syscall(number, *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def outcome(attempt: Callable[[], Any]) -> str:
    """What came of one try."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "open"


if __name__ == "__main__":
    found = {name: outcome(attempt) for name, attempt in tries(json.loads(sys.argv[1])).items()}
    sys.stdout.write(json.dumps({"uid": os.getuid(), **found}))
