"""The layers in their order, from the spec of a program to a process that has nothing left to give away."""

from __future__ import annotations

import os

from hostd import trees
from hostd.confine import identity, landlock, limits, seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in kernel.py
    from collections.abc import Mapping
    from typing import Any


def enter(spec: Mapping[str, Any], die_with_parent: Any) -> None:
    """Become the process that ``spec`` may be; see hostd/launch.py. Raises OSError, ValueError, KeyError.

    ``die_with_parent`` is called once nothing will change who we are any more: the kernel forgets it then.
    """
    uid = spec.get("uid")
    limits.apply(spec.get("limits") or {}, own_uid=uid is not None)
    identity.become(uid)
    identity.renounce()
    os.chdir(spec["cwd"])
    die_with_parent()
    confine = spec.get("confine")
    if confine is not None:
        hold(confine)
    if tmp := spec.get("tmp"):
        _empty(tmp)


def hold(confine: Mapping[str, Any]) -> None:
    """Landlock and seccomp, for good. Needs no_new_privs. Raises OSError."""
    _landlock(confine)
    seccomp.install()


def _landlock(confine: Mapping[str, Any]) -> None:
    version, tcp = landlock.abi(), confine.get("tcp")
    if not version:
        return
    rules = landlock.Ruleset(version, tcp=tcp is not None)
    rules.read(confine["read"])
    rules.write(confine["write"])
    rules.unlisted(confine.get("unlisted", ()))
    if tcp is not None:
        rules.ports(landlock.BIND_TCP, [(port, port) for port in tcp["bind"]])
        rules.ports(landlock.CONNECT_TCP, tcp["connect"])
    rules.restrict()


def _empty(folder: str) -> None:
    """The app's own folder for temporary files, as new. By now a link planted there leads nowhere.

    Nothing is imported for it: the platform's standard library may be where this user can't read.
    """
    trees.delete(folder)
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
    except OSError:
        return  # a full disk: the app says so itself if it needs the folder
