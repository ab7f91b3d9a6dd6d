"""Resource limits, and whom the kernel ends first when memory does."""

from __future__ import annotations

import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in kernel.py
    from collections.abc import Mapping

OOM_SCORE = 500
"""Added to an app's score (proc_pid_oom_score_adj(5)): without it the kernel ended the platform first."""
MB = 1_000_000
UNTOUCHED_MB = 256
"""What RLIMIT_DATA counts and memory does not: stacks and arenas that are mapped and mostly never touched."""

ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""Brings a Streamlit with pandas from 2.1 GB of virtual memory to 0.46, which RLIMIT_DATA counts."""


def apply(limits: Mapping[str, int | None], *, own_uid: bool) -> None:
    """Set what ``limits`` names: memory_mb, open_files, file_mb, processes, nice; the ``oom_score`` always.

    ``processes`` counts threads as well, of everything that the uid runs: so only for a uid of its own.
    Raises OSError, ValueError.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory := limits.get("memory_mb"):
        _lower(resource.RLIMIT_DATA, (memory + UNTOUCHED_MB) * MB)
    if files := limits.get("open_files"):
        _lower(resource.RLIMIT_NOFILE, files)
    if file := limits.get("file_mb"):
        _lower(resource.RLIMIT_FSIZE, file * MB)
    if own_uid and (processes := limits.get("processes")):
        _lower(resource.RLIMIT_NPROC, processes)
    if nice := limits.get("nice"):
        os.nice(nice)
    _end_me_first(limits.get("oom_score") or OOM_SCORE)


def _lower(what: int, value: int) -> None:
    """Soft and hard; never above the hard limit that there is."""
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _end_me_first(score: int) -> None:
    with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
        if int(file.read()) < score:
            file.seek(0)
            file.write(str(score))
