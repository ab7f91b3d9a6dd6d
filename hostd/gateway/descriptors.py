"""File descriptors: each connection takes one, and the rest of the service needs some too (getrlimit(2))."""

from __future__ import annotations

import resource

MOST = 65_536
"""Enough for 20,000 WebSockets. Programs that hostd runs have the same limit, and old ones try them all."""


def raise_limit() -> None:
    """Let this process have as many descriptors as it may, up to ``MOST``.

    supervisord raises its own limit, which is then ours, to ``minfds`` and no further.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _count(soft) < _count(hard):
        resource.setrlimit(resource.RLIMIT_NOFILE, (_count(hard), hard))


def for_connections() -> int:
    """How many descriptors the gateway's connections may have: an eighth is left to everything else."""
    count = _count(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return count - count // 8


def _count(limit: int) -> int:
    return MOST if limit == resource.RLIM_INFINITY else min(limit, MOST)
