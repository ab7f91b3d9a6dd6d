"""Landlock: folders and TCP ports that a process and its children can't leave (linux/landlock.h).

Its TCP rules know ports and no addresses, and nothing of UDP; path-named unix sockets are not in it before
kernels newer than ABI 7. hostd/confine/seccomp.py closes what goes round the TCP rules.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct

from hostd.confine import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in kernel.py
    from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
ABSTRACT_SOCKETS, SIGNALS = 1 << 0, 1 << 1

_READ = EXECUTE | READ_FILE | READ_DIR
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_ALL_AT_LEAST = ((5, IOCTL_DEV), (3, TRUNCATE), (2, REFER))
_ALL_OF_ABI_1 = (1 << 13) - 1
ANY_PORT = 0
"""In ``bind``: a port that the kernel chooses."""


def abi() -> int:
    """The version of Landlock that the kernel has; 0 when it has none, or when it is switched off."""
    return int(max(0, kernel.syscall(_CREATE_RULESET, None, ctypes.c_long(0), ctypes.c_long(_VERSION))))


class Ruleset:
    """What will be allowed once ``restrict`` is called; everything else of its kind is not."""

    def __init__(self, version: int, *, tcp: bool) -> None:
        """``tcp``: bind and connect are restricted too, where the kernel can. Raises OSError."""
        self._files = _ALL_OF_ABI_1 | sum(bit for since, bit in _ALL_AT_LEAST if version >= since)
        self._tcp = BIND_TCP | CONNECT_TCP if tcp and version >= 4 else 0
        scoped = ABSTRACT_SOCKETS | SIGNALS if version >= 6 else 0
        attributes = ctypes.create_string_buffer(struct.pack("=QQQ", self._files, self._tcp, scoped), 24)
        self._fd = kernel.call("landlock_create_ruleset", _CREATE_RULESET, attributes, 24, 0)

    def read(self, paths: Iterable[str]) -> None:
        """Let what is there of ``paths`` be read and executed. Raises OSError."""
        for path in paths:
            self._beneath(path, _READ, 0)

    def write(self, paths: Iterable[str]) -> None:
        """Let what is there of ``paths`` be changed; a link at its end counts for nothing.

        Raises OSError. No device files can be made, and none but those named can be talked to by ioctl.
        """
        for path in paths:
            self._beneath(path, self._files & ~(MAKE_CHAR | MAKE_BLOCK), os.O_NOFOLLOW)

    def unlisted(self, paths: Iterable[str]) -> None:
        """Like write, but nobody can list the folder: whoever knows a name can use it. Raises OSError."""
        for path in paths:
            self._beneath(path, self._files & ~(MAKE_CHAR | MAKE_BLOCK | READ_DIR), os.O_NOFOLLOW)

    def _beneath(self, path: str, rights: int, flags: int) -> None:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC | flags)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return  # what isn't there, or can't be reached anyway
        try:
            mode = os.fstat(fd).st_mode
            if stat.S_ISLNK(mode):
                return
            rights &= self._files if stat.S_ISDIR(mode) else _OF_FILES
            if not stat.S_ISCHR(mode):
                rights &= ~IOCTL_DEV
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights & self._files, fd), 12)
            kernel.call("landlock_add_rule", _ADD_RULE, self._fd, _PATH_BENEATH, rule, 0)
        finally:
            os.close(fd)

    def ports(self, right: int, ranges: Iterable[tuple[int, int]]) -> None:
        """Allow ``right`` for every port from a range's first to its last. Raises OSError."""
        if not self._tcp:
            return
        rule = (ctypes.c_uint64 * 2)(right)
        fd, kind, where, none = (
            ctypes.c_long(self._fd),
            ctypes.c_long(_NET_PORT),
            ctypes.byref(rule),
            ctypes.c_long(0),
        )
        number, add = ctypes.c_long(_ADD_RULE), kernel.syscall
        for low, high in ranges:
            for port in range(low, high + 1):
                rule[1] = port
                if add(number, fd, kind, where, none):
                    raise OSError(ctypes.get_errno(), f"landlock_add_rule: port {port}")

    def restrict(self) -> None:
        """From now on, for this process and all that it starts. Needs no_new_privs. Raises OSError.

        Flags 0: from ABI 7 on denials of the launcher would be logged for the audit, those of the program
        that it becomes are not: an app could fill the log with them.
        """
        kernel.call("landlock_restrict_self", _RESTRICT_SELF, self._fd, 0)
        os.close(self._fd)
