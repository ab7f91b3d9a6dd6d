#!/usr/bin/env python3
"""Becomes the browser named by CALM_BROWSER, which then can't hear of network interfaces that come and go.

Chromium ends all requests with ERR_NETWORK_CHANGED when an interface of the machine changes (a container's,
say), also those to 127.0.0.1; a page's script that was on its way is not asked for again, and the page stays
without it. It hears of that by a netlink socket (net/base/address_tracker_linux.cc), and goes on as if
always online when it gets none: so a seccomp filter refuses it that kind of socket.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""By machine: the kernel's number of its system call interface (linux/audit.h), and of socket(2)."""
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data (linux/seccomp.h)
_ALLOW, _EAFNOSUPPORT, _AF_NETLINK = 0x7FFF0000, 0x00050000 | 97, 16
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2  # linux/prctl.h


def refuse_netlink(architecture: int, socket: int) -> None:
    """Filter this process and its children. Without effect where the kernel has no seccomp."""
    program = (
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_IF_EQUAL, 0, 5, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_IF_EQUAL, 0, 3, socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_IF_EQUAL, 0, 1, _AF_NETLINK),
        (_RETURN, 0, 0, _EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    length_and_place = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(_PR_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(length_and_place), 0, 0)


if __name__ == "__main__":
    if os.uname().machine in SOCKET:
        refuse_netlink(*SOCKET[os.uname().machine])
    browser = os.environ["CALM_BROWSER"]
    os.execv(browser, [browser, *sys.argv[1:]])
