"""More rights, and the kernel itself."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from pathlib import Path

from trying import *

attack("become root")(lambda: os.setuid(0) if os.getuid() else os.setuid(1))
attack("become another user")(lambda: os.setresuid(54321, 54321, 54321))
attack("make a user namespace by unshare")(lambda: syscall(272, 97, 0x10000000))
attack("make a user namespace by clone")(lambda: clone_user())
attack("mount")(lambda: syscall(165, 40, b"none", str(Path.home()).encode(), b"tmpfs", 0, None))
attack("chroot")(lambda: os.chroot("/proc/self/cwd"))
attack("load a BPF program")(lambda: syscall(321, 280, 0, ctypes.create_string_buffer(128), 128))
attack("watch the kernel by perf_event_open")(
    lambda: syscall(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)
)
attack("use the kernel's keyrings")(lambda: syscall(250, 219, 0, -3, 0))
attack("handle page faults in user space")(lambda: syscall(323, 282, 0))
attack("load a kernel")(lambda: syscall(246, 104, 0, 0, None, 0))
attack("read the kernel's log")(lambda: syscall(103, 116, 10, None, 0))
attack("make a device")(lambda: os.mknod(Path.home() / "mem", 0o020600, os.makedev(1, 1)))
attack("set a kernel parameter")(lambda: Path("/proc/sys/kernel/core_pattern").write_text("|/bin/sh"))
attack("open a disk or the machine's memory")(lambda: device().open("rb"))
attack("gain by a set-user-ID program")(lambda: set_user_id())


def clone_user() -> None:
    pid = syscall(56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def device() -> Path:
    for name in ("vda", "sda", "nvme0n1", "xvda", "mem", "kmsg"):
        if Path("/dev", name).exists():
            return Path("/dev", name)
    raise Refused("none is there")


def set_user_id() -> None:
    for program in ("/usr/bin/su", "/bin/su", "/usr/bin/mount", "/usr/bin/passwd"):
        if os.access(program, os.X_OK) and os.stat(program).st_mode & 0o4000 and os.getuid():
            made = subprocess.Popen(
                [program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            status = Path(f"/proc/{made.pid}/status").read_text()
            made.kill()
            made.wait()
            if "NoNewPrivs:\t1" in status:
                raise Refused("no_new_privs")
            return
    if "NoNewPrivs:\t1" in Path("/proc/self/status").read_text():
        raise Refused("no_new_privs")
