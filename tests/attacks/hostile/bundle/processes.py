"""Other apps' processes, and the platform's."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path

from trying import *

VICTIM_PID = T.get("pid", 1)
attack("read another app's environment")(lambda: Path(f"/proc/{VICTIM_PID}/environ").read_bytes())
attack("read another app's memory map")(lambda: Path(f"/proc/{VICTIM_PID}/maps").read_bytes())
attack("open another app's memory")(lambda: Path(f"/proc/{VICTIM_PID}/mem").open("rb"))
attack("reach files through another app's root")(lambda: os.listdir(f"/proc/{VICTIM_PID}/root{VICTIM}/home"))
attack("see what another app has open")(lambda: os.readlink(f"/proc/{VICTIM_PID}/fd/0"))
attack("ptrace another app")(lambda: syscall(101, 117, 16, VICTIM_PID, 0, 0))
attack("read another app's memory by process_vm_readv")(lambda: vm_read(VICTIM_PID))
attack("take a descriptor of another app")(lambda: syscall(438, 438, os.pidfd_open(VICTIM_PID), 0, 0))
attack("signal another app")(lambda: os.kill(VICTIM_PID, 0))
attack("signal another app by pidfd")(lambda: signal.pidfd_send_signal(os.pidfd_open(VICTIM_PID), 0))
attack("signal hostd")(lambda: os.kill(others("-m hostd serve"), 0))
attack("signal supervisord")(lambda: os.kill(others("supervisor.supervisord"), 0))
attack("read hostd's environment")(lambda: Path(f"/proc/{others('-m hostd serve')}/environ").read_bytes())
attack("set the limits of another app")(lambda: resource.prlimit(VICTIM_PID, resource.RLIMIT_CORE, (0, 0)))
attack("set the priority of another app")(lambda: os.setpriority(os.PRIO_PROCESS, VICTIM_PID, 19))
attack("set the CPU affinity of another app")(lambda: os.sched_setaffinity(VICTIM_PID, {0}))
attack("spare itself when memory ends")(lambda: Path("/proc/self/oom_score_adj").write_text("0"))


def vm_read(pid: int) -> None:
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    syscall(310, 270, pid, vector, 1, vector, 1, 0)
