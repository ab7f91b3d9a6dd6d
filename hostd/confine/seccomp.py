"""The system calls that no app needs and that go round the other layers, refused by a BPF program.

seccomp(2), linux/filter.h, linux/seccomp.h. The errors are those that programs know how to live with.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from hostd.confine import kernel

_MODE_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000
_MSG_FASTOPEN = 0x20000000
_CLONE_NEW = 0x7E020000
"""CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWNS (linux/sched.h)."""
_DOMAINS = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""
_PROTOCOLS = (0, 6, 17)
"""Any, TCP, UDP; so no MPTCP (262), which Landlock's TCP rules pass over, and no SCTP."""

_SAME = {  # since Linux 5.0 every architecture gives a new call the same number
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "open_tree_attr": 467,
}  # fmt: skip
_REFUSED = {
    "x86_64": {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "bpf": 321,
        "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249, "keyctl": 250,
        "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "swapon": 167, "swapoff": 168,
        "reboot": 169, "init_module": 175, "delete_module": 176, "finit_module": 313, "kexec_load": 246,
        "kexec_file_load": 320, "iopl": 172, "ioperm": 173, "acct": 163, "quotactl": 179, "setns": 308,
        "unshare": 272, "open_by_handle_at": 304, "syslog": 103, "modify_ldt": 154, **_SAME,
    },
    "aarch64": {
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "request_key": 218, "keyctl": 219,
        "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "swapon": 224, "swapoff": 225,
        "reboot": 142, "init_module": 105, "delete_module": 106, "finit_module": 273, "kexec_load": 104,
        "kexec_file_load": 294, "acct": 89, "quotactl": 60, "setns": 268,
        "unshare": 97, "open_by_handle_at": 265, "syslog": 116, **_SAME,
    },
}  # fmt: skip
_NOWHERE = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435,
    "memfd_secret": 447,
}  # fmt: skip
_UNKNOWN = {
    "x86_64": {"memfd_create": 319, "shmget": 29, "semget": 64, "msgget": 68, **_NOWHERE},
    "aarch64": {"memfd_create": 279, "shmget": 194, "semget": 190, "msgget": 186, **_NOWHERE},
}
"""As if the kernel had none, so that libraries go the old way. clone3's flags can't be seen by a filter;
memory that is no process's and no file's can't be counted, and System V's outlives its app."""


_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The architectures for audit (linux/audit.h)."""
_LOOKED_INTO = {
    "socket": ("socket", 41, 198), "socketpair": ("socket", 53, 199), "sendto": ("fourth", 44, 206),
    "sendmmsg": ("fourth", 307, 269), "sendmsg": ("third", 46, 211), "clone": ("clone", 56, 220),
    "prlimit64": ("limits", 302, 261), "setpriority": ("priority", 141, 140),
}  # fmt: skip
"""Calls that depend on their arguments: where these are looked at; their numbers on x86_64 and aarch64."""


class _Program:
    """Instructions; a jump's target is a label until the whole is known."""

    def __init__(self) -> None:
        self.code: list[tuple[int, int, str, str]] = []
        self.labels: dict[str, int] = {}

    def add(self, what: int, value: int, yes: str = "", no: str = "") -> None:
        self.code.append((what, value, yes, no))

    def label(self, name: str) -> None:
        self.labels[name] = len(self.code)

    def answer(self, label: str, value: int) -> None:
        self.label(label)
        self.add(_RETURN, value)

    def packed(self) -> bytes:
        return b"".join(
            struct.pack("=HBBI", what, self._far(at, yes), self._far(at, no), value)
            for at, (what, value, yes, no) in enumerate(self.code)
        )

    def _far(self, at: int, label: str) -> int:
        return self.labels[label] - at - 1 if label else 0


def program(machine: str, pid: int = 0) -> bytes | None:
    """The filter for an architecture as struct sock_filter[]; None for one whose numbers we don't know.

    ``pid`` is the process that it is for, whose limits and priority are its own to set.
    """
    if machine not in _AUDIT:
        return None
    made = _Program()
    made.add(_LOAD, _ARCHITECTURE)
    made.add(_EQUAL, _AUDIT[machine], "", "refused")
    made.add(_LOAD, _NUMBER)
    if machine == "x86_64":
        made.add(_AT_LEAST, _X32, "refused")
    for number in _REFUSED[machine].values():
        made.add(_EQUAL, number, "refused")
    for number in _UNKNOWN[machine].values():
        made.add(_EQUAL, number, "unknown")
    for label, x86, arm in _LOOKED_INTO.values():
        made.add(_EQUAL, x86 if machine == "x86_64" else arm, label)
    made.answer("allowed", _ALLOW)
    _arguments(made)
    _of_itself(made, pid)
    made.answer("refused", _ERRNO | errno.EPERM)
    made.answer("unknown", _ERRNO | errno.ENOSYS)
    made.answer("family", _ERRNO | errno.EAFNOSUPPORT)
    made.answer("protocol", _ERRNO | errno.EPROTONOSUPPORT)
    made.answer("fast open", _ERRNO | errno.EOPNOTSUPP)
    made.answer("fine", _ALLOW)
    return made.packed()


def _arguments(made: _Program) -> None:
    made.label("socket")
    made.add(_LOAD, _ARGUMENTS)
    for domain in _DOMAINS[:-1]:
        made.add(_EQUAL, domain, "known family")
    made.add(_EQUAL, _DOMAINS[-1], "known family", "family")
    made.label("known family")
    made.add(_LOAD, _ARGUMENTS + 2 * 8)
    for protocol in _PROTOCOLS[:-1]:
        made.add(_EQUAL, protocol, "fine")
    made.add(_EQUAL, _PROTOCOLS[-1], "fine", "protocol")
    for label, index in (("fourth", 3), ("third", 2)):
        made.label(label)
        made.add(_LOAD, _ARGUMENTS + index * 8)
        made.add(_ANY_BIT, _MSG_FASTOPEN, "fast open", "fine")
    made.label("clone")
    made.add(_LOAD, _ARGUMENTS)
    made.add(_ANY_BIT, _CLONE_NEW, "refused", "fine")


def _of_itself(made: _Program, pid: int) -> None:
    """Not those of other processes of the same user, which neither Landlock nor modes protect."""
    made.label("priority")
    made.add(_LOAD, _ARGUMENTS)
    made.add(_EQUAL, os.PRIO_PROCESS, "", "refused")
    made.add(_LOAD, _ARGUMENTS + 8)
    made.add(_EQUAL, 0, "fine")
    made.add(_EQUAL, pid, "fine", "refused")
    made.label("limits")
    made.add(_LOAD, _ARGUMENTS)
    made.add(_EQUAL, 0, "fine")
    made.add(_EQUAL, pid, "fine", "refused")


def install() -> None:
    """Filter this process and all that it starts, where we know the architecture and the kernel can.

    Needs no_new_privs. Raises OSError.
    """
    code = program(os.uname().machine, os.getpid())
    if code is None:
        return
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
    try:
        kernel.prctl(kernel.PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(header))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):  # a kernel without seccomp filters
            raise
