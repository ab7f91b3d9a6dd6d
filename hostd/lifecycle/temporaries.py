"""Temporary folders of an app's processes that are no more: their ports are not used again, or by others."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from contextlib import suppress

from hostd import trees
from hostd.layout import AppLayout
from hostd.lifecycle.confinement import temporary

_PORT = re.compile(r"[1-9][0-9]{3,4}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def ports(app: AppLayout) -> set[int]:
    """Of all processes that left a folder, and of those that run."""
    with suppress(OSError):
        opened = _opened(app)
        try:
            with os.scandir(opened) as entries:
                return {int(one.name) for one in entries if _is_ports(one)}
        finally:
            os.close(opened)
    return set()


def _is_ports(entry: os.DirEntry[str]) -> bool:
    return bool(_PORT.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def sweep(app: AppLayout, used: Container[int]) -> None:
    """Delete those of ports that are not ``used``.

    The app may put a link anywhere in its HOME: the folder above is opened through none, and what is in it
    is reached by that descriptor (proc_pid_fd(5)).
    """
    for port in ports(app):
        if port not in used:
            with suppress(OSError):
                opened = _opened(app)
                try:
                    trees.delete(f"/proc/self/fd/{opened}/{port}")
                finally:
                    os.close(opened)


def _opened(app: AppLayout) -> int:
    """The folder with all of them. Raises OSError, also where it is a link."""
    home = os.open(app.home, _FOLDER)
    try:
        return os.open(temporary(app, 0).parent.name, _FOLDER, dir_fd=home)
    finally:
        os.close(home)
