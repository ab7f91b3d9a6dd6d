"""System calls that Python has no function for, by libc's ``syscall`` and ``prctl``."""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing and dataclasses cost more time than all that happens here
    from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
syscall = _LIBC.syscall
"""The bare function: for loops; returns -1 on failure, with ctypes.get_errno()."""

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4


def prctl(option: int, value: Any = 0, more: Any = 0) -> int:
    """prctl(2). Raises OSError."""
    return _checked(_LIBC.prctl(option, _word(value), _word(more), _word(0), _word(0)), "prctl")


def tried(option: int, value: int) -> bool:
    """Whether prctl(2) did it."""
    return bool(_LIBC.prctl(option, *map(_word, (value, 0, 0, 0))) >= 0)


def call(name: str, number: int, *arguments: Any) -> int:
    """System call ``number``; ``name`` is for the error's text. Raises OSError."""
    return _checked(syscall(number, *(_word(one) for one in arguments)), name)


def _word(value: Any) -> Any:
    """ctypes passes a bare int as a 32-bit one."""
    return ctypes.c_long(value) if isinstance(value, int) else value


def _checked(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
