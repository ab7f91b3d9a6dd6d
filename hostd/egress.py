"""Which TCP ports an app may connect to: Landlock's rules know ports, and no addresses.

A rule per port costs 1.5 µs at each start and 60 bytes of the kernel's: 10,000 take 15 ms and 0.7 MB, all
65,535 take 107 ms and 4 MB (bench/guard.py). So the default is every port below 10,000, where services are
assigned, and those above that are in use; never one of hostd's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

Range = tuple[int, int]
"""The first and the last port."""

_ABOVE = (
    10000, 10050, 10051, 10250, 10443, 11211, 11434, 12345, 15432, 15671, 15672, 16379, 16686, 18080, 18081,
    18443, 19000, 19092, 19200, 19530, 20000, 20443, 21050, 22222, 24224, 26257, 26379, 27017, 27018, 27019,
    28015, 29092, 30000, 30013, 30015, 30030, 30041, 31000, 32400, 33060, 33306, 50000, 50001, 50051, 50070,
    54321, 61613, 61614, 61616,
)  # fmt: skip
COMMON: tuple[Range, ...] = ((1, 9999), *((port, port) for port in _ABOVE))
"""Databases, queues, HTTP of all kinds: what people's apps talk to."""
_PORT = re.compile(r"https?://[^/\s]*:(\d{1,5})(?![^/\s]*@)")
WEB = (80, 443)
"""Without these an app reaches hardly anything: they stay open also where hostd itself listens on one."""


def allowed(wanted: Iterable[Range], ours: Iterable[Range], needed: Iterable[int] = ()) -> list[Range]:
    """``wanted`` without ``ours``, in order; ``needed`` ports and those of the web are never taken away."""
    needed = tuple(needed)
    keep = sorted({*needed, *WEB})
    taken = [part for low, high in ours for part in _between(low, high, keep)]
    return _without({*wanted, *((port, port) for port in needed)}, taken)


def _without(wanted: Iterable[Range], taken: Iterable[Range]) -> list[Range]:
    taken = sorted(taken)
    left: list[Range] = []
    for first, high in sorted(wanted):
        low = first
        for start, end in taken:
            if end < low or start > high:
                continue
            if start > low:
                left.append((low, start - 1))
            low = end + 1
        if low <= high:
            left.append((low, high))
    return left


def within(wanted: Iterable[Range], most: Iterable[Range]) -> bool:
    """Whether every port of ``wanted`` is one of ``most``."""
    return not _without(wanted, most)


def text(ranges: Iterable[Range]) -> str:
    """As people write them: common,443,8000-8100, or none."""
    found = list(dict.fromkeys(ranges))
    common = set(COMMON) <= set(found)
    parts = [f"{low}-{high}" if low < high else f"{low}" for low, high in found
             if not (common and (low, high) in COMMON)]  # fmt: skip
    return ",".join(["common", *parts] if common else parts) or "none"


def _between(low: int, high: int, keep: Iterable[int]) -> Iterable[Range]:
    """The range without single ports."""
    for port in keep:
        if low <= port <= high:
            if low < port:
                yield (low, port - 1)
            low = port + 1
    if low <= high:
        yield (low, high)


def index_ports(environment: Mapping[str, str]) -> list[int]:
    """The ports in the URLs of uv's variables."""
    named = (value for name, value in environment.items() if name.startswith("UV_"))
    return sorted({int(port) for value in named for port in _PORT.findall(value) if int(port) < 65_536})


def proxy_ports(environment: Mapping[str, str]) -> list[int]:
    """The ports of the proxies that ``environment`` names."""
    found = []
    for name, value in environment.items():
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
            try:
                port = urlsplit(value if "//" in value else f"//{value}").port
            except ValueError:
                continue
            found.append(port or (443 if value.startswith("https:") else 80))
    return found
