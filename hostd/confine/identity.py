"""Who the process is, and that it can never become more: uid, groups, capabilities, no_new_privs."""

from __future__ import annotations

import ctypes
import os
import stat

from hostd.confine import kernel

_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
_LAST_POSSIBLE_CAPABILITY = 63


def become(uid: int | None) -> None:
    """Take on ``uid`` as user and group, with no other groups; None keeps who we are. Raises OSError.

    Its output goes on being its own: programs open /dev/stdout by name.
    """
    _drop_bounding_set()
    if uid is None:
        return
    if stat.S_ISFIFO(os.fstat(1).st_mode):
        os.fchown(1, uid, uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def renounce() -> None:
    """No capability in any set, and no program that gives one (set-user-ID, file capabilities). For good.

    A root that has none gets none back at execve: with no_new_privs a program has at most what it had
    (security/commoncap.c, cap_bprm_creds_from_file). Raises OSError.
    """
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.tried(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)  # an old kernel has none to clear
    number = _CAPSET.get(os.uname().machine)
    if number is not None:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        kernel.call("capset", number, ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


def _drop_bounding_set() -> None:
    """As far as we may (CAP_SETPCAP): a plain container may not, and no_new_privs does the same."""
    for capability in range(_LAST_POSSIBLE_CAPABILITY + 1):
        if not kernel.tried(kernel.PR_CAPBSET_DROP, capability):
            return  # EPERM; EINVAL behind the last one that the kernel knows
